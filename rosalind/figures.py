"""Figures for papers, drawn with matplotlib from a study's results, beside its report in words."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from rosalind import report as report_text
from rosalind import results as files
from rosalind import robustness, similarity
from rosalind.results import Results

COLOURS = ("#0072B2", "#E69F00", "#009E73", "#D55E00", "#56B4E9", "#CC79A7", "#F0E442", "#000000")
"""Okabe and Ito's colours, told apart by colour-blind readers."""

MARKERS = {"clean": "*", "noise": "o", "blur": "s", "weather": "D", "digital": "^"}


def _families(results: Results) -> dict[str, str]:
    """A colour per family of methods, in the order of the study."""
    found = dict.fromkeys(info["family"] for info in results.networks.values())
    return {family: COLOURS[k % len(COLOURS)] for k, family in enumerate(found)}


def accuracy_figure(results: Results) -> Figure:
    """Accuracy of every group of seeds under every condition, means in percent; gaps are not measured."""
    accuracies = robustness.accuracy(results)
    index = {name: k for k, name in enumerate(results.networks)}
    groups = robustness.groups(results)
    table = np.stack([accuracies[[index[n] for n in group.networks]].mean(0) for group in groups])
    rows, columns = table.shape
    figure = Figure(figsize=(2.2 + 0.3 * columns, 1.6 + 0.27 * rows), layout="constrained")
    axes = figure.subplots()
    drawn = axes.imshow(100 * table, cmap="cividis", aspect="auto", vmin=0, vmax=100)
    axes.set_xticks(range(columns), list(results.conditions), rotation=90, fontsize=7)
    axes.set_yticks(range(rows), [group.name for group in groups], fontsize=7)
    if columns <= 45:
        for i, j in np.argwhere(np.isfinite(table)):
            dark = "white" if table[i, j] < 0.55 else "black"
            axes.text(j, i, f"{100 * table[i, j]:.0f}", ha="center", va="center", fontsize=6, color=dark)
    axes.set_title("Accuracy in percent, mean over seeds", fontsize=9)
    figure.colorbar(drawn, ax=axes, shrink=0.8)
    return figure


def trade_figure(results: Results) -> Figure:
    """Clean against mean corruption accuracy: one point per seed, a larger one for the mean of a group."""
    figure = Figure(figsize=(5.2, 4.2), layout="constrained")
    axes = figure.subplots()
    colours = _families(results)
    for row in robustness.table(results):
        colour = colours[row.group.family]
        axes.scatter(100 * row.clean, 100 * row.corrupted, s=10, color=colour, alpha=0.5, linewidths=0)
        if np.isfinite(row.corrupted).all() and np.isfinite(row.clean).all():
            mean = (100 * row.clean.mean(), 100 * row.corrupted.mean())
            axes.scatter(*mean, s=45, color=colour, edgecolors="black", linewidths=0.5)
            axes.annotate(row.group.name, mean, fontsize=6, xytext=(4, 3), textcoords="offset points")
    for family, colour in colours.items():
        axes.scatter([], [], color=colour, label=family)
    # Not "best", which tries every place against every point.
    axes.legend(loc="upper left", fontsize=7, frameon=False)
    axes.set_xlabel("clean accuracy, percent")
    axes.set_ylabel("mean corruption accuracy, percent")
    axes.grid(alpha=0.3)
    return figure


def _mean_and_spread(values: list[float]) -> tuple[float, float]:
    """Mean and standard deviation over seeds; 0 for a single one, as error bars need a number."""
    return float(np.mean(values)), float(np.std(values, ddof=1)) if len(values) > 1 else 0.0


