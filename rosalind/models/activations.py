"""Activations inside a model: what each of its layers reads."""

import functools

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from rosalind.config import Model
from rosalind.models import layers
from rosalind.models.forward import Variables, apply, blank

HEAD = "head"
"""Name of the layer that reads the features."""


def activations(config: Model, variables: Variables, images: ArrayLike) -> dict[str, Array]:
    """Inputs of a model's layers by the layer's path without `backbone/`, in their order; not jitted.

    The input of a layer is what those before it give once the nonlinearity, a residual sum or a pooling is done, which
    is what a unit of theirs says to the rest of the network. Left out are layers that read the image itself, or the
    same array as one before, and those inside lifted transforms (nn.scan, nn.remat), which let nothing out. The last
    is `head`, which reads the features: the only one of an NNX module.

    Args:
        config: complete, see `models.init`.
        variables: as for `models.apply`.
        images: uint8[n, h, w, c], or float32 in [0, 1].

    Returns:
        float32[n, ..., channels] each.
    """
    read: dict[str, Array] = {}
    seen: set[int] = set()

    def handle(path, module, x, call_original):
        is_layer = isinstance(module, layers.LAYERS) and not layers.is_lifted(module)
        if is_layer and path not in read and id(x) not in seen:
            # `read` keeps the array, so that no later one has its id.
            seen.add(id(x))
            read[path] = x
        return call_original(x)

    with layers.intercepted(handle):
        _, features, _ = apply(config, variables, images)
    # The first is called on the image.
    inner = [path for path in list(read)[1:] if path != HEAD]
    return {**{path.removeprefix("backbone/"): read[path].astype(jnp.float32) for path in inner}, HEAD: features}


@functools.cache
def layer_names(config: Model) -> tuple[str, ...]:
    """Names of a model's layers in the order of `activations`; jax sorts the keys of what a compiled function gives."""
    names: list[str] = []
    image = jnp.zeros((1, *(config.image_shape or ())), jnp.uint8)
    jax.eval_shape(lambda variables: names.extend(activations(config, variables, image)), blank(config))
    return tuple(names)
