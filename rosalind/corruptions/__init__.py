"""The common corruptions (arXiv 1903.12261) on the device: first `draw`, then `apply`.

To add one, write `<name>(image, draws, rows, index)` and, if it draws, `<name>_draw`, in the file of its
group; add it to `CORRUPTIONS` and its constants to `severities.py`.
"""

import functools
from collections.abc import Callable
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np

from rosalind.config import unknown
from rosalind.corruptions import blur, colour, digital, jpeg, mnist_c, noise, spatter, textures, weather
from rosalind.corruptions.severities import MNIST_C, PLAIN, TABLES, table_for
from rosalind.corruptions.textures import Textures

__all__ = [
    "CORRUPTIONS",
    "EXTRA",
    "MNIST_C",
    "NAMES",
    "PLAIN",
    "TABLES",
    "Textures",
    "apply",
    "benchmark",
    "check",
    "draw",
    "load_textures",
    "sets_of",
    "table_for",
]


def _nothing(key, image, rows, index) -> dict:
    """The draw of a corruption that is not random."""
    return {}


@dataclass(frozen=True)
class Corruption:
    """One entry of `CORRUPTIONS`: its group in the papers, what it does, and what it draws."""

    group: str
    apply: Callable
    draw: Callable = _nothing


CORRUPTIONS: dict[str, Corruption] = {
    "gaussian_noise": Corruption("noise", noise.gaussian_noise, noise.gaussian_noise_draw),
    "shot_noise": Corruption("noise", noise.shot_noise, noise.shot_noise_draw),
    "impulse_noise": Corruption("noise", noise.impulse_noise, noise.impulse_noise_draw),
    "defocus_blur": Corruption("blur", blur.defocus_blur),
    "glass_blur": Corruption("blur", blur.glass_blur, blur.glass_blur_draw),
    "motion_blur": Corruption("blur", blur.motion_blur, blur.motion_blur_draw),
    "zoom_blur": Corruption("blur", blur.zoom_blur),
    "snow": Corruption("weather", weather.snow, weather.snow_draw),
    "frost": Corruption("weather", weather.frost, weather.frost_draw),
    "fog": Corruption("weather", weather.fog, weather.fog_draw),
    "brightness": Corruption("weather", colour.brightness),
    "contrast": Corruption("digital", digital.contrast),
    "elastic_transform": Corruption("digital", digital.elastic_transform, digital.elastic_transform_draw),
    "pixelate": Corruption("digital", digital.pixelate),
    "jpeg_compression": Corruption("digital", jpeg.jpeg_compression),
    "speckle_noise": Corruption("noise", noise.speckle_noise, noise.gaussian_noise_draw),
    "gaussian_blur": Corruption("blur", blur.gaussian_blur),
    "spatter": Corruption("weather", spatter.spatter, spatter.spatter_draw),
    "saturate": Corruption("digital", colour.saturate),
    "frost_synthetic": Corruption("weather", weather.frost, weather.frost_synthetic_draw),
    "shear": Corruption("shape", mnist_c.shear, mnist_c.sign_draw),
    "scale": Corruption("shape", mnist_c.scale),
    "rotate": Corruption("shape", mnist_c.rotate, mnist_c.sign_draw),
    "translate": Corruption("shape", mnist_c.translate, mnist_c.sign_draw),
    "stripe": Corruption("drawing", mnist_c.stripe),
    "dotted_line": Corruption("drawing", mnist_c.dotted_line, mnist_c.dotted_line_draw),
    "zigzag": Corruption("drawing", mnist_c.zigzag, mnist_c.zigzag_draw),
    "canny_edges": Corruption("drawing", mnist_c.canny_edges),
}
"""Every corruption by name: the 15 of the benchmark in the papers' order, the 4 held out, and others."""

NAMES = tuple(CORRUPTIONS)[:15]
"""The benchmark corruptions, in the order of the papers."""

EXTRA = tuple(CORRUPTIONS)[15:19]
"""The held-out corruptions, kept out of benchmark means."""


def sets_of(name: str, severity: float, table: str) -> list[str]:
    """The benchmarks that a corruption belongs to: `common15`, `common19`, `mnist-c`, or none.

    `frost_synthetic` takes the place of `frost`; whoever averages says so.

    >>> sets_of("fog", 5, "mnist"), sets_of("spatter", 1, "cifar")
    (['common15', 'common19', 'mnist-c'], ['common19'])
    """
    found = []
    if name in NAMES or name == "frost_synthetic":
        found.append("common15")
    if found or name in EXTRA:
        found.append("common19")
    if table == "mnist" and MNIST_C.get(name) == severity:
        found.append("mnist-c")
    return found


def benchmark(folder: str | None = None) -> tuple[str, ...]:
    """The 15 benchmark names, with `frost_synthetic` in the place of `frost` if there are no textures.

    Args:
        folder: of the textures; None looks for the installed package `imagecorruptions`.

    Raises:
        FileNotFoundError: a folder that lacks a texture.
    """
    there = textures.find(folder) is not None
    return tuple("frost_synthetic" if n == "frost" and not there else n for n in NAMES)


