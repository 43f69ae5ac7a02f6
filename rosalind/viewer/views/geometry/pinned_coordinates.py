"""Parallel coordinates of pinned sides: a row each, on the axes of A and B."""

from typing import Any

import numpy as np
from bokeh.models import ColumnDataSource, FixedTicker, Range1d

from rosalind.analysis import rasters
from rosalind.viewer.views import draw, pinned
from rosalind.viewer.views.frame import Change

ROW, AROUND = 108, 56
"""Pixels of a row, and of what stands around all."""


class PinnedCoordinates:
    """Densities of lines in rows, one scale of darkness for all; the selected samples as lines."""

    def __init__(self, change: Change):
        self.change, self.pins = change, []
        self.figure = figure = pinned.rows(
            "pinned-global",
            "Parallel coordinates of pinned sides, a row each, on the axes of A and B. Click a row to make it B.",
            self.tap,
            x_range=Range1d(start=0, end=1),
        )
        figure.xgrid.update(grid_line_color=draw.GREY, grid_line_alpha=0.5)
        figure.xaxis.ticker = FixedTicker(ticks=[])
        figure.xaxis.major_label_text_font_size = "10px"
        self.images = ColumnDataSource({"image": [], "base": [], "width": []})
        self.lines, self.words = draw.empty("x", "y"), draw.empty("left", "top", "name")
        place: draw.Look = {"x": 0, "y": "base", "dw": "width", "dh": pinned.ROOM}
        greys = draw.see_through(draw.GREYS)
        self.density: Any = figure.image("image", **place, source=self.images, color_mapper=greys).glyph
        figure.line("x", "y", source=self.lines, line_color="#1c2536", line_alpha=0.3, name="ink")
        pinned.names(figure, self.words)

    def tap(self, y: float | None) -> None:
        """Make the pin of the row at a height B."""
        if (pin := pinned.pin_at(self.pins, y)) is not None:
            self.change(b=pin.cell)

    def render(self, pins: list[pinned.Pin], counts: list[np.ndarray], peak: int, above: Any) -> None:
        """Draw the densities.

        Args:
            pins: of the rows.
            counts: float32[rows, columns] of each, from `rasters.parallel_density`.
            peak: the count that is darkest, also in the figures of A and B.
            above: A's figure, whose ticks and labels the axis takes.
        """
        self.pins = pins
        count = len(above.xaxis.ticker.ticks)
        bases = [pin.base for pin in pins]
        self.images.data = {
            "image": [rasters.shade(density, peak) for density in counts],
            "base": bases,
            "width": [count - 1] * len(pins),
        }
        self.figure.x_range.update(start=above.x_range.start, end=above.x_range.end)
        self.figure.xaxis.ticker.ticks = list(range(count))
        self.figure.xaxis.major_label_overrides = dict(above.xaxis.major_label_overrides)
        pinned.fit(self.figure, len(pins), ROW, AROUND)
        left = np.full(len(pins), above.x_range.start, np.float32)
        top = np.array(bases, np.float32) + np.float32(1)
        draw.fill(self.words, {"left": left, "top": top, "name": [pin.name for pin in pins]})

    def select(self, lines: list[tuple[np.ndarray, np.ndarray]], *, faded: bool) -> None:
        """Draw the selected samples of each pin, as places and heights from 0 to 1; fade the densities below them."""
        self.density.global_alpha = draw.FADED if faded else 1.0
        draw.fill(
            self.lines,
            {
                "x": pinned.broken([x for x, _ in lines]),
                "y": pinned.broken([p.base + pinned.ROOM * y for p, (_, y) in zip(self.pins, lines, strict=True)]),
            },
        )
