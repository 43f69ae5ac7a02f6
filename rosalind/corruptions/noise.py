"""Corruptions that change pixels one by one at random.

Each has `<name>_draw(key, image, rows, index)` and `<name>(image, draws, rows, index)` on one
uint8[h, w, c] image; `rows` are the constants float[5, k] of a table and `index` is the severity - 1,
which may be traced. Draws are on the scale of the reference generator (arXiv 1903.12261), pixels
relative to 1; results are float32[h, w, c] on the scale 0 to 255, not yet clipped or truncated.
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np
from scipy.special import pdtr

from rosalind.corruptions import draws as numbers


def gaussian_noise_draw(key, image, rows, index):
    """float32[h, w, c] from N(0, sigma), independent per channel."""
    return {"normal": jnp.asarray(rows)[index, 0] * numbers.normal(key, image.shape)}


def gaussian_noise(image, draws, rows, index):
    """x + N(0, sigma)."""
    return image + 255 * draws["normal"]


@functools.cache
def _poisson_cdf(counts_per_unit: tuple[float, ...]) -> np.ndarray:
    """P(count <= k) as float32[5, 256, k] for every pixel value: a byte has 256 possible rates.

    `jax.random.poisson` takes 2.1 ms per 32-pixel image on a CPU, this lookup 0.1.
    """
    largest = max(counts_per_unit)
    highest = int(largest + 8 * np.sqrt(largest) + 16)
    rates = np.outer(counts_per_unit, np.arange(256) / 255)
    return pdtr(np.arange(highest), rates[..., None]).astype(np.float32)


def shot_noise_draw(key, image, rows, index):
    """int32[h, w, c] photon counts from Poisson(c * x), by inversion of one uniform number each."""
    table = jnp.asarray(_poisson_cdf(tuple(float(r[0]) for r in rows)))[index]
    length = table.shape[-1]
    uniform = numbers.uniform(key, image.shape)
    flat = table.reshape(-1)
    start = image.astype(jnp.int32) * length

    def halve(bounds, _):
        low, high = bounds
        middle = (low + high) // 2
        below = flat[start + middle] <= uniform
        return (jnp.where(below, middle + 1, low), jnp.where(below, high, middle)), None

    bounds = (jnp.zeros(image.shape, jnp.int32), jnp.full(image.shape, length - 1, jnp.int32))
    (count, _), _ = jax.lax.scan(halve, bounds, length=int(np.ceil(np.log2(length))) + 1)
    return {"poisson": count}


def shot_noise(image, draws, rows, index):
    """Poisson(c * x) / c."""
    return draws["poisson"] * (255 / jnp.asarray(rows)[index, 0])


def impulse_noise_draw(key, image, rows, index):
    """bool[h, w, c] twice: which values flip, and which of those become white.

    Both come from one random word, from bits that do not overlap: the upper 24 and the lowest.
    """
    words = numbers.bits(key, image.shape)
    return {
        "flip": numbers.as_uniform(words) < jnp.asarray(rows)[index, 0],
        "salt": (words & 1).astype(bool),
    }


def impulse_noise(image, draws, rows, index):
    """Salt and pepper per channel: flipped values become 255 or 0, half each."""
    extreme = jnp.where(draws["salt"], 255, 0)
    return jnp.where(draws["flip"], extreme, image).astype(jnp.float32)


def speckle_noise(image, draws, rows, index):
    """x + x * N(0, sigma); its draw is that of gaussian noise."""
    return image + image * draws["normal"]
