"""Order, groups and tables of classes, so that a thousand of them can be looked at. Pure NumPy."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float32, Int, Int64, Real

GROUPED = 50
"""Up to so many classes every one has a row of its own; more are grouped, into at most so many groups."""

MANY = 20
"""Beyond so many classes they come in order of likeness, and parallel coordinates show one class's surroundings."""


@dataclass(frozen=True)
class Rows:
    """Rows and columns of a matrix: one class each, or a group of classes each.

    Attributes:
        classes: The classes of each row.
        names: The class of each row, of a group its most central one.
    """

    classes: tuple[Int[np.ndarray, " _"], ...]
    names: tuple[str, ...]

    @property
    def grouped(self) -> bool:
        return any(len(row) > 1 for row in self.classes)

    def titles(self, longest: int = 200) -> list[str]:
        """Labels of rows: a class, and how many more a group has; names are cut where too long."""
        short = [name if len(name) <= longest else f"{name[: longest - 1]}…" for name in self.names]
        more = [f" +{len(row) - 1}" if len(row) > 1 else "" for row in self.classes]
        return [name + rest for name, rest in zip(short, more, strict=True)]

    def __len__(self) -> int:
        return len(self.classes)


def distances(table: Float[np.ndarray, "c c"]) -> Float32[np.ndarray, "c c"]:
    """Symmetric distances of a table of angles, 0 on the diagonal; gaps are the largest.

    >>> distances(np.array([[5.0, 80.0], [90.0, 5.0]])).tolist()
    [[0.0, 85.0], [85.0, 0.0]]
    """
    both = np.stack([table, table.T]).astype(np.float32)
    finite = np.isfinite(both)
    count = finite.sum(0)
    total = np.where(finite, both, 0).sum(0)
    mean = np.divide(total, count, out=np.full(table.shape, np.nan, np.float32), where=count > 0)
    np.fill_diagonal(mean, 0)
    return np.nan_to_num(mean, nan=float(np.nanmax(mean, initial=0)))


def group_count(classes: int) -> int:
    """Number of groups that classes are collapsed into: about twice the root, `GROUPED` at most.

    >>> group_count(100), group_count(1000)
    (20, 50)
    """
    return max(min(round(2 * classes**0.5), GROUPED, classes), 1)


def segments(apart: Float[np.ndarray, "c c"], order: Int[np.ndarray, " c"], count: int) -> Int64[np.ndarray, " c"]:
    """The group of each class when an order is cut into pieces that hold together best.

    The cut is the exact minimum, by dynamic programming, of the sum over groups of squared distances
    divided by the group's size (the variance within, for points). Cutting the tree of average linkage
    instead put 933 of 1,000 classes into one of 50 groups where classes were unequally spread.

    Of symmetric distances; in the order, groups are contiguous and numbered; `count` is at most the classes.
    """
    size = len(order)
    square = np.zeros((size + 1, size + 1))
    square[1:, 1:] = np.cumsum(np.cumsum(apart[np.ix_(order, order)].astype(np.float64) ** 2, 0), 1)
    diagonal = np.diag(square)
    start, stop = np.arange(size)[:, None], np.arange(1, size + 1)[None]
    # The block start..stop of the summed table, both halves of it.
    inside = diagonal[stop] - square[start, stop] - square[stop, start] + diagonal[start]
    cost = np.where(stop > start, inside / (2 * np.maximum(stop - start, 1)), np.inf)
    best, came = cost[0].copy(), []
    for _ in range(count - 1):
        # One more group, which begins where the first ones ended.
        ways = best[:-1, None] + cost[1:]
        came.append(ways.argmin(0) + 1)
        best = ways.min(0)
    ends = [size]
    for last in reversed(came):
        ends.append(int(last[ends[-1] - 1]))
    groups = np.empty(size, np.int64)
    groups[order] = np.repeat(np.arange(count), np.diff([0, *reversed(ends)]))
    return groups


def rows_of_classes(order: Int[np.ndarray, " c"], names: Sequence[str]) -> Rows:
    """Every class a row, in an order."""
    return Rows(tuple(np.array([k]) for k in order), tuple(names[int(k)] for k in order))


def rows_of_groups(
    apart: Float[np.ndarray, "c c"], order: Int[np.ndarray, " c"], groups: Int[np.ndarray, " c"], names: Sequence[str]
) -> Rows:
    """Every group of classes a row; classes within it keep the order."""
    members = tuple(order[groups[order] == number] for number in range(int(groups.max()) + 1))
    # The most central class is nearest to all others of its group.
    central = [int(group[apart[np.ix_(group, group)].sum(1).argmin()]) for group in members]
    return Rows(members, tuple(names[k] for k in central))


def gathered(
    table: Float[np.ndarray, "c c"], rows: Rows, weights: Real[np.ndarray, " c"] | None = None
) -> Float32[np.ndarray, "r r"]:
    """A table of classes by the rows' classes.

    Args:
        table: NaN is left out of means, and a field with nothing else is NaN.
        rows: of the result.
        weights: such as the samples of each class, by which its row counts in a group's mean; None adds fields up.

    >>> gathered(np.array([[1.0, 3.0], [5.0, np.nan]]), Rows((np.array([0, 1]),), ("both",)), np.array([2, 1]))
    array([[2.6]], dtype=float32)
    """
    if not rows.grouped:
        listed = np.concatenate(rows.classes) if len(rows) else np.empty(0, int)
        return table[np.ix_(listed, listed)].astype(np.float32)
    member = np.stack([np.isin(np.arange(len(table)), of_row) for of_row in rows.classes]).astype(np.float32)
    finite = np.isfinite(table)
    filled = np.where(finite, table, 0).astype(np.float32)
    if weights is None:
        return member @ filled @ member.T
    weighted = member * weights.astype(np.float32)
    total, count = weighted @ filled @ member.T, weighted @ finite.astype(np.float32) @ member.T
    return np.divide(total, count, out=np.full_like(total, np.nan), where=count > 0)


def between_directions(kernel: Float[np.ndarray, "d c"]) -> Float32[np.ndarray, "c c"]:
    """Angles in degrees between the columns of a head; NaN on the diagonal and for zeros."""
    length = np.linalg.norm(kernel, axis=0)
    unit = np.divide(kernel, length, out=np.full(kernel.shape, np.nan, np.float32), where=length > 0)
    angles = np.degrees(np.arccos(np.clip(unit.T @ unit, -1, 1)))
    np.fill_diagonal(angles, np.nan)
    return angles


def confusion(
    labels: Int[np.ndarray, " n"], predictions: Int[np.ndarray, " n"], classes: int
) -> Float32[np.ndarray, "{classes} {classes}"]:
    """Samples of true class i that are predicted as j; unlabelled ones (-1) are left out."""
    labelled = labels >= 0
    flat = np.bincount(labels[labelled] * classes + predictions[labelled], minlength=classes * classes)
    return flat.reshape(classes, classes).astype(np.float32)


def signed_log(counts: Real[np.ndarray, "*shape"]) -> Float[np.ndarray, "*shape"]:
    """Logarithm of 1 + |count| with the sign of the count, so that single samples show beside thousands."""
    return np.sign(counts) * np.log1p(np.abs(counts))


def nearest_directions(between: Float[np.ndarray, "c c"], wanted: int, count: int) -> Int[np.ndarray, " k"]:
    """A class and those whose directions are nearest to its own, itself first; `count` in all.

    Classes without a direction come last. `between` is from `between_directions`.
    """
    angles = np.nan_to_num(between[wanted], nan=np.inf)
    angles[wanted] = -1
    return np.argsort(angles, kind="stable")[:count]
