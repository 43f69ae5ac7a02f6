"""Tasks that train: dense networks, baselines and the networks of a method."""

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
from rosalind.config import Condition, Model, Regime, Study, Train, describe, fingerprint
from rosalind.progress import Advance
from rosalind.pruning.tickets import binarise
from rosalind.study import continuing, planning
from rosalind.study.network_files import is_stored, load_network, save_network
from rosalind.study.planning import Task

Fit = Callable[..., training.Fitted]
"""A function with the arguments and results of `training.fit`."""


def keys_of(seed: int) -> jax.Array:
    """The keys of a seed's initialisation and of its data order."""
    return jax.random.split(jax.random.key(seed))


def logger(folder: Path, name: str, advance: Advance | None) -> Callable[[dict[str, float]], None]:
    """A `report` for `training.fit`: a line of JSON per epoch, and progress."""
    path = folder / "log" / f"{socket.gethostname()}-{os.getpid()}.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    last = np.inf

    def report(row: dict[str, float]) -> None:
        nonlocal last
        with path.open("a") as file:
            file.write(json.dumps({"network": name, "time": round(time.time(), 3), **row}) + "\n")
        if advance is not None:
            # Part epochs (from a rewinding point) count for what they are.
            before = last if last < row["epoch"] else np.ceil(row["epoch"]) - 1
            advance(row["epoch"] - before, name)
            last = row["epoch"]

    return report


def loss_of(model: Model, train: Train) -> training.Loss:
    """The study's loss, under the regime of a schedule."""
    return training.robust_loss(train.regime, models.cross_entropy(model, **_arguments(model, train)))


def _arguments(model: Model, train: Train) -> dict[str, Any]:
    """Arguments of `models.cross_entropy`; a robust objective looks at the logits."""
    logits = {} if train.regime is None else {"logits": True}
    return {"label_smoothing": train.label_smoothing, "records": records_of(model), **logits}


def model_functions(model: Model, train: Train) -> pruning.ModelFunctions:
    """The functions of a model that methods need; a student learns under the regime of the schedule."""
    functions = pruning.ModelFunctions(**models.model_functions(model))
    student = lambda temperature, share: models.distilled(model, temperature, share, **_arguments(model, train))
    return functions._replace(distilled=lambda *settings: training.robust_loss(train.regime, student(*settings)))


def batches_of(dataset: data.Dataset, train: Train) -> training.Batches:
    """The shuffled and augmented batches of a schedule, with the keys that a robust objective draws with."""
    images, labels, draws = dataset.train.images, dataset.train.labels, train.regime is not None
    return training.Batches(images, labels, train.batch_size, train.crop, train.flip, draws)


@functools.cache
def records_of(model: Model) -> Callable:
    """The records of a training step, from its own logits: float32[b] correct (0 or 1) and the margin."""

    def records(logits, params, labels):
        kernel, bias = models.head(model, {"params": params})
        margin, _, _ = geometry.margins(logits, bias, labels, geometry.class_distances(kernel))
        return {"correct": (jnp.argmax(logits, 1) == labels).astype(jnp.float32), "margin": margin}

    return records


def budget(
    steps: int,
    per_epoch: int,
    scoring: int = 0,
    step_bytes: int | None = None,
    regime: Regime | None = None,
    beside: tuple[int, int] = (0, 0),
) -> dict[str, Any]:
    """The cost of a network, its dense parent included where it needs one.

    Epochs, passes over batches forward and backward, and the peak memory of a training step in bytes as XLA plans it.
    Among the passes are those for scores (`scoring_passes`), all of the regime, and those of a teacher and of class
    maps (`teaching_passes`, the forward ones). Networks made before these were counted lack that key.

    Args:
        beside: passes of a teacher and of class maps, forward and backward.
    """
    passes = steps * training.passes_of(regime) + scoring
    return {
        "epochs": round(steps / per_epoch, 3),
        "forward_passes": passes + beside[0],
        "backward_passes": passes + beside[1],
        "scoring_passes": scoring,
        "teaching_passes": beside[0],
        "step_bytes": step_bytes,
    }


