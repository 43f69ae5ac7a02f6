"""The plan of a study: its tasks, their names and what makes each of them; no work is done here."""

import dataclasses
import functools
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np

from rosalind import conditions, corruptions, data, fields, models, pruning
from rosalind.config import (
    Baseline,
    Condition,
    Data,
    Method,
    Model,
    Study,
    Train,
    definition,
    describe,
    is_outside,
    short_name,
)
from rosalind.study import capacity, controls, regimes

DRAW_SEED = 0
"""Seed of all corruptions' draws: fixed, so that every study of a data set sees the same images."""


@dataclass(frozen=True, eq=False)
class Task:
    """One piece of work: the dense network of a seed, a baseline, or all networks of a method.

    Attributes:
        baseline: The one that is trained; of a method, the one that is pruned.
    """

    seed: int
    label: str
    method: Method | None = None
    baseline: Baseline | None = None

    @property
    def parent(self) -> "Task":
        """The task of a method's dense parent."""
        assert self.method is not None
        return Task(self.seed, self.method.parent, baseline=self.baseline)


def completed(study: Study, dataset: data.Dataset) -> Study:
    """The study with the model's fields that follow from the data, and every label given; see `fields.checked`."""
    study = fields.checked(study)
    model = completed_model(study.model, dataset)
    methods = tuple(dataclasses.replace(m, label=pruning.label_of(m)) for m in controls.with_random(study))
    completed = dataclasses.replace(study, model=model)
    larger, of_larger = capacity.family(completed)
    dense = controls.dense_controls(completed)
    robust, of_robust = regimes.family(dataclasses.replace(completed, methods=methods), dense)
    return dataclasses.replace(
        completed,
        methods=(*methods, *of_larger, *of_robust),
        baselines=(*study.baselines, *dense, *larger, *robust),
        controls=(),
        capacity=None,
        regimes=(),
    )


def completed_model(model: Model, dataset: data.Dataset) -> Model:
    """The model with the fields that follow from the data, and hashes of what of it lies outside of rosalind."""
    mean, std = dataset.statistics()
    return dataclasses.replace(
        model,
        image_shape=dataset.image_shape,
        classes=len(dataset.class_names),
        mean=mean,
        std=std,
        definition=definition(model.name) if is_outside(model.name) else None,
        variables_hash=None if model.variables is None else models.digest(model.variables),
    )


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
    pruned = {method.parent for method in study.methods}
    of_baselines = [Task(seed, b.label, baseline=b) for seed in study.seeds for b in study.baselines]
    parents = [Task(seed, "dense") for seed in study.seeds] + [t for t in of_baselines if t.label in pruned]
    rest = [task for task in of_baselines if task.label not in pruned]
    rest += [Task(seed, pruning.label_of(m), m, _baseline_of(study, m)) for seed in study.seeds for m in study.methods]
    return parents, rest


def _baseline_of(study: Study, method: Method) -> Baseline | None:
    """The baseline that a method prunes; None for the study's own dense network."""
    return next((baseline for baseline in study.baselines if baseline.label == method.parent), None)


def parent_model(study: Study, method: Method) -> Model:
    """The model of the dense network that a method prunes, in a completed study."""
    return model_and_schedule(study, Task(0, "", method, _baseline_of(study, method)))[0]


def model_and_schedule(study: Study, task: Task) -> tuple[Model, Train]:
    """Model and schedule of the dense network of a task, or of its parent; the study's own without a baseline."""
    model, train, baseline = study.model, study.train, task.baseline
    if baseline is not None:
        model = capacity.sized(model, baseline)
    if baseline is not None and baseline.epochs is not None:
        train = dataclasses.replace(train, epochs=baseline.epochs)
    if baseline is not None and baseline.regime is not None:
        train = dataclasses.replace(train, regime=baseline.regime)
    return model, regimes.completed(train)


def made_by(study: Study, dataset: data.Dataset, task: Task, sparsity: float | None) -> dict[str, Any]:
    """All inputs that determine a network; its fingerprint is their hash."""
    model, train = model_and_schedule(study, task)
    # A file of variables may be moved: its hash is what counts.
    model = dataclasses.replace(model, variables=None)
    parts = {"data": dataset.hash, "model": describe(model), "train": describe(train), "seed": task.seed}
    if task.baseline is not None and task.baseline.cycles > 1:
        parts["cycles"] = task.baseline.cycles
    if task.baseline is not None and task.baseline.frozen_head:
        parts["frozen_head"] = True
    if task.method is not None and sparsity is not None:
        method = task.method
        parts |= {
            "method": method.name,
            "options": dict(sorted(pruning.determining(pruning.check(method)).items())),
            "sparsity": sparsity,
            "protected": list(study.protected),
        }
        if definitions := pruning.definitions(method):
            parts["definitions"] = definitions
        if parts["options"].get("rate") is not None:
            # A chain at a level depends on the targets before it, not on those after.
            parts["targets"] = sorted(s for s in method.sparsities if s <= sparsity)
    return parts


def sparsities_of(task: Task) -> list[float] | list[None]:
    """The requested sparsities of a task's networks, rising; [None] for a dense network."""
    return [None] if task.method is None else sorted(task.method.sparsities)


def names_of(study: Study, task: Task) -> list[str]:
    """The names of a task's networks, by rising sparsity."""
    return [name_of(study, task, sparsity) for sparsity in sparsities_of(task)]


def expected(study: Study, dataset: data.Dataset, task: Task) -> dict[str, dict[str, Any]]:
    """The networks of a task by name, and what makes each."""
    return {name_of(study, task, s): made_by(study, dataset, task, s) for s in sparsities_of(task)}


def epochs_of(study: Study, task: Task) -> float:
    """The epochs that a task trains, for progress."""
    if task.method is not None:
        return pruning.planned_epochs(task.method, model_and_schedule(study, task)[1])
    cycles = task.baseline.cycles if task.baseline else 1
    return cycles * model_and_schedule(study, task)[1].epochs


def plan(study: Study, dataset: data.Dataset) -> dict[str, float]:
    """Counts of the work of a study from nothing, its controls included: networks, epochs and cells."""
    study = completed(study, dataset)
    everything = [task for part in tasks(study) for task in part]
    epochs = sum(epochs_of(study, task) for task in everything)
    networks = sum(len(expected(study, dataset, task)) for task in everything)
    return {"networks": networks, "epochs": epochs, "cells": networks * len(study.conditions)}
