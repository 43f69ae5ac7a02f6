"""Activating while pruning: a part of what is removed is chosen so that more units fire (arXiv 2212.06145)."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from rosalind.pruning import masks
from rosalind.pruning.ranking import top
from rosalind.training import by_path


def ap_step(
    alive: Mapping[str, Any],
    weights: Mapping[str, Any],
    started: Mapping[str, Any],
    count: int,
    fixed: Sequence[str] = (),
) -> tuple[dict[str, np.ndarray], int]:
    """Remove the negative weights that moved least since training began.

    Without them pre-activations behind a ReLU rise. Behind BatchNorm the mean is taken off again, which
    cancels most of that in training.

    Args:
        alive: masks before the step.
        weights: trained weights by path.
        started: the weights that their training began with.
        count: how many to remove; fewer go where fewer are negative.
        fixed: paths that are left alone.

    Returns:
        The masks after it, and how many were not found.
    """
    free = [path for path in sorted(alive) if path not in fixed]
    flat = lambda arrays: np.concatenate([np.asarray(arrays[path], np.float32).ravel() for path in free])
    values, begun = flat(weights), flat(started)
    able = np.concatenate([np.asarray(alive[path]).ravel() for path in free]) & (values < 0)
    gone = top(-np.abs(values - begun), count, able)
    sizes = np.cumsum([np.size(alive[path]) for path in free])[:-1]
    removed = dict(zip(free, np.split(gone, sizes), strict=True))
    left = {
        path: np.asarray(mask) & ~removed[path].reshape(np.shape(mask))
        if path in removed
        else np.asarray(mask)
        for path, mask in alive.items()
    }
    return left, count - int(gone.sum())


def activating(
    scores: masks.Scores,
    trainable: Any,
    started: Any,
    sparsity: float,
    share: float,
    *,
    within: Mapping[str, np.ndarray],
    **rules: Any,
) -> tuple[dict[str, np.ndarray], tuple[str, ...]]:
    """Masks of a sparsity, of which `ap_step` removes the given share of what was alive, and scores the rest.

    Any method that scores weights can be combined with it; `rules` are those of `masks.keep`. Where too
    few weights are negative, scores choose the difference, and a note says so.
    """
    total = sum(mask.size for mask in within.values())
    alive = sum(int(np.sum(mask)) for mask in within.values())
    wanted = masks.kept_count(total, sparsity)
    plain = masks.keep(scores, sparsity, within=within, **rules)
    fixed = [path for path in within if masks.is_protected(path, rules.get("protected", ()))]
    fixed += list(masks.own_sparsities(within, rules.get("layers") or {}))
    # Layers that are not free to choose from lose what they lose.
    free = sum(int(np.sum(within[p])) - int(np.sum(plain[p])) for p in within if p not in fixed)
    count = min(round(share * alive), free)
    if count <= 0:
        return plain, ()
    first = masks.keep(scores, 1 - (wanted + count) / total, within=within, **rules)
    left, missing = ap_step(first, by_path(trainable), by_path(started), count, fixed)
    if not missing:
        return left, ()
    note = f"{missing} of {count} weights were chosen by score: too few negative ones"
    return masks.keep(scores, sparsity, within=left, **{**rules, "scope": "global"}), (note,)
