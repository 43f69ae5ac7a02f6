"""Networks beside each other: how fast they break, which came from which, which benchmarks say the same."""

import textwrap
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from rosalind.analysis import accuracy_table, lineage, pareto, redundancy, robustness, severity_curves
from rosalind.analysis.palette import BOTH, SIDES
from rosalind.analysis.similarity import leaf_order
from rosalind.analysis.slice_accuracy import Summary
from rosalind.analysis.store import Store
from rosalind.config import CLEAN
from rosalind.figures import looks
from rosalind.figures.names import write_beside
from rosalind.figures.numbers import Numbers

GREY = "#8a94a6"

NAMED = 40
"""Most rows of a matrix or of a map that are named."""

NUMBERED = 20
"""Most rows of a matrix whose cells have room for a number."""


def severity_figure(
    store: Store,
    condition: str = CLEAN,
    groups: Collection[str] = (),
    summary: Summary | None = None,
    subset: str = "",
    sides: Sequence[str] = (),
) -> Figure | None:
    """Accuracy of every method over the severities of a condition's corruption, of means over corruptions for clean.

    Lines are means over seeds, whiskers 95 % t-intervals over seeds; the best and worst at the right end are in
    colour. None where fewer than two severities were measured.

    Args:
        store: of the study.
        condition: id.
        groups: names of those that are in colour instead; the best and worst where empty.
        summary: of a slice, see `slice_accuracy.summary`; of all samples by default.
        subset: end of the title that says of which samples it is.
        sides: names of A's and of B's group, which are bold and in the colours of A and B; none by default.
    """
    names = [group.name for group in store.groups]
    curves = severity_curves.of_methods(names, store.columns, store.results.conditions, condition)
    if curves is None:
        return None
    mean, half, count = curves.values(
        accuracy_table.values(store, "accuracy", summary), accuracy_table.step(store, "accuracy", summary)
    )
    drawn_as, points = looks.of_families(store.results.networks.values()), np.arange(mean.shape[1])
    figure = Figure(figsize=(6.6, 4.2), layout="constrained")
    axes = figure.subplots()
    dense = [k for k, group in enumerate(store.groups) if group.family == "dense"][:1]
    named = [k for k, name in enumerate(names) if name in groups]
    chosen = named or severity_curves.highlighted(mean, dense)
    letters: dict[int, str] = {}
    for letter, name in zip("AB", sides, strict=False):
        letters[names.index(name)] = f"{letters.get(names.index(name), '')}{letter}"
    chosen = [*chosen, *(k for k in letters if not named and k not in chosen)]
    for k in range(len(mean)):
        if k not in chosen:
            axes.plot(points, mean[k], color=GREY, linewidth=0.6, alpha=0.5)
    for k in sorted(chosen, key=lambda k: -np.nan_to_num(mean[k, -1])):
        look = drawn_as[store.groups[k].family]
        if letter := letters.get(k):
            look = look | {"color": {"A": SIDES[0], "B": SIDES[1]}.get(letter, BOTH), "zorder": 3}
        # Of one seed there is no interval, and the line is all that is drawn.
        axes.errorbar(
            points, mean[k], np.nan_to_num(half[k]), markersize=5 if letter else 3, capsize=2,
            linewidth=2 if letter else 1,
            label=f"{', '.join(letter)}: {curves.names[k]}" if letter else curves.names[k], **look,
        )  # fmt: skip
    axes.set_xticks(points, curves.ticks)
    axes.set_xlabel("severity", fontsize=8)
    axes.set_ylabel("accuracy, %", fontsize=8)
    axes.tick_params(labelsize=7)
    looks.percents(axes.yaxis)
    _name_ends(axes, mean, chosen, curves.names, letters)
    info, main = store.results.conditions[condition], robustness.main_mean(store.results)
    corruptions = robustness.described(main, store.results) if main else "corruptions"
    subject = info.name if info.severity else f"means over {corruptions}"
    counts = count[np.isfinite(mean)]
    seeds = " to ".join(str(int(number)) for number in sorted({counts.min(), counts.max()}))
    title = f"{subject}{subset}; 95 % intervals over seeds, of which there are {seeds}"
    axes.set_title(textwrap.fill(title, 80), fontsize=8)
    return figure


