"""Corruptions of display and geometry; signatures as in `noise.py`."""

import functools
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float, Float64

from rosalind.corruptions import draws
from rosalind.corruptions.blur import EXACT, gaussian_matrices, per_axis, separable
from rosalind.corruptions.types import Corruption, Draws, Image, Index, Pixels, Rows

Border = Callable[[Array, int], tuple[Array, Array]]
"""From integer positions on an axis and its length to the indices to read, and False where there is none."""


def contrast(image: Image, drawn: Draws, rows: Rows, index: Index) -> Pixels:
    """(x - mean) * c + mean, the mean per channel of the image."""
    pixels = image.astype(jnp.float32)
    mean = pixels.mean((0, 1), keepdims=True)
    return (pixels - mean) * jnp.asarray(rows)[index, 0] + mean


def box_matrix(source: int, target: int, length: int) -> Float64[np.ndarray, "{length} {length}"]:
    """Pillow's BOX resampling from `source` to `target` pixels, zero outside."""
    scale = source / target
    reach = max(scale, 1) / 2
    matrix = np.zeros((length, length))
    for row in range(target):
        centre = (row + 0.5) * scale
        first = max(int(centre - reach + 0.5), 0)
        last = min(int(centre + reach + 0.5), source)
        position = (np.arange(first, last) + 0.5 - centre) / max(scale, 1)
        weight = ((position > -0.5) & (position <= 0.5)).astype(float)
        matrix[row, first:last] = weight / weight.sum()
    return matrix


@functools.cache
def _box_matrices(scales: tuple[float, ...], length: int) -> np.ndarray:
    """float32[2, 5, length, length]: down to int(length * scale) pixels, and up again."""
    small = [max(int(length * scale), 1) for scale in scales]
    down = [box_matrix(length, size, length) for size in small]
    up = [box_matrix(size, length, length) for size in small]
    return np.array([down, up], np.float32)


def pixelate(image: Image, drawn: Draws, rows: Rows, index: Index) -> Pixels:
    """Down and up with box filters; like Pillow, each of the four passes rounds to whole levels."""
    scales = tuple(float(r[0]) for r in rows)
    height, width = per_axis(functools.partial(_box_matrices, scales), image)
    pixels = image.astype(jnp.float32)
    for step in range(2):
        across = jnp.einsum("jw,hwc->hjc", width[step, index], pixels, precision=EXACT)
        down = jnp.einsum("ih,hwc->iwc", height[step, index], jnp.floor(across + 0.5), precision=EXACT)
        pixels = jnp.floor(down + 0.5)
    return pixels


def elastic_transform_draw(key: Array, image: Image, rows: Rows, index: Index) -> Draws:
    """float32[3, 2] moves of three points from U(-a, a), and float32[h, w] twice from U(-1, 1), as (x, y)."""
    points, right, down = jax.random.split(key, 3)
    far = jnp.asarray(rows)[index, 2] * image.shape[0]
    return {
        "points": far * (2 * draws.uniform(points, (3, 2)) - 1),
        "right": 2 * draws.uniform(right, image.shape[:2]) - 1,
        "down": 2 * draws.uniform(down, image.shape[:2]) - 1,
    }


def sampled(
    image: Float[Array, "h w c"], rows: Float[Array, "a b"], columns: Float[Array, "a b"], border: Border
) -> Float[Array, "a b c"]:
    """Bilinear values of an image at rows and columns between its pixels."""
    height, width, channels = image.shape
    flat = image.reshape(height * width, channels)
    top, left = jnp.floor(rows), jnp.floor(columns)
    down, right = (rows - top)[..., None], (columns - left)[..., None]
    top, left = top.astype(jnp.int32), left.astype(jnp.int32)

    def at(row, column):
        row, row_inside = border(row, height)
        column, column_inside = border(column, width)
        value = flat.at[row * width + column].get(mode="promise_in_bounds")
        return jnp.where((row_inside & column_inside)[..., None], value, 0)

    upper = at(top, left) * (1 - right) + at(top, left + 1) * right
    lower = at(top + 1, left) * (1 - right) + at(top + 1, left + 1) * right
    return upper * (1 - down) + lower * down


def mirror_without_edge(position: Array, length: int) -> tuple[Array, Array]:
    """Index int[...] of positions int[...] mirrored once at the first or last pixel, not repeated; and True."""
    position = jnp.abs(position)
    return jnp.clip(jnp.minimum(position, 2 * length - 2 - position), 0, length - 1), jnp.ones((), bool)


def mirror_with_edge(position: Array, length: int) -> tuple[Array, Array]:
    """Index int[...] of positions int[...] mirrored once at the border of the image, so that the edge is repeated; and
    True."""
    position = jnp.maximum(position, -1 - position)
    return jnp.clip(jnp.minimum(position, 2 * length - 1 - position), 0, length - 1), jnp.ones((), bool)


