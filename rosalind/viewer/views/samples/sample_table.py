"""The numbers of the samples on a contact sheet, a row for each."""

from typing import Any

import numpy as np
from bokeh.models import ColumnDataSource, DataTable, NumberFormatter, StringFormatter, TableColumn

from rosalind.analysis.sides import Cell
from rosalind.viewer.bokeh_patches import repaint
from rosalind.viewer.theme import right_headers
from rosalind.viewer.views.draw import empty
from rosalind.viewer.views.frame import Frame

HEIGHT = 180
"""Pixels of the table; of few samples it is lower."""

COLUMNS = ("id", "true", "A", "B", "margin A", "margin B")


def sample_table() -> tuple[DataTable, ColumnDataSource]:
    """An empty table and its columns."""
    rows = empty(*COLUMNS)
    number = NumberFormatter(format="0.00", text_align="right", nan_format="-")
    columns = [
        # The widths are shares: a title with its unit is the longest.
        TableColumn(field=name, title=name, width=160, formatter=number)
        if "margin" in name
        else TableColumn(field=name, title=name, width=70, formatter=StringFormatter())
        for name in COLUMNS
    ]
    size = {"height": HEIGHT, "sizing_mode": "stretch_width"}
    fixed: Any = {"index_position": None, "sortable": False, "reorderable": False, "stylesheets": [right_headers(5)]}
    return repaint(DataTable(source=rows, columns=columns, name="sample-table", **size, **fixed)), rows


def show_rows(table: DataTable, rows: ColumnDataSource, frame: Frame, listed: np.ndarray, left: Cell) -> None:
    """Show ids, names of classes and margins of samples int[k] by position; margins raw where the state says so.

    Args:
        table, rows: of `sample_table`.
        frame: of the page.
        listed: positions.
        left: the cell beside B: A, or clean images of B's network, and then the titles say so.
    """
    store, state = frame.store, frame.state
    word = "A" if left == state.a else "clean"
    unit = store.measures["margin"].unit_shown(state.raw)
    titles = (*COLUMNS[:2], word, "B", *(f"margin {side} ({unit})" for side in (word, "B")))
    columns: Any = table.columns
    if [column.title for column in columns] != list(titles):
        for column, title in zip(columns, titles, strict=True):
            column.title = title
        # A new list: the table draws its head anew only then.
        table.columns = list(columns)
    rows.data = {
        "id": store.ids[listed].tolist(),
        "true": store.names_of(store.labels[listed]),
        "A": store.names_of(store.predictions(left)[listed]),
        "B": store.names_of(store.predictions(state.b)[listed]),
        "margin A": frame.values(left, "margin")[listed],
        "margin B": frame.values(state.b, "margin")[listed],
    }
    table.height = min(HEIGHT, 32 + 25 * max(len(listed), 1))
    rows.selected.indices = []
