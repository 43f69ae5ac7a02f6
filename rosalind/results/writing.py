"""Making a study folder, adding networks to it and taking them away."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from rosalind.results.files import check_writable, hash_arrays, load_object, readable, save_arrays, save_json
from rosalind.results.reading import load
from rosalind.results.schema import GEOMETRY, SCHEMA, check_name, geometry_file, network_file


class Mismatch(ValueError):
    """A network, condition or measure of the same name that was made differently, or a folder of another data set."""


def create(folder: Path, study: Mapping[str, Any], samples: Mapping[str, np.ndarray]) -> None:
    """Make a study folder, or check that an existing one is of the same data.

    Raises:
        Mismatch: the folder holds a study of another data set, draw seed or table.
    """
    check_writable(folder)
    save_json(folder / "study.json", {"schema": SCHEMA, **study})
    stored = load_object(folder / "study.json")
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
        info: `name`; further provenance as in `networks/<network>.json`, by default that of an imported network.
        arrays: `head/kernel` float32[d, c], `head/bias` float32[c], `mu` float32[d], `class_mean`
            float32[c, d]; variables and masks by path if there are any.
        cells: geometry arrays (`geometry.measure`) by condition id.

    Raises:
        ValueError: a name that cannot be an id, missing arrays, or shapes that do not fit the study.
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
    classes = len(study_results.class_names)
    kernel, bias = np.shape(arrays["head/kernel"]), np.shape(arrays["head/bias"])
    if kernel[1:] != (classes,) or bias != (classes,):
        raise ValueError(f"the head of {name!r} must be [d, {classes}] and [{classes}], got {kernel} and {bias}.")
    cells, count = cells or {}, len(study_results.labels)
    for condition, cell in cells.items():
        if condition not in study_results.conditions:
            raise ValueError(f"the study has no condition {condition!r}; it has {list(study_results.conditions)}.")
        for key, axes in GEOMETRY.items():
            if key not in cell or np.ndim(cell[key]) != axes or len(cell[key]) != count:
                raise ValueError(f"{key!r} of {name!r} under {condition} must have {count} samples and {axes} axes.")
    ready = {key: np.asarray(value) for key, value in arrays.items()}
    digest = hash_arrays(ready)
    full = {
        "model": "imported",
        "method": "imported",
        "label": name,
        "options": {},
        "family": "imported",
        "parent": None,
        "seed": None,
        "sparsity_requested": 0.0,
        "sparsity": 0.0,
        "parameters": None,
        "nonzero": None,
        "budget": None,
        "unit": 1.0,
        "dead_classes": np.flatnonzero(~np.asarray(arrays["head/kernel"]).any(0)).tolist(),
        **info,
        "hash": digest,
    }
    full.setdefault("fingerprint", digest)
    stored = study_results.networks.get(name)
    if stored is not None and stored.fingerprint != full["fingerprint"]:
        raise Mismatch(f"{folder} has another network {name!r} ({stored.fingerprint}); use another name.")
    save_arrays(network_file(folder, name), ready)
    for condition, cell in cells.items():
        origin = {"network_hash": np.asarray(digest), "condition": np.asarray(condition)}
        save_arrays(geometry_file(folder, name, condition), {**cell, **origin})
    save_json(network_file(folder, name, "json"), full)


def remove_network(folder: str | Path, name: str) -> None:
    """Delete a network and everything measured of it."""
    folder = Path(folder)
    check_name(name)
    network_file(folder, name, "json").unlink(missing_ok=True)
    network_file(folder, name).unlink(missing_ok=True)
    (folder / "training" / f"{name}.npz").unlink(missing_ok=True)
    for directory in ("geometry", "attribution"):
        shutil.rmtree(folder / directory / name, ignore_errors=True)
