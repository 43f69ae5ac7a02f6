"""Light and dark: the colours of figures, widgets and the page."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from bokeh.core.properties import value
from bokeh.model import Model
from bokeh.models import (
    Axis,
    CategoricalAxis,
    ColorBar,
    Div,
    GlyphRenderer,
    Grid,
    InlineStyleSheet,
    Legend,
    LinearColorMapper,
    Plot,
    Span,
    Widget,
)
from bokeh.palettes import interp_palette
from bokeh.themes import Theme
from jinja2 import Environment, FileSystemLoader, Template

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

FONT = "system-ui, sans-serif"
"""Of figures, as of the page; Bokeh's own, Helvetica, is a serif font in a Firefox that has none."""

FIGURES = Theme(
    json={
        "attrs": {
            "Axis": {"major_label_text_font": FONT, "axis_label_text_font": FONT},
            "CategoricalAxis": {"group_text_font": FONT, "subgroup_text_font": FONT},
            "ColorBar": {"major_label_text_font": FONT, "title_text_font": FONT},
            "Legend": {"label_text_font": FONT, "title_text_font": FONT},
            # A bare text would be the name of a column.
            "Text": {"text_font": value(FONT)},
            "Title": {"text_font": FONT},
        }
    }
)
"""What figures look like in every theme."""

SHADES = 64
"""Colours of a density: Bokeh checks each one whenever a mapper is made, 6 ms for 256 of them."""

# Widgets and text live in shadow roots, which inherit the page's variables and nothing else.
WIDGETS = """
:host { color: var(--soft); font-size: 12.5px; }
.bk-input, .bk-btn { background: var(--panel) !important; color: var(--ink) !important;
  border-color: var(--line) !important; }
.bk-input { padding-left: 8px; padding-right: 8px; font-size: 12.5px; }
.bk-btn[disabled] { opacity: .45; }
.slick-header-column, .slick-cell, .slick-row, .slick-viewport, .bk-data-table {
  background: var(--panel) !important; color: var(--ink) !important; border-color: var(--line) !important; }
"""

TEXT = """
h2 { margin: 0 0 2px; font: 600 15px system-ui, sans-serif; color: var(--ink); }
:host { color: var(--soft); font: 12.5px/1.45 system-ui, sans-serif; }
p { margin: 0 0 3px; }
.bk-clearfix:has(> .line) { display: block; width: 100%; }
.line { white-space: nowrap; overflow: hidden; text-overflow: ellipsis; }
.error { color: var(--error); }
code { background: var(--page); padding: 1px 4px; }
table { border-collapse: collapse; }
td, th { padding: 1px 10px 1px 0; text-align: left; font-weight: normal; }
th { color: var(--ink); }
"""


def known(name: str) -> str:
    """A theme of this name, light where there is none."""
    return name if name in COLOURS else "light"


def page_template(name: str) -> Template:
    """A template of a whole page; it wants `page_colours` as `themes`."""
    return Environment(loader=FileSystemLoader(Path(__file__).parent), autoescape=True).get_template(name)


def page_colours() -> dict[str, dict[str, Any]]:
    """By theme the colours that a page has as variables."""
    return {name: {part: colours[part] for part in PAGE} for name, colours in COLOURS.items()}


def sheets() -> tuple[InlineStyleSheet, InlineStyleSheet]:
    """What one page's text and widgets share: a model less for each of them."""
    return InlineStyleSheet(css=TEXT), InlineStyleSheet(css=WIDGETS)


def dress(models: Iterable[Model], shared: tuple[InlineStyleSheet, InlineStyleSheet]) -> None:
    """Give text and widgets among models the page's fonts and colours."""
    for model in models:
        if isinstance(model, Div):
            # Names of classes and networks are nobody's formulas, and the page has no MathJax.
            model.stylesheets, model.disable_math = [shared[0]], True
        elif isinstance(model, Widget):
            model.stylesheets = [*model.stylesheets, shared[1]]


def undim(models: Iterable[Model]) -> None:
    """Drop the glyphs that Bokeh adds for what it has not selected or has muted: up to an eighth of a page's models.

    Selections are masks of this viewer's own; a tap that Bokeh takes for a selection dims nothing.
    """
    for model in models:
        if isinstance(model, GlyphRenderer):
            model.nonselection_glyph = model.muted_glyph = None


def paint(models: Iterable[Any], theme: str) -> None:
    """Give every figure among models the colours of a theme."""
    colours = COLOURS[theme]
    density = list(interp_palette(colours["density"], SHADES))
    greys = [list(interp_palette(c["density"], SHADES)) for c in COLOURS.values()]
    grids = [known["grid"] for known in COLOURS.values()]
    for model in models:
        if isinstance(model, Plot):
            model.background_fill_color = model.border_fill_color = colours["panel"]
            model.outline_line_color = colours["line"]
            title: Any = model.title
            title.text_color = colours["ink"]
        elif isinstance(model, Axis):
            model.major_label_text_color = model.axis_label_text_color = colours["soft"]
            model.major_tick_line_color = colours["line"]
            if isinstance(model, CategoricalAxis):
                model.group_text_color = colours["soft"]
        elif isinstance(model, Grid):
            # Grids with a colour of their own are part of the figure, such as the axes of parallel coordinates.
            if model.grid_line_color in grids:
                model.grid_line_color = colours["grid"]
        elif isinstance(model, Legend):
            model.background_fill_color, model.label_text_color = colours["panel"], colours["ink"]
            model.border_line_color = colours["line"]
        elif isinstance(model, ColorBar):
            model.background_fill_color, model.major_label_text_color = colours["panel"], colours["soft"]
        elif isinstance(model, Span):
            model.line_color = colours["soft"]
        elif isinstance(model, LinearColorMapper) and list(model.palette) in greys:
            model.palette = density
        elif isinstance(model, GlyphRenderer) and model.name == "ink":
            what = "line_color" if hasattr(model.glyph, "line_color") else "text_color"
            setattr(model.glyph, what, colours["ink"])
