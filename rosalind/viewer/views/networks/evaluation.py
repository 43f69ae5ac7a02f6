"""Networks x conditions as colours and numbers; a click compares, a drag chooses networks and conditions."""

from typing import Any

import numpy as np
from bokeh.events import AxisClick, SelectionGeometry, Tap
from bokeh.models import (
    BoxSelectTool,
    CDSView,
    ColumnDataSource,
    FixedTicker,
    IndexFilter,
    LinearColorMapper,
)
from bokeh.transform import linear_cmap

from rosalind.analysis import accuracy_table, heat_map, robustness
from rosalind.analysis.accuracy_table import CELL_METRICS, COMPARED, SLICED
from rosalind.analysis.robustness import SeedGroup
from rosalind.analysis.store import Store
from rosalind.viewer import evaluation_caption
from rosalind.viewer.views import draw
from rosalind.viewer.views.cursor import CellCursor
from rosalind.viewer.views.frame import Change, Changed, Frame
from rosalind.viewer.views.networks.heat_header import HIGH, Header
from rosalind.viewer.views.networks.heat_hover import hover_card, spark_columns

NUMBERS = 45
"""Largest number of columns whose cells are wide enough for a number."""

WIDE = 30
"""Largest number of columns whose cells hold a sign and three digits on a narrow page."""

CELLS = 2500
"""Largest number of cells with numbers and cards; of more only colours are sent to the browser."""

NARROW = 18
"""Fewest pixels of a column with numbers; on a page where it has fewer, only the wide columns keep theirs."""

NAME = 26
"""Longest name of a row, in letters; the card over its cells has the whole."""

INK = ("#1c2536", "#ffffff", "#8a94a6")
"""Dark and light ink on the cells, whatever the theme: the cells keep their colours. Grey where there is no cell."""


