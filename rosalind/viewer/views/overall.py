"""View 4, global geometry: parallel coordinates of all measures, and angles between classes."""

import numpy as np
from bokeh.events import SelectionGeometry, Tap
from bokeh.layouts import row
from bokeh.models import BoxSelectTool, ColumnDataSource, FixedTicker, LinearColorMapper, Range1d

from rosalind.viewer import compute
from rosalind.viewer.store import Store
from rosalind.viewer.views.frame import (
    DIVERGING,
    GREYS,
    SELECTED,
    SEQUENTIAL,
    Change,
    Frame,
    caption,
    plot,
    see_through,
    symmetric,
    titled,
)

FIRST = ("angle", "norm", "margin")
LINES = 100
"""Most selected samples that are drawn as lines."""


class Global:
    """Densities of lines over angle, norm, margin and the angle to every class; drag on an axis to select."""

    @staticmethod
    def choices(store: Store) -> dict[str, tuple[str, ...]]:
        """Nothing is chosen here."""
        return {}

    def __init__(self, frame: Frame, change: Change):
        self.change, store = change, frame.store
        self.classes = store.class_angles(frame.state.a)[0]
        self.names = [*FIRST, *(f"to {store.class_names[k]}" for k in self.classes)]
        self.figures, self.images, self.lines = {}, {}, {}
        for side in ("a", "b"):
            figure = plot(
                f"global-{side}",
                "Parallel coordinates of angle, norm, margin and class angles; drag on an axis to select.",
                height=230,
                x_range=Range1d(-0.3, len(self.names) - 0.7),
                y_range=Range1d(-0.03, 1.03),
            )
            figure.yaxis.visible = False
            figure.ygrid.grid_line_color = None
            figure.xgrid.grid_line_color = "#8a94a6"
            figure.xaxis.ticker = FixedTicker(ticks=list(range(len(self.names))))
            image = ColumnDataSource({"image": []})
            lines = ColumnDataSource({"xs": [], "ys": []})
            place = {"x": 0, "y": 0, "dw": max(len(self.names) - 1, 1), "dh": 1}
            figure.image("image", source=image, color_mapper=see_through(GREYS), **place)
            figure.multi_line("xs", "ys", source=lines, line_color=SELECTED, line_alpha=0.6)
            tool = BoxSelectTool()
            figure.add_tools(tool)
            figure.toolbar.active_drag = tool
            figure.on_event(SelectionGeometry, lambda event, side=side: self._brush(side, event))
            self.figures[side], self.images[side], self.lines[side] = figure, image, lines
        self.matrices = {side: self._matrix(side, store.class_names) for side in ("a", "b", "difference")}
        self.caption = caption("global-caption")
        self.root = titled(
            "How do classes lie?",
            *self.figures.values(),
            row(*(figure for figure, _, _ in self.matrices.values()), sizing_mode="stretch_width"),
            caption=self.caption,
        )

    def _matrix(self, side: str, names: list[str]):
        count = len(names)
        figure = plot(
            f"matrix-{side}",
            f"Mean angle of every class to every class direction, {side}.",
            height=230,
            x_range=Range1d(0, count),
            y_range=Range1d(count, 0),
        )
        figure.grid.grid_line_color = None
        ticks = [k + 0.5 for k in range(count)] if count <= 20 else []
        for axis, label in ((figure.xaxis, "direction of class"), (figure.yaxis, "samples of class")):
            axis.ticker = FixedTicker(ticks=ticks)
            axis.major_label_overrides = {k + 0.5: names[k] for k in range(count if ticks else 0)}
            axis.axis_label = label
        figure.yaxis.axis_label = "samples of class" if side == "a" else None
        source = ColumnDataSource({"image": []})
        mapper = LinearColorMapper(palette=DIVERGING if side == "difference" else SEQUENTIAL[::-1])
        figure.image("image", x=0, y=0, dw=count, dh=count, source=source, color_mapper=mapper)
        figure.on_event(Tap, lambda event: self._tap(side, event))
        return figure, source, mapper

    def _tap(self, side: str, event: Tap) -> None:
        pair = [int(event.y or 0), int(event.x or 0)]
        if all(0 <= k < len(self.frame.store.class_names) for k in pair):
            cell = self.frame.state.a if side == "a" else self.frame.state.b
            self.change(step={"pair": pair, "cell": list(cell)})

    def _brush(self, side: str, event: SelectionGeometry) -> None:
        box = event.geometry
        if not event.final or box.get("type") != "rect":
            return
        axis = int(np.clip(round((box["x0"] + box["x1"]) / 2), 0, len(self.names) - 1))
        low, high = self.limits[axis]
        band = [low + v * (high - low) for v in (box["y0"], box["y1"])]
        step = {"band": band, "cell": list(self.frame.state.a if side == "a" else self.frame.state.b)}
        step |= {"x": FIRST[axis]} if axis < len(FIRST) else {"class": int(self.classes[axis - len(FIRST)])}
        self.change(step=step)

    def update(self, frame: Frame) -> None:
        self.frame = frame
        state = frame.state
        cells = {"a": state.a, "b": state.b}
        tables = {
            side: np.column_stack(
                [*(frame.values(cell, m) for m in FIRST), frame.store.class_angles(cell)[1]]
            )
            for side, cell in cells.items()
        }
        shown = frame.shown
        both = np.concatenate([tables["a"][shown], tables["b"][shown]])
        self.limits = [compute.limits(both[:, k]) for k in range(both.shape[1])]
        low, high = np.array(self.limits).T
        picked = np.flatnonzero(frame.selected)
        if len(picked) > LINES:
            picked = picked[np.linspace(0, len(picked) - 1, LINES).astype(int)]
        for side, table in tables.items():
            scaled = (table - low) / (high - low)
            counts = compute.parallel_density(scaled[shown])
            self.images[side].data = {"image": [compute.shade(counts)]}
            rows = [line for line in scaled[picked] if np.isfinite(line).all()]
            self.lines[side].data = {
                "xs": [list(range(len(self.names))) for _ in rows],
                "ys": [np.clip(line, 0, 1).round(4).tolist() for line in rows],
            }
            labels = {k: f"{name}\n{low[k]:.3g} to {high[k]:.3g}" for k, name in enumerate(self.names)}
            self.figures[side].xaxis.major_label_overrides = labels
            self.figures[side].title.text = f"{side.upper()}: {' · '.join(cells[side])}"
        self._fill_matrices(frame)
        drawn = (
            f", {len(picked)} of {frame.selected.sum():,} selected as lines" if frame.selected.any() else ""
        )
        listed = (
            ""
            if len(self.classes) == len(frame.store.class_names)
            else (f" Axes show {len(self.classes)} of {len(frame.store.class_names)} classes.")
        )
        self.caption.text = (
            f"Every sample is a line through its angle, norm, margin and its angle to each class direction; "
            f"stronger is more of {shown.sum():,} samples{drawn}. Drag along an axis to select.{listed} "
            f"Below: mean angle from class to direction; {self._spread(frame)} Click a field for its samples."
        )

    def _fill_matrices(self, frame: Frame) -> None:
        a, b = frame.store.class_matrix(frame.state.a), frame.store.class_matrix(frame.state.b)
        low, high = compute.limits(a, b, share=0)
        reach = np.nanmax(np.abs(b - a)) if np.isfinite(b - a).any() else 1.0
        for side, table, ends in (
            ("a", a, (low, high)),
            ("b", b, (low, high)),
            ("difference", b - a, symmetric(reach)),
        ):
            figure, source, mapper = self.matrices[side]
            mapper.update(low=ends[0], high=ends[1])
            source.data = {"image": [table.astype(np.float32)]}
            name = "B minus A" if side == "difference" else side.upper()
            figure.title.text = f"{name}: {ends[0]:.0f} to {ends[1]:.0f} degrees"

    def _spread(self, frame: Frame) -> str:
        words = []
        for letter, cell in (("A", frame.state.a), ("B", frame.state.b)):
            table = frame.store.class_matrix(cell)
            own = float(np.nanmean(np.diag(table)))
            other = float(np.nanmean(table[~np.eye(len(table), dtype=bool)])) if len(table) > 1 else np.nan
            words.append(f"{letter} {own:.0f} degrees to the own, {other:.0f} to other classes")
        return "; ".join(words) + "."
