"""The parts that views are made of: colours, empty figures and sources, labels of axes, and captions."""

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

import numpy as np
from bokeh.events import Tap
from bokeh.layouts import column, row
from bokeh.models import ColorBar, ColumnDataSource, Div, LinearColorMapper, Row, UIElement
from bokeh.palettes import Greys256, interp_palette
from bokeh.plotting import figure

from rosalind.analysis import palette
from rosalind.analysis.selection_steps import FLIPS
from rosalind.analysis.sides import Cell
from rosalind.analysis.store import Store
from rosalind.viewer import theme

Look = dict[str, Any]
"""Properties of a glyph, for `Line(**look)`: Bokeh makes the signatures of its models at run time."""

CLEAR = "rgba(0, 0, 0, 0)"
SELECTED = palette.BOTH
"""Of outlines over pictures, which do not follow the theme; elsewhere they are ink."""

GREY = palette.QUIET
"""Of edges and what stands back, on light and dark."""

ZERO = palette.QUIET
"""Of the dotted lines where a value or a change is zero."""

SIDE_COLOURS = palette.SIDES
"""Colours of A and B in one figure, where they differ in dash or marker as well."""

FLIP_COLOURS = palette.FLIPS
FLIP_MARKERS = ("circle", "triangle", "inverted_triangle", "x")
CLASS_COLOURS = (
    *("#4477aa", "#e0556a", "#2d8f3c", "#9c8700", "#2492bd"),
    *("#b83d83", "#c8660a", "#2f9080", "#9977cc", "#848e9f"),
)
"""Colours of up to ten classes, on light and dark; each class is also named beside its line."""

TAG: Look = {"text": "text", "text_color": "#ffffff", "background_fill_color": "ring", "padding": 2}
TAG |= {"text_font_size": "10px", "text_font_style": "bold", "text_align": "right", "text_baseline": "middle"}
"""The letters of sides beside their marks, in the colour of the column `ring`."""

POINTS = 2000
"""Largest number of samples drawn one by one; of more only densities are sent to the browser."""


LIGHT = theme.COLOURS["light"]
GREYS, PICKED = (theme.DENSITIES["light"][kind] for kind in ("density", "picked"))
"""Of the density of selected samples; that of all fades to `FADED` below it."""

FADED = 0.3
"""Opacity of what is not selected, where something is."""

DIVERGING = list(interp_palette(("#2166ac", "#92c5de", "#f7f7f7", "#f4a582", "#b2182b"), 256))
SEQUENTIAL = list(interp_palette(("#00204c", "#31446b", "#666970", "#958f78", "#cbba69", "#ffe945"), 256))

DARK_HALF = 0.53
"""Share of `SEQUENTIAL` below which white ink has more contrast than dark ink."""


def side_colour(letters: str) -> str:
    """The colour of `A`, of `B`, or of both on one mark."""
    return {"A": palette.SIDES[0], "B": palette.SIDES[1]}.get(letters, palette.BOTH)


def letters_at(places: Mapping[str, Any]) -> dict[Any, str]:
    """By place the letters of the sides that are there; None is no place.

    >>> letters_at({"A": 3, "B": 3}), letters_at({"A": None, "B": 1})
    ({3: 'A, B'}, {1: 'B'})
    """
    letters: dict[Any, str] = {}
    for letter, place in places.items():
        if place is not None:
            letters[place] = f"{letters[place]}, {letter}" if place in letters else letter
    return letters


def short(measure: str) -> str:
    """The short name of a measure: `angle centred`."""
    return measure.replace("_", " ")


def axis_label(store: Store, name: str, raw: bool = False) -> str:
    """The short label of a measure's axis: `angle (degrees)`."""
    return f"{short(name)} ({store.measures[name].unit_shown(raw)})"


