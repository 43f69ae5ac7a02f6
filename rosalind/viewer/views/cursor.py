"""A cursor over the cells of a figure, moved with the keyboard: what the mouse does, without one."""

from collections.abc import Callable
from typing import Any

import numpy as np

from rosalind.viewer.views.draw import empty, fill

MOVES = {"ArrowLeft": (-1, 0), "ArrowRight": (1, 0), "ArrowUp": (0, -1), "ArrowDown": (0, 1)}


class CellCursor:
    """A frame around one cell of a figure with rows of one height from the top."""

    def __init__(
        self,
        figure: Any,
        size: Callable[[], tuple[int, int]],
        choose: Callable[[int, int, bool], None],
        describe: Callable[[int, int], str],
        *,
        middle: float = 0.0,
        column: Callable[[int], tuple[float, float]] | None = None,
    ):
        """
        Args:
            figure: whose cells are one unit high, and wide where `column` is not given.
            size: the number of columns and rows at present.
            choose: called with column and row on Enter, and with True where shift is held.
            describe: of column and row what is read out.
            middle: of the first cell, on both axes.
            column: the middle and the width of a column, by its number.
        """
        self.size, self._choose, self._describe, self._middle = size, choose, describe, middle
        self._column = column or (lambda number: (number + middle, 1.0))
        self.place: tuple[int, int] | None = None
        """Column and row; None before the first key."""
        self.source = empty("x", "y", "w")
        figure.tags = [*figure.tags, "cells"]
        # Else a screen reader keeps the arrows for itself.
        figure.html_attributes = {**figure.html_attributes, "role": "application"}
        for colour, width in (("#000000", 4.5), ("#ffffff", 2)):
            look = {"fill_color": None, "line_color": colour, "line_width": width}
            figure.rect("x", "y", "w", 0.96, source=self.source, **look)

    def press(self, key: str, *, shift: bool = False) -> str:
        """Move, or on `Enter` choose; gives what is read out.

        The first key shows the cursor on the first cell. It stays on the cells, also where they have become fewer.
        """
        columns, rows = self.size()
        if not columns or not rows or (key not in MOVES and key != "Enter"):
            return ""
        across, down = MOVES[key] if self.place is not None and key in MOVES else (0, 0)
        column, row = self.place or (0, 0)
        column, row = self.go(column + across, row + down)
        described = self._describe(column, row)
        if key != "Enter":
            return described
        self._choose(column, row, shift)
        return f"{described}: chosen"

    def go(self, column: int, row: int) -> tuple[int, int]:
        """Show the cursor on a cell, or on the nearest there is; gives its column and row."""
        columns, rows = self.size()
        self.place = column, row = int(np.clip(column, 0, columns - 1)), int(np.clip(row, 0, rows - 1))
        x, width = self._column(column)
        at = {"x": x, "y": row + self._middle, "w": 0.96 * width}
        fill(self.source, {name: np.array([value], np.float32) for name, value in at.items()})
        return self.place
