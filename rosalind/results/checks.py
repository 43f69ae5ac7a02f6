"""Whether what a file holds is what readers of a study rely on: keys, kinds of values, shapes."""

from collections.abc import Mapping
from numbers import Integral, Real
from pathlib import Path
from typing import Any

import numpy as np

from rosalind.results.files import Damaged
from rosalind.results.layout import GEOMETRY

STUDY: dict[str, tuple[type, ...]] = {
    "class_names": (list,),
    "data": (dict,),
    "dataset": (str,),
    "table": (str, type(None)),
}
"""What `study.json` must say, and as what."""

NETWORK: dict[str, tuple[type, ...]] = {
    "family": (str,),
    "label": (str,),
    "model": (str,),
    "method": (str,),
    "options": (dict,),
    "parent": (str, type(None)),
    "seed": (Integral, type(None)),
    "sparsity": (Real,),
    "sparsity_requested": (Real,),
    "parameters": (Integral, type(None)),
    "nonzero": (Integral, type(None)),
    "unit": (Real, type(None)),
    "hash": (str,),
    "fingerprint": (str,),
}
"""What `networks/<network>.json` must say, and as what."""

CONDITION: dict[str, tuple[type, ...]] = {
    "name": (str,),
    "kind": (str,),
    "group": (str,),
    "order": (Real,),
    "severity": (Real,),
    "draw": (Integral,),
    "bn": (str,),
    "table": (str, type(None)),
    "options": (dict,),
}
"""What `conditions/<condition>.json` must say, and as what."""


def described(path: Path, found: Any, wanted: Mapping[str, tuple[type, ...]]) -> dict[str, Any]:
    """What a JSON file says of a study, a network or a condition.

    Args:
        path: of the file, for the error.
        found: what it holds.
        wanted: `STUDY`, `NETWORK` or `CONDITION`.

    Raises:
        Damaged: no table, without one of the keys, or with a value of another kind.
    """
    if not isinstance(found, dict):
        raise Damaged(f"{path} holds no table.")
    missing = [key for key in wanted if key not in found]
    if missing:
        raise Damaged(f"{path} lacks {missing}.")
    for key, kinds in wanted.items():
        if not isinstance(found[key], kinds):
            raise Damaged(f"{path} has {str(found[key])[:40]!r} as {key}.")
    return found


def arrays(path: Path, found: Mapping[str, np.ndarray], axes: Mapping[str, tuple[int | None, ...]]) -> None:
    """Check that arrays are numbers of the right shapes.

    Args:
        path: of their file, for the error.
        found: arrays by name; those that are not in `axes` are not looked at.
        axes: by name how long every axis must be; None for any length.

    Raises:
        Damaged: text, or another shape.
    """
    for key, wanted in axes.items():
        if key not in found:
            continue
        shape = found[key].shape
        alike = len(shape) == len(wanted) and all(w in (None, s) for s, w in zip(shape, wanted, strict=True))
        if not alike or found[key].dtype.kind not in "buif":
            sizes = " x ".join("any" if w is None else f"{w:,}" for w in wanted)
            raise Damaged(
                f"{path} has {key} of shape {list(shape)} and type {found[key].dtype}; it must be {sizes} numbers."
            )


def geometry(path: Path, found: Mapping[str, np.ndarray], samples: int, classes: int) -> None:
    """Check the arrays of a cell against the samples and the classes of the study; raises Damaged."""
    sizes = {key: (samples, *[None] * (count - 1)) for key, count in GEOMETRY.items()}
    sizes |= {"class_id": (samples, None), "logsumexp": (samples,), "brier": (samples,)}
    arrays(path, found, sizes)
    for key in ("prediction", "rival", "class_id"):
        if key in found and found[key].size and not (found[key].min() >= -1 and found[key].max() < classes):
            raise Damaged(f"{path} has {key} outside of the {classes} classes.")
