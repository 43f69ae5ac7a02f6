"""How far each class moved between two sides: distributions of one measure, class by class. NumPy only."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Shifts:
    """Per class, in the order of the class numbers; NaN where a class has no finite pair."""

    count: np.ndarray
    """int64[c] samples that are finite on both sides."""
    before: np.ndarray
    """float64[c] median on the first side."""
    after: np.ndarray
    """float64[c] median on the second side."""
    distance: np.ndarray
    """float64[c] Wasserstein distance between the two distributions, in the measure's unit; >= 0."""

    @property
    def order(self) -> np.ndarray:
        """Classes with samples, those that moved most first; the smaller number first among equals."""
        order = np.lexsort((np.arange(len(self.count)), -np.nan_to_num(self.distance, nan=-1)))
        return order[self.count[order] > 0]


def class_shifts(a: np.ndarray, b: np.ndarray, labels: np.ndarray, classes: int) -> Shifts:
    """How the samples of every class moved from a to b.

    Args:
        a: float[n] a measure on the first side; NaN leaves a sample out.
        b: float[n] the same samples on the second side.
        labels: int[n] true classes; -1 (unknown) leaves a sample out.
        classes: how many there are.

    Equally many values on both sides make the Wasserstein distance the mean difference of the sorted values.

    >>> found = class_shifts(np.array([0.0, 1.0, 5.0]), np.array([2.0, 3.0, 5.0]), np.array([0, 0, 1]), 2)
    >>> found.distance.tolist(), found.order.tolist()
    ([2.0, 0.0], [0, 1])
    """
    good = np.isfinite(a) & np.isfinite(b) & (labels >= 0)
    kept = labels[good]
    count = np.bincount(kept, minlength=classes)
    ends = np.concatenate([[0], np.cumsum(count)])
    first = a[good][np.lexsort((a[good], kept))].astype(np.float64)
    second = b[good][np.lexsort((b[good], kept))].astype(np.float64)
    there = np.flatnonzero(count)
    before, after, distance = (np.full(classes, np.nan) for _ in range(3))
    if there.size:
        distance[there] = np.add.reduceat(np.abs(first - second), ends[there]) / count[there]
        for values, found in ((first, before), (second, after)):
            low, high = ends[there] + (count[there] - 1) // 2, ends[there] + count[there] // 2
            found[there] = (values[low] + values[high]) / 2
    return Shifts(count, before, after, distance)


def ellipse(x: np.ndarray, y: np.ndarray, points: int = 40) -> np.ndarray:
    """float32[points + 1, 2]: the closed curve one standard deviation around the mean of points.

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


def free_ends(curves: np.ndarray) -> np.ndarray:
    """int[k]: of each of some curves the point that is farthest from all points of the others.

    Args:
        curves: float[k, points, 2], in units in which a step across is as long as one up. A curve of NaN gets 0.
    """
    ends = np.zeros(len(curves), int)
    for k, curve in enumerate(curves):
        others = np.delete(curves, k, 0).reshape(-1, 2)
        others = others[np.isfinite(others).all(1)]
        if np.isfinite(curve).all() and len(others):
            ends[k] = np.hypot(*(curve[:, None] - others[None]).transpose(2, 0, 1)).min(1).argmax()
    return ends
