"""The weights, channels or blocks that a ranking method keeps of a network."""

import dataclasses
import functools
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from rosalind import training
from rosalind.config import ChannelGroup
from rosalind.pruning import channel_scores, masks, n_m, structured
from rosalind.pruning.activating import activating
from rosalind.pruning.types import CountedBatches, Masks, MethodRun, Pruned, Scoring, Weights
from rosalind.training import Tree


class Selection(NamedTuple):
    """Masks and weights of a network after a selection."""

    masks: Masks
    trainable: Tree
    """The parameters to go on with."""
    notes: tuple[str, ...] = ()
    record: Mapping[str, np.ndarray] = MappingProxyType({})
    """See `Pruned.selection`; of this level alone."""


def _scores(run: MethodRun, weights: Weights, current: Masks, scoring: CountedBatches, key: jax.Array) -> Any:
    assert run.recipe.score is not None
    scored = Scoring(*weights, run.loss, scoring, current, run.options, key, run.functions, run.groups, run.protected)
    return run.recipe.score(scored)


def _check_scores(method: str, scores: Any, shapes: Mapping[str, tuple[int, ...]]) -> None:
    """Raise ValueError unless there are numbers for every weight that is ranked, by path."""
    if not isinstance(scores, Mapping) or scores.keys() != shapes.keys():
        got = sorted(scores) if isinstance(scores, Mapping) else type(scores).__name__
        raise ValueError(f"scores of {method!r} must be a dict of {sorted(shapes)}, got {got}; inf keeps a weight.")
    for path, shape in shapes.items():
        dtype = getattr(scores[path], "dtype", np.asarray(scores[path]).dtype)
        if np.shape(scores[path]) != shape or dtype.kind in "cOSU":
            got = f"{dtype}{list(np.shape(scores[path]))}"
            raise ValueError(f"scores of {method!r} for {path!r} must be float{list(shape)}, got {got}.")


def _check_channel_scores(method: str, scores: Any, groups: Sequence[ChannelGroup]) -> None:
    """Raise ValueError unless there are numbers for every channel of every group, or None for one that stays whole."""
    shapes = [None if score is None else np.shape(score) for score in scores] if isinstance(scores, Sequence) else None
    if shapes is None or len(shapes) != len(groups):
        got = type(scores).__name__ if shapes is None else len(shapes)
        raise ValueError(f"scores of {method!r} must be a list of {len(groups)}, one per group of channels, got {got}.")
    for group, shape in zip(groups, shapes, strict=True):
        if shape not in (None, (group.size,)):
            raise ValueError(
                f"scores of {method!r} for the channels of {group.members[0][0]!r} must be float[{group.size}], got "
                f"shape {list(shape)}."
            )


def select_weights(
    run: MethodRun, before: Pruned, sparsity: float, scoring: CountedBatches, began_with: Tree
) -> Selection:
    """Single weights, scored in as many rounds as the options say.

    Each round keeps the density to the power of the part done, so that its removals change the scores of the
    next. `began_with` are the parameters that the last training began with (for `activate`).
    """
    weights, current = before.weights, before.masks
    if run.like is not None:
        other = before._replace(weights=run.like.start)
        like = select_weights(run.like, other, sparsity, scoring, began_with)
        return Selection(masks.shuffled(like.masks, run.key), weights.trainable, like.notes)
    rounds, notes, record = run.options.get("rounds", 1), (), {}
    for done in range(1, rounds + 1):
        scores = _scores(run, weights, current, scoring, run.key)
        scores, corrected = scores if isinstance(scores, tuple) else (scores, None)
        _check_scores(run.name, scores, {path: np.shape(mask) for path, mask in current.items()})
        level = sparsity if done == rounds else 1 - (1 - sparsity) ** (done / rounds)
        if masks.sparsity_of(current) >= level and done < rounds:
            continue
        rules = {
            "scope": run.options.get("scope", "global"),
            "protected": run.protected,
            "layers": masks.on_the_way(run.options.get("layers", {}), level, run.target_of(sparsity)),
        }
        share = run.options.get("activate", 0.0)
        if share:
            began = weights.trainable, began_with
            current, notes, record = activating(scores, *began, level, share, within=current, **rules)
        else:
            current = masks.keep(scores, level, within=current, **rules)
        if corrected is not None:
            weights = weights._replace(trainable=corrected(current))
    return Selection(dict(current), weights.trainable, notes, record)


