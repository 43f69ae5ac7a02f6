"""Importance of every channel, higher is kept: functions of a `Scoring` to one float32[size] per group."""

import functools
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp

from rosalind import training
from rosalind.config import ChannelGroup
from rosalind.pruning.gradients import gradient
from rosalind.pruning.masks import uniform
from rosalind.pruning.types import Scoring
from rosalind.training import Tree, by_path


def by_channel(leaf: Any, group: ChannelGroup, axis: int) -> jax.Array:
    """float[size, everything else]: a member's entries per channel; repeated channels side by side."""
    return _by_channel(leaf, group.size, axis)


@functools.partial(jax.jit, static_argnums=(1, 2))
def _by_channel(leaf: Any, size: int, axis: int) -> jax.Array:
    moved = jnp.moveaxis(jnp.asarray(leaf), axis, 0)
    return jnp.moveaxis(moved.reshape(-1, size, moved.size // moved.shape[0]), 1, 0).reshape(size, -1)


def _filters(scoring: Scoring) -> list[jax.Array]:
    """float[size, d] per group: the kernels that make each channel; with `coupled` also what else goes with it, but for
    biases and shifts: kernels that read it and scales of norms.
    """
    leaves, coupled = by_path(scoring.trainable), scoring.options.get("coupled", False)
    counted = lambda path, axis: axis == -1 or (coupled and (axis < 0 or path.split("/")[-1] == "scale"))
    return [
        jnp.concatenate(
            [by_channel(leaves[path], group, axis) for path, axis in group.members if counted(path, axis)], 1
        )
        for group in scoring.groups
    ]


def filter_l1(scoring: Scoring) -> list[jax.Array]:
    """Sum of |weight| over the kernels that make a channel (arXiv 1608.08710).

    With `coupled` over all that goes with it, as Torch-Pruning's `GroupNormImportance(p=1)` (arXiv 2301.12900).
    """
    return [jnp.abs(filters).sum(1) for filters in _filters(scoring)]


def filter_l2(scoring: Scoring) -> list[jax.Array]:
    """Euclidean norm of the kernels that make a channel (arXiv 1808.06866).

    With `coupled` of all that goes with it: the order within a group is that of `GroupNormImportance(p=2)`, which has
    the square, so that in the scope `global` groups compete otherwise.
    """
    return [jnp.sqrt(jnp.square(filters).sum(1)) for filters in _filters(scoring)]


def fpgm(scoring: Scoring) -> list[jax.Array]:
    """Sum of a filter's distances to the other filters: the nearest to the median go first (arXiv 1811.00250)."""
    distances = lambda filters: lambda f: jnp.sqrt(jnp.square(filters - f[None]).sum(1)).sum()
    return [jax.lax.map(distances(filters), filters) for filters in _filters(scoring)]


def _scales(group: ChannelGroup) -> list[str]:
    return [path for path, axis in group.members if axis == 0 and path.split("/")[-1] == "scale"]


def with_norms(groups: Sequence[ChannelGroup]) -> list[ChannelGroup]:
    """The groups with a norm behind their channels, which `bn_scale` ranks; ValueError if there is none."""
    ranked = [group for group in groups if _scales(group)]
    if not ranked:
        kernels = sorted({path for group in groups for path, axis in group.members if axis == -1})
        raise ValueError(
            f"bn_scale ranks channels by the scales of norms behind them, and there is none behind any of {kernels}. "
            "Put norms into the model, or choose another method, such as filter_l2."
        )
    return ranked


def bn_scale(scoring: Scoring) -> list[jax.Array | None]:
    """|scale| of the norms behind a channel, summed; see the option `l1_epochs` (arXiv 1708.06519).

    None for groups without a norm, such as fully connected layers behind convolutions, which stay whole.

    Raises:
        ValueError: no channel with a norm, or scales that are all zero.
    """
    leaves, ranked, scores = by_path(scoring.trainable), with_norms(scoring.groups), []
    for group in scoring.groups:
        if group not in ranked:
            scores.append(None)
            continue
        paths = _scales(group)
        scores.append(sum(jnp.abs(by_channel(leaves[path], group, 0)).sum(1) for path in paths))
        if not bool(jnp.any(scores[-1])):
            raise ValueError(f"all scales of {paths} are zero: start them at 1, or train the network first.")
    return scores


def taylor_gate(scoring: Scoring) -> list[jax.Array]:
    """Mean over batches of the squared derivative of the loss by a gate on the channel (arXiv 1906.10771).

    The gate multiplies the norm behind a channel: scale * d/d scale + bias * d/d bias; without a norm, the
    kernel and bias that make it. In evaluation mode: before BatchNorm with batch statistics the sum over a
    filter of weight * gradient is exactly zero.
    """
    leaves, total = by_path(scoring.trainable), []
    for step in range(scoring.options["score_batches"]):
        slopes = by_path(
            gradient(scoring.loss, False)(scoring.trainable, scoring.state, scoring.batches(scoring.key, step))
        )
        squares = [jnp.square(_gate_slope(group, leaves, slopes)) for group in scoring.groups]
        total = [a + b for a, b in zip(total, squares, strict=True)] if total else squares
    return total


def _gate_slope(group: ChannelGroup, leaves: Mapping[str, Any], slopes: Mapping[str, Any]) -> Any:
    """float[size]: the derivative of one batch's loss by a factor on every channel."""
    norms = {path.rpartition("/")[0] for path in _scales(group)}
    gates = [
        (path, axis) for path, axis in group.members if axis != -2 and (not norms or path.rpartition("/")[0] in norms)
    ]
    return sum(by_channel(leaves[path] * slopes[path], group, axis).sum(1) for path, axis in gates)


def random(scoring: Scoring) -> list[jax.Array]:
    """Uniform numbers in [0, 1): the control."""
    return [uniform(scoring.key, g.members[0][0], (g.size,)) for g in scoring.groups]


@functools.cache
def with_l1(loss: training.Loss, paths: tuple[str, ...], strength: float) -> training.Loss:
    """The loss plus `strength` times the sum of |parameter| over `paths`: network slimming (arXiv 1708.06519)."""

    def slimming(trainable: Tree, state: Tree, batch: Any, train: bool = True):
        value, rest = loss(trainable, state, batch, train)
        leaves = by_path(trainable)
        return value + strength * sum(jnp.abs(leaves[path]).sum() for path in paths), rest

    return slimming
