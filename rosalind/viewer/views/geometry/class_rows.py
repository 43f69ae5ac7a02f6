"""A row per class with the histogram of a measure under A and B, their difference and the null."""

from html import escape

import numpy as np
from bokeh.events import AxisClick, Tap
from bokeh.models import CustomJSHover, FixedTicker, HoverTool, Image, LinearColorMapper, Scatter

from rosalind.analysis import distributions, rasters, selection
from rosalind.analysis.sides import Cell
from rosalind.viewer.views import draw
from rosalind.viewer.views.frame import Change, Changed, Frame
from rosalind.viewer.views.geometry.shifts import shifts_of

WIDTH = 0.96
"""Width of a histogram in the figure, where one is a unit from the next."""

LETTERS = 24
"""Longest name of a class beside its row."""

NAMED = 40
"""Largest number of rows with names."""

HOVER = """
const line = Math.round(special_vars.y), name = rows.data.name[line];
if (format == "class") { return name ?? ""; }
const block = Math.floor(special_vars.x), [low, high] = rows.tags[0];
const at = low + (special_vars.x - block) / rows.tags[1] * (high - low);
return `${at.toFixed(2)} (${["A", "B", "B minus A", "null"][block] ?? ""})`;
"""


class ClassRows:
    """Histograms of A, B, B minus A and the null side by side, the classes that moved most on top.

    A click keeps only that class, another all.
    """

    MEASURED = ("x axis", "y axis", "margin")
    """The measures that rows can show."""

    def __init__(self, change: Change):
        self.change, self.text, self.changed = change, "", Changed()
        self.figure = draw.plot(
            "class-rows",
            "A row per class: histograms under A, under B, and their difference; click one to keep only it.",
            x_range=(0, 3),
            y_range=(1, 0),
        )
        figure = self.figure
        figure.grid.grid_line_color = None
        self.rows = draw.empty("name")
        self.ticks = FixedTicker(ticks=[]), FixedTicker(ticks=[])
        figure.yaxis.ticker, figure.xaxis.ticker = self.ticks
        renderers = []
        self.sources = {}
        change_of = LinearColorMapper(palette=draw.DIVERGING, low=-1, high=1, nan_color=draw.CLEAR)
        greys = [draw.see_through(draw.GREYS) for _ in "ab"]
        for block, mapper in enumerate((*greys, change_of, change_of)):
            self.sources[block] = draw.empty("image", "dh")
            image = Image(image="image", x=block, y=-0.5, dw=WIDTH, dh="dh", color_mapper=mapper)
            renderers.append(figure.add_glyph(self.sources[block], image))
        self.mapper = change_of
        self.filter_marks = draw.empty("x", "y")
        mark = Scatter(x="x", y="y", marker="triangle", size=9, angle=-np.pi / 2, fill_color=draw.GREY)
        figure.add_glyph(self.filter_marks, mark)
        hover = CustomJSHover(code=HOVER, args={"rows": self.rows})
        tips = [("class", "$y{class}"), ("", "$x{at}")]
        figure.add_tools(
            HoverTool(renderers=renderers, tooltips=draw.card(tips), formatters={"$x": hover, "$y": hover})
        )
        figure.on_event(Tap, lambda event: self.tap(event.x, event.y))
        figure.yaxis[0].on_event(AxisClick, lambda event: self.tap(None, draw.line_of(event.value)))

    def tap(self, x: float | None, y: float | None) -> None:
        """Keep only the class of the row at a place, or all classes again."""
        line = -1 if y is None else round(y)
        if 0 <= line < len(self.order):
            self.change(true_class=self.frame.toggled(int(self.order[line])))

    def update(self, frame: Frame) -> None:
        """Draw the rows of a frame, of all classes whatever the filter."""
        self.frame = frame
        state = frame.state
        chosen = frame.choice("distributions-measure")
        measure = {"x axis": state.x, "y axis": state.y}.get(chosen, "margin")
        where = (state.a, state.b, measure, state.raw, state.null, state.rule)
        if self.changed("rows", where):
            self._rows(frame, measure)
        if self.changed("filter", (where, state.true_class)):
            at = np.flatnonzero(self.order == state.true_class)
            self.filter_marks.data = {"x": np.full(at.size, -0.006, np.float32), "y": at.astype(np.float32)}

    def _rows(self, frame: Frame, measure: str) -> None:
        store, state = frame.store, frame.state
        names, labels = store.class_names, store.labels
        self.order = shifts_of(frame, measure, (state.a, state.b)).order
        limits = rasters.limits(*(frame.values(cell, measure) for cell in (state.a, state.b)))
        bins = distributions.bins_for(len(labels) / len(names))

        # Of the selected samples, whatever the class filter: its rows are all classes.
        is_selected = selection.select(store, state.rule) if state.rule else np.ones(len(labels), bool)

        def share(cell: Cell) -> np.ndarray:
            values = np.where(is_selected, frame.values(cell, measure), np.nan)
            counts = distributions.by_class(values, labels, len(names), limits, bins)[self.order]
            return counts / np.maximum(counts.sum(1, keepdims=True), 1)

        shares = [share(cell) for cell in (state.a, state.b)]
        lines = len(self.order)
        # All rows have the same scale, so that a narrow class is darker than a wide one.
        peak = max(float(rows.max(initial=0)) for rows in shares) or 1.0
        images: list[np.ndarray] = [np.ceil(255 * np.sqrt(rows / peak)).astype(np.uint8) for rows in shares]
        images.append((shares[1] - shares[0]).astype(np.float32))
        if frame.null is not None:
            first, second = map(share, frame.null)
            images.append((second - first).astype(np.float32))
        largest = max(float(np.abs(image).max(initial=0)) for image in images[2:]) or 1.0
        self.mapper.update(low=-largest, high=largest)
        for block, source in self.sources.items():
            source.data = {"image": images[block : block + 1], "dh": [lines] if block < len(images) else []}
        figure = self.figure
        figure.x_range.end = len(images)
        figure.y_range.update(start=lines - 0.5, end=-0.5)
        figure.height = 60 + min(max(13 * lines, 200), 640)
        step = max(-(-lines // NAMED), 1)
        listed = [draw.cut(names[k], LETTERS) for k in self.order]
        # Bokeh checks every label, 25 ms for a thousand.
        self.ticks[0].ticks = list(range(0, lines, step))
        figure.yaxis.major_label_overrides = {k: draw.plain(listed[k]) for k in range(0, lines, step)}
        named = {
            block + part * WIDTH: f"{limits[0] + part * (limits[1] - limits[0]):.3g}"
            for block in range(len(images))
            for part in (0.1, 0.5, 0.9)
        }
        self.ticks[1].ticks, figure.xaxis.major_label_overrides = list(named), named
        label = draw.axis_label(frame.store, measure, state.raw)
        blocks = f"{label} under A; under B; share under B minus share under A"
        figure.xaxis.axis_label = f"{blocks}; the null" if frame.null is not None else blocks
        self.rows.update(data={"name": listed}, tags=[list(limits), WIDTH])
        most = escape(", ".join(listed[:3]))
        self.text = (
            f"A row per class, {lines:,} in all, those whose {draw.short(measure)} moved most on top ({most}). Left "
            f"and middle: the share of a class's samples in {bins} bins under A and under B, darkest "
            f"{100 * peak:.0f} %; right: B minus A, red more and blue less, up to {100 * largest:.0f} points. "
            "Click a row to keep only its class."
        )
        if state.rule:
            self.text += f" Of the {int(is_selected.sum()):,} selected samples; the order is that of all."
        if frame.null is not None:
            self.text += " On the far right, in the same colours, the null."
        self.text = f"{self.text} {frame.null_sentence}".strip()
