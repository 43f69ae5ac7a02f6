"""The caption of the similarity view."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import numpy as np

from rosalind.analysis import similarity
from rosalind.analysis.sides import Cell
from rosalind.analysis.similarity import Groups, Similarity, of_method
from rosalind.analysis.similarity.of_sides import FLOORS, between, paths
from rosalind.analysis.store import Store
from rosalind.config import CLEAN
from rosalind.viewer.state import State

MODE_LABELS = {"absolute": "as measured", "change_from_clean": "change from clean"}
METRIC_LABELS = {"all": "angle, norm and margin"}


def caption(
    store: Store,
    stored: dict[str, Any],
    state: State,
    *,
    metric: str,
    layout: str,
    nulls: Sequence[tuple[Cell, Cell]],
    null_line: str,
) -> str:
    """The distance of A and B, the distances that chance alone makes, and the trust in the plane; HTML.

    Args:
        store: of the study.
        stored: the comparison, from `of_sides.read`.
        state: with the sides and the distance mode.
        metric: in `similarity.METRICS`.
        layout: `umap` where the plane is UMAP's.
        nulls, null_line: of the frame.
    """
    comparison, umap = stored["comparison"], stored["umap"] if layout == "umap" else None
    sentences = [f"{len(comparison.cells):,} points, {METRIC_LABELS.get(metric, metric)}, {MODE_LABELS[state.mode]}."]
    sentences += _distance(store, stored, state)
    floors = [f"{FLOORS[kind]} {length:.2f}" for kind, (length, _) in stored["floors"].items()]
    if floors:
        bars = "" if umap is not None else f" (the bar{'s' * (len(floors) > 1)}, in true distance)"
        sentences.append(f"What chance alone makes, the median over conditions: {', '.join(floors)}{bars}.")
    sentences += [null_line] * bool(null_line)
    distances = [between(store, stored, *null)[0] for null in nulls]
    if np.isfinite(distances).any():
        sentences.append(f"They are up to {np.nanmax(distances):.2f} apart (dashed: the first pair).")
    sentences += _path_lengths(store, stored, state)
    if umap is not None:
        sentences.append(f"The plane shows neighbourhoods{_trust(stored['umap_trust'])}; its lengths mean nothing.")
        sentences += _umap_wobble(umap)
    else:
        sentences.append(
            f"The plane keeps {100 * comparison.kept:.0f} % of the squared distances"
            f"{_trust(comparison.trust)}; the matrix shows all."
        )
        sentences += ["UMAP is stored for all measures together only."] * (layout == "umap")
    sentences += _averaged(comparison.averaged)
    if comparison.left_out:
        more = ", and others" if len(comparison.left_out) > 1 else ""
        sentences.append(f"Left out: {len(comparison.left_out)} ({escape(comparison.left_out[0])}{more}).")
    sentences.append(
        "Lines: spanning tree of the true distances. Click a point, or a row of the matrix, to make it B; with "
        "Shift, A."
    )
    return " ".join(sentences)


def of_groups(groups: Groups, sides: Mapping[int, str], metric: str, mode: str) -> str:
    """The two groups that are most alike beside what seeds alone do, those that differ most, and A and B; HTML.

    Args:
        groups: methods or corruptions.
        sides: letters of A and B by group.
        metric: in `similarity.METRICS`.
        mode: in `similarity.DISTANCE_MODES`.
    """
    near, far = groups.nearest(), groups.farthest()
    if near is None or far is None:
        return f"Likeness takes two {groups.kind}, and fewer are here: add another to the study, or switch more on."
    name = lambda pair: " and ".join(escape(groups.names[k]) for k in pair)
    chance = groups.chance(*near)
    seeds = f"; independent seeds of one method would be {chance:.2f}" if np.isfinite(chance) else ""
    sentences = [f"<b>{name(near)} are most alike, {groups.distance[near]:.2f} apart</b>{seeds}."]
    if far != near:
        sentences.append(f"{name(far)} differ most ({groups.distance[far]:.2f}).")
    places = {letter: k for k, text in sides.items() for letter in text if letter in "AB"}
    if len(places) == 2 and places["A"] != places["B"]:
        pair = places["A"], places["B"]
        sentences.append(f"A and B are {groups.distance[pair]:.2f} apart.")
    over = (
        "conditions, of means over seeds" if groups.kind == "methods" else "methods, of means over seeds and severities"
    )
    clicks = "a disc to open its conditions" if groups.kind == "methods" else "a disc to give B its corruption"
    how = (
        f"Distance: {METRIC_LABELS.get(metric, metric)}, {MODE_LABELS[mode]}, root mean square over {over}; unit: the "
        "deviation of the first dense network's clean samples. Disc: standard error over seeds. Lines: spanning tree. "
        f"The plane keeps {100 * groups.kept:.0f} %."
    )
    return f"<p>{' '.join(sentences)}</p><p>Click {clicks}, or a cell of the matrix to compare two.</p><p>{how}</p>"


def of_paths(store: Store, comparison: Similarity, method: str) -> str:
    """How far each corruption takes a method from its clean images at the highest severity, farthest first; HTML."""
    names, apart = of_method(store.results, comparison, method)
    infos = store.results.conditions
    clean = next((k for k, name in enumerate(names) if name in infos and infos[name].is_clean), None)
    ways = {}
    for k, name in enumerate(names):
        if clean is not None and name in infos and not infos[name].is_clean:
            severity = infos[name].severity
            if severity >= ways.get(infos[name].name, (0.0, 0.0))[0]:
                ways[infos[name].name] = severity, apart[clean, k]
    far = sorted(ways, key=lambda name: -ways[name][1])
    sentences = [f"{escape(method)}: {len(names)} conditions, a path per corruption from clean to the most severe."]
    if far:
        listed = [f"{escape(name)} {ways[name][1]:.2f}" for name in far]
        sentences.insert(0, f"<b>{escape(far[0])} takes {escape(method)} farthest</b>: {', '.join(listed[:4])}.")
    return (
        f"<p>{' '.join(sentences)}</p><p>Grey: other methods. Click a point to make it B, with Shift A; choose "
        "<i>none</i> to go back to all as discs.</p>"
    )


def _distance(store: Store, stored: dict[str, Any], state: State) -> list[str]:
    distance, pairs = between(store, stored, state.a, state.b)
    if not np.isfinite(distance):
        return ["A and B are not both among the points."]
    seeds = f" (mean over {pairs} pairs of a seed)" if pairs > 1 else ""
    both = state.a[1] == state.b[1] == CLEAN and state.mode == "change_from_clean"
    return [
        f"<b>A and B are {distance:.2f} apart</b>{seeds}{', as all clean cells are' if both else ''}; the unit is the "
        "deviation of the first dense network's samples on clean images."
    ]


def _path_lengths(store: Store, stored: dict[str, Any], state: State) -> list[str]:
    """The lengths of the arrows, in true distances from point to point."""
    parts = []
    for letter, cell in (("A", state.a), ("B", state.b)):
        points = [np.array(path) for path in paths(store, stored, cell)]
        if points:
            length = np.mean([stored["comparison"].between(path[:-1], path[1:]).sum() for path in points])
            parts.append(f"{letter} {length:.2f}")
    return [f"Arrows: from clean to the most severe, a way of {' and '.join(parts)}."] if parts else []


def _trust(trust: float) -> str:
    return f", trustworthiness {trust:.2f} (5 neighbours)" if np.isfinite(trust) else ""


def _umap_wobble(layouts: np.ndarray) -> list[str]:
    """The distance by which chance moves a point of a UMAP plane."""
    if len(layouts) == 1:
        return []
    width = max(float(np.ptp(layouts[0], axis=0).max()), 1e-9)
    share = 100 * float(np.median(similarity.wobble(layouts))) / width
    return [
        f"Circles: how far a point moves between {len(layouts)} seeds of UMAP, in the middle {share:.1f} % of the "
        "plane's width."
    ]


def _averaged(steps: tuple[str, ...]) -> list[str]:
    if not steps:
        return []
    means = " and ".join(step for step in steps if step != "landmarks")
    sentences = [f"<b>Too many cells to compare: {means} are averaged</b>, and a click takes the most severe."]
    if "landmarks" in steps:
        sentences.append("Of these points only evenly spread ones are shown.")
    return sentences
