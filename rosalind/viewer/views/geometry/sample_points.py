"""On the densities: samples that are drawn one by one, with their pictures; a click shows one large."""

from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote

import numpy as np
from bokeh.events import Tap
from bokeh.models import ColumnDataSource, CustomJSTransform, HoverTool, Scatter

from rosalind.analysis.sides import Cell
from rosalind.analysis.store import Store
from rosalind.viewer.access import PICTURES
from rosalind.viewer.views.draw import FLIP_COLOURS, FLIP_MARKERS, GREY, POINTS, Look, axis_label, empty
from rosalind.viewer.views.frame import Change, Changed, Frame

LOOK = ("fill_color", "line_color", "marker", "id")
"""Columns of the look of every point, the same on all panels."""

FLIP_RGB = np.array([int(colour[1:], 16) for colour in FLIP_COLOURS], np.uint32)

FEW = 30
"""Largest number of samples that are drawn large, as one looks for them."""

LARGE = 4
"""Added to the flip of a sample that is drawn large."""

MARKER_OF = f"const markers = {list(FLIP_MARKERS)}; return Array.from(xs, (flip) => markers[flip % {LARGE}])"
"""A number for every point and not a word: Bokeh looks at every word on its own, 1.5 ms for 2,000."""

SIZE_OF = f"return Float32Array.from(xs, (flip) => flip < {LARGE} ? 6 : 11)"

REACH = 0.025
"""Largest distance of a click from a point, as a share of the panel."""

TIP = """<div style="display:flex;gap:8px;align-items:center">
<img src="{picture}" alt="" style="height:56px;image-rendering:pixelated">
<span>sample @id<br>{across} @{{x-{side}}}{{0.00}}<br>{up} @{{y-{side}}}{{0.00}}</span></div>"""


def picture_of(store: Store, cell: Cell) -> str:
    """The address of pictures under a cell's condition, with `@id` as in Bokeh's tooltips; see `server.Thumbnail`."""
    return f"{PICTURES}/{quote(store.name, safe='')}/{store.conditions.index(cell[1])}/@id"


def on_page(
    sources: Mapping[tuple[str, ...], ColumnDataSource], placed: Mapping[str, object]
) -> list[tuple[tuple[str, ...], ColumnDataSource]]:
    """The sources of panels that are on the page, each with its panels."""
    return [(sides, source) for sides, source in sources.items() if placed.keys() >= set(sides)]


