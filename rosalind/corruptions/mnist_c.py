"""The corruptions that only MNIST-C has (arXiv 1906.02337); signatures as in `noise.py`.

They are defined on 28 pixels; on other sizes positions, shifts and lines scale with the image.
"""

import jax.numpy as jnp
import numpy as np
from jax import Array

from rosalind.corruptions import draws
from rosalind.corruptions.blur import gaussian_matrices, separable
from rosalind.corruptions.colour import LUMINANCE
from rosalind.corruptions.digital import sampled, zero_outside
from rosalind.corruptions.spatter import connected
from rosalind.corruptions.types import Corruption, Draws, Image, Index, Pixels, Rows

SIDE = 27.0
"""The last position of a 28-pixel image, the unit in which lines and shifts are given."""


def _positions(length: int):
    """float32[length]: positions of the pixels on a side from 0 to 27."""
    return jnp.arange(length) * (SIDE / (length - 1))


def _warped(image, matrix, shift):
    """The image read at matrix @ (x, y) + shift about its centre, shift in 28ths; zero outside."""
    height, width, _ = image.shape
    middle = jnp.array([(width - 1) / 2, (height - 1) / 2])
    x, y = jnp.arange(width)[None] - middle[0], (jnp.arange(height) - middle[1])[:, None]
    shift = shift * jnp.array([width - 1, height - 1]) / SIDE
    columns = matrix[0, 0] * x + matrix[0, 1] * y + middle[0] + shift[0]
    rows = matrix[1, 0] * x + matrix[1, 1] * y + middle[1] + shift[1]
    return sampled(image.astype(jnp.float32), rows, columns, zero_outside)


def sign_draw(key: Array, image: Image, rows: Rows, index: Index) -> Draws:
    """float32[2]: a direction, -1 or 1, along x and y."""
    return {"sign": jnp.where(draws.bits(key, (2,)) >> 31, 1.0, -1.0)}


def shear(image: Image, drawn: Draws, rows: Rows, index: Index) -> Pixels:
    """Shear by an angle of either sign."""
    angle = jnp.asarray(rows)[index, 0] * drawn["sign"][0]
    matrix = jnp.stack([jnp.ones(()), -jnp.sin(angle), jnp.zeros(()), jnp.cos(angle)]).reshape(2, 2)
    return _warped(image, matrix, jnp.zeros(2))


def rotate(image: Image, drawn: Draws, rows: Rows, index: Index) -> Pixels:
    """Rotation by an angle in radians of either sign."""
    angle = jnp.asarray(rows)[index, 0] * drawn["sign"][0]
    matrix = jnp.stack([jnp.cos(angle), -jnp.sin(angle), jnp.sin(angle), jnp.cos(angle)]).reshape(2, 2)
    return _warped(image, matrix, jnp.zeros(2))


def scale(image: Image, drawn: Draws, rows: Rows, index: Index) -> Pixels:
    """Shrunk to a fraction of its size."""
    return _warped(image, jnp.eye(2) / jnp.asarray(rows)[index, 0], jnp.zeros(2))


def translate(image: Image, drawn: Draws, rows: Rows, index: Index) -> Pixels:
    """Shifted by 28ths of the image in either direction along both axes."""
    return _warped(image, jnp.eye(2), jnp.asarray(rows)[index, 0] * drawn["sign"])


def stripe(image: Image, drawn: Draws, rows: Rows, index: Index) -> Pixels:
    """Left and right quarter inverted."""
    columns = jnp.arange(image.shape[1]) / image.shape[1]
    outside = (columns < 0.25) | (columns >= 0.75)
    return jnp.where(outside[None, :, None], 255 - image.astype(jnp.float32), image)


def _line(image, start_column, start_row, end_column, end_row):
    """float32[h, w, 1] in 0 .. 1: opacity log(1 - d / 2.3) + 1 at a vertical distance d from a line."""
    rows, columns = _positions(image.shape[0])[:, None], _positions(image.shape[1])[None]
    slope = (end_row - start_row) / (end_column - start_column)
    distance = jnp.clip(jnp.abs(rows - (slope * (columns - start_column) + start_row)), 0, 2.29999)
    opacity = jnp.clip(jnp.log(1 - distance / 2.3) + 1, 0, 1)
    # A scaled position may miss its whole number by rounding.
    cell = jnp.floor(columns + 1e-4)
    inside = (cell >= jnp.floor(start_column)) & (cell < jnp.ceil(end_column))
    return jnp.where(inside, opacity, 0)[..., None]


def dotted_line_draw(key: Array, image: Image, rows: Rows, index: Index) -> Draws:
    """int32[2] first and last row of a line, 0 to 26."""
    return {"rows": draws.whole(draws.bits(key, (2,)), 27)}


def dotted_line(image: Image, drawn: Draws, rows: Rows, index: Index) -> Pixels:
    """A white line from left to right, two columns off, two on."""
    first, last = drawn["rows"]
    on = jnp.floor(_positions(image.shape[1]) + 1e-4) % 4 >= 2
    line = _line(image, 0.0, first, SIDE, last)
    return image + 255 * jnp.where(on[None, :, None], line, 0)


def zigzag_draw(key: Array, image: Image, rows: Rows, index: Index) -> Draws:
    """int32[] first row, 0 to 26, and int32[] rise, -5 to 4, of a zigzag."""
    first, rise = draws.bits(key, (2,))
    return {"row": draws.whole(first, 27), "rise": draws.whole(rise, 10) - 5}


