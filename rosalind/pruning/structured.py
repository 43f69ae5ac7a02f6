"""Whole channels: masks near a sparsity, and the smaller network they stand for."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np

from rosalind.config import ChannelGroup
from rosalind.pruning.channel_scores import by_channel
from rosalind.pruning.masks import Masks, everything, is_protected, weights_only
from rosalind.training import Tree, by_path, map_by_path

Alive = list[np.ndarray]
"""bool[size] per group, True where a channel stays."""

MISSED = 0.02
"""A sparsity that is out of reach by more than this is noted. Rounding to whole channels misses by less: by at
most 0.017 in the cnn that is tried on the digits (width 24)."""


def check(groups: Sequence[ChannelGroup], trainable: Tree) -> None:
    """Raise ValueError for groups that do not fit the parameters, or where there are none."""
    if not groups:
        raise ValueError(
            "removing channels needs to know which belong together, and no group is given: prune(..., groups=) takes "
            "models.groups(config), or a ChannelGroup(size, ((path, axis), ...)) for every set of channels of a model "
            "of your own. In a study they are found by tracing, which leaves whole what meets the output, a norm over "
            "channels, or a layer or array that it does not know, as are all of flax.nnx; choose a method of single "
            "weights."
        )
    leaves = by_path(trainable)
    for group in groups:
        for path, axis in group.members:
            if path not in leaves:
                raise ValueError(f"a channel group names {path!r}; the parameters are {sorted(leaves)}.")
            length = np.shape(leaves[path])[axis]
            if length % group.size:
                raise ValueError(f"axis {axis} of {path!r} has {length} entries, no multiple of {group.size} channels.")


def masks_of(alive: Alive, groups: Sequence[ChannelGroup], trainable: Tree) -> Masks:
    """Masks of P and of the members' biases and norms, False wherever a removed channel enters or leaves.

    A bias or a norm's shift behind a removed channel would leak a constant, so both are masked too.
    """
    leaves = by_path(trainable)
    masks = everything(trainable)
    for stays, group in zip(alive, groups, strict=True):
        for path, axis in group.members:
            shape = np.shape(leaves[path])
            mask = masks.setdefault(path, np.ones(shape, bool))
            along = [1] * len(shape)
            along[axis] = shape[axis]
            masks[path] = mask & np.tile(stays, shape[axis] // group.size).reshape(along)
    return masks


def alive_channels(masks: Mapping[str, Any], groups: Sequence[ChannelGroup]) -> Alive:
    """bool[size] per group: True where a kept weight makes the channel and one reads it."""
    alive = []
    for group in groups:
        sides = {}
        for path, axis in group.members:
            if axis in (-1, -2) and path in masks:
                used = np.asarray(by_channel(np.asarray(masks[path]), group, axis)).any(1)
                sides[axis] = sides.get(axis, np.zeros(group.size, bool)) | used
        alive.append(sides.get(-1, np.ones(group.size, bool)) & sides.get(-2, np.ones(group.size, bool)))
    return alive


def _sparsities(left: np.ndarray, groups: Sequence[ChannelGroup], kernels: Mapping[str, Any]) -> np.ndarray:
    """float[n]: the removed fraction of P when int[n, groups] channels are left."""
    rows = {path: row for row, path in enumerate(kernels)}
    sizes = np.array([np.size(kernel) for kernel in kernels.values()], float)
    weights = np.tile(sizes, (len(left), 1))
    for k, group in enumerate(groups):
        for path, axis in group.members:
            if axis < 0:
                weights[:, rows[path]] *= left[:, k] / group.size
    return 1 - weights.sum(1) / sizes.sum()


def select(
    scores: Sequence[Any],
    sparsity: float,
    groups: Sequence[ChannelGroup],
    trainable: Tree,
    *,
    scope: str = "layer",
    within: Mapping[str, Any] | None = None,
    protected: Sequence[str] = (),
) -> tuple[Masks, tuple[str, ...]]:
    """Masks that remove the lowest channels until the sparsity of P is as near as whole channels allow.

    Args:
        scores: float[size] per group, higher is kept; None for a group that stays whole.
        sparsity: of P, to come near to.
        groups: all coupled channels.
        trainable: the parameters.
        scope: `layer` removes the same share of every group's channels; `global` the lowest of all, each
            score divided by its group's mean.
        within: masks whose removed channels stay removed.
        protected: groups with a member in these layers stay whole.

    Returns:
        The masks, and a note if the sparsity is out of reach. Every group keeps a channel.

    Raises:
        ValueError: another scope, NaN scores.
    """
    if scope not in ("layer", "global"):
        raise ValueError(f"`scope` of channels must be 'layer' or 'global', not {scope!r}.")
    values = [
        np.zeros(group.size, np.float32) if score is None else np.asarray(score, np.float32)
        for group, score in zip(groups, scores, strict=True)
    ]
    for group, value in zip(groups, values, strict=True):
        if count := int(np.isnan(value).sum()):
            raise ValueError(f"{count} scores of the channels of {group.members[0][0]!r} are NaN.")
    alive = alive_channels(within, groups) if within else [np.ones(group.size, bool) for group in groups]
    held = [any(is_protected(path, protected) for path, _ in group.members) for group in groups]
    free = np.array([score is not None and not whole for score, whole in zip(scores, held, strict=True)])
    sizes = np.array([group.size for group in groups])
    gone = np.array([int((~a).sum()) for a in alive])

    def removals() -> Iterator[np.ndarray]:
        """Candidates: the number of channels that every group loses, from the fewest on."""
        if scope == "layer":
            for share in np.unique(np.concatenate([np.arange(n + 1) / n for n in sizes])):
                yield np.where(free, np.clip(np.round(share * sizes).astype(int), gone, sizes - 1), gone)
            return
        lost, ranked = gone.copy(), []
        for k, (value, a) in enumerate(zip(values, alive, strict=True)):
            mean = max(float(np.abs(value[a]).mean()) if a.any() else 0.0, 1e-30)
            ranked += [(float(value[c]) / mean, k, -int(c)) for c in np.flatnonzero(a) if free[k]]
        yield lost.copy()
        for _, k, _ in sorted(ranked):
            if lost[k] < sizes[k] - 1:
                lost[k] += 1
                yield lost.copy()

    candidates = np.stack(list(removals()))
    reached = _sparsities(sizes - candidates, groups, weights_only(everything(trainable)))
    counts = candidates[np.argmin(np.abs(reached - sparsity))]
    chosen = []
    for value, a, count in zip(values, alive, counts, strict=True):
        # The lowest first; what is removed already comes before everything, of equal ones the last.
        order = np.lexsort((-np.arange(len(value)), value, a))
        chosen.append(~np.isin(np.arange(len(value)), order[:count]))
    note = f"channels can remove at most {reached.max():.3f} of the weights, {sparsity:g} was asked for"
    return masks_of(chosen, groups, trainable), (note,) if reached.max() < sparsity - MISSED else ()


def shrink(trainable: Tree, state: Tree, masks: Mapping[str, Any], groups: Sequence[ChannelGroup]) -> tuple[Tree, Tree]:
    """The physically smaller parameters and state, whose logits equal those of the masked network.

    Remove channels that no kept weight writes or reads; a rosalind model takes the result as it is
    (`models.apply(config, {"params": trainable, **state}, images)`).

    Args:
        trainable: parameters, exactly zero where masks are False.
        state: beside them; arrays of a norm among the members (its statistics) shrink with it.
        masks: of P, or also of biases and norms. Biases behind a channel that goes must be masked or zero.
        groups: all coupled channels.

    Raises:
        ValueError: a removed channel has a bias or shift that is not zero: its constant would be lost.
    """
    leaves, alive = by_path(trainable), alive_channels(masks, groups)
    # A group that loses all its channels keeps one, all of whose weights are zero: no layer has size 0.
    alive = [a if a.any() else np.arange(len(a)) == 0 for a in alive]
    cuts: dict[str, list[tuple[int, np.ndarray]]] = {}
    modules: dict[str, np.ndarray] = {}
    factors: dict[str, float] = {}
    for stays, group in zip(alive, groups, strict=True):
        readers = [(path, axis) for path, axis in group.members if axis == -2]
        # Queries and keys have no reader but each other, and go together.
        read = np.zeros(group.size, bool)
        for path, axis in readers:
            read |= np.asarray(by_channel(np.asarray(masks[path]), group, axis).any(1))
        factors |= dict.fromkeys(group.rooted, float(np.sqrt(stays.sum() / group.size)))
        for path, axis in group.members:
            entries = np.flatnonzero(np.tile(stays, np.shape(leaves[path])[axis] // group.size))
            cuts.setdefault(path, []).append((axis, entries))
            if axis == 0:
                modules[path.rpartition("/")[0]] = entries
            if axis >= 0:
                # A norm's scale makes a constant of its running mean, as a bias is one; it matters if it is read.
                lost = np.tile(~stays & read, np.shape(leaves[path])[axis] // group.size)
                if np.compress(lost, np.asarray(leaves[path]), axis).any():
                    raise ValueError(f"{path!r} is not zero behind channels that are removed; mask it too.")

    def cut(path: str, leaf: Any) -> Any:
        for axis, index in cuts.get(path, ()):
            leaf = jnp.take(jnp.asarray(leaf), index, axis=axis)
        return leaf * jnp.asarray(factors[path], leaf.dtype) if path in factors else leaf

    def cut_state(path: str, leaf: Any) -> Any:
        # `batch_stats/backbone/norm0/mean` belongs to the parameters of `backbone/norm0`.
        # The longest name: `norm0` alone is a module of its own.
        module = path.rpartition("/")[0]
        owners = [name for name in modules if module == name or module.endswith(f"/{name}")]
        if not owners:
            return leaf
        return jnp.take(jnp.asarray(leaf), modules[max(owners, key=len)], axis=0)

    return map_by_path(cut, trainable), map_by_path(cut_state, state)
