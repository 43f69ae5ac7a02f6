"""Deletion curves: how the margin falls as patches are hidden in the order of a map. NumPy only."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Float64, Int

from rosalind.analysis import occlusion_maps
from rosalind.analysis.sides import Cell
from rosalind.analysis.store import Store
from rosalind.results import Damaged, load_arrays
from rosalind.results.schema import check_arrays


def stored(store: Store, cell: Cell) -> dict[str, np.ndarray]:
    """`id` int[m] and `deletion` float32[m, 2, k] of a single cell; empty where none is stored."""

    def read() -> dict[str, np.ndarray]:
        path = store.results.attribution_file(*cell)
        try:
            arrays = load_arrays(path, ("id", "deletion"))
            check_arrays(path, arrays, {"id": (None,), "deletion": (len(arrays["id"]), 2, None)})
        except (Damaged, OSError):
            # Without the curves of a later version a file is whole; what else is wrong with it its maps tell.
            return {}
        return {name: arrays[name] for name in ("id", "deletion")}

    written = occlusion_maps.stamp(store, cell)
    return store.cached(("deletion", cell, written), read) if written else {}


def mean(store: Store, cells: Sequence[Cell], ids: Int[np.ndarray, " m"]) -> Float64[np.ndarray, "2 k"] | None:
    """The margin with ever more patches hidden, in the map's order and in random ones.

    The mean over those of the samples that have a curve, and over those networks; from none hidden to all. None
    without any, NaN where a margin is not finite in one of them.
    """
    files = [arrays for cell in cells if (arrays := stored(store, cell))]
    curves = [arrays["deletion"][np.isin(arrays["id"], ids)] for arrays in files]
    parts = [of_cell.mean(0, dtype=np.float64) for of_cell in curves if len(of_cell)]
    parts = [part for part in parts if part.shape == parts[0].shape]
    return np.mean(parts, 0) if parts else None


def gain(curves: Float[np.ndarray, "2 k"]) -> float:
    """Mean gap between the curve of random orders and the map's; higher is better, 0 is chance."""
    return float((curves[1] - curves[0]).mean())


def lost(curve: Float[np.ndarray, " k"]) -> float:
    """The share of patches hidden at which a curve falls below 0, between two points on the line; NaN for never.

    >>> lost(np.array([1.0, 0.5, -0.5]))
    0.75
    """
    below = np.flatnonzero(curve < 0)
    if not below.size:
        return float("nan")
    if not below[0]:
        return 0.0
    before, after = curve[below[0] - 1 : below[0] + 1]
    return float((below[0] - 1 + before / (before - after)) / (len(curve) - 1))
