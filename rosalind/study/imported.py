"""Networks made elsewhere, measured under every condition of a study."""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import numpy as np

from rosalind import conditions, geometry, measures, measuring, results
from rosalind.conditions import Network
from rosalind.progress import Progress
from rosalind.results import Results
from rosalind.study import cells, network_files, running
from rosalind.study.planning import DRAW_SEED


def add_network(
    folder: str | Path,
    name: str,
    features: Callable[[np.ndarray], Any],
    head: tuple[Any, Any],
    *,
    family: str | None = None,
    fingerprint: str | None = None,
) -> Results:
    """Measure a network made elsewhere, in PyTorch say, under every condition of a study.

    Args:
        folder: of the study; its data must load.
        name: the network's id in the study.
        features: from uint8[b, h, w, c] in NumPy to float[b, d], the input of the last linear layer, in
            evaluation mode; normalising is its business. Batches all have one size.
        head: kernel float[d, c] and bias float[c]; PyTorch's `weight` is [c, d] and must be transposed.
        family: for legends; `imported` if None.
        fingerprint: names the network's weights, so that a later call can tell whether they changed; by
            default a hash of the head and of what the callable gives for clean images.

    Returns:
        The study as it is then. Killed and called again, it goes on where it was. Conditions that change
        BatchNorm or weights, or attack the network itself, are left out: they need a rosalind model.

    Raises:
        ValueError: a name that cannot be an id, shapes that do not fit, NaN.
        results.Mismatch: a network of that name with another fingerprint.
    """
    folder = Path(folder)
    results.check_name(name)
    study_results = results.load(folder)
    dataset, names = cells.dataset_of(study_results), cells.all_measures(folder)
    cells.declare_measures(names, folder)
    own_measures = measures.of_study(names)
    kernel, bias = (np.asarray(part, np.float32) for part in head)
    network = Network(name, None, features=features, kernel=kernel, bias=bias)
    geometry.check(np.zeros((0, len(kernel))), kernel, bias, np.zeros(0, int))
    reference = measuring.reference(network, dataset.train, dataset.validation)
    network = dataclasses.replace(network, reference=reference)
    arrays = {
        "head/kernel": kernel,
        "head/bias": bias,
        "mu": reference.mu,
        "class_mean": reference.class_mean,
        "unit": np.float64(reference.feature_scale),
    }
    results.add_network(
        folder,
        {
            "name": name,
            "family": family or "imported",
            "unit": reference.feature_scale,
            "fingerprint": fingerprint or results.hash_arrays(arrays),
            "versions": network_files.versions(),
        },
        arrays,
    )
    digest = results.load_json(results.network_file(folder, name, "json"))["hash"]
    subset = study_results.samples["subset"]
    declared = {**study_results.conditions, **study_results.shifts}
    todo = [
        c
        for c in declared
        if declared[c].bn == "train"
        and declared[c].shared
        and not cells.is_measured(folder, name, c, digest, own_measures)
    ]
    with Progress(f"measuring {name}", len(todo), unit="conditions") as progress:
        for id_ in todo:
            planned = cells.planned_of(study_results, id_)
            key = conditions.condition_key(jax.random.key(DRAW_SEED), dataset.name, planned.condition)
            attacked = cells.attacked_network(folder, planned)
            measured = measuring.measure(
                [network], planned, dataset.test, key, subset=subset, attacked=attacked, measures=own_measures
            )
            for _, cell in measured:
                cells.save_cell(folder, name, id_, cell, digest)
            progress.advance(1, id_)
    return running.compare(folder)
