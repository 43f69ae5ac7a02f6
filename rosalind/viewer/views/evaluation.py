"""View 1: networks x conditions, with numbers and margin histograms in the cells."""

import numpy as np
from bokeh.events import Tap
from bokeh.layouts import row
from bokeh.models import ColumnDataSource, FixedTicker, Range1d, Select, Span

from rosalind.robustness import mean_and_deviation
from rosalind.viewer.store import Store
from rosalind.viewer.views.frame import DIVERGING, SEQUENTIAL, Change, Frame, caption, plot, titled

MODES = {
    "accuracy": ("accuracy", 100, "percent right"),
    "difference": ("accuracy", 100, "percentage points against dense"),
    "angle mean": ("angle_mean", 180 / np.pi, "mean angle, degrees"),
    "angle deviation": ("angle_deviation", 180 / np.pi, "deviation of the angle, degrees"),
    "margin median": ("margin_median", 1, "median margin, units"),
    "change to parent": ("change_to_parent", 100, "paired change to the dense parent, points"),
    "error over dense": ("relative_to_dense", 1, "error over the dense parent's, corruption by corruption"),
    "increase over dense": (
        "relative_increase_to_dense",
        1,
        "error added to clean over what is added to the dense parent's (means only)",
    ),
    "effective robustness": ("effective_robustness", 100, "points above the dense networks' line"),
    "retained": ("retention", 100, "accuracy over clean accuracy, percent"),
    "flips to wrong": ("negative_flips", 100, "percent that the dense parent had right"),
    "flips to right": ("positive_flips", 100, "percent that the dense parent had wrong"),
    "loss": ("loss", 1, "negative log-likelihood, nats"),
    "Brier score": ("brier", 1, "Brier score"),
    "calibration error": ("calibration_error", 100, "expected calibration error, percent"),
    "RMS calibration": ("adaptive_calibration_error", 100, "adaptive RMS calibration error, percent"),
    "mCE": ("mce", 100, "mean corruption error, AlexNet's being 100 (ImageNet only)"),
    "relative mCE": ("relative_mce", 100, "relative mean corruption error (ImageNet only)"),
}
"""Column of summary.csv, factor and meaning of what a cell shows."""

TENTHS = (
    "margin median",
    "angle deviation",
    "error over dense",
    "increase over dense",
    "loss",
    "Brier score",
)
"""Modes whose numbers need a decimal."""

NUMBERS = 45
"""Most conditions whose cells are wide enough for a number."""


