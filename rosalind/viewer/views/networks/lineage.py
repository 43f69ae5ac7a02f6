"""The lineage of networks, and their accuracy against the share of parameters left."""

from collections.abc import Sequence
from html import escape
from typing import Any

import numpy as np
from bokeh.layouts import row
from bokeh.models import BasicTickFormatter, ColumnDataSource, FixedTicker, HoverTool, TapTool

from rosalind.analysis import lineage, palette, robustness, severity_curves
from rosalind.analysis.robustness.groups import counted
from rosalind.analysis.robustness.methods import left_of
from rosalind.analysis.slice_accuracy import Summary
from rosalind.analysis.store import Store
from rosalind.viewer.views import draw
from rosalind.viewer.views.frame import Change, Changed, Frame

BESIDE = 18
"""Letters of a name beside a mark, which has half of the figure."""

BEYOND = 0.08
"""Share of the axis of accuracies that a name above or below its point needs: 19 of 240 pixels."""

LABELLED = 40
"""Largest number of lines of the map with room for a name each, and for numbers beside the nodes."""

NAME_LETTERS = 24
"""Most letters of a method's name beside its line."""

TICKS = [m * 10.0**e for e in range(-3, 3) for m in (1, 2, 5)]
"""Ticks of the axis of parameters left, in percent."""

RING: draw.Look = {"fill_color": None, "line_color": "ring", "line_width": 3}
NAME: draw.Look = {"text": "text", "name": "ink", "text_baseline": "middle"}
LETTER: draw.Look = {**NAME, "text_font_size": "12px", "text_font_style": "bold"}

ACCURACIES = {"corrupted": "mean corruption accuracy", "clean": "clean accuracy"}


