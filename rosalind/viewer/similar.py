"""How alike cells are: what a reader is shown and told of a study's comparison. NumPy only."""

from html import escape
from typing import Any

import numpy as np

from rosalind import similarity
from rosalind.viewer.state import State
from rosalind.viewer.store import Cell, Store

MODES = {"absolute": "as measured", "change_from_clean": "change from clean"}
METRIC_WORDS = {"all": "angle, norm and margin"}
FLOORS = {"seeds": "two seeds of one method", "draws": "two draws of one condition"}


def read(store: Store, mode: str, metric: str) -> dict[str, Any]:
    """The comparison of a study and what is drawn of it, made once for all readers.

    Args:
        store: of the study.
        mode: in `similarity.MODES`.
        metric: in `similarity.METRICS`.

    Returns:
        `found` and `umap` as `similarity.load` gives them, and the trust in the UMAP plane; `nearest` int32[q, k];
        the matrix as `picture` uint8[p, p] with 255 at the distance `limit`; `floors`; the cells of every point
        (`members`) and the point of every cell (`member`).

    Raises:
        ValueError: no clean cell to refer to.
    """

    def make() -> dict[str, Any]:
        found, umap = similarity.load(store.results, mode, metric)
        upper = found.distance[np.triu_indices(len(found.cells), 1)]
        # A few far cells would leave all others one colour.
        limit = float(np.percentile(upper, 98)) if upper.size else 1.0
        members, member = _members(store, found.cells)
        return {
            "found": found,
            # Beside `found`, so that the store counts its bytes.
            "distance": found.distance,
            "umap": umap,
            "umap_trust": None if umap is None else similarity.trustworthiness(found.distance, umap),
            "nearest": found.nearest,
            "limit": limit if limit > 0 else 1.0,
            "picture": similarity.picture(found.distance, found.order, limit),
            "floors": similarity.floors(store.results, found),
            "members": members,
            "member": member,
        }

    return store.keep(("similar", mode, metric), make)


def _members(store: Store, names: tuple[Cell, ...]) -> tuple[list[tuple[Cell, ...]], dict[Cell, int]]:
    """The cells of every point and the point of every cell, one of it for all metrics."""

    def make() -> tuple[list[tuple[Cell, ...]], dict[Cell, int]]:
        members = similarity.members(store.results, names)
        return members, {cell: place for place, cells in enumerate(members) for cell in cells}

    return store.keep(("similar", "members", names), make)


def places(store: Store, kept: dict[str, Any], cell: Cell) -> list[int]:
    """The points of a side: one, or one per seed; none where it is left out."""
    return list(dict.fromkeys(kept["member"][one] for one in store.seeds(cell) if one in kept["member"]))


def between(store: Store, kept: dict[str, Any], a: Cell, b: Cell) -> tuple[float, int]:
    """Mean distance of two sides over the points that belong together (NaN without any), and how many pairs."""
    member = kept["member"]
    pairs = {(member[x], member[y]) for x, y in store.pairs(a, b) if x in member and y in member}
    return (float(np.mean([kept["distance"][pair] for pair in pairs])) if pairs else np.nan), len(pairs)


def sentence(
    store: Store,
    kept: dict[str, Any],
    state: State,
    *,
    metric: str,
    layout: str,
    null: tuple[tuple[Cell, Cell] | None, str],
) -> str:
    """The caption as HTML: the distance of A and B, what chance alone makes, and how far to trust the plane."""
    found, umap = kept["found"], layout == "umap" and kept["umap"] is not None
    words = [f"{len(found.cells):,} points, {METRIC_WORDS.get(metric, metric)}, {MODES[state.mode]}."]
    words += _apart(store, kept, state)
    floors = [f"{FLOORS[kind]} {length:.2f}" for kind, (length, _) in kept["floors"].items()]
    if floors:
        bars = "" if umap else f" (the bar{'s' * (len(floors) > 1)}, in true distance)"
        words.append(f"What chance alone makes, the median: {', '.join(floors)}{bars}.")
    if state.null:
        far = between(store, kept, *null[0])[0] if null[0] else np.nan
        number = f", {far:.2f} apart (dashed)" if np.isfinite(far) else ""
        words.append(f"Null: {escape(null[1])}{number}.")
    if umap:
        words.append(
            f"The plane shows neighbourhoods{_trusted(kept['umap_trust'])}; its lengths mean nothing."
        )
    else:
        words.append(
            f"The plane keeps {100 * found.kept:.0f} % of the squared distances{_trusted(found.trust)}; the matrix "
            "shows all."
        )
        words += ["UMAP is stored for all measures together only."] * (layout == "umap")
    words += _averaged(found.averaged)
    if found.left_out:
        more = ", and others" if len(found.left_out) > 1 else ""
        words.append(f"Left out: {len(found.left_out)} ({escape(found.left_out[0])}{more}).")
    words.append(
        "Lines: spanning tree of the true distances. Click a point, or a row of the matrix, to make it B; with "
        "Shift, A."
    )
    return " ".join(words)


def _apart(store: Store, kept: dict[str, Any], state: State) -> list[str]:
    apart, pairs = between(store, kept, state.a, state.b)
    if not np.isfinite(apart):
        return ["A and B are not both among the points."]
    seeds = f" (mean over {pairs} pairs of a seed)" if pairs > 1 else ""
    both = state.a[1] == state.b[1] == "clean" and state.mode == "change_from_clean"
    return [
        f"<b>A and B are {apart:.2f} apart</b>{seeds}{', as all clean cells are' if both else ''}; the unit is the "
        "deviation of the first dense network's samples on clean images."
    ]


def _trusted(trust: float) -> str:
    return f", trustworthiness {trust:.2f} (5 neighbours)" if np.isfinite(trust) else ""


def _averaged(steps: tuple[str, ...]) -> list[str]:
    if not steps:
        return []
    means = " and ".join(step for step in steps if step != "landmarks")
    words = [f"<b>Too many cells to compare: {means} are averaged</b>, and a click takes the most severe."]
    if "landmarks" in steps:
        words.append("Of these points only evenly spread ones are shown.")
    return words
