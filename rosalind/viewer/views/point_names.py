"""Names beside the points of a figure, placed for the width that the figure has on the screen."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from bokeh.models import LogScale

from rosalind.analysis import label_places
from rosalind.viewer.views import draw

WIDTHS = (360, 560, 960)
"""Pixels of the frames that names are placed for: each serves up to the next, and the first narrower ones too."""

AXES = 70
"""Pixels of a figure's height that its axis takes."""

GAP, RING = 9.0, 6.0
"""Pixels from the middle of a mark to its name, and how many more where a ring is around it."""

LETTERS = 24
"""Longest name beside a mark; the tooltip has the whole."""

NAMED = 30
"""Most points that are all named; of more only A, B and so many of those that choose early."""

STYLES = ("normal", "bold")
"""Fonts of names, those of A and B the second."""

LOOK: draw.Look = {"text_color": "#000000", "text_font_size": "11px", "text_baseline": "middle", "name": "ink"}


class PointNames:
    """Names of points that cover neither points nor each other; for want of room some are left to the tooltip."""

    def __init__(self, figure: Any):
        """Add the names to a `draw.plot`, over what it has so far."""
        self.figure = figure
        parts = [f"{part}{width}" for width in WIDTHS for part in (*STYLES, "dx", "dy")]
        self.source = draw.empty("x", "y", *parts)
        for width, wider in zip(WIDTHS, (*WIDTHS[1:], None), strict=True):
            at: draw.Look = {"x_offset": f"dx{width}", "y_offset": f"dy{width}", "text_align": "center"}
            for style in STYLES:
                look = {**LOOK, **at, "text_font_style": style}
                names = figure.text("x", "y", f"{style}{width}", source=self.source, **look)
                draw.show_between(names, 0 if width == WIDTHS[0] else width, wider)

    def show(
        self,
        x: np.ndarray,
        y: np.ndarray,
        names: Sequence[str],
        sides: Mapping[int, str],
        early: Sequence[int] = (),
    ) -> None:
        """Name points, once the figure has its ranges.

        Args:
            x, y: float[n] of the points, in the figure's data.
            names: one per point; an empty one is of a point that is only kept free.
            sides: by position the letters of A and B, whose names are bold and always there.
            early: positions of names that choose their places before those left, the most important first.
        """
        if len(names) > NAMED:
            kept = {*sides, *early[:NAMED]}
            names = [name if k in kept else "" for k, name in enumerate(names)]
        texts = [draw.plain(draw.cut(name, LETTERS)) for name in names]
        texts = [f"{sides[k]}: {text}" if k in sides else text for k, text in enumerate(texts)]
        gaps = [GAP + RING * (k in sides) for k in range(len(texts))]
        shares = np.stack([_share(x, self.figure.x_range, self.figure.x_scale), 1 - _share(y, self.figure.y_range)], 1)
        data: dict[str, Any] = {"x": np.asarray(x, np.float32), "y": np.asarray(y, np.float32)}
        for width in WIDTHS:
            size = np.array([width, self.figure.height - AXES])
            # Only right beside its mark: further off a name would be read as another's.
            offsets, placed = label_places.place(
                shares * size, texts, gaps, sorted(sides), size * np.array([[0.0], [1.0]]), rings=(1.0,), early=early
            )
            for style in STYLES:
                is_shown = [placed[k] and (k in sides) == (style == "bold") for k in range(len(texts))]
                data[f"{style}{width}"] = [
                    text if has_room else "" for text, has_room in zip(texts, is_shown, strict=True)
                ]
            data[f"dx{width}"], data[f"dy{width}"] = offsets.T.astype(np.float32)
        draw.fill(self.source, data)


def _share(values: np.ndarray, ends: Any, scale: Any = None) -> np.ndarray:
    """The places of values between the ends of an axis, 0 to 1."""
    scaled = np.log if isinstance(scale, LogScale) else np.asarray
    start, end = scaled(ends.start), scaled(ends.end)
    return (scaled(values) - start) / (end - start)
