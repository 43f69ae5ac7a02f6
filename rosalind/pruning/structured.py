"""Whole channels: masks near a sparsity, and the smaller network they stand for."""

from collections.abc import Mapping, Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np

from rosalind.config import ChannelGroup
from rosalind.pruning.channel_scores import by_channel
from rosalind.pruning.masks import everything, is_protected, weights_only
from rosalind.training import by_path, map_by_path

Kept = list[np.ndarray]
"""Per group bool[size]: which channels stay."""

MISSED = 0.02
"""How far the most that channels can remove must stay below a sparsity to be noted.

Less is what rounding to whole channels does anywhere: half the largest step between neighbouring
numbers of channels is 0.017 in the cnn that is tried on the digits (width 24).
"""


def check(groups: Sequence[ChannelGroup], trainable: Any) -> None:
    """Raise ValueError for groups that do not fit the parameters, or where there are none."""
    if not groups:
        raise ValueError(
            "removing channels needs to know which belong together: prune(..., groups=models.groups(config)), or "
            "a ChannelGroup(size, ((path, axis), ...)) for every set of channels of a model of your own."
        )
    leaves = by_path(trainable)
    for group in groups:
        for path, axis in group.members:
            if path not in leaves:
                raise ValueError(f"a channel group names {path!r}; the parameters are {sorted(leaves)}.")
            length = np.shape(leaves[path])[axis]
            if length % group.size:
                raise ValueError(
                    f"axis {axis} of {path!r} has {length} entries, no multiple of {group.size} channels."
                )


