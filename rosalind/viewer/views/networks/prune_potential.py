"""Prune potential: the sparsity up to which a method keeps its dense parent's accuracy, clean and under corruption."""

from html import escape
from typing import Any

import numpy as np
from bokeh.events import Tap
from bokeh.layouts import row
from bokeh.models import FixedTicker, HoverTool

from rosalind.analysis import palette
from rosalind.analysis.robustness.groups import main_mean
from rosalind.analysis.robustness.means import clean_of
from rosalind.analysis.robustness.potential import Potential, potentials
from rosalind.analysis.store import Store
from rosalind.viewer.views import draw
from rosalind.viewer.views.frame import Change, Changed, Frame

UNDER = {"mean": "mean over corruptions", "b": "condition of B"}
"""Labels of the mean or condition beside clean images."""

LOSSES = ("1", "0.5", "2", "5")
"""Points of accuracy that may be lost; the first is that of tables, `potential.DELTA`."""

ROW = 26
"""Pixels of a method's row."""

APART = 0.18
"""Rows that clean images lie above, and the other condition below, a method's place."""

ARROW = 3
"""Percent of sparsity from a point that is only a lower end to its arrow."""

LEFT = np.pi / 2
"""Radians by which a triangle is turned to point to the left."""

NAME_LETTERS = 24
"""Most letters of a method's name beside its row."""

LOOKS = (("circle", "●"), ("square", "■"))
"""Markers of clean images and of the other condition, by Bokeh's name and as characters."""


