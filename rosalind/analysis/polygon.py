"""Polygons that are drawn by hand: few corners that say the same, and what lies inside. NumPy only."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float


def simplified(x: Sequence[float], y: Sequence[float], most: int) -> list[float]:
    """The corners of a drawn polygon that matter most, `[x, y, x, y, ...]`, at most so many; to four digits.

    Corners go one by one, always the one whose triangle with its neighbours is smallest (Visvalingam and Whyatt,
    1993), first all that lie within a thousandth of the polygon's own area. Fewer than three that are finite
    give none.

    >>> simplified([0, 0.5, 1, 1, 0], [0, 0, 0, 2, 2], 64)
    [0.0, 0.0, 1.0, 0.0, 1.0, 2.0, 0.0, 2.0]
    """
    corners = np.stack([np.asarray(x, np.float64), np.asarray(y, np.float64)], 1)
    corners = corners[np.isfinite(corners).all(1)]
    if len(corners) < 3:
        return []
    whole = np.ptp(corners[:, 0]) * np.ptp(corners[:, 1])
    while len(corners) > 3:
        before, after = np.roll(corners, 1, 0) - corners, np.roll(corners, -1, 0) - corners
        areas = np.abs(before[:, 0] * after[:, 1] - before[:, 1] * after[:, 0]) / 2
        if len(corners) <= most and areas.min() > whole / 1000:
            break
        corners = np.delete(corners, areas.argmin(), 0)
    # Four digits of the polygon's own size: a third of a pixel at most.
    steps = 10.0 ** (np.floor(np.log10(np.maximum(np.ptp(corners, axis=0), 1e-300))) - 3)
    return [float(f"{value:.12g}") for value in (np.round(corners / steps) * steps).ravel()]


def inside(corners: Sequence[float], x: Float[np.ndarray, " n"], y: Float[np.ndarray, " n"]) -> Bool[np.ndarray, " n"]:
    """Mask of points that lie inside a polygon `[x, y, x, y, ...]`; False for NaN.

    A polygon that crosses itself has inside what an odd number of its edges lies to the right of. Points
    outside its box are not looked at.

    >>> inside([0, 0, 1, 0, 1, 2, 0, 2], np.array([0.5, 2, np.nan]), np.array([1.0, 1, 1])).tolist()
    [True, False, False]
    """
    polygon = np.asarray(corners, np.float64).reshape(-1, 2)
    (left, bottom), (right, top) = polygon.min(0), polygon.max(0)
    near = np.flatnonzero((x >= left) & (x <= right) & (y >= bottom) & (y <= top))
    across, up = x[near].astype(np.float64), y[near].astype(np.float64)
    odd = np.zeros(len(near), bool)
    for (x0, y0), (x1, y1) in zip(polygon, np.roll(polygon, -1, 0), strict=True):
        if y0 == y1:
            continue
        between = (up >= min(y0, y1)) & (up < max(y0, y1))
        # An edge of next to no height has an infinite slope; samples on it count as outside.
        with np.errstate(over="ignore", invalid="ignore"):
            odd ^= between & (across < x0 + (up - y0) * ((x1 - x0) / (y1 - y0)))
    mask = np.zeros(len(x), bool)
    mask[near] = odd
    return mask
