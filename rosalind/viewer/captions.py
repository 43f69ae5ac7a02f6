"""Captions about A and B: accuracies, their difference and its power, notes on groups and angles."""

from collections.abc import Sequence
from html import escape

import numpy as np

from rosalind.analysis import accuracy_table, moved
from rosalind.analysis.robustness import mean_and_deviation
from rosalind.analysis.robustness.groups import step_of
from rosalind.analysis.robustness.power import detectable_with_pairs, detectable_with_samples, seed_interval
from rosalind.analysis.sides import Cell
from rosalind.analysis.store import Store

LISTED = 10
"""Most seeds whose differences are listed one by one."""


def side_accuracy(store: Store, cell: Cell) -> str:
    """The accuracy of a side's method: mean over seeds, and the interval over images; HTML."""
    group = store.sides.group(cell[0])
    rows = [store.summary[name, cell[1]] for name in group.networks if (name, cell[1]) in store.summary]
    accuracies = [row["accuracy"] for row in rows]
    ends = [(row["accuracy_low"], row["accuracy_high"]) for row in rows]
    low, high = 100 * np.mean(ends, 0) if ends else (np.nan, np.nan)
    images = f"; over images {low:.1f} to {high:.1f}" if np.isfinite([low, high]).all() else ""
    seeds = f"deviation over {len(accuracies)} seeds" if len(accuracies) > 1 else "1 seed"
    if cell[0] not in store.sides.groups_by_id and len(accuracies) > 1:
        seeds += f"; this one {100 * store.summary[cell]['accuracy']:.1f}"
    return (
        f"{escape(group.name)} under {escape(cell[1])}, {mean_and_deviation(accuracies).replace('+-', '±')} % right "
        f"({seeds}{images})"
    )


def accuracy_difference(store: Store, a: Cell, b: Cell) -> str:
    """The difference of two accuracies, and the smallest that so many images and pairs of seeds can show; HTML.

    Empty where both sides are the same, or are groups that share no seed.
    """
    pairs = store.sides.pairs(a, b)
    if a == b or not pairs:
        return ""
    correct = [(store.correct(x), store.correct(y)) for x, y in pairs]
    discordant = float(np.mean([np.mean(x != y) for x, y in correct]))
    images = len(store.ids)
    smallest = 100 * detectable_with_samples(images, discordant)
    each = [100 * float(y.mean() - x.mean()) for x, y in correct]
    listed = f" ({', '.join(f'{value:+.1f}' for value in each)})" if len(each) <= LISTED else ""
    over = f" over {len(pairs)} seeds, paired{listed}" if len(pairs) > 1 else ""
    if len(pairs) == 1 and max(len(store.sides.group(cell[0]).networks) for cell in (a, b)) > 1:
        over = " for these two networks alone"
    text = f"B - A is {np.mean(each):+.1f} points{over}"
    power = (
        f"With power 80 % at level 5 %, {images:,} images show differences from {smallest:.1f} points on (McNemar: "
        f"2.80 sqrt(d / images), d = {100 * discordant:.1f} % that only one has right)"
    )
    changes = 100 * accuracy_table.between_methods(store, a, b)
    if len(changes) > 1 and (store.sides.group(a[0]), a[1]) != (store.sides.group(b[0]), b[1]):
        mean, half, count = seed_interval(changes, step=100 * step_of(store.results))
        low, high = mean - half, mean + half
        text += "" if len(pairs) > 1 else f"; of their methods {mean:+.1f}"
        text += f". <b>95 % over {count} pairs of seeds: {low:+.1f} to {high:+.1f}</b>, "
        text += "with 0 in it: seeds alone may do that" if low <= 0 <= high else "without 0: more than seeds alone do"
        deviation = float(changes.std(ddof=1))
        smallest = detectable_with_pairs(len(changes), deviation)
        power += f"; {count} pairs of seeds from {smallest:.1f} on (paired t-test, deviation {deviation:.1f})"
    return f"{text}. {power}."


