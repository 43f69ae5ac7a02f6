"""Networks x layers: one number of a diagnostic as colours, or its change from the parent."""

import math
from dataclasses import replace
from html import escape
from typing import Any

import numpy as np
from bokeh.events import AxisClick, Tap
from bokeh.models import (
    CustomJSHover,
    FixedTicker,
    HoverTool,
    LinearColorMapper,
    Range1d,
)

from rosalind.analysis import heat_map, inside
from rosalind.analysis.robustness import nan_mean_std
from rosalind.analysis.store import Store
from rosalind.results import Damaged
from rosalind.viewer.views import draw
from rosalind.viewer.views.frame import Change, Changed, Frame
from rosalind.viewer.views.inside import layer_words
from rosalind.viewer.views.inside.layer_words import CHANGE, VALUE, number

NOTHING = "nothing stored"

GAP = "#c3c9d3"
"""Of cells without a number: neither in the palette of values nor in that of changes."""

NUMBERS = 14
"""Largest number of layers whose cells are wide enough for a number."""

LETTERS = 100
"""Largest number of letters of all layers side by side."""

LEANING = 30
"""Largest number of layers whose names lean; more stand upright."""

GUTTER = 0.026
"""Share of the width of all layers that is left of them, for the letters of A and B: 12 pixels on a narrow page."""

NAME = 34
"""Longest name of a row, in letters; the card under the pointer has the whole."""

NAMED = 72
"""Largest number of rows that all have a name beside them."""

HOVER = """
const column = Math.round(special_vars.x), line = Math.round(special_vars.y);
const {network, layer} = names.data;
if (format == "network") { return network[0][line] ?? ""; }
if (format == "layer") { return layer[0][column] ?? ""; }
const place = line * (layer[0]?.length ?? 0) + column;
const words = (x) => !Number.isFinite(x) ? "none" : x !== 0 && Math.abs(x) < 0.001 ? x.toExponential(2)
  : x.toLocaleString("en", {maximumSignificantDigits: 4});
if (format == "null") { return words(names.data.apart[0]?.[column]); }
return words(source.data[format][0][place]);
"""


