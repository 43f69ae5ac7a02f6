"""The common corruptions (arXiv 1903.12261) on the device: first `draw`, then `apply`.

A corruption is a `Corruption`: an entry of `CORRUPTIONS`, or of a module of your own as `package.module:NAME`.
"""

import contextlib
import functools
from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike
from jaxtyping import UInt8

from rosalind import config
from rosalind.corruptions import blur, colour, digital, jpeg, mnist_c, noise, spatter, textures, weather
from rosalind.corruptions.textures import Textures
from rosalind.corruptions.types import TABLES, Corruption, Draws, Rows

__all__ = [
    "CORRUPTIONS",
    "EXTRA",
    "MNIST_C",
    "NAMES",
    "TABLES",
    "Corruption",
    "Draws",
    "Rows",
    "Textures",
    "apply",
    "benchmark",
    "check",
    "draw",
    "load_textures",
    "sets_of",
    "table_for",
]

CORRUPTIONS: dict[str, Corruption] = {
    "gaussian_noise": noise.GAUSSIAN_NOISE,
    "shot_noise": noise.SHOT_NOISE,
    "impulse_noise": noise.IMPULSE_NOISE,
    "defocus_blur": blur.DEFOCUS_BLUR,
    "glass_blur": blur.GLASS_BLUR,
    "motion_blur": blur.MOTION_BLUR,
    "zoom_blur": blur.ZOOM_BLUR,
    "snow": weather.SNOW,
    "frost": weather.FROST,
    "fog": weather.FOG,
    "brightness": colour.BRIGHTNESS,
    "contrast": digital.CONTRAST,
    "elastic_transform": digital.ELASTIC_TRANSFORM,
    "pixelate": digital.PIXELATE,
    "jpeg_compression": jpeg.JPEG_COMPRESSION,
    "speckle_noise": noise.SPECKLE_NOISE,
    "gaussian_blur": blur.GAUSSIAN_BLUR,
    "spatter": spatter.SPATTER,
    "saturate": colour.SATURATE,
    "frost_synthetic": weather.FROST_SYNTHETIC,
    "shear": mnist_c.SHEAR,
    "scale": mnist_c.SCALE,
    "rotate": mnist_c.ROTATE,
    "translate": mnist_c.TRANSLATE,
    "stripe": mnist_c.STRIPE,
    "dotted_line": mnist_c.DOTTED_LINE,
    "zigzag": mnist_c.ZIGZAG,
    "canny_edges": mnist_c.CANNY_EDGES,
}
"""Every corruption by name: the 15 of the benchmark in the papers' order, the 4 held out, and others."""

NAMES = tuple(CORRUPTIONS)[:15]
"""The benchmark corruptions, in the order of the papers."""

EXTRA = tuple(CORRUPTIONS)[15:19]
"""The held-out corruptions, kept out of benchmark means."""

MNIST_C: dict[str, int] = {
    "shot_noise": 5,
    "impulse_noise": 4,
    "glass_blur": 1,
    "motion_blur": 1,
    "shear": 2,
    "scale": 3,
    "rotate": 2,
    "brightness": 5,
    "translate": 3,
    "stripe": 1,
    "fog": 5,
    "spatter": 4,
    "dotted_line": 1,
    "zigzag": 1,
    "canny_edges": 1,
}
"""The fifteen corruptions of MNIST-C in its order, each with the one severity of the published files."""


def table_for(size: int) -> str:
    """The name of the table whose published image side is nearest to `size` pixels, by ratio.

    >>> table_for(16), table_for(28), table_for(32), table_for(96), table_for(224)
    ('digits', 'mnist', 'cifar', 'tiny', 'imagenet')
    """
    return min(TABLES, key=lambda name: max(size / TABLES[name], TABLES[name] / size))


def sets_of(name: str, severity: float, table: str) -> list[str]:
    """The benchmarks that a corruption belongs to: `common15`, `common19`, `mnist-c`, or none.

    One of `config.SYNTHETIC` belongs to the same as the corruption whose place it takes.

    >>> sets_of("fog", 5, "mnist"), sets_of("spatter", 1, "cifar")
    (['common15', 'common19', 'mnist-c'], ['common19'])
    """
    common = name in NAMES or name in config.SYNTHETIC.values()
    sets = ["common15", "common19"] if common else ["common19"] if name in EXTRA else []
    return [*sets, "mnist-c"] if table == "mnist" and MNIST_C.get(name) == severity else sets


def benchmark(folder: str | None = None) -> tuple[str, ...]:
    """The 15 benchmark names, with `frost_synthetic` in the place of `frost` if there are no textures.

    Args:
        folder: of the textures; None looks for the installed package `imagecorruptions`.

    Raises:
        FileNotFoundError: a folder that lacks a texture.
    """
    synthetic = config.SYNTHETIC if textures.find(folder) is None else {}
    return tuple(synthetic.get(name, name) for name in NAMES)


def load_textures(folder: str | None, shape: tuple[int, ...], table: str) -> Textures:
    """The five pictures of ice that `draw` needs for `frost`, for images (h, w, c) at the scale of a table.

    Args:
        folder: of `frost1.png` ... `frost5.jpg`; None takes them from the installed package `imagecorruptions`.

    Raises:
        FileNotFoundError: no textures, or not all.
    """
    path = textures.find(folder)
    if path is None:
        raise FileNotFoundError(
            "'frost' needs its textures: give their folder (textures=..., --textures DIR), install "
            "rosalind[frost], or ask for 'frost_synthetic', which is no published corruption."
        )
    return textures.load(path, float(weather.FROST.rows(table)[0, 2]), tuple(shape))


