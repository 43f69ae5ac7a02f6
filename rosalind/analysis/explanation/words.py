"""An explanation in words: the sentence of its result, and tables for a terminal."""

from typing import Any

import numpy as np

from rosalind.analysis import additions
from rosalind.analysis.explanation.cells import COSTS, FLIPS, MATCHED
from rosalind.analysis.explanation.record import OVERALL, PARTS, Explanation, Interval, interval
from rosalind.analysis.explanation.stored import all_stored
from rosalind.analysis.robustness.groups import counted
from rosalind.results import Results

LIMITS = (
    "it does not show that a part would do the same in other networks or on other data, nor what made it so: a head or "
    "statistics in a foreign body are refitted on clean training images"
)
"""What no explanation shows."""

ONE = f"no interval: it takes two seeds or more of both, {additions.command(additions.seeds(3))}"
"""What a single pair lacks."""

ELSEWHERE = "; networks made elsewhere join by `rosalind.study.add_network`, each with its `seed`"
"""What that command cannot make."""


def ends(low: Any, high: Any) -> str:
    """The ends of an interval in points; a dash where there is none.

    >>> ends(-0.012, 0.034)
    '-1.2 to +3.4'
    """
    return f"{points(low)} to {points(high)}" if np.isfinite(low) and np.isfinite(high) else "-"


def points(value: Any) -> str:
    """A difference of accuracies in points; a dash for NaN.

    >>> points(0.0345), points(float("nan"))
    ('+3.5', '-')
    """
    return f"{round(100 * float(value), 1) + 0.0:+.1f}" if np.isfinite(value) else "-"


def _at(values: Interval, *place: int) -> tuple[float, float, float]:
    mean, low, high = (float(part[place]) for part in values)
    return mean, low, high


def _compared(gain: float) -> str:
    """B compared with A by the gain in accuracy under corruption, in words; a gain that is 0.0 points is none."""
    if points(gain) == points(0):
        return "as accurate under corruption as"
    return f"{100 * abs(gain):.1f} points {'more' if gain > 0 else 'less'} accurate under corruption than"


def sentence(explained: Explanation) -> str:
    """One sentence: the gain with its interval, its largest part, what margins and few samples hold, and its limits."""
    mean, low, high = _at(explained.total, 0)
    count = len(explained.pairs)
    within = f"95 % interval {ends(low, high)}, {count} seeds" if count > 1 else ONE
    # Without hybrids the networks may be made elsewhere.
    within += ELSEWHERE * bool(count == 1 and explained.parts == ("whole",))
    # An end at 0 tells nothing either.
    within += ", which cannot tell it from none" * bool(count > 1 and not low > 0 and not high < 0)
    words = f"{explained.b} is {_compared(mean)} {explained.a} ({within})"
    parts = explained.shares
    if len(explained.parts) > 1:
        largest = int(np.argmax(np.abs(parts.mean[0])))
        mean_part, *ends_part = _at(parts, 0, largest)
        within = f" ({ends(*ends_part)})" if count > 1 else ""
        words += f", of which the {PARTS[explained.parts[largest]]} makes {points(mean_part)}{within}"
    moved, left = explained.geometry.mean[list(MATCHED).index("margin")]
    if np.isfinite(moved):
        words += f"; {points(moved)} come with other clean margins and {points(left)} remain at equal ones"
    carried = explained.carried
    if len(carried.positions) and points(mean) != points(0):
        carriers = f"; {len(carried.positions):,} of {explained.samples:,} samples hold 80 % of it"
        if carried.on:
            again = f"{100 * carried.again:.0f} %" if np.isfinite(carried.again) else "none, as there is no gain,"
            carriers += f" on {carried.on} and {again} on {carried.rest} (by chance {100 * carried.null:.0f} %)"
        words += carriers
    return f"{words}; {LIMITS}."


def finding(explained: Explanation) -> str:
    """The gain and its largest part, in at most 20 words."""
    words = f"B is {_compared(float(explained.total.mean[0]))} A"
    if len(explained.parts) > 1:
        largest = int(np.argmax(np.abs(explained.shares.mean[0])))
        part = 100 * float(explained.shares.mean[0, largest])
        words += f"; the {PARTS[explained.parts[largest]]} makes {part:+.1f}"
    return f"{words}."


