"""Layers of A x layers of B: how alike their activations are, beyond what the classes alone give."""

from html import escape
from typing import Any

import numpy as np
from bokeh.models import BasicTicker, CustomJSHover, FixedTicker, HoverTool, LinearColorMapper, Range1d

from rosalind.analysis import additions, class_directions, inside, layer_likeness
from rosalind.analysis.layer_likeness import BY, Compared
from rosalind.analysis.sides import Cell
from rosalind.analysis.store import Store
from rosalind.results import Damaged
from rosalind.viewer.views.draw import (
    DARK_HALF,
    GREY,
    SEQUENTIAL,
    caption,
    card,
    cell_name,
    colour_bar,
    empty,
    fill,
    made_of_weights,
    paragraphs,
    plain,
    plot,
    stacked,
    wrapped,
)
from rosalind.viewer.views.frame import Change, Changed, Frame

SHOW = {"excess": "excess over the classes", "value": "value"}
MEANING = "How alike the activations of two layers are on the same images, beyond what the classes alone give."
"""What the card is about, where nothing is drawn."""

NUMBERED = 10
"""Largest number of layers whose cells hold a number."""

LACKING = (
    "How alike layers are for their architecture alone is not known: it takes untrained networks of two seeds, "
    f"{additions.command('--baselines ... dense_untrained:epochs=0')}, and their layer_features."
)
"""Where no untrained networks have stored activations."""

NAME = "return names.data[format][0]?.[Math.round(format == 'a' ? special_vars.y : special_vars.x)] ?? '';"
NUMBER = """
const names = lists.data, line = Math.round(special_vars.y), column = Math.round(special_vars.x);
const number = source.data[format][0][line * names.b[0].length + column];
return Number.isFinite(number) ? number.toFixed(3) : "undefined";
"""


