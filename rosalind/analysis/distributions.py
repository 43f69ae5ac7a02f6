"""Distributions of measures: of all samples as curves, by class as rows, panels or shifts."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Float32, Float64, Int, Int64, Integer, Real, UInt8

from rosalind.analysis import rasters
from rosalind.analysis.ordered import Ordered, ordered

BINS = (16, 64)
"""Fewest and most bins of a histogram."""

FINE = 4096
"""Bins in which `largest_gap` compares two distributions; its error is at most the share of samples in one bin."""

PANEL = 48
"""Pixels per axis of a class's panel, and most bins."""

HEAD, SIDE = 15, 2
"""Pixels that stay free above a panel, for its name, and on either side."""


def bins_for(count: float) -> int:
    """Number of bins of a histogram of `count` samples: twice Rice's rule, 2 n^(1/3), within `BINS`.

    >>> [bins_for(count) for count in (0, 600, 10_000)]
    [16, 34, 64]
    """
    return int(np.clip(round(4 * count ** (1 / 3)), *BINS))


def _places(values: np.ndarray, limits: tuple[float, float], bins: int) -> np.ndarray:
    """int32 bin of each finite value; those beyond the limits lie in the first and the last."""
    low, high = limits
    return np.clip((values - low) * (bins / (high - low)), 0, bins - 1).astype(np.int32)


def ends(*sides: Float[np.ndarray, "..."] | Ordered, share: float = 0.002) -> tuple[float, float]:
    """Quantiles `share` (0 to 0.5) and 1 - `share` of the finite values of all sides; NaN, NaN where there is none.

    >>> ends(np.arange(6.0), np.arange(6.0, 11.0), share=0.25)
    (2.5, 7.5)
    """
    values = [ordered(side).values for side in sides]
    last = sum(side.size for side in values) - 1
    if last < 0:
        return float("nan"), float("nan")
    place = share * last
    k = int(place)
    # No more than these of a side can be among the lowest, or the highest, of all.
    lowest = np.sort(np.concatenate([side[: k + 2] for side in values]))
    highest = np.sort(np.concatenate([side[-k - 2 :] for side in values]))[::-1]
    next_one = min(k + 1, last)
    low, high = (float(e[k]) + (place - k) * (float(e[next_one]) - float(e[k])) for e in (lowest, highest))
    return low, high


def limits(*sides: Float[np.ndarray, "..."] | Ordered) -> tuple[float, float]:
    """`rasters.limits` of some sides, whose order is used where they have one."""
    return rasters.around(*ends(*sides))


def histogram(
    values: Float[np.ndarray, "..."] | Ordered, limits: tuple[float, float], bins: int
) -> Int64[np.ndarray, " {bins}"]:
    """Counts of the finite values, those beyond the limits in the bins at the ends."""
    return np.diff(_below(ordered(values), limits, bins), prepend=0)


def _below(side: Ordered, limits: tuple[float, float], bins: int) -> np.ndarray:
    """int64[bins]: values below the high end of every bin; of the last, all."""
    high_ends = np.linspace(*limits, bins + 1)[1:].astype(side.values.dtype)
    below = np.searchsorted(side.values, high_ends)
    below[-1] = side.values.size
    return below


def outline(counts: Real[np.ndarray, " bins"]) -> Float32[np.ndarray, " 2*bins+2"]:
    """The heights of a histogram's steps as a share of all, from 0 to 0; zeros of nothing.

    >>> outline(np.array([1, 3])).tolist()
    [0.0, 0.25, 0.25, 0.75, 0.75, 0.0]
    """
    return np.concatenate([[0], np.repeat(counts / max(counts.sum(), 1), 2), [0]]).astype(np.float32)


def corners(limits: tuple[float, float], bins: int) -> Float32[np.ndarray, " 2*{bins}+2"]:
    """The places of the steps of `outline`."""
    return np.repeat(np.linspace(*limits, bins + 1), 2).astype(np.float32)


def cumulative(
    values: Float[np.ndarray, "..."] | Ordered, points: Float[np.ndarray, "*shape"]
) -> Float32[np.ndarray, "*shape"]:
    """The share of finite values at or below each; NaN of nothing.

    >>> cumulative(np.array([1.0, 2.0, 4.0, 5.0, np.nan]), np.array([0.0, 2.0, 9.0])).tolist()
    [0.0, 0.5, 1.0]
    """
    finite = ordered(values).values
    if not finite.size:
        return np.full(points.shape, np.nan, np.float32)
    return (np.searchsorted(finite, points, "right") / finite.size).astype(np.float32)


def median(values: Float[np.ndarray, "..."] | Ordered) -> float:
    """The median of the finite values; NaN of none."""
    finite = ordered(values).values
    if not finite.size:
        return float("nan")
    half = finite.size // 2
    return float(finite[half] if finite.size % 2 else (finite[half] + finite[half - 1]) / 2)


