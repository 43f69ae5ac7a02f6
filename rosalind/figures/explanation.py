"""Why B is more robust than A as one page: a waterfall of the parts, paths over severities, and the samples."""

import io
import re
from collections.abc import Sequence
from html import escape
from pathlib import Path

import numpy as np
from matplotlib import rc_context
from matplotlib.figure import Figure

from rosalind.analysis import contact_sheet, explanation
from rosalind.analysis.explanation import PARTS, PATH, Explanation
from rosalind.analysis.explanation.record import interval
from rosalind.analysis.explanation.words import points
from rosalind.analysis.palette import FLIPS, SIDES
from rosalind.analysis.robustness.groups import counted
from rosalind.results import check_writable, replacing

UNITS = {"angle": "angle to class direction, degrees", "norm": "norm, units", "margin": "margin, units"}

UP, DOWN, WHOLE = FLIPS[1], FLIPS[2], "0.45"
"""Colours of parts that raise and that lower accuracy, and of A and B."""

STYLE = """
:root { color-scheme: light; }
body { font: 15px/1.5 system-ui, sans-serif; color: #1b2430; background: #fff; max-width: 60rem; margin: 2rem auto;
  padding: 0 1rem; }
h1 { font-size: 1.5rem; margin: 0 0 .25rem; } h2 { font-size: 1.1rem; margin: 2rem 0 .5rem; }
.result { font-size: 1.05rem; border-left: .25rem solid SIDE; padding-left: .8rem; }
.about, footer { color: #55606f; font-size: .9rem; }
svg { width: 100%; height: auto; display: block; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: .9rem; margin: .5rem 0; }
th, td { text-align: right; padding: .15rem .7rem .15rem 0; white-space: nowrap; font-variant-numeric: tabular-nums; }
th:first-child, td:first-child { text-align: left; }
thead th { border-bottom: 1px solid #9aa4b2; }
@media print { h2, .about { break-after: avoid; } svg, .scroll, .result { break-inside: avoid; } }
""".replace("SIDE", SIDES[0])


def waterfall_figure(explained: Explanation) -> Figure:
    """Corruption accuracy from A over the parts to B; whiskers are 95 % intervals of each part over seeds."""
    shares, total = explained.shares, explained.total
    first = 100 * float(explained.values[:, 0, 0].mean())
    steps = 100 * shares.mean[0]
    starts = first + np.concatenate([[0], np.cumsum(steps)])
    titles = [f"A: {explained.a}", *(PARTS[key] for key in explained.parts), f"B: {explained.b}"]
    rows = len(titles) + bool(len(explained.seed_draw))
    figure = Figure(figsize=(8, 0.8 + 0.38 * rows), layout="constrained")
    axes = figure.subplots()
    last = len(titles) - 1
    ends = {0: first, last: max(float(starts[-1]), np.nan_to_num(first + 100 * float(total.high[0])))}
    for row, place in ((0, first), (last, starts[-1])):
        axes.plot([place, place], [row - 0.36, row + 0.36], color=WHOLE, linewidth=4, solid_capstyle="butt")
        axes.annotate(f"{place:.1f} %", (ends[row], row), (7, 0), textcoords="offset points", va="center", fontsize=8)
    for k, step in enumerate(steps):
        row, start, end = k + 1, starts[k], starts[k + 1]
        axes.barh(row, step, left=start, height=0.6, color=UP if step >= 0 else DOWN)
        axes.plot([start, start], [row - 1, row], color="0.7", linewidth=0.7, zorder=0)
        reached = [end, start]
        if np.isfinite(shares.low[0, k]):
            low, high = start + 100 * shares.low[0, k], start + 100 * shares.high[0, k]
            axes.plot([low, high], [row, row], color="0.15", linewidth=1)
            reached += [low, high]
        place = max(reached), row
        axes.annotate(points(step / 100), place, (5, 0), textcoords="offset points", va="center", fontsize=8)
    axes.plot([starts[-1]] * 2, [last - 1, last], color="0.7", linewidth=0.7, zorder=0)
    if np.isfinite(total.low[0]):
        low, high = first + 100 * total.low[0], first + 100 * total.high[0]
        axes.plot([low, high], [last, last], color="0.15", linewidth=1, zorder=0)
    if len(explained.seed_draw):
        low, high = (first + 100 * float(end) for end in (explained.drawn.low, explained.drawn.high))
        axes.plot([low, high], [last + 1, last + 1], color="0.55", linewidth=1, linestyle="--")
        axes.plot([first], [last + 1], marker="|", color="0.55", markersize=9)
        titles.append("another seed of A (null)")
    axes.set_yticks(range(len(titles)), titles, fontsize=9)
    axes.invert_yaxis()
    axes.margins(x=0.14)
    axes.tick_params(axis="x", labelsize=8)
    axes.set_xlabel("corruption accuracy, percent", fontsize=9)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(axis="y", length=0)
    return figure