def _name_ends(
    axes: Axes, mean: np.ndarray, chosen: Collection[int], names: Sequence[str], letters: Mapping[int, str]
) -> None:
    """Names of curves beside their right ends, each led to: methods of one family share colour and marker.

    Args:
        axes: of the curves.
        mean: float[lines, severities], NaN for gaps.
        chosen: the lines that are named.
        names: of all lines.
        letters: of A and B, by line.
    """
    named = [k for k in chosen if np.isfinite(mean[k]).any()]
    last = {k: int(np.flatnonzero(np.isfinite(mean[k]))[-1]) for k in named}
    (low, high), edge = axes.get_ylim(), 1.02 * (mean.shape[1] - 1) + 0.1
    heights = np.array([mean[k, last[k]] for k in named])
    room = high - low
    places = severity_curves.dodge(heights, 0.042 * room, low + 0.02 * room, high - 0.02 * room)
    for k, height, place in zip(named, heights, places, strict=True):
        leader = {"arrowstyle": "-", "color": GREY, "linewidth": 0.4, "relpos": (0, 0.5), "shrinkB": 3}
        text = f"{', '.join(letters[k])}: {names[k]}" if k in letters else names[k]
        weight = "bold" if k in letters else "normal"
        look: dict[str, Any] = {"fontsize": 6.5, "va": "center", "fontweight": weight, "arrowprops": leader}
        axes.annotate(text, (last[k], height), (edge, place), annotation_clip=False, **look)


def lineage_figure(
    store: Store, groups: Collection[str] = (), summary: Summary | None = None, subset: str = ""
) -> Figure:
    """The lineage graph, from dense parents on the left to the sparsest on the right; a line per method.

    Numbers are the mean corruption accuracy, or the clean one without corruptions, over seeds. Other groups of seeds
    than the named ones are faint; where none is named, none is. `summary` and `subset` are those of `severity_figure`.
    """
    graph = lineage.lineage_graph(store.results.networks, store.groups)
    families = looks.of_families(store.results.networks.values())
    rows, layers = len(graph.lines), len(graph.layers)
    figure = Figure(figsize=(max(3.2, 2.2 + 0.9 * layers), min(1.4 + 0.2 * rows, 11)), layout="constrained")
    axes = figure.subplots()
    axes.plot(*lineage.paths(graph), color=GREY, linewidth=0.7, zorder=1)
    strong = np.array([not groups or group.name in groups for group in store.groups])
    for family, of_family in families.items():
        members = [k for k, group in enumerate(store.groups) if group.family == family]
        look: dict[str, Any] = {"s": 26, "alpha": np.where(strong[members], 1.0, 0.2), "label": family}
        axes.scatter(graph.x[members], graph.y[members], zorder=2, **look, **of_family)
    main = robustness.main_mean(store.results)
    condition = CLEAN if main is None else main.name
    accuracy_of = store.summary if summary is None else summary
    if rows <= NAMED:
        white = {"facecolor": "white", "edgecolor": "none", "pad": 0.6}
        for k, group in enumerate(store.groups):
            each = [accuracy_of.get((name, condition), {}).get("accuracy", np.nan) for name in group.networks]
            if finite := [value for value in each if np.isfinite(value)]:
                where = {"xytext": (6, 0), "textcoords": "offset points", "va": "center", "zorder": 3}
                alpha = 1.0 if strong[k] else 0.3
                number = f"{100 * np.mean(finite):.1f}"
                axes.annotate(number, (graph.x[k], graph.y[k]), fontsize=6.5, alpha=alpha, bbox=white, **where)
    axes.set_xlim(-0.35, max(layers, 1) - 0.4)
    axes.set_ylim(max(rows, 1) - 0.4, -0.6)
    axes.set_xticks(range(layers), graph.layer_names)
    axes.set_yticks(range(rows) if rows <= NAMED else (), graph.lines if rows <= NAMED else ())
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_xlabel("removed, %", fontsize=8)
    axes.tick_params(labelsize=7)
    axes.tick_params(axis="y", length=0)
    figure.legend(loc="outside lower center", ncols=3, fontsize=6.5, frameon=False)
    quantity = "clean accuracy" if main is None else "mean corruption accuracy"
    figure.suptitle(f"Which came from which, and {quantity} in %{subset}", fontsize=8)
    return figure


