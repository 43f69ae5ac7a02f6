"""The distributions of pinned sides: a row each, below the histograms of A and B and on their axes."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from bokeh.layouts import row
from bokeh.models import Span

from rosalind.analysis import distributions
from rosalind.analysis.ordered import Ordered
from rosalind.viewer.views import draw, pinned
from rosalind.viewer.views.frame import Change, Changed, Frame

ROW, AROUND = 76, 34
"""Pixels of a row, and of what stands around all."""

BARS = 0.57
"""Height of a row's histograms, where a row is 1 high; above them stand the name and, a line lower, the number."""


class PinnedSpread:
    """A figure of rows per measure: a filled histogram of the pin, A's as a line, and the median or the errors."""

    def __init__(self, change: Change, above: Mapping[str, Any]):
        """
        Args:
            change: told the pin that is clicked, to make it B.
            above: the figures of A and B, by part, whose horizontal axes are shared; `margin` is one of them.
        """
        self.change, self.pins, self.changed = change, [], Changed()
        self.reference, self.medians = {}, {}
        self.fills, self.picked, self.words = {}, {}, {}
        figures = {part: self._figure(part, figure) for part, figure in above.items()}
        self.figures = figures
        self.row = row(*figures.values(), sizing_mode="stretch_width")

    def _figure(self, part: str, above: Any) -> Any:
        figure = pinned.rows(
            f"pinned-{part}",
            f"Histograms of the {part} of pinned sides, a row each; the line is A's. Click a row to make it B.",
            self.tap,
            x_range=above.x_range,
            min_border_left=pinned.LEFT,
        )
        self.fills[part] = draw.empty("xs", "ys", "colour")
        self.reference[part], self.picked[part] = draw.empty("x", "y"), draw.empty("x", "y")
        self.medians[part] = draw.empty("x", "low", "high")
        self.words[part] = draw.empty("left", "right", "top", "low", "name", "number")
        look = {"fill_color": "colour", "line_color": "colour"}
        figure.patches("xs", "ys", source=self.fills[part], fill_alpha=0.3, line_width=1.5, **look)
        if part == "margin":
            figure.add_layout(Span(location=0, dimension="height", line_dash="dotted", line_color=draw.ZERO))
        figure.line("x", "y", source=self.reference[part], line_color=draw.SIDE_COLOURS[0], line_width=1.5)
        figure.line("x", "y", source=self.picked[part], line_width=1.2, line_dash="dashed", name="ink")
        figure.segment("x", "low", "x", "high", source=self.medians[part], line_width=2, name="ink")
        if part != "margin":
            pinned.names(figure, self.words[part])
        look = {"text_font_size": "11px", "text_align": "right", "text_baseline": "bottom", "name": "ink"}
        figure.text("right", "low", "number", source=self.words[part], x_offset=-4, **look)
        return figure

    def tap(self, y: float | None) -> None:
        """Make the pin of the row at a height B."""
        if (pin := pinned.pin_at(self.pins, y)) is not None:
            self.change(b=pin.cell)

    def update(self, frame: Frame, measures: Mapping[str, str], limits: Mapping[str, tuple[float, float]]) -> None:
        """Draw the pins of a frame.

        Args:
            frame: with one pin or more.
            measures: of every part.
            limits: of the axes of every part.
        """
        self.pins, state = pinned.pins_of(frame), frame.state
        where = (state.pins, state.a, state.b, dict(measures), dict(limits), state.raw, state.true_class)
        if self.changed("all", where):
            self.bins = distributions.bins_for(float(frame.shown.sum()))
            self.peaks = {part: self._all(frame, part, measures[part], limits[part]) for part in measures}
        if self.changed("selection", (where, frame.slice_key)):
            for part, measure in measures.items():
                self._selection(frame, part, measure, limits[part])

    def _heights(self, values: Ordered, limits: tuple[float, float]) -> np.ndarray:
        return distributions.outline(distributions.histogram(values, limits, self.bins))

    def _all(self, frame: Frame, part: str, measure: str, limits: tuple[float, float]) -> float:
        """Histograms of all samples shown, all on one scale of heights; the highest bin."""
        at = distributions.corners(limits, self.bins)
        of_pins = [self._heights(frame.ordered(pin.cell, measure, shown=True), limits) for pin in self.pins]
        of_a = self._heights(frame.ordered(frame.state.a, measure, shown=True), limits)
        peak = max(float(heights.max()) for heights in (of_a, *of_pins)) or 1.0
        figure = self.figures[part]
        pinned.fit(figure, len(self.pins), ROW, AROUND)
        figure.xaxis.axis_label = draw.axis_label(frame.store, measure, frame.state.raw)
        scaled = [pin.base + BARS * heights / peak for pin, heights in zip(self.pins, of_pins, strict=True)]
        self.fills[part].data = {
            "xs": [at.tolist() for _ in self.pins],
            "ys": [heights.tolist() for heights in scaled],
            "colour": [pin.colour for pin in self.pins],
        }
        draw.fill(
            self.reference[part],
            {
                "x": pinned.broken([at] * len(self.pins)),
                "y": pinned.broken([pin.base + BARS * of_a / peak for pin in self.pins]),
            },
        )
        return peak

    def _selection(self, frame: Frame, part: str, measure: str, limits: tuple[float, float]) -> None:
        """Numbers of the selected samples, of all that are shown where none are; the curve of the selection."""
        values = [frame.ordered(pin.cell, measure) for pin in self.pins]
        bases = np.array([pin.base for pin in self.pins], np.float32)
        middles = [distributions.median(side) for side in values]
        if part == "margin":
            texts = [f"{distributions.errors(side):.1f} % below 0" for side in values]
        else:
            texts = [f"median {middle:.2f}" for middle in middles]
        draw.fill(
            self.words[part],
            {
                "left": np.full(len(bases), limits[0], np.float32),
                "right": np.full(len(bases), limits[1], np.float32),
                "top": bases + np.float32(1),
                "low": bases + np.float32(BARS),
                # The condition stands over the next column: on a small screen one holds no more.
                "name": [pin.network if part == "x" else pin.condition for pin in self.pins],
                "number": texts,
            },
        )
        ends = {"low": bases, "high": bases + np.float32(0.2)}
        draw.fill(self.medians[part], {"x": np.array(middles, np.float32), **ends})
        curves = []
        if frame.has_selection:
            for pin, side in zip(self.pins, values, strict=True):
                heights = self._heights(side, limits)
                # As high as the pin's own, so that few samples are seen as well.
                curves.append(pin.base + BARS * heights / max(float(heights.max()), 1e-9) * self._top(part, pin))
        at = distributions.corners(limits, self.bins)
        draw.fill(self.picked[part], {"x": pinned.broken([at] * len(curves)), "y": pinned.broken(curves)})

    def _top(self, part: str, pin: pinned.Pin) -> float:
        """Height of a pin's highest bin in its row, at most 1."""
        outline = self.fills[part].data["ys"][len(self.pins) - 1 - pin.base]
        return (max(outline) - pin.base) / BARS