def line_of(value: float | None, top: float = -0.5) -> int:
    """The row at a click on a y axis whose row 0 is on top, from -0.5 down; -1 or less for none.

    Bokeh 3.9.2 takes every axis for one that runs upwards, so that a value v comes mirrored at the `top` of the range,
    as 2 top - v: row k of a range from -0.5 as -1 - k.

    >>> line_of(2.3), line_of(-3.3), line_of(None), line_of(-7.3, top=-2.5)
    (2, 2, -1, 2)
    """
    return -1 if value is None else round(value if value >= top else 2 * top - value)


def shifted(event: Tap) -> bool:
    """True where shift was held during a click."""
    return bool((event.modifiers or {}).get("shift"))


def plain(text: str) -> str:
    """A text that an axis shows as it is: Bokeh renders what stands between these delimiters as a formula.

    >>> plain("$$x$$") == "$$x$$", plain("5$")
    (False, '5$')
    """
    for delimiter in ("$$", r"\(", r"\["):
        text = text.replace(delimiter, f"{delimiter[0]}\u200b{delimiter[1]}")
    return text


WIDTHS = {
    letter: width
    for width, letters in {0.28: "ijl'", 0.42: "frtIJ.,:;|!/-()[] ", 0.6: "ckszvxy?", 1.0: "mwMW@%"}.items()
    for letter in letters
}
"""Widths in ems of the letters that are not of the common width, rounded up from those of DejaVu Sans, a wide font."""


BOTH_ENDS = 16
"""Fewest letters of which both ends of a cut name are shown."""


def cut(name: str, letters: int) -> str:
    """A name of at most so many letters; of a longer one the middle is left out, as long names often begin alike.

    Where there is room for few letters, only the beginning is kept.

    >>> cut("aeroplane", 9), cut("aeroplane", 5), cut("magnitude-of-another-study 0.95", 18)
    ('aeroplane', 'aero…', 'magnitude-of…0.95')
    """
    if len(name) <= letters:
        return name
    end = (letters - 1) // 3 if letters >= BOTH_ENDS else 0
    return f"{name[: letters - 1 - end].rstrip()}…{name[len(name) - end :].lstrip() if end else ''}"


def width_of(text: str) -> float:
    """The width of a text in ems of a sans-serif, an upper bound: what a browser would measure.

    >>> round(width_of("will"), 2), round(width_of("WM"), 2)
    (1.84, 2.0)
    """
    return sum(WIDTHS.get(letter, 0.79 if letter.isupper() else 0.64 if letter.isascii() else 1.0) for letter in text)


def cut_to(text: str, ems: float) -> str:
    """A text no wider than so many ems, see `width_of`; a longer one ends in an ellipsis."""
    if width_of(text) <= ems:
        return text
    while text and width_of(text) + width_of("…") > ems:
        text = text[:-1]
    return f"{text}…"


def cell_name(cell: Cell) -> str:
    """The network and condition of a cell, escaped for HTML."""
    return escape(f"{cell[0]} · {cell[1]}")


def plot(name: str, label: str, **options: Any) -> Any:
    """An empty `bokeh.plotting.figure` in the house style; untyped, as its glyph methods are made at run time.

    `name` is for tests and style sheets, `label` is read by screen readers; other options are the figure's.
    """
    house = {"toolbar_location": None, "tools": "", "height": 260, "sizing_mode": "stretch_width"}
    styled: Any = figure(name=name, min_border=4, **{**house, **options})
    styled.html_attributes = {"role": "img", "aria-label": label, "tabindex": "0"}
    # The theme sets other colours on every figure; it leaves out a grid without one.
    styled.grid.grid_line_color = LIGHT["grid"]
    styled.axis.axis_line_color = None
    styled.axis.minor_tick_line_color = None
    # Within the frame a tick would read as the minus of a number beside it.
    styled.axis.major_tick_in = 0
    styled.axis.axis_label_text_font_style = "normal"
    styled.title.text_font_size = "12px"
    styled.toolbar.logo = None
    return styled


def square(figure: Any, x: str, y: str, source: ColumnDataSource, size: float, width: float) -> None:
    """Frame places of a matrix in white within black, which is seen on every colour.

    `x` and `y` name columns of the source; the black square has `size` pixels, and either line `width`.
    """
    for colour, pixels in (("#000000", size), ("#ffffff", size - 2 * width)):
        look = {"size": pixels, "fill_color": None, "line_color": colour, "line_width": width}
        figure.scatter(x, y, source=source, marker="square", **look)


