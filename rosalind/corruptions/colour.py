"""Corruptions of colour, by hue, saturation and value; signatures as in `noise.py`.

The reference computes in float64 and cuts to bytes, where every third result is a whole number up to
rounding. The largest and the smallest channel depend on two bytes only, so they come from tables made
in float64 and agree to the bit; the middle one is computed in float32 and may be one level off.
"""

import functools

import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float

from rosalind.corruptions.types import Corruption, Draws, Image, Index, Pixels, Rows

LUMA = np.array([0.299, 0.587, 0.114], np.float32)
"""Weights of red, green and blue in a grey level (BT.601)."""

LUMINANCE = np.array([[[0.2125, 0.7154, 0.0721]]], np.float32)
"""Weights of scikit-image's grey, which MNIST-C uses."""


def grey(pixels: Float[Array, "h w c"]) -> Float[Array, "h w 1"]:
    """The grey level of an RGB image, or a grey image as it is."""
    if pixels.shape[-1] == 1:
        return pixels
    return LUMA[0] * pixels[..., :1] + LUMA[1] * pixels[..., 1:2] + LUMA[2] * pixels[..., 2:]


@functools.cache
def _extremes(saturation: tuple[tuple[float, float], ...], added: tuple[float, ...]) -> np.ndarray:
    """uint8[5, 2, 256, 256]: the new largest and smallest channel by the old ones.

    Args:
        saturation: factor and addend of the saturation, per severity.
        added: addend of the value, per severity.
    """
    table = np.zeros((len(added), 2, 256, 256), np.uint8)
    value, low = np.arange(256)[:, None] / 255, np.arange(256) / 255
    share = np.divide(value - low, value, out=np.zeros((256, 256)), where=value > 0)
    for row, (times, plus), more in zip(table, saturation, added, strict=True):
        new = np.clip(value + more, 0, 1)
        part = np.clip(share * times + plus, 0, 1)
        row[0] = (new * 255).astype(np.uint8)
        row[1] = (np.clip(new * (1 - part), 0, 1) * 255).astype(np.uint8)
    return table


def _recoloured(image, index, saturation, added):
    """float32[h, w, 3]: an RGB image whose saturation or value changes; grey pixels have hue 0, red."""
    pixels = image.astype(jnp.float32)
    top, bottom = image.max(-1, keepdims=True), image.min(-1, keepdims=True)
    table = jnp.asarray(_extremes(saturation, added))[index].reshape(2, -1)
    place = top.astype(jnp.int32) * 256 + bottom
    new = [table[k].at[place].get(mode="promise_in_bounds").astype(jnp.float32) for k in (0, 1)]
    value, low = top.astype(jnp.float32), bottom.astype(jnp.float32)
    times, plus = jnp.asarray(saturation)[index]
    brighter = jnp.clip(value + 255 * jnp.asarray(added)[index], 0, 255)
    part = jnp.clip((value - low) / jnp.maximum(value, 1) * times + plus, 0, 1)
    between = brighter - brighter * part * ((value - pixels) / jnp.maximum(value - low, 1))
    red = jnp.array([[[True, False, False]]])
    changed = jnp.where(image == bottom, new[1], between)
    return jnp.where((image == top) & (red | (top > bottom)), new[0], changed)


def brightness(image: Image, drawn: Draws, rows: Rows, index: Index) -> Pixels:
    """Adds a constant to the value of HSV, clipped; for grey images that is adding it to the pixel."""
    added = tuple(float(row[0]) for row in rows)
    if image.shape[-1] == 1:
        values = jnp.asarray(_extremes(((1.0, 0.0),) * len(added), added))[index, 0, :, 0]
        return values[image.astype(jnp.int32)].astype(jnp.float32)
    return _recoloured(image, index, ((1.0, 0.0),) * len(added), added)


def saturate(image: Image, drawn: Draws, rows: Rows, index: Index) -> Pixels:
    """Multiplies the saturation of HSV and adds to it; MNIST's table does so to all of HSV.

    Grey pixels have hue 0, red, as in the reference, so adding saturation reddens them. Grey images go
    through RGB and come back by luminance (0.2125, 0.7154, 0.0721).
    """
    colour = jnp.broadcast_to(image, (*image.shape[:2], 3))
    if rows[0, 2]:
        changed = _scaled(colour.astype(jnp.float32), *jnp.asarray(rows)[index, :2])
    else:
        constants = tuple((float(times), float(plus)) for times, plus, _ in rows)
        changed = _recoloured(colour, index, constants, (0.0,) * len(constants))
    return changed if image.shape[-1] == 3 else (changed * LUMINANCE).sum(-1, keepdims=True)


def _scaled(pixels, times, plus):
    """float32[h, w, 3]: hue, saturation and value all multiplied and added to, clipped to 0 .. 1."""
    value, low = pixels.max(-1, keepdims=True), pixels.min(-1, keepdims=True)
    chroma = value - low
    red, green, blue = jnp.moveaxis((pixels - low) / jnp.maximum(chroma, 1), -1, 0)[..., None]
    top = pixels == value
    hue = jnp.where(top[..., 1:2], (blue - red) / 6 + 1 / 3, (green - blue) / 6)
    hue = jnp.where(top[..., 2:], (red - green) / 6 + 2 / 3, hue)
    hue = jnp.where(chroma > 0, hue % 1, 0)
    hue, share, value = (
        jnp.clip(part * times + plus, 0, 1) for part in (hue, chroma / jnp.maximum(value, 1), value / 255)
    )
    position = (jnp.array([[[5.0, 3.0, 1.0]]]) + 6 * hue) % 6
    return 255 * value * (1 - share * jnp.clip(jnp.minimum(position, 4 - position), 0, 1))


_BRIGHTNESS = {
    "cifar": (0.05, 0.1, 0.15, 0.2, 0.3),
    **dict.fromkeys(("tiny", "imagenet", "mnist", "digits"), (0.1, 0.2, 0.3, 0.4, 0.5)),
}
BRIGHTNESS = Corruption("weather", None, brightness, _BRIGHTNESS)

# Rows: factor, addend, and 1 where hue and value change too (MNIST-C).
_SATURATE = {
    **dict.fromkeys(("cifar", "digits"), ((0.3, 0, 0), (0.1, 0, 0), (1.5, 0, 0), (2, 0.1, 0), (2.5, 0.2, 0))),
    "tiny": ((0.3, 0, 0), (0.1, 0, 0), (2, 0, 0), (5, 0.1, 0), (30, 0.2, 0)),
    "imagenet": ((0.3, 0, 0), (0.1, 0, 0), (2, 0, 0), (5, 0.1, 0), (20, 0.2, 0)),
    "mnist": ((0.3, 0, 1), (0.1, 0, 1), (2, 0, 1), (5, 0.1, 1), (20, 0.2, 1)),
}
SATURATE = Corruption("digital", None, saturate, _SATURATE)
