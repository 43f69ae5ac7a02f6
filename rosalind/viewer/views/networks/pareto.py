"""Accuracy against bytes, and which networks no other beats in both accuracies and bytes."""

from html import escape
from typing import Any

import numpy as np
from bokeh.models import BasicTickFormatter, FixedTicker, HoverTool, TapTool

from rosalind.analysis import palette, pareto, severity_curves
from rosalind.analysis.robustness.groups import counted
from rosalind.analysis.store import Store
from rosalind.viewer.views import draw
from rosalind.viewer.views.frame import Change, Changed, Frame
from rosalind.viewer.views.point_names import PointNames

ACCURACIES = {"corrupted": "mean corruption accuracy", "clean": "clean accuracy"}

WORDS = {"clean": "clean accuracy", "corrupted": "corrupted accuracy"}
"""Objectives that do not say what they are of."""

TICKS = [m * 10.0**e for e in range(-2, 7) for m in (1, 2, 5)]
"""Ticks of the axis of kilobytes."""

KEY = "; filled: on the Pareto front; lines: deviations over seeds."

LISTED = 3
"""Most groups that are named in the caption as those that dominate a side."""


class Pareto:
    """Means over seeds, filled where they are on the Pareto front; a click makes a group B."""

    page, title = "networks", "What do the bytes buy?"
    finding = key = ""
    """See `View`."""

    @staticmethod
    def choices(store: Store) -> dict[str, tuple[str, ...]]:
        """The accuracy that is shown against the bytes."""
        compared = pareto.of_store(store).objectives
        return {"pareto-accuracy": tuple(name for name in ACCURACIES if name in compared) or ("clean",)}

    def __init__(self, frame: Frame, change: Change):
        self.store, self.change = frame.store, change
        self.changed = Changed()
        self.picture = pareto.of_store(self.store)
        self.looks = palette.looks(group.family for group in self.store.groups)
        self.points = draw.empty("x", "y", "colour", "marker", "alpha", "size", "name", "about")
        self.spread = draw.empty("x", "low", "high", "colour")
        self.rings = draw.empty("x", "y", "ring")
        self.shown: list[int] = []
        """The groups of the points."""
        self.figure = self._figure()
        self.names = PointNames(self.figure)
        self.points.selected.on_change("indices", lambda attr, old, new: self.choose(new))
        self.caption = draw.caption("pareto-caption")
        self.chooser = frame.chooser(change, "pareto-accuracy", "accuracy", ACCURACIES, width=220)
        self.root = draw.stacked(self.chooser, self.figure)

    def _figure(self) -> Any:
        figure = draw.plot(
            "pareto",
            "Accuracy against bytes of all parameters; filled points are on the Pareto front, lines are deviations.",
            height=380,
            x_axis_type="log",
            x_range=(1, 1000),
            y_range=(0, 100),
        )
        figure.xaxis.axis_label = "bytes of all parameters, kB"
        figure.xaxis.ticker = FixedTicker(ticks=TICKS)
        figure.xaxis.formatter = BasicTickFormatter(use_scientific=False)
        figure.segment("x", "low", "x", "high", source=self.spread, line_color="colour", line_alpha=0.6)
        look: draw.Look = {"marker": "marker", "fill_color": "colour", "fill_alpha": "alpha", "line_color": "colour"}
        dots = figure.scatter("x", "y", source=self.points, size="size", line_width=1.2, **look)
        ring: draw.Look = {"fill_color": None, "line_color": "ring", "line_width": 3}
        figure.scatter("x", "y", source=self.rings, size=19, **ring)
        tips = [("", "@name"), ("bytes", "@x{0.00} kB"), ("right", "@y{0.0} %"), ("", "@about")]
        figure.add_tools(HoverTool(renderers=[dots], tooltips=draw.card(tips)), TapTool(renderers=[dots]))
        return figure

    def choose(self, indices: list[int]) -> None:
        """Make the group of a clicked point B."""
        if not indices:
            return
        self.points.selected.indices = []
        name = self.store.sides.id_of(self.store.groups[self.shown[indices[0]]])
        if (side := self.frame.measured(name)) is not None:
            self.change(b=side)

    def update(self, frame: Frame) -> None:
        """Draw a frame."""
        self.frame, which = frame, frame.choice("pareto-accuracy")
        sides = {"A": frame.state.a[0], "B": frame.state.b[0]}
        if self.changed("points", (which, frame.slice_key, frame.state.networks)):
            self.picture = pareto.of_store(self.store, frame.slice_summary)
            self._fill(which)
        if self.changed("sides", (which, sides, frame.slice_key)):
            groups = {letter: self.store.groups.index(self.store.sides.group(name)) for letter, name in sides.items()}
            self._mark(groups, which)
            self.finding = self._finding(groups, frame)
            self.caption.text = self._caption(groups, frame)

    def _places(self, which: str) -> np.ndarray:
        """float64[groups, 3]: kilobytes, accuracy in percent and its deviation."""
        column = pareto.OBJECTIVES.index(which)
        mean, deviation = self.picture.mean, self.picture.deviation
        return np.stack([mean[:, 2] / 1000, 100 * mean[:, column], 100 * deviation[:, column]], 1)

    def _fill(self, which: str) -> None:
        places, front, groups = self._places(which), self.picture.front, self.store.groups
        self.shown = np.flatnonzero(np.isfinite(places[:, :2]).all(1) & (places[:, 0] > 0)).tolist()
        at = self.shown
        x, y, spread = places[at].astype(np.float32).T
        looks = [self.looks[groups[k].family] for k in at]
        strong = self.frame.chosen_groups[at]
        colours = [look.colour if k else draw.GREY for look, k in zip(looks, strong, strict=True)]
        draw.fill(
            self.points,
            {
                "x": x,
                "y": y,
                "colour": colours,
                "marker": [look.marker for look in looks],
                "alpha": np.where(front[at] & strong, 0.95, 0.0).astype(np.float32),
                "size": np.where(front[at], 11, 8).astype(np.uint8),
                "name": [groups[k].name for k in at],
                "about": [self._standing(k) for k in at],
            },
        )
        spread = np.nan_to_num(spread)
        draw.fill(self.spread, {"x": x, "low": y - spread, "high": y + spread, "colour": colours})
        if at:
            low, high = float((y - spread).min()), float((y + spread).max())
            room = max(high - low, 1.0)
            low, high = severity_curves.percents(low - 0.06 * room, high + 0.08 * room)
            self.figure.y_range.update(start=low, end=high)
            # Names stand on the right of their points.
            self.figure.x_range.update(start=float(x.min()) / 1.5, end=float(x.max()) * 2.5)
        self.figure.visible, self.key = bool(at), (draw.family_legend(self.looks) + KEY) * bool(at)
        self.chooser.visible = bool((places[:, 0] > 0).any())
        self.figure.yaxis.axis_label = f"{ACCURACIES[which]}, %"

    def _standing(self, k: int) -> str:
        """The standing of a group: on the front, or dominated by others, which are named."""
        if self.picture.front[k]:
            return "on the Pareto front"
        above = [self.store.groups[j].name for j in np.flatnonzero(self.picture.dominates[:, k])]
        if not above:
            return "not compared, as one of its numbers is missing"
        more = f" and {len(above) - LISTED} more" if len(above) > LISTED else ""
        return f"dominated by {', '.join(above[:LISTED])}{more}"

    def _mark(self, groups: dict[str, int], which: str) -> None:
        """Rings at the points of A and B, and names: theirs first, then the best, the worst and those of the front."""
        places, front = self._places(which), self.picture.front
        letters = draw.letters_at({letter: k if k in self.shown else None for letter, k in groups.items()})
        x, y = places[list(letters), :2].T.astype(np.float32)
        draw.fill(self.rings, {"x": x, "y": y, "ring": [draw.side_colour(text) for text in letters.values()]})
        x, y = places[self.shown, :2].T
        names = [self.store.groups[k].name for k in self.shown]
        sides = {self.shown.index(k): text for k, text in letters.items()}
        if self.shown:
            ends = [int(y.argmax()), int(y.argmin())]
            self.names.show(x, y, names, sides, [*ends, *(k for k, n in enumerate(self.shown) if front[n])])

    def _finding(self, groups: dict[str, int], frame: Frame) -> str:
        """The standing of A and B to the front, in a sentence."""
        if not self.shown:
            return self._missing(frame)
        front = self.picture.front
        parts = [f"{letter} is{'' if front[k] else ' not'}" for letter, k in groups.items()]
        verb = "is" if len(front) == 1 else "are"
        # The picture shows one of the accuracies: a group that is best in another is on the front too.
        return (
            f"{int(front.sum())} of {counted(len(front), 'group')} {verb} Pareto-optimal in {self._objectives()}"
            f"{': ' * bool(parts)}{', '.join(parts)}{frame.among}."
        )

    def _missing(self, frame: Frame) -> str:
        """The reason why there is no picture, and what would give one, as HTML."""
        name = ACCURACIES[frame.choice("pareto-accuracy")]
        lacks = f"no {name} yet, which comes at the end of a run"
        if not np.isfinite(self.picture.mean[:, 2]).any():
            lacks = "no bytes, as the study has no weights of its networks; those that a run trains are stored"
        how = draw.remedy(draw.where_written(self.store, "Make it with"), "rosalind run ...")
        return f"Nothing to compare: {lacks}. {how}"

    def _objectives(self) -> str:
        """The objectives that are compared, in words."""
        names = [WORDS.get(name, name) for name in self.picture.objectives]
        return " and ".join([", ".join(names[:-1]), *names[-1:]]).removeprefix(" and ")

    def _caption(self, groups: dict[str, int], frame: Frame) -> str:
        if not self.shown:
            return ""
        store, picture, parts = self.store, self.picture, []
        for letter, k in groups.items():
            clean, corrupted, size = picture.mean[k]
            texts = [f"{size / 1000:.2f} kB"] if np.isfinite(size) else ["bytes not known"]
            texts += [f"{100 * clean:.1f} % right clean"] if np.isfinite(clean) else []
            texts += [f"{100 * corrupted:.1f} % corrupted"] if np.isfinite(corrupted) else []
            standing = escape(self._standing(k))
            parts.append(f"<b>{letter}: {escape(store.groups[k].name)}</b>, {', '.join(texts)}: {standing}.")
        if frame.has_selection:
            parts.append(f"Accuracies are {frame.slice_words}.")
        front, compared = int(picture.front.sum()), int(np.isfinite(picture.mean[:, picture.compared]).all(1).sum())
        text = (
            f"Filled: {front} of {counted(compared, 'group')} on the front, where no other is nowhere worse in "
            f"{self._objectives()} and somewhere better. "
        )
        gaps = len(store.groups) - compared
        text += f"Not compared, for want of a number: {counted(gaps, 'group')}. " if gaps else ""
        text += (
            "Bytes: every kernel in its smallest form (float32, few bits with a scale per channel, a codebook; dense, "
            "a bit per weight, compressed rows), the rest float32. Click a point to make it B."
        )
        if picture.pairs:
            clean, corrupted, _ = 100 * picture.null
            null = f"Null: {counted(picture.pairs, 'pair')} of dense networks that differ in the seed lie up to "
            null += f"{clean:.1f} points apart on clean images"
            null += f" and {corrupted:.1f} corrupted" if "corrupted" in picture.objectives else ""
            null += "; a gain of no more than that puts no other off the front."
        else:
            null = "No null: there are no two dense networks that differ in the seed, so that any gain counts."
        return draw.paragraphs(" ".join(parts), text, null)
