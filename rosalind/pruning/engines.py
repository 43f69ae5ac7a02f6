"""The engines of methods: rank, mask and retrain; learn the masks; or change them while a network trains."""

import dataclasses
import functools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from rosalind import training
from rosalind.pruning import dynamic, form, learned, masks
from rosalind.pruning.job import Counted, Job, Pruned, Weights
from rosalind.pruning.schedules import levels
from rosalind.pruning.selection import SELECTIONS


def _rewound(job: Job) -> tuple[Weights, int]:
    """The dense network at the rewinding step, trained to there once for all methods, and that step."""
    step = round(job.options["rewind"] * job.config.epochs * job.batches.steps)
    start = job.parent.initial
    if step == 0:
        return start, 0

    def make() -> Pruned:
        dense = masks.everything(start.trainable)
        fitted = job.fit(
            job.loss,
            start.trainable,
            start.state,
            job.batches,
            config=job.config,
            masks=dense,
            stop=step,
            key=job.key,
        )
        return Pruned(0.0, dense, Weights(fitted.trainable, fitted.state), {}, fitted.steps)

    return job.once({"rewind": step}, make).weights, step


def _retrain(job: Job, survivors: Weights, kept: Mapping[str, np.ndarray]) -> training.Fitted:
    """Train the kept weights again in the recipe's way; optimizer state is always fresh."""
    match job.recipe.retraining:
        case "finetune":
            return job.train(survivors, kept, config=job.finetuning)
        case "rewind":
            weights, start = _rewound(job)
            return job.train(weights, kept, config=job.config, start=start)
        case "train":
            survivors = job.parent.initial
    return job.train(survivors, kept, config=dataclasses.replace(job.config, epochs=job.epochs))


def rank_and_retrain(job: Job) -> Iterator[Pruned]:
    """Score, keep the best, retrain: once per sparsity, or in levels that build on each other."""
    recipe = job.recipe
    begun = job.parent.initial if recipe.ranked == "initial" else job.parent.trained
    start = Pruned(0.0, masks.everything(begun.trainable), begun, {}, 0)
    iterative = job.options.get("rate") is not None
    chain = levels(job.sparsities, job.options["rate"]) if iterative else job.sparsities
    current, started, reached = start, job.parent.initial, ()
    for sparsity in chain:
        if not iterative:
            current, started, reached = start, job.parent.initial, ()
        reached = (*reached, sparsity)
        made = _level(job, current, reached, started.trainable)
        # What the training of this level began with, for the next one's `activate`.
        rewinds = recipe.retraining == "rewind" and job.options.get("activate")
        started, current = _rewound(job)[0] if rewinds else current.weights, made
        if sparsity in job.sparsities:
            yield _controlled(job, made, reached)._replace(sparsity=sparsity)


def _level(job: Job, before: Pruned, reached: Sequence[float], started: Any) -> Pruned:
    """Prune to the last of the sparsities and train again, unless that is done already."""
    sparsity = reached[-1]

    def make() -> Pruned:
        scoring = Counted(job.scoring)
        kept, trainable, notes = SELECTIONS[job.recipe.unit](job, before, sparsity, scoring, started)
        survivors = Weights(training.project(trainable, kept), before.weights.state)
        seen = dict(job.evaluate(survivors)) if job.evaluate else {}
        fitted = _retrain(job, survivors, kept)
        extra = round((job.options.get("l1_epochs") or 0) * job.batches.steps)
        return Pruned(
            sparsity,
            dict(kept),
            Weights(fitted.trainable, fitted.state),
            fitted.records,
            before.steps + fitted.steps + extra,
            before.scoring + scoring.count,
            seen,
            fitted.step_bytes,
            notes,
        )

    return job.once(_made_by(job, reached), make)


def _made_by(job: Job, reached: Sequence[float]) -> dict[str, Any]:
    """What a level depends on; chains that differ only in later levels or in controls share their beginnings."""
    recipe = job.recipe
    # Layers with a sparsity of their own approach it together with the whole.
    towards = {"towards": job.towards(reached[-1])} if job.options.get("layers") else {}
    return {
        **towards,
        "levels": list(reached),
        "score": recipe.score,
        "unit": recipe.unit,
        "ranked": recipe.ranked,
        "retraining": recipe.retraining,
        "options": {k: v for k, v in job.options.items() if k not in ("rate", "control")},
    }


