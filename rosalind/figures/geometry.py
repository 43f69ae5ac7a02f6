"""Distributions of angle, norm and margin, and the similarity of all cells."""

from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
from jaxtyping import Bool
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection, PatchCollection
from matplotlib.figure import Figure
from matplotlib.patches import Circle

from rosalind.analysis import label_places, robustness, similarity
from rosalind.analysis.palette import QUIET, families
from rosalind.analysis.scope import chosen, counted
from rosalind.figures import looks
from rosalind.results import Results

MARKERS = {"clean": "*", "noise": "o", "blur": "s", "weather": "D", "digital": "^"}
"""By category of conditions."""


def distribution_figure(
    results: Results,
    conditions: Collection[str] | None = None,
    groups: Collection[str] = (),
    mask: Bool[np.ndarray, " n"] | None = None,
) -> Figure:
    """Distributions of angle, norm and margin of every group (all seeds together) under some conditions.

    Args:
        results: of the study.
        conditions: ids; by default clean and the hardest severity of the first corruption.
        groups: names of those that are drawn; all where empty.
        mask: the samples that count; all by default.
    """
    if conditions is None:
        corrupted = [name for name, info in results.conditions.items() if info.is_corruption]
        first = [n for n in corrupted if results.conditions[n].name == results.conditions[corrupted[0]].name]
        conditions = tuple(name for name in ("clean", *first[-1:]) if name in results.conditions)
    shown = chosen(robustness.groups(results), groups)
    colours = families(results.networks.values())
    figure = Figure(figsize=(9.5, (0.8 + 0.24 * len(shown)) * len(conditions) + 0.4), layout="constrained")
    grid = figure.subplots(len(conditions), 3, squeeze=False, sharey=True)
    labels = {"angle": "angle, degrees", "norm": "norm, units", "margin": "margin, units"}
    for line, condition in zip(grid, conditions, strict=True):
        for axes, measure in zip(line, labels, strict=True):
            ranges = [_quantiles(_pooled(results, group, condition, measure, mask)) for group in shown]
            low, first, middle, third, high = np.reshape(ranges, (-1, 5)).T
            places, gap = np.arange(len(shown)), np.full(len(shown), np.nan)
            rows = np.stack([places, places, places], 1)
            for family, colour in colours.items():
                # Segments of one line, apart by gaps: artists cost more than what they draw.
                member = [group.family == family for group in shown]
                across, thick = rows[member].ravel(), {"linewidth": 4, "solid_capstyle": "butt"}
                axes.plot(np.stack([low, high, gap], 1)[member].ravel(), across, color=colour, linewidth=1)
                axes.plot(np.stack([first, third, gap], 1)[member].ravel(), across, color=colour, **thick)
            axes.plot(middle, places, "|", color="white", markersize=6)
            axes.set_xlabel(labels[measure], fontsize=8)
            axes.tick_params(labelsize=7)
            # More numbers of four digits run into each other.
            axes.locator_params(axis="x", nbins=6)
            axes.grid(axis="x", alpha=0.3)
            if measure == "margin":
                axes.axvline(0, color="black", linewidth=0.6)
        line[0].set_yticks(range(len(shown)), [group.name for group in shown], fontsize=7)
        title = f"{condition}: 5, 25, 50, 75, 95 % of samples{counted(mask)}"
        line[0].set_title(title, fontsize=8, loc="left")
    grid[0][0].invert_yaxis()
    return figure


def _quantiles(values: np.ndarray) -> np.ndarray:
    """float64[5]: 5, 25, 50, 75 and 95 %; NaN of no values."""
    return np.percentile(values, [5, 25, 50, 75, 95]) if values.size else np.full(5, np.nan)


def _pooled(
    results: Results, group: robustness.SeedGroup, condition: str, measure: str, mask: np.ndarray | None
) -> np.ndarray:
    """Finite values of all seeds of a group, in degrees or units, of the samples of a mask."""
    parts = []
    for network in group.networks:
        if results.has(network, condition):
            stored, scale = (
                results.geometry(network, condition, (measure,))[measure],
                results.feature_scale(network),
            )
            stored = stored if mask is None else stored[mask]
            parts.append(np.degrees(stored) if measure == "angle" else stored / scale)
    values = np.concatenate(parts) if parts else np.empty(0)
    return values[np.isfinite(values)]


def similarity_figure(
    results: Results, mode: str = "absolute", groups: Collection[str] = (), conditions: Collection[str] = ()
) -> Figure:
    """The layout of all cells with the spanning tree of their true distances.

    Cells of other groups of seeds and conditions than the named ones are faint; where none is named, no cell is.
    """
    comparison, _ = similarity.load(results, mode)
    colours = families(results.networks.values())
    figure = Figure(figsize=(6.2, 5.2), layout="constrained")
    axes = figure.subplots()
    edges = list(comparison.layout[comparison.tree])
    axes.add_collection(LineCollection(edges, colors="#c3cad4", linewidths=0.6, zorder=1))
    # Points of one marker are drawn together: one by one, 1,674 of them took 20 s.
    points: dict[str, list[tuple]] = {}
    names = {network for group in chosen(robustness.groups(results), groups) for network in group.networks}
    for cells, place in zip(similarity.members(results, comparison.cells), comparison.layout, strict=True):
        # Of averaged cells the first says what they have in common.
        network, info = cells[0][0], results.conditions[cells[0][1]]
        severity = np.mean([float(results.conditions[condition].severity) for _, condition in cells])
        size = 70 if info.is_clean else 8 + 5 * severity
        marker = MARKERS.get(info.category, "h")
        is_chosen = network in names and (not conditions or any(c in conditions for _, c in cells))
        look = (colours[results.networks[network].family], 1.0 if is_chosen else 0.15)
        points.setdefault(marker, []).append((*place, size, *look))
    for marker, rows in points.items():
        x, y, size, colour, alpha = zip(*rows, strict=True)
        style: dict[str, Any] = {"alpha": alpha, "edgecolors": "white", "linewidths": 0.3, "zorder": 2}
        axes.scatter(x, y, s=size, c=colour, marker=marker, **style)
    for family, colour in colours.items():
        axes.scatter([], [], color=colour, label=family)
    for category, marker in MARKERS.items():
        if marker in points:
            axes.scatter([], [], color=QUIET, marker=marker, label=category)
    figure.legend(loc="outside lower center", ncols=6, fontsize=6.5, frameon=False)
    axes.set(aspect="equal", xticks=[], yticks=[])
    distances = "as measured" if mode == "absolute" else "change from clean"
    share = f"{100 * comparison.kept:.0f} % of squared distances; larger is more severe, stars are clean"
    axes.set_title(f"Geometric similarity, {distances}: {share}", fontsize=8)
    return figure