def comparison_figure(results: Results) -> Figure:
    """Clean and corruption accuracy against what is left of the network, and against epochs.

    A line per method over its sparsities, mean and deviation over seeds; random masks are dashed, dense
    networks of any width are stars.
    """
    by_method: dict[str, dict[str, list[dict]]] = {}
    for row in robustness.methods.rows(results):
        dense = row["family"] == "dense"
        # `dense_narrow-0.8` and `dense_narrow-0.95` are one line.
        name = row["method"].partition("-")[0] if dense else row["method"]
        level = row["method"] if dense else str(row["sparsity_requested"])
        by_method.setdefault(name, {}).setdefault(level, []).append(row)
    figure = Figure(figsize=(9.5, 6.4), layout="constrained")
    grid = figure.subplots(2, 2, sharex="col")
    markers = "os^Dv<>Ph8X"
    for line, (measure, title) in zip(grid, (("clean", "clean"), ("corrupted", "corrupted")), strict=True):
        for axes, across in zip(line, ("parameters_left", "epochs"), strict=True):
            for k, (name, levels) in enumerate(by_method.items()):
                points = sorted(
                    (
                        float(np.mean([row[across] for row in level])),
                        *_mean_and_spread([100 * row[measure] for row in level]),
                    )
                    for level in levels.values()
                )
                x, y, spread = np.array(points, float).T
                dense = next(iter(levels.values()))[0]["family"] == "dense"
                random = name == "random"
                axes.errorbar(
                    100 * x if across == "parameters_left" else x,
                    y,
                    yerr=spread,
                    color="0.35" if random else COLOURS[k % len(COLOURS)],
                    marker="*" if dense else markers[k % len(markers)],
                    markersize=11 if dense else 5,
                    linestyle="--" if random else "-",
                    linewidth=1,
                    capsize=2,
                    label=name,
                )
            axes.grid(alpha=0.3)
            axes.set_xscale("log")
            axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
            axes.xaxis.set_minor_formatter(NullFormatter())
            axes.set_ylabel(f"{title} accuracy, percent", fontsize=8)
            axes.tick_params(labelsize=7)
    grid[1][0].set_xlabel("parameters left, percent of the dense parent's", fontsize=8)
    grid[1][1].set_xlabel("epochs, dense parent included", fontsize=8)
    figure.legend(
        *grid[0][0].get_legend_handles_labels(), loc="outside right upper", fontsize=7, frameon=False
    )
    return figure


def distribution_figure(results: Results, conditions: tuple[str, ...] | None = None) -> Figure:
    """Distributions of angle, norm and margin of every group (all seeds together) under some conditions.

    By default the clean condition and the hardest severity of the first corruption.
    """
    if conditions is None:
        corrupted = [name for name, info in results.conditions.items() if info["kind"] == "corruption"]
        first = [
            n for n in corrupted if results.conditions[n]["name"] == results.conditions[corrupted[0]]["name"]
        ]
        conditions = tuple(name for name in ("clean", *first[-1:]) if name in results.conditions)
    groups = robustness.groups(results)
    colours = _families(results)
    figure = Figure(figsize=(9.5, (0.8 + 0.24 * len(groups)) * len(conditions) + 0.4), layout="constrained")
    grid = figure.subplots(len(conditions), 3, squeeze=False, sharey=True)
    labels = {"angle": "angle, degrees", "norm": "norm, units", "margin": "margin, units"}
    for line, condition in zip(grid, conditions, strict=True):
        for axes, measure in zip(line, labels, strict=True):
            for place, group in enumerate(groups):
                values = _pooled(results, group, condition, measure)
                if not values.size:
                    continue
                low, first, middle, third, high = np.percentile(values, [5, 25, 50, 75, 95])
                colour = colours[group.family]
                axes.plot([low, high], [place, place], color=colour, linewidth=1)
                axes.plot([first, third], [place, place], color=colour, linewidth=4, solid_capstyle="butt")
                axes.plot(middle, place, "|", color="white", markersize=6)
            axes.set_xlabel(labels[measure], fontsize=8)
            axes.tick_params(labelsize=7)
            axes.grid(axis="x", alpha=0.3)
            if measure == "margin":
                axes.axvline(0, color="black", linewidth=0.6)
        line[0].set_yticks(range(len(groups)), [group.name for group in groups], fontsize=7)
        line[0].set_title(f"{condition}: 5, 25, 50, 75, 95 % of samples", fontsize=8, loc="left")
    grid[0][0].invert_yaxis()
    return figure


def _pooled(results: Results, group: robustness.Group, condition: str, measure: str) -> np.ndarray:
    """Finite values of all seeds of a group, in degrees or units."""
    parts = []
    for network in group.networks:
        if results.has(network, condition):
            found = results.geometry(network, condition, (measure,))[measure]
            parts.append(np.degrees(found) if measure == "angle" else found / results.unit(network))
    values = np.concatenate(parts) if parts else np.empty(0)
    return values[np.isfinite(values)]


