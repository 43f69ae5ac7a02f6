"""Light and dark: the colours and fonts of figures, widgets and the page."""

from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from bokeh.core.properties import value
from bokeh.model import Model
from bokeh.models import (
    Axis,
    CategoricalAxis,
    ColorBar,
    Div,
    FlexBox,
    GlyphRenderer,
    Grid,
    InlineStyleSheet,
    Legend,
    LinearColorMapper,
    Plot,
    Span,
    Toolbar,
    UIElement,
    Widget,
)
from bokeh.palettes import interp_palette
from bokeh.themes import Theme
from jinja2 import Environment, FileSystemLoader, Template
from markupsafe import Markup

from rosalind.analysis import palette
from rosalind.viewer import bokeh_patches

COLOURS = {
    "light": {
        "page": "#f5f6f8",
        "error": "#b2182b",
        "panel": "#ffffff",
        "ink": "#1c2536",
        "soft": "#4a5565",
        "line": "#d5dae1",
        "focus": "#0b5fff",
        "grid": "#eceff3",
        "density": ("#e4e7ec", "#8a94a6", "#1c2536"),
        "picked": ("#a9b4c6", "#4f5d75", "#0c1424"),
    },
    "dark": {
        "page": "#11151c",
        "error": "#ff8a80",
        "panel": "#1b212c",
        "ink": "#e9edf3",
        "soft": "#aeb8c6",
        "line": "#3a4454",
        "focus": "#8ab4ff",
        "grid": "#2a3240",
        "density": ("#333d4d", "#8a94a6", "#f3f5f8"),
        "picked": ("#5d6a80", "#b4bfce", "#ffffff"),
    },
}
"""The colours of each theme, in figures and on the page."""

PAGE = ("page", "panel", "ink", "soft", "line", "focus", "error")
"""The colours that the page has as CSS variables of the same names."""

FONT = "system-ui, sans-serif"
"""The font of figures and page; a Firefox without Helvetica, Bokeh's default, shows a serif font."""

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
"""The fonts of figures, in light and dark."""

SHADES = 64
"""Number of colours of a density; Bokeh validates each one for every mapper, 6 ms for 256."""

DENSITIES = {
    theme: {kind: list(interp_palette(colours[kind], SHADES)) for kind in ("density", "picked")}
    for theme, colours in COLOURS.items()
}
"""By theme, the colours of the density of all samples and of the selected ones; made once, as making takes 0.12 ms."""

HOVER_CARD = """
.bk-Tooltip { opacity: 1; --tooltip-color: var(--panel); --tooltip-text: var(--ink); --tooltip-border: var(--line);
  --tooltip-arrow-color: var(--panel); --tooltip-arrow-border: var(--line); }
"""
"""Of figures, and of pages for tooltips that Bokeh puts outside figures."""

FIGURE = f"""
/* Figures keep their own colours where a reader has chosen others for text; icons of tools would vanish. */
:host {{ forced-color-adjust: none; }}
:host(:focus-visible) {{ outline: 2px solid var(--focus); outline-offset: 1px; }}
{HOVER_CARD}
@media print {{ :host(.bk-Toolbar) {{ visibility: hidden; }} }}"""

# Widgets and text are in shadow roots, which inherit only the page's variables.
WIDGETS = """
:host { color: var(--soft); font-size: 12.5px; }
.bk-input, .bk-btn { background-color: var(--panel) !important; color: var(--ink) !important;
  border-color: var(--line) !important; }
.bk-input:focus-visible, .bk-btn:focus-visible, input:focus-visible { outline: 2px solid var(--focus) !important;
  outline-offset: 1px; }
.bk-input { padding-left: 8px; padding-right: 8px; font-size: 12.5px; }
/* Bokeh's arrow is black in dark too. */
select:not([multiple]).bk-input { background-image: var(--arrow); }
.bk-btn { padding-left: 4px; padding-right: 4px; font-size: 12px; }
.bk-btn[disabled] { opacity: .45; }
/* Bokeh's sliders have a white track in dark too. */
.noUi-target { background: var(--page); border-color: var(--line); box-shadow: none; }
.noUi-handle { background: var(--panel); border-color: var(--soft); box-shadow: none; }
.slick-header-column, .slick-cell, .slick-row, .slick-viewport, .bk-data-table {
  background: var(--panel) !important; color: var(--ink) !important; border-color: var(--line) !important; }
.slick-cell > * { overflow: hidden; text-overflow: ellipsis; }
@media print { .bk-btn { display: none; } }
"""

