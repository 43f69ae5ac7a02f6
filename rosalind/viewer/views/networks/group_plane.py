"""The plane of methods, or corruptions, as discs with names; or of one method's conditions as paths by severity."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from bokeh.events import SelectionGeometry, Tap
from bokeh.models import HoverTool

from rosalind.analysis import label_places, polygon
from rosalind.analysis.similarity import Groups
from rosalind.viewer.views import draw

WIDE, HIGH = 540, 420
"""Pixels of the frame that names are placed for; a wider one has room at the sides, and a narrower one is not made."""

MARGIN = 30
"""Pixels between the outermost marks and the edges of the frame, for names."""

ENDS = ("x0", "y0", "x1", "y1")
LETTERS = 28
"""Longest name beside a mark; the tooltip has the whole."""

GAP, RING = 9.0, 6.0
"""Pixels from the middle of a mark to its name, and how many more where a ring is around it."""

TIED = 1
"""How many of the shortest edges of the tree have their length written beside them."""


class GroupPlane:
    """One figure for both; what is clicked is told by its number."""

    def __init__(self, choose: Callable[[int, bool], None], lasso: Callable[[list[int]], None]):
        """
        Args:
            choose: called with the number of a mark, and with True where shift was held, at a click on it.
            lasso: called with the numbers of the marks inside a box or lasso.
        """
        self._choose, self._lasso = choose, lasso
        self.places = np.zeros((0, 2))
        """float64[m, 2]: of the marks that can be clicked."""
        self.figure = figure = draw.plot(
            "similarity",
            "Methods or corruptions as discs: near ones have alike geometry of all samples.",
            height=470,
            match_aspect=True,
            # On a narrow page the matrix stands below; only a window that is narrower still cuts the plane off.
            styles={"flex": f"1 1 {WIDE + 12}px", "min-width": f"min({WIDE + 12}px, 100%)"},
            # Else it would be as low as the matrix beside it, whose names need room below.
            frame_align=False,
            **{"tools": "pan,lasso_select,box_select,reset", "toolbar_location": "above"},
        )
        figure.toolbar.active_drag = None
        figure.axis.visible = False
        figure.grid.grid_line_color = None
        self.room = draw.empty("x", "y")
        self.discs = draw.empty("x", "y", "radius", "colour")
        self.ghosts = draw.empty("x", "y")
        self.tree = draw.empty(*ENDS, "width")
        self.leaders = draw.empty(*ENDS)
        self.ways = draw.empty("x", "y")
        about = ("name", "about")
        self.marks = draw.empty("x", "y", "colour", "marker", "size", *about)
        self.sides = draw.empty("x", "y", "ring")
        self.names = draw.empty("x", "y", "text", "bold", "dx", "dy")
        ends = {name: name for name in ENDS}
        # Two corners that nobody sees: with them the frame has as many pixels per unit as names were placed for.
        corners = figure.scatter("x", "y", source=self.room, alpha=0)
        for shown in (figure.x_range, figure.y_range):
            shown.update(renderers=[corners], range_padding=0)
        figure.circle(
            "x",
            "y",
            radius="radius",
            source=self.discs,
            fill_color="colour",
            line_color="colour",
            fill_alpha=0.08,
            line_alpha=0.35,
        )
        figure.scatter("x", "y", source=self.ghosts, size=4, fill_color=draw.GREY, fill_alpha=0.35, line_color=None)
        figure.segment(source=self.tree, line_color=draw.GREY, line_width="width", **ends)
        figure.segment(source=self.leaders, line_color="#000000", name="ink", line_alpha=0.5, **ends)
        self.line: Any = figure.line("x", "y", source=self.ways, line_width=1.5, line_alpha=0.8).glyph
        look = {"marker": "marker", "size": "size", "fill_color": "colour", "line_color": "#ffffff"}
        dots = figure.scatter("x", "y", source=self.marks, **look)
        figure.scatter("x", "y", source=self.sides, size=22, fill_color=None, line_width=3, line_color="ring")
        text = {"text": "text", "text_color": "#000000", "name": "ink", "text_baseline": "middle"}
        middle = {"text_align": "center", "text_font_size": "11px"}
        placed = {"x_offset": "dx", "y_offset": "dy"}
        # Lines of the tree pass below names.
        text |= {"background_fill_color": "#ffffff", "background_fill_alpha": 0.7}
        figure.text("x", "y", source=self.names, **text, **middle, **placed)
        # A font that is a column fails where a source gets fewer rows (Bokeh 3.9.2).
        figure.text("x", "y", source=self.names, text_font_style="bold", **{**text, "text": "bold"}, **middle, **placed)
        tips = [("", "@name"), ("", "@about")]
        figure.add_tools(HoverTool(renderers=[dots], tooltips=draw.card(tips)))
        figure.on_event(Tap, lambda event: self.tap(event.x, event.y, shift=draw.shifted(event)))
        figure.on_event(SelectionGeometry, self._brush)

    def tap(self, x: float | None, y: float | None, *, shift: bool = False) -> None:
        """Choose the nearest mark; nothing where none is near."""
        if x is None or y is None or not len(self.places):
            return
        far = np.hypot(*(self.places - [x, y]).T)
        if far.min() <= 0.05 * max(np.ptp(self.places, axis=0).max(), 1e-9):
            self._choose(int(far.argmin()), shift)

    def _brush(self, event: SelectionGeometry) -> None:
        shape: Any = event.geometry
        if event.final and shape.get("type") == "rect":
            self.select(*(shape[end] for end in ("x0", "x1", "y0", "y1")))
        elif event.final:
            self.lasso(shape["x"], shape["y"])

    def select(self, x0: float, x1: float, y0: float, y1: float) -> None:
        """Tell which marks lie within a box."""
        self.lasso([x0, x1, x1, x0], [y0, y0, y1, y1])

    def lasso(self, x: Sequence[float], y: Sequence[float]) -> None:
        """Tell which marks lie within a polygon; nothing where it has fewer than three corners."""
        corners = polygon.simplified(x, y, 64)
        if corners:
            self._lasso(np.flatnonzero(polygon.inside(corners, *self.places.T)).tolist())

    def show_groups(
        self,
        groups: Groups,
        colours: list[str],
        markers: list[str],
        sides: Mapping[int, str],
        whole: Groups | None = None,
    ) -> None:
        """Discs of methods or corruptions, their tree and names.

        Args:
            groups: to show; the disc of each is the standard error of its mean.
            colours, markers: of every group.
            sides: letters of A and B by group.
            whole: the same groups on all samples, as ghosts that are joined to the discs; none by default.
        """
        self.places = groups.layout.astype(float)
        radius = np.nan_to_num(groups.error)
        x, y = groups.layout.T.astype(np.float32)
        draw.fill(self.discs, {"x": x, "y": y, "radius": radius.astype(np.float32), "colour": colours})
        a, b = groups.tree.T
        length = groups.distance[a, b]
        # The more alike two are, the thicker the line between them.
        width = np.clip(4 * np.nanmin(length, initial=np.inf) / np.maximum(length, 1e-9), 0.7, 4)
        tree = dict(zip(ENDS, (x[a], y[a], x[b], y[b]), strict=True))
        draw.fill(self.tree, {**tree, "width": width.astype(np.float32)})
        short = np.argsort(length, kind="stable")[:TIED]
        ties = (self.places[a] + self.places[b])[short] / 2
        before = np.zeros((0, 2)) if whole is None else whole.layout
        draw.fill(self.ghosts, dict(zip("xy", before.T.astype(np.float32), strict=True)))
        joined = np.full((len(before), 3, 2), np.nan, np.float32)
        joined[:, 0], joined[:, 1] = before, groups.layout[: len(before)]
        self.line.line_color = draw.GREY
        draw.fill(self.ways, {"x": joined[..., 0].ravel(), "y": joined[..., 1].ravel()})
        looks = {"colour": colours, "marker": markers, "size": [11] * len(x)}
        about = [_about(groups, k) for k in range(len(x))]
        self._mark(x, y, looks | {"name": list(groups.names), "about": about}, sides)
        names = [*groups.names, *(f"{length[k]:.2f} apart" for k in short)]
        around = [self.places - radius[:, None], self.places + radius[:, None], before]
        self._name(np.concatenate([self.places, ties]), names, sides, np.concatenate(around))

    def show_paths(
        self,
        ghosts: np.ndarray,
        points: np.ndarray,
        paths: list[list[int]],
        looks: Mapping[str, list],
        colour: str,
        sides: Mapping[int, str],
    ) -> None:
        """One method's conditions, each corruption a path from clean to the most severe; the others' as ghosts.

        Args:
            ghosts: float[g, 2], of the other methods' conditions.
            points: float[k, 2], of its own.
            paths: numbers of points, at rising severity.
            looks: of every point `name`, `about`, `marker` and `size`; `label` is the name at its mark, or "".
            colour: of the method.
            sides: letters of A and B by point.
        """
        self.places = points.astype(float)
        x, y = points.T.astype(np.float32)
        for source in (self.discs, self.tree):
            draw.fill(source, {name: values[:0] for name, values in source.data.items()})
        draw.fill(self.ghosts, dict(zip("xy", ghosts.T.astype(np.float32), strict=True)))
        gap = np.array([np.nan], np.float32)
        lines = [np.concatenate([np.append(axis[path], gap) for path in paths] or [gap]) for axis in (x, y)]
        self.line.line_color = colour
        draw.fill(self.ways, dict(zip("xy", lines, strict=True)))
        columns = {name: looks[name] for name in ("name", "about", "marker", "size")}
        self._mark(x, y, {"colour": [colour] * len(x), **columns}, sides)
        # Steps without a name are kept free of those of others.
        self._name(self.places, looks["label"], sides, np.concatenate([points, ghosts]))

    def _mark(self, x: np.ndarray, y: np.ndarray, looks: Mapping[str, Any], sides: Mapping[int, str]) -> None:
        draw.fill(self.marks, {"x": x, "y": y, **looks})
        at = list(sides)
        draw.fill(self.sides, {"x": x[at], "y": y[at], "ring": [draw.side_colour(sides[k]) for k in at]})

    def _name(self, points: np.ndarray, names: list[str], sides: Mapping[int, str], shown: np.ndarray) -> None:
        """Names beside the marks, those of A and B bold and with their letters; the frame is laid around `shown`."""
        texts = [draw.plain(draw.cut(name, LETTERS)) for name in names]
        texts = [f"{sides[k]}: {text}".rstrip(": ") if k in sides else text for k, text in enumerate(texts)]
        low, high = (shown.min(0), shown.max(0)) if len(shown) else (np.zeros(2), np.zeros(2))
        frame = np.array([WIDE, HIGH])
        scale = float(((frame - 2 * MARGIN) / np.maximum(high - low, 1e-9)).min())
        half = frame / scale / 2
        corners = np.stack([(low + high) / 2 - half, (low + high) / 2 + half])
        draw.fill(self.room, dict(zip("xy", corners.T.astype(np.float32), strict=True)))
        # Down the page is positive in pixels.
        flip = scale * np.array([1, -1])
        edges = np.sort(corners * flip, axis=0)
        gaps = [GAP + RING * (k in sides) for k in range(len(texts))]
        offsets, placed = label_places.place(points * flip, texts, gaps, list(sides), edges)
        # A name further off would be read as another mark's without a line to its own.
        half = np.array([[label_places.LETTER * len(text), label_places.LINE] for text in texts]).reshape(-1, 2) / 2
        to_name = np.sign(offsets) * np.maximum(np.abs(offsets) - half, 0)
        far = placed & (np.hypot(*to_name.T) > 1.5 * np.array(gaps))
        ends = np.concatenate([points, points + to_name / flip], 1)[far].astype(np.float32)
        draw.fill(self.leaders, dict(zip(ENDS, ends.T, strict=True)))
        x, y = points.T.astype(np.float32) if len(points) else np.zeros((2, 0), np.float32)
        dx, dy = offsets.T.astype(np.float32) if len(points) else np.zeros((2, 0), np.float32)
        plain = [None if k in sides or not placed[k] else text for k, text in enumerate(texts)]
        bold = [text if k in sides else None for k, text in enumerate(texts)]
        draw.fill(self.names, {"x": x, "y": y, "text": plain, "bold": bold, "dx": dx, "dy": dy})


def _about(groups: Groups, k: int) -> str:
    """The tooltip of a group: its seeds, and those most like it."""
    row = groups.distance[k]
    others = [j for j in np.argsort(np.where(np.isnan(row), np.inf, row), kind="stable") if j != k][:3]
    near = f"nearest: {', '.join(f'{groups.names[j]} ({row[j]:.2f})' for j in others)}" if others else ""
    if not np.isfinite(groups.spread[k]):
        return f"one seed; {near}"
    return f"{groups.seeds[k]} seeds, {groups.spread[k]:.2f} about their mean; {near}"
