"""A beside B: densities, angles between classes, samples broken and fixed, and one sample everywhere."""

import textwrap
from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Bool
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from rosalind.analysis import (
    class_matrices,
    contact_sheet,
    rasters,
    sample_margins,
    selection_steps,
)
from rosalind.analysis.palette import FLIPS as FLIP_COLOURS
from rosalind.analysis.palette import QUIET
from rosalind.analysis.scope import counted
from rosalind.analysis.selection_steps import FLIPS
from rosalind.analysis.sides import Cell
from rosalind.analysis.store import Store
from rosalind.config import with_noun
from rosalind.figures.numbers import Numbers
from rosalind.measures import COORDINATES

EXAMPLES, ACROSS = 24, 12
"""Images of each kind on the sheet of samples broken and fixed, and of them in a row."""

BINS = 64
"""Bins per axis of a density; half the viewer's, as paper is not zoomed into."""

POINTS = 2000
"""Most samples that are drawn one by one, in the colours of what B does to them; of more there are densities."""

FLIP_MARKERS = ("o", "^", "v", "x")
"""Of both right, B fixes, B breaks, both wrong, as the viewer has them."""

GREYS: dict[str, Any] = {"origin": "lower", "cmap": "Greys", "vmin": -60, "vmax": 255, "aspect": "auto"}
"""The look of densities."""


def _title(side: str, cell: Cell) -> str:
    return textwrap.fill(f"{side}: {cell[0]}, {cell[1]}", 44)


def density_figure(
    store: Store,
    a: Cell,
    b: Cell,
    x: str = "angle",
    y: str = "norm",
    *,
    raw: bool = False,
    mask: Bool[np.ndarray, " n"] | None = None,
) -> Figure:
    """Samples by two of `store.measures` under A, under B, and their change; medians are dashed.

    Up to `POINTS` samples are points in the colours of what B does to them, more are densities.

    Args:
        store: of the study.
        a: the first side.
        b: the second side.
        x: measure across.
        y: measure upwards.
        raw: norms and margins as the features have them, not in units.
        mask: samples that are drawn, with all others faintly behind, and whose medians are marked; all by default.
    """
    rows = slice(None) if mask is None else mask
    placed = {"A": [store.values(a, m, raw) for m in (x, y)], "B": [store.values(b, m, raw) for m in (x, y)]}
    shared = [rasters.limits(placed["A"][k], placed["B"][k]) for k in range(2)]
    change = [after - before for before, after in zip(placed["A"], placed["B"], strict=True)]
    figure = Figure(figsize=(10.2, 3.6), layout="constrained")
    grid = figure.subplots(1, 3)
    titles = (_title("A", a), _title("B", b), "B minus A, sample by sample")
    flips = selection_steps.flips(store, a, b)
    one_by_one = len(flips) <= POINTS
    for axes, values, title in zip(grid, (*placed.values(), change), titles, strict=True):
        moved = values is change
        ranges = [rasters.limits(part) for part in change] if moved else shared
        layers = [(values, 1.0)] if mask is None else [(values, 0.3), ([part[rows] for part in values], 1.0)]
        if one_by_one:
            _scatter(axes, values, flips, mask)
            axes.set(xlim=ranges[0], ylim=ranges[1])
        for (across, up), alpha in () if one_by_one else layers:
            counts = rasters.density(across, up, ranges[0], ranges[1])
            step = len(counts) // BINS
            counts = rasters.shade(counts.reshape(BINS, step, BINS, step).sum((1, 3)))
            # A picture of fixed size, so that files do not grow with samples.
            extent = (*ranges[0], *ranges[1])
            look = {"extent": extent, "interpolation": "nearest", "alpha": alpha}
            axes.imshow(np.ma.masked_equal(counts, 0), **look, **GREYS)
        finite = [part[rows][np.isfinite(part[rows])] for part in values]
        middle = [float(np.median(part)) for part in finite if part.size]
        if len(middle) == 2:
            axes.axvline(middle[0], color=QUIET, linestyle="--", linewidth=0.9)
            axes.axhline(middle[1], color=QUIET, linestyle="--", linewidth=0.9)
            title += f"\nmedian {x} {middle[0]:.3g}, {y} {middle[1]:.3g}"
        prefix = "change of " if moved else ""
        axes.set_xlabel(prefix + store.measures[x].label(raw), fontsize=8)
        axes.set_ylabel(prefix + store.measures[y].label(raw), fontsize=8)
        axes.set_title(title, fontsize=8)
        axes.tick_params(labelsize=7)
    note = "" if mask is None else f"; strong: {counted(mask).removeprefix(', ')}, faint: all"
    if one_by_one:
        figure.legend(
            *grid[0].get_legend_handles_labels(),
            loc="outside lower center",
            ncols=4,
            fontsize=7,
            frameon=False,
            markerscale=2,
        )
    figure.suptitle(
        f"{'A mark is a sample' if one_by_one else 'Darker: more samples'}{note}; dashed: medians", fontsize=8
    )
    return figure


