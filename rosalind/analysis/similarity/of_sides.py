"""The stored comparison of a study for two sides: points, trust, floors, paths and distances."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy
from jaxtyping import Float32

from rosalind.analysis import similarity
from rosalind.analysis.sides import Cell
from rosalind.analysis.store import Store

FLOORS = {"seeds": "two seeds of one method", "draws": "two draws of one condition"}


@dataclass(frozen=True)
class About:
    """Provenance and accuracy of the q points of a comparison, the same for every metric.

    Attributes:
        members: The measured cells of every point.
        place: The point of every cell.
        family: Of the method of every point.
        group: Of the corruption of every point.
        severity: Mean over a point's cells.
        accuracy: Percent, mean over a point's cells; NaN where none is known.
    """

    members: list[tuple[Cell, ...]]
    place: dict[Cell, int]
    family: list[str]
    group: list[str]
    severity: Float32[np.ndarray, " q"]
    accuracy: Float32[np.ndarray, " q"]


def read(store: Store, mode: str, metric: str) -> dict[str, Any]:
    """The comparison of a study and what is drawn of it, made once for all readers.

    `comparison` and `umap` as `similarity.load` gives them, and `umap_trust` in that plane; `floors`; and the `points`.
    Raises ValueError without a clean cell to refer to.
    """

    def make() -> dict[str, Any]:
        comparison, umap = similarity.load(store.results, mode, metric, measured=len(store.cells))
        trust = None
        if umap is not None:
            trust = similarity.trustworthiness(scipy.spatial.distance.squareform(comparison.condensed), umap[0])
        return {
            "comparison": comparison,
            # Beside `comparison`, so that the store counts its bytes.
            "distances": comparison.condensed,
            "umap": umap,
            "umap_trust": trust,
            "floors": similarity.floors(store.results, comparison),
            "points": _about(store, comparison.cells),
        }

    return store.cached(("similar", mode, metric), make)


def _about(store: Store, names: tuple[Cell, ...]) -> About:
    """The record of points, cached for all metrics."""
    infos, conditions = store.results.networks, store.results.conditions

    def make() -> About:
        members = similarity.members(store.results, names)
        first = [cells[0] for cells in members]
        severities = [[float(conditions[condition].severity) for _, condition in cells] for cells in members]
        accuracies = [[store.summary[one]["accuracy"] for one in cells if one in store.summary] for cells in members]
        # Of 2,000 short lists, `np.mean` took 0.04 s.
        means = [100 * sum(values) / len(values) if values else np.nan for values in accuracies]
        return About(
            members,
            {cell: place for place, cells in enumerate(members) for cell in cells},
            [infos[network].family for network, _ in first],
            [conditions[condition].category for _, condition in first],
            np.array([sum(values) / len(values) for values in severities], np.float32),
            np.array(means, np.float32),
        )

    return store.cached(("similar", "points", names), make)


def places(store: Store, kept: dict[str, Any], cell: Cell) -> list[int]:
    """The points of a side: one, or one per seed; none where it is left out."""
    place = kept["points"].place
    return list(dict.fromkeys(place[one] for one in store.sides.seeds(cell) if one in place))


def paths(store: Store, kept: dict[str, Any], cell: Cell) -> list[list[int]]:
    """Per seed, the points of a side from clean to its corruption at rising severity.

    Of the same draw and BatchNorm mode, as far as they are among the points; none for a clean side.
    """
    infos, place = store.results.conditions, kept["points"].place
    info = infos[cell[1]]
    if info.is_clean:
        return []
    same = lambda other, keys: all(getattr(other, key) == getattr(info, key) for key in keys)
    steps = [c for c, other in infos.items() if same(other, ("name", "draw", "bn"))]
    steps.sort(key=lambda condition: infos[condition].severity)
    first = [c for c, other in infos.items() if other.is_clean and same(other, ("bn",))][:1]
    by_seed = []
    for network, _ in store.sides.seeds(cell):
        points = [place[network, c] for c in (*first, *steps) if (network, c) in place]
        # Averaged severities are one point.
        path = list(dict.fromkeys(points))
        by_seed += [path] if len(path) > 1 else []
    return by_seed


def between(store: Store, kept: dict[str, Any], a: Cell, b: Cell) -> tuple[float, int]:
    """Mean distance of two sides over the points that belong together (NaN without any), and how many pairs."""
    place = kept["points"].place
    pairs = {(place[x], place[y]) for x, y in store.sides.pairs(a, b) if x in place and y in place}
    return (float(kept["comparison"].between(*np.array(list(pairs)).T).mean()) if pairs else np.nan), len(pairs)
