"""Distributions of measures: of all samples as curves, class by class as rows or panels. NumPy only."""

import numpy as np

from rosalind.analysis import rasters

BINS = (16, 64)
"""Fewest and most bins of a histogram."""

FINE = 4096
"""Bins in which two distributions are compared: no gap is off by more than one of them holds, or 0.002."""

PANEL = 48
"""Pixels per axis of a class's panel, and most bins."""

HEAD, SIDE = 15, 2
"""Pixels that stay free above a panel, for its name, and on either side."""


def bins_for(count: float) -> int:
    """How many bins so many samples fill: twice Rice's rule, 2 n^(1/3), within `BINS`.

    >>> [bins_for(count) for count in (0, 600, 10_000)]
    [16, 34, 64]
    """
    return int(np.clip(round(4 * count ** (1 / 3)), *BINS))


def _places(values: np.ndarray, limits: tuple[float, float], bins: int) -> np.ndarray:
    """int32 bin of each finite value; those beyond the limits lie in the first and the last."""
    low, high = limits
    return np.clip((values - low) * (bins / (high - low)), 0, bins - 1).astype(np.int32)


def histogram(values: np.ndarray, limits: tuple[float, float], bins: int) -> np.ndarray:
    """int64[bins] counts of the finite values, those beyond the limits in the bins at the ends."""
    return np.bincount(_places(values[np.isfinite(values)], limits, bins), minlength=bins)


def outline(counts: np.ndarray) -> np.ndarray:
    """float32[2 bins + 2]: the heights of a histogram's steps as a share of all, from 0 to 0; zeros of nothing.

    >>> outline(np.array([1, 3])).tolist()
    [0.0, 0.25, 0.25, 0.75, 0.75, 0.0]
    """
    return np.concatenate([[0], np.repeat(counts / max(counts.sum(), 1), 2), [0]]).astype(np.float32)


def corners(limits: tuple[float, float], bins: int) -> np.ndarray:
    """float32[2 bins + 2]: where the steps of `outline` are."""
    return np.repeat(np.linspace(*limits, bins + 1), 2).astype(np.float32)


def cumulative(values: np.ndarray, points: np.ndarray) -> np.ndarray:
    """float32 of the shape of points: the share of finite values at or below each; NaN of nothing.

    >>> cumulative(np.array([1.0, 2.0, 4.0, 5.0, np.nan]), np.array([0.0, 2.0, 9.0])).tolist()
    [0.0, 0.5, 1.0]
    """
    finite = np.sort(values[np.isfinite(values)])
    if not finite.size:
        return np.full(points.shape, np.nan, np.float32)
    return (np.searchsorted(finite, points, "right") / finite.size).astype(np.float32)


def median(values: np.ndarray) -> float:
    """The median of the finite values; NaN of none."""
    finite = values[np.isfinite(values)]
    return float(np.median(finite)) if finite.size else float("nan")


def largest_gap(a: np.ndarray, b: np.ndarray) -> float:
    """The largest distance between two cumulative distributions (Kolmogorov and Smirnov), in [0, 1].

    0: alike, 1: apart. Taken in `FINE` bins over all but 0.2 % of both at either end, so that nothing is sorted
    and a few far values do not coarsen the bins. NaN where one side has no finite value.

    >>> largest_gap(np.arange(4.0), np.arange(4.0) + 2)
    0.5
    """
    a, b = a[np.isfinite(a)], b[np.isfinite(b)]
    if not a.size or not b.size:
        return float("nan")
    limits = rasters.ends(np.concatenate([a, b]))
    if limits[0] == limits[1]:
        limits = rasters.limits(a, b)
    below = [np.cumsum(histogram(side, limits, FINE)) / side.size for side in (a, b)]
    return float(np.abs(below[0] - below[1]).max())


def chance_gap(count: int) -> float:
    """The largest gap that two independent draws from one distribution exceed in one case of twenty, (0, 1].

    1.358 sqrt(2 / count), the limit of Kolmogorov and Smirnov; paired samples lie closer.

    >>> round(chance_gap(10_000), 4)
    0.0192
    """
    return min(float(np.sqrt(-np.log(0.05 / 2) / max(count, 1))), 1.0)


def by_class(
    values: np.ndarray, labels: np.ndarray, classes: int, limits: tuple[float, float], bins: int
) -> np.ndarray:
    """int64[classes, bins]: a histogram per class; NaN and unknown classes (-1) are not counted."""
    good = np.isfinite(values) & (labels >= 0)
    places = labels[good].astype(np.int64) * bins + _places(values[good], limits, bins)
    return np.bincount(places, minlength=classes * bins).reshape(classes, bins)


def panels(
    x: np.ndarray,
    y: np.ndarray,
    labels: np.ndarray,
    classes: int,
    windows: tuple[tuple[float, float], tuple[float, float]],
    bins: int,
    mask: np.ndarray | None = None,
) -> np.ndarray:
    """int64[classes, bins, bins]: a density per class, row 0 at the bottom.

    Args:
        x: float[n].
        y: float[n].
        labels: int[n] true classes; -1 (unknown) is not counted.
        classes: how many there are.
        windows: low and high end of the columns, and of the rows; what lies outside is not counted.
        bins: per axis.
        mask: bool[n], the samples that count; all without.
    """
    (left, right), (bottom, top) = windows
    good = (x >= left) & (x <= right) & (y >= bottom) & (y <= top) & (labels >= 0)
    good = good if mask is None else good & mask
    places = labels[good].astype(np.int64) * bins + _places(y[good], (bottom, top), bins)
    places = places * bins + _places(x[good], (left, right), bins)
    return np.bincount(places, minlength=classes * bins**2).reshape(classes, bins, bins)


def mosaic(rows: list[np.ndarray], peaks: list[np.ndarray] | None = None) -> np.ndarray:
    """uint8[rows * (PANEL + HEAD), classes * (PANEL + 2 SIDE)]: panels as one picture, row 0 at its bottom.

    Args:
        rows: from `panels`, the topmost first; `PANEL` is a multiple of their bins.
        peaks: by row and class the count that is darkest; a panel's own largest without.
    """
    classes = len(rows[0])
    found = np.zeros((len(rows), PANEL + HEAD, classes, PANEL + 2 * SIDE), np.uint8)
    for line, counts in enumerate(rows):
        for k, one in enumerate(counts):
            peak = None if peaks is None else int(peaks[line][k])
            shades = np.kron(rasters.shade(one, peak), np.ones((PANEL // len(one),) * 2, np.uint8))
            found[-1 - line, :PANEL, k, SIDE:-SIDE] = shades
    return found.reshape(len(rows) * (PANEL + HEAD), classes * (PANEL + 2 * SIDE))
