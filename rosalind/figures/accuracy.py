"""Accuracies: under every condition, clean against corrupted, and by frequency of noise."""

from collections.abc import Collection
from pathlib import Path

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from rosalind.analysis import robustness, severity_curves
from rosalind.analysis.palette import QUIET
from rosalind.analysis.scope import chosen
from rosalind.figures import looks
from rosalind.figures.names import write_beside
from rosalind.figures.numbers import Numbers
from rosalind.results import Results, load_arrays


def accuracy_figure(
    results: Results,
    accuracies: Float[np.ndarray, "networks conditions"] | None = None,
    groups: Collection[str] = (),
    conditions: Collection[str] = (),
    subset: str = "",
) -> Figure:
    """Accuracy of every group of seeds under every condition, means in percent; gaps are not measured.

    Args:
        results: of the study.
        accuracies: see `scope.accuracies`; of all samples by default.
        groups: names of those that are drawn; all where empty.
        conditions: ids of those that are drawn; all where empty.
        subset: end of the title that says of which samples it is.
    """
    accuracies = robustness.accuracy(results) if accuracies is None else accuracies
    index = {name: k for k, name in enumerate(results.networks)}
    shown = chosen(robustness.groups(results), groups)
    listed = [name for name in results.conditions if not conditions or name in conditions]
    across = [k for k, name in enumerate(results.conditions) if name in listed]
    table = np.stack([accuracies[[index[n] for n in group.networks]].mean(0)[across] for group in shown])
    rows, columns = table.shape
    figure = Figure(figsize=(2.2 + 0.3 * columns, 1.6 + 0.27 * rows), layout="constrained")
    axes = figure.subplots()
    image = axes.imshow(100 * table, cmap="cividis", aspect="auto", vmin=0, vmax=100)
    axes.set_xticks(range(columns), listed, rotation=90, fontsize=7)
    axes.set_yticks(range(rows), [group.name for group in shown], fontsize=7)
    if columns <= 45:
        ink = lambda share: "white" if share < 0.55 else "black"
        places = np.argwhere(np.isfinite(table))
        Numbers(axes, {(j, i): (f"{100 * table[i, j]:.0f}", ink(table[i, j])) for i, j in places}, fontsize=6)
    # A gap between two corruptions.
    of = [results.conditions[name].name for name in listed]
    for edge in (k - 0.5 for k in range(1, columns) if of[k] != of[k - 1]):
        axes.axvline(edge, color="white", linewidth=2)
    axes.set_title(f"Accuracy in percent, mean over seeds{subset}", fontsize=9)
    bar = figure.colorbar(image, ax=axes, shrink=0.8)
    bar.set_label("percent right", fontsize=8)
    bar.ax.tick_params(labelsize=7)
    return figure


def trade_figure(
    results: Results,
    accuracies: Float[np.ndarray, "networks conditions"] | None = None,
    groups: Collection[str] = (),
    subset: str = "",
) -> Figure:
    """Clean against mean corruption accuracy: one point per seed, a larger one for the mean of a group.

    Arguments are those of `accuracy_figure`.
    """
    figure = Figure(figsize=(6.2, 4.2), layout="constrained")
    axes = figure.subplots()
    looks_of = looks.of_families(results.networks.values())
    rows = robustness.table(results, accuracies=accuracies)
    names, places = [], []
    for row in (row for row in rows if not groups or row.group.name in groups):
        look = looks_of[row.group.family]
        axes.scatter(100 * row.clean, 100 * row.corrupted, s=10, alpha=0.5, linewidths=0, **look)
        if np.isfinite(row.corrupted).all() and np.isfinite(row.clean).all():
            mean = (100 * row.clean.mean(), 100 * row.corrupted.mean())
            axes.scatter(*mean, s=45, edgecolors="black", linewidths=0.5, **look)
            names.append(row.group.name)
            places.append(mean)
    axes.set_title(subset.removeprefix(", "), fontsize=8)
    _name(axes, names, places)
    for family, look in looks_of.items():
        axes.scatter([], [], label=family, **look)
    figure.legend(loc="outside lower center", ncols=4, fontsize=6.5, frameon=False)
    axes.set_xlabel("clean accuracy, percent", fontsize=8)
    axes.set_ylabel("mean corruption accuracy, percent", fontsize=8)
    axes.tick_params(labelsize=7)
    axes.grid(alpha=0.3)
    return figure


COLUMN = 0.3
"""Width of the column of names beside the points, as a share of theirs."""


def _name(axes: Axes, names: list[str], places: list[tuple[float, float]]) -> None:
    """Names beside their points; what has no room there, in a column on the right, with a line to its point."""
    if not names:
        return
    x, y = np.array(places).T
    for axis in (axes.xaxis, axes.yaxis):
        looks.percents(axis)
    (left, right), (low, high) = axes.get_xlim(), axes.get_ylim()
    crowded = write_beside(axes, np.stack([x, y], 1), names, 6, (5.4 / (1 + COLUMN), 3.3))
    axes.set_xlim(left, right + COLUMN * (right - left))
    axes.set_xticks([tick for tick in axes.get_xticks() if left <= tick <= right])
    room = high - low
    heights = severity_curves.dodge(y[crowded], 0.042 * room, low + 0.02 * room, high - 0.02 * room)
    for k, height in zip(crowded, heights, strict=True):
        leader = {"arrowstyle": "-", "color": QUIET, "linewidth": 0.4, "relpos": (0, 0.5)}
        at = (right + 0.08 * (right - left), height)
        axes.annotate(names[k], (x[k], y[k]), at, fontsize=6, va="center", arrowprops=leader)


def frequency_figure(results: Results, groups: Collection[str] = ()) -> Figure | None:
    """Errors under noise of every frequency, a map per network, the constant in the middle; None without maps.

    Of the networks of some groups of seeds; of all where none is named.
    """
    names = {network for group in chosen(robustness.groups(results), groups) for network in group.networks}
    paths = sorted((results.folder / "fourier").glob("[!.]*.npz"))
    paths = [path for path in paths if not groups or _network_of(path, results) in names]
    if not paths:
        return None
    columns = min(len(paths), 5)
    lines = -(-len(paths) // columns)
    figure = Figure(figsize=(2.1 * columns + 0.6, 2.2 * lines + 0.3), layout="constrained")
    grid = figure.subplots(lines, columns, squeeze=False)
    for axes in grid.ravel():
        axes.set_axis_off()
    for axes, path in zip(grid.ravel(), paths, strict=False):
        arrays = load_arrays(path, ("error", "clean", "samples"))
        height, width = arrays["error"].shape
        extent = (-width / 2, width / 2, height / 2, -height / 2)
        image = axes.imshow(100 * arrays["error"], cmap="cividis", vmin=0, vmax=100, extent=extent)
        axes.set_title(f"{path.stem}\nclean error {100 * float(arrays['clean']):.1f} %", fontsize=6)
    figure.colorbar(image, ax=grid, shrink=0.8, label="error in percent")
    return figure


def _network_of(path: Path, results: Results) -> str:
    """The network of a file `<network>-<strength>.npz`; "" for one that the study does not have."""
    return max((name for name in results.networks if path.stem.startswith(f"{name}-")), key=len, default="")
