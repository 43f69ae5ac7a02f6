"""The samples that have maps as small pictures; a click shows one."""

from typing import Any

import numpy as np
from bokeh.events import Tap

from rosalind.analysis import contact_sheet
from rosalind.analysis.store import Store
from rosalind.viewer.views.draw import FLIP_COLOURS, empty, mosaics, plot
from rosalind.viewer.views.frame import Change, Frame

ACROSS, DOWN, TILE = 12, 2, 36
"""Pictures in a row, rows, and pixels of a picture with its frame."""

ORDER = (1, 2, 3, 0)
"""Flips, the most telling first: B fixes, B breaks, both wrong, both right."""


def ordered(frame: Frame, ids: np.ndarray) -> np.ndarray:
    """Positions int[k] of samples by what becomes of them from A to B; of equals in the order of the study."""
    at = np.flatnonzero(np.isin(frame.store.ids, ids))
    rank = np.argsort(ORDER)[frame.flips[at]]
    return at[np.argsort(rank, kind="stable")]


class MappedSamples:
    """A strip of pictures, framed by what becomes of a sample from A to B."""

    def __init__(self, store: Store, change: Change):
        """
        Args:
            store: of the study.
            change: told the id of a sample that is clicked.
        """
        self.store, self._change, self.listed = store, change, np.empty(0, int)
        self.figure = figure = plot(
            "attribution-samples",
            "Samples that have maps under A and B; click one to see its maps.",
            width=ACROSS * TILE + 4,
            height=TILE + 4,
            sizing_mode="fixed",
            x_range=(0, ACROSS),
            y_range=(1, 0),
        )
        figure.min_border, figure.outline_line_alpha = 0, 0
        figure.axis.visible = False
        figure.grid.grid_line_color = None
        self.sheet = empty("image", "dw", "dh")
        mosaics(figure, store, self.sheet)
        self.tiles = empty("x", "y", "colour", "width")
        look = {"fill_color": None, "line_color": "colour", "line_width": "width"}
        figure.rect("x", "y", 0.9, 0.9, source=self.tiles, **look)
        figure.on_event(Tap, lambda event: self.tap(event.x, event.y))

    def tap(self, x: float | None, y: float | None) -> None:
        """Show the sample of the picture at a place."""
        tile = int(y or 0) * ACROSS + int(x or 0)
        if 0 <= (x or 0) < ACROSS and (y or 0) >= 0 and tile < len(self.listed):
            self._change(primary=int(self.store.ids[self.listed[tile]]))

    def render(self, frame: Frame, ids: np.ndarray) -> None:
        """Show those of some samples that come first; hidden where there are none."""
        self.listed = ordered(frame, ids)[: ACROSS * DOWN]
        lines = max(-(-len(self.listed) // ACROSS), 1)
        self.figure.visible = bool(len(self.listed))
        self.figure.height = lines * TILE + 4
        self.figure.y_range.start = lines
        y, x = np.divmod(np.arange(len(self.listed)), ACROSS)
        self.tiles.data = {
            "x": (x + 0.47).astype(np.float32),
            "y": (y + 0.47).astype(np.float32),
            "colour": [FLIP_COLOURS[k] for k in frame.flips[self.listed]],
            "width": np.where(self.store.ids[self.listed] == frame.state.primary, 5, 2).astype(np.uint8),
        }
        stored, pictures = contact_sheet.pictures(self.store, frame.state.b[1], self.listed)
        data: dict[str, list[Any]] = {"image": [], "dw": [], "dh": []}
        if pictures.size:
            gap = max(pictures.shape[1] // 16, 1)
            image = contact_sheet.mosaic(pictures, ACROSS, lines, gap, stored)
            data = {"image": [image], "dw": [ACROSS], "dh": [lines]}
        self.sheet.data = data