class LayerLikeness:
    """A matrix whose rows are layers of A and whose columns are layers of B."""

    page, title = "inside", "Do the same layers do the same?"
    geometry = True
    finding = ""
    """See `View`."""

    @staticmethod
    def choices(store: Store) -> dict[str, tuple[str, ...]]:
        """The likeness, and whether what the classes alone give is taken off."""
        return {"likeness-by": tuple(BY), "likeness-show": tuple(SHOW)}

    def __init__(self, frame: Frame, change: Change):
        self.store, self.changed = frame.store, Changed()
        self.cells = empty("image", "value", "null", "excess", "untrained", "dw", "dh")
        self.names, self.texts = empty("a", "b"), empty("x", "y", "text", "ink")
        self.figure = self._figure()
        self.caption = caption("layer-likeness-caption")
        by = frame.chooser(change, "likeness-by", "likeness", BY, 210)
        self.choosers = wrapped(by, frame.chooser(change, "likeness-show", "cells show", SHOW, 210))
        self.root = stacked(self.choosers, self.figure)

    def _figure(self) -> Any:
        figure = plot(
            "layer-likeness",
            "Matrix of the likeness of layers of A and of B; the sentence below has the mean of its diagonal.",
            height=400,
            max_width=620,
            x_range=Range1d(start=-0.5, end=0.5),
            y_range=Range1d(start=0.5, end=-0.5),
            x_axis_label="layers of B",
            y_axis_label="layers of A",
            visible=False,
        )
        figure.grid.grid_line_color = None
        # Changing a ticker is cheap; a new one makes Bokeh go through the whole document.
        figure.xaxis.ticker, figure.yaxis.ticker = FixedTicker(), FixedTicker()
        figure.axis.major_tick_line_color = None
        mapper = LinearColorMapper(palette=SEQUENTIAL, low=0, high=1, nan_color=GREY)
        place = {"x": -0.5, "y": -0.5, "dw": "dw", "dh": "dh"}
        image = figure.image("image", source=self.cells, color_mapper=mapper, **place)
        look = {"text_align": "center", "text_baseline": "middle", "text_font_size": "11px"}
        figure.text("x", "y", text="text", source=self.texts, text_color="ink", **look)
        self.bar = colour_bar(mapper, "", ticker=BasicTicker())
        figure.add_layout(self.bar, "right")
        name = CustomJSHover(code=NAME, args={"names": self.names})
        value = CustomJSHover(code=NUMBER, args={"source": self.cells, "lists": self.names})
        kinds = ("value", "null", "excess", "untrained")
        tips = [("layer of A", "$y{a}"), ("layer of B", "$x{b}"), *((kind, f"@{kind}{{{kind}}}") for kind in kinds)]
        formatters: dict[str, Any] = {"$x": name, "$y": name, **{f"@{kind}": value for kind in kinds}}
        figure.add_tools(HoverTool(renderers=[image], tooltips=card(tips), formatters=formatters))
        return figure

    def update(self, frame: Frame) -> None:
        """Draw a frame."""
        state, by, show = frame.state, frame.choice("likeness-by"), frame.choice("likeness-show")
        if not self.changed("all", (state.a, state.b, state.null, by, show, frame.slice_key)):
            return
        stays, untrained = "", None
        pairs, compared = self.store.sides.pairs(state.a, state.b), None
        self.choosers.visible = bool(pairs) and not layer_likeness.missing(self.store, pairs[0])
        if not pairs:
            sentences = ["A and B share no seed: there is no pair of networks to compare."]
        elif missing := layer_likeness.missing(self.store, pairs[0]):
            sentences = _missing(self.store, pairs[0], missing)
        else:
            try:
                compared, stays = self._compared(frame, pairs[0], by)
                untrained, words = self._untrained(frame, pairs[0], by)
                sentences = [*_words(compared, pairs, by), words]
                ends = [name for name, _ in pairs[0]]
                if by == "units" and not class_directions.share_a_space(self.store.results, *ends):
                    sentences.append("A and B have no weights in common, so that their units are no pairs.")
            except (Damaged, OSError) as error:
                sentences = [escape(str(error))]
        self.figure.visible = compared is not None
        if compared is None:
            for source in (self.cells, self.names, self.texts):
                fill(source, {name: [] for name in source.data})
        else:
            self._fill(compared, untrained, BY[by], show)
        self.finding = sentences[0] if compared is None else _finding(compared, untrained, by)
        sentences = sentences if compared is not None else [MEANING]
        self.caption.text = paragraphs(stays, *sentences, frame.null_sentence)

    def _compared(self, frame: Frame, pair: tuple[Cell, Cell], by: str) -> tuple[Compared, str]:
        """The likeness on the selected samples, or on all where those are none or too few; a sentence that says so."""
        whole = lambda: layer_likeness.compared(self.store, pair, by)
        if not frame.has_selection:
            return whole(), ""
        try:
            of_slice = layer_likeness.compared(self.store, pair, by, frame.selected)
        except ValueError as error:
            return whole(), f"Of all samples: {escape(str(error))}."
        before = whole().diagonal[2]
        return of_slice, f"{frame.slice_words.capitalize()}; of all samples the excess is {before:.2f}."

    def _untrained(self, frame: Frame, pair: tuple[Cell, Cell], by: str) -> tuple[Compared | None, str]:
        """The likeness of untrained networks of two seeds on the same samples, if stored, and a sentence on it."""
        ends = layer_likeness.untrained(self.store, pair)
        if ends is None:
            return None, "" if any(self.store.results.networks[name].is_imported for name, _ in pair) else LACKING
        try:
            compared = layer_likeness.compared(self.store, ends, by, frame.selected if frame.has_selection else None)
        except ValueError:
            compared = layer_likeness.compared(self.store, ends, by)
        value, _, excess, _ = compared.diagonal
        return compared, (
            f"<b>Untrained: {value:.2f}, excess {excess:.2f}</b>, of {cell_name(ends[0])} and {cell_name(ends[1])}: "
            "what the architecture and the images give without any training."
        )

    def _fill(self, compared: Compared, untrained: Compared | None, by: str, show: str) -> None:
        of = compared.likeness
        shown = of.excess if show == "excess" else of.value
        self.bar.title = f"{by}{' beyond the classes' * (show == 'excess')}"
        lines, columns = shown.shape
        self.figure.x_range.update(start=-0.5, end=columns - 0.5)
        self.figure.y_range.update(start=lines - 0.5, end=-0.5)
        for axis, names in ((self.figure.yaxis[0], of.rows), (self.figure.xaxis[0], of.columns)):
            axis.ticker.ticks = list(range(len(names)))
            axis.major_label_overrides = {k: plain(inside.short_name(name)) for k, name in enumerate(names)}
        self.figure.xaxis[0].major_label_orientation = "horizontal" if columns <= NUMBERED else np.pi / 2
        before = np.full_like(of.excess, np.nan) if untrained is None else untrained.likeness.excess
        images = {"image": shown, "value": of.value, "null": of.null, "excess": of.excess, "untrained": before}
        cells = {name: [values.astype(np.float32)] for name, values in images.items()}
        fill(self.cells, {**cells, "dw": [columns], "dh": [lines]})
        fill(self.names, {"a": [of.rows], "b": [of.columns]})
        written = shown if max(shown.shape) <= NUMBERED else shown[:0]
        y, x = (axis.ravel().astype(np.float32) for axis in np.indices(written.shape))
        numbers = written.ravel().tolist()
        fill(
            self.texts,
            {
                "x": x,
                "y": y,
                "text": [f"{value:.2f}" if np.isfinite(value) else "·" for value in numbers],
                "ink": ["#ffffff" if value < DARK_HALF else "#1c2536" for value in numbers],
            },
        )


