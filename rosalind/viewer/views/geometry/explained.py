"""Why B is more robust than A: the waterfall of the parts and the samples that carry the gain, as they are stored."""

import shlex
from html import escape
from typing import Any

import numpy as np
from bokeh.models import FixedTicker, Range1d

from rosalind.analysis import contact_sheet, explanation, palette, robustness, slice_accuracy
from rosalind.analysis.explanation import PARTS, SHOWN, Explanation
from rosalind.analysis.store import Store
from rosalind.results import Damaged
from rosalind.viewer.views.draw import (
    GREY,
    caption,
    columns,
    cut,
    empty,
    fill,
    made_of_weights,
    mosaics,
    paragraphs,
    plot,
    stacked,
)
from rosalind.viewer.views.frame import Change, Changed, Frame

UP, DOWN = palette.FLIPS[1], palette.FLIPS[2]

LETTERS = 5
"""Most letters of a class under a sample."""

NAME = 22
"""Most letters of the condition beside the samples."""


def stored(store: Store, a: str, b: str) -> Explanation | None:
    """The explanation of two sides or, where there is none of two networks, that of their groups; None without.

    Raises:
        results.Damaged: a file cannot be read.
    """

    def make() -> Explanation | None:
        ids = [store.sides.id_of(store.sides.group(name)) for name in (a, b)]
        for sides in ((a, b), ids):
            found = explanation.read(store.results, *sides)
            if found is not None:
                return found
        return None

    return store.cached(("explanation", a, b), make)


def command(store: Store, a: str, b: str) -> str:
    """The line for a shell that makes the explanation of two sides."""
    names = [explanation.name_of(store.results, side) for side in (a, b)]
    return shlex.join(["rosalind", "explain", str(store.results.folder), *names])


MEANING = (
    "The difference of mean corruption accuracy is divided among what differs on the way from A to B, step by step; "
    "the steps sum to the whole."
)
"""What an explanation is, where none is stored."""


