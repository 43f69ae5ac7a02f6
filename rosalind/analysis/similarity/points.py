"""Points of a comparison: every measured cell, or means of cells where those are too many."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from rosalind.analysis import robustness
from rosalind.analysis.robustness.summary import Cell
from rosalind.results import ConditionInfo, Results

LIMIT = 2000
"""Most points in one comparison: 2,000 have 16 MB of distances; 28,800 cells would have 3.3 GB."""


@dataclass(frozen=True)
class Points:
    """The points of a comparison, and the measured cells that each is the mean of.

    Attributes:
        names: Network and condition. Where seeds are averaged, `<group> over seeds` for a group of several networks;
            where severities are, the corruption, with `-<bn>` unless that is `train`.
        members: The measured cells of each point, in the order of the results; at least one.
        averaged: Averaging against too many cells: some of `severities`, `seeds`, `landmarks`, in this order.
    """

    names: tuple[Cell, ...]
    members: tuple[tuple[Cell, ...], ...]
    averaged: tuple[str, ...]


def points(results: Results, limit: int = LIMIT) -> Points:
    """The points of a study: at most `limit`, by as little averaging as that needs.

    Severities (and draws) of a corruption are averaged first, then the seeds of a group, never BatchNorm
    modes. If there still are more, `limit` of them are kept, evenly spread over the order of the results.
    """
    cells = results.cells()
    averaged: tuple[str, ...] = ()
    cells_of = {cell: [cell] for cell in cells}
    if len(cells_of) > limit:
        averaged = ("severities",)
        corruption = {name: corruption_of(info) for name, info in results.conditions.items()}
        cells_of = _merged(cells, {network: network for network in results.networks}, corruption)
        if len(cells_of) > limit:
            averaged = ("severities", "seeds")
            cells_of = _merged(cells, _groups(results), corruption)
    names = list(cells_of)
    if len(names) > limit:
        averaged += ("landmarks",)
        names = [names[k] for k in np.linspace(0, len(names) - 1, limit).round().astype(int)]
    return Points(tuple(names), tuple(tuple(cells_of[name]) for name in names), averaged)


def members(results: Results, names: Sequence[Cell]) -> list[tuple[Cell, ...]]:
    """The measured cells that each point of a comparison stands for, in the order of the results.

    A point names a network or a group of seeds, and a condition or a corruption, so that it says by itself what
    was averaged; empty for a point of which nothing is measured any more.
    """
    networks: dict[str, list[str]] = {name: [name] for name in results.networks}
    for network, group in _groups(results).items():
        if group != network:
            networks.setdefault(group, []).append(network)
    conditions: dict[str, list[str]] = {name: [name] for name in results.conditions}
    for condition, info in results.conditions.items():
        if corruption_of(info) != condition:
            conditions.setdefault(corruption_of(info), []).append(condition)
    measured = set(results.cells())
    return [
        tuple(cell for cell in product(networks.get(n, ()), conditions.get(c, ())) if cell in measured)
        for n, c in names
    ]


def corruption_of(info: ConditionInfo) -> str:
    """The corruption of a condition, with `-<bn>` unless that is `train`."""
    return info.name if info.bn == "train" else f"{info.name}-{info.bn}"


def _groups(results: Results) -> dict[str, str]:
    group_of = {}
    for group in robustness.groups(results):
        several = len(group.networks) > 1
        group_of |= {name: f"{group.name} over seeds" if several else name for name in group.networks}
    return group_of


def _merged(cells: list[Cell], networks: dict[str, str], conditions: dict[str, str]) -> dict[Cell, list[Cell]]:
    cells_of: dict[Cell, list[Cell]] = {}
    for network, condition in cells:
        cells_of.setdefault((networks[network], conditions[condition]), []).append((network, condition))
    return cells_of
