"""The caption of the similarity view."""

from collections.abc import Sequence
from html import escape
from typing import Any

import numpy as np

from rosalind.analysis import similarity
from rosalind.analysis.sides import Cell
from rosalind.analysis.similarity.of_sides import FLOORS, between, paths
from rosalind.analysis.store import Store
from rosalind.config import CLEAN
from rosalind.viewer.state import State

MODES = {"absolute": "as measured", "change_from_clean": "change from clean"}
METRIC_WORDS = {"all": "angle, norm and margin"}


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
    both = state.a[1] == state.b[1] == CLEAN and state.mode == "change_from_clean"
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
