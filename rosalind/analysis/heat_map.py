"""A table as a heat map: the order of its rows and columns, shades, marks, numbers, small histograms."""

import numpy as np
from jaxtyping import Bool, Float, Float32, Int64, Real, UInt8
from scipy.spatial.distance import cdist

from rosalind.analysis.accuracy_table import CellMetric
from rosalind.analysis.robustness import nan_mean_std
from rosalind.analysis.similarity import leaf_order


def seriate(table: Float[np.ndarray, "rows columns"]) -> Int64[np.ndarray, " rows"]:
    """An order in which neighbouring rows are alike: `leaf_order` of their distances.

    Gaps (NaN) count as the column's mean. The first row is the one of the two ends
    with the larger mean. Up to two rows, and rows that are all equal, keep their order.
    """
    means, _, _ = nan_mean_std(np.asarray(table, float).T)
    filled = np.where(np.isfinite(table), table, np.nan_to_num(means))
    if len(table) < 3 or np.ptp(filled, 0).max(initial=0) < 1e-9:
        return np.arange(len(table))
    order = leaf_order(cdist(filled, filled)).astype(int)
    first, last = filled[order[[0, -1]]].mean(1)
    return order if first >= last else order[::-1]


ROWS = ("study order", "mean", "B's column", "likeness")
COLUMNS = ("study order", "mean", "likeness")
"""Orders of rows and of columns."""


def arrange_rows(
    means: Float[np.ndarray, "groups columns"], way: str, measured: int, column: int | None = None
) -> Int64[np.ndarray, " groups"]:
    """The order of rows; larger values come first, gaps last.

    Args:
        means: as shown.
        way: in `ROWS`.
        measured: number of columns that are conditions; the rest are means and count only in `B's column`.
        column: of B.
    """
    if way == "likeness":
        return seriate(means[:, :measured])
    if way == "mean":
        return np.argsort(-nan_mean_std(means[:, :measured])[0], kind="stable")
    if way == "B's column" and column is not None:
        return np.argsort(-means[:, column], kind="stable")
    return np.arange(len(means))


def arrange_columns(
    means: Float[np.ndarray, "groups columns"], way: str, measured: int
) -> Int64[np.ndarray, " columns"]:
    """The order of columns, in one of `COLUMNS`; what is not a condition stays at the end."""
    conditions = means[:, :measured]
    order = np.arange(measured)
    if way == "likeness":
        order = seriate(conditions.T)
    elif way == "mean":
        order = np.argsort(-nan_mean_std(conditions.T)[0], kind="stable")
    return np.concatenate([order, np.arange(measured, means.shape[1])])


def limits_of(means: np.ndarray, signed: bool) -> tuple[float, float]:
    """The values at both ends of the colours; symmetric around zero where signed, never of no width."""
    finite = means[np.isfinite(means)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
    if signed:
        reach = max(abs(low), abs(high), 1e-9)
        return -reach, reach
    return low, high if high > low else low + 1e-9


def shades(means: Float[np.ndarray, "*shape"], low: float, high: float) -> UInt8[np.ndarray, "*shape"]:
    """Shades: 1 to 255 from `low` to `high`, 0 where nothing is."""
    place = np.clip((np.nan_to_num(means, nan=low) - low) / (high - low), 0, 1)
    return np.where(np.isfinite(means), np.rint(1 + 254 * place), 0).astype(np.uint8)


def corner_marks(marked: Bool[np.ndarray, "rows columns"], fine: int) -> UInt8[np.ndarray, "height width"]:
    """1 in a small square near the first corner of every marked cell, else 0: [fine * rows, fine * columns].

    One image of any number of marks; `fine` is how many pixels a cell has along each side, 3 at least. Without any
    mark a single 0.
    """
    if not marked.any():
        return np.zeros((1, 1), np.uint8)
    corner = np.zeros((fine, fine), np.uint8)
    corner[1, 1] = 1
    return np.kron(marked.astype(np.uint8), corner)


def broken_lines(
    heights: Float32[np.ndarray, "cells bins"], rows: Real[np.ndarray, " cells"], columns: Real[np.ndarray, " cells"]
) -> tuple[Float32[np.ndarray, " points"], Float32[np.ndarray, " points"]]:
    """Histograms in the lower parts of cells as one line, x and y, with a NaN after each.

    Of heights from `distributions.outlines`, of which cells without any are left out; rows count downwards.
    """
    measured = np.isfinite(heights).all(1) if heights.size else np.zeros(len(heights), bool)
    heights, rows, columns = heights[measured], rows[measured], columns[measured]
    across = np.linspace(-0.44, 0.44, heights.shape[1], dtype=np.float32)
    gap = np.full((len(heights), 1), np.nan, np.float32)
    x = np.hstack([columns[:, None] + across, gap])
    y = np.hstack([rows[:, None] + 0.44 - 0.4 * heights, gap])
    return x.astype(np.float32).ravel(), y.astype(np.float32).ravel()


def numbers_in(means: Float[np.ndarray, "rows columns"], mode: CellMetric, *, narrow: bool = False) -> list[str]:
    """The texts of cells, row by row; a dot for a gap.

    Args:
        means: as shown.
        mode: says how many decimals, and whether numbers carry a sign; fractions below one get a decimal more.
        narrow: leave out the plus, of which colours speak too, and the zero before a point.
    """
    finite = np.abs(means[np.isfinite(means)])
    digits = mode.digits + bool(mode.digits and finite.size and finite.max() < 1)
    sign, zero = "+" if mode.signed and not narrow else "", f"{0:.{digits}f}"
    texts = []
    for value in means.ravel().tolist():
        text = f"{value:{sign}.{digits}f}" if np.isfinite(value) else "·"
        text = "0" if text.strip("+-") == zero else text
        texts.append(text.replace("0.", ".", 1) if narrow and abs(value) < 1 else text)
    return texts
