"""The contact sheet: large pictures in a window that scrolls, with the marks of A and B, class and predictions."""

from collections.abc import Callable
from html import escape
from typing import Any

import numpy as np
from bokeh.events import Tap
from bokeh.models import CustomJSTransform, HoverTool, ScrollBox

from rosalind.analysis import contact_sheet, palette
from rosalind.analysis.sides import Cell
from rosalind.viewer.views.cursor import CellCursor
from rosalind.viewer.views.draw import FLIP_COLOURS, cut_to, empty, mosaics, plot, width_of
from rosalind.viewer.views.frame import Frame
from rosalind.viewer.views.geometry.sample_points import picture_of

SIZES = ("80", "64", "96", "112", "128")
"""Pixels of a picture on a page 1440 wide, the default first."""

WIDTH = 640
"""Pixels that the sizes refer to; in a narrower window pictures shrink with it."""

WINDOW = 452
"""Pixels of the window in which the sheet scrolls."""

LETTERS = 10.5
"""Pixels of an em of the words on a tile."""

MARKS = {True: "circle", False: "x"}
"""Right and wrong, in the corner left for A and right for B."""

RIGHT, WRONG = palette.FLIPS[1], palette.FLIPS[2]
COLUMNS = (
    "x",
    "y",
    "colour",
    "width",
    "left",
    "right",
    "left colour",
    "right colour",
    "text",
    "id",
    "about",
    "margins",
)

TIP = """<div style="padding:4px;text-align:center">
<div style="display:flex;gap:6px">{pictures}</div><b>sample @id</b> @about<br>@margins</div>"""

PICTURE = """<figure style="margin:0"><img src="{address}" alt="" style="height:160px;image-rendering:pixelated">
<figcaption>{words}</figcaption></figure>"""