def errors(margins: Float[np.ndarray, "..."] | Ordered) -> float:
    """Percent of the finite margins that lie below 0, beyond the boundary; NaN of none.

    >>> errors(np.array([-1.0, 0.0, 2.0, np.nan, 1.0]))
    25.0
    """
    finite = ordered(margins).values
    return 100 * float(np.searchsorted(finite, 0) / finite.size) if finite.size else float("nan")


def largest_gap(a: Float[np.ndarray, "..."] | Ordered, b: Float[np.ndarray, "..."] | Ordered) -> float:
    """The Kolmogorov-Smirnov (KS) statistic of two samples: the largest gap of their cumulative distributions.

    In [0, 1]; 0 where the distributions are equal, 1 where their ranges do not overlap. Binned (`FINE`) over all
    but 0.2 % of both at either end, so that a few far values do not coarsen the bins. NaN where one side has no finite
    value.

    >>> largest_gap(np.arange(4.0), np.arange(4.0) + 2)
    0.5
    """
    sides = ordered(a), ordered(b)
    if not all(side.values.size for side in sides):
        return float("nan")
    within = ends(*sides)
    if within[0] == within[1]:
        within = rasters.around(*within)
    below = [_below(side, within, FINE) / side.values.size for side in sides]
    return float(np.abs(below[0] - below[1]).max())


def chance_gap(count: int) -> float:
    """The largest gap that two independent draws from one distribution exceed in one case of twenty, (0, 1].

    1.358 sqrt(2 / count), the limit of Kolmogorov and Smirnov; paired samples lie closer.

    >>> round(chance_gap(10_000), 4)
    0.0192
    """
    return min(float(np.sqrt(-np.log(0.05 / 2) / max(count, 1))), 1.0)


def by_class(
    values: Float[np.ndarray, " n"], labels: Int[np.ndarray, " n"], classes: int, limits: tuple[float, float], bins: int
) -> Int64[np.ndarray, "{classes} {bins}"]:
    """A histogram per class; NaN and unknown classes (-1) are not counted."""
    good = np.isfinite(values) & (labels >= 0)
    places = labels[good].astype(np.int64) * bins + _places(values[good], limits, bins)
    return np.bincount(places, minlength=classes * bins).reshape(classes, bins)


def panels(
    x: Float[np.ndarray, " n"],
    y: Float[np.ndarray, " n"],
    labels: Int[np.ndarray, " n"],
    classes: int,
    windows: tuple[tuple[float, float], tuple[float, float]],
    bins: int,
    mask: Bool[np.ndarray, " n"] | None = None,
) -> Int64[np.ndarray, "{classes} {bins} {bins}"]:
    """A density per class, row 0 at the bottom.

    Args:
        x, y: the samples.
        labels: true classes; -1 (unknown) is not counted.
        classes: their number.
        windows: low and high end of the columns, and of the rows; what lies outside is not counted.
        bins: per axis.
        mask: of the samples that count; all without.
    """
    (left, right), (bottom, top) = windows
    inside = (x >= left) & (x <= right) & (y >= bottom) & (y <= top) & (labels >= 0)
    inside = inside if mask is None else inside & mask
    places = labels[inside].astype(np.int64) * bins + _places(y[inside], (bottom, top), bins)
    places = places * bins + _places(x[inside], (left, right), bins)
    return np.bincount(places, minlength=classes * bins**2).reshape(classes, bins, bins)


