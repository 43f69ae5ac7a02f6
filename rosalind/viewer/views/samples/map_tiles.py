"""The grid of maps: one figure with a tile per side and map, and a scale under every column."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from bokeh.models import CustomJS, HoverTool, LinearColorMapper

from rosalind.analysis import contact_sheet, occlusion_maps, rasters
from rosalind.analysis.occlusion_maps import MAPPED
from rosalind.viewer.views.draw import CLEAR, DIVERGING, GREY, SELECTED, card, columns, cut, empty, plot, side_colour
from rosalind.viewer.views.frame import Frame

LEFT, TOP, TILE, FOOT = 2, 40, 106, 36
"""Pixels: before the first column, above the first row of tiles, of a tile, under the last one."""

ACROSS, DOWN = TILE + 6, TILE + 20
"""Pixels from tile to tile; the name of every row is above it."""

WIDTH = 2 * LEFT + 3 * ACROSS + TILE
"""Pixels: 446, what fits beside the contact sheet."""

LEAST = 260
"""Pixels that the names of rows need."""

PLACE = ("x", "y", "dw", "dh")
"""Columns of the place of an image."""

Spans = list[tuple[float, float, float]]
"""The place of a map on the image across and down, see `occlusion_maps.placed`."""

Label = tuple[float, float, str | None, str | None, str]
"""A text of the figure; its parts are `TEXTS`."""

TEXTS = ("x", "y", "heading", "words", "align")
"""Of a text: a bold heading or words, None in place of the other. A font that is a column fails where a source gets
fewer rows, as Bokeh 3.9.2 still measures the old texts by then."""

MARK = """
// The patch under the pointer, outlined on every tile.
const {x, y} = cb_data.geometry
const {left, top, tile, step_x, step_y, lines, kinds, rows, columns, ...span} = marks.tags[0]
const {across, wide, patch_x, down, tall, patch_y} = span
const column = Math.floor((((x - left) % step_x) / tile - across) / wide * columns)
const row = Math.floor((((y - top) % step_y) / tile - down) / tall * rows)
const patches = {x: [], y: [], width: [], height: []}
const inside = x >= left && y >= top && y < top + lines * step_y
if (inside && column >= 0 && column < columns && row >= 0 && row < rows) {
  for (let i = 0; i <= kinds; i++) {
    for (let j = 0; j < lines; j++) {
      if (i == 0 && j > 1) continue  // Differences have no image.
      patches.x.push(left + i * step_x + tile * (across + wide * (column + 0.5) / columns))
      patches.y.push(top + j * step_y + tile * (down + tall * (row + 0.5) / rows))
      patches.width.push(tile * patch_x)
      patches.height.push(tile * patch_y)
    }
  }
}
if (patches.x.length || marks.data.x.length) { marks.data = patches }
"""


@dataclass(frozen=True)
class Words:
    """The texts of a grid of maps.

    Attributes:
        name: Of the figure.
        about: Of the figure, for those who cannot see it.
        kinds: Maps side by side, with their units.
        legend: Lines in the place of the image of the difference.
        of_side: The text of a tooltip before A's or B's number, from side and map.
        of_difference: The same before a difference, from the map.
    """

    name: str
    about: str
    kinds: dict[str, str]
    legend: tuple[str, ...]
    of_side: Callable[[str, str], str]
    of_difference: Callable[[str], str]


OCCLUSION = Words(
    "attribution-maps",
    "Images and occlusion maps of angle, norm and margin; rows A, B, B minus A.",
    dict(zip(MAPPED, occlusion_maps.UNITS, strict=True)),
    ("red: hiding it", "raises the value", "", "blue: hiding it", "lowers it"),
    lambda side, kind: f"with this patch hidden, {side}'s {kind} changes by",
    lambda kind: f"B's change of {kind} minus A's",
)


class MapTiles:
    """Rows A, B, B minus A and the null's difference; columns image and maps."""

    def __init__(self, words: Words = OCCLUSION) -> None:
        self.words, height = words, TOP + 3 * DOWN + FOOT
        width = max(2 * LEFT + len(words.kinds) * ACROSS + TILE, LEAST)
        self.figure = figure = plot(
            words.name,
            words.about,
            width=width,
            height=height,
            sizing_mode="fixed",
            # A row would give it the margins of the figure beside it, and patches would not be square.
            frame_align=False,
            x_range=(0, width),
            # Turned around, so that row 0 of every tile is at its top.
            y_range=(height, 0),
        )
        figure.min_border, figure.outline_line_alpha = 0, 0
        figure.axis.visible = False
        figure.grid.grid_line_color = None
        self.frames = empty("x", "y")
        figure.rect("x", "y", TILE, TILE, source=self.frames, fill_color=None, line_color=GREY)
        self.images = empty("image", *PLACE)
        place = {key: key for key in PLACE}
        figure.image_rgba("image", source=self.images, **place)
        self.maps = {kind: empty("image", *PLACE, "words", "unit") for kind in words.kinds}
        mapper = lambda: LinearColorMapper(palette=DIVERGING, low=-1, high=1, nan_color=CLEAR)
        self.mappers = {kind: mapper() for kind in words.kinds}
        renderers: list[Any] = [
            figure.image("image", source=self.maps[kind], color_mapper=self.mappers[kind], **place)
            for kind in words.kinds
        ]
        self.glyphs = [renderer.glyph for renderer in renderers]
        self.marks = empty("x", "y", "width", "height")
        line = {"fill_color": None, "line_color": SELECTED, "line_width": 2}
        figure.rect("x", "y", "width", "height", source=self.marks, **line)
        self.texts = empty(*TEXTS)
        text = {"text_align": "align", "text_baseline": "middle", "name": "ink", "source": self.texts}
        figure.text("x", "y", "heading", **text, text_font_style="bold", text_font_size="12px")
        figure.text("x", "y", "words", **text, text_font_size="11px")
        self.sides = empty("x", "y", "text", "colour")
        tag = {"text_color": "#ffffff", "background_fill_color": "colour", "padding": 2, "x_offset": 2}
        tag |= {"text_font_style": "bold", "text_font_size": "10px", "text_baseline": "middle"}
        figure.text("x", "y", source=self.sides, **tag)
        mark = CustomJS(args={"marks": self.marks}, code=MARK)
        tooltips = [("", "@words @image{+0.000} @unit")]
        figure.add_tools(HoverTool(renderers=renderers, tooltips=card(tooltips), callback=mark))

    def render(
        self,
        frame: Frame,
        tables: dict[str, np.ndarray | None],
        samples: np.ndarray,
        spans: Spans,
        opacity: float = 1.0,
        reasons: Mapping[str, str] | None = None,
    ) -> None:
        """Show maps, and the mean image of samples int[k] by id under the conditions of a frame.

        Args:
            frame, samples, spans: the sides, ids, and the place of the maps on the image.
            tables: float32[kinds, rows, columns] by row of the grid, in order; None where there is no map.
            opacity: of the maps, in [0, 1]; below 1 the image shows through, of differences B's.
            reasons: some words by row, why it can have no map.
        """
        for glyph in self.glyphs:
            glyph.global_alpha = opacity
        bottom = TOP + len(tables) * DOWN - 12
        texts = [self._heading(0, "mean image" if len(samples) > 1 else "image")]
        gaps, sides = [], []
        for line, (name, table) in enumerate(tables.items()):
            middle = TOP + line * DOWN + TILE / 2
            heading, cells = _name(frame, name)
            y, indent = TOP + line * DOWN - 9, 8 * len(heading) + 12
            if name in ("a", "b"):
                sides.append((LEFT, y, heading, side_colour(heading)))
            else:
                texts.append((LEFT, y, heading, None, "left"))
            # Cut where they would reach beyond the figure.
            texts.append((LEFT + indent, y, None, cut(cells, round(self.figure.width / 6.75)), "left"))
            if name == "difference" and table is not None:
                texts += _legend(middle, self.words.legend)
            for column in range(1, len(self.maps) + 1) if table is None else ():
                gaps.append((LEFT + column * ACROSS + TILE / 2, middle))
                texts.append((*gaps[-1], None, (reasons or {}).get(name, "no map"), "center"))
        for column, (kind, unit) in enumerate(self.words.kinds.items(), 1):
            maps = {name: table[column - 1] for name, table in tables.items() if table is not None}
            largest = [np.abs(m[np.isfinite(m)]).max(initial=0) for m in maps.values()]
            low, high = rasters.symmetric(max(largest, default=0))
            self.mappers[kind].update(low=low, high=high)
            texts.append(self._heading(column, f"{kind}, {unit}"))
            parts: list[dict[str, Any]] = []
            for name, image in maps.items():
                place = self._box(column, list(tables).index(name), spans)
                parts.append({**place, "image": image, "words": self._tip(name, kind)})
            if maps:
                left = LEFT + column * ACROSS
                ramp = np.linspace(low, high, 64, dtype=np.float32)[None]
                scale = {"x": left, "y": bottom, "dw": TILE, "dh": 9}
                parts.append({**scale, "image": ramp, "words": f"the colour of {kind}"})
                for at, value, align in ((0, low, "left"), (0.5, 0, "center"), (1, high, "right")):
                    text = f"{value:+.2g}" if value else "0"
                    texts.append((left + at * TILE, bottom + 20, None, text, align))
            data = {key: [part[key] for part in parts] for key in ("image", *PLACE, "words")}
            self.maps[kind].data = {**data, "unit": [unit] * len(parts)}
        self.images.data = self._pictures(frame, samples, tables if opacity < 1 else {})
        self.frames.data = columns(("x", "y"), gaps)
        self.texts.data = columns(TEXTS, texts)
        self.sides.data = columns(("x", "y", "text", "colour"), sides)
        # The places of the patches, for `MARK`.
        rows, across = next((t.shape[1:] for t in tables.values() if t is not None), (0, 0))
        grid = {
            "left": LEFT,
            "top": TOP,
            "tile": TILE,
            "step_x": ACROSS,
            "step_y": DOWN,
            "lines": len(tables),
            "kinds": len(self.maps),
        }
        keys = ("across", "wide", "patch_x", "down", "tall", "patch_y")
        grid |= {"rows": rows, "columns": across, **dict(zip(keys, (*spans[0], *spans[1]), strict=True))}
        self.marks.update(tags=[grid], data={key: [] for key in self.marks.column_names})
        self.figure.height = bottom + FOOT
        self.figure.y_range.update(start=bottom + FOOT, end=0)

    def _tip(self, name: str, kind: str) -> str:
        """The text of a tooltip before the number."""
        if name in ("a", "b"):
            return self.words.of_side(name.upper(), kind)
        return self.words.of_difference(kind) + (", where it means nothing," if name == "null" else "") + ":"

    @staticmethod
    def _heading(column: int, words: str) -> Label:
        return (LEFT + column * ACROSS + TILE / 2, 9, words, None, "center")

    @staticmethod
    def _box(column: int, line: int, spans: Spans) -> dict[str, float]:
        (across, wide, _), (down, tall, _) = spans
        left, top = LEFT + column * ACROSS, TOP + line * DOWN
        return {"x": left + across * TILE, "y": top + down * TILE, "dw": wide * TILE, "dh": tall * TILE}

    def _pictures(self, frame: Frame, samples: np.ndarray, under: dict[str, np.ndarray | None]) -> dict[str, list[Any]]:
        """The samples' mean image by A's and B's condition, `under` maps by row as well; none without thumbnails."""
        pictures: list[tuple[Any, ...]] = []
        for line, cell in enumerate((frame.state.a, frame.state.b)):
            rows, images = frame.store.results.images(cell[1])
            at = np.flatnonzero(np.isin(frame.store.ids[rows], samples))
            if not at.size:
                continue
            picture = np.asarray(images[at], np.float32).mean(0).round().astype(np.uint8)
            picture = np.broadcast_to(picture[None], (1, *picture.shape[:2], 3))
            picture = contact_sheet.mosaic(picture, 1, 1, gap=0)
            places = [(0, line)]
            for other, table in enumerate(under.values()):
                # What compares B with something lies over B's image.
                if table is not None and line == min(other, 1):
                    places += [(column, other) for column in range(1, len(self.maps) + 1)]
            pictures += [(picture, *self._box(*place, [(0, 1, 1)] * 2).values()) for place in places]
        return columns(("image", *PLACE), pictures)


def _name(frame: Frame, name: str) -> tuple[str, str]:
    """The name of a row of tiles, and its cells."""
    if name in ("a", "b"):
        return name.upper(), " · ".join(getattr(frame.state, name))
    if name == "difference" or frame.null is None:
        return "B minus A", ""
    (first, one), (second, other) = frame.null
    return "null", f"{second} minus {first}" if one == other else f"{second} · {other} minus {first} · {one}"


def _legend(middle: float, lines: tuple[str, ...]) -> list[Label]:
    """The meaning of the colours, in the place of an image of the difference."""
    return [(LEFT + 4, middle + 13 * (k - 2), None, text, "left") for k, text in enumerate(lines)]
