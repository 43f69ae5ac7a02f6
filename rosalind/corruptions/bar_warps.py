"""The corruptions of CIFAR-10-C-bar (arXiv 2102.11273) that move pixels; see `bar_patterns.py`."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float, Float32
from scipy.ndimage import spline_filter1d, zoom

from rosalind.corruptions import draws
from rosalind.corruptions.bar_patterns import levels
from rosalind.corruptions.blur import EXACT, per_axis, separable
from rosalind.corruptions.digital import sampled, zero_outside
from rosalind.corruptions.types import Corruption, Draws, Image, Index, Pixels, Rows


def _cells(rows: Rows, image: Image) -> tuple[int, tuple[int, int]]:
    """Side in pixels of a cell of the grid of whirls, and cells down and across; as many as fit on a longer side."""
    side = min(image.shape[:2])
    # In a cell of two pixels, the third of eight, nothing would move.
    along = min(int(rows[0, 1]), max(side // 5, 1))
    return side // along, (along * image.shape[0] // side, along * image.shape[1] // side)


def pinch_and_twirl_draw(key: Array, image: Image, rows: Rows, index: Index) -> Draws:
    """float32[across, down]: the angle of every cell in radians, of either sign."""
    down, across = _cells(rows, image)[1]
    sign = jnp.where(draws.bits(key, (across, down)) >> 31, 1.0, -1.0)
    return {"angles": sign * jnp.asarray(rows)[index, 0] * (np.pi / 20)}


def pinch_and_twirl(image: Image, drawn: Draws, rows: Rows, index: Index) -> Pixels:
    """In the circle of every cell pixels come from nearer to its middle and are turned about it, bilinear.

    A circle's middle is half a pixel from its cell's; what no cell holds stays.
    """
    size, (down, across) = _cells(rows, image)
    height, width, _ = image.shape
    row, column = jnp.arange(height)[:, None], jnp.arange(width)[None]
    cell_down, cell_across = jnp.minimum(row // size, down - 1), jnp.minimum(column // size, across - 1)
    radius = size / 2
    middle_row, middle_column = cell_down * size + radius, cell_across * size + radius
    y, x = row - middle_row, column - middle_column
    distance = jnp.sqrt(y**2 + x**2)
    # Beyond the last cell a pixel may still be within its circle.
    inside = (distance <= radius) & (distance >= 5e-4) & (row < down * size) & (column < across * size)
    part = jnp.where(inside, distance / radius, 1)
    pinch = jnp.sin(np.pi / 2 * part) ** -(0.04 * jnp.asarray(rows)[index, 0] + 0.1)
    angle = drawn["angles"].at[cell_across, cell_down].get(mode="promise_in_bounds") * (1 - part) ** 2
    from_row = middle_row + pinch * (y * jnp.cos(angle) - x * jnp.sin(angle))
    from_column = middle_column + pinch * (y * jnp.sin(angle) + x * jnp.cos(angle))
    pixels = image.astype(jnp.float32)
    return jnp.where(inside[..., None], sampled(pixels, from_row, from_column, zero_outside), pixels)


def ripple_draw(key: Array, image: Image, rows: Rows, index: Index) -> Draws:
    """float32[2] wavelengths in pixels and float32[2] phases, of rows and of columns."""
    wavelengths, phases = jax.random.split(key)
    return {
        "wavelengths": min(image.shape[:2]) * (0.1 + 0.2 * draws.uniform(wavelengths, (2,))),
        "phases": 2 * np.pi * draws.uniform(phases, (2,)),
    }


def _linear(positions: Float[Array, " out"], length: int) -> Float32[Array, "out {length}"]:
    """The matrix of linear interpolation at positions on a side, zero outside."""
    return jnp.maximum(1 - jnp.abs(positions[:, None] - jnp.arange(length)[None]), 0)


def ripple(image: Image, drawn: Draws, rows: Rows, index: Index) -> Pixels:
    """Rows moved along a sine over rows, columns over columns, bilinear; black outside."""
    amplitude = 0.0025 * min(image.shape[:2]) * jnp.asarray(rows)[index, 0]
    matrices = []
    for length, wavelength, phase in zip(image.shape, drawn["wavelengths"], drawn["phases"], strict=False):
        place = jnp.arange(length, dtype=jnp.float32)
        moved = place + amplitude * jnp.sin(2 * np.pi * place / wavelength + phase)
        matrices.append(_linear(moved, length))
    return separable(image, *matrices)


_STEPS = 21
"""Rotations that a circular motion blur averages."""


@functools.cache
def _spline_matrix(length: int) -> Float32[np.ndarray, "{length} {length}"]:
    """From the values on a side to the coefficients of their cubic spline."""
    return spline_filter1d(np.eye(length), 3, axis=0).astype(np.float32)


def _cubic(offset: Float[Array, "h w"]) -> Float32[Array, "4 h w"]:
    """Weights of the four nearest coefficients at an offset in [0, 1) from the second."""
    left = 1 - offset
    inner = [((part - 2) * part**2 * 3 + 4) / 6 for part in (offset, left)]
    return jnp.stack([left**3 / 6, *inner, offset**3 / 6])


def circular_motion_blur(image: Image, drawn: Draws, rows: Rows, index: Index) -> Pixels:
    """A weighted mean of 21 rotations by up to 1.5 degrees per level either way, cubic splines, black outside."""
    height, width, channels = image.shape
    filters = (jnp.asarray(_spline_matrix(length)) for length in (height, width))
    # Of positions inside, the outermost coefficients lie one beyond the border, which mirrors.
    coefficients = jnp.pad(separable(image, *filters), ((1, 2), (1, 2), (0, 0)), "reflect")
    flat = coefficients.reshape(-1, channels)
    middle = jnp.array([(height - 1) / 2, (width - 1) / 2], jnp.float32)
    y, x = jnp.arange(height)[:, None] - middle[0], jnp.arange(width)[None] - middle[1]
    angles = jnp.linspace(-1, 1, _STEPS) * jnp.radians(1.5 * jnp.asarray(rows)[index, 0])
    weights = np.exp(-2 * np.linspace(-1, 1, _STEPS) ** 2)

    def add(total, step):
        angle, weight = step
        cos, sin = jnp.cos(angle), jnp.sin(angle)
        row, column = cos * y + sin * x + middle[0], cos * x - sin * y + middle[1]
        inside = (row >= 0) & (row <= height - 1) & (column >= 0) & (column <= width - 1)
        top, left = jnp.floor(jnp.clip(row, 0, height - 1)), jnp.floor(jnp.clip(column, 0, width - 1))
        down, across = _cubic(row - top), _cubic(column - left)
        first = (top * (width + 3) + left).astype(jnp.int32)
        value = jnp.zeros_like(total)
        for i in range(4):
            taps = (flat.at[first + i * (width + 3) + j].get(mode="promise_in_bounds") for j in range(4))
            value += down[i][..., None] * sum(a[..., None] * tap for a, tap in zip(across, taps, strict=True))
        return total + weight * jnp.where(inside[..., None], value, 0), None

    steps = (angles, jnp.asarray(weights / weights.sum(), jnp.float32))
    return jax.lax.scan(add, jnp.zeros(image.shape, jnp.float32), steps)[0]


@functools.cache
def _smoothing_zooms(strengths: tuple[float, ...], length: int) -> Float32[np.ndarray, "k 3 {length} {length}"]:
    """Per severity zooms by 1, 1 + s / 2 and 1 + s, with pixels for the coefficients of their cubic spline."""
    stack = np.zeros((len(strengths), 3, length, length))
    for matrices, strength in zip(stack, strengths, strict=True):
        for matrix, factor in zip(matrices, (1.0, 1.0 + strength / 2, 1.0 + strength), strict=True):
            zoomed = np.array([zoom(unit, factor, order=3, prefilter=False) for unit in np.eye(length)]).T
            edge = (len(zoomed) - length) // 2
            matrix[:] = zoomed[edge : edge + length]
    return stack.astype(np.float32)


def transverse_chromatic_abberation_draw(key: Array, image: Image, rows: Rows, index: Index) -> Draws:
    """int32[3]: which of the three zooms, the first of which is none, red, green and blue have."""
    return {"zooms": jnp.argsort(draws.bits(key, (3,)))}


def transverse_chromatic_abberation(image: Image, drawn: Draws, rows: Rows, index: Index) -> Pixels:
    """Channels enlarged by different factors, smoothed and rounded to whole levels; a grey image by one of them.

    Spelt as in the published files. Smoothed, as the generator takes pixels for coefficients of a cubic spline.
    """
    strengths = tuple(0.05 * float(row[0]) for row in rows)
    down, across = per_axis(functools.partial(_smoothing_zooms, strengths), image)
    which = drawn["zooms"][: image.shape[2]]
    pixels = image.astype(jnp.float32)
    rows_of, columns_of = (stack[index][which] for stack in (down, across))
    zoomed = jnp.einsum("cih,hwc,cjw->ijc", rows_of, pixels, columns_of, precision=EXACT)
    return jnp.floor(zoomed + 0.5)


# Rows: level, cells of the grid on the shorter side. ImageNet-C-bar has none of the four: the same five of the ten
# levels that the generator lists for 224 pixels.
_PINCH = levels((5.5, 6, 6.5, 8.5, 10), (4.15, 4.8, 5.45, 8.05, 10))
_WHIRLS = {name: tuple((level, 5 if name == "imagenet" else 3) for level in row) for name, row in _PINCH.items()}
PINCH_AND_TWIRL = Corruption("shape", pinch_and_twirl_draw, pinch_and_twirl, _WHIRLS)
_RIPPLE = levels((5.5, 6, 6.5, 7.5, 8), (3.25, 4, 4.75, 6.25, 7))
RIPPLE = Corruption("shape", ripple_draw, ripple, _RIPPLE)
_ROUND = levels((2.8, 3.6, 4.4, 5.2, 6), (2.35, 3.2, 4.05, 4.9, 5.75))
CIRCULAR_MOTION_BLUR = Corruption("blur", None, circular_motion_blur, _ROUND)
_FRINGES = levels((1, 2, 5, 9, 10), (1, 2, 5, 9, 10))
TRANSVERSE_CHROMATIC_ABBERATION = Corruption(
    "shape", transverse_chromatic_abberation_draw, transverse_chromatic_abberation, _FRINGES
)
