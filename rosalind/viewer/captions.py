"""Sentences about the two sides that are compared: how often they are right, what the data can show, how to read it."""

from collections.abc import Sequence
from html import escape

import numpy as np

from rosalind.analysis import accuracy_table
from rosalind.analysis.robustness import mean_and_deviation
from rosalind.analysis.robustness.power import detectable_with_pairs, detectable_with_samples, seed_interval
from rosalind.analysis.sides import Cell
from rosalind.analysis.store import Store

LISTED = 10
"""Most seeds whose differences are named one by one."""


def side(store: Store, cell: Cell) -> str:
    """The method of a side under its condition, as mean over seeds with the interval over images; escaped."""
    group = store.sides.group(cell[0])
    found = [store.summary[name, cell[1]] for name in group.networks if (name, cell[1]) in store.summary]
    accuracies = [numbers["accuracy"] for numbers in found]
    ends = [(numbers["accuracy_low"], numbers["accuracy_high"]) for numbers in found]
    low, high = 100 * np.mean(ends, 0) if ends else (np.nan, np.nan)
    images = f"; over images {low:.1f} to {high:.1f}" if np.isfinite([low, high]).all() else ""
    seeds = f"deviation over {len(accuracies)} seeds" if len(accuracies) > 1 else "1 seed"
    if cell[0] not in store.sides.groups_by_id and len(accuracies) > 1:
        seeds += f"; this one {100 * store.summary[cell]['accuracy']:.1f}"
    return (
        f"{escape(group.name)} under {escape(cell[1])}, {mean_and_deviation(accuracies).replace('+-', '±')} % right "
        f"({seeds}{images})"
    )


def shown_by(store: Store, a: Cell, b: Cell) -> str:
    """The difference of two sides, and the smallest that so many images and pairs of seeds can show.

    Empty where both sides are the same, or are groups that share no seed.
    """
    pairs = store.sides.pairs(a, b)
    if a == b or not pairs:
        return ""
    right = [(store.correct(x), store.correct(y)) for x, y in pairs]
    discordant = float(np.mean([np.mean(x != y) for x, y in right]))
    images = len(store.ids)
    least = 100 * detectable_with_samples(images, discordant)
    each = [100 * float(y.mean() - x.mean()) for x, y in right]
    listed = f" ({', '.join(f'{value:+.1f}' for value in each)})" if len(each) <= LISTED else ""
    over = f" over {len(pairs)} seeds, paired{listed}" if len(pairs) > 1 else ""
    if len(pairs) == 1 and max(len(store.sides.group(cell[0]).networks) for cell in (a, b)) > 1:
        over = " for these two networks alone"
    text = f"B - A is {np.mean(each):+.1f} points{over}"
    power = (
        f"With power 80 % at level 5 %, {images:,} images show differences from {least:.1f} points on (McNemar: "
        f"2.80 sqrt(d / images), d = {100 * discordant:.1f} % that only one has right)"
    )
    changes = 100 * accuracy_table.between_methods(store, a, b)
    if len(changes) > 1 and (store.sides.group(a[0]), a[1]) != (store.sides.group(b[0]), b[1]):
        mean, half, count = seed_interval(changes)
        low, high = mean - half, mean + half
        text += "" if len(pairs) > 1 else f"; of their methods {mean:+.1f}"
        text += f". <b>95 % over {count} pairs of seeds: {low:+.1f} to {high:+.1f}</b>, "
        text += (
            "with 0 in it: seeds alone may do that"
            if low <= 0 <= high
            else "without 0: more than seeds alone do"
        )
        deviation = float(changes.std(ddof=1))
        least = detectable_with_pairs(len(changes), deviation)
        power += f"; {count} pairs of seeds from {least:.1f} on (paired t-test, deviation {deviation:.1f})"
    return f"{text}. {power}."


