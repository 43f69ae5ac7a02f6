"""Densities of two measures over all samples: under A, under B, of the change and of the null."""

from collections.abc import Sequence
from html import escape
from typing import Any

import numpy as np
from bokeh.events import RangesUpdate, Reset, SelectionGeometry
from bokeh.layouts import row
from bokeh.models import (
    BoxSelectTool,
    ColumnDataSource,
    Image,
    LassoSelectTool,
    MultiLine,
    PanTool,
    Range1d,
    ResetTool,
    Scatter,
    Span,
    Text,
    WheelZoomTool,
)

from rosalind.analysis import distributions, polygon, rasters, selection, selection_steps
from rosalind.analysis.ordered import Ordered
from rosalind.analysis.sides import Cell
from rosalind.analysis.store import Store
from rosalind.viewer import captions
from rosalind.viewer.views import draw
from rosalind.viewer.views.frame import Change, Changed, Frame
from rosalind.viewer.views.geometry.sample_points import SamplePoints, on_page
from rosalind.viewer.views.geometry.shifts import ClassShifts

SIDES = ("a", "b", "difference", "null")

PLACE = ("x", "y", "dw", "dh")
"""Columns of the place of an image."""

Window = tuple[tuple[float, float], tuple[float, float]]
"""The ends of the x axis and of the y axis."""

HALF = "1 1 clamp(40%, (900px - 100%) * 999, 100%)"
"""Flex of two panels: beside the other two, or on a line of their own where there are under 900 pixels."""

NAME = 36
"""Letters of a name above a panel, which is a third of the page."""

CONTOURS = 10
"""Largest number of classes with contours: those that moved most."""


