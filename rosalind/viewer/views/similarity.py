"""View 2: every network under every condition as one point; near means alike geometry of all samples."""

from html import escape
from typing import Any

import numpy as np
from bokeh.events import Tap
from bokeh.layouts import row
from bokeh.models import (
    AllLabels,
    ColorBar,
    CustomJSHover,
    Div,
    FixedTicker,
    HoverTool,
    LinearColorMapper,
    Range1d,
    Select,
)

from rosalind import similarity
from rosalind.similarity import METRICS
from rosalind.viewer import similar
from rosalind.viewer.similar import FLOORS, METRIC_WORDS, MODES
from rosalind.viewer.store import Cell, Store
from rosalind.viewer.views.frame import (
    FAMILY_COLOURS,
    SEQUENTIAL,
    Change,
    Frame,
    caption,
    empty,
    plot,
    titled,
)

MARKERS = {
    "clean": ("star", "★"),
    "noise": ("circle", "●"),
    "blur": ("square", "■"),
    "weather": ("diamond", "◆"),
    "digital": ("triangle", "▲"),
}
OTHER = ("hex", "⬢")
LAYOUT_WORDS = {"scaling": "classical scaling", "umap": "UMAP"}
NEIGHBOURS = 5
"""How many truly nearest cells are told."""

LABELS = 30
"""Most rows of the matrix that are named beside it."""

CROWD = 500
"""Most points that are drawn in full size."""

MARGIN = 0.13
"""Width of the strips of families and the letters beside the matrix, over the matrix's."""


NEAREST = """
const data = source.data, index = special_vars.index;
return value < 0 ? "" : `${data.network[value]} · ${data.condition[value]} (${data[`far${k}`][index].toFixed(2)})`;
"""
NAME = """
const data = source.data, place = data.order[Math.floor(value)];
return place === undefined ? "" : `${data.network[place]} · ${data.condition[place]}`;
"""