def part_lines(explained: Explanation) -> tuple[list[str], list[list[str]]]:
    """Header and lines of the table of parts: points overall with the interval, and per group of corruptions."""
    groups = explained.columns[1:]
    shares, total, draws = explained.shares, explained.total, explained.drawn
    rows = [(PARTS[key], Interval(*(part[:, k] for part in shares))) for k, key in enumerate(explained.parts)]
    lines = [
        [title, points(row.mean[0]), ends(row.low[0], row.high[0])]
        + [_within(row.mean[g], row.high[g]) for g in range(1, len(groups) + 1)]
        for title, row in [*rows, ("gain", total)]
    ]
    if np.isfinite(draws.mean):
        lines.append(["another seed of A", points(draws.mean), ends(draws.low, draws.high), *[""] * len(groups)])
    return ["part", OVERALL, "95 %", *groups], lines


def _within(mean: Any, high: Any) -> str:
    """A mean in points, and half of its interval if there is one."""
    return points(mean) + (f" ± {100 * (high - mean):.1f}" if np.isfinite(high) else "")


def geometry_lines(explained: Explanation) -> tuple[list[str], list[list[str]]]:
    """Header and lines of the table of matched samples, in points with intervals."""
    bands = explained.geometry
    lines = []
    for k, title in enumerate(MATCHED.values()):
        cells = [(points(bands.mean[k, j]), ends(bands.low[k, j], bands.high[k, j])) for j in (0, 1)]
        lines.append([title, *cells[0], *cells[1]])
    return ["samples matched on", "comes with it", "95 %", "remains at equal ones", "95 %"], lines


def cost_lines(explained: Explanation) -> tuple[list[str], list[list[str]]]:
    """Header and lines of the table of what it costs: percent under A and B, and B minus A in points."""
    costs = explained.costs
    # A calibration error is no count.
    of_key = {"calibration_clean": 0.0, "calibration": 0.0, "worst_class": explained.class_step}
    steps = [of_key.get(key, explained.step) for key in COSTS]
    changes = [interval(costs[:, 1, k] - costs[:, 0, k], step) for k, step in enumerate(steps)]
    percent = lambda value: f"{100 * value:.1f}" if np.isfinite(value) else "-"
    lines = []
    for k, title in enumerate(COSTS.values()):
        sides = [percent(costs[:, side, k].mean()) for side in (0, 1)]
        lines.append([title, *sides, points(changes[k].mean), ends(changes[k].low, changes[k].high)])
    flips = interval(explained.flips, explained.step)
    for k, title in enumerate(FLIPS):
        low, high = max(flips.low[k], 0.0), flips.high[k]
        span = f"{100 * low:.1f} to {100 * high:.1f}" if np.isfinite(flips.low[k]) else "-"
        lines.append([f"flips {title}", "", "", percent(flips.mean[k]), span])
    return ["cost", "A, %", "B, %", "B - A", "95 %"], lines


def text(explained: Explanation) -> str:
    """The explanation for a terminal: its sentence, three tables, and what could not be swapped."""
    parts = [sentence(explained), ""]
    for header, lines in (part_lines(explained), geometry_lines(explained), cost_lines(explained)):
        widths = [max(map(len, column)) for column in zip(header, *lines, strict=True)]
        put = lambda cells, widths=widths: "  ".join(
            cell.ljust(n) if k == 0 else cell.rjust(n) for k, (cell, n) in enumerate(zip(cells, widths, strict=True))
        ).rstrip()
        parts += [put(header), "-" * len(put(header)), *map(put, lines), ""]
    return "\n".join([*parts, *explained.notes])


def markdown(results: Results) -> list[str]:
    """Lines of Markdown: a section for every stored explanation, in which one that is stale is said to be; or none."""
    lines: list[str] = []
    for stored in all_stored(results):
        explained = stored.explanation
        if explained is None:
            title = " and ".join(filter(None, stored.sides)) or stored.name
            lines += ["", f"## Explanation of {title}", "", stored.problem]
            continue
        more = "more" if explained.total.mean[0] >= 0 else "less"
        header, rows = part_lines(explained)
        lines += [
            *("", f"## Why is {explained.b} {more} robust than {explained.a}?", "", sentence(explained), ""),
            f"Points of corruption accuracy, Shapley values that sum to the gain; 95 % t-intervals over "
            f"n = {counted(len(explained.pairs), 'pair')} of a seed, in groups of corruptions their half width; "
            f"{explained.samples:,} test images; mean over {explained.described}. Figure: explain-{stored.name}.",
            *("", f"| {' | '.join(header)} |", "|---" * len(header) + "|"),
            *(f"| {' | '.join(line)} |" for line in rows),
            *(["", *(f"- {note}" for note in explained.notes)] if explained.notes else []),
        ]
    return lines
