"""The finding of the heat map, and what stands behind it: accuracies, power, effective robustness, the null."""

from html import escape
from typing import NamedTuple

import numpy as np

from rosalind.analysis import accuracy_table, robustness
from rosalind.analysis.accuracy_table import CELL_METRICS, COMPARED, SLICED
from rosalind.analysis.robustness.groups import counted, step_of
from rosalind.analysis.robustness.power import seed_interval
from rosalind.analysis.sides import Cell
from rosalind.analysis.store import Store
from rosalind.viewer import captions
from rosalind.viewer.views.draw import cut, paragraphs
from rosalind.viewer.views.frame import Frame

LETTERS = 24
"""Letters of a method's name in a finding."""

NAMED = 3
"""Methods that are named as the best."""


def finding(frame: Frame, name: str) -> str:
    """One sentence of at most 20 words, escaped: the slice beside all samples, or A beside B.

    Args:
        frame: that is shown.
        name: in `CELL_METRICS`.
    """
    store, (a, b) = frame.store, (frame.state.a, frame.state.b)
    if frame.slice_summary is not None:
        if name not in SLICED:
            return escape(f"{name[0].upper()}{name[1:]} is of all samples, whatever is selected.")
        cells = [cell for cell in frame.slice_summary if cell in store.cells and cell in store.summary]
        part = 100 * np.median([frame.slice_summary[cell]["accuracy"] for cell in cells])
        whole = 100 * np.median([store.summary[cell]["accuracy"] for cell in cells])
        lower = [frame.slice_summary[cell]["accuracy"] < store.summary[cell]["accuracy"] for cell in cells]
        samples = counted(len(frame.rows), "selected sample")
        return (
            f"The {samples}: median {part:.1f} % right, of all {whole:.1f} %; "
            f"harder in {100 * np.mean(lower):.0f} % of cells."
        )
    names = [cut(store.sides.group(side[0]).name, LETTERS) for side in (a, b)]
    methods = [f"{name} under {side[1]}" for name, side in zip(names, (a, b), strict=True)]
    if a == b:
        return escape(f"A and B are {methods[1]}: click a cell to compare it with A.")
    apart = _apart(store, a, b)
    if apart is None:
        return ""
    way, verdict = _way(apart.mean), "one seed cannot tell"
    if apart.is_noise is not None:
        verdict = f"{'within' if apart.is_noise else 'beyond'} seed noise"
    if a[1] != b[1]:
        return escape(f"B, {methods[1]}, is {way} A, {methods[0]}: {verdict}.")
    if not store.results.conditions[b[1]].is_clean:
        return escape(f"Under {b[1]}, B ({names[1]}) is {way} A ({names[0]}): {verdict}.")
    # What holds up is asked of images that are not clean.
    main = robustness.main_mean(store.results, store.results.conditions[b[1]].bn)
    corrupted = None if main is None else _apart(store, (a[0], main.name), (b[0], main.name))
    if corrupted is None:
        return escape(f"On clean images, B ({names[1]}) is {way} A ({names[0]}): {verdict}.")
    first = f"Corrupted, B ({names[1]}) is {_way(corrupted.mean)} A ({names[0]})"
    second = f"clean {_way(apart.mean, 'level').replace(' points', '')}"
    if apart.is_noise is None or corrupted.is_noise is None:
        return escape(f"{first}, {second}: one seed cannot tell.")
    if apart.is_noise == corrupted.is_noise:
        return escape(f"{first}, {second}: both {'within' if apart.is_noise else 'beyond'} seed noise.")
    one, other = ("within", "beyond") if corrupted.is_noise else ("beyond", "within")
    return escape(f"{first}, {one} seed noise; {second}, {other}.")


class Apart(NamedTuple):
    """The difference of two methods under a condition or mean.

    Attributes:
        mean: Points, B's minus A's, over pairs of seeds.
        is_noise: True where the 95 % interval over seeds holds 0; None of one pair.
    """

    mean: float
    is_noise: bool | None


def _apart(store: Store, a: Cell, b: Cell) -> Apart | None:
    """B's method beside A's; None where they share no seed that is measured."""
    changes = 100 * accuracy_table.between_methods(store, a, b)
    if not len(changes):
        return None
    mean = float(changes.mean())
    if len(changes) == 1:
        return Apart(mean, None)
    _, half, _ = seed_interval(changes, step=100 * step_of(store.results))
    return Apart(mean, bool(abs(mean) <= half))


def _way(points: float, level: str = "level with") -> str:
    """The size of a difference, and whether it is below or above; `level` where no digit would show it."""
    return level if abs(points) < 0.05 else f"{abs(points):.1f} points {'below' if points < 0 else 'above'}"


