"""Drops of water or mud on the lens; signatures as in `noise.py`.

Water is shaded by a distance to the drops' edges, which the reference makes with OpenCV: Canny edges, a
chamfer distance, an equalised histogram and an emboss filter on bytes. All of it is in whole numbers
here, so that it agrees to the last bit. Filters are products with banded matrices, which XLA computes
once; as shifted sums it would repeat each for every neighbour that the next filter reads (2.3 instead of
0.1 ms per 32-pixel image on two CPU cores).
"""

from typing import Literal

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Bool, Float32, Int32

from rosalind.corruptions import draws
from rosalind.corruptions.blur import EXACT, smooth
from rosalind.corruptions.colour import LUMA
from rosalind.corruptions.types import Corruption, Draws, Image, Index, Pixels, Rows

FAR = 20
"""Distances are capped at so many pixels."""

WATER = np.array([175, 238, 238], np.float32)
MUD = np.array([63, 42, 20], np.float32)


def spatter_draw(key: Array, image: Image, rows: Rows, index: Index) -> Draws:
    """float32[h, w] liquid from N(mean, deviation)."""
    mean, deviation = jnp.asarray(rows)[index, :2]
    return {"liquid": mean + deviation * draws.normal(key, image.shape[:2])}


Border = Literal["edge", "reflect"]
"""What stands beyond the border, as in numpy.pad."""


def _moved(plane, down: int, right: int, fill):
    """plane[y + down, x + right], `fill` where that is outside."""
    height, width = plane.shape
    top, left = max(-down, 0), max(-right, 0)
    padded = jnp.pad(plane, ((top, max(down, 0)), (left, max(right, 0))), constant_values=fill)
    return padded[top + down : top + down + height, left + right : left + right + width]


def _band(length: int, taps: tuple[float, float, float], mode: Border) -> np.ndarray:
    """float32[length, length]: the matrix of a filter of three taps."""
    index = np.pad(np.arange(length), 1, mode)
    matrix = np.zeros((length, length), np.float32)
    for offset, tap in enumerate(taps):
        np.add.at(matrix, (np.arange(length), index[offset : offset + length]), tap)
    return matrix


def _filtered(plane, kernel, mode: Border):
    """int32[h, w]: correlation of whole numbers with a 3 x 3 kernel, exact below 2^24.

    `kernel` has pairs of taps, down and across, whose products are added up.
    """
    height, width = plane.shape
    down = np.stack([_band(height, taps, mode) for taps, _ in kernel])
    across = np.stack([_band(width, taps, mode) for _, taps in kernel])
    sums = jnp.einsum("kih,hw,kjw->ij", down, plane.astype(jnp.float32), across, precision=EXACT)
    return jnp.round(sums).astype(jnp.int32)


NINE = (((1, 1, 1), (1, 1, 1)),)
SOBEL_X = (((1, 2, 1), (-1, 0, 1)),)
SOBEL_Y = (((-1, 0, 1), (1, 2, 1)),)
EMBOSS = (((1, 0, 0), (-2, -1, 0)), ((0, 1, 0), (-1, 1, 1)), ((0, 0, 1), (0, 1, 2)))


def connected(seed: Bool[Array, "h w"], allowed: Bool[Array, "h w"]) -> Bool[Array, "h w"]:
    """The allowed pixels that are connected to a seed, in eight directions."""

    def grow(state):
        _, now = state
        wider = now | _moved(now, 0, 1, False) | _moved(now, 0, -1, False)
        taller = wider | _moved(wider, 1, 0, False) | _moved(wider, -1, 0, False)
        return now, taller & allowed

    start = seed & allowed
    return jax.lax.while_loop(lambda s: (s[0] != s[1]).any(), grow, (jnp.zeros_like(start), start))[1]


def canny(plane: Int32[Array, "h w"]) -> Bool[Array, "h w"]:
    """OpenCV's Canny edges of bytes between the thresholds 50 and 150, 3 x 3 Sobel, sum of absolute derivatives."""
    x, y = _filtered(plane, SOBEL_X, "edge"), _filtered(plane, SOBEL_Y, "edge")
    size = jnp.abs(x) + jnp.abs(y)
    at = lambda down, right: _moved(size, down, right, 0)
    # The tangent of 22.5 degrees in 15 bits; that of 67.5 is two more.
    flat, tall = jnp.abs(x) * 13573, jnp.abs(y) << 15
    across = (size > at(0, -1)) & (size >= at(0, 1))
    along = (size > at(-1, 0)) & (size >= at(1, 0))
    falling = (size > at(-1, -1)) & (size > at(1, 1))
    rising = (size > at(-1, 1)) & (size > at(1, -1))
    steep = tall > flat + (jnp.abs(x) << 16)
    diagonal = jnp.where((x ^ y) < 0, rising, falling)
    peak = jnp.where(tall < flat, across, jnp.where(steep, along, diagonal))
    weak = peak & (size > 50)
    return connected(weak & (size > 150), weak)


