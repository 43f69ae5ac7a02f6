"""Corruptions that mix neighbouring pixels; signatures as in `noise.py`. None of these draws.

Separable blurs are matrices: one [h, h] from the left and one [w, w] from the right, a stack per
severity, so that the severity can be traced and borders cost nothing.
"""

import functools
import math

import jax
import jax.numpy as jnp
import numpy as np
from scipy.ndimage import correlate1d

EXACT = jax.lax.Precision.HIGHEST
"""Matrix products on GPU and TPU default to 10 or 8 bits of mantissa: too few for 8-bit pixels."""


def separable(image, rows, columns):
    """rows[i, h] @ image[h, w, c] @ columns[j, w]^T in full float32 precision."""
    return jnp.einsum("ih,hwc,jw->ijc", rows, image.astype(jnp.float32), columns, precision=EXACT)


def per_axis(build, image):
    """The stacks of matrices `build(length)` for the height and the width of an image."""
    return jnp.asarray(build(image.shape[0])), jnp.asarray(build(image.shape[1]))


@functools.cache
def _gaussian_matrices(sigmas: tuple[float, ...], length: int) -> np.ndarray:
    """float32[5, length, length]: taps to int(4 sigma + 0.5), edges replicated."""
    stack = np.zeros((len(sigmas), length, length))
    for matrix, sigma in zip(stack, sigmas, strict=True):
        offsets = np.arange(-int(4 * sigma + 0.5), int(4 * sigma + 0.5) + 1)
        taps = np.exp(-0.5 * (offsets / sigma) ** 2)
        for tap, offset in zip(taps / taps.sum(), offsets, strict=True):
            np.add.at(matrix, (np.arange(length), np.clip(np.arange(length) + offset, 0, length - 1)), tap)
    return stack.astype(np.float32)


def gaussian_blur(image, draws, rows, index):
    """Gaussian of sigma pixels, cut at four sigma, edges replicated."""
    sigmas = tuple(float(r[0]) for r in rows)
    down, across = per_axis(functools.partial(_gaussian_matrices, sigmas), image)
    return separable(image, down[index], across[index])


@functools.cache
def _disk_kernels(constants: tuple[tuple[float, float], ...]) -> np.ndarray:
    """float32[5, k, k]: normalised disks, each smoothed by a small Gaussian, cut to their support."""
    kernels = []
    widest = max(8, math.ceil(max(radius for radius, _ in constants)))
    for radius, alias in constants:
        reach = 8 if radius <= 8 else int(radius)
        grid = np.arange(-reach, reach + 1)
        disk = (grid[:, None] ** 2 + grid**2 <= radius**2).astype(np.float32)
        disk /= disk.sum()
        near = np.arange(-1, 2) if radius <= 8 else np.arange(-2, 3)
        taps = np.exp(-0.5 * (near / alias) ** 2)
        taps = (taps / taps.sum()).astype(np.float32)
        for axis in (0, 1):
            # The reference smooths with OpenCV's default border, which mirrors without the edge.
            disk = correlate1d(disk, taps, axis, mode="mirror")
        kernels.append(np.pad(disk, widest - reach))
    stack = np.stack(kernels).astype(np.float32)
    used = np.flatnonzero(stack.any((0, 1)))
    return stack[:, used[0] : used[-1] + 1, used[0] : used[-1] + 1]


def defocus_blur(image, draws, rows, index):
    """Correlation with a disk of the given radius and alias blur; borders mirrored."""
    kernel = jnp.asarray(_disk_kernels(tuple((float(r), float(a)) for r, a in rows)))[index]
    reach = kernel.shape[0] // 2
    padded = jnp.pad(image.astype(jnp.float32), ((reach, reach), (reach, reach), (0, 0)), "reflect")
    planes = jnp.moveaxis(padded, -1, 0)[:, None]
    # Equal taps (a plus of 0.2) make every fifth sum of pixels a whole number up to 1e-8, and float32
    # sums would truncate those by chance (7 % of pixels). Taps cut to 15 bits sum without rounding, so
    # the whole part is exact and the rest is small enough to be precise.
    coarse = jnp.round(kernel * 2**15) / 2**15
    taps = jnp.stack([coarse, kernel - coarse])[:, None]
    whole, rest = jnp.moveaxis(jax.lax.conv(planes, taps, (1, 1), "VALID", precision=EXACT), 1, 0)
    floor = jnp.floor(whole)
    return jnp.moveaxis(floor + jnp.floor((whole - floor) + rest), 0, -1)


def zoom_matrix(length: int, factor: float) -> np.ndarray:
    """float64[length, length]: centre crop of ceil(length / factor), stretched back with aligned corners.

    This is SciPy's `zoom` of order 1 followed by a centre trim; the half-pixel convention of
    `jax.image.resize` gives other pixels.
    """
    crop = math.ceil(length / factor)
    top = (length - crop) // 2
    stretched = round(crop * factor)
    trim = (stretched - length) // 2
    positions = (np.arange(length) + trim) * (crop - 1) / max(stretched - 1, 1)
    low = np.minimum(positions.astype(int), crop - 1)
    high = np.minimum(low + 1, crop - 1)
    matrix = np.zeros((length, length))
    np.add.at(matrix, (np.arange(length), top + low), 1 - (positions - low))
    np.add.at(matrix, (np.arange(length), top + high), positions - low)
    return matrix


def _zooms(step: float, last: float) -> int:
    return round((last - 1) / step) + 1


@functools.cache
def _zoom_matrices(constants: tuple[tuple[float, float], ...], length: int) -> np.ndarray:
    """float32[5, zooms, length, length], padded with zero matrices to the longest list of factors."""
    # The floating step is (1 + step) - 1, as in the reference's arange: at 32 pixels a factor of 1.25
    # and not 1.2500000000000002 would stretch to 32 instead of 33 pixels (33 % of pixels differ).
    lists = [1 + ((1 + step) - 1) * np.arange(_zooms(step, last)) for step, last in constants]
    stack = np.zeros((len(lists), max(map(len, lists)), length, length), np.float32)
    for row, factors in enumerate(lists):
        for column, factor in enumerate(factors):
            stack[row, column] = zoom_matrix(length, factor)
    return stack


def zoom_blur(image, draws, rows, index):
    """Mean of the image and all its zooms up to a last factor."""
    constants = tuple((float(step), float(last)) for step, last in rows)
    down, across = per_axis(functools.partial(_zoom_matrices, constants), image)
    counts = jnp.asarray([_zooms(step, last) for step, last in constants])
    pixels = image.astype(jnp.float32)
    stretched = jnp.einsum("zih,hwc->zwic", down[index], pixels, precision=EXACT)
    zoomed = jnp.einsum("zwic,zjw->ijc", stretched, across[index], precision=EXACT)
    return (pixels + zoomed) / (counts[index] + 1)
