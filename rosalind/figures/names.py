"""Names beside the marks of a plane, where they cover nothing."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes

from rosalind.analysis import label_places

PIXELS = 11
"""Height in pixels of the text that `label_places` is for."""


def write_beside(
    axes: Axes,
    points: Float[np.ndarray, "n 2"],
    names: Sequence[str],
    fontsize: float,
    inches: tuple[float, float],
    others: Float[np.ndarray, "m 2"] | None = None,
) -> list[int]:
    """Write names beside their marks, once the axes have their limits and scales.

    Args:
        axes: of the marks.
        points: of the marks, in the axes' data.
        names: one per mark; an empty one is of a mark that is only kept free.
        fontsize: in points.
        inches: width and height of the axes, at least about; the layout is not yet made.
        others: further marks that no name may cover.

    Returns:
        Positions of the names that have no room; those are left to the caller.
    """
    marks = np.asarray(points, float).reshape(-1, 2)
    if others is not None:
        marks = np.concatenate([marks, np.asarray(others, float).reshape(-1, 2)])
    listed = [*names, *[""] * (len(marks) - len(names))]
    pixels = np.array(inches) * 72 * PIXELS / fontsize
    places = (axes.transScale + axes.transLimits).transform(marks) * pixels * (1, -1) + (0, pixels[1])
    # Further away a name without a line could be another mark's.
    frame, rings = np.array([(0, 0), pixels]), label_places.RINGS[:1]
    offsets, placed = label_places.place(places, listed, frame=frame, rings=rings)
    for k, name in enumerate(names):
        if placed[k]:
            shift = offsets[k] * np.array([1, -1]) * fontsize / PIXELS
            look: dict[str, Any] = {"textcoords": "offset points", "ha": "center", "va": "center"}
            axes.annotate(name, marks[k], shift, fontsize=fontsize, **look)
    return [k for k, name in enumerate(names) if name and not placed[k]]
