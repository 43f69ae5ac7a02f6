"""Curves over severity of pinned sides: a panel each, on one scale of values."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from bokeh.events import Tap
from bokeh.layouts import column
from bokeh.models import FixedTicker, Range1d

from rosalind.viewer.views import draw, pinned
from rosalind.viewer.views.frame import Change

ACROSS = 3
"""Panels of a figure; with more pins a second figure stands below the first."""

WIDTH = 0.82
"""Width of a panel, where one is a unit from the next."""


@dataclass(frozen=True)
class Panel:
    """The curves of one pin.

    Attributes:
        title: Of the corruption, or of what is averaged.
        ticks: Names of the points.
        mean: float[lines, points], NaN for gaps.
        half: float[points]: half the width of the interval over seeds of the pin's own line, NaN without one.
        own: The pin's line.
        sides: Lines of A and B by letter.
        sliced: float[points] of the selected samples on the pin's line; None where none are.
    """

    pin: pinned.Pin
    title: str
    ticks: tuple[str, ...]
    mean: np.ndarray
    half: np.ndarray
    own: int
    sides: dict[str, int]
    sliced: np.ndarray | None


class PinnedSeverities:
    """Per pin its own line with an interval over seeds, A and B thin in their colours, all others in grey."""

    def __init__(self, change: Change):
        self.change, self.panels = change, []
        self.column: Any = column(sizing_mode="stretch_width")
        self.figures: list[Any] = []
        self.sources: list[dict[str, Any]] = []

    def _figure(self) -> Any:
        number = len(self.figures)
        figure = draw.plot(
            f"pinned-severities-{number}",
            "Curves over severity of pinned sides, a panel each, on one scale. Click a panel to make it B.",
            height=230,
            x_range=Range1d(start=-0.04, end=ACROSS - 1 + WIDTH + 0.04),
            y_range=Range1d(start=0, end=1),
        )
        figure.xgrid.grid_line_color = None
        figure.xaxis.ticker, figure.xaxis.axis_label = FixedTicker(ticks=[]), "severity"
        figure.xaxis.major_label_text_font_size = "10px"
        sources = {
            "grey": draw.empty("x", "y"),
            "A": draw.empty("x", "y"),
            "B": draw.empty("x", "y"),
            "lines": draw.empty("xs", "ys", "colour"),
            "whiskers": draw.empty("x", "low", "high"),
            "sliced": draw.empty("x", "y"),
            "words": draw.empty("x", "y", "name"),
        }
        figure.line("x", "y", source=sources["grey"], line_color=draw.GREY, line_alpha=0.35)
        for letter, colour in zip("AB", draw.SIDE_COLOURS, strict=True):
            figure.line("x", "y", source=sources[letter], line_color=colour, line_width=1.5)
        figure.segment("x", "low", "x", "high", source=sources["whiskers"], line_width=1.5, name="ink")
        figure.multi_line("xs", "ys", source=sources["lines"], line_color="colour", line_width=3.5)
        figure.line("x", "y", source=sources["sliced"], line_dash="dashed", line_width=1.5, name="ink")
        look = {"text_font_size": "11px", "text_font_style": "bold", "text_baseline": "top", "name": "ink"}
        figure.text("x", "y", "name", source=sources["words"], y_offset=2, **look)
        figure.on_event(Tap, lambda event: self.tap(event.x, number))
        self.figures.append(figure)
        self.sources.append(sources)
        return figure

    def tap(self, x: float | None, figure: int = 0) -> None:
        """Make the pin of the panel at a place of a figure B."""
        k = -1 if x is None else int(np.floor(x))
        if 0 <= k < ACROSS and ACROSS * figure + k < len(self.panels):
            self.change(b=self.panels[ACROSS * figure + k].pin.cell)

    def render(self, panels: Sequence[Panel], label: str) -> None:
        """Draw the panels of all pins.

        Args:
            panels: in the order of the pins.
            label: of the y axis.
        """
        self.panels = list(panels)
        parts = [panel.mean for panel in panels]
        parts += [panel.sliced for panel in panels if panel.sliced is not None]
        values = np.concatenate([part[np.isfinite(part)] for part in parts]) if parts else np.zeros(0)
        low, high = (float(values.min()), float(values.max())) if values.size else (0.0, 1.0)
        room = max(high - low, 1e-9)
        top = high + 0.36 * room
        while len(self.figures) * ACROSS < len(panels):
            self._figure()
        shown = self.figures[: -(-len(panels) // ACROSS)]
        if self.column.children != shown:
            self.column.children = list(shown)
        for number, figure in enumerate(shown):
            figure.y_range.update(start=low - 0.06 * room, end=top)
            figure.yaxis.axis_label = label
            # No tick where the names are.
            figure.yaxis.bounds = (low - 0.06 * room, high + 0.02 * room)
            self._fill(number, panels[number * ACROSS : (number + 1) * ACROSS], low, high, top)

    def _fill(self, number: int, panels: Sequence[Panel], low: float, high: float, top: float) -> None:
        figure, sources = self.figures[number], self.sources[number]
        ticks: dict[float, str] = {}
        lines: dict[str, list[list[np.ndarray]]] = {name: [[], []] for name in ("grey", "A", "B", "sliced")}
        own, whiskers = [], []
        for k, panel in enumerate(panels):
            across = k + WIDTH * np.linspace(0, 1, max(len(panel.ticks), 2))[: len(panel.ticks)]
            ticks |= dict(zip(across.tolist(), panel.ticks, strict=True))
            beside = {line: letter for letter, line in panel.sides.items() if line != panel.own}
            for line, values in enumerate(panel.mean):
                if line == panel.own:
                    own.append((across.tolist(), values.tolist(), panel.pin.colour))
                else:
                    for axis, data in zip(lines[beside.get(line, "grey")], (across, values), strict=True):
                        axis.append(data)
            if panel.sliced is not None:
                for axis, data in zip(lines["sliced"], (across, panel.sliced), strict=True):
                    axis.append(data)
            if len(panel.mean):
                middle = panel.mean[panel.own]
                # An interval from two seeds may be wider than everything that is measured.
                ends = np.clip([middle - panel.half, middle + panel.half], low - 0.05 * (high - low), top)
                whiskers += list(zip(across, *ends, strict=True))
        figure.xaxis.ticker.ticks = list(ticks)
        figure.xaxis.major_label_overrides = ticks
        for name, (x, y) in lines.items():
            draw.fill(sources[name], {"x": pinned.broken(x), "y": pinned.broken(y)})
        sources["lines"].data = draw.columns(("xs", "ys", "colour"), own)
        table = np.array(whiskers, np.float32).reshape(-1, 3)
        draw.fill(sources["whiskers"], dict(zip(("x", "low", "high"), table.T, strict=True)))
        sources["words"].data = {
            "x": np.arange(len(panels), dtype=np.float32),
            "y": np.full(len(panels), top, np.float32),
            "name": [_name(panel) for panel in panels],
        }


def _name(panel: Panel) -> str:
    """Number and network, and below it the corruption, or why there is no curve."""
    below = panel.title if panel.ticks else "no severities to join"
    return f"{panel.pin.network}\n{draw.plain(draw.cut(below, pinned.NARROW))}"