def path_figure(explained: Explanation) -> Figure:
    """Mean angle, norm and margin of all samples over severities under A and B, with 95 % intervals over seeds."""
    figure = Figure(figsize=(9, 2.7), layout="constrained")
    intervals = interval(explained.path)
    ticks = ["clean" if s == 0 else f"{s:g}" for s in explained.severities]
    places = np.arange(len(ticks))
    for column, (axes, name) in enumerate(zip(figure.subplots(1, len(PATH)), PATH, strict=True)):
        for side, (label, colour) in enumerate(zip((explained.a, explained.b), SIDES, strict=True)):
            mean, half = intervals.mean[side, column], np.nan_to_num(intervals.high - intervals.mean)[side, column]
            look = {"color": colour, "marker": "os"[side], "linestyle": ("-", "--")[side]}
            axes.errorbar(
                places + 0.06 * (side - 0.5),
                mean,
                yerr=half,
                capsize=2,
                markersize=4,
                linewidth=1.2,
                label=f"{'AB'[side]}: {label}",
                **look,
            )
        axes.set_xticks(places, ticks)
        axes.set_xlabel("severity", fontsize=8)
        axes.set_title(UNITS[name], fontsize=9)
        axes.tick_params(labelsize=8)
        axes.grid(alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)
    figure.legend(
        *figure.axes[0].get_legend_handles_labels(), loc="outside upper left", ncols=2, fontsize=8, frameon=False
    )
    return figure


