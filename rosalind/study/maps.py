"""Occlusion maps of a study's samples."""

from pathlib import Path

import numpy as np

from rosalind import attribution, conditions, data, measuring, results
from rosalind.conditions import Planned
from rosalind.config import CLEAN, Study
from rosalind.progress import Advance, Progress
from rosalind.study import cells, network_files, planning
from rosalind.study.planning import Task

JOINED = ("id", "map", "baseline", "deletion")
"""Arrays of a file of maps that have a row per sample."""


def attribute(folder: str | Path, network: str, condition: str = CLEAN, ids: tuple[int, ...] | None = None) -> int:
    """Make occlusion maps of samples for one network and condition, beside those already stored.

    Args:
        folder: of a study whose data can still be loaded.
        network: its id.
        condition: id of a condition of the study.
        ids: sample ids of the test set; None takes twelve, stratified by class.

    Returns:
        The number of maps that were made; those that exist are kept.

    Raises:
        ValueError: an unknown network, condition or sample.
    """
    folder = Path(folder)
    study_results = results.load(folder)
    for kind, name, infos in (
        ("network", network, study_results.networks),
        ("condition", condition, study_results.conditions),
    ):
        if name not in infos:
            raise ValueError(f"the study has no {kind} {name!r}; it has {', '.join(infos)}.")
    dataset = cells.dataset_of(study_results)
    if ids is None:
        ids = tuple(dataset.test.ids[planning.stratified_rows(dataset, 12)].tolist())
    unknown = sorted(set(ids) - set(dataset.test.ids.tolist()))
    if unknown:
        raise ValueError(f"the test set has no samples {unknown[:5]}; ids go from 0 to {dataset.test.ids.max()}.")
    with Progress("attributing", len(ids), unit="samples") as progress:
        planned = cells.planned_of(study_results, condition)
        return attribute_some(dataset, folder, network, planned, ids, progress.advance)


def attribute_some(
    dataset: data.Dataset,
    folder: Path,
    network: str,
    planned: Planned,
    ids: tuple[int, ...],
    advance: Advance,
) -> int:
    """Add maps of the samples that have none; returns their number. Those of a file without all arrays, or with
    other patches, are made anew.

    `advance` counts every sample, at once those that have their maps.
    """
    path = results.attribution_file(folder, network, planned.condition.id)
    stored = results.load_arrays(path) if results.readable(path, ("id", "map")) else {}
    # Until 0.1.0 patches could leave out the last rows and columns; maps of other patches cannot join those.
    shape = tuple(map(len, attribution.offsets(dataset.image_shape)[2]))
    if stored and (not stored.keys() >= set(JOINED) or stored["map"].shape[2:] != shape):
        ids, stored = tuple({*ids, *stored["id"].tolist()}), {}
    rows = np.flatnonzero(np.isin(dataset.test.ids, np.setdiff1d(ids, stored.get("id", ()))))
    advance(len(ids) - len(rows), network)
    if not rows.size:
        return 0
    loaded = network_files.load_network(folder, network)
    key = planning.draw_key(dataset, planned.condition)
    loaded = conditions.network_under(planned, loaded, key)
    attacked = cells.attacked_network(folder, planned)
    recalibrated = planned.condition.bn == "recalibrated"
    source = dataset.train if recalibrated else conditions.source_images(planned, dataset.test)
    ready = measuring.with_batch_norm(loaded, planned, source, key, attacked=attacked)
    images = cells.condition_images(dataset, planned, rows, network=attacked or ready)
    arrays = attribution.occlusion(ready, images, advance=advance)
    if stored:
        arrays |= {name: np.concatenate([stored[name], arrays[name]]) for name in JOINED}
    results.save_arrays(path, arrays, replace=True)
    return len(rows)


def attributions(
    study: Study,
    dataset: data.Dataset,
    folder: Path,
    planned: list[Planned],
    parents: list[Task],
    rest: list[Task],
) -> None:
    """Occlusion maps for the networks of the first seed under the chosen conditions."""
    if not study.attributions:
        return
    first = [task for task in [*parents, *rest] if task.seed == study.seeds[0]]
    names = [name for task in first for name in planning.expected(study, dataset, task)]
    ids = tuple(dataset.test.ids[planning.stratified_rows(dataset, study.attributions)].tolist())
    chosen = [p for p in planned if p.condition.id in study.attribution_conditions]
    with Progress("attributing", len(names) * len(chosen) * len(ids), unit="samples") as progress:
        for condition in chosen:
            for name in names:
                attribute_some(dataset, folder, name, condition, ids, progress.advance)