class Evaluation:
    """Rows are methods at a sparsity (means over seeds), columns are conditions; a click makes a cell B."""

    @staticmethod
    def choices(store: Store) -> dict[str, tuple[str, ...]]:
        """Nothing is chosen here."""
        return {}

    def __init__(self, frame: Frame, change: Change):
        store = frame.store
        self.change, self.groups, self.conditions = change, store.groups, store.columns
        self.store = store
        rows, columns = len(self.groups), len(self.conditions)
        self.has_more = columns > len(store.conditions)
        self.mode = Select(options=list(MODES), value="accuracy", title="cells show", width=170, name="mode")
        self.mode.on_change("value", lambda attr, old, new: self._fill())
        self.cells, self.marks, self.lines = (ColumnDataSource() for _ in range(3))
        figure = plot(
            "evaluation",
            "Heat map of networks by conditions; numbers repeat in summary.csv.",
            height=150 + 26 * rows,
            x_range=Range1d(-0.5, columns - 0.5),
            y_range=Range1d(rows - 0.5, -0.5),
        )
        figure.grid.grid_line_color = None
        figure.xaxis.ticker = FixedTicker(ticks=list(range(columns)))
        figure.yaxis.ticker = FixedTicker(ticks=list(range(rows)))
        figure.xaxis.major_label_overrides = dict(enumerate(self.conditions))
        figure.yaxis.major_label_overrides = {k: group.name for k, group in enumerate(self.groups)}
        figure.xaxis.major_label_orientation = np.pi / 2
        self._fill()
        figure.rect("x", "y", 0.96, 0.92, source=self.cells, fill_color="colour", line_color=None)
        figure.multi_line("xs", "ys", source=self.lines, line_color="ink", line_alpha=0.55)
        if columns <= NUMBERS:
            figure.text(
                "x",
                "y",
                text="text",
                source=self.cells,
                text_color="ink",
                text_align="center",
                text_baseline="middle",
                text_font_size="10px",
                y_offset=-4,
            )
        figure.rect(
            "x", "y", 0.96, 0.92, source=self.marks, fill_color=None, line_color="#E69F00", line_width=2.5
        )
        figure.text(
            "x",
            "y",
            text="text",
            source=self.marks,
            text_color="#E69F00",
            text_font_size="11px",
            text_font_style="bold",
            x_offset=-14,
            y_offset=12,
        )
        if self.has_more:
            place = len(store.conditions) - 0.5
            figure.add_layout(Span(location=place, dimension="height", line_color="#1c2536"))
        figure.on_event(Tap, self._tap)
        self.caption = caption("evaluation-caption")
        self.root = titled("Which networks hold?", row(self.mode), figure, caption=self.caption)

    def _values(self, mode: str) -> np.ndarray:
        """float[groups, conditions, seeds], NaN where a cell or seed is missing."""
        name, factor, _ = MODES[mode]
        seeds = max(len(group.networks) for group in self.groups)
        found = np.full((len(self.groups), len(self.conditions), seeds), np.nan)
        for i, group in enumerate(self.groups):
            for j, condition in enumerate(self.conditions):
                for k, network in enumerate(group.networks):
                    here = self.store.summary.get((network, condition))
                    found[i, j, k] = np.nan if here is None else factor * here[name]
        if mode == "difference":
            return found - _mean(found[:1])[..., None]
        return found

    def _fill(self) -> None:
        mode = self.mode.value
        values = _mean(self._values(mode))
        finite = values[np.isfinite(values)]
        low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
        palette = SEQUENTIAL
        if mode == "difference":
            reach = max(abs(low), abs(high), 1e-9)
            low, high, palette = -reach, reach, DIVERGING[::-1]
        place = np.nan_to_num((values - low) / max(high - low, 1e-9))
        index = np.clip(255 * place, 0, 255).astype(int)
        colours = np.array(palette)[index]
        colours[~np.isfinite(values)] = "#ffffff"
        dark = (index < 130) if mode != "difference" else (np.abs(index - 128) > 90)
        ink = np.where(dark & np.isfinite(values), "#ffffff", "#1c2536")
        digits = 1 if mode in TENTHS else 0
        y, x = (axis.ravel() for axis in np.indices(values.shape))
        text = [
            "·" if not np.isfinite(v) else f"{v:+.0f}" if mode == "difference" else f"{v:.{digits}f}"
            for v in values.ravel()
        ]
        self.cells.data = {
            "x": x,
            "y": y,
            "colour": colours.ravel().tolist(),
            "ink": ink.ravel().tolist(),
            "text": text,
        }
        self.lines.data = self._sparklines(ink)

    def _sparklines(self, ink: np.ndarray) -> dict[str, list]:
        """The margin histogram of every cell, in the lower part of it; counts of all seeds."""
        counts, _ = self.store.histograms
        xs, ys, inks = [], [], []
        for i, group in enumerate(self.groups):
            for j, condition in enumerate(self.conditions):
                some = [counts[n, condition][2] for n in group.networks if (n, condition) in counts]
                if some:
                    total = np.sum(some, 0)
                    xs.append((j + np.linspace(-0.44, 0.44, len(total))).round(3).tolist())
                    ys.append((i + 0.44 - 0.4 * total / max(total.max(), 1)).round(3).tolist())
                    inks.append(str(ink[i, j]))
        return {"xs": xs, "ys": ys, "ink": inks}

    def _tap(self, event: Tap) -> None:
        column, line = round(event.x or 0), round(event.y or 0)
        if not (0 <= column < len(self.conditions) and 0 <= line < len(self.groups)):
            return
        condition = self.conditions[column]
        # Means and shifts have no samples of the study, so no other view could show them.
        there = [n for n in self.groups[line].networks if (n, condition) in self.store.cells]
        if there:
            self.change(**{"a" if (event.modifiers or {}).get("shift") else "b": (there[0], condition)})

    def update(self, frame: Frame) -> None:
        marks = {"x": [], "y": [], "text": []}
        for letter, (network, condition) in (("A", frame.state.a), ("B", frame.state.b)):
            marks["x"].append(self.conditions.index(condition))
            marks["y"].append(self.groups.index(self.store.group_of[network]))
            marks["text"].append(letter)
        self.marks.data = marks
        words = []
        for letter, (network, condition) in (("A", frame.state.a), ("B", frame.state.b)):
            group = self.store.group_of[network]
            cells = [self.store.summary.get((n, condition)) for n in group.networks]
            accuracies = [cell["accuracy"] for cell in cells if cell is not None]
            seeds = f"{len(accuracies)} seed{'s' * (len(accuracies) != 1)}"
            ends = [(c["accuracy_low"], c["accuracy_high"]) for c in cells if c is not None]
            low, high = 100 * np.mean(ends, 0) if ends else (np.nan, np.nan)
            words.append(
                f"{letter}: {group.name} under {condition}, {mean_and_deviation(accuracies)} % right "
                f"({seeds}; over images {low:.1f} to {high:.1f})"
            )
        meaning = MODES[self.mode.value][2]
        self.caption.text = (
            f"{'; '.join(words)}. Cells: {meaning}, mean over seeds; curves: all samples' margins. "
            "Click a cell to make it B, shift-click to make it A"
            + ("; right of the line: means and shifts, to read only." if self.has_more else ".")
            + (f" {self.store.sources}" if self.store.sources else "")
        )


def _mean(values: np.ndarray) -> np.ndarray:
    """Mean over the last axis of what is there; NaN where nothing is."""
    there = np.isfinite(values)
    total = np.where(there, values, 0).sum(-1)
    return np.divide(total, there.sum(-1), out=np.full(total.shape, np.nan), where=there.any(-1))