def _controlled(job: Job, made: Pruned, reached: Sequence[float]) -> Pruned:
    """The level itself, or what a control makes of its masks or of the weights they were found for.

    `reinitialised`: a fresh draw of the same distribution (the initial weights permuted within each layer),
    trained from the start. `shuffled`: the masks permuted within each layer. `signs`: only the signs of the
    rewound weights, times the deviation of the layer's initial ones (arXiv 1905.01067).
    """
    control = job.options.get("control")
    if control is None:
        return made

    def make() -> Pruned:
        kept, (weights, start) = made.masks, _rewound(job)
        initial = training.by_path(job.parent.initial.trainable)
        if control == "reinitialised":
            weights, start = job.parent.initial, 0
            anew = lambda path, x: jax.random.permutation(masks.path_key(job.key, path), x.ravel()).reshape(
                x.shape
            )
        elif control == "signs":
            anew = lambda path, x: jnp.sign(x) * jnp.std(initial[path])
        else:
            kept, anew = masks.shuffled(kept, job.key), lambda path, x: x
        changed = training.map_by_path(
            lambda p, x: anew(p, jnp.asarray(x)) if p in kept else x, weights.trainable
        )
        fitted = job.train(Weights(changed, weights.state), kept, config=job.config, start=start)
        return made._replace(
            masks=dict(kept),
            weights=Weights(fitted.trainable, fitted.state),
            records=fitted.records,
            steps=made.steps + fitted.steps,
            before={},
        )

    return job.once({**_made_by(job, reached), "control": control}, make)


def learn_masks(job: Job) -> Iterator[Pruned]:
    """Train in one of the forms of `learned.FORMS`, once per sparsity, and keep the masks that come out."""
    recipe, options = job.recipe, job.options
    start = job.parent.initial if recipe.ranked == "initial" else job.parent.trained
    config = dataclasses.replace(job.config, epochs=job.epochs)
    if recipe.ranked == "trained":
        config = job.finetuning
    elif "learning_rate" in options:
        # Scores of frozen weights are trained with momentum and decay of their own, as published.
        config = dataclasses.replace(
            config,
            optimizer="sgd",
            learning_rate=options["learning_rate"],
            weight_decay=options["weight_decay"],
        )
    kernels = masks.prunable(start.trainable)
    own_loss, own_state, back = job.lesson(start.state)

    def make(sparsity: float) -> Pruned:
        chosen = learned.FORMS[recipe.change or ""](options, kernels, sparsity, job.protected)
        trained, state = form.begin(
            chosen,
            start.trainable,
            own_state,
            sparsity,
            options=options,
            total=round(config.epochs * job.batches.steps),
            per_epoch=job.batches.steps,
            protected=job.protected,
            key=job.key,
        )
        decayed = {
            path: mask
            for path, mask in masks.everything(trained).items()
            if path.split("/")[0] not in chosen.undecayed
        }
        loss = form.loss_of(own_loss, chosen)
        fitted = job.fit(loss, trained, state, job.batches, config=config, masks=decayed, key=job.key)
        params, inner, found, notes = form.finish(chosen, fitted.trainable, fitted.state)
        return Pruned(
            sparsity,
            found,
            Weights(params, back(inner)),
            fitted.records,
            fitted.steps,
            step_bytes=fitted.step_bytes,
            notes=notes,
        )

    for sparsity in job.sparsities:
        made_by = {"learned": recipe.change, "options": dict(options), "sparsity": sparsity}
        yield job.once(made_by, functools.partial(make, sparsity))


def train_sparse(job: Job) -> Iterator[Pruned]:
    """Train once per sparsity from the initial weights while the masks change (`dynamic.py`)."""
    start = job.parent.initial
    config = dataclasses.replace(job.config, epochs=job.epochs)

    def make(sparsity: float) -> Pruned:
        batches = Counted(job.batches)
        plan = dynamic.CHANGES[job.recipe.change or ""](
            start.trainable,
            start.state,
            sparsity,
            total=round(config.epochs * job.batches.steps),
            loss=job.loss,
            batches=batches,
            options=job.options,
            protected=job.protected,
            key=job.key,
        )
        fitted = job.train(start, plan.masks, config=config, after_step=plan.after_step)
        return Pruned(
            sparsity,
            plan.masks,
            Weights(fitted.trainable, fitted.state),
            fitted.records,
            fitted.steps,
            batches.count,
            step_bytes=fitted.step_bytes,
        )

    for sparsity in job.sparsities:
        made_by = {"changing": job.recipe.change, "options": dict(job.options), "sparsity": sparsity}
        yield job.once(made_by, functools.partial(make, sparsity))
