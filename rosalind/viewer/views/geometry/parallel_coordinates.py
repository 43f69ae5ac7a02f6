"""Parallel coordinates: angle, norm, margin and the angles to class directions of all samples."""

from dataclasses import dataclass, replace
from html import escape
from typing import Any

import numpy as np
from bokeh.events import SelectionGeometry, Tap
from bokeh.models import BoxSelectTool, ColumnDataSource, FixedTicker, LinearAxis

from rosalind.analysis import class_matrices, class_order, distributions, rasters
from rosalind.analysis.ordered import of_side
from rosalind.analysis.selection import to_json
from rosalind.analysis.selection_steps import Band
from rosalind.analysis.sides import Cell
from rosalind.analysis.store import NEAREST as STORED
from rosalind.analysis.store import Store
from rosalind.measures import MEASURES
from rosalind.viewer.views import draw, pinned
from rosalind.viewer.views.frame import Change, Changed, Frame
from rosalind.viewer.views.geometry.pinned_coordinates import PinnedCoordinates

FIRST = ("angle", "norm", "margin")
NEAREST = 8
"""Number of directions around a class with an axis, where there are many classes."""

NAME = 56
"""Letters of a network and of a condition above the axes."""

LINES = 100
"""Largest number of selected samples drawn as lines."""

SIDES, EDGES = ("a", "b"), ("left", "right", "bottom", "top")
REACH = 0.006
"""Half the width of the box that shows a band, as a share of the figure's."""


@dataclass(frozen=True)
class Axis:
    """A measure, or the angle to the direction of a class."""

    name: str
    measure: str | None = None
    number: int | None = None

    @property
    def step(self) -> dict[str, Any]:
        """The keys of an axis in a step of a rule."""
        return {"x": self.measure} if self.measure else {"class": self.number}


def axes_of(frame: Frame) -> list[Axis]:
    """Angle, norm, margin and the class directions; with many classes those nearest to the chosen true class."""
    store, true_class = frame.store, frame.state.true_class
    classes: list[int] = []
    if len(store.class_names) <= class_order.MANY:
        classes = class_matrices.in_order(store, frame.choice("global-order")).tolist()
    elif true_class is not None:
        between = class_matrices.table(store, frame.state.a, class_matrices.BETWEEN)
        classes = class_order.nearest_directions(between, true_class, NEAREST).tolist()
    more = (name for name in store.measures if name not in MEASURES)
    return [
        *(Axis(name, measure=name) for name in (*FIRST, *more)),
        *(Axis(store.class_names[k], number=k) for k in classes),
    ]


def columns(frame: Frame, cell: Cell, axes: list[Axis]) -> list[np.ndarray]:
    """float32[n] per axis: the value of every sample."""
    classes = tuple(axis.number for axis in axes if axis.number is not None)
    measured = [frame.values(cell, axis.measure) for axis in axes if axis.measure]
    return measured + (list(frame.store.class_angles(cell, classes)[1].T) if classes else [])


def ends(low: float, high: float) -> tuple[str, str]:
    """Both ends of an axis, with the decimals that tell about a hundredth of the way between them.

    >>> ends(0.805, 1.8), ends(56.94, 88.4), ends(-0.2, 0.6), ends(0.0, 2.4e-06)
    (('0.81', '1.80'), ('56.9', '88.4'), ('-0.20', '0.60'), ('0', '2.4e-06'))
    """
    decimals = 2 - int(np.floor(np.log10(high - low) + 0.31)) if high > low else 2
    form = f".{decimals}f" if 0 <= decimals <= 3 else ".3g"
    return format(low, form), format(high, form)


def limits_of(frame: Frame, axes: list[Axis]) -> list[tuple[float, float]]:
    """The ends of every axis, shared by A, B and all pins, over all samples; class directions share one scale."""
    classes = tuple(axis.number for axis in axes if axis.number is not None)
    store, raw = frame.store, frame.state.raw

    def ends(cell: Cell, shown: str | tuple[int, ...]) -> tuple[float, float]:
        def make() -> tuple[float, float]:
            if isinstance(shown, str):
                return distributions.ends(of_side(store, cell, shown, raw=raw))
            return rasters.ends(store.class_angles(cell, shown)[1])

        return store.cached(("global", "ends", cell, shown, raw), make)

    def limits(shown: str | tuple[int, ...]) -> tuple[float, float]:
        sides = (frame.state.a, frame.state.b, *frame.state.pins)
        return rasters.limits(np.ravel([ends(side, shown) for side in sides]), share=0)

    shared = limits(classes) if classes else (0.0, 1.0)
    return [limits(axis.measure) if axis.measure else shared for axis in axes]


