"""Matrices of classes against classes, of groups where there are many."""

from html import escape
from typing import Any

import numpy as np
from bokeh.events import RangesUpdate, Reset, Tap
from bokeh.layouts import row
from bokeh.models import (
    BoxZoomTool,
    Button,
    ColorBar,
    ColumnDataSource,
    CustomJSHover,
    Div,
    FixedTicker,
    HoverTool,
    LinearColorMapper,
    PanTool,
    Range1d,
    ResetTool,
    WheelZoomTool,
)

from rosalind.analysis import class_matrices, class_order, downsampling, rasters
from rosalind.analysis.class_order import Rows
from rosalind.analysis.selection_steps import Pair
from rosalind.analysis.sides import Cell
from rosalind.analysis.store import Store
from rosalind.viewer.views import draw
from rosalind.viewer.views.frame import Change, Changed, Frame

TICKS = {"down": 25, "across": 12}
"""Largest number of rows and columns with names on the axes; more are named by hovering."""

LONGEST = 9
"""Letters of a class's name beside an axis."""

# Yellow is near, or many. Bokeh checks every colour of a palette, so there are no more than one can tell apart.
NEAR, MANY_SAMPLES, CHANGE = draw.SEQUENTIAL[::-4], draw.SEQUENTIAL[::4], draw.DIVERGING[::4]

SIDES = ("a", "b", "difference", "null")

PLACE = ("x", "y", "dw", "dh")
"""Columns of the place of an image."""

SHOWN = {
    class_matrices.ANGLES: ("direction of class", "samples of class", "mean angle"),
    class_matrices.BETWEEN: ("direction of class", "direction of class", "angle"),
    class_matrices.CONFUSION: ("predicted class", "true class", "samples"),
}
"""By matrix the labels of columns and rows, and the title after the side's name."""

KEYS = {
    class_matrices.ANGLES: "Yellow: samples of the row's class lie close to the direction of the column's",
    class_matrices.BETWEEN: "Yellow: directions of two classes close together",
    class_matrices.CONFUSION: "Yellow: many samples of the row's class predicted as the column's",
}
"""By matrix what its colours mean; of the difference they are on its bar."""

SMALL, MARK = 40, 9
"""With more than SMALL rows on screen a selected field is too small to be seen; its frame has MARK pixels."""

NAME_HOVER = "return names.data.name[Math.floor(value)] ?? ''"
VALUE_HOVER = """
if (value == 255) { return "no samples"; }
const {low, high, counts, shared} = source.data, found = low[0] + value / 254 * (high[0] - low[0]);
const words = counts[0] ? Math.round(Math.sign(found) * Math.expm1(Math.abs(found))) + " samples"
  : found.toFixed(1) + " degrees";
return shared[0] > 1 ? `${words} (the strongest of about ${shared[0]} fields)` : words;
"""


def groups_as_rows(store: Store) -> Rows:
    """A row per group of similar classes."""
    order, groups = class_matrices.order_of_likeness(store), class_matrices.groups_of(store)
    make = lambda: class_order.rows_of_groups(class_matrices.apart(store), order, groups, store.class_names)
    return store.cached(("classes", "rows of groups"), make)


def rows_of(frame: Frame) -> Rows:
    """The rows of the matrices: every class, groups of classes, or the classes of the chosen group."""
    store, order = frame.store, class_matrices.in_order(frame.store, frame.choice("global-order"))
    if len(order) <= class_order.GROUPED or frame.choice("global-detail") == "all classes":
        return class_order.rows_of_classes(order, store.class_names)
    groups, chosen = class_matrices.groups_of(store), frame.choice("global-group")
    if chosen:
        return class_order.rows_of_classes(order[groups[order] == int(chosen) - 1], store.class_names)
    return groups_as_rows(store)


