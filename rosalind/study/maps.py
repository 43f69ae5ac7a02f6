"""Occlusion maps of a study's samples."""

from concurrent.futures import Executor
from pathlib import Path

import numpy as np

from rosalind import conditions, data, measuring, results
from rosalind.analysis import map_samples
from rosalind.conditions import Planned
from rosalind.config import CLEAN, Study, several
from rosalind.diagnostics import occlusion
from rosalind.imported import Imported
from rosalind.progress import Advance, Progress
from rosalind.study import cells, condition_images, network_files, planning, units
from rosalind.study.units import Unit

JOINED = ("id", "map", "baseline", "deletion")
"""Arrays of a file of maps that have a row per sample."""


def attribute(
    folder: str | Path, network: str | Imported, condition: str = CLEAN, ids: tuple[int, ...] | None = None
) -> int:
    """Make occlusion maps of samples for one network and condition, beside those already stored.

    Args:
        folder: of a study whose data can still be loaded.
        network: its id; of one made elsewhere what was given to `add_network`, as its weights are not stored.
        condition: id of a condition of the study.
        ids: sample ids of the test set; None takes twelve, stratified by class.

    Returns:
        The number of maps that were made; those that exist are kept.

    Raises:
        ValueError: an unknown network, condition or sample; one that the network cannot be measured under.
        results.Mismatch: a callable that is not the stored network.
    """
    ids = ids if ids is None else several("ids", ids, "(3, 17)")
    with Progress("attributing", 12 if ids is None else len(ids), unit="samples") as progress:
        return attribute_cell(folder, network, condition, ids, progress.advance)


def attribute_cell(
    folder: str | Path, network: str | Imported, condition: str, ids: tuple[int, ...] | None, advance: Advance
) -> int:
    """`attribute`, where `advance` counts the samples."""
    folder = Path(folder)
    study_results = results.load(folder)
    name = network if isinstance(network, str) else network.name
    study_results.check_ids(networks=[name], conditions=[condition])
    dataset = cells.dataset_of(study_results)
    if ids is None:
        ids = tuple(dataset.test.ids[planning.stratified_rows(dataset, 12)].tolist())
    unknown = sorted(set(ids) - set(dataset.test.ids.tolist()))
    if unknown:
        raise ValueError(f"the test set has no samples {unknown[:5]}; ids go from 0 to {dataset.test.ids.max()}.")
    planned = cells.planned_of(study_results, condition)
    return attribute_some(dataset, folder, network, planned, ids, advance)


def attribute_pair(folder: str | Path, a: str, b: str, count: int = 3) -> int:
    """Make occlusion maps of the samples on which two networks of a study differ, as they were measured.

    Of both, under the clean condition and the one at which B gains most on A; see `analysis.map_samples.of_pair`.

    Args:
        folder: of a study whose data can still be loaded.
        a, b: ids of networks whose weights are stored.
        count: of samples that B rescues, that it breaks, and that are fragile; of the first two under each condition.

    Returns:
        The number of maps that were made.

    Raises:
        ValueError: an unknown network, or no condition under which both were measured.
    """
    chosen = map_samples.of_pair(results.load(Path(folder)), a, b, count)
    if not chosen.all_ids:
        return 0
    cells = [(network, condition) for network in (a, b) for condition in chosen.conditions]
    return sum(attribute(folder, *cell, chosen.all_ids) for cell in cells)


