"""Deletion curves: the margin as patches are hidden, in the order of the map and at random."""

import numpy as np
from bokeh.models import Line, Span

from rosalind.analysis import deletion_curves, rasters
from rosalind.viewer.views.draw import SIDE_COLOURS, ZERO, Look, empty, plot
from rosalind.viewer.views.frame import Frame


class DeletionCurve:
    """Margins of A (solid) and B (dashed) over the patches hidden; thick in the map's order, thin at random."""

    def __init__(self) -> None:
        self.figure = figure = plot(
            "attribution-deletion",
            "Margin as patches are hidden, in the map's order (thick) and at random (thin), A solid and B dashed.",
            min_width=260,
            height=200,
            x_range=(0, 100),
            y_range=(-1, 1),
        )
        figure.title.text = "Margin as patches are hidden"
        figure.xaxis.axis_label = "patches hidden (%)\nthick: by the map; thin: at random"
        figure.xaxis.axis_label_text_font_size = "11px"
        figure.yaxis.axis_label = "margin (units)"
        figure.add_layout(Span(location=0, dimension="width", line_dash="dotted", line_color=ZERO))
        self.curves = {side: empty("x", "map", "random") for side in "ab"}
        for side, colour, dash in zip("ab", SIDE_COLOURS, ("solid", "dashed"), strict=True):
            for name, width in (("map", 2.5), ("random", 1.2)):
                look: Look = {"line_color": colour, "line_dash": dash, "line_width": width}
                figure.add_glyph(self.curves[side], Line(x="x", y=name, **look))

    def render(self, frame: Frame, ids: np.ndarray) -> str:
        """Show the mean curves of samples int[k] by id; a sentence on them, empty where there are none."""
        store, parts, heights = frame.store, [], []
        for side, source in self.curves.items():
            cell = getattr(frame.state, side)
            curves = deletion_curves.mean(store, store.sides.seeds(cell), ids)
            if curves is None:
                source.data = {name: [] for name in source.data}
                continue
            heights.append(curves)
            share = np.linspace(0, 100, curves.shape[1], dtype=np.float32)
            by_map, at_random = curves.astype(np.float32)
            source.data = {"x": share, "map": by_map, "random": at_random}
            falls = " and ".join(
                f"{_after(deletion_curves.lost(curve))} {order}"
                for curve, order in zip(curves, ("by its map", "at random"), strict=True)
            )
            parts.append(
                f"{side.upper()}'s margin is lost {falls}, its map gains {deletion_curves.gain(curves):+.2f} on chance"
            )
        self.figure.visible = bool(parts)
        if not parts:
            return ""
        low, high = rasters.limits(*heights, share=0)
        self.figure.y_range.update(start=min(low, -0.05 * (high - low)), end=high)
        null = [deletion_curves.mean(store, store.sides.seeds(cell), ids) for cell in frame.null or ()]
        gains = [f"{deletion_curves.gain(curves):+.2f}" for curves in null if curves is not None]
        if gains:
            parts.append(f"the null's {' and '.join(gains)}")
        return f"Hiding patch after patch: {'; '.join(parts)} (mean distance of the curves, units; 0: no better)."


def _after(share: float) -> str:
    return f"after {100 * share:.0f} %" if np.isfinite(share) else "never"
