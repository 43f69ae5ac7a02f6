"""The tables of a study that the viewer starts from, as far as they can be read. NumPy only."""

from collections.abc import Mapping, Set

import numpy as np

from rosalind import results as files
from rosalind.analysis import robustness
from rosalind.results import Results
from rosalind.results.schema import check_arrays

Cell = tuple[str, str]


def summary(
    results: Results, cells: Set[Cell], known: Mapping[Cell, dict[str, float]]
) -> tuple[dict[Cell, dict[str, float]], list[Cell], list[str]]:
    """The numeric columns of summary.csv by cell, empty ones as NaN; damaged cells, and what could not be read.

    Args:
        results: of the study.
        cells: what is measured; cells that no table holds yet are summed up, NaN where they are damaged.
        known: numbers from the last time, which stay true of a study in progress.
    """
    found: dict[Cell, dict[str, float]] = {}
    damaged, problems = [], []
    # What was damaged the last time may be whole now.
    known = {cell: row for cell, row in known.items() if np.isfinite(row["accuracy"])}
    for path, rename in results.derived("summary.csv"):
        try:
            table = robustness.read_summary(path)
        except FileNotFoundError:
            continue
        except files.Damaged as error:
            problems.append(f"{error} Accuracies are counted anew.")
            continue
        found |= {(rename(network), condition): row for (network, condition), row in table.items()}
    for cell in cells - found.keys():
        try:
            found[cell] = known.get(cell) or robustness.numbers(robustness.summarise(results, *cell))
        except (files.Damaged, OSError) as error:
            damaged.append(cell)
            problems.append(str(error))
            found[cell] = dict.fromkeys(robustness.NUMBERS, np.nan)
    return found, damaged, problems


def histograms(results: Results) -> tuple[tuple[dict[Cell, np.ndarray], np.ndarray], list[str]]:
    """Counts uint32[3, bins] by cell with the shared edges float32[3, bins + 1], and what could not be read."""
    found: dict[Cell, np.ndarray] = {}
    edges, problems = np.zeros((3, 2), np.float32), []
    for path, rename in results.derived("comparison/histograms.npz"):
        try:
            arrays = files.load_arrays(path, ("network", "condition", "counts", "edges"))
            check_arrays(path, arrays, {"counts": (len(arrays["network"]), 3, None), "edges": (3, None)})
        except (FileNotFoundError, files.Damaged) as error:
            problems.append(f"{error} Cells have no histograms.")
            continue
        if found and not np.array_equal(edges, arrays["edges"]):
            problems.append(f"{path} has other bins than the first study's; its cells have no histograms.")
            continue
        edges = arrays["edges"]
        cells = zip(map(rename, arrays["network"].tolist()), arrays["condition"].tolist(), strict=True)
        found.update(zip(cells, arrays["counts"], strict=True))
    return (found, edges), problems
