"""Class matrices of two sides: tables, order and groups of classes, limits and captions. NumPy only."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Float32, Float64, Int

from rosalind.analysis import class_order, collapse, downsampling, rasters
from rosalind.analysis.blas import one_thread
from rosalind.analysis.class_order import Rows
from rosalind.analysis.robustness.power import detectable_with_pairs, detectable_with_samples
from rosalind.analysis.sides import Cell
from rosalind.analysis.similarity import leaf_order
from rosalind.analysis.store import NEAREST, Store
from rosalind.results import Damaged

ANGLES, BETWEEN, CONFUSION = "angles to directions", "between class directions", "confusion"
ORDERS = ("class order", "likeness")
NAMES = {"a": "A", "b": "B", "difference": "B minus A", "null": "The null"}

PICKS = {ANGLES: "least", BETWEEN: "least", CONFUSION: "most"}
"""The field that a pixel shows where several share it; of a change it is the one farthest from zero."""


def reference(store: Store) -> Cell:
    """The cell by whose angles classes are ordered and grouped: the first condition of the first network with geometry.

    It does not follow A and B, so that rows stay where they are and a group's number in an address means
    the same classes for everyone.
    """
    networks = [n for n in store.networks if not store.results.networks[n].only_predictions] or store.networks
    return next(cell for c in store.conditions if store.sides.has(cell := (networks[0], c)))


def apart(store: Store) -> Float32[np.ndarray, "c c"]:
    """Distances between classes, from the mean angles of the reference cell."""
    make = lambda: class_order.distances(table(store, reference(store), ANGLES))
    return store.cached(("classes", "apart"), make)


def order_of_likeness(store: Store) -> Int[np.ndarray, " c"]:
    """Classes with similar ones beside each other."""
    return store.cached(("classes", "order"), lambda: leaf_order(apart(store)))


def in_order(store: Store, way: str) -> Int[np.ndarray, " c"]:
    """The classes in one of `ORDERS`."""
    return order_of_likeness(store) if way == "likeness" else np.arange(len(store.class_names))


def groups_of(store: Store) -> Int[np.ndarray, " c"]:
    """The group of each class, numbered in order of likeness."""
    count = class_order.group_count(len(store.class_names))
    make = lambda: class_order.segments(apart(store), order_of_likeness(store), count)
    return store.cached(("classes", "groups"), make)


def sliceable(store: Store, show: str) -> bool:
    """True for a matrix that a slice of the samples has of its own.

    Angles between directions are of no samples; mean angles to all directions need every logit (`store.NEAREST`).
    """
    return show == CONFUSION or (show == ANGLES and len(store.class_names) <= NEAREST)


def table(
    store: Store, cell: Cell, show: str, mask: Bool[np.ndarray, " n"] | None = None
) -> Float32[np.ndarray, "c c"]:
    """The matrix of one side, in degrees or samples; all NaN where it is not stored.

    Args:
        store: of the study.
        cell: the side.
        show: in `PICKS`.
        mask: the samples that count, of matrices that are `sliceable`; all without. A class without any is NaN.
    """
    count = len(store.class_names)
    if show != CONFUSION and store.without_geometry(cell):
        return np.full((count, count), np.nan, np.float32)
    if mask is not None and sliceable(store, show):
        if show == CONFUSION:
            rows = np.flatnonzero(mask)
            return class_order.confusion(store.labels[rows], store.predictions(cell)[rows], count)
        numbers, angles = store.class_angles(cell, tuple(range(count)))
        return class_sums(angles, store.labels, numbers, np.flatnonzero(mask)).means

    def directions() -> np.ndarray:
        heads = [store.results.head(name)[0] for name, _ in store.sides.seeds(cell)]
        return np.mean([class_order.between_directions(kernel) for kernel in heads], axis=0)

    if show == BETWEEN:
        return store.cached(("classes", show, cell[0]), directions)
    if show == CONFUSION:
        make = lambda: class_order.confusion(store.labels, store.predictions(cell), count)
        return store.cached(("classes", show, cell), make)
    try:
        return store.class_matrix(cell)
    except Damaged:
        # Cells that others have added may lack what no view but this one needs.
        return np.full((count, count), np.nan, np.float32)


class ClassSums(NamedTuple):
    """Sums of the angles of some samples, by their class (row) and the class of the direction (column).

    Attributes:
        total: float64[k, k]: of the finite angles.
        count: int64[k, k]: the number of those.
        samples: int64[k]: the number of samples of each class.
    """

    total: Float64[np.ndarray, "k k"]
    count: Int[np.ndarray, "k k"]
    samples: Int[np.ndarray, " k"]

    @property
    def means(self) -> Float32[np.ndarray, "k k"]:
        """Mean angles; NaN for a class without any sample, or with one whose angle is not finite."""
        complete = (self.count == self.samples[:, None]) & (self.count > 0)
        gaps = np.full(self.total.shape, np.nan)
        return np.divide(self.total, self.count, out=gaps, where=complete).astype(np.float32)

    @property
    def own_and_others(self) -> tuple[float, float]:
        """Mean angle of the samples to the direction of their class, and to the other directions; NaN of none."""
        diagonal = np.eye(len(self.samples), dtype=bool)
        mean = lambda part: float(self.total[part].sum() / count) if (count := self.count[part].sum()) else float("nan")
        return mean(diagonal), mean(~diagonal)


def class_sums(
    angles: Float[np.ndarray, "n k"],
    labels: Int[np.ndarray, " n"],
    numbers: Int[np.ndarray, " k"],
    rows: Int[np.ndarray, " m"],
) -> ClassSums:
    """Sums of angles over the samples of each class.

    Args:
        angles: to the directions of the classes `numbers`.
        labels: of the samples; those of another class, or of none (-1), count nowhere.
        numbers: classes of the columns.
        rows: samples that count.

    >>> angles, labels = np.array([[10.0, 80.0], [30.0, 60.0], [0.0, 0.0]]), np.array([0, 0, 1])
    >>> sums = class_sums(angles, labels, np.array([0, 1]), np.array([0, 1]))
    >>> sums.means.tolist(), sums.own_and_others
    ([[20.0, 70.0], [nan, nan]], (20.0, 70.0))
    """
    angles, labels = angles[rows], labels.take(rows)
    # One product for all classes: 2 ms for 40,000 samples of 10, where sums of each column took 8.
    member = (labels == numbers[:, None].astype(labels.dtype)).astype(angles.dtype)
    samples = np.count_nonzero(member, axis=1)
    with one_thread():
        total, count = member @ angles, np.broadcast_to(samples[:, None], (len(numbers), len(numbers)))
        if not np.isfinite(total).all():
            finite = np.isfinite(angles)
            total, count = member @ np.where(finite, angles, 0), member @ finite.astype(angles.dtype)
    return ClassSums(total.astype(np.float64), count.astype(np.int64), samples)


def collapsed(store: Store, cell: Cell, mask: Bool[np.ndarray, " n"] | None = None) -> Float64[np.ndarray, " numbers"]:
    """Neural collapse of a side, mean over seeds, in the order of `collapse.MEASURES`.

    With a mask of the samples: of those of them whose features are stored, `collapse.of_slice`.
    """
    if mask is not None:
        return np.mean([_collapsed(store, seed, mask) for seed in store.sides.seeds(cell)], axis=0)

    def one(seed: Cell) -> list[float]:
        try:
            return list(collapse.of_cell(store.results, *seed).values())
        except Damaged:
            return [np.nan] * len(collapse.MEASURES)

    make = lambda: np.mean([one(seed) for seed in store.sides.seeds(cell)], axis=0)
    return store.cached(("classes", "collapse", cell), make)


def _collapsed(store: Store, seed: Cell, mask: np.ndarray) -> list[float]:
    """`collapse.of_slice` of a single cell; NaN where it has no features."""
    subset = store.results.samples["subset"]
    try:
        make = lambda: store.results.geometry(*seed, ("features",))["features"]
        features = store.cached(("features", seed), make)
        head, prediction = store.results.head(seed[0])[0], store.predictions(seed)[subset]
    except (Damaged, OSError):
        return [np.nan] * len(collapse.MEASURES)
    chosen = mask[subset]
    parts = features[chosen], store.labels[subset][chosen], prediction[chosen], head
    with one_thread():
        return list(collapse.of_slice(*parts).values())


def detectable(store: Store, a: Cell, b: Cell, show: str) -> str:
    """The smallest change on the diagonal that the samples of a class can show; empty where it is not of samples."""
    return store.cached(("classes", "detectable", a, b, show), lambda: _detectable(store, a, b, show))


def _detectable(store: Store, a: Cell, b: Cell, show: str) -> str:
    moved = store.difference(a, b, "angle").astype(np.float64)
    labelled = (store.labels >= 0) & np.isfinite(moved)
    if show == BETWEEN or not labelled.any():
        return ""
    labels, moved = store.labels[labelled], moved[labelled]
    count = np.bincount(labels, minlength=len(store.class_names))
    size = int(np.median(count[count > 0]))
    if show == ANGLES:
        middle = np.bincount(labels, moved, len(count)) / np.maximum(count, 1)
        least = f"{detectable_with_pairs(size, float((moved - middle[labels]).std())):.2g} degrees"
    else:
        discordant = float(np.mean(store.correct(a) != store.correct(b)))
        least = f"{size * detectable_with_samples(size, discordant):.0f} samples"
    return f"With power 80 % at level 5 % a class of {size:,} samples shows changes on the diagonal from {least} on."


def limits(tables: Mapping[str, np.ndarray]) -> dict[str, tuple[float, float]]:
    """Colour limits by side: A and B share theirs, and so do the difference and the null, around zero."""

    def reach(*arrays: np.ndarray) -> tuple[float, float]:
        ends = [(float(np.nanmin(f)), float(np.nanmax(f))) for f in arrays if np.isfinite(f).any()]
        low, high = min((e[0] for e in ends), default=0.0), max((e[1] for e in ends), default=1.0)
        return (low, high) if high > low else (low - 0.5, low + 0.5)

    both = reach(tables["a"], tables["b"])
    ends = reach(*(tables[side] for side in ("difference", "null") if side in tables))
    around = rasters.symmetric(max(abs(ends[0]), abs(ends[1])))
    return {"a": both, "b": both, "difference": around, "null": around}


def finding(tables: Mapping[str, Float[np.ndarray, "r r"]], show: str, *, grouped: bool = False) -> str:
    """The matrices of sides `a` and `b` in one sentence of at most 20 words."""
    mean = lambda matrix: float(matrix[np.isfinite(matrix)].mean()) if np.isfinite(matrix).any() else float("nan")
    apart = mean(np.abs(tables["difference"]))
    if show == CONFUSION:
        a, b = (f"{np.trace(tables[side]):,.0f} of {tables[side].sum():,.0f}" for side in "ab")
        return f"Samples {'in their own group' if grouped else 'that are right'}: A {a}, B {b}."
    if not np.isfinite(apart):
        return "A or B has no such angles, only predictions: confusion needs no more."
    if show == BETWEEN:
        return f"Class directions are {mean(tables['a']):.1f}° apart in A and {mean(tables['b']):.1f}° in B."
    a, b = (mean(np.diagonal(tables[side])) for side in "ab")
    row_kind = "group" if grouped else "class"
    return f"Mean angle to the own {row_kind}: A {a:.1f}°, B {b:.1f}°; on average cells differ by {apart:.1f}°."


def sentence(rows: Rows, tables: Mapping[str, Float[np.ndarray, "r r"]], show: str, null: str | None = None) -> str:
    """The caption of matrices in numbers.

    Args:
        rows: of the tables.
        tables: of sides `a`, `b`, `difference` and perhaps `null`.
        show: what they are of.
        null: what the null is or why there is none, as HTML, where one is asked for.
    """
    diagonal, unit = np.eye(len(rows), dtype=bool), " samples" if show == CONFUSION else " degrees"
    group = " group" if rows.grouped else ""
    mean = lambda matrix: float(matrix[np.isfinite(matrix)].mean()) if np.isfinite(matrix).any() else None
    number = lambda v, unit: "nothing measured" if v is None else f"{v:.1f}{unit}"
    sentences = []
    for side in ("a", "b"):
        matrix = tables[side]
        if show == CONFUSION:
            where = "in the own group" if rows.grouped else "right"
            sentences.append(f"{NAMES[side]} {np.trace(matrix):,.0f} of {matrix.sum():,.0f} {where}")
        elif show == BETWEEN:
            sentences.append(f"{NAMES[side]} {number(mean(matrix), unit)} on average")
        else:
            to_own, to_others = (number(mean(matrix[part]), "") for part in (diagonal, ~diagonal))
            sentences.append(f"{NAMES[side]} {to_own} degrees to the own{group}, {to_others} to others")
    moved = lambda side: number(mean(np.abs(tables[side])), unit)
    sentences.append(f"B and A differ by {moved('difference')} a field")
    if "null" in tables:
        sentences[-1] += f", the null ({null}) by {moved('null')}"
    elif null is not None:
        sentences[-1] += f"; no null: {null}"
    meaning = {
        ANGLES: "mean angle from the samples of a class (row) to a class direction (column)",
        BETWEEN: "angle between two class directions of the head, whatever the condition",
        CONFUSION: "samples of a true class (row) predicted as another (column), shaded by logarithm",
    }[show]
    meaning += ", mean over the classes of two groups" if rows.grouped and show != CONFUSION else ""
    click = "Click a field for the samples of its row that are predicted as its column."
    click = "Click a row to open its group." if rows.grouped else click
    if len(rows) > downsampling.PIXELS:
        click += (
            " Fields that share a pixel show what stands out: the smallest angle, the most samples, the largest "
            "change; drag a box to zoom all matrices, down to single fields."
        )
    return f"Matrices: {meaning}; {'; '.join(sentences)}. {click}"
