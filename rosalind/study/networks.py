"""Units that train: dense networks, baselines and the networks of a method."""

import functools
import json
import os
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from rosalind import conditions, data, geometry, measuring, models, pruning, results, training
from rosalind.conditions import Network
from rosalind.config import Condition, Model, Study, fingerprint
from rosalind.study import planning
from rosalind.study.network_files import is_stored, load_network, save_network
from rosalind.study.planning import Task


def keys_of(seed: int):
    """The keys of a seed's initialisation and of its data order."""
    return jax.random.split(jax.random.key(seed))


def logger(folder: Path, name: str, advance: Callable[[float, str], None] | None) -> Callable[[dict], None]:
    """A `report` for `training.fit`: a line of JSON per epoch, and progress."""
    path = folder / "log" / f"{socket.gethostname()}-{os.getpid()}.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    last: list[float | None] = [None]

    def report(row: dict[str, float]) -> None:
        with path.open("a") as file:
            file.write(json.dumps({"network": name, "time": round(time.time(), 3), **row}) + "\n")
        if advance is not None:
            # Part epochs (from a rewinding point) count for what they are.
            before = last[0] if last[0] is not None and last[0] < row["epoch"] else np.ceil(row["epoch"]) - 1
            advance(row["epoch"] - before, name)
            last[0] = row["epoch"]

    return report


def loss_of(model: Model, label_smoothing: float) -> training.Loss:
    """The study's loss."""
    return models.cross_entropy(model, label_smoothing=label_smoothing, records=records_of(model))


@functools.cache
def records_of(model: Model) -> Callable:
    """What every training step records, from its own logits: who is right and by what margin."""

    def records(logits, params, labels):
        kernel, bias = models.head(model, {"params": params})
        found, _, _ = geometry.margins(logits, bias, labels, geometry.class_distances(kernel))
        best = jnp.argmax(logits, 1)
        return {"correct": (best == labels).astype(jnp.float32), "margin": found}

    return records


def functions_of(model: Model, label_smoothing: float) -> pruning.ModelFunctions:
    """Functions of a study's model for pruning methods; students record what the study's loss does."""
    functions = models.model_functions(model, label_smoothing=label_smoothing, records=records_of(model))
    return pruning.ModelFunctions(**functions)


def budget(steps: int, per_epoch: int, scoring: int = 0, step_bytes: int | None = None) -> dict[str, Any]:
    """What a network cost, its dense parent included where it needs one.

    Epochs, passes over batches forward and backward (those for scores, `scoring_passes`, among them), and the
    peak memory of a training step in bytes as XLA plans it.
    """
    passes = steps + scoring
    return {
        "epochs": round(steps / per_epoch, 3),
        "forward_passes": passes,
        "backward_passes": passes,
        "scoring_passes": scoring,
        "step_bytes": step_bytes,
    }


def split(variables: models.Variables) -> pruning.Weights:
    """Parameters, and the state beside them."""
    return pruning.Weights(variables["params"], {k: x for k, x in variables.items() if k != "params"})


def validation_accuracy(
    dataset: data.Dataset, model: Model, weights: pruning.Weights, *, recalibrated: bool = True
) -> dict[str, float]:
    """The share of validation images that are classified correctly: as it is, and with BatchNorm recalibrated.

    Recalibration is on up to 10,000 clean training images; networks without BatchNorm have no second number.
    """
    variables = {"params": weights.trainable, **weights.state}
    network, key = Network("", None, model, variables), jax.random.key(0)
    clean = conditions.plan(Condition(bn="recalibrated"))
    share = lambda n: float(dict(measuring.accuracies([n], clean, dataset.validation, key))[""])
    found = {"accuracy": share(network)}
    if recalibrated and weights.state.get("batch_stats"):
        some = dataset.train.take(np.arange(min(10_000, len(dataset.train))))
        found["recalibrated"] = share(measuring.with_batch_norm(network, clean, some, key))
    return found


