"""Subjects of diagnostics: networks, images and initial weights, read back from a study's folder."""

import functools
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import numpy as np

from rosalind import conditions, data, diagnostics, measuring, models, results
from rosalind.config import Condition, Data
from rosalind.diagnostics import Subject
from rosalind.imported import Imported
from rosalind.study import condition_images, network_files, networks, planning
from rosalind.study.diagnostic_tasks import DiagnosticTask, name_of

SAMPLES = 500
"""Test samples that activations are computed of, where a study keeps features of none."""


@functools.lru_cache(maxsize=2)
def _samples(folder: Path, config: Data, condition: Condition) -> tuple[data.Split, data.Split]:
    """The samples of activations, clean and under a condition that all networks share."""
    dataset, planned = planning.load(config), conditions.plan(condition)
    rows = _rows(folder, dataset)
    return dataset.test.take(rows), condition_images.images_of(
        dataset, planned, rows, network=condition_images.attacked_network(folder, planned)
    )


def _rows(folder: Path, dataset: data.Dataset) -> np.ndarray:
    rows = results.load_arrays(folder / "samples.npz", ("subset",))["subset"]
    return rows if len(rows) else planning.stratified_rows(dataset, SAMPLES)


def computed(
    folder: Path, config: Data, task: DiagnosticTask, advance: Callable[[float], object]
) -> dict[str, np.ndarray]:
    """The arrays of one file, checked against what the diagnostic declares; `advance` gets parts of the whole.

    The data set is read only for a diagnostic that sees images.
    """
    diagnostic, options = diagnostics.plan(task.diagnosis)
    if diagnostic.sees_images:
        subject = _with_images(folder, config, task, advance)
    else:
        assert isinstance(task.network, str)
        load = lambda name: None if name is None else network_files.load_network(folder, name)
        network = network_files.load_network(folder, task.network)
        assert network.config is not None
        none = np.zeros(0, np.int32)
        empty = data.Split(np.zeros((0, *(network.config.image_shape or ())), np.uint8), none, none)
        subject = Subject(
            *(network, load(task.other), empty, empty, empty, _key(task), options, advance),
            dense=load(task.dense),
            initial=functools.partial(_initial, folder, task.network, network),
        )
    return diagnostics.check_given(task.diagnosis.id, diagnostic, diagnostic.compute(subject))


def _key(task: DiagnosticTask) -> jax.Array:
    return jax.random.fold_in(jax.random.key(planning.DRAW_SEED), zlib.crc32(task.diagnosis.id.encode()))


def _with_images(folder: Path, config: Data, task: DiagnosticTask, advance: Callable[[float], object]) -> Subject:
    """The subject of a diagnostic, under the condition of its file."""
    dataset, planned = planning.load(config), task.planned or conditions.plan(Condition())
    diagnostic, options = diagnostics.plan(task.diagnosis)
    network = network_files.ready_network(folder, task.network, dataset.test)
    other = None if task.other is None else network_files.load_network(folder, task.other)
    attacked_path = None
    dense = None if task.dense is None else network_files.ready_network(folder, task.dense, dataset.test)
    key, attacked = planning.draw_key(dataset, planned.condition), condition_images.attacked_network(folder, planned)
    if planned.kind.per_network:
        rows = _rows(folder, dataset)
        network = conditions.network_under(planned, network, key)
        dense = dense and conditions.network_under(planned, dense, key)
        clean, samples = dataset.test.take(rows), condition_images.images_of(dataset, planned, rows, network=network)
        if diagnostic.of == "pair":
            attacked_path = lambda point: condition_images.images_of(dataset, planned, rows, network=point)
    else:
        clean, samples = _samples(folder, config, planned.condition)
    if planned.condition.bn != "train":
        source = dataset.train if planned.condition.bn == "recalibrated" else dataset.test
        network = measuring.with_batch_norm(network, planned, source, key, attacked=attacked)
        dense = dense and measuring.with_batch_norm(dense, planned, source, key, attacked=attacked)
    return Subject(
        *(network, other, samples, clean, dataset.train, _key(task), options, advance),
        attacked=attacked_path,
        dense=dense,
        initial=functools.partial(_initial, folder, task.network, network),
    )


def _initial(folder: Path, name: str | Imported, network: conditions.Network) -> Any:
    """The variables that a network began with; None where they are not known: `reinitialised` and `signs` of lth draw
    their own, and pretrained ones may be gone.
    """
    path = results.network_file(folder, name_of(name), "json")
    info = results.NetworkInfo.from_json(path, results.load_json(path))
    if network.config is None or info.seed is None or info.options.get("control") in ("reinitialised", "signs"):
        return None
    if info.family == "ticket":
        # Its weights are those of the start, binarised or not.
        return network.variables
    try:
        return jax.device_get(models.init(network.config, networks.keys_of(info.seed)[0]))
    except (ValueError, OSError):
        if network.config.variables is None:
            raise
        return None
