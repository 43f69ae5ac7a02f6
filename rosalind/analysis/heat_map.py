"""A table as a heat map: the order of its rows and columns, shades, marks, numbers, small histograms."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy
from jaxtyping import Float, Float32, Float64, Int64, Real, UInt8

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
    order = leaf_order(scipy.spatial.distance.cdist(filled, filled)).astype(int)
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
    means: Float[np.ndarray, "groups columns"], way: str, measured: int, blocks: Sequence[str] = ()
) -> Int64[np.ndarray, " columns"]:
    """The order of columns, in one of `COLUMNS`; what is not a condition stays at the end.

    In the study's order conditions of one block, such as a group of corruptions, stand together where the first does.
    """
    conditions = means[:, :measured]
    first = list(dict.fromkeys(blocks))
    order = np.array(sorted(range(measured), key=lambda k: first.index(blocks[k]) if first else 0), np.int64)
    if way == "likeness":
        order = seriate(conditions.T)
    elif way == "mean":
        order = np.argsort(-nan_mean_std(conditions.T)[0], kind="stable")
    return np.concatenate([order, np.arange(measured, means.shape[1])])


def limits_of(means: np.ndarray, signed: bool) -> tuple[float, float]:
    """The values at both ends of the colours; symmetric around zero where signed.

    Never of no width: of equal values the lower end is lower by their size, and by 1 at least: no bar shows over 100 %.
    """
    finite = means[np.isfinite(means)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
    if signed:
        reach = max(abs(low), abs(high), 1e-9)
        return -reach, reach
    return low if high > low else high - max(1.0, abs(high)), high


DECADES = 2.0
"""Powers of ten between the ends of positive numbers from which their colours go by logarithm."""


def is_logarithmic(values: Float[np.ndarray, "*shape"]) -> bool:
    """True where colours by logarithm tell apart what others would not: all positive, over `DECADES` or more.

    >>> is_logarithmic(np.array([0.01, 5.0])), is_logarithmic(np.array([0.0, 5.0])), is_logarithmic(np.array([1, 50.0]))
    (True, False, False)
    """
    finite = values[np.isfinite(values)]
    return bool(finite.size and finite.min() > 0 and np.log10(finite.max() / finite.min()) >= DECADES)


def ticks_of(low: float, high: float, *, logarithmic: bool = False) -> list[float]:
    """Round numbers from `low` to `high`, four to nine; of a logarithmic scale powers of ten, with 2 and 5 if few.

    >>> ticks_of(0.0, 0.62), ticks_of(0.004, 0.044)
    ([0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6], [0.01, 0.02, 0.03, 0.04])
    >>> ticks_of(0.004, 3.0, logarithmic=True), ticks_of(1.0, 260.0, logarithmic=True)
    ([0.01, 0.1, 1.0], [1.0, 10.0, 100.0])
    """
    if not high > low:
        return [float(low)]
    if logarithmic:
        powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
        inside = lambda factors: [
            f * 10.0**p for p in powers for f in factors if low * (1 - 1e-6) <= f * 10.0**p <= high * (1 + 1e-6)
        ]
        tens = inside((1,))
        return tens if len(tens) > 2 else inside((1, 2, 5))
    power = 10.0 ** math.floor(math.log10((high - low) / 4))
    # Of a quotient that is 4 but for rounding, as of 0.004 to 0.044.
    step = next((f * power for f in (5, 2) if (high - low) / (f * power) >= 4 - 1e-9), power)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [float(f"{k * step:.12g}") for k in range(first, last + 1)]


def shades(means: Float[np.ndarray, "*shape"], low: float, high: float) -> UInt8[np.ndarray, "*shape"]:
    """Shades: 1 to 255 from `low` to `high`, 0 where nothing is."""
    place = np.clip((np.nan_to_num(means, nan=low) - low) / (high - low), 0, 1)
    return np.where(np.isfinite(means), np.rint(1 + 254 * place), 0).astype(np.uint8)


def numbers_in(means: Float[np.ndarray, "rows columns"], metric: CellMetric, *, narrow: bool = False) -> list[str]:
    """The texts of cells, row by row; a dot for a gap.

    Args:
        means: as shown.
        metric: says how many decimals, and whether numbers carry a sign; fractions below one get a decimal more, and
            so do numbers that all lie within three units of their last digit, which would read alike.
        narrow: leave out the plus, of which colours speak too, and the zero before a point.
    """
    finite = means[np.isfinite(means)]
    digits = metric.digits + bool(metric.digits and finite.size and np.abs(finite).max() < 1)
    if finite.size and 0 < np.ptp(finite) < 3 * 10.0**-digits and not np.allclose(finite, finite.round(digits)):
        digits += 1
    sign, zero = "+" if metric.signed and not narrow else "", f"{0:.{digits}f}"
    texts = []
    for value in means.ravel().tolist():
        text = f"{value:{sign}.{digits}f}" if np.isfinite(value) else "·"
        text = "0" if text.strip("+-") == zero else text
        texts.append(text.replace("0.", ".", 1) if narrow and abs(value) < 1 else text)
    return texts


def width_of(texts: Sequence[str], size: float) -> float:
    """Pixels of the widest of some numbers in a font of `size` pixels; 0 of none.

    >>> round(width_of(["7", "-12"], 10), 1)
    16.4
    """
    return size * max((sum(0.64 if letter.isdigit() else 0.36 for letter in text) for text in texts), default=0.0)


FROZEN, GAP = 2.2, 0.35
"""Width of a column that stands wide at the left, and the room between two blocks; others are 1 wide."""


@dataclass(frozen=True)
class Columns:
    """Columns of a map in blocks, the frozen ones wide at the left.

    Attributes:
        order: Of the columns from the left, their numbers in the table.
        left: Their left edges, ascending from 0.
        width: Their widths.
        blocks: First and last (exclusive) place of every block.
    """

    order: Int64[np.ndarray, " c"]
    left: Float64[np.ndarray, " c"]
    width: Float64[np.ndarray, " c"]
    blocks: tuple[tuple[int, int], ...]

    @property
    def middle(self) -> Float64[np.ndarray, " c"]:
        """The middle of each column."""
        return self.left + self.width / 2

    @property
    def end(self) -> float:
        """The right edge of the last column; 0 without any."""
        return float(self.left[-1] + self.width[-1]) if len(self.left) else 0.0

    def at(self, x: float) -> int | None:
        """The place of the column at a point; None beside them and in a gap."""
        place = int(np.searchsorted(self.left, x, side="right")) - 1
        return place if place >= 0 and x < self.left[place] + self.width[place] else None

    def between(self, x0: float, x1: float) -> Int64[np.ndarray, " k"]:
        """The places of the columns that an interval touches; its ends are in either order."""
        low, high = sorted((x0, x1))
        return np.flatnonzero((self.left < high) & (self.left + self.width > low))


def place_columns(
    order: Int64[np.ndarray, " c"], frozen: Sequence[int], block_of: Sequence[str], *, blocked: bool = True
) -> Columns:
    """Columns in their order, the frozen ones first.

    Args:
        order: numbers of columns.
        frozen: numbers of those that stand wide at the left, in this order.
        block_of: by number, the name of its block; a gap is wherever it changes.
        blocked: False for one block of all that are not frozen.

    >>> columns = place_columns(np.arange(4), (3,), ("noise", "noise", "blur", "mean"))
    >>> columns.order.tolist(), columns.left.round(2).tolist(), columns.blocks
    ([3, 0, 1, 2], [0.0, 2.55, 3.55, 4.9], ((0, 1), (1, 3), (3, 4)))
    >>> columns.at(1.0), columns.at(2.3), columns.between(3.0, 5.0).tolist()
    (0, None, [1, 2, 3])
    """
    first = [k for k in frozen if k in set(order.tolist())]
    listed = [*first, *(k for k in order.tolist() if k not in first)]
    names = [f"frozen {k}" if k in first else block_of[k] if blocked else "" for k in listed]
    starts = [k for k in range(len(listed)) if k == 0 or names[k] != names[k - 1]]
    width = np.array([FROZEN if k in first else 1.0 for k in listed])
    gaps = np.zeros(len(listed))
    gaps[starts[1:]] = GAP
    left = np.concatenate([[0.0], np.cumsum(width)[:-1]])[: len(listed)] + np.cumsum(gaps)
    blocks = tuple(zip(starts, [*starts[1:], len(listed)], strict=True))
    return Columns(np.array(listed, np.int64), left, width, blocks)


def bullet_lines(
    whole: Float[np.ndarray, " cells"],
    part: Float[np.ndarray, " cells"],
    rows: Real[np.ndarray, " cells"],
    left: Real[np.ndarray, " cells"],
    width: Real[np.ndarray, " cells"],
    limits: tuple[float, float],
) -> tuple[Float32[np.ndarray, " points"], Float32[np.ndarray, " points"]]:
    """In the foot of every cell a notch at the value of all, and a line from there to that of a part: x and y.

    One line with a NaN after each cell; cells without one of the values are left out. Rows count downwards.
    """
    finite = np.isfinite(whole) & np.isfinite(part)
    low, high = limits
    place = lambda values: (
        left[finite] + width[finite] * (0.1 + 0.8 * np.clip((values[finite] - low) / (high - low), 0, 1))
    )
    notch, end, foot = place(whole), place(part), rows[finite] + 0.36
    gap = np.full(len(notch), np.nan)
    x = np.stack([notch, notch, notch, end, gap], 1)
    y = np.stack([foot - 0.1, foot + 0.1, foot, foot, gap], 1)
    return x.astype(np.float32).ravel(), y.astype(np.float32).ravel()


def short_names(names: Sequence[str], groups: Sequence[str]) -> list[str]:
    """Names without the word of their group: `gaussian` of `gaussian_noise` in the group `noise`.

    >>> short_names(["gaussian_noise", "fog", "noise"], ["noise", "weather", "noise"])
    ['gaussian', 'fog', 'noise']
    """
    pairs = zip(names, groups, strict=True)
    return [name.removesuffix(f"_{group}").removesuffix(group) or name for name, group in pairs]
