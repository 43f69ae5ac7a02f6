"""Networks x conditions: one measure as colours and numbers, and margin histograms in the cells."""

from html import escape
from typing import Any

import numpy as np
from bokeh.events import AxisClick, Tap
from bokeh.layouts import row
from bokeh.models import ColumnDataSource, CustomJSHover, FixedTicker, HoverTool, LinearColorMapper, Span
from bokeh.transform import linear_cmap

from rosalind.analysis import accuracy_table, heat_map, robustness
from rosalind.analysis.accuracy_table import CELL_METRICS, COMPARED
from rosalind.analysis.robustness import SeedGroup
from rosalind.analysis.store import Store
from rosalind.viewer import captions
from rosalind.viewer.views import draw
from rosalind.viewer.views.cursor import CellCursor
from rosalind.viewer.views.frame import Change, Changed, Frame

NUMBERS = 45
"""Largest number of columns whose cells are wide enough for a number."""

WIDE = 30
"""Largest number of columns whose cells hold a sign and three digits on a narrow page."""

CELLS = 2500
"""Largest number of cells with numbers and histograms; of more only colours are sent to the browser."""

INK = ("#1c2536", "#ffffff", "#8a94a6")
"""Dark and light ink on the cells, whatever the theme: the cells keep their colours. Grey where there is no cell."""

HOVER = """
const column = Math.round(special_vars.x), line = Math.round(special_vars.y);
if (format == "column") { return columns.data.name[column] ?? ""; }
if (format == "row") { return rows.data.name[line] ?? ""; }
const place = line * columns.data.name.length + column;
const number = (name) => source.data[name]?.[0][place];
const words = (value) => Number.isFinite(value) ? value.toFixed(2) : "-";
const known = Number.isFinite(number("low"));
if (format == "images") { return known ? `${words(number("low"))} to ${words(number("high"))}` : "none here"; }
const count = number("count");
if (!count) {
  const reason = reasons.data.cell.indexOf(`${rows.data.name[line]}|${columns.data.name[column]}`);
  return reason < 0 ? "not there" : reasons.data.reason[reason];
}
const spread = Number.isFinite(number("deviation")) ? ` ± ${words(number("deviation"))}` : "";
return `${words(number("mean"))}${spread} (${count} seed${count == 1 ? "" : "s"})`;
"""


