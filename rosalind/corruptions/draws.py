"""Random numbers of one image from its key: the only place where the corruptions get randomness.

`jax.random.bits` hashes one counter per word and throws half of each hash away, which takes 0.10 ms for
a 32-pixel image on two CPU cores; using both halves takes 0.02.
"""

import math

import jax
import jax.numpy as jnp
from jax import Array
from jax.extend.random import threefry_2x32
from jaxtyping import Float32, Int32, UInt32


def bits(key: Array, shape: tuple[int, ...]) -> UInt32[Array, "..."]:
    """Words of a shape, all bits random and independent; `key` is that of one image.

    Raises:
        ValueError: a key of another generator than threefry, the default of `jax.random.key`.
    """
    data = jax.random.key_data(key) if jnp.issubdtype(key.dtype, jax.dtypes.prng_key) else key
    if data.shape != (2,):
        raise ValueError(f"key must be a threefry key, as jax.random.key(seed) gives by default; got {key.dtype}.")
    count = math.prod(shape)
    # An even number of counters, so that each hash of two words is used whole.
    return threefry_2x32(data, jnp.arange(count + count % 2, dtype=jnp.uint32))[:count].reshape(shape)


def as_uniform(words: UInt32[Array, "*shape"]) -> Float32[Array, "*shape"]:
    """Numbers in [0, 1), multiples of 2^-24, from words."""
    return (words >> 8).astype(jnp.float32) * 2.0**-24


def uniform(key: Array, shape: tuple[int, ...]) -> Float32[Array, "..."]:
    """Numbers in [0, 1), multiples of 2^-24."""
    return as_uniform(bits(key, shape))


def normal(key: Array, shape: tuple[int, ...]) -> Float32[Array, "..."]:
    """Numbers from N(0, 1), by the inverse error function; at most 5.4 deviations from 0."""
    words = bits(key, shape)
    centred = ((words >> 8).astype(jnp.int32) * 2 - (2**24 - 1)).astype(jnp.float32) * 2.0**-24
    return math.sqrt(2) * jax.lax.erf_inv(centred)


def whole(words: UInt32[Array, "*shape"], count: Array | int) -> Int32[Array, "*shape"]:
    """Whole numbers in 0 .. count - 1 from the upper 16 bits of words; uneven by at most count in 65,536."""
    return ((words >> 16) * jnp.asarray(count, jnp.uint32) >> 16).astype(jnp.int32)