class Layers:
    """Rows are networks, or means over seeds where these are many, columns layers; a click makes a row B."""

    page, title = "inside", "What does every layer do?"
    finding = ""
    """See `View`."""

    @staticmethod
    def choices(store: Store) -> dict[str, tuple[str, ...]]:
        """The number in the cells, whether it is shown beside the parent's, and the order of rows."""
        kinds = tuple(inside.kinds(store)) or (NOTHING,)
        return {"layers-show": kinds, "layers-as": (VALUE, CHANGE), "layers-rows": ("study order", "likeness")}

    def __init__(self, frame: Frame, change: Change):
        self.store, self.change, self.changed = frame.store, change, Changed()
        self.rows: list[str] = []
        """Ids of the rows' sides."""
        self.left = -0.5
        """The left end of the figure, where the letters of A and B are."""
        self.logarithmic = False
        """True while the colours go by logarithm."""
        self.cells = draw.empty("image", "value", "change", "dw", "dh")
        self.names = draw.empty("network", "layer", "apart")
        self.texts = draw.empty("x", "y", "text", "ink", "alpha")
        self.marks = draw.empty("x", "y", "width", "left", "text", "colour")
        self.figure = self._figure()
        self.caption = draw.caption("layers-caption")
        kinds = {kind: layer_words.plainly(kind) for kind in frame.choices["layers-show"]}
        show = frame.chooser(change, "layers-show", "cells show", kinds, width=400)
        rows = frame.chooser(change, "layers-rows", "rows by")
        self.choosers = draw.wrapped(show, frame.chooser(change, "layers-as", "as"), rows)
        self.root = draw.stacked(self.choosers, self.figure)

    def _figure(self) -> Any:
        figure = draw.plot(
            "layers",
            "Heat map of networks by layers; rosalind diagnose prints the means of the numbers.",
            x_range=Range1d(start=-0.5, end=0.5),
            y_range=Range1d(start=0.5, end=-0.5),
            visible=False,
        )
        figure.grid.grid_line_color = None
        figure.outline_line_alpha = 0
        # Changing a ticker is cheap; a new one makes Bokeh go through the whole document.
        figure.xaxis.ticker, figure.yaxis.ticker = FixedTicker(), FixedTicker()
        figure.axis.major_tick_line_color = None
        self.mapper = LinearColorMapper(palette=draw.SEQUENTIAL, low=0, high=1, nan_color=GAP)
        place = {"x": -0.5, "y": -0.5, "dw": "dw", "dh": "dh"}
        image = figure.image("image", source=self.cells, color_mapper=self.mapper, **place)
        look: draw.Look = {"text_align": "center", "text_baseline": "middle", "text_font_size": "10px"}
        figure.text("x", "y", text="text", source=self.texts, text_color="ink", text_alpha="alpha", **look)
        ring = {"fill_color": None, "line_color": "colour", "line_width": 3}
        figure.rect("x", "y", "width", 1, source=self.marks, **ring)
        tag = {"text_color": "#ffffff", "background_fill_color": "colour", "padding": 1}
        tag |= {"text_font_size": "9px", "text_font_style": "bold", "text_baseline": "middle", "x_offset": 1}
        figure.text("left", "y", text="text", source=self.marks, **tag)
        self.bar = draw.colour_bar(self.mapper, "", ticker=FixedTicker())
        figure.add_layout(self.bar, "right")
        hover = CustomJSHover(code=HOVER, args={"source": self.cells, "names": self.names})
        tips = [
            ("network", "$y{network}"),
            ("layer", "$x{layer}"),
            ("value", "@value{value}"),
            ("change to parent", "@change{change}"),
            ("two dense seeds differ by up to", "@dw{null}"),
        ]
        formatters: dict[str, Any] = {"$x": hover, "$y": hover, "@value": hover, "@change": hover, "@dw": hover}
        figure.add_tools(HoverTool(renderers=[image], tooltips=draw.card(tips), formatters=formatters))
        figure.on_event(Tap, lambda event: self.tap(event.y, shift=draw.shifted(event)))
        figure.yaxis[0].on_event(AxisClick, lambda event: self.choose(draw.line_of(event.value)))
        return figure

    def tap(self, y: float | None, *, shift: bool = False) -> None:
        """Make the network of the row at a place of the map B, with shift A."""
        self.choose(-1 if y is None else round(y), shift=shift)

    def choose(self, line: int, *, shift: bool = False) -> None:
        """Make the network of a row B, with shift A, under the condition of that side or one that it has."""
        if not 0 <= line < len(self.rows):
            return
        name, (_, condition) = self.rows[line], self.frame.state.a if shift else self.frame.state.b
        measured = next((c for c in (condition, *self.store.conditions) if self.store.sides.has((name, c))), None)
        if measured is not None:
            self.change(**{"a" if shift else "b": (name, measured)})

    def update(self, frame: Frame) -> None:
        """Draw a frame."""
        self.frame, state = frame, frame.state
        kind, way, rows = (frame.choice(f"layers-{name}") for name in ("show", "as", "rows"))
        if not self.changed("all", (kind, way, rows, state.a, state.b, state.null, frame.has_selection)):
            return
        stays = "Numbers per layer are stored with the networks, whatever is selected." * frame.has_selection
        problems = " ".join(map(escape, inside.stored(self.store)[1]))
        table = None
        if kind in inside.kinds(self.store):
            try:
                table = inside.layers(self.store, kind)
                table = _seriated(table, way) if rows == "likeness" else table
            except (Damaged, OSError, ValueError) as error:
                problems = f"{escape(str(error))} {problems}"
        self.figure.visible = table is not None
        self.choosers.visible = bool(inside.kinds(self.store))
        if table is None:
            self.rows = []
            for source in (self.cells, self.names, self.texts, self.marks):
                source.data = {name: [] for name in source.data}
            missing = layer_words.missing(self.store)
            # What is missing and what gives it is not folded away.
            self.finding = problems or missing
            others = "" if problems else "Other numbers per layer: rosalind list diagnostics."
            self.caption.text = draw.paragraphs(stays, others, frame.null_sentence)
            return
        if self.changed("cells", (kind, way, rows)):
            self._fill(table, kind, way)
        self._mark(table)
        self.finding = self._finding(table, kind, way)
        sentences = (layer_words.about(table, kind, way, self.store), self._numbers(table, way))
        self.caption.text = draw.paragraphs(stays, *sentences, problems, frame.null_sentence)

    def _bar_name(self, kind: str, way: str, unit: str, pixels: int) -> str:
        """The name of the colour bar, with unit and scale where so many pixels have room for them."""
        # The list above names the diagnostic and the condition, for which the bar is too short.
        diagnosis, array, _ = inside.kinds(self.store)[kind]
        name = "change of " * (way == CHANGE) + (diagnosis if array.startswith("of_") else array).replace("_", " ")
        scale = ", log scale" * self.logarithmic
        longer = f"{name} ({unit})" if unit else name
        fitting = (text for text in (f"{longer}{scale}", f"{name}{scale}") if draw.width_of(text) * 11 <= pixels)
        return next(fitting, draw.cut_to(name, pixels / 11))

    def _fill(self, table: inside.Layers, kind: str, way: str) -> None:
        self.rows = table.names
        shown = table.change if way == CHANGE else table.values
        lines, columns = shown.shape
        self.logarithmic = way == VALUE and heat_map.is_logarithmic(shown)
        coloured = np.log10(shown) if self.logarithmic else shown
        low, high = heat_map.limits_of(coloured, way == CHANGE)
        ends = (10.0**low, 10.0**high) if self.logarithmic else (low, high)
        ticks = heat_map.ticks_of(*ends, logarithmic=self.logarithmic)
        at = [math.log10(tick) if self.logarithmic else tick for tick in ticks]
        self.bar.ticker.ticks = at
        self.bar.major_label_overrides = {k: number(tick, table.unit) for k, tick in zip(at, ticks, strict=True)}
        self.mapper.update(palette=draw.DIVERGING if way == CHANGE else draw.SEQUENTIAL, low=low, high=high)
        # All that is not the head is the backbone; the card under the pointer has the whole name.
        layers = [inside.short_name(layer) for layer in table.layers]
        longest = max(map(len, layers), default=0)
        fits = columns * longest <= LETTERS
        turn = 0.0 if fits else 0.7 if columns <= LEANING else np.pi / 2
        tall = min(max(14 * lines, 26 * min(lines, 12), 150), 1000)
        self.figure.height = tall + 20 + max(60, round(7 * longest * np.sin(turn)))
        self.bar.title = self._bar_name(kind, way, table.unit, tall)
        self.left = -0.5 - GUTTER * columns
        self.figure.x_range.update(start=self.left, end=columns - 0.5)
        self.figure.y_range.update(start=lines - 0.5, end=-0.5)
        across, down = self.figure.xaxis[0], self.figure.yaxis[0]
        down.ticker.ticks = list(range(0, lines, -(-lines // NAMED)))
        across.ticker.ticks = list(range(columns))
        # Of groups by name: that all are over seeds is said once, below.
        groups = self.store.sides.groups_by_id
        names = [groups[name].name if name in groups else name for name in table.names]
        down.major_label_overrides = {k: draw.plain(draw.cut(name, NAME)) for k, name in enumerate(names)}
        across.major_label_overrides = dict(enumerate(map(draw.plain, layers)))
        down.major_label_text_font_size = "11px" if lines <= 30 else "9px"
        across.major_label_orientation = turn or "horizontal"
        arrays = {"image": coloured, "value": table.values, "change": table.change}
        images = {name: [values.astype(np.float32)] for name, values in arrays.items()}
        self.cells.data = {**images, "dw": [columns], "dh": [lines]}
        self.names.data = {
            "network": [list(table.names)],
            "layer": [list(table.layers)],
            "apart": [table.null.astype(np.float32)],
        }
        written = shown if columns <= NUMBERS and lines <= NAMED else shown[:0]
        share = (coloured[: len(written)] - low) / (high - low)
        # Light ink at the dark ends of the colours: one end of values, both of changes.
        light = np.abs(share - 0.5) > 0.36 if way == CHANGE else share < draw.DARK_HALF
        y, x = (axis.ravel().astype(np.float32) for axis in np.indices(written.shape))
        # Numbers below each other have as many digits, but counts.
        full = bool((written[np.isfinite(written)] % 1).any())
        texts = [number(value, table.unit, signed=way == CHANGE, full=full) for value in written.ravel().tolist()]
        inks = ["#ffffff" if is_light else "#1c2536" for is_light in light.ravel().tolist()]
        # Pale where a seed alone does as much.
        alone = (way == CHANGE) & (np.abs(written) <= table.null)
        alpha = np.where(alone, 0.4, 1).astype(np.float32).ravel()
        self.texts.data = {"x": x, "y": y, "text": texts, "ink": inks, "alpha": alpha}

    def _mark(self, table: inside.Layers) -> None:
        """Frames around the rows of A and B; of a group around those of all its seeds."""
        letters: dict[int, list[str]] = {}
        for letter, k in ((letter, k) for letter, rows in self._sides(table).items() for k in rows):
            letters.setdefault(k, []).append(letter)
        columns = len(table.layers)
        marks = {
            "x": np.full(len(letters), (columns - 1) / 2, np.float32),
            "y": np.array(list(letters), np.float32),
            "width": np.full(len(letters), columns, np.float32),
            "left": np.full(len(letters), self.left, np.float32),
            "text": ["".join(names) for names in letters.values()],
            "colour": [draw.side_colour("".join(names)) for names in letters.values()],
        }
        draw.fill(self.marks, marks)

    def _finding(self, table: inside.Layers, kind: str, way: str) -> str:
        """The mean over layers of A and of B."""
        shown = table.change if way == CHANGE else table.values
        means = {letter: nan_mean_std(shown[rows].ravel())[0] for letter, rows in self._sides(table).items() if rows}
        of = lambda mean: number(mean, table.unit, signed=way == CHANGE) if np.isfinite(mean) else "no number"
        listed = ", ".join(f"{letter} {of(float(mean))}" for letter, mean in means.items())
        if not listed:
            return "A and B are not in this table."
        diagnosis, _, counted = escape(layer_words.plainly(kind)).partition(": ")
        counted = f" ({counted})" if counted else ""
        return f"{diagnosis[:1].upper()}{diagnosis[1:]}{counted}, mean over layers: {listed}."

    def _sides(self, table: inside.Layers) -> dict[str, list[int]]:
        """The rows of A and of B; none where they are not in the table."""
        sides, place = self.store.sides, {name: k for k, name in enumerate(table.names)}
        rows = {}
        for letter, (name, _) in (("A", self.frame.state.a), ("B", self.frame.state.b)):
            names = (sides.id_of(sides.group(name)),) if table.grouped else sides.members(name)
            rows[letter] = [place[name] for name in names if name in place]
        return rows

    def _numbers(self, table: inside.Layers, way: str) -> str:
        """The means of A and B over layers, and what a seed alone does."""
        shown, parts = table.change if way == CHANGE else table.values, []
        for letter, rows in self._sides(table).items():
            means = nan_mean_std(shown[rows].ravel()[None])[0]
            is_finite = bool(rows) and np.isfinite(means[0])
            mean = number(float(means[0]), table.unit, signed=way == CHANGE) if is_finite else "no number"
            parts.append(f"{letter}: {mean}")
        text = f"<b>{'; '.join(parts)}</b> ({'mean over seeds and layers' if table.grouped else 'mean over layers'}). "
        if not np.isfinite(table.null).any():
            return f"{text}No null: two dense networks of one kind and two seeds are not both here."
        largest = int(np.nanargmax(table.null))
        count = f"{table.pairs} pair{'s' * (table.pairs != 1)}"
        text += (
            f"Null: dense networks of two seeds differ by up to {number(float(table.null[largest]), table.unit)} "
            f"({escape(table.layers[largest])}, {count})."
        )
        if way == CHANGE:
            is_finite = np.isfinite(table.change) & np.isfinite(table.null)
            beyond = int((np.abs(table.change) > table.null)[is_finite].sum())
            text += f" {beyond:,} of {is_finite.sum():,} changes are larger than their layer's; the others are pale."
        return text


def _seriated(table: inside.Layers, way: str) -> inside.Layers:
    """The table with rows beside each other whose shown numbers are alike, by logarithm where colours go by it."""
    shown = table.change if way == CHANGE else table.values
    by_logarithm = way != CHANGE and heat_map.is_logarithmic(shown)
    order = heat_map.seriate(np.log(shown) if by_logarithm else shown)
    return replace(table, names=[table.names[k] for k in order], values=table.values[order], change=table.change[order])