def chamfer(edges: Bool[Array, "h w"]) -> Int32[Array, "h w"]:
    """Distance to the nearest edge in 1/65536 of a pixel, steps of 1, 1.4 and 2.1969, at most 20.

    The distance grows with the columns between two pixels, so in each row only the nearest edge counts:
    distances along rows first, then the best of the rows that are near enough.
    """
    one, diagonal, knight = 65536, round(1.4 * 65536), round(2.1969 * 65536)
    height, width = edges.shape
    # Whole numbers below 2^24 are exact in float32. Without the barriers XLA would make each padded array again for
    # every neighbour that is read of it.
    columns = jnp.where(edges, 0.0, FAR)
    for step in (1, 2, 4, 8, 5):
        padded = jax.lax.optimization_barrier(jnp.pad(columns, ((0, 0), (step, step)), constant_values=FAR))
        near = jnp.minimum(padded[:, :width], padded[:, 2 * step :])
        columns = jnp.minimum(columns, near + step)
    reach = min(FAR, height) - 1
    padded = jax.lax.optimization_barrier(jnp.pad(columns, ((reach, reach), (0, 0)), constant_values=FAR))
    distance = jnp.full(edges.shape, float(FAR * one))
    for down in range(reach + 1):
        above, below = (padded[start : start + height] for start in (reach - down, reach + down))
        across = jnp.minimum(above, below)
        # A path takes steps in the two nearest of the directions straight, knight's move and diagonal; other pairs
        # of neighbouring directions would give less.
        path = across * one + down * (knight - 2 * one)
        for along, aside in (
            (knight - diagonal, 2 * diagonal - knight),
            (2 * diagonal - knight, knight - diagonal),
            (knight - 2 * one, one),
        ):
            path = jnp.maximum(path, across * along + down * aside)
        distance = jnp.minimum(distance, path)
    return distance.astype(jnp.int32)


def _equalised(plane, values: int):
    """int32[h, w]: OpenCV's histogram equalisation of a plane that has values 0 .. values - 1 only."""
    counts = (plane[None] == jnp.arange(values)[:, None, None]).sum((1, 2))
    first = jnp.argmax(counts > 0)
    rest = plane.size - counts[first]
    below = jnp.cumsum(counts) - counts[first]
    table = jnp.round(below * (255.0 / jnp.maximum(rest, 1))).astype(jnp.int32)
    return jnp.where(rest == 0, plane, table[plane])


def shade(liquid: Int32[Array, "h w"]) -> Float32[Array, "h w"]:
    """The amount of water on every pixel, in 0 .. 1, from bytes of liquid."""
    # At most 20, so floor(sum / 9) is the byte that OpenCV's float32 mean is truncated to.
    distance = _filtered(chamfer(canny(liquid)), NINE, "reflect") // (9 * 65536)
    embossed = jnp.clip(_filtered(_equalised(distance, FAR + 1), EMBOSS, "reflect"), 0, 255)
    amount = liquid * ((2 * _filtered(embossed, NINE, "reflect") + 9) // 18)
    # The reference divides by a largest amount of 0 where there is no drop.
    return amount / jnp.maximum(amount.max(), 1)


def spatter(image: Image, drawn: Draws, rows: Rows, index: Index) -> Pixels:
    """Water that brightens, or mud that covers, where smoothed noise is above a threshold.

    Grey images get water of the colour's luminance, and mud of 63 as in MNIST-C.
    """
    _, _, _, threshold, strength, mud = jnp.asarray(rows)[index]
    sigmas = tuple(float(row[2]) for row in rows)
    liquid = smooth(drawn["liquid"][..., None], sigmas, index)[..., 0]
    pixels = image.astype(jnp.float32)
    channels = image.shape[-1]

    def water():
        drops = jnp.where(liquid < threshold, 0, liquid)
        # The reference's cast to bytes wraps around above 1.
        amount = strength * shade((255 * drops).astype(jnp.int32) & 255)
        return pixels + amount[..., None] * (WATER[None, None] if channels == 3 else (WATER * LUMA).sum())

    def cover():
        blurs = tuple(float(row[4]) for row in rows)
        amount = smooth((liquid > threshold)[..., None], blurs, index)
        amount = jnp.where(amount < 0.8, 0, amount)
        return pixels * (1 - amount) + amount * (MUD if channels == 3 else MUD[:1])[None, None]

    return jax.lax.cond(mud > 0, cover, water)


_IMAGENET = (
    (0.65, 0.3, 4, 0.69, 0.6, 0),
    (0.65, 0.3, 3, 0.68, 0.6, 0),
    (0.65, 0.3, 2, 0.68, 0.5, 0),
    (0.65, 0.3, 1, 0.65, 1.5, 1),
    (0.67, 0.4, 1, 0.65, 1.5, 1),
)

# Rows: mean, deviation, smoothing, threshold, strength (water) or blur (mud), and 1 for mud.
_SPATTER = {
    **dict.fromkeys(
        ("cifar", "digits"),
        (
            (0.62, 0.1, 0.7, 0.7, 0.5, 0),
            (0.65, 0.1, 0.8, 0.7, 0.5, 0),
            (0.65, 0.3, 1, 0.69, 0.5, 0),
            (0.65, 0.1, 0.7, 0.69, 0.6, 1),
            (0.65, 0.1, 0.5, 0.68, 0.6, 1),
        ),
    ),
    "tiny": (
        (0.62, 0.1, 0.7, 0.7, 0.6, 0),
        (0.65, 0.1, 0.8, 0.7, 0.6, 0),
        (0.65, 0.3, 1, 0.69, 0.6, 0),
        (0.65, 0.1, 0.7, 0.68, 0.6, 1),
        (0.65, 0.1, 0.5, 0.67, 0.6, 1),
    ),
    "imagenet": _IMAGENET,
    "mnist": tuple((*row, 1) for *row, _ in _IMAGENET),
}
SPATTER = Corruption("weather", spatter_draw, spatter, _SPATTER)
