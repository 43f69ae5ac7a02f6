"""Every network under every condition as one point beside their distance matrix: the finest level of similarity."""

from typing import Any

import numpy as np
from bokeh.events import Tap
from bokeh.layouts import row
from bokeh.models import CustomJSHover, HoverTool

from rosalind.analysis import similarity
from rosalind.analysis.similarity import of_sides
from rosalind.analysis.similarity.of_sides import FLOORS
from rosalind.analysis.store import Store
from rosalind.config import CLEAN
from rosalind.viewer.state import State
from rosalind.viewer.views import draw
from rosalind.viewer.views.frame import Change, Changed, Frame
from rosalind.viewer.views.networks.distance_matrix import DistanceMatrix

MARKERS = {
    "clean": ("star", "★"),
    "noise": ("circle", "●"),
    "blur": ("square", "■"),
    "weather": ("diamond", "◆"),
    "digital": ("triangle", "▲"),
}
OTHER = ("hex", "⬢")
ENDS = ("x0", "y0", "x1", "y1")
NEIGHBOURS = 5
"""Number of nearest cells in a tooltip, by the distances before they are laid out."""

CROWD = 500
"""Largest number of points drawn in full size."""

NEAREST = """
const data = source.data, index = special_vars.index;
return value < 0 ? "" : `${data.network[value]} · ${data.condition[value]} (${data[`far${k}`][index].toFixed(2)})`;
"""