def select_channels(
    run: MethodRun, before: Pruned, sparsity: float, scoring: CountedBatches, began_with: Tree
) -> Selection:
    """Whole channels; with `candidates`, the one of so many random draws with the least loss.

    Of more than one candidate m the record holds `rs/score` float32[m], their losses before training, `rs/chosen`
    int32, and by the kernel that makes a group's channels `rs/node_mask/<path>`, which of them each candidate keeps:
    bits as of `np.packbits`, uint8[m, bytes].
    """
    weights, notes = before.weights, ()
    if run.options.get("l1_epochs"):
        weights = _slimmed(run, weights, before.masks)
    best: tuple[float, Masks] | None = None
    losses, alive_by_draw = [], {}
    count = run.options.get("candidates", 1)
    for draw in range(count):
        scores = _scores(run, weights, before.masks, scoring, jax.random.fold_in(run.key, draw))
        _check_channel_scores(run.name, scores, run.groups)
        chosen, notes = structured.select(
            scores,
            sparsity,
            run.groups,
            weights.trainable,
            scope=run.options.get("scope", "layer"),
            within=before.masks,
            protected=run.protected,
        )
        loss = 0.0
        if count > 1:
            candidate = Weights(training.project(weights.trainable, chosen), weights.state)
            loss = _loss_of(run, candidate, scoring)
            losses.append(loss)
            for group, alive in zip(run.groups, structured.alive_channels(chosen, run.groups), strict=True):
                alive_by_draw.setdefault(f"rs/node_mask/{group.members[0][0]}", []).append(np.packbits(alive))
        if best is None or loss < best[0]:
            best = loss, chosen
    assert best is not None
    if count == 1:
        return Selection(best[1], weights.trainable, notes)
    notes = (*notes, f"loss before training {best[0]:.4f}, the least of {count} draws")
    record = {"rs/score": np.array(losses, np.float32), "rs/chosen": np.array(np.argmin(losses), np.int32)}
    return Selection(
        best[1], weights.trainable, notes, record | {name: np.stack(x) for name, x in alive_by_draw.items()}
    )


@functools.cache
def _jitted_loss(loss: training.Loss) -> Callable[..., jax.Array]:
    return jax.jit(lambda trainable, state, batch: loss(trainable, state, batch, True)[0])


def _loss_of(run: MethodRun, weights: Weights, scoring: CountedBatches) -> float:
    """Mean loss over `score_batches` fixed batches, with the statistics of each batch."""
    steps = range(run.options["score_batches"])
    losses = [_jitted_loss(run.loss)(*weights, scoring(run.key, step)) for step in steps]
    return float(jnp.mean(jnp.stack(losses)))


def _slimmed(run: MethodRun, weights: Weights, current: Mapping[str, Any]) -> Weights:
    """The weights trained further with the sum of the norms' |scales| in the loss."""
    scales = {p for group in run.groups for p, axis in group.members if axis == 0 and p.endswith("/scale")}
    loss = channel_scores.with_l1(run.loss, tuple(sorted(scales)), float(run.options["l1"]))
    config = dataclasses.replace(run.finetuning, epochs=run.options["l1_epochs"])
    fitted = run.fitted(loss, *weights, config=config, masks=current)
    return Weights(fitted.trainable, fitted.state)


def select_blocks(
    run: MethodRun, before: Pruned, sparsity: float, scoring: CountedBatches, began_with: Tree
) -> Selection:
    """N of every M inputs."""
    trainable = before.weights.trainable
    chosen, notes = n_m.select(masks.prunable(trainable), sparsity, run.options.get("group", 4), run.protected)
    return Selection(chosen, trainable, notes)


SELECTIONS = {"weight": select_weights, "channel": select_channels, "block": select_blocks}
"""`(run, before, sparsity, scoring, began_with)` to the selection, by the granularity of the recipe."""