def show_between(renderer: Any, narrowest: int, wider: int | None) -> None:
    """Let the page show a renderer only in a frame of `narrowest` pixels or more, and fewer than `wider` if given."""
    tag = f"frame {narrowest} {'' if wider is None else wider}".strip()
    if renderer.tags != [tag]:
        renderer.tags = [tag]


def colour_bar(mapper: LinearColorMapper, title: str, **options: Any) -> Any:
    """A narrow colour bar for the right of a figure.

    `title` says what the colours are, with the unit; other options are those of Bokeh's `ColorBar`.
    """
    look = {"width": 10, "padding": 4, "title_text_font_size": "11px", "title_text_font_style": "normal"}
    look |= {"title_standoff": 5}
    return ColorBar(color_mapper=mapper, title=title, **{**look, **options})


def see_through(palette: list[str]) -> LinearColorMapper:
    """Colours for a uint8 density in which empty bins are transparent."""
    return LinearColorMapper(palette=palette, low=1, high=255, low_color=CLEAR)


def mosaics(figure: Any, store: Store, source: ColumnDataSource, width: Any = "dw", height: Any = "dh") -> None:
    """Draw the mosaics of thumbnails in the column `image` of a source, from the corner at 0.

    `width` and `height` are columns of the source or numbers. Grey pictures are a quarter of the bytes of others.
    """
    place = {"x": 0, "y": 0, "dw": width, "dh": height, "source": source}
    _, thumbnails = store.results.images(store.conditions[0])
    if thumbnails.shape[-1] == 3:
        figure.image_rgba("image", **place)
    else:
        mapper = LinearColorMapper(palette=Greys256, low=1, high=255, low_color=CLEAR)
        figure.image("image", color_mapper=mapper, **place)


def stacked(*parts: UIElement) -> UIElement:
    """The root of a view: its parts below each other. Its title and finding stand above, see `panels.heading`."""
    return column(*parts, sizing_mode="stretch_width")


def wrapped(*parts: UIElement, **options: Any) -> Row:
    """Parts beside each other, below where the window is too narrow for all; `options` are those of the row."""
    return row(*parts, sizing_mode="stretch_width", styles={"flex-wrap": "wrap"}, **options)


def titled(title: str, *parts: UIElement) -> UIElement:
    """Parts below each other under a heading, of what is not a view."""
    heading = Div(text=f"<h2>{escape(title)}</h2>", sizing_mode="stretch_width")
    return column(heading, *parts, sizing_mode="stretch_width")


def empty(*names: str) -> ColumnDataSource:
    """A source with these columns and no rows."""
    return ColumnDataSource({name: [] for name in names})


