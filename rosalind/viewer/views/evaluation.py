"""View 1: networks x conditions, with numbers and margin histograms in the cells."""

from html import escape

import numpy as np
from bokeh.events import Tap
from bokeh.layouts import row
from bokeh.models import (
    ColumnDataSource,
    CustomJSHover,
    FixedTicker,
    HoverTool,
    LinearColorMapper,
    Range1d,
    Span,
)
from bokeh.transform import linear_cmap

from rosalind.robustness import Group, mean_and_deviation
from rosalind.robustness.detectable import detectable_with_samples, detectable_with_seeds
from rosalind.viewer import heat, table
from rosalind.viewer.store import Cell, Store
from rosalind.viewer.table import COMPARED, MODES
from rosalind.viewer.views.classes import Classes
from rosalind.viewer.views.frame import (
    CLEAR,
    DIVERGING,
    SELECTED,
    SEQUENTIAL,
    Change,
    Frame,
    caption,
    plot,
    titled,
)
from rosalind.viewer.views.severities import Severities

NUMBERS = 45
"""Most columns whose cells are wide enough for a number."""

CELLS = 2500
"""Most cells that get numbers and histograms; beyond, only colours travel to the browser."""

INK = ("#1c2536", "#ffffff")
"""Dark and light ink on the cells, whatever the theme: the cells keep their colours."""

HOVER = """
const column = Math.round(special_vars.x), line = Math.round(special_vars.y);
if (format == "column") { return columns[column] ?? ""; }
if (format == "row") { return rows[line] ?? ""; }
const place = line * columns.length + column;
const number = (name) => source.data[name][0][place];
const words = (value) => Number.isFinite(value) ? value.toFixed(2) : "-";
if (format == "images") { return `${words(number("low"))} to ${words(number("high"))}`; }
const count = number("count");
const spread = Number.isFinite(number("deviation")) ? ` +- ${words(number("deviation"))}` : "";
return `${words(number("mean"))}${spread} (${count} seed${count == 1 ? "" : "s"})`;
"""