class Evaluation:
    """Rows are methods at a sparsity (means over seeds), columns are conditions; a click makes a cell B.

    Clean images and the main mean stand wide at the left. A drag chooses the rows and columns that it touches for all
    views; down the wide columns it chooses rows alone, along the names above columns alone.
    """

    page, title = "networks", "Which networks hold up?"
    finding = key = ""
    """See `View`."""

    @staticmethod
    def choices(store: Store) -> dict[str, tuple[str, ...]]:
        """The measure in the cells, and the order of rows and columns."""
        modes = tuple(mode for mode in CELL_METRICS if accuracy_table.is_defined(store, mode))
        orders = {"evaluation-rows": heat_map.ROWS, "evaluation-columns": heat_map.COLUMNS}
        return {"evaluation-cells": modes, **orders}

    def __init__(self, frame: Frame, change: Change):
        store = frame.store
        self.store, self.change = store, change
        self.groups, self.conditions = store.groups, store.columns
        self.measured = len(store.conditions)
        self.rows = np.arange(len(self.groups))
        main = robustness.main_mean(store.results)
        wide = [name for name in ("clean", main.name if main else "") if name in self.conditions]
        self.frozen = [self.conditions.index(name) for name in wide]
        infos = store.results.conditions
        self.block_of = [infos[c].category if c in store.conditions else "means" for c in self.conditions]
        self.places = heat_map.place_columns(np.arange(len(self.conditions)), self.frozen, self.block_of)
        self.changed = Changed()
        self.cells = draw.empty("shade", "x", "dw")
        self.numbers, self.texts, self.nothing, self.marks = (ColumnDataSource() for _ in range(4))
        self.lines = [draw.empty("x", "y") for _ in INK[:2]]
        self.veils = draw.empty(*"xywh")
        self.figure = self._figure()
        size = lambda: (len(self.places.order), len(self.groups))
        column = lambda number: (float(self.places.middle[number]), float(self.places.width[number]))
        self.cursors = {"evaluation": CellCursor(self.figure, size, self.press, self._words, column=column)}
        self.caption = draw.caption("evaluation-caption")
        choosers = [
            frame.chooser(change, f"evaluation-{part}", title)
            for part, title in (("cells", "cells show"), ("rows", "rows by"), ("columns", "columns by"))
        ]
        self.root = draw.stacked(draw.wrapped(*choosers), self.figure)

    def _figure(self) -> Any:
        rows, columns = len(self.groups), len(self.conditions)
        self.small = columns <= NUMBERS and rows * columns <= CELLS
        height = min(26 * rows, 1000)
        self.head = HIGH * max(rows, 1) / max(height, 1)
        figure = draw.plot(
            "evaluation",
            "Heat map of networks by conditions; numbers repeat in summary.csv.",
            height=HIGH + height + 16,
            x_range=(0, self._end()),
            y_range=(rows - 0.5, -0.5 - self.head),
        )
        figure.grid.grid_line_color = None
        figure.outline_line_alpha = 0
        figure.yaxis.major_tick_line_color = None
        figure.xaxis.visible = False
        # A label needs about 11 pixels; where cells are lower, only some of them are named.
        step = -(-rows * 11 // 1000) if rows > 38 else 1
        figure.yaxis.ticker = FixedTicker(ticks=list(range(0, rows, step)))
        if rows > 38:
            figure.yaxis.major_label_text_font_size = "9px"
        self.mapper = LinearColorMapper(palette=draw.SEQUENTIAL, low=1, high=255, low_color=draw.CLEAR)
        place = {"x": "x", "y": -0.5, "dw": "dw", "dh": rows}
        image = figure.image("shade", source=self.cells, color_mapper=self.mapper, **place)
        if self.small:
            for line, ink in zip(self.lines, INK[:2], strict=True):
                figure.line("x", "y", source=line, line_color=ink, line_width=2)
            look: draw.Look = {"text_align": "center", "text_baseline": "middle"}
            # One size: Bokeh 3.9.2 measures new texts with the sizes of those before.
            look |= {"text_font_size": "10px" if columns <= WIDE else "9px"}
            look |= {"text_color": linear_cmap("ink", INK, 0, 2), "text_alpha": "alpha", "y_offset": "up"}
            is_wide = np.arange(rows * columns) % columns < len(self.frozen)
            of = lambda cells: CDSView(filter=IndexFilter(indices=np.flatnonzero(cells).tolist()))
            figure.text("x", "y", text="text", source=self.texts, view=of(is_wide), **look)
            self.narrow = figure.text("x", "y", text="text", source=self.texts, view=of(~is_wide), **look)
        self.dots = figure.scatter("x", "y", source=self.nothing, marker="square", size=3, color=INK[0])
        veil = {"width": "w", "height": "h", "line_color": None, "fill_alpha": 0.65}
        figure.rect("x", "y", source=self.veils, name="veil", fill_color=draw.LIGHT["panel"], **veil)
        self.header = Header(figure)
        figure.rect("x", "y", "w", 1, source=self.marks, fill_color=None, line_color="colour", line_width=3)
        tag = {"text_color": "#ffffff", "background_fill_color": "colour", "padding": 1}
        # Over the line between two rows, so that the numbers in both are read.
        tag |= {"text_font_size": "9px", "text_font_style": "bold", "text_baseline": "middle"}
        figure.text("left", "top", text="text", source=self.marks, **tag)
        self.ticks = FixedTicker(ticks=[1, 128, 255])
        look = {"ticker": self.ticks, "major_label_text_font_size": "10px"}
        self.bar = draw.colour_bar(self.mapper, "", height=max(height - 30, 60), **look)
        figure.add_layout(self.bar, "right")
        # Models stay and only what they hold changes: another model in a property makes Bokeh walk the document.
        self.names = [draw.empty("name"), draw.empty("name", "left", "width")]
        self.sparks = draw.empty("height", "bins", "ends")
        reasons = accuracy_table.reasons(self.store)
        cells = {"cell": [f"{group}|{condition}" for group, condition in reasons], "reason": list(reasons.values())}
        parts = {"source": self.numbers, "rows": self.names[0], "columns": self.names[1], "sparks": self.sparks}
        whole = rows * columns <= CELLS
        tool = BoxSelectTool(name="box-evaluation", renderers=[])
        figure.add_tools(hover_card(image, **parts, reasons=ColumnDataSource(cells), whole=whole), tool)
        figure.toolbar.active_drag = tool
        figure.on_event(SelectionGeometry, self._brush)
        figure.on_event(Tap, lambda event: self.tap(event.x, event.y, shift=draw.shifted(event)))
        figure.yaxis[0].on_event(AxisClick, lambda event: self.tap_row(event.value))
        return figure

    def _end(self) -> float:
        """The right end of the frame, where names that lean over the last columns have room."""
        end = max(self.places.end, 1)
        return end + min(0.04 * end, 1)

    def _arrange(self, frame: Frame, means: np.ndarray) -> None:
        """Put rows and columns in order and name them."""
        condition, way = frame.state.b[1], frame.choice("evaluation-columns")
        column = self.conditions.index(condition) if condition in self.conditions else None
        # The better ranks are the smaller ones, and the best comes first.
        shown = -means if frame.choice("evaluation-cells") == "rank" else means
        self.rows = heat_map.arrange_rows(shown, frame.choice("evaluation-rows"), self.measured, column)
        order = heat_map.arrange_columns(shown, way, self.measured, self.block_of)
        is_blocked = way == heat_map.COLUMNS[0]
        blocks = self.block_of if is_blocked else [b if b == "means" else "conditions" for b in self.block_of]
        self.places = places = heat_map.place_columns(order, self.frozen, blocks)
        names = [self.groups[k].name for k in self.rows]
        self.figure.yaxis.major_label_overrides = {k: draw.plain(draw.cut(name, NAME)) for k, name in enumerate(names)}
        self.names[0].data = {"name": names}
        listed = [self.conditions[k] for k in places.order]
        self.names[1].data = {"name": listed, "left": places.left.tolist(), "width": places.width.tolist()}
        self.figure.x_range.end = self._end()
        self.header.fill(self.store, places, listed, self.head, blocked=is_blocked)

    def _fill(self, frame: Frame) -> None:
        name = frame.choice("evaluation-cells")
        mode, sliced = CELL_METRICS[name], frame.slice_summary if name in SLICED else None
        whole = robustness.nan_mean_std(accuracy_table.values(self.store, name))
        self._arrange(frame, whole[0])
        at = np.ix_(self.rows, self.places.order)
        values = accuracy_table.values(self.store, name, sliced)
        means, deviations, counts = robustness.nan_mean_std(values)
        shown, everything = means[at], whole[0][at]
        middled = mode.signed or mode.ratio
        scaled = lambda numbers: np.log(np.maximum(numbers, 1e-3)) if mode.ratio else numbers
        both = np.stack([shown, everything])
        limits = self.limits = heat_map.limits_of(scaled(both), middled)
        shade = heat_map.shades(scaled(shown), *limits)
        # Bokeh checks 255 colours where they are given again: 1 ms.
        if self.changed("palette", (middled, mode.better < 0)):
            palette = draw.DIVERGING[::-1] if middled else draw.SEQUENTIAL
            self.mapper.palette = palette[::-1] if mode.better < 0 else palette
        self._scale(mode, limits)
        # What is counted and in which unit, where that fits beside the colours.
        self.bar.title = mode.words if draw.width_of(mode.words) * 11 <= self.bar.height else name
        blocks = self.places.blocks
        self.cells.data = {
            "shade": [np.ascontiguousarray(shade[:, start:stop]) for start, stop in blocks],
            "x": [float(self.places.left[start]) for start, _ in blocks],
            "dw": [float(self.places.width[start:stop].sum()) for start, stop in blocks],
        }
        # A rank is one number, of a mean over seeds.
        if name == "rank":
            counts = np.isfinite(accuracy_table.collected(self.store, "accuracy", sliced)).sum(-1)
        data = {"mean": shown.astype(np.float32), "count": counts[at].astype(np.uint8)}
        data["all"] = everything.astype(np.float32) if sliced is not None else np.full((1, 1), np.nan, np.float32)
        if shown.size <= CELLS:
            low, high = accuracy_table.interval(self.store, name)
            gap = np.full(low.shape, np.nan)
            spread = (deviations, *((low, high) if sliced is None else (gap, gap)))
            data |= {k: v[at].astype(np.float32) for k, v in zip(("deviation", "low", "high"), spread, strict=True)}
        self.numbers.data = {"words": [self.bar.title], **{name: [array] for name, array in data.items()}}
        inside = np.zeros(shown.shape, bool)
        if frame.state.null and name in COMPARED:
            inside = np.abs(shown) <= accuracy_table.seed_range(self.store)[self.places.order]
        y, x = np.nonzero(inside)
        corner = self.places.left[x] + 0.12 * self.places.width[x]
        self.nothing.data = {"x": corner.astype(np.float32), "y": (y - 0.36).astype(np.float32)}
        if self.small:
            self._write(mode, shown, everything if sliced is not None else None, shade, inside)

    def _write(
        self, mode: Any, shown: np.ndarray, whole: np.ndarray | None, shade: np.ndarray, inside: np.ndarray
    ) -> None:
        """Numbers in the cells, and of a slice a notch at the value of all with a line to its own."""
        dark = shade > 126 if mode.better < 0 else shade < 130
        dark = np.abs(shade.astype(int) - 128) > 90 if mode.signed or mode.ratio else dark
        ink = np.where(shade == 0, 2, dark).astype(np.uint8)
        y, column = (axis.ravel() for axis in np.indices(shown.shape))
        is_wide = self.places.width[column] > 1
        texts = heat_map.numbers_in(shown, mode, narrow=shown.shape[1] > WIDE)
        pixels = max(NARROW, heat_map.width_of(texts, 10 if shown.shape[1] <= WIDE else 9) + 2)
        draw.show_between(self.narrow, int(pixels * self.figure.x_range.end), None)
        self.texts.data = {
            "x": self.places.middle[column].astype(np.float32),
            "y": y.astype(np.float32),
            "text": texts,
            "ink": ink.ravel(),
            "alpha": np.where(inside, 0.6, 1.0).astype(np.float32).ravel(),
            "size": ["13px" if wide else "10px" if shown.shape[1] <= WIDE else "9px" for wide in is_wide],
            "up": np.full(len(y), 0 if whole is None else -3, np.float32),
        }
        for k, line in enumerate(self.lines):
            inked = ink.ravel() == k
            data = {"x": np.empty(0, np.float32), "y": np.empty(0, np.float32)}
            if whole is not None:
                places = y[inked], self.places.left[column[inked]], self.places.width[column[inked]]
                values = (whole.ravel()[inked], shown.ravel()[inked])
                data = dict(
                    zip("xy", heat_map.bullet_lines(*values, *places, heat_map.limits_of(whole, False)), strict=True)
                )
            draw.fill(line, data)

    def _scale(self, mode: Any, limits: tuple[float, float]) -> None:
        """The numbers beside the colours."""
        ends = {1: limits[0], 128: sum(limits) / 2, 255: limits[1]}
        value = lambda v: float(np.exp(v)) if mode.ratio else v
        digits = mode.digits + (limits[1] - limits[0] < 3)
        sign = "+" if mode.signed else ""
        labels = {k: f"{value(v):{sign}.{digits}f}" for k, v in ends.items()}
        # One number has no scale.
        several = len(set(labels.values())) > 1
        self.bar.major_label_overrides = labels if several else {**dict.fromkeys(labels, ""), 128: labels[128]}

    def _brush(self, event: SelectionGeometry) -> None:
        shape: Any = event.geometry
        if event.final and shape.get("type") == "rect":
            self.select(*(shape[end] for end in ("x0", "x1", "y0", "y1")))

    def select(self, x0: float, x1: float, y0: float, y1: float) -> None:
        """Choose the rows and columns that a box touches, for all views; all of either are no choice."""
        places = self.places.between(x0, x1)
        names = [self.conditions[k] for k in self.places.order[places]]
        chosen = [name for k, name in zip(places, names, strict=True) if k >= len(self.frozen)]
        chosen = [name for name in chosen if name in self.store.conditions]
        low, high = sorted((y0, y1))
        lines = [k for k in range(len(self.rows)) if low < k + 0.5 and high > k - 0.5]
        fields: dict[str, Any] = {}
        if chosen:
            every = len(chosen) >= len(self.store.conditions) - ("clean" in self.store.conditions)
            fields["conditions"] = () if every else tuple(chosen)
        if lines and low > -0.5 - 0.15 * self.head:
            names = tuple(self.groups[self.rows[k]].name for k in lines)
            fields["networks"] = () if len(names) == len(self.rows) else names
        if fields:
            self.change(**fields)

    def _words(self, column: int, line: int) -> str:
        """The words that are read out of a cell."""
        names = self.groups[self.rows[line]].name, self.conditions[self.places.order[column]]
        return f"{names[0]} under {names[1]}: {self.numbers.data['mean'][0][line, column]:.1f}"

    def press(self, column: int, line: int, shift: bool) -> None:
        """Make the cell of a column and a row B, with shift A."""
        self.tap(float(self.places.middle[column]), line, shift=shift)

    def tap(self, x: float | None, y: float | None, *, shift: bool = False) -> None:
        """Make the cell at a place of the map B, with shift A; a name above shows its column's severities."""
        column, line = self.places.at(x if x is not None else -1), round(y or 0)
        if column is None:
            return
        condition = self.conditions[self.places.order[column]]
        if (y or 0) < -0.5:
            # A mean has no severities.
            if condition in self.store.conditions:
                self.tap_column(condition)
        elif line < len(self.groups):
            self._choose("a" if shift else "b", self.groups[self.rows[line]], condition)

    def tap_row(self, value: float | None) -> None:
        """Show the severities of a row whose name was clicked, which becomes B's."""
        (name, condition), line = self.frame.state.b, draw.line_of(value, -0.5 - self.head)
        group = self.groups[self.rows[line]] if 0 <= line < len(self.groups) else self.store.sides.group(name)
        self._choose("b", group, condition, choices={"evaluation-curves": "corruptions"})

    def tap_column(self, condition: str) -> None:
        """Show the severities of a condition whose name was clicked, which becomes B's."""
        group = self.store.sides.group(self.frame.state.b[0])
        self._choose("b", group, condition, choices={"evaluation-curves": "methods"})

    def _choose(self, side: str, group: SeedGroup, condition: str, **change: Any) -> None:
        """Make a cell a side: a group's seeds together where the side is a group, else the network of its seed.

        Of a mean the row is chosen.
        """
        # Means and shifts have no samples of the study, so no other view could show them: the side keeps its condition.
        if condition not in self.store.conditions:
            condition = getattr(self.frame.state, side)[1]
        names = [name for name in group.networks if (name, condition) in self.store.cells]
        if not names:
            return
        before = getattr(self.frame.state, side)[0]
        if before in self.store.sides.groups_by_id:
            name = self.store.sides.id_of(group)
        else:
            infos = self.store.results.networks
            name = next((name for name in names if infos[name].seed == infos[before].seed), names[0])
        self.change(**{side: (name, condition)}, **change)

    def update(self, frame: Frame) -> None:
        """Draw a frame."""
        self.frame = frame
        state, chosen = frame.state, frame.choice
        order, name = chosen("evaluation-rows"), chosen("evaluation-cells")
        ordered = (order, chosen("evaluation-columns"), state.b[1] if order == "B's column" else "")
        cells = (name, *ordered, state.null, frame.slice_key if name in SLICED else ())
        if self.changed("cells", cells):
            self._fill(frame)
        if self.changed("sparks", ordered) and self.store.histograms[0] and self.numbers.data["mean"][0].size <= CELLS:
            at = np.ix_(self.rows, self.places.order)
            heights, edges = accuracy_table.heights(self.store)[at], self.store.histograms[1][2]
            self.sparks.data = spark_columns(heights, edges)
        if self.changed("veils", (ordered, state.networks, state.conditions)):
            self._veil(frame)
        if self.changed("sides", (*cells, frame.slice_key, state.a, state.b)):
            self._mark(frame)
            self.finding = evaluation_caption.finding(frame, name)
            self.key = evaluation_caption.key(frame, name)
            self.caption.text = evaluation_caption.details(frame, name)

    def _veil(self, frame: Frame) -> None:
        """Fade the rows and columns that are not chosen."""
        count, boxes = len(self.rows), []
        if frame.state.networks:
            lines = [k for k, group in enumerate(self.rows) if not frame.chosen_groups[group]]
            boxes += [(self.places.end / 2, k, self.places.end, 1) for k in lines]
        if frame.state.conditions:
            for k, column in enumerate(self.places.order):
                if k >= len(self.frozen) and self.conditions[column] not in frame.state.conditions:
                    boxes.append((self.places.middle[k], (count - 1) / 2, self.places.width[k], count))
        draw.fill(self.veils, {name: [float(box[k]) for box in boxes] for k, name in enumerate("xywh")})

    def _mark(self, frame: Frame) -> None:
        letters: dict[tuple[int, int], str] = {}
        for letter, (name, condition) in (("A", frame.state.a), ("B", frame.state.b)):
            group = self.groups.index(self.store.sides.group(name))
            line = int(np.flatnonzero(self.rows == group)[0])
            column = int(np.flatnonzero(self.places.order == self.conditions.index(condition))[0])
            letters[column, line] = letters.get((column, line), "") + letter
        at = [column for column, _ in letters]
        lines = np.array([line for _, line in letters], np.float32)
        self.marks.data = {
            "x": self.places.middle[at].astype(np.float32),
            "y": lines,
            "w": self.places.width[at].astype(np.float32),
            "left": self.places.left[at].astype(np.float32),
            "top": lines - np.float32(0.5),
            "text": list(letters.values()),
            "colour": [draw.side_colour(text) for text in letters.values()],
        }
