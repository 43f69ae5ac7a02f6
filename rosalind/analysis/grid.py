"""The tables that the evaluation view shows, read from a store once for all readers. NumPy only."""

import numpy as np

from rosalind.analysis import accuracy_table, heat_map
from rosalind.analysis.accuracy_table import MODES
from rosalind.analysis.store import Store

INTERVALS = {"accuracy": "accuracy", "difference": "change", "change to parent": "change"}
"""Modes for which summary.csv has an interval over images, and how its columns begin."""


IMAGENET = ("mce", "relative_mce")
"""Columns of summary.csv that other data sets leave empty."""


def collected(store: Store, name: str) -> np.ndarray:
    """float32[groups, columns, seeds] of a column of summary.csv; NaN where a cell or a seed is missing."""
    return store.keep(
        ("grid", "column", name),
        lambda: accuracy_table.collect(store.summary, store.groups, store.columns, name),
    )


def dense(store: Store) -> dict[str, str]:
    """The dense network that each network is compared with; see `table.dense_of`."""
    return store.keep(("grid", "dense"), lambda: accuracy_table.dense_of(store.results, store.groups))


def values(store: Store, mode: str) -> np.ndarray:
    """float32[groups, columns, seeds] of what cells show in a mode; a single value where it is a rank."""

    def make() -> np.ndarray:
        found = np.float32(MODES[mode].factor) * collected(store, MODES[mode].column)
        if mode == "difference":
            return accuracy_table.over_dense(found, store.groups, dense(store))
        if mode == "rank":
            return accuracy_table.ranks(accuracy_table.mean_of(found))[..., None]
        return found

    return store.keep(("grid", "mode", mode), make)


def is_there(store: Store, mode: str) -> bool:
    """Whether a study can have a mode at all: mean corruption errors are defined for ImageNet alone."""
    column = MODES[mode].column
    known = lambda: any(np.isfinite(row.get(column, np.nan)) for row in store.summary.values())
    return column not in IMAGENET or store.keep(("grid", "there", column), known)


def spread(store: Store) -> np.ndarray:
    """float32[columns]: the largest difference of accuracy between two dense seeds, in points."""
    return accuracy_table.dense_spread(100 * collected(store, "accuracy"), store.groups, dense(store))


def interval(store: Store, mode: str) -> tuple[np.ndarray, np.ndarray]:
    """float64[groups, columns] ends of the 95 % interval over images, mean over seeds; NaN for most modes."""
    if mode not in INTERVALS:
        nothing = np.full((len(store.groups), len(store.columns)), np.nan)
        return nothing, nothing
    ends = (collected(store, f"{INTERVALS[mode]}_{end}") for end in ("low", "high"))
    low, high = (accuracy_table.mean_of(100 * end) for end in ends)
    return low, high


def heights(store: Store) -> np.ndarray:
    """float32[groups, columns, bins]: margin histograms of all samples and seeds, the largest bin 1; NaN without."""

    def make() -> np.ndarray:
        counts, edges = store.histograms
        place = {name: j for j, name in enumerate(store.columns)}
        found = np.zeros((len(store.groups), len(place), max(edges.shape[1] - 1, 1)), np.int64)
        line = {name: i for i, group in enumerate(store.groups) for name in group.networks}
        for (network, condition), here in counts.items():
            if network in line and condition in place:
                found[line[network], place[condition]] += here[2]
        return heat_map.outlines(heat_map.merged(found))

    return store.keep(("grid", "heights"), make)