class Evaluation:
    """Rows are methods at a sparsity (means over seeds), columns are conditions; a click makes a cell B."""

    page, title = "networks", "Which networks hold?"

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
        self.rows, self.columns = np.arange(len(self.groups)), np.arange(len(self.conditions))
        self.changed = Changed()
        self.cells, self.texts, self.nothing, self.marks = (ColumnDataSource() for _ in range(4))
        self.lines = [ColumnDataSource(data={"x": [], "y": []}) for _ in INK[:2]]
        self.figure = self._figure()
        size = lambda: (self.measured, len(self.groups))
        choose = lambda column, line, shift: self.tap(column, line, shift=shift)
        self.cursors = {"evaluation": CellCursor(self.figure, size, choose, self._words)}
        self.caption = draw.caption("evaluation-caption")
        choosers = [
            frame.chooser(change, f"evaluation-{part}", title)
            for part, title in (("cells", "cells show"), ("rows", "rows by"), ("columns", "columns by"))
        ]
        self.root = draw.titled(self.title, row(*choosers), self.figure)

    def _figure(self) -> Any:
        rows, columns = len(self.groups), len(self.conditions)
        self.small = columns <= NUMBERS and rows * columns <= CELLS
        figure = draw.plot(
            "evaluation",
            "Heat map of networks by conditions; numbers repeat in summary.csv.",
            height=150 + min(26 * rows, 1000),
            x_range=(-0.5, columns - 0.5),
            y_range=(rows - 0.5, -0.5),
        )
        figure.grid.grid_line_color = None
        figure.xaxis.major_label_orientation = np.pi / 2
        # A label needs about 11 pixels; where cells are lower or narrower, only some of them are named.
        steps = (-(-rows * 11 // 1000) if rows > 38 else 1, -(-columns // 110))
        for axis, count, step in zip((figure.yaxis, figure.xaxis), (rows, columns), steps, strict=True):
            axis.ticker = FixedTicker(ticks=list(range(0, count, step)))
        if columns > 70:
            figure.xaxis.major_label_text_font_size = "8px"
        if rows > 38:
            figure.yaxis.major_label_text_font_size = "9px"
        self.mapper = LinearColorMapper(palette=draw.SEQUENTIAL, low=1, high=255, low_color=draw.CLEAR)
        place = {"x": -0.5, "y": -0.5, "dw": columns, "dh": rows}
        image = figure.image("shade", source=self.cells, color_mapper=self.mapper, **place)
        if self.small:
            for line, ink in zip(self.lines, INK[:2], strict=True):
                figure.line("x", "y", source=line, line_color=ink, line_alpha=0.55)
            look: draw.Look = {"text_align": "center", "text_baseline": "middle", "y_offset": -4}
            look |= {"text_color": linear_cmap("ink", INK, 0, 2), "text_alpha": "alpha"}
            size = "10px" if columns <= WIDE else "9px"
            figure.text("x", "y", text="text", source=self.texts, text_font_size=size, **look)
        dots = LinearColorMapper(palette=INK[:1], low=1, high=1, low_color=draw.CLEAR)
        figure.image("mark", source=self.nothing, color_mapper=dots, **place)
        ring = {"fill_color": None, "line_color": draw.SELECTED, "line_width": 2.5}
        figure.rect("x", "y", 1, 1, source=self.marks, **ring)
        tag = {"text_color": INK[0], "background_fill_color": draw.SELECTED, "padding": 1}
        tag |= {"text_font_size": "9px", "text_font_style": "bold", "text_baseline": "top"}
        figure.text("x", "y", text="text", source=self.marks, **tag)
        if columns > self.measured:
            edge: draw.Look = {"dimension": "height", "line_color": INK[0], "line_width": 2}
            figure.add_layout(Span(location=self.measured - 0.5, **edge))
        # Models stay and only what they hold changes: another model in a property makes Bokeh walk the document.
        self.names = [ColumnDataSource(data={"name": []}) for _ in "yx"]
        reasons = accuracy_table.reasons(self.store)
        cells = {"cell": [f"{group}|{condition}" for group, condition in reasons], "reason": list(reasons.values())}
        self.reasons = ColumnDataSource(data=cells)
        args = {"source": self.cells, "rows": self.names[0], "columns": self.names[1], "reasons": self.reasons}
        hover = CustomJSHover(code=HOVER, args=args)
        tips = [("network", "$y{row}"), ("condition", "$x{column}"), ("shown", "@mean{value}")]
        if rows * columns <= CELLS:
            tips.append(("95 % over images", "@mean{images}"))
        formatters: dict[str, Any] = {"$x": hover, "$y": hover, "@mean": hover}
        figure.add_tools(HoverTool(renderers=[image], tooltips=tips, formatters=formatters))
        figure.on_event(Tap, lambda event: self.tap(event.x, event.y, shift=draw.shifted(event)))
        figure.yaxis[0].on_event(AxisClick, lambda event: self.tap_row(event.value))
        figure.xaxis[0].on_event(AxisClick, lambda event: self.tap_column(event.value))
        return figure

    def _arrange(self, frame: Frame, means: np.ndarray) -> None:
        """Put rows and columns in order and name them."""
        condition = frame.state.b[1]
        column = self.conditions.index(condition) if condition in self.conditions else None
        # The better ranks are the smaller ones, and the best comes first.
        shown = -means if frame.choice("evaluation-cells") == "rank" else means
        self.rows = heat_map.arrange_rows(shown, frame.choice("evaluation-rows"), self.measured, column)
        self.columns = heat_map.arrange_columns(shown, frame.choice("evaluation-columns"), self.measured)
        names_of = [self.groups[k].name for k in self.rows], [self.conditions[k] for k in self.columns]
        axes = self.figure.yaxis, self.figure.xaxis
        for axis, names, source in zip(axes, names_of, self.names, strict=True):
            axis.major_label_overrides = dict(enumerate(names))
            source.data = {"name": names}

    def _fill(self, frame: Frame) -> None:
        name = frame.choice("evaluation-cells")
        mode, values = CELL_METRICS[name], accuracy_table.values(self.store, name)
        means, deviations, counts = robustness.nan_mean_std(values)
        self._arrange(frame, means)
        at = np.ix_(self.rows, self.columns)
        shown = means[at]
        middled = mode.signed or mode.ratio
        shaded = np.log(np.maximum(shown, 1e-3)) if mode.ratio else shown
        shade = heat_map.shades(shaded, *heat_map.limits_of(shaded, middled))
        palette = draw.DIVERGING[::-1] if middled else draw.SEQUENTIAL
        self.mapper.palette = palette[::-1] if mode.better < 0 else palette
        data = {"shade": [shade], "mean": [shown.astype(np.float32)]}
        # A rank is one number, of a mean over seeds.
        if name == "rank":
            counts = np.isfinite(accuracy_table.values(self.store, "accuracy")).sum(-1)
        data["count"] = [counts[at].astype(np.uint8)]
        if shown.size <= CELLS:
            spread = (deviations, *accuracy_table.interval(self.store, name))
            names = ("deviation", "low", "high")
            data |= {k: [v[at].astype(np.float32)] for k, v in zip(names, spread, strict=True)}
        self.cells.data = data
        inside = np.zeros(shown.shape, bool)
        if frame.state.null and name in COMPARED:
            inside = np.abs(shown) <= accuracy_table.seed_range(self.store)[self.columns]
        self.nothing.data = {"mark": [heat_map.corner_marks(inside, 8 if self.small else 3)]}
        if not self.small:
            return
        dark = shade > 126 if mode.better < 0 else shade < 130
        dark = np.abs(shade.astype(int) - 128) > 90 if middled else dark
        ink = np.where(shade == 0, 2, dark).astype(np.uint8)
        y, x = (axis.ravel().astype(np.float32) for axis in np.indices(shown.shape))
        self.texts.data = {
            "x": x,
            "y": y,
            "text": heat_map.numbers_in(shown, mode, narrow=shown.shape[1] > WIDE),
            "ink": ink.ravel(),
            "alpha": np.where(inside, 0.5, 1.0).astype(np.float32).ravel(),
        }
        heights = accuracy_table.heights(self.store)[at].reshape(ink.size, -1)
        for k, line in enumerate(self.lines):
            inked = ink.ravel() == k
            xs, ys = heat_map.broken_lines(heights[inked], y[inked], x[inked])
            line.data = {"x": xs, "y": ys}

    def _words(self, column: int, line: int) -> str:
        """What is read out of a cell."""
        names = self.groups[self.rows[line]].name, self.conditions[self.columns[column]]
        return f"{names[0]} under {names[1]}: {self.cells.data['mean'][0][line, column]:.1f}"

    def tap(self, x: float | None, y: float | None, *, shift: bool = False) -> None:
        """Make the cell at a place of the map B, with shift A."""
        column, line = round(x or 0), round(y or 0)
        if 0 <= column < len(self.conditions) and 0 <= line < len(self.groups):
            condition = self.conditions[self.columns[column]]
            self._choose("a" if shift else "b", self.groups[self.rows[line]], condition)

    def tap_row(self, value: float | None) -> None:
        """Show the severities of a row whose name was clicked, which becomes B's."""
        (name, condition), line = self.frame.state.b, draw.line_of(value)
        group = self.groups[self.rows[line]] if 0 <= line < len(self.groups) else self.store.sides.group(name)
        self._choose("b", group, condition, choices={"evaluation-curves": "corruptions"})

    def tap_column(self, value: float) -> None:
        """Show the severities of a column whose name was clicked, which becomes B's."""
        (name, condition), column = self.frame.state.b, round(value)
        if 0 <= column < len(self.conditions):
            condition = self.conditions[self.columns[column]]
        self._choose("b", self.store.sides.group(name), condition, choices={"evaluation-curves": "methods"})

    def _choose(self, side: str, group: SeedGroup, condition: str, **change: Any) -> None:
        """Make a cell a side: a group's seeds together where the side is a group, else the network of its seed."""
        # Means and shifts have no samples of the study, so no other view could show them.
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
        order = chosen("evaluation-rows")
        ordered = (order, chosen("evaluation-columns"), state.b[1] if order == "B's column" else "")
        cells = (chosen("evaluation-cells"), *ordered, state.null)
        if self.changed("cells", cells):
            self._fill(frame)
        if self.changed("sides", (*cells, state.a, state.b)):
            self._mark(frame)
            self.caption.text = self._caption(frame)

    def _mark(self, frame: Frame) -> None:
        letters: dict[tuple[int, int], str] = {}
        for letter, (name, condition) in (("A", frame.state.a), ("B", frame.state.b)):
            group = self.groups.index(self.store.sides.group(name))
            line = int(np.flatnonzero(self.rows == group)[0])
            column = int(np.flatnonzero(self.columns == self.conditions.index(condition))[0])
            letters[column, line] = letters.get((column, line), "") + letter
        self.marks.data = {
            "x": np.array([x for x, _ in letters], np.float32),
            "y": np.array([y for _, y in letters], np.float32),
            "text": list(letters.values()),
        }

    def _caption(self, frame: Frame) -> str:
        """The sentences under the map."""
        name, a, b = frame.choice("evaluation-cells"), frame.state.a, frame.state.b
        cells = f"Cells: {CELL_METRICS[name].words}, {'of means' if name == 'rank' else 'mean'} over seeds"
        if CELL_METRICS[name].ratio:
            cells += ", blue is less than the parent's and red is more"
        elif not CELL_METRICS[name].signed:
            meaning = {1: "better", -1: "better, as lower is", 0: "more"}
            cells += f", yellow is {meaning[CELL_METRICS[name].better]}"
        cells += "; curves: all samples' margins. " if self.small and self.store.histograms[0] else ". "
        if name == "effective robustness":
            cells += self.store.cached(("grid", "effective lines"), self._lines)
        if name == "difference":
            networks = sum(len(group.networks) for group in self.groups)
            if without := networks - len(accuracy_table.dense_networks(self.store)):
                cells += f"Gaps: {without} networks without a parent and without a dense network of their seed. "
        cells += "Click a cell to make it B, shift-click to make it A, and a name to see its severities below"
        means = "; right of the line: means and shifts, to read only."
        cells += means if len(self.conditions) > self.measured else "."
        return draw.paragraphs(
            f"A: {captions.side_accuracy(self.store, a)}; B: {captions.side_accuracy(self.store, b)}.",
            cells,
            captions.accuracy_difference(self.store, a, b),
            self._null(frame, name) if frame.state.null else "",
            escape(accuracy_table.sources(self.store)),
        )

    def _lines(self) -> str:
        """The lines of effective robustness, and why cells have none."""
        summary = self.store.summary
        measured = [cell for cell in summary if cell[1] in self.conditions]
        lines = [line for cell in measured if (line := robustness.effective_line(summary[cell])) is not None]
        if not lines:
            return "As an earlier version wrote it, also where the line says little; run the study again to renew it. "
        fitted = [line for line in lines if line.baselines == max(line.baselines for line in lines)]
        low, high = (f"{100 * end:.1f}" for end in (fitted[0].low, fitted[0].high))
        gaps = "; ".join(robustness.effective_gaps(self.store.results, summary, measured))
        return (
            f"A condition's line is fitted through {fitted[0].baselines} dense networks with {low} to {high} % right "
            f"on clean images. {f'Cells without a value: {gaps}. ' if gaps else ''}"
        )

    def _null(self, frame: Frame, name: str) -> str:
        """The size of differences that seeds alone make."""
        condition, text = frame.state.b[1], ""
        seed_range = accuracy_table.seed_range(self.store)
        if name in COMPARED and np.isfinite(seed_range).any():
            points = seed_range[self.conditions.index(condition)]
            text = (
                f"Two dense networks that differ in the seed lie up to {points:.1f} points apart under "
                f"{escape(condition)} and up to {np.nanmax(seed_range):.1f} anywhere; a pale number with a mark in the "
                "corner is a difference no larger than that of its column. "
            )
        accuracy = lambda cell: 100 * self.store.correct(cell).mean()
        differences = [abs(accuracy(second) - accuracy(first)) for first, second in frame.nulls]
        return f"{text}{frame.null_sentence}" + (
            f" They differ by up to {max(differences):.1f} points." if differences else ""
        )
