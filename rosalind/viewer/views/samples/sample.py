"""One sample: its images, its most probable classes under A and B, and its margins in all cells."""

from html import escape

import numpy as np
from bokeh.events import Tap
from bokeh.models import ColumnDataSource, CustomJSHover, Div, FixedTicker, HoverTool, LinearColorMapper

from rosalind.analysis import contact_sheet, rasters, sample_margins
from rosalind.analysis.robustness.groups import counted
from rosalind.analysis.sample_margins import SampleMargins
from rosalind.analysis.sides import Cell
from rosalind.analysis.store import Store
from rosalind.viewer.views.draw import CLEAR, DIVERGING, POINTS, caption, cell_name, cut, plot, titled
from rosalind.viewer.views.frame import Change, Changed, Frame

WRONG_FIRST = DIVERGING[::-1]
"""Red below zero, where a sample is misclassified, blue above."""

LINE = 15
"""Pixels of a row of margins, fewer where there are many."""

PICTURE = 104
"""Pixels of the large images."""


NAME = """return names[Math.floor(value)] ?? "";"""
MARGIN = """return Number.isFinite(value) ? value.toFixed(2) : "not measured";"""


class SampleDetail:
    """Large images with the five most probable classes, and the margins; a click on a cell makes it B."""

    page, title = "samples", "Where does one sample break?"

    @staticmethod
    def choices(store: Store) -> dict[str, tuple[str, ...]]:
        """None."""
        return {}

    def __init__(self, frame: Frame, change: Change):
        self.change = change
        self.text = Div(text="", name="sample-words", sizing_mode="stretch_width")
        store = frame.store
        self.listed = sample_margins.rows_of(store)
        count, names = len(self.listed), [store.results.conditions[c].name for c in store.conditions]
        width = len(names)
        self.figure = plot(
            "fingerprint",
            "Margins of the shown sample over all networks and conditions; click a cell to make it B.",
            height=int(np.clip(LINE * count, 60, 620)) + 78,
            x_range=(0, max(width, 1)),
            y_range=(max(count, 1), 0),
        )
        self.figure.grid.grid_line_color = None
        # One label for each run of one corruption: severities and draws stand side by side.
        starts = [k for k in range(width) if k == 0 or names[k] != names[k - 1]]
        ends = [*starts[1:], width]
        centres = [(start + end) / 2 for start, end in zip(starts, ends, strict=True)]
        self.figure.xaxis.ticker = FixedTicker(ticks=centres)
        self.figure.xaxis.major_label_overrides = {
            centre: names[start] for centre, start in zip(centres, starts, strict=True)
        }
        self.figure.xaxis.major_label_orientation = 0.7
        self.figure.yaxis.ticker = FixedTicker(ticks=[k + 0.5 for k in range(count)])
        self.figure.yaxis.major_label_overrides = {k + 0.5: label for k, (_, label) in enumerate(self.listed)}
        self.figure.axis.major_label_text_font_size = "10px"
        self.figure.axis.major_tick_line_color = None
        self.mapper = LinearColorMapper(palette=WRONG_FIRST, nan_color=CLEAR)
        self.margins = ColumnDataSource({"image": []})
        cells = self.figure.image(
            "image", x=0, y=0, dw=width, dh=count, source=self.margins, color_mapper=self.mapper
        )
        named = lambda names: CustomJSHover(args={"names": names}, code=NAME)
        self.figure.add_tools(
            HoverTool(
                renderers=[cells],
                tooltips=[
                    ("network", "$y{custom}"),
                    ("condition", "$x{custom}"),
                    ("margin", "@image{custom}"),
                ],
                formatters={
                    "$y": named([label for _, label in self.listed]),
                    "$x": named(store.conditions),
                    "@image": CustomJSHover(code=MARGIN),
                },
            )
        )
        edges = {"x": starts[1:], "low": [0] * len(starts[1:]), "high": [count] * len(starts[1:])}
        self.figure.segment(
            "x", "low", "x", "high", source=ColumnDataSource(edges), name="ink", line_alpha=0.3, line_width=1
        )
        self.wrong = ColumnDataSource({"x": [], "y": []})
        self.figure.scatter(
            "x", "y", source=self.wrong, marker="x", size=5, line_color="#3a0d12", line_alpha=0.75
        )
        self.sides = ColumnDataSource({name: [] for name in ("x", "y", "left", "top", "text")})
        # What a field shows is seen through its letter.
        for colour, width in (("#ffffff", 4), ("#000000", 2)):
            look = {"fill_color": None, "line_color": colour, "line_width": width}
            self.figure.rect("x", "y", 1, 1, source=self.sides, **look)
        # In the corner, so that the colour is seen; white below, as an outline is drawn over its letter.
        small = {
            "text_font_size": "9px",
            "text_font_style": "bold",
            "text_baseline": "top",
            "x_offset": 2,
            "y_offset": 2,
        }
        halo = {"text_color": "#ffffff", "text_outline_color": "#ffffff"}
        for look in (halo, {"text_color": "#000000"}):
            self.figure.text("left", "top", "text", source=self.sides, **small, **look)
        self.figure.on_event(Tap, lambda event: self.tap(event.x, event.y))
        self.caption = caption("fingerprint-caption")
        self.root = titled(self.title, self.text, self.figure)
        self.changed = Changed()

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
        self.store, state = frame.store, frame.state
        # Brushes leave the shown sample alone: nothing is read or sent again for them.
        if not self.changed("sample", (state.primary, state.a, state.b)):
            return
        at = np.empty(0, int) if state.primary is None else np.flatnonzero(self.store.ids == state.primary)
        self.figure.visible = bool(at.size)
        if at.size:
            margins = sample_margins.read(self.store, int(at[0]), (state.a, state.b))
            self.text.text = self._large(frame, int(at[0]))
            self._render(frame, margins)
        else:
            self.text.text = (
                "<p>Click a sample on the sheet to see what A and B take it for, and where it breaks.</p>"
                if state.primary is None
                else f"<p>The study has no sample {int(state.primary)}.</p>"
            )
            self.caption.text = ""

    def _large(self, frame: Frame, position: int) -> str:
        store, state = frame.store, frame.state
        true_class = escape(str(store.names_of(store.labels[[position]])[0]))
        sides = "".join(
            f"<td style='vertical-align:top;padding-right:22px'>{self._side(frame, letter, cell, position)}</td>"
            for letter, cell in (("A", state.a), ("B", state.b))
        )
        return (
            f"<b style='color:var(--ink)'>Sample {int(store.ids[position])}, true class {true_class}</b>"
            f"<table style='margin-top:3px'><tr>{sides}</tr></table>"
        )

    def _side(self, frame: Frame, letter: str, cell: Cell, position: int) -> str:
        store = frame.store
        stored, pictures = contact_sheet.pictures(store, cell[1], np.array([position]))
        style = f"width:{PICTURE}px;height:{PICTURE}px;image-rendering:pixelated;border:1px solid var(--line)"
        shown = (
            f"<img alt='sample {int(store.ids[position])} under {escape(cell[1], quote=True)}' style='{style}' "
            f"src='{contact_sheet.data_address(pictures[0])}'>"
            if stored[0]
            else f"<div style='{style};display:flex;align-items:center'>no stored image</div>"
        )
        lines = []
        for k, probability in contact_sheet.top_classes(store, cell, position):
            name, true = escape(cut(store.class_names[k], 24)), k == int(store.labels[position])
            bar = (
                f"<div style='width:{max(round(66 * probability), 1)}px;height:9px;background:"
                f"{'#0072B2' if true else '#D55E00'}'></div>"
            )
            label = f"<b>{name} (true)</b>" if true else name
            lines.append(
                f"<tr><td style='padding-right:6px;white-space:nowrap'>{label}</td>"
                f"<td style='padding-right:6px'>{bar}</td><td>{100 * probability:.1f} %</td></tr>"
            )
        seeds = len(store.sides.seeds(cell))
        mean = f" (mean over {seeds} seeds)" if seeds > 1 else ""
        return (
            f"{letter}: {cell_name(cell)}{mean}<table><tr><td>{shown}</td>"
            f"<td style='vertical-align:top'><table>{''.join(lines)}</table></td></tr></table>"
        )

    def _render(self, frame: Frame, margins: SampleMargins) -> None:
        store, state = frame.store, frame.state
        finite = np.abs(margins.values[np.isfinite(margins.values)])
        low, high = rasters.symmetric(float(np.quantile(finite, 0.98)) if finite.size else np.nan)
        self.mapper.update(low=low, high=high)
        self.margins.data = {"image": [margins.values]}
        places: dict[tuple[int, int], str] = {}
        for letter, cell in (("A", state.a), ("B", state.b)):
            place = margins.place(store, cell)
            if place is not None:
                places[place] = places.get(place, "") + letter
        line, place = np.nonzero(margins.wrong)
        # Crosses where it is wrong, so that nothing rests on colour alone; not where they could not be told apart.
        free = np.array([(y, x) not in places for y, x in zip(line, place, strict=True)], bool)
        few = len(store.conditions) <= 120 and len(line) <= POINTS
        at = np.flatnonzero(free) if few else np.empty(0, int)
        self.wrong.data = {
            "x": (place[at] + 0.5).astype(np.float32),
            "y": (line[at] + 0.5).astype(np.float32),
        }
        self.sides.data = {
            "x": [x + 0.5 for _, x in places],
            "y": [y + 0.5 for y, _ in places],
            "left": [x for _, x in places],
            "top": [y for y, _ in places],
            "text": list(places.values()),
        }
        self.caption.text = self._caption(frame, margins, high, few)

    def _caption(self, frame: Frame, margins: SampleMargins, high: float, crossed: bool) -> str:
        store, b = frame.store, frame.state.b
        grouped = margins.rows != tuple(store.networks)
        crosses = ", crossed where most seeds are wrong" if grouped else ", crossed where wrong"
        text = (
            f"Where it breaks: margin in each network's unit{', mean over seeds' if grouped else ''}, "
            f"blue above 0, red below{crosses * crossed} (colours end at ±{high:.2g}); "
            f"right in {margins.right:,} of {margins.cells:,} cells (networks under conditions)"
        )
        if not margins.complete:
            text += (
                ". Only A and B are shown: the study stores no table of all margins "
                "(it is made by running the study again, up to 1 GiB)"
            )
        else:
            missing = len(store.cells) - margins.cells
            text += f"; {missing:,} more have no margin or are newer than the table" if missing else ""
        place = margins.place(store, b)
        first = sample_margins.breaks(store, margins, b)
        if place is None or not first:
            return text + ". Click a cell to make it B."
        broken = sorted((severity, name) for name, severity in first.items() if severity is not None)
        held = [name for name, severity in first.items() if severity is None]
        row = escape(margins.words[place[0]])
        if broken:
            listed = ", ".join(f"{escape(name)} {severity:g}" for severity, name in broken[:4])
            more = f" and {len(broken) - 4} more" if len(broken) > 4 else ""
            text += f". Along severity {row} first breaks at {listed}{more}"
            text += f"; it holds under {len(held)} of {len(first)} corruptions" if held else ""
        else:
            every = "all " * (len(first) > 1) + counted(len(first), "corruption")
            text += f". {row} holds under {every} at every severity"
        return text + ". Click a cell to make it B."
