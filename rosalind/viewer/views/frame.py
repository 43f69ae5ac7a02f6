"""What every view gets to draw, and the parts that views are made of."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from html import escape
from typing import Any

import numpy as np
from bokeh.layouts import column
from bokeh.models import (
    ColumnDataSource,
    CustomJS,
    DataTable,
    Div,
    LinearColorMapper,
    Select,
    Slider,
    UIElement,
)
from bokeh.palettes import Colorblind, interp_palette
from bokeh.plotting import figure

from rosalind.analysis import selection
from rosalind.analysis.selection import FLIPS
from rosalind.analysis.sides import Cell
from rosalind.analysis.store import Store
from rosalind.viewer import theme
from rosalind.viewer.state import Choices, State

Change = Callable[..., None]
"""`change(**fields)` sets fields of the state, `change(step={...})` adds a step to the selection rule, and
`change(choices={name: value})` chooses something inside a view."""

CLEAR = "rgba(0, 0, 0, 0)"
SELECTED = "#E69F00"
SIDE_COLOURS = ("#0072B2", "#CC79A7")
"""Of A and of B, where both are in one figure; there they differ in dash or marker as well."""

FLIP_COLOURS = ("#56B4E9", "#009E73", "#D55E00", "#7F7F7F")
FLIP_MARKERS = ("circle", "triangle", "inverted_triangle", "x")
FAMILY_COLOURS = Colorblind[8]
CLASS_COLOURS = (
    *("#4477aa", "#ee6677", "#228833", "#b8a020", "#33a9d6"),
    *("#aa3377", "#dd7711", "#44aa99", "#9977cc", "#8a94a6"),
)
"""Of a few classes in one figure, on light and dark; each is named beside its line, as ten hues are too many."""

POINTS = 2000
"""Most samples that are drawn one by one; beyond that only densities travel to the browser."""


def _ramp(*colours: str, count: int = 256) -> list[str]:
    return list(interp_palette(colours, count))


LIGHT = theme.COLOURS["light"]
GREYS = _ramp(*LIGHT["density"], count=theme.SHADES)
ORANGES = _ramp("#fbe3b5", "#E69F00", "#8a4b00", count=theme.SHADES)
DIVERGING = _ramp("#2166ac", "#92c5de", "#f7f7f7", "#f4a582", "#b2182b")
SEQUENTIAL = _ramp("#00204c", "#31446b", "#666970", "#958f78", "#cbba69", "#ffe945")


@dataclass(frozen=True)
class Frame:
    """One state of the viewer with the masks that follow from it."""

    store: Store
    state: State
    selected: np.ndarray = field(repr=False)
    """bool[n]: the selection; all False when there is none."""
    choices: Choices = field(default_factory=dict, repr=False)
    """What can be chosen inside the views."""

    @cached_property
    def shown(self) -> np.ndarray:
        """bool[n]: what passes the class filter."""
        return selection.shown(self.store, self.state.true_class)

    @cached_property
    def flips(self) -> np.ndarray:
        """uint8[n]: index into `FLIPS`, from A to B."""
        return selection.flips(self.store, self.state.a, self.state.b)

    def values(self, cell: Cell, measure: str) -> np.ndarray:
        """A measure of every sample as the state wants it, raw or in the unit."""
        return self.store.values(cell, measure, self.state.raw)

    def kept(self, true_class: int) -> int | None:
        """The class filter after a click on a class: that class, or all where it was kept already."""
        return None if self.state.true_class == true_class else true_class

    def per_class(self, mask: np.ndarray) -> np.ndarray:
        """int64[c]: how many samples of a mask bool[n] every class has; unknown classes (-1) are not counted."""
        labels = self.store.labels
        return np.bincount(labels[mask & (labels >= 0)], minlength=len(self.store.class_names))

    def choice(self, name: str) -> str:
        """What is chosen inside a view."""
        return dict(self.state.choices).get(name, self.choices[name][0])

    @cached_property
    def nulls(self) -> list[tuple[Cell, Cell]]:
        """Pairs of cells between which a difference means nothing; empty where none is asked for or measured."""
        return self.store.sides.nulls(self.state.a, self.state.b)[0] if self.state.null else []

    @property
    def null(self) -> tuple[Cell, Cell] | None:
        """The pair of `nulls` that is drawn."""
        return self.nulls[0] if self.nulls else None

    @property
    def null_words(self) -> str:
        """What the null is, or why there is none, as HTML."""
        return escape(self.store.sides.nulls(self.state.a, self.state.b)[1])

    @property
    def null_line(self) -> str:
        """A sentence on what the null is, or why there is none, as HTML; empty where none is asked for."""
        if not self.state.null:
            return ""
        if not self.nulls:
            return f"No null: {self.null_words}."
        several = f" ({len(self.nulls)} pairs: numbers are the largest, pictures the first)"
        return f"Null: {self.null_words}{several if len(self.nulls) > 1 else ''}."

    def chooser(
        self, change: Change, name: str, title: str, words: Mapping[str, str] | None = None, width: int = 170
    ) -> Select:
        """The widget of a choice; the session keeps it in line with the state.

        Args:
            change: of the view.
            name: of the choice, and of the widget.
            title: above it.
            words: how values are called, where not by themselves.
            width: in pixels.
        """
        options = [(value, (words or {}).get(value, value)) for value in self.choices[name]]
        made = Select(name=name, title=title, options=options, value=self.choice(name), width=width)
        made.on_change("value", lambda attr, old, new: change(choices={name: new}))
        return made

    def slider(self, change: Change, name: str, title: str, width: int = 170) -> Slider:
        """The widget of a choice among evenly spaced whole numbers; it tells where it is let go.

        Args:
            change: of the view.
            name: of the choice, and of the widget.
            title: above it.
            width: in pixels.
        """
        values = sorted(int(value) for value in self.choices[name])
        ends = {"start": values[0], "end": values[-1], "step": values[1] - values[0]}
        made = Slider(name=name, title=title, value=int(self.choice(name)), width=width, **ends)
        made.on_change("value_throttled", lambda attr, old, new: change(choices={name: str(round(new))}))
        return made


def measure_label(store: Store, name: str, raw: bool = False) -> str:
    """The label of a measure's axis: `angle to class direction (degrees)`."""
    measure = store.measures[name]
    return f"{measure.title} ({measure.unit_shown(raw)})"


