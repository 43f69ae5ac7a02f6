"""Drops of water or mud on the lens; signatures as in `noise.py`.

Water is shaded by a distance to the drops' edges, which the reference makes with OpenCV: Canny edges, a
chamfer distance, an equalised histogram and an emboss filter on bytes. All of it is in whole numbers
here, so that it agrees to the last bit.
"""

import jax
import jax.numpy as jnp
import numpy as np

from rosalind.corruptions import draws as numbers
from rosalind.corruptions.blur import smooth
from rosalind.corruptions.weather import LUMA

FAR = 20
"""Distances are capped at so many pixels."""

WATER = np.array([175, 238, 238], np.float32)
MUD = np.array([63, 42, 20], np.float32)


def spatter_draw(key, image, rows, index):
    """float32[h, w] liquid from N(mean, deviation)."""
    mean, deviation = jnp.asarray(rows)[index, :2]
    return {"liquid": mean + deviation * numbers.normal(key, image.shape[:2])}


def _moved(plane, down: int, right: int, fill):
    """plane[y + down, x + right], `fill` where that is outside."""
    height, width = plane.shape
    top, left = max(-down, 0), max(-right, 0)
    padded = jnp.pad(plane, ((top, max(down, 0)), (left, max(right, 0))), constant_values=fill)
    return padded[top + down : top + down + height, left + right : left + right + width]


def _neighbours(plane, mode: str):
    """[3, 3, h, w]: every pixel's neighbours; `mode` as in jnp.pad."""
    padded = jnp.pad(plane, 1, mode)
    height, width = plane.shape
    return [[padded[i : i + height, j : j + width] for j in range(3)] for i in range(3)]


def spread(seed, allowed):
    """bool[h, w]: the allowed pixels that are connected to a seed, in eight directions."""

    def grow(state):
        _, now = state
        grown = now
        for down, right in ((0, 1), (0, -1)):
            grown |= _moved(now, down, right, False)
        taller = grown | _moved(grown, 1, 0, False) | _moved(grown, -1, 0, False)
        return now, taller & allowed

    start = seed & allowed
    return jax.lax.while_loop(lambda s: (s[0] != s[1]).any(), grow, (jnp.zeros_like(start), start))[1]


def canny(plane, low: int = 50, high: int = 150):
    """bool[h, w]: OpenCV's Canny edges of int32[h, w] bytes, 3 x 3 Sobel, sum of absolute derivatives."""
    near = _neighbours(plane, "edge")
    x = near[0][2] + 2 * near[1][2] + near[2][2] - near[0][0] - 2 * near[1][0] - near[2][0]
    y = near[2][0] + 2 * near[2][1] + near[2][2] - near[0][0] - 2 * near[0][1] - near[0][2]
    size = jnp.abs(x) + jnp.abs(y)
    around = _neighbours(size, "constant")
    # The tangent of 22.5 degrees in 15 bits; that of 67.5 is two more.
    flat, tall = jnp.abs(x) * 13573, jnp.abs(y) << 15
    across = (size > around[1][0]) & (size >= around[1][2])
    along = (size > around[0][1]) & (size >= around[2][1])
    falling = (size > around[0][0]) & (size > around[2][2])
    rising = (size > around[0][2]) & (size > around[2][0])
    steep = tall > flat + (jnp.abs(x) << 16)
    diagonal = jnp.where((x ^ y) < 0, rising, falling)
    peak = jnp.where(tall < flat, across, jnp.where(steep, along, diagonal))
    weak = peak & (size > low)
    return spread(weak & (size > high), weak)


def chamfer(edges):
    """int32[h, w]: distance to the nearest edge in 1/65536 of a pixel, steps of 1, 1.4 and 2.1969, at most 20.

    A path is some steps in at most two directions, so each direction is done on its own, for 1, 2, 4, ...
    steps at once: 68 shifted minima instead of a window of 41 x 41.
    """
    one, diagonal, knight = 65536, round(1.4 * 65536), round(2.1969 * 65536)
    distance = jnp.where(edges, 0, FAR * one).astype(jnp.int32)
    directions = [((0, 1), one), ((1, 0), one), ((1, 1), diagonal), ((1, -1), diagonal)]
    directions += [((1, 2), knight), ((2, 1), knight), ((1, -2), knight), ((2, -1), knight)]
    for (down, right), cost in directions:
        steps = 1
        while steps * cost < FAR * one and steps * max(down, abs(right)) < max(edges.shape):
            for sign in (steps, -steps):
                there = _moved(distance, sign * down, sign * right, FAR * one)
                distance = jnp.minimum(distance, there + steps * cost)
            steps *= 2
    return distance


def _equalised(plane, values: int):
    """int32[h, w]: OpenCV's histogram equalisation of a plane that has values 0 .. values - 1 only."""
    counts = (plane[None] == jnp.arange(values)[:, None, None]).sum((1, 2))
    first = jnp.argmax(counts > 0)
    rest = plane.size - counts[first]
    below = jnp.cumsum(counts) - counts[first]
    table = jnp.round(below * (255.0 / jnp.maximum(rest, 1))).astype(jnp.int32)
    return jnp.where(rest == 0, plane, table[plane])


def shade(liquid):
    """float32[h, w] in 0 .. 1: how much water there is on every pixel, from int32[h, w] bytes of liquid."""
    nine = lambda plane: sum(sum(row) for row in _neighbours(plane, "reflect"))
    # At most 20, so floor(sum / 9) is the byte that OpenCV's float32 mean is truncated to.
    distance = nine(chamfer(canny(liquid))) // (9 * 65536)
    near = _neighbours(_equalised(distance, FAR + 1), "reflect")
    emboss = -2 * near[0][0] - near[0][1] - near[1][0] + near[1][1] + near[1][2] + near[2][1] + 2 * near[2][2]
    embossed = jnp.clip(emboss, 0, 255)
    amount = liquid * ((2 * nine(embossed) + 9) // 18)
    # The reference divides by a largest amount of 0 where there is no drop.
    return amount / jnp.maximum(amount.max(), 1)


def spatter(image, draws, rows, index):
    """Water that brightens, or mud that covers, where smoothed noise is above a threshold.

    Grey images get water of the colour's luminance, and mud of 63 as in MNIST-C.
    """
    _, _, _, threshold, strength, mud = jnp.asarray(rows)[index]
    sigmas = tuple(float(row[2]) for row in rows)
    liquid = smooth(draws["liquid"][..., None], sigmas, index)[..., 0]
    pixels = image.astype(jnp.float32)
    channels = image.shape[-1]

    def water():
        kept = jnp.where(liquid < threshold, 0, liquid)
        # The reference's cast to bytes wraps around above 1.
        amount = strength * shade((255 * kept).astype(jnp.int32) & 255)
        return pixels + amount[..., None] * (WATER if channels == 3 else (WATER * LUMA).sum())

    def cover():
        blurs = tuple(float(row[4]) for row in rows)
        amount = smooth((liquid > threshold)[..., None], blurs, index)
        amount = jnp.where(amount < 0.8, 0, amount)
        return pixels * (1 - amount) + amount * (MUD if channels == 3 else MUD[:1])

    return jax.lax.cond(mud > 0, cover, water)
