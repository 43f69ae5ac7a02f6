"""One sample: its images, its most probable classes under A and B, and its margins in all cells."""

from collections.abc import Callable, Sequence
from html import escape
from itertools import pairwise
from typing import Any

import numpy as np
from bokeh.events import Tap
from bokeh.models import ColumnDataSource, CustomJSHover, Div, FixedTicker, HoverTool, LinearColorMapper

from rosalind.analysis import contact_sheet, forgetting, rasters, sample_margins, sample_presets, slice_accuracy
from rosalind.analysis.robustness.groups import counted
from rosalind.analysis.sample_margins import SampleMargins
from rosalind.analysis.sides import Cell
from rosalind.analysis.store import Store
from rosalind.config import with_noun
from rosalind.results import ConditionInfo, Damaged
from rosalind.viewer.views.draw import (
    CLEAR,
    DIVERGING,
    FLIP_COLOURS,
    POINTS,
    caption,
    card,
    cell_name,
    colour_bar,
    columns,
    cut,
    empty,
    plot,
    side_colour,
    stacked,
)
from rosalind.viewer.views.frame import Change, Changed, Frame

NAME = 26
"""Most letters of a network or a condition beside the margins."""

KEY = "Bars: probabilities. Cells: margin in networks under conditions, severity grows to the right; red, ✕: wrong."


