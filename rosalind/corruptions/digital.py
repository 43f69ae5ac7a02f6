"""Corruptions of display and storage; signatures as in `noise.py`. None of these draws."""

import functools

import jax.numpy as jnp
import numpy as np

from rosalind.corruptions.blur import per_axis, separable


def contrast(image, draws, rows, index):
    """(x - mean) * c + mean, the mean per channel of the image."""
    pixels = image.astype(jnp.float32)
    mean = pixels.mean((0, 1), keepdims=True)
    return (pixels - mean) * jnp.asarray(rows)[index, 0] + mean


def box_matrix(source: int, target: int, length: int) -> np.ndarray:
    """float64[length, length]: Pillow's BOX resampling from `source` to `target` pixels, zero outside."""
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


def pixelate(image, draws, rows, index):
    """Down and up with box filters; like Pillow, each of the four passes rounds to whole levels."""
    scales = tuple(float(r[0]) for r in rows)
    height, width = per_axis(functools.partial(_box_matrices, scales), image)
    pixels = image.astype(jnp.float32)
    for step in range(2):
        pixels = jnp.floor(separable(pixels, jnp.eye(image.shape[0]), width[step, index]) + 0.5)
        pixels = jnp.floor(separable(pixels, height[step, index], jnp.eye(image.shape[1])) + 0.5)
    return pixels