def short(measure: str) -> str:
    """A measure in few words: `angle centred`."""
    return measure.replace("_", " ")


def axis_label(store: Store, name: str, raw: bool = False) -> str:
    """The short label of a measure's axis: `angle (degrees)`."""
    return f"{short(name)} ({store.measures[name].unit_shown(raw)})"


def line_of(value: float | None) -> int:
    """The row that a click on an axis names, where row 0 is the topmost of a figure from -0.5 down; -1 for none.

    Bokeh 3.9.2 takes every axis for one that runs upwards, so that row k comes as -1 - k.

    >>> line_of(2.3), line_of(-3.3), line_of(None)
    (2, 2, -1)
    """
    if value is None:
        return -1
    return round(value if value >= -0.5 else -1 - value)


def plain(text: str) -> str:
    """A text that an axis shows as it is: Bokeh takes what stands between these for a formula.

    >>> plain("$$x$$") == "$$x$$", plain("5$")
    (False, '5$')
    """
    for sign in ("$$", r"\(", r"\["):
        text = text.replace(sign, f"{sign[0]}\u200b{sign[1]}")
    return text


def cell_name(cell: Cell) -> str:
    """A cell in words, escaped for HTML."""
    return escape(f"{cell[0]} · {cell[1]}")


def plot(name: str, label: str, **options: Any):
    """An empty figure in the house style; `name` is for tests, `label` for screen readers."""
    options = {"toolbar_location": None, "tools": "", "height": 260, **options}
    options.setdefault("sizing_mode", "stretch_width")
    made = figure(name=name, min_border=4, **options)
    made.html_attributes = {"role": "img", "aria-label": label, "tabindex": "0"}
    # Other colours are the theme's, which paints every figure; a grid without one is left out by it.
    made.grid.grid_line_color = LIGHT["grid"]
    made.axis.axis_line_color = None
    made.axis.minor_tick_line_color = None
    made.axis.axis_label_text_font_style = "normal"
    made.title.text_font_size = "12px"
    made.toolbar.logo = None
    return made


