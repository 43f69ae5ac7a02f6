"""A beside B: densities, angles between classes, samples broken and fixed, and attribution maps."""

import textwrap

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from rosalind.viewer import compute, maps, rules
from rosalind.viewer.state import FLIPS
from rosalind.viewer.store import MEASURES, UNITS, Cell, Store

EXAMPLES = 24
"""Images of each kind on the sheet of samples broken and fixed."""

ACROSS = 12
"""Of them in a row."""


def _title(side: str, cell: Cell) -> str:
    return textwrap.fill(f"{side}: {cell[0]}, {cell[1]}", 44)


def density_figure(store: Store, a: Cell, b: Cell, x: str = "angle", y: str = "norm") -> Figure:
    """Where all samples lie by two measures under A, under B, and how far they moved; medians are dashed.

    Args:
        store: of the study.
        a, b: sides, networks or groups of seeds under a condition.
        x, y: measures, in `viewer.store.MEASURES`.
    """
    placed = {"A": [store.values(a, m) for m in (x, y)], "B": [store.values(b, m) for m in (x, y)]}
    shared = [compute.limits(placed["A"][k], placed["B"][k]) for k in range(2)]
    change = [after - before for before, after in zip(placed["A"], placed["B"], strict=True)]
    figure = Figure(figsize=(10.2, 3.6), layout="constrained")
    grid = figure.subplots(1, 3)
    titles = (_title("A", a), _title("B", b), "B minus A, sample by sample")
    for axes, values, title in zip(grid, (*placed.values(), change), titles, strict=True):
        moved = values is change
        ranges = [compute.limits(part) for part in change] if moved else shared
        counts = compute.shade(compute.density(*values, *ranges))
        # A picture of fixed size, so that files do not grow with samples.
        axes.imshow(
            np.ma.masked_equal(counts, 0),
            origin="lower",
            extent=(*ranges[0], *ranges[1]),
            cmap="Greys",
            vmin=-60,
            vmax=255,
            aspect="auto",
            interpolation="nearest",
        )
        middle = [float(np.median(part[np.isfinite(part)])) for part in values if np.isfinite(part).any()]
        if len(middle) == 2:
            axes.axvline(middle[0], color="#D55E00", linestyle="--", linewidth=0.9)
            axes.axhline(middle[1], color="#D55E00", linestyle="--", linewidth=0.9)
            title += f"\nmedians {middle[0]:.3g} and {middle[1]:.3g}"
        words = "change of " if moved else ""
        axes.set_xlabel(f"{words}{MEASURES[x]}, {UNITS.get(x, 'degrees')}", fontsize=8)
        axes.set_ylabel(f"{words}{MEASURES[y]}, {UNITS.get(y, 'degrees')}", fontsize=8)
        axes.set_title(title, fontsize=8)
        axes.tick_params(labelsize=7)
    return figure


def matrix_figure(store: Store, a: Cell, b: Cell) -> Figure:
    """Mean angle from the samples of every class to every class direction: A, B and B minus A, in degrees."""
    tables = [store.class_matrix(a), store.class_matrix(b)]
    low, high = compute.limits(*tables, share=0)
    change = tables[1] - tables[0]
    reach = float(np.abs(change[np.isfinite(change)]).max(initial=0)) or 1.0
    figure = Figure(figsize=(11.4, 3.9), layout="constrained")
    grid = figure.subplots(1, 3)
    names = store.class_names if len(store.class_names) <= 20 else []
    scales = ({"cmap": "cividis_r", "vmin": low, "vmax": high},) * 2
    scales += ({"cmap": "RdBu_r", "vmin": -reach, "vmax": reach},)
    titles = (_title("A", a), _title("B", b), "B minus A")
    for axes, table, scale, title in zip(grid, [*tables, change], scales, titles, strict=True):
        drawn = axes.imshow(table, interpolation="nearest", **scale)
        if len(store.class_names) <= 12:
            _numbers(axes, table, scale["vmin"], scale["vmax"])
        ticks = range(len(names))
        axes.set_xticks(ticks, names, fontsize=7, rotation=90 if max(map(len, names), default=0) > 3 else 0)
        axes.set_yticks(ticks, names, fontsize=7)
        axes.set_xlabel("direction of class", fontsize=8)
        axes.set_title(title, fontsize=8)
        bar = figure.colorbar(drawn, ax=axes, shrink=0.8)
        bar.ax.tick_params(labelsize=7)
        bar.set_label("change in degrees" if table is change else "degrees", fontsize=7)
    grid[0].set_ylabel("samples of class", fontsize=8)
    return figure


def _numbers(axes: Axes, table: np.ndarray, low: float, high: float) -> None:
    """Write a matrix's numbers in white where its colours are dark: at high angles, and at both ends of changes."""
    for i, j in np.argwhere(np.isfinite(table)):
        share = (table[i, j] - low) / (high - low)
        dark = abs(share - 0.5) > 0.33 if low < 0 else share > 0.5
        words = f"{table[i, j]:.0f}".replace("-0", "0") if abs(table[i, j]) < 0.5 else f"{table[i, j]:.0f}"
        axes.text(j, i, words, ha="center", va="center", fontsize=6, color="white" if dark else "black")


