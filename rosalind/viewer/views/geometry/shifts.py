"""Beside the densities: the classes by how far they moved from A to B."""

import numpy as np
from bokeh.events import AxisClick, Tap
from bokeh.models import FixedTicker, Scatter, Segment, Text

from rosalind.analysis import distributions, rasters
from rosalind.analysis.sides import Cell
from rosalind.analysis.store import Store
from rosalind.viewer.views import draw
from rosalind.viewer.views.frame import Change, Frame

LETTERS = 24
"""Longest name of a class beside its line."""

LISTED = 20
"""Largest number of classes in the list."""

BESIDE = "1 1 clamp(50%, (100% - 900px) * 999, 100%)"
"""Flex of the figure: beside a panel that has no third in its line, below three."""

BELOW = 0.32
"""Distance from a class's line down to that of the null, in lines."""


def shifts_of(frame: Frame, measure: str, sides: tuple[Cell, Cell]) -> distributions.Shifts:
    """The shift of every class on a measure from one side to another."""
    store = frame.store
    before, after = (frame.values(cell, measure) for cell in sides)
    return store.cached(
        ("shifts", *sides, measure, frame.state.raw),
        lambda: distributions.class_shifts(before, after, store.labels, len(store.class_names)),
    )


class ClassShifts:
    """A line per class from its median under A to that under B, and a thin one of the null below it.

    A click keeps only that class, another all.
    """

    @staticmethod
    def choices(store: Store) -> dict[str, tuple[str, ...]]:
        """The measure of the shifts."""
        return {"local-shift": ("x axis", "y axis")}

    def __init__(self, frame: Frame, change: Change):
        self.change, self.frame = change, frame
        self.chooser = frame.chooser(change, "local-shift", "classes listed by their shift on the")
        self.figure = draw.plot(
            "local-shifts",
            "Median of every class under A and B, those that moved most on top; click a class to keep only it.",
            height=200,
            # Else it would leave as much room above and below as the densities need for titles and tools.
            frame_align=False,
            styles={"flex": BESIDE},
            x_range=(0, 1),
            y_axis_label="class",
        )
        self.figure.ygrid.grid_line_color = None
        # Only its ticks change: a new model in a live document costs 0.4 s.
        self.figure.yaxis.ticker = self.ticker = FixedTicker(ticks=[])
        self.null = draw.empty("y", "a", "b")
        thin = Segment(x0="a", y0="y", x1="b", y1="y", line_width=1.5)
        self.figure.add_glyph(self.null, thin, name="ink")
        for end in "ab":
            dash = Scatter(x=end, y="y", marker="dash", angle=np.pi / 2, size=7)
            self.figure.add_glyph(self.null, dash, name="ink")
        self.lines = draw.empty("y", "a", "b")
        grey: draw.Look = {"line_color": draw.GREY, "line_width": 3}
        self.figure.add_glyph(self.lines, Segment(x0="a", y0="y", x1="b", y1="y", **grey))
        for name, marker, colour in zip("ab", ("circle", "diamond"), draw.SIDE_COLOURS, strict=True):
            look: draw.Look = {"fill_color": colour, "line_color": colour}
            self.figure.add_glyph(self.lines, Scatter(x=name, y="y", marker=marker, size=11, **look))
        self.counts = draw.empty("x", "y", "text")
        look: draw.Look = {"text_align": "right", "text_baseline": "middle", "text_font_size": "11px"}
        self.figure.add_glyph(self.counts, Text(x="x", y="y", text="text", **look), name="ink")
        self.figure.on_event(Tap, lambda event: self.tap(event.x, event.y))
        self.figure.yaxis[0].on_event(AxisClick, lambda event: self.tap(None, draw.line_of(event.value)))
        self.order = np.empty(0, int)
        """int[classes]: classes, those that moved most first."""
        self.text = self.label = ""
        """The sentence on the list, not escaped, and the name of the measure."""

    def tap(self, x: float | None, y: float | None) -> None:
        """Keep only the class of the line at a place, or all classes again."""
        line = -1 if y is None else round(y)
        if 0 <= line < len(self.listed):
            self.change(true_class=self.frame.toggled(int(self.listed[line])))

    def update(self, frame: Frame) -> None:
        """Draw the shifts between the sides of a frame, of all classes whatever the filter."""
        self.frame = frame
        state, store = frame.state, frame.store
        measure = state.x if frame.choice("local-shift") == "x axis" else state.y
        shifts = shifts_of(frame, measure, (state.a, state.b))
        nulls = [shifts_of(frame, measure, null) for null in frame.nulls]
        self.order = shifts.order
        self.listed = self.order[:LISTED]
        self.totals = frame.per_class()[self.listed]
        count = len(self.listed)
        self.lines.data = self._line(0, shifts.before, shifts.after)
        # As far as medians of sides lie apart that do not differ, to either side of A's.
        chance = np.abs([null.after - null.before for null in nulls])
        chance = np.fmax.reduce(chance) if nulls else np.full(len(shifts.before), np.nan)
        self.null.data = self._line(BELOW, shifts.before - chance, shifts.before + chance)
        lines = (self.lines.data, self.null.data)
        low, high = rasters.limits(*(np.asarray(data[end]) for data in lines for end in "ab"), share=0)
        # Room for the counts at the right.
        self.figure.x_range.update(start=low, end=high + 0.13 * (high - low))
        names = [draw.cut(store.class_names[k], LETTERS) for k in self.listed]
        figure = self.figure
        figure.y_range.update(start=count - 0.5, end=-0.5)
        figure.height = 60 + 20 * count
        self.ticker.ticks = list(range(count))
        figure.yaxis.major_label_overrides = dict(enumerate(map(draw.plain, names)))
        self.label = draw.axis_label(store, measure, state.raw)
        most = [
            f"{names[k]}: {shifts.distance[self.listed[k]]:.2f}"
            + (f" (null {max(null.distance[self.listed[k]] for null in nulls):.2f})" if nulls else "")
            for k in range(min(count, 3))
        ]
        self.text = (
            f"Classes that moved most on {measure} (Wasserstein distance): {', '.join(most)}"
            + (f"; {count} of {len(self.order)} listed" if count < len(self.order) else "")
            + ("; thin lines: how far a median moves where nothing differs" if nulls else "")
            + "; click one to keep only it."
        )

    def _line(self, below: float, left: np.ndarray, right: np.ndarray) -> dict[str, np.ndarray]:
        """Ends of a line per listed class, from one number of every class to another, so far below its own height."""
        heights = np.arange(len(self.listed), dtype=np.float32) + np.float32(below)
        ends = {"a": left, "b": right}
        return {"y": heights, **{name: end[self.listed].astype(np.float32) for name, end in ends.items()}}

    def count(self, frame: Frame) -> None:
        """Write beside every class how many samples it has, and how many of them are selected."""
        texts = [f"{count:,}" for count in self.totals]
        of_all = " of all samples" * frame.has_selection
        self.figure.xaxis.axis_label = f"median {self.label}{of_all}, A circle, B diamond"
        if frame.selected.any():
            selected = frame.per_class(frame.selected)[self.listed]
            texts = [f"{part:,} of {count}" for part, count in zip(selected, texts, strict=True)]
        # What the numbers count stands on the first line, for all.
        texts = [f"{'n = ' * (k == 0)}{text}" for k, text in enumerate(texts)]
        at = self.figure.x_range.end - 0.005 * (self.figure.x_range.end - self.figure.x_range.start)
        lines = np.arange(len(texts), dtype=np.float32)
        draw.fill(self.counts, {"x": [at] * len(texts), "y": lines.tolist(), "text": texts})