def square(figure, x: str, y: str, source: ColumnDataSource, size: float, width: float) -> None:
    """Frame places of a matrix: white within black is seen on every colour.

    Args:
        figure: to draw on.
        x, y: columns of the source.
        source: of the places.
        size: of the black square, in pixels.
        width: of either line.
    """
    for colour, reach in (("#000000", size), ("#ffffff", size - 2 * width)):
        look = {"size": reach, "fill_color": None, "line_color": colour, "line_width": width}
        figure.scatter(x, y, source=source, marker="square", **look)


def see_through(palette: list[str]) -> LinearColorMapper:
    """Colours for a uint8 density in which empty bins are transparent."""
    return LinearColorMapper(palette=palette, low=1, high=255, low_color=CLEAR)


def titled(title: str, *parts: UIElement) -> UIElement:
    """A view's panel: a heading, and its parts under it."""
    heading = Div(text=f"<h2>{escape(title)}</h2>", sizing_mode="stretch_width")
    return column(heading, *parts, sizing_mode="stretch_width")


def repaint(table: DataTable) -> DataTable:
    """The table, which repaints when its data change.

    Bokeh 3.9.0 to 3.9.2 do that only where the number of rows changes too (bokeh issue 15328), 3.8.2 always.
    Telling the table that it has changed would lay out all that stands around it, 33 ms.
    """
    code = "Bokeh.index.find_one(table)?.updateGrid()"
    table.source.js_on_change("data", CustomJS(args={"table": table}, code=code))
    return table


def empty(*names: str) -> ColumnDataSource:
    """A source with columns and nothing in them yet."""
    return ColumnDataSource({name: [] for name in names})


def fill(source: ColumnDataSource, data: dict[str, list]) -> None:
    """Give a source other data; nothing is sent, and no figure painted, where they are the same."""
    if source.data != data:
        source.data = data


def caption(name: str) -> Div:
    """The sentence under a view, filled at every update."""
    return Div(text="", name=name, sizing_mode="stretch_width")


def paragraphs(*parts: str) -> str:
    """The parts of a caption, each on a line of its own; empty ones are left out.

    >>> paragraphs("One.", "", "Two. ")
    '<p>One.</p><p>Two.</p>'
    """
    return "".join(f"<p>{part.strip()}</p>" for part in parts if part.strip())


def flip_legend(flips: np.ndarray | None = None) -> str:
    """The flip states with their colours, and how many of some samples are in each, as HTML."""
    shapes, counts = ("●", "▲", "▼", "✕"), [""] * len(FLIPS)
    if flips is not None:
        counts = [f"{count:,} " for count in np.bincount(flips, minlength=len(FLIPS))]
    return " ".join(
        f'<span style="color:{colour}">{shape}</span> {count}{escape(text)}'
        for colour, shape, count, text in zip(FLIP_COLOURS, shapes, counts, FLIPS, strict=True)
    )


def same(new: dict[str, Any], old: dict[str, Any]) -> bool:
    """Whether columns of a source hold the same, so that nothing need be sent; gaps are equal."""
    if new.keys() != old.keys():
        return False

    def equal(a: Any, b: Any) -> bool:
        return a == b if isinstance(a, list) else np.array_equal(a, b, equal_nan=True)

    return all(equal(new[name], old[name]) for name in new)