def masks_of(kept: Kept, groups: Sequence[ChannelGroup], trainable: Any) -> dict[str, np.ndarray]:
    """Masks of P and of the members' biases and norms, False wherever a removed channel enters or leaves.

    A bias or a norm's shift behind a removed channel would leak a constant, so both are masked too.
    """
    leaves = by_path(trainable)
    masks = everything(trainable)
    for alive, group in zip(kept, groups, strict=True):
        for path, axis in group.members:
            shape = np.shape(leaves[path])
            mask = masks.setdefault(path, np.ones(shape, bool))
            along = [1] * len(shape)
            along[axis] = shape[axis]
            masks[path] = mask & np.tile(alive, shape[axis] // group.size).reshape(along)
    return masks


def alive_channels(masks: Mapping[str, Any], groups: Sequence[ChannelGroup]) -> Kept:
    """Which channels of each group have a kept weight that makes them and one that reads them."""
    found = []
    for group in groups:
        sides = {}
        for path, axis in group.members:
            if axis in (-1, -2) and path in masks:
                here = np.asarray(by_channel(np.asarray(masks[path]), group, axis)).any(1)
                sides[axis] = sides.get(axis, np.zeros(group.size, bool)) | here
        found.append(sides.get(-1, np.ones(group.size, bool)) & sides.get(-2, np.ones(group.size, bool)))
    return found


class _Counts:
    """Kept weights of P as a function of how many channels of every group stay."""

    def __init__(self, groups: Sequence[ChannelGroup], kernels: Mapping[str, Any]):
        index = {path: row for row, path in enumerate(kernels)}
        self.size = np.array([np.size(kernel) for kernel in kernels.values()], float)
        self.factors = [
            (index[path], k) for k, group in enumerate(groups) for path, axis in group.members if axis < 0
        ]
        self.channels = np.array([group.size for group in groups], float)

    def sparsity(self, kept: np.ndarray) -> float:
        """The removed fraction of P when int[groups] channels stay."""
        weights = self.size.copy()
        for row, k in self.factors:
            weights[row] *= kept[k] / self.channels[k]
        return 1 - weights.sum() / self.size.sum()


def select(
    scores: Sequence[Any],
    sparsity: float,
    groups: Sequence[ChannelGroup],
    trainable: Any,
    *,
    scope: str = "layer",
    within: Mapping[str, Any] | None = None,
    protected: Sequence[str] = (),
) -> tuple[dict[str, np.ndarray], tuple[str, ...]]:
    """Masks that remove the lowest channels until the sparsity of P is as near as whole channels allow.

    Args:
        scores: float[size] per group, higher is kept.
        sparsity: wished for, of P.
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
        raise ValueError(f"channels compete in the scope 'layer' or 'global', not {scope!r}.")
    values = [np.asarray(score, np.float32) for score in scores]
    for group, value in zip(groups, values, strict=True):
        if np.isnan(value).any():
            raise ValueError(
                f"{int(np.isnan(value).sum())} scores of the channels of {group.members[0][0]!r} are NaN."
            )
    alive = alive_channels(within, groups) if within else [np.ones(group.size, bool) for group in groups]
    free = np.array([not any(is_protected(p, protected) for p, _ in g.members) for g in groups])
    # The lowest first; what is removed already comes before everything, of equal ones the last.
    order = [np.lexsort((-np.arange(len(v)), v, here)) for v, here in zip(values, alive, strict=True)]
    counts = _Counts(groups, weights_only(everything(trainable)))
    sizes = np.array([group.size for group in groups])
    gone = np.array([int((~here).sum()) for here in alive])

    def removals():
        """Candidates: how many channels every group loses, from the fewest on."""
        if scope == "layer":
            for share in np.unique(np.concatenate([np.arange(n + 1) / n for n in sizes])):
                yield np.where(free, np.clip(np.round(share * sizes).astype(int), gone, sizes - 1), gone)
            return
        lost, ranked = gone.copy(), []
        for k, (value, here) in enumerate(zip(values, alive, strict=True)):
            mean = max(float(np.abs(value[here]).mean()) if here.any() else 0.0, 1e-30)
            ranked += [(float(value[c]) / mean, k, -int(c)) for c in np.flatnonzero(here) if free[k]]
        yield lost.copy()
        for _, k, _ in sorted(ranked):
            if lost[k] < sizes[k] - 1:
                lost[k] += 1
                yield lost.copy()

    candidates = list(removals())
    reached = np.array([counts.sparsity(sizes - lost) for lost in candidates])
    best = int(np.argmin(np.abs(reached - sparsity)))
    kept = []
    for group, ranks, count in zip(groups, order, candidates[best], strict=True):
        here = np.ones(group.size, bool)
        here[ranks[:count]] = False
        kept.append(here)
    note = ()
    if reached.max() < sparsity - MISSED:
        note = (
            f"channels can remove at most {reached.max():.3f} of the weights, {sparsity:g} was asked for",
        )
    return masks_of(kept, groups, trainable), note


def shrink(
    trainable: Any, state: Any, masks: Mapping[str, Any], groups: Sequence[ChannelGroup]
) -> tuple[Any, Any]:
    """The physically smaller parameters and state, whose logits equal those of the masked network.

    Channels go that no kept weight makes or reads; a rosalind model takes the result as it is
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
    alive = [here if here.any() else np.arange(len(here)) == 0 for here in alive]
    cuts: dict[str, list[tuple[int, np.ndarray]]] = {}
    modules: dict[str, np.ndarray] = {}
    for here, group in zip(alive, groups, strict=True):
        readers = [(path, axis) for path, axis in group.members if axis == -2]
        read = np.any([by_channel(np.asarray(masks[p]), group, a).any(1) for p, a in readers], 0)
        for path, axis in group.members:
            entries = np.tile(here, np.shape(leaves[path])[axis] // group.size)
            # A norm's scale makes a constant of its running mean, as a bias is one; it matters if it is read.
            lost = ~here & read
            if axis == 0 and np.asarray(leaves[path])[lost].any():
                raise ValueError(f"{path!r} is not zero behind channels that are removed; mask it too.")
            cuts.setdefault(path, []).append((axis, np.flatnonzero(entries)))
            if axis == 0:
                modules[path.rpartition("/")[0]] = np.flatnonzero(entries)

    def cut(path: str, leaf):
        for axis, index in cuts.get(path, ()):
            leaf = jnp.take(jnp.asarray(leaf), index, axis=axis)
        return leaf

    def cut_state(path: str, leaf):
        # `batch_stats/backbone/norm0/mean` belongs to the parameters of `backbone/norm0`.
        # The longest name: `norm0` alone is a module of its own.
        module = path.rpartition("/")[0]
        owners = [name for name in modules if module == name or module.endswith(f"/{name}")]
        if not owners:
            return leaf
        return jnp.take(jnp.asarray(leaf), modules[max(owners, key=len)], axis=0)

    return map_by_path(cut, trainable), map_by_path(cut_state, state)
