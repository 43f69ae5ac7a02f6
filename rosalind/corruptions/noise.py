"""Corruptions that change pixels one by one at random.

Each has `<name>_draw(key, image, rows, index)` and `<name>(image, draws, rows, index)` on one
uint8[h, w, c] image; `rows` are the constants float[5, k] of a table and `index` is the severity - 1,
which may be traced. Draws are on the scale of the reference generator (arXiv 1903.12261), pixels
relative to 1; results are float32[h, w, c] on the scale 0 to 255, not yet clipped or truncated.
"""

import functools
import math

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
def poisson_table(counts_per_unit: tuple[float, ...]) -> np.ndarray:
    """P(count <= k) as float32[5, 256, k] for every pixel value: a byte has 256 possible rates.

    `jax.random.poisson` takes 2.1 ms per 32-pixel image on a CPU, this lookup 0.1.
    """
    largest = max(counts_per_unit)
    highest = int(largest + 8 * np.sqrt(largest) + 16)
    rates = np.outer(counts_per_unit, np.arange(256) / 255)
    return pdtr(np.arange(highest), rates[..., None]).astype(np.float32)


def poisson_guess(uniform, rates):
    """int32 counts at a uniform number's place in Poisson distributions, wrong by at most 1.

    The Cornish-Fisher expansion, its second term damped at low rates; measured on all rates of all tables.
    In the last 2^-21 of the distribution it may be wrong by 3.
    """
    normal = math.sqrt(2) * jax.lax.erf_inv(jnp.clip(2 * uniform - 1, -1 + 2.0**-23, 1 - 2.0**-24))
    deviation = jnp.sqrt(rates)
    skew = (normal**2 - 1) / 6 * jnp.minimum(1, jnp.sqrt(1.2 * deviation))
    return jnp.floor(rates + normal * deviation + skew + 0.5).astype(jnp.int32)


def shot_noise_draw(key, image, rows, index):
    """int32[h, w, c] photon counts from Poisson(c * x), by inversion of one uniform number each."""
    table = jnp.asarray(poisson_table(tuple(float(r[0]) for r in rows)))[index]
    length = table.shape[-1]
    uniform = numbers.uniform(key, image.shape)
    guess = poisson_guess(uniform, image * (jnp.asarray(rows)[index, 0] / 255))
    start = image.astype(jnp.int32) * length
    flat = table.reshape(-1)
    # Two halvings among the four counts around the guess, instead of ten among all.
    count = jnp.clip(guess - 1, 0, length - 4)
    for half in (2, 1):
        below = flat.at[start + count + half - 1].get(mode="promise_in_bounds") <= uniform
        count += jnp.where(below, half, 0)
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
