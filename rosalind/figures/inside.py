"""Figures of diagnostics: numbers of every layer, likeness of A's and B's layers, errors on paths of networks."""

from collections.abc import Collection
from typing import Any

import numpy as np
from jaxtyping import Bool
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter

from rosalind.analysis import class_directions, diagnostics, heat_map, inside, layer_likeness, robustness
from rosalind.analysis.palette import families
from rosalind.analysis.scope import chosen as chosen_groups
from rosalind.analysis.sides import Cell
from rosalind.analysis.store import Store
from rosalind.config import CLEAN
from rosalind.figures.numbers import Numbers
from rosalind.results import DiagnosticInfo, Results
from rosalind.results import diagnostics as read_diagnostics

PANELS = 12
"""Most heat maps of one figure; those whose numbers are better high or low come first."""

COLUMNS = 3
"""Heat maps side by side."""

LETTERS = 48
"""Most letters of layers' names, with gaps, that stand side by side under a heat map."""

NUMBERED = 10
"""Most layers of a network for which the cells of a matrix hold numbers."""

NULL = "two dense seeds"
"""What paths between dense networks of two seeds are called."""


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
        norm = LogNorm() if heat_map.is_logarithmic(means) else None
        image = axes.imshow(means, aspect="auto", cmap="cividis", interpolation="nearest", norm=norm)
        bar = figure.colorbar(image, ax=axes, location="bottom", pad=0.02)
        bar.ax.tick_params(labelsize=6)
        if norm is not None:
            # A report sets no formulas.
            bar.ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
            bar.ax.xaxis.set_minor_formatter(NullFormatter())
        bar.set_label(f"{table.unit}, {table.better} is better" if table.better else table.unit, fontsize=6)
        axes.set_title(": ".join(key) + (f"\n{condition}" if condition else ""), fontsize=8)
        names = [inside.short_name(layer) for layer in table.layers]
        fits = sum(len(name) + 2 for name in names) <= LETTERS
        turned: dict[str, Any] = {} if fits else {"rotation": 60, "ha": "right"}
        axes.set_xticks(range(len(names)), names, fontsize=6, **turned)
        axes.set_yticks(range(len(rows_shown)), [group.name for group in rows_shown], fontsize=6)
    return figure


def likeness_figure(
    store: Store, a: Cell, b: Cell, metric: str = "cka", mask: Bool[np.ndarray, " n"] | None = None
) -> Figure | None:
    """Layers of A x layers of B: how alike their activations are, and the excess over what the classes alone give.

    Of the first pair of networks of a seed. None without such a pair, or without stored `layer_features` of both.

    Args:
        store: of the study.
        a: the first side.
        b: the second side.
        metric: in `layer_likeness.LAYERS`.
        mask: samples; all where those are too few that have stored activations.

    Raises:
        results.Damaged: a file cannot be read.
    """
    pairs = store.sides.pairs(a, b)
    if not pairs or layer_likeness.missing(store, pairs[0]):
        return None
    untrained = layer_likeness.untrained(store, pairs[0])
    ends = [pairs[0]] if untrained is None else [pairs[0], untrained]
    try:
        compared, *before = (layer_likeness.compared(store, pair, metric, mask) for pair in ends)
    except ValueError:
        compared, *before = (layer_likeness.compared(store, pair, metric) for pair in ends)
    of, name = compared.likeness, layer_likeness.BY[metric]
    lines, columns = of.value.shape
    size = (2.6 + 2 * max(0.42 * columns, 2.2), 1.7 + max(0.3 * lines, 1.6))
    figure = Figure(figsize=size, layout="constrained")
    grid = figure.subplots(1, 2, sharey=True)
    for axes, values, title in zip(grid, (of.value, of.excess), (name, "excess over the classes"), strict=True):
        axes.set_facecolor("0.8")
        image = axes.imshow(values, aspect="auto", cmap="cividis", interpolation="nearest", vmin=0, vmax=1)
        axes.set_title(title, fontsize=8)
        axes.set_xticks(range(columns), map(inside.short_name, of.columns), fontsize=6, rotation=60, ha="right")
        axes.set_yticks(range(lines), map(inside.short_name, of.rows), fontsize=6)
        if max(lines, columns) <= NUMBERED:
            written = {(x, y): values[y, x] for y, x in np.argwhere(np.isfinite(values))}
            colour = lambda value: "white" if value < 0.5 else "black"
            Numbers(axes, {at: (f"{value:.2f}", colour(value)) for at, value in written.items()}, fontsize=6)
    figure.colorbar(image, ax=grid, shrink=0.8).ax.tick_params(labelsize=6)
    (first, second), (value, null, excess, layers) = pairs[0], compared.diagonal
    figure.supylabel(f"layers of A: {first[0]}, {first[1]}", fontsize=7)
    figure.supxlabel(f"layers of B: {second[0]}, {second[1]}", fontsize=7)
    mean = f"The same layer in A and B: {value:.2f} on average, null {null:.2f}, excess {excess:.2f}"
    notes = [mean if layers else "A and B have no layer of one name with a likeness"]
    notes += [f"excess of untrained networks of two seeds {x.diagonal[2]:.2f}" for x in before]
    notes.append(f"{compared.samples:,} samples; null: those of B permuted within their classes")
    notes += [f"the first of {len(pairs)} pairs of a seed"] * (len(pairs) > 1)
    notes += [f"{compared.left_out} layers are left out"] * bool(compared.left_out)
    if metric == "units" and not class_directions.share_a_space(store.results, first[0], second[0]):
        notes.append("no weights in common: units are no pairs")
    figure.suptitle("\n".join((notes[0], "; ".join(notes[1:]))), fontsize=8)
    return figure