def mosaic(
    rows: list[Integer[np.ndarray, "classes _ _"]], peaks: list[Integer[np.ndarray, " classes"]] | None = None
) -> UInt8[np.ndarray, "height width"]:
    """Panels as one picture [rows * (PANEL + HEAD), classes * (PANEL + 2 SIDE)], row 0 at its bottom.

    Args:
        rows: from `panels`, the topmost first; `PANEL` is a multiple of their bins.
        peaks: by row and class the count that is darkest; a panel's own largest without.
    """
    classes = len(rows[0])
    pixels = np.zeros((len(rows), PANEL + HEAD, classes, PANEL + 2 * SIDE), np.uint8)
    for line, counts in enumerate(rows):
        for k, panel in enumerate(counts):
            peak = None if peaks is None else int(peaks[line][k])
            shades = np.kron(rasters.shade(panel, peak), np.ones((PANEL // len(panel),) * 2, np.uint8))
            pixels[-1 - line, :PANEL, k, SIDE:-SIDE] = shades
    return pixels.reshape(len(rows) * (PANEL + HEAD), classes * (PANEL + 2 * SIDE))


def merged(counts: np.ndarray, bins: int = 24) -> np.ndarray:
    """Counts with neighbouring bins of the last axis summed, so that at most `bins` are left.

    >>> merged(np.array([1, 2, 3, 4, 5]), 3).tolist()
    [3, 7, 5]
    """
    step = -(-counts.shape[-1] // bins)
    return np.add.reduceat(counts, np.arange(0, counts.shape[-1], step), -1) if step > 1 else counts


def outlines(counts: Real[np.ndarray, "*lead bins"]) -> Float32[np.ndarray, "*lead bins"]:
    """Heights of histograms from 0 to 1, each over its own largest bin; NaN without counts."""
    peak = counts.max(-1, keepdims=True, initial=0).astype(np.float32)
    return np.divide(counts, peak, out=np.full(counts.shape, np.nan, np.float32), where=peak > 0)


@dataclass(frozen=True)
class Shifts:
    """Per class, in the order of the class numbers; NaN where a class has no finite pair.

    Attributes:
        count: Samples that are finite on both sides.
        before: Median on the first side.
        after: Median on the second side.
        distance: Wasserstein distance between the two distributions, in the measure's unit; >= 0.
    """

    count: Int64[np.ndarray, " c"]
    before: Float64[np.ndarray, " c"]
    after: Float64[np.ndarray, " c"]
    distance: Float64[np.ndarray, " c"]

    @property
    def order(self) -> Int[np.ndarray, " k"]:
        """Classes with samples, those that moved most first; the smaller number first among equals."""
        order = np.lexsort((np.arange(len(self.count)), -np.nan_to_num(self.distance, nan=-1)))
        return order[self.count[order] > 0]


def class_shifts(
    a: Float[np.ndarray, " n"], b: Float[np.ndarray, " n"], labels: Int[np.ndarray, " n"], classes: int
) -> Shifts:
    """The shift of every class from a to b, a measure of the same samples on either side.

    NaN and an unknown label (-1) leave a sample out. Equally many values on both sides make the Wasserstein distance
    the mean difference of the sorted values.

    >>> shifts = class_shifts(np.array([0.0, 1.0, 5.0]), np.array([2.0, 3.0, 5.0]), np.array([0, 0, 1]), 2)
    >>> shifts.distance.tolist(), shifts.order.tolist()
    ([2.0, 0.0], [0, 1])
    """
    paired = np.isfinite(a) & np.isfinite(b) & (labels >= 0)
    of_class = labels[paired]
    count = np.bincount(of_class, minlength=classes)
    ends = np.concatenate([[0], np.cumsum(count)])
    first, second = (_within_classes(side[paired], of_class) for side in (a, b))
    present = np.flatnonzero(count)
    before, after, distance = (np.full(classes, np.nan) for _ in range(3))
    if present.size:
        distance[present] = np.add.reduceat(np.abs(first - second), ends[present]) / count[present]
        for values, medians in ((first, before), (second, after)):
            low, high = ends[present] + (count[present] - 1) // 2, ends[present] + count[present] // 2
            medians[present] = (values[low] + values[high]) / 2
    return Shifts(count, before, after, distance)


def _within_classes(values: np.ndarray, of_class: np.ndarray) -> np.ndarray:
    """float64: finite values in ascending order within their classes, 10 ms for 200,000; numpy.lexsort takes 60."""
    ascending = ordered(values)
    assert ascending.rows is not None
    classes = of_class[ascending.rows]
    # Of 16 bits equal ones keep their order in a tenth of the time.
    small = classes.astype(np.uint16) if of_class.max(initial=0) < 2**16 else classes
    return ascending.values[np.argsort(small, kind="stable")].astype(np.float64)


def ellipse(
    x: Float[np.ndarray, " n"], y: Float[np.ndarray, " n"], points: int = 40
) -> Float32[np.ndarray, "{points}+1 2"]:
    """The closed curve one standard deviation around the mean of points.

    NaN everywhere where fewer than three points are finite.
    """
    good = np.isfinite(x) & np.isfinite(y)
    if good.sum() < 3:
        return np.full((points + 1, 2), np.nan, np.float32)
    placed = np.stack([x[good], y[good]]).astype(np.float64)
    values, axes = np.linalg.eigh(np.cov(placed))
    turn = np.linspace(0, 2 * np.pi, points + 1)
    circle = np.stack([np.cos(turn), np.sin(turn)])
    curve = placed.mean(1)[:, None] + axes @ (np.sqrt(np.maximum(values, 0))[:, None] * circle)
    return curve.T.astype(np.float32)


def free_ends(curves: Float[np.ndarray, "k points 2"]) -> Int[np.ndarray, " k"]:
    """Of each curve the point that is farthest from all points of the others.

    In units in which a step across is as long as one up. A curve of NaN gets 0.
    """
    ends = np.zeros(len(curves), int)
    for k, curve in enumerate(curves):
        others = np.delete(curves, k, 0).reshape(-1, 2)
        others = others[np.isfinite(others).all(1)]
        if np.isfinite(curve).all() and len(others):
            ends[k] = np.hypot(*(curve[:, None] - others[None]).transpose(2, 0, 1)).min(1).argmax()
    return ends
