"""Corruptions that change pixels one by one at random.

Each has `<name>_draw(key, image, rows, index)` and `<name>(image, drawn, rows, index)` on one image, see
`types.py`. Draws are on the scale of the reference generator (arXiv 1903.12261), pixels relative to 1.
"""

import functools
import math

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float, Float32, Int32
from scipy.special import pdtr

from rosalind.corruptions import draws
from rosalind.corruptions.types import Corruption, Draws, Image, Index, Pixels, Rows


def gaussian_noise_draw(key: Array, image: Image, rows: Rows, index: Index) -> Draws:
    """float32[h, w, c] from N(0, sigma), independent per channel."""
    return {"normal": jnp.asarray(rows)[index, 0] * draws.normal(key, image.shape)}


def gaussian_noise(image: Image, drawn: Draws, rows: Rows, index: Index) -> Pixels:
    """x + N(0, sigma)."""
    return image + 255 * drawn["normal"]


@functools.cache
def poisson_table(counts_per_unit: tuple[float, ...]) -> Float32[np.ndarray, "rates 256 k"]:
    """P(count <= k) by rate, for every pixel value: a byte has 256 possible rates.

    `jax.random.poisson` takes 2.1 ms per 32-pixel image on a CPU, this lookup 0.1.
    """
    largest = max(counts_per_unit)
    highest = int(largest + 8 * np.sqrt(largest) + 16)
    rates = np.outer(counts_per_unit, np.arange(256) / 255)
    return pdtr(np.arange(highest), rates[..., None]).astype(np.float32)


def poisson_guess(uniform: Float[Array, "*#shape"], rates: Float[Array, "*#shape"]) -> Int32[Array, "*#shape"]:
    """Counts at a uniform number's place in Poisson distributions, wrong by at most 1.

    The Cornish-Fisher expansion, its second term damped at low rates; measured on all rates of all tables.
    In the last 2^-21 of the distribution it may be wrong by 3.
    """
    normal = math.sqrt(2) * jax.lax.erf_inv(jnp.clip(2 * uniform - 1, -1 + 2.0**-23, 1 - 2.0**-24))
    deviation = jnp.sqrt(rates)
    skew = (normal**2 - 1) / 6 * jnp.minimum(1, jnp.sqrt(1.2 * deviation))
    return jnp.floor(rates + normal * deviation + skew + 0.5).astype(jnp.int32)


def shot_noise_draw(key: Array, image: Image, rows: Rows, index: Index) -> Draws:
    """int32[h, w, c] photon counts from Poisson(c * x), by inversion of one uniform number each."""
    table = jnp.asarray(poisson_table(tuple(float(r[0]) for r in rows)))[index]
    length = table.shape[-1]
    uniform = draws.uniform(key, image.shape)
    guess = poisson_guess(uniform, image * (jnp.asarray(rows)[index, 0] / 255))
    start = image.astype(jnp.int32) * length
    flat = table.reshape(-1)
    # Two halvings among the four counts around the guess, instead of ten among all.
    count = jnp.clip(guess - 1, 0, length - 4)
    for half in (2, 1):
        below = flat.at[start + count + half - 1].get(mode="promise_in_bounds") <= uniform
        count += jnp.where(below, half, 0)
    return {"poisson": count}


def shot_noise(image: Image, drawn: Draws, rows: Rows, index: Index) -> Pixels:
    """Poisson(c * x) / c."""
    return drawn["poisson"] * (255 / jnp.asarray(rows)[index, 0])


def impulse_noise_draw(key: Array, image: Image, rows: Rows, index: Index) -> Draws:
    """bool[h, w, c] twice: which values flip, and which of those become white.

    Both come from one random word, from bits that do not overlap: the upper 24 and the lowest.
    """
    words = draws.bits(key, image.shape)
    return {
        "flip": draws.as_uniform(words) < jnp.asarray(rows)[index, 0],
        "salt": (words & 1).astype(bool),
    }


def impulse_noise(image: Image, drawn: Draws, rows: Rows, index: Index) -> Pixels:
    """Salt and pepper per channel: flipped values become 255 or 0, half each."""
    extreme = jnp.where(drawn["salt"], 255, 0)
    return jnp.where(drawn["flip"], extreme, image).astype(jnp.float32)


def speckle_noise(image: Image, drawn: Draws, rows: Rows, index: Index) -> Pixels:
    """x + x * N(0, sigma); its draw is that of gaussian noise."""
    return image + image * drawn["normal"]


_GAUSSIAN_NOISE = {
    "cifar": (0.04, 0.06, 0.08, 0.09, 0.1),
    "tiny": (0.04, 0.08, 0.12, 0.15, 0.18),
    **dict.fromkeys(("imagenet", "mnist", "digits"), (0.08, 0.12, 0.18, 0.26, 0.38)),
}
GAUSSIAN_NOISE = Corruption("noise", gaussian_noise_draw, gaussian_noise, _GAUSSIAN_NOISE)

_SHOT_NOISE = {
    "cifar": (500, 250, 100, 75, 50),
    "tiny": (250, 100, 50, 30, 15),
    **dict.fromkeys(("imagenet", "mnist", "digits"), (60, 25, 12, 5, 3)),
}
SHOT_NOISE = Corruption("noise", shot_noise_draw, shot_noise, _SHOT_NOISE)

_IMPULSE_NOISE = {
    "cifar": (0.01, 0.02, 0.03, 0.05, 0.07),
    "tiny": (0.01, 0.02, 0.05, 0.08, 0.14),
    **dict.fromkeys(("imagenet", "mnist", "digits"), (0.03, 0.06, 0.09, 0.17, 0.27)),
}
IMPULSE_NOISE = Corruption("noise", impulse_noise_draw, impulse_noise, _IMPULSE_NOISE)

_SPECKLE_NOISE = {
    "cifar": (0.06, 0.1, 0.12, 0.16, 0.2),
    "tiny": (0.15, 0.2, 0.25, 0.3, 0.35),
    **dict.fromkeys(("imagenet", "mnist", "digits"), (0.15, 0.2, 0.35, 0.45, 0.6)),
}
SPECKLE_NOISE = Corruption("noise", gaussian_noise_draw, speckle_noise, _SPECKLE_NOISE)