class SampleDetail:
    """Large images with the five most probable classes, and the margins; a click on a cell makes it B."""

    page, title = "samples", "Where does one sample break?"
    finding = key = ""
    """See `View`."""

    @staticmethod
    def choices(store: Store) -> dict[str, tuple[str, ...]]:
        """None."""
        return {}

    def __init__(self, frame: Frame, change: Change):
        self.change = change
        self.text = Div(text="", name="sample-words", sizing_mode="stretch_width")
        store = frame.store
        self.listed = sample_margins.rows_of(store)
        count, names = len(self.listed), _labels([store.results.conditions[c] for c in store.conditions])
        width = len(names)
        self.figure = figure = plot(
            "fingerprint",
            "Margins of the shown sample over all networks and conditions; click a cell to make it B.",
            # The name of the bar takes 110 pixels.
            height=int(np.clip(15 * count, 110, 620)) + 78,
            # Left of the cells are the letters of A and B, 16 pixels or so.
            x_range=(-max(0.04 * width, 1), max(width, 1)),
            y_range=(max(count, 1), 0),
        )
        figure.grid.grid_line_color = None
        figure.outline_line_alpha = 0
        # One label for each run of one corruption: its severities, and their draws, stand side by side.
        starts = [k for k in range(width) if k == 0 or names[k] != names[k - 1]]
        ticks = {(start + end) / 2: cut(names[start], NAME) for start, end in pairwise([*starts, width])}
        figure.xaxis.update(ticker=FixedTicker(ticks=list(ticks)), major_label_overrides=ticks)
        figure.xaxis.major_label_orientation = 0.7
        labels = [label for _, label in self.listed]
        # An axis with long names would be wider than the page.
        ticks = {k + 0.5: cut(label, NAME) for k, label in enumerate(labels)}
        figure.yaxis.update(ticker=FixedTicker(ticks=list(ticks)), major_label_overrides=ticks)
        figure.axis.major_label_text_font_size = "10px"
        figure.axis.major_tick_line_color = None
        # Red below zero, where a sample is misclassified, blue above.
        self.mapper = LinearColorMapper(palette=DIVERGING[::-1], nan_color=CLEAR)
        self.margins = empty("image")
        place = {"x": 0, "y": 0, "dw": width, "dh": count}
        cells = figure.image("image", **place, source=self.margins, color_mapper=self.mapper)
        named = lambda names: CustomJSHover(args={"names": names}, code='return names[Math.floor(value)] ?? "";')
        margin = CustomJSHover(code='return Number.isFinite(value) ? value.toFixed(2) : "not measured";')
        formatters: Any = {"$y": named(labels), "$x": named(store.conditions), "@image": margin}
        tips = [("network", "$y{custom}"), ("condition", "$x{custom}"), ("margin", "@image{custom}")]
        figure.add_tools(HoverTool(renderers=[cells], tooltips=card(tips), formatters=formatters))
        figure.add_layout(colour_bar(self.mapper, "margin (units)"), "right")
        edges = {"x": starts[1:], "low": [0] * len(starts[1:]), "high": [count] * len(starts[1:])}
        look = {"name": "ink", "line_alpha": 0.3, "line_width": 1}
        figure.segment("x", "low", "x", "high", source=ColumnDataSource(edges), **look)
        self.wrong = empty("x", "y")
        look = {"marker": "x", "size": 5, "line_color": "#3a0d12", "line_alpha": 0.75}
        figure.scatter("x", "y", source=self.wrong, **look)
        self.sides, self.letters = empty("x", "y", "colour"), empty("x", "y", "text", "colour")
        for colour, width in (("#ffffff", 5), ("colour", 3)):
            look = {"fill_color": None, "line_color": colour, "line_width": width}
            figure.rect("x", "y", 1, 1, source=self.sides, **look)
        # Beside the row, so that the colour of the cell is seen.
        tag = {"text_font_size": "9px", "text_font_style": "bold", "text_baseline": "middle", "text_color": "#ffffff"}
        tag |= {"background_fill_color": "colour", "padding": 2, "text_align": "right", "x_offset": -5}
        figure.text("x", "y", "text", source=self.letters, **tag)
        figure.on_event(Tap, lambda event: self.tap(event.x, event.y))
        self.caption = caption("fingerprint-caption")
        self.ways = Div(text="", name="sample-ways", sizing_mode="stretch_width")
        self.root = stacked(self.text, self.ways, self.figure)
        self.changed, self.own = Changed(), ""

    def tap(self, x: float | None, y: float | None) -> None:
        """Make the cell at a place of the margins B."""
        line, column = int(y or 0), int(x or 0)
        inside = (x or 0) >= 0 and (y or 0) >= 0 and line < len(self.listed)
        if inside and column < len(self.store.conditions):
            cell = (self.listed[line][0], self.store.conditions[column])
            if self.store.sides.has(cell):
                self.change(b=cell)

    def update(self, frame: Frame) -> None:
        """Draw a frame."""
        self._show(frame)
        self.finding = " ".join(filter(None, (self.own, _of_slice(frame))))

    def _show(self, frame: Frame) -> None:
        """The shown sample, which brushes leave alone."""
        self.store, state = frame.store, frame.state
        if not self.changed("sample", (state.primary, state.a, state.b, state.pins)):
            return
        position = next(iter(np.flatnonzero(self.store.ids == state.primary).tolist()), None)
        self.figure.visible = position is not None
        if position is not None and state.primary is not None:
            margins = sample_margins.read(self.store, position, (state.a, state.b, *state.pins))
            name = str(self.store.names_of(self.store.labels[[position]])[0])
            of_class = escape(with_noun("class", cut(name, 24)))
            sides = [_large(self.store, letter, cell, position) for letter, cell in _lettered(frame)]
            # Both beside each other where there is room, else below each other; never over the next card.
            self.text.text = (
                f"<b style='color:var(--ink)'>Sample {state.primary}, {of_class}</b>"
                f"{_or_why(_exemplar, frame, position)}"
                f"<div class='grid'>{''.join(sides)}</div>"
            )
            self.ways.text = _or_why(_forgotten, frame, position)
            share = 100 * margins.right / margins.cells if margins.cells else float("nan")
            pairs = f"{margins.cells:,} network-condition pairs"
            self.own = f"Sample {state.primary}, {of_class}: right in {share:.0f} % of {pairs}."
            self.key = KEY
            self._render(frame, margins)
        else:
            self.text.text = (
                "<p>Click a sample, on the sheet or in the table, to see what A and B take it for and where it breaks."
                "</p>"
                if state.primary is None
                else f"<p>The study has no sample {int(state.primary)}.</p>"
            )
            self.own = self.key = self.caption.text = self.ways.text = ""

    def _render(self, frame: Frame, margins: SampleMargins) -> None:
        store = frame.store
        finite = np.abs(margins.values[np.isfinite(margins.values)])
        low, high = rasters.symmetric(float(np.quantile(finite, 0.98)) if finite.size else np.nan)
        self.mapper.update(low=low, high=high)
        self.margins.data = {"image": [margins.values]}
        places: dict[tuple[int, int], str] = {}
        for letter, cell in _lettered(frame):
            if (place := margins.place(store, cell)) is not None:
                places[place] = places.get(place, "") + letter
        # Crosses where it is wrong, so that nothing rests on colour alone; not where they could not be told apart.
        few = len(store.conditions) <= 120 and int(margins.wrong.sum()) <= POINTS
        crosses = margins.wrong & few
        for place in places:
            crosses[place] = False
        y, x = np.nonzero(crosses)
        self.wrong.data = {"x": (x + 0.5).astype(np.float32), "y": (y + 0.5).astype(np.float32)}
        self.sides.data = {
            "x": [x + 0.5 for _, x in places],
            "y": [y + 0.5 for y, _ in places],
            "colour": [side_colour(letters) for letters in places.values()],
        }
        rows: dict[int, str] = {}
        for (line, _), letters in places.items():
            rows[line] = rows.get(line, "") + letters
        named = [(0, line + 0.5, letters, side_colour(letters)) for line, letters in rows.items()]
        self.letters.data = columns(("x", "y", "text", "colour"), named)
        self.caption.text = self._caption(frame, margins, high, few)

    def _caption(self, frame: Frame, margins: SampleMargins, high: float, crossed: bool) -> str:
        store, b = frame.store, frame.state.b
        grouped = margins.rows != tuple(store.networks)
        crosses = ", crossed where most seeds are wrong" if grouped else ", crossed where wrong"
        text = (
            f"Where it breaks: margin in each network's unit{', mean over seeds' if grouped else ''}, "
            f"blue above 0, red below{crosses * crossed} (colours end at ±{high:.2g}); "
            f"right in {margins.right:,} of {margins.cells:,} pairs of network and condition"
        )
        if not margins.complete:
            text += (
                ". Only A and B are shown: the study stores no table of all margins "
                "(it is made by running the study again, up to 1 GiB)"
            )
        elif missing := len(store.cells) - margins.cells:
            text += f"; {missing:,} more have no margin or are newer than the table"
        place, first = margins.place(store, b), sample_margins.breaks(store, margins, b)
        if place is None or not first:
            return text + ". Click a cell to make it B."
        broken = sorted((severity, name) for name, severity in first.items() if severity is not None)
        unbroken = [name for name, severity in first.items() if severity is None]
        row = escape(margins.words[place[0]])
        if broken:
            listed = ", ".join(f"{escape(name)} {severity:g}" for severity, name in broken[:4])
            more = f" and {len(broken) - 4} more" if len(broken) > 4 else ""
            text += f". Along severity {row} first breaks at {listed}{more}"
            text += f"; it holds under {len(unbroken)} of {len(first)} corruptions" if unbroken else ""
        else:
            every = "all " * (len(first) > 1) + counted(len(first), "corruption")
            text += f". {row} holds under {every} at every severity"
        return text + ". Click a cell to make it B."


