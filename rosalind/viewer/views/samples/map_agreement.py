"""The agreement of A's and B's maps, a dot per sample."""

from collections.abc import Sequence

import numpy as np
from bokeh.events import Tap
from bokeh.models import FixedTicker, HoverTool

from rosalind.analysis import occlusion_maps
from rosalind.analysis.occlusion_maps import MAPPED, Agreement
from rosalind.viewer.views.draw import GREY, card, columns, empty, plot
from rosalind.viewer.views.frame import Change

NEAR = 0.03
"""Largest distance of a click from a dot, as a share of the figure."""

LEGEND = "dot: a sample; line: median\ngrey: maps of different samples"


class MapAgreement:
    """A band per number: dots are samples, a line their median, grey the maps of different samples."""

    def __init__(self, change: Change, bands: Sequence[str] = MAPPED, name: str = "attribution-agreement"):
        self.change, self.bands = change, tuple(bands)
        self.figure = figure = plot(
            name,
            "Agreement of A's and B's maps, a dot per sample; grey: maps of different samples.",
            min_width=260,
            height=320,
            x_range=(-1.05, 1.05),
            y_range=(len(bands), -0.06),
        )
        figure.xaxis.axis_label_text_font_size = "11px"
        figure.ygrid.grid_line_color = None
        figure.yaxis.ticker = FixedTicker(ticks=[k + 0.5 for k in range(len(bands))])
        figure.yaxis.major_label_overrides = {k + 0.5: band for k, band in enumerate(bands)}
        figure.yaxis.major_tick_line_color = None
        self.bars = empty("left", "right", "top", "bottom", "alpha")
        grey = {"fill_color": GREY, "fill_alpha": "alpha", "line_color": GREY}
        figure.quad(left="left", right="right", top="top", bottom="bottom", source=self.bars, **grey)
        self.dots = empty("x", "y", "id")
        colours = {"fill_color": GREY, "line_color": "#1c2536", "line_alpha": 0.5}
        dots = figure.scatter("x", "y", source=self.dots, size=7, fill_alpha=0.8, **colours)
        tips = [("sample", "@id"), ("agreement", "@x{0.00}")]
        figure.add_tools(HoverTool(renderers=[dots], tooltips=card(tips), limit=1))
        self.medians = empty("x", "top", "bottom", "words")
        figure.segment("x", "top", "x", "bottom", source=self.medians, line_width=2, name="ink")
        fonts = {"text_font_size": "11px", "y_offset": -3}
        figure.text(-1.02, "top", "words", source=self.medians, name="ink", **fonts)
        self.rings = empty("x", "y")
        ring = {"fill_color": None, "line_width": 2.5, "name": "ink"}
        figure.scatter("x", "y", source=self.rings, size=13, **ring)
        figure.on_event(Tap, lambda event: self.tap(event.x, event.y))

    def tap(self, x: float | None, y: float | None) -> None:
        """Show the sample of the nearest dot large; nothing where none is near."""
        across, down = (np.asarray(self.dots.data[key], float) for key in ("x", "y"))
        if not across.size or x is None or y is None:
            return
        distances = np.hypot((across - x) / 2.1, (down - y) / len(self.bands))
        if distances.min() < NEAR:
            self.change(primary=int(self.dots.data["id"][int(distances.argmin())]))

    def render(
        self, agreement: Agreement | None, null: Agreement | None, title: str, sample: int | None, at: int = 0
    ) -> None:
        """Show an agreement (None clears the figure), and the null's as a darker bar where there is one.

        `sample` is the id of the one with a ring, `at` which number of every band is shown.
        """
        self.figure.visible = agreement is not None
        self.figure.title.text = title
        self.figure.xaxis.axis_label = LEGEND if null is None else LEGEND + "; dark: the null"
        dots, bars, medians, rings = [], [], [], []
        if agreement is not None:
            for band in range(len(self.bands)):
                correlation = agreement.own[:, band, at]
                boxes = [(agreement.other, 0.3, 0.7, 0.2)]
                if null is not None:
                    boxes.append((null.own, 0.8, 0.92, 0.6))
                for values, top, bottom, alpha in boxes:
                    left, middle, right = occlusion_maps.quartiles(values[:, band, at])
                    if np.isfinite(middle):
                        bars.append((left, right, band + top, band + bottom, alpha))
                low, middle, high = occlusion_maps.quartiles(correlation)
                text = f"median {middle:+.2f} ({low:+.2f} to {high:+.2f})"
                text = text if np.isfinite(middle) else "undefined: constant maps"
                medians.append((middle, band + 0.22, band + 0.78, text))
                finite = np.flatnonzero(np.isfinite(correlation))
                # The golden ratio spreads any number of dots evenly over the height of the band.
                heights = band + 0.32 + 0.36 * ((np.arange(len(finite)) * 0.618034) % 1)
                dots += list(zip(correlation[finite], heights, agreement.ids[finite], strict=True))
                ringed = agreement.ids[finite] == sample
                rings += list(zip(correlation[finite][ringed], heights[ringed], strict=True))
        self.dots.data = {
            "x": np.array([dot[0] for dot in dots], np.float32),
            "y": np.array([dot[1] for dot in dots], np.float32),
            "id": np.array([dot[2] for dot in dots], np.int32),
        }
        for source, rows in ((self.bars, bars), (self.medians, medians), (self.rings, rings)):
            source.data = columns(source.column_names, rows)
