"""The finding and the key of the similarity view at every level, and the details that are folded below it."""

from collections.abc import Collection, Mapping, Sequence
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
from rosalind.viewer.views.draw import cut

MODE_LABELS = {"absolute": "as measured", "change_from_clean": "change from clean"}
METRIC_LABELS = {"all": "angle, norm and margin"}

LETTERS = 24
"""Letters of a name in a finding."""

UNIT = "Unit: the deviation of the first dense network's clean samples."
DISCS = f"{UNIT} Discs: standard error over seeds; lines: spanning tree."
CLICKS = "shift-click: A."

KEYS = {
    "methods": f"{DISCS} Click a disc for its conditions, a cell of the matrix for two methods.",
    "corruptions": f"{DISCS} Click a disc to give B its corruption, a cell of the matrix for two.",
    "paths": f"{UNIT} Paths: from clean to the most severe; grey: other methods. Click a point: B; {CLICKS}",
    "points": f"{UNIT} Points: networks under conditions; lines: spanning tree. Click a point or row: B; {CLICKS}",
}
"""What marks mean and what a click does, by level; HTML of at most 40 words."""


def finding(groups: Groups, selected: int | None = None, sides: Collection[int] = ()) -> str:
    """The two groups that are most alike beside what seeds alone make, or why there are none; HTML, 20 words at most.

    Args:
        groups: methods or corruptions.
        selected: number of the samples that the groups are of; None for all.
        sides: positions of A's and B's group, whose distance is said too where they are two others.
    """
    if (count := len(groups.names)) < 2:
        lacking = f"{'one is' if count else 'none is'} here; add another to the study, or switch more on"
        return f"Likeness takes two {groups.kind}: {lacking}."
    near = groups.nearest()
    if near is None:
        within = "condition" if groups.kind == "methods" else "method"
        return f"No two {groups.kind} share a {within}, so no distance between them is known."
    text = f"{_names(groups, near)} are most alike, {groups.distance[near]:.2f} apart"
    if tied := groups.tied():
        text += f", as {'is' if tied == 1 else 'are'} {tied:,} other pair{'s' * (tied > 1)}"
    elif np.isfinite(chance := groups.chance(*near)):
        text += f" (seeds alone: {chance:.2f})"
    if not tied and len(sides) == 2 and set(sides) != set(near) and np.isfinite(groups.distance[*sides]):
        text += f"; A and B: {groups.distance[*sides]:.2f}"
    return f"{text}{'' if selected is None else f' ({selected:,} selected samples)'}."


def finding_of_paths(store: Store, comparison: Similarity, groups: Groups, method: str, *, selected: bool) -> str:
    """The corruption that takes a method farthest from clean, and the method most like it; HTML, 20 words at most.

    Args:
        store, comparison: of the study.
        groups: methods, of all samples.
        method: that is opened; it may be left out of `groups`.
        selected: True where samples are selected, whom paths do not follow.
    """
    name, parts = escape(cut(method, LETTERS)), []
    reached = _reached(store, comparison, method)
    if reached:
        corruption = max(reached, key=lambda one: reached[one])
        parts.append(f"{escape(cut(corruption, LETTERS))} takes {name} farthest, {reached[corruption]:.2f} from clean")
    row = groups.distance[groups.names.index(method)].copy() if method in groups.names else np.empty(0)
    row[[other == method for other in groups.names][: len(row)]] = np.nan
    if np.isfinite(row).any():
        k = int(np.nanargmin(row))
        like = "most like it" if parts else f"Most like {name}"
        parts.append(f"{like} is {escape(cut(groups.names[k], LETTERS))}, {row[k]:.2f} apart")
    if not parts:
        return f"{name} is alone: no severities to follow, and no other method to compare it with."
    return f"{'Of all samples: ' * selected}{'; '.join(parts)}."


def finding_of_points(distance: float, groups: Groups, *, selected: bool) -> str:
    """The distance of A and B, and the methods most alike; HTML, 20 words at most.

    Args:
        distance: of A and B; NaN where one is not among the points.
        groups: methods, of all samples.
        selected: True where samples are selected, whom points do not follow.
    """
    text = f"A and B are {distance:.2f} apart" if np.isfinite(distance) else "A and B are not both among the points"
    if (near := groups.nearest()) is not None:
        text += f"; {_names(groups, near)} are most alike, {groups.distance[near]:.2f} apart"
    return f"{'Of all samples: ' * selected}{text}."