def mean_changes(
    store: Store,
    sides: tuple[Cell, Cell],
    measures: Sequence[str],
    shown: np.ndarray,
    *,
    raw: bool = False,
    nulls: Sequence[tuple[Cell, Cell]] = (),
) -> str:
    """The changes of accuracy and measures from one side to another, each beside the null and its power.

    The power is the smallest change that so many samples, and so many pairs of seeds, can show.

    Args:
        store: of the study.
        sides: from which, and to which.
        measures: keys of `store.measures`.
        shown: bool[n] samples that count; for a measure those of them that are finite on both sides.
        raw: leave norms and margins unscaled.
        nulls: pairs of sides without an effect, where the null is shown; the largest absolute mean is reported.
    """
    pairs, rows = store.sides.pairs(*sides), np.flatnonzero(shown)

    def accuracy_change(pair: tuple[Cell, Cell]) -> tuple[float, float]:
        """The mean change in points, and the share of samples that only one has right."""
        before, after = (store.correct(cell).take(rows) for cell in pair)
        gain = np.count_nonzero(after) - np.count_nonzero(before)
        return 100.0 * gain / len(rows), np.count_nonzero(before != after) / len(rows)

    def measure_change(pair: tuple[Cell, Cell], measure: str) -> np.ndarray:
        difference = store.difference(*pair, measure, raw).take(rows)
        return difference[np.isfinite(difference)].astype(np.float64)

    def with_power(change: str, smallest: float, means: list[float], null: str) -> str:
        limits = f"{smallest:.2g}"
        if len(means) > 1:
            limits += f" and {detectable_with_pairs(len(means), float(np.std(means, ddof=1))):.2g}"
        return f"{change} (shown from {limits} on{'; null within ±' * bool(null)}{null})"

    parts = []
    # For groups the mean over seeds, not the majority vote of each sample.
    if len(rows):
        means, discordances = zip(*(accuracy_change(pair) for pair in pairs or [sides]), strict=True)
        discordant = float(np.mean(discordances))
        smallest = 100 * detectable_with_samples(len(rows), discordant)
        null = f"{max(abs(accuracy_change(pair)[0]) for pair in nulls):.1f}" if nulls else ""
        parts.append(with_power(f"{np.mean(means):+.1f} points right", smallest, list(means), null))
    for measure in dict.fromkeys(measures):
        change = measure_change(sides, measure)
        if len(change) > 1:
            # A product with itself would wake the threads of BLAS, 14 ms on busy cores for 0.1.
            mean, variance = float(change.mean()), float(change.var())
            smallest = detectable_with_pairs(len(change), (variance * len(change) / (len(change) - 1)) ** 0.5)
            means = [float(measure_change(pair, measure).mean()) for pair in pairs]
            null_means = [abs(c.mean()) for pair in nulls if (c := measure_change(pair, measure)).size]
            null = f"{max(null_means):.2f}" if null_means else ""
            sentence = f"{measure.replace('_', ' ')} {mean:+.2f} ± {variance**0.5:.2f}"
            parts.append(with_power(sentence, smallest, means, null))
    if not parts:
        return ""
    basis = f"{len(rows):,} samples" + (f" and {len(pairs)} pairs of seeds" if len(pairs) > 1 else "")
    return (
        f"From A to B: {', '.join(parts)}, mean ± deviation over samples; in brackets the smallest change "
        f"that {basis} can show with power 80 % at level 5 %. "
    )


def in_digits(value: float, *, signed: bool = False) -> str:
    """A number with two decimals, and where these are not two digits with more.

    >>> in_digits(-4.123), in_digits(0.0123, signed=True), in_digits(0.0), in_digits(0.000004)
    ('-4.12', '+0.012', '0.00', '4.0e-06')
    """
    size = abs(value)
    few = not np.isfinite(size) or size == 0 or size >= 0.095
    sign = "+" if signed else ""
    if few:
        return f"{value:{sign}.2f}"
    return f"{value:{sign}.1e}" if size < 1e-5 else f"{value:{sign}.{1 - int(np.floor(np.log10(size)))}f}"


SAME = "A and B are the same: choose another B."


def moved_sentence(store: Store, a: Cell, b: Cell, mask: np.ndarray, *, raw: bool = False) -> str:
    """Sentence on the measure that moved most from A to B, in units of the change between seeds or draws.

    At most 20 words; of fewer than `moved.FEWEST_PAIRS` pairs the numbers side by side, without saying how many times.
    """
    if a == b:
        return SAME
    first, *others = moved.moved(store, a, b, mask, raw=raw)
    if not np.isfinite(first.change):
        return "No sample has an angle, a norm and a margin under both A and B."
    size = lambda one: f"{in_digits(one.change, signed=True)} {store.measures[one.measure].unit_shown(raw)}"
    if not np.isfinite(first.null):
        return f"From A to B the {first.measure} moves by {size(first)}; no seeds to compare it with."
    by_chance = "draws" if any(one[0] == other[0] for one, other in store.sides.nulls(a, b)[0]) else "seeds"
    count = min(one.pairs for one in (first, *others) if one.pairs and np.isfinite(one.change))
    pairs = f"{count} pair{'s' * (count != 1)} of {by_chance}"
    if count < moved.FEWEST_PAIRS:
        finite = [one for one in (first, *others) if np.isfinite(one.change) and np.isfinite(one.null)]
        sizes = "; ".join(f"{one.measure} {size(one)} ({in_digits(one.null)})" for one in finite)
        return f"{sizes[0].upper()}{sizes[1:]}; in brackets: {pairs}."
    rest = ", ".join(f"{one.measure} {one.times:.1f}" for one in others if np.isfinite(one.times))
    return (
        f"The {first.measure} moved most, {size(first)}: {first.times:.1f} times the change between {pairs} ({rest})."
    )


def group_note(store: Store, a: Cell, b: Cell) -> str:
    """A note on the samples of groups of seeds; empty where both sides are single networks."""
    counts, shared = [len(store.sides.seeds(cell)) for cell in (a, b)], len(store.sides.pairs(a, b))
    if max(counts) == 1:
        return ""
    return "Groups: every sample's mean over seeds, right where most seeds are; " + (
        f"differences are paired over {shared} shared seeds. "
        if counts == [shared, shared]
        else f"A has {counts[0]} and B {counts[1]} seeds, so differences are of means. "
    )


def angle_warning(store: Store, a: Cell, b: Cell) -> str:
    """A sentence on the share of decisions that the smallest angle misses, where that is over 1 %."""
    shares = []
    for letter, cell in (("A", a), ("B", b)):
        share = min(store.summary[seed]["angle_agreement"] for seed in store.sides.seeds(cell))
        if share < 0.99:
            shares.append(f"under {letter} for {np.ceil(1000 * (1 - share) - 1e-9) / 10:.1f} %")
    if not shares:
        return ""
    return (
        f"The angle alone misses the decision {' and '.join(shares)} of samples, where norm or bias decide; over "
        "1 % do not read angles alone."
    )
