"""Pinned sides as small multiples: their numbers, names and colours, and the rows in which a figure shows them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from bokeh.events import Tap
from bokeh.models import Range1d

from rosalind.analysis import palette
from rosalind.analysis.sides import Cell
from rosalind.viewer.state import PINS
from rosalind.viewer.views import draw
from rosalind.viewer.views.frame import Frame

ROOM = 0.7
"""Height of a row's picture, where a row is 1 high; the name stands above it."""

LEFT = 60
"""Pixels left of figures that stand below each other on one axis, with or without labels there."""

LETTERS = 46
"""Longest name of a side over a row; the chip has the whole."""

NARROW = 23
"""Longest part of a name over a column or a panel."""


@dataclass(frozen=True)
class Pin:
    """One pinned side.

    Attributes:
        base: Height of the row's bottom in a figure of rows; the first row is on top.
        sign: Its number, and its letter where it is A or B.
        colour: That of A or B where it is one of them, else of neither.
    """

    cell: Cell
    base: int
    sign: str
    colour: str

    @property
    def name(self) -> str:
        """Its sign, network and condition, cut to `LETTERS`."""
        return f"{self.sign}: {draw.plain(draw.cut(' · '.join(self.cell), LETTERS))}"

    @property
    def network(self) -> str:
        """Its sign and network, cut to `NARROW`."""
        return f"{self.sign}: {draw.plain(draw.cut(self.cell[0], NARROW))}"

    @property
    def condition(self) -> str:
        """Its condition, cut to `NARROW`."""
        return draw.plain(draw.cut(self.cell[1], NARROW))


def pins_of(frame: Frame) -> list[Pin]:
    """The pinned sides of a frame, in order."""
    state, pins = frame.state, []
    for k, cell in enumerate(state.pins):
        letters = "".join(letter for letter, side in (("A", state.a), ("B", state.b)) if side == cell)
        sign = f"{k + 1} = {letters}" if letters else f"{k + 1}"
        colour = draw.side_colour(letters) if letters else palette.BOTH
        pins.append(Pin(cell, len(state.pins) - 1 - k, sign, colour))
    return pins


def rows(name: str, label: str, tap: Callable[[float | None], None], **options: Any) -> Any:
    """An empty figure for rows of pins, the y axis without marks; a click is told by its height."""
    figure = draw.plot(name, label, y_range=Range1d(start=0, end=1), **options)
    figure.yaxis.visible = False
    figure.ygrid.grid_line_color = None
    figure.on_event(Tap, lambda event: tap(event.y))
    return figure


def fit(figure: Any, count: int, row: int, room: int) -> None:
    """Make a figure as high as `count` rows of `row` pixels, and `room` for what stands around them."""
    figure.y_range.end = max(count, 1)
    figure.height = row * count + room


def pin_at(pins: list[Pin], y: float | None) -> Pin | None:
    """The pin whose row is at a height; None beside all."""
    return next((pin for pin in pins if y is not None and pin.base <= y < pin.base + 1), None)


def names(figure: Any, source: Any) -> None:
    """Draw the column `name` of a source over its rows, bold and in ink, at `left` and `top`."""
    look = {"text_font_size": "11px", "text_font_style": "bold", "text_baseline": "top", "name": "ink"}
    figure.text("left", "top", "name", source=source, x_offset=4, y_offset=2, **look)


def broken(parts: list[np.ndarray]) -> np.ndarray:
    """float32: curves one after the other, with a gap between two."""
    gap = np.array([np.nan], np.float32)
    return np.concatenate([np.concatenate([part, gap]) for part in parts] or [gap]).astype(np.float32)


def sentence(pins: list[Pin], key: str = "") -> str:
    """Sentence on pins: their number, what their marks mean, and what a click does; empty without pins."""
    if not pins:
        return ""
    return f"Below: {len(pins)} pinned (at most {PINS}), on one scale{key}; click one to make it B."
