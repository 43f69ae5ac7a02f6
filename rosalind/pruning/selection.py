"""Which weights, channels or blocks a ranking method keeps of a network."""

import dataclasses
import functools
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from rosalind import training
from rosalind.pruning import blocks, filters, masks, structured
from rosalind.pruning.activating import activating
from rosalind.pruning.job import Counted, Job, Pruned, Weights
from rosalind.pruning.scores import SCORES

Chosen = tuple[dict[str, np.ndarray], Any, tuple[str, ...]]
"""Masks, the parameters to go on with, and notes."""


def weights(job: Job, before: Pruned, sparsity: float, scoring: Counted, started: Any) -> Chosen:
    """Single weights, scored in as many rounds as the options say.

    Each round keeps the density to the power of the part done, so that what a round removes changes the
    scores of the next. `started` is what the last training began with (for `activate`).
    """
    trainable, kept = before.weights.trainable, before.masks
    if job.like is not None:
        other = job.parent.initial if job.like.recipe.ranked == "initial" else job.parent.trained
        chosen, _, notes = weights(job.like, before._replace(weights=other), sparsity, scoring, started)
        return masks.shuffled(chosen, job.key), trainable, notes
    rounds, notes = job.options.get("rounds", 1), ()
    for done in range(1, rounds + 1):
        scores = SCORES[job.recipe.score or ""](
            trainable,
            before.weights.state,
            loss=job.loss,
            batches=scoring,
            masks=kept,
            options=job.options,
            key=job.key,
            probes=job.probes,
        )
        scores, corrected = scores if isinstance(scores, tuple) else (scores, None)
        part = sparsity if done == rounds else 1 - (1 - sparsity) ** (done / rounds)
        if masks.sparsity_of(kept) >= part and done < rounds:
            continue
        rules = {
            "scope": job.options["scope"],
            "protected": job.protected,
            "layers": masks.on_the_way(job.options["layers"], part, job.towards(sparsity)),
        }
        share = job.options.get("activate", 0.0)
        if share:
            kept, notes = activating(scores, trainable, started, part, share, within=kept, **rules)
        else:
            kept = masks.keep(scores, part, within=kept, **rules)
        if corrected is not None:
            trainable = corrected(kept)
    return dict(kept), trainable, notes


def channels(job: Job, before: Pruned, sparsity: float, scoring: Counted, started: Any) -> Chosen:
    """Whole channels; with `candidates`, the one of so many random draws with the least loss."""
    begun, notes = before.weights, ()
    if job.options.get("l1_epochs"):
        begun = _slimmed(job, begun, before.masks)
    best: tuple[float, dict[str, np.ndarray]] | None = None
    count = job.options.get("candidates", 1)
    for draw in range(count):
        scores = filters.SCORES[job.recipe.score or ""](
            begun.trainable,
            begun.state,
            groups=job.groups,
            loss=job.loss,
            batches=scoring,
            options=job.options,
            key=jax.random.fold_in(job.key, draw),
        )
        chosen, notes = structured.select(
            scores,
            sparsity,
            job.groups,
            begun.trainable,
            scope=job.options["scope"],
            within=before.masks,
            protected=job.protected,
        )
        value = 0.0
        if count > 1:
            value = _loss_of(job, Weights(training.project(begun.trainable, chosen), begun.state), scoring)
        if best is None or value < best[0]:
            best = value, chosen
    assert best is not None
    if count > 1:
        notes = (*notes, f"loss before training {best[0]:.4f}, the least of {count} draws")
    return best[1], begun.trainable, notes


@functools.cache
def _value(loss):
    return jax.jit(lambda trainable, state, batch: loss(trainable, state, batch, True)[0])


def _loss_of(job: Job, weights: Weights, scoring: Counted) -> float:
    """Mean loss over `score_batches` fixed batches, with the statistics of each batch."""
    fixed = range(job.options["score_batches"])
    found = [_value(job.loss)(weights.trainable, weights.state, scoring(job.key, step)) for step in fixed]
    return float(jnp.mean(jnp.stack(found)))


def _slimmed(job: Job, weights: Weights, kept: Mapping[str, np.ndarray]) -> Weights:
    """The weights trained further with the sum of the norms' |scales| in the loss."""
    scales = {p for group in job.groups for p, axis in group.members if axis == 0 and p.endswith("/scale")}
    loss = filters.with_l1(job.loss, tuple(sorted(scales)), float(job.options["l1"]))
    config = dataclasses.replace(job.finetuning, epochs=job.options["l1_epochs"])
    fitted = job.fit(
        loss, weights.trainable, weights.state, job.batches, config=config, masks=kept, key=job.key
    )
    return Weights(fitted.trainable, fitted.state)


def n_of_m(job: Job, before: Pruned, sparsity: float, scoring: Counted, started: Any) -> Chosen:
    """N of every M inputs."""
    trainable = before.weights.trainable
    kernels = masks.prunable(trainable)
    chosen, notes = blocks.select(kernels, sparsity, job.options["group"], job.protected)
    return chosen, trainable, notes


SELECTIONS: dict[str, Callable[..., Chosen]] = {"weight": weights, "channel": channels, "block": n_of_m}
"""What a method removes, by the unit of its recipe: `(job, before, sparsity, scoring, started)`."""
