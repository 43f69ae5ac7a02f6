"""One number of every network against its accuracy under corruption, with Kendall's tau between them."""

from html import escape
from typing import Any

import numpy as np
from bokeh.layouts import row
from bokeh.models import BasicTickFormatter, HoverTool, TapTool

from rosalind.analysis import network_numbers, palette, predictors
from rosalind.analysis.concordance import kendall, kendall_interval
from rosalind.analysis.network_numbers import NetworkNumbers
from rosalind.analysis.robustness import nan_mean_std
from rosalind.analysis.robustness.groups import counted
from rosalind.analysis.store import Store
from rosalind.results import Damaged
from rosalind.viewer.views import draw
from rosalind.viewer.views.frame import Change, Changed, Frame
from rosalind.viewer.views.point_names import PointNames

NOTHING = "nothing stored"

AGAINST = ("corrupted", "retention", "gap")
"""Those of `predictors.TARGETS` that a slice has too."""

KEY = "; means over seeds; A and B in rings."

UNITS = {
    **dict.fromkeys(("accuracy", "calibration_error", "confidence", "disagreement", "sparsity"), (100.0, "%")),
    **dict.fromkeys(("angle", "angle_centred", "angle_class_mean"), (180 / np.pi, "degrees")),
}
"""Factor and unit in which a number of clean images is shown, as on other cards: tables hold shares and radians."""


def numbers_of(store: Store) -> tuple[NetworkNumbers | None, str]:
    """The numbers of all networks, made once for all readers; None where they are too few, or a file is damaged.

    The text is on that file.
    """

    def make() -> tuple[NetworkNumbers | None, str]:
        # Of a study that grows, those of networks that are as they were.
        known = store.shared.setdefault("clean numbers", {})
        try:
            return network_numbers.of_study(store.results, store.summary, known), ""
        except Damaged as error:
            return None, str(error)

    return store.cached(("correlates",), make)