class SampleDensity:
    """Densities of two measures with the selection on top; drag a box or a lasso to select, turn the wheel to zoom."""

    page, title = "geometry", "How do samples move?"
    geometry = True
    finding = key = ""
    """See `View`."""

    @staticmethod
    def choices(store: Store) -> dict[str, tuple[str, ...]]:
        """Contours of classes, and the measure of the list of shifts."""
        return {"local-contours": ("off", "classes"), **ClassShifts.choices(store)}

    def __init__(self, frame: Frame, change: Change):
        self.change, self.frame = change, frame
        self.figures, self.images, self.contours, self.medians = {}, {}, {}, {}
        # One source for all panels that are always there: every column is two frames on the socket, 0.7 ms each.
        together, alone = SIDES[:3], SIDES[3:]
        columns = lambda names, sides: [f"{name}-{side}" for side in sides for name in names]
        self.picked: dict[tuple[str, ...], ColumnDataSource] = {
            sides: draw.empty(*columns(("picked", *PLACE), sides)) for sides in (together, alone)
        }
        self.points = SamplePoints(change, (together, alone))
        self.changed = Changed()
        self.peaks: dict[str, int] = {}
        """The largest count in a bin of every panel."""
        self.greys, self.inks = draw.see_through(draw.GREYS), draw.see_through(draw.PICKED)
        self.densities: list[Any] = []
        self.outlines: dict[str, ColumnDataSource] = {}
        shared = (Range1d(), Range1d())
        moved = (Range1d(), Range1d())
        for side in SIDES:
            self._panel(side, *(shared if side in ("a", "b") else moved))
        self.shifts = ClassShifts(frame, change)
        self.caption = draw.caption("local-caption")
        controls = draw.wrapped(frame.chooser(change, "local-contours", "contours"), self.shifts.chooser)
        alone = (self.figures[side] for side in SIDES[:3])
        self.row = draw.wrapped(*alone, self.shifts.figure)
        self.halves = [
            row(*(self.figures[side] for side in half), sizing_mode="stretch_width", styles={"flex": HALF})
            for half in (SIDES[:2], SIDES[2:])
        ]
        self.root = draw.stacked(controls, self.row)

    def _panel(self, side: str, x_range: Range1d, y_range: Range1d) -> None:
        # Without renderers the box is told to the server, and nothing is selected and repainted in the browser.
        selecting = [BoxSelectTool(name=f"box-{side}", renderers=[]), LassoSelectTool(renderers=[])]
        # It hears the wheel only where Ctrl is held, see page.js.
        wheel = WheelZoomTool()
        tools = [*(selecting if side != "null" else ()), wheel, PanTool(), ResetTool()]
        figure = draw.plot(
            f"local-{side}",
            f"Samples by two measures, {side}; drag a box to select.",
            height=340,
            # Room for the counts in a title: on a narrow page the third stands below, beside the shifts of classes.
            styles={"flex": "1 1 240px", "max-width": "max(420px, 50%)"},
            x_range=x_range,
            y_range=y_range,
            tools=tools,
            toolbar_location="below",
        )
        figure.toolbar.active_scroll = wheel
        if side != "null":
            figure.toolbar.active_drag = tools[0]
        image = draw.empty("base", *PLACE)
        place: draw.Look = {name: name for name in PLACE}
        self.densities.append(Image(image="base", color_mapper=self.greys, **place))
        figure.add_glyph(image, self.densities[-1])
        place: draw.Look = {name: f"{name}-{side}" for name in PLACE}
        sides = next(sides for sides in self.picked if side in sides)
        picked = Image(image=f"picked-{side}", color_mapper=self.inks, **place)
        figure.add_glyph(self.picked[sides], picked)
        self.points.add(figure, side)
        # What was drawn stays to be seen, as long as it selects.
        self.outlines[side] = draw.empty("xs", "ys")
        figure.add_glyph(self.outlines[side], MultiLine(xs="xs", ys="ys", line_width=2), name="ink")
        contours = draw.empty("xs", "ys", "x", "y", "name", "colour", "align", "away")
        figure.add_glyph(contours, MultiLine(xs="xs", ys="ys", line_width=2, line_color="colour"))
        look: draw.Look = {"text_align": "align", "x_offset": "away"}
        look |= {"text_baseline": "middle", "text_color": "colour"}
        bold: draw.Look = {"text_font_size": "12px", "text_font_style": "bold"}
        figure.add_glyph(contours, Text(x="x", y="y", text="name", **look, **bold))
        median = draw.empty("x", "y")
        figure.add_glyph(median, Scatter(x="x", y="y", marker="cross", size=16, line_width=2), name="ink")
        if side in ("difference", "null"):
            for dimension in ("width", "height"):
                zero = Span(location=0, dimension=dimension, line_color=draw.ZERO, line_dash="dotted")
                figure.add_layout(zero)
        figure.on_event(SelectionGeometry, lambda event: self._brush(side, event))
        figure.on_event(RangesUpdate, lambda event: self._zoom(side))
        figure.on_event(Reset, lambda event: self.reset())
        self.figures[side], self.images[side] = figure, image
        self.contours[side], self.medians[side] = contours, median

    def _brush(self, side: str, event: SelectionGeometry) -> None:
        shape: Any = event.geometry
        if not event.final:
            return
        if shape.get("type") == "rect":
            self.select(*(shape[end] for end in ("x0", "x1", "y0", "y1")), side=side)
        else:
            self.lasso(shape["x"], shape["y"], side=side)

    def select(self, x0: float, x1: float, y0: float, y1: float, *, side: str = "a") -> None:
        """Select the samples in a box on a panel."""
        self._add({"box": [x0, x1, y0, y1]}, side)

    def lasso(self, x: Sequence[float], y: Sequence[float], *, side: str = "a") -> None:
        """Select the samples in a polygon on a panel; nothing where it has fewer than three corners."""
        corners = polygon.simplified(x, y, selection_steps.CORNERS)
        if corners:
            self._add({"lasso": corners}, side)

    def _add(self, shape: dict[str, list[float]], side: str) -> None:
        state = self.frame.state
        step = {**shape, "x": state.x, "y": state.y, "cell": list(state.b if side == "b" else state.a)}
        if side == "difference":
            step["other"] = list(state.b)
        self.change(step=step | ({"raw": True} if state.raw else {}))

    def _plane(self, side: str) -> tuple[Cell, Cell | None, str, str, bool]:
        """The cells, measures and units of a panel, as of a step that is drawn on it."""
        state = self.frame.state
        other = state.b if side == "difference" else None
        # Nothing is drawn on the null.
        cell = ("", "") if side == "null" else state.b if side == "b" else state.a
        return cell, other, state.x, state.y, state.raw

    def _window(self, side: str) -> Window:
        figure = self.figures[side]
        return (figure.x_range.start, figure.x_range.end), (figure.y_range.start, figure.y_range.end)

    def _zoom(self, side: str) -> None:
        """Bin again what is on screen; the panels that share the axes follow."""
        self._densities(("a", "b") if side in ("a", "b") else ("difference", "null"))

    def reset(self) -> None:
        """Go back to the axes before any zoom."""
        self.changed = Changed()
        self.update(self.frame)

    def _placed(self, frame: Frame) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        store, state = frame.store, frame.state
        of = lambda cell: (frame.values(cell, state.x), frame.values(cell, state.y))
        change = lambda a, b, axis: store.difference(a, b, axis, state.raw)
        difference = lambda a, b: (change(a, b, state.x), change(a, b, state.y))
        placed = {"a": of(state.a), "b": of(state.b), "difference": difference(state.a, state.b)}
        return placed if frame.null is None else {**placed, "null": difference(*frame.null)}

    def update(self, frame: Frame) -> None:
        """Draw a frame."""
        self.frame, self.placed = frame, self._placed(frame)
        state = frame.state
        listed = frame.choice("local-shift")
        where = (state.a, state.b, state.x, state.y, state.raw, state.true_class, state.null, listed)
        anew = self.changed("where", where)
        if anew:
            self.where = where
            self._ranges(frame)
            self._titles(frame)
            self.outside = self._outside() + self._missing()
            self.shifts.update(frame)
        if self.changed("middles", (where, frame.slice_key)):
            self._middles(frame)
        self.shifts.count(frame)
        self._densities(tuple(self.placed))
        contours = frame.choice("local-contours") == "classes"
        if self.changed("faded", frame.has_selection):
            for glyph in self.densities:
                glyph.global_alpha = draw.FADED if frame.has_selection else 1.0
        if self.changed("outlines", (where, state.rule)):
            for side, source in self.outlines.items():
                xs, ys = selection.outlines(state.rule, *self._plane(side))
                draw.fill(source, {"xs": xs, "ys": ys})
        self.pointed = self.points.update(frame, self.placed, faint=contours, anew=anew)
        if self.changed("curves", (where, contours)):
            self._curves(frame, self._contoured(frame) if contours else np.empty(0, int))
        moved = captions.moved_sentence(frame.store, state.a, state.b, frame.focus, raw=state.raw)
        self.finding = f"{moved.removesuffix('.')}{frame.among}." if state.a != state.b else moved
        self.key = (
            f"{draw.flip_legend(frame.flip_counts)}; + medians; ○ the sample "
            "that the page of samples shows; arrows: how many moved this way."
        )
        self.caption.text = self._caption(frame)

    def _middles(self, frame: Frame) -> None:
        """The medians of what is selected, else of all shown, and how many of it moved each way."""
        for side in self.placed:
            # NaN of none, which no glyph draws.
            middle = map(distributions.median, self._ordered(frame, side, shown=not frame.has_selection))
            self.medians[side].data = {axis: [value] for axis, value in zip("xy", middle, strict=True)}
        x, y = (values.take(frame.rows) for values in self.placed["difference"])
        ways = {"↖": (x < 0) & (y > 0), "↗": (x > 0) & (y > 0), "↙": (x < 0) & (y < 0), "↘": (x > 0) & (y < 0)}
        counted = "  ".join(f"{arrow} {np.count_nonzero(moved):,}" for arrow, moved in ways.items())
        self.figures["difference"].title.text = f"B minus A\n{counted}"

    @staticmethod
    def _ordered(frame: Frame, side: str, shown: bool = True) -> tuple[Ordered, Ordered]:
        """Both measures of a panel over all samples shown, or over those that numbers are of."""
        state = frame.state
        pairs = {"a": (state.a, None), "b": (state.b, None), "difference": (state.a, state.b), "null": frame.null}
        pair = pairs[side]
        assert pair is not None
        x, y = (frame.ordered(pair[0], axis, other=pair[1], shown=shown) for axis in (state.x, state.y))
        return x, y

    def _ranges(self, frame: Frame) -> None:
        for sides in (("a", "b"), tuple(side for side in SIDES[2:] if side in self.placed)):
            figure, placed = self.figures[sides[0]], [self._ordered(frame, side) for side in sides]
            for k, axis in enumerate((figure.x_range, figure.y_range)):
                low, high = distributions.limits(*(values[k] for values in placed))
                # The reset tool goes back to the last two.
                axis.update(start=low, end=high, reset_start=low, reset_end=high)

    def _titles(self, frame: Frame) -> None:
        state = frame.state
        # A figure that is merely invisible is still laid out at every brush, 40 ms.
        alone = [self.figures[side] for side in SIDES[:3]]
        shown = [*(alone if frame.null is None else self.halves), self.shifts.figure]
        if self.row.children != shown:
            self.row.update(children=shown)
        for side, figure in self.figures.items():
            change = "change of " if side in ("difference", "null") else ""
            figure.xaxis.axis_label = change + draw.axis_label(frame.store, state.x, state.raw)
            figure.yaxis.axis_label = change + draw.axis_label(frame.store, state.y, state.raw)
        for side, (network, condition) in (("a", state.a), ("b", state.b)):
            self.figures[side].title.text = f"{side.upper()}: {draw.cut(network, NAME)}\n{draw.cut(condition, NAME)}"
        if frame.null is not None:
            first, second = frame.null
            # The condition is B's; three panels leave room for a name a line.
            names = [draw.cut(side[0], NAME) for side in (second, first)]
            self.figures["null"].title.text = f"null: {names[0]}\nminus {names[1]}"

    def _densities(self, sides: tuple[str, ...]) -> None:
        """Send the images that are other than those on screen."""
        frame = self.frame
        windows = {side: self._window(side) for side in self.placed}
        for side in sides:
            if side in self.placed and self.changed(f"base-{side}", (self.where, windows[side])):
                counts = rasters.density(*self.placed[side], *windows[side], frame.shown)
                self.peaks[side] = int(counts.max())
                self.images[side].data = {"base": [rasters.shade(counts)], **self._box(windows[side])}
        chosen = frame.has_selection
        if not self.changed("picked", (self.where, windows, frame.state.rule) if chosen else None):
            return
        for sides, source in on_page(self.picked, self.placed):
            data: dict[str, list] = {name: [] for name in source.data}
            for side in sides if chosen else ():
                counts = rasters.density(*self.placed[side], *windows[side], frame.selected)
                data[f"picked-{side}"] = [rasters.shade(counts, self.peaks[side])]
                data |= {f"{name}-{side}": value for name, value in self._box(windows[side]).items()}
            source.data = data

    @staticmethod
    def _box(window: Window) -> dict[str, list[float]]:
        """The place of the image of a window."""
        (left, right), (bottom, top) = window
        return {"x": [left], "y": [bottom], "dw": [right - left], "dh": [top - bottom]}

    def _curves(self, frame: Frame, classes: np.ndarray) -> None:
        """The contours of some classes, each with its name where no other is."""
        # A class keeps its colour where there is one for each; else those that are drawn differ.
        few = len(frame.store.class_names) <= len(draw.CLASS_COLOURS)
        for side, (x, y) in self.placed.items():
            masks = [frame.shown & (frame.store.labels == k) for k in classes]
            curves = [distributions.ellipse(x[mask], y[mask]) for mask in masks]
            sizes = [end - start for start, end in self._window(side)]
            at = distributions.free_ends(np.array(curves) / sizes) if curves else ()
            ends = [curve[k] for curve, k in zip(curves, at, strict=True)]
            left = [end[0] < curve[:, 0].mean() for curve, end in zip(curves, ends, strict=True)]
            self.contours[side].data = {
                "xs": [curve[:, 0].tolist() for curve in curves],
                "ys": [curve[:, 1].tolist() for curve in curves],
                "x": [float(end[0]) for end in ends],
                "y": [float(end[1]) for end in ends],
                "name": [frame.store.class_names[k] for k in classes],
                "colour": [draw.CLASS_COLOURS[k] for k in (classes if few else range(len(classes)))],
                "align": ["right" if is_left else "left" for is_left in left],
                "away": [-4 if is_left else 4 for is_left in left],
            }

    def _contoured(self, frame: Frame) -> np.ndarray:
        if frame.state.true_class is not None:
            return np.array([frame.state.true_class])
        return np.sort(self.shifts.order[:CONTOURS])

    def _caption(self, frame: Frame) -> str:
        axes = (frame.state.x, frame.state.y)
        across, up = map(draw.short, axes)
        of = lambda cell: [frame.median(cell, axis) for axis in axes]
        middles = zip("AB", (of(frame.state.a), of(frame.state.b)), strict=True)
        medians = [f"{letter} median {across} {x:.2f}, {up} {y:.2f}" for letter, (x, y) in middles]
        angles = any(axis.startswith("angle") for axis in axes)
        samples = f"{len(frame.rows):,} {'selected ' * frame.has_selection}samples"
        counts = zip(frame.flip_counts, selection_steps.FLIPS, strict=True)
        outcomes = [f"{count:,} {words}" for count, words in counts]
        return draw.paragraphs(
            f"{samples}: {', '.join(outcomes)}; {'; '.join(medians)}. {self.pointed}",
            escape(self.shifts.text),
            self._changes(frame),
            captions.group_note(frame.store, frame.state.a, frame.state.b),
            self.outside,
            captions.angle_warning(frame.store, frame.state.a, frame.state.b) if angles else "",
        )

    def _outside(self) -> str:
        """The number of samples beyond the axes, which hold all but 0.2 % at every end."""
        parts = []
        for name, side in (("A", "a"), ("B", "b"), ("B minus A", "difference")):
            ranges = (self.figures[side].x_range, self.figures[side].y_range)
            out = np.zeros(len(self.frame.shown), bool)
            for values, axis in zip(self.placed[side], ranges, strict=True):
                out |= (values < axis.reset_start) | (values > axis.reset_end)
            if count := np.count_nonzero(out & self.frame.shown):
                parts.append(f"{count:,} of {name}")
        return f"Beyond the axes: {', '.join(parts)}; zoom out to see them." if parts else ""

    def _missing(self) -> str:
        """The number of samples that are drawn nowhere."""
        x, y = self.placed["difference"]
        missing = int(np.count_nonzero(~np.isfinite(x + y) & self.frame.shown))
        return f" {missing:,} have no finite value here and are not drawn." if missing else ""

    @staticmethod
    def _changes(frame: Frame) -> str:
        state, beside = frame.state, {"raw": frame.state.raw, "nulls": frame.nulls}
        sides, axes = (state.a, state.b), (state.x, state.y)
        return captions.mean_changes(frame.store, sides, axes, frame.focus, **beside) + frame.null_sentence