class PrunePotential:
    """A row per method, a point per condition with its interval; a click makes the method's network there B."""

    page, title = "networks", "How far may one prune?"
    finding = key = ""
    """See `View`."""

    @staticmethod
    def choices(store: Store) -> dict[str, tuple[str, ...]]:
        """The mean or condition beside clean images, and the accuracy that may be lost, in points."""
        mean = main_mean(store.results)
        # Means come at the end of a run.
        is_there = mean is not None and any(condition == mean.name for _, condition in store.summary)
        return {"potential-under": tuple(UNDER) if is_there else ("b",), "potential-loss": LOSSES}

    def __init__(self, frame: Frame, change: Change):
        self.store, self.change = frame.store, change
        self.changed = Changed()
        self.methods: list[str] = []
        """Of the rows, from above."""
        self.points = draw.empty("x", "y", "marker", "colour", "alpha", "name", "under", "text")
        self.ends = draw.empty("low", "high", "y", "colour")
        self.arrows = draw.empty("x", "y", "angle", "colour")
        self.sides = draw.empty("x", "y", "text", "ring")
        self.figure = self._figure()
        self.caption = draw.caption("potential-caption")
        self.choosers = [
            frame.chooser(change, "potential-under", "beside clean", UNDER, width=220),
            frame.chooser(change, "potential-loss", "accuracy lost, points", width=170),
        ]
        self.root = draw.stacked(row(*self.choosers), self.figure)

    def _figure(self) -> Any:
        figure = draw.plot(
            "potential",
            "Prune potential of every method: the largest sparsity within a loss of accuracy, clean and corrupted.",
            x_range=(-3, 103),
            y_range=(0.5, -0.5),
        )
        figure.xaxis.axis_label = "largest sparsity within the loss, %"
        figure.ygrid.grid_line_color = None
        figure.segment("low", "y", "high", "y", source=self.ends, line_color="colour", line_width=1.5)
        look: draw.Look = {"marker": "marker", "fill_color": "colour", "fill_alpha": "alpha", "line_color": "colour"}
        dots = figure.scatter("x", "y", source=self.points, size=9, line_width=1.5, **look)
        arrow: draw.Look = {"marker": "triangle", "angle": "angle", "fill_color": "colour", "line_color": None}
        figure.scatter("x", "y", source=self.arrows, size=7, **arrow)
        figure.text("x", "y", source=self.sides, **draw.TAG)
        tips = [("", "@name"), ("under", "@under"), ("largest sparsity", "@text")]
        figure.add_tools(HoverTool(renderers=[dots], tooltips=draw.card(tips)))
        figure.on_event(Tap, self._tap)
        return figure

    def _tap(self, event: Tap) -> None:
        line = draw.line_of(event.y)
        if 0 <= line < len(self.methods) and event.x is not None:
            self.choose(self.methods[line], event.x / 100)

    def choose(self, method: str, sparsity: float) -> None:
        """Make the group of a method that is nearest to a sparsity in [0, 1] B, under the condition that B has."""
        of_method = [group for group in self.store.groups if group.method == method and group.sparsity >= 0]
        for group in sorted(of_method, key=lambda group: abs(group.sparsity - sparsity)):
            if (side := self.frame.measured(self.store.sides.id_of(group))) is not None:
                self.change(b=side)
                return

    def update(self, frame: Frame) -> None:
        """Draw a frame."""
        self.frame, delta = frame, float(frame.choice("potential-loss")) / 100
        conditions = self._conditions(frame)
        key = conditions, delta, self._methods(frame), frame.state.networks, frame.slice_key
        if not self.changed("all", key):
            return
        measured = self._measured(frame, conditions, delta)
        self.methods = list(dict.fromkeys(one.method for one in measured))
        self.figure.visible = bool(measured)
        for chooser in self.choosers:
            chooser.visible = bool(measured)
        self._fill(measured, conditions, frame)
        self.key = self._key(conditions) * bool(measured)
        self.finding = self._finding(measured, conditions, delta, frame)
        self.caption.text = self._caption(measured, conditions, delta, frame) if measured else ""

    def _conditions(self, frame: Frame) -> list[str]:
        """Clean images, and a mean or the condition of B, as `potentials` names them."""
        mean, clean = main_mean(self.store.results), clean_of(self.store.results, "train")
        other = mean.name if mean and frame.choice("potential-under") == "mean" else frame.state.b[1]
        return list(dict.fromkeys(name for name in (clean, other) if name))

    def _measured(self, frame: Frame, conditions: list[str], delta: float) -> list[Potential]:
        settings: dict[str, Any] = {"summary": self.store.summary}
        if frame.has_selection:
            images = int((self.store.labels[frame.rows] >= 0).sum())
            settings = {"summary": frame.slice_summary, "images": images}
        return potentials(self.store.results, delta, conditions, **settings)

    def _fill(self, measured: list[Potential], conditions: list[str], frame: Frame) -> None:
        at = {method: k for k, method in enumerate(self.methods)}
        chosen = {g.method for g, is_chosen in zip(self.store.groups, frame.chosen_groups, strict=True) if is_chosen}
        kind = np.array([conditions.index(one.condition) for one in measured], int)
        y = np.array([at[one.method] for one in measured], float) + APART * (2 * kind - 1) * (len(conditions) > 1)
        mean, half = (100 * np.array([getattr(one, name) for one in measured], float) for name in ("mean", "half"))
        beyond = np.array([one.beyond > 0 for one in measured], bool)
        colours = [palette.BOTH if one.method in chosen else draw.GREY for one in measured]
        draw.fill(
            self.points,
            {
                "x": mean.astype(np.float32),
                "y": y.astype(np.float32),
                "marker": [LOOKS[k][0] for k in kind],
                "colour": colours,
                "alpha": np.where(beyond, 0.0, 1.0).astype(np.float32),
                "name": [one.method for one in measured],
                "under": [self._name(one.condition) for one in measured],
                "text": [_words(one) for one in measured],
            },
        )
        # No network lies outside of 0 to 100, so neither does an end that is drawn.
        low, high = np.maximum(mean - half, 0), np.minimum(mean + half, 100)
        arrows = ((np.zeros_like(mean), mean - half < 0), (np.full_like(mean, 100), mean + half > 100))
        places = [*arrows, (np.minimum(mean + ARROW, 100), beyond)]
        rows = [
            (x[k], y[k], LEFT if n == 0 else -LEFT, colours[k])
            for n, (x, of) in enumerate(places)
            for k in np.flatnonzero(of)
        ]
        draw.fill(self.arrows, draw.columns(("x", "y", "angle", "colour"), rows))
        low, high = np.where(beyond, mean, low), np.where(beyond, np.minimum(mean + ARROW, 100), high)
        ends = [(low[k], high[k], y[k], colours[k]) for k in np.flatnonzero(np.isfinite(high))]
        draw.fill(self.ends, draw.columns(("low", "high", "y", "colour"), ends))
        letters = draw.letters_at({letter: at.get(method) for letter, method in self._methods(frame).items()})
        tags = [(103, k, text, draw.side_colour(text)) for k, text in letters.items()]
        draw.fill(self.sides, draw.columns(("x", "y", "text", "ring"), tags))
        self.figure.height = 60 + ROW * max(len(at), 1)
        self.figure.y_range.update(start=len(at) - 0.5, end=-0.5)
        axis = self.figure.yaxis
        axis.ticker = FixedTicker(ticks=list(range(len(at))))
        axis.major_label_overrides = {k: draw.plain(draw.cut(name, NAME_LETTERS)) for name, k in at.items()}

    def _key(self, conditions: list[str]) -> str:
        names = " ".join(
            f"{mark} {escape(self._name(name))}" for (_, mark), name in zip(LOOKS, conditions, strict=False)
        )
        return f"{names}; lines: 95 % intervals over seeds; hollow, with an arrow: at least that."

    def _finding(self, measured: list[Potential], conditions: list[str], delta: float, frame: Frame) -> str:
        """The method that goes furthest under each condition, in a sentence."""
        if not measured:
            if all(info.is_dense for info in self.store.results.networks.values()):
                words = draw.where_written(self.store, "Prune with")
                how = draw.remedy(words, "rosalind run ... --methods magnitude")
                return f"Nothing to show: no network is pruned. {how}"
            if (self.store.labels[frame.rows] < 0).all():
                return "No selected sample has a label."
            return "Nothing to show: no network of a known sparsity above 0 is measured here beside its dense parent."
        parts = []
        for condition in conditions:
            of = [one for one in measured if one.condition == condition]
            if of:
                most = _words(max(of, key=lambda one: (one.mean, one.beyond)), short=True)
                # Where two go as far as can be told, neither is furthest.
                equal = [escape(draw.cut(one.method, NAME_LETTERS)) for one in of if _words(one, short=True) == most]
                names = " and ".join(equal) if len(equal) <= 2 else f"{len(equal)} methods"
                parts.append(f"{names} {most}, {escape(self._name(condition))}")
        return f"Furthest within {_points(delta)} of dense{frame.among}: {'; '.join(parts)}."

    def _name(self, condition: str) -> str:
        """A condition or mean in words."""
        mean = main_mean(self.store.results)
        return UNDER["mean"] if mean and condition == mean.name else condition

    def _caption(self, measured: list[Potential], conditions: list[str], delta: float, frame: Frame) -> str:
        of_sides = []
        for letter, method in self._methods(frame).items():
            said = [f"{escape(self._name(one.condition))} {_words(one)}" for one in measured if one.method == method]
            of_sides.append(f"<b>{letter}: {escape(method)}</b>, {'; '.join(said)}." if said else "")
        seeds = [int(np.isfinite(one.values).sum()) for one in measured]
        few = f"{min(seeds)}" if min(seeds) == max(seeds) else f"{min(seeds)} to {max(seeds)}"
        text = (
            f"Prune potential (arXiv 2103.03014): the largest sparsity that loses at most {_points(delta)} of accuracy "
            "to the dense parent of the same seed, linear between the sparsities that were measured; mean over "
            f"{few} {'seed' if max(seeds) == 1 else 'seeds'}. At least: of a seed the sparsest network still is within "
            "the loss, so that there is no interval. A click takes the method's network nearest to that sparsity for B."
        )
        slice_text = f"Accuracies are {frame.slice_words}." if frame.has_selection else ""
        return draw.paragraphs(" ".join(filter(None, of_sides)), slice_text, text)

    def _methods(self, frame: Frame) -> dict[str, str]:
        """The methods of A and B."""
        of = lambda side: self.store.sides.group(side[0]).method
        return {"A": of(frame.state.a), "B": of(frame.state.b)}


def _points(delta: float) -> str:
    return f"{100 * delta:g} point{'' if 100 * delta == 1 else 's'}"


def _words(one: Potential, short: bool = False) -> str:
    """A potential in percent, with its interval unless it is to be short."""
    text = f"{('≥' if short else 'at least ') if one.beyond else ''}{100 * one.mean:.1f} %"
    if short or not np.isfinite(one.half):
        return text
    low, high = 100 * max(one.mean - one.half, 0), 100 * min(one.mean + one.half, 1)
    return f"{text} ({low:.1f} to {high:.1f})"
