"""Distributions of A's and B's measures, and their margins as patches are hidden."""

from typing import Any

import numpy as np
from jaxtyping import Bool
from matplotlib.figure import Figure

from rosalind.analysis import deletion_curves, distributions, rasters
from rosalind.analysis.palette import SIDES
from rosalind.analysis.scope import counted
from rosalind.analysis.sides import Cell
from rosalind.analysis.store import Store

LOOKS: tuple[dict[str, Any], ...] = ({"color": SIDES[0]}, {"color": SIDES[1], "linestyle": "--"})
"""Of A and of B, the viewer's."""


def _names(a: Cell, b: Cell) -> list[str]:
    return [f"{side}: {', '.join(cell)}" for side, cell in (("A", a), ("B", b))]


def spread_figure(
    store: Store,
    a: Cell,
    b: Cell,
    x: str = "angle",
    y: str = "norm",
    *,
    raw: bool = False,
    mask: Bool[np.ndarray, " n"] | None = None,
) -> Figure:
    """Histograms of two of `store.measures` and the cumulative margins, A solid and B dashed.

    `raw` and `mask` are those of `density_figure`.
    """
    rows = slice(None) if mask is None else mask
    figure, lines = Figure(figsize=(10.2, 3.1), layout="constrained"), []
    for axes, measure in zip(figure.subplots(1, 3), (x, y, "margin"), strict=True):
        sides = [store.values(cell, measure, raw)[rows] for cell in (a, b)]
        limits, last = rasters.limits(*sides), axes is figure.axes[2]
        bins = distributions.bins_for(len(sides[0]))
        at = np.linspace(*limits, 400) if last else distributions.corners(limits, bins)
        for values, look in zip(sides, LOOKS, strict=True):
            if last:
                heights = distributions.cumulative(values, at)
            else:
                heights = distributions.outline(distributions.histogram(values, limits, bins))
                axes.axvline(distributions.median(values), linewidth=0.8, alpha=0.7, **look)
            lines += axes.plot(at, 100 * heights, linewidth=1.2, **look)
        if last:
            axes.axvline(0, color="#8a94a6", linewidth=0.8)
        axes.set_xlabel(store.measures[measure].label(raw), fontsize=8)
        axes.set_ylabel("at or below, %" if last else "share of samples, %", fontsize=8)
        gap = distributions.largest_gap(*sides)
        axes.set_title(f"largest gap of the cumulative curves {gap:.2f}", fontsize=8)
        axes.tick_params(labelsize=7)
    if mask is not None:
        figure.suptitle(counted(mask).removeprefix(", "), fontsize=8)
    figure.legend(lines[:2], _names(a, b), loc="outside lower center", ncols=2, fontsize=8)
    return figure


def deletion_figure(store: Store, a: Cell, b: Cell, mask: Bool[np.ndarray, " n"] | None = None) -> Figure | None:
    """The margin as ever more patches are hidden, by the map (thick) and at random (thin); None without curves.

    The mean over all samples of a mask that have maps on both sides, or on the one that has any.
    """
    cells = [store.sides.seeds(cell) for cell in (a, b)]
    stored = [[deletion_curves.stored(store, c).get("id", ()) for c in side] for side in cells]
    mapped = [{int(i) for ids in side for i in ids} for side in stored]
    ids = np.array(sorted(mapped[0] & mapped[1] if all(mapped) else mapped[0] | mapped[1]), int)
    ids = ids if mask is None else ids[np.isin(ids, store.ids[mask])]
    curves = [deletion_curves.mean(store, side, ids) for side in cells]
    if all(curve is None for curve in curves):
        return None
    figure = Figure(figsize=(4.6, 3.4), layout="constrained")
    axes = figure.subplots()
    for curve, look, name in zip(curves, LOOKS, _names(a, b), strict=True):
        if curve is not None:
            share = np.linspace(0, 100, curve.shape[1])
            gain = deletion_curves.gain(curve)
            axes.plot(share, curve[0], linewidth=2, label=f"{name}\ngains {gain:+.2f} on chance", **look)
            axes.plot(share, curve[1], linewidth=0.8, **look)
    axes.axhline(0, color="#8a94a6", linewidth=0.8)
    axes.set_xlabel("patches hidden, %", fontsize=8)
    axes.set_ylabel("margin, units", fontsize=8)
    axes.set_title(f"Mean of {len(ids)} samples; thick: by the map, thin: at random", fontsize=8)
    axes.legend(fontsize=7)
    axes.tick_params(labelsize=7)
    return figure
