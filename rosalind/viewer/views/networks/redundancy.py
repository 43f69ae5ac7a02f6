"""Correlations of corruptions over networks, and the smallest set that predicts their mean."""

from dataclasses import dataclass, replace
from html import escape
from typing import Any

import numpy as np
from bokeh.events import Tap
from bokeh.models import Div, FixedTicker, HoverTool, LinearColorMapper, Range1d, Span

from rosalind.analysis import redundancy
from rosalind.analysis.redundancy import Curve
from rosalind.analysis.similarity import leaf_order
from rosalind.analysis.slice_accuracy import Summary
from rosalind.analysis.store import Store
from rosalind.viewer.views.draw import (
    CLEAR,
    DIVERGING,
    GREY,
    ZERO,
    caption,
    card,
    colour_bar,
    empty,
    fill,
    plot,
    remedy,
    show_between,
    square,
    stacked,
    where_written,
    wrapped,
)
from rosalind.viewer.views.frame import Change, Changed, Frame

TOLERANCES = ("1", "0.5", "2")
"""Percentage points: the allowed errors of predicting the mean."""

KINDS = {"mean": "mean over severities", "condition": "every condition by itself"}
NOTHING = "none"
NAMES = 40
"""Largest number of rows with names."""

NUMBERS = 20
"""Largest number of rows whose cells have room for a number."""

CELL = 22
"""Fewest pixels of a cell with a number: in narrower ones they run into each other."""


WIDE = 440
"""Pixels that either figure has at least where they stand side by side."""

LARGEST = 60
"""Most pixels of a cell: a few larger ones would fill the card and say no more."""

BAR = 150
"""Pixels that the title of the colour bar needs."""


def _at_least(pixels: int) -> dict[str, str]:
    """The style of a figure that goes to a line of its own where it would be narrower."""
    return {"flex": f"1 1 {pixels}px", "min-width": f"min({pixels}px, 100%)"}


@dataclass(frozen=True)
class Correlations:
    """The correlations and the curve of one kind of accuracy, alike benchmarks side by side.

    Attributes:
        correlation: float64[n, n], NaN where it is not defined.
        count: int[n, n]: networks in each correlation.
        missing: The reason why there is no curve.
    """

    names: tuple[str, ...]
    correlation: np.ndarray
    count: np.ndarray
    curve: Curve | None
    missing: str


def read(store: Store, kind: str) -> Correlations:
    """The correlations and the curve of one of `redundancy.kinds`, made once for all readers."""

    def make() -> Correlations:
        table = redundancy.benchmarks(store.results, store.summary, kind)
        correlation, count = redundancy.correlations(table.accuracy)
        order = leaf_order(1 - np.nan_to_num(correlation))
        at, names = np.ix_(order, order), tuple(table.names[k] for k in order)
        curve, missing = None, ""
        try:
            curve = redundancy.load(store.results, table, kind)
        except ValueError as error:
            missing = str(error)
        return Correlations(names, correlation[at], count[at], curve, missing)

    return store.cached(("redundancy", kind), make)


def of_slice(store: Store, kind: str, whole: Correlations, summary: Summary | None) -> Correlations:
    """The correlations of a slice in the order of those of all samples, with their curve; `whole` without a summary."""
    if summary is None:
        return whole
    table = redundancy.benchmarks(store.results, summary, kind)
    order = [table.names.index(name) for name in whole.names]
    correlation, count = redundancy.correlations(table.accuracy[:, order])
    return replace(whole, correlation=correlation, count=count)