class SamplePoints:
    """Some samples on the panels of A, B, their difference and the null; the one that is shown large has a ring."""

    def __init__(self, change: Change, panels: Iterable[tuple[str, ...]]):
        """
        Args:
            change: see `Change`.
            panels: that are on the page together; these share a source, as every column is a message.
        """
        self.change, self.listed = change, np.empty(0, int)
        self.frame: Frame | None = None
        self.changed = Changed()
        columns = {sides: [f"{axis}-{side}" for side in sides for axis in "xy"] for sides in panels}
        self.sources = {sides: empty(*LOOK, *names) for sides, names in columns.items()}
        self.rings = {sides: empty(*names) for sides, names in columns.items()}
        self.figures: dict[str, Any] = {}
        self.hovers: dict[str, HoverTool] = {}
        self.placed: Mapping[str, tuple[np.ndarray, np.ndarray]] = {}
        self._marker, self._size = (
            {"field": "marker", "transform": CustomJSTransform(v_func=code)} for code in (MARKER_OF, SIZE_OF)
        )

    def add(self, figure: Any, side: str) -> None:
        """Draw the points on a panel."""
        sides = next(sides for sides in self.sources if side in sides)
        at: Look = {"x": f"x-{side}", "y": f"y-{side}"}
        looks: Look = {**{name: name for name in LOOK[:2]}, "marker": self._marker, "size": self._size}
        dots = figure.add_glyph(self.sources[sides], Scatter(**at, **looks))
        # Panels share a source, and so what the pointer is on: it is marked in all of them.
        dots.hover_glyph = Scatter(marker="circle", size=13, fill_color=None, line_color=GREY, line_width=3, **at)
        ring = Scatter(marker="circle", size=15, fill_color=None, line_width=2, **at)
        figure.add_glyph(self.rings[sides], ring, name="ink")
        # Pictures come from the server, which a page in a file has not.
        self.hovers[side] = HoverTool(renderers=[dots], tooltips="", limit=1, tags=["server"], visible=False)
        figure.add_tools(self.hovers[side])
        self.figures[side] = figure
        figure.on_event(Tap, lambda event: self.tap(event.x, event.y, side=side))

    def tap(self, x: float | None, y: float, *, side: str = "a") -> None:
        """Show the sample of the nearest point on a panel large; nothing where none is near."""
        if self.frame is None or not len(self.listed) or x is None:
            return
        across, up = (values[self.listed] for values in self.placed[side])
        figure = self.figures[side]
        wide = figure.x_range.end - figure.x_range.start
        high = figure.y_range.end - figure.y_range.start
        distances = np.nan_to_num(np.hypot((across - x) / wide, (up - y) / high), nan=np.inf)
        if distances.min() <= REACH:
            self.change(primary=int(self.frame.store.ids[self.listed[distances.argmin()]]))

    def update(
        self, frame: Frame, placed: Mapping[str, tuple[np.ndarray, np.ndarray]], *, faint: bool, anew: bool
    ) -> str:
        """Bring the points up to date.

        Args:
            frame: to draw.
            placed: by panel the two measures of all samples; panels that are not on the page are left out.
            faint: draw the points see-through, for contours on top.
            anew: True where `placed` is not that of the last call.

        Returns:
            A sentence on which samples are points; empty where all are.
        """
        self.frame, self.placed = frame, placed
        if anew:
            self.changed = Changed()
            self._set_tooltips(frame)
        self.listed, sentence = self._single(frame)
        if self.changed("points", (frame.state.rule, sentence, faint, frame.state.true_class)):
            self._render(frame, faint)
        if self.changed("ring", frame.state.primary):
            for sides, source in on_page(self.rings, placed):
                source.data = self._columns(sides, np.flatnonzero(frame.store.ids == frame.state.primary))
        return sentence

    def _set_tooltips(self, frame: Frame) -> None:
        """Tooltips with the picture under each panel's condition; of a difference under B's."""
        for side, hover in self.hovers.items():
            picture = picture_of(frame.store, frame.state.a if side == "a" else frame.state.b)
            change = "change of " if side in ("difference", "null") else ""
            across, up = (change + axis_label(frame.store, m, frame.state.raw) for m in (frame.state.x, frame.state.y))
            tip = TIP.format(picture=picture, side=side, across=across, up=up)
            if hover.tooltips != tip:
                hover.tooltips = tip

    def _columns(self, sides: tuple[str, ...], positions: np.ndarray) -> dict[str, np.ndarray]:
        return {
            f"{axis}-{side}": values[positions].astype(np.float32)
            for side in sides
            for axis, values in zip("xy", self.placed[side], strict=True)
        }

    def _render(self, frame: Frame, faint: bool) -> None:
        strong = frame.focus
        # What stays right lies under what stays wrong, and both under what changes, either way alike.
        order = np.array([0, 2, 2, 1])[frame.flips[self.listed]]
        at = self.listed = self.listed[np.argsort(order, kind="stable")]
        flips, alpha = frame.flips[at], np.where(strong[at], 0.3 if faint else 0.85, 0.08)
        colours = FLIP_RGB[flips] << 8 | np.rint(255 * alpha).astype(np.uint32)
        # A fill or a line, as both cost twice the 5 ms of a thousand points; a cross has no inside.
        crossed = np.array([marker == "x" for marker in FLIP_MARKERS])[flips]
        looks = (np.where(crossed, 0, colours), np.where(crossed, colours, 0))
        large = LARGE * (strong[at] & (np.count_nonzero(strong) <= FEW))
        looks = (*(look.astype(np.uint32) for look in looks), (flips + large).astype(np.uint8))
        ids = frame.store.ids[at].astype(np.int32)
        for sides, source in on_page(self.sources, self.placed):
            source.data = dict(zip(LOOK, (*looks, ids), strict=True)) | self._columns(sides, at)

    @staticmethod
    def _single(frame: Frame) -> tuple[np.ndarray, str]:
        """Positions of the samples that are drawn one by one, and a sentence on which these are."""
        chosen, shown = len(frame.rows) * frame.has_selection, int(np.count_nonzero(frame.shown))
        if shown <= POINTS:
            return np.flatnonzero(frame.shown), ""
        if 0 < chosen <= POINTS:
            return np.flatnonzero(frame.selected), "Points: the selection."
        candidates = frame.selected if chosen else frame.shown
        changed = np.flatnonzero(candidates & ((frame.flips == 1) | (frame.flips == 2)))
        if len(changed) > POINTS:
            spread = changed[np.linspace(0, len(changed) - 1, POINTS).astype(int)]
            return spread, f"Points: {POINTS:,} of the {len(changed):,} samples that B fixes or breaks."
        return changed, f"Points: the {len(changed):,} samples that B fixes or breaks."
