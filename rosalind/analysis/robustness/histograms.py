"""Histograms of every cell on edges that all cells share, stored beside summary.csv."""

from collections.abc import Sequence

import numpy as np

from rosalind.analysis.robustness.cells import Cell, Cells, load
from rosalind.analysis.robustness.summary import COLUMNS, rows
from rosalind.measures import COORDINATES
from rosalind.results import Damaged, Results, load_arrays, save_arrays, save_csv, stamp
from rosalind.results.schema import check_arrays

BINS = 24


def save_summary(results: Results) -> None:
    """Write `summary.csv` and the histograms that the evaluation view shows.

    `comparison/histograms.npz` has `counts` uint32[cells, 3, bins] in the order of `COORDINATES`, norm and
    margin in the network's unit, and `edges` float32[3, bins + 1], which all cells share: from the 0.5th
    to the 99.5th percentile over the dense networks; what lies outside counts in the outermost bins.
    """
    stamp.withdraw(results.folder)
    cells, stored = results.cells(), load(results)
    edges = _edges(stored, [c for c in cells if results.networks[c[0]].is_dense] or cells)
    counts = np.zeros((len(cells), len(COORDINATES), BINS), np.uint32)
    for position, cell in enumerate(cells):
        counts[position] = _counted(stored.coordinates_of(*cell), edges)
    save_csv(results.folder / "summary.csv", COLUMNS, ([row[c] for c in COLUMNS] for row in rows(results)))
    arrays = {
        "network": np.array([network for network, _ in cells], np.str_),
        "condition": np.array([condition for _, condition in cells], np.str_),
        "counts": counts,
        "edges": edges,
    }
    save_arrays(results.folder / "comparison" / "histograms.npz", arrays, replace=True)


def _counted(values: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """int[3, bins]: histograms of the finite ones of float32[3, n]; `np.histogram` takes three times as long."""
    # NaN stays at the end, and infinities go there.
    inside = np.where(np.isfinite(values), np.maximum(np.minimum(values, edges[:, -1:]), edges[:, :1]), np.nan)
    inside.sort(1)
    finite = inside.shape[1] - np.isnan(inside).sum(1)
    # Every bin has its lower edge, the last one both.
    places = [np.searchsorted(row[:n], at[:-1]) for row, n, at in zip(inside, finite, edges, strict=True)]
    return np.diff(np.column_stack([places, finite]), axis=1)


def _edges(stored: Cells, cells: Sequence[Cell]) -> np.ndarray:
    sampled = [stored.coordinates_of(*cell) for cell in cells[:: max(len(cells) // 50, 1)]]
    edges = np.zeros((len(COORDINATES), BINS + 1), np.float32)
    for axis in range(len(COORDINATES)):
        values = np.concatenate([cell[axis] for cell in sampled]) if sampled else np.zeros(1)
        values = values[np.isfinite(values)]
        low, high = np.percentile(values, [0.5, 99.5]) if values.size else (0.0, 1.0)
        edges[axis] = np.linspace(low, high if high > low else low + 1, BINS + 1)
    return edges


def read_histograms(results: Results) -> tuple[tuple[dict[Cell, np.ndarray], np.ndarray], list[str]]:
    """Counts uint32[3, bins] by cell with the shared edges float32[3, bins + 1], and the problems as sentences.

    A study that has not been compared yet, as one that is growing, has none; that is no problem.
    """
    by_cell: dict[Cell, np.ndarray] = {}
    edges, problems = np.zeros((3, 2), np.float32), []
    for path, rename in results.derived("comparison/histograms.npz"):
        try:
            arrays = load_arrays(path, ("network", "condition", "counts", "edges"))
            check_arrays(path, arrays, {"counts": (len(arrays["network"]), 3, None), "edges": (3, None)})
        except (Damaged, OSError) as error:
            if path.with_name("stamp.json").exists() or not isinstance(error, FileNotFoundError):
                problems.append(f"{error} Cells have no histograms.")
            continue
        if by_cell and not np.array_equal(edges, arrays["edges"]):
            problems.append(f"{path} has other bins than the first study's; its cells have no histograms.")
            continue
        edges = arrays["edges"]
        cells = zip(map(rename, arrays["network"].tolist()), arrays["condition"].tolist(), strict=True)
        by_cell.update(zip(cells, arrays["counts"], strict=True))
    return (by_cell, edges), problems
