"""The finding and the caption of the curves over severity."""

from html import escape

import numpy as np

from rosalind.analysis import robustness, severity_curves
from rosalind.analysis.accuracy_table import CELL_METRICS, DEGREES
from rosalind.analysis.robustness.groups import counted
from rosalind.analysis.severity_curves import Curves
from rosalind.viewer.views.draw import cut
from rosalind.viewer.views.frame import Frame


def finding(
    curves: Curves, mean: np.ndarray, sliced: np.ndarray | None, sides: dict[int, str], frame: Frame, mode: str
) -> str:
    """A and B under what is joined at the last severity, of the selected samples where there are any.

    Arguments are those of `caption`, `mean` the means of its values.
    """
    metric, shown = CELL_METRICS[mode], mean if sliced is None else sliced
    unit = {100: " points" if metric.signed else " %", DEGREES: "°"}.get(metric.factor, "")
    ends = [
        f"{letter} {escape(cut(curves.names[k], 24))}, {shown[k, -1]:.{metric.digits + 1}f}{unit}"
        for k, letter in sides.items()
        if np.isfinite(shown[k, -1])
    ]
    of = " of the selected samples" if sliced is not None else ""
    if frame.choice("evaluation-curves") == "methods":
        info = frame.store.results.conditions[frame.state.b[1]]
        of += f" under {escape(cut(info.name, 24))}" if info.severity else ", mean of corruptions"
    else:
        of += f" of {escape(cut(frame.store.sides.group(frame.state.b[0]).name, 24))}"
    return f"{mode[0].upper()}{mode[1:]}{of} at severity {curves.ticks[-1]}: {'; '.join(ends)}." if ends else ""


def caption(
    curves: Curves,
    values: tuple[np.ndarray, ...],
    sliced: np.ndarray | None,
    sides: dict[int, str],
    frame: Frame,
    mode: str,
) -> str:
    """The values of A and B at the last severity, of all and of the selected samples, and the seeds of the intervals.

    Args:
        curves: that are drawn.
        values: means, half-widths of intervals and numbers of seeds, [curves, severities] each.
        sliced: of the selected samples, [curves, severities]; None where nobody selects or they have no such number.
        sides: the letters of the curves that are A and B.
        frame: that is shown.
        mode: in `CELL_METRICS`.
    """
    (mean, half, count), digits, ends = values, CELL_METRICS[mode].digits + 1, []
    for k, letter in sides.items():
        if np.isfinite(mean[k, -1]):
            seeds = counted(int(count[k, -1]), "seed")
            if np.isfinite(half[k, -1]):
                low, high = (mean[k, -1] + sign * half[k, -1] for sign in (-1, 1))
                seeds += f", 95 % from {low:.{digits}f} to {high:.{digits}f}"
            ends.append(f"{letter}: {escape(curves.names[k])} {mean[k, -1]:.{digits}f} ({seeds})")
    if frame.choice("evaluation-curves") == "methods":
        info = frame.store.results.conditions[frame.state.b[1]]
        whole = robustness.main_mean(frame.store.results)
        means = robustness.described(whole, frame.store.results) if whole else "corruptions"
        corruption = info.name if info.severity else f"means over {means}"
        lines = f"{counted(len(curves.names), 'method')} under {escape(corruption)}"
    else:
        b = frame.store.sides.group(frame.state.b[0]).name
        lines = f"{counted(len(curves.names), 'corruption')} for {escape(b)}"
    text = f"{CELL_METRICS[mode].words[0].upper()}{CELL_METRICS[mode].words[1:]} over severity: {lines}. "
    if ends:
        text += f"At severity {curves.ticks[-1]}: {'; '.join(ends)}. "
    seeds = count[np.isfinite(mean)]
    if seeds.size and seeds.max() > 1:
        n = f"{seeds.min()}" if seeds.min() == seeds.max() else f"{seeds.min()} to {seeds.max()}"
        text += f"Whiskers: 95 % t-interval over seeds; n is {'small, ' if seeds.min() < 10 else ''}{n}. "
    else:
        text += "Intervals over seeds need two. "
    if len(curves.names) > (most := severity_curves.HIGHLIGHTED):
        text += f"In colour: A, B, and the best and worst at the right end, {most} at most; the rest is grey."
    return text + _slice_sentence(curves, sliced, sides, frame, mode)


def _slice_sentence(curves: Curves, sliced: np.ndarray | None, sides: dict[int, str], frame: Frame, mode: str) -> str:
    """The values of A and B on the selected samples at the last severity."""
    if not frame.has_selection:
        return ""
    if sliced is None:
        return f" {mode[0].upper()}{mode[1:]} is of all samples, whatever is selected."
    digits = CELL_METRICS[mode].digits + 1
    ends = [f"{letter} {sliced[k, -1]:.{digits}f}" for k, letter in sides.items() if np.isfinite(sliced[k, -1])]
    at = f", at severity {curves.ticks[-1]} {', '.join(ends)}" if ends else ""
    return f" Thin dashed lines are {frame.slice_words}{at}."