PIXELS = 108
"""Pixels per inch for which names are placed: text of 11 pixels is then of 7.3 points."""

WIDE, HIGH = 4.9, 4.2
"""Inches of the plane of methods."""


def methods_figure(results: Results, groups: Collection[str] = (), sides: Sequence[str] = ()) -> Figure | None:
    """Methods as discs in a plane, with their spanning tree and names, and all their distances as a matrix.

    The distance of two methods is that of their means over seeds, over the conditions that both have; a disc is the
    standard error of a mean. Of the named groups of seeds, or of all; None of fewer than two. The names of `sides`, A
    and B, are bold.
    """
    comparison, _ = similarity.load(results)
    names = {network for group in chosen(robustness.groups(results), groups) for network in group.networks}
    keep = np.array([cells[0][0] in names for cells in similarity.members(results, comparison.cells)], bool)
    grouped = similarity.group(results, comparison, "methods", keep)
    if len(grouped.names) < 2:
        return None
    figure = Figure(figsize=(11, 5))
    # Names are placed by pixels, so that the plane has to have as many as it was laid out for.
    plane = figure.add_axes((0.01, 0.06, WIDE / 11, HIGH / 5), xticks=[], yticks=[])
    _draw_plane(plane, results, grouped, sides)
    matrix = figure.add_axes((0.61, 0.22, 0.3, 0.66))
    distance = grouped.distance[np.ix_(grouped.order, grouped.order)]
    image = matrix.imshow(distance, cmap="cividis", interpolation="nearest")
    listed = [grouped.names[k] for k in grouped.order]
    for axis, turn in ((matrix.xaxis, 90), (matrix.yaxis, 0)):
        axis.set_ticks(range(len(listed)), listed, fontsize=7 if len(listed) <= 30 else 4, rotation=turn)
    for label in (*matrix.get_xticklabels(), *matrix.get_yticklabels()):
        label.set_fontweight("bold" if label.get_text() in sides else "normal")
    bar = figure.colorbar(image, cax=figure.add_axes((0.92, 0.22, 0.012, 0.66)))
    bar.ax.tick_params(labelsize=6)
    bar.set_label("apart, in deviations of the first dense network's clean samples", fontsize=7)
    near = grouped.nearest()
    caption = f"{100 * grouped.kept:.0f} % of squared distances; discs: standard error over seeds; lines: spanning tree"
    if near is not None:
        pair = " and ".join(grouped.names[k] for k in near)
        caption = f"{pair} are most alike, {grouped.distance[near]:.2f} apart. {caption}"
    figure.suptitle(caption, fontsize=8)
    return figure


def _draw_plane(axes: Axes, results: Results, groups: similarity.Groups, sides: Sequence[str]) -> None:
    """Discs, tree and names in axes of `WIDE` by `HIGH` inches."""
    drawn_as, places, radius = looks.of_families(results.networks.values()), groups.layout, np.nan_to_num(groups.error)
    ends = np.stack([places - radius[:, None], places + radius[:, None]])
    low, high = ends.min((0, 1)), ends.max((0, 1))
    size = np.array([WIDE, HIGH]) * PIXELS
    scale = float(((size - 60) / np.maximum(high - low, 1e-9)).min())
    corners = (low + high) / 2 + np.array([[-0.5], [0.5]]) * size / scale
    axes.set(xlim=corners[:, 0], ylim=corners[:, 1])
    axes.add_collection(LineCollection(list(places[groups.tree]), colors="#8a93a3", linewidths=0.8, zorder=1))
    for family in dict.fromkeys(groups.kinds):
        of = [k for k, kind in enumerate(groups.kinds) if kind == family]
        colour, marker = drawn_as[family]["color"], drawn_as[family]["marker"]
        discs = [Circle(tuple(places[k]), radius[k]) for k in of]
        axes.add_collection(PatchCollection(discs, facecolor=(colour, 0.08), edgecolor=(colour, 0.4), linewidth=0.7))
        axes.scatter(*places[of].T, s=30, label=family, color=colour, marker=marker, zorder=2)
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, 0), ncols=8, fontsize=6.5, frameon=False, handletextpad=0)
    flip = scale * np.array([1, -1])
    bold = [k for k, name in enumerate(groups.names) if name in sides]
    offsets, placed = label_places.place(places * flip, groups.names, 9.0, bold, np.sort(corners * flip, axis=0))
    for k in np.flatnonzero(placed):
        look: dict[str, Any] = {"ha": "center", "va": "center", "fontweight": "bold" if k in bold else "normal"}
        shift = offsets[k] * np.array([1, -1]) * 72 / PIXELS
        axes.annotate(groups.names[k], places[k], shift, textcoords="offset points", fontsize=11 * 72 / PIXELS, **look)