def _missing(store: Store, pair: tuple[Cell, Cell], cells: list[Cell]) -> list[str]:
    """The missing activations of a pair, and the commands that make them."""
    # The networks and conditions of A and B stand over the page and in the command.
    names = " and ".join(letter for letter, cell in zip("AB", pair, strict=True) if cell in cells)
    imported = [name for name, _ in cells if store.results.networks[name].is_imported]
    if imported:
        return [f"The activations of {names} are not stored; study.diagnose makes those of an imported network."]
    lines = [inside.command(store, "layer_features", [name], condition) for name, condition in cells]
    if len(cells) > 1 and cells[0][1] == cells[1][1] and not store.results.homes:
        lines = [inside.command(store, "layer_features", [name for name, _ in cells], cells[0][1])]
    how = made_of_weights(store, dict.fromkeys(name for name, _ in cells), "Make them with", *lines)
    return [f"The activations of {names} are not stored. {how}"]


def _finding(compared: Compared, untrained: Compared | None, by: str) -> str:
    """The mean likeness of layers of one name, beyond what the classes alone give, and that of untrained networks."""
    value, _, excess, layers = compared.diagonal
    if not layers:
        return "A and B have no layer of one name with a likeness."
    before = "" if untrained is None else f", {untrained.diagonal[2]:.2f} of two untrained networks"
    first = f"{BY[by]} of the same layer in A and B: {value:.2f} on average"
    return f"{first}; excess over the classes {excess:.2f}{before}."


def _words(compared: Compared, pairs: list[tuple[Cell, Cell]], by: str) -> list[str]:
    """The mean of the diagonal, its null and excess; what is compared."""
    value, null, excess, layers = compared.diagonal
    (a, b), several = pairs[0], len(pairs) > 1
    if layers:
        of = f"the {layers} layers that both have" if layers > 1 else "the one layer that both have"
        first = (
            f"<b>{BY[by]} of the same layer: {value:.2f}, excess {excess:.2f}</b> (mean over {of}). Null: {null:.2f}, "
            "what is left after the samples of B are permuted within their classes."
        )
    else:
        first = "A and B have no layer of one name with a likeness."
    second = (
        f"A: {cell_name(a)}. B: {cell_name(b)}. {compared.samples:,} samples. Excess: 0 where two layers share no more "
        "than the classes, 1 where they are equal."
    )
    second += f" The first of {len(pairs)} pairs of a seed." if several else ""
    second += f" Evenly spaced layers; {compared.left_out} are left out." if compared.left_out else ""
    return [first, second]
