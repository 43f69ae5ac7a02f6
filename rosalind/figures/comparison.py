"""Accuracy of every method against its parameters and its cost, and which methods can be told apart."""

import re
import textwrap
from collections.abc import Collection
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from rosalind.analysis import predictors, robustness
from rosalind.analysis.palette import BOTH, QUIET, families
from rosalind.analysis.scope import chosen
from rosalind.figures import looks
from rosalind.results import Results

LEVEL = re.compile(r"-[wd]?\d[\d.]*(?=-|$)")
"""What tells the labels of dense networks of one kind apart: a sparsity, width, depth or number of epochs."""


def comparison_figure(results: Results, groups: Collection[str] = ()) -> Figure:
    """Clean and corruption accuracy against what is left of the network, and against epochs.

    A line per method over its sparsities, mean and deviation over seeds, in the colour of its family with a marker of
    its own; random masks are dashed, dense networks of any width are larger and hollow. Of some groups of seeds; of all
    where none is named.
    """
    by_method: dict[str, dict[str, list[dict]]] = {}
    names = {network for group in chosen(robustness.groups(results), groups) for network in group.networks}
    for row in (row for row in robustness.methods.rows(results) if row["network"] in names):
        dense = row["family"] == "dense"
        # `dense_narrow-0.8` and `dense_narrow-0.95` are one line, `dense` and `dense-augmix` are two.
        name = LEVEL.sub("", row["method"]) if dense else row["method"]
        level = row["method"] if dense else str(row["sparsity_requested"])
        by_method.setdefault(name, {}).setdefault(level, []).append(row)
    figure = Figure(figsize=(9.5, 6.4), layout="constrained")
    grid = figure.subplots(2, 2, sharex="col")
    markers, colours = "os^Dv<>Ph8X", families(results.networks.values())
    for line, measure in zip(grid, ("clean", "corrupted"), strict=True):
        for axes, across in zip(line, ("parameters_left", "epochs"), strict=True):
            for k, (name, levels) in enumerate(by_method.items()):
                points = []
                for level in levels.values():
                    values = [100 * row[measure] for row in level]
                    # Of a single seed 0, as error bars need a number.
                    deviation = np.std(values, ddof=1) if len(values) > 1 else 0.0
                    points.append((np.mean([row[across] for row in level]), np.mean(values), deviation))
                x, y, spread = np.array(sorted(points), float).T
                family = next(iter(levels.values()))[0]["family"]
                dense, random = family == "dense", family == "control"
                axes.errorbar(
                    100 * x if across == "parameters_left" else x,
                    y,
                    yerr=spread,
                    color=colours[family],
                    marker=markers[k % len(markers)],
                    markersize=7 if dense else 5,
                    markerfacecolor="white" if dense else colours[family],
                    linestyle="--" if random else "-",
                    linewidth=1,
                    capsize=2,
                    label=name,
                )
            axes.grid(alpha=0.3)
            looks.plain_log(axes)
            looks.percents(axes.yaxis)
            axes.set_ylabel(f"{measure} accuracy, percent", fontsize=8)
            axes.tick_params(labelsize=7)
    grid[1][0].set_xlabel("parameters left, percent of the dense parent's", fontsize=8)
    grid[1][1].set_xlabel("epochs, dense parent included", fontsize=8)
    handles = grid[0][0].get_legend_handles_labels()
    figure.legend(*handles, loc="outside right upper", fontsize=7, frameon=False)
    return figure


def ranking_figure(results: Results, groups: Collection[str] = ()) -> Figure | None:
    """Groups of seeds by corruption accuracy with 95 % intervals; those that share a letter cannot be told apart.

    Letters are those of the ranking of all, of which the named groups are drawn, or all. None with fewer than two
    groups or seeds, where there is nothing to tell.
    """
    ranking = robustness.rank(results)
    listed = [k for k, name in enumerate(ranking.names) if not groups or name in groups]
    if len(listed) < 2 or ranking.seeds.max() < 2:
        return None
    figure = Figure(figsize=(6.5, 1.2 + 0.2 * len(listed)), layout="constrained")
    axes = figure.subplots()
    places = np.arange(len(listed))
    # Of a single seed 0, as error bars need a number.
    mean, half = 100 * ranking.mean[listed], np.nan_to_num(100 * ranking.half[listed])
    drawn_as = looks.of_families(results.networks.values())
    family_of = {group.name: group.family for group in robustness.groups(results)}
    families_of_rows = [family_of[ranking.names[k]] for k in listed]
    for family in dict.fromkeys(families_of_rows):
        member = np.array([name == family for name in families_of_rows])
        look: dict[str, Any] = {"markersize": 4.5, "linewidth": 0, "elinewidth": 1, "capsize": 2, **drawn_as[family]}
        axes.errorbar(mean[member], places[member], xerr=half[member], label=family, **look)
    looks.percents(axes.xaxis)
    figure.legend(loc="outside lower center", ncols=6, fontsize=6.5, frameon=False)
    axes.set_yticks(places, [f"{ranking.names[k]} ({ranking.seeds[k]})" for k in listed])
    axes.invert_yaxis()
    axes.grid(axis="x", alpha=0.3)
    axes.tick_params(labelsize=7)
    axes.set_xlabel("corruption accuracy, percent, with its 95 % interval (number of seeds)", fontsize=8)
    for place, letters in enumerate(ranking.letters[k] for k in listed):
        at = axes.get_yaxis_transform()
        axes.text(1.01, place, letters, transform=at, fontsize=7, va="center", family="monospace")
    axes.set_title("no letter in common: told apart (paired t-test, Holm)", fontsize=8, loc="right")
    return figure


