"""Accuracy and other means over the severities of corruptions, as lines with intervals over seeds. NumPy only."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float64, Int

from rosalind.analysis.robustness.power import seed_interval
from rosalind.results import ConditionInfo

HIGHLIGHTED = 12
"""Most lines that are drawn in colour with their names; the rest are thin and grey."""


@dataclass(frozen=True)
class Curves:
    """Lines over severities; clean stands first where it is measured.

    Attributes:
        names: Of the lines.
        rows: Index of each line's group.
        columns: Index of the column a point is of, -1 where there is none.
        ticks: Names of the points: clean and the severities.
    """

    names: tuple[str, ...]
    rows: Int[np.ndarray, " lines"]
    columns: Int[np.ndarray, "lines points"]
    ticks: tuple[str, ...]

    def values(
        self, table: Float[np.ndarray, "groups columns seeds"], step: float = 0.0
    ) -> tuple[Float[np.ndarray, "lines points"], Float[np.ndarray, "lines points"], Int[np.ndarray, "lines points"]]:
        """`seed_interval` of every point, in the values of a table; `step` as there."""
        points = np.asarray(table, float)[self.rows[:, None], np.maximum(self.columns, 0)]
        points[self.columns < 0] = np.nan
        return seed_interval(points, step=step)


Infos = Mapping[str, ConditionInfo]
"""Conditions by id."""


def _alike(infos: Infos, columns: Sequence[str], like: str) -> list[str]:
    """Columns that a curve may join to one of `like`: same kind, BatchNorm and draw, with a severity."""
    like_info = infos.get(like)
    kind = like_info.kind if like_info and like_info.severity else "corruption"
    traits = (kind, like_info.bn, like_info.draw) if like_info else (kind, "train", 0)
    graded = [(name, infos[name]) for name in columns if name in infos and infos[name].severity]
    return [name for name, info in graded if (info.kind, info.bn, info.draw) == traits]


def _clean(infos: Infos, columns: Sequence[str], like: str) -> int:
    """The column of clean images with the BatchNorm of `like`; -1 without one."""
    bn = infos[like].bn if like in infos else "train"
    clean = [j for j, c in enumerate(columns) if c in infos and infos[c].is_clean and infos[c].bn == bn]
    return clean[0] if clean else -1


def of_methods(names: Sequence[str], columns: Sequence[str], infos: Infos, condition: str) -> Curves | None:
    """One line per group over the severities of a condition's corruption; of the means over corruptions for clean.

    None where the study has fewer than two points to join. `names` are of all groups, `columns` are the table's
    conditions and means.
    """
    info = infos.get(condition)
    points = [c for c in _alike(infos, columns, condition) if info and infos[c].name == info.name]
    severities = {c: float(infos[c].severity) for c in points}
    if not points:
        # `mean-severity3` averages all common corruptions at one severity.
        ending = f"-{info.bn}" if info and info.bn != "train" else ""
        for c in columns:
            middle = c.removeprefix("mean-severity").removesuffix(ending)
            if c.startswith("mean-severity") and middle.replace(".", "", 1).isdigit():
                severities[c] = float(middle)
    order = sorted(severities, key=severities.__getitem__)
    clean = _clean(infos, columns, condition)
    places = ([clean] if clean >= 0 else []) + [list(columns).index(c) for c in order]
    if len(places) < 2 or not order:
        return None
    ticks = ("clean",) * (clean >= 0) + tuple(f"{severities[c]:g}" for c in order)
    return Curves(tuple(names), np.arange(len(names)), np.tile(np.array(places), (len(names), 1)), ticks)


def of_corruptions(group: int, columns: Sequence[str], infos: Infos, condition: str) -> Curves | None:
    """One line per corruption of a condition's kind, BatchNorm and draw, of the group at an index; None without any.

    `columns` are the table's conditions and means.
    """
    points = _alike(infos, columns, condition)
    names = list(dict.fromkeys(infos[c].name for c in points))
    severities = sorted({float(infos[c].severity) for c in points})
    clean = _clean(infos, columns, condition)
    first = int(clean >= 0)
    if not names or first + len(severities) < 2:
        return None
    places = np.full((len(names), first + len(severities)), -1)
    places[:, :first] = clean
    for c in points:
        column = first + severities.index(float(infos[c].severity))
        places[names.index(infos[c].name), column] = list(columns).index(c)
    ticks = ("clean",) * first + tuple(f"{severity:g}" for severity in severities)
    return Curves(tuple(names), np.full(len(names), group), places, ticks)


def highlighted(means: Float[np.ndarray, "lines points"], first: Sequence[int], limit: int = HIGHLIGHTED) -> list[int]:
    """The lines to draw in colour: `first`, then best and worst at the last point in turn."""
    chosen = list(dict.fromkeys(first))
    last = [line[np.isfinite(line)][-1] if np.isfinite(line).any() else np.nan for line in means]
    order = [int(k) for k in np.argsort(last, kind="stable") if np.isfinite(last[k]) and k not in chosen]
    while order and len(chosen) < limit:
        chosen.append(order.pop(-1 if len(chosen) % 2 == len(first) % 2 else 0))
    return chosen


def percents(start: float, end: float, least: float = 0.0) -> tuple[float, float]:
    """The ends of an axis of percentages: of what lies beyond 0 and 100 there is as much as half a mark needs.

    That is at most 2, and on a short axis less than from one tick to the next: none stands at 100.5 %. What is cut off
    at one end is given to the other as far as the axis would be shorter than `least`.

    >>> percents(40.0, 112.0), percents(-7.0, 50.0), percents(20.0, 80.0), percents(99.5, 100.5)
    ((40.0, 102.0), (-2.0, 50.0), (20.0, 80.0), (99.5, 100.03))
    >>> percents(99.5, 100.5, 1.0), percents(-0.5, 0.5, 1.0)
    ((99.03, 100.03), (-0.03, 0.97))
    """
    inside = max(min(end, 100.0) - max(start, 0.0), 0.0)
    beyond = min(2.0, 0.06 * inside)
    low, high = max(start, -beyond), min(end, 100.0 + beyond)
    short = max(least - (high - low), 0.0)
    return (low - short, high) if high < end else (low, high + short)


def dodge(places: Float[np.ndarray, " k"], gap: float, low: float, high: float) -> Float64[np.ndarray, " k"]:
    """Places of labels, moved as little as possible so that neighbours are `gap` apart.

    They stay between `low` and `high` where there is room; with less room they are evenly spaced there.

    >>> dodge(np.array([0.0, 0.1, 5.0]), 1.0, 0.0, 10.0).round(2).tolist()
    [0.0, 1.0, 5.0]
    """
    places = np.asarray(places, float)
    if not places.size:
        return places
    gap = min(gap, (high - low) / max(len(places) - 1, 1))
    order = np.argsort(places, kind="stable")
    steps = gap * np.arange(len(places))
    # Without the steps, "a gap apart" becomes "not decreasing": pool neighbours that are out of order.
    blocks: list[list[float]] = []
    for value in (places[order] - steps).tolist():
        blocks.append([value, 1.0])
        while len(blocks) > 1 and blocks[-2][0] >= blocks[-1][0]:
            value, count = blocks.pop()
            before = blocks[-1]
            before[0] = (before[0] * before[1] + value * count) / (before[1] + count)
            before[1] += count
    level = np.concatenate([np.full(int(count), value) for value, count in blocks])
    moved = np.empty(len(places))
    moved[order] = np.clip(level, low, high - steps[-1]) + steps
    return moved