def similarity_figure(results: Results, mode: str = "absolute") -> Figure:
    """The layout of all cells with the spanning tree of their true distances."""
    found, _ = similarity.load(results, mode)
    colours = _families(results)
    by_name = {info["name"]: info for info in results.conditions.values()}
    figure = Figure(figsize=(6.2, 5.2), layout="constrained")
    axes = figure.subplots()
    for a, b in found.tree:
        axes.plot(*found.layout[[a, b]].T, color="#c3cad4", linewidth=0.6, zorder=1)
    seen = set()
    for (network, condition), place in zip(found.cells, found.layout, strict=True):
        info = results.conditions.get(condition) or by_name[condition]
        family = results.networks[network]["family"]
        axes.scatter(
            *place,
            s=70 if info["name"] == "clean" else 8 + 5 * float(info["severity"]),
            color=colours[family],
            marker=MARKERS.get(info["group"], "h"),
            edgecolors="white",
            linewidths=0.3,
            label=None if family in seen else family,
            zorder=2,
        )
        seen.add(family)
    # Not "best", which tries every place against every point.
    axes.legend(loc="upper left", fontsize=7, frameon=False)
    axes.set_aspect("equal")
    axes.set_xticks([])
    axes.set_yticks([])
    words = "as measured" if mode == "absolute" else "change from clean"
    axes.set_title(
        f"Geometric similarity, {words}: {100 * found.kept:.0f} % of squared distances", fontsize=9
    )
    return figure


def frequency_figure(results: Results) -> Figure | None:
    """Errors under noise of every frequency, a map per network, the constant in the middle; None without maps."""
    found = sorted((results.folder / "fourier").glob("*.npz"))
    if not found:
        return None
    columns = min(len(found), 5)
    lines = -(-len(found) // columns)
    figure = Figure(figsize=(2.1 * columns + 0.6, 2.2 * lines + 0.3), layout="constrained")
    grid = figure.subplots(lines, columns, squeeze=False)
    for axes in grid.ravel():
        axes.set_axis_off()
    for axes, path in zip(grid.ravel(), found, strict=False):
        arrays = files.load_arrays(path, ("error", "clean", "samples"))
        height, width = arrays["error"].shape
        drawn = axes.imshow(
            100 * arrays["error"],
            cmap="cividis",
            vmin=0,
            vmax=100,
            extent=(-width / 2, width / 2, height / 2, -height / 2),
        )
        axes.set_title(f"{path.stem}\nclean error {100 * float(arrays['clean']):.1f} %", fontsize=6)
    figure.colorbar(drawn, ax=grid, shrink=0.8, label="error in percent")
    return figure


def figures(results: Results) -> Iterator[tuple[str, Figure]]:
    """All figures of a study with their file names."""
    yield "accuracy", accuracy_figure(results)
    yield "clean-and-corrupted", trade_figure(results)
    yield "methods", comparison_figure(results)
    if any(info["kind"] == "corruption" for info in results.conditions.values()):
        yield "distributions", distribution_figure(results)
    for mode in similarity.MODES:
        yield f"similarity-{mode.replace('_', '-')}", similarity_figure(results, mode)
    waves = frequency_figure(results)
    if waves is not None:
        yield "frequencies", waves


def report(folder: str | Path, out: str | Path | None = None) -> list[Path]:
    """Write every figure as PNG and PDF and the report as `report.md`.

    Args:
        folder: of a study.
        out: where to; `report/` in the study by default.

    Returns:
        The files.

    Raises:
        FileNotFoundError: no study there. ValueError: nothing measured yet.
    """
    results = files.open(folder)
    if not results.cells():
        raise ValueError(f"{folder} has no measured cell yet; run the study first.")
    target = Path(out) if out is not None else results.folder / "report"
    files.check_writable(target)
    written = []
    for name, figure in figures(results):
        for ending in ("png", "pdf"):
            path = target / f"{name}.{ending}"
            figure.savefig(path, dpi=160)
            written.append(path)
    path = target / "report.md"
    path.write_text(report_text.markdown(results))
    return [*written, path]
