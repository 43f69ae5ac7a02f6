"""View 4, global geometry: parallel coordinates of all measures."""

from dataclasses import dataclass, replace
from html import escape
from typing import Any

import numpy as np
from bokeh.events import SelectionGeometry, Tap
from bokeh.models import BoxSelectTool, ColumnDataSource, FixedTicker, LinearAxis, Range1d

from rosalind.analysis import class_matrices, class_order, rasters
from rosalind.analysis.selection import Band, to_json
from rosalind.analysis.sides import Cell
from rosalind.analysis.store import NEAREST as STORED
from rosalind.analysis.store import Store
from rosalind.measures import MEASURES
from rosalind.viewer.views.frame import (
    GREYS,
    SELECTED,
    Change,
    Frame,
    caption,
    empty,
    fill,
    plain,
    plot,
    see_through,
    titled,
)

FIRST = ("angle", "norm", "margin")
NEAREST = 8
"""With many classes, so many directions around a class have an axis."""

LINES = 100
"""Most selected samples that are drawn as lines."""

SIDES = ("a", "b")
REACH = 0.006
"""Half the width of the box that shows a band, as a share of the figure's."""


@dataclass(frozen=True)
class Axis:
    """What an axis shows: a measure, or the angle to the direction of a class."""

    name: str
    measure: str | None = None
    number: int | None = None

    @property
    def step(self) -> dict[str, Any]:
        """How a rule names it."""
        return {"x": self.measure} if self.measure else {"class": self.number}


def axes_of(frame: Frame) -> list[Axis]:
    """Angle, norm, margin and the class directions; with many classes those nearest to the chosen true class."""
    store, wanted = frame.store, frame.state.true_class
    listed: list[int] = []
    if len(store.class_names) <= class_order.MANY:
        listed = class_matrices.in_order(store, frame.choice("global-order")).tolist()
    elif wanted is not None:
        between = class_matrices.table(store, frame.state.a, class_matrices.BETWEEN)
        listed = class_order.nearest_directions(between, wanted, NEAREST).tolist()
    return [
        *(Axis(name, measure=name) for name in (*FIRST, *(m for m in store.measures if m not in MEASURES))),
        *(Axis(store.class_names[k], number=k) for k in listed),
    ]


def columns(frame: Frame, cell: Cell, axes: list[Axis]) -> list[np.ndarray]:
    """float32[n] per axis: what every sample has on it."""
    numbers = tuple(axis.number for axis in axes if axis.number is not None)
    found = [frame.values(cell, axis.measure) for axis in axes if axis.measure]
    return found + (list(frame.store.class_angles(cell, numbers)[1].T) if numbers else [])


def limits_of(frame: Frame, axes: list[Axis]) -> list[tuple[float, float]]:
    """The ends of every axis, shared by A and B, over all samples; class directions share one scale."""
    numbers = tuple(axis.number for axis in axes if axis.number is not None)
    store, raw = frame.store, frame.state.raw

    def ends(cell: Cell, what: Any) -> tuple[float, float]:
        values = lambda: (
            frame.values(cell, what) if isinstance(what, str) else store.class_angles(cell, what)[1]
        )
        return store.cached(("global", "ends", cell, what, raw), lambda: rasters.ends(values()))

    both = lambda what: rasters.limits(
        np.ravel([ends(frame.state.a, what), ends(frame.state.b, what)]), share=0
    )
    shared = both(numbers) if numbers else (0.0, 1.0)
    return [both(axis.measure) if axis.measure else shared for axis in axes]


def levels_of(frame: Frame, cell: Cell, axes: list[Axis], limits: list[tuple[float, float]]) -> np.ndarray:
    """uint8[k, n]: where every sample lies on every axis, kept for all readers."""
    key = ("global", "levels", cell, tuple(axes), tuple(limits), frame.state.raw)

    def make() -> np.ndarray:
        pairs = zip(columns(frame, cell, axes), limits, strict=True)
        return np.stack([rasters.levels(values, ends) for values, ends in pairs])

    return frame.store.cached(key, make)


def density_of(frame: Frame, cell: Cell, axes: list[Axis], limits: list[tuple[float, float]]) -> np.ndarray:
    """float32[rows, columns]: how many lines of the samples shown go through every pixel, kept for all readers."""
    # Few axes are far from each other on the page, and few pixels between them would show as blocks.
    width = 48 if len(axes) > 5 else 144
    key = ("global", "density", cell, tuple(axes), tuple(limits), frame.state.raw, frame.state.true_class)

    def make() -> np.ndarray:
        levels = levels_of(frame, cell, axes, limits)
        levels = levels if frame.state.true_class is None else levels[:, frame.shown]
        return rasters.parallel_density(levels, width)

    return frame.store.cached(key, make)