class Similarity:
    """A layout of the exact distances with their spanning tree, and beside it the distances themselves."""

    @staticmethod
    def choices(store: Store) -> dict[str, tuple[str, ...]]:
        """The measures of a distance, and the layout."""
        layouts = ("scaling", "umap") if similarity.has_umap(store.results) else ("scaling",)
        return {"similarity-metric": tuple(METRICS), "similarity-layout": layouts}

    def __init__(self, frame: Frame, change: Change):
        self.store, self.change = frame.store, change
        self.drawn: tuple[str, str, str] | None = None
        self.cells: tuple[Cell, ...] | None = None
        """Of which cells the points are."""
        infos = self.store.results.networks.values()
        self.families = list(dict.fromkeys(info["family"] for info in infos))
        self.colours = [FAMILY_COLOURS[k % len(FAMILY_COLOURS)] for k in range(len(self.families))]
        self.mode = Select(
            options=list(MODES.items()), value=frame.state.mode, title="distances", width=180, name="mode"
        )
        self.mode.on_change("value", lambda attr, old, new: self._choose_mode(new))
        metric = frame.chooser(change, "similarity-metric", "between", METRIC_WORDS, 210)
        layout = frame.chooser(change, "similarity-layout", "plane", LAYOUT_WORDS, 150)
        ends, whole = ("x0", "y0", "x1", "y1"), ("image", "x", "y", "dw", "dh")
        near = [f"{word}{k}" for word in ("near", "far") for k in range(NEIGHBOURS)]
        about = ("network", "condition", "colour", "marker", "size", "accuracy", "order")
        self.points = empty("x", "y", *about, *near)
        self.marks = empty("x", "y", "text", "place", "side", "offset", "column", "row")
        self.edges, self.nothing, self.bars = empty(*ends), empty(*ends), empty(*ends, "text")
        self.matrix, self.strips = empty(*whole, "limit", "cells"), empty(*whole)
        legend = Div(text=self._legend(), sizing_mode="stretch_width")
        self.caption = caption("similarity-caption")
        self.root = titled(
            "Which are alike?",
            row(self.mode, metric, layout),
            legend,
            row(self._map(), self._heat(), sizing_mode="stretch_width"),
        )

    def _choose_mode(self, mode: str) -> None:
        if mode != self.frame.state.mode:
            self.change(mode=mode)

    def _legend(self) -> str:
        groups = dict.fromkeys(info["group"] for info in self.store.results.conditions.values())
        families = zip(self.families, self.colours, strict=True)
        words = [f'<span style="color:{colour}">⬤</span> {escape(name)}' for name, colour in families]
        shapes = [f"{MARKERS.get(group, OTHER)[1]} {escape(group)}" for group in groups]
        return f"Colour: {' &nbsp;'.join(words)}. Shape: {' &nbsp;'.join(shapes)}; larger is more severe."

    def _map(self):
        figure = plot(
            "similarity",
            "Map of networks under conditions; near points have alike geometry.",
            height=430,
            match_aspect=True,
            tools="pan,wheel_zoom,reset",
            toolbar_location="above",
            active_scroll="wheel_zoom",
        )
        figure.axis.visible = False
        figure.grid.grid_line_color = None
        ends = {"x0": "x0", "y0": "y0", "x1": "x1", "y1": "y1"}
        figure.segment(source=self.edges, line_color="#b4bcc9", line_width=1, **ends)
        dots = figure.scatter(
            "x",
            "y",
            source=self.points,
            marker="marker",
            size="size",
            fill_color="colour",
            line_color="#ffffff",
            line_width=0.5,
            fill_alpha=0.85,
        )
        ink = {"line_color": "#000000", "name": "ink"}
        figure.segment(source=self.nothing, line_width=2, line_dash="dashed", **ink, **ends)
        figure.segment(source=self.bars, line_width=4, **ink, **ends)
        text = {"text": "text", "text_color": "#000000", "name": "ink", "y_offset": -6}
        figure.text("x0", "y0", source=self.bars, text_font_size="11px", **text)
        figure.scatter("x", "y", source=self.marks, size=18, fill_color=None, line_width=2.5, **ink)
        letters = {"text_font_style": "bold", "text_font_size": "14px", "x_offset": "offset"}
        figure.text("x", "y", source=self.marks, **text, **letters)
        tips = [
            ("network", "@network"),
            ("condition", "@condition"),
            ("right", "@accuracy{0.0} %"),
            *(("truly nearest" if k == 0 else f"{k + 1}.", f"@near{k}{{custom}}") for k in range(NEIGHBOURS)),
        ]
        near = {
            f"@near{k}": CustomJSHover(args={"source": self.points, "k": k}, code=NEAREST)
            for k in range(NEIGHBOURS)
        }
        figure.add_tools(HoverTool(renderers=[dots], tooltips=tips, formatters=near, limit=1))
        figure.on_event(Tap, self._tap_map)
        return figure

    def _heat(self):
        figure = plot(
            "similarity-matrix",
            "Matrix of the true distances between all networks under all conditions; alike rows side by side.",
            height=430,
            x_range=Range1d(),
            y_range=Range1d(),
        )
        self.heat = figure
        figure.grid.grid_line_color = None
        figure.xaxis.visible = False
        # Changing a ticker is cheap; a new one makes Bokeh go through the whole document.
        figure.yaxis.ticker = FixedTicker()
        figure.yaxis.major_label_text_font_size = "9px"
        figure.yaxis.major_tick_line_color = None
        mapper = LinearColorMapper(palette=SEQUENTIAL, low=0, high=255)
        whole = {"x": "x", "y": "y", "dw": "dw", "dh": "dh"}
        cells = figure.image("image", source=self.matrix, color_mapper=mapper, **whole)
        strip = LinearColorMapper(palette=self.colours, low=0, high=len(self.colours))
        figure.image("image", source=self.strips, color_mapper=strip, **whole)
        # White within black is seen on every colour of the matrix.
        for colour, size in (("#000000", 13), ("#ffffff", 10)):
            figure.scatter(
                "column",
                "row",
                source=self.marks,
                marker="square",
                size=size,
                fill_color=None,
                line_color=colour,
                line_width=1.5,
            )
        letters = {
            "text": "text",
            "source": self.marks,
            "text_color": "#000000",
            "name": "ink",
            "text_font_style": "bold",
            "text_font_size": "12px",
            "text_align": "center",
            "text_baseline": "middle",
        }
        figure.text("side", "place", **letters)
        figure.text("place", "side", **letters)
        self.bar = ColorBar(
            color_mapper=mapper, ticker=FixedTicker(), width=10, padding=4, major_label_policy=AllLabels()
        )
        figure.add_layout(self.bar, "right")
        name = CustomJSHover(args={"source": self.points}, code=NAME)
        value = CustomJSHover(
            args={"source": self.matrix},
            code="""
            const {limit, cells} = source.data, distance = (value * limit[0] / 255).toFixed(2);
            return cells[0] > 1 ? `${distance} (mean of about ${cells[0]} pairs)` : distance;
            """,
        )
        tips = [("row", "$y{custom}"), ("column", "$x{custom}"), ("distance", "@image{custom}")]
        formatters = {"$x": name, "$y": name, "@image": value}
        figure.add_tools(HoverTool(renderers=[cells], tooltips=tips, formatters=formatters))
        figure.on_event(Tap, self._tap_matrix)
        return figure

    def _tap_map(self, event: Tap) -> None:
        if not len(self.places):
            return
        away = np.hypot(*(self.places - [event.x, event.y]).T)
        if away.min() <= 0.04 * max(np.ptp(self.places, axis=0).max(), 1e-9):
            self._take(int(away.argmin()), event)

    def _tap_matrix(self, event: Tap) -> None:
        order = self.kept["found"].order
        if 0 <= event.y < len(order) and event.x < len(order):
            self._take(int(order[int(event.y)]), event)

    def _take(self, place: int, event: Tap) -> None:
        """Make a point B, or A with shift: of averaged cells the most severe."""
        cell = self._side(place)
        if self.store.has(cell):
            self.change(**{"a" if (event.modifiers or {}).get("shift") else "b": cell})

    def _side(self, place: int) -> Cell:
        infos, name = self.store.results.conditions, self.kept["found"].cells[place][0]
        return name, max(self.kept["points"].members[place], key=lambda cell: infos[cell[1]]["severity"])[1]

    def _fill(self, frame: Frame) -> None:
        mode, metric, layout = self.drawn = self._chosen(frame)
        self.kept = kept = similar.read(self.store, mode, metric)
        found, umap = kept["found"], kept["umap"]
        self.places = umap if umap is not None and layout == "umap" else found.layout
        near = {}
        for k in range(NEIGHBOURS):
            others = (
                found.nearest[:, k] if k < found.nearest.shape[1] else np.full(len(found.cells), -1, np.int32)
            )
            far = found.between(np.arange(len(others)), np.maximum(others, 0))
            near |= {f"near{k}": others, f"far{k}": far}
        (x, y), tree = self.places.T.astype(np.float32), found.tree
        self.edges.data = {"x0": x[tree[:, 0]], "y0": y[tree[:, 0]], "x1": x[tree[:, 1]], "y1": y[tree[:, 1]]}
        placed = {"x": x, "y": y, "order": found.order, **near}
        if found.cells == self.cells:
            # Another metric moves the same points: their names and looks need not travel again.
            self.points.data.update(placed)
        else:
            self.cells, self.points.data = found.cells, placed | self._looks()
        self._fill_bars(x, y)
        self._fill_heat()

    def _looks(self) -> dict[str, Any]:
        """Columns that are the same for every metric."""
        about, cells = self.kept["points"], self.kept["found"].cells
        sizes = np.where(np.array(about.group) == "clean", 13, 5 + about.severity)
        return {
            "network": [network for network, _ in cells],
            "condition": [condition for _, condition in cells],
            "colour": [self.colours[self.families.index(family)] for family in about.family],
            "marker": [MARKERS.get(group, OTHER)[0] for group in about.group],
            "size": ((1 if len(cells) <= CROWD else 0.7) * sizes).astype(np.float32),
            "accuracy": about.accuracy,
        }

    def _fill_bars(self, x: np.ndarray, y: np.ndarray) -> None:
        """Bars as long as a distance that means nothing, below the points; a UMAP plane has no lengths."""
        floors = self.kept["floors"] if self.places is self.kept["found"].layout and len(x) else {}
        left, low, high = (x.min(), y.min(), y.max()) if len(x) else (0, 0, 0)
        heights = [low - (0.08 + 0.1 * k) * max(high - low, 1e-6) for k in range(len(floors))]
        self.bars.data = {
            "x0": np.array([left] * len(floors), np.float32),
            "x1": np.array([left + length for length, _ in floors.values()], np.float32),
            "y0": np.array(heights, np.float32),
            "y1": np.array(heights, np.float32),
            "text": [f"{FLOORS[kind]}: {length:.2f}" for kind, (length, _) in floors.items()],
        }

    def _fill_heat(self) -> None:
        found = self.kept["found"]
        count = max(len(found.cells), 1)
        start, self.heat.x_range.end = -MARGIN * count, count
        self.heat.x_range.start = self.heat.y_range.end = start
        # Flipped, so that the first row is on top.
        self.heat.y_range.start = count
        self.matrix.data = {
            "image": [found.picture],
            "x": [0],
            "y": [0],
            "dw": [count],
            "dh": [count],
            "limit": [found.limit],
            "cells": [round((count / max(len(found.picture), 1)) ** 2)],
        }
        family = np.array([self.families.index(name) for name in self.kept["points"].family], np.uint8)
        strip = family[found.order[similarity.picture_rows(len(family))]]
        width = 0.03 * count
        self.strips.data = {
            "image": [strip[:, None], strip[None]],
            "x": [-0.04 * count, 0],
            "y": [0, -0.04 * count],
            "dw": [width, count],
            "dh": [count, width],
        }
        labels = [" · ".join(found.cells[k]) for k in found.order] if count <= LABELS else []
        self.heat.yaxis.visible = bool(labels)
        self.heat.yaxis.ticker.ticks = [k + 0.5 for k in range(len(labels))]
        self.heat.yaxis.major_label_overrides = {k + 0.5: label for k, label in enumerate(labels)}
        ticks = {0: "0", 255: f"≥ {found.limit:.2g}"}
        for kind, (length, _) in self.kept["floors"].items():
            at = min(int(255 * length / found.limit), 255)
            # Labels nearer than this would cover each other.
            if all(abs(at - other) > 12 for other in ticks):
                ticks[at] = f"{length:.2g} {kind}"
        self.bar.ticker.ticks = list(ticks)
        self.bar.major_label_overrides = ticks

    def _chosen(self, frame: Frame) -> tuple[str, str, str]:
        return frame.state.mode, frame.choice("similarity-metric"), frame.choice("similarity-layout")

    def update(self, frame: Frame) -> None:
        self.frame = frame
        try:
            if self._chosen(frame) != self.drawn:
                self.mode.value = frame.state.mode
                self._fill(frame)
        except ValueError as error:
            self.drawn = None
            self.caption.text = escape(str(error))
            return
        state, order = frame.state, self.kept["found"].order
        letters: dict[int, list[str]] = {}
        sides = [similar.places(self.store, self.kept, cell) for cell in (state.a, state.b)]
        for letter, places in zip("AB", sides, strict=True):
            for place in places:
                letters.setdefault(place, []).append(letter)
        at = list(letters)
        rank = np.argsort(order) + 0.5
        # The square in the matrix is where A's column meets B's row.
        cross = [rank[places[0]] for places in sides] if all(sides) else [np.nan, np.nan]
        marks = {
            "x": self.places[at, 0].astype(np.float32),
            "y": self.places[at, 1].astype(np.float32),
            "text": [" = ".join(some) for some in letters.values()],
            "place": rank[at].astype(np.float32),
            # A beside the strip and B outside of A: neighbours' letters do not cover each other.
            "side": np.array([-0.065 if "A" in some else -0.105 for some in letters.values()], np.float32)
            * np.float32(len(order)),
            "offset": np.array([10 if "A" in some else -22 for some in letters.values()], np.float32),
            "column": np.full(len(at), cross[0], np.float32),
            "row": np.full(len(at), cross[1], np.float32),
        }
        # A brush changes nothing here, so nothing is sent.
        if not _same(marks, self.marks.data):
            self.marks.data = marks
        ends = [similar.places(self.store, self.kept, cell)[:1] for cell in frame.null or ()]
        ends = [place for places in ends for place in places] if all(ends) else []
        nothing = {
            name: self.places[ends[k : k + 1], axis].astype(np.float32)
            for name, k, axis in (("x0", 0, 0), ("y0", 0, 1), ("x1", 1, 0), ("y1", 1, 1))
        }
        if not _same(nothing, self.nothing.data):
            self.nothing.data = nothing
        words = similar.sentence(
            self.store,
            self.kept,
            state,
            metric=frame.choice("similarity-metric"),
            layout=frame.choice("similarity-layout"),
            null=(frame.null, frame.null_words),
        )
        if words != self.caption.text:
            self.caption.text = words


def _same(new: dict[str, Any], old: dict[str, Any]) -> bool:
    """Whether columns hold the same; gaps are equal."""
    if new.keys() != old.keys():
        return False

    def equal(a: Any, b: Any) -> bool:
        return a == b if isinstance(a, list) else np.array_equal(a, b, equal_nan=True)

    return all(equal(new[name], old[name]) for name in new)