def load_textures(folder: str | None, shape: tuple[int, ...], table: str) -> Textures:
    """What `draw` needs for `frost`: the five pictures of ice at the scale of a table.

    Args:
        folder: of `frost1.png` ... `frost5.jpg`; None takes them from the installed package `imagecorruptions`.
        shape: (h, w, c) of the images.
        table: in `TABLES`.

    Raises:
        FileNotFoundError: no textures, or not all.
    """
    scale = TABLES[table]["frost"][0][2]
    height, width, channels = shape
    return textures.load(textures.required(folder), scale, (height, width, channels))


def check(name: str, severity: float | None = None, table: str | None = None) -> None:
    """Raise ValueError for an unknown corruption or table, or a severity that is not 1 to 5."""
    if name not in CORRUPTIONS:
        raise ValueError(unknown("corruption", name, CORRUPTIONS))
    if table is not None and table not in TABLES:
        raise ValueError(unknown("severity table", table, TABLES))
    if table is not None and _constants(name) not in TABLES[table]:
        having = [known for known, rows in TABLES.items() if _constants(name) in rows]
        raise ValueError(f"{name} has no constants in table {table!r}, only in {', '.join(having)}.")
    if severity is not None and severity not in (1, 2, 3, 4, 5):
        raise ValueError(f"severity of {name} must be 1, 2, 3, 4 or 5, got {severity:g}.")
    if severity is not None and name in PLAIN and severity != 1:
        raise ValueError(f"{name} has no severities: ask for severity 1, got {severity:g}.")


def _constants(name: str) -> str:
    """The name whose constants a corruption uses."""
    return "frost" if name == "frost_synthetic" else name


def _index(name: str, severity, table: str):
    """Checks a call and gives the row of the severity; a traced severity is the caller's promise."""
    check(name, None if isinstance(severity, jax.Array) else severity, table)
    return jnp.asarray(severity, jnp.int32) - 1


def draw(
    name: str, key, image, severity, *, table: str, textures: Textures | None = None
) -> dict[str, jax.Array]:
    """The random numbers of one corruption for one image, on the scale of the reference generator.

    The same key gives the same underlying numbers at every severity, so that one draw grows.

    Args:
        name: in `CORRUPTIONS`.
        key: jax key of this image.
        image: uint8[h, w, c]; most draws use its shape only, shot noise its pixels.
        severity: 1 to 5; may be traced.
        table: in `TABLES`.
        textures: from `load_textures`, for `frost` only.

    Returns:
        Named arrays, empty for a corruption that is not random.

    Raises:
        ValueError: unknown name or table, severity outside 1 to 5, a key that is not threefry, frost
            without textures.
    """
    index = _index(name, severity, table)
    rows = np.asarray(TABLES[table][_constants(name)], np.float32)
    if name != "frost":
        return CORRUPTIONS[name].draw(key, jnp.asarray(image), rows, index)
    if textures is None:
        raise ValueError("frost needs textures=corruptions.load_textures(folder, image.shape, table).")
    placed = Textures(*map(jnp.asarray, textures))
    return weather.frost_draw(key, jnp.asarray(image), rows, index, placed)


@functools.partial(jax.jit, static_argnames=("name", "table"))
def _apply(name: str, images, draws, index, table: str):
    rows = np.asarray(TABLES[table][_constants(name)], np.float64)
    one = lambda image, drawn: CORRUPTIONS[name].apply(image, drawn, rows, index)
    changed = jax.vmap(one)(images, draws)
    return jnp.clip(changed, 0, 255).astype(jnp.uint8)


def apply(name: str, images, draws, severity, *, table: str) -> jax.Array:
    """Corrupt a batch with given draws: the half that is held to the reference pixel by pixel.

    Args:
        name: in `CORRUPTIONS`.
        images: uint8[n, h, w, c], 8 pixels or more, grey or RGB.
        draws: what `draw` gives, with a leading axis n; measured numbers may be injected.
        severity: 1 to 5; may be traced: one compilation per corruption, table and image shape.
        table: in `TABLES`.

    Returns:
        uint8[n, h, w, c], clipped and truncated like the published files.

    Raises:
        ValueError: unknown name or table, severity outside 1 to 5, images that are not such a batch.

    >>> grey = np.full((1, 8, 8, 1), 100, np.uint8)
    >>> int(apply("brightness", grey, {}, 2, table="cifar")[0, 0, 0, 0])  # 100 + 0.1 * 255 = 125.5
    125
    """
    index = _index(name, severity, table)
    if getattr(images, "dtype", None) != np.uint8:
        raise ValueError(f"images must be uint8 in 0..255, got {getattr(images, 'dtype', type(images))}.")
    if images.ndim != 4 or min(images.shape[1:3]) < 8 or images.shape[3] not in (1, 3):
        raise ValueError(f"images must be [n, h, w, 1 or 3] of 8 pixels or more, got {images.shape}.")
    return _apply(name, jnp.asarray(images), draws, index, table)
