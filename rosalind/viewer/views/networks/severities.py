"""Measures over severity, as lines with intervals over seeds."""

from html import escape
from typing import Any

import numpy as np
from bokeh.models import FixedTicker, HoverTool

from rosalind.analysis import accuracy_table, palette, severity_curves
from rosalind.analysis.accuracy_table import CELL_METRICS
from rosalind.analysis.severity_curves import Curves
from rosalind.analysis.store import Store
from rosalind.viewer import severities_caption
from rosalind.viewer.views import pinned
from rosalind.viewer.views.draw import (
    GREY,
    POINTS,
    caption,
    card,
    cut,
    empty,
    fill,
    plain,
    plot,
    remedy,
    side_colour,
    stacked,
    where_written,
)
from rosalind.viewer.views.frame import Change, Changed, Frame
from rosalind.viewer.views.networks.pinned_severities import Panel, PinnedSeverities

CURVES = {"methods": "all methods for B's corruption", "corruptions": "all corruptions for B's method"}
COLOURED = ("xs", "ys", "colour", "width")
WHISKERS = ("x", "low", "high", "colour", "width", "alpha")
DOTS = ("x", "y", "marker", "size", "colour", "name", "tick", "spread")
NAMES = ("x", "y", "side", "text")
LETTERS = 19
"""Letters for which there is room to the right of the curves, with a side's letter."""

LONGEST = 40
"""Letters of the longest measure that is spelled out beside the axis."""


