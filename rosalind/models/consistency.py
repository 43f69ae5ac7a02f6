"""The change of every sample's class map under noise, which weighs its loss (arXiv 2408.04600)."""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from rosalind.config import Model
from rosalind.draws import in_one_axis
from rosalind.models.class_maps import grad_cam, map_shape
from rosalind.models.forward import apply
from rosalind.models.preserving import map_distance

Change = Callable[[Any, Any, Any, Array], Array]
"""`(params, state, batch, key)` to float32[b]."""


@functools.cache
def map_change(config: Model, sigma: float) -> Change:
    """The change of every sample's class map under noise, 1 - cosine in [0, 1], of `(params, state, batch, key)`.

    Maps are the positive part of Grad-CAM, in evaluation mode, for the class that the network gives the clean image;
    the other image has normal noise of deviation `sigma`, pixels in [0, 1], and is clipped to them. NaN where one of
    the two maps is 0 everywhere. At sigma 0 it is 0.

    Args:
        config: complete, see `models.init`.
        sigma: 0 or more.

    Raises:
        ValueError: a model without maps, see `map_shape`.
    """
    map_shape(config)

    def change(params: Any, state: Any, batch: Any, key: Array) -> Array:
        variables, images = {"params": params, **state}, jnp.asarray(batch["images"])
        clean = images / jnp.float32(255) if images.dtype == jnp.uint8 else images
        noisy = jnp.clip(clean + sigma * in_one_axis(jax.random.normal, key, clean.shape), 0, 1)
        targets = apply(config, variables, clean)[0].argmax(1)
        one, other = (grad_cam(config, variables, x, targets) for x in (clean, noisy))
        there = one.any((1, 2)) & other.any((1, 2))
        return jnp.where(there, jnp.minimum(map_distance(one, other), 1), jnp.nan)

    return change
