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
        for axis, values in enumerate(stored.coordinates_of(*cell)):
            counts[position, axis] = _counted(values, edges[axis])
    save_csv(results.folder / "summary.csv", COLUMNS, ([row[c] for c in COLUMNS] for row in rows(results)))
    arrays = {
        "network": np.array([network for network, _ in cells], np.str_),
        "condition": np.array([condition for _, condition in cells], np.str_),
        "counts": counts,
        "edges": edges,
    }
    save_arrays(results.folder / "comparison" / "histograms.npz", arrays, replace=True)


def _counted(values: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """int[bins]: the histogram of finite values; `np.histogram` of the same takes three times as long."""
    inside = np.sort(np.clip(values[np.isfinite(values)], edges[0], edges[-1]))
    # Every bin has its lower edge, the last one both.
    places = np.append(np.searchsorted(inside, edges[:-1]), len(inside))
    return np.diff(places)


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
    """Counts uint32[3, bins] by cell with the shared edges float32[3, bins + 1], and the problems as sentences."""
    by_cell: dict[Cell, np.ndarray] = {}
    edges, problems = np.zeros((3, 2), np.float32), []
    for path, rename in results.derived("comparison/histograms.npz"):
        try:
            arrays = load_arrays(path, ("network", "condition", "counts", "edges"))
            check_arrays(path, arrays, {"counts": (len(arrays["network"]), 3, None), "edges": (3, None)})
        except (Damaged, OSError) as error:
            problems.append(f"{error} Cells have no histograms.")
            continue
        if by_cell and not np.array_equal(edges, arrays["edges"]):
            problems.append(f"{path} has other bins than the first study's; its cells have no histograms.")
            continue
        edges = arrays["edges"]
        cells = zip(map(rename, arrays["network"].tolist()), arrays["condition"].tolist(), strict=True)
        by_cell.update(zip(cells, arrays["counts"], strict=True))
    return (by_cell, edges), problems
