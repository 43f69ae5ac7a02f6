"""How much every weight matters: functions that score weights, higher is kept.

Each takes `(trainable, state, *, loss, batches, masks, options, key)` and gives a float32 array per path
of `masks`. Scores never change the state: BatchNorm statistics of scoring passes are thrown away.
"""

import functools
from collections.abc import Callable

import jax
import jax.numpy as jnp

from rosalind.pruning.masks import path_key
from rosalind.training import by_path, map_by_path, project


@functools.cache
def _saliency(loss, train: bool):
    """A jitted |weight * gradient| of one batch."""

    @jax.jit
    def one(trainable, state, batch):
        gradient = jax.grad(lambda p: loss(p, state, batch, train)[0])(trainable)
        return jax.tree.map(lambda p, g: jnp.abs(p * g), trainable, gradient)

    return one


def _select(tree, masks) -> dict:
    leaves = by_path(tree)
    return {path: leaves[path] for path in masks}


def random(trainable, state, *, loss, batches, masks, options, key):
    """Uniform numbers, one key per layer: the control that every method must beat."""
    draw = lambda path, leaf: jax.random.uniform(path_key(key, path), leaf.shape)
    return _select(map_by_path(draw, trainable), masks)


def magnitude(trainable, state, *, loss, batches, masks, options, key):
    """|weight| (arXiv 1506.02626)."""
    return {path: jnp.abs(leaf) for path, leaf in _select(trainable, masks).items()}


def taylor(trainable, state, *, loss, batches, masks, options, key):
    """Mean over batches of (weight * gradient)^2, squared inside the mean (arXiv 1906.10771).

    In BatchNorm's evaluation mode: with batch statistics a filter's sum of weight * gradient is exactly
    zero, because a convolution before BatchNorm is scale invariant.
    """
    total = None
    for step in range(options["score_batches"]):
        found = _saliency(loss, False)(project(trainable, masks), state, batches(key, step))
        squared = jax.tree.map(jnp.square, found)
        total = squared if total is None else jax.tree.map(jnp.add, total, squared)
    return _select(total, masks)


def snip(trainable, state, *, loss, batches, masks, options, key):
    """|weight * gradient| of one batch with batch statistics, at initialisation (arXiv 1810.02340).

    Raises:
        ValueError: a layer whose scores are all exactly zero, as behind a BatchNorm scale that starts at
            zero: it would be removed whole, for no reason in the data.
    """
    scores = _select(_saliency(loss, True)(trainable, state, batches(key, 0)), masks)
    silent = [path for path, score in scores.items() if not bool(score.any())]
    if silent:
        raise ValueError(
            f"every score of {silent} is exactly zero: no gradient reaches it. BatchNorm scales that "
            "start at zero do this (start them at 1), and so do dead units."
        )
    return scores


SCORES: dict[str, Callable] = {
    "random": random,
    "magnitude": magnitude,
    "taylor": taylor,
    "snip": snip,
}
"""Scores by name."""