class Evaluation:
    """Rows are methods at a sparsity (means over seeds), columns are conditions; a click makes a cell B.

    Below it stand the curves over severities of B's corruption and the accuracy by class, which follow A and B.
    """

    @staticmethod
    def choices(store: Store) -> dict[str, tuple[str, ...]]:
        """What cells show, the order of rows and columns, what curves show, and what images are grouped by."""
        return {
            "evaluation-cells": tuple(MODES),
            "evaluation-rows": heat.ROWS,
            "evaluation-columns": heat.COLUMNS,
            **Severities.choices(store),
            **Classes.choices(store),
        }

    def __init__(self, frame: Frame, change: Change):
        store = frame.store
        self.store, self.change = store, change
        self.groups, self.conditions = store.groups, store.columns
        self.measured = len(store.conditions)
        self.dense = table.dense_of(store.results, self.groups)
        self.rows, self.columns = np.arange(len(self.groups)), np.arange(len(self.conditions))
        self._drawn: dict[str, tuple] = {}
        self.cells, self.texts, self.nothing, self.marks = (ColumnDataSource() for _ in range(4))
        self.lines = [ColumnDataSource(data={"x": [], "y": []}) for _ in INK]
        self.figure = self._figure()
        self.severities = Severities(frame, change)
        self.classes = Classes(frame, change)
        self.caption = caption("evaluation-caption")
        self.root = titled(
            "Which networks hold?",
            row(
                frame.chooser(change, "evaluation-cells", "cells show"),
                frame.chooser(change, "evaluation-rows", "rows by"),
                frame.chooser(change, "evaluation-columns", "columns by"),
            ),
            self.figure,
            self.caption,
            self.severities.root,
            self.severities.caption,
            self.classes.root,
            caption=self.classes.caption,
        )

    def _figure(self):
        rows, columns = len(self.groups), len(self.conditions)
        self.small = columns <= NUMBERS and rows * columns <= CELLS
        figure = plot(
            "evaluation",
            "Heat map of networks by conditions; numbers repeat in summary.csv.",
            height=150 + min(26 * rows, 1000),
            x_range=Range1d(-0.5, columns - 0.5),
            y_range=Range1d(rows - 0.5, -0.5),
        )
        figure.grid.grid_line_color = None
        figure.xaxis.major_label_orientation = np.pi / 2
        # A label needs about 11 pixels; where cells are lower or narrower, only some of them are named.
        self.steps = [-(-rows * 11 // 1000) if rows > 38 else 1, -(-columns // 110)]
        if columns > 70:
            figure.xaxis.major_label_text_font_size = "8px"
        if rows > 38:
            figure.yaxis.major_label_text_font_size = "9px"
        self.mapper = LinearColorMapper(palette=SEQUENTIAL, low=1, high=255, low_color=CLEAR)
        place = {"x": -0.5, "y": -0.5, "dw": columns, "dh": rows}
        image = figure.image("shade", source=self.cells, color_mapper=self.mapper, **place)
        if self.small:
            for line, ink in zip(self.lines, INK, strict=True):
                figure.line("x", "y", source=line, line_color=ink, line_alpha=0.55)
            figure.text(
                "x",
                "y",
                text="text",
                source=self.texts,
                text_color=linear_cmap("ink", INK, 0, 1),
                text_alpha="alpha",
                text_align="center",
                text_baseline="middle",
                text_font_size="10px",
                y_offset=-4,
            )
        dots = LinearColorMapper(palette=["#1c2536"], low=1, high=1, low_color=CLEAR)
        figure.image("mark", source=self.nothing, color_mapper=dots, **place)
        figure.rect("x", "y", 1, 1, source=self.marks, fill_color=None, line_color=SELECTED, line_width=2.5)
        figure.text(
            "x",
            "y",
            text="text",
            source=self.marks,
            text_color="#1c2536",
            background_fill_color=SELECTED,
            text_font_size="9px",
            text_font_style="bold",
            text_baseline="top",
            text_align="left",
            padding=1,
        )
        if columns > self.measured:
            figure.add_layout(
                Span(location=self.measured - 0.5, dimension="height", line_color="#1c2536", line_width=2)
            )
        self.hover = CustomJSHover(code=HOVER, args={"source": self.cells, "rows": [], "columns": []})
        tips = [("network", "$y{row}"), ("condition", "$x{column}"), ("shown", "@mean{value}")]
        if rows * columns <= CELLS:
            tips.append(("95 % over images", "@mean{images}"))
        formatters = {"$x": self.hover, "$y": self.hover, "@mean": self.hover}
        figure.add_tools(HoverTool(renderers=[image], tooltips=tips, formatters=formatters))
        figure.on_event(Tap, self._tap)
        return figure

    def _collected(self, column: str) -> np.ndarray:
        """float32[groups, columns, seeds] of a column of summary.csv, for all readers."""
        return self.store.keep(
            ("evaluation", column),
            lambda: table.collect(self.store.summary, self.groups, self.conditions, column),
        )

    def values(self, mode: str) -> np.ndarray:
        """float32[groups, columns, seeds] of what cells show, before the mean; one seed where it is a rank."""

        def make() -> np.ndarray:
            found = MODES[mode].factor * self._collected(MODES[mode].column)
            if mode == "difference":
                return table.over_dense(found, self.groups, self.dense)
            if mode == "rank":
                return table.ranks(table.mean_of(found))[..., None]
            return found

        return self.store.keep(("evaluation", "mode", mode), make)

    def spread(self) -> np.ndarray:
        """float32[columns]: the largest difference between two dense seeds, in points."""
        return table.dense_spread(100 * self._collected("accuracy"), self.groups, self.dense)

    def _interval(self, mode: str) -> tuple[np.ndarray, np.ndarray]:
        """float32[groups, columns] ends of the interval over images, mean over seeds; NaN for most modes."""
        names = {"accuracy": "accuracy", "difference": "change", "change to parent": "change"}
        if mode not in names:
            nothing = np.full((len(self.groups), len(self.conditions)), np.nan)
            return nothing, nothing
        low, high = (table.mean_of(100 * self._collected(f"{names[mode]}_{end}")) for end in ("low", "high"))
        return low, high

    def _arrange(self, frame: Frame, means: np.ndarray) -> None:
        """Put rows and columns in order and name them."""
        condition = frame.state.b[1]
        column = self.conditions.index(condition) if condition in self.conditions else None
        # The better ranks are the smaller ones, and the best comes first.
        shown = -means if frame.choice("evaluation-cells") == "rank" else means
        self.rows = heat.arrange_rows(shown, frame.choice("evaluation-rows"), self.measured, column)
        self.columns = heat.arrange_columns(shown, frame.choice("evaluation-columns"), self.measured)
        rows = [self.groups[k].name for k in self.rows]
        columns = [self.conditions[k] for k in self.columns]
        self.hover.args = {"source": self.cells, "rows": rows, "columns": columns}
        for axis, names, step in zip(
            (self.figure.yaxis, self.figure.xaxis), (rows, columns), self.steps, strict=True
        ):
            axis.ticker = FixedTicker(ticks=list(range(0, len(names), step)))
            axis.major_label_overrides = dict(enumerate(names))

    def _fill(self, frame: Frame) -> None:
        name = frame.choice("evaluation-cells")
        mode, values = MODES[name], self.values(name)
        means = table.mean_of(values)
        self._arrange(frame, means)
        at = np.ix_(self.rows, self.columns)
        shown = means[at]
        low, high = heat.limits_of(shown, mode.signed)
        shade = heat.shades(shown, low, high)
        self.mapper.palette = DIVERGING[::-1] if mode.signed else SEQUENTIAL
        data = {"shade": [shade], "mean": [shown.astype(np.float32)]}
        data["deviation"] = [table.deviation_of(values)[at].astype(np.float32)]
        data["count"] = [np.isfinite(values).sum(-1)[at].astype(np.uint8)]
        if shown.size <= CELLS:
            ends = [end[at].astype(np.float32) for end in self._interval(name)]
            data["low"], data["high"] = [ends[0]], [ends[1]]
        self.cells.data = data
        inside = np.zeros(shown.shape, bool)
        if frame.state.null and name in COMPARED:
            inside = np.abs(shown) <= self.spread()[self.columns]
        self.nothing.data = {"mark": [heat.corner_marks(inside, 8 if self.small else 3)]}
        if not self.small:
            return
        dark = np.abs(shade.astype(int) - 128) > 90 if mode.signed else shade < 130
        ink = (dark & (shade > 0)).astype(np.uint8)
        y, x = (axis.ravel().astype(np.float32) for axis in np.indices(shown.shape))
        self.texts.data = {
            "x": x,
            "y": y,
            "text": heat.numbers_in(shown, mode),
            "ink": ink.ravel(),
            "alpha": np.where(inside, 0.5, 1.0).astype(np.float32).ravel(),
        }
        heights = self._heights()[at].reshape(ink.size, -1)
        for k, line in enumerate(self.lines):
            here = ink.ravel() == k
            xs, ys = heat.broken_lines(heights[here], y[here], x[here])
            line.data = {"x": xs, "y": ys}

    def _heights(self) -> np.ndarray:
        """float32[groups, columns, bins]: margin histograms of all samples and seeds, for all readers."""

        def make() -> np.ndarray:
            counts, edges = self.store.histograms
            bins = max(edges.shape[1] - 1, 1)
            found = np.zeros((len(self.groups), len(self.conditions), bins), np.int64)
            for i, group in enumerate(self.groups):
                for j, condition in enumerate(self.conditions):
                    for network in group.networks:
                        if (network, condition) in counts:
                            found[i, j] += counts[network, condition][2]
            return heat.outlines(heat.merged(found))

        return self.store.keep(("evaluation", "histograms"), make)

    def _tap(self, event: Tap) -> None:
        column, line = round(event.x or 0), round(event.y or 0)
        if not (0 <= column < len(self.conditions) and 0 <= line < len(self.groups)):
            return
        side = "a" if (event.modifiers or {}).get("shift") else "b"
        group, condition = self.groups[self.rows[line]], self.conditions[self.columns[column]]
        # Means and shifts have no samples of the study, so no other view could show them.
        there = [n for n in group.networks if (n, condition) in self.store.cells]
        if there:
            self.change(**{side: (self._like(getattr(self.frame.state, side), group, there), condition)})

    def _like(self, now: Cell, group: Group, there: list[str]) -> str:
        """Of a group its seeds together where a side is one, else the network of the side's seed."""
        if now[0] in self.store.groups_by_id:
            whole = [name for name, other in self.store.groups_by_id.items() if other is group]
            return whole[0] if whole else there[0]
        infos = self.store.results.networks
        same = [name for name in there if infos[name]["seed"] == infos[now[0]]["seed"]]
        return same[0] if same else there[0]

    def update(self, frame: Frame) -> None:
        self.frame = frame
        state, chosen = frame.state, frame.choice
        way = chosen("evaluation-rows")
        ordered = (way, chosen("evaluation-columns"), state.b[1] if way == "B's column" else "")
        cells = (chosen("evaluation-cells"), *ordered, state.null)
        if self._drawn.get("cells") != cells:
            self._fill(frame)
            self._drawn["cells"] = cells
        here = (*cells, state.a, state.b)
        if self._drawn.get("sides") != here:
            self._mark(frame)
            self.caption.text = self._words(frame)
            self._drawn["sides"] = here
        self.severities.update(frame, self)
        self.classes.update(frame)

    def _mark(self, frame: Frame) -> None:
        found: dict[tuple[int, int], str] = {}
        for letter, (name, condition) in (("A", frame.state.a), ("B", frame.state.b)):
            group = self.groups.index(self.store.group(name))
            line = int(np.flatnonzero(self.rows == group)[0])
            column = int(np.flatnonzero(self.columns == self.conditions.index(condition))[0])
            found[column, line] = found.get((column, line), "") + letter
        self.marks.data = {
            "x": np.array([x for x, _ in found], np.float32),
            "y": np.array([y for _, y in found], np.float32),
            "text": list(found.values()),
        }

    def _words(self, frame: Frame) -> str:
        """The sentences under the map."""
        name = frame.choice("evaluation-cells")
        words = "; ".join(
            self._side(letter, cell) for letter, cell in (("A", frame.state.a), ("B", frame.state.b))
        )
        text = f"{words}. Cells: {MODES[name].words}, mean over seeds"
        text += "; curves: all samples' margins. " if self.small else ". "
        if name == "difference":
            without = sum(len(g.networks) for g in self.groups) - len(self.dense)
            if without:
                text += f"{without} networks have no dense network of their seed and show gaps. "
        if frame.state.null:
            text += self._null_words(frame, name)
        text += self._shown_by(frame)
        text += "Click a cell to make it B, shift-click to make it A"
        more = "; right of the line: means and shifts, to read only."
        text += more if len(self.conditions) > self.measured else "."
        return f"{text} {escape(self.store.sources)}".strip()

    def _side(self, letter: str, cell: Cell) -> str:
        group = self.store.group(cell[0])
        cells = [self.store.summary.get((network, cell[1])) for network in group.networks]
        accuracies = [found["accuracy"] for found in cells if found is not None]
        seeds = f"{len(accuracies)} seed{'s' * (len(accuracies) != 1)}"
        ends = [(found["accuracy_low"], found["accuracy_high"]) for found in cells if found is not None]
        low, high = 100 * np.mean(ends, 0) if ends else (np.nan, np.nan)
        return (
            f"{letter}: {escape(group.name)} under {escape(cell[1])}, {mean_and_deviation(accuracies)} % right "
            f"({seeds}; over images {low:.1f} to {high:.1f})"
        )

    def _null_words(self, frame: Frame, name: str) -> str:
        """How large differences are that mean nothing."""
        condition = frame.state.b[1]
        reach = self.spread()
        text = ""
        if name in COMPARED and np.isfinite(reach).any():
            here = reach[self.conditions.index(condition)]
            text = (
                f"Two dense networks that differ in the seed lie up to {here:.1f} points apart under "
                f"{escape(condition)} and up to {np.nanmax(reach):.1f} anywhere; a pale number with a dot in the "
                "corner is a difference no larger than that of its column. "
            )
        if frame.null is None:
            return f"{text}No null: {escape(frame.null_words)}. "
        first, second = (100 * self.store.correct(cell).mean() for cell in frame.null)
        return f"{text}Null: {escape(frame.null_words)}, {second - first:+.1f} points. "

    def _shown_by(self, frame: Frame) -> str:
        """What so many images and seeds can show of the difference between A and B."""
        a, b = frame.state.a, frame.state.b
        pairs = self.store.pairs(a, b)
        if a == b or not pairs:
            return ""
        right = [(self.store.correct(x), self.store.correct(y)) for x, y in pairs]
        discordant = float(np.mean([np.mean(x != y) for x, y in right]))
        change = 100 * float(np.mean([y.mean() - x.mean() for x, y in right]))
        least = 100 * detectable_with_samples(len(self.store.ids), discordant)
        text = (
            f"B - A is {change:+.1f} points{f' over {len(pairs)} seeds, paired' if len(pairs) > 1 else ''}. "
            f"{len(self.store.ids):,} images show differences from {least:.1f} points on (McNemar, power 80 %, "
            f"level 5 %: 2.80 sqrt(share that only one has right / images), the share being {100 * discordant:.1f} %)"
        )
        ours, theirs = self.store.group(a[0]), self.store.group(b[0])
        accuracies = {
            side: {
                n: self.store.summary[n, cell[1]]["accuracy"]
                for n in group.networks
                if (n, cell[1]) in self.store.summary
            }
            for side, cell, group in (("a", a, ours), ("b", b, theirs))
        }
        changes = 100 * table.by_seed(self.store.results, ours.networks, theirs.networks, accuracies)
        if len(changes) > 1:
            deviation = changes.std(ddof=1)
            least = detectable_with_seeds(len(changes), deviation)
            text += f"; {len(changes)} pairs of seeds from {least:.1f} on (paired t-test, deviation {deviation:.1f})"
        return f"{text}. "
