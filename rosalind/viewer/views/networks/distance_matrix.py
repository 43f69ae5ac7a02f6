"""Beside the map of similarity: the distances of all points as a matrix, alike rows side by side."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from bokeh.events import Tap
from bokeh.models import (
    AllLabels,
    ColumnDataSource,
    CustomJSHover,
    FixedTicker,
    HoverTool,
    LinearColorMapper,
    Range1d,
)

from rosalind.analysis.similarity import Similarity, picture_rows
from rosalind.viewer.views.draw import SEQUENTIAL, card, colour_bar, empty, fill, plot, shifted, square

LABELS = 30
"""Largest number of rows with a name beside the matrix."""

MARGIN = 0.13
"""Width of the strips of families and the letters beside the matrix, as a share of the matrix's."""

NAME = """
const data = source.data, place = data.order[Math.floor(value)];
return place === undefined ? "" : `${data.network[place]} · ${data.condition[place]}`;
"""

DISTANCE = """
const {limit, cells} = source.data, distance = (value * limit[0] / 255).toFixed(2);
return cells[0] > 1 ? `${distance} (mean of about ${cells[0]} pairs)` : distance;
"""


class DistanceMatrix:
    """The matrix with a strip of families along its edges, A and B marked; a click takes the point of a row."""

    def __init__(self, points: ColumnDataSource, colours: list[str], choose: Callable[[int, bool], None]):
        """
        Args:
            points: with the columns `network`, `condition` and `order` of the compared cells.
            colours: of the families by number.
            choose: called with a point, and with True where shift was held, at a click on its row.
        """
        self.choose, self.order = choose, np.empty(0, int)
        whole = ("image", "x", "y", "dw", "dh")
        self.image, self.strips = empty(*whole, "limit", "cells"), empty(*whole)
        self.marks = empty("text", "place", "side", "column", "row")
        self.figure = figure = plot(
            "similarity-matrix",
            "Matrix of the true distances between all networks under all conditions; alike rows side by side.",
            height=430,
            styles={"flex": "1 1 380px", "min-width": "min(380px, 100%)"},
            x_range=Range1d(),
            y_range=Range1d(),
        )
        figure.grid.grid_line_color = None
        figure.xaxis.visible = False
        # Changing a ticker is cheap; a new one makes Bokeh go through the whole document.
        figure.yaxis.ticker = FixedTicker()
        figure.yaxis.major_label_text_font_size = "9px"
        figure.yaxis.major_tick_line_color = None
        mapper = LinearColorMapper(palette=SEQUENTIAL, low=0, high=255)
        place = {name: name for name in whole[1:]}
        cells = figure.image("image", source=self.image, color_mapper=mapper, **place)
        strip = LinearColorMapper(palette=colours, low=0, high=len(colours))
        figure.image("image", source=self.strips, color_mapper=strip, **place)
        square(figure, "column", "row", self.marks, 13, 1.5)
        letters = {"text": "text", "source": self.marks, "text_color": "#000000", "name": "ink"}
        letters |= {"text_font_style": "bold", "text_font_size": "12px"}
        letters |= {"text_align": "center", "text_baseline": "middle"}
        figure.text("side", "place", **letters)
        figure.text("place", "side", **letters)
        self.ticks = FixedTicker()
        self.bar = colour_bar(mapper, "apart", ticker=self.ticks, major_label_policy=AllLabels())
        figure.add_layout(self.bar, "right")
        name = CustomJSHover(args={"source": points}, code=NAME)
        value = CustomJSHover(args={"source": self.image}, code=DISTANCE)
        tips = [("row", "$y{custom}"), ("column", "$x{custom}"), ("distance", "@image{custom}")]
        formatters: dict[str, Any] = {"$x": name, "$y": name, "@image": value}
        figure.add_tools(HoverTool(renderers=[cells], tooltips=card(tips), formatters=formatters))
        figure.on_event(Tap, lambda event: self.tap(event.x, event.y, shift=shifted(event)))

    def tap(self, x: float, y: float, *, shift: bool = False) -> None:
        """Choose the point of the row at a place of the matrix."""
        if 0 <= y < len(self.order) and x < len(self.order):
            self.choose(int(self.order[int(y)]), shift)

    def fill(self, comparison: Similarity, families: Sequence[int], floors: Mapping[str, tuple[float, int]]) -> None:
        """Show other distances.

        Args:
            comparison: the distances and their order.
            families: of every point the number of its family.
            floors: lengths that chance alone makes, by kind; marked beside the colours.
        """
        self.order, count = comparison.order, max(len(comparison.cells), 1)
        start, self.figure.x_range.end = -MARGIN * count, count
        self.figure.x_range.start = self.figure.y_range.end = start
        # Flipped, so that the first row is on top.
        self.figure.y_range.start = count
        place, reduction = {"x": 0, "y": 0, "dw": count, "dh": count}, count / max(len(comparison.picture), 1)
        columns = {
            "image": comparison.picture,
            **place,
            "limit": comparison.limit,
            "cells": round(reduction**2),
        }
        self.image.data = {name: [value] for name, value in columns.items()}
        family = np.array(families, np.uint8)
        strip = family[comparison.order[picture_rows(len(family))]]
        width = 0.03 * count
        self.strips.data = {
            "image": [strip[:, None], strip[None]],
            "x": [-0.04 * count, 0],
            "y": [0, -0.04 * count],
            "dw": [width, count],
            "dh": [count, width],
        }
        labels = [" · ".join(comparison.cells[k]) for k in comparison.order] if count <= LABELS else []
        self.figure.yaxis.visible = bool(labels)
        self.figure.yaxis.ticker.ticks = [k + 0.5 for k in range(len(labels))]
        self.figure.yaxis.major_label_overrides = {k + 0.5: label for k, label in enumerate(labels)}
        ticks = {0: "0", 255: f"≥ {comparison.limit:.2g}"}
        for kind, (length, _) in floors.items():
            at = min(int(255 * length / comparison.limit), 255)
            # Labels nearer than this would cover each other.
            if all(abs(at - other) > 12 for other in ticks):
                ticks[at] = f"{length:.2g} {kind}"
        self.ticks.ticks = list(ticks)
        self.bar.major_label_overrides = ticks

    def mark(self, letters: Mapping[int, list[str]], cross: tuple[int, int] | None) -> None:
        """Letters at the rows and columns of points, and a square where A's column meets B's row."""
        rank = np.argsort(self.order) + 0.5
        column, row = rank[list(cross)] if cross else (np.nan, np.nan)
        # A beside the strip and B outside of A: neighbours' letters do not cover each other.
        sides = [-0.065 if "A" in names else -0.105 for names in letters.values()]
        marks = {
            "text": [" = ".join(names) for names in letters.values()],
            "place": rank[list(letters)].astype(np.float32),
            "side": np.float32(len(rank)) * np.array(sides, np.float32),
            "column": np.full(len(letters), column, np.float32),
            "row": np.full(len(letters), row, np.float32),
        }
        fill(self.marks, marks)