def _labels(infos: Sequence[ConditionInfo]) -> list[str]:
    """Names of conditions without severities; of a corruption at one severity with its draws and BatchNorm statistics.

    Those of several alternate from one severity to the next, and a label each would cover the others.
    """
    severities: dict[str, set[float]] = {}
    for info in infos:
        severities.setdefault(info.name, set()).add(info.severity)
    labels = []
    for info in infos:
        parts = [info.name]
        if len(severities[info.name]) == 1:
            parts += [f"draw {info.draw}"] * bool(info.draw) + [str(info.bn)] * (info.bn != "train")
        labels.append(", ".join(parts))
    return labels


def _of_slice(frame: Frame) -> str:
    """In how many cells the selected samples are right; empty where nothing is selected."""
    if frame.slice_summary is None:
        return ""
    share = 100 * slice_accuracy.over_cells(frame.store, frame.slice_summary)
    return f"Of {int(frame.selected.sum()):,} selected: {share:.0f} % on average."


def _or_why(words: Callable[[Frame, int], str], frame: Frame, position: int) -> str:
    """Some words on a sample, or why a cell that they are of cannot be read: the margins are shown without; HTML."""
    try:
        return words(frame, position)
    except (Damaged, OSError) as error:
        return f" {escape(str(error))}"


