"""Statistics of a forward pass: those of BatchNorm on one batch, and means and variances of layers' outputs."""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from rosalind.config import Model
from rosalind.models import layers
from rosalind.models.forward import Variables, apply, flatten


def batch_statistics(config: Model, variables: Variables, images: ArrayLike) -> Any:
    """Means and variances of every BatchNorm on one batch, whatever the momentum of its running mean; not jitted.

    The running value is m * old + (1 - m) * new; two calls with old 0 and 1 give m and so new.

    Args:
        config: complete, see `models.init`.
        variables: with `batch_stats`.
        images: as for `models.apply`.

    Returns:
        A tree like `variables["batch_stats"]`.
    """

    def after(old: float):
        stats = jax.tree.map(lambda x: jnp.full_like(x, old), variables["batch_stats"])
        return apply(config, {**variables, "batch_stats": stats}, images, train=True)[2]["batch_stats"]

    zero, one = after(0.0), after(1.0)
    return jax.tree.map(lambda a, b: a / (1 - (b - a)), zero, one)


@functools.cache
def moments(config: Model) -> Callable[[Any, Any, Any], tuple[Any, dict[str, tuple[jax.Array, jax.Array]]]]:
    """A function of parameters, state and batch: the state that the batch leaves, and moments of layers' outputs.

    The state has the BatchNorm statistics of the batch; with it, and otherwise in evaluation mode, the mean and the
    variance of every output channel are taken over the batch and all positions: float32[channels] each, by the path
    of the layer's kernel. Given are convolutions and dense layers whose kernel has its outputs last; left out are
    attention's projections, modules of NNX, and layers inside nn.scan, which lets nothing out.
    """

    def of(params, state, batch):
        images, variables = batch["images"], {"params": params, **state}
        if state.get("batch_stats"):
            state = {**state, "batch_stats": batch_statistics(config, variables, images)}
        with layers.output_moments():
            collected = apply(config, {"params": params, **state}, images, collected=layers.COLLECTED)[2]
        sums = flatten(collected.get(layers.COLLECTED, {}))
        return state, {path: (mean, squares / count) for path, (count, mean, squares) in sums.items()}

    return of
