"""JPEG as libjpeg-turbo and libjpeg 6 compute it, in whole numbers; signatures as in `noise.py`.

Both cosine transforms are libjpeg's default ("islow"): constants of 13 bits and a rounding after each
of the two directions, which makes each direction one product with a matrix of whole draws. A floating
point transform would move 10 to 24 % of the pixels. libjpeg 9 samples colour differently and is off by
1.3 to 1.7 grey levels on average, whoever compares with it.
"""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Int

from rosalind.corruptions.blur import EXACT
from rosalind.corruptions.types import Corruption, Draws, Image, Index, Pixels, Rows

# Annex K of the JPEG standard (ITU T.81): luminance and chrominance at quality 50.
_LUMINANCE = np.array(
    [
        [16, 11, 10, 16, 24, 40, 51, 61],
        [12, 12, 14, 19, 26, 58, 60, 55],
        [14, 13, 16, 24, 40, 57, 69, 56],
        [14, 17, 22, 29, 51, 87, 80, 62],
        [18, 22, 37, 56, 68, 109, 103, 77],
        [24, 35, 55, 64, 81, 104, 113, 92],
        [49, 64, 78, 87, 103, 121, 120, 101],
        [72, 92, 95, 98, 112, 100, 103, 99],
    ]
)
_CHROMINANCE = np.full((8, 8), 99)
_CHROMINANCE[:4, :4] = [[17, 18, 24, 47], [18, 21, 26, 66], [24, 26, 56, 99], [47, 66, 99, 99]]