def columns(names: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> dict[str, list[Any]]:
    """Rows as the columns of a source.

    >>> columns(("x", "y"), [(1, 2), (3, 4)])
    {'x': [1, 3], 'y': [2, 4]}
    """
    return {name: [values[k] for values in rows] for k, name in enumerate(names)}


def fill(source: ColumnDataSource, data: Mapping[str, Any]) -> None:
    """Replace a source's data; where they are equal (NaN to NaN in arrays) nothing is sent or painted."""
    if data.keys() != source.data.keys() or not all(_equal(data[name], source.data[name]) for name in data):
        source.data = dict(data)


def _equal(a: Any, b: Any) -> bool:
    if isinstance(a, np.ndarray) or isinstance(b, np.ndarray):
        floats = np.asarray(a).dtype.kind == "f" and np.asarray(b).dtype.kind == "f"
        return np.array_equal(a, b, equal_nan=floats)
    if isinstance(a, list) and any(isinstance(value, np.ndarray) for value in a):
        return isinstance(b, list) and len(a) == len(b) and all(map(_equal, a, b))
    return bool(a == b)


def commands(*lines: str) -> str:
    """Command lines as HTML, each on a line of its own; a word with a dash is broken only where no line holds it.

    >>> commands("rosalind list methods", "rosalind view folder --port 80")
    '<code>rosalind list methods</code><br><code>rosalind view folder <span>--port</span> 80</code>'
    """
    whole = lambda word: f"<span>{escape(word)}</span>" if "-" in word else escape(word)
    return "<br>".join(f"<code>{' '.join(map(whole, line.split(' ')))}</code>" for line in lines)


def remedy(words: str, *lines: str) -> str:
    """The remedy for what a card lacks, as HTML below its finding: words, then commands, see `commands`."""
    return f'<span class="remedy">{words}<br>{commands(*lines)}</span>'


def where_written(store: Store, words: str) -> str:
    """Words before commands that write into a study; where its folder is read-only here, they are for a copy of it."""
    return words if store.is_writable else f"The folder is read-only: on a copy of it {words[0].lower()}{words[1:]}"


def without_weights(store: Store, networks: Iterable[str]) -> str:
    """A sentence on networks whose weights a command needs and the study has not, as HTML; empty where it has them.

    Of networks made elsewhere, which commands are not for, it says nothing.
    """
    trained = [name for name in networks if not store.results.networks[name].is_imported]
    lacking = [name for name in trained if not store.results.has_weights(name)]
    more = f" and {len(lacking) - 1} more" if len(lacking) > 1 else ""
    return f"It takes weights, and the folder has none of {escape(cut(lacking[0], 60))}{more}." if lacking else ""


def made_of_weights(store: Store, networks: Iterable[str], words: str, *lines: str) -> str:
    """The remedy for what is made of networks: commands, in the words of `where_written`, or why they cannot work."""
    return without_weights(store, networks) or remedy(where_written(store, words), *lines)


def card(rows: Sequence[tuple[str, str]]) -> str:
    """The card beside the pointer, for `HoverTool.tooltips`: labels and values as Bokeh's lists of them have.

    Bokeh's own labels have a contrast of 2.6 to white, and cannot be given another colour. A value without a label is
    bold; Bokeh escapes what it puts into the places.

    >>> card([("", "@name"), ("right", "@y %")]).count("<span")
    2
    """
    lines = (
        f'<span style="color: var(--soft)">{escape(label)}</span><span>{value}</span>'
        if label
        else f'<b style="grid-column: 1 / -1; font-weight: 600">{value}</b>'
        for label, value in rows
    )
    grid = "display: grid; grid-template-columns: max-content 1fr; gap: 1px 8px; max-width: 420px"
    return f'<div style="{grid}; overflow-wrap: anywhere">{"".join(lines)}</div>'


def caption(name: str) -> Div:
    """The text under a view, filled at every update."""
    return Div(text="", name=name, sizing_mode="stretch_width")


def paragraphs(*parts: str) -> str:
    """The parts of a caption, each on a line of its own; empty ones are left out.

    >>> paragraphs("One.", "", "Two. ")
    '<p>One.</p><p>Two.</p>'
    """
    return "".join(f"<p>{part.strip()}</p>" for part in parts if part.strip())


def family_legend(looks: Mapping[str, palette.Look]) -> str:
    """Families of methods with their colours and shapes as HTML.

    Args:
        looks: by family, from `palette.looks`.
    """
    return " ".join(
        f'<span style="white-space:nowrap"><span style="color:{look.colour}">{look.symbol}</span> '
        f"{escape(family)}</span>"
        for family, look in looks.items()
    )


def flip_legend(samples: Sequence[int] | None = None) -> str:
    """The flip states with their colours as HTML, and with the number of samples in each where they are given."""
    shapes, counts = ("●", "▲", "▼", "✕"), [""] * len(FLIPS)
    if samples is not None:
        counts = [f"{count:,} " for count in samples]
    return " ".join(
        f'<span style="color:{colour}">{shape}</span> {count}{escape(text)}'
        for colour, shape, count, text in zip(FLIP_COLOURS, shapes, counts, FLIPS, strict=True)
    )