def train_dense(study: Study, folder: Path, task: Task, advance=None) -> None:
    """Train the dense network of a seed, or a baseline."""
    dataset = planning.load(study.data)
    name = planning.name_of(study, task)
    if is_stored(folder, name, planning.made_by(study, dataset, task, None)):
        return
    model, train = planning.model_and_schedule(study, task)
    initial_key, order_key = keys_of(task.seed)
    variables = models.init(model, initial_key)
    masks = pruning.masks.everything(variables["params"])
    batches = training.Batches(
        dataset.train.images, dataset.train.labels, train.batch_size, train.crop, train.flip
    )
    weights, steps = split(variables), 0
    for _ in range(task.baseline.cycles if task.baseline else 1):
        fitted = training.fit(
            loss_of(model, train.label_smoothing),
            weights.trainable,
            weights.state,
            batches,
            config=train,
            masks=masks,
            report=logger(folder, name, advance),
            key=order_key,
        )
        weights, steps = pruning.Weights(fitted.trainable, fitted.state), steps + fitted.steps
    provenance = {
        "method": "dense",
        "options": {},
        "family": "dense",
        "parent": None,
        "sparsity_requested": 0.0,
        "budget": budget(steps, batches.steps, step_bytes=fitted.step_bytes),
    }
    save_network(study, dataset, folder, name, task, model, weights, masks, fitted.records, provenance)


def prune(study: Study, folder: Path, task: Task, advance=None) -> None:
    """Make all networks of one method and seed that are missing."""
    assert task.method is not None
    dataset = planning.load(study.data)
    expected = planning.expected(study, dataset, task)
    missing = {name for name, made_by in expected.items() if not is_stored(folder, name, made_by)}
    if not missing:
        return
    model, train = study.model, study.train
    initial_key, order_key = keys_of(task.seed)
    initial = models.init(model, initial_key)
    parent_task = Task(task.seed, "dense")
    parent_name = planning.name_of(study, parent_task)
    trained = load_network(folder, parent_name, model).variables
    images, labels = dataset.train.images, dataset.train.labels
    batches = training.Batches(images, labels, train.batch_size, train.crop, train.flip)
    scoring = training.Batches(images, labels, train.batch_size)
    recipe = pruning.recipe_of(task.method.name)
    # All methods of a parent share one store: equal beginnings of chains are trained once.
    prefix = fingerprint(planning.made_by(study, dataset, parent_task, None))
    report = logger(folder, planning.name_of(study, task), advance)
    found = pruning.prune(
        task.method,
        pruning.Parent(split(initial), split(trained)),
        loss=loss_of(model, train.label_smoothing),
        batches=batches,
        scoring=scoring,
        config=train,
        fit=functools.partial(training.fit, report=report),
        protected=study.protected,
        resume=results.Checkpoints(folder / "checkpoints", prefix),
        groups=models.groups(model) if recipe.granularity == "channel" else (),
        functions=functions_of(model, train.label_smoothing),
        evaluate=functools.partial(validation_accuracy, dataset, model),
        key=order_key,
    )
    before = validation_accuracy(dataset, model, split(trained), recalibrated=False)["accuracy"]
    parent_steps = round(train.epochs * batches.steps) if recipe.ranked == "trained" else 0
    for pruned in found:
        name = planning.name_of(study, task, pruned.sparsity)
        if name not in missing:
            continue
        provenance = {
            "method": task.method.name,
            "options": dict(pruning.check(task.method)),
            "family": recipe.family,
            "parent": parent_name if recipe.ranked == "trained" else None,
            "sparsity_requested": pruned.sparsity,
            "budget": budget(parent_steps + pruned.steps, batches.steps, pruned.scoring, pruned.step_bytes),
            "validation": {
                "parent": before,
                **{f"pruned_{name}": value for name, value in pruned.before.items()},
                "retrained": validation_accuracy(dataset, model, pruned.weights, recalibrated=False)[
                    "accuracy"
                ],
            },
            "exact": recipe.exact,
            "notes": list(pruned.notes),
        }
        for note in pruned.notes:
            print(f"{name}: {note}.", file=sys.stderr)
        save_network(
            study,
            dataset,
            folder,
            name,
            task,
            model,
            pruned.weights,
            pruned.masks,
            pruned.records,
            provenance,
        )


def train(study: Study, folder: Path, task: Task, advance=None) -> None:
    """Make a task that is not a parent: a baseline or a method's networks."""
    (prune if task.method is not None else train_dense)(study, folder, task, advance)