def levels_of(frame: Frame, cell: Cell, axes: list[Axis], limits: list[tuple[float, float]]) -> np.ndarray:
    """uint8[axes, n]: the place of every sample on every axis; cached for all readers."""
    key = ("global", "levels", cell, tuple(axes), tuple(limits), frame.state.raw)

    def make() -> np.ndarray:
        pairs = zip(columns(frame, cell, axes), limits, strict=True)
        return np.stack([rasters.levels(values, ends) for values, ends in pairs])

    return frame.store.cached(key, make)


def density_of(frame: Frame, cell: Cell, axes: list[Axis], limits: list[tuple[float, float]]) -> np.ndarray:
    """float32[rows, columns]: the number of lines through every pixel, of the samples shown; cached for all readers."""
    # Few axes are far from each other on the page, and few pixels between them would show as blocks.
    width = 48 if len(axes) > 5 else 144
    key = ("global", "density", cell, tuple(axes), tuple(limits), frame.state.raw, frame.state.true_class)

    def make() -> np.ndarray:
        levels = levels_of(frame, cell, axes, limits)
        levels = levels if frame.state.true_class is None else levels[:, frame.shown]
        return rasters.parallel_density(levels, width)

    return frame.store.cached(key, make)


KEY = "A line per sample; class axes show its angle to that class's direction. Drag along an axis to select."


