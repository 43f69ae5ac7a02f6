"""Masks learned over frozen pretrained weights, under whatever loss the network was trained with (HYDRA)."""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from rosalind.pruning import masks
from rosalind.pruning.learned_base import counts_of, top_of
from rosalind.pruning.types import MaskParametrisation, MethodRun
from rosalind.training import Tree, map_by_path


def scaled_scores(kernels: Mapping[str, Any]) -> dict[str, jax.Array]:
    """Scores by path that begin at the pretrained weights: sqrt(6 / fan in) * w / max |w| of the layer.

    A layer that is zero has scores of zero. In each layer the largest are those of the largest weights.

    >>> scaled_scores({"a/kernel": jnp.array([[3.0], [-1.0]])})["a/kernel"].round(3).tolist()
    [[1.732...], [-0.577...]]
    """

    def one(path: str, weight: jax.Array) -> jax.Array:
        weight = jnp.asarray(weight, jnp.float32)
        largest = jnp.maximum(jnp.abs(weight).max(), np.finfo(np.float32).tiny)
        return np.sqrt(6 / masks.fan_in(path, weight.shape)) * weight / largest

    return {path: one(path, weight) for path, weight in kernels.items()}


def _init(run: MethodRun, sparsity: float):
    kernels = masks.prunable(run.start.trainable)
    return scaled_scores(kernels), {
        "frozen": run.start.trainable,
        "kept": counts_of(kernels, sparsity, run.options["scope"], run.protected),
    }


def _strengths(scores: Tree) -> dict[str, jax.Array]:
    return {path: jnp.abs(score) for path, score in scores.items()}


def _effective_params(scores: Tree, carried: Mapping[str, Any], train: bool):
    strengths = _strengths(scores)
    chosen = top_of(jax.lax.stop_gradient(strengths), carried["kept"])

    def one(path, weight):
        if path not in scores:
            return weight
        straight = strengths[path] - jax.lax.stop_gradient(strengths[path])
        return jnp.where(chosen[path], weight, 0) + straight * weight

    return map_by_path(one, carried["frozen"]), 0.0


def _final_masks(scores: Tree, carried: Mapping[str, Any]):
    chosen = top_of(_strengths(scores), carried["kept"])
    return {path: np.asarray(mask) for path, mask in chosen.items()}, ()


_HYDRA = MaskParametrisation(_init, _effective_params, _final_masks)


def hydra(run: MethodRun, sparsity: float) -> MaskParametrisation:
    """Masks of the largest |scores| over the frozen pretrained weights (HYDRA, arXiv 2002.10509).

    First only scores are trained, for `mask_epochs` at the peak rate `mask_rate` (SGD with momentum, as published), all
    parameters frozen while BatchNorm's running statistics follow; then the kept weights are fine-tuned. Both under the
    loss of the run, which is robust where the parent's was. Scores begin at `scaled_scores`, so that in the scope
    `layer` the first mask is that of magnitude pruning. The gradient passes straight through the selection: d/d|score|
    is the gradient of the effective weight times the frozen weight.

    In the authors' code (inspire-group/hydra) the momentum is plain and not Nesterov's, scores decay by 1e-4, and
    BatchNorm's scales and shifts are trained with the scores unless it is told `--freeze-bn`; the paper's objective has
    the scores alone. A layer's share is rounded up there.
    """
    return _HYDRA
