"""Places of names beside marks in a plane, so that they cover neither each other nor the marks. NumPy only."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float, Int

LETTER, LINE = 6.8, 13.0
"""Pixels: the mean width of a letter, and the height of a line, of 11 px text in the wider of common fonts."""

AROUND = np.array([(1, 0), (-1, 0), (0, -1), (0, 1), (1, -1), (1, 1), (-1, -1), (-1, 1)])
"""Directions in which a name may stand, the best first; down the page is positive."""

RINGS = (1.0, 1.9, 3.0)
"""Distances at which a name may stand, in gaps."""


def place(
    points: Float[np.ndarray, "m 2"],
    names: Sequence[str],
    gap: float | Sequence[float] = 9.0,
    first: Sequence[int] = (),
    frame: Float[np.ndarray, "2 2"] | None = None,
    rings: Sequence[float] = RINGS,
    early: Sequence[int] = (),
) -> tuple[Int[np.ndarray, "m 2"], Bool[np.ndarray, " m"]]:
    """The offset in pixels of every name's middle from its mark, and which names have room.

    One name after the other takes the first of eight places around its mark, at some distances, that covers neither a
    name before it nor another mark and lies within the frame. A name without such a place is left out, offset 0: a
    tooltip has to tell it.

    Args:
        points: in pixels, down the page positive.
        names: one per point; an empty one is of a mark that is only kept free.
        gap: pixels from a mark's middle to the nearest name; of all, or of each.
        first: positions that choose before the others; they always have a place, at worst over a mark.
        frame: left and top, right and bottom of what is seen, in pixels; without it there is room on all sides.
        rings: distances at which a name may stand, in gaps.
        early: positions that choose after `first` and before the others; where there is no room they are left out too.

    >>> place(np.array([[0.0, 0.0], [40.0, 0.0]]), ["ab", "cd"])[0].tolist()
    [[16, 0], [16, 0]]
    >>> place(np.zeros((2, 2)), ["ab", "a name"], frame=np.array([[-30.0, -12.0], [30.0, 12.0]]))[1].tolist()
    [True, False]
    """
    offsets, placed = np.zeros((len(points), 2), int), np.zeros(len(points), bool)
    taken: list[np.ndarray] = []
    rest = [k for k in range(len(points)) if k not in set(first)]
    # Crowded marks choose early, while there is room.
    near = np.linalg.norm(points[:, None] - points, axis=-1)
    rest.sort(key=lambda k: (k not in early, -int((near[k] < 60).sum())))
    gaps = np.broadcast_to(np.asarray(gap, float), len(points))
    for k in (*first, *rest):
        if not names[k]:
            continue
        half = np.array([LETTER * len(names[k]) / 2, LINE / 2])
        # Straight above and below, names need less room.
        steps = [AROUND * (half + ring * gaps[k] * np.array([1, 0.75]) + (0, ring * 2)) for ring in rings]
        middles = points[k] + np.concatenate(steps).round()
        covers = np.zeros(len(middles), int)
        if taken:
            others = np.stack(taken)
            apart = np.abs(middles[:, None] - others[:, :2]) >= half + others[:, 2:]
            covers += 1000 * (~apart.any(-1)).sum(-1)
        if frame is not None:
            covers += 1000 * ((middles - half < frame[0]) | (middles + half > frame[1])).any(-1)
        # A mark at the same place is under the name wherever it stands.
        marks = points[near[k] > 0]
        covers += (np.abs(middles[:, None] - marks) < half + 0.7 * gaps[near[k] > 0, None]).all(-1).sum(-1)
        best = int(covers.argmin())
        if covers[best] == 0 or k in first:
            placed[k] = True
            offsets[k] = middles[best] - points[k]
            taken.append(np.concatenate([middles[best], half]))
    return offsets, placed
