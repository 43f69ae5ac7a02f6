"""Activating while pruning: a part of what is removed is chosen so that more units fire (arXiv 2212.06145)."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from rosalind.pruning import masks
from rosalind.pruning.ranking import top
from rosalind.training import Tree, by_path


def ap_step(
    alive: Mapping[str, Any],
    weights: Mapping[str, Any],
    began_with: Mapping[str, Any],
    count: int,
    fixed: Sequence[str] = (),
) -> tuple[masks.Masks, int, float]:
    """Remove the negative weights that moved least since training began.

    Without them pre-activations behind a ReLU rise. Behind BatchNorm the mean is taken off again, which
    cancels most of that in training. The authors' code (Martin1937/Activate-While-Pruning) removes one weight more than
    the count, as its threshold is the next one's movement, and BatchNorm's scales as if they were weights.

    Args:
        alive: masks before the step.
        weights: trained weights by path.
        began_with: the weights that their training began with.
        count: number of weights to remove; fewer go where fewer are negative.
        fixed: paths that are left alone.

    Returns:
        The masks after it, the number of weights that were missing for `count`, and the threshold: how far the one that
        moved most of those removed had moved; NaN where none was.
    """
    free = [path for path in sorted(alive) if path not in fixed]
    flat = lambda arrays: np.concatenate([np.asarray(arrays[path], np.float32).ravel() for path in free])
    values, masks = flat(weights), {path: np.asarray(mask) for path, mask in alive.items()}
    negative = np.concatenate([masks[path].ravel() for path in free]) & (values < 0)
    moved = np.abs(values - flat(began_with))
    removed = top(-moved, count, negative)
    cuts = np.cumsum([masks[path].size for path in free])[:-1]
    for path, part in zip(free, np.split(removed, cuts), strict=True):
        masks[path] = masks[path] & ~part.reshape(masks[path].shape)
    threshold = float(moved[removed].max()) if removed.any() else float("nan")
    return masks, count - int(removed.sum()), threshold


def activating(
    scores: masks.Scores,
    trainable: Tree,
    began_with: Tree,
    sparsity: float,
    share: float,
    *,
    within: Mapping[str, np.ndarray],
    **rules: Any,
) -> tuple[masks.Masks, tuple[str, ...], dict[str, np.ndarray]]:
    """Masks at `sparsity`: `share` of the surviving weights go by `ap_step`, the rest by score.

    Any method that scores weights can be combined with it; `rules` are those of `masks.keep`. Where too
    few weights are negative, scores choose the difference, and a note says so.

    Returns:
        The masks, notes, and the record of this round: `ap/removed` int64[1, layers], by `ap_step` of every layer in
        the order of their paths, and `ap/threshold` float64[1].
    """
    total = sum(mask.size for mask in within.values())
    alive = sum(int(np.sum(mask)) for mask in within.values())
    target = masks.kept_count(total, sparsity)
    plain = masks.keep(scores, sparsity, within=within, **rules)
    fixed = [path for path in within if masks.is_protected(path, rules.get("protected", ()))]
    fixed += list(masks.layer_sparsities(within, rules.get("layers") or {}))
    # Layers that are not free to choose from lose what they lose.
    free = sum(int(np.sum(within[p])) - int(np.sum(plain[p])) for p in within if p not in fixed)
    count = min(round(share * alive), free)
    if count <= 0:
        return plain, (), _record(plain, plain, float("nan"))
    first = masks.keep(scores, 1 - (target + count) / total, within=within, **rules)
    chosen, missing, threshold = ap_step(first, by_path(trainable), by_path(began_with), count, fixed)
    record = _record(first, chosen, threshold)
    if not missing:
        return chosen, (), record
    note = f"{missing} of {count} weights were chosen by score: too few negative ones"
    return masks.keep(scores, sparsity, within=chosen, **{**rules, "scope": "global"}), (note,), record


def _record(before: Mapping[str, Any], after: Mapping[str, Any], threshold: float) -> dict[str, np.ndarray]:
    removed = [int(np.sum(before[path])) - int(np.sum(after[path])) for path in sorted(before)]
    return {"ap/removed": np.array([removed], np.int64), "ap/threshold": np.array([threshold])}
