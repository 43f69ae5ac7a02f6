"""Making a study folder, adding networks to it and taking them away."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from rosalind.config import unknown
from rosalind.results.arrays import hash_arrays, load_arrays, readable, save_arrays
from rosalind.results.files import Damaged, check_writable, load_object, move_aside, save_json
from rosalind.results.predictions import read_predictions
from rosalind.results.reading import Results, load
from rosalind.results.schema import GEOMETRY, SCHEMA, check_name, geometry_file, network_file, prediction_file


class Mismatch(ValueError):
    """A network, condition or measure of the same name that was made differently, or a folder of another data set."""


def create(folder: Path, study: Mapping[str, Any], samples: Mapping[str, np.ndarray]) -> None:
    """Make a study folder, or check that an existing one is of the same data.

    Args:
        folder: made if missing.
        study: of `study.json`: `dataset`, `dataset_hash`, `seed` and `table` must be those of an existing one, which is
            made anew if it is damaged.
        samples: `id` int32[n], `label` int16[n] and `subset` int32[m] of the test samples.

    Raises:
        Mismatch: the folder holds a study of another data set, draw seed or table.
    """
    check_writable(folder)
    save_json(folder / "study.json", {"schema": SCHEMA, **study})
    try:
        stored = load_object(folder / "study.json")
    except Damaged as error:
        move_aside(folder / "study.json", error)
        return create(folder, study, samples)
    if stored.get("schema") != SCHEMA:
        raise Mismatch(
            f"{folder} was made with schema {stored.get('schema')}, whose corruptions drew other numbers; it can "
            f"be viewed, but a study of schema {SCHEMA} needs another folder."
        )
    for key in ("dataset", "dataset_hash", "seed", "table"):
        if stored.get(key) != study[key]:
            raise Mismatch(
                f"{folder} holds a study with {key} {stored.get(key)!r}, this one has {study[key]!r}; "
                "choose another folder."
            )
    # What was asked for last, and the seeds of all runs.
    seeds = list(dict.fromkeys([*stored.get("seeds", ()), *study.get("seeds", ())]))
    current = {**stored, **{key: study[key] for key in ("config",) if key in study}, "seeds": seeds}
    if "seeds" in study and current != stored:
        save_json(folder / "study.json", current, replace=True)
    readable(folder / "samples.npz", ("id", "label", "subset"))
    save_arrays(folder / "samples.npz", samples)


def add_network(
    folder: str | Path,
    info: Mapping[str, Any],
    arrays: Mapping[str, np.ndarray],
    cells: Mapping[str, Mapping[str, np.ndarray]] | None = None,
) -> None:
    """Add a finished network to a study, with the geometry of conditions if it is at hand.

    Args:
        folder: of the study.
        info: `name`; further provenance as in `networks/<network>.json`, by default that of an imported network,
            whose sparsity is that of its masks, else unknown. Of a network that is there it is replaced.
        arrays: `head/kernel` float32[d, c], `head/bias` float32[c], `mu` float32[d], `class_mean`
            float32[c, d]; variables and masks (`masks/PATH`, bool) by path if there are any.
        cells: geometry arrays (`geometry.measure`) by condition id.

    Raises:
        ValueError: a name that cannot be an id, a parent that the study does not have, missing arrays, or shapes that
            do not fit the study.
        Mismatch: a network of that name made differently.
    """
    folder = Path(folder)
    study_results = load(folder)
    name = info["name"]
    check_name(name)
    needed = ("head/kernel", "head/bias", "mu", "class_mean")
    missing = [key for key in needed if key not in arrays]
    if missing:
        raise ValueError(f"network {name!r} lacks {missing}; got {sorted(arrays)}.")
    check_head(name, arrays["head/kernel"], arrays["head/bias"], len(study_results.class_names))
    cells, count = cells or {}, len(study_results.labels)
    study_results.check_ids(conditions=cells)
    for condition, cell in cells.items():
        for key, axes in GEOMETRY.items():
            if key not in cell or np.ndim(cell[key]) != axes or len(cell[key]) != count:
                raise ValueError(f"{key!r} of {name!r} under {condition} must have {count} samples and {axes} axes.")
    info = {
        "unit": 1.0,
        "dead_classes": np.flatnonzero(~np.asarray(arrays["head/kernel"]).any(0)).tolist(),
        **info,
    }
    files = {geometry_file(folder, name, condition): cell for condition, cell in cells.items()}
    _write(study_results, info, arrays, files)


def add_predictions(
    folder: str | Path,
    info: Mapping[str, Any],
    predictions: Mapping[str, str | Path | Mapping[str, Any]],
    masks: Mapping[str, np.ndarray] | None = None,
) -> None:
    """Add a network of which only predictions are known: it joins what needs no geometry.

    Args:
        folder: of the study.
        info: see `add_network`.
        predictions: by condition id a CSV or npz file, or arrays, see `read_predictions`.
        masks: bool by path, if they are known.

    Raises:
        ValueError: a name that cannot be an id, a parent or condition that the study does not have, ids or labels that
            are not the test set's, classes or numbers that cannot be.
        Mismatch: a network of that name made differently, or other predictions of it under a condition.
    """
    folder = Path(folder)
    study_results = load(folder)
    name = info["name"]
    check_name(name)
    files = {}
    for condition, source in predictions.items():
        arrays = read_predictions(study_results, name, condition, source)
        path = prediction_file(folder, name, condition)
        if path.exists():
            stored = load_arrays(path)
            if any(not np.array_equal(stored.get(key, ()), value) for key, value in arrays.items()):
                raise Mismatch(f"{folder} has other predictions of {name!r} under {condition}; use another name.")
            continue
        files[path] = arrays
    arrays = {f"masks/{path}": mask for path, mask in (masks or {}).items()}
    _write(study_results, {**info, "only_predictions": True, "unit": None}, arrays, files)


def _write(
    study_results: Results,
    info: Mapping[str, Any],
    arrays: Mapping[str, np.ndarray],
    files: Mapping[Path, Mapping[str, np.ndarray]],
) -> None:
    """Write a network: its arrays, its cells, each with the hash of those, and last its JSON."""
    folder, name, parent = study_results.folder, info["name"], info.get("parent")
    if parent is not None and (parent == name or parent not in study_results.networks):
        raise ValueError(f"parent of {name!r} must be another network of the study, got {parent!r}.")
    ready = {key: np.asarray(value) for key, value in arrays.items()}
    masks = [mask for key, mask in ready.items() if key.startswith("masks/")]
    size = sum(mask.size for mask in masks)
    sparsity = 1 - sum(int(mask.sum()) for mask in masks) / size if size else None
    digest = hash_arrays(ready)
    full = {
        "model": "imported",
        "method": "imported",
        "label": name,
        "options": {},
        "family": "imported",
        "parent": None,
        "seed": None,
        "sparsity_requested": sparsity,
        "sparsity": sparsity,
        "parameters": None,
        "nonzero": None,
        "budget": None,
        **info,
        "hash": digest,
    }
    full.setdefault("fingerprint", digest)
    stored = study_results.networks.get(name)
    if stored is not None and stored.fingerprint != full["fingerprint"]:
        raise Mismatch(f"{folder} has another network {name!r} ({stored.fingerprint}); use another name.")
    if stored is not None:
        # Its arrays stay, which may differ from these by rounding.
        digest = full["hash"] = stored.hash
    save_arrays(network_file(folder, name), ready)
    for path, cell in files.items():
        origin = {"network_hash": np.asarray(digest), "condition": np.asarray(path.stem)}
        save_arrays(path, {**cell, **origin})
    save_json(network_file(folder, name, "json"), full, replace=True)


def check_head(name: str, kernel: Any, bias: Any, classes: int) -> None:
    """Raise ValueError unless a network's head is [d, classes] and [classes]."""
    shapes = np.shape(kernel), np.shape(bias)
    if len(shapes[0]) == 2 and shapes[0][1] == classes and shapes[1] == (classes,):
        return
    transposed = shapes[0][:1] == (classes,) and len(shapes[0]) == 2
    raise ValueError(
        f"the head of {name!r} must be [d, {classes}] and [{classes}], got {list(shapes[0])} and {list(shapes[1])}."
        + " Transpose the weight: PyTorch's is [classes, d]." * transposed
        + f" Without a bias give np.zeros({classes})." * (shapes[1] == ())
    )


def remove_network(folder: str | Path, name: str) -> None:
    """Delete a network and everything measured of it; tables on disk have it until a study is run or added to again.

    Raises:
        ValueError: a name that the folder has no file of.
    """
    folder = Path(folder)
    check_name(name)
    files = [network_file(folder, name, "json"), network_file(folder, name), folder / "training" / f"{name}.npz"]
    measured = [folder / directory / name for directory in ("geometry", "attribution", "predictions")]
    if not any(path.exists() for path in (*files, *measured)):
        there = [path.stem for path in (folder / "networks").glob("*.json")]
        raise ValueError(f"{folder}: {unknown('network', name, there)}")
    for path in files:
        path.unlink(missing_ok=True)
    for directory in measured:
        shutil.rmtree(directory, ignore_errors=True)
    for path in (folder / "diagnostics").glob("*/*.npz"):
        ends = path.stem.partition("@")[0].split("--")
        if name in ends:
            path.with_suffix(".json").unlink(missing_ok=True)
            path.unlink()