def _forgotten(frame: Frame, position: int) -> str:
    """On how many ways of severity, and in how many seeds of B's method, the shown sample is forgotten; HTML."""
    store, state = frame.store, frame.state
    of = {letter: forgetting.of_sample(store, side, position) for letter, side in (("A", state.a), ("B", state.b))}
    if not of["B"]["severity"][1]:
        return ""
    shown = {name for side in (state.a, state.b) for name in store.sides.members(side[0])}
    others = [name for name, info in store.results.networks.items() if info.is_parent and name not in shown]
    nulls = [forgetting.of_sample(store, (name, state.b[1]), position)["severity"] for name in others]
    counts = [lost for lost, ways in nulls if ways]
    parts = [f"{letter} {counts['severity'][0]} of {counts['severity'][1]}" for letter, counts in of.items()]
    if counts:
        parts.append(f"other dense seeds {' to '.join(map(str, sorted({min(counts), max(counts)})))}")
    lost, ways = of["B"]["sparsity"]
    label = escape(cut(store.results.networks[store.sides.members(state.b[0])[0]].label, NAME))
    sparser = f" As sparsity grows: {label} {lost} of {counted(ways, 'seed')}." * (ways > 0)
    return f"Turns wrong as severity grows, per corruption and seed: {', '.join(parts)}.{sparser}"


def _exemplar(frame: Frame, position: int) -> str:
    """The class of most networks of B's group for the shown sample, where most dense ones say another; HTML."""
    exemplars = sample_presets.exemplars_of(frame.store, frame.state.b)
    if exemplars is None or not exemplars.flag[position]:
        return ""
    classes = frame.store.names_of(np.array([exemplars.modal_pruned[position], exemplars.modal_dense[position]]))
    pruned, dense = (escape(cut(str(name), 24)) for name in classes)
    share, null = (100 * rate for rate in (exemplars.rate_of_halves, exemplars.null))
    rates = f" ({share:.1f} % are; of seeds alone {null:.1f} %)" if exemplars.size else ""
    return f"<br>Exemplar of {escape(exemplars.group.name)}: mostly {pruned}, dense {dense}{rates}."


def _lettered(frame: Frame) -> list[tuple[str, Cell]]:
    """The sides that are shown large: A, B and the pins that are neither, with their letters or numbers."""
    state = frame.state
    pins = [(str(k), pin) for k, pin in enumerate(state.pins, 1) if pin not in (state.a, state.b)]
    return [("A", state.a), ("B", state.b), *pins]


def _large(store: Store, letter: str, cell: Cell, position: int) -> str:
    """The image of a sample under a side, and its most probable classes there, as a cell of a table."""
    stored, pictures = contact_sheet.pictures(store, cell[1], np.array([position]))
    style = "width:88px;height:88px;image-rendering:pixelated;border:1px solid var(--line)"
    shown = (
        f"<img alt='sample {int(store.ids[position])} under {escape(cell[1], quote=True)}' style='{style}' "
        f"src='{contact_sheet.data_address(pictures[0])}'>"
        if stored[0]
        else f"<div style='{style};display:flex;align-items:center'>no stored image</div>"
    )
    lines = ""
    for k, probability in contact_sheet.top_classes(store, cell, position):
        name, true = escape(cut(store.class_names[k], 40)), k == int(store.labels[position])
        # Predictions alone may have no probability.
        width, text = 0, "–"
        if np.isfinite(probability):
            width, text = max(round(36 * probability), 1), f"{100 * probability:.1f} %"
        lines += (
            f"<tr><td>{f'<b>{name}</b><b>(true)</b>' if true else f'<i>{name}</i>'}</td>"
            f"<td><span style='width:{width}px;height:9px;"
            f"background:{FLIP_COLOURS[0] if true else FLIP_COLOURS[3]}'></span></td><td>{text}</td></tr>"
        )
    seeds = len(store.sides.seeds(cell))
    mean = f" (mean over {seeds} seeds)" if seeds > 1 else ""
    return f"<div>{letter}: {cell_name(cell)}{mean}<div class='guesses'>{shown}<table>{lines}</table></div></div>"