def quantisation(table: Int[np.ndarray, "8 8"], quality: float) -> Int[np.ndarray, "8 8"]:
    """The steps of a quality 1 to 100, in 1 .. 255."""
    scale = int(5000 / quality if quality < 50 else 200 - 2 * quality)
    return np.clip((table * scale + 50) // 100, 1, 255)


def _fixed(value: float) -> int:
    return round(value * 2**13)


def _transform() -> np.ndarray:
    """int[8, 8]: the one-dimensional forward transform times 2^13, as libjpeg's constants multiply out."""
    rotate, less, more = _fixed(0.541196100), _fixed(0.765366865), _fixed(1.847759065)
    matrix = np.zeros((8, 8), int)
    for column in range(8):
        sample = np.eye(8, dtype=int)[column]
        plus, minus = sample[:4] + sample[:3:-1], sample[:4] - sample[:3:-1]
        outer, inner = plus[0] + plus[3], plus[1] + plus[2]
        wide, narrow = plus[0] - plus[3], plus[1] - plus[2]
        z1 = (narrow + wide) * rotate
        t4, t5, t6, t7 = minus[3], minus[2], minus[1], minus[0]
        z5 = (t4 + t6 + t5 + t7) * _fixed(1.175875602)
        a, b = -(t4 + t7) * _fixed(0.899976223), -(t5 + t6) * _fixed(2.562915447)
        c = z5 - (t4 + t6) * _fixed(1.961570560)
        d = z5 - (t5 + t7) * _fixed(0.390180644)
        matrix[:, column] = [
            (outer + inner) << 13,
            t7 * _fixed(1.501321110) + a + d,
            z1 + wide * less,
            t6 * _fixed(3.072711026) + b + c,
            (outer - inner) << 13,
            t5 * _fixed(2.053119869) + b + d,
            z1 - narrow * more,
            t4 * _fixed(0.298631336) + a + c,
        ]
    return matrix


_FORWARD = _transform()
# The inverse of libjpeg is the transpose: the same constants, read the other way.
_INVERSE = _FORWARD.T


def _rounded(blocks, matrix: np.ndarray, bits: int, limit: int):
    """round(matrix @ blocks / 2^bits) along the last axis, exactly, as int32.

    Products are in float32, whose sums of whole numbers are exact below 2^24; larger inputs are split.

    Args:
        limit: no input is larger.
    """
    product = lambda part: jnp.matmul(part.astype(jnp.float32), matrix.T.astype(np.float32), precision=EXACT)
    if limit * np.abs(matrix).sum(1).max() < 2**24:
        total = product(blocks).astype(jnp.int32)
    else:
        high = blocks >> 7
        total = product(high).astype(jnp.int32) * 128 + product(blocks - high * 128).astype(jnp.int32)
    return (total + (1 << (bits - 1))) >> bits


def _coded(plane, steps):
    """int32[h, w] in 0 .. 255: a plane of whole blocks, transformed, quantised and transformed back."""
    height, width = plane.shape
    blocks = (plane - 128).reshape(height // 8, 8, width // 8, 8).transpose(0, 2, 1, 3)
    flip = lambda x: x.swapaxes(-1, -2)
    # Rows with two bits to spare, then columns: eight times the orthonormal coefficients.
    steps = steps[None, None]
    coefficients = flip(_rounded(flip(_rounded(blocks, _FORWARD, 11, 128)), _FORWARD, 15, 2**13))
    levels = (jnp.abs(coefficients) + 4 * steps) // (8 * steps) * jnp.sign(coefficients)
    columns = flip(_rounded(flip(levels * steps), _INVERSE, 11, 2**13))
    samples = _rounded(columns, _INVERSE, 18, 2**15)
    samples = samples.transpose(0, 2, 1, 3).reshape(height, width)
    return jnp.clip(samples + 128, 0, 255)


def _padded(plane, height: int, width: int):
    return jnp.pad(plane, ((0, height - plane.shape[0]), (0, width - plane.shape[1])), "edge")


def _up(plane):
    """int32[2h, 2w]: libjpeg's "fancy" upsampling, three parts of the nearer sample and one of the other."""
    above = jnp.concatenate([plane[:1], plane[:-1]])
    below = jnp.concatenate([plane[1:], plane[-1:]])
    rows = jnp.stack([3 * plane + above, 3 * plane + below], 1).reshape(-1, plane.shape[1])
    before = jnp.concatenate([rows[:, :1], rows[:, :-1]], 1)
    after = jnp.concatenate([rows[:, 1:], rows[:, -1:]], 1)
    left, right = (3 * rows + before + 8) >> 4, (3 * rows + after + 7) >> 4
    return jnp.stack([left, right], -1).reshape(rows.shape[0], -1)


def _fraction(value: float) -> int:
    return int(value * 2**16 + 0.5)


def jpeg_compression(image: Image, drawn: Draws, rows: Rows, index: Index) -> Pixels:
    """Compressed at a quality and read back, colour at half the resolution; grey images have no colour."""
    steps = [
        jnp.asarray(np.array([quantisation(table, float(row[0])) for row in rows]))[index]
        for table in (_LUMINANCE, _CHROMINANCE)
    ]
    pixels = image.astype(jnp.int32)
    height, width, channels = image.shape
    if channels == 1:
        whole = _padded(pixels[..., 0], -(-height // 8) * 8, -(-width // 8) * 8)
        return _coded(whole, steps[0])[:height, :width, None].astype(jnp.float32)
    red, green, blue = pixels[..., 0], pixels[..., 1], pixels[..., 2]
    half = 1 << 15
    luminance = (_fraction(0.299) * red + _fraction(0.587) * green + _fraction(0.114) * blue + half) >> 16
    offset = (128 << 16) + half - 1
    differences = [
        (-_fraction(0.168735892) * red - _fraction(0.331264108) * green + half * blue + offset) >> 16,
        (half * red - _fraction(0.418687589) * green - _fraction(0.081312411) * blue + offset) >> 16,
    ]
    tall, wide = -(-height // 16) * 16, -(-width // 16) * 16
    luminance = _coded(_padded(luminance, tall, wide), steps[0])[:height, :width]
    rows_half, columns_half = -(-height // 2), -(-width // 2)
    colour = []
    for plane in differences:
        # Columns are padded before halving, rows after it: so does libjpeg.
        plane = _padded(plane, 2 * rows_half, wide)
        fours = plane.reshape(rows_half, 2, wide // 2, 2).sum((1, 3))
        small = (fours + 1 + jnp.arange(wide // 2)[None] % 2) >> 2
        decoded = _coded(_padded(small, tall // 2, wide // 2), steps[1])
        colour.append(_up(decoded[:rows_half, :columns_half])[:height, :width] - 128)
    blue_difference, red_difference = colour
    green_part = -_fraction(0.34414) * blue_difference - _fraction(0.71414) * red_difference + half
    back = [
        luminance + ((_fraction(1.402) * red_difference + half) >> 16),
        luminance + (green_part >> 16),
        luminance + ((_fraction(1.772) * blue_difference + half) >> 16),
    ]
    return jnp.stack(back, -1).astype(jnp.float32)


_JPEG_COMPRESSION = {
    "cifar": (80, 65, 58, 50, 40),
    "tiny": (65, 58, 50, 40, 25),
    **dict.fromkeys(("imagenet", "mnist", "digits"), (25, 18, 15, 10, 7)),
}
JPEG_COMPRESSION = Corruption("digital", None, jpeg_compression, _JPEG_COMPRESSION)
