"""View 6: the images of the selection, under A and under B, and their numbers."""

import numpy as np
from bokeh.events import Tap
from bokeh.layouts import row
from bokeh.models import (
    ColumnDataSource,
    CustomJS,
    DataTable,
    NumberFormatter,
    Range1d,
    Select,
    TableColumn,
)

from rosalind.viewer import compute
from rosalind.viewer.store import Store
from rosalind.viewer.views.frame import FLIP_COLOURS, Change, Frame, caption, flip_legend, plot, titled

TILES = 60
"""Samples on one sheet."""

COLUMNS = 10

SORTS = ("broken most by B", "gained most by B", "lowest margin in A", "lowest margin in B", "sample id")


class Samples:
    """A contact sheet, left half under A and right half under B; click a tile to show it in full."""

    @staticmethod
    def choices(store: Store) -> dict[str, tuple[str, ...]]:
        """Nothing is chosen here."""
        return {}

    def __init__(self, frame: Frame, change: Change):
        self.change = change
        self.sort = Select(options=list(SORTS), value=SORTS[0], title="first", width=170, name="sort")
        self.sort.on_change("value", lambda attr, old, new: self.update(self.frame))
        lines = TILES // COLUMNS
        self.figure = plot(
            "samples",
            "Contact sheet of the selected samples.",
            height=360,
            x_range=Range1d(0, COLUMNS),
            y_range=Range1d(lines, 0),
        )
        self.figure.axis.visible = False
        self.figure.grid.grid_line_color = None
        self.sheet = ColumnDataSource({"image": []})
        self.tiles = ColumnDataSource({"x": [], "y": [], "colour": [], "width": []})
        self.figure.image_rgba("image", x=0, y=0, dw=COLUMNS, dh=lines, source=self.sheet)
        self.figure.rect(
            "x",
            "y",
            0.97,
            0.95,
            source=self.tiles,
            fill_color=None,
            line_color="colour",
            line_width="width",
        )
        self.figure.on_event(Tap, self._tap)
        names = ("id", "true", "A", "B", "margin A", "margin B")
        self.rows = ColumnDataSource({name: [] for name in names})
        number = NumberFormatter(format="0.00", text_align="right", nan_format="-")
        columns = [
            TableColumn(field=name, title=name, **({"formatter": number} if "margin" in name else {}))
            for name in names
        ]
        self.table = DataTable(
            source=self.rows,
            columns=columns,
            height=210,
            sizing_mode="stretch_width",
            index_position=None,
            name="sample-table",
            sortable=False,
            reorderable=False,
        )
        # Bokeh 3.9.0 to 3.9.2 do not repaint a table whose data change but not its number of rows
        # (bokeh issue 15328); 3.8.2 does.
        self.rows.js_on_change("data", CustomJS(args={"t": self.table}, code="t.change.emit()"))
        self.caption = caption("samples-caption")
        self.root = titled(
            "Which samples?",
            row(self.sort),
            self.figure,
            self.table,
            caption=self.caption,
        )

    def _tap(self, event: Tap) -> None:
        place = int(event.y or 0) * COLUMNS + int(event.x or 0)
        if 0 <= (event.x or 0) < COLUMNS and 0 <= place < len(self.listed):
            self.change(primary=int(self.frame.store.ids[self.listed[place]]))

    def update(self, frame: Frame) -> None:
        self.frame = frame
        store, state = frame.store, frame.state
        some = frame.selected if frame.selected.any() else frame.shown
        margins = {side: frame.values(cell, "margin") for side, cell in (("A", state.a), ("B", state.b))}
        key = {
            SORTS[0]: margins["B"] - margins["A"],
            SORTS[1]: margins["A"] - margins["B"],
            SORTS[2]: margins["A"],
            SORTS[3]: margins["B"],
            SORTS[4]: store.ids,
        }[self.sort.value]
        rows, left = store.images(state.a[1])
        _, right = store.images(state.b[1])
        pictured = np.zeros(len(store.ids), bool)
        pictured[rows] = True
        candidates = np.flatnonzero(some & pictured)
        # NaN sorts last.
        self.listed = candidates[np.argsort(key[candidates], kind="stable")][:TILES]
        at = np.searchsorted(rows, self.listed)
        lines = TILES // COLUMNS
        if len(self.listed) and len(right):
            pairs = np.concatenate([left[at], right[at]], axis=2)
            filled = np.full((TILES, *pairs.shape[1:]), 255, np.uint8)
            filled[: len(pairs)] = pairs
            self.sheet.data = {"image": [compute.contact_sheet(filled, COLUMNS)]}
        else:
            self.sheet.data = {"image": []}
        y, x = np.divmod(np.arange(len(self.listed)), COLUMNS)
        primary = store.ids[self.listed] == state.primary
        self.tiles.data = {
            "x": x + 0.48,
            "y": y + 0.47,
            "colour": [FLIP_COLOURS[k] for k in frame.flips[self.listed]],
            "width": np.where(primary, 6, 2),
        }
        names = np.array(store.class_names, dtype=object)
        self.rows.data = {
            "id": store.ids[self.listed].tolist(),
            "true": names[store.labels[self.listed]].tolist(),
            "A": names[store.predictions(state.a)[self.listed]].tolist(),
            "B": names[store.predictions(state.b)[self.listed]].tolist(),
            "margin A": margins["A"][self.listed],
            "margin B": margins["B"][self.listed],
        }
        kind = "selected" if frame.selected.any() else "shown"
        without = int((some & ~pictured).sum())
        self.caption.text = (
            f"{len(self.listed)} of {some.sum():,} {kind} samples, {self.sort.value} first; left half under A, "
            f"right half under B. {flip_legend()}."
            + (f" {without:,} have no stored image." if without else "")
            + f" {lines} lines of {COLUMNS}; click one to ask why."
        )
