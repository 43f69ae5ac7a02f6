"""Figures of diagnostics: numbers of every layer by method, and errors on paths between networks."""

from collections.abc import Collection

import numpy as np
from matplotlib.figure import Figure

from rosalind.analysis import diagnostics, robustness
from rosalind.analysis.palette import families
from rosalind.analysis.scope import chosen as chosen_groups
from rosalind.config import CLEAN
from rosalind.results import Results
from rosalind.results import diagnostics as read_diagnostics

PANELS = 12
"""Most heat maps of one figure; those whose numbers are better high or low come first."""

COLUMNS = 3
"""Heat maps side by side."""


def layers_figure(results: Results, groups: Collection[str] = ()) -> Figure | None:
    """Heat maps of numbers per layer: groups of seeds x layers, means over seeds; grey where there is none.

    Of the named groups, or of all. Of each number one condition, the first that is not clean. None without diagnostics.
    """
    chosen: dict[tuple[str, str], str | None] = {}
    stored, _ = read_diagnostics(results)
    for diagnosis, array, condition in diagnostics.layer_arrays(results, stored):
        if chosen.get((diagnosis, array)) in (None, CLEAN):
            chosen[diagnosis, array] = condition
    if not chosen:
        return None
    rows_shown = chosen_groups(robustness.groups(results), groups)
    tables = {key: diagnostics.layer_table(results, *key, condition, stored) for key, condition in chosen.items()}
    shown = sorted(chosen, key=lambda key: not tables[key].better)[:PANELS]
    columns, rows = min(len(shown), COLUMNS), -(-len(shown) // COLUMNS)
    figure = Figure(figsize=(1.2 + 3.3 * columns, rows * (1.3 + 0.17 * len(rows_shown))), layout="constrained")
    panels = figure.subplots(rows, columns, sharey=True, squeeze=False)
    for axes in panels.flat[len(shown) :]:
        axes.set_visible(False)
    for axes, key in zip(panels.flat, shown, strict=False):
        table, condition = tables[key], chosen[key]
        place = {name: k for k, name in enumerate(table.networks)}
        means = np.full((len(rows_shown), len(table.layers)), np.nan)
        for k, group in enumerate(rows_shown):
            of_seeds = table.values[[place[name] for name in group.networks if name in place]]
            present = np.isfinite(of_seeds)
            counts = present.sum(0)
            totals = np.where(present, of_seeds, 0).sum(0)
            means[k] = np.divide(totals, counts, out=np.full(len(counts), np.nan), where=counts > 0)
        axes.set_facecolor("0.8")
        image = axes.imshow(means, aspect="auto", cmap="cividis", interpolation="nearest")
        bar = figure.colorbar(image, ax=axes, location="bottom", pad=0.02)
        bar.ax.tick_params(labelsize=6)
        bar.set_label(f"{table.unit}, {table.better} is better" if table.better else table.unit, fontsize=6)
        axes.set_title(": ".join(key) + (f"\n{condition}" if condition else ""), fontsize=8)
        names = [layer.removeprefix("backbone/") for layer in table.layers]
        axes.set_xticks(range(len(names)), names, rotation=60, ha="right", fontsize=6)
        axes.set_yticks(range(len(rows_shown)), [group.name for group in rows_shown], fontsize=6)
    return figure


def paths_figure(results: Results, diagnosis: str = "linear_path") -> Figure | None:
    """Errors on paths: from pruned networks to their parents, and between dense networks of two seeds.

    A line is the mean over seeds of a group, a panel a condition; the dashed lines of two dense seeds say what a seed
    alone does. None without paths of a diagnostic or a diagnosis' id of this name; of several ids the first counts.
    """
    infos = [info for info in read_diagnostics(results)[0] if info.other and diagnosis in (info.id, info.name)]
    if not infos:
        return None
    infos = [info for info in infos if info.id == infos[0].id]
    colours, dashes = families(results.networks.values()), ("-", ":", "-.")
    groups = robustness.groups(results)
    group_of, family = {n: g for g in groups for n in g.networks}, {g.name: g.family for g in groups}
    conditions = list(dict.fromkeys(info.condition or "" for info in infos))
    figure = Figure(figsize=(1.6 + 3.6 * len(conditions), 3.4), layout="constrained")
    for axes, condition in zip(
        figure.subplots(1, len(conditions), sharey=True, squeeze=False).flat, conditions, strict=True
    ):
        lines: dict[str, list[tuple[np.ndarray, np.ndarray]]] = {}
        for info in infos:
            if (info.condition or "") == condition:
                arrays = info.arrays(("error", "axis/points"))
                is_null = all(results.networks[end].is_dense for end in (info.network, info.other) if end)
                name = "two dense seeds" if is_null else group_of[info.network].name
                lines.setdefault(name, []).append((arrays["axis/points"], arrays["error"]))
        drawn: list[str] = []
        for name, paths in lines.items():
            is_null = name == "two dense seeds"
            of = "dense" if is_null else family[name]
            # Groups of one family differ in dashes.
            dash = dashes[drawn.count(of) % len(dashes)]
            drawn.append(of)
            axes.plot(
                paths[0][0],
                100 * np.mean([errors for _, errors in paths], 0),
                color="0.35" if is_null else colours[of],
                linestyle="--" if is_null else dash,
                label=name,
                linewidth=1.2,
            )
        axes.set_title(condition, fontsize=8)
        axes.set_xlabel("on the way from the network to its parent", fontsize=8)
        axes.tick_params(labelsize=7)
        axes.grid(alpha=0.3)
    figure.suptitle(infos[0].id, fontsize=8)
    figure.axes[0].set_ylabel("error, percent", fontsize=8)
    figure.legend(*figure.axes[0].get_legend_handles_labels(), loc="outside right center", fontsize=6)
    return figure


def curves_figure(results: Results) -> Figure | None:
    """`paths_figure` of trained curves."""
    return paths_figure(results, "bezier")
