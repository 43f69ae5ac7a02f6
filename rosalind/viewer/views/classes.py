"""View 4, continued: the class matrices, grouped where there are many."""

from html import escape

import numpy as np
from bokeh.events import Tap
from bokeh.layouts import row
from bokeh.models import (
    Button,
    ColorBar,
    ColumnDataSource,
    CustomJSHover,
    Div,
    FixedTicker,
    HoverTool,
    LinearColorMapper,
    Range1d,
)

from rosalind.viewer import classes, compute
from rosalind.viewer.classes import Rows
from rosalind.viewer.matrices import (
    ANGLES,
    BETWEEN,
    CONFUSION,
    ORDERS,
    apart,
    groups_of,
    in_order,
    order_of_likeness,
    table,
)
from rosalind.viewer.store import Store
from rosalind.viewer.views.frame import (
    CLEAR,
    DIVERGING,
    SELECTED,
    SEQUENTIAL,
    Change,
    Frame,
    caption,
    fill,
    plot,
    symmetric,
    titled,
)

TICKS = {"down": 25, "across": 12}
"""Most rows and columns whose names stand on the axes; beyond they are read by hovering."""

LONGEST = 9
"""Letters of a class's name beside an axis."""

# Yellow is near, or many. Bokeh checks every colour of a palette, so there are no more than can be told apart.
NEAR, MANY_SAMPLES, CHANGE = SEQUENTIAL[::-4], SEQUENTIAL[::4], DIVERGING[::4]

SIDES = ("a", "b", "difference", "null")
NAMES = {"a": "A", "b": "B", "difference": "B minus A", "null": "The null"}

NAME_HOVER = "return names.data.name[Math.floor(value)] ?? ''"
VALUE_HOVER = """
if (value == 255) { return "no samples"; }
const [low, high, counts] = [source.data.low[0], source.data.high[0], source.data.counts[0]];
const found = low + value / 254 * (high - low);
return counts ? Math.round(Math.sign(found) * Math.expm1(Math.abs(found))) + " samples" : found.toFixed(1) + " degrees";
"""


def rows_of(frame: Frame) -> Rows:
    """What the rows of the matrices stand for: every class, groups, or the classes of the chosen group."""
    store, order = frame.store, in_order(frame.store, frame.choice("global-order"))
    if len(order) <= classes.GROUPED or frame.choice("global-detail") == "all classes":
        return classes.rows_of_classes(order, store.class_names)
    groups, chosen = groups_of(store), frame.choice("global-group")
    if chosen:
        return classes.rows_of_classes(order[groups[order] == int(chosen) - 1], store.class_names)
    return classes.rows_of_groups(apart(store), order_of_likeness(store), groups, store.class_names)


