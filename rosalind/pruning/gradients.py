"""Derivatives by the parameters, compiled once for each loss or flow however many methods ask for them."""

import functools

import jax
import jax.numpy as jnp


@functools.cache
def gradient(loss, train: bool):
    """The jitted gradient of a `training.Loss`: `(trainable, state, batch)` gives arrays shaped like `trainable`.

    With the statistics of the batch if `train`, else in BatchNorm's evaluation mode; the state that the loss
    gives back is thrown away. One function per loss and mode, so that all methods share a compilation.
    """
    return jax.jit(lambda p, state, batch: jax.grad(lambda q: loss(q, state, batch, train)[0])(p))


@functools.cache
def squared_gradients(loss):
    """The sum over the samples of a batch of each sample's squared gradient, evaluation mode, jitted."""

    @jax.jit
    def one(trainable, state, batch):
        def squared(sample):
            alone = jax.tree.map(lambda x: x[None], sample)
            return jax.tree.map(jnp.square, jax.grad(lambda p: loss(p, state, alone, False)[0])(trainable))

        return jax.tree.map(lambda x: x.sum(0), jax.vmap(squared)(batch))

    return one


@functools.cache
def grouped_gradients(loss, together: int):
    """Gradients of consecutive groups of `together` samples of a batch, each the mean of its group, jitted.

    Evaluation mode; arrays have the groups as their first axis. `together` must divide the batch.
    """

    @jax.jit
    def of(trainable, state, batch):
        grouped = jax.tree.map(lambda x: x.reshape(-1, together, *x.shape[1:]), batch)
        return jax.vmap(jax.grad(lambda p, b: loss(p, state, b, False)[0]), (None, 0))(trainable, grouped)

    return of


@functools.cache
def curvature(loss):
    """The product of the Hessian of one batch with a direction, batch statistics, jitted.

    `(trainable, state, batch, direction)` gives arrays shaped like `trainable`.
    """

    @jax.jit
    def product(trainable, state, batch, direction):
        slope = lambda p: jax.grad(lambda q: loss(q, state, batch, True)[0])(p)
        return jax.jvp(slope, (trainable,), (direction,))[1]

    return product


@functools.cache
def flow_gradient(flow):
    """The jitted value and gradient of `ModelFunctions.flow` by the parameters."""
    return jax.jit(jax.value_and_grad(flow))
