"""Light and dark: the colours of figures, widgets and the page."""

from typing import Any

from bokeh.document import Document
from bokeh.models import (
    Axis,
    CategoricalAxis,
    ColorBar,
    Grid,
    InlineStyleSheet,
    Legend,
    LinearColorMapper,
    Plot,
    Span,
    Widget,
)
from bokeh.palettes import interp_palette

COLOURS = {
    "light": {
        "page": "#f5f6f8",
        "error": "#b2182b",
        "panel": "#ffffff",
        "ink": "#1c2536",
        "soft": "#4a5565",
        "line": "#d5dae1",
        "grid": "#eceff3",
        "density": ("#e4e7ec", "#8a94a6", "#1c2536"),
    },
    "dark": {
        "page": "#11151c",
        "error": "#ff8a80",
        "panel": "#1b212c",
        "ink": "#e9edf3",
        "soft": "#aeb8c6",
        "line": "#3a4454",
        "grid": "#2a3240",
        "density": ("#333d4d", "#8a94a6", "#f3f5f8"),
    },
}
"""What is drawn in which colour, in figures and on the page."""

PAGE = ("page", "panel", "ink", "soft", "line", "error")
"""Colours that the page has as variables of the same names."""

# Widgets live in shadow roots, which inherit the page's variables and nothing else.
WIDGETS = """
:host { color: var(--soft); }
.bk-input, .bk-btn { background: var(--panel) !important; color: var(--ink) !important;
  border-color: var(--line) !important; }
.bk-btn[disabled] { opacity: .45; }
.slick-header-column, .slick-cell, .slick-row, .slick-viewport, .bk-data-table {
  background: var(--panel) !important; color: var(--ink) !important; border-color: var(--line) !important; }
"""


def dress(widgets: list[Widget]) -> None:
    """Let widgets follow the page's colours."""
    for widget in widgets:
        widget.stylesheets = [*widget.stylesheets, InlineStyleSheet(css=WIDGETS)]


def models_of(document: Document, **selector: Any) -> list[Any]:
    """The models of a document by type or name; Bokeh makes their properties at run time, unknown to type checkers."""
    asked: Any = selector
    return list(document.select(asked))


def paint(document: Document, theme: str) -> None:
    """Give every figure of a document the colours of a theme."""
    colours = COLOURS[theme]
    density = list(interp_palette(colours["density"], 256))
    greys = [list(interp_palette(c["density"], 256)) for c in COLOURS.values()]
    for plot in models_of(document, type=Plot):
        plot.background_fill_color = plot.border_fill_color = colours["panel"]
        plot.outline_line_color = colours["line"]
        plot.title.text_color = colours["ink"]
    for axis in models_of(document, type=Axis):
        axis.major_label_text_color = axis.axis_label_text_color = colours["soft"]
        axis.major_tick_line_color = colours["line"]
        if isinstance(axis, CategoricalAxis):
            axis.group_text_color = colours["soft"]
    for grid in models_of(document, type=Grid):
        # Grids with a colour of their own are part of the figure, such as the axes of parallel coordinates.
        if grid.grid_line_color in [known["grid"] for known in COLOURS.values()]:
            grid.grid_line_color = colours["grid"]
    for legend in models_of(document, type=Legend):
        legend.background_fill_color, legend.label_text_color = colours["panel"], colours["ink"]
        legend.border_line_color = colours["line"]
    for bar in models_of(document, type=ColorBar):
        bar.background_fill_color, bar.major_label_text_color = colours["panel"], colours["soft"]
    for span in models_of(document, type=Span):
        span.line_color = colours["soft"]
    for marks in models_of(document, name="ink"):
        if hasattr(marks.glyph, "line_color"):
            marks.glyph.line_color = colours["ink"]
        else:
            marks.glyph.text_color = colours["ink"]
    for mapper in models_of(document, type=LinearColorMapper):
        if list(mapper.palette) in greys:
            mapper.palette = density
