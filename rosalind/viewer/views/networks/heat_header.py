"""The names above the columns of the heat map: groups of corruptions, corruptions, and severities."""

from itertools import groupby
from typing import Any

import numpy as np

from rosalind.analysis import heat_map
from rosalind.analysis.heat_map import Columns
from rosalind.analysis.store import Store
from rosalind.viewer.views import draw

TICKED = 70
"""Largest number of columns with room for a severity above each."""

PIXELS = (950, 720, 500, 240)
"""Pixels that all columns have together, of a page of common width and of narrower ones; a letter takes about six.

Names are cut for each of them, and the page shows those of the widest that its frame has room for.
"""

LEAN = np.pi / 3
"""Angle of the names of means."""

SHORT = 10
"""Most letters of leaning names that leave room for a line over them."""

HIGH = 66
"""Pixels of the header, for the room of upright names."""


class Header:
    """Three lines of names, cut for pages of several widths."""

    def __init__(self, figure: Any):
        """Add the names, empty, to a figure that is drawn by `fill`."""
        self.sources = {pixels: draw.empty("x", "y", "text", "size", "angle", "align") for pixels in PIXELS}
        """The names by the pixels that they are cut for."""
        look: draw.Look = {"text_font_size": "10px", "text_align": "align", "angle": "angle", "name": "ink"}
        look["text_baseline"] = "middle"
        for pixels, wider in zip(PIXELS, (None, *PIXELS), strict=False):
            names = figure.text("x", "y", text="text", source=self.sources[pixels], **look)
            narrowest = pixels if pixels != PIXELS[-1] else 0
            draw.show_between(names, narrowest, wider)
            # Without a page that asks, in a file or a notebook, the widest is shown.
            names.visible = wider is None

    def fill(self, store: Store, places: Columns, names: list[str], high: float, *, blocked: bool) -> None:
        """Show the names of columns.

        Args:
            store: of the study.
            places: of the columns.
            names: of the columns in their order.
            high: height of the header in rows.
            blocked: True where corruptions of a group, and severities of a corruption, stand side by side.
        """
        for pixels, source in self.sources.items():
            draw.fill(source, header(store, places, names, high, blocked=blocked, pixels=pixels))


def header(
    store: Store, places: Columns, names: list[str], high: float, *, blocked: bool, pixels: int = PIXELS[0]
) -> dict[str, list[Any]]:
    """Columns of a source of texts above the cells; see `Header.fill`, and `pixels` that all columns have together."""
    infos, texts = store.results.conditions, []
    unit = pixels / max(places.end, 1)
    frozen = int((places.width > 1).sum())
    # Clear of the letters of A and B, which stand on the first row.
    upper, middle, lower = (-0.5 - share * high for share in (0.86, 0.56, 0.27))
    severities = [
        f"{infos[name].severity:g}{_again(infos[name].draw)}" if name in store.conditions else "" for name in names
    ]
    for k, name in enumerate(names):
        if k < frozen:
            short = "clean" if name == "clean" else "mean"
            upright = places.width[k] * unit < 36
            place = (
                (-0.5 - 0.2 * high, short, "12px", np.pi / 2, "left")
                if upright
                else (lower, short, "12px", 0.0, "center")
            )
            texts.append((places.middle[k], *place))
        elif blocked and name in store.conditions:
            if len(names) <= TICKED and infos[name].severity and 6 * len(severities[k]) <= unit:
                texts.append((places.middle[k], lower, severities[k], "9px", 0.0, "center"))
        elif unit >= 9:
            leans = unit >= 16
            label = name.removeprefix("mean-").replace("severity", "severity ")
            short = draw.cut(draw.plain(label), 13 if leans else HIGH // 6 - 1)
            angle = LEAN if leans else np.pi / 2
            texts.append((places.middle[k], -0.5 - 0.06 * high, short, "10px", angle, "left"))
    means = [k for k in range(frozen, len(names)) if names[k] not in store.conditions]
    if means and unit >= 16 and max(len(names[k].removeprefix("mean-")) for k in means) <= SHORT:
        left, right = places.left[means[0]], places.left[means[-1]] + places.width[means[-1]]
        texts.append(((left + right) / 2, upper, "means", "11px", 0.0, "center"))
    if blocked:
        listed = [k for k in range(frozen, len(names)) if names[k] in store.conditions]
        groups = [infos[names[k]].category for k in listed]
        short = heat_map.short_names([infos[names[k]].name for k in listed], groups)
        texts += _runs(places, listed, groups, upper, "11px", unit)
        texts += _runs(places, listed, list(zip(groups, short, strict=True)), middle, "10px", unit)
    table = list(zip(*texts, strict=True)) or [()] * 6
    return {
        name: list(column) for name, column in zip(("x", "y", "text", "size", "angle", "align"), table, strict=True)
    }


def _again(number: int) -> str:
    """The mark that tells another draw of a condition from the first.

    >>> _again(0), _again(1)
    ('', 'b')
    """
    return chr(ord("a") + number) if 0 < number < 26 else ""


def _runs(places: Columns, listed: list[int], names: list[Any], y: float, size: str, unit: float) -> list[tuple]:
    """A text over every run of equal names, as long as there is room."""
    texts = []
    for name, run in groupby(zip(listed, names, strict=True), key=lambda pair: pair[1]):
        at = [k for k, _ in run]
        left, right = places.left[at[0]], places.left[at[-1]] + places.width[at[-1]]
        letters = int((right - left) * unit / 6)
        text = name if isinstance(name, str) else name[1]
        if letters > 2:
            texts.append(((left + right) / 2, y, draw.plain(draw.cut(text, letters)), size, 0.0, "center"))
    return texts
