"""View 3: where every sample lies, under A, under B, and how it moved."""

from html import escape

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

from rosalind.analysis import distributions, polygon, rasters, selection
from rosalind.analysis.store import Store
from rosalind.viewer import captions
from rosalind.viewer.views.frame import (
    CLASS_COLOURS,
    GREYS,
    ORANGES,
    Change,
    Frame,
    axis_label,
    caption,
    empty,
    flip_legend,
    paragraphs,
    plot,
    see_through,
    short,
    titled,
)
from rosalind.viewer.views.geometry.sample_points import Points
from rosalind.viewer.views.geometry.shifts import Shifts

SIDES = ("a", "b", "difference", "null")

PLACE = ("x", "y", "dw", "dh")
"""Where an image lies."""

HALF = "1 1 calc((900px - 100%) * 999)"
"""How wide two panels are: with the other two on one line, or where that is under 900 pixels on one of their own."""

CONTOURS = 10
"""Most classes whose contours are drawn: those that moved most."""


class Local:
    """Densities of two measures with the selection on top; drag a box or a lasso to select, turn the wheel to zoom."""

    @staticmethod
    def choices(store: Store) -> dict[str, tuple[str, ...]]:
        """Contours of classes, and what the list of shifts is about."""
        return {"local-contours": ("off", "classes"), **Shifts.choices(store)}

    def __init__(self, frame: Frame, change: Change):
        self.change, self.frame = change, frame
        self.figures, self.images, self.contours, self.medians = {}, {}, {}, {}
        # One source for all panels that are always there: every column is two frames on the socket, 0.7 ms each.
        together, alone = SIDES[:3], SIDES[3:]
        columns = lambda names, sides: [f"{name}-{side}" for side in sides for name in names]
        self.picked = {sides: empty(*columns(("picked", *PLACE), sides)) for sides in (together, alone)}
        self.points = Points(change, (together, alone))
        self.drawn: dict[str, object] = {}
        self.greys, self.oranges = see_through(GREYS), see_through(ORANGES)
        shared = (Range1d(), Range1d())
        moved = (Range1d(), Range1d())
        for side in SIDES:
            self._panel(side, *(shared if side in ("a", "b") else moved))
        self.shifts = Shifts(frame, change)
        self.caption = caption("local-caption")
        controls = row(
            frame.chooser(change, "local-contours", "contours"),
            self.shifts.chooser,
        )
        self.row = row(*(self.figures[side] for side in SIDES[:3]), sizing_mode="stretch_width")
        self.halves = [
            row(*(self.figures[side] for side in half), sizing_mode="stretch_width", styles={"flex": HALF})
            for half in (SIDES[:2], SIDES[2:])
        ]
        self.root = titled("How do samples move?", controls, self.row, self.shifts.figure)

    def _panel(self, side: str, x_range: Range1d, y_range: Range1d) -> None:
        # Without renderers the box is told to the server, and nothing is selected and repainted in the browser.
        selecting = [BoxSelectTool(name=f"box-{side}", renderers=[]), LassoSelectTool(renderers=[])]
        tools = [*(selecting if side != "null" else ()), WheelZoomTool(), PanTool(), ResetTool()]
        figure = plot(
            f"local-{side}",
            f"Samples by two measures, {side}; drag a box to select.",
            height=340,
            x_range=x_range,
            y_range=y_range,
            tools=tools,
            toolbar_location="below",
        )
        if side != "null":
            figure.toolbar.active_drag = tools[0]
        image = ColumnDataSource({"base": [], "x": [], "y": [], "dw": [], "dh": []})
        place = {name: name for name in PLACE}
        figure.add_glyph(image, Image(image="base", color_mapper=self.greys, **place))
        place = {name: f"{name}-{side}" for name in PLACE}
        sides = next(sides for sides in self.picked if side in sides)
        figure.add_glyph(
            self.picked[sides], Image(image=f"picked-{side}", color_mapper=self.oranges, **place)
        )
        self.points.add(figure, side)
        contours = empty("xs", "ys", "x", "y", "name", "colour", "align", "away")
        figure.add_glyph(contours, MultiLine(xs="xs", ys="ys", line_width=2, line_color="colour"))
        look = {"text_align": "align", "x_offset": "away", "text_baseline": "middle", "text_color": "colour"}
        bold = {"text_font_size": "12px", "text_font_style": "bold"}
        figure.add_glyph(contours, Text(x="x", y="y", text="name", **look, **bold))
        median = ColumnDataSource({"x": [], "y": []})
        figure.add_glyph(median, Scatter(x="x", y="y", marker="cross", size=16, line_width=2), name="ink")
        if side in ("difference", "null"):
            for dimension in ("width", "height"):
                zero = Span(location=0, dimension=dimension, line_color="#4a5565", line_dash="dotted")
                figure.add_layout(zero)
        figure.on_event(SelectionGeometry, lambda event: self._brush(side, event))
        figure.on_event(RangesUpdate, lambda event: self._zoom(side))
        figure.on_event(Reset, lambda event: self._unzoom(side))
        self.figures[side], self.images[side] = figure, image
        self.contours[side], self.medians[side] = contours, median

    def _brush(self, side: str, event: SelectionGeometry) -> None:
        drawn = event.geometry
        if not event.final:
            return
        if drawn.get("type") == "rect":
            step: dict[str, object] = {"box": [drawn[end] for end in ("x0", "x1", "y0", "y1")]}
        else:
            corners = polygon.simplified(drawn["x"], drawn["y"], selection.CORNERS)
            if not corners:
                return
            step = {"lasso": corners}
        state = self.frame.state
        step |= {"x": state.x, "y": state.y, "cell": list(state.b if side == "b" else state.a)}
        if side == "difference":
            step["other"] = list(state.b)
        self.change(step=step | ({"raw": True} if state.raw else {}))

    def _window(self, side: str) -> tuple[tuple[float, float], tuple[float, float]]:
        figure = self.figures[side]
        return (figure.x_range.start, figure.x_range.end), (figure.y_range.start, figure.y_range.end)

    def _zoom(self, side: str) -> None:
        """Bin anew what is on screen; the panels that share the axes follow."""
        self._densities(("a", "b") if side in ("a", "b") else ("difference", "null"))

    def _unzoom(self, side: str) -> None:
        self.drawn = {}
        self.update(self.frame)

    def _placed(self, frame: Frame) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        store, state = frame.store, frame.state
        of = lambda cell: (frame.values(cell, state.x), frame.values(cell, state.y))
        apart = lambda a, b: tuple(store.difference(a, b, axis, state.raw) for axis in (state.x, state.y))
        found = {"a": of(state.a), "b": of(state.b), "difference": apart(state.a, state.b)}
        if frame.null is not None:
            found["null"] = apart(*frame.null)
        return found

    def update(self, frame: Frame) -> None:
        self.frame, self.placed = frame, self._placed(frame)
        state, shown = frame.state, frame.shown
        listed = frame.choice("local-shift")
        where = (state.a, state.b, state.x, state.y, state.raw, state.true_class, state.null, listed)
        anew = self.drawn.get("where") != where
        if anew:
            self.drawn = {"where": where}
            self._ranges(shown)
            self._titles(frame)
            self.changes = self._changes(frame)
            self.outside = self._outside()
            self.middles = {side: self._middle(shown, *placed) for side, placed in self.placed.items()}
            self.shifts.update(frame)
        self.shifts.count(frame)
        self._densities(tuple(self.placed))
        contours = frame.choice("local-contours") == "classes"
        self.pointed = self.points.update(frame, self.placed, faint=contours, anew=anew)
        if self.drawn.get("curves") != contours:
            self.drawn["curves"] = contours
            self._curves(frame, self._contoured(frame) if contours else np.empty(0, int))
        self.caption.text = self._sentence(frame, self.placed)

    def _ranges(self, shown: np.ndarray) -> None:
        placed = self.placed
        both = [("a", "b"), tuple(side for side in ("difference", "null") if side in placed)]
        for sides in both:
            for axis, limits in zip(
                ("x_range", "y_range"),
                (rasters.limits(*(placed[side][k][shown] for side in sides)) for k in range(2)),
                strict=True,
            ):
                # The reset tool goes back to these.
                getattr(self.figures[sides[0]], axis).update(
                    start=limits[0], end=limits[1], reset_start=limits[0], reset_end=limits[1]
                )

    def _titles(self, frame: Frame) -> None:
        state = frame.state
        # A figure that is merely invisible is still laid out at every brush, 40 ms.
        alone = [self.figures[side] for side in SIDES[:3]]
        shown = alone if frame.null is None else self.halves
        if self.row.children != shown:
            self.row.update(
                children=shown, styles={"flex-wrap": "wrap" if shown is self.halves else "nowrap"}
            )
        for side, figure in self.figures.items():
            change = "change of " if side in ("difference", "null") else ""
            figure.xaxis.axis_label = change + axis_label(frame.store, state.x, state.raw)
            figure.yaxis.axis_label = change + axis_label(frame.store, state.y, state.raw)
        self.figures["a"].title.text = f"A: {state.a[0]}\n{state.a[1]}"
        self.figures["b"].title.text = f"B: {state.b[0]}\n{state.b[1]}"
        x, y = (values[frame.shown] for values in self.placed["difference"])
        ways = {
            "↖": (x < 0) & (y > 0),
            "↗": (x > 0) & (y > 0),
            "↙": (x < 0) & (y < 0),
            "↘": (x > 0) & (y < 0),
        }
        counted = "  ".join(f"{arrow} {int(moved.sum()):,}" for arrow, moved in ways.items())
        self.figures["difference"].title.text = f"B minus A\n{counted}"
        if frame.null is not None:
            first, second = frame.null
            # The condition is B's; three panels leave room for a name a line.
            self.figures["null"].title.text = f"null: {second[0]}\nminus {first[0]}"

    def _densities(self, sides: tuple[str, ...]) -> None:
        """Send the images that are other than those on screen."""
        frame = self.frame
        windows = {side: self._window(side) for side in self.placed}
        for side in sides:
            if side in self.placed and self.drawn.get(f"base-{side}") != windows[side]:
                counts = rasters.density(*self.placed[side], *windows[side], frame.shown)
                self.drawn[f"base-{side}"], self.drawn[f"peak-{side}"] = windows[side], int(counts.max())
                self.images[side].data = {"base": [rasters.shade(counts)], **self._box(windows[side])}
        chosen = frame.selected.any()
        asked = (windows, frame.state.rule, frame.state.a, frame.state.b) if chosen else None
        if self.drawn.get("picked") == asked:
            return
        self.drawn["picked"] = asked
        for sides, source in self._there(self.picked):
            data: dict[str, list] = {name: [] for name in source.data}
            for side in sides if chosen else ():
                counts = rasters.density(*self.placed[side], *windows[side], frame.selected)
                data[f"picked-{side}"] = [rasters.shade(counts, self.drawn[f"peak-{side}"])]
                data |= {f"{name}-{side}": value for name, value in self._box(windows[side]).items()}
            source.data = data

    def _there(
        self, sources: dict[tuple[str, ...], ColumnDataSource]
    ) -> list[tuple[tuple[str, ...], ColumnDataSource]]:
        """The sources of panels that are on the page, each with its panels."""
        return [(sides, source) for sides, source in sources.items() if self.placed.keys() >= set(sides)]

    @staticmethod
    def _box(window: tuple[tuple[float, float], tuple[float, float]]) -> dict[str, list[float]]:
        """Where the image of a window lies."""
        (left, right), (bottom, top) = window
        return {"x": [left], "y": [bottom], "dw": [right - left], "dh": [top - bottom]}

    @staticmethod
    def _middle(shown: np.ndarray, x: np.ndarray, y: np.ndarray) -> tuple[float, ...]:
        """The medians of what is shown; NaN where nothing is, which no glyph draws."""
        return tuple(distributions.median(v[shown]) for v in (x, y))

    def _curves(self, frame: Frame, classes: np.ndarray) -> None:
        """The contours of some classes, each with its name where no other is, and the median of all shown."""
        # A class keeps its colour where there is one for each; else those that are drawn differ.
        few = len(frame.store.class_names) <= len(CLASS_COLOURS)
        for side, (x, y) in self.placed.items():
            curves = [distributions.ellipse(*(v[self._of(frame, k)] for v in (x, y))) for k in classes]
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
                "colour": [CLASS_COLOURS[k] for k in (classes if few else range(len(classes)))],
                "align": ["right" if here else "left" for here in left],
                "away": [-4 if here else 4 for here in left],
            }
            middle = self.middles[side]
            self.medians[side].data = {axis: [v] for axis, v in zip("xy", middle, strict=True)}

    @staticmethod
    def _of(frame: Frame, true_class: int) -> np.ndarray:
        return frame.shown & (frame.store.labels == true_class)

    def _contoured(self, frame: Frame) -> np.ndarray:
        if frame.state.true_class is not None:
            return np.array([frame.state.true_class])
        return np.sort(self.shifts.order[:CONTOURS])

    def _sentence(self, frame: Frame, placed: dict) -> str:
        medians = []
        for letter, side in (("A", "a"), ("B", "b")):
            x, y = self.middles[side]
            medians.append(f"{letter} median {short(frame.state.x)} {x:.2f}, {short(frame.state.y)} {y:.2f}")
        angles = any(axis.startswith("angle") for axis in (frame.state.x, frame.state.y))
        missing = int((~np.isfinite(placed["difference"][0] + placed["difference"][1]))[frame.shown].sum())
        return paragraphs(
            f"{frame.shown.sum():,} samples: {flip_legend(frame.flips[frame.shown])}; {'; '.join(medians)} (crosses). "
            f"{self.pointed}",
            escape(self.shifts.words),
            self.changes,
            captions.of_groups(frame.store, frame.state.a, frame.state.b),
            self.outside + (f" {missing:,} have no finite value here and are not drawn." if missing else ""),
            captions.of_angles(frame.store, frame.state.a, frame.state.b) if angles else "",
        )

    def _outside(self) -> str:
        """How many samples the axes leave out, which are made for all but 0.2 % at every end."""
        parts = []
        for name, side in (("A", "a"), ("B", "b"), ("B minus A", "difference")):
            ranges = (self.figures[side].x_range, self.figures[side].y_range)
            out = np.zeros(len(self.frame.shown), bool)
            for values, axis in zip(self.placed[side], ranges, strict=True):
                out |= (values < axis.reset_start) | (values > axis.reset_end)
            if count := int((out & self.frame.shown).sum()):
                parts.append(f"{count:,} of {name}")
        return f"Beyond the axes: {', '.join(parts)}; zoom out to see them." if parts else ""

    @staticmethod
    def _changes(frame: Frame) -> str:
        state = frame.state
        beside = {"raw": state.raw, "nulls": frame.nulls}
        text = captions.changes(frame.store, (state.a, state.b), (state.x, state.y), frame.shown, **beside)
        return text + frame.null_line
