"""Images, and what a corruption makes of them, compiled once for all tests of a process."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
from scipy import ndimage

from rosalind import corruptions


def table_of(name):
    """A table that has constants of a corruption."""
    return "cifar" if "cifar" in corruptions.CORRUPTIONS[name].constants else "mnist"


def severity_of(name):
    return min(3, corruptions.CORRUPTIONS[name].severities)


def photographs(count=6, shape=(16, 16, 3), seed=0):
    """Smooth random images, as neighbouring pixels of photographs are alike."""
    noise = np.random.default_rng(seed).normal(size=(count, *shape))
    smooth = ndimage.gaussian_filter(noise, (0, 1.5, 1.5, 0))
    low, high = smooth.min((1, 2, 3), keepdims=True), smooth.max((1, 2, 3), keepdims=True)
    return (255 * (smooth - low) / (high - low)).astype(np.uint8)


@functools.partial(jax.jit, static_argnames=("name", "table"))
def drawn(name, keys, images, severity, table, textures):
    one = lambda key, image: corruptions.draw(name, key, image, severity, table=table, textures=textures)
    return jax.vmap(one)(keys, images)


def draw_all(name, images, severity, table=None, seed=0, textures=None):
    corruptions.check(name, severity, table)
    keys = jax.random.split(jax.random.key(seed), len(images))
    return drawn(name, keys, jnp.asarray(images), jnp.int32(severity), table or table_of(name), textures)


def corrupt(name, images, severity, table=None, seed=0, textures=None):
    table = table or table_of(name)
    draws = draw_all(name, images, severity, table, seed, textures)
    return np.asarray(corruptions.apply(name, images, draws, severity, table=table))