def split(variables: models.Variables) -> pruning.Weights:
    """Parameters, and the state beside them."""
    state = dict(variables)
    return pruning.Weights(state.pop("params"), state)


def validation_accuracy(
    dataset: data.Dataset, model: Model, weights: pruning.Weights, *, recalibrated: bool = True
) -> dict[str, float]:
    """The share of validation images that are classified correctly: as it is, and with BatchNorm recalibrated.

    Recalibration is on up to 10,000 clean training images; networks without BatchNorm have no second number.
    """
    variables = {"params": weights.trainable, **weights.state}
    network, key = Network("", None, model, variables), jax.random.key(0)
    clean = conditions.plan(Condition(bn="recalibrated"))
    accuracy = lambda n: float(dict(measuring.accuracies([n], clean, dataset.validation, key))[""])
    shares = {"accuracy": accuracy(network)}
    if recalibrated and weights.state.get("batch_stats"):
        images = dataset.train.take(np.arange(min(10_000, len(dataset.train))))
        shares["recalibrated"] = accuracy(measuring.with_batch_norm(network, clean, images, key))
    return shares


@functools.cache
def with_frozen_head(loss: training.Loss) -> training.Loss:
    """The loss of parameters without the head's kernel, which its state holds as `head`, beside the inner one."""

    def frozen(trainable: training.Tree, state: training.Tree, batch: Any, train: bool = True):
        params = {**trainable, "head": {**trainable["head"], "kernel": state["head"]}}
        value, (inner, records) = loss(params, state["inner"], batch, train)
        return value, ({"inner": inner, "head": state["head"]}, records)

    return frozen


def _fit_with_frozen_head(
    fit: Fit,
    loss: training.Loss,
    trainable: training.Tree,
    state: training.Tree,
    batches: training.Batches,
    *,
    masks: training.Masks,
    **settings: Any,
) -> training.Fitted:
    """`fit` of everything but the head's kernel."""
    head = dict(trainable["head"])
    kernel = head.pop("kernel")
    others = {path: mask for path, mask in masks.items() if path != "head/kernel"}
    held = {"inner": state, "head": kernel}
    body = {**trainable, "head": head}
    fitted = fit(with_frozen_head(loss), body, held, batches, masks=others, **settings)
    with_head = {**fitted.trainable, "head": {**fitted.trainable["head"], "kernel": kernel}}
    return fitted._replace(trainable=with_head, state=fitted.state["inner"])


def train_dense(
    study: Study, folder: Path, task: Task, advance: Advance | None = None, fit: Fit = training.fit
) -> None:
    """Train the dense network of a seed, or a baseline."""
    dataset = planning.load(study.data)
    name = planning.name_of(study, task)
    if is_stored(folder, name, planning.made_by(study, dataset, task, None)):
        return
    model, train = planning.model_and_schedule(study, task)
    initial_key, order_key = keys_of(task.seed)
    weights, steps = split(models.init(model, initial_key)), 0
    masks = pruning.masks.everything(weights.trainable)
    batches = batches_of(dataset, train)
    frozen = task.baseline is not None and task.baseline.frozen_head
    if frozen:
        kernel = weights.trainable["head"]["kernel"]
        signs = binarise(kernel, jnp.ones(kernel.shape, bool))
        weights = weights._replace(
            trainable={**weights.trainable, "head": {**weights.trainable["head"], "kernel": signs}}
        )
    loss = loss_of(model, train)
    if frozen:
        fit = functools.partial(_fit_with_frozen_head, fit)
    for _ in range(task.baseline.cycles if task.baseline else 1):
        fitted = fit(
            loss,
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
        "options": {"frozen_head": True} if frozen else {},
        "family": "dense",
        "parent": None,
        "sparsity_requested": 0.0,
        "budget": budget(steps, batches.steps, step_bytes=fitted.step_bytes, regime=train.regime),
    }
    save_network(study, dataset, folder, name, task, weights, masks, fitted.records, {}, provenance)