def samples_figure(explained: Explanation) -> Figure:
    """The carrying samples, clean above and corrupted below, with their class and what A and B predict."""
    count = len(explained.shown)
    height, width = explained.images.shape[2:4] if count else (1, 1)
    figure = Figure(figsize=(9, 1.5 * height / width + 0.75), layout="constrained")
    axes = figure.subplots()
    axes.set_axis_off()
    if not count:
        axes.text(0.5, 0.5, "no sample carries a gain that is 0", ha="center", fontsize=9)
        return figure
    pictures = np.concatenate([explained.images[:, 0], explained.images[:, 1]])
    side = pictures.shape[1:3]
    gap = max(side[1] // 6, 2)
    coloured = np.broadcast_to(pictures, (*pictures.shape[:3], 3))
    sheet = contact_sheet.mosaic(coloured, count, 2, gap)
    axes.imshow(sheet.view(np.uint8).reshape(*sheet.shape, 4), interpolation="nearest")
    for k in range(count):
        middle, under = k * (side[1] + gap) + side[1] / 2, 2 * side[0] + 2 * gap
        lines = [_short(explained, explained.labels[k])]
        for letter, of_side in zip("AB", explained.predictions[k], strict=True):
            lines.append(f"{letter} " + " ".join(_short(explained, one) for one in of_side))
        axes.text(middle, under, "\n".join(lines), fontsize=7, ha="center", va="top", linespacing=1.35)
    axes.set_ylim(2 * side[0] + 2 * gap + 0.85 * side[1], 0)
    return figure


def _short(explained: Explanation, number: int) -> str:
    """The name of a class in six letters; -1 is unknown."""
    name = explained.class_names[number] if number >= 0 else "unknown"
    return name if len(name) <= 6 else f"{name[:5]}…"


def svg(figure: Figure) -> str:
    """A figure as an SVG element to stand in HTML; letters stay letters."""
    buffer = io.StringIO()
    # The salt and no date: the same explanation gives the same file.
    with rc_context({"svg.fonttype": "none", "text.parse_math": False, "svg.hashsalt": "rosalind"}):
        figure.savefig(buffer, format="svg", metadata={"Date": None}, transparent=True)
    text = buffer.getvalue()
    return text[text.index("<svg") :]


def _table(header: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    head = "".join(f"<th>{escape(cell)}</th>" for cell in header)
    rows = "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in line)}</tr>" for line in lines)
    return f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>'


def _with_code(text: str) -> str:
    """A text as HTML, in which what stands between backticks is code."""
    return re.sub("`([^`]+)`", r"<code>\1</code>", escape(text))


def page(explained: Explanation) -> str:
    """The whole page as text, which asks for no other file, script, style or font."""
    a, b = escape(explained.a), escape(explained.b)
    seeds = ", ".join(str(seed) for seed in explained.seeds)
    carried, count = explained.carried, len(explained.shown)
    again = f"{100 * carried.again:.0f} %" if np.isfinite(carried.again) else "nothing that can be told"
    picked = (
        f"Picked on {carried.on} as the {len(carried.positions):,} that hold 80 % of the gain there; on {carried.rest} "
        f"they hold {again}, and as many at random {100 * carried.null:.0f} %."
        if carried.on
        else "One pair of a seed: there is no other half to see them again on."
    )
    notes = "".join(f"<li>{_with_code(note)}</li>" for note in explained.notes)
    more = "more" if explained.total.mean[0] >= 0 else "less"
    parts = [
        f"<h1>Why is {b} {more} robust than {a}?</h1>",
        f'<p class="about">A: {a}, B: {b}; {counted(len(explained.pairs), "pair")} of a seed ({seeds}); '
        f"{explained.samples:,} test images; mean over {escape(explained.described)}.</p>",
        f'<p class="result">{_with_code(explanation.sentence(explained))}</p>',
        "<h2>Which part makes it</h2>",
        svg(waterfall_figure(explained)),
        '<p class="about">Shapley values over all hybrids that exist: the parts sum to the gain. Whiskers: 95 % '
        "t-interval over seeds. Points of accuracy, the groups of corruptions with the half of their interval.</p>",
        _table(*explanation.part_lines(explained)),
        f'<ul class="about">{notes}</ul>' if notes else "",
        "<h2>What happens as a corruption grows</h2>",
        svg(path_figure(explained)),
        "<h2>How much of it is geometry</h2>",
        '<p class="about">Samples of A and B in strata of equal clean margin or angle: what comes with other shares of '
        "the strata, and what remains in equal ones, in points (Kitagawa 1955). Easy samples have large margins in any "
        "network, so that a match is no cause.</p>",
        _table(*explanation.geometry_lines(explained)),
        "<h2>Which samples carry it</h2>",
        f'<p class="about">{escape(picked)} The first {count}: clean, and under {escape(explained.shown_condition)}; '
        "below each its class, then the predictions of A and of B, one per seed.</p>",
        svg(samples_figure(explained)),
        "<h2>What it costs</h2>",
        _table(*explanation.cost_lines(explained)),
        f"<footer>Networks: {escape('; '.join(' and '.join(pair) for pair in explained.pairs))}. Made by "
        f"<code>rosalind explain</code>, {escape(explained.fingerprint)}.</footer>",
    ]
    return (
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>{b} and {a}</title>'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><style>{STYLE}</style></head>'
        f"<body>{''.join(parts)}</body></html>\n"
    )


def write(explained: Explanation, path: str | Path) -> Path:
    """Write the page of an explanation; it appears whole or not at all. Returns `path`."""
    path = Path(path)
    check_writable(path.parent)
    text = page(explained)
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
    return path