class ParallelCoordinates:
    """Densities of lines over angle, norm, margin and class directions, which stand in the matrices' order."""

    page, title = "geometry", "How far are samples from every class?"
    geometry = True
    finding, key = "", ""
    """See `View`."""

    @staticmethod
    def choices(store: Store) -> dict[str, tuple[str, ...]]:
        """None; the order of classes is that of the matrices."""
        return {}

    def __init__(self, frame: Frame, change: Change):
        self.change, self.changed = change, Changed()
        self.figures, self.images, self.lines, self.bands, self.scales = {}, {}, {}, {}, {}
        self.densities: list[Any] = []
        for side in SIDES:
            self._figure(side)
        self.caption = draw.caption("global-caption")
        self.root: Any = draw.stacked(*self.figures.values())
        self.pinned: PinnedCoordinates | None = None
        """Made when the first side is pinned."""

    def _figure(self, side: str) -> None:
        figure = draw.plot(
            f"global-{side}",
            "Parallel coordinates of angle, norm, margin and class angles; drag on an axis to select.",
            height=240,
            x_range=(0, 1),
            y_range=(-0.03, 1.03),
        )
        figure.yaxis.visible = False
        figure.ygrid.grid_line_color = None
        figure.xgrid.grid_line_color = draw.GREY
        figure.xaxis.major_label_text_font_size = "10px"
        figure.xaxis.ticker = FixedTicker(ticks=[])
        ticker: Any = FixedTicker(ticks=[0, 0.5, 1])
        scale = LinearAxis(ticker=ticker, axis_line_color=None)
        scale.major_label_text_font_size = "10px"
        figure.add_layout(scale, "right")
        image = ColumnDataSource({"image": [], "width": []})
        lines = draw.empty("x", "y")
        bands = draw.empty(*EDGES)
        greys = draw.see_through(draw.GREYS)
        renderer = figure.image("image", x=0, y=0, dw="width", dh=1, source=image, color_mapper=greys)
        self.densities.append(renderer.glyph)
        figure.line("x", "y", source=lines, line_color="#1c2536", line_alpha=0.55, name="ink")
        look = {"fill_color": draw.GREY, "fill_alpha": 0.35, "line_color": "#1c2536", "line_width": 2, "name": "ink"}
        figure.quad(**{name: name for name in EDGES}, source=bands, **look)
        tool = BoxSelectTool(renderers=[])
        figure.add_tools(tool)
        figure.toolbar.active_drag = tool
        figure.on_event(SelectionGeometry, lambda event: self._brush(side, event))
        figure.on_event(Tap, lambda event: self.tap(event.x, event.y, side=side))
        self.figures[side], self.images[side], self.lines[side] = figure, image, lines
        self.bands[side], self.scales[side] = bands, scale

    @property
    def reach(self) -> float:
        """Half the width of a band's box, in distances of axes."""
        return REACH * (len(self.axes) - 1)

    def _cell(self, side: str) -> Cell:
        return self.frame.state.a if side == "a" else self.frame.state.b

    def _brush(self, side: str, event: SelectionGeometry) -> None:
        box: Any = event.geometry
        if event.final and box.get("type") == "rect":
            self.select(box["x0"], box["x1"], box["y0"], box["y1"], side=side)

    def select(self, x0: float, x1: float, y0: float, y1: float, *, side: str = "a") -> None:
        """Select the samples in a band, from y0 to y1 in [0, 1], of the axis nearest to the middle of a box."""
        place = int(np.clip(round((x0 + x1) / 2), 0, len(self.axes) - 1))
        low, high = self.limits[place]
        band = [low + y * (high - low) for y in (y0, y1)]
        step = {"band": band, "cell": list(self._cell(side)), **self.axes[place].step}
        if "x" in step and self.frame.state.raw:
            step["raw"] = True
        self.change(step=step, instead=self._joined(step))

    def _joined(self, step: dict[str, Any]) -> tuple[dict[str, Any], ...]:
        """The rule that a new band makes where the reader's setting is to replace.

        Bands on the axes of one side hold together, and a second one on the same axis takes the place of the
        first; a rule of anything else is replaced.
        """
        rule, axis = self.frame.state.rule, (step.get("x"), step.get("class"))
        bands = [old for old in rule if isinstance(old, Band) and list(old.cell) == step["cell"]]
        if len(bands) < len(rule):
            bands = []
        steps = [*(to_json(old) for old in bands if (old.x, old.class_) != axis), step]
        return tuple({**one, "op": "intersect" if k else "replace"} for k, one in enumerate(steps))

    def tap(self, x: float | None, y: float, *, side: str = "a") -> None:
        """Remove the band at a place."""
        rule = self.frame.state.rule
        for number, place, bottom, top in self._placed(side):
            if x is not None and abs(x - place) <= 2 * self.reach and bottom <= y <= top:
                left = [*rule[:number], *rule[number + 1 :]]
                # The first step has nothing before it to change.
                self.change(rule=tuple(replace(s, op="replace") if k == 0 else s for k, s in enumerate(left)))
                return

    def _placed(self, side: str) -> list[tuple[int, int, float, float]]:
        """The bands of a side: number in the rule, axis, and the lower and upper end on it."""
        places = {tuple(axis.step.items()): k for k, axis in enumerate(self.axes)}
        bands = []
        for number, step in enumerate(self.frame.state.rule):
            if not isinstance(step, Band) or step.cell != self._cell(side):
                continue
            key = (("x", step.x),) if step.x is not None else (("class", step.class_),)
            # A band of raw norms is none of the axis in units.
            if key in places and (step.x is None or step.raw == self.frame.state.raw):
                low, high = self.limits[places[key]]
                bottom, top = sorted((v - low) / (high - low) for v in step.band)
                bands.append((number, places[key], max(bottom, -0.03), min(top, 1.03)))
        return bands

    def update(self, frame: Frame) -> None:
        """Draw a frame."""
        self.frame, self.axes, state = frame, axes_of(frame), frame.state
        self.limits = limits_of(frame, self.axes)
        self.pins = pinned.pins_of(frame)
        if self.pins and self.pinned is None:
            self.pinned = PinnedCoordinates(self.change)
        figures = [*self.figures.values(), *([self.pinned.figure] if self.pins and self.pinned else [])]
        if self.root.children != figures:
            self.root.children = figures
        where = (state.a, state.b, state.raw, state.true_class, self.axes, self.limits, state.pins)
        if self.changed("densities", where):
            self._render(frame)
        self.key = f"{KEY} {pinned.sentence(self.pins)}".strip()
        if self.changed("faded", frame.has_selection):
            for glyph in self.densities:
                glyph.global_alpha = draw.FADED if frame.has_selection else 1.0
        picked = self._lines(frame)
        if self.changed("finding", (state.a, state.b, state.raw, frame.slice_key, self.axes)):
            self.finding = self._finding(frame)
        self.caption.text = self._caption(frame, picked)

    def _render(self, frame: Frame) -> None:
        """The densities and axes, which do not change with the selection."""
        count = len(self.axes)
        counts = {side: density_of(frame, self._cell(side), self.axes, self.limits) for side in SIDES}
        of_pins = [density_of(frame, pin.cell, self.axes, self.limits) for pin in self.pins]
        peak = int(max(density.max(initial=0) for density in (*counts.values(), *of_pins)))
        low, high = self.limits[-1]
        for side, figure in self.figures.items():
            self.images[side].data = {"image": [rasters.shade(counts[side], peak)], "width": [count - 1]}
            room = 0.03 * (count - 1)
            figure.x_range.update(start=-room, end=count - 1 + room)
            figure.xaxis.ticker.ticks = list(range(count))
            figure.xaxis.major_label_overrides = {k: self._label(k) for k in range(count)}
            figure.title.text = f"{side.upper()}: {' · '.join(draw.cut(name, NAME) for name in self._cell(side))}"
            scale = self.scales[side]
            scale.visible = count > len(FIRST)
            scale.major_label_overrides = {k: f"{low + k * (high - low):.0f}°" for k in (0, 0.5, 1)}
        if self.pins and self.pinned is not None:
            self.pinned.render(self.pins, of_pins, peak, self.figures["a"])

    def _label(self, place: int) -> str:
        """Below a measure its ends; class directions share the scale on the right."""
        axis, (low, high) = self.axes[place], self.limits[place]
        if axis.measure:
            first, last = ends(low, high)
            unit = "°" if self.frame.store.measures[axis.measure].unit == "degrees" else ""
            return f"{axis.name}\n{first}{unit} to\n{last}{unit}"
        return "class\n" + draw.plain(draw.cut(axis.name, 60 // len(self.axes) + 4))

    def _lines(self, frame: Frame) -> int:
        """Selected samples as lines, and the bands as boxes; the number of the samples."""
        picked = np.flatnonzero(frame.selected)
        if len(picked) > LINES:
            picked = picked[np.linspace(0, len(picked) - 1, LINES).astype(int)]
        for side in SIDES:
            x, y = self._polyline(frame, self._cell(side), picked)
            if len(x) or len(self.lines[side].data["x"]):
                self.lines[side].data = {"x": x, "y": y}
            reach, placed = self.reach, self._placed(side)
            boxes = [(k - reach, k + reach, bottom, top) for _, k, bottom, top in placed]
            draw.fill(self.bands[side], {name: [box[k] for box in boxes] for k, name in enumerate(EDGES)})
        if self.pins and self.pinned is not None:
            lines = [self._polyline(frame, pin.cell, picked) for pin in self.pins]
            self.pinned.select(lines, faded=frame.has_selection)
        return len(picked)

    def _polyline(self, frame: Frame, cell: Cell, picked: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Samples under a side as one line, broken between them: many lines are lists of lists to Bokeh, 4 ms each."""
        low, high = np.array(self.limits).T
        places = np.append(np.arange(len(self.axes), dtype=np.float32), np.float32(np.nan))
        table = np.stack([values[picked] for values in columns(frame, cell, self.axes)], 1)
        scaled = np.clip((table - low) / (high - low), 0, 1)
        # A line without two neighbouring ends would not be seen.
        rows = scaled[np.isfinite(scaled[:, :2]).all(1)]
        broken = np.pad(rows, ((0, 0), (0, 1)), constant_values=np.nan)
        return np.tile(places, len(rows)), broken.astype(np.float32).ravel()

    def _finding(self, frame: Frame) -> str:
        """Mean angles of A and B to the own class and to the others, in a sentence."""
        classes = tuple(axis.number for axis in self.axes if axis.number is not None)
        if not classes:
            return "Choose a true class to see the angles to the classes around it."
        # In order, as the matrices ask for the same.
        of = tuple(sorted(classes))
        (a, others_a), (b, others_b) = (
            frame.class_sums(cell, of).own_and_others for cell in (frame.state.a, frame.state.b)
        )
        samples = "selected samples" if frame.has_selection else "samples"
        return (
            f"Angle of {samples} to their own class: A\u00a0{a:.1f}°, B\u00a0{b:.1f}°; "
            f"to the others: A\u00a0{others_a:.1f}°, B\u00a0{others_b:.1f}°."
        )

    def _caption(self, frame: Frame, picked: int) -> str:
        store, state = frame.store, frame.state
        many = len(store.class_names) > class_order.MANY
        lines = f", {picked} of {frame.selected.sum():,} selected as lines" if picked else ""
        bands = sum(isinstance(step, Band) for step in state.rule)
        sentences = [
            f"Every sample is a line through its angle, norm, margin and its angle to class directions; stronger is "
            f"more of {frame.shown.sum():,} samples{lines}. Drag along an axis to select a band; bands on the axes of "
            f"one side hold together, a click on one takes it away, Esc clears all{f' ({bands} now)' if bands else ''}."
        ]
        if many and state.true_class is None:
            sentences.append(
                f"With {len(store.class_names):,} classes axes to class directions need a true class: choose one on "
                "the left, or click a class in the matrix."
            )
        elif many and state.true_class is not None:
            name = escape(store.class_names[state.true_class])
            sentences.append(f"The axes are the {NEAREST} directions in A that are nearest to that of {name}.")
        if len(store.class_names) > STORED and state.true_class is not None:
            sentences.append(f"Lines end where a class is not among the {STORED} of a sample whose logits are stored.")
        seeds = {side: len(store.sides.seeds(self._cell(side))) for side in SIDES}
        if max(seeds.values()) > 1:
            pairs = len(store.sides.pairs(state.a, state.b))
            sentences.append(
                f"Lines and matrices are means over seeds (A {seeds['a']}, B {seeds['b']}; {pairs} pairs of one seed)."
            )
        return " ".join(sentences)
