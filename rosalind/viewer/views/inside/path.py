"""Paths between A's and B's networks: does accuracy hold on the way?"""

from html import escape
from typing import Any

import numpy as np
from bokeh.models import HoverTool

from rosalind.analysis import inside, paths
from rosalind.analysis.palette import SIDES
from rosalind.analysis.sides import Cell
from rosalind.analysis.store import Store
from rosalind.results import Damaged
from rosalind.viewer.views.draw import (
    GREY,
    caption,
    card,
    empty,
    fill,
    paragraphs,
    plot,
    remedy,
    stacked,
    where_written,
)
from rosalind.viewer.views.frame import Change, Changed, Frame

SHOW = {
    "error": "error (%)",
    "angle": "angle (degrees)",
    "norm": "norm (units)",
    "margin": "margin (units)",
    "loss": "loss (nats)",
}
"""The quantities of `paths.QUANTITIES` with their units."""


MEANING = (
    "Networks on the straight line between the weights of A and of B: where the error rises above the line between "
    "its ends, the two lie in different valleys of the loss."
)
"""What the way is, where none is drawn."""

LISTED = 3
"""Largest number of stored pairs that are named where that of A and B is not."""


class Path:
    """A line from A to B, dashed and dotted ones for trained curves, and a thin one between two dense networks."""

    page, title = "inside", "Is there a barrier between A and B?"
    geometry = True
    finding = ""
    """See `View`."""

    @staticmethod
    def choices(store: Store) -> dict[str, tuple[str, ...]]:
        """The quantity at every point."""
        return {"path-show": tuple(SHOW)}

    def __init__(self, frame: Frame, change: Change):
        self.store, self.changed = frame.store, Changed()
        self.points, self.curve, self.null = empty("x", "y"), empty("x", "y"), empty("x", "y")
        self.attacked = empty("x", "y")
        self.ends, self.sliced = empty("x", "y", "text", "align", "offset", "colour"), empty("x", "y")
        self.figure = figure = plot(
            "path",
            "Lines over the points of the ways from A to B; the sentence below has their barriers.",
            height=370,
            x_range=(-0.08, 1.08),
            # BokehJS warns of a hidden figure whose range follows data that are not there.
            y_range=(0, 1),
            visible=False,
        )
        figure.xgrid.grid_line_color = None
        figure.xaxis.axis_label = "way from A (0) to B (1)"
        look: dict[str, Any] = {"line_color": GREY, "line_width": 1.2, "legend_label": "two dense networks"}
        thin = figure.line("x", "y", source=self.null, **look)
        figure.line(
            "x", "y", source=self.points, line_color="#1c2536", name="ink", line_width=2.5, legend_label="A to B"
        )
        dots = figure.scatter(
            "x", "y", source=self.points, size=7, line_color="#1c2536", name="ink", legend_label="A to B"
        )
        dashed: dict[str, Any] = {"line_color": "#1c2536", "line_width": 2, "line_dash": "dashed", "name": "ink"}
        curved = figure.line("x", "y", source=self.curve, legend_label="on a trained curve", **dashed)
        dotted = dashed | {"line_dash": "dotted", "line_width": 3}
        hardened = figure.line("x", "y", source=self.attacked, legend_label="on one trained under attack", **dotted)
        ring = {"size": 13, "fill_color": None, "line_width": 2.5, "line_color": "#1c2536", "name": "ink"}
        figure.scatter("x", "y", source=self.sliced, **ring)
        tag: dict[str, Any] = {"text_color": "#ffffff", "background_fill_color": "colour", "padding": 2}
        tag |= {"text_font_style": "bold", "text_font_size": "10px", "text_baseline": "middle", "source": self.ends}
        figure.text("x", "y", text="text", text_align="align", x_offset="offset", **tag)
        tips = [("way", "@x{0.00}"), ("value", "@y{0.0000}")]
        figure.add_tools(HoverTool(renderers=[dots, curved, hardened, thin], tooltips=card(tips), mode="mouse"))
        figure.legend.label_text_font_size = "11px"
        figure.legend.padding, figure.legend.spacing, figure.legend.ncols = 4, 8, 2
        # Inside, it would cover the hill of two dense networks.
        figure.add_layout(figure.legend[0], "below")
        self.caption = caption("path-caption")
        self.show = frame.chooser(change, "path-show", "line shows", SHOW)
        self.root = stacked(self.show, figure)

    def update(self, frame: Frame) -> None:
        """Draw a frame."""
        state, show = frame.state, frame.choice("path-show")
        if not self.changed("all", (state.a, state.b, state.null, show, frame.slice_key)):
            return
        pairs = self.store.sides.pairs(state.a, state.b)
        at: list[Cell] = []
        path = curve = attacked = null = None
        text, others = "A and B share no seed: there is no pair of networks with a way between them.", ""
        if pairs:
            (first, _), (second, condition) = pairs[0]
            stored = paths.conditions(self.store, first, second)
            under = condition if condition in stored or not stored else stored[0]
            at = [(first, under), (second, under)]
            try:
                path = paths.path(self.store, first, second, under)
                curve = paths.path(self.store, first, second, under, paths.CURVED)
                attacked = paths.path(self.store, first, second, under, paths.ATTACKED)
                drawn = path or curve or attacked
                null = paths.null(self.store, under, (first, second)) if drawn else None
                text = _words(path, curve, attacked, null, len(pairs))
                if under != condition or path is None:
                    text += _missing(self.store, first, second, condition)
                    others = _others(self.store)
            except (Damaged, OSError) as error:
                path, curve, attacked, null, text = None, None, None, None, escape(str(error))
        way = path or curve or attacked
        self.figure.visible = self.show.visible = way is not None
        for item, line in zip(self.figure.legend[0].items, (null, path, curve, attacked), strict=True):
            item.visible = line is not None
        # Errors are stored as shares; findings and other cards count points of percent.
        factor = 100 if show == "error" else 1
        lines = (self.points, self.curve, self.attacked, self.null)
        for source, shown in zip(lines, (path, curve, attacked, null), strict=True):
            columns = (
                {"x": shown.points, "y": factor * shown.values[show]} if shown else {"x": np.empty(0), "y": np.empty(0)}
            )
            fill(source, {name: values.astype(np.float32) for name, values in columns.items()})
        placed = tuple(at) if frame.has_selection else ()
        values = factor * paths.ends_of_slice(self.store, frame.selected, placed, show)
        rings = values if self.figure.visible else values[:0]
        fill(self.sliced, {"x": np.arange(len(rings), dtype=np.float32), "y": rings.astype(np.float32)})
        values_drawn = np.concatenate([source.data["y"] for source in (*lines, self.sliced)])
        if len(values_drawn := values_drawn[np.isfinite(values_drawn)]):
            low, high = float(values_drawn.min()), float(values_drawn.max())
            margin = 0.08 * (high - low) or 0.5
            self.figure.y_range.update(start=low - margin, end=high + margin)
        ends = [] if way is None else [factor * float(way.values[show][k]) for k in (0, -1)]
        tags = {"text": ["A", "B"], "align": ["right", "left"], "offset": [-9, 9], "colour": list(SIDES)}
        place = {"x": np.arange(len(ends), dtype=np.float32), "y": np.array(ends, np.float32)}
        fill(self.ends, {**place, **(tags if ends else {key: [] for key in tags})})
        self.figure.yaxis.axis_label = SHOW[show]
        if way is None:
            self.finding, text = text, MEANING
        else:
            name = "straight line" if path is not None else "trained curve"
            self.finding = _finding(name, way, null)
        of_slice = ""
        if len(values):
            ends = " and ".join(f"{value:.3g}" if np.isfinite(value) else "unknown" for value in values)
            of_slice = f"Rings: {SHOW[show]} of A and B {frame.slice_words} under {escape(at[0][1])}, {ends}; the way "
            of_slice += "between them is stored of all samples."
        self.caption.text = paragraphs(of_slice, f"{text} {others}".strip(), frame.null_sentence)