class Correlates:
    """A point per method and sparsity, its number to the right and its robustness upwards; a click makes it B."""

    page, title = "inside", "Which number goes with robustness?"
    finding = key = ""
    """See `View`."""

    @staticmethod
    def choices(store: Store) -> dict[str, tuple[str, ...]]:
        """The number of a network, and what it is set against."""
        numbers, _ = numbers_of(store)
        names = tuple(numbers.tables) if numbers else (NOTHING,)
        return {"correlates-number": names, "correlates-against": AGAINST}

    def __init__(self, frame: Frame, change: Change):
        self.store, self.change = frame.store, change
        self.changed = Changed()
        self.numbers, self.problem = numbers_of(self.store)
        measured = {group.networks for group in self.numbers.groups} if self.numbers else set()
        self.groups = [group for group in self.store.groups if group.networks in measured]
        self.looks = palette.looks(group.family for group in self.groups)
        self.shown: list[int] = []
        """The groups of the points."""
        self.points = draw.empty("x", "y", "colour", "marker", "name", "text")
        self.rings = draw.empty("x", "y", "ring")
        self.figure = self._figure()
        self.names = PointNames(self.figure)
        self.points.selected.on_change("indices", lambda attr, old, new: self.choose(new))
        self.caption = draw.caption("correlates-caption")
        words = {name: predictors.words_of(name) for name in frame.choices["correlates-number"]}
        self.choosers = [
            frame.chooser(change, "correlates-number", "number of a network", words, width=300),
            frame.chooser(change, "correlates-against", "against", predictors.TARGETS, width=300),
        ]
        self.root = draw.stacked(row(*self.choosers), self.figure)

    def _figure(self) -> Any:
        figure = draw.plot(
            "correlates",
            "Robustness of every method against one number of its networks, means over seeds.",
            height=340,
            x_range=(0, 1),
            y_range=(0, 1),
        )
        figure.xaxis.formatter = figure.yaxis.formatter = BasicTickFormatter(use_scientific=False)
        look: draw.Look = {"marker": "marker", "fill_color": "colour", "line_color": "colour"}
        dots = figure.scatter("x", "y", source=self.points, size=9, **look)
        ring: draw.Look = {"fill_color": None, "line_color": "ring", "line_width": 3}
        figure.scatter("x", "y", source=self.rings, size=17, **ring)
        tips = [("", "@name"), ("", "@text")]
        figure.add_tools(HoverTool(renderers=[dots], tooltips=draw.card(tips)), TapTool(renderers=[dots]))
        return figure

    def choose(self, indices: list[int]) -> None:
        """Make the group of a clicked point B."""
        if not indices:
            return
        self.points.selected.indices = []
        side = self.frame.measured(self.store.sides.id_of(self.groups[self.shown[indices[0]]]))
        if side is not None:
            self.change(b=side)

    def update(self, frame: Frame) -> None:
        """Draw a frame."""
        self.frame, state = frame, frame.state
        name, against = frame.choice("correlates-number"), frame.choice("correlates-against")
        key = name, against, state.a[0], state.b[0], state.networks, frame.slice_key
        if not self.changed("all", key):
            return
        drawn = self._fill(frame, name, against)
        self.figure.visible = drawn
        for chooser in self.choosers:
            chooser.visible = drawn
        self.key = (draw.family_legend(self.looks) + KEY) * drawn
        if not drawn:
            self.caption.text = ""
            self.finding = self._missing()

    def _missing(self) -> str:
        """The reason why there is no picture, and what would give one, as HTML."""
        if self.numbers is not None:
            return "No selected sample has a label."
        if self.problem:
            return escape(self.problem)
        few = f"fewer than {network_numbers.FEWEST} methods and sparsities are measured clean and corrupted"
        how = draw.remedy(draw.where_written(self.store, "Prune or train more with"), "rosalind run ...")
        return f"Nothing to compare: {few}. {how}"

    def _fill(self, frame: Frame, name: str, against: str) -> bool:
        """Draw a number against a target; False where there is nothing to draw."""
        numbers = self.numbers
        if numbers is None or name not in numbers.tables:
            return False
        factor, unit_of_x = UNITS.get(name, (1.0, ""))
        of_x, of_y = f" {unit_of_x}".rstrip(), "" if against == "retention" else " %"
        x = factor * numbers.tables[name]
        summary = frame.slice_summary if frame.slice_summary is not None else self.store.summary
        # Differences of accuracies that are equal may differ by rounding.
        y = np.round(numbers.accuracies(summary)[against], 12)
        unit = 1 if against == "retention" else 100
        (x_mean, _, _), (y_mean, _, _) = nan_mean_std(x), nan_mean_std(unit * y)
        at = np.flatnonzero(np.isfinite(x_mean) & np.isfinite(y_mean))
        if not len(at):
            return False
        self.shown = at.tolist()
        groups = [self.groups[k] for k in at]
        chosen = {g.name for g, is_chosen in zip(self.store.groups, frame.chosen_groups, strict=True) if is_chosen}
        looks = [self.looks[group.family] for group in groups]
        draw.fill(
            self.points,
            {
                "x": x_mean[at].astype(np.float32),
                "y": y_mean[at].astype(np.float32),
                "colour": [k.colour if g.name in chosen else draw.GREY for k, g in zip(looks, groups, strict=True)],
                "marker": [look.marker for look in looks],
                "name": [group.name for group in groups],
                "text": [
                    f"{predictors.words_of(name)} {a:.4g}{of_x}, {predictors.TARGETS[against]} {b:.2f}{of_y}"
                    for a, b in zip(x_mean[at], y_mean[at], strict=True)
                ],
            },
        )
        for ends, values in ((self.figure.x_range, x_mean[at]), (self.figure.y_range, y_mean[at])):
            low, high = float(values.min()), float(values.max())
            room = 0.12 * (high - low) or 0.1 * abs(high) or 1.0
            ends.update(start=low - room, end=high + room)
        place_of = {group.networks: k for k, group in zip(at, groups, strict=True)}
        place = lambda side: place_of.get(self.store.sides.group(side).networks)
        letters = draw.letters_at({"A": place(frame.state.a[0]), "B": place(frame.state.b[0])})
        rings = [(x_mean[k], y_mean[k], draw.side_colour(text)) for k, text in letters.items()]
        draw.fill(self.rings, draw.columns(("x", "y", "ring"), rings))
        sides = {self.shown.index(k): text for k, text in letters.items()}
        self._name(x_mean[at], y_mean[at], [group.name for group in groups], sides)
        self.figure.xaxis.axis_label = predictors.words_of(name) + (f", {unit_of_x}" if unit_of_x else "")
        self.figure.yaxis.axis_label = predictors.TARGETS[against] + (", %" if unit == 100 else "")
        self._say(frame, name, against, x[at], y[at], [group.family for group in groups])
        return True

    def _name(self, x: np.ndarray, y: np.ndarray, names: list[str], sides: dict[int, str]) -> None:
        """Write names beside the points where they cover nothing: A's and B's first, then the best, worst and dense."""
        dense = [k for k, n in enumerate(self.shown) if self.groups[n].label == "dense"]
        self.names.show(x, y, names, sides, [int(y.argmax()), int(y.argmin()), *dense])

    def _say(self, frame: Frame, name: str, against: str, x: np.ndarray, y: np.ndarray, families: list[str]) -> None:
        """The finding and the caption of what is drawn."""
        tau, count = kendall(x.ravel(), y.ravel()), len(x)
        low, high = kendall_interval(tau, count)
        direction = "rises with it" if low > 0 else "falls with it" if high < 0 else "cannot tell"
        subject = draw.cut(predictors.words_of(name), 40)
        interval = f" ({low:+.2f} to {high:+.2f})" if np.isfinite(low) else ""
        self.finding = (
            f"{escape(subject[:1].upper() + subject[1:])}: tau {tau:+.2f}{interval} with "
            f"{predictors.TARGETS[against]}{frame.among}: {direction}."
        )
        within = []
        for family in dict.fromkeys(families):
            members = [k for k, other in enumerate(families) if other == family]
            if len(members) >= network_numbers.FEWEST:
                within.append(f"{escape(family)} {kendall(x[members].ravel(), y[members].ravel()):+.2f}")
        apart = f"Within families: {', '.join(within)}." if within else ""
        sliced = f"Accuracies are {frame.slice_words}; numbers are of all clean images." if frame.has_selection else ""
        seeds = x.shape[1]
        text = (
            f"Kendall's tau over the networks of {counted(count, 'group')} of {counted(seeds, 'seed')}; its 95 % "
            "interval (Fieller, Hartley and Pearson 1957) counts groups alone, as seeds of one are alike. It tells "
            "what goes together in this study, and bounds nothing. P values of permutations, with Holm's "
            "correction, and all environments are in comparison/predictors.csv and the report. A click makes B."
        )
        self.caption.text = draw.paragraphs(apart, sliced, text)
