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
from rosalind.corruptions import blur, digital, noise, weather
from rosalind.corruptions.severities import TABLES, table_for

__all__ = ["CORRUPTIONS", "EXTRA", "NAMES", "TABLES", "apply", "check", "draw", "table_for"]


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
    "zoom_blur": Corruption("blur", blur.zoom_blur),
    "fog": Corruption("weather", weather.fog, weather.fog_draw),
    "brightness": Corruption("weather", weather.brightness),
    "contrast": Corruption("digital", digital.contrast),
    "pixelate": Corruption("digital", digital.pixelate),
    "speckle_noise": Corruption("noise", noise.speckle_noise, noise.gaussian_noise_draw),
    "gaussian_blur": Corruption("blur", blur.gaussian_blur),
}
"""Every corruption by name."""

EXTRA = ("speckle_noise", "gaussian_blur")
"""The held-out corruptions, kept out of benchmark means."""

NAMES = tuple(name for name in CORRUPTIONS if name not in EXTRA)
"""The benchmark corruptions, in the order of the papers."""


def check(name: str, severity: float | None = None, table: str | None = None) -> None:
    """Raise ValueError for an unknown corruption or table, or a severity that is not 1 to 5."""
    if name not in CORRUPTIONS:
        raise ValueError(unknown("corruption", name, CORRUPTIONS))
    if table is not None and table not in TABLES:
        raise ValueError(unknown("severity table", table, TABLES))
    if severity is not None and severity not in (1, 2, 3, 4, 5):
        raise ValueError(f"severity of {name} must be 1, 2, 3, 4 or 5, got {severity:g}.")


def _index(name: str, severity, table: str):
    """Checks a call and gives the row of the severity; a traced severity is the caller's promise."""
    check(name, None if isinstance(severity, jax.Array) else severity, table)
    return jnp.asarray(severity, jnp.int32) - 1


def draw(name: str, key, image, severity, *, table: str) -> dict[str, jax.Array]:
    """The random numbers of one corruption for one image, on the scale of the reference generator.

    The same key gives the same underlying numbers at every severity, so that one draw grows.

    Args:
        name: in `CORRUPTIONS`.
        key: jax key of this image.
        image: uint8[h, w, c]; most draws use its shape only, shot noise its pixels.
        severity: 1 to 5; may be traced.
        table: in `TABLES`.

    Returns:
        Named arrays, empty for a corruption that is not random.

    Raises:
        ValueError: unknown name or table, severity outside 1 to 5.
    """
    index = _index(name, severity, table)
    rows = np.asarray(TABLES[table][name], np.float32)
    return CORRUPTIONS[name].draw(key, jnp.asarray(image), rows, index)


@functools.partial(jax.jit, static_argnames=("name", "table"))
def _apply(name: str, images, draws, index, table: str):
    rows = np.asarray(TABLES[table][name], np.float64)
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