def sheet_figure(store: Store, a: Cell, b: Cell) -> Figure:
    """Samples that B breaks and that B fixes, as B sees them, those whose margin moved furthest first.

    Under each image the true class and B's (broken) or A's (fixed) wrong one. At most `EXAMPLES` of each, of
    those that have a thumbnail.
    """
    flips = rules.flips(store, a, b)
    moved = np.nan_to_num(store.values(b, "margin") - store.values(a, "margin"))
    rows, images = store.images(b[1])
    kinds = (("B breaks", 1, store.predictions(b)), ("B fixes", -1, store.predictions(a)))
    lines = -(-EXAMPLES // ACROSS)
    figure = Figure(figsize=(8.6, 2 * lines * 0.88 + 1.1), layout="constrained")
    grid = figure.subplots(2 * lines, ACROSS, squeeze=False)
    for axes in grid.ravel():
        axes.set_axis_off()
    for place, (kind, sign, wrong) in enumerate(kinds):
        there = np.flatnonzero(flips[rows] == FLIPS.index(kind))
        total = int((flips == FLIPS.index(kind)).sum())
        chosen = there[np.argsort(sign * moved[rows[there]], kind="stable")][:EXAMPLES]
        own = grid[place * lines : (place + 1) * lines]
        for axes, at in zip(own.ravel(), chosen, strict=False):
            row = rows[at]
            picture = np.asarray(images[at])
            axes.imshow(picture.squeeze(), cmap="gray", vmin=0, vmax=255, interpolation="nearest")
            names = [store.class_names[store.labels[row]], store.class_names[wrong[row]]]
            short = [textwrap.shorten(name, 12, placeholder="…") or name[:12] for name in names]
            axes.set_title(" not ".join(short), fontsize=6, pad=2)
        words = f"{kind} {total:,} of {len(flips):,} samples"
        words += f"; {len(chosen)} of them here" if len(chosen) < total else ""
        own[0][0].text(
            0, 1.35, words, transform=own[0][0].transAxes, fontsize=8, fontweight="bold", va="bottom"
        )
    figure.suptitle(f"{_title('A', a)}\n{_title('B', b)}", fontsize=8)
    return figure


def attribution_figure(store: Store, a: Cell, b: Cell, sample: int) -> Figure:
    """What hiding a patch does to a sample's angle, norm and margin under A, under B, and the difference.

    Colours are shared along a column; red raises the value, blue lowers it. A row without stored maps is empty.
    """
    sides = {
        "A": maps.mean(store, store.seeds(a)),
        "B": maps.mean(store, store.seeds(b)),
        "B minus A": maps.difference(store, store.pairs(a, b)),
    }
    tables = {name: None if side is None else side.over(np.array([sample])) for name, side in sides.items()}
    figure = Figure(figsize=(7.4, 5.6), layout="constrained")
    grid = figure.subplots(3, 4)
    for axes in grid.ravel():
        axes.set_xticks([])
        axes.set_yticks([])
        axes.set_frame_on(False)
    for line, ((name, table), cell) in enumerate(zip(tables.items(), (a, b, None), strict=True)):
        grid[line][0].set_ylabel(name if cell is None else textwrap.fill(f"{name}: {' '.join(cell)}", 20), fontsize=8)
        if cell is not None:
            rows, images = store.images(cell[1])
            for picture in images[np.flatnonzero(store.ids[rows] == sample)]:
                grid[line][0].imshow(picture.squeeze(), cmap="gray", vmin=0, vmax=255, interpolation="nearest")
        for column, (kind, unit) in enumerate(zip(maps.MAPPED, maps.UNITS, strict=True)):
            found = [t[column] for t in tables.values() if t is not None]
            reach = max((float(np.abs(t[np.isfinite(t)]).max(initial=0)) for t in found), default=0) or 1.0
            axes = grid[line][column + 1]
            axes.set_title(f"{kind}, {unit}" if line == 0 else "", fontsize=8)
            if table is None:
                axes.text(0.5, 0.5, "no map", ha="center", va="center", transform=axes.transAxes, fontsize=8)
                continue
            drawn = axes.imshow(table[column], cmap="RdBu_r", vmin=-reach, vmax=reach, interpolation="nearest")
            if line == 2 or tables["B minus A"] is None:
                figure.colorbar(drawn, ax=axes, location="bottom", shrink=0.8).ax.tick_params(labelsize=6)
    at = np.flatnonzero(store.ids == sample)
    true = store.class_names[store.labels[at[0]]] if at.size else "unknown"
    figure.suptitle(f"Sample {sample}, class {true}: change when a patch is hidden", fontsize=9)
    return figure