def held_out_figure(results: Results, groups: Collection[str] = ()) -> Figure | None:
    """Ranking of methods on held-out corruptions: accuracies against each other, and both ranks.

    Means over seeds with 95 % t-intervals. Lines join the two ranks of a method; red where it swaps with another beyond
    chance, and the title has the verdict. Ranks are those among all groups, of which the named ones are drawn, or all.
    None where there are not two rankings.
    """
    rows = robustness.held_out.rows(results)
    drawn = [row for row in rows if not groups or row["method"] in groups]
    if len(drawn) < 2:
        return None
    figure = Figure(figsize=(10, 1.8 + 0.19 * max(len(drawn), 12)), layout="constrained")
    plane, ranks = figure.subplots(1, 2, width_ratios=(1, 1.1))
    colours = ["#c0392b" if row["swaps_with"] else "0.35" for row in drawn]
    x, y = (100 * np.array([row[kind] for row in drawn]) for kind in ("corrupted", "held_out"))
    # Of a single seed 0, as error bars need a number.
    half_x, half_y = (
        np.nan_to_num(100 * np.array([row[f"{kind}_high"] - row[kind] for row in drawn]))
        for kind in ("corrupted", "held_out")
    )
    plane.errorbar(x, y, xerr=half_x, yerr=half_y, fmt="none", ecolor="0.75", linewidth=0.8, zorder=1)
    plane.scatter(x, y, s=18, c=colours, zorder=2)
    for row, *place in zip(drawn, x, y, strict=True):
        plane.annotate(row["corrupted_rank"], place, (3, 3), textcoords="offset points", fontsize=7)
    plane.set_xlabel("corruption accuracy, percent (numbers: rank)", fontsize=8)
    plane.set_ylabel("accuracy on held-out corruptions, percent", fontsize=8)
    plane.grid(alpha=0.3)
    plane.tick_params(labelsize=7)
    for row, colour in zip(drawn, colours, strict=True):
        ends = row["corrupted_rank"], row["held_out_rank"]
        ranks.plot((0, 1), ends, color=colour, marker="o", markersize=3.5, linewidth=1)
    # Methods of equal accuracy share a rank, and a line of text.
    for side, kind in enumerate(("corrupted", "held_out")):
        at: dict[int, list[str]] = {}
        for row in drawn:
            at.setdefault(row[f"{kind}_rank"], []).append(row["method"])
        for place, names in at.items():
            listed = ", ".join(names)
            text = f"{listed}  {place}" if side == 0 else f"{place}  {listed}"
            align = "left" if side else "right"
            ranks.annotate(
                text,
                (side, place),
                (8 * (2 * side - 1), 0),
                textcoords="offset points",
                ha=align,
                va="center",
                fontsize=7,
            )
    ranks.invert_yaxis()
    ranks.set_axis_off()
    ranks.set_xlim(-1.1, 2.1)
    ranks.set_title("rank by corruption accuracy, and on held-out corruptions", fontsize=8)
    transfer = drawn[0]
    ends = f" ({transfer['tau_low']:.2f} to {transfer['tau_high']:.2f})" if np.isfinite(transfer["tau_low"]) else ""
    title = f"the ranking on held-out corruptions: {transfer['verdict']}; Kendall's tau {transfer['tau']:.2f}{ends}"
    figure.suptitle(f"{title}; red: in a pair that swaps (paired t-tests, Holm)", fontsize=8)
    return figure


