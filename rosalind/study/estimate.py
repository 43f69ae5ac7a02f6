"""The work that a study still needs: counts, time and disk, before it begins."""

import math
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import jax
import numpy as np

from rosalind import data, diagnostics, measuring, models, pruning, results, training
from rosalind.config import Model, Study
from rosalind.study import capacity, checking, diagnostic_tasks, planning
from rosalind.study.missing import Missing, look

BACKWARD = 3
"""Forward passes that a training step takes the time of."""


@dataclass(frozen=True)
class Estimate:
    """The work that a folder lacks of a study.

    Attributes:
        epochs: Of training, in passes over the training split.
        cells: Networks under conditions to measure.
        minutes: From a timed forward pass of the dense network; what is compiled and diagnostics come on top. NaN where
            no network or cell is missing.
        bytes: Of disk, to a tenth: arrays of networks, cells and thumbnails.
        diagnostics: Files of diagnostics that are not there, or are of networks that are not; of such networks those
            with a parent are the pairs, dense ones of two seeds come on top.
        sentences: On what is left out, stays dense or is made twice, and what differs from the study as it was given.
    """

    networks: int
    epochs: float
    cells: int
    minutes: float
    bytes: int
    diagnostics: int = 0
    sentences: tuple[str, ...] = ()

    def __str__(self) -> str:
        files = f"{self.diagnostics:,} file{'s' * (self.diagnostics != 1)} of diagnostics"
        if not (self.networks or self.cells):
            return files if self.diagnostics else "nothing is missing"
        size = f"{self.bytes / 1e9:.1f} GB" if self.bytes >= 1e9 else f"{math.ceil(self.bytes / 1e6)} MB"
        minutes = f"{self.minutes:.0f} minutes" if self.minutes >= 1.5 else "a minute"
        return (
            f"{self.networks} networks in {self.epochs:,.0f} epochs, {self.cells:,} cells, {size} on disk; "
            f"about {minutes}, and compiling{f'; {files}' if self.diagnostics else ''}"
        )


def estimate(study: Study, folder: str | Path | None = None) -> Estimate:
    """The work that a folder lacks of a study; a second or two, for a forward pass is compiled and timed,
    and one of every network that is larger than the study's own.

    Args:
        study: the plan, controls included.
        folder: of the study; None, or one that is not there, lacks everything. Nothing is written.

    Raises:
        ValueError: see `checking.check`.
        PermissionError: a folder that cannot be made or written.
        results.Mismatch: a network of the same name that was made differently.
    """
    if folder is not None:
        results.check_makeable(folder)
    return of_missing(look(study, checking.check(study), None if folder is None else Path(folder)))


def of_missing(missing: Missing) -> Estimate:
    """The estimate of what a folder lacks."""
    study, dataset = missing.study, missing.dataset
    cells_of = Counter(name for name, _ in missing.cells)
    work: dict[Model, np.ndarray] = {}
    for task in (*missing.parents, *missing.rest):
        names = planning.names_of(study, task)
        count = sum(name in missing.networks for name in names)
        model, train = planning.model_and_schedule(study, task)
        of_epochs = planning.epochs_of(study, task) if count else 0
        passes = training.passes_of(train.regime)
        if task.method is not None:
            beside = pruning.teaching.beside(pruning.check(task.method), train.regime)
            passes += (beside.forward + (BACKWARD - 1) * beside.backward) / BACKWARD
        amounts = count, of_epochs, sum(cells_of[name] for name in names), of_epochs * passes
        # Smaller ones are taken for the study's own, as every one that is timed is compiled.
        model = model if capacity.size(model) > capacity.size(study.model) else study.model
        work[model] = work.get(model, np.zeros(4)) + amounts
    networks, epochs, cells, _ = np.sum(list(work.values()), 0).tolist()
    minutes, disk = math.nan, 0.0
    if networks or cells:
        minutes = 0.0
        for model, (of_networks, of_epochs, of_cells, passes) in work.items():
            if of_networks or of_cells:
                seconds = _forward_seconds(model, dataset, study.train.batch_size)
                minutes += seconds / 60 * (BACKWARD * passes * len(dataset.train) + of_cells * len(dataset.test))
            disk += _bytes(study, model, dataset, of_networks, of_epochs, of_cells)
        disk += len(study.conditions) * _shown(study, dataset) if cells else 0
    counts = int(networks), epochs, int(cells), minutes, round(disk), _diagnostic_files(missing)
    return Estimate(*counts, missing.sentences)


