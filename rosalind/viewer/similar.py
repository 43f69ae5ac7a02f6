"""How alike cells are: what a reader is shown and told of a study's comparison. NumPy only."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np
from scipy.spatial.distance import squareform

from rosalind import similarity
from rosalind.viewer.state import State
from rosalind.viewer.store import Cell, Store

MODES = {"absolute": "as measured", "change_from_clean": "change from clean"}
METRIC_WORDS = {"all": "angle, norm and margin"}
FLOORS = {"seeds": "two seeds of one method", "draws": "two draws of one condition"}


@dataclass(frozen=True)
class About:
    """What is known of the points of a comparison whatever the metric; q of them."""

    members: list[tuple[Cell, ...]]
    """The measured cells of every point."""
    place: dict[Cell, int]
    """The point of every cell."""
    family: list[str]
    """Of the method of every point."""
    group: list[str]
    """Of the corruption of every point."""
    severity: np.ndarray
    """float32[q]: mean over a point's cells."""
    accuracy: np.ndarray
    """float32[q]: percent, mean over a point's cells; NaN where none is known."""


def read(store: Store, mode: str, metric: str) -> dict[str, Any]:
    """The comparison of a study and what is drawn of it, made once for all readers.

    Args:
        store: of the study.
        mode: in `similarity.MODES`.
        metric: in `similarity.METRICS`.

    Returns:
        `found` and `umap` as `similarity.load` gives them, and the trust in the UMAP plane; `floors`; and the
        `points`.

    Raises:
        ValueError: no clean cell to refer to.
    """

    def make() -> dict[str, Any]:
        found, umap = similarity.load(store.results, mode, metric, measured=len(store.cells))
        trust = None
        if umap is not None:
            trust = similarity.trustworthiness(squareform(found.condensed), umap[0])
        return {
            "found": found,
            # Beside `found`, so that the store counts its bytes.
            "distances": found.condensed,
            "umap": umap,
            "umap_trust": trust,
            "floors": similarity.floors(store.results, found),
            "points": _about(store, found.cells),
        }

    return store.keep(("similar", mode, metric), make)


def _about(store: Store, names: tuple[Cell, ...]) -> About:
    """What is known of points whatever the metric, made once for all of them."""
    infos, conditions = store.results.networks, store.results.conditions

    def make() -> About:
        members = similarity.members(store.results, names)
        first = [cells[0] for cells in members]
        severities = [
            [float(conditions[condition]["severity"]) for _, condition in cells] for cells in members
        ]
        known = [
            [store.summary[one]["accuracy"] for one in cells if one in store.summary] for cells in members
        ]
        return About(
            members,
            {cell: place for place, cells in enumerate(members) for cell in cells},
            [infos[network]["family"] for network, _ in first],
            [conditions[condition]["group"] for _, condition in first],
            # Of 2,000 short lists, `np.mean` took 0.04 s.
            np.array([sum(some) / len(some) for some in severities], np.float32),
            np.array([100 * sum(some) / len(some) if some else np.nan for some in known], np.float32),
        )

    return store.keep(("similar", "points", names), make)


def places(store: Store, kept: dict[str, Any], cell: Cell) -> list[int]:
    """The points of a side: one, or one per seed; none where it is left out."""
    known = kept["points"].place
    return list(dict.fromkeys(known[one] for one in store.seeds(cell) if one in known))


def paths(store: Store, kept: dict[str, Any], cell: Cell) -> list[list[int]]:
    """The points from the clean cell to ever more severe ones of a side's corruption, a way per seed.

    Of the same draw and BatchNorm mode, as far as they are among the points; none for a clean side.
    """
    infos, known = store.results.conditions, kept["points"].place
    info = infos[cell[1]]
    if info["group"] == "clean":
        return []
    same = lambda other, keys: all(other[key] == info[key] for key in keys)
    steps = [c for c, other in infos.items() if same(other, ("name", "draw", "bn"))]
    steps.sort(key=lambda condition: infos[condition]["severity"])
    first = [c for c, other in infos.items() if other["group"] == "clean" and same(other, ("bn",))][:1]
    found = []
    for network, _ in store.seeds(cell):
        there = [known[network, c] for c in (*first, *steps) if (network, c) in known]
        # Averaged severities are one point.
        there = list(dict.fromkeys(there))
        found += [there] if len(there) > 1 else []
    return found