def check(name: str, severity: float | None = None, table: str | None = None) -> Corruption:
    """The corruption of a name, if it has a severity and a table.

    Raises:
        ValueError: an unknown corruption or table, a table without its constants, a severity that is not 1 to 5.
    """
    corruption = config.resolve("corruption", name, CORRUPTIONS, Corruption)
    if table is not None and table not in TABLES:
        raise ValueError(config.unknown("severity table", table, TABLES))
    if table is not None and table not in corruption.constants:
        allowed = ", ".join(corruption.constants)
        raise ValueError(f"{name} has no constants in table {table!r}, only in {allowed}.")
    if severity is not None and severity not in (1, 2, 3, 4, 5):
        raise ValueError(f"severity of {name} must be 1, 2, 3, 4 or 5, got {severity:g}.")
    if severity is not None and severity > corruption.severities:
        raise ValueError(f"{name} has no severities: ask for severity 1, got {severity:g}.")
    return corruption


def _checked(name: str, severity: ArrayLike, table: str) -> tuple[Corruption, Array]:
    """The corruption, and its severity - 1; a traced severity is the caller's promise."""
    corruption = check(name, None if isinstance(severity, jax.Array) else float(np.asarray(severity)), table)
    return corruption, jnp.asarray(severity, jnp.int32) - 1


def draw(
    name: str, key: Array, image: Any, severity: ArrayLike, *, table: str, textures: Textures | None = None
) -> Draws:
    """Draw the random numbers of one corruption for one image, in the units of the published generator.

    The same key gives the same underlying numbers at every severity, so that one draw grows.

    Args:
        name: in `CORRUPTIONS`, or `package.module:NAME`; `table` in `TABLES`.
        key: jax key of this image, threefry.
        image: uint8[h, w, c]; most draws use its shape only, shot noise its pixels.
        severity: 1 to 5; may be traced.
        textures: from `load_textures`, for `frost` only.

    Returns:
        Named arrays, empty for a corruption that is not random.

    Raises:
        ValueError: unknown name or table, severity outside 1 to 5, another key, frost without textures.
    """
    corruption, index = _checked(name, severity, table)
    if corruption.draw is None:
        return {}
    if corruption.textures and textures is None:
        raise ValueError(f"{name} needs textures=corruptions.load_textures(folder, image.shape, table).")
    pictures = [Textures(*map(jnp.asarray, textures))] if corruption.textures and textures else []
    rows = corruption.rows(table).astype(np.float32)
    with _traced(name):
        return corruption.draw(key, jnp.asarray(image), rows, index, *pictures)


@contextlib.contextmanager
def _traced(name: str) -> Iterator[None]:
    """Turn jax's errors about traced values into one that says how a corruption is written."""
    try:
        yield
    except jax.errors.JAXTypeError as error:
        raise ValueError(
            f"draw and apply of {name!r} are traced by jax, so that `index` and pixels have no value yet, got "
            f"{type(error).__name__}: use jnp in place of np, and jnp.asarray(rows)[index]."
        ) from error


@functools.partial(jax.jit, static_argnames=("corruption", "table"))
def _apply(corruption: Corruption, images: Array, draws: Draws, index: Array, table: str) -> Array:
    rows = corruption.rows(table)
    changed = jax.vmap(lambda image, drawn: corruption.apply(image, drawn, rows, index))(images, draws)
    return jnp.clip(changed, 0, 255).astype(jnp.uint8)


def apply(name: str, images: ArrayLike, draws: Draws, severity: ArrayLike, *, table: str) -> UInt8[Array, "n h w c"]:
    """Corrupt a batch with given draws: the deterministic part, tested against the reference pixel by pixel.

    Args:
        name: in `CORRUPTIONS`, or `package.module:NAME`; `table` in `TABLES`.
        images: uint8[n, h, w, c], 8 pixels or more, grey or RGB.
        draws: of `draw`, with a leading axis n; measured numbers may be injected.
        severity: 1 to 5; may be traced: one compilation per corruption, table and image shape.

    Returns:
        Images, clipped and truncated like the published files.

    Raises:
        ValueError: unknown name or table, severity outside 1 to 5, images that are not such a batch.

    >>> grey = np.full((1, 8, 8, 1), 100, np.uint8)
    >>> int(apply("brightness", grey, {}, 2, table="cifar")[0, 0, 0, 0])  # 100 + 0.1 * 255 = 125.5
    125
    """
    corruption, index = _checked(name, severity, table)
    dtype, shape = getattr(images, "dtype", type(images)), np.shape(images)
    if dtype != np.uint8:
        raise ValueError(f"images must be uint8 in 0..255, got {dtype}.")
    if len(shape) != 4 or min(shape[1:3]) < 8 or shape[3] not in (1, 3):
        raise ValueError(f"images must be [n, h, w, 1 or 3] of 8 pixels or more, got {shape}.")
    with _traced(name):
        return _apply(corruption, jnp.asarray(images), draws, index, table)