class Sheet:
    """One figure in a box that scrolls: a picture per sample, or two side by side where they differ."""

    def __init__(self, frame: Frame, most: int, choose: Callable[[int], None]):
        """
        Args:
            frame: the first one.
            most: samples on the sheet.
            choose: called with the number of the tile that is clicked.
        """
        self._choose, self._count = choose, 0
        self.columns = 8
        self.figure = figure = plot(
            "samples",
            "Contact sheet of the selected samples; click one, or walk with the arrow keys, to see it in full.",
            width=WIDTH,
            height=WINDOW,
            # Pictures keep their sides in any width, and a box that scrolls would squeeze the figure into its window.
            sizing_mode="scale_width",
            styles={"max-height": "none"},
            x_range=(0, self.columns),
            y_range=(most // self.columns, 0),
        )
        figure.min_border = 0
        figure.axis.visible = False
        figure.grid.grid_line_color = None
        self.image = empty("image", "dw", "dh")
        mosaics(figure, frame.store, self.image)
        self.tiles = empty(*COLUMNS)
        border = {"fill_color": None, "line_color": "colour", "line_width": "width"}
        frames = figure.rect("x", "y", 0.955, 0.94, source=self.tiles, **border)
        for corner, side in ((-0.4, "left"), (0.4, "right")):
            at = {"x": {"field": "x", "transform": _moved(corner)}, "y": {"field": "y", "transform": _moved(-0.37)}}
            # A disc below, so that a mark is seen on any picture.
            figure.scatter(**at, source=self.tiles, size=13, fill_color="#ffffff", line_color=None)
            look = {"marker": side, "size": 8, "line_width": 2}
            colour = f"{side} colour"
            figure.scatter(**at, source=self.tiles, fill_color=colour, line_color=colour, **look)
        figure.text(
            "x",
            {"field": "y", "transform": _moved(0.44)},
            text="text",
            source=self.tiles,
            text_align="center",
            text_baseline="bottom",
            text_font_size=f"{LETTERS}px",
            text_color="#ffffff",
            background_fill_color="#1c2536",
            background_fill_alpha=0.82,
            padding=2,
        )
        # Pictures come from the server, which a page in a file has not.
        self.hover = HoverTool(renderers=[frames], tooltips="", limit=1, tags=["server"])
        figure.add_tools(self.hover)
        figure.on_event(Tap, lambda event: self.tap(event.x, event.y))
        size = lambda: (min(self.columns, self._count), -(-self._count // self.columns))
        self.cursor = CellCursor(figure, size, lambda x, y, shift: self.tap(x, y), self._words, middle=0.485)
        self.root = ScrollBox(child=figure, height=WINDOW, sizing_mode="stretch_width", name="samples-window")

    def tap(self, x: float | None, y: float | None) -> None:
        """Choose the tile at a place; nothing beside them."""
        tile = int(y or 0) * self.columns + int(x or 0)
        if 0 <= (x or 0) < self.columns and (y or 0) >= 0 and tile < self._count:
            self._choose(tile)

    def _words(self, column: int, row: int) -> str:
        """The words that are read out of a tile."""
        tile = row * self.columns + column
        if tile >= self._count:
            return "no sample"
        data = self.tiles.data
        return f"sample {data['id'][tile]}, {data['about'][tile]}, {data['margins'][tile]}"

    def mark(self, frame: Frame, left: Cell, listed: np.ndarray, flips: np.ndarray) -> None:
        """Frames, corner marks, words and tooltips of samples int[k] by position.

        Args:
            frame: of the page.
            left: the cell beside B.
            listed: at most `most` samples.
            flips: uint8[n], from `left` to B.
        """
        store, state = frame.store, frame.state
        self._count = len(listed)
        self._arrange(int(frame.choice("samples-size")), left[1] != state.b[1])
        y, x = np.divmod(np.arange(len(listed)), self.columns)
        right = [store.correct(cell)[listed] for cell in (left, state.b)]
        names = lambda classes: [str(name) for name in store.names_of(classes[listed])]
        true, first, second = (names(c) for c in (store.labels, store.predictions(left), store.predictions(state.b)))
        ems = (WIDTH / self.columns - 12) / LETTERS
        margins = [store.values(cell, "margin", state.raw)[listed] for cell in (left, state.b)]
        a, unit = "A" if left == state.a else "clean", store.measures["margin"].unit_shown(state.raw)
        self.tiles.data = {
            "x": (x + 0.485).astype(np.float32),
            "y": (y + 0.475).astype(np.float32),
            "colour": [FLIP_COLOURS[k] for k in flips[listed]],
            "width": np.where(store.ids[listed] == state.primary, 6, 2).astype(np.uint8),
            "left": [MARKS[bool(k)] for k in right[0]],
            "right": [MARKS[bool(k)] for k in right[1]],
            "left colour": [RIGHT if k else WRONG for k in right[0]],
            "right colour": [RIGHT if k else WRONG for k in right[1]],
            "text": [lines_of(t, (a, p), ("B", q), ems) for t, p, q in zip(true, first, second, strict=True)],
            "id": store.ids[listed].tolist(),
            "about": [f"true {t}, {a} says {p}, B says {q}" for t, p, q in zip(true, first, second, strict=True)],
            "margins": [f"margin {a} {p:+.2f}, B {q:+.2f} ({unit})" for p, q in zip(*margins, strict=True)],
        }
        tip = TIP.format(pictures="".join(self._pictures(frame, left)))
        if self.hover.tooltips != tip:
            self.hover.tooltips = tip

    def _arrange(self, size: int, two: bool) -> None:
        """Columns and rows for pictures of a size, one or two a tile; the figure is as high as its tiles."""
        self.columns = max(WIDTH // (size * (2 if two else 1)), 1)
        lines = max(-(-self._count // self.columns), 1)
        height = round(lines * WIDTH / self.columns / (2 if two else 1))
        if self.figure.height != height or self.figure.x_range.end != self.columns:
            self.figure.x_range.end, self.figure.y_range.start = self.columns, lines
            self.figure.update(height=height, aspect_ratio=WIDTH / height)
        self.root.height = min(WINDOW, height + 10)

    def draw(self, pictures: list[tuple[np.ndarray, np.ndarray]]) -> None:
        """Put pictures on the tiles: left and right, or one where both are alike; see `contact_sheet.pictures`.

        Those that are not stored, or of another shape than most, are left blank.
        """
        size = max((part.shape[1:] for _, part in pictures if part.size), default=None)
        shape = (self._count, *(size or (8, 8, 1)))
        parts = [part if part.shape == shape else np.zeros(shape, np.uint8) for _, part in pictures]
        stored = [mask & (part.shape == shape) for mask, part in pictures]
        tiles, on_tiles = np.stack(parts, 1).reshape(-1, *shape[1:]), np.stack(stored, 1).ravel()
        lines = max(-(-self._count // self.columns), 1)
        gap = max(shape[1] // 20, 1)
        mosaic = contact_sheet.mosaic(tiles, len(parts) * self.columns, lines, gap, on_tiles)
        data: dict[str, list[Any]] = {"image": [], "dw": [], "dh": []}
        self.image.data = {"image": [mosaic], "dw": [self.columns], "dh": [lines]} if self._count else data

    @staticmethod
    def _pictures(frame: Frame, left: Cell) -> list[str]:
        """The pictures of a tooltip: clean beside corrupted, and A's where it is another."""
        store, b = frame.store, frame.state.b
        infos = store.results.conditions
        clean = [c for c in store.conditions if infos[c].is_clean and infos[c].bn == infos[b[1]].bn][:1]
        shown = dict.fromkeys((*clean, left[1], b[1]))
        return [PICTURE.format(address=picture_of(store, (b[0], c)), words=escape(c)) for c in shown]


def lines_of(true: str, left: tuple[str, str], right: tuple[str, str], ems: float) -> str:
    """The class of a tile and what the sides, each with its name, say; of long names only what is wrong, on own lines.

    >>> lines_of("cat", ("A", "cat"), ("B", "dog"), 9)
    'cat: cat | dog'
    >>> lines_of("aeroplane", ("A", "aeroplane"), ("B", "automobile"), 8)
    'aeroplane\\nB automobile'
    """
    line = f"{true}: {left[1]} | {right[1]}"
    if width_of(line) <= ems:
        return line
    errors = [cut_to(f"{side} {says}", ems) for side, says in (left, right) if says != true]
    return "\n".join([cut_to(true, ems), *errors])


def _moved(by: float) -> Any:
    return CustomJSTransform(args={"by": by}, v_func="return xs.map((x) => x + by)", func="return x + by")
