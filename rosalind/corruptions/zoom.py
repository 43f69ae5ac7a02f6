"""Zoom blur, and the zoom that it is made of; signatures as in `noise.py`.

A small image is zoomed by blocks, each one product with what it reads; of a large one, rows and columns are mixed.
"""

import functools
import math

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float64

from rosalind.corruptions.blur import EXACT
from rosalind.corruptions.types import Corruption, Draws, Image, Index, Pixels, Rows


def _taps(length: int, factor: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """int[length] twice, float64[length]: the two rows that each row of `zoom_matrix` reads, the second's weight."""
    crop = math.ceil(length / factor)
    top = (length - crop) // 2
    stretched = round(crop * factor)
    trim = (stretched - length) // 2
    positions = (np.arange(length) + trim) * (crop - 1) / max(stretched - 1, 1)
    low = np.minimum(positions.astype(int), crop - 1)
    return top + low, top + np.minimum(low + 1, crop - 1), positions - low


def zoom_matrix(length: int, factor: float) -> Float64[np.ndarray, "{length} {length}"]:
    """Centre crop of ceil(length / factor), stretched back with aligned corners.

    This is SciPy's `zoom` of order 1 followed by a centre trim; the half-pixel convention of
    `jax.image.resize` gives other pixels.
    """
    low, high, part = _taps(length, factor)
    matrix = np.zeros((length, length))
    np.add.at(matrix, (np.arange(length), low), 1 - part)
    np.add.at(matrix, (np.arange(length), high), part)
    return matrix


def _count(step: float, last: float) -> int:
    return round((last - 1) / step) + 1


def zoom_factors(step: float, last: float) -> Float64[np.ndarray, " zooms"]:
    """The factors from 1 to `last` in steps of `step`."""
    # The floating step is (1 + step) - 1, as in the reference's arange: at 32 pixels a factor of 1.25
    # and not 1.2500000000000002 would stretch to 32 instead of 33 pixels (33 % of pixels differ).
    return 1 + ((1 + step) - 1) * np.arange(_count(step, last))


@functools.cache
def _all_taps(constants: tuple[tuple[float, float], ...], length: int) -> tuple[np.ndarray, np.ndarray]:
    """`_taps` of all factors: int32[5, zooms, 2, length] and float32[5, zooms, length, 1]."""
    lists = [zoom_factors(*row) for row in constants]
    longest = max(map(len, lists))
    rows, parts = np.zeros((len(lists), longest, 2, length), np.int32), np.zeros((len(lists), longest, length, 1))
    for row, part, factors in zip(rows, parts, lists, strict=True):
        for k, factor in enumerate(factors):
            row[k, 0], row[k, 1], part[k, :, 0] = _taps(length, factor)
    return rows, parts.astype(np.float32)


def _by_rows(pixels: Pixels, constants: tuple[tuple[float, float], ...], index: Index, count: Index) -> Pixels:
    """The sum of the first `count` zooms of an image: rows between rows, and of those columns between columns."""
    height, width, channels = pixels.shape
    taps = [[jnp.asarray(part)[index] for part in _all_taps(constants, length)] for length in (height, width)]
    lines = pixels.reshape(height, width * channels)

    def between(lines, places, part):
        return lines[places[0]] * (1 - part) + lines[places[1]] * part

    def add(zoom, total):
        tall, wide = ([part[zoom] for part in parts] for parts in taps)
        turned = between(lines, *tall).reshape(height, width, channels).swapaxes(0, 1)
        return total + between(turned.reshape(width, height * channels), *wide)

    total = jax.lax.fori_loop(0, count, add, jnp.zeros((width, height * channels)))
    return total.reshape(width, height, channels).swapaxes(0, 1)


BLOCK = 8
"""Side of the square that `zoom_blur` computes at once in a small image."""


@functools.cache
def _windows(constants: tuple[tuple[float, float], ...], length: int) -> tuple[np.ndarray, tuple[int, ...]]:
    """Zoom matrices by blocks of rows: float32[5, zooms, blocks, BLOCK, k], and where each block's k inputs start.

    There are matrices of zeros up to the longest list of factors.
    """
    lists = [zoom_factors(*row) for row in constants]
    stack = np.zeros((len(lists), max(map(len, lists)), length, length), np.float32)
    for row, factors in zip(stack, lists, strict=True):
        row[: len(factors)] = [zoom_matrix(length, factor) for factor in factors]
    blocks = -(-length // BLOCK)
    stack = np.pad(stack, ((0, 0), (0, 0), (0, blocks * BLOCK - length), (0, 0)))
    stack = stack.reshape(*stack.shape[:2], blocks, BLOCK, length)
    used = np.asarray(stack.any((0, 1, 3)))
    first, past = used.argmax(1), length - used[:, ::-1].argmax(1)
    size = int((past - first).max())
    starts = np.minimum(first, length - size)
    windows = [stack[:, :, k, :, start : start + size] for k, start in enumerate(starts)]
    return np.stack(windows, 2), tuple(starts.tolist())


def _by_blocks(pixels: Pixels, constants: tuple[tuple[float, float], ...], index: Index) -> Pixels:
    """The sum of all zooms of a small image: each block of it is one product with the window that it reads."""
    height, width, channels = pixels.shape
    (down, tops), (across, lefts) = _windows(constants, height), _windows(constants, width)
    tall, wide = down.shape[-1], across.shape[-1]
    rows = jnp.stack([pixels[top : top + tall] for top in tops])
    windows = jnp.stack([rows[:, :, left : left + wide] for left in lefts], 1)
    windows = windows.reshape(len(tops), len(lefts), tall * wide, channels)
    # The same matrices for all images.
    matrices = jnp.einsum("zbih,zdjw->bdijhw", jnp.asarray(down)[index], jnp.asarray(across)[index], precision=EXACT)
    matrices = matrices.reshape(len(tops), len(lefts), BLOCK**2, tall * wide)
    blocks = jnp.einsum("bdnm,bdmc->bdnc", matrices, windows, precision=EXACT)
    blocks = blocks.reshape(len(tops), len(lefts), BLOCK, BLOCK, channels).swapaxes(1, 2)
    return blocks.reshape(len(tops) * BLOCK, len(lefts) * BLOCK, channels)[:height, :width]


def zoom_blur(image: Image, drawn: Draws, rows: Rows, index: Index) -> Pixels:
    """Mean of the image and all its zooms up to a last factor."""
    constants = tuple((float(step), float(last)) for step, last in rows)
    count = jnp.asarray([_count(step, last) for step, last in constants])[index]
    pixels = image.astype(jnp.float32)
    if image.shape[0] * image.shape[1] <= 32 * 32:
        zoomed = _by_blocks(pixels, constants, index)
    else:
        zoomed = _by_rows(pixels, constants, index, count)
    return (pixels + zoomed) / (count + 1)


# Rows: step and last factor, not the end of a range. The reference's floating ranges to 1.06 and 1.11 in steps of
# 0.01 include their end, those to 1.16, 1.21 and 1.26 do not.
_ZOOM_BLUR = {
    **dict.fromkeys(("cifar", "tiny"), ((0.01, 1.06), (0.01, 1.11), (0.01, 1.15), (0.01, 1.2), (0.01, 1.25))),
    **dict.fromkeys(("imagenet", "mnist"), ((0.01, 1.11), (0.01, 1.15), (0.02, 1.2), (0.02, 1.24), (0.03, 1.3))),
    "digits": ((0.05, 1.2), (0.05, 1.3), (0.05, 1.45), (0.05, 1.6), (0.05, 1.8)),
}
ZOOM_BLUR = Corruption("blur", None, zoom_blur, _ZOOM_BLUR)