class Severities:
    """Lines over the severities of B's corruption, or over those of all corruptions for B's method."""

    page, title = "networks", "How does accuracy change with severity?"
    finding, key = "", ""
    """See `View`."""

    @staticmethod
    def choices(store: Store) -> dict[str, tuple[str, ...]]:
        """The lines: methods or corruptions."""
        return {"evaluation-curves": tuple(CURVES)}

    def __init__(self, frame: Frame, change: Change):
        self.store, self.columns, self.changed = frame.store, frame.store.columns, Changed()
        self.families = palette.looks(info.family for info in self.store.results.networks.values())
        categories = dict.fromkeys(info.category for info in self.store.results.conditions.values())
        self.categories = dict(zip(categories, palette.looks(map(str, range(len(categories)))).values(), strict=True))
        self.grey, self.leaders, self.coloured = empty("x", "y"), empty("x", "y"), empty(*COLOURED)
        self.whiskers, self.points, self.labels = empty(*WHISKERS), empty(*DOTS), empty(*NAMES)
        self.sliced, self.sliced_grey = empty("xs", "ys", "colour", "width", "alpha"), empty("x", "y")
        figure = plot(
            "evaluation-severities",
            "Curves over severities with intervals over seeds; the sentence below says what they show.",
            height=340,
            x_range=(-0.2, 1),
            y_range=(0, 1),
        )
        figure.xgrid.grid_line_color = None
        self.ticker = FixedTicker(ticks=[])
        figure.xaxis.ticker, figure.xaxis.axis_label = self.ticker, "severity"
        figure.line("x", "y", source=self.grey, line_color=GREY, line_alpha=0.45)
        look = {"line_color": "colour", "line_width": "width", "line_alpha": "alpha"}
        figure.segment("x", "low", "x", "high", source=self.whiskers, **look)
        figure.multi_line("xs", "ys", source=self.coloured, line_color="colour", line_width="width")
        dashed = {"line_dash": "dashed"}
        figure.line("x", "y", source=self.sliced_grey, line_color=GREY, line_alpha=0.6, line_width=1.2, **dashed)
        # Those of A and B stand out of the others'.
        dashed |= {"line_color": "colour", "line_width": "width", "line_alpha": "alpha"}
        figure.multi_line("xs", "ys", source=self.sliced, **dashed)
        figure.line("x", "y", source=self.leaders, line_color=GREY, line_alpha=0.7, line_dash="dotted")
        look = {"marker": "marker", "size": "size", "color": "colour", "line_color": GREY}
        dots = figure.scatter("x", "y", source=self.points, **look)
        text = {"source": self.labels, "name": "ink", "x_offset": 4}
        text |= {"text_font_size": "11px", "text_baseline": "middle"}
        figure.text("x", "y", text="side", text_font_style="bold", **text)
        figure.text("x", "y", text="text", **text)
        tips = [("", "@name"), ("severity", "@tick"), ("mean", "@y{0.00} @spread")]
        figure.add_tools(HoverTool(renderers=[dots], tooltips=card(tips)))
        self.figure = figure
        self.caption = caption("evaluation-curves-caption")
        chooser = frame.chooser(change, "evaluation-curves", "curves show", CURVES, width=260)
        self.chooser, self.change = chooser, change
        self.root: Any = stacked(chooser, figure)
        self.pinned: PinnedSeverities | None = None
        """Made when the first side is pinned."""

    def update(self, frame: Frame) -> None:
        """Draw a frame."""
        state, lines = frame.state, frame.choice("evaluation-curves")
        mode = frame.choice("evaluation-cells")
        # Ranks have no seeds, so that the curves show what is ranked.
        mode = "accuracy" if mode == "rank" else mode
        scope = (state.networks, state.conditions, state.pins)
        is_sliced = frame.has_selection and mode in accuracy_table.SLICED
        if not self.changed("curves", (mode, lines, state.a, state.b, frame.slice_key if is_sliced else (), *scope)):
            return
        infos = self.store.results.conditions
        groups = [self.store.groups.index(self.store.sides.group(name)) for name, _ in (state.a, state.b)]
        if lines == "methods":
            names = [group.name for group in self.store.groups]
            curves = severity_curves.of_methods(names, self.columns, infos, state.b[1])
            sides = dict(zip(groups, "AB", strict=True)) if groups[0] != groups[1] else {groups[0]: "A, B"}
            looks = [self.families[group.family] for group in self.store.groups]
        else:
            curves = severity_curves.of_corruptions(groups[1], self.columns, infos, state.b[1])
            at = {} if curves is None else {name: k for k, name in enumerate(curves.names)}
            corruptions = (("A", infos[state.a[1]].name), ("B", infos[state.b[1]].name))
            sides = {at[name]: letter for letter, name in corruptions if name in at}
            category = {info.name: info.category for info in infos.values()}
            looks = [self.categories[category[name]] for name in at]
        if curves is None:
            sources = (self.grey, self.coloured, self.whiskers, self.points, self.labels, self.leaders)
            for source in (*sources, self.sliced, self.sliced_grey):
                fill(source, {name: [] for name in source.data})
            self.figure.visible = self.chooser.visible = False
            # Of clean these are means, which a run that is still going has not made yet.
            severities = {info.severity for info in infos.values() if info.is_corruption}
            self.finding = (
                f"No curves: means to join to {escape(state.b[1])} come at the end of a run. Click a corrupted cell."
                if infos[state.b[1]].is_clean and len(severities) > 1
                else "No curves: the study has fewer than two severities to join. "
                + remedy(where_written(self.store, "Measure more with"), "rosalind run --severities")
            )
            self.caption.text = ""
        else:
            values = curves.values(accuracy_table.values(self.store, mode), accuracy_table.step(self.store, mode))
            sliced = None
            if is_sliced:
                sliced = curves.values(accuracy_table.values(self.store, mode, frame.slice_summary))[0]
            self.figure.visible = self.chooser.visible = True
            if lines == "methods":
                chosen = frame.chosen_groups
            else:
                asked = {infos[c].name for c in state.conditions}
                chosen = np.array([not asked or name in asked for name in curves.names])
            self._render(curves, *values[:2], sides, looks, sliced, chosen, is_share=mode == "accuracy")
            label = CELL_METRICS[mode].words
            self.figure.yaxis.axis_label = label if len(label) <= LONGEST else mode
            self.finding = severities_caption.finding(curves, values[0], sliced, sides, frame, mode)
            self.caption.text = severities_caption.caption(curves, values, sliced, sides, frame, mode)

        self._pinned(frame, mode, lines, is_sliced=is_sliced)

    def _pinned(self, frame: Frame, mode: str, lines: str, *, is_sliced: bool) -> None:
        """A panel per pin under its own corruption, or with all corruptions of its method."""
        pins = pinned.pins_of(frame)
        if pins and self.pinned is None:
            self.pinned = PinnedSeverities(self.change)
        parts = [self.chooser, self.figure, *([self.pinned.column] if pins and self.pinned else [])]
        if self.root.children != parts:
            self.root.children = parts
        dashes = "Thick: A blue, B magenta, named on the right; whiskers: 95 % over seeds; dashed: selected samples."
        dashes *= self.figure.visible
        key = "; bold: the pin, thin: A and B, grey: the rest"
        self.key = f"{dashes} {pinned.sentence(pins, key)}".strip()
        if pins and self.pinned is not None:
            table = accuracy_table.values(self.store, mode)
            of_slice = accuracy_table.values(self.store, mode, frame.slice_summary) if is_sliced else None
            step = accuracy_table.step(self.store, mode)
            panels = [self._panel(frame, pin, table, step, of_slice, lines) for pin in pins]
            label = CELL_METRICS[mode].words
            self.pinned.render(panels, label if len(label) <= LONGEST // 2 else mode)

    def _panel(
        self, frame: Frame, pin: pinned.Pin, table: np.ndarray, step: float, of_slice: np.ndarray | None, lines: str
    ) -> Panel:
        """The curves of one pin.

        Args:
            frame: with A and B.
            pin: to show.
            table: float[groups, columns, seeds] of all samples.
            of_slice: the same of the selected ones; None where there are none.
            lines: in `CURVES`.
        """
        infos, (network, condition) = self.store.results.conditions, pin.cell
        group = lambda name: self.store.groups.index(self.store.sides.group(name))
        if lines == "methods":
            curves = severity_curves.of_methods([g.name for g in self.store.groups], self.columns, infos, condition)
            line, sides = group(network), {"A": group(frame.state.a[0]), "B": group(frame.state.b[0])}
            title = infos[condition].name if infos[condition].severity else "means over corruptions"
        else:
            curves = severity_curves.of_corruptions(group(network), self.columns, infos, condition)
            names = () if curves is None else curves.names
            line = names.index(infos[condition].name) if infos[condition].name in names else -1
            sides, title = {}, infos[condition].name if line >= 0 else "all corruptions"
        if curves is None:
            return Panel(pin, title, (), np.zeros((0, 0)), np.zeros(0), -1, {}, None)
        mean, half, _ = curves.values(table, step)
        sliced = None if of_slice is None or line < 0 else curves.values(of_slice)[0][line]
        of_line = half[line] if line >= 0 else np.full(mean.shape[1], np.nan)
        return Panel(pin, title, curves.ticks, mean, of_line, line, sides, sliced)

    def _render(
        self,
        curves: Curves,
        mean: np.ndarray,
        half: np.ndarray,
        sides: dict[int, str],
        looks: list[palette.Look],
        sliced: np.ndarray | None,
        strong: np.ndarray,
        *,
        is_share: bool,
    ) -> None:
        """Draw curves.

        Args:
            curves: with the names and the severities.
            mean: float[lines, severities], NaN for gaps.
            half: float[lines, severities]: half the widths of the intervals, NaN where there is none.
            sides: letters by line.
            looks: of every line.
            sliced: float[lines, severities] of the selected samples, drawn thin and dashed; None where none are.
            strong: bool[lines]: that may be in colour, beside A and B.
            is_share: True where the values are percentages, which end at 0 and 100.
        """
        chosen = severity_curves.highlighted(np.where(strong[:, None], mean, np.nan), [*sides])
        lines, points = mean.shape
        # Curves that are all alike have room for two names.
        least = 1.0 if is_share else 1e-6
        low, high = _window(mean, half, chosen, sliced, least)
        if is_share:
            low, high = severity_curves.percents(low, high, least)
        self.figure.y_range.update(start=low, end=high)
        self.figure.x_range.end = points - 1 + 0.5 * max(points - 1, 1)
        self.ticker.ticks = list(range(points))
        self.figure.xaxis.major_label_overrides = dict(enumerate(curves.ticks))
        across = np.arange(points, dtype=np.float32)
        rest = [k for k in range(lines) if k not in chosen]
        gap = np.full((len(rest), 1), np.nan)
        fill(
            self.grey,
            {
                "x": np.tile(np.append(across, np.nan), len(rest)).astype(np.float32),
                "y": np.hstack([mean[rest], gap]).astype(np.float32).ravel(),
            },
        )
        # Whiskers stand side by side, no further apart than an eighth of the way between two severities.
        offsets = np.linspace(-0.06, 0.06, len(chosen)) if len(chosen) > 1 else [0.0]
        shift = dict(zip(chosen, offsets, strict=True))
        colour = {k: looks[k].colour for k in chosen}
        # A and B are blue and magenta, as everywhere.
        colour |= {k: side_colour(letter) for k, letter in sides.items() if k in colour}
        fill(
            self.coloured,
            {
                "xs": [(across + shift[k]).tolist() for k in chosen],
                "ys": [mean[k].tolist() for k in chosen],
                "colour": [colour[k] for k in chosen],
                "width": [3.5 if k in sides else 1.2 for k in chosen],
            },
        )
        fill(
            self.whiskers,
            {
                "x": np.concatenate([across + shift[k] for k in chosen]).astype(np.float32),
                "low": np.concatenate([mean[k] - half[k] for k in chosen]).astype(np.float32),
                "high": np.concatenate([mean[k] + half[k] for k in chosen]).astype(np.float32),
                "colour": [colour[k] for k in chosen for _ in across],
                "width": [2.0 if k in sides else 1.0 for k in chosen for _ in across],
                "alpha": [1.0 if k in sides else 0.5 for k in chosen for _ in across],
            },
        )
        self._render_slice(sliced, chosen, rest, across, colour, set(sides))
        every = [*chosen, *rest][: POINTS // points]
        sizes = np.array([9 if k in sides else 6 if k in colour else 3 for k in every], np.uint8)
        fill(
            self.points,
            {
                "x": np.concatenate([across + shift.get(k, 0.0) for k in every]).astype(np.float32),
                "y": mean[every].astype(np.float32).ravel(),
                "marker": [looks[k].marker for k in every for _ in across],
                "size": np.repeat(sizes, points),
                "colour": [colour.get(k, GREY) for k in every for _ in across],
                "name": [curves.names[k] for k in every for _ in across],
                "tick": [tick for _ in every for tick in curves.ticks],
                "spread": [f"± {h:.2f}" if np.isfinite(h) else "" for h in half[every].ravel().tolist()],
            },
        )
        self._render_names(curves, mean, chosen, sides, shift, (low, high))

    def _render_names(
        self,
        curves: Curves,
        mean: np.ndarray,
        chosen: list[int],
        sides: dict[int, str],
        shift: dict[int, float],
        window: tuple[float, float],
    ) -> None:
        """Names of coloured curves at the right end, so that none lies on a line, each led to from its line's end."""
        (low, high), points = window, mean.shape[1]
        named = [k for k in chosen if np.isfinite(mean[k]).any()]
        last = {k: int(np.flatnonzero(np.isfinite(mean[k]))[-1]) for k in named}
        heights = np.array([mean[k, last[k]] for k in named])
        edge = 0.03 * (high - low)
        places = severity_curves.dodge(heights, 0.055 * (high - low), low + edge, high - edge)
        end = points - 1 + 0.12 * max(points - 1, 1)
        fill(
            self.labels,
            {
                "x": np.full(len(named), end, np.float32),
                "y": places.astype(np.float32),
                "side": [_label(curves.names[k], sides[k]) if k in sides else None for k in named],
                "text": [None if k in sides else _label(curves.names[k]) for k in named],
            },
        )
        x = [(last[k] + shift[k], end, np.nan) for k in named]
        y = [(height, place, np.nan) for height, place in zip(heights, places, strict=True)]
        fill(self.leaders, {"x": np.array(x, np.float32).ravel(), "y": np.array(y, np.float32).ravel()})

    def _render_slice(
        self,
        sliced: np.ndarray | None,
        chosen: list[int],
        rest: list[int],
        across: np.ndarray,
        colour: dict[int, str],
        sides: set[int],
    ) -> None:
        """A thin line per method of the selected samples; none where there is no selection."""
        if sliced is None:
            for source in (self.sliced, self.sliced_grey):
                if any(map(len, source.data.values())):
                    fill(source, {name: [] for name in source.data})
            return
        fill(
            self.sliced,
            {
                "xs": [across.tolist() for _ in chosen],
                "ys": [sliced[k].tolist() for k in chosen],
                "colour": [colour[k] for k in chosen],
                "width": [2.5 if k in sides else 1.2 for k in chosen],
                "alpha": [1.0 if k in sides else 0.45 for k in chosen],
            },
        )
        gap = np.full((len(rest), 1), np.nan)
        fill(
            self.sliced_grey,
            {
                "x": np.tile(np.append(across, np.nan), len(rest)).astype(np.float32),
                "y": np.hstack([sliced[rest], gap]).astype(np.float32).ravel(),
            },
        )


def _label(name: str, side: str = "") -> str:
    """The name of a curve as there is room for it, after the letter of a side."""
    lead = f"{side}: " if side else ""
    return f"{lead}{plain(cut(name, LETTERS - len(lead)))}"


def _window(
    mean: np.ndarray, half: np.ndarray, chosen: list[int], sliced: np.ndarray | None, least: float
) -> tuple[float, float]:
    """Ends of the y axis: of curves and intervals, of which half the curves' height at most is beyond the curves.

    Curves that lie closer than `least` have that height.

    An interval from two seeds may be wider than everything that is measured.
    """
    curves = [mean] if sliced is None else [mean, sliced]
    finite = lambda parts: np.concatenate([part[np.isfinite(part)] for part in parts])
    inner = finite(curves)
    if not inner.size:
        return 0.0, 1.0
    every = finite([*curves, mean[chosen] - half[chosen], mean[chosen] + half[chosen]])
    room = max(float(inner.max() - inner.min()), least)
    if inner.max() - inner.min() < least:
        middle = (float(inner.max()) + float(inner.min())) / 2
        return middle - 0.56 * room, middle + 0.56 * room
    low = max(float(every.min()), float(inner.min()) - 0.5 * room) - 0.06 * room
    return low, min(float(every.max()), float(inner.max()) + 0.5 * room) + 0.06 * room