class Classes:
    """Matrices of A, B, their difference and the null; a click selects a field's samples or opens a group."""

    def __init__(self, frame: Frame, change: Change):
        self.change, self.count = change, len(frame.store.class_names)
        self.shown: tuple | None = None
        self.named: tuple | None = None
        self.names = ColumnDataSource({"name": []})
        self.figures, self.images, self.mappers, self.bars, self.marks = {}, {}, {}, {}, {}
        for side in SIDES:
            self._matrix(side)
        self.figures["null"].visible = False
        self.back = Button(label="back to all groups", name="global-back", visible=False, width=150)
        self.back.on_click(lambda: change(choices={"global-group": ""}))
        self.path = Div(text="", name="global-path", sizing_mode="stretch_width")
        self.caption = caption("matrix-caption")
        self.trail = row(self.back, self.path, sizing_mode="stretch_width")
        choosers = [frame.chooser(change, "global-show", "matrices show", width=190)]
        choosers += [frame.chooser(change, "global-order", "order of classes", width=130)]
        if "global-detail" in frame.choices:
            choosers += [frame.chooser(change, "global-detail", "rows", width=130)]
        self.root = titled(
            "How do classes lie?",
            row(*choosers, sizing_mode="stretch_width"),
            self.trail,
            row(*self.figures.values(), sizing_mode="stretch_width"),
        )

    @staticmethod
    def choices(store: Store) -> dict[str, tuple[str, ...]]:
        """What the matrices show, in which order, and past 50 classes whether and which group."""
        count = len(store.class_names)
        found = {
            "global-show": (ANGLES, BETWEEN, CONFUSION),
            "global-order": ORDERS if count <= classes.MANY else ORDERS[::-1],
        }
        if count > classes.GROUPED:
            numbers = map(str, range(1, classes.group_count(count) + 1))
            found |= {"global-detail": ("grouped", "all classes"), "global-group": ("", *numbers)}
        return found

    def _matrix(self, side: str) -> None:
        difference = side in ("difference", "null")
        figure = plot(
            f"matrix-{side}",
            f"Matrix of classes against classes: {NAMES[side]}.",
            height=270 if self.count <= classes.MANY else 380,
            x_range=Range1d(0, 1),
            y_range=Range1d(1, 0),
        )
        figure.grid.grid_line_color = None
        # Changed in place later: a new model in a document costs 0.4 s, as Bokeh then looks at all of them.
        figure.xaxis.ticker, figure.yaxis.ticker = FixedTicker(ticks=[]), FixedTicker(ticks=[])
        figure.yaxis.major_label_text_font_size = figure.xaxis.major_label_text_font_size = "10px"
        figure.yaxis.visible = side == "a"
        source = ColumnDataSource({key: [] for key in ("image", "size", "low", "high", "counts")})
        palette = CHANGE if difference else NEAR
        mapper = LinearColorMapper(palette=palette, low=0, high=254, high_color=CLEAR)
        image = figure.image("image", x=0, y=0, dw="size", dh="size", source=source, color_mapper=mapper)
        bar = ColorBar(
            color_mapper=mapper,
            ticker=FixedTicker(ticks=[0, 127, 254]),
            width=8,
            padding=4,
            label_standoff=4,
            major_label_text_font_size="10px",
        )
        if side != "a":
            figure.add_layout(bar, "right")
        marks = ColumnDataSource({"x": [], "y": []})
        figure.rect(
            "x", "y", width=1, height=1, source=marks, fill_color=None, line_color=SELECTED, line_width=2
        )
        name = CustomJSHover(args={"names": self.names}, code=NAME_HOVER)
        value = CustomJSHover(args={"source": source}, code=VALUE_HOVER)
        tips = [("row", "$y{custom}"), ("column", "$x{custom}"), ("", "@image{custom}")]
        formatters = {"$x": name, "$y": name, "@image": value}
        figure.add_tools(HoverTool(renderers=[image], tooltips=tips, formatters=formatters))
        figure.on_event(Tap, lambda event: self._tap(side, event))
        self.figures[side], self.images[side], self.mappers[side] = figure, source, mapper
        self.bars[side], self.marks[side] = bar, marks

    def _tap(self, side: str, event: Tap) -> None:
        i, j = (int(np.floor(v)) if v is not None else -1 for v in (event.y, event.x))
        if not (0 <= i < len(self.rows) and 0 <= j < len(self.rows)):
            return
        if self.grouped:
            self.change(choices={"global-group": str(i + 1)})
            return
        true, predicted = (int(self.rows.classes[k][0]) for k in (i, j))
        null = self.frame.null[1] if self.frame.null is not None else None
        cell = {"a": self.frame.state.a, "null": null}.get(side) or self.frame.state.b
        step = {"pair": [true, predicted], "cell": list(cell)}
        # With many classes the parallel coordinates show the surroundings of the class that was clicked.
        self.change(step=step, **({"true_class": true} if self.count > classes.MANY else {}))

    @property
    def grouped(self) -> bool:
        """Whether rows are groups of classes."""
        return "global-group" in self.frame.choices and (
            self.frame.choice("global-detail") == "grouped" and not self.frame.choice("global-group")
        )

    def update(self, frame: Frame) -> None:
        self.frame = frame
        state = frame.state
        asked = tuple((name, frame.choice(name)) for name in frame.choices if name.startswith("global-"))
        shown = (state.a, state.b, frame.null, asked)
        if shown != self.shown:
            self._fill(frame)
            self.shown = shown
        self._mark(frame)

    def _fill(self, frame: Frame) -> None:
        store, state = frame.store, frame.state
        self.rows, show = rows_of(frame), frame.choice("global-show")
        # Angles of samples count by samples, counts are added up.
        samples = np.bincount(store.labels[store.labels >= 0], minlength=self.count)
        weights = {ANGLES: samples, BETWEEN: np.ones(self.count), CONFUSION: None}[show]
        read = lambda cell: classes.gathered(table(store, cell, show), self.rows, weights)
        tables = {"a": read(state.a), "b": read(state.b)}
        tables["difference"] = tables["b"] - tables["a"]
        if frame.null is not None:
            tables["null"] = read(frame.null[1]) - read(frame.null[0])
        self.caption.text = self._words(frame, tables, show)
        if show == CONFUSION:
            tables = {side: classes.signed_log(found) for side, found in tables.items()}
        limits = _limits(tables)
        for side, found in tables.items():
            self._draw(side, found, limits[side], counts=show == CONFUSION)
        self.figures["null"].visible = frame.null is not None
        named = (show, tuple(self.rows.titles()))
        if named != self.named:
            self._name_rows(show)
            self.named = named
        self._show_path(frame)

    def _draw(self, side: str, found: np.ndarray, ends: tuple[float, float], *, counts: bool) -> None:
        size, figure = len(found), self.figures[side]
        self.images[side].data = {
            "image": [compute.levels(found, ends, compute.GAP)],
            "size": [size],
            "low": [ends[0]],
            "high": [ends[1]],
            "counts": [int(counts)],
        }
        figure.x_range.end = figure.y_range.start = size
        if side in ("a", "b"):
            self.mappers[side].palette = MANY_SAMPLES if counts else NEAR
        places = {0: ends[0], 127: (ends[0] + ends[1]) / 2, 254: ends[1]}
        value = lambda v: np.sign(v) * np.expm1(abs(v)) if counts else v
        sign = "+" if side in ("difference", "null") else ""
        text = lambda v: "0" if v == 0 else f"{v:{sign}.0f}" if abs(v) >= 10 or counts else f"{v:{sign}.1f}"
        unit = "" if counts else "°"
        self.bars[side].major_label_overrides = {k: f"{text(value(v))}{unit}" for k, v in places.items()}

    def _name_rows(self, show: str) -> None:
        self.names.data = {"name": self.rows.titles()}
        count, short = len(self.rows), self.rows.titles(LONGEST)
        labels = {k + 0.5: name for k, name in enumerate(short)}
        what = "groups" if self.rows.grouped else "classes"
        unnamed = "" if count <= TICKS["down"] else f" ({count} {what}, hover for names)"
        turned = sum(map(len, short)) > 25
        # A has names where the others have a bar of colour; so its field is about as wide as theirs.
        widest = max(map(len, short)) if not unnamed else 0
        self.figures["a"].styles = {"flex-grow": "1.2" if widest > 3 else "1"}
        across, down = {
            ANGLES: ("direction of class", "samples of class"),
            BETWEEN: ("direction of class", "direction of class"),
            CONFUSION: ("predicted class", "true class"),
        }[show]
        for side, figure in self.figures.items():
            for axis, label, most in (
                (figure.xaxis, across, TICKS["across"]),
                # Set once: a label that changes and changes back lays out all four figures.
                (figure.yaxis, down + unnamed, TICKS["down"]),
            ):
                # Bokeh checks every label: a thousand on eight axes cost 0.2 s.
                axis.ticker.ticks = list(labels) if count <= most else []
                axis.major_label_overrides = labels if count <= most else {}
                axis.axis_label = label
            figure.xaxis.major_label_orientation = "vertical" if turned else "horizontal"
            figure.title.text = (
                NAMES[side] + {ANGLES: ": mean angle", BETWEEN: ": angle", CONFUSION: ": samples"}[show]
            )

    def _show_path(self, frame: Frame) -> None:
        chosen = frame.choice("global-group") if "global-group" in frame.choices else ""
        opened = bool(chosen) and frame.choice("global-detail") == "grouped"
        self.back.visible, self.trail.visible = opened, opened or self.rows.grouped
        if opened:
            name = classes.rows_of_groups(
                apart(frame.store),
                order_of_likeness(frame.store),
                groups_of(frame.store),
                frame.store.class_names,
            ).titles()[int(chosen) - 1]
            self.path.text = f"All groups › <b>group {chosen}: {escape(name)}</b>"
        elif self.rows.grouped:
            self.path.text = f"{self.count:,} classes in {len(self.rows)} groups of similar ones"
        else:
            self.path.text = ""

    def _mark(self, frame: Frame) -> None:
        """Frame the fields whose samples the rule selects."""
        rows = () if self.grouped else self.rows.classes
        place = {int(found[0]): k for k, found in enumerate(rows)}
        for side, cell in (("a", frame.state.a), ("b", frame.state.b)):
            pairs = [s["pair"] for s in frame.state.rule if "pair" in s and tuple(s["cell"]) == cell]
            pairs = [pair for pair in pairs if pair[0] in place and pair[1] in place]
            x, y = [place[j] + 0.5 for _, j in pairs], [place[i] + 0.5 for i, _ in pairs]
            fill(self.marks[side], {"x": x, "y": y})

    def _words(self, frame: Frame, tables: dict[str, np.ndarray], show: str) -> str:
        """What the matrices say, in numbers."""
        own = np.eye(len(self.rows), dtype=bool)
        mean = lambda found: float(found[np.isfinite(found)].mean()) if np.isfinite(found).any() else None
        number = lambda v, unit: "nothing measured" if v is None else f"{v:.1f}{unit}"
        told = []
        for side in ("a", "b"):
            found = tables[side]
            if show == CONFUSION:
                right, all_ = np.trace(found), found.sum()
                where = "in the own group" if self.rows.grouped else "right"
                told.append(f"{NAMES[side]} {right:,.0f} of {all_:,.0f} {where}")
            elif show == BETWEEN:
                told.append(f"{NAMES[side]} {number(mean(found), ' degrees')} on average")
            else:
                words = f"{number(mean(found[own]), '')} degrees to the own"
                told.append(f"{NAMES[side]} {words}, {number(mean(found[~own]), '')} to others")
        moved = lambda side: mean(np.abs(tables[side]))
        unit = " samples" if show == CONFUSION else " degrees"
        told.append(f"B and A differ by {number(moved('difference'), unit)} a field")
        if "null" in tables:
            told[-1] += f", the null ({escape(frame.null_words)}) by {number(moved('null'), unit)}"
        elif frame.state.null:
            told[-1] += f"; no null: {escape(frame.null_words)}"
        what = {
            ANGLES: "mean angle from the samples of a class (row) to a class direction (column)",
            BETWEEN: "angle between two class directions of the head, whatever the condition",
            CONFUSION: "samples of a true class (row) predicted as another (column), shaded by logarithm",
        }[show]
        click = "Click a row to open its group." if self.grouped else "Click a field for its samples."
        return f"Matrices: {what}; {'; '.join(told)}. {click}"


def _limits(tables: dict[str, np.ndarray]) -> dict[str, tuple[float, float]]:
    """Colour limits by side: A and B share theirs, and so do the difference and the null, around zero."""

    def reach(*found: np.ndarray) -> tuple[float, float]:
        ends = [(float(np.nanmin(f)), float(np.nanmax(f))) for f in found if np.isfinite(f).any()]
        low, high = min((e[0] for e in ends), default=0.0), max((e[1] for e in ends), default=1.0)
        return (low, high) if high > low else (low - 0.5, low + 0.5)

    both = reach(tables["a"], tables["b"])
    ends = reach(*(tables[side] for side in ("difference", "null") if side in tables))
    around = symmetric(max(abs(ends[0]), abs(ends[1])))
    return {"a": both, "b": both, "difference": around, "null": around}