TEXT = """
/* The question leads to the finding, which is the headline. */
h2 { margin: 0 0 2px; font: 600 13px system-ui, sans-serif; color: var(--soft); }
:host { color: var(--soft); font: 12.5px/1.45 system-ui, sans-serif; overflow-wrap: break-word; }
p { margin: 0 0 3px; }
.bk-clearfix:has(> .line, > .pins, > .grid) { display: block; width: 100%; }
.grid { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(270px, 100%), 1fr)); gap: 6px 18px;
  margin-top: 3px; overflow-wrap: anywhere; }
/* A name that does not fit ends in an ellipsis, and what is beside it stays where it is. */
.guesses { display: flex; gap: 10px; align-items: start; margin: 2px 0; }
.guesses > :first-child { flex: none; }
.guesses > table { display: grid; grid-template-columns: minmax(0, max-content) 36px max-content; gap: 1px 6px;
  align-items: center; min-width: 0; white-space: nowrap; }
.guesses :is(tbody, tr) { display: contents; }
.guesses td { display: flex; gap: 4px; min-width: 0; padding: 0; }
.guesses td:last-child { justify-content: end; }
.guesses :is(i, b):first-child { overflow: hidden; text-overflow: ellipsis; font-style: normal; }
.guesses b + b { font-size: 11px; font-weight: normal; }
.line { white-space: nowrap; overflow: hidden; text-overflow: ellipsis; }
.chip { display: inline-flex; align-items: center; gap: 5px; max-width: 340px; height: 24px; padding: 0 7px;
  vertical-align: middle; border: 1px solid var(--soft); border-radius: 12px; background: var(--page);
  color: var(--ink); font: inherit; cursor: pointer; }
.chip > span { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.chip:hover, .chip:focus-visible { border-color: var(--ink); outline: 1px solid var(--ink); }
.pins { display: flex; align-items: center; gap: 5px; padding-top: 3px; }
@media (max-width: 900px) { .pins { flex-wrap: wrap; } }
.chip.pin { min-width: 0; max-width: min(340px, 100%); padding: 0; cursor: default; }
.chip.pin:hover { outline: none; }
.pin > button { height: 24px; padding: 0 7px; border: 0; border-radius: 12px; background: none; color: var(--ink);
  font: inherit; cursor: pointer; }
.pin > button:first-child { min-width: 0; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.pin > button:hover { text-decoration: underline; }
.pin > button:focus-visible { outline: 2px solid var(--focus); }
.finding { margin: 0 0 5px; font: 600 15px/1.4 system-ui, sans-serif; color: var(--ink); }
.remedy { display: block; font: 12.5px/1.5 system-ui, sans-serif; color: var(--soft); }
.key { margin: 0 0 4px; }
.key [style] { forced-color-adjust: none; }
.error { color: var(--error); }
code { background: var(--page); padding: 1px 4px; }
/* Else a line ends after a dash, in the middle of an option or a name. */
code > span { display: inline-block; max-width: 100%; overflow-wrap: anywhere; }
table { border-collapse: collapse; }
td, th { padding: 1px 10px 1px 0; text-align: left; font-weight: normal; }
th { color: var(--ink); }
@media print { :host(.control) { display: none; } }
"""


@cache
def page_template(name: str) -> Template:
    """A template of a whole page, compiled once (20 ms); it needs `page_colours()` as `themes`."""
    environment = Environment(loader=FileSystemLoader(Path(__file__).parent), autoescape=True)
    return environment.get_template(name, globals={"hover_card": Markup(HOVER_CARD), "paper": on_paper()})


def on_paper() -> list[tuple[Any, Any]]:
    """Pairs of what figures have in dark and what is printed for it: single colours and palettes."""
    dark, light = ({**COLOURS[theme], **DENSITIES[theme]} for theme in ("dark", "light"))
    return [(dark[part], light[part]) for part in dark]


def page_colours() -> dict[str, dict[str, Any]]:
    """By theme the CSS variables of a page: its colours, and the arrow of its lists."""
    arrow = "url(\"data:image/svg+xml,%3Csvg viewBox='0 0 25 20' xmlns='http://www.w3.org/2000/svg'%3E"
    arrow += "%3Cpath d='M 0,0 25,0 12.5,20 Z' fill='%23{}'/%3E%3C/svg%3E\")"
    return {
        name: {part: colours[part] for part in PAGE}
        | {"arrow": Markup(arrow.format(colours["ink"][1:]))}
        | dict(zip(("side-a", "side-b"), palette.SIDES, strict=True))
        for name, colours in COLOURS.items()
    }


def right_headers(first: int) -> InlineStyleSheet:
    """A style sheet for a table whose columns from the `first` (1 is the leftmost) on are numbers, aligned right."""
    return InlineStyleSheet(css=f".slick-header-column:nth-child(n+{first}) .slick-column-name {{ float: right; }}")


StyleSheets = tuple[InlineStyleSheet, InlineStyleSheet, InlineStyleSheet]
"""The style sheets of text, of widgets and of figures."""


def style_sheets() -> StyleSheets:
    """The style sheets of a page, one model each for all text, all widgets and all figures."""
    return InlineStyleSheet(css=TEXT), InlineStyleSheet(css=WIDGETS), InlineStyleSheet(css=FIGURE)


