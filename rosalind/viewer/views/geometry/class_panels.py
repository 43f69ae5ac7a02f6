"""Small densities per class: under A, under B, of the change, and of the null."""

from typing import Any

import numpy as np
from bokeh.events import Tap
from bokeh.models import FixedTicker, Image, Rect, Scatter, Segment, Text

from rosalind.analysis import distributions, rasters
from rosalind.viewer.views import draw
from rosalind.viewer.views.frame import Change, Changed, Frame

ROWS = ("A", "B", "B - A", "null")
"""From the top; the last where the null is on."""

HIGH = 120
"""Pixels of a row of panels."""

LETTERS = 14
"""Letters of a class's name above a panel."""

TALL, WIDE = distributions.PANEL + distributions.HEAD, distributions.PANEL + 2 * distributions.SIDE
"""Bins from panel to panel."""


class ClassPanels:
    """Rows A, B, their difference and the null, a column per class; a click keeps only that class, another all."""

    def __init__(self, change: Change):
        self.change, self.text, self.changed = change, "", Changed()
        self.figure = draw.plot(
            "class-panels",
            "A small density per class under A, under B, and of the change; click a class to keep only it.",
            x_range=(0, 1),
            y_range=(0, 1),
        )
        figure = self.figure
        figure.grid.grid_line_color = None
        figure.xaxis.visible = False
        figure.yaxis.ticker = self.ticker = FixedTicker(ticks=[])
        figure.yaxis.major_tick_line_color = None
        place: draw.Look = {"x": 0, "y": 0, "dw": "dw", "dh": "dh"}
        self.base, self.picked = draw.empty("image", "dw", "dh"), draw.empty("image", "dw", "dh")
        self.density: Any = Image(image="image", color_mapper=draw.see_through(draw.GREYS), **place)
        figure.add_glyph(self.base, self.density)
        picked = Image(image="image", color_mapper=draw.see_through(draw.PICKED), **place)
        figure.add_glyph(self.picked, picked)
        self.frames, self.filter_marks = draw.empty("x", "y"), draw.empty("x", "y")
        size: draw.Look = {"width": distributions.PANEL / WIDE, "height": distributions.PANEL / TALL}
        size |= {"x": "x", "y": "y", "fill_color": None}
        figure.add_glyph(self.frames, Rect(line_color=draw.GREY, **size))
        figure.add_glyph(self.filter_marks, Rect(line_width=2.5, **size), name="ink")
        self.zeros = draw.empty("x0", "y0", "x1", "y1")
        dotted: draw.Look = {"line_alpha": 0.6, "line_dash": "dotted"}
        figure.add_glyph(self.zeros, Segment(x0="x0", y0="y0", x1="x1", y1="y1", **dotted), name="ink")
        self.medians = draw.empty("x", "y")
        cross = Scatter(x="x", y="y", marker="cross", size=11, line_width=2)
        figure.add_glyph(self.medians, cross, name="ink")
        self.names = draw.empty("x", "y", "name")
        text = Text(x="x", y="y", text="name", text_align="center", text_font_size="11px")
        figure.add_glyph(self.names, text, name="ink")
        figure.on_event(Tap, lambda event: self.tap(event.x, event.y))

    def tap(self, x: float | None, y: float | None) -> None:
        """Keep only the class of the column at a place, or all classes again."""
        column = int(np.floor(x)) if x is not None else -1
        if 0 <= column < len(self.frame.store.class_names):
            self.change(true_class=self.frame.toggled(column))

    def update(self, frame: Frame) -> None:
        """Draw the panels of a frame, of all classes whatever the filter."""
        self.frame = frame
        state, classes = frame.state, len(frame.store.class_names)
        where = (state.a, state.b, state.x, state.y, state.raw, state.null)
        if self.changed("base", where):
            self._base(frame, classes)
        if self.changed("filter", (where, state.true_class)):
            columns = [] if state.true_class is None else [state.true_class + 0.5] * len(self.rows)
            heights = [line + distributions.PANEL / TALL / 2 for line in range(len(columns))]
            self.filter_marks.data = {"x": columns, "y": heights}
        if self.changed("selection", (where, state.rule, state.true_class)):
            self._selection(frame, classes)

    def _base(self, frame: Frame, classes: int) -> None:
        state, store = frame.state, frame.store
        axes = (state.x, state.y)
        sides = [[frame.values(cell, axis) for axis in axes] for cell in (state.a, state.b)]
        shared = rasters.limits(sides[0][0], sides[1][0]), rasters.limits(sides[0][1], sides[1][1])
        pairs = [(state.a, state.b), *([] if frame.null is None else [frame.null])]
        moved = [[store.difference(*pair, axis, state.raw) for axis in axes] for pair in pairs]
        apart = rasters.limits(*(x for x, _ in moved)), rasters.limits(*(y for _, y in moved))
        self.rows = [*sides, *moved]
        self.windows = [shared, shared, *(apart for _ in moved)]
        self._rule_rows(len(self.rows))
        few = distributions.bins_for(len(store.labels) / classes) < distributions.BINS[1]
        self.bins = distributions.PANEL // 2 if few else distributions.PANEL
        counts = self._counts(frame, classes, None)
        self.peaks = [row.max((1, 2)) for row in counts]
        self.base.data = {"image": [distributions.mosaic(counts)], "dw": [classes], "dh": [len(counts)]}
        self.figure.x_range.update(start=0, end=classes)
        across, down = (axis.ravel() for axis in np.meshgrid(np.arange(classes), np.arange(len(counts))))
        self.frames.data = {
            "x": (across + 0.5).astype(np.float32),
            "y": (down + distributions.PANEL / TALL / 2).astype(np.float32),
        }
        self.zeros.data = self._no_change(classes)
        crosses = [self._middles(frame, line, classes) for line in range(len(counts))]
        self.medians.data = {axis: np.concatenate([c[k] for c in crosses]) for k, axis in enumerate("xy")}
        ranges = [f"{low:.3g} to {high:.3g}" for low, high in (*shared, *apart)]
        self.text = (
            f"Every class by itself, with the axes of all panels above: {draw.short(state.x)} {ranges[0]} across, "
            f"{draw.short(state.y)} {ranges[1]} up; in row B - A their changes, {ranges[2]} and {ranges[3]}. Each "
            "panel is as dark as its own peak; crosses are medians, dotted lines no change, numbers samples. Click a "
            "class to keep only it."
        )
        if frame.null is not None:
            self.text += " The last row has the axes of B - A."
        self.text = f"{self.text} {frame.null_sentence}".strip()

    def _rule_rows(self, count: int) -> None:
        """Make room for so many rows, and name them."""
        if len(self.ticker.ticks) != count:
            self.figure.height = count * HIGH + 30
            self.figure.y_range.update(start=-0.03, end=count + 0.05)
            self.ticker.ticks = [count - 0.6 - line for line in range(count)]
            labels = zip(self.ticker.ticks, ROWS, strict=False)
            self.figure.yaxis.major_label_overrides = dict(labels)

    def _no_change(self, classes: int) -> dict[str, np.ndarray]:
        """Lines through zero in every panel of a change, where that is in its window."""
        wide, tall = distributions.PANEL / WIDE, distributions.PANEL / TALL
        lines = []
        for line, window in list(enumerate(self.windows))[2:]:
            (left, right), (bottom, top) = window
            across, up = -left / (right - left) * wide, -bottom / (top - bottom) * tall
            for k in range(classes):
                x, y = k + distributions.SIDE / WIDE, len(self.windows) - 1 - line
                if 0 < across < wide:
                    lines.append((x + across, y, x + across, y + tall))
                if 0 < up < tall:
                    lines.append((x, y + up, x + wide, y + up))
        ends = np.array(lines, np.float32).reshape(-1, 4).T
        return dict(zip(self.zeros.data, ends, strict=True))

    def _counts(self, frame: Frame, classes: int, mask: np.ndarray | None) -> list[np.ndarray]:
        labels = frame.store.labels
        return [
            distributions.panels(x, y, labels, classes, window, self.bins, mask)
            for (x, y), window in zip(self.rows, self.windows, strict=True)
        ]

    def _middles(self, frame: Frame, line: int, classes: int) -> tuple[np.ndarray, np.ndarray]:
        """float32[classes] each: where the median of every class lies in the figure; NaN where it has none."""
        offsets = []
        for values, (low, high), size in zip(self.rows[line], self.windows[line], (WIDE, TALL), strict=True):
            median = np.array([distributions.median(values[frame.store.labels == k]) for k in range(classes)])
            offsets.append((median - low) / (high - low) * distributions.PANEL / size)
        across = np.arange(classes) + distributions.SIDE / WIDE + offsets[0]
        return across.astype(np.float32), (len(self.rows) - 1 - line + offsets[1]).astype(np.float32)

    def _selection(self, frame: Frame, classes: int) -> None:
        """The selected samples of every class: in colour, and as a number above it."""
        self.density.global_alpha = draw.FADED if frame.has_selection else 1.0
        everything = np.ones(len(frame.store.labels), bool)
        texts = [f"{count:,}" for count in frame.per_class(everything)]
        if frame.selected.any():
            selected = frame.per_class(frame.selected)
            counts = self._counts(frame, classes, frame.selected)
            picture = distributions.mosaic(counts, self.peaks)
            self.picked.data = {"image": [picture], "dw": [classes], "dh": [len(counts)]}
            texts = [f"{part:,} of {count}" for part, count in zip(selected, texts, strict=True)]
        elif len(self.picked.data["dw"]):
            self.picked.data = {name: [] for name in self.picked.data}
        named = zip(frame.store.class_names, texts, strict=True)
        names = [f"{draw.cut(name, LETTERS)}\n{number}" for name, number in named]
        middle = (np.arange(classes) + 0.5).astype(np.float32)
        above = np.full(classes, len(self.rows) - 1 + (distributions.PANEL + 2) / TALL, np.float32)
        self.names.data = {"x": middle, "y": above, "name": names}
