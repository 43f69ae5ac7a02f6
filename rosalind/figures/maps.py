"""Attribution maps of one sample under A, under B, and their difference: of hidden patches, and of other methods."""

import textwrap
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from rosalind.analysis import method_maps, occlusion_maps
from rosalind.analysis.sides import Cell
from rosalind.analysis.store import Store
from rosalind.config import with_noun

METHODS = 8
"""Most methods side by side: all of the package, of `gradcam` both readings."""


def attribution_figure(store: Store, a: Cell, b: Cell, sample: int) -> Figure:
    """The effect of hiding a patch on a sample's angle, norm and margin under A, under B, and the difference.

    Colours are shared along a column; red raises the value, blue lowers it. Of a sample without maps under both the
    first one that has them is drawn, and the title says so; where there is none, a row says what makes its maps.
    """
    requested, sample = sample, occlusion_maps.with_maps(store, a, b, sample)
    sides = [
        occlusion_maps.mean(store, store.sides.seeds(a)),
        occlusion_maps.mean(store, store.sides.seeds(b)),
        occlusion_maps.difference(store, store.sides.pairs(a, b)),
    ]
    tables = [None if side is None else side.over(np.array([sample])) for side in sides]
    seeds = (*store.sides.seeds(a), *store.sides.seeds(b))
    cell = next((c for c in seeds if occlusion_maps.stamp(store, c)), None)
    figure, grid = _tiles(store, (a, b), sample, 3, (7.4, 5.6))
    for column, (kind, unit) in enumerate(zip(occlusion_maps.MAPPED, occlusion_maps.UNITS, strict=True)):
        maps = [None if table is None else table[column] for table in tables]
        grid[0][column + 1].set_title(f"{kind}, {unit}", fontsize=8)
        if cell is not None:
            place = lambda shape, of=cell: [occlusion_maps.placed(store, of, shape[axis], axis) for axis in (1, 0)]
            _draw(figure, grid[:, column + 1], maps, place)
    for line, (name, side, table) in enumerate(zip("AB", (a, b), tables[:2], strict=True)):
        if table is None:
            lines = [occlusion_maps.command(store, c, (sample,)) for c in store.sides.seeds(side)[:1]]
            text = textwrap.fill(f"No maps under {name}; this makes them: {lines[0]}", 74, break_on_hyphens=False)
            look = {"ha": "center", "va": "center", "transform": grid[line][2].transAxes, "in_layout": False}
            grid[line][2].text(0.5, 0.5, text, fontsize=7, **look)
    figure.suptitle(f"{_titled(store, sample, requested)}: change when a patch is hidden", fontsize=9)
    return figure


def method_maps_figure(
    store: Store, a: Cell, b: Cell, sample: int, target: str = "dense", first: str = ""
) -> Figure | None:
    """A sample's maps by every method that has some of A and of B, under A, under B, and the difference.

    Red speaks for the class, blue against it. Over each difference the cosine of this sample's maps, and the medians
    over all samples and of the null. Of a sample without maps the first one that has some is drawn, and the title says
    so. None where no method has maps of both sides.

    Args:
        store: of the study.
        a: the first side.
        b: the second side.
        sample: by id.
        target: the class that is asked for, in `method_maps.TARGETS`.
        first: the method that comes first, in `method_maps.kinds`; of more than `METHODS` the last are left out.

    Raises:
        results.Damaged: a file cannot be read.
    """
    pairs, (nulls, null_words) = store.sides.pairs(a, b), store.sides.nulls(a, b)
    kinds = method_maps.kinds(store)
    changes = {name: method_maps.difference(store, kind, target, pairs) for name, kind in kinds.items()}
    differences = {name: change for name, change in changes.items() if change is not None}
    if not differences:
        return None
    names = sorted(differences, key=lambda name: name != first)[:METHODS]
    having = np.unique(np.concatenate([differences[name].ids for name in names]))
    requested, sample = sample, sample if sample in having else int(differences[names[0]].ids[0])
    figure, grid = _tiles(store, (a, b), sample, len(names), (max(2.75 + 1.35 * len(names), 5.6), 5.8))
    seeds = [store.sides.seeds(side) for side in (a, b)]
    for name, column in zip(names, grid[:, 1:].T, strict=True):
        kind = kinds[name]
        sides = [*(method_maps.mean(store, kind, target, cells) for cells in seeds), differences[name]]
        maps = [None if side is None else side.over(np.array([sample])) for side in sides]
        for axes, shown in zip(column, maps, strict=True):
            if shown is None:
                axes.text(0.5, 0.5, "no map", transform=axes.transAxes, fontsize=7, ha="center", va="center")
        spans = method_maps.spans(store, kind, target, [*seeds[0], *seeds[1]]) or [(0.0, 1.0, 1.0)] * 2
        _draw(figure, column, [None if shown is None else shown[0] for shown in maps], lambda _, of=spans: of)
        column[0].set_title(name.replace("_", " "), fontsize=8)
        agreement, null = (method_maps.comparison(store, kind, target, of) for of in (pairs, nulls))
        if agreement is not None:
            middle = f"median {_number(agreement.median('cosine'))}"
            middle += "" if null is None else f", null {_number(null.median('cosine'))}"
            column[2].set_title(f"cosine {_number(agreement.median('cosine', sample))}\n{middle}", fontsize=7)
    left = len(differences) - len(names)
    below = "Cosine: of both maps of this sample; median: over all samples that have both"
    below += f"; null: {null_words}" if nulls else ""
    below += f"; {left} more methods are left out" if left else ""
    figure.supxlabel(textwrap.fill(f"{below}.", 24 * len(names) + 30), fontsize=7)
    of = method_maps.TARGETS.get(target, target)
    figure.suptitle(
        f"{_titled(store, sample, requested)}\nmaps for {of}: red speaks for the class, blue against it", fontsize=9
    )
    return figure


