"""How much every weight matters: functions that score weights, higher is kept.

Each is called with `(trainable, state, *, loss, batches, masks, options, key, probes)`, names what it uses
and leaves the rest to `**_`. It gives a float32 array per path of `masks`; or that, and a function from the
chosen masks to corrected weights. Scores never change the state: BatchNorm statistics of scoring passes are
thrown away.
"""

import functools
from collections.abc import Callable

import jax
import jax.numpy as jnp

from rosalind.pruning.gradients import curvature, flow_gradient, gradient, squared_gradients
from rosalind.pruning.masks import path_key
from rosalind.pruning.probes import needed
from rosalind.pruning.woodfisher import woodfisher
from rosalind.training import by_path, map_by_path, project


def _select(tree, masks) -> dict:
    leaves = by_path(tree)
    return {path: leaves[path] for path in masks}


def _saliency(loss, train: bool, trainable, state, batch, masks) -> dict:
    """|weight * gradient| of one batch, of the weights that are left."""
    left = project(trainable, masks)
    slopes = by_path(gradient(loss, train)(left, state, batch))
    return {path: jnp.abs(weight * slopes[path]) for path, weight in _select(left, masks).items()}


def random(trainable, state, *, masks, key, **_):
    """Uniform numbers, one key per layer: the control that every method must beat."""
    draw = lambda path, leaf: jax.random.uniform(path_key(key, path), leaf.shape)
    return _select(map_by_path(draw, trainable), masks)


def magnitude(trainable, state, *, masks, **_):
    """|weight| (arXiv 1506.02626)."""
    return {path: jnp.abs(leaf) for path, leaf in _select(trainable, masks).items()}


def taylor(trainable, state, *, loss, batches, masks, options, key, **_):
    """Mean over batches of (weight * gradient)^2, squared inside the mean (arXiv 1906.10771).

    In BatchNorm's evaluation mode: with batch statistics a filter's sum of weight * gradient is exactly
    zero, because a convolution before BatchNorm is scale invariant.
    """
    total = None
    for step in range(options["score_batches"]):
        found = _saliency(loss, False, trainable, state, batches(key, step), masks)
        squared = jax.tree.map(jnp.square, found)
        total = squared if total is None else jax.tree.map(jnp.add, total, squared)
    return total


def maggrad(trainable, state, *, loss, batches, masks, key, **_):
    """|weight * gradient| of one batch after training, batch statistics (ShrinkBench, arXiv 2003.03033)."""
    return _saliency(loss, True, trainable, state, batches(key, 0), masks)


def fisher(trainable, state, *, loss, batches, masks, options, key, **_):
    """weight^2 times the empirical Fisher diagonal, over two (optimal brain damage; arXiv 1801.05787).

    The diagonal is the mean over `score_samples` samples of each one's squared gradient, in evaluation mode;
    squaring a batch's mean gradient instead would be smaller by its size.
    """
    total, count, step = None, 0, 0
    dense = project(trainable, masks)
    while count < options["score_samples"]:
        batch = batches(key, step)
        size = len(jax.tree.leaves(batch)[0])
        # Pieces, as every sample has a gradient of the model's size.
        for start in range(0, size, 32):
            piece = jax.tree.map(lambda x, start=start: x[start : start + 32], batch)
            found = squared_gradients(loss)(dense, state, piece)
            total = found if total is None else jax.tree.map(jnp.add, total, found)
        count, step = count + size, step + 1
    return {
        path: 0.5 * square / count * jnp.square(by_path(dense)[path])
        for path, square in _select(total, masks).items()
    }


def snip(trainable, state, *, loss, batches, masks, key, **_):
    """|weight * gradient| of one batch with batch statistics, at initialisation (arXiv 1810.02340).

    In rounds, the gradient is that of what is left, times the dense weight (arXiv 2006.09081).

    Raises:
        ValueError: a layer whose scores are all exactly zero, as behind a BatchNorm scale that starts at
            zero: it would be removed whole, for no reason in the data.
    """
    slopes = by_path(gradient(loss, True)(project(trainable, masks), state, batches(key, 0)))
    return _not_silent({path: jnp.abs(w * slopes[path]) for path, w in _select(trainable, masks).items()})


def _not_silent(scores):
    silent = [path for path, score in scores.items() if not bool(jnp.any(score))]
    if silent:
        raise ValueError(
            f"every score of {silent} is exactly zero: no gradient reaches it. BatchNorm scales that "
            "start at zero do this (start them at 1), and so do dead units."
        )
    return scores


def grasp(trainable, state, *, batches, masks, options, key, probes, **_):
    """weight * (Hessian gradient), signed: what keeps the gradient flowing, at initialisation (arXiv 2002.07376).

    The gradient is summed over two batches, of logits divided by `temperature`; the largest are kept.

    Raises:
        ValueError: a layer whose scores are all exactly zero, see `snip`.
    """
    tempered = needed(probes, "tempered", "grasp")(options["temperature"])
    halves = [batches(key, step) for step in range(2)]
    dense = project(trainable, masks)
    slopes = [gradient(tempered, True)(dense, state, batch) for batch in halves]
    direction = jax.tree.map(jnp.add, *slopes)
    products = [curvature(tempered)(dense, state, batch, direction) for batch in halves]
    return _not_silent(_select(jax.tree.map(lambda w, a, b: w * (a + b), dense, *products), masks))


def synflow(trainable, state, *, masks, probes, **_):
    """|weight * d flow / d weight|, the flow of ones through absolute weights; no data (arXiv 2006.05467).

    Raises:
        FloatingPointError: the flow overflows float32, as in very deep or wide networks.
        ValueError: a layer that no flow reaches.
    """
    flow = needed(probes, "flow", "synflow")
    value, slopes = flow_gradient(flow)(project(trainable, masks), state)
    if not bool(jnp.isfinite(value)):
        raise FloatingPointError(
            f"synflow's flow is {float(value)}: the products of absolute weights overflow float32. Scale the "
            "initial weights down, which changes no rank."
        )
    scores = {path: jnp.abs(w * by_path(slopes)[path]) for path, w in _select(trainable, masks).items()}
    return scores if any((~mask).any() for mask in masks.values()) else _not_silent(scores)


def wanda(trainable, state, *, batches, masks, options, key, probes, **_):
    """|weight| times the Euclidean norm of its input over `score_samples` samples (arXiv 2306.11695).

    Raises:
        ValueError: the probe `inputs` is missing or does not know a layer.
    """
    probe = needed(probes, "inputs", "wanda")
    dense, total, count, step = project(trainable, masks), {}, 0, 0
    while count < options["score_samples"]:
        batch = batches(key, step)
        found = _inputs(probe)(dense, state, batch)
        total = jax.tree.map(jnp.add, total, found) if total else found
        count, step = count + len(jax.tree.leaves(batch)[0]), step + 1
    unknown = sorted(set(masks) - set(total))
    if unknown:
        raise ValueError(f"wanda: the probe 'inputs' gives no inputs of {unknown}; protect these layers.")
    return {path: jnp.abs(w) * jnp.sqrt(total[path]) for path, w in _select(dense, masks).items()}


@functools.cache
def _inputs(probe):
    return jax.jit(probe)


SCORES: dict[str, Callable] = {
    "random": random,
    "magnitude": magnitude,
    "maggrad": maggrad,
    "taylor": taylor,
    "fisher": fisher,
    "snip": snip,
    "grasp": grasp,
    "synflow": synflow,
    "wanda": wanda,
    "woodfisher": woodfisher,
}
"""Scores by name."""
