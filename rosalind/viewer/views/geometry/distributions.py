"""The distributions of the measures over all samples under A and B, or class by class."""

from typing import Any

import numpy as np
from bokeh.layouts import row
from bokeh.models import Line, Range1d, Segment, Span, VArea

from rosalind.analysis import distributions
from rosalind.analysis.ordered import Ordered
from rosalind.analysis.store import Store
from rosalind.viewer import captions
from rosalind.viewer.views import draw, pinned
from rosalind.viewer.views.frame import Change, Changed, Frame
from rosalind.viewer.views.geometry.class_panels import ClassPanels
from rosalind.viewer.views.geometry.class_rows import ClassRows
from rosalind.viewer.views.geometry.pinned_spread import PinnedSpread

PARTS = ("x", "y", "margin")
"""The measures of both axes as histograms, and the margin as cumulative curves."""

KEY = "A solid, B dashed; dotted: medians; thin: selected, scaled up; grey: null."
PANELLED = 10
"""Largest number of classes with a panel each; more have a row each."""


class Distributions:
    """Three figures: histograms of both axes' measures and cumulative margins; or a figure of all classes."""

    page, title = "geometry", "How are they spread?"
    geometry = True
    finding, key = "", KEY
    """See `View`."""

    @staticmethod
    def choices(store: Store) -> dict[str, tuple[str, ...]]:
        """All samples together, or every class by itself; with many classes also the measure of their rows."""
        allowed: dict[str, tuple[str, ...]] = {"distributions-of": ("all samples", "class by class")}
        if len(store.class_names) > PANELLED:
            allowed["distributions-measure"] = ClassRows.MEASURED
        return allowed

    def __init__(self, frame: Frame, change: Change):
        sides = [f"{part}-{side}" for part in PARTS for side in ("at", "a", "b")]
        # One source for three figures, as every column and every source is a message.
        self.all, self.picked, self.null = draw.empty(*sides), draw.empty(*sides), draw.empty(*sides)
        self.medians = {part: draw.empty("x", "top", "colour") for part in PARTS[:2]}
        self.figures = {part: self._figure(part) for part in PARTS}
        few = len(frame.store.class_names) <= PANELLED
        self.classes = ClassPanels(change) if few else ClassRows(change)
        self.caption = draw.caption("distributions-caption")
        choosers = [frame.chooser(change, "distributions-of", "spread of")]
        if not few:
            choosers.append(frame.chooser(change, "distributions-measure", "rows of classes show"))
        self.row = row(*self.figures.values(), sizing_mode="stretch_width")
        self.choosers, self.change = draw.wrapped(*choosers), change
        self.root: Any = draw.stacked(self.choosers, self.row)
        self.pinned: PinnedSpread | None = None
        """Made when the first side is pinned."""
        self.changed = Changed()

    def _figure(self, part: str) -> Any:
        label = "Cumulative margins" if part == "margin" else f"Histogram of the {part} axis"
        figure = draw.plot(
            f"distributions-{part}",
            f"{label} under A (solid) and B (dashed); thin lines are the selection.",
            height=220,
            min_border_left=pinned.LEFT,
            x_range=Range1d(),
            y_range=(0, 1),
        )
        # Ticks of three figures beside each other stay apart on a narrow page.
        figure.xaxis.ticker.desired_num_ticks = 4
        figure.yaxis.axis_label = "at or below (%)" if part == "margin" else "share of samples (%)"
        if part == "margin":
            figure.add_layout(Span(location=0, dimension="height", line_dash="dotted", line_color=draw.ZERO))
        for side, colour, dash in zip("ab", draw.SIDE_COLOURS, ("solid", "dashed"), strict=True):
            at: draw.Look = {"x": f"{part}-at", "y": f"{part}-{side}"}
            look: draw.Look = {"line_color": draw.GREY, "line_dash": dash, "line_width": 1.2}
            figure.add_glyph(self.null, Line(**at, **look))
            look: draw.Look = {"line_color": colour, "line_dash": dash}
            figure.add_glyph(self.all, Line(**at, **look, line_width=2.5))
            figure.add_glyph(self.picked, Line(**at, **look, line_width=1.2))
            if part != "margin":
                area = VArea(x=at["x"], y1=0, y2=at["y"], fill_color=colour, fill_alpha=0.2)
                figure.add_glyph(self.picked, area)
        if part != "margin":
            look: draw.Look = {"line_color": "colour", "line_dash": "dotted", "line_width": 2}
            figure.add_glyph(self.medians[part], Segment(x0="x", y0=0, x1="x", y1="top", **look))
        return figure

    def update(self, frame: Frame) -> None:
        """Draw the distributions of a frame; nothing is sent where nothing that they show has changed."""
        by_class = frame.choice("distributions-of") == "class by class"
        pins = [] if by_class else pinned.pins_of(frame)
        if pins and self.pinned is None:
            self.pinned = PinnedSpread(self.change, self.figures)
        rows = [self.choosers, self.row, *([self.pinned.row] if pins and self.pinned else [])]
        if self.root.children != rows:
            self.root.children = rows
        if self.changed("by class", by_class):
            self.row.children = [self.classes.figure] if by_class else list(self.figures.values())
        if by_class:
            self.classes.update(frame)
            self.caption.text, self.finding = self.classes.text, ""
            self.changed("selection", None)
            return
        state = frame.state
        where = (state.a, state.b, state.x, state.y, state.raw, state.true_class, state.null, state.pins)
        if anew := self.changed("all", where):
            self._all(frame)
        if self.changed("selection", (where, state.rule)) or anew:
            self._selection(frame)
            thin = f" Thin lines: the {len(frame.rows):,} selected, as high as all." if frame.has_selection else ""
            self.caption.text = f"{self._caption(frame)}{thin}"
        if pins and self.pinned is not None:
            self.pinned.update(frame, {part: self._measure(frame, part) for part in PARTS}, self.limits)
        self.key = f"{KEY} {pinned.sentence(pins, '; blue: A, dashed: selected, tick: median')}".strip()

    @staticmethod
    def _measure(frame: Frame, part: str) -> str:
        return part if part == "margin" else getattr(frame.state, part)

    def _all(self, frame: Frame) -> None:
        data: dict[str, np.ndarray] = {}
        null: dict[str, np.ndarray] = {}
        self.limits: dict[str, tuple[float, float]] = {}
        self.peaks: dict[str, float] = {}
        self.bins = distributions.bins_for(float(frame.shown.sum()))
        for part in PARTS:
            measure = self._measure(frame, part)
            of = lambda cells, measure=measure: [frame.ordered(cell, measure, shown=True) for cell in cells]
            shown = of((frame.state.a, frame.state.b))
            nulls = of(frame.null or ())
            # What lies beyond counts at the ends: of a null that is elsewhere it would be a peak there.
            limits = self.limits[part] = distributions.limits(*shown, *of(frame.state.pins), *nulls)
            figure = self.figures[part]
            figure.x_range.update(start=limits[0], end=limits[1])
            figure.xaxis.axis_label = draw.axis_label(frame.store, measure, frame.state.raw)
            data |= (curves := self._curves(part, shown))
            null |= (beside := self._curves(part, nulls) if nulls else {name: curves[name][:0] for name in curves})
            if part != "margin":
                peak = self.peaks[part] = _highest(part, curves) or 1.0
                middles = np.array([distributions.median(side) for side in shown], np.float32)
                top = np.full(2, peak, np.float32)
                self.medians[part].data = {"x": middles, "top": top, "colour": list(draw.SIDE_COLOURS)}
                figure.y_range.end = 1.08 * max(peak, _highest(part, beside))
            else:
                figure.y_range.end = 104
        self.all.data = data
        draw.fill(self.null, null)

    def _curves(self, part: str, sides: list[Ordered]) -> dict[str, np.ndarray]:
        """The columns of one figure, in per cent."""
        limits = self.limits[part]
        at = distributions.corners(limits, self.bins)
        if part == "margin":
            at = np.linspace(limits[0], limits[1], len(at)).astype(np.float32)
            heights = [distributions.cumulative(side, at) for side in sides]
        else:
            counts = [distributions.histogram(side, limits, self.bins) for side in sides]
            heights = [distributions.outline(count) for count in counts]
        columns = {f"{part}-{side}": 100 * height for side, height in zip("ab", heights, strict=True)}
        return {f"{part}-at": at, **columns}

    def _selection(self, frame: Frame) -> None:
        """The curves of the selection; its histograms are as high as those of all, so that few are seen as well."""
        if not frame.has_selection:
            if len(self.picked.data[f"{PARTS[0]}-at"]):
                self.picked.data = {name: [] for name in self.picked.data}
            return
        data: dict[str, np.ndarray] = {}
        for part in PARTS:
            measure = self._measure(frame, part)
            curves = self._curves(part, [frame.ordered(cell, measure) for cell in (frame.state.a, frame.state.b)])
            if part != "margin":
                scale = np.float32(self.peaks[part] / (_highest(part, curves) or 1.0))
                for side in "ab":
                    curves[f"{part}-{side}"] *= scale
            data |= curves
        self.picked.data = data

    def _caption(self, frame: Frame) -> str:
        """Medians, largest gaps and errors of the selected samples, of all that are shown where none are."""
        state, parts = frame.state, []
        apart: dict[str, float] = {}
        for measure in dict.fromkeys((state.x, state.y, "margin")):
            a, b = (frame.ordered(cell, measure) for cell in (state.a, state.b))
            middles = [frame.median(cell, measure) for cell in (state.a, state.b)]
            text = f"{draw.short(measure)} {middles[0]:.2f} and {middles[1]:.2f}"
            apart[measure] = distributions.largest_gap(a, b)
            text += f", gap {apart[measure]:.2f}"
            pairs = [[frame.ordered(cell, measure) for cell in null] for null in frame.nulls]
            gaps = [distributions.largest_gap(*pair) for pair in pairs]
            if np.isfinite(gaps).any():
                text += f" (null {np.nanmax(gaps):.2f})"
            parts.append(text)
        count, kind = len(frame.rows), "selected samples" if frame.has_selection else "samples"
        widest = max(apart, key=lambda measure: np.nan_to_num(apart[measure], nan=-1))
        chance = distributions.chance_gap(count)
        most = "differs most" if apart[widest] > chance else "differs most, no more than by chance"
        self.finding = (
            f"The {draw.short(widest)} {most}: Kolmogorov-Smirnov distance {captions.in_digits(apart[widest])}, "
            f"by chance seldom over {captions.in_digits(chance)}{frame.among}."
        )
        if state.a == state.b:
            self.finding = captions.SAME
        errors = [distributions.errors(frame.ordered(cell, "margin")) for cell in (state.a, state.b)]
        text = (
            f"{count:,} {kind}, A solid and B dashed. Medians (dotted) and the largest gap between "
            f"the cumulative curves (Kolmogorov-Smirnov, 0 alike, 1 apart): {'; '.join(parts)}; two draws of so many "
            f"from one distribution are {chance:.2f} apart in one case of twenty. Beyond the "
            f"boundary (margin below 0) lie {errors[0]:.1f} % under A and {errors[1]:.1f} % under B. "
        )
        grey = "Grey lines are the null's two. " if frame.null is not None else ""
        return text + grey + frame.null_sentence


def _highest(part: str, curves: dict[str, np.ndarray]) -> float:
    """The highest point of two curves of a figure; 0 without any."""
    return max(float(curves[f"{part}-{side}"].max(initial=0)) for side in "ab")