def paths_figure(results: Results, diagnosis: str = "linear_path") -> Figure | None:
    """Errors on paths: from pruned networks to their parents or other networks, and between two dense seeds.

    A line is the mean over seeds of a group, a row of panels a diagnosis' id, a column a condition; the dashed lines of
    two dense seeds say what a seed alone does. None without paths of a diagnostic or a diagnosis' id of this name.
    """
    infos = [info for info in read_diagnostics(results)[0] if info.other and diagnosis in (info.id, info.name)]
    if not infos:
        return None
    ids = list(dict.fromkeys(info.id for info in infos))
    conditions = list(dict.fromkeys(info.condition or "" for info in infos))
    size = (1.6 + 3.6 * len(conditions), 0.4 + 3 * len(ids))
    figure = Figure(figsize=size, layout="constrained")
    grid = figure.subplots(len(ids), len(conditions), sharex=True, sharey=True, squeeze=False)
    for row, name in zip(grid, ids, strict=True):
        for axes, condition in zip(row, conditions, strict=True):
            of_panel = [info for info in infos if (info.id, info.condition or "") == (name, condition)]
            axes.set_visible(bool(of_panel))
            _draw_paths(axes, results, of_panel)
            axes.set_title(f"{name}\n{condition}".strip(), fontsize=8)
            axes.tick_params(labelsize=7, labelbottom=True)
            axes.grid(alpha=0.3)
        row[0].set_ylabel("error, percent", fontsize=8)
    infos_of, ends = results.networks, [_ends(results, info) for info in infos]
    dense = lambda pair: all(infos_of[end].is_dense for end in pair)
    others = [pair for pair in ends if infos_of[pair[0]].parent != pair[1] and not dense(pair)]
    way = "from the first network to the second, or to its parent" if others else "from the network to its parent"
    figure.supxlabel(f"on the way {way}", fontsize=8)
    legends = [axes.get_legend_handles_labels() for axes in grid.flat]
    handles = {label: handle for lines, labels in legends for handle, label in zip(lines, labels, strict=True)}
    figure.legend(handles.values(), handles.keys(), loc="outside right center", fontsize=6)
    return figure


def _draw_paths(axes: Axes, results: Results, infos: Collection[DiagnosticInfo]) -> None:
    """Draw the mean of the paths of every group of seeds, and that of pairs of dense networks."""
    colours, dashes = families(results.networks.values()), ("-", ":", "-.")
    groups = robustness.groups(results)
    group_of, family = {n: g for g in groups for n in g.networks}, {g.name: g.family for g in groups}
    # By group, so that one has the same dash in every panel.
    of_family: dict[str, list[str]] = {}
    for group in groups:
        of_family.setdefault(group.family, []).append(group.name)
    lines: dict[str, list[tuple[np.ndarray, np.ndarray]]] = {}
    group_of_line: dict[str, str] = {}
    for info in infos:
        arrays = info.arrays(("error", "axis/points"))
        first, second = _ends(results, info)
        points, errors = arrays["axis/points"], arrays["error"]
        if first != info.network:
            points, errors = 1 - points[::-1], errors[::-1]
        is_null = all(results.networks[end].is_dense for end in (first, second))
        to_parent = results.networks[first].parent == second
        ends = [group_of[end].name for end in (first, second)]
        name = NULL if is_null else ends[0] if to_parent else " to ".join(ends)
        group_of_line[name] = ends[1] if results.networks[first].is_dense else ends[0]
        lines.setdefault(name, []).append((points, errors))
    for name, paths in lines.items():
        errors = 100 * np.mean([of_seed for _, of_seed in paths], 0)
        look: dict[str, Any] = {"color": "0.35", "linestyle": "--"}
        if name != NULL:
            group = group_of_line[name]
            dash = dashes[of_family[family[group]].index(group) % len(dashes)]
            look = {"color": colours[family[group]], "linestyle": dash}
        axes.plot(paths[0][0], errors, label=name, linewidth=1.2, **look)


def _ends(results: Results, info: DiagnosticInfo) -> tuple[str, str]:
    """The networks from which and to which a path is drawn: a pruned one comes before its parent."""
    assert info.other is not None
    is_parent = results.networks[info.other].parent == info.network
    return (info.other, info.network) if is_parent else (info.network, info.other)


def curves_figure(results: Results) -> Figure | None:
    """`paths_figure` of trained curves."""
    return paths_figure(results, "bezier")
