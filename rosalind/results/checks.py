"""Whether what a file holds is what readers of a study rely on: keys, kinds of values, shapes."""

from collections.abc import Mapping
from pathlib import Path

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
