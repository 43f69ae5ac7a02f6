"""Accuracy of every network under every condition on a slice: on the samples of a mask. NumPy only."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float64, Int, UInt8

from rosalind.analysis import robustness, stored_margins
from rosalind.analysis.robustness.means import clean_of
from rosalind.analysis.sides import Cell
from rosalind.analysis.store import Store
from rosalind.results import Damaged

COLUMNS = ("accuracy", "change_to_parent", "retention", "negative_flips", "positive_flips")
"""Columns of `summary.csv` that a slice has: those that follow from right and wrong."""

BLOCK = 2**16
"""Samples whose margins are read at once; a multiple of 8."""

LARGEST, SIGN = 0x7BFF, 0x7FFF
"""The bits of the largest float16, and of all but the sign."""

Summary = Mapping[Cell, Mapping[str, float]]
"""Numbers by network and condition, or by network and mean."""


@dataclass(frozen=True)
class Outcomes:
    """Right or wrong of every sample in every cell, one bit each: 6 MB for 240 cells of 200,000 samples.

    Attributes:
        cells: Of the rows.
        right: As `numpy.packbits` gives them, with zeros up to a multiple of eight bytes.
        labelled: Samples that have a label; others are counted nowhere.
    """

    cells: tuple[Cell, ...]
    right: UInt8[np.ndarray, "cells bytes"]
    labelled: Bool[np.ndarray, " n"]

    def row(self, mask: Bool[np.ndarray, " n"]) -> UInt8[np.ndarray, " bytes"]:
        """The labelled samples of a mask in the form of a row of `right`."""
        bits = np.packbits(mask & self.labelled)
        return np.pad(bits, (0, self.right.shape[1] - len(bits)))

    def count(
        self, mask: Bool[np.ndarray, " n"], rows: Int[np.ndarray, " k"], before: Int[np.ndarray, " k"] | None = None
    ) -> Int[np.ndarray, " k"]:
        """Counts of a mask's samples that the cells of some rows have right; with `before`, that those rows have wrong.

        Raises:
            IndexError: a row that is not there.
        """
        chosen, right = self.row(mask).view(np.uint64), self.right.view(np.uint64)
        # Of a mask of few samples most words are empty.
        at = np.flatnonzero(chosen)
        if 2 * len(at) < len(chosen):
            chosen, right = chosen[at], right[:, at]
        hits = right[rows]
        hits &= chosen
        if before is not None:
            hits &= ~right[before]
        return np.bitwise_count(hits).sum(1, dtype=np.int64)

    def accuracy(self, mask: Bool[np.ndarray, " n"]) -> Float64[np.ndarray, " cells"]:
        """Share of the labelled samples of a mask that each cell has right, in [0, 1]; NaN where there are none."""
        total = int((mask & self.labelled).sum())
        hits = self.count(mask, np.arange(len(self.cells)))
        return hits / total if total else np.full(len(self.cells), np.nan)


def outcomes(store: Store) -> Outcomes:
    """Right or wrong of every sample in every measured cell, made once for all readers.

    Read from `comparison/margins.npy`, whose signs say it, and from the predictions of the cells that it lacks or in
    which a labelled sample has a margin of 0, none, or an unbounded one. Damaged cells are left out.
    """
    return store.cached(("slices", "outcomes"), lambda: [_read(store)])[0]


def _read(store: Store) -> Outcomes:
    labelled = store.labels >= 0
    rows: dict[Cell, np.ndarray] = {}
    for path, cells in stored_margins.columns(store.results):
        unread = [k for k, cell in enumerate(cells) if cell in store.cells and cell not in rows]
        try:
            bits, sure = signs(path, np.array(unread, int), labelled)
        except (OSError, ValueError):
            # The table is made anew while the study grows.
            continue
        rows |= {cells[k]: bits[n] for n, k in enumerate(unread) if sure[n]}
    width = -(-len(labelled) // 64) * 8
    listed = [(name, condition) for name in store.networks for condition in store.conditions]
    stored_cells, packed = [], []
    for cell in listed:
        if cell not in store.cells:
            continue
        if cell not in rows:
            try:
                prediction = store.results.geometry(*cell, ("prediction",))["prediction"]
            except (Damaged, OSError):
                continue
            rows[cell] = np.packbits(prediction == store.labels)
        stored_cells.append(cell)
        packed.append(np.pad(rows.pop(cell), (0, width - -(-len(labelled) // 8))))
    right = np.stack(packed) if packed else np.zeros((0, width), np.uint8)
    return Outcomes(tuple(stored_cells), right, labelled)


def signs(
    path: Path, columns: Int[np.ndarray, " k"], counted: Bool[np.ndarray, " n"]
) -> tuple[UInt8[np.ndarray, "k bytes"], Bool[np.ndarray, " k"]]:
    """Samples with a positive margin in some columns of a file of `stored_margins.columns`, packed, a row per column.

    Returns:
        The bits; and True for the columns whose signs tell right from wrong for all `counted` samples: none of their
        margins is 0, NaN or as large as float16 has them.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is not of margins.
    """
    rows = np.load(path, mmap_mode="r", allow_pickle=False)
    if rows.dtype != np.float16 or rows.shape[0] != len(counted):
        raise ValueError(f"{path} is not a table of margins of {len(counted)} samples")
    bits = np.zeros((len(columns), -(-len(counted) // 8)), np.uint8)
    sure = np.ones(len(columns), bool)
    for start in range(0, len(counted), BLOCK):
        # As whole numbers: comparing float16 takes ten times as long.
        block = np.asarray(rows[start : start + BLOCK]).view(np.int16)[:, columns]
        size = block & SIGN
        sure &= ((size > 0) & (size < LARGEST))[counted[start : start + BLOCK]].all(0)
        positive = np.packbits(block > 0, axis=0)
        bits[:, start // 8 : start // 8 + len(positive)] = positive.T
    return bits, sure


def summary(store: Store, mask: Bool[np.ndarray, " n"]) -> dict[Cell, dict[str, float]]:
    """`COLUMNS` of `summary.csv` on the samples of a mask, by network and condition, and by network and mean.

    Beside them `samples`, how many of the mask have a label.

    A mean is over the conditions' numbers; a network without one of them has none. Shifts have other samples and are
    left out; where no sample of the mask is labelled all is NaN. With all samples these are the table's numbers.

    Args:
        store: of the study.
        mask: of `store.ids`.
    """
    hit_table, averages = outcomes(store), robustness.means(store.results)
    columns = [*store.conditions, *(mean.name for mean in averages)]
    line, column = ({name: k for k, name in enumerate(names)} for names in (store.networks, columns))
    at = np.array([(line[name], column[condition]) for name, condition in hit_table.cells], int).reshape(-1, 2)
    place = np.full((len(line), len(column)), -1)
    place[tuple(at.T)] = np.arange(len(at))
    table = np.full((*place.shape, len(COLUMNS)), np.nan)
    hits, total = (
        hit_table.count(mask, np.arange(len(hit_table.cells))),
        int(np.count_nonzero(mask & hit_table.labelled)),
    )
    table[(*at.T, 0)] = hits / total if total else np.nan
    _compare_with_parents(store, hit_table, mask, hits, place, table)
    measured = place >= 0
    for mean in averages:
        parts = [column[condition] for condition in mean.conditions if condition in column]
        if len(parts) == len(mean.conditions):
            table[:, column[mean.name]] = table[:, parts].mean(1)
            measured[:, column[mean.name]] = measured[:, parts].all(1)
    modes = [store.results.conditions[name].bn for name in store.conditions] + [mean.bn for mean in averages]
    for bn in set(modes):
        clean, of_mode = (
            column.get(clean_of(store.results, bn) or ""),
            [k for k, mode in enumerate(modes) if mode == bn],
        )
        if clean is not None:
            reference = np.where(table[:, [clean], 0] > 0, table[:, [clean], 0], np.nan)
            table[:, of_mode, COLUMNS.index("retention")] = table[:, of_mode, 0] / reference
    values, networks = table.tolist(), store.networks
    labelled = float(total) or np.nan
    return {
        (networks[i], columns[j]): {**dict(zip(COLUMNS, values[i][j], strict=True)), "samples": labelled}
        for i, j in np.argwhere(measured).tolist()
    }


def of_side(store: Store, mask: Bool[np.ndarray, " n"], name: str, conditions: Sequence[str]) -> float:
    """Accuracy of a side on a slice in [0, 1], the mean over its seeds and some conditions.

    NaN where a seed lacks one of the conditions, or no sample of the mask has a label. Reads the predictions of these
    cells alone, where `outcomes` reads those of all.

    Args:
        store: of the study.
        mask: of its samples.
        name: of a network, or of a group of seeds.
        conditions: of the study.
    """
    cells = [(network, condition) for network in store.sides.members(name) for condition in conditions]
    total = int((mask & (store.labels >= 0)).sum())
    if not total or not cells or not store.cells.issuperset(cells):
        return float("nan")
    return float(np.mean([np.count_nonzero(store.correct(cell) & mask) for cell in cells])) / total


def over_cells(store: Store, rows: Summary) -> float:
    """Mean accuracy of a slice over all measured cells, in [0, 1]; NaN where none is known.

    Args:
        store: of the study.
        rows: `summary` of the slice.
    """
    values = [row["accuracy"] for cell, row in rows.items() if cell in store.cells]
    return float(np.mean(values)) if values else float("nan")


def _compare_with_parents(
    store: Store, hit_table: Outcomes, mask: np.ndarray, hits: np.ndarray, place: np.ndarray, table: np.ndarray
) -> None:
    """Fill in flips and changes against the dense parent's cell; NaN without one. `hits` are right samples by cell."""
    line = {name: k for k, name in enumerate(store.networks)}
    parent_of = [line.get(robustness.parent_of(store.results, name) or "", -1) for name in store.networks]
    beside = np.where(np.array(parent_of, int)[:, None] >= 0, place[parent_of], -1)
    at = np.nonzero((place >= 0) & (beside >= 0))
    child, other, total = place[at], beside[at], int(np.count_nonzero(mask & hit_table.labelled))
    if total:
        # What is right before and not after is what was right, and is won, less what is right.
        won = hit_table.count(mask, child, other)
        lost = won + hits[other] - hits[child]
        won, lost = won / total, lost / total
        for name, values in (("positive_flips", won), ("negative_flips", lost), ("change_to_parent", won - lost)):
            table[(*at, COLUMNS.index(name))] = values