def pareto_figure(
    store: Store, groups: Collection[str] = (), summary: Summary | None = None, subset: str = ""
) -> Figure | None:
    """Clean and mean corruption accuracy against bytes, deviations over seeds as lines; the front is filled and named.

    None where no network's bytes are known. The front is that of all groups of seeds, of which the named ones are
    drawn, or all; `summary` and `subset` are those of `severity_figure`.
    """
    shown = pareto.of_store(store, summary)
    if "bytes" not in shown.objectives:
        return None
    drawn_as = looks.of_families(store.results.networks.values())
    panels = [k for k, name in enumerate(pareto.OBJECTIVES[:2]) if name in shown.objectives]
    figure = Figure(figsize=(1 + 4.4 * max(len(panels), 1), 4.4), layout="constrained")
    kilobytes = shown.mean[:, 2] / 1000
    for axes, column in zip(figure.subplots(1, max(len(panels), 1), squeeze=False)[0], panels, strict=False):
        finite = np.isfinite([kilobytes, shown.mean[:, column]]).all(0)
        chosen = [k for k in np.flatnonzero(finite) if not groups or shown.groups[k].name in groups]
        families = [shown.groups[k].family for k in chosen]
        x, y = kilobytes[chosen], 100 * shown.mean[chosen, column]
        edges = np.array([drawn_as[name]["color"] for name in families])
        faces = np.where(shown.front[chosen], edges, "white")
        spread = np.nan_to_num(100 * shown.deviation[chosen, column])
        axes.errorbar(x, y, spread, fmt="none", ecolor=edges, elinewidth=0.7, alpha=0.6, zorder=1)
        # A collection of a single point costs as much as one of all that share a marker.
        for name in dict.fromkeys(families):
            of = [k for k, family in enumerate(families) if family == name]
            marks: dict[str, Any] = {"facecolors": faces[of], "edgecolors": edges[of]}
            axes.scatter(x[of], y[of], s=26, marker=drawn_as[name]["marker"], zorder=2, **marks)
        looks.plain_log(axes)
        looks.percents(axes.yaxis)
        # Names stand on the right of their points.
        low, high = axes.get_ylim()
        axes.set_xlim(axes.get_xlim()[0], 2.5 * np.nanmax(kilobytes))
        is_drawn = [not groups or group.name in groups for group in shown.groups]
        named = np.flatnonzero(shown.front & is_drawn & finite)
        points = np.stack([kilobytes, 100 * shown.mean[:, column]], 1)
        others = [k for k in chosen if k not in named]
        names = [shown.groups[k].name for k in named]
        named = named[write_beside(axes, points[named], names, 5.5, (3.9, 3.2), points[others])]
        heights = points[named, 1]
        gap = 0.025 * (high - low)
        places = pareto.name_places(kilobytes[named], heights, 1.6, gap, low + gap, high - gap)
        for k, y, place in zip(named, heights, places, strict=True):
            leader = {"arrowstyle": "-", "color": GREY, "linewidth": 0.4, "relpos": (0, 0.5)}
            look = {"fontsize": 5.5, "va": "center", "arrowprops": leader}
            axes.annotate(shown.groups[k].name, (kilobytes[k], y), (1.15 * kilobytes[k], place), **look)
        axes.set_xlabel("kilobytes of all parameters", fontsize=8)
        axes.set_ylabel(f"{('clean', 'mean corruption')[column]} accuracy, %", fontsize=8)
        axes.tick_params(labelsize=7)
        axes.grid(alpha=0.3)
    for family, look in drawn_as.items():
        figure.axes[0].scatter([], [], s=26, label=family, **look)
    figure.legend(loc="outside lower center", ncols=4, fontsize=6.5, frameon=False)
    seeds = "no null, as there are no two dense seeds"
    if shown.pairs:
        seeds = f"a gain no larger than between dense seeds ({shown.pairs} pairs) puts none off the front"
    title = f"Filled: on the Pareto front of {', '.join(shown.objectives)}{subset}; {seeds}"
    figure.suptitle(textwrap.fill(title, 100), fontsize=8)
    return figure


