"""Derivatives by the parameters, compiled once for each loss or flow however many methods ask for them.

Each is a jitted function of `(trainable, state, batch)` to arrays shaped like `trainable`; the state that a loss
gives back is thrown away.
"""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from rosalind.training import Loss, Tree


@functools.cache
def gradient(loss: Loss, train: bool) -> Callable[[Tree, Tree, Any], Tree]:
    """The gradient: with the statistics of the batch if `train`, else in BatchNorm's evaluation mode."""
    return jax.jit(lambda p, state, batch: jax.grad(lambda q: loss(q, state, batch, train)[0])(p))


@functools.cache
def squared_gradients(loss: Loss) -> Callable[[Tree, Tree, Any], Tree]:
    """The sum over the samples of a batch of each sample's squared gradient, evaluation mode."""

    @jax.jit
    def total(trainable: Tree, state: Tree, batch: Any) -> Tree:
        def squared(sample: Any) -> Tree:
            single = jax.tree.map(lambda x: x[None], sample)
            return jax.tree.map(jnp.square, jax.grad(lambda p: loss(p, state, single, False)[0])(trainable))

        return jax.tree.map(lambda x: x.sum(0), jax.vmap(squared)(batch))

    return total


@functools.cache
def grouped_gradients(loss: Loss, together: int) -> Callable[[Tree, Tree, Any], Tree]:
    """Gradients of consecutive groups of `together` samples, each the mean of its group, evaluation mode.

    Arrays have the groups as their first axis. `together` must divide the batch.
    """

    @jax.jit
    def stacked(trainable: Tree, state: Tree, batch: Any) -> Tree:
        grouped = jax.tree.map(lambda x: x.reshape(-1, together, *x.shape[1:]), batch)
        return jax.vmap(jax.grad(lambda p, b: loss(p, state, b, False)[0]), (None, 0))(trainable, grouped)

    return stacked


@functools.cache
def curvature(loss: Loss) -> Callable[[Tree, Tree, Any, Tree], Tree]:
    """The product of the Hessian of one batch with a direction, the fourth argument; batch statistics."""
    slope = lambda state, batch: lambda p: jax.grad(lambda q: loss(q, state, batch, True)[0])(p)
    return jax.jit(lambda p, state, batch, direction: jax.jvp(slope(state, batch), (p,), (direction,))[1])


@functools.cache
def flow_gradient(flow: Callable[[Tree, Tree], Any]) -> Callable[[Tree, Tree], tuple[jax.Array, Tree]]:
    """The value and gradient of `ModelFunctions.flow`, of parameters and state."""
    return jax.jit(jax.value_and_grad(flow))
