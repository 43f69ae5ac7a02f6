"""The work that a study still needs: counts, time and disk, before it begins."""

import math
import time
from dataclasses import dataclass
from pathlib import Path

import jax
import numpy as np

from rosalind import data, measuring, models, pruning, results
from rosalind.config import Model, Study
from rosalind.study import planning

BACKWARD = 3
"""Forward passes that a training step takes the time of."""


@dataclass(frozen=True)
class Estimate:
    """What a folder lacks of a study.

    Attributes:
        epochs: Of training, in passes over the training split.
        cells: Networks under conditions to measure.
        minutes: From a timed forward pass of the dense network; what is compiled comes on top. NaN where nothing is
            missing.
        bytes: Of disk, to a tenth: arrays of networks, cells and thumbnails.
    """

    networks: int
    epochs: float
    cells: int
    minutes: float
    bytes: int

    def __str__(self) -> str:
        if not (self.networks or self.cells):
            return "nothing is missing"
        size = f"{self.bytes / 1e9:.1f} GB" if self.bytes >= 1e9 else f"{math.ceil(self.bytes / 1e6)} MB"
        minutes = f"{self.minutes:.0f} minutes" if self.minutes >= 1.5 else "a minute"
        return (
            f"{self.networks} networks in {self.epochs:,.0f} epochs, {self.cells:,} cells, {size} on disk; "
            f"about {minutes}, and compiling"
        )


def estimate(study: Study, folder: str | Path | None = None) -> Estimate:
    """The work that a folder lacks of a study; a second or two, for one forward pass is compiled and timed.

    Args:
        study: the plan, controls included.
        folder: of the study; None, or one that is not there, lacks everything. Nothing is written.

    Raises:
        ValueError: see `planning.check`.
    """
    dataset = planning.check(study)
    study = planning.completed(study, dataset)
    study = study if folder is None else planning.beside_stored(study, Path(folder))
    names: list[str] = []
    networks, epochs = 0, 0.0
    for task in (task for part in planning.tasks(study) for task in part):
        listed = list(planning.expected(study, dataset, task))
        missing = [n for n in listed if folder is None or not results.network_file(Path(folder), n, "json").exists()]
        networks, names = networks + len(missing), names + listed
        epochs += planning.epochs_of(study, task) if missing else 0
    conditions = [condition.id for condition in study.conditions]
    measured = lambda name, condition: folder and results.geometry_file(Path(folder), name, condition).exists()
    cells = sum(not measured(name, condition) for name in names for condition in conditions)
    minutes = math.nan
    if networks or cells:
        seconds = _forward_seconds(study.model, dataset, study.train.batch_size)
        minutes = seconds / 60 * (BACKWARD * epochs * len(dataset.train) + cells * len(dataset.test))
    return Estimate(networks, epochs, cells, minutes, _bytes(study, dataset, networks, epochs, cells))


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


def _bytes(study: Study, dataset: data.Dataset, networks: int, epochs: float, cells: int) -> int:
    """Bytes of the arrays that the README lists; maps and tables are small beside them."""
    blank = models.blank(study.model)
    variables = sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(blank))
    masks = sum(leaf.size for leaf in pruning.masks.prunable(blank["params"]).values())
    classes, features = len(dataset.class_names), blank["params"]["head"]["kernel"].shape[0]
    samples, kept = len(dataset.test), min(study.features, len(dataset.test))
    # Logits, six measures in float32, two classes in int16; of nearest classes their numbers too.
    near = min(classes, measuring.NEAREST)
    sample = 4 * near + 6 * 4 + 2 * 2 + (2 * near + 8 if near < classes else 0)
    cell = samples * sample + 2 * kept * features + 4 * classes * (features + 2)
    height, width, channels = dataset.image_shape
    shown = min(study.thumbnails, samples) * min(height, 64) * min(width, 64) * channels
    # One bit and one float16 per training sample and epoch.
    trained = epochs * len(dataset.train) * (2 + 1 / 8)
    new_conditions = len(study.conditions) if cells else 0
    return round(networks * (variables + masks) + trained + cells * cell + new_conditions * shown)
