"""The plan of a study: its tasks, their names and what makes each of them; no work is done here."""

import dataclasses
import functools
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import jax
import numpy as np

from rosalind import conditions, corruptions, data, measures, models, pruning, results
from rosalind.config import (
    Baseline,
    Condition,
    Control,
    Data,
    Method,
    Model,
    Study,
    Train,
    definition,
    describe,
    is_outside,
    short_name,
    unknown,
)

DRAW_SEED = 0
"""Seed of all corruptions' draws: fixed, so that every study of a data set sees the same images."""


@dataclass(frozen=True, eq=False)
class Task:
    """One piece of work: the dense network of a seed, a baseline, or all networks of a method."""

    seed: int
    label: str
    method: Method | None = None
    baseline: Baseline | None = None


def check(study: Study, folder: str | Path | None = None) -> data.Dataset:
    """Load the data of a study after checking everything that can be wrong, before any work.

    Raises:
        ValueError: unknown names, values out of range, labels or ids given twice; see the parts' checks.
        PermissionError: a folder that cannot be written.
    """
    models.backbone(study.model.name)
    methods = with_random(study)
    labels = ["dense", *(m.label or short_name(m.name) for m in methods), *(b.label for b in study.baselines)]
    if repeats := repeated(labels):
        raise ValueError(f"labels must be unique; repeated: {repeats}. Give one of them another label.")
    for label in labels:
        results.check_name(label)
    for control in study.controls:
        if control not in get_args(Control):
            raise ValueError(unknown("control", control, get_args(Control)))
    for method in methods:
        pruning.check(method)
    ids = [condition.id for condition in study.conditions]
    for kind, values in (("seeds", study.seeds), ("conditions", ids)):
        if not values:
            raise ValueError(f"{kind} is empty; at least one is needed.")
        if repeats := repeated(values):
            raise ValueError(f"{kind} must be unique; repeated: {repeats}.")
    for condition in study.conditions:
        conditions.plan(condition)
        results.check_name(condition.id)
    measures.of_study(study.measures)
    missing = [c for c in study.attribution_conditions if c not in ids]
    if missing and study.attributions:
        raise ValueError(
            f"attribution_conditions must be ids of the study's conditions, got {missing}; "
            f"allowed: {', '.join(ids[:20])}{', ...' if len(ids) > 20 else ''}."
        )
    for count, name in ((study.train.epochs, "epochs"), (study.train.batch_size, "batch_size")):
        if not count > 0:
            raise ValueError(f"{name} must be above 0, got {count}.")
    dataset = load(study.data)
    model = completed(study, dataset).model
    for method in methods:
        pruning.check_network(
            method,
            models.blank(model)["params"],
            protected=study.protected,
            functions=pruning.ModelFunctions(**models.model_functions(model)),
            groups=models.groups(model) if pruning.recipe_of(method.name).granularity == "channel" else (),
        )
    for planned in conditions_of(study, dataset):
        conditions.check_files(planned, dataset.test)
    if folder is not None:
        results.check_writable(Path(folder))
    return dataset


def repeated(values: Sequence[Any]) -> list[Any]:
    """Values that come more than once, in their order.

    >>> repeated(["clean", "fog-3", "fog-1", "fog-3"])
    ['fog-3']
    """
    return [value for value, count in Counter(values).items() if count > 1]


def completed(study: Study, dataset: data.Dataset) -> Study:
    """The study with the model's fields that follow from the data, and every label given."""
    mean, std = dataset.statistics()
    model = dataclasses.replace(
        study.model,
        image_shape=dataset.image_shape,
        classes=len(dataset.class_names),
        mean=mean,
        std=std,
        definition=definition(study.model.name) if is_outside(study.model.name) else None,
    )
    methods = tuple(dataclasses.replace(m, label=m.label or short_name(m.name)) for m in with_random(study))
    controls = dense_controls(dataclasses.replace(study, model=model))
    return dataclasses.replace(
        study, model=model, methods=methods, baselines=(*study.baselines, *controls), controls=()
    )


def with_random(study: Study) -> tuple[Method, ...]:
    """The study's methods, with `random` at every sparsity if it is among the controls."""
    wanted = sorted({s for method in study.methods for s in method.sparsities})
    if "random" not in study.controls or not wanted:
        return study.methods
    random = [m for m in study.methods if m.name == "random" and not m.options.get("like")]
    if not random:
        return (Method("random", tuple(wanted)), *study.methods)
    # Single networks do not depend on the other sparsities of their method, so these can grow.
    full = dataclasses.replace(random[0], sparsities=tuple(sorted({*wanted, *random[0].sparsities})))
    return tuple(full if m is random[0] else m for m in study.methods)


def dense_controls(study: Study) -> list[Baseline]:
    """The baselines that the study's controls stand for; its model must be complete.

    `dense_extended` runs the dense schedule as often as the epochs of the longest method and its parent
    allow; `dense_narrow` is as wide as leaves it the parameters that a pruned network has, per sparsity.
    """
    if not study.methods:
        return []
    controls = []
    if "dense_extended" in study.controls:
        longest = max(
            pruning.planned_epochs(dataclasses.replace(m, sparsities=(max(m.sparsities),)), study.train)
            + (study.train.epochs if pruning.recipe_of(m.name).ranked == "trained" else 0)
            for m in study.methods
        )
        controls.append(Baseline("dense_extended", cycles=max(round(longest / study.train.epochs), 1)))
    if "dense_narrow" in study.controls:
        for sparsity in sorted({s for m in study.methods for s in m.sparsities if s}):
            width = narrow_width(study.model, sparsity)
            if width is not None:
                controls.append(Baseline(f"dense_narrow-{sparsity:g}", width=width))
    return controls


