"""Networks made elsewhere, measured under every condition of a study."""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from rosalind import geometry, measures, measuring, results
from rosalind.conditions import Network
from rosalind.progress import Progress
from rosalind.results import Results
from rosalind.study import cells, network_files, running


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
    extra = measures.of_study(names)
    kernel, bias = (np.asarray(part, np.float32) for part in head)
    network = Network(name, None, features=features, kernel=kernel, bias=bias)
    geometry.check(np.zeros((0, len(kernel))), kernel, bias, np.zeros(0, int))
    reference = measuring.reference(network, dataset.train, dataset.validation)
    network = dataclasses.replace(network, reference=reference)
    arrays = network_files.reference_arrays(kernel, bias, reference)
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
    digests = cells.hashes(folder, [name])
    declared = {**study_results.conditions, **study_results.shifts}
    possible = [id_ for id_, info in declared.items() if info.bn == "train" and info.shared]
    todo = [id_ for id_ in possible if not cells.is_measured(folder, name, id_, digests[name], extra)]
    with Progress(f"measuring {name}", len(todo), unit="conditions") as progress:
        for id_ in todo:
            planned = cells.planned_of(study_results, id_)
            cells.measure_networks(folder, dataset, planned, [network], digests, extra, progress.advance)
    return running.compare(folder)
