"""The engines of methods: rank, mask and retrain; learn the masks; or change them while a network trains."""

import dataclasses
import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from rosalind import training
from rosalind.pruning import dynamic, learned_base, masks
from rosalind.pruning.checkpoints import cached, determining
from rosalind.pruning.repair import repaired
from rosalind.pruning.schedules import levels
from rosalind.pruning.selection import SELECTIONS
from rosalind.pruning.types import CountedBatches, MethodRun, Pruned, Weights
from rosalind.training import Tree


def engine_of(run: MethodRun) -> Callable[[MethodRun], Iterator[Pruned]]:
    """The engine of a run's recipe."""
    if run.recipe.parametrisation is not None:
        return learn_masks
    return rank_and_retrain if run.recipe.change is None else train_sparse


def _name(function: Callable[..., Any] | None) -> str | None:
    return None if function is None else getattr(function, "__name__", type(function).__name__)


def _rewound(run: MethodRun) -> tuple[Weights, int]:
    """The dense network at the rewinding step, trained to there once for all methods, and that step."""
    step = round(run.options.get("rewind", 0) * run.config.epochs * run.batches.steps)
    start = run.parent.initial
    if step == 0:
        return start, 0

    def make() -> Pruned:
        dense = masks.everything(start.trainable)
        fitted = run.fitted(run.loss, *start, config=run.config, masks=dense, stop=step)
        return Pruned.of(0.0, dense, fitted, records={}, step_bytes=None)

    return cached(run, {"rewind": step}, make).weights, step


def _retrain(run: MethodRun, survivors: Weights, chosen: Mapping[str, Any]) -> training.Fitted:
    """Train the kept weights again in the recipe's way; optimizer state is always fresh."""
    match run.recipe.retraining:
        case "finetune":
            return run.train(survivors, chosen, config=run.finetuning)
        case "rewind":
            weights, start = _rewound(run)
            return run.train(weights, chosen, config=run.config, start=start)
        case "train":
            survivors = run.parent.initial
    return run.train(survivors, chosen, config=run.schedule)


def rank_and_retrain(run: MethodRun) -> Iterator[Pruned]:
    """Score, keep the best, retrain: once per sparsity, or in levels that build on each other."""
    start = Pruned(0.0, masks.everything(run.start.trainable), run.start, {}, 0)
    iterative = run.options.get("rate") is not None
    chain = levels(run.sparsities, run.options["rate"]) if iterative else run.sparsities
    current, began_with, reached = start, run.parent.initial, ()
    for sparsity in chain:
        if not iterative:
            current, began_with, reached = start, run.parent.initial, ()
        reached = (*reached, sparsity)
        pruned = _level(run, current, reached, began_with.trainable)
        # The weights that the training of this level began with, for the next one's `activate`.
        rewinds = run.recipe.retraining == "rewind" and run.options.get("activate")
        began_with, current = _rewound(run)[0] if rewinds else current.weights, pruned
        if sparsity in run.sparsities:
            yield _controlled(run, pruned, reached)._replace(sparsity=sparsity)


def _level(run: MethodRun, before: Pruned, reached: Sequence[float], began_with: Tree) -> Pruned:
    """Prune to the last of the sparsities and train again, unless that is done already."""
    sparsity = reached[-1]

    def make() -> Pruned:
        scoring = CountedBatches(run.scoring)
        select = SELECTIONS[run.recipe.granularity]
        chosen, trainable, notes, record = select(run, before, sparsity, scoring, began_with)
        survivors = Weights(training.project(trainable, chosen), before.weights.state)
        if run.options.get("repair"):
            survivors, more = repaired(run, survivors, chosen, scoring)
            notes = (*notes, *more)
        evaluation = dict(run.evaluate(survivors)) if run.evaluate else {}
        fitted = _retrain(run, survivors, chosen)
        slimming = round((run.options.get("l1_epochs") or 0) * run.batches.steps)
        return Pruned.of(
            sparsity,
            chosen,
            fitted,
            steps=before.steps + fitted.steps + slimming,
            scoring=before.scoring + scoring.count,
            before=evaluation,
            notes=notes,
            selection=_after(before.selection, record),
        )

    return cached(run, _made_by(run, reached), make)


