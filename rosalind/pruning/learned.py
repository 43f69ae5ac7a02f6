"""Masks that are learned while the random initial weights stay frozen (multi-prize tickets)."""

import functools

import jax
import jax.numpy as jnp
import numpy as np

from rosalind.pruning import masks
from rosalind.training import map_by_path


def binarise(weight, mask):
    """alpha * sign(weight) * mask with the gain alpha = mean |weight| over the kept weights.

    That gain is the one with the least squared distance to the kept weights; a layer that keeps nothing
    is zero.

    >>> binarise(jnp.array([1.0, -3.0, 2.0]), jnp.array([True, True, False])).tolist()
    [2.0, -2.0, 0.0]
    """
    kept = jnp.where(mask, jnp.abs(weight), 0)
    gain = kept.sum() / jnp.maximum(mask.sum(), 1)
    return jnp.where(mask, gain * jnp.sign(weight), 0)


def effective(scores, frozen, kept, binary: bool = True):
    """The parameters a ticket computes with, differentiable in the scores.

    Args:
        scores: float arrays of the prunable kernels, by path.
        frozen: all parameters at initialisation.
        kept: int32 per path, how many weights of a layer stay.
        binary: whether kept weights are binarised, or stay as they are.

    The gradient passes straight through the selection and the gain: d/d|score| is the gradient of the
    weight times the frozen weight (arXiv 2103.09377).
    """

    def one(path, weight):
        if path not in scores:
            return weight
        strength = jnp.abs(scores[path])
        mask = masks.top_traced(jax.lax.stop_gradient(strength), kept[path])
        chosen = binarise(weight, mask) if binary else jnp.where(mask, weight, 0)
        return jax.lax.stop_gradient(chosen) + (strength - jax.lax.stop_gradient(strength)) * weight

    return map_by_path(one, frozen)


@functools.cache
def _ticket_loss(loss, binary: bool):
    """The loss of scores; frozen weights and counts ride in the state, so that seeds and sparsities share
    one compilation (in a closure they would be compiled in as constants, once per network)."""

    def of_scores(scores, state, batch, train: bool = True):
        params = effective(scores, state["frozen"], state["kept"], binary)
        value, (inner, records) = loss(params, state["inner"], batch, train)
        return value, ({**state, "inner": inner}, records)

    return of_scores


def initial_scores(kernels, key):
    """float32 scores from U(-1/sqrt(fan_in), 1/sqrt(fan_in)) by path, for arrays by path."""
    bounds = {path: 1 / np.sqrt(np.prod(weight.shape[:-1])) for path, weight in kernels.items()}
    return {
        path: jax.random.uniform(masks.path_key(key, path), weight.shape, minval=-bound, maxval=bound)
        for (path, weight), bound in zip(kernels.items(), bounds.values(), strict=True)
    }


def signed_constants(trainable, kept):
    """The parameters with every prunable weight replaced by its sign times sqrt(2 / (fan in * kept share))."""

    def one(path, weight):
        if path not in kept:
            return weight
        share = kept[path] / weight.size
        return jnp.sign(weight) * jnp.sqrt(2 / (np.prod(weight.shape[:-1]) * share))

    return map_by_path(one, trainable)


def ticket(trainable, state, sparsity, *, binary, constant=False, loss, batches, config, fit, protected, key):
    """Learned masks over frozen random weights (arXiv 1911.13299), binarised if asked (arXiv 2103.09377).

    Only scores are trained; weight decay acts on them. Biases and BatchNorm scales stay as initialised,
    running statistics follow. Every layer, head included, keeps the same fraction, its rounding shared
    out so that the total is exact; protected layers keep all weights.

    Args:
        trainable: parameters at initialisation.
        state: beside them.
        sparsity: removed fraction of P.
        binary: binarise the kept weights, with one gain per layer.
        constant: freeze signed constants instead of the initial weights (edge-popup's best variant).
        loss: see `training.Loss`.
        batches: see `training.BatchSource`.
        config: of the training of scores.
        fit: `training.fit` or a wrapper.
        protected: parts of paths that keep all weights.
        key: of scores and data order.

    Returns:
        The effective weights and state, the masks, and what `fit` gave.
    """
    kernels = masks.prunable(trainable)
    uniform = {path: np.zeros(weight.shape, np.float32) for path, weight in kernels.items()}
    chosen = masks.keep(uniform, sparsity, scope="layer", protected=protected)
    kept = {path: jnp.asarray(mask.sum(), jnp.int32) for path, mask in chosen.items()}
    frozen = signed_constants(trainable, kept) if constant else trainable
    scores = initial_scores(kernels, jax.random.fold_in(key, 0x73636F72))
    carried = {"inner": state, "frozen": frozen, "kept": kept}
    everywhere = {path: np.ones(weight.shape, bool) for path, weight in kernels.items()}
    loss = _ticket_loss(loss, binary)
    fitted = fit(loss, scores, carried, batches, config=config, masks=everywhere, key=key)
    strengths = {path: jnp.abs(score) for path, score in fitted.trainable.items()}
    final = {path: np.asarray(masks.top_traced(s, kept[path])) for path, s in strengths.items()}
    found = effective(fitted.trainable, frozen, kept, binary)
    return (found, fitted.state["inner"]), final, fitted