def redundancy_figure(
    store: Store, tolerance: float = 1.0, kind: str = "mean", summary: Summary | None = None, subset: str = ""
) -> Figure | None:
    """Correlations of corruptions, and the error of predicting the mean of all from the few most useful.

    `tolerance` is the root mean square error in percentage points within which the mean is called predicted. None
    where fewer than two corruptions were measured.

    `kind` is one of `redundancy.kinds`; `summary` and `subset` are those of `severity_figure`, for correlations.
    """
    table = redundancy.benchmarks(store.results, store.summary, kind)
    if len(table.names) < 2:
        return None
    correlation, _ = redundancy.correlations(table.accuracy)
    order = leaf_order(1 - np.nan_to_num(correlation))
    if summary is not None:
        correlation, _ = redundancy.correlations(redundancy.benchmarks(store.results, summary, kind).accuracy)
    shown, names = correlation[np.ix_(order, order)], [table.names[k] for k in order]
    figure = Figure(figsize=(11, 4.6), layout="constrained")
    left, right = figure.subplots(1, 2)
    image = left.imshow(shown, cmap="RdBu_r", vmin=-1, vmax=1)
    bar = figure.colorbar(image, ax=left, shrink=0.8)
    bar.ax.tick_params(labelsize=6)
    bar.set_label("correlation", fontsize=7)
    places = range(len(names)) if len(names) <= NAMED else ()
    left.set_xticks(places, names if len(names) <= NAMED else (), rotation=60, ha="right", fontsize=6.5)
    left.set_yticks(places, names if len(names) <= NAMED else (), fontsize=6.5)
    if len(names) <= NUMBERED:
        ink = lambda value: "white" if abs(value) > 0.7 else "black"
        places = np.argwhere(np.isfinite(shown))
        Numbers(left, {(j, i): (f"{shown[i, j]:.2f}", ink(shown[i, j])) for i, j in places}, fontsize=5.5)
    left.set_title(f"Correlation of accuracies over networks{subset}", fontsize=8)
    right.tick_params(labelsize=7)
    try:
        curve = redundancy.load(store.results, table, kind)
    except ValueError as error:
        centre: dict[str, Any] = {"ha": "center", "wrap": True, "transform": right.transAxes}
        right.text(0.5, 0.5, f"no curve: {error}", fontsize=7, **centre)
        right.set(xticks=[], yticks=[])
        return figure
    sizes = np.arange(1, len(curve.names) + 1)
    mean, low, high = curve.random.T
    right.fill_between(sizes, low, high, color="#dfe3ea", label="random subsets, 90 %")
    right.plot(sizes, mean, color=GREY, linestyle="--", linewidth=1, label="random subsets, mean")
    if np.isfinite(curve.clean):
        look: dict[str, Any] = {"color": "black", "linestyle": ":", "linewidth": 1.2}
        right.axhline(curve.clean, label="clean accuracy alone", **look)
    right.plot(sizes, curve.error, color="black", marker="o", markersize=3, label="chosen")
    right.axhline(tolerance, color="black", linestyle="--", linewidth=0.6)
    right.set_xticks(sizes)
    right.set_xlabel("benchmarks chosen", fontsize=8)
    # Names under the axis would leave the figure no height.
    steps = [f"{k}: {step} ({error:.2f})" for k, step, error in zip(sizes, curve.steps(), curve.error, strict=True)]
    lines = [line for step in steps for line in textwrap.wrap(step, 100, subsequent_indent="    ")]
    lines = ["what every number of benchmarks adds, and its error in points", *lines]
    figure.set_size_inches(11, 4.6 + 0.1 * len(lines))
    right.text(0, -0.16, "\n".join(lines), transform=right.transAxes, fontsize=5.5, va="top")
    right.set_ylabel("error on held-out families, points", fontsize=8)
    right.set_ylim(bottom=0)
    right.legend(fontsize=6.5, frameon=False)
    size = curve.smallest(tolerance)
    finding = f"{size} of {curve.total} predict" if size else f"none of {curve.total} predict"
    finding += f" the mean of all within {tolerance:g} point{'s' * (tolerance != 1)}; {curve.networks} networks"
    right.set_title(finding, fontsize=8)
    return figure