def prune(study: Study, folder: Path, task: Task, advance: Advance | None = None, fit: Fit = training.fit) -> None:
    """Make all networks of one method and seed that are missing."""
    assert task.method is not None
    dataset = planning.load(study.data)
    expected = planning.expected(study, dataset, task)
    missing = {name for name, made_by in expected.items() if not is_stored(folder, name, made_by)}
    if not missing:
        return
    model, train = planning.model_and_schedule(study, task)
    initial_key, order_key = keys_of(task.seed)
    parent_name = planning.name_of(study, task.parent)
    trained = split(load_network(folder, parent_name, model).variables)
    batches = batches_of(dataset, train)
    recipe = pruning.recipe_of(task.method.name)
    groups = continuing.channel_groups(task.method, model, folder) if recipe.granularity == "channel" else ()
    # All methods of a parent share one store: equal beginnings of chains are trained once. Those with groups that were
    # not found before begin anew, as the masks of a level follow from its groups.
    later = {"groups": describe(groups)} if any(group.rooted for group in groups) else {}
    prefix = fingerprint({**planning.made_by(study, dataset, task.parent, None), **later})
    report = logger(folder, planning.name_of(study, task), advance)
    networks = pruning.prune(
        task.method,
        pruning.Parent(split(models.init(model, initial_key)), trained),
        loss=loss_of(model, train),
        batches=batches,
        scoring=training.Batches(dataset.train.images, dataset.train.labels, train.batch_size),
        config=train,
        fit=functools.partial(fit, report=report),
        protected=study.protected,
        resume=results.Checkpoints(folder / "checkpoints", prefix),
        groups=groups,
        functions=model_functions(model, train),
        evaluate=functools.partial(validation_accuracy, dataset, model),
        key=order_key,
    )
    accuracy = lambda weights: validation_accuracy(dataset, model, weights, recalibrated=False)["accuracy"]
    parent_accuracy = accuracy(trained)
    options = pruning.check(task.method)
    # No teacher is there while `bn_scale` makes the scales small.
    untaught = round((options.get("l1_epochs") or 0) * batches.steps)
    extra = pruning.teaching.beside(options, train.regime)
    cycles = task.baseline.cycles if task.baseline else 1
    parent_steps = cycles * round(train.epochs * batches.steps) if recipe.ranked == "trained" else 0
    for pruned in networks:
        name = planning.name_of(study, task, pruned.sparsity)
        if name not in missing:
            continue
        taught = pruned.steps - untaught
        provenance = {
            "method": task.method.name,
            "options": pruning.determining(options),
            "family": recipe.family,
            "parent": parent_name if recipe.ranked == "trained" else None,
            "sparsity_requested": pruned.sparsity,
            "budget": budget(
                parent_steps + pruned.steps,
                batches.steps,
                pruned.scoring,
                pruned.step_bytes,
                train.regime,
                (taught * extra.forward, taught * extra.backward),
            ),
            "validation": {
                "parent": parent_accuracy,
                **{f"pruned_{name}": value for name, value in pruned.before.items()},
                "retrained": accuracy(pruned.weights),
            },
            "exact": recipe.exact,
            # Those of before took whole batches until there were enough; see `continuing`.
            **({"counted": "samples"} if pruning.counts_samples(task.method) else {}),
            "notes": list(pruned.notes),
        }
        for note in pruned.notes:
            print(f"{name}: {note}.", file=sys.stderr)
        arrays = pruned.weights, pruned.masks, pruned.records, pruned.selection
        save_network(study, dataset, folder, name, task, *arrays, provenance)


def train(study: Study, folder: Path, task: Task, advance: Advance | None = None, fit: Fit = training.fit) -> bool:
    """Make the networks of a task that are missing; False where another process is making them."""
    with results.lease(folder, f"train.{planning.name_of(study, task)}") as is_ours:
        if is_ours:
            shared = functools.partial(fit, devices=models.devices_for(study.model, study.train.batch_size))
            (prune if task.method is not None else train_dense)(study, folder, task, advance, shared)
    return is_ours