def _diagnostic_files(missing: Missing) -> int:
    """Files of the study's diagnostics that are not there, or are of networks that are not."""
    if not missing.study.diagnostics:
        return 0
    folder, tasks = missing.folder, (*missing.parents, *missing.rest)
    task_of = {name: task for task in tasks for name in planning.names_of(missing.study, task)}
    stored = None if folder is None or missing.networks == task_of.keys() else results.load(folder)
    known = [name for name in task_of if stored and name in stored.networks]
    # Of networks without a record what they are made from is known of the method.
    methods = [task.method for name, task in task_of.items() if name not in known]
    children = sum(m is not None and pruning.recipe_of(m.name).ranked == "trained" for m in methods)
    count = 0
    for diagnosis in missing.study.diagnostics:
        diagnostic, _ = diagnostics.plan(diagnosis)
        conditions: tuple[str | None, ...] = diagnosis.under if diagnostic.under else (None,)
        subjects = list(task_of)
        if diagnostic.of == "pair":
            count += children * len(conditions)
            subjects = diagnostic_tasks.pairs(stored, known) if stored else []
        for first, _, other in (ends.partition(":") for ends in subjects):
            count += len(conditions)
            if folder is not None and not missing.networks & {first, other}:
                files = [results.diagnostic_file(folder, diagnosis.id, first, other or None, id_) for id_ in conditions]
                count -= sum(file.with_suffix(".json").exists() for file in files)
    return count


def _forward_seconds(model: Model, dataset: data.Dataset, size: int) -> float:
    """Seconds of a compiled forward pass per image."""
    images = np.asarray(dataset.train.images[:size])
    variables = models.init(model, jax.random.key(0))
    forward = jax.jit(lambda variables, images: models.apply(model, variables, images)[0])
    jax.block_until_ready(forward(variables, images))
    times = []
    for _ in range(3):
        began = time.perf_counter()
        jax.block_until_ready(forward(variables, images))
        times.append(time.perf_counter() - began)
    return min(times) / len(images)


def _bytes(study: Study, model: Model, dataset: data.Dataset, networks: float, epochs: float, cells: float) -> float:
    """Bytes of a model's arrays that the README lists; maps and tables are small beside them."""
    blank = models.blank(model)
    variables = sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(blank))
    masks = sum(leaf.size for leaf in pruning.masks.prunable(blank["params"]).values())
    classes, features = len(dataset.class_names), blank["params"]["head"]["kernel"].shape[0]
    samples, feature_rows = len(dataset.test), min(study.features, len(dataset.test))
    # Logits, six measures in float32, two classes in int16; of nearest classes their numbers too.
    near = min(classes, measuring.NEAREST)
    sample = 4 * near + 6 * 4 + 2 * 2 + (2 * near + 8 if near < classes else 0)
    cell = samples * sample + 2 * feature_rows * features + 4 * classes * (features + 2)
    # One bit and one float16 per training sample and epoch.
    trained = epochs * len(dataset.train) * (2 + 1 / 8)
    return networks * (variables + masks) + trained + cells * cell


def _shown(study: Study, dataset: data.Dataset) -> int:
    """Bytes of the thumbnails of a condition."""
    height, width, channels = dataset.image_shape
    return min(study.thumbnails, len(dataset.test)) * min(height, 64) * min(width, 64) * channels