class Explained:
    """A bar per part from A's corruption accuracy to B's, and the first carrying samples."""

    page, title = "geometry", "What explains a difference in robustness?"
    finding = key = ""
    """See `View`."""
    geometry = True

    @staticmethod
    def choices(store: Store) -> dict[str, tuple[str, ...]]:
        """None."""
        return {}

    def __init__(self, frame: Frame, change: Change):
        self.store, self.changed = frame.store, Changed()
        self.explained: Explanation | None = None
        self.words, self.sliced, self.reach = "", empty("x", "y"), (0.0, 100.0)
        self.bars = empty("y", "left", "right", "colour")
        self.whiskers = empty("y", "low", "high")
        self.ends, self.links = empty("x", "y"), empty("x", "low", "high")
        self.numbers = empty("x", "y", "text")
        self.figure = self._waterfall()
        self.sheet = empty("image", "dw")
        self.texts = empty("x", "y", "text")
        self.samples, self.guesses = self._sheet(frame), self._guesses()
        self.caption = caption("explained-caption")
        self.root = stacked(self.figure, self.samples, self.guesses)

    def _waterfall(self) -> Any:
        figure = plot(
            "explained",
            "Bars from A's corruption accuracy over the parts to B's; the sentence below has the numbers.",
            height=260,
            x_range=Range1d(start=0, end=100),
            y_range=Range1d(start=1, end=0),
            visible=False,
        )
        figure.yaxis.ticker = FixedTicker()
        figure.ygrid.grid_line_color = None
        figure.xaxis.axis_label = "corruption accuracy (%)"
        figure.segment("x", "low", "x", "high", source=self.links, line_color=GREY, line_width=1)
        figure.hbar("y", height=0.6, left="left", right="right", source=self.bars, color="colour")
        look = {"name": "ink", "line_color": "#1c2536", "line_width": 1.5}
        figure.segment("low", "y", "high", "y", source=self.whiskers, **look)
        figure.scatter("x", "y", source=self.ends, marker="dash", angle=np.pi / 2, size=22, line_width=4, color=GREY)
        ring = {"size": 13, "fill_color": None, "line_width": 2.5, "line_color": "#1c2536", "name": "ink"}
        figure.scatter("x", "y", source=self.sliced, **ring)
        text = {"source": self.numbers, "name": "ink", "text_font_size": "11px", "text_baseline": "middle"}
        figure.text("x", "y", text="text", x_offset=6, **text)
        return figure

    def _sheet(self, frame: Frame) -> Any:
        figure = plot(
            "explained-samples",
            "The samples that carry the gain: clean above, corrupted below.",
            width=620,
            height=88,
            sizing_mode="scale_width",
            x_range=(0, SHOWN),
            y_range=Range1d(start=2, end=0),
            visible=False,
        )
        mosaics(figure, frame.store, self.sheet, height=2)
        return _named(figure, {0.5: "clean", 1.5: "corrupted"})

    def _guesses(self) -> Any:
        label = "The class of these samples, and the predictions of A and of B."
        places = {"x_range": (0, SHOWN), "y_range": Range1d(start=3, end=0)}
        figure = plot("explained-predictions", label, height=50, visible=False, **places)
        text = {"source": self.texts, "name": "ink", "text_font_size": "11px", "text_align": "center"}
        figure.text("x", "y", text="text", text_baseline="middle", **text)
        return _named(figure, {0.5: "class", 1.5: "A predicts", 2.5: "B predicts"})

    def update(self, frame: Frame) -> None:
        """Draw a frame."""
        a, b = frame.state.a[0], frame.state.b[0]
        if self.changed("all", (a, b, frame.state.null)):
            self._whole(frame, a, b)
        if self.changed("slice", (a, b, frame.state.null, frame.slice_key)):
            self.caption.text = self._slice(frame, a, b) + self.words

    def _whole(self, frame: Frame, a: str, b: str) -> None:
        """The stored explanation, which a brush leaves alone."""
        explained: Explanation | None = None
        self.explained = None
        sentence = ""
        try:
            if self.store.results.homes:
                self.finding = "Explanations are of one study: open it alone to see what is stored."
            elif (explained := stored(self.store, a, b)) is None:
                self.finding = self._missing(a, b)
            else:
                self.finding, sentence = explanation.finding(explained), escape(explanation.sentence(explained))
        except (Damaged, OSError) as error:
            self.finding = escape(str(error))
        self.figure.visible = explained is not None
        self.samples.visible = self.guesses.visible = explained is not None and len(explained.shown) > 0
        self.explained = explained
        if explained is not None:
            self._draw(explained)
            self._show(explained)
        notes = " ".join(explained.notes) if explained else ""
        self.key = ""
        if explained is not None:
            self.key = "Bars sum to the gain; whiskers: 95 % over seeds; rings: selected samples."
        if explained is not None and len(explained.shown):
            self.key += f" Samples that carry it, clean and under {escape(explained.shown_condition)}; "
            self.key += "a prediction per seed."
        self.words = paragraphs(sentence or MEANING, escape(notes), frame.null_sentence)

    def _slice(self, frame: Frame, a: str, b: str) -> str:
        """Rings at A's and B's corruption accuracy on the selected samples, and a sentence on them."""
        mean, explained = robustness.main_mean(self.store.results), self.explained
        if mean is None or not frame.has_selection:
            fill(self.sliced, {"x": np.empty(0, np.float32), "y": np.empty(0, np.float32)})
            self.figure.x_range.update(start=self.reach[0], end=self.reach[1])
            return ""
        ends = [100 * slice_accuracy.of_side(self.store, frame.selected, side, mean.conditions) for side in (a, b)]
        lowest = 0 if explained is None else len(explained.parts) + 1
        fill(self.sliced, {"x": np.array(ends, np.float32), "y": np.array([0, lowest], np.float32)})
        if np.isfinite(ends).all() and explained is not None:
            (low, high), room = self.reach, 0.04 * (self.reach[1] - self.reach[0])
            self.figure.x_range.update(start=min(low, min(ends) - room), end=max(high, max(ends) + room))
        text = f"Rings {frame.slice_words}: under corruption A has {ends[0]:.1f} % right, B {ends[1]:.1f} %."
        if explained is not None:
            gain = explained.gain.mean(0)
            share = 100 * float(gain[frame.selected].sum() / gain.sum()) if gain.sum() else float("nan")
            text += f" They carry {share:.0f} % of the gain and are {100 * frame.selected.mean():.0f} % of the samples."
        return paragraphs(text if explained is not None else text.replace("Rings of", "Of"))

    def _missing(self, a: str, b: str) -> str:
        """The command that makes an explanation, or the reason why there is none."""
        if a == b:
            return "A and B are the same network: choose another B."
        try:
            pairs = explanation.pairs_of(self.store.results, a, b)
        except ValueError as error:
            return f"No explanation: {escape(str(error))}"
        names = dict.fromkeys(name for pair in pairs for name in pair)
        how = made_of_weights(self.store, names, "Make it with", command(self.store, a, b))
        return f"No explanation of these two is stored. {how}"

    def _draw(self, explained: Explanation) -> None:
        shares, total = explained.shares, explained.total
        first = 100 * float(explained.values[:, 0, 0].mean())
        steps, count = 100 * shares.mean[0], len(explained.parts)
        starts = first + np.concatenate([[0], np.cumsum(steps)])
        rows = np.arange(1, count + 1)
        titles = {0: "A", **dict(zip(rows.tolist(), (PARTS[key] for key in explained.parts), strict=True))}
        titles[count + 1] = "B"
        low = np.concatenate([starts[:-1] + 100 * shares.low[0], [first + 100 * total.low[0]]])
        high = np.concatenate([starts[:-1] + 100 * shares.high[0], [first + 100 * total.high[0]]])
        places = np.arange(1, count + 2)
        if len(explained.seed_draw):
            titles[count + 2] = "another seed of A (null)"
            low = np.append(low, first + 100 * explained.drawn.low)
            high = np.append(high, first + 100 * explained.drawn.high)
            places = np.append(places, count + 2)
        finite = np.isfinite(low)
        as_float = lambda values: np.asarray(values, np.float32)
        fill(
            self.bars,
            {
                "y": as_float(rows),
                "left": as_float(starts[:-1]),
                "right": as_float(starts[1:]),
                "colour": [UP if step >= 0 else DOWN for step in steps],
            },
        )
        fill(
            self.whiskers, {"y": as_float(places[finite]), "low": as_float(low[finite]), "high": as_float(high[finite])}
        )
        below = np.arange(count + 1)
        fill(self.links, {"x": as_float(starts), "low": as_float(below), "high": as_float(below + 1)})
        fill(self.ends, {"x": as_float([first, starts[-1]]), "y": as_float([0, count + 1])})
        beyond = np.maximum(np.maximum(starts[:-1], starts[1:]), np.nan_to_num(high[:count]))
        fill(
            self.numbers,
            {
                "x": as_float([first, *beyond, max(starts[-1], np.nan_to_num(high[count]))]),
                "y": as_float(range(count + 2)),
                "text": [f"{first:.1f}", *(f"{step:+.1f}" for step in steps), f"{starts[-1]:.1f}"],
            },
        )
        ends = np.concatenate([starts, low[finite], high[finite]])
        reach = max(float(np.ptp(ends)), 1.0)
        self.reach = float(ends.min()) - 0.08 * reach, float(ends.max()) + 0.15 * reach
        self.figure.x_range.update(start=self.reach[0], end=self.reach[1])
        self.figure.y_range.update(start=len(titles) - 0.4, end=-0.6)
        self.figure.height = 80 + 28 * len(titles)
        self.figure.yaxis.ticker.ticks = list(titles)
        self.figure.yaxis.major_label_overrides = titles

    def _show(self, explained: Explanation) -> None:
        count = len(explained.shown)
        if not count:
            fill(self.sheet, {"image": [], "dw": []})
            fill(self.texts, {"x": [], "y": [], "text": []})
            return
        pictures = np.concatenate([explained.images[:, 0], explained.images[:, 1]])
        sheet = contact_sheet.mosaic(pictures, count, 2, max(pictures.shape[2] // 8, 1))
        self.sheet.data = {"image": [sheet], "dw": [count]}
        name = lambda number: cut(explained.class_names[number], LETTERS)
        rows = []
        for k in range(count):
            sides = (" ".join(name(one) for one in side) for side in explained.predictions[k])
            rows += [(k + 0.45, line + 0.5, text) for line, text in enumerate((name(explained.labels[k]), *sides))]
        fill(self.texts, columns(("x", "y", "text"), rows))
        self.samples.yaxis.major_label_overrides = {0.5: "clean", 1.5: cut(explained.shown_condition, NAME)}


def _named(figure: Any, rows: dict[float, str]) -> Any:
    """A figure whose rows are named at its left, without a frame."""
    figure.xaxis.visible = False
    figure.grid.grid_line_color = None
    figure.outline_line_alpha = 0
    figure.yaxis.update(ticker=FixedTicker(ticks=list(rows)), major_label_overrides=rows, major_tick_line_color=None)
    return figure