def between(store: Store, kept: dict[str, Any], a: Cell, b: Cell) -> tuple[float, int]:
    """Mean distance of two sides over the points that belong together (NaN without any), and how many pairs."""
    known = kept["points"].place
    pairs = {(known[x], known[y]) for x, y in store.pairs(a, b) if x in known and y in known}
    return (float(kept["found"].between(*np.array(list(pairs)).T).mean()) if pairs else np.nan), len(pairs)


def sentence(
    store: Store,
    kept: dict[str, Any],
    state: State,
    *,
    metric: str,
    layout: str,
    nulls: Sequence[tuple[Cell, Cell]],
    null_line: str,
) -> str:
    """The caption as HTML: the distance of A and B, what chance alone makes, and how far to trust the plane.

    `nulls` and `null_line` are the frame's.
    """
    found, umap = kept["found"], kept["umap"] if layout == "umap" else None
    words = [f"{len(found.cells):,} points, {METRIC_WORDS.get(metric, metric)}, {MODES[state.mode]}."]
    words += _apart(store, kept, state)
    floors = [f"{FLOORS[kind]} {length:.2f}" for kind, (length, _) in kept["floors"].items()]
    if floors:
        bars = "" if umap is not None else f" (the bar{'s' * (len(floors) > 1)}, in true distance)"
        words.append(f"What chance alone makes, the median over conditions: {', '.join(floors)}{bars}.")
    words += [null_line] * bool(null_line)
    apart = [between(store, kept, *null)[0] for null in nulls]
    if np.isfinite(apart).any():
        words.append(f"They are up to {np.nanmax(apart):.2f} apart (dashed: the first pair).")
    words += _travelled(store, kept, state)
    if umap is not None:
        words.append(
            f"The plane shows neighbourhoods{_trusted(kept['umap_trust'])}; its lengths mean nothing."
        )
        words += _wobbling(umap)
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


def _travelled(store: Store, kept: dict[str, Any], state: State) -> list[str]:
    """How long the arrows are, in true distances from point to point."""
    parts = []
    for letter, cell in (("A", state.a), ("B", state.b)):
        ways = [np.array(way) for way in paths(store, kept, cell)]
        if ways:
            length = np.mean([kept["found"].between(way[:-1], way[1:]).sum() for way in ways])
            parts.append(f"{letter} {length:.2f}")
    return [f"Arrows: from clean to the most severe, a way of {' and '.join(parts)}."] if parts else []


def _trusted(trust: float) -> str:
    return f", trustworthiness {trust:.2f} (5 neighbours)" if np.isfinite(trust) else ""


def _wobbling(layouts: np.ndarray) -> list[str]:
    """How far chance moves a point of a UMAP plane."""
    if len(layouts) == 1:
        return []
    wide = max(float(np.ptp(layouts[0], axis=0).max()), 1e-9)
    share = 100 * float(np.median(similarity.wobble(layouts))) / wide
    return [
        f"Circles: how far a point moves between {len(layouts)} seeds of UMAP, in the middle {share:.1f} % of the "
        "plane's width."
    ]


def _averaged(steps: tuple[str, ...]) -> list[str]:
    if not steps:
        return []
    means = " and ".join(step for step in steps if step != "landmarks")
    words = [f"<b>Too many cells to compare: {means} are averaged</b>, and a click takes the most severe."]
    if "landmarks" in steps:
        words.append("Of these points only evenly spread ones are shown.")
    return words