def _scatter(axes: Axes, values: Sequence[np.ndarray], flips: np.ndarray, mask: np.ndarray | None) -> None:
    """Marks of samples, those that B breaks or fixes over the others.

    Args:
        axes: to draw in.
        values: of all samples, across and upwards.
        flips: int[n] index into `FLIPS`.
        mask: bool[n], those that are strong; all without.
    """
    strong = np.ones(len(flips), bool) if mask is None else mask
    for kind in (0, 3, 1, 2):
        look: dict[str, Any] = {"color": FLIP_COLOURS[kind], "marker": FLIP_MARKERS[kind], "rasterized": True}
        look |= {
            "linewidths": 0.7 if kind == 3 else 0,
            "s": 7 if kind in (0, 3) else 13,
            "zorder": 1.2 if kind in (1, 2) else 1.1,
        }
        for drawn, alpha in (((flips == kind) & strong, 0.85), ((flips == kind) & ~strong, 0.12)):
            label = f"{FLIPS[kind]}, {int(drawn.sum()):,}" if alpha > 0.5 else None
            if drawn.any() or label:
                axes.scatter(values[0][drawn], values[1][drawn], alpha=alpha, label=label, **look)


def matrix_figure(store: Store, a: Cell, b: Cell, mask: Bool[np.ndarray, " n"] | None = None) -> Figure:
    """Mean angle from the samples of every class to every class direction: A, B and B minus A, in degrees.

    Of the samples of a mask where every logit of a sample is stored (`class_matrices.sliceable`), else of all.
    """
    mask = mask if class_matrices.sliceable(store, class_matrices.ANGLES) else None
    tables = [class_matrices.table(store, cell, class_matrices.ANGLES, mask) for cell in (a, b)]
    low, high = rasters.limits(*tables, share=0)
    change = tables[1] - tables[0]
    reach = float(np.abs(change[np.isfinite(change)]).max(initial=0)) or 1.0
    figure = Figure(figsize=(11, 3.6), layout="constrained")
    grid = figure.subplots(1, 3)
    names = store.class_names if len(store.class_names) <= 20 else []
    scales = ({"cmap": "cividis_r", "vmin": low, "vmax": high},) * 2
    scales += ({"cmap": "RdBu_r", "vmin": -reach, "vmax": reach},)
    titles = (_title("A", a), _title("B", b), "B minus A")
    for axes, table, scale, title in zip(grid, [*tables, change], scales, titles, strict=True):
        image = axes.imshow(table, interpolation="nearest", **scale)
        if len(store.class_names) <= 12:
            _numbers(axes, table, scale["vmin"], scale["vmax"])
        ticks = range(len(names))
        axes.set_xticks(ticks, names, fontsize=7, rotation=90 if max(map(len, names), default=0) > 3 else 0)
        axes.set_yticks(ticks, names, fontsize=7)
        axes.set_xlabel("direction of class", fontsize=8)
        axes.set_title(title, fontsize=8)
        if axes is not grid[0]:
            bar = figure.colorbar(image, ax=axes, shrink=0.8)
            bar.ax.tick_params(labelsize=7)
            bar.set_label("change in degrees" if table is change else "A and B, degrees", fontsize=7)
    grid[0].set_ylabel("samples of class", fontsize=8)
    if mask is not None:
        figure.suptitle(counted(mask).removeprefix(", "), fontsize=8)
    return figure