def attribute_some(
    dataset: data.Dataset,
    folder: Path,
    network: str | Imported,
    planned: Planned,
    ids: tuple[int, ...],
    advance: Advance,
) -> int:
    """Add maps of the samples that have none; returns their number.

    Those of a file without all arrays, of another network or condition, or with other patches, are made anew.

    `advance` counts every sample, at once those that have their maps.
    """
    name = network if isinstance(network, str) else network.name
    path = results.attribution_file(folder, name, planned.condition.id)
    stored = results.load_arrays(path) if results.readable(path) else {}
    digest = cells.hashes(folder, [name])[name]
    origin = {"network_hash": np.asarray(digest), "condition": np.asarray(planned.condition.id)}
    is_other = any(str(stored.get(key, value)) != str(value) for key, value in origin.items())
    # Until 0.1.0 patches could leave out the last rows and columns; maps of other patches cannot join those.
    shape = tuple(map(len, occlusion.offsets(dataset.image_shape)[2]))
    if stored and (is_other or not stored.keys() >= set(JOINED) or stored["map"].shape[2:] != shape):
        ids, stored = tuple({*ids, *stored["id"].tolist()}), {}
    rows = np.flatnonzero(np.isin(dataset.test.ids, np.setdiff1d(ids, stored.get("id", ()))))
    advance(len(ids) - len(rows), name)
    if not rows.size:
        return 0
    results.check_makeable(path.parent)
    loaded = network_files.ready_network(folder, network, dataset.test)
    key = planning.draw_key(dataset, planned.condition)
    loaded = conditions.network_under(planned, loaded, key)
    attacked = condition_images.attacked_network(folder, planned)
    recalibrated = planned.condition.bn == "recalibrated"
    source = dataset.train if recalibrated else conditions.source_images(planned, dataset.test)
    ready = measuring.with_batch_norm(loaded, planned, source, key, attacked=attacked)
    images = condition_images.images_of(dataset, planned, rows, network=attacked or ready)
    arrays = occlusion.occlusion(ready, images, advance=advance)
    if stored:
        arrays |= {name: np.concatenate([stored[name], arrays[name]]) for name in JOINED}
    results.save_arrays(path, {**arrays, **origin}, replace=True)
    return len(rows)


def _attribute_unit(
    study: Study, folder: Path, network: str, planned: Planned, ids: tuple[int, ...], advance: Advance | None = None
) -> bool:
    """`attribute_some`, unless another process is at it: then False."""
    with results.lease(folder, f"maps.{network}.{planned.condition.id}") as is_ours:
        if is_ours:
            dataset = planning.load(study.data)
            attribute_some(dataset, folder, network, planned, ids, advance or (lambda amount, note: None))
    return is_ours


def attributions(
    study: Study,
    dataset: data.Dataset,
    folder: Path,
    planned: list[Planned],
    names: tuple[str, ...],
    executor: Executor | None,
) -> dict[str, Exception]:
    """Occlusion maps of networks of the first seed under the chosen conditions, and of pairs; errors by name.

    Pairs get their samples after measuring, see `analysis.map_samples.of_pair`.
    """
    if not study.attributions and not study.attribution_pairs:
        return {}
    first = [task for part in planning.tasks(study) for task in part if task.seed == study.seeds[0]]
    ids_of: dict[tuple[str, str], tuple[int, ...]] = {}
    if study.attributions:
        ids = tuple(dataset.test.ids[planning.stratified_rows(dataset, study.attributions)].tolist())
        expected = [name for task in first for name in planning.expected(study, dataset, task)]
        ids_of = {(name, c): ids for name in expected for c in study.attribution_conditions}
    study_results = results.load(folder) if study.attribution_pairs else None
    for a, b in study.attribution_pairs:
        if study_results is None or a not in names or b not in names:
            continue
        try:
            chosen = map_samples.of_pair(study_results, a, b)
        except (ValueError, OSError):
            # A cell that could not be measured is named among the failures already.
            continue
        for cell in ((name, condition) for name in (a, b) for condition in chosen.conditions):
            ids_of[cell] = tuple(dict.fromkeys((*ids_of.get(cell, ()), *chosen.all_ids)))
    by_id = {p.condition.id: p for p in planned}
    work = {
        (name, c): Unit(f"maps of {name} under {c}", len(ids), (study, folder, name, by_id[c], ids))
        for c in by_id
        for (name, condition), ids in ids_of.items()
        if condition == c and name in names
    }
    parts = units.amounts(list(work.values()))
    with Progress("attributing", sum(parts.values()), unit="samples", parts=parts) as progress:
        # Files that are there are only looked at, which is no work for other processes.
        stored = {cell for cell in work if results.attribution_file(folder, *cell).exists()}
        old, new = ([work[cell] for cell in work if (cell in stored) == is_old] for is_old in (True, False))
        if new:
            results.check_makeable(folder / "attribution")
        failures = units.each(None, _attribute_unit, old, progress)
        return failures | units.each(executor, _attribute_unit, new, progress)