def attach_styles(models: Iterable[Model], sheets: StyleSheets) -> None:
    """Attach the style sheets to all text, widgets, figures and their tools among `models`."""
    text_sheet, widget_sheet, figure_sheet = sheets
    for model in models:
        if isinstance(model, Div):
            # Names of classes and networks may look like formulas, and the page has no MathJax.
            model.stylesheets, model.disable_math = [text_sheet], True
        elif isinstance(model, Widget):
            model.stylesheets = [*model.stylesheets, widget_sheet]
        elif isinstance(model, Plot | Toolbar):
            model.stylesheets = [*model.stylesheets, figure_sheet]


def drop_muted_glyphs(models: Iterable[Model]) -> None:
    """Drop the glyphs that Bokeh adds for unselected and muted data, up to an eighth of a page's models.

    Selections are masks of the viewer itself; a tap that Bokeh takes for a selection dims nothing.
    """
    for model in models:
        if isinstance(model, GlyphRenderer):
            model.nonselection_glyph = model.muted_glyph = None


def apply_theme(models: Iterable[Model], theme: str) -> None:
    """Give every figure among `models` the colours of a theme."""
    colours = COLOURS[theme]
    kind_of = {tuple(shades): kind for densities in DENSITIES.values() for kind, shades in densities.items()}
    grid_of_any = [c["grid"] for c in COLOURS.values()]
    for model in models:
        if isinstance(model, Plot):
            model.background_fill_color = model.border_fill_color = colours["panel"]
            model.outline_line_color = colours["line"]
            title: Any = model.title
            title.text_color = colours["ink"]
        elif isinstance(model, Axis):
            model.major_label_text_color = model.axis_label_text_color = colours["soft"]
            # Beside a matrix there are none.
            if model.major_tick_line_color is not None:
                model.major_tick_line_color = colours["line"]
            if isinstance(model, CategoricalAxis):
                model.group_text_color = colours["soft"]
        elif isinstance(model, Grid):
            # Grids with a colour of their own are part of the figure, such as the axes of parallel coordinates.
            if model.grid_line_color in grid_of_any:
                model.grid_line_color = colours["grid"]
        elif isinstance(model, Legend):
            model.background_fill_color, model.label_text_color = colours["panel"], colours["ink"]
            model.border_line_color = colours["line"]
        elif isinstance(model, ColorBar):
            model.background_fill_color = colours["panel"]
            model.major_label_text_color = model.title_text_color = colours["soft"]
        elif isinstance(model, Span):
            model.line_color = colours["soft"]
        elif isinstance(model, LinearColorMapper) and (kind := kind_of.get(tuple(map(str, model.palette)))):
            model.palette = DENSITIES[theme][kind]
        elif isinstance(model, GlyphRenderer) and model.name == "veil":
            model.glyph.fill_color = colours["panel"]
        elif isinstance(model, GlyphRenderer) and model.name == "ink":
            attribute = "line_color" if hasattr(model.glyph, "line_color") else "text_color"
            setattr(model.glyph, attribute, colours["ink"])
            if getattr(model.glyph, "background_fill_color", None) is not None:
                model.glyph.background_fill_color = colours["panel"]


class ThemeTracker:
    """Tracks which models of a page already have the style sheets and the current theme."""

    def __init__(self):
        self._sheets = style_sheets()
        self._theme_of: dict[str, str] = {}
        """By id of a figure, text or widget of a view."""

    def attach_styles(self, *roots: Model) -> None:
        """Attach the style sheets to all text and widgets under roots that have none; no theme is applied."""
        for root in roots:
            attach_styles(root.references(), self._sheets)

    def apply(self, root: UIElement, caption: UIElement, theme: str) -> set[Model]:
        """Attach styles and apply a theme to the parts of a view that lack them.

        A view may have other parts than at the last call.

        Args:
            root: figures and widgets of the view.
            caption: its text.
            theme: in `COLOURS`.

        Returns:
            The models under the parts that changed.
        """
        parts = (*_leaves(root), caption)
        stale = [part for part in parts if self._theme_of.get(part.id) != theme]
        new = [part for part in stale if part.id not in self._theme_of]

        def models(some: Sequence[Model]) -> set[Model]:
            # Parts share models: a walk from each of them takes twice as long as one from the root.
            if len(some) == len(parts):
                return root.references().union([caption])
            return set().union(*(part.references() for part in some))

        stale_models = models(stale)
        if new:
            new_models = stale_models if len(new) == len(stale) else models(new)
            with bokeh_patches.scan_once(root.document):
                attach_styles(new_models, self._sheets)
                drop_muted_glyphs(new_models)
        if stale:
            apply_theme(stale_models, theme)
            self._theme_of |= {part.id: theme for part in stale}
        return stale_models

    def clear(self) -> None:
        """Forget all views, before they are made anew."""
        self._theme_of = {}


def _leaves(root: UIElement) -> list[UIElement]:
    """The figures, texts and widgets in rows and columns."""
    if not isinstance(root, FlexBox):
        return [root]
    return [leaf for child in root.children for leaf in _leaves(child)]
