"""Figures for papers and a short report, drawn with matplotlib from a study's results."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

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
    axes.legend(fontsize=7, frameon=False)
    axes.set_xlabel("clean accuracy, percent")
    axes.set_ylabel("mean corruption accuracy, percent")
    axes.grid(alpha=0.3)
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
    axes.legend(fontsize=7, frameon=False)
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
    if any(info["kind"] == "corruption" for info in results.conditions.values()):
        yield "distributions", distribution_figure(results)
    for mode in similarity.MODES:
        yield f"similarity-{mode.replace('_', '-')}", similarity_figure(results, mode)
    waves = frequency_figure(results)
    if waves is not None:
        yield "frequencies", waves


REPORTED = {
    "accuracy": ("accuracy", 100),
    "change_to_parent": ("change to parent", 100),
    "relative_to_dense": ("error / dense's", 1),
    "relative_increase_to_dense": ("increase / dense's", 1),
    "effective_robustness": ("effective robustness", 100),
    "retention": ("retained", 100),
    "negative_flips": ("flips to wrong", 100),
    "positive_flips": ("flips to right", 100),
    "loss": ("loss, nats", 1),
    "brier": ("Brier", 1),
    "calibration_error": ("ECE", 100),
    "adaptive_calibration_error": ("RMS calibration", 100),
    "mce": ("mCE", 100),
    "relative_mce": ("relative mCE", 100),
}
"""Columns of summary.csv that the report shows of a mean: title and factor."""


def _spread(values: list[float], factor: float) -> str:
    """Mean +- deviation over seeds; a dash where a seed is missing."""
    array = factor * np.array(values, float)
    if not array.size or not np.isfinite(array).all():
        return "-"
    digits = 1 if factor == 100 else 3
    mean = f"{array.mean():.{digits}f}"
    return f"{mean} +- {array.std(ddof=1):.{digits}f}" if array.size > 1 else mean


def _robustness_section(results: Results, chosen: list[robustness.Mean]) -> list[str]:
    """A table per benchmark mean, and one of groups and severities; means of other kinds stay apart."""
    rows = {(row["network"], row["condition"]): row for row in robustness.rows(results)}
    lines: list[str] = []
    for mean in chosen:
        if mean.group not in ("common15", "common19", "mnist-c"):
            continue
        here = [row for (_, condition), row in rows.items() if condition == mean.name]
        shown = [c for c in REPORTED if any(np.isfinite(row[c]) for row in here)]
        lines += [
            "",
            f"## {mean.name}: {robustness.described(mean, results)}, BatchNorm {mean.bn}",
            "",
            "Mean +- deviation over seeds; accuracies, flips, retention and calibration in percent. "
            "Interval: 95 %, over images, of the mean over seeds' ends.",
            "",
            "| network | " + " | ".join(REPORTED[c][0] for c in shown) + " | interval |",
            "|---" * (len(shown) + 2) + "|",
        ]
        for group in robustness.groups(results):
            own = [rows[n, mean.name] for n in group.networks if (n, mean.name) in rows]
            if not own:
                continue
            cells = [_spread([row[c] for row in own], REPORTED[c][1]) for c in shown]
            low, high = (100 * np.mean([row[f"accuracy_{end}"] for row in own]) for end in ("low", "high"))
            lines.append(f"| {group.name} | {' | '.join(cells)} | {low:.1f} to {high:.1f} |")
        r2 = [row["effective_r2"] for row in here if np.isfinite(row["effective_r2"])]
        lines.append("")
        lines.append(
            f"Effective robustness: accuracy above the line of the dense networks, R2 {r2[0]:.2f}."
            if r2
            else "No effective robustness: its line needs at least five dense networks that differ; add "
            "baselines=(Baseline('dense-w8', width=8), Baseline('dense-short', epochs=5), ...) or seeds to the study."
        )
    parts = [m for m in chosen if m.group not in ("common15", "common19", "mnist-c") and m.bn == "train"]
    if parts:
        lines += ["", "## Accuracy by group and severity, percent", ""]
        lines += ["| network | " + " | ".join(m.name.removeprefix("mean-") for m in parts) + " |"]
        lines += ["|---" * (len(parts) + 1) + "|"]
        for group in robustness.groups(results):
            cells = [
                _spread(
                    [rows[n, m.name]["accuracy"] if (n, m.name) in rows else np.nan for n in group.networks],
                    100,
                )
                for m in parts
            ]
            lines.append(f"| {group.name} | {' | '.join(cells)} |")
    return lines


def _other_conditions(results: Results) -> list[str]:
    """Accuracy under attacks, noise on weights, and shifts, which are in no mean."""
    infos = {**results.conditions, **results.shifts}
    others = [name for name, info in infos.items() if info["kind"] not in ("corruption", "clean")]
    if not others:
        return []
    lines = ["", "## Other conditions: accuracy, percent", "", "| network | " + " | ".join(others) + " |"]
    lines.append("|---" * (len(others) + 1) + "|")
    measured = set(results.cells(own_samples=True))
    for group in robustness.groups(results):
        cells = []
        for condition in others:
            known = results.labels_of(condition)
            found = [
                (results.geometry(n, condition, ("prediction",))["prediction"] == known)[known >= 0]
                for n in group.networks
                if (n, condition) in measured
            ]
            complete = len(found) == len(group.networks) and (known >= 0).any()
            cells.append(_spread([float(right.mean()) for right in found], 100) if complete else "-")
        lines.append(f"| {group.name} | {' | '.join(cells)} |")
    return lines


def markdown(results: Results) -> str:
    """A short report: what was measured, and per group the mean, deviation and number of seeds."""
    study = results.study
    chosen = robustness.means(results)
    main = robustness.main_mean(results)
    lines = [
        f"# {results.title}: {len(results.networks)} networks under "
        f"{len(results.conditions) + len(results.shifts)} conditions",
        "",
        f"{len(results.labels):,} test images, {len(results.class_names)} classes, data hash "
        f"`{study['dataset_hash']}`. Corrupted: "
        + (f"mean over {robustness.described(main, results)}." if main else "no corruption."),
        "Percent, mean +- standard deviation over seeds (n). Retained: corrupted over clean accuracy.",
        "",
        "| network | n | clean | corrupted | retained | kept weights |",
        "|---|---|---|---|---|---|",
    ]
    for row in robustness.table(results):
        cells = [robustness.mean_and_deviation(v) for v in (row.clean, row.corrupted, row.retention)]
        kept = 1 - results.networks[row.group.networks[0]]["sparsity"]
        lines.append(
            f"| {row.group.name} | {len(row.group.networks)} | {' | '.join(cells)} | {100 * kept:.3g} % |"
        )
    if chosen:
        lines += _robustness_section(results, chosen)
    lines += _other_conditions(results)
    collapsed = [
        f"{name} ({', '.join(info['collapsed'])})"
        for name, info in results.networks.items()
        if info.get("collapsed")
    ]
    dead = [
        f"{name} ({len(info['dead_classes'])})"
        for name, info in results.networks.items()
        if info["dead_classes"]
    ]
    for title, found in (("Layers that kept no weight", collapsed), ("Classes without a direction", dead)):
        if found:
            lines += ["", f"{title}: {'; '.join(found)}."]
    if results.problems:
        lines += ["", "Not readable: " + " ".join(results.problems)]
    versions = ", ".join(f"{name} {number}" for name, number in study["versions"].items())
    return "\n".join([*lines, "", f"Made with {versions}.", ""])


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
    path.write_text(markdown(results))
    return [*written, path]