def zigzag(image: Image, drawn: Draws, rows: Rows, index: Index) -> Pixels:
    """White zigzags of length and height 2 along a line from column 2 to column 25."""
    angle = jnp.arctan(drawn["rise"] / 23)
    length = 23 / jnp.cos(angle)
    # At every rise there are six turns, 4 apart, and an end, as the length is 23 to 23.6.
    along = jnp.concatenate([jnp.zeros(1), 2.0 + 4 * jnp.arange(6), length[None]])
    across = jnp.array([0.0, 2, -2, 2, -2, 2, -2, 0]).at[-1].set(-2 / (2 * (length - 20)))
    columns = along * jnp.cos(angle) - across * jnp.sin(angle) + 2
    heights = along * jnp.sin(angle) + across * jnp.cos(angle) + drawn["row"]
    pixels = image / 255
    for part in range(7):
        line = _line(image, columns[part], heights[part], columns[part + 1], heights[part + 1])
        pixels = jnp.clip(pixels + line, 0, 1)
    return 255 * pixels


def canny_edges(image: Image, drawn: Draws, rows: Rows, index: Index) -> Pixels:
    """White edges on black: Canny as in scikit-image, sigma 1, thresholds 0.1 and 0.2; colour as grey."""
    pixels = image.astype(jnp.float32) / 255
    plane = pixels if image.shape[-1] == 1 else (pixels * LUMINANCE).sum(-1, keepdims=True)
    edges = _canny(plane)
    return jnp.broadcast_to(255.0 * edges[..., None], image.shape)


def _smoothed(plane):
    """Gaussian of sigma 1, zeros outside, divided by how much of it lies inside."""
    height, width = (_cut_gaussian(length) for length in plane.shape[:2])
    return separable(plane, height, width)[..., 0] / (height.sum(1)[:, None] * width.sum(1) + 2.0**-52)


def _cut_gaussian(length: int) -> np.ndarray:
    """float32[length, length]: the middle of a larger Gaussian matrix, whose taps outside are lost."""
    return gaussian_matrices((1.0,), length + 8)[0, 4:-4, 4:-4]


def _canny(plane):
    """bool[h, w] edges of float32[h, w, 1] in 0 .. 1."""
    smooth = jnp.pad(_smoothed(plane), 1, "edge")
    right, left, below, above = smooth[:, 2:], smooth[:, :-2], smooth[2:], smooth[:-2]
    x = right[:-2] + 2 * right[1:-1] + right[2:] - left[:-2] - 2 * left[1:-1] - left[2:]
    y = below[:, :-2] + 2 * below[:, 1:-1] + below[:, 2:] - above[:, :-2] - 2 * above[:, 1:-1] - above[:, 2:]
    size = jnp.sqrt(x**2 + y**2)
    padded = jnp.pad(size, 1)
    height, width = size.shape
    at = lambda down, right: padded[1 + down : 1 + down + height, 1 + right : 1 + right + width]
    wide, tall = jnp.abs(x), jnp.abs(y)

    def peak(straight, slanted, weight):
        """True where no interpolated neighbour along the gradient, ahead or behind, is larger."""
        ahead = at(*slanted) * weight + at(*straight) * (1 - weight)
        behind = at(-slanted[0], -slanted[1]) * weight + at(-straight[0], -straight[1]) * (1 - weight)
        return (ahead <= size) & (behind <= size)

    steep, gentle = wide / jnp.maximum(tall, 1e-30), tall / jnp.maximum(wide, 1e-30)
    same = ((x >= 0) & (y >= 0)) | ((x <= 0) & (y <= 0))
    opposite = ((x >= 0) & (y <= 0)) | ((x <= 0) & (y >= 0))
    ridge = jnp.zeros(size.shape, bool)
    # In scikit-image's order: where two cases hold, the later decides.
    for case, answer in (
        (same & (tall >= wide), peak((1, 0), (1, 1), steep)),
        (same & (tall <= wide), peak((0, 1), (1, 1), gentle)),
        (opposite & (tall <= wide), peak((0, 1), (-1, 1), gentle)),
        (opposite & (tall >= wide), peak((-1, 0), (-1, 1), steep)),
    ):
        ridge = jnp.where(case, answer, ridge)
    rows, columns = jnp.arange(height)[:, None], jnp.arange(width)[None]
    inside = (rows > 0) & (rows < height - 1) & (columns > 0) & (columns < width - 1)
    ridge &= inside & (size > 0)
    return connected(ridge & (size >= 0.2), ridge & (size >= 0.1))


SHEAR = Corruption("shape", sign_draw, shear, {"mnist": (0.2, 0.4, 0.6, 0.8, 1)})
SCALE = Corruption("shape", None, scale, {"mnist": (0.9, 0.8, 0.7, 0.6, 0.5)})
ROTATE = Corruption("shape", sign_draw, rotate, {"mnist": (0.2, 0.4, 0.6, 0.8, 1)})
TRANSLATE = Corruption("shape", sign_draw, translate, {"mnist": (1, 2, 3, 4, 5)})
STRIPE = Corruption("drawing", None, stripe, {"mnist": (0, 0, 0, 0, 0)}, severities=1)
DOTTED_LINE = Corruption("drawing", dotted_line_draw, dotted_line, {"mnist": (0, 0, 0, 0, 0)}, severities=1)
ZIGZAG = Corruption("drawing", zigzag_draw, zigzag, {"mnist": (0, 0, 0, 0, 0)}, severities=1)
CANNY_EDGES = Corruption("drawing", None, canny_edges, {"mnist": (0, 0, 0, 0, 0)}, severities=1)
