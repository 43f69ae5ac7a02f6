"""Which network came from which, and what is left of each against how often it is right."""

from html import escape

import numpy as np
from bokeh.layouts import row
from bokeh.models import BasicTickFormatter, ColumnDataSource, FixedTicker, HoverTool, Range1d, TapTool

from rosalind.analysis import lineage, robustness
from rosalind.analysis.robustness.groups import counted
from rosalind.analysis.robustness.methods import left_of
from rosalind.analysis.store import Store
from rosalind.viewer.views.frame import (
    FAMILY_COLOURS,
    POINTS,
    SELECTED,
    Change,
    Frame,
    caption,
    plot,
    titled,
)

MARKERS = ("circle", "square", "triangle", "diamond", "inverted_triangle", "hex", "star", "plus")
SHAPES = "●■▲◆▼⬢★✚"
"""Marker of a family and the letter that looks like it."""

EDGE = "#8a94a6"

LABELLED = 60
"""Most lines of the map that have room for a name."""

TICKS = [m * 10.0**e for e in range(-3, 3) for m in (1, 2, 5)]
"""Percent of parameters left that are named on the axis."""

ACCURACIES = {"corrupted": "mean corruption accuracy", "clean": "clean accuracy"}


class Lineage:
    """A map of networks from the dense parents on, and accuracy against size; a click makes a network B."""

    @staticmethod
    def choices(store: Store) -> dict[str, tuple[str, ...]]:
        """Which accuracy stands against the size."""
        known = robustness.main_mean(store.results) is not None
        return {"lineage-accuracy": tuple(ACCURACIES) if known else ("clean",)}

    def __init__(self, frame: Frame, change: Change):
        self.store, self.change = frame.store, change
        self._drawn: dict[str, tuple] = {}
        infos = self.store.results.networks
        self.families = list(dict.fromkeys(info["family"] for info in infos.values()))
        self.map = self.store.cached(
            ("lineage", "map"), lambda: (lineage.lineage_graph(infos, self.store.groups),)
        )[0]
        self.lines, self.nodes, self.sides, self.seeds, self.means = (ColumnDataSource() for _ in range(5))
        self.labels = {align: ColumnDataSource() for align in ("left", "right")}
        self.tree, self.sizes = self._tree(), self._sizes()
        for source in (self.nodes, self.seeds, self.means):
            source.selected.on_change("indices", lambda attr, old, new, source=source: self._tap(source, new))
        self.caption = caption("lineage-caption")
        self.root = titled(
            "Which came from which?",
            frame.chooser(change, "lineage-accuracy", "accuracy on the right", ACCURACIES, width=220),
            row(self.tree, self.sizes, sizing_mode="stretch_width"),
        )

    def _look(self, group: int) -> tuple[str, str]:
        """Colour and marker of a group's family."""
        k = self.families.index(self.store.groups[group].family)
        return FAMILY_COLOURS[k % len(FAMILY_COLOURS)], MARKERS[k % len(MARKERS)]

    def _tree(self):
        found = self.map
        layers, rows = len(found.layers), len(found.lines)
        figure = plot(
            "lineage",
            "Map of networks: dense parents on the left, what was made from them on the right.",
            height=self._height(),
            x_range=Range1d(-0.3, layers - 0.6 + (0.2 + 0.75 * max(layers - 1, 1)) * (rows <= LABELLED)),
            y_range=Range1d(max(rows, 1) - 0.2, -0.8),
        )
        figure.grid.grid_line_color = None
        figure.yaxis.visible = False
        figure.xaxis.ticker = FixedTicker(ticks=list(range(layers)))
        figure.xaxis.major_label_overrides = {k: f"{100 * s:g}" for k, s in enumerate(found.layers)}
        figure.xaxis.axis_label = "removed, %"
        x, y = found.x, found.y
        across, down = lineage.paths(found)
        self.lines.data = {"x": across, "y": down}
        looks = [self._look(k) for k in found.groups]
        self.nodes.data = {
            "x": x,
            "y": y,
            "colour": [colour for colour, _ in looks],
            "marker": [marker for _, marker in looks],
            "name": [
                self.store.groups[k].name if found.grouped else name
                for name, k in zip(found.nodes, found.groups, strict=True)
            ],
        }
        figure.line("x", "y", source=self.lines, line_color=EDGE, line_alpha=0.6)
        figure.scatter(
            "x", "y", source=self.sides, size=17, fill_color=None, line_color=SELECTED, line_width=2.5
        )
        dots = self._dots(figure, self.nodes, 9, 0.95)
        if rows <= LABELLED:
            ends = ColumnDataSource(
                data={
                    "x": np.full(rows, layers - 1, np.float32),
                    "y": np.arange(rows, dtype=np.float32),
                    "text": list(found.lines),
                }
            )
            figure.text(
                "x",
                "y",
                text="text",
                source=ends,
                name="ink",
                text_font_size="10px" if rows <= 40 else "9px",
                text_baseline="middle",
                x_offset=34,
            )
        figure.text(
            "x",
            "y",
            text="text",
            source=self.sides,
            name="ink",
            text_font_size="12px",
            text_font_style="bold",
            text_baseline="middle",
            x_offset=12,
        )
        figure.add_tools(HoverTool(renderers=[dots], tooltips=[("", "@name")]), TapTool(renderers=[dots]))
        return figure

    def _dots(self, figure, source: ColumnDataSource, size: int, alpha: float):
        return figure.scatter(
            "x",
            "y",
            source=source,
            marker="marker",
            size=size,
            fill_color="colour",
            line_color=EDGE,
            line_width=0.7,
            fill_alpha=alpha,
        )

    def _height(self) -> int:
        return int(np.clip(60 + 15 * len(self.map.lines), 300, 700))

    def _sizes(self):
        figure = plot(
            "lineage-sizes",
            "Accuracy against the share of parameters left; small points are seeds, large ones their means.",
            height=self._height(),
            x_axis_type="log",
            x_range=Range1d(0.9, 110),
            y_range=Range1d(0, 100),
        )
        figure.xaxis.axis_label = "parameters left, % of the dense network's"
        figure.xaxis.ticker = FixedTicker(ticks=TICKS)
        figure.xaxis.formatter = BasicTickFormatter(use_scientific=False)
        points = self._dots(figure, self.seeds, 5, 0.5)
        means = self._dots(figure, self.means, 11, 0.95)
        for align, source in self.labels.items():
            figure.scatter(
                "x", "y", source=source, size=18, fill_color=None, line_color=SELECTED, line_width=2.5
            )
            figure.text(
                "x",
                "y",
                text="text",
                source=source,
                name="ink",
                text_font_size="12px",
                text_font_style="bold",
                text_align=align,
                text_baseline="middle",
                x_offset=13 if align == "left" else -13,
                y_offset="down",
            )
        tips = [("", "@name"), ("left", "@x{0.0} %"), ("right", "@y{0.0} %")]
        dots = [points, means]
        figure.add_tools(HoverTool(renderers=dots, tooltips=tips), TapTool(renderers=dots))
        return figure

    def _measured(self, way: str) -> tuple[np.ndarray, str]:
        """float64[networks] accuracies in percent, NaN for gaps, and what they are."""
        name, words = "clean", "clean accuracy"
        if way == "corrupted":
            mean = robustness.main_mean(self.store.results)
            name = mean.name if mean else ""
            words = robustness.described(mean, self.store.results) if mean else ""
        summary = self.store.summary
        found = [summary.get((n, name), {}).get("accuracy", np.nan) for n in self.store.results.networks]
        return 100 * np.array(found, float), words

    def _scatter(self, way: str) -> None:
        """Points of networks and of groups, for the accuracy that is chosen."""
        results, groups = self.store.results, self.store.groups
        order = {name: k for k, name in enumerate(results.networks)}
        right, self.words = self._measured(way)
        left = np.array([100 * left_of(results, name) for name in results.networks], float)
        there = np.isfinite(right) & np.isfinite(left) & (left > 0)
        self.gaps = int((~there).sum())
        single = [(name, k) for k, g in enumerate(groups) for name in g.networks if there[order[name]]][
            :POINTS
        ]
        self.seeds.data = self._columns(
            [left[order[name]] for name, _ in single],
            [right[order[name]] for name, _ in single],
            [k for _, k in single],
            [name for name, _ in single],
        )
        self.middle = {}
        for k, group in enumerate(groups):
            own = [order[name] for name in group.networks if there[order[name]]]
            if own:
                self.middle[k] = float(left[own].mean()), float(right[own].mean()), len(own)
        self.means.data = self._columns(
            [x for x, _, _ in self.middle.values()],
            [y for _, y, _ in self.middle.values()],
            list(self.middle),
            [f"{groups[k].name}, mean over {counted(n, 'seed')}" for k, (_, _, n) in self.middle.items()],
        )
        if there.any():
            low, high = float(right[there].min()), float(right[there].max())
            room = max(high - low, 1.0)
            self.sizes.y_range.start, self.sizes.y_range.end = low - 0.08 * room, high + 0.1 * room
            least, most = float(left[there].min()), float(left[there].max())
            self.sizes.x_range.start, self.sizes.x_range.end = least / 1.35, most * 1.35
        self.sizes.yaxis.axis_label = f"{ACCURACIES[way]}, %"

    def _columns(self, x: list[float], y: list[float], groups: list[int], names: list[str]) -> dict:
        looks = [self._look(k) for k in groups]
        return {
            "x": np.array(x, np.float32),
            "y": np.array(y, np.float32),
            "colour": [colour for colour, _ in looks],
            "marker": [marker for _, marker in looks],
            "name": names,
        }

    def _tap(self, source: ColumnDataSource, indices: list[int]) -> None:
        """Make what was clicked B: a network, or of a mean over seeds the seeds together."""
        if not indices:
            return
        source.selected.indices = []
        k, store = indices[0], self.store
        if source is self.seeds:
            name = source.data["name"][k]
        elif source is self.nodes and not self.map.grouped:
            name = self.map.nodes[k]
        else:
            group = store.groups[self.map.groups[k] if source is self.nodes else list(self.middle)[k]]
            name = store.sides.id_of(group)
        for condition in (self.frame.state.b[1], *store.conditions):
            if store.sides.has((name, condition)):
                self.change(b=(name, condition))
                return

    def update(self, frame: Frame) -> None:
        self.frame = frame
        way = frame.choice("lineage-accuracy")
        if self._drawn.get("sizes") != (way,):
            self._scatter(way)
            self._drawn["sizes"] = (way,)
        asked = (way, frame.state.a[0], frame.state.b[0])
        if self._drawn.get("sides") == asked:
            return
        sides = {"A": frame.state.a[0], "B": frame.state.b[0]}
        self._mark(sides)
        self._label(
            {letter: self.store.groups.index(self.store.sides.group(name)) for letter, name in sides.items()}
        )
        self.caption.text = self._caption(frame, sides)
        self._drawn["sides"] = asked

    def _mark(self, sides: dict[str, str]) -> None:
        """Rings around the networks of A and B in the map."""
        found: dict[int, str] = {}
        for letter, side in sides.items():
            group = self.store.groups.index(self.store.sides.group(side))
            for k, (name, own) in enumerate(zip(self.map.nodes, self.map.groups, strict=True)):
                if own == group if self.map.grouped else name in self.store.sides.members(side):
                    found[k] = found.get(k, "") + letter
        at = list(found)
        self.sides.data = {"x": self.map.x[at], "y": self.map.y[at], "text": list(found.values())}

    def _label(self, groups: dict[str, int]) -> None:
        """Names of the groups of A and B, on the side of a point where there is room."""
        found: dict[int, str] = {}
        for letter, k in groups.items():
            if k in self.middle:
                found[k] = f"{found[k]}, {letter}" if k in found else letter
        # The higher one's goes up and the lower one's down, so that neighbours' names do not cover each other.
        ranked = sorted(found, key=lambda k: -self.middle[k][1])
        down = dict(zip(ranked, (-12, 12) if len(ranked) > 1 else (0,), strict=False))
        # Right of the middle of the logarithmic axis there is more room on the left.
        half = np.sqrt(self.sizes.x_range.start * self.sizes.x_range.end)
        for align, source in self.labels.items():
            here = [k for k in found if (self.middle[k][0] > half) == (align == "right")]
            source.data = {
                "x": np.array([self.middle[k][0] for k in here], np.float32),
                "y": np.array([self.middle[k][1] for k in here], np.float32),
                "text": [f"{found[k]}: {self.store.groups[k].name}" for k in here],
                "down": np.array([down[k] for k in here], np.float32),
            }

    def _caption(self, frame: Frame, sides: dict[str, str]) -> str:
        store, found = self.store, self.map
        words = []
        for letter, side in sides.items():
            group = store.sides.group(side)
            k = store.groups.index(group)
            if k in self.middle:
                x, y, n = self.middle[k]
                words.append(
                    f"{letter}: {escape(group.name)}, {x:.3g} % of the parameters left, {y:.1f} % right "
                    f"(mean over {counted(n, 'seed')})"
                )
        text = f"{'; '.join(words)}. " if words else ""
        accuracy = ACCURACIES[frame.choice("lineage-accuracy")]
        text += f"On the right: {accuracy}{f', {escape(self.words)}' if self.words not in ('', accuracy) else ''}. "
        if self.gaps:
            every = len(store.results.networks)
            text += f"Not there, for want of this accuracy or of a size: {self.gaps} of {every} networks. "
        made = set(found.edges[:, 1].tolist())
        labels = [store.groups[group].label for group in found.groups]
        alone = sum(k not in made and label != "dense" for k, label in enumerate(labels))
        many = (
            f"{len(found.nodes)} groups of seeds" if found.grouped else counted(len(found.nodes), "network")
        )
        text += f"On the left: {many}"
        text += f"; {alone} without a line: not made from a network of this study" if alone else ""
        legend = "".join(
            f' <span style="white-space:nowrap"><span style="color:{FAMILY_COLOURS[k % 8]}">{SHAPES[k % 8]}</span> '
            f"{escape(family)}</span>"
            for k, family in enumerate(self.families)
        )
        return f"{text}. Click a point to make it B.{legend}"