def narrow_width(model: Model, sparsity: float) -> int | None:
    """The width at which a dense model has nearest to as many parameters as the pruned one keeps.

    None for a model of the user's own without a field `width`.
    """
    full = model.width or getattr(models.backbone(model.name), "width", None)
    if full is None:
        return None
    params = lambda width: models.blank(dataclasses.replace(model, width=width))["params"]
    count = lambda width: sum(leaf.size for leaf in jax.tree.leaves(params(width)))
    prunable = pruning.masks.prunable(models.blank(model)["params"])
    remaining = count(full) - round(sparsity * sum(leaf.size for leaf in prunable.values()))
    low, high = 1, full
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if count(middle) <= remaining else (low, middle)
    return min((low, high), key=lambda width: abs(count(width) - remaining))


def load(config: Data) -> data.Dataset:
    """The data set of a config; the last two stay in memory for the tasks of a process."""
    # A loader outside of rosalind that was edited and reloaded is another loader.
    return _load(config, definition(config.name) if is_outside(config.name) else None)


@functools.lru_cache(maxsize=2)
def _load(config: Data, version: str | None) -> data.Dataset:
    return data.load(
        config.name,
        folder=config.folder,
        size=config.size,
        train_limit=config.train_limit,
        test_limit=config.test_limit,
    )


def stratified_rows(dataset: data.Dataset, count: int) -> np.ndarray:
    """int[count]: ascending positions in the test split, stratified by class; the same in every study."""
    return np.sort(data.stratified(dataset.test.labels, count, seed=DRAW_SEED))


def draw_key(dataset: data.Dataset, condition: Condition) -> jax.Array:
    """The key of a condition's draws on a data set, see `conditions.condition_key`."""
    return conditions.condition_key(jax.random.key(DRAW_SEED), dataset.name, condition)


def table_of(dataset: data.Dataset) -> str:
    """The severity table of conditions that name none: the one for the image size."""
    return corruptions.table_for(max(dataset.image_shape[:2]))


def conditions_of(study: Study, dataset: data.Dataset) -> list[conditions.Planned]:
    """The study's conditions with their kinds and tables; ValueError as `conditions.plan`."""
    return [conditions.plan(condition, table_of(dataset)) for condition in study.conditions]


def name_of(study: Study, task: Task, sparsity: float | None = None) -> str:
    """The id of a network: `<model>-<label>[-<sparsity>]-seed<k>`."""
    middle = "" if sparsity is None else f"-{sparsity:g}"
    return f"{short_name(study.model.name).lower()}-{task.label}{middle}-seed{task.seed}"


def tasks(study: Study) -> tuple[list[Task], list[Task]]:
    """Dense parents first, then everything else; what is in one list can be done at the same time."""
    parents = [Task(seed, "dense") for seed in study.seeds]
    rest = [Task(seed, b.label, baseline=b) for seed in study.seeds for b in study.baselines]
    rest += [Task(seed, m.label or short_name(m.name), method=m) for seed in study.seeds for m in study.methods]
    return parents, rest


def model_and_schedule(study: Study, task: Task) -> tuple[Model, Train]:
    """Model and schedule of the dense network of a task; the study's own unless it is a baseline."""
    model, train, baseline = study.model, study.train, task.baseline
    if baseline is not None and baseline.width is not None:
        model = dataclasses.replace(model, width=baseline.width)
    if baseline is not None and baseline.epochs is not None:
        train = dataclasses.replace(train, epochs=baseline.epochs)
    return model, train


def made_by(study: Study, dataset: data.Dataset, task: Task, sparsity: float | None) -> dict[str, Any]:
    """All inputs that determine a network; its fingerprint is their hash."""
    model, train = model_and_schedule(study, task)
    parts = {"data": dataset.hash, "model": describe(model), "train": describe(train), "seed": task.seed}
    if task.baseline is not None and task.baseline.cycles > 1:
        parts["cycles"] = task.baseline.cycles
    if task.method is not None and sparsity is not None:
        method = task.method
        parts |= {
            "method": method.name,
            "options": dict(sorted(pruning.check(method).items())),
            "sparsity": sparsity,
            "protected": list(study.protected),
        }
        if definitions := pruning.definitions(method):
            parts["definitions"] = definitions
        if parts["options"].get("rate") is not None:
            # A chain at a level depends on the targets before it, not on those after.
            parts["targets"] = sorted(s for s in method.sparsities if s <= sparsity)
    return parts


def expected(study: Study, dataset: data.Dataset, task: Task) -> dict[str, dict[str, Any]]:
    """The networks of a task by name, and what makes each."""
    sparsities = [None] if task.method is None else sorted(task.method.sparsities)
    return {name_of(study, task, s): made_by(study, dataset, task, s) for s in sparsities}


def epochs_of(study: Study, task: Task) -> float:
    """The epochs that a task trains, for progress."""
    if task.method is not None:
        return pruning.planned_epochs(task.method, study.train)
    cycles = task.baseline.cycles if task.baseline else 1
    return cycles * model_and_schedule(study, task)[1].epochs


def plan(study: Study, dataset: data.Dataset) -> dict[str, float]:
    """Counts of the work of a study from nothing, its controls included: networks, epochs and cells."""
    study = completed(study, dataset)
    everything = [task for part in tasks(study) for task in part]
    epochs = sum(epochs_of(study, task) for task in everything)
    networks = sum(len(expected(study, dataset, task)) for task in everything)
    return {"networks": networks, "epochs": epochs, "cells": networks * len(study.conditions)}
