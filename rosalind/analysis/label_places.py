"""Places of names beside marks in a plane, so that they cover neither each other nor the marks. NumPy only."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int

LETTER, LINE = 6.4, 13.0
"""Pixels: the mean width of a letter, and the height of a line, of 11 px text."""

AROUND = np.array([(1, 0), (-1, 0), (0, -1), (0, 1), (1, -1), (1, 1), (-1, -1), (-1, 1)])
"""Directions in which a name may stand, the best first; down the page is positive."""


def place(
    points: Float[np.ndarray, "m 2"], names: Sequence[str], gap: float = 9.0, first: Sequence[int] = ()
) -> Int[np.ndarray, "m 2"]:
    """The offset in pixels of every name's middle from its mark.

    One name after the other takes, of eight places around its mark at three distances, the one where it covers least;
    of equals the nearest.

    Args:
        points: in pixels, down the page positive.
        names: one per point.
        gap: pixels from a mark's middle to the nearest name.
        first: positions that choose before the others.

    >>> place(np.array([[0.0, 0.0], [40.0, 0.0]]), ["ab", "cd"]).tolist()
    [[15, 0], [15, 0]]
    """
    offsets = np.zeros((len(points), 2), int)
    taken: list[np.ndarray] = []
    rest = [k for k in range(len(points)) if k not in set(first)]
    # Crowded marks choose early, while there is room.
    near = np.linalg.norm(points[:, None] - points, axis=-1)
    rest.sort(key=lambda k: -int((near[k] < 60).sum()))
    half_mark = gap * 0.7
    for k in (*first, *rest):
        half = np.array([LETTER * len(names[k]) / 2, LINE / 2])
        best, least = np.zeros(2), np.inf
        for ring in (1.0, 1.9, 3.0):
            for direction in AROUND:
                offset = direction * (half + ring * gap * np.array([1, 0.75]) + (0, ring * 2)) * (1, 1)
                # Straight above and below, names need less room.
                middle = points[k] + offset
                cost = 0.02 * ring
                if len(taken):
                    cost += _overlap(middle, half, np.stack(taken))
                inside = np.abs(points - middle) < half + half_mark
                cost += 60 * (inside.all(1).sum() - bool(inside[k].all()))
                if cost < least:
                    best, least = offset, cost
        taken.append(np.concatenate([points[k] + best, half]))
        offsets[k] = best.round()
    return offsets


def _overlap(middle: np.ndarray, half: np.ndarray, taken: np.ndarray) -> float:
    """Square pixels of a box that other boxes cover."""
    sides = np.minimum(middle + half, taken[:, :2] + taken[:, 2:]) - np.maximum(
        middle - half, taken[:, :2] - taken[:, 2:]
    )
    return float(np.prod(np.maximum(sides, 0), axis=1).sum())