def changes(
    store: Store,
    sides: tuple[Cell, Cell],
    measures: Sequence[str],
    shown: np.ndarray,
    *,
    raw: bool = False,
    nulls: Sequence[tuple[Cell, Cell]] = (),
) -> str:
    """How much of the samples is right and how measures are from one side to another, each beside what chance shows.

    That is the null, and the smallest change that so many samples, and so many pairs of seeds, can show.

    Args:
        store: of the study.
        sides: from which, and to which.
        measures: in `MEASURES`.
        shown: bool[n] samples that count; for a measure those of them that are finite on both sides.
        raw: leave norms and margins undivided.
        nulls: pairs of sides that do not differ, where they are asked for; of a mean over them the largest is told.
    """
    pairs = store.sides.pairs(*sides)

    def right(pair: tuple[Cell, Cell]) -> np.ndarray:
        return 100.0 * store.correct(pair[1])[shown] - 100.0 * store.correct(pair[0])[shown]

    def moved(pair: tuple[Cell, Cell], measure: str) -> np.ndarray:
        found = store.difference(*pair, measure, raw)[shown]
        return found[np.isfinite(found)].astype(np.float64)

    def told(change: str, least: float, each: list[float], beside: str) -> str:
        shown_from = f"{least:.2g}"
        if len(each) > 1:
            shown_from += f" and {detectable_with_pairs(len(each), float(np.std(each, ddof=1))):.2g}"
        return f"{change} (shown from {shown_from} on{'; null within ±' * bool(beside)}{beside})"

    parts = []
    # Of groups the mean over seeds, not what most seeds say of each sample.
    own = [right(pair) for pair in pairs] or [right(sides)]
    if shown.any():
        each = [float(found.mean()) for found in own]
        least = 100 * detectable_with_samples(
            int(shown.sum()), float(np.mean([np.mean(f != 0) for f in own]))
        )
        beside = f"{max(abs(right(null).mean()) for null in nulls):.1f}" if nulls else ""
        parts.append(told(f"{np.mean(each):+.1f} points right", least, each, beside))
    for measure in dict.fromkeys(measures):
        found = moved(sides, measure)
        if len(found) > 1:
            least = detectable_with_pairs(len(found), float(found.std(ddof=1)))
            each = [float(moved(pair, measure).mean()) for pair in pairs]
            apart = [abs(values.mean()) for null in nulls if (values := moved(null, measure)).size]
            beside = f"{max(apart):.2f}" if apart else ""
            change = f"{measure.replace('_', ' ')} {found.mean():+.2f} ± {found.std():.2f}"
            parts.append(told(change, least, each, beside))
    if not parts:
        return ""
    by = f"{int(shown.sum()):,} samples" + (f" and {len(pairs)} pairs of seeds" if len(pairs) > 1 else "")
    return (
        f"From A to B: {', '.join(parts)}, mean ± deviation over samples; in brackets the smallest change "
        f"that {by} can show with power 80 % at level 5 %. "
    )


def of_groups(store: Store, a: Cell, b: Cell) -> str:
    """How samples of groups of seeds are read; empty where both sides are single networks."""
    counts, shared = [len(store.sides.seeds(cell)) for cell in (a, b)], len(store.sides.pairs(a, b))
    if max(counts) == 1:
        return ""
    return "Groups: every sample's mean over seeds, right where most seeds are; " + (
        f"differences are paired over {shared} shared seeds. "
        if counts == [shared, shared]
        else f"A has {counts[0]} and B {counts[1]} seeds, so differences are of means. "
    )


def of_angles(store: Store, a: Cell, b: Cell) -> str:
    """A warning where the smallest angle names less than 99 % of the predictions of a side; HTML."""
    told = []
    for letter, cell in (("A", a), ("B", b)):
        share = min(store.summary[seed]["angle_agreement"] for seed in store.sides.seeds(cell))
        if share < 0.99:
            told.append(f"under {letter} of {np.floor(1000 * share) / 10:.1f} %")
    if not told:
        return ""
    return (
        "<b>Angles do not tell the whole story</b>: the smallest angle names the prediction "
        f"{' and '.join(told)} of samples."
    )