class ClassMatrices:
    """Matrices of A, B, their difference and the null; a click selects a field's samples or opens a group.

    Where there are more classes than pixels, a pixel shows the strongest of its fields; a box that is dragged zooms
    all matrices.
    """

    page, title = "geometry", "How do classes relate?"
    finding = key = ""
    """See `View`."""

    def __init__(self, frame: Frame, change: Change):
        self.change, self.count = change, len(frame.store.class_names)
        self.changed = Changed()
        self.names = ColumnDataSource({"name": []})
        self.figures, self.images, self.mappers, self.bars, self.marks = {}, {}, {}, {}, {}
        # Shared, so that a zoom is one of all matrices.
        self.across, self.down = Range1d(start=0, end=1), Range1d(start=1, end=0)
        for side in SIDES:
            self._matrix(side)
        self.figures["null"].visible = False
        self.back = Button(label="back to all groups", name="global-back", visible=False, width=150)
        self.back.on_click(self.leave_group)
        self.path = Div(text="", name="global-path", sizing_mode="stretch_width")
        self.caption = draw.caption("matrix-caption")
        self.trail = row(self.back, self.path, sizing_mode="stretch_width")
        choosers = [frame.chooser(change, "global-show", "matrices show", width=190)]
        choosers += [frame.chooser(change, "global-order", "order of classes", width=130)]
        if "global-detail" in frame.choices:
            choosers += [frame.chooser(change, "global-detail", "rows", width=130)]
        self.root = draw.stacked(
            draw.wrapped(*choosers),
            self.trail,
            row(*self.figures.values(), sizing_mode="stretch_width"),
        )

    @staticmethod
    def choices(store: Store) -> dict[str, tuple[str, ...]]:
        """The matrix, the order of classes, and past 50 classes the rows and the opened group."""
        count = len(store.class_names)
        orders = class_matrices.ORDERS if count <= class_order.MANY else class_matrices.ORDERS[::-1]
        allowed = {"global-show": tuple(SHOWN), "global-order": orders}
        if count > class_order.GROUPED:
            group_numbers = map(str, range(1, class_order.group_count(count) + 1))
            allowed |= {"global-detail": ("grouped", "all classes"), "global-group": ("", *group_numbers)}
        return allowed

    def _matrix(self, side: str) -> None:
        # A few classes are all seen at once.
        zoom = (BoxZoomTool, WheelZoomTool, PanTool, ResetTool)
        tools = [tool() for tool in zoom] if self.count > class_order.GROUPED else []
        figure = draw.plot(
            f"matrix-{side}",
            f"Matrix of classes against classes: {class_matrices.NAMES[side]}.",
            height=270 if self.count <= class_order.MANY else 380,
            x_range=self.across,
            y_range=self.down,
            tools=tools,
            toolbar_location="below" if tools else None,
        )
        if tools:
            figure.toolbar.active_drag = tools[0]
        figure.grid.grid_line_color = None
        # Changed in place later: a new model in a document costs 0.4 s, as Bokeh then looks at all of them.
        figure.xaxis.ticker, figure.yaxis.ticker = FixedTicker(ticks=[]), FixedTicker(ticks=[])
        figure.yaxis.major_label_text_font_size = figure.xaxis.major_label_text_font_size = "10px"
        figure.yaxis.visible = side == "a"
        source = draw.empty("image", *PLACE, "low", "high", "counts", "shared")
        palette = CHANGE if side in SIDES[2:] else NEAR
        mapper = LinearColorMapper(palette=palette, low=0, high=254, high_color=draw.CLEAR)
        place = {name: name for name in PLACE}
        image = figure.image("image", source=source, color_mapper=mapper, **place)
        size: draw.Look = {
            "width": 8,
            "padding": 4,
            "label_standoff": 4,
            "major_label_text_font_size": "10px",
        }
        bar = ColorBar(color_mapper=mapper, ticker=FixedTicker(ticks=[0, 127, 254]), **size)
        if side != "a":
            figure.add_layout(bar, "right")
        marks = draw.empty("x", "y", "size")
        # Ink within white, which is seen on every colour.
        for colour, width in (("#ffffff", 4), ("#1c2536", 2)):
            frame = {"source": marks, "fill_color": None, "line_color": colour, "line_width": width}
            figure.rect("x", "y", width=1, height=1, **frame)
            figure.scatter("x", "y", size="size", marker="square", **frame)
        name = CustomJSHover(args={"names": self.names}, code=NAME_HOVER)
        value = CustomJSHover(args={"source": source}, code=VALUE_HOVER)
        tips = [("row", "$y{custom}"), ("column", "$x{custom}"), ("", "@image{custom}")]
        formatters: dict[str, Any] = {"$x": name, "$y": name, "@image": value}
        figure.add_tools(HoverTool(renderers=[image], tooltips=draw.card(tips), formatters=formatters, visible=False))
        figure.on_event(Tap, lambda event: self.tap(event.x, event.y, side=side))
        figure.on_event(RangesUpdate, lambda event: self._paint())
        figure.on_event(Reset, lambda event: self.reset())
        self.figures[side], self.images[side], self.mappers[side] = figure, source, mapper
        self.bars[side], self.marks[side] = bar, marks

    def tap(self, x: float | None, y: float | None, *, side: str = "a") -> None:
        """Select the samples of the field at a place of a matrix, or open its group."""
        if x is None or y is None or side not in self.tables:
            return
        field = downsampling.field(self.tables[side], self.window, self.picks[side], x, y)
        if field is None:
            return
        if self.grouped:
            self.change(choices={"global-group": str(field[0] + 1)})
            return
        true, predicted = (int(self.rows.classes[k][0]) for k in field)
        null = self.frame.null[1] if self.frame.null is not None else None
        cell = {"a": self.frame.state.a, "null": null}.get(side) or self.frame.state.b
        step = {"pair": [true, predicted], "cell": list(cell)}
        # With many classes the parallel coordinates show the surroundings of the class that was clicked.
        self.change(step=step, **({"true_class": true} if self.count > class_order.MANY else {}))

    def zoom(self, x0: float, x1: float, y0: float, y1: float) -> None:
        """Show a part of all matrices; y0 is the lower end, the larger number."""
        self.across.update(start=x0, end=x1)
        self.down.update(start=y0, end=y1)
        self._paint()

    def leave_group(self) -> None:
        """Go back from an opened group to all groups."""
        self.change(choices={"global-group": ""})

    @property
    def grouped(self) -> bool:
        """True where rows are groups of classes."""
        return "global-group" in self.frame.choices and (
            self.frame.choice("global-detail") == "grouped" and not self.frame.choice("global-group")
        )

    def update(self, frame: Frame) -> None:
        """Draw a frame."""
        self.frame = frame
        state = frame.state
        chosen = {name: frame.choice(name) for name in frame.choices if name.startswith("global-")}
        self.mask = self._slice(frame)
        sliced = () if self.mask is None else frame.slice_key
        if self.changed("matrices", (state.a, state.b, state.null, chosen, sliced)):
            self._fill(frame)
        self._mark(frame)

    @staticmethod
    def _slice(frame: Frame) -> np.ndarray | None:
        """bool[n]: the samples that the matrices are of; None for all.

        Fields that were clicked are framed, and do not empty the others.
        """
        is_own = all(isinstance(step, Pair) for step in frame.state.rule)
        sliceable = class_matrices.sliceable(frame.store, frame.choice("global-show"))
        return frame.selected if frame.has_selection and sliceable and not is_own else None

    def _fill(self, frame: Frame) -> None:
        store, state = frame.store, frame.state
        self.rows, show = rows_of(frame), frame.choice("global-show")
        # Angles of samples count by samples, counts are added up.
        samples = frame.per_class(self.mask)
        ones = np.ones(self.count)
        weights = {class_matrices.ANGLES: samples, class_matrices.BETWEEN: ones}.get(show)
        gather = lambda cell: class_order.gathered(self._table(cell, show), self.rows, weights)
        # All of 1,000 classes would be 4 MB a side.
        shared = self.mask is None and self.rows.grouped
        once = lambda cell: store.cached(("classes", "gathered", show, cell), lambda: gather(cell))
        read = once if shared else gather
        tables = {"a": read(state.a), "b": read(state.b)}
        tables["difference"] = tables["b"] - tables["a"]
        if frame.null is not None:
            tables["null"] = read(frame.null[1]) - read(frame.null[0])
        null = (frame.null_description,) if state.null else ()
        self.finding = class_matrices.finding(tables, show, grouped=self.rows.grouped)
        self.key = f"{KEYS[show]}; click a cell to {'open its group' if self.rows.grouped else 'select its samples'}."
        if self.mask is None:
            least = class_matrices.detectable(store, state.a, state.b, show)
        else:
            least = f"Of the {int(self.mask.sum()):,} selected samples."
        if self.mask is None and frame.has_selection and show != class_matrices.BETWEEN:
            least += " Of all samples."
        self.caption.text = f"{class_matrices.sentence(self.rows, tables, show, *null)} {least}".strip()
        if show == class_matrices.CONFUSION:
            tables = {side: class_order.signed_log(counts) for side, counts in tables.items()}
        self.tables, self.limits = tables, class_matrices.limits(tables)
        self.picks = {side: "change" if side in SIDES[2:] else class_matrices.PICKS[show] for side in tables}
        self.counted = show == class_matrices.CONFUSION
        for side in tables:
            self._scale(side, self.limits[side])
        self.figures["null"].visible = frame.null is not None
        titles = self.rows.titles()
        if self.changed("names", (show, titles)):
            self._name_rows(show)
        if self.changed("rows", titles):
            self.reset()
        else:
            # The same rows, so that a zoom stays.
            self._paint(anew=True)
        self._show_path(frame)

    def _table(self, cell: Cell, show: str) -> np.ndarray:
        frame = self.frame
        if self.mask is None or show != class_matrices.ANGLES or frame.store.without_geometry(cell):
            return class_matrices.table(frame.store, cell, show, self.mask)
        return frame.class_sums(cell, tuple(range(self.count))).means

    def reset(self) -> None:
        """Show all rows and columns."""
        count = len(self.rows)
        for axis, ends in ((self.across, (0, count)), (self.down, (count, 0))):
            # The bounds first: a browser keeps ends within those that it knows.
            axis.bounds = (0, count)
            axis.update(start=ends[0], end=ends[1], reset_start=ends[0], reset_end=ends[1])
        self._paint(anew=True)

    def _paint(self, *, anew: bool = False) -> None:
        """Send the part that is on screen, where it is not that of the last time."""
        across: Any = (self.across.start, self.across.end)
        down: Any = (self.down.start, self.down.end)
        shown = self.window = downsampling.window(across, down, len(self.rows))
        if not self.changed("window", shown) and not anew:
            return
        for side, matrix in self.tables.items():
            low, high = self.limits[side]
            pixels = downsampling.picture(matrix, shown, self.picks[side])
            image = rasters.levels(pixels, (low, high), rasters.GAP)
            place = (shown.left, shown.top, shown.right - shown.left, shown.bottom - shown.top)
            columns = {"image": image, **dict(zip(PLACE, place, strict=True)), "low": low, "high": high}
            columns |= {"counts": int(self.counted), "shared": shown.shared}
            self.images[side].data = {name: [value] for name, value in columns.items()}
        self._tick()
        self._mark(self.frame)

    def _scale(self, side: str, ends: tuple[float, float]) -> None:
        """The colours of a matrix, and the numbers beside them."""
        counts = self.counted
        # Bokeh compares and checks 255 colours where they are given again.
        if side in ("a", "b") and self.changed(f"palette-{side}", counts):
            self.mappers[side].palette = MANY_SAMPLES if counts else NEAR
        places = {0: ends[0], 127: (ends[0] + ends[1]) / 2, 254: ends[1]}
        value = lambda v: np.sign(v) * np.expm1(abs(v)) if counts else v
        sign = "+" if side in SIDES[2:] else ""
        text = lambda v: "0" if v == 0 else f"{v:{sign}.0f}" if abs(v) >= 10 or counts else f"{v:{sign}.1f}"
        unit = "" if counts else "°"
        labels = {k: f"{text(value(v))}{unit}" for k, v in places.items()}
        if self.changed(f"labels-{side}", labels):
            self.bars[side].major_label_overrides = labels

    def _name_rows(self, show: str) -> None:
        """The labels of axes, the titles, and the names for hovering."""
        self.names.data = {"name": self.rows.titles()}
        count, rows = len(self.rows), "groups" if self.rows.grouped else "classes"
        unnamed = "" if count <= TICKS["down"] else f" ({count} {rows}, hover for names)"
        across, down, title = SHOWN[show]
        for side, figure in self.figures.items():
            # Set once: a label that changes and changes back lays out all four figures.
            figure.xaxis.axis_label, figure.yaxis.axis_label = across, down + unnamed
            figure.title.text = f"{class_matrices.NAMES[side]}: {title}"

    def _tick(self) -> None:
        """Write names beside the rows and columns on screen, where there is room."""
        short, shown = self.rows.titles(LONGEST), self.window
        ends = {"down": range(shown.top, shown.bottom), "across": range(shown.left, shown.right)}
        # Bokeh checks every label: a thousand on eight axes cost 0.2 s.
        labels = {
            way: {k + 0.5: draw.plain(short[k]) for k in places} if len(places) <= TICKS[way] else {}
            for way, places in ends.items()
        }
        if not self.changed("labels", labels):
            return
        # A has names where the others have a bar of colour; so its field is about as wide as theirs.
        widest = max(map(len, labels["down"].values()), default=0)
        self.figures["a"].styles = {"flex-grow": "1.2" if widest > 3 else "1"}
        turned = sum(map(len, labels["across"].values())) > 25
        for figure in self.figures.values():
            for axis, way in ((figure.xaxis, "across"), (figure.yaxis, "down")):
                axis.ticker.ticks = list(labels[way])
                axis.major_label_overrides = labels[way]
            figure.xaxis.major_label_orientation = "vertical" if turned else "horizontal"

    def _show_path(self, frame: Frame) -> None:
        chosen = frame.choice("global-group") if "global-group" in frame.choices else ""
        opened = bool(chosen) and frame.choice("global-detail") == "grouped"
        self.back.visible, self.trail.visible = opened, opened or self.rows.grouped
        if opened:
            name = groups_as_rows(frame.store).titles()[int(chosen) - 1]
            self.path.text = f"All groups › <b>group {chosen}: {escape(name)}</b>"
        elif self.rows.grouped:
            self.path.text = f"{self.count:,} classes in {len(self.rows)} groups of similar ones"
        else:
            self.path.text = ""

    def _mark(self, frame: Frame) -> None:
        """Frame the fields whose samples the rule selects."""
        rows = () if self.grouped else self.rows.classes
        place = {int(classes[0]): k for k, classes in enumerate(rows)}
        for side, cell in (("a", frame.state.a), ("b", frame.state.b)):
            pairs = [s.pair for s in frame.state.rule if isinstance(s, Pair) and s.cell == cell]
            pairs = [pair for pair in pairs if pair[0] in place and pair[1] in place]
            x, y = [place[j] + 0.5 for _, j in pairs], [place[i] + 0.5 for i, _ in pairs]
            small = self.window.bottom - self.window.top > SMALL
            draw.fill(self.marks[side], {"x": x, "y": y, "size": [MARK * small] * len(pairs)})
