"""The matrix of methods, or corruptions: their distances with names and a dendrogram, alike ones side by side."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from bokeh.events import Tap
from bokeh.models import FixedTicker, HoverTool, LinearColorMapper, Range1d

from rosalind.analysis.similarity import Groups
from rosalind.viewer.views.cursor import CellCursor
from rosalind.viewer.views.draw import SEQUENTIAL, card, colour_bar, cut, empty, fill, plain, plot, square

NAMED = 45
"""Largest number of rows with names."""

LEANING = 26
"""Largest number of columns whose names lean; more stand upright, which takes less room."""

LINE = 13
"""Pixels of a row with a name."""

BESIDE = 130
"""Pixels above and below the rows: names and frame."""

TREE = 0.22
"""Height of the dendrogram as a share of the matrix's."""


class GroupMatrix:
    """Distances of groups as colours and, on hover, numbers; a click on a cell compares its column with its row."""

    def __init__(self, choose: Callable[[int, int], None]):
        """
        Args:
            choose: called with the groups of the column and of the row of a cell that was clicked.
        """
        self._choose, self.order = choose, np.empty(0, int)
        self.cells = empty("x", "y", "distance", "row", "column", "chance")
        self.joins = empty("x0", "y0", "x1", "y1")
        self.marks = empty("x", "y")
        self.figure = figure = plot(
            "similarity-matrix",
            "Matrix of the distances between methods or corruptions, with a dendrogram; alike ones side by side.",
            height=470,
            styles={"flex": "1 1 460px", "min-width": "min(460px, 100%)"},
            x_range=Range1d(),
            y_range=Range1d(),
        )
        figure.grid.grid_line_color = None
        for axis in (figure.xaxis, figure.yaxis):
            axis.ticker = FixedTicker()
            axis.major_label_text_font_size = "10px"
            axis.major_tick_line_color = None
        self.mapper = LinearColorMapper(palette=SEQUENTIAL, low=0, high=1)
        fill_color: Any = {"field": "distance", "transform": self.mapper}
        cells = figure.rect("x", "y", 1, 1, source=self.cells, fill_color=fill_color, line_color=None)
        figure.segment("x0", "y0", "x1", "y1", source=self.joins, line_color="#000000", name="ink")
        square(figure, "x", "y", self.marks, 15, 1.5)
        figure.add_layout(colour_bar(self.mapper, "apart"), "right")
        tips = [("", "@row"), ("", "@column"), ("apart", "@distance{0.00}"), ("seeds alone", "@chance")]
        figure.add_tools(HoverTool(renderers=[cells], tooltips=card(tips)))
        size = lambda: (len(self.order), len(self.order))
        enter = lambda column, row, shift: self.tap(column, row)
        self.cursor = CellCursor(figure, size, enter, self._words, middle=0.5)
        figure.on_event(Tap, lambda event: self.tap(event.x, event.y))

    def _words(self, column: int, row: int) -> str:
        """The words that are read out of a cell."""
        place, data = row * len(self.order) + column, self.cells.data
        apart = f"{data['distance'][place]:.2f} apart, seeds alone {data['chance'][place]}"
        return f"A {data['column'][place]}, B {data['row'][place]}: {apart}"

    def tap(self, x: float | None, y: float | None) -> None:
        """Choose the groups of the cell at a place; nothing beside the matrix."""
        if x is not None and y is not None and 0 <= x < len(self.order) and 0 <= y < len(self.order):
            self._choose(int(self.order[int(x)]), int(self.order[int(y)]))

    def fill(self, groups: Groups) -> None:
        """Show groups."""
        self.order, count = groups.order, len(groups.names)
        distance = groups.distance[np.ix_(self.order, self.order)]
        row, column = np.divmod(np.arange(count * count), max(count, 1))
        names = [groups.names[k] for k in self.order]
        off = distance[~np.eye(count, dtype=bool)]
        self.mapper.high = float(np.nanmax(off, initial=0)) or 1.0
        chance = np.hypot(*np.meshgrid(groups.error[self.order], groups.error[self.order])).ravel()
        self.cells.data = {
            "x": (column + 0.5).astype(np.float32),
            "y": (row + 0.5).astype(np.float32),
            "distance": distance.ravel().astype(np.float32),
            "row": [names[k] for k in row],
            "column": [names[k] for k in column],
            "chance": [f"{value:.2f}" if np.isfinite(value) else "one seed" for value in chance],
        }
        # The tree stands on the matrix, whose first row is on top.
        lift = lambda height: -height * TREE * count / max(groups.joins[:, 4].max(initial=0), 1e-9) - 0.1
        left, low, right, lower, top = groups.joins.T
        x0, x1 = np.concatenate([left, right, left]), np.concatenate([left, right, right])
        y0, y1 = np.concatenate([lift(low), lift(lower), lift(top)]), np.concatenate([lift(top)] * 3)
        fill(
            self.joins,
            {
                name: values.astype(np.float32)
                for name, values in zip(("x0", "y0", "x1", "y1"), (x0, y0, x1, y1), strict=True)
            },
        )
        self.figure.x_range.update(start=0, end=max(count, 1))
        self.figure.y_range.update(start=max(count, 1), end=-(TREE + 0.03) * max(count, 1) - 0.1)
        shown_height = LINE * (1 + TREE) * count + BESIDE if count <= NAMED else 0
        self.figure.height = max(470, int(shown_height))
        self.figure.xaxis.major_label_orientation = 0.9 if count <= LEANING else "vertical"
        shown = [plain(cut(name, 22)) for name in names] if count <= NAMED else []
        for axis in (self.figure.xaxis[0], self.figure.yaxis[0]):
            axis.visible = bool(shown)
            axis.ticker.ticks = [k + 0.5 for k in range(len(shown))]
            axis.major_label_overrides = {k + 0.5: name for k, name in enumerate(shown)}

    def mark(self, sides: Mapping[int, str]) -> None:
        """Frame the cell of A's column and B's row; none where they are not both among the groups."""
        rank = np.argsort(self.order)
        places = {letter: rank[k] + 0.5 for k, text in sides.items() for letter in text if letter in "AB"}
        both = len(places) == 2
        at = {"x": [places["A"]] if both else [], "y": [places["B"]] if both else []}
        fill(self.marks, {name: np.array(value, np.float32) for name, value in at.items()})