class PointPlane:
    """A layout of the exact distances with their spanning tree, and beside it the distances themselves."""

    def __init__(self, store: Store, change: Change, families: list[str], colours: list[str]):
        """
        Args:
            store: of the study.
            change: of the page.
            families: of its methods.
            colours: of the families.
        """
        self.store, self.change, self.families, self.colours = store, change, families, colours
        self.changed = Changed()
        near = [f"{word}{k}" for word in ("near", "far") for k in range(NEIGHBOURS)]
        about = ("network", "condition", "colour", "marker", "size", "accuracy", "order")
        self.points = draw.empty("x", "y", *about, *near)
        self.marks = draw.empty("x", "y", "text", "offset")
        self.ways, self.wobbles = draw.empty("x", "y", "angle", "tip"), draw.empty("x", "y", "radius")
        self.edges, self.nothing, self.bars = draw.empty(*ENDS), draw.empty(*ENDS), draw.empty(*ENDS, "text")
        self.matrix = DistanceMatrix(self.points, self.colours, self._choose)
        self.root = row(self._map(), self.matrix.figure, sizing_mode="stretch_width")

    def _map(self) -> Any:
        figure = draw.plot(
            "similarity",
            "Map of networks under conditions; near points have alike geometry.",
            height=430,
            styles={"flex": "1 1 420px", "min-width": "min(420px, 100%)"},
            match_aspect=True,
            **{"tools": "pan,wheel_zoom,reset", "toolbar_location": "above", "active_scroll": "wheel_zoom"},
        )
        figure.axis.visible = False
        figure.grid.grid_line_color = None
        ends = {name: name for name in ENDS}
        pale = {"fill_color": draw.GREY, "line_color": None}
        self.haze = figure.circle("x", "y", radius="radius", source=self.wobbles, **pale).glyph
        figure.segment(source=self.edges, line_color=draw.GREY, line_alpha=0.5, line_width=1, **ends)
        look = {"marker": "marker", "size": "size", "fill_color": "colour", "fill_alpha": 0.85}
        dots = figure.scatter("x", "y", source=self.points, line_color="#ffffff", line_width=0.5, **look)
        ink = {"line_color": "#000000", "name": "ink"}
        figure.segment(source=self.nothing, line_width=2, line_dash="dashed", **ink, **ends)
        figure.segment(source=self.bars, line_width=4, **ink, **ends)
        figure.line("x", "y", source=self.ways, line_width=1.5, **ink)
        tips_of = {"source": self.ways, "marker": "triangle", "angle": "angle", "size": "tip"}
        figure.scatter("x", "y", **tips_of, fill_color=draw.GREY, **ink)
        text = {"text": "text", "text_color": "#000000", "name": "ink", "y_offset": -6}
        figure.text("x0", "y0", source=self.bars, text_font_size="11px", **text)
        figure.scatter("x", "y", source=self.marks, size=18, fill_color=None, line_width=2.5, **ink)
        letters = {"text_font_style": "bold", "text_font_size": "14px", "x_offset": "offset"}
        figure.text("x", "y", source=self.marks, **text, **letters)
        tips = [
            ("network", "@network"),
            ("condition", "@condition"),
            ("right", "@accuracy{0.0} %"),
            *(("truly nearest" if k == 0 else f"{k + 1}.", f"@near{k}{{custom}}") for k in range(NEIGHBOURS)),
        ]
        of = lambda k: CustomJSHover(args={"source": self.points, "k": k}, code=NEAREST)
        near: dict[str, Any] = {f"@near{k}": of(k) for k in range(NEIGHBOURS)}
        figure.add_tools(HoverTool(renderers=[dots], tooltips=draw.card(tips), formatters=near, limit=1))
        figure.on_event(Tap, lambda event: self.tap(event.x, event.y, shift=draw.shifted(event)))
        return figure

    def tap(self, x: float, y: float, *, shift: bool = False) -> None:
        """Make the nearest point of the map B, with shift A; nothing where none is near."""
        if not len(self.places):
            return
        distances = np.hypot(*(self.places - [x, y]).T)
        if distances.min() <= 0.04 * max(np.ptp(self.places, axis=0).max(), 1e-9):
            self._choose(int(distances.argmin()), shift)

    def _choose(self, point: int, shift: bool) -> None:
        """Make a point B, with shift A: of averaged cells the most severe."""
        infos, name = self.store.results.conditions, self.kept["comparison"].cells[point][0]
        members = self.kept["points"].members[point]
        cell = name, max(members, key=lambda cell: infos[cell[1]].severity)[1]
        if self.store.sides.has(cell):
            self.change(**{"a" if shift else "b": cell})

    def _fill(self, kept: dict[str, Any], layout: str, visible: np.ndarray | None) -> None:
        self.kept = kept
        comparison, umap = kept["comparison"], kept["umap"] if layout == "umap" else None
        self.places = comparison.layout if umap is None else umap[0]
        shown = np.ones(len(self.places), bool) if visible is None else visible
        near = {}
        for k in range(NEIGHBOURS):
            others = np.full(len(comparison.cells), -1, np.int32)
            if k < comparison.nearest.shape[1]:
                others = comparison.nearest[:, k]
            far = comparison.between(np.arange(len(others)), np.maximum(others, 0))
            near |= {f"near{k}": others, f"far{k}": far}
        (x, y), tree = self.places.T.astype(np.float32), comparison.tree.T
        # A hidden point keeps its number, by which others call it their nearest.
        x, y = np.where(shown, x, np.float32(np.nan)), np.where(shown, y, np.float32(np.nan))
        tree = tree[:, shown[tree].all(0)]
        self.edges.data = dict(zip(ENDS, (axis[end] for end in tree for axis in (x, y)), strict=True))
        # Where many lie on each other they would be one black disc.
        self.haze.fill_alpha = float(np.clip(30 / max(len(x), 1), 0.015, 0.2))
        wobbles = {} if umap is None else {"x": x, "y": y, "radius": similarity.wobble(umap)}
        self.wobbles.data = {name: wobbles.get(name, []) for name in ("x", "y", "radius")}
        placed = {"x": x, "y": y, "order": comparison.order, **near}
        if self.changed("cells", comparison.cells):
            self.points.data = placed | self._looks()
        else:
            # Another metric moves the same points: their names and looks need not travel again.
            self.points.data.update(placed)
        self._fill_bars(x, y)
        families = [self.families.index(name) for name in kept["points"].family]
        self.matrix.fill(comparison, families, kept["floors"])

    def _looks(self) -> dict[str, Any]:
        """Columns that are the same for every metric."""
        points, cells = self.kept["points"], self.kept["comparison"].cells
        sizes = np.where(np.array(points.group) == CLEAN, 13, 5 + points.severity)
        return {
            "network": [network for network, _ in cells],
            "condition": [condition for _, condition in cells],
            "colour": [self.colours[self.families.index(family)] for family in points.family],
            "marker": [MARKERS.get(group, OTHER)[0] for group in points.group],
            "size": ((1 if len(cells) <= CROWD else 0.7) * sizes).astype(np.float32),
            "accuracy": points.accuracy,
        }

    def _fill_bars(self, x: np.ndarray, y: np.ndarray) -> None:
        """Bars as long as a distance by chance, below the points; none on a UMAP plane, which has no lengths."""
        floors = self.kept["floors"] if self.places is self.kept["comparison"].layout and len(x) else {}
        left, low, high = (np.nanmin(x), np.nanmin(y), np.nanmax(y)) if np.isfinite(x).any() else (0, 0, 0)
        heights = [low - (0.08 + 0.1 * k) * max(high - low, 1e-6) for k in range(len(floors))]
        self.bars.data = {
            "x0": np.array([left] * len(floors), np.float32),
            "x1": np.array([left + length for length, _ in floors.values()], np.float32),
            "y0": np.array(heights, np.float32),
            "y1": np.array(heights, np.float32),
            "text": [f"{FLOORS[kind]}: {length:.2f}" for kind, (length, _) in floors.items()],
        }

    def update(
        self, frame: Frame, kept: dict[str, Any], chosen: tuple[str, str, str], visible: np.ndarray | None
    ) -> None:
        """Draw a frame.

        Args:
            frame: of the page.
            kept: of `of_sides.read`.
            chosen: mode, metric and layout.
            visible: bool[q], the points that are shown; None for all.
        """
        self.frame, state = frame, frame.state
        mask = b"" if visible is None else visible.tobytes()
        if self.changed("points", (chosen, mask)):
            self._fill(kept, chosen[2], visible)
        if not self.changed("sides", (chosen, mask, state.a, state.b, state.null)):
            return
        letters: dict[int, list[str]] = {}
        sides = [of_sides.places(self.store, self.kept, cell) for cell in (state.a, state.b)]
        for letter, places in zip("AB", sides, strict=True):
            for place in places:
                letters.setdefault(place, []).append(letter)
        at = list(letters)
        x, y = self.places[at].T.astype(np.float32)
        text = [" = ".join(names) for names in letters.values()]
        # Neighbours' letters do not cover each other.
        offset = np.array([10 if "A" in names else -22 for names in letters.values()], np.float32)
        draw.fill(self.marks, {"x": x, "y": y, "text": text, "offset": offset})
        self.matrix.mark(letters, (sides[0][0], sides[1][0]) if all(sides) else None)
        null = [of_sides.places(self.store, self.kept, cell)[:1] for cell in frame.null or ()]
        # Empty columns where the null is off or one of its cells has no point.
        lines = self.places[null].reshape(-1, 4) if null and all(null) else np.empty((0, 4))
        draw.fill(self.nothing, dict(zip(ENDS, lines.astype(np.float32).T, strict=True)))
        draw.fill(self.ways, self._ways(state))

    def _ways(self, state: State) -> dict[str, np.ndarray]:
        """Lines with gaps from clean to the most severe of A's and B's corruption, with a tip at their ends."""
        paths = [path for cell in (state.a, state.b) for path in of_sides.paths(self.store, self.kept, cell)]
        parts = []
        for path in paths:
            x, y = self.places[path].T
            # A triangle points up, and turns against the clock.
            turn = np.arctan2(y[-1] - y[-2], x[-1] - x[-2]) - np.pi / 2
            tip = np.zeros(len(path) + 1)
            tip[-2] = 11
            parts.append(np.stack([np.append(x, np.nan), np.append(y, np.nan), np.full(len(tip), turn), tip]))
        table = np.concatenate(parts, 1) if parts else np.empty((4, 0))
        return dict(zip(("x", "y", "angle", "tip"), table.astype(np.float32), strict=True))
