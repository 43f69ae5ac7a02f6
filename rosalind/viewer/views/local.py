"""View 3: where every sample lies, under A, under B, and how it moved."""

import numpy as np
from bokeh.events import SelectionGeometry
from bokeh.layouts import row
from bokeh.models import BoxSelectTool, ColumnDataSource, Range1d, Span

from rosalind.viewer import compute
from rosalind.viewer.store import Store
from rosalind.viewer.views.frame import (
    FLIP_COLOURS,
    FLIP_MARKERS,
    GREYS,
    ORANGES,
    POINTS,
    Change,
    Frame,
    caption,
    cell_name,
    flip_legend,
    measure_label,
    plot,
    see_through,
    titled,
)

SIDES = ("a", "b", "difference")


class Local:
    """Densities of two measures with the selection on top; drag a box to select."""

    @staticmethod
    def choices(store: Store) -> dict[str, tuple[str, ...]]:
        """Nothing is chosen here."""
        return {}

    def __init__(self, frame: Frame, change: Change):
        self.change = change
        self.figures, self.images, self.points = {}, {}, {}
        shared = (Range1d(), Range1d())
        for side in SIDES:
            x_range, y_range = shared if side != "difference" else (Range1d(), Range1d())
            figure = plot(
                f"local-{side}",
                f"Samples by two measures, {side}; drag a box to select.",
                height=320,
                x_range=x_range,
                y_range=y_range,
            )
            image = ColumnDataSource({"base": [], "picked": [], "x": [], "y": [], "dw": [], "dh": []})
            points = ColumnDataSource({"x": [], "y": [], "colour": [], "marker": [], "alpha": []})
            place = {"x": "x", "y": "y", "dw": "dw", "dh": "dh", "source": image}
            figure.image("base", color_mapper=see_through(GREYS), **place)
            figure.image("picked", color_mapper=see_through(ORANGES), name=f"picked-{side}", **place)
            figure.scatter(
                "x",
                "y",
                source=points,
                size=5,
                marker="marker",
                fill_color="colour",
                line_color="colour",
                fill_alpha="alpha",
                line_alpha="alpha",
            )
            if side == "difference":
                for dimension in ("width", "height"):
                    zero = Span(location=0, dimension=dimension, line_color="#4a5565", line_dash="dotted")
                    figure.add_layout(zero)
            tool = BoxSelectTool(name=f"box-{side}")
            figure.add_tools(tool)
            figure.toolbar.active_drag = tool
            figure.on_event(SelectionGeometry, lambda event, side=side: self._brush(side, event))
            self.figures[side], self.images[side], self.points[side] = figure, image, points
        self.caption = caption("local-caption")
        figures = row(*self.figures.values(), sizing_mode="stretch_width")
        self.root = titled("How do samples move?", figures, caption=self.caption)

    def _brush(self, side: str, event: SelectionGeometry) -> None:
        box = event.geometry
        if not event.final or box.get("type") != "rect":
            return
        state = self.frame.state
        step = {
            "box": [box["x0"], box["x1"], box["y0"], box["y1"]],
            "x": state.x,
            "y": state.y,
            "cell": list(state.b if side == "b" else state.a),
        }
        if side == "difference":
            step["other"] = list(state.b)
        self.change(step=step)

    def _placed(self, frame: Frame) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        state = frame.state
        a = (frame.values(state.a, state.x), frame.values(state.a, state.y))
        b = (frame.values(state.b, state.x), frame.values(state.b, state.y))
        return {"a": a, "b": b, "difference": (b[0] - a[0], b[1] - a[1])}

    def update(self, frame: Frame) -> None:
        self.frame = frame
        state, shown = frame.state, frame.shown
        placed = self._placed(frame)
        ranges = {
            "a": [compute.limits(placed["a"][k][shown], placed["b"][k][shown]) for k in range(2)],
            "difference": [compute.limits(placed["difference"][k][shown]) for k in range(2)],
        }
        ranges["b"] = ranges["a"]
        some = (
            shown
            if shown.sum() <= POINTS
            else frame.selected
            if frame.selected.sum() <= POINTS
            else shown & False
        )
        strong = frame.selected if frame.selected.any() else shown
        for side in SIDES:
            x, y = placed[side]
            x_limits, y_limits = ranges[side]
            figure = self.figures[side]
            figure.x_range.update(start=x_limits[0], end=x_limits[1])
            figure.y_range.update(start=y_limits[0], end=y_limits[1])
            base = compute.density(x[shown], y[shown], x_limits, y_limits)
            picked = compute.density(x[frame.selected], y[frame.selected], x_limits, y_limits)
            peak = int(base.max())
            self.images[side].data = {
                "base": [compute.shade(base, peak)],
                "picked": [compute.shade(picked, peak)],
                "x": [x_limits[0]],
                "y": [y_limits[0]],
                "dw": [x_limits[1] - x_limits[0]],
                "dh": [y_limits[1] - y_limits[0]],
            }
            flips = frame.flips[some]
            self.points[side].data = {
                "x": x[some].astype(np.float32),
                "y": y[some].astype(np.float32),
                "colour": [FLIP_COLOURS[k] for k in flips],
                "marker": [FLIP_MARKERS[k] for k in flips],
                "alpha": np.where(strong[some], 0.85, 0.08).astype(np.float32),
            }
            change = "change of " if side == "difference" else ""
            figure.xaxis.axis_label = change + measure_label(state.x, state.raw)
            figure.yaxis.axis_label = change + measure_label(state.y, state.raw)
        self.figures["a"].title.text = f"A: {' · '.join(state.a)}"
        self.figures["b"].title.text = f"B: {' · '.join(state.b)}"
        self.figures["difference"].title.text = "B minus A"
        self.caption.text = self._sentence(frame, placed)

    def _sentence(self, frame: Frame, placed: dict) -> str:
        counts = np.bincount(frame.flips[frame.shown], minlength=4)
        medians = []
        for letter, side in (("A", "a"), ("B", "b")):
            x, y = (np.nanmedian(v[frame.shown]) if frame.shown.any() else np.nan for v in placed[side])
            medians.append(f"{letter} median {frame.state.x} {x:.2f}, {frame.state.y} {y:.2f}")
        words = (
            f"{frame.shown.sum():,} samples: {counts[0]:,} right in both, {counts[1]:,} fixed and {counts[2]:,} "
            f"broken by B, {counts[3]:,} wrong in both; {'; '.join(medians)}. {flip_legend()}."
        )
        missing = int((~np.isfinite(placed["difference"][0] + placed["difference"][1]))[frame.shown].sum())
        if missing:
            words += f" {missing:,} have no finite value here and are not drawn."
        for letter, cell in (("A", frame.state.a), ("B", frame.state.b)):
            share = frame.store.summary[cell]["angle_agreement"]
            if "angle" in (frame.state.x, frame.state.y) and share < 0.99:
                words += (
                    f" <b>Angles do not tell the whole story of {letter}</b> ({cell_name(cell)}): the smallest "
                    f"angle names the prediction of {100 * share:.0f} % of samples."
                )
        return words
