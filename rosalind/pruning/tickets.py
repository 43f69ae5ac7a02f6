"""Masks over frozen random weights: edge-popup and multi-prize tickets."""

import functools
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from rosalind.pruning import masks
from rosalind.pruning.learned_base import counts_of, cubic_counts, top_of
from rosalind.pruning.types import MaskParametrisation, MethodRun
from rosalind.training import Tree, by_path, map_by_path


@jax.jit
def binarise(weight: jax.Array, mask: jax.Array) -> jax.Array:
    """alpha * sign(weight) * mask with the gain alpha = mean |weight| over the kept weights.

    Both arrays are of one layer and have one shape; the mask is True where a weight is kept. That gain is the one
    with the least squared distance to the kept weights; a layer that keeps nothing is zero.

    >>> binarise(jnp.array([1.0, -3.0, 2.0]), jnp.array([True, True, False])).tolist()
    [2.0, -2.0, 0.0]
    """
    magnitudes = jnp.where(mask, jnp.abs(weight), 0)
    gain = magnitudes.sum() / jnp.maximum(mask.sum(), 1)
    return jnp.where(mask, gain * jnp.sign(weight), 0)


def initial_scores(kernels: Mapping[str, Any], key: jax.Array) -> dict[str, jax.Array]:
    """float32 scores from U(-1/sqrt(fan_in), 1/sqrt(fan_in)) by path, for arrays by path."""
    return masks.uniforms(key, kernels, lambda path, shape: 1 / np.sqrt(masks.fan_in(path, shape)))


def signed_constants(trainable: Tree, shares: Mapping[str, float]) -> Tree:
    """The parameters with every prunable weight replaced by its sign times sqrt(2 / (fan in * kept share)).

    A layer of which nothing is kept is zero.
    """

    def one(path, weight):
        if path not in shares:
            return weight
        if shares[path] == 0:
            return jnp.zeros_like(weight)
        return jnp.sign(weight) * jnp.sqrt(2 / (masks.fan_in(path, weight.shape) * shares[path]))

    return map_by_path(one, trainable)


HEAD = "head"
"""Part of the paths of the layer that gives logits."""


@functools.cache
def ticket(binary: bool, learn_head: bool = False) -> MaskParametrisation:
    """Scores over frozen random weights (edge-popup, arXiv 1911.13299), binarised if asked (arXiv 2103.09377).

    Only scores are trained; weight decay acts on them. Biases and BatchNorm scales stay as initialised,
    running statistics follow. In the scope `layer` every layer, head included, keeps the same fraction. In
    the scope `global` the largest scores of all layers stay, and a sparsity above one half is approached
    along a cubic ramp of `ramp` epochs: scores start at the size 1/sqrt(fan in), so that wide layers would
    be emptied at once. With `constant`, frozen weights are signed constants (edge-popup's best variant).
    The gradient passes straight through the selection and the gain: d/d|score| is the gradient of the
    weight times the frozen weight. With `learn_head` the head's weights and bias are trained with the scores and all
    kept, and the other layers carry the sparsity: what a ticket owes to its body and what to its head.
    """
    in_head = lambda path: learn_head and masks.is_protected(path, (HEAD,))

    def init(run: MethodRun, sparsity: float):
        options, trainable = run.options, run.start.trainable
        kernels = masks.prunable(trainable)
        scope, protected = options["scope"], (*run.protected, *((HEAD,) if learn_head else ()))
        last = counts_of(kernels, sparsity, scope, protected)
        # Of a global selection no layer's share is known before training.
        share = {path: float(last.get(path, (1 - sparsity) * w.size)) / w.size for path, w in kernels.items()}
        frozen = signed_constants(trainable, share) if options.get("constant") else trainable
        ramp = min(options["ramp"] * run.batches.steps, run.total_steps / 2)
        ramp = ramp if scope == "global" and sparsity > 0.5 else 0.0
        scores = initial_scores(kernels, jax.random.fold_in(run.key, 0x73636F72))
        head = {path: leaf for path, leaf in by_path(trainable).items() if in_head(path)}
        return {**scores, **head}, {
            "frozen": frozen,
            "kept": last,
            "begun": counts_of(kernels, 0.5, scope, protected) if ramp else last,
            "ramp": jnp.float32(ramp),
        }

    def strengths_of(scores: Tree, carried: Mapping[str, Any]) -> dict[str, jax.Array]:
        """Sizes of scores; those of a trained head, which has none, are equal, and it is kept whole."""
        kernels = masks.prunable(carried["frozen"])
        return {p: jnp.zeros_like(scores[p]) if in_head(p) else jnp.abs(scores[p]) for p in kernels}

    def effective_params(scores: Tree, carried: Mapping[str, Any], train: bool):
        strengths, counts = strengths_of(scores, carried), carried["kept"]
        if train:
            progress = carried["step"] / jnp.maximum(carried["ramp"], 1e-6)
            counts = cubic_counts(carried["begun"], carried["kept"], progress)
        chosen = top_of(jax.lax.stop_gradient(strengths), counts)

        def one(path, weight):
            if in_head(path):
                return scores[path]
            if path not in scores:
                return weight
            masked = binarise(weight, chosen[path]) if binary else jnp.where(chosen[path], weight, 0)
            straight = strengths[path] - jax.lax.stop_gradient(strengths[path])
            return jax.lax.stop_gradient(masked) + straight * weight

        return map_by_path(one, carried["frozen"]), 0.0

    # One program for all layers.
    largest = jax.jit(lambda scores, carried: top_of(strengths_of(scores, carried), carried["kept"]))

    def final_masks(scores: Tree, carried: Mapping[str, Any]):
        return {path: np.asarray(mask) for path, mask in largest(scores, carried).items()}, ()

    return MaskParametrisation(init, effective_params, final_masks)


def edge_popup(run: MethodRun, sparsity: float) -> MaskParametrisation:
    """Frozen weights under the masks of the largest scores, see `ticket`."""
    return ticket(False, bool(run.options["learn_head"]))


def biprop(run: MethodRun, sparsity: float) -> MaskParametrisation:
    """Binarised frozen weights under the masks of the largest scores, see `ticket`."""
    return ticket(True, bool(run.options["learn_head"]))
