"""Conditions and measures as a folder declares them: written once, and refused where they were made differently."""

import contextlib
import glob
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from rosalind import conditions, data, measures, results
from rosalind.conditions import Planned
from rosalind.config import Study, difference
from rosalind.study import planning
from rosalind.study.planning import DRAW_SEED, Task


def described(study: Study, dataset: data.Dataset, planned: Planned) -> dict[str, Any]:
    """All that determines the images and cells of a condition of a study."""
    # Transferred attacks are made for the dense network of the first seed.
    attacked = planning.name_of(study, Task(study.seeds[0], "dense")) if study.seeds else None
    return conditions.describe(planned, dataset, DRAW_SEED, attacked)


def declare_condition(study: Study, dataset: data.Dataset, folder: Path, planned: Planned, order: int) -> None:
    """Write conditions/<id>.json; `Mismatch` if the folder has this id with another definition, and files made by it.

    Of a definition that has failed so far, nothing was made: mended, it takes the place of what it was.
    """
    condition, corruption = planned.condition, planned.kind.corruption
    info = described(study, dataset, planned)
    textures = condition.textures if corruption and corruption.textures else None
    record = {**info, "files": condition.files, "textures": textures, "order": order}
    path = folder / "conditions" / f"{condition.id}.json"
    # Not `with_suffix`: an id may have a dot.
    own = path.with_name(f"{condition.id}.npz")

    def write(*, replace: bool = False) -> None:
        if planned.kind.own_samples:
            shift = conditions.source_images(planned, dataset.test)
            results.save_arrays(own, {"id": shift.ids, "label": shift.labels.astype(np.int16)}, replace=replace)
        results.save_json(path, record, replace=replace)

    write()
    try:
        stored = results.load_object(path)
    except results.Damaged as error:
        results.move_aside(path, error)
        results.save_json(path, record)
        return
    if difference({key: stored.get(key) for key in info}, info):
        if any(_made_under(folder, condition.id)):
            check_condition(folder, condition.id, stored, info)
        write(replace=True)


def check_condition(folder: Path, name: str, stored: Mapping[str, Any], info: Mapping[str, Any]) -> None:
    """Raise Mismatch, which names what differs, for a condition that is stored in another way than it is described."""
    if lines := difference({key: stored.get(key) for key in info}, info):
        raise results.Mismatch(
            f"{folder} has a condition {name!r} made differently: {'; '.join(lines)}. Choose another folder, or delete "
            "the files of that condition."
        )


def _made_under(folder: Path, condition: str) -> Iterator[Path]:
    """Files that were made under a condition."""
    name = glob.escape(condition)
    yield from (folder / "images").glob(f"{name}.npy")
    for place in ("geometry", "predictions", "attribution"):
        yield from (folder / place).glob(f"*/{name}.npz")
    yield from (folder / "diagnostics").glob(f"*/*@{name}.npz")


def all_measures(folder: Path, names: Iterable[str] = ()) -> tuple[str, ...]:
    """Names of the measures that a folder has, which belong to each of its cells, and then of further ones.

    One that is in no cell, as it has failed so far, is not asked for again. Of a damaged study.json there are none;
    `results.create` makes it anew.
    """
    path = folder / "study.json"
    try:
        stored = results.load_object(path).get("measures", {}) if path.exists() else {}
    except results.Damaged:
        stored = {}
    made = [measure["name"] for short, measure in stored.items() if _is_in_a_cell(folder, short)]
    return tuple(dict.fromkeys([*made, *names]))


def declare_measures(names: Iterable[str], folder: Path) -> None:
    """Add measures to study.json; `Mismatch` if one of this name was computed by other code.

    One that has failed so far is in no cell: mended, it takes the place of what it was.
    """
    declared = measures.to_json(names)
    study = results.load_object(folder / "study.json")
    stored = study.get("measures", {})
    changed = [name for name in declared.keys() & stored.keys() if declared[name] != stored[name]]
    check_measures(folder, {name: stored[name] for name in changed if _is_in_a_cell(folder, name)}, declared)
    if changed or declared.keys() > stored.keys() & declared.keys():
        results.save_json(folder / "study.json", {**study, "measures": {**stored, **declared}}, replace=True)


def check_measures(folder: Path, stored: Mapping[str, Any], declared: Mapping[str, Any]) -> None:
    """Raise Mismatch, which names what differs, where a measure of the same name is computed by other code."""
    both = stored.keys() & declared.keys()
    if lines := difference({name: stored[name] for name in both}, {name: declared[name] for name in both}):
        raise results.Mismatch(
            f"{folder} has measures made differently: {'; '.join(lines)}. Give the measure another name, or choose "
            "another folder."
        )


def _is_in_a_cell(folder: Path, measure: str) -> bool:
    """True where a cell has a measure; damaged ones are named when they are read."""
    for path in (folder / "geometry").glob("*/[!.]*.npz"):
        with contextlib.suppress(FileNotFoundError, results.Damaged):
            if measure in results.array_names(path):
                return True
    return False