class Global:
    """Densities of lines over angle, norm, margin and class directions, which stand in the matrices' order."""

    @staticmethod
    def choices(store: Store) -> dict[str, tuple[str, ...]]:
        """None of its own."""
        return {}

    def __init__(self, frame: Frame, change: Change):
        self.change, self.drawn = change, None
        self.figures, self.images, self.lines, self.bands, self.scales = {}, {}, {}, {}, {}
        for side in SIDES:
            self._figure(side)
        self.caption = caption("global-caption")
        self.root = titled("How do samples lie to all classes?", *self.figures.values())

    def _figure(self, side: str) -> None:
        figure = plot(
            f"global-{side}",
            "Parallel coordinates of angle, norm, margin and class angles; drag on an axis to select.",
            height=240,
            x_range=Range1d(0, 1),
            y_range=Range1d(-0.03, 1.03),
        )
        figure.yaxis.visible = False
        figure.ygrid.grid_line_color = None
        figure.xgrid.grid_line_color = "#8a94a6"
        figure.xaxis.major_label_text_font_size = "10px"
        figure.xaxis.ticker = FixedTicker(ticks=[])
        scale = LinearAxis(ticker=FixedTicker(ticks=[0, 0.5, 1]), axis_line_color=None)
        scale.major_label_text_font_size = "10px"
        figure.add_layout(scale, "right")
        image = ColumnDataSource({"image": [], "width": []})
        lines = empty("x", "y")
        bands = empty("left", "right", "bottom", "top")
        figure.image("image", x=0, y=0, dw="width", dh=1, source=image, color_mapper=see_through(GREYS))
        figure.line("x", "y", source=lines, line_color=SELECTED, line_alpha=0.45)
        figure.quad(
            left="left",
            right="right",
            bottom="bottom",
            top="top",
            source=bands,
            fill_color=SELECTED,
            fill_alpha=0.35,
            line_color=SELECTED,
            line_width=2,
        )
        tool = BoxSelectTool(renderers=[])
        figure.add_tools(tool)
        figure.toolbar.active_drag = tool
        figure.on_event(SelectionGeometry, lambda event: self._brush(side, event))
        figure.on_event(Tap, lambda event: self._tap(side, event))
        self.figures[side], self.images[side], self.lines[side] = figure, image, lines
        self.bands[side], self.scales[side] = bands, scale

    @property
    def reach(self) -> float:
        """Half the width of a band's box, in distances of axes."""
        return REACH * (len(self.axes) - 1)

    def _cell(self, side: str) -> Cell:
        return self.frame.state.a if side == "a" else self.frame.state.b

    def _brush(self, side: str, event: SelectionGeometry) -> None:
        box = event.geometry
        if not event.final or box.get("type") != "rect":
            return
        place = int(np.clip(round((box["x0"] + box["x1"]) / 2), 0, len(self.axes) - 1))
        low, high = self.limits[place]
        band = [low + v * (high - low) for v in (box["y0"], box["y1"])]
        step = {"band": band, "cell": list(self._cell(side)), **self.axes[place].step}
        if "x" in step and self.frame.state.raw:
            step["raw"] = True
        self.change(step=step, instead=self._joined(step))

    def _joined(self, step: dict[str, Any]) -> tuple[dict[str, Any], ...]:
        """The rule that a new band makes where the reader's setting is to replace.

        Bands on the axes of one side hold together, and a second one on the same axis takes the place of the
        first; a rule of anything else is replaced.
        """
        kept, rule = [], self.frame.state.rule
        if all(isinstance(old, Band) and list(old.cell) == step["cell"] for old in rule):
            kept = [to_json(old) for old in rule if (old.x, old.class_) != (step.get("x"), step.get("class"))]
        return _all_of([*kept, step])

    def _tap(self, side: str, event: Tap) -> None:
        """Take away the band that was clicked."""
        rule = self.frame.state.rule
        for number, place, bottom, top in self._placed(side):
            if event.x is not None and abs(event.x - place) <= 2 * self.reach and bottom <= event.y <= top:
                left = [*rule[:number], *rule[number + 1 :]]
                # What comes first has nothing before it to change.
                self.change(rule=tuple(replace(s, op="replace") if k == 0 else s for k, s in enumerate(left)))
                return

    def _placed(self, side: str) -> list[tuple[int, int, float, float]]:
        """Of every band of a side its number in the rule, its axis, and its ends on it."""
        places = {tuple(axis.step.items()): k for k, axis in enumerate(self.axes)}
        found = []
        for number, step in enumerate(self.frame.state.rule):
            if not isinstance(step, Band) or step.cell != self._cell(side):
                continue
            key = (("x", step.x),) if step.x is not None else (("class", step.class_),)
            # A band of raw norms is none of the axis in units.
            if key in places and (step.x is None or step.raw == self.frame.state.raw):
                low, high = self.limits[places[key]]
                bottom, top = sorted((v - low) / (high - low) for v in step.band)
                found.append((number, places[key], max(bottom, -0.03), min(top, 1.03)))
        return found

    def update(self, frame: Frame) -> None:
        self.frame, state = frame, frame.state
        self.axes = axes_of(frame)
        self.limits = limits_of(frame, self.axes)
        drawn = (state.a, state.b, state.raw, state.true_class, self.axes, self.limits)
        if drawn != self.drawn:
            self._draw(frame)
            self.drawn = drawn
        picked = self._draw_lines(frame)
        self.caption.text = self._words(frame, picked)

    def _draw(self, frame: Frame) -> None:
        """The densities and axes, which do not change with the selection."""
        count = len(self.axes)
        counts = {side: density_of(frame, self._cell(side), self.axes, self.limits) for side in SIDES}
        peak = int(max(found.max(initial=0) for found in counts.values()))
        low, high = self.limits[-1]
        for side, figure in self.figures.items():
            self.images[side].data = {"image": [rasters.shade(counts[side], peak)], "width": [count - 1]}
            room = 0.03 * (count - 1)
            figure.x_range.update(start=-room, end=count - 1 + room)
            figure.xaxis.ticker.ticks = list(range(count))
            figure.xaxis.major_label_overrides = {k: self._label(k) for k in range(count)}
            figure.title.text = f"{side.upper()}: {' · '.join(self._cell(side))}"
            scale = self.scales[side]
            scale.visible = count > len(FIRST)
            scale.major_label_overrides = {k: f"{low + k * (high - low):.0f}°" for k in (0, 0.5, 1)}

    def _label(self, place: int) -> str:
        """Below a measure its ends; class directions share the scale on the right."""
        axis, (low, high) = self.axes[place], self.limits[place]
        if axis.measure:
            return f"{axis.name}\n{low:.3g} to\n{high:.3g}"
        longest = 60 // len(self.axes) + 4
        return "class\n" + plain(axis.name if len(axis.name) <= longest else f"{axis.name[: longest - 1]}…")

    def _draw_lines(self, frame: Frame) -> np.ndarray:
        """Selected samples as lines, and the bands as boxes; the positions of the samples."""
        picked = np.flatnonzero(frame.selected)
        if len(picked) > LINES:
            picked = picked[np.linspace(0, len(picked) - 1, LINES).astype(int)]
        low, high = np.array(self.limits).T
        # One line that is broken between samples: as many lines are lists of lists to Bokeh, 4 ms each way.
        places = np.append(np.arange(len(self.axes), dtype=np.float32), np.float32(np.nan))
        for side in SIDES:
            table = np.stack([values[picked] for values in columns(frame, self._cell(side), self.axes)], 1)
            scaled = np.clip((table - low) / (high - low), 0, 1)
            # A line without two neighbouring ends would not be seen.
            rows = scaled[np.isfinite(scaled[:, :2]).all(1)]
            broken = np.pad(rows, ((0, 0), (0, 1)), constant_values=np.nan)
            data = {"x": np.tile(places, len(rows)), "y": broken.astype(np.float32).ravel()}
            if len(rows) or len(self.lines[side].data["x"]):
                self.lines[side].data = data
            boxes = [
                (k - self.reach, k + self.reach, bottom, top) for _, k, bottom, top in self._placed(side)
            ]
            names = ("left", "right", "bottom", "top")
            fill(self.bands[side], {name: [box[k] for box in boxes] for k, name in enumerate(names)})
        return picked

    def _words(self, frame: Frame, picked: np.ndarray) -> str:
        store, state = frame.store, frame.state
        lines = f", {len(picked)} of {frame.selected.sum():,} selected as lines" if len(picked) else ""
        told = [
            f"Every sample is a line through its angle, norm, margin and its angle to class directions; stronger is "
            f"more of {frame.shown.sum():,} samples{lines}."
        ]
        bands = sum(isinstance(step, Band) for step in state.rule)
        told.append(
            "Drag along an axis to select a band; bands on the axes of one side hold together, a click on one takes "
            f"it away, Esc clears all{f' ({bands} now)' if bands else ''}."
        )
        if len(store.class_names) > class_order.MANY and state.true_class is None:
            told.append(
                f"With {len(store.class_names):,} classes axes to class directions need a true class: choose one on "
                "the left, or click a class in the matrix."
            )
        elif len(store.class_names) > class_order.MANY:
            name = escape(store.class_names[state.true_class])
            told.append(f"The axes are the {NEAREST} directions in A that are nearest to that of {name}.")
        if len(store.class_names) > STORED and state.true_class is not None:
            told.append(
                f"Lines end where a class is not among the {STORED} of a sample whose logits are stored."
            )
        seeds = {side: len(store.sides.seeds(self._cell(side))) for side in SIDES}
        if max(seeds.values()) > 1:
            pairs = len(store.sides.pairs(state.a, state.b))
            told.append(
                f"Lines and matrices are means over seeds (A {seeds['a']}, B {seeds['b']}; {pairs} pairs of one seed)."
            )
        return " ".join(told)


def _all_of(steps: list[dict[str, Any]]) -> tuple[dict[str, Any], ...]:
    """A rule that selects what all steps select."""
    return tuple({**step, "op": "intersect" if k else "replace"} for k, step in enumerate(steps))
