"""Repair of a network that was pruned at once: every layer's outputs get back the parent's variance and mean."""

import functools
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp

from rosalind.pruning.masks import weights_only
from rosalind.pruning.sampling import joined, samples_of
from rosalind.pruning.types import CountedBatches, MethodRun, Weights
from rosalind.training import map_by_path, project

_jitted = functools.cache(jax.jit)

_CONSTANT = 1e-10
"""A variance below this part of the squared mean is that of rounding."""

_WEAKEST = 0.01
"""The least part of the parent's variance at which a channel is scaled: what is left of a weaker one are inputs that
hardly vary on clean samples, and would vary far more under corruptions. See `experiments/repair.py`."""


def repaired(
    run: MethodRun, pruned: Weights, masks: Mapping[str, Any], batches: CountedBatches
) -> tuple[Weights, tuple[str, ...]]:
    """A pruned network whose layers' outputs have the mean and variance of the dense parent's, channel by channel.

    On the first `repair` samples of `batches`, both networks with the BatchNorm statistics of these samples, every
    output channel of a kernel is multiplied by the ratio of the two deviations, and a bias beside it shifted by the
    difference of the means; then the statistics of BatchNorm are those of the samples (channel-wise matching before
    recalibration, as in arXiv 2605.21426, whose shrinkage of the ratios is not in this; for networks without
    BatchNorm cf. arXiv 2211.08403). Recalibration gives whatever lies behind a BatchNorm the same moments for any
    ratio, so that matching adds to it where a layer has no BatchNorm of its own behind it.

    A channel that is constant in either network, or has less than a hundredth of the parent's variance left, keeps its
    weights: a guard of our own. Masks hold: what is removed stays zero, biases and norms of removed channels as well.

    Returns:
        The weights, and a note on kernels whose outputs the model function `moments` does not give.

    Raises:
        ValueError: the model function `moments` is missing; a batch with arrays that do not begin with its samples.
    """
    moments = _jitted(run.functions.needed("moments", f"{run.name} with repair"))
    batch = _samples(run, batches)
    _, target = moments(*run.parent.trained, batch)
    trainable = pruned.trainable
    # The layers at depth k are exact once all before them are: after as many rounds as there are layers, all.
    for _ in target:
        state, current = moments(trainable, pruned.state, batch)
        ratios, shifts = {}, {}
        for path, (mean, variance) in target.items():
            own_mean, own_variance = current[path]
            both = (variance > _CONSTANT * mean**2) & (own_variance > _CONSTANT * own_mean**2)
            both &= own_variance >= _WEAKEST * variance
            ratios[path] = jnp.where(both, jnp.sqrt(variance / jnp.where(both, own_variance, 1)), 1)
            shifts[_bias_of(path)] = mean, own_mean, ratios[path]

        def moved(path: str, leaf: Any, ratios: dict[str, Any] = ratios, shifts: dict[str, Any] = shifts) -> Any:
            if path in ratios:
                return (leaf * ratios[path].reshape((1,) * (leaf.ndim - 1) + (-1,))).astype(leaf.dtype)
            if path in shifts:
                mean, own_mean, ratio = shifts[path]
                return (mean - ratio * (own_mean - leaf)).astype(leaf.dtype)
            return leaf

        trainable = project(map_by_path(moved, trainable), masks)
    state, _ = moments(trainable, pruned.state, batch)
    unknown = sorted(path for path in weights_only(masks) if path not in target)
    notes = (f"not repaired, as the model does not give their outputs: {', '.join(unknown)}",) if unknown else ()
    return Weights(trainable, state), notes


def _bias_of(path: str) -> str:
    """The path of the bias beside a kernel."""
    return "/".join([*path.split("/")[:-1], "bias"])


def _samples(run: MethodRun, batches: CountedBatches) -> Any:
    """The first `repair` samples as one batch; see `samples_of`."""
    return joined([batch for batch, _ in samples_of(batches, run.key, run.options["repair"])])