def key(frame: Frame, name: str) -> str:
    """Key of numbers and colours, how to use the map, and who holds up best, as HTML."""
    metric = CELL_METRICS[name]
    notch = "; notch: all samples, from there a line to the selected ones" if frame.has_selection else ""
    best = "" if frame.has_selection or name != "accuracy" else _best(frame.store)
    use = "Click: B; shift-click: A; drag: these networks and conditions in all views."
    return f"{best}Cells: {metric.words}{notch}. {use}"


def _best(store: Store) -> str:
    """The `NAMED` methods with the highest mean under corruption, as HTML; empty of no more of them."""
    main = robustness.main_mean(store.results)
    if main is None or main.name not in store.columns:
        return ""
    means = robustness.nan_mean_std(accuracy_table.values(store, "accuracy"))[0][:, store.columns.index(main.name)]
    order = np.argsort(-means, kind="stable")[: np.isfinite(means).sum()]
    if len(order) <= NAMED:
        return ""
    listed = ", ".join(f"{escape(cut(store.groups[k].name, LETTERS))} {means[k]:.1f}" for k in order[:NAMED])
    return f"Best under corruption, % right: {listed}. "


def details(frame: Frame, name: str) -> str:
    """Accuracies of A and B, what cells show, how to read and use them, the difference and its power; HTML."""
    store, a, b = frame.store, frame.state.a, frame.state.b
    cells = f"Cells: {CELL_METRICS[name].words}, {'of means' if name == 'rank' else 'mean'} over seeds"
    if CELL_METRICS[name].ratio:
        cells += ", blue is less than the parent's and red is more"
    elif not CELL_METRICS[name].signed:
        meaning = {1: "better", -1: "better, as lower is", 0: "more"}
        cells += f", yellow is {meaning[CELL_METRICS[name].better]}"
    if frame.has_selection and name in SLICED:
        cells += f", {frame.slice_words}; a notch is all samples, a line leads from there to the slice"
    cells += ". "
    if name == "effective robustness":
        cells += store.cached(("grid", "effective lines"), lambda: _lines(store))
    if name == "difference":
        networks = sum(len(group.networks) for group in store.groups)
        if without := networks - len(accuracy_table.dense_networks(store)):
            cells += f"Gaps: {without} networks without a parent and without a dense network of their seed. "
    cells += (
        "Click a cell to make it B, shift-click to make it A, and a name to see its severities below. Drag a box to "
        "choose networks and conditions for all views: down the wide columns networks alone, along the names "
        "conditions alone."
    )
    return paragraphs(
        f"A: {captions.side_accuracy(store, a)}; B: {captions.side_accuracy(store, b)}.",
        cells,
        captions.accuracy_difference(store, a, b),
        _null(frame, name) if frame.state.null else "",
        escape(accuracy_table.sources(store)),
    )


def _lines(store: Store) -> str:
    """The lines of effective robustness, and why cells have none."""
    summary, columns = store.summary, set(store.columns)
    measured = [cell for cell in summary if cell[1] in columns]
    lines = [line for cell in measured if (line := robustness.effective_line(summary[cell])) is not None]
    if not lines:
        return "As an earlier version wrote it, also where the line says little; run the study again to renew it. "
    fitted = [line for line in lines if line.baselines == max(line.baselines for line in lines)]
    low, high = (f"{100 * end:.1f}" for end in (fitted[0].low, fitted[0].high))
    gaps = "; ".join(robustness.effective_gaps(store.results, summary, measured))
    return (
        f"A condition's line is fitted through {fitted[0].baselines} dense networks with {low} to {high} % right "
        f"on clean images. {f'Cells without a value: {gaps}. ' if gaps else ''}"
    )


def _null(frame: Frame, name: str) -> str:
    """The size of differences that seeds alone make."""
    store, condition, text = frame.store, frame.state.b[1], ""
    seed_range = accuracy_table.seed_range(store)
    if name in COMPARED and np.isfinite(seed_range).any():
        points = seed_range[store.columns.index(condition)]
        text = (
            f"Two dense networks that differ in the seed lie up to {points:.1f} points apart under "
            f"{escape(condition)} and up to {np.nanmax(seed_range):.1f} anywhere; a pale number with a mark in the "
            "corner is a difference no larger than that of its column. "
        )
    accuracy = lambda cell: 100 * store.correct(cell).mean()
    differences = [abs(accuracy(second) - accuracy(first)) for first, second in frame.nulls]
    return f"{text}{frame.null_sentence}" + (
        f" They differ by up to {max(differences):.1f} points." if differences else ""
    )
