"""The comparison of a study: made once, stored under `comparison/`, read by figures and views."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import scipy
from jaxtyping import Float, Float32, Int, Int32, UInt8

from rosalind.analysis import robustness
from rosalind.analysis.similarity import layout as layouts
from rosalind.analysis.similarity.coordinates import DISTANCE_MODES
from rosalind.analysis.similarity.distances import METRICS, Distances, measure, rms_distances, square
from rosalind.analysis.similarity.points import LIMIT, Cell, points
from rosalind.config import unknown
from rosalind.measures import COORDINATES
from rosalind.results import Damaged, Results, load_arrays, save_arrays
from rosalind.results.schema import check_arrays

DRAWN = ("condensed", "layout", "tree", "order", "nearest", "limit", "picture", "kept", "trust")
"""Fields of `Similarity` that follow from the distances of a metric, and are stored by their names."""


@dataclass(frozen=True)
class Similarity:
    """Distances between cells in one metric, and what a view draws of them.

    Attributes:
        cells: Network and condition; or a group of seeds, or a corruption, where those were averaged (`Points`).
        condensed: The distances of all pairs, in the order of SciPy's `squareform`: root mean square difference per
            coordinate, in deviations of the reference cell.
        layout: Classical scaling of the distances.
        tree: Edges of the minimum spanning tree of the true distances.
        order: The rows as average linkage puts them side by side.
        nearest: The truly nearest cells of each, nearest first; at most 5.
        limit: The distance that most pairs stay under: where the colours of `picture` end.
        picture: The distances with their rows in `order`, 255 at `limit`; see `picture`.
        kept: Share of the squared distances that the layout shows, [0, 1]; higher is more faithful.
        trust: Trustworthiness of the layout over five neighbours, [0, 1]; NaN for fewer than 11 cells.
        left_out: Cells with non-finite values, named with the reason.
        averaged: Averaging because of more cells than `LIMIT`: see `Points`.
    """

    cells: tuple[Cell, ...]
    condensed: Float32[np.ndarray, " pairs"]
    layout: Float32[np.ndarray, "q 2"]
    tree: Int32[np.ndarray, "edges 2"]
    order: Int32[np.ndarray, " q"]
    nearest: Int32[np.ndarray, "q k"]
    limit: float
    picture: UInt8[np.ndarray, "p p"]
    kept: float
    trust: float
    left_out: tuple[str, ...]
    averaged: tuple[str, ...]

    @cached_property
    def distance(self) -> Float32[np.ndarray, "q q"]:
        """The distances as a matrix; 16 MB for 2,000 points, made when it is first asked for."""
        return square(self.condensed, len(self.cells))

    def between(
        self, first: Int[np.ndarray, "*first"], second: Int[np.ndarray, "*second"]
    ) -> Float32[np.ndarray, "..."]:
        """The distances of cells, of the shape that first and second have together."""
        first, second = np.broadcast_arrays(first, second)
        low, high = np.minimum(first, second), np.maximum(first, second)
        place = low * len(self.cells) - low * (low + 1) // 2 + high - low - 1
        distance, distinct = np.zeros(low.shape, np.float32), low != high
        distance[distinct] = self.condensed[place[distinct]]
        return distance


def compare(results: Results, mode: str = "absolute", metric: str = "all", *, limit: int = LIMIT) -> Similarity:
    """Distances, layout, order and spanning tree of a study's measured cells in one of `DISTANCE_MODES` and `METRICS`.

    Past `limit` points cells are averaged, see `points`.

    Raises:
        ValueError: unknown mode or metric, or nothing clean to refer to.
    """
    _check(metric)
    chosen = points(results, limit)
    distances = measure(results, chosen, (mode,))[mode]
    fields = _drawn(_metric(distances.apart, metric), len(distances.names))
    return Similarity(distances.names, **fields, left_out=distances.left_out, averaged=chosen.averaged)


def of_values(values: Float[np.ndarray, "q n *k"], names: Sequence[str] | None = None) -> Similarity:
    """Distances, layout, order and spanning tree of arrays at hand, without a study.

    Args:
        values: of q networks for the same n samples, one or more each (margins; or angle, norm and margin). Every
            coordinate is divided by its deviation over the first network's samples, as that of a study's are.
        names: of the networks, with an empty condition in `Similarity.cells`; numbers by default. Networks with values
            that are not finite are left out.

    Raises:
        ValueError: fewer than two axes, or another number of names.

    >>> values = np.array([[0.0, 2.0, 0.0, 2.0], [1.0, 3.0, 1.0, 3.0], [0.0, 2.0, 0.0, 2.0]])
    >>> of_values(values, ("a", "b", "c")).distance.tolist()
    [[0.0, 1.0, 0.0], [1.0, 0.0, 1.0], [0.0, 1.0, 0.0]]
    """
    names = [str(k) for k in range(len(values))] if names is None else list(names)
    if values.ndim < 2 or len(names) != len(values):
        raise ValueError(
            f"values must have axes networks, samples and one name a network; got {values.shape}, {names}."
        )
    table = values.reshape(*values.shape[:2], -1).astype(np.float64)
    deviation = table[:1].std(1, keepdims=True)
    table = (table / np.where(deviation > 0, deviation, 1)).astype(np.float32).reshape(len(names), -1)
    finite = [bool(np.isfinite(row).all()) for row in table]
    left_out = tuple(
        f"{name}: has values that are not finite" for name, good in zip(names, finite, strict=True) if not good
    )
    cells = tuple((name, "") for name, good in zip(names, finite, strict=True) if good)
    condensed = scipy.spatial.distance.squareform(rms_distances(table[finite]), checks=False)
    return Similarity(cells, **_drawn(condensed, len(cells)), left_out=left_out, averaged=())


def floors(results: Results, comparison: Similarity) -> dict[str, tuple[float, int]]:
    """Noise floors of the distance: the median over pairs that differ in chance alone, and their number.

    `draws`: one network under two draws of one condition. `seeds`: two networks of one method, sparsity and
    model under one condition. A key is missing where the study has no such pair, or where they are averaged.
    """
    group_of = {name: group.name for group in robustness.groups(results) for name in group.networks}
    alike: dict[str, dict[tuple, list[int]]] = {"draws": {}, "seeds": {}}
    for place, (network, condition) in enumerate(comparison.cells):
        info = results.conditions.get(condition)
        if info is not None and network in results.networks:
            key = network, info.name, info.severity, info.bn
            alike["draws"].setdefault(key, []).append(place)
        if network in group_of:
            alike["seeds"].setdefault((group_of[network], condition), []).append(place)
    medians = {}
    for kind, rows in alike.items():
        pairs = [pair for places in rows.values() for pair in combinations(places, 2)]
        if pairs:
            first, second = np.array(pairs).T
            medians[kind] = float(np.median(comparison.between(first, second))), len(pairs)
    return medians


def save(results: Results, *, umap: bool = False) -> None:
    """Store the comparison in both modes under `comparison/`, replacing what is there.

    Distances that are stored already, of cells that are as they were, are taken from there. What a view draws is stored
    of the metric `all`; of another, `load` makes it of the distances, 0.15 s for 1,860 cells.
    """
    chosen = points(results)
    previous = {mode: stored for mode in DISTANCE_MODES if (stored := _distances(_file(results, mode))) is not None}
    for mode, distances in measure(results, chosen, previous=previous).items():
        cells = distances.names
        arrays = {
            "network": np.array([cell[0] for cell in cells], dtype=np.str_),
            "condition": np.array([cell[1] for cell in cells], dtype=np.str_),
            "made_of": np.array(distances.made_of, dtype=np.str_),
            "left_out": np.array(distances.left_out, dtype=np.str_),
            "averaged": np.array(chosen.averaged, dtype=np.str_),
            "measured": np.int32(len(results.cells())),
        }
        arrays |= {f"condensed/{name}": distances.apart[name] for name in COORDINATES}
        together = _metric(distances.apart, "all")
        arrays |= {f"{name}/all": np.asarray(value) for name, value in _drawn(together, len(cells)).items()}
        if umap and len(cells) >= layouts.UMAP_POINTS:
            arrays["umap"] = layouts.umap_layouts(square(together, len(cells)))
        elif umap:
            fewest = layouts.UMAP_POINTS
            print(f"No UMAP layout: it needs {fewest} cells or more, got {len(cells)}.", file=sys.stderr)
        save_arrays(_file(results, mode), arrays, replace=True)


def _distances(path: Path) -> Distances | None:
    """The distances of a stored comparison; None where there is none, or one of an earlier version."""
    keys = [f"condensed/{name}" for name in COORDINATES]
    try:
        arrays = load_arrays(path, ("network", "condition", "made_of", *keys))
        count = len(arrays["made_of"])
        check_arrays(path, arrays, dict.fromkeys(keys, (count * (count - 1) // 2,)))
    except (FileNotFoundError, Damaged):
        return None
    names = zip(arrays["network"].tolist(), arrays["condition"].tolist(), strict=True)
    apart = {name: arrays[f"condensed/{name}"] for name in COORDINATES}
    return Distances(tuple(names), tuple(arrays["made_of"].tolist()), apart, ())


def load(
    results: Results, mode: str = "absolute", metric: str = "all", *, measured: int | None = None
) -> tuple[Similarity, Float32[np.ndarray, "k q 2"] | None]:
    """The stored comparison, and its UMAP layouts (of the metric `all`) if there are any.

    Made anew where it is missing or damaged, where cells have been added since, and where an earlier rosalind
    stored less. Raises ValueError as `compare` does. `measured` is the number of the study's cells; without, they are
    counted, 0.03 to 0.06 s for 28,800.
    """
    _check(metric)
    try:
        measured = len(results.cells()) if measured is None else measured
        return _stored(_file(results, mode), measured, metric)
    except (FileNotFoundError, Damaged):
        return compare(results, mode, metric), None


def has_umap(results: Results) -> bool:
    """True where a UMAP layout was stored with the comparison."""
    try:
        return _umap(_file(results, DISTANCE_MODES[0])) is not None
    except FileNotFoundError:
        return False


def _stored(path: Path, measured: int, metric: str) -> tuple[Similarity, np.ndarray | None]:
    """Raises FileNotFoundError for a comparison of other cells, and Damaged for one that lacks what is drawn now."""
    about = load_arrays(path, ("network", "condition", "left_out", "averaged", "measured"))
    if int(about["measured"]) != measured:
        raise FileNotFoundError(f"{path} is of {about['measured']} cells, the study has {measured}.")
    count = len(about["network"])
    optional = [f"{name}/{metric}" for name in DRAWN[1:]]
    arrays = load_arrays(path, [f"condensed/{metric}", *(optional if metric == "all" else ())], optional=optional)
    sizes = {"condensed": (count * (count - 1) // 2,), "layout": (count, 2), "order": (count,)}
    sizes |= {"nearest": (count, None), "picture": (None, None), "tree": (max(count - 1, 0), 2)}
    sizes |= {name: () for name in ("limit", "kept", "trust")}
    check_arrays(path, arrays, {f"{name}/{metric}": size for name, size in sizes.items()})
    values = {name: arrays[f"{name}/{metric}"] for name in DRAWN if f"{name}/{metric}" in arrays}
    if values.keys() != set(DRAWN):
        values = {name: np.asarray(v) for name, v in _drawn(values["condensed"], count).items()}
    fields: dict[str, Any] = {name: v if v.ndim else float(v) for name, v in values.items()}
    comparison = Similarity(
        tuple(zip(about["network"].tolist(), about["condition"].tolist(), strict=True)),
        **fields,
        left_out=tuple(about["left_out"].tolist()),
        averaged=tuple(about["averaged"].tolist()),
    )
    umap = _umap(path) if metric == "all" else None
    if umap is not None:
        check_arrays(path, {"umap": umap}, {"umap": (None, count, 2)})
    return comparison, umap


def _umap(path: Path) -> np.ndarray | None:
    try:
        layouts = load_arrays(path, ("umap",))["umap"]
    except Damaged:
        return None
    # Earlier versions stored the layout of one seed alone.
    return layouts[None] if layouts.ndim == 2 else layouts


def _check(metric: str) -> None:
    if metric not in METRICS:
        raise ValueError(unknown("metric", metric, METRICS))


def _metric(apart: dict[str, np.ndarray], metric: str) -> np.ndarray:
    """float32[pairs]: the distances over one measure or over all; squares add over coordinates."""
    if metric != "all":
        return apart[metric]
    return np.sqrt(sum(apart[name] ** 2 for name in COORDINATES) / np.float32(len(COORDINATES)))


def _drawn(condensed: np.ndarray, count: int) -> dict[str, Any]:
    distance = square(condensed, count)
    layout, share = layouts.classical_scaling(distance)
    order = layouts.leaf_order(distance)
    # A few far cells would leave all others one colour.
    limit = float(np.percentile(condensed, 98) if condensed.size else 0.0) or 1.0
    return {
        "condensed": condensed,
        "layout": layout,
        "tree": layouts.spanning_tree(distance),
        "order": order,
        "nearest": layouts.nearest(distance),
        "limit": limit,
        "picture": layouts.picture(distance, order, limit),
        "kept": share,
        "trust": layouts.trustworthiness(distance, layout),
    }


def _file(results: Results, mode: str) -> Path:
    return results.folder / "comparison" / f"similarity-{mode}.npz"