class Redundancy:
    """Correlations of corruptions over networks, and the error of predicting their mean from few of them."""

    page, title = "networks", "Which corruptions are redundant?"
    finding = ""
    """See `View`."""

    @staticmethod
    def choices(store: Store) -> dict[str, tuple[str, ...]]:
        """The accuracies, the allowed error, and the pair of corruptions in the caption."""
        kinds, infos = redundancy.kinds(store.results), store.results.conditions
        names = (NOTHING, *dict.fromkeys([*(info.name for info in infos.values()), *infos]))
        pair = {"redundancy-row": names, "redundancy-column": names}
        return {"redundancy-accuracies": kinds, "redundancy-tolerance": TOLERANCES, **pair}

    def __init__(self, frame: Frame, change: Change):
        self.store, self.change, self.changed = frame.store, change, Changed()
        accuracies = frame.chooser(change, "redundancy-accuracies", "accuracy", KINDS, 220)
        labels = {value: f"{value} point{'s' * (value != '1')}" for value in TOLERANCES}
        tolerance = frame.chooser(change, "redundancy-tolerance", "predict within", labels, 120)
        self.matrix = empty("image", "size")
        self.numbers = empty("x", "y", "text", "colour")
        self.steps = empty("size", "error", "random", "low", "high", "step")
        self.pair, self.clean, self.chosen = (empty("x", "y") for _ in range(3))
        self.caption = caption("redundancy-caption")
        self.listed = Div(text="", name="redundancy-steps", sizing_mode="stretch_width")
        self.choosers = wrapped(accuracies, tolerance)
        self.root = stacked(
            self.choosers,
            # On a narrow page the curve stands below, so that cells have room for their numbers.
            wrapped(self._heat(), self._curve()),
            self.listed,
        )

    def _heat(self) -> Any:
        figure = plot(
            "redundancy",
            "Matrix of correlations between corruptions over networks; alike ones side by side.",
            x_range=Range1d(),
            y_range=Range1d(),
        )
        self.heat = figure
        figure.grid.grid_line_color = None
        # Changing a ticker is cheap; a new one makes Bokeh go through the whole document.
        figure.xaxis.ticker, figure.yaxis.ticker = FixedTicker(), FixedTicker()
        figure.xaxis.major_label_orientation = 0.9
        figure.axis.major_tick_line_color = None
        mapper = LinearColorMapper(palette=DIVERGING, low=-1, high=1, nan_color=CLEAR)
        figure.image("image", x=0, y=0, dw="size", dh="size", source=self.matrix, color_mapper=mapper)
        look = {"text_align": "center", "text_baseline": "middle", "text_font_size": "10px"}
        self.texts = figure.text("x", "y", text="text", source=self.numbers, text_color="colour", **look)
        square(figure, "x", "y", self.pair, 26, 2)
        ticker: Any = FixedTicker(ticks=[-1, -0.5, 0, 0.5, 1])
        figure.add_layout(colour_bar(mapper, "correlation over networks", ticker=ticker), "right")
        figure.on_event(Tap, lambda event: self.tap(event.x, event.y))
        return figure

    def _curve(self) -> Any:
        figure = plot(
            "redundancy-curve",
            "Error of predicting the mean over all corruptions from the first few chosen ones.",
            height=420,
            styles=_at_least(WIDE),
            x_range=Range1d(),
            y_range=Range1d(),
            x_axis_label="benchmarks chosen, named below",
            y_axis_label="error on held-out families, points",
        )
        self.figure = figure
        figure.xaxis.ticker = FixedTicker()
        figure.xgrid.grid_line_color = None
        band: Any = {"fill_color": GREY, "fill_alpha": 0.3, "legend_label": "random subsets, 90 %"}
        figure.varea("size", "low", "high", source=self.steps, **band)
        ink = {"line_color": "#1c2536", "name": "ink"}
        for x, y, source, look, dash, label in (
            ("size", "random", self.steps, {"line_color": GREY}, "dashed", "random subsets, mean"),
            ("x", "y", self.clean, ink, "dotted", "clean accuracy alone"),
            ("size", "error", self.steps, ink, "solid", "chosen"),
        ):
            figure.line(x, y, source=source, line_dash=dash, line_width=2, legend_label=label, **look)
        dots = {"fill_color": GREY, "legend_label": "chosen", **ink}
        renderer = figure.scatter("size", "error", source=self.steps, size=7, **dots)
        tips = [("benchmarks", "@size"), ("the last step", "@step"), ("error (points)", "@error{0.00}")]
        figure.add_tools(HoverTool(renderers=[renderer], tooltips=card(tips)))
        ring = {"fill_color": None, "line_color": "#000000", "line_width": 2, "name": "ink"}
        figure.scatter("x", "y", source=self.chosen, size=16, **ring)
        self.limit = Span(location=0, dimension="width", line_dash="dashed", line_color=ZERO)
        figure.add_layout(self.limit)
        figure.legend.location = "top_right"
        figure.legend.label_text_font_size = "11px"
        figure.legend.padding, figure.legend.spacing, figure.legend.background_fill_alpha = 4, 0, 0.7
        return figure

    def tap(self, x: float, y: float) -> None:
        """Choose the pair of corruptions at a place of the matrix."""
        names = self.correlations.names
        if 0 <= x < len(names) and 0 <= y < len(names):
            self.change(choices={"redundancy-row": names[int(y)], "redundancy-column": names[int(x)]})

    def _fill(self) -> None:
        names, curve, count = self.correlations.names, self.correlations.curve, len(self.correlations.names)
        self.heat.x_range.update(start=0, end=max(count, 1))
        # Flipped, so that the first row is on top.
        self.heat.y_range.update(start=max(count, 1), end=0)
        for axis in (self.heat.xaxis[0], self.heat.yaxis[0]):
            axis.visible = count <= NAMES
            axis.major_label_text_font_size = "11px" if count <= NUMBERS else "8px"
            axis.ticker.ticks = [k + 0.5 for k in range(count)]
            axis.major_label_overrides = {k + 0.5: name for k, name in enumerate(names)}
        side = int(np.clip(LARGEST * count, BAR, 300))
        # Names stand below and left, the colour bar right; many cells are as wide as the card lets them.
        wide = side + 200 if side < 300 else 660
        self.heat.update(height=side + 120, max_width=wide, styles=_at_least(min(wide, WIDE)))
        show_between(self.texts, CELL * count, None)
        correlation = self.correlations.correlation
        self.heat.visible = bool(np.isfinite(correlation[~np.eye(count, dtype=bool)]).any())
        self.figure.visible = self.listed.visible = curve is not None
        self.choosers.visible = self.heat.visible or self.figure.visible
        if curve is not None:
            self._fill_curve(curve)

    def _fill_matrix(self) -> None:
        """The correlations, whose rows stay where they are while the samples change."""
        correlation, count = self.correlations.correlation, len(self.correlations.names)
        # BokehJS cannot draw an image without pixels.
        fill(self.matrix, {"image": [correlation.astype(np.float32)] * (count > 0), "size": [count] * (count > 0)})
        numbered = np.isfinite(correlation) & ~np.eye(count, dtype=bool) & (count <= NUMBERS)
        rows, columns = np.nonzero(numbered)
        values = correlation[rows, columns]
        fill(
            self.numbers,
            {
                "x": (columns + 0.5).astype(np.float32),
                "y": (rows + 0.5).astype(np.float32),
                "text": [_number(value) for value in values],
                "colour": ["#ffffff" if abs(value) > 0.75 else "#1c2536" for value in values],
            },
        )

    def _fill_curve(self, curve: Curve) -> None:
        sizes = np.arange(1, len(curve.names) + 1, dtype=np.float32)
        mean, low, high = curve.random.T.astype(np.float32)
        error = curve.error.astype(np.float32)
        steps = curve.steps()
        fill(self.steps, {"size": sizes, "error": error, "random": mean, "low": low, "high": high, "step": steps})
        ends = np.array([0.5, len(sizes) + 0.5], np.float32)
        fill(self.clean, {"x": ends, "y": np.full(2, curve.clean, np.float32)})
        self.figure.x_range.update(start=0.5, end=len(sizes) + 0.5)
        # The line of clean accuracy runs below the legend.
        tallest = np.nanmax([1.08 * high.max(), 1.08 * error.max(), 1.45 * curve.clean])
        top = max(float(tallest), 0.1)
        # All benchmarks leave no error, and that dot is as whole as the others.
        self.figure.y_range.update(start=-0.02 * top, end=top)
        self.figure.xaxis.ticker.ticks = sizes.tolist()
        # Under the axis whole names would leave the figure no height.
        items = "".join(
            f"<li style='break-inside: avoid'>{escape(s)} ({e:.2f})</li>"
            for s, e in zip(steps, error.tolist(), strict=True)
        )
        heading = "What every size adds, and its error in points:"
        self.listed.text = f"{heading}<ol style='columns: 18em; margin: 0; padding-left: 2.2em'>{items}</ol>"

    def update(self, frame: Frame) -> None:
        """Draw a frame."""
        kind, points = frame.choice("redundancy-accuracies"), float(frame.choice("redundancy-tolerance"))
        if self.changed("kind", kind):
            self.whole = self.correlations = read(self.store, kind)
            self._fill()
            self._fill_matrix()
        if self.changed("slice", (kind, frame.slice_key, frame.state.networks)):
            self.correlations = of_slice(self.store, kind, self.whole, self._scoped(frame))
            self._fill_matrix()
        pair = self._pair(frame)
        text = self._caption(pair, points, frame)
        # A brush changes nothing here, so nothing is sent.
        if text == self.caption.text:
            return
        self.finding, self.caption.text = self._finding(points, frame), text
        curve = self.correlations.curve
        size = curve.smallest(points) if curve else None
        step = None if curve is None or size is None else (size, curve.error[size - 1])
        fill(self.chosen, _at(step))
        self.limit.location = points
        fill(self.pair, _at(pair and (pair[1] + 0.5, pair[0] + 0.5)))

    def _scoped(self, frame: Frame) -> Summary | None:
        """The accuracies of the selected samples in the chosen networks; None where nothing is narrowed."""
        if not frame.state.networks:
            return frame.slice_summary
        groups = zip(self.store.groups, frame.chosen_groups, strict=True)
        chosen = {name for group, is_chosen in groups if is_chosen for name in group.networks}
        rows = self.store.summary if frame.slice_summary is None else frame.slice_summary
        return {cell: row for cell, row in rows.items() if cell[0] in chosen}

    def _pair(self, frame: Frame) -> tuple[int, int] | None:
        names = self.correlations.names
        row, column = (frame.choice(f"redundancy-{side}") for side in ("row", "column"))
        return (names.index(row), names.index(column)) if {row, column} <= set(names) else None

    def _finding(self, points: float, frame: Frame) -> str:
        """The few benchmarks that predict all, or why none is known to."""
        curve = self.correlations.curve
        if len(self.correlations.names) < 2:
            how = remedy(where_written(self.store, "Measure more with"), "rosalind run --corruptions")
            return f"At least two corruptions are needed. {how}"
        if curve is None:
            return "Too few networks or families to say which corruptions predict the others: add methods to the study."
        size = curve.smallest(points)
        within = f"the mean of all within {points:g} point{'s' * (points != 1)}"
        # The curve is of all samples, and only the matrix beside it of the selected ones.
        among = " (all samples)" * frame.has_selection
        if size is None:
            return f"Not even {len(curve.names)} of {curve.total} benchmarks predict {within}{among}."
        listed = ", ".join(curve.sets[size - 1][:4]) + (f" and {size - 4} more" if size > 4 else "")
        return f"{size} of {curve.total} benchmarks predict {within}{among}: {escape(listed)}."

    def _caption(self, pair: tuple[int, int] | None, points: float, frame: Frame) -> str:
        correlation, names = self.correlations.correlation, self.correlations.names
        count, sentences = self.correlations.count, []
        if frame.has_selection:
            sentences.append(f"Correlations {frame.slice_words}, the curve of all.")
        if pair is not None:
            value, undefined = correlation[pair], "not defined (too few networks, or no variation)"
            number = f"{value:.3f}" if np.isfinite(value) else undefined
            sentences.append(
                f"<b>{escape(names[pair[0]])} and {escape(names[pair[1]])}: correlation {number}</b> over "
                f"{count[pair]} networks."
            )
        elif len(names) > 1 and np.isfinite(correlation[np.triu_indices(len(names), 1)]).any():
            upper = np.where(np.triu(np.ones_like(correlation), 1) > 0, correlation, np.nan)
            high, low = (np.unravel_index(pick(upper), upper.shape) for pick in (np.nanargmax, np.nanargmin))
            most, least = (f"{escape(names[i])} and {escape(names[j])} ({upper[i, j]:.2f})" for i, j in (high, low))
            sentences.append(
                f"Pearson correlation of accuracies over up to {count.max()} networks: most alike {most}, least "
                f"{least}; click a cell for its number."
            )
        curve = self.correlations.curve
        if curve is None:
            return " ".join([*sentences, f"No curve: {escape(self.correlations.missing)}"])
        return " ".join([*sentences, *self._sentences(curve, points)])

    def _sentences(self, curve: Curve, points: float) -> list[str]:
        size = curve.smallest(points)
        if size is None:
            return [
                f"Not even {len(curve.names)} of {curve.total} benchmarks predict the mean of all to within {points:g} "
                f"points on held-out families; the best reach {curve.error.min():.2f}."
            ]
        mean, low, high = curve.random[size - 1]
        searched = curve.searched
        greedy = "" if searched == len(curve.sets) else f" up to {searched}, then greedily, one more at a time"
        clean = f"{curve.clean:.2f}" if np.isfinite(curve.clean) else "not measured"
        return [
            f"<b>{size} of {curve.total} benchmarks ({escape(', '.join(curve.sets[size - 1]))}) "
            f"predict{'s' * (size == 1)} the mean of "
            f"all to within {points:g} point{'s' * (points != 1)} on held-out families; without one family the same "
            f"{size} are chosen in {int(curve.agree[size - 1])} of {len(curve.folds)} cases</b>. Root mean square "
            f"{curve.error[size - 1]:.2f}, largest {curve.largest[size - 1]:.1f}; random subsets of {size}: "
            f"{mean:.2f} ({low:.2f} to {high:.2f}); clean accuracy alone: {clean}.",
            f"{curve.networks} networks of {len(curve.folds)} families; the fit is least squares with an intercept "
            "and weights of at least 0. For every error, choice and fit are made without the family that is "
            f"predicted; the names are chosen with all networks, of every size the best of all subsets{greedy}.",
        ]


def _at(point: tuple[float, float] | None) -> dict[str, np.ndarray]:
    """The columns of one point, or of none."""
    return dict(zip("xy", np.array([point] if point else [], np.float32).reshape(-1, 2).T, strict=True))


def _number(value: float) -> str:
    """A correlation as `.87`, for narrow cells."""
    text = f"{value:.2f}"
    return "1" if text == "1.00" else text.replace("0.", ".")
