"""How much every channel matters: functions that score coupled channels, higher is kept.

Each is called with `(trainable, state, *, groups, loss, batches, options, key)`, names what it uses and leaves
the rest to `**_`; it gives float32[size] per group.
"""

import functools
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp

from rosalind.config import ChannelGroup
from rosalind.pruning.gradients import gradient
from rosalind.pruning.masks import path_key
from rosalind.training import by_path


def by_channel(leaf, group: ChannelGroup, axis: int):
    """float[size, everything else]: a member's entries per channel; repeated channels side by side."""
    moved = jnp.moveaxis(jnp.asarray(leaf), axis, 0)
    return jnp.moveaxis(moved.reshape(-1, group.size, moved.size // moved.shape[0]), 1, 0).reshape(
        group.size, -1
    )


def _filters(group: ChannelGroup, leaves: Mapping[str, Any]):
    """float[size, d]: the kernels that make each channel."""
    return jnp.concatenate([by_channel(leaves[p], group, axis) for p, axis in group.members if axis == -1], 1)


def filter_l1(trainable, state, *, groups, **_):
    """Sum of |weight| over the kernels that make a channel (arXiv 1608.08710)."""
    leaves = by_path(trainable)
    return [jnp.abs(_filters(group, leaves)).sum(1) for group in groups]


def filter_l2(trainable, state, *, groups, **_):
    """Euclidean norm of the kernels that make a channel (arXiv 1808.06866)."""
    leaves = by_path(trainable)
    return [jnp.sqrt(jnp.square(_filters(group, leaves)).sum(1)) for group in groups]


def fpgm(trainable, state, *, groups, **_):
    """Sum of a filter's distances to the other filters: the nearest to the median go first (arXiv 1811.00250)."""
    leaves, found = by_path(trainable), []
    for group in groups:
        filters = _filters(group, leaves)
        one = lambda f, filters=filters: jnp.sqrt(jnp.square(filters - f[None]).sum(1)).sum()
        found.append(jax.lax.map(one, filters))
    return found


def _scales(group: ChannelGroup) -> list[str]:
    return [path for path, axis in group.members if axis == 0 and path.split("/")[-1] == "scale"]


def check_norms(groups) -> None:
    """Raise ValueError unless there is a norm behind every channel."""
    for group in groups:
        if not _scales(group):
            raise ValueError(f"bn_scale needs a norm behind every channel; there is none on {group.members}.")


def bn_scale(trainable, state, *, groups, **_):
    """|scale| of the norms behind a channel, summed; see the option `l1_epochs` (arXiv 1708.06519).

    Raises:
        ValueError: channels without a norm, or scales that are all zero.
    """
    check_norms(groups)
    leaves, found = by_path(trainable), []
    for group in groups:
        paths = _scales(group)
        found.append(sum(jnp.abs(leaves[path]) for path in paths))
        if not bool(jnp.any(found[-1])):
            raise ValueError(f"all scales of {paths} are zero: start them at 1, or train the network first.")
    return found


def taylor_gate(trainable, state, *, groups, loss, batches, options, key, **_):
    """Mean over batches of the squared derivative of the loss by a gate on the channel (arXiv 1906.10771).

    The gate multiplies the norm behind a channel: scale * d/d scale + bias * d/d bias; without a norm, the
    kernel and bias that make it. In evaluation mode: before BatchNorm with batch statistics the sum over a
    filter of weight * gradient is exactly zero.
    """
    leaves, total = by_path(trainable), None
    for step in range(options["score_batches"]):
        slopes = by_path(gradient(loss, False)(trainable, state, batches(key, step)))
        found = []
        for group in groups:
            norms = {path.rpartition("/")[0] for path in _scales(group)}
            gates = [
                (path, axis)
                for path, axis in group.members
                if axis != -2 and (not norms or path.rpartition("/")[0] in norms)
            ]
            parts = [by_channel(leaves[p] * slopes[p], group, axis).sum(1) for p, axis in gates]
            found.append(jnp.square(sum(parts)))
        total = found if total is None else [a + b for a, b in zip(total, found, strict=True)]
    return total


def random(trainable, state, *, groups, key, **_):
    """Uniform numbers: the control."""
    return [jax.random.uniform(path_key(key, group.members[0][0]), (group.size,)) for group in groups]


SCORES: dict[str, Callable[..., Any]] = {
    "filter_l1": filter_l1,
    "filter_l2": filter_l2,
    "fpgm": fpgm,
    "bn_scale": bn_scale,
    "taylor_gate": taylor_gate,
    "random": random,
}
"""Scores of channels by name: float32[size] per group, higher is kept."""


@functools.cache
def with_l1(loss, paths: tuple[str, ...], strength: float):
    """A loss with the sum of |parameter| over some paths added, as network slimming trains (arXiv 1708.06519)."""

    def slimming(trainable, state, batch, train: bool = True):
        value, rest = loss(trainable, state, batch, train)
        leaves = by_path(trainable)
        return value + strength * sum(jnp.abs(leaves[path]).sum() for path in paths), rest

    return slimming