def _finding(name: str, way: paths.Path, null: paths.Path | None) -> str:
    """The rise of the error above the line between its ends, beside two dense networks; 20 words at most.

    The condition is named, as it is that of B only where losses are stored under it.
    """
    rise = f"rises {100 * way.barrier:.1f} points" if way.barrier >= 5e-4 else "does not rise"
    beside = f"; between two dense networks {100 * null.barrier:.1f}" if null is not None else ""
    return f"On the {name} from A to B the error under {escape(way.condition)} {rise}{beside}."


def _missing(store: Store, first: str, second: str, condition: str) -> str:
    """Why there is no path under a condition, or the command that makes it."""
    if reason := paths.why_none(store, first, second):
        return escape(reason)
    line = inside.command(store, "linear_path", [first, second], condition, pair=True)
    how = remedy(where_written(store, "Make them with"), line)
    return f"No losses from A to B are stored under {escape(condition)}. {how}"


def _others(store: Store) -> str:
    """The pairs between which losses are stored; empty without any."""
    stored = [f"{a} to {b}" for a, b in paths.stored_pairs(store)]
    more = f" and {len(stored) - LISTED} more" if len(stored) > LISTED else ""
    return f"Stored: {escape(', '.join(stored[:LISTED]))}{more}." if stored else ""


def _words(
    path: paths.Path | None,
    curve: paths.Path | None,
    attacked: paths.Path | None,
    null: paths.Path | None,
    pairs: int,
) -> str:
    """The barriers of the paths that there are, and of the null; empty without a path."""
    points = lambda share: f"{100 * share:.1f}"
    way = path or curve or attacked
    if way is None:
        return ""
    text = ""
    for shown, name in (
        (path, "the line between A and B"),
        (curve, "that line on a curve trained to avoid it"),
        (attacked, "it on a curve trained on attacked images"),
    ):
        if shown is not None:
            text += (
                f"<b>The error rises {points(shown.barrier)} points above {name}</b> and "
                f"{points(shown.barrier_of_ends)} above the mean of the two ({escape(shown.diagnosis)}). "
            )
    errors = way.values["error"]
    text += (
        f"From {escape(way.first)} ({points(errors[0])} % wrong) to {escape(way.second)} ({points(errors[-1])} %), "
        f"under {escape(way.condition)}. "
    )
    counts = way.nonzero
    # Between two masks is their union: no network there is as sparse as the sparser end.
    if counts[1:-1].max() > 1.01 * counts[[0, -1]].min():
        text += (
            f"Of the kernels' weights {counts[0]:,.0f} and {counts[-1]:,.0f} are not 0 at the ends, and "
            f"{counts[1:-1].max():,.0f} between them. "
        )
    text += f"The first of {pairs} pairs of a seed. " if pairs > 1 else ""
    if null is None:
        return f"{text}No null: no other way between two dense networks of two seeds is stored. "
    return (
        f"{text}Null (thin): {escape(null.first)} to {escape(null.second)}, {points(null.barrier)} points above the "
        f"line and {points(null.barrier_of_ends)} above the mean. "
    )
