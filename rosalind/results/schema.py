"""Schema of a study folder: paths, keys of study.json, shapes of arrays; see the README."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from rosalind.results.files import Damaged

SCHEMA = 2
"""Number of the folder's layout; a reader refuses a higher one."""

GEOMETRY = {
    "logits": 2,
    "norm": 1,
    "angle": 1,
    "angle_centred": 1,
    "angle_class_mean": 1,
    "margin": 1,
    "margin_predicted": 1,
    "prediction": 1,
    "rival": 1,
}
"""Arrays that every geometry file has, and their number of axes; the first is the sample."""

ORIGIN = ("network_hash", "condition")
"""Arrays of a cell that say what it was measured of; cells of earlier versions may lack them."""

STUDY: dict[str, tuple[type, ...]] = {
    "class_names": (list,),
    "data": (dict,),
    "dataset": (str,),
    "table": (str, type(None)),
}
"""Keys that `study.json` must have, with the kinds of their values."""


def network_file(folder: Path, network: str, ending: str = "npz") -> Path:
    """Path of a network's arrays (`npz`) or provenance (`json`)."""
    return folder / "networks" / f"{network}.{ending}"


def geometry_file(folder: Path, network: str, condition: str) -> Path:
    """Path of the geometry of a network under a condition."""
    return folder / "geometry" / network / f"{condition}.npz"


def prediction_file(folder: Path, network: str, condition: str) -> Path:
    """Path of the predictions of a network of which there is no geometry."""
    return folder / "predictions" / network / f"{condition}.npz"


def attribution_file(folder: Path, network: str, condition: str) -> Path:
    """Path of the occlusion maps of a network under a condition."""
    return folder / "attribution" / network / f"{condition}.npz"


def diagnostic_file(folder: Path, diagnosis: str, network: str, other: str | None, condition: str | None) -> Path:
    """Path of what a diagnostic gave of a network, of the way to another one, under a condition."""
    name = network + (f"--{other}" if other else "") + (f"@{condition}" if condition else "")
    return folder / "diagnostics" / diagnosis / f"{name}.npz"


def code_file(folder: Path, diagnosis: str) -> Path:
    """The path of what says by which code files of a diagnosis are made, so that those of other code are left out."""
    return folder / "diagnostics" / f"{diagnosis}.json"


def check_name(name: str) -> None:
    """Raise ValueError for an id that could not be one path component on every system.

    Names of files have up to 255 bytes; temporary ones add 50 to an id.
    """
    if len(name or "") > 200:
        raise ValueError(f"an id may have 200 letters, got {len(name)}: {name[:40]!r}...; give a shorter label.")
    if not re.fullmatch(r"[A-Za-z0-9_+-][A-Za-z0-9._+-]*", name or ""):
        raise ValueError(f"{name!r} cannot be an id: use letters, digits, '.', '_', '+' and '-' only.")


def check_keys(path: Path, value: Any, kinds: Mapping[str, tuple[type, ...]]) -> dict[str, Any]:
    """The content of a JSON file, if it is an object with these keys and kinds of values.

    Raises:
        Damaged: no JSON object, without one of the keys, or with a value of another kind.
    """
    if not isinstance(value, dict):
        raise Damaged(f"{path} is not a JSON object.")
    missing = [key for key in kinds if key not in value]
    if missing:
        raise Damaged(f"{path} lacks {missing}.")
    for key, allowed in kinds.items():
        if not isinstance(value[key], allowed):
            raise Damaged(f"{path} has {str(value[key])[:40]!r} as {key}.")
    return value


def check_arrays(path: Path, arrays: Mapping[str, np.ndarray], axes: Mapping[str, tuple[int | None, ...]]) -> None:
    """Check that arrays are numbers of the right shapes.

    Args:
        path: of their file, for the error.
        arrays: by name; those that are not in `axes` are not looked at.
        axes: by name the length of every axis; None for any.

    Raises:
        Damaged: text, or another shape.
    """
    for key, expected in axes.items():
        if key not in arrays:
            continue
        shape, dtype = arrays[key].shape, arrays[key].dtype
        alike = len(shape) == len(expected) and all(w in (None, s) for s, w in zip(shape, expected, strict=True))
        if not alike or dtype.kind not in "buif":
            sizes = " x ".join("any" if w is None else f"{w:,}" for w in expected)
            raise Damaged(f"{path} has {key} of shape {list(shape)} and type {dtype}; it must be {sizes} numbers.")


def check_geometry(path: Path, arrays: Mapping[str, np.ndarray], samples: int, classes: int) -> None:
    """Check the arrays of a cell, see `GEOMETRY`, against the numbers of samples and classes of the study.

    Raises:
        Damaged: another number of samples or axes, text, or a class outside -1 .. classes - 1.
    """
    sizes = {key: (samples, *[None] * (count - 1)) for key, count in GEOMETRY.items()}
    sizes |= {"class_id": (samples, None), "logsumexp": (samples,), "brier": (samples,)}
    check_arrays(path, arrays, sizes)
    for key in ("prediction", "rival", "class_id"):
        ids = arrays.get(key, np.empty(0))
        if ids.size and not (ids.min() >= -1 and ids.max() < classes):
            raise Damaged(f"{path} has {key} outside of the {classes} classes.")


def check_origin(path: Path, arrays: Mapping[str, np.ndarray], network_hash: str, condition: str) -> None:
    """Check that a cell is of this network and condition, as far as it says; raises Damaged for a swapped file."""
    for key, value in zip(ORIGIN, (network_hash, condition), strict=True):
        if str(arrays.get(key, value)) != value:
            raise Damaged(f"{path} has {key} {str(arrays[key])!r}, which must be {value!r}: it is of another cell.")