def _numbers(axes: Axes, table: np.ndarray, low: float, high: float) -> None:
    """Write a matrix's numbers in white where its colours are dark: at high angles, and at both ends of changes."""
    texts = {}
    for i, j in np.argwhere(np.isfinite(table)):
        share = (table[i, j] - low) / (high - low)
        dark = abs(share - 0.5) > 0.33 if low < 0 else share > 0.5
        number = "0" if abs(table[i, j]) < 0.5 else f"{table[i, j]:.0f}"
        texts[j, i] = number, "white" if dark else "black"
    Numbers(axes, texts, fontsize=6)


def sheet_figure(store: Store, a: Cell, b: Cell, mask: Bool[np.ndarray, " n"] | None = None) -> Figure:
    """Samples that B breaks and that B fixes, as B sees them, those whose margin moved furthest first.

    Under each image the true class and B's (broken) or A's (fixed) wrong one. At most `EXAMPLES` of each, of
    those that have a thumbnail; of the samples of a mask, or of all.
    """
    flips, shown_rows = selection_steps.flips(store, a, b), np.ones(len(store.ids), bool) if mask is None else mask
    moved = np.nan_to_num(store.values(b, "margin") - store.values(a, "margin"))
    rows, images = store.results.images(b[1])
    parts = []
    for kind, sign, predictions in (("B breaks", 1, store.predictions(b)), ("B fixes", -1, store.predictions(a))):
        of_kind = np.flatnonzero((flips[rows] == FLIPS.index(kind)) & shown_rows[rows])
        chosen = of_kind[np.argsort(sign * moved[rows[of_kind]], kind="stable")][:EXAMPLES]
        total = int((flips[shown_rows] == FLIPS.index(kind)).sum())
        note = f", {len(chosen)} of them here" if len(chosen) < total else ""
        who = "B" if sign > 0 else "A"
        note += f"; below: the true class, and what {who} takes it for" * bool(len(chosen))
        parts.append((f"{kind} {total:,} of {int(shown_rows.sum()):,} samples{note}", chosen, predictions))
    heights = [(0.4 if len(chosen) else 0.25) + 0.74 * -(-len(chosen) // ACROSS) for _, chosen, _ in parts]
    figure = Figure(figsize=(8.6, sum(heights) + 0.5), layout="constrained")
    grid = figure.subplots(2, 1, height_ratios=heights)
    for axes, (title, chosen, predictions) in zip(grid, parts, strict=True):
        axes.set_axis_off()
        axes.set_title(title, fontsize=8, fontweight="bold", loc="left")
        if not len(chosen):
            continue
        pictures = np.asarray(images[chosen])
        side, gap = pictures.shape[1:3], max(pictures.shape[1] // 4, 2)
        coloured = np.broadcast_to(pictures, (*pictures.shape[:3], 3))
        sheet = contact_sheet.mosaic(coloured, ACROSS, -(-len(pictures) // ACROSS), gap)
        axes.imshow(sheet.view(np.uint8).reshape(*sheet.shape, 4), interpolation="nearest")
        for place, row in enumerate(rows[chosen]):
            line, column = divmod(place, ACROSS)
            names = map(str, store.names_of(np.array([store.labels[row], predictions[row]])))
            text = " not ".join(name if len(name) <= 8 else name[:7] + "…" for name in names)
            middle, under = column * (side[1] + gap) + side[1] / 2, line * (side[0] + gap) + side[0]
            axes.text(middle, under, text, fontsize=5.5, ha="center", va="top")
    figure.suptitle(f"{_title('A', a)}\n{_title('B', b)}{counted(mask)}", fontsize=8)
    return figure


def parallel_figure(
    store: Store,
    a: Cell,
    b: Cell,
    *,
    raw: bool = False,
    mask: Bool[np.ndarray, " n"] | None = None,
    pins: Sequence[Cell] = (),
) -> Figure:
    """Every sample as a line through its angle, norm, margin and its angles to class directions, under A and under B.

    Under every side of `pins` too, on the same scales. With more than 12 classes, the directions of those 12 that have
    the most samples. Stronger is more samples; `raw` is that of `density_figure`, and samples outside of the mask are
    left out.
    """
    rows = slice(None) if mask is None else mask
    pinned = [(f"pinned {k}", cell) for k, cell in enumerate(pins, 1)]
    sides, listed, both = [("A", a), ("B", b), *pinned], store.class_angles(a)[0], {}
    for side, cell in sides:
        both[side] = [*(store.values(cell, m, raw) for m in COORDINATES), *store.class_angles(cell)[1].T]
    pairs = list(zip(*both.values(), strict=True))
    ends = [rasters.limits(*pair) for pair in pairs[:3]]
    ends += [rasters.limits(*(part for pair in pairs[3:] for part in pair))] * len(listed)
    names = [*COORDINATES, *(f"to {store.class_names[k]}" for k in listed)]
    figure = Figure(figsize=(10.2, 2.5 * len(sides)), layout="constrained")
    for axes, (side, cell), values in zip(figure.subplots(len(sides)), sides, both.values(), strict=True):
        levels = [rasters.levels(one[rows], limits) for one, limits in zip(values, ends, strict=True)]
        lines = rasters.shade(rasters.parallel_density(np.stack(levels)))
        axes.imshow(np.ma.masked_equal(lines, 0), extent=(0, len(names) - 1, 0, 1), **GREYS)
        labels = [f"{name}\n{low:.3g} to {high:.3g}" for name, (low, high) in zip(names, ends, strict=True)]
        axes.set_xticks(range(len(names)), labels, fontsize=6)
        axes.set_yticks([])
        axes.set_title(_title(side, cell) + counted(mask), fontsize=8)
    return figure


def fingerprint_figure(store: Store, a: Cell, b: Cell, sample: int) -> Figure:
    """The margin of a sample, by id, under every network and condition in units; crossed where most seeds are wrong.

    A and B are shown alone where a study stores no table of all margins.

    Raises:
        ValueError: the study has no such sample.
    """
    at = np.flatnonzero(store.ids == sample)
    if not at.size:
        span = f"ids go from {store.ids.min()} to {store.ids.max()}"
        raise ValueError(f"the study has no sample {sample}; {span}.")
    margins = sample_margins.read(store, int(at[0]), (a, b))
    finite = np.abs(margins.values[np.isfinite(margins.values)])
    low, high = rasters.symmetric(float(np.quantile(finite, 0.98)) if finite.size else np.nan)
    rows, columns = margins.values.shape
    size = (min(2.5 + 0.16 * columns, 16), min(1.6 + 0.17 * rows, 11))
    figure = Figure(figsize=size, layout="constrained")
    axes = figure.subplots()
    look: dict[str, Any] = {"cmap": "RdBu", "aspect": "auto", "interpolation": "nearest"}
    image = axes.imshow(margins.values, vmin=low, vmax=high, **look)
    bar = figure.colorbar(image, ax=axes, shrink=0.8)
    bar.ax.tick_params(labelsize=6)
    bar.set_label("margin, units", fontsize=7)
    line, place = np.nonzero(margins.wrong)
    if columns <= 120 and rows <= 120:
        axes.scatter(place, line, marker="x", s=6, color="black", linewidths=0.5)
    for axis, names in ((axes.xaxis, margins.conditions), (axes.yaxis, margins.words)):
        ticks = range(0, len(names), -(-len(names) // 100))
        axis.set_ticks(ticks, [names[k] for k in ticks], fontsize=5.5)
    axes.tick_params(axis="x", rotation=90)
    (class_name,) = store.names_of(store.labels[at[:1]])
    share = f"right in {margins.right:,} of {margins.cells:,} cells"
    axes.set_title(f"Sample {sample}, {with_noun('class', str(class_name))}: {share}", fontsize=8)
    return figure
