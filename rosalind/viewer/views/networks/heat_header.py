"""The names above the columns of the heat map: groups of corruptions, corruptions, and severities."""

from itertools import groupby
from typing import Any

import numpy as np

from rosalind.analysis import heat_map
from rosalind.analysis.heat_map import Columns
from rosalind.analysis.store import Store
from rosalind.viewer.views import draw

TICKED = 70
"""Largest number of columns with room for a severity above each."""

PIXELS = 950
"""Pixels that all columns have together on a page of common width; a letter takes about six."""


def header(store: Store, places: Columns, names: list[str], high: float, *, blocked: bool) -> dict[str, list[Any]]:
    """Columns of a source of texts above the cells.

    Args:
        store: of the study.
        places: of the columns.
        names: of the columns in their order.
        high: height of the header in rows.
        blocked: True where corruptions of a group, and severities of a corruption, stand side by side.
    """
    infos, texts = store.results.conditions, []
    unit = PIXELS / max(places.end, 1)
    frozen = int((places.width > 1).sum())
    upper, middle, lower = (-0.5 - share * high for share in (0.84, 0.5, 0.15))
    severities = [f"{infos[name].severity:g}" if name in store.conditions else "" for name in names]
    for k, name in enumerate(names):
        if k < frozen:
            short = "clean" if name == "clean" else "mean"
            texts.append((places.middle[k], lower, short, "12px", 0.0, "center"))
        elif blocked and name in store.conditions:
            if len(names) <= TICKED and infos[name].severity:
                texts.append((places.middle[k], lower, severities[k], "9px", 0.0, "center"))
        elif unit >= 9:
            short = draw.cut(draw.plain(name.removeprefix("mean-")), 13)
            texts.append((places.middle[k], -0.5 - 0.06 * high, short, "10px", np.pi / 3, "left"))
    if blocked:
        listed = [k for k in range(frozen, len(names)) if names[k] in store.conditions]
        groups = [infos[names[k]].category for k in listed]
        short = heat_map.short_names([infos[names[k]].name for k in listed], groups)
        texts += _runs(places, listed, groups, upper, "11px", unit)
        texts += _runs(places, listed, list(zip(groups, short, strict=True)), middle, "10px", unit)
    table = list(zip(*texts, strict=True)) or [()] * 6
    return {
        name: list(column) for name, column in zip(("x", "y", "text", "size", "angle", "align"), table, strict=True)
    }


def _runs(places: Columns, listed: list[int], names: list[Any], y: float, size: str, unit: float) -> list[tuple]:
    """A text over every run of equal names, as long as there is room."""
    texts = []
    for name, run in groupby(zip(listed, names, strict=True), key=lambda pair: pair[1]):
        at = [k for k, _ in run]
        left, right = places.left[at[0]], places.left[at[-1]] + places.width[at[-1]]
        letters = int((right - left) * unit / 6)
        words = name if isinstance(name, str) else name[1]
        if letters >= 2:
            texts.append(((left + right) / 2, y, draw.plain(draw.cut(words, letters)), size, 0.0, "center"))
    return texts