def potential_figure(results: Results) -> Figure | None:
    """Prune potential of every method on clean and on corrupted images, with 95 % intervals over seeds.

    Hollow points with an arrow are lower ends: the sparsest network of a seed still is within the limit. The axis is
    that of sparsities, 0 to 100; an arrow ends an interval that goes beyond. None where nothing is pruned.
    """
    main = robustness.main_mean(results)
    kinds = {"clean": "0.2", main.name if main else "": QUIET}
    measured = robustness.potential.potentials(results, conditions=list(kinds))
    if not measured:
        return None
    methods = list(dict.fromkeys(p.method for p in measured))
    figure = Figure(figsize=(6.5, 1.3 + 0.3 * len(methods)), layout="constrained")
    axes = figure.subplots()
    for offset, (condition, colour) in zip((-0.12, 0.12), kinds.items(), strict=True):
        of_kind = [p for p in measured if p.condition == condition]
        places = [methods.index(p.method) + offset for p in of_kind]
        mean, half = (100 * np.array([getattr(p, name) for p in of_kind]) for name in ("mean", "half"))
        # Of a single seed 0, as error bars need a number.
        half = np.nan_to_num(half)
        # No network lies outside of 0 to 100, so neither does an end that is drawn.
        low, high = np.minimum(half, mean), np.minimum(half, 100 - mean)
        axes.errorbar(mean, places, xerr=[low, high], fmt="none", ecolor=colour, linewidth=1, capsize=2)
        beyond = np.array([p.beyond > 0 for p in of_kind], bool)
        arrows = ((0, "<", low < half), (100, ">", high < half), (np.minimum(mean + 4, 100), ">", beyond))
        for at, marker, mask in arrows:
            ends = np.broadcast_to(at, mean.shape)[mask]
            axes.scatter(ends, np.array(places)[mask], s=20, color=colour, marker=marker, linewidths=0, zorder=3)
        faces = ["white" if p.beyond else colour for p in of_kind]
        clean = condition == "clean"
        look: dict[str, Any] = {"s": 26, "marker": "o" if clean else "s"}
        axes.scatter(mean, places, c=faces, edgecolors=colour, zorder=2, **look)
        axes.scatter([], [], color=colour, label="clean" if clean else "corrupted", **look)
    axes.set_yticks(range(len(methods)), methods)
    axes.invert_yaxis()
    axes.grid(axis="x", alpha=0.3)
    axes.tick_params(labelsize=7)
    axes.legend(fontsize=7, frameon=False, loc="center left", bbox_to_anchor=(1.01, 0.5))
    points = 100 * robustness.potential.DELTA
    axes.set_xlim(-3, 103)
    label = f"largest sparsity that loses at most {points:g} point{'s' * (points != 1)} of accuracy, percent"
    axes.set_xlabel(f"{label}\narrow: beyond what was measured, or an interval's end beyond 0 or 100", fontsize=8)
    return figure


def predictors_figure(results: Results) -> Figure | None:
    """Kendall's tau of numbers of clean images and of diagnostics with accuracy under corruption, what stays, and gaps.

    Small points are single seeds and families. Filled: not chance (permutations, Holm) and of one sign in all of them.
    None where nothing can be said.
    """
    measured = predictors.predictions(results)
    if not measured:
        return None
    names = {one.name: predictors.words_of(one.name) for one in measured}
    targets = list(dict.fromkeys(one.target for one in measured))
    figure = Figure(figsize=(2.6 + 3 * len(targets), 1.4 + 0.24 * len(names)), layout="constrained")
    for axes, target in zip(figure.subplots(1, len(targets), sharey=True), targets, strict=True):
        shown = [one for one in measured if one.target == target]
        places = [list(names).index(one.name) for one in shown]
        sure = [one.verdict not in ("cannot tell", "differs between environments") for one in shown]
        within = [(tau, p) for one, p in zip(shown, places, strict=True) for tau in one.environments.values()]
        axes.scatter(*np.reshape(within, (-1, 2)).T, s=10, color="0.6", linewidths=0)
        faces = [BOTH if one else "white" for one in sure]
        axes.scatter([one.tau for one in shown], places, s=44, c=faces, edgecolors=BOTH, zorder=2)
        axes.axvline(0, color="0.4", linewidth=0.8)
        axes.set_xlim(-1.05, 1.05)
        # More of them run into each other.
        axes.set_xticks(np.linspace(-1, 1, 5))
        axes.set_yticks(range(len(names)), names.values())
        axes.tick_params(labelsize=7)
        axes.grid(axis="x", alpha=0.3)
        # Two of them side by side would run into each other on one line.
        axes.set_xlabel(textwrap.fill(f"Kendall's tau with {predictors.TARGETS[target]}", 34), fontsize=8)
    figure.axes[0].invert_yaxis()
    figure.suptitle("filled: not chance, of one sign in all seeds and families; dots: each of them", fontsize=8)
    return figure