class Lineage:
    """A tree of methods from the dense parents on, and accuracy against size; a click makes a network B."""

    page, title = "networks", "Which came from which?"
    finding = key = ""
    """See `View`."""

    @staticmethod
    def choices(store: Store) -> dict[str, tuple[str, ...]]:
        """The accuracy that is shown against the size."""
        mean = robustness.main_mean(store.results)
        if mean is None:
            return {"lineage-accuracy": ("clean",)}
        # Means come at the end of a run.
        is_there = any(condition == mean.name for _, condition in store.summary)
        return {"lineage-accuracy": tuple(ACCURACIES)[:: 1 if is_there else -1]}

    def __init__(self, frame: Frame, change: Change):
        self.store, self.change = frame.store, change
        self.changed = Changed()
        infos = self.store.results.networks
        self.looks = palette.looks(info.family for info in infos.values())
        self.map = self.store.cached(("lineage", "map"), lambda: (lineage.lineage_graph(infos, self.store.groups),))[0]
        self.derived = set(lineage.origins(infos))
        self.lines, self.sides, self.seeds, self.means = (ColumnDataSource() for _ in range(4))
        self.nodes = draw.empty("x", "y", "colour", "marker", "alpha", "name", "text")
        self.ghosts = draw.empty("x0", "y0", "x1", "y1")
        self.labels = {align: ColumnDataSource() for align in ("left", "right")}
        self.tree, self.sizes = self._tree(), self._sizes()
        for source in (self.nodes, self.seeds, self.means):
            chosen = lambda attr, old, new, source=source: self.choose(source, new)
            source.selected.on_change("indices", chosen)
        self.caption = draw.caption("lineage-caption")
        self.root = draw.stacked(
            frame.chooser(change, "lineage-accuracy", "accuracy", ACCURACIES, width=220),
            row(self.tree, self.sizes, sizing_mode="stretch_width"),
        )

    def _look(self, group: int) -> tuple[str, str]:
        """Colour and marker of a group's family."""
        look = self.looks[self.store.groups[group].family]
        return look.colour, look.marker

    def _tree(self) -> Any:
        graph = self.map
        layers, rows = len(graph.layers), len(graph.lines)
        figure = draw.plot(
            "lineage",
            "Tree of methods: dense parents on the left, what was made from them on the right, with accuracies.",
            height=self._height(),
            x_range=(-0.3, max(layers, 1) - 0.5),
            y_range=(max(rows, 1) - 0.4, -0.6),
        )
        figure.grid.grid_line_color = None
        figure.xaxis.ticker = FixedTicker(ticks=list(range(layers)))
        figure.xaxis.major_label_overrides = dict(enumerate(graph.layer_names))
        figure.xaxis.axis_label = "removed, %"
        # A name needs about 12 pixels; where there is less room, only some are there.
        step = -(-rows * 12 // (self._height() - 60)) if rows else 1
        figure.yaxis.ticker = FixedTicker(ticks=list(range(0, rows, step)))
        names = [draw.plain(draw.cut(name, NAME_LETTERS)) for name in graph.lines]
        figure.yaxis.major_label_overrides = dict(enumerate(names))
        figure.yaxis.major_label_text_font_size = "11px"
        draw.fill(self.lines, dict(zip("xy", lineage.paths(graph), strict=True)))
        figure.line("x", "y", source=self.lines, line_color=draw.GREY, line_alpha=0.6)
        figure.scatter("x", "y", source=self.sides, size=17, **RING)
        dots = self._dots(figure, self.nodes, 9)
        if rows <= LABELLED:
            # Over the lines, which are hidden behind a number.
            behind = {"background_fill_color": draw.LIGHT["panel"], "padding": 1, "x_offset": 10}
            figure.text("x", "y", source=self.nodes, text_font_size="11px", text_alpha="alpha", **NAME, **behind)
        figure.text("x", "y", source=self.sides, x_offset=-11, **draw.TAG)
        figure.add_tools(HoverTool(renderers=[dots], tooltips=draw.card([("", "@name"), ("right", "@text %")])))
        figure.add_tools(TapTool(renderers=[dots]))
        return figure

    def _dots(self, figure: Any, source: ColumnDataSource, size: int) -> Any:
        look = {"marker": "marker", "fill_color": "colour", "line_color": draw.GREY, "line_width": 0.7}
        return figure.scatter("x", "y", source=source, size=size, alpha="alpha", **look)

    def _height(self) -> int:
        return int(np.clip(64 + 22 * len(self.map.lines), 300, 700))

    def _sizes(self) -> Any:
        figure = draw.plot(
            "lineage-sizes",
            "Accuracy against the share of parameters left; small points are seeds, large ones their means.",
            height=self._height(),
            x_axis_type="log",
            x_range=(0.9, 110),
            y_range=(0, 100),
        )
        figure.xaxis.axis_label = "parameters left, % of the dense network's"
        figure.xaxis.ticker = FixedTicker(ticks=TICKS)
        figure.xaxis.formatter = BasicTickFormatter(use_scientific=False)
        look: draw.Look = {"line_color": draw.GREY, "line_width": 1.5}
        figure.segment("x0", "y0", "x1", "y1", source=self.ghosts, **look)
        figure.scatter("x0", "y0", source=self.ghosts, size=8, fill_color=None, **look)
        dots = [self._dots(figure, self.seeds, 5), self._dots(figure, self.means, 11)]
        for align, source in self.labels.items():
            figure.scatter("x", "y", source=source, size=18, **RING)
            offset = {"x_offset": 13 if align == "left" else -13, "y_offset": "down"}
            figure.text("x", "y", source=source, text_align=align, **offset, **LETTER)
        tips = [("", "@name"), ("left", "@x{0.0} %"), ("right", "@y{0.0} %")]
        figure.add_tools(HoverTool(renderers=dots, tooltips=draw.card(tips)), TapTool(renderers=dots))
        return figure

    def _accuracies(self, which: str, summary: Summary) -> tuple[np.ndarray, str]:
        """float64[networks] accuracies in percent, NaN for gaps, and the conditions that they are means over."""
        name, conditions = "clean", "clean accuracy"
        if which == "corrupted" and (mean := robustness.main_mean(self.store.results)):
            name, conditions = mean.name, robustness.described(mean, self.store.results)
        accuracies = [summary.get((n, name), {}).get("accuracy", np.nan) for n in self.store.results.networks]
        return 100 * np.array(accuracies, float), conditions

    def _scatter(self, which: str, sliced: Summary | None) -> None:
        """Points of networks and of groups, for one of `ACCURACIES`; of a slice, beside where all samples are."""
        results, groups = self.store.results, self.store.groups
        order = {name: k for k, name in enumerate(results.networks)}
        everything, self.conditions = self._accuracies(which, self.store.summary)
        accuracy = everything if sliced is None else self._accuracies(which, sliced)[0]
        left = np.array([100 * left_of(results, name) for name in results.networks], float)
        finite = np.isfinite(accuracy) & np.isfinite(left) & (left > 0)
        self.gaps = int((~finite).sum())
        points = [(name, k) for k, g in enumerate(groups) for name in g.networks if finite[order[name]]]
        names, numbers = [name for name, _ in points[: draw.POINTS]], [k for _, k in points[: draw.POINTS]]
        at = [order[name] for name in names]
        draw.fill(self.seeds, self._columns(left[at], accuracy[at], numbers, names))
        self.group_means = {}
        whole: dict[int, float] = {}
        for k, group in enumerate(groups):
            at = [order[name] for name in group.networks if finite[order[name]]]
            if at:
                self.group_means[k] = float(left[at].mean()), float(accuracy[at].mean()), len(at)
                whole[k] = float(everything[at].mean())
        x, y, _ = np.array([*self.group_means.values()]).reshape(-1, 3).T
        means = self.group_means.items()
        names = [f"{groups[k].name}, mean over {counted(n, 'seed')}" for k, (_, _, n) in means]
        draw.fill(self.means, self._columns(x, y, list(self.group_means), names))
        shown = [] if sliced is None else list(whole)
        draw.fill(
            self.ghosts,
            {
                "x0": x[: len(shown)].astype(np.float32),
                "y0": np.array([whole[k] for k in shown], np.float32),
                "x1": x[: len(shown)].astype(np.float32),
                "y1": y[: len(shown)].astype(np.float32),
            },
        )
        if finite.any():
            ends = np.concatenate([accuracy[finite], everything[finite] if shown else accuracy[finite]])
            low, high = float(np.nanmin(ends)), float(np.nanmax(ends))
            room = max(high - low, 1.0)
            start, end = severity_curves.percents(low - 0.1 * room, high + 0.1 * room)
            self.sizes.y_range.update(start=start, end=end)
            least, most = float(left[finite].min()), float(left[finite].max())
            self.sizes.x_range.update(start=least / 1.35, end=most * 1.35)
        self.sizes.yaxis.axis_label = f"{ACCURACIES[which]}, %"

    def _columns(self, x: np.ndarray, y: np.ndarray, groups: Sequence[int], names: list[str]) -> dict[str, Any]:
        listed = enumerate(("colour", "marker"))
        looks: dict[str, Any] = {name: [self._look(k)[n] for k in groups] for n, name in listed}
        strong = self.frame.chosen_groups
        looks["alpha"] = [0.95 if strong[k] else 0.12 for k in groups]
        return {"x": x.astype(np.float32), "y": y.astype(np.float32), **looks, "name": names}

    def choose(self, source: ColumnDataSource, indices: list[int]) -> None:
        """Make a clicked point B: a network, of a method that of B's seed, of a mean over seeds the seeds together."""
        if not indices:
            return
        source.selected.indices = []
        k, store = indices[0], self.store
        if source is self.seeds:
            name = source.data["name"][k]
        elif source is self.nodes and self.frame.state.b[0] not in store.sides.groups_by_id:
            # As in the heat map: beside a network stands that of its seed.
            infos, names = store.results.networks, store.groups[k].networks
            seed = infos[self.frame.state.b[0]].seed
            name = next((name for name in names if infos[name].seed == seed), names[0])
        else:
            name = store.sides.id_of(store.groups[k if source is self.nodes else list(self.group_means)[k]])
        if (side := self.frame.measured(name)) is not None:
            self.change(b=side)

    def update(self, frame: Frame) -> None:
        """Draw a frame."""
        self.frame = frame
        which, sides = frame.choice("lineage-accuracy"), {"A": frame.state.a[0], "B": frame.state.b[0]}
        if self.changed("sizes", (which, frame.slice_key, frame.state.networks)):
            self._scatter(which, frame.slice_summary)
            groups = range(len(self.store.groups))
            names = [group.name for group in self.store.groups]
            texts = [f"{self.group_means[k][1]:.1f}" if k in self.group_means else "-" for k in groups]
            draw.fill(self.nodes, self._columns(self.map.x, self.map.y, groups, names) | {"text": texts})
        if self.changed("sides", (which, sides, frame.slice_key)):
            self._mark(sides)
            number = lambda name: self.store.groups.index(self.store.sides.group(name))
            groups = {side: number(name) for side, name in sides.items()}
            self._label(groups)
            self.finding, self.key = self._finding(groups), self._legend(frame)
            self.sizes.visible = bool(self.group_means)
            self.caption.text = self._caption(ACCURACIES[which], groups, frame)

    def _mark(self, sides: dict[str, str]) -> None:
        """Rings around the groups of A and B in the tree."""
        letters: dict[int, str] = {}
        for letter, side in sides.items():
            group = self.store.groups.index(self.store.sides.group(side))
            letters[group] = letters.get(group, "") + letter
        at = list(letters)
        draw.fill(
            self.sides,
            {
                "x": self.map.x[at],
                "y": self.map.y[at],
                "text": list(letters.values()),
                "ring": [draw.side_colour(text) for text in letters.values()],
            },
        )

    def _label(self, groups: dict[str, int]) -> None:
        """Names of the groups of A and B, on the side of a point where there is room."""
        letters = draw.letters_at({letter: k if k in self.group_means else None for letter, k in groups.items()})
        # The higher one's goes up and the lower one's down, so that neighbours' names do not cover each other.
        ranked = sorted(letters, key=lambda k: -self.group_means[k][1])
        down = dict(zip(ranked, (-12, 12) if len(ranked) > 1 else (0,), strict=False))
        # At the end of the axis, where an accuracy is 100 or 0 %, a name beside its point would be cut off.
        start, end = self.sizes.y_range.start, self.sizes.y_range.end
        for k in ranked:
            beyond = end - self.group_means[k][1] if down[k] < 0 else self.group_means[k][1] - start
            down[k] *= beyond > BEYOND * (end - start)
        # Right of the middle of the logarithmic axis there is more room on the left.
        half = np.sqrt(self.sizes.x_range.start * self.sizes.x_range.end)
        for align, source in self.labels.items():
            at = [k for k in letters if (self.group_means[k][0] > half) == (align == "right")]
            draw.fill(
                source,
                {
                    "x": np.array([self.group_means[k][0] for k in at], np.float32),
                    "y": np.array([self.group_means[k][1] for k in at], np.float32),
                    "text": [f"{letters[k]}: {draw.plain(draw.cut(self.store.groups[k].name, BESIDE))}" for k in at],
                    "ring": [draw.side_colour(letters[k]) for k in at],
                    "down": np.array([down[k] for k in at], np.float32),
                },
            )

    def _finding(self, groups: dict[str, int]) -> str:
        """The shares of parameters and of accuracy that A and B keep, in a sentence."""
        parts = [
            f"{letter}, {escape(draw.cut(self.store.groups[k].name, 24))}: {self.group_means[k][1]:.1f} % right, "
            f"{self.group_means[k][0]:.3g} % of parameters"
            for letter, k in groups.items()
            if k in self.group_means
        ]
        if not parts:
            return "Neither A nor B has both a size and this accuracy; means come at the end of a run."
        return f"{'; '.join(parts)}."

    def _caption(self, accuracy: str, groups: dict[str, int], frame: Frame) -> str:
        store = self.store
        values = []
        for letter, k in groups.items():
            if k in self.group_means:
                x, y, n = self.group_means[k]
                values.append(
                    f"{letter}: {escape(store.groups[k].name)}, {x:.3g} % of the parameters left, {y:.1f} % right "
                    f"(mean over {counted(n, 'seed')})"
                )
        text = f"{'; '.join(values)}. " if values else ""
        conditions = f", {escape(self.conditions)}" if self.conditions not in ("", accuracy) else ""
        text += f"On the right: {accuracy}{conditions}. "
        if frame.has_selection:
            text += f"Accuracies are {frame.slice_words}; grey rings: of all. "
        if self.gaps:
            every = len(store.results.networks)
            text += f"Not there, for want of this accuracy or of a size: {self.gaps} of {every} networks. "
        every = store.results.networks
        alone = sum(name not in self.derived and info.label != "dense" for name, info in every.items())
        text += f"On the left: {counted(len(every), 'network')} in {counted(len(store.groups), 'group')} of seeds"
        text += f"; {alone} without a line: not made from a network of this study" if alone else ""
        return f"{text}. Click a point to make it B."

    def _legend(self, frame: Frame) -> str:
        """The looks of the families as HTML, and whose accuracies are shown."""
        of = f" of the {len(frame.rows):,} selected, grey rings: of all" if frame.has_selection else ""
        return (
            f"{draw.family_legend(self.looks)}; lines lead to what was made from a network; "
            f"numbers: percent right{of}; small: seeds, large: their means."
        )