def _after(earlier: Mapping[str, np.ndarray], record: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The records of a level, those of `ap` behind those of the earlier ones."""
    behind = lambda name: name in earlier and name.startswith("ap/")
    return {name: np.concatenate([earlier[name], x]) if behind(name) else x for name, x in record.items()}


def _made_by(run: MethodRun, reached: Sequence[float]) -> dict[str, Any]:
    """All that a level depends on; chains that differ only in later levels or in controls share their beginnings."""
    recipe = run.recipe
    return {
        # Layers with a sparsity of their own approach it together with the whole.
        **({"towards": run.target_of(reached[-1])} if run.options.get("layers") else {}),
        **run.outside,
        "levels": list(reached),
        "score": _name(recipe.score),
        "unit": recipe.granularity,
        "ranked": recipe.ranked,
        "retraining": recipe.retraining,
        "options": {k: v for k, v in determining(run.options).items() if k not in ("rate", "control")},
    }


def _controlled(run: MethodRun, pruned: Pruned, reached: Sequence[float]) -> Pruned:
    """The level itself, or a control of its masks or of the weights they were chosen for.

    `reinitialised`: a fresh draw of the same distribution (the initial weights permuted within each layer),
    trained from the start. `shuffled`: the masks permuted within each layer. `signs`: only the signs of the
    rewound weights, times the deviation of the layer's initial ones (arXiv 1905.01067).
    """
    control = run.options.get("control")
    if control is None:
        return pruned

    def make() -> Pruned:
        chosen, (weights, start) = pruned.masks, _rewound(run)
        initial = training.by_path(run.parent.initial.trainable)

        def changed(path: str, leaf: Any) -> Any:
            if path not in chosen or control == "shuffled":
                return leaf
            if control == "signs":
                return jnp.sign(leaf) * jnp.std(initial[path])
            return jax.random.permutation(masks.path_key(run.key, path), leaf.ravel()).reshape(leaf.shape)

        if control == "reinitialised":
            weights, start = run.parent.initial, 0
        chosen = masks.shuffled(chosen, run.key) if control == "shuffled" else chosen
        trainable = training.map_by_path(changed, weights.trainable)
        fitted = run.train(Weights(trainable, weights.state), chosen, config=run.config, start=start)
        return pruned._replace(
            masks=dict(chosen),
            weights=Weights(fitted.trainable, fitted.state),
            records=fitted.records,
            steps=pruned.steps + fitted.steps,
            before={},
        )

    return cached(run, {**_made_by(run, reached), "control": control}, make)


_TUNING = ("epochs", "learning_rate")
"""Options of a fine-tuning that comes after the masks have been learned."""


def learn_masks(run: MethodRun) -> Iterator[Pruned]:
    """Train the recipe's parametrisation, once per sparsity, and keep its final masks.

    With `mask_epochs` that is a first phase, and the kept weights are fine-tuned after it.
    """
    recipe, options, parametrise = run.recipe, run.options, run.recipe.parametrisation
    assert parametrise is not None
    config, finetunes = run.finetuning if recipe.ranked == "trained" else run.schedule, "mask_epochs" in options
    # Scores of frozen weights are trained with momentum and rates of their own, as published.
    if finetunes:
        epochs = run.config.epochs if options["mask_epochs"] is None else options["mask_epochs"]
        rates = {"learning_rate": options["mask_rate"], "weight_decay": 0.0}
        config = dataclasses.replace(run.config, epochs=epochs, optimizer="sgd", **rates)
    elif recipe.ranked == "initial" and "learning_rate" in options:
        rates = {name: options[name] for name in ("learning_rate", "weight_decay")}
        config = dataclasses.replace(config, optimizer="sgd", **rates)
    network_loss, network_state, unwrap = run.objective(run.start.state)

    def make(sparsity: float) -> Pruned:
        parametrisation = parametrise(run, sparsity)
        trained, carried = parametrisation.init(run, sparsity)
        state = {"inner": network_state, "carried": {**carried, "step": jnp.int32(0)}}
        decayed = {
            path: mask
            for path, mask in masks.everything(trained).items()
            if path.split("/")[0] not in parametrisation.undecayed
        }
        loss = learned_base.loss_of(network_loss, parametrisation)
        fitted = run.fitted(loss, trained, state, config=config, masks=decayed)
        chosen, notes = parametrisation.masks(fitted.trainable, fitted.state["carried"])
        # One program for all layers.
        effective = jax.jit(parametrisation.effective_params, static_argnums=2)
        params, _ = effective(fitted.trainable, fitted.state["carried"], False)
        weights = Weights(training.project(params, chosen), unwrap(fitted.state["inner"]))
        return Pruned.of(sparsity, chosen, fitted, weights=weights, notes=notes)

    def tuned(sparsity: float) -> Pruned:
        # However long the weights are tuned, their masks are learned once.
        of_masks = {name: value for name, value in determining(options).items() if name not in _TUNING}
        learned = cached(run, {**made_by, "options": of_masks, "masks": sparsity}, functools.partial(make, sparsity))
        evaluation = dict(run.evaluate(learned.weights)) if run.evaluate else {}
        fitted = run.train(learned.weights, learned.masks, config=run.finetuning)
        return Pruned.of(
            sparsity,
            learned.masks,
            fitted,
            steps=learned.steps + fitted.steps,
            before=evaluation,
            step_bytes=learned.step_bytes,
            notes=learned.notes,
        )

    made_by = {**run.outside, "learned": _name(parametrise), "options": determining(options)}
    for sparsity in run.sparsities:
        make_network = functools.partial(tuned if finetunes else make, sparsity)
        yield cached(run, {**made_by, "sparsity": sparsity}, make_network)


def train_sparse(run: MethodRun) -> Iterator[Pruned]:
    """Train once per sparsity from the initial weights while the recipe changes the masks."""
    change = run.recipe.change
    assert change is not None

    def make(sparsity: float) -> Pruned:
        batches = CountedBatches(run.batches)
        current = change(dataclasses.replace(run, batches=batches), sparsity)
        start = dynamic.reinitialised(run, current.masks) if run.options.get("reinitialise") else run.start
        fitted = run.train(start, current.masks, config=run.schedule, after_step=current.after_step)
        return Pruned.of(sparsity, current.masks, fitted, scoring=batches.count)

    made_by = {**run.outside, "changing": _name(change), "options": determining(run.options)}
    for sparsity in run.sparsities:
        yield cached(run, {**made_by, "sparsity": sparsity}, functools.partial(make, sparsity))