def _names(groups: Groups, pair: Sequence[int]) -> str:
    return " and ".join(escape(cut(groups.names[k], LETTERS)) for k in pair)


def _reached(store: Store, comparison: Similarity, method: str) -> dict[str, float]:
    """Distances of the most severe step of every corruption from a method's clean images; empty without clean ones."""
    names, apart = of_method(store.results, comparison, method)
    infos, most = store.results.conditions, {}
    clean = next((k for k, name in enumerate(names) if name in infos and infos[name].is_clean), None)
    for k, name in enumerate(names):
        if clean is not None and name in infos and not infos[name].is_clean and np.isfinite(apart[clean, k]):
            severity = infos[name].severity
            if severity >= most.get(infos[name].name, (0.0, 0.0))[0]:
                most[infos[name].name] = severity, float(apart[clean, k])
    return {name: distance for name, (_, distance) in most.items()}


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
    sentences.append("Lines: spanning tree of the true distances.")
    return " ".join(sentences)


def of_groups(groups: Groups, sides: Mapping[int, str], metric: str, mode: str) -> str:
    """The two groups that differ most, A and B, and how distances are made; HTML, empty of fewer than two groups.

    Args:
        groups: methods or corruptions.
        sides: letters of A and B by group.
        metric: in `similarity.METRICS`.
        mode: in `similarity.DISTANCE_MODES`.
    """
    if (far := groups.farthest()) is None:
        return ""
    name = lambda pair: " and ".join(escape(groups.names[k]) for k in pair)
    sentences = [f"{name(far)} differ most ({groups.distance[far]:.2f} apart)."]
    places = {letter: k for k, text in sides.items() for letter in text if letter in "AB"}
    if len(places) == 2 and places["A"] != places["B"]:
        pair = places["A"], places["B"]
        chance = groups.chance(*pair)
        seeds = f"; two equal {groups.kind} of independent seeds would be {chance:.2f}" if np.isfinite(chance) else ""
        sentences.append(f"A and B are {groups.distance[pair]:.2f} apart{seeds}.")
    over = (
        "conditions, of means over seeds" if groups.kind == "methods" else "methods, of means over seeds and severities"
    )
    how = (
        f"Distance: {METRIC_LABELS.get(metric, metric)}, {MODE_LABELS[mode]}, root mean square over {over}. What seeds "
        f"alone make: the distance of two equal {groups.kind} of independent seeds. The plane keeps "
        f"{100 * groups.kept:.0f} % of the squared distances; names that found no room in it are in the tooltips."
    )
    return f"<p>{' '.join(sentences)}</p><p>{how}</p>"


def of_paths(store: Store, comparison: Similarity, method: str) -> str:
    """Distances of a method from its clean images under each corruption's highest severity, farthest first; HTML."""
    reached = _reached(store, comparison, method)
    far = sorted(reached, key=lambda name: -reached[name])
    count = len(of_method(store.results, comparison, method)[0])
    sentences = [f"{escape(method)}: {count} conditions, a path per corruption from clean to the most severe."]
    if far:
        sentences.append(f"From clean: {', '.join(f'{escape(name)} {reached[name]:.2f}' for name in far[:8])}.")
    return f"<p>{' '.join(sentences)}</p><p>Choose <i>none</i> to go back to all as discs.</p>"


def _distance(store: Store, stored: dict[str, Any], state: State) -> list[str]:
    distance, pairs = between(store, stored, state.a, state.b)
    if not np.isfinite(distance):
        return ["A and B are not both among the points."]
    seeds = f" (mean over {pairs} pairs of a seed)" if pairs > 1 else ""
    both = state.a[1] == state.b[1] == CLEAN and state.mode == "change_from_clean"
    return [
        f"A and B are {distance:.2f} apart{seeds}{', as all clean cells are' if both else ''}; the unit is the "
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
    sentences = [f"Too many cells to compare: {means} are averaged, and a click takes the most severe."]
    if "landmarks" in steps:
        sentences.append("Of these points only evenly spread ones are shown.")
    return sentences