def _tiles(
    store: Store, sides: tuple[Cell, Cell], sample: int, maps: int, size: tuple[float, float]
) -> tuple[Figure, np.ndarray]:
    """A figure with rows A, B and B minus A, and a column of the sample's image before those of maps."""
    figure = Figure(figsize=size, layout="constrained")
    grid = figure.subplots(3, maps + 1)
    for axes in grid.ravel():
        axes.set(xticks=[], yticks=[], frame_on=False)
    for name, side, axes in zip("AB", sides, grid[:2, 0], strict=True):
        axes.set_ylabel("\n".join((name, *side)), fontsize=7)
        rows, images = store.results.images(side[1])
        look: dict[str, Any] = {"cmap": "gray", "vmin": 0, "vmax": 255, "interpolation": "nearest"}
        for picture in images[np.flatnonzero(store.ids[rows] == sample)]:
            axes.imshow(picture.squeeze(), **look)
    grid[2, 0].set_ylabel("B minus A", fontsize=7)
    return figure, grid


def _draw(
    figure: Figure,
    column: np.ndarray,
    maps: Sequence[np.ndarray | None],
    place: Callable[[tuple[int, ...]], Sequence[tuple[float, float, float]]],
) -> None:
    """Draw maps of A, B and B minus A in the axes of a column, in colours that they share.

    Args:
        figure: of the axes.
        column: the three axes.
        maps: float[rows, columns] each; None draws nothing.
        place: of the shape of a map its place across and down the image, see `occlusion_maps.placed`.
    """
    shown = [values for values in maps if values is not None]
    reach = max((float(np.abs(v[np.isfinite(v)]).max(initial=0)) for v in shown), default=0) or 1.0
    for line, (axes, values) in enumerate(zip(column, maps, strict=True)):
        if values is None:
            continue
        (left, wide, _), (top, tall, _) = place(values.shape)
        scale = {"cmap": "RdBu_r", "vmin": -reach, "vmax": reach, "extent": (left, left + wide, top + tall, top)}
        image = axes.imshow(values, interpolation="nearest", **scale)
        # As large as the image, whose outermost pixels are no patch's middle.
        axes.set(xlim=(0, 1), ylim=(1, 0))
        if line == 2 or maps[2] is None:
            figure.colorbar(image, ax=axes, location="bottom", shrink=0.8).ax.tick_params(labelsize=6)


def _titled(store: Store, sample: int, requested: int) -> str:
    """A sample and its class, and that it stands for another one without maps."""
    true = next(iter(store.names_of(store.labels[store.ids == sample])), "unknown")
    instead = f" (of sample {requested} there are no maps)" if requested != sample else ""
    return f"Sample {sample}, {with_noun('class', str(true))}{instead}"


def _number(value: float) -> str:
    return f"{value:.2f}" if np.isfinite(value) else "undefined"