def zero_outside(position: Array, length: int) -> tuple[Array, Array]:
    """Index int[...] of positions int[...], clipped, and bool[...]: True where they are inside the image."""
    return jnp.clip(position, 0, length - 1), (position >= 0) & (position < length)


def _affine(image, points):
    """Positions (row, column) float32[h, w] of an image warped so that three points move by `points` (x, y).

    As OpenCV up to version 4 does: the inverse map in 1/1024 of a pixel, cut to 1/32.
    """
    height, width, _ = image.shape
    centre, half = jnp.array([width // 2, height // 2], jnp.float32), min(height, width) // 3
    corner = centre - half  # the third point; the others are the corner's opposite and the one above it
    moved = jnp.stack([centre + half, centre + jnp.array([half, -half]), corner]) + points
    # Columns of the linear part, from the sides of the square: x from the third to the second point.
    x_side, y_side = (moved[1] - moved[2]) / (2 * half), (moved[0] - moved[1]) / (2 * half)
    determinant = x_side[0] * y_side[1] - x_side[1] * y_side[0]
    inverse = jnp.array([[y_side[1], -y_side[0]], [-x_side[1], x_side[0]]]) / determinant
    start = corner - (inverse * moved[2][None]).sum(1)
    x = jnp.round(1024 * inverse[:, :1] * jnp.arange(width)[None]).astype(jnp.int32)
    y = jnp.round(1024 * (inverse[:, 1:] * jnp.arange(height)[None] + start[:, None])).astype(jnp.int32)
    positions = (x[:, None, :] + y[:, :, None] + 16) >> 5
    return positions[1] / 32, positions[0] / 32


def elastic_transform(image: Image, drawn: Draws, rows: Rows, index: Index) -> Pixels:
    """A random affine map, then a smooth random displacement, both bilinear; borders mirrored.

    MNIST's table fills with zeros instead.
    """
    height, width, _ = image.shape
    strength = jnp.asarray(rows)[index, 0] * image.shape[0]
    sigmas = tuple(float(row[1] * image.shape[0]) for row in rows)
    down, across = per_axis(functools.partial(gaussian_matrices, sigmas, truncate=3, mirrored=True), image)
    fields = jnp.stack([drawn["down"], drawn["right"]], -1)
    smooth = strength * separable(fields, down[index], across[index])
    first, second = (mirror_without_edge, mirror_with_edge) if not rows[0, 3] else (zero_outside,) * 2
    warped = sampled(image.astype(jnp.float32), *_affine(image, drawn["points"]), first)
    to_rows = jnp.arange(height)[:, None] + smooth[..., 0]
    return sampled(warped, to_rows, jnp.arange(width)[None] + smooth[..., 1], second)


_CONTRAST = {
    **dict.fromkeys(("cifar", "digits"), (0.75, 0.5, 0.4, 0.3, 0.15)),
    **dict.fromkeys(("tiny", "imagenet", "mnist"), (0.4, 0.3, 0.2, 0.1, 0.05)),
}
CONTRAST = Corruption("digital", None, contrast, _CONTRAST)

# The generator for 224 pixels multiplies its fractions by 244.
_ODD = 244 / 224
_ELASTIC = ((2, 0.7, 0.1), (2, 0.08, 0.2), (0.05, 0.01, 0.02), (0.07, 0.01, 0.02), (0.12, 0.01, 0.02))

# Rows: displacement, its smoothing and the affine moves as fractions of the side, and 1 where zeros fill the border.
_ELASTIC_TRANSFORM = {
    **dict.fromkeys(
        ("cifar", "digits"),
        (
            (0, 0, 0.08, 0),
            (0.05, 0.2, 0.07, 0),
            (0.08, 0.06, 0.06, 0),
            (0.1, 0.04, 0.05, 0),
            (0.1, 0.03, 0.03, 0),
        ),
    ),
    "tiny": (
        (0, 0, 0.08, 0),
        (0.05, 0.3, 0.06, 0),
        (0.1, 0.08, 0.06, 0),
        (0.1, 0.03, 0.03, 0),
        (0.16, 0.03, 0.02, 0),
    ),
    "imagenet": tuple((*(_ODD * value for value in row), 0) for row in _ELASTIC),
    "mnist": tuple((*row, 1) for row in _ELASTIC),
}
ELASTIC_TRANSFORM = Corruption("digital", elastic_transform_draw, elastic_transform, _ELASTIC_TRANSFORM)

_PIXELATE = {
    "cifar": (0.95, 0.9, 0.85, 0.75, 0.65),
    "tiny": (0.9, 0.8, 0.7, 0.6, 0.5),
    **dict.fromkeys(("imagenet", "mnist", "digits"), (0.6, 0.5, 0.4, 0.3, 0.25)),
}
PIXELATE = Corruption("digital", None, pixelate, _PIXELATE)
