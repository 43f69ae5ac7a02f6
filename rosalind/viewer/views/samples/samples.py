"""View 6: the images of the selection, under A and under B, and their numbers."""

from functools import partial
from html import escape

import numpy as np
from bokeh.events import Tap
from bokeh.layouts import row
from bokeh.models import (
    Button,
    ColumnDataSource,
    Div,
    LinearColorMapper,
    Range1d,
    TextInput,
)
from bokeh.palettes import Greys256

from rosalind.analysis import contact_sheet, sample_presets, selection
from rosalind.analysis.sample_presets import KINDS, PRESETS
from rosalind.analysis.sides import Cell
from rosalind.analysis.store import Store
from rosalind.results import Damaged
from rosalind.viewer.views.frame import (
    CLEAR,
    FLIP_COLOURS,
    FLIP_MARKERS,
    Change,
    Frame,
    caption,
    flip_legend,
    plot,
    titled,
)
from rosalind.viewer.views.samples.sample_table import sample_table, table_columns

TILES = 60
"""Samples on one sheet."""

COLUMNS = 10

PAGES = 200
"""Sheets that can be leafed through; beyond, a narrower selection says more."""

PAIRS = ("A | B", "clean | B")

NOT_STORED = (
    "The study holds no comparison/fragility.npz, which says how often each sample breaks; running the study "
    "again makes it."
)


class Samples:
    """A contact sheet, every tile twice, and a row of numbers for each; a click shows one in full."""

    @staticmethod
    def choices(store: Store) -> dict[str, tuple[str, ...]]:
        """What is sorted by and which way, what stands side by side, the page, and the preset chosen last."""
        pages = min(max(-(-len(store.ids) // TILES), 1), PAGES)
        return {
            "samples-sort": contact_sheet.sorts(store),
            "samples-order": ("forwards", "backwards"),
            "samples-pair": PAIRS,
            "samples-page": tuple(str(k + 1) for k in range(pages)),
            "samples-preset": ("none", *PRESETS),
        }

    def __init__(self, frame: Frame, change: Change):
        self.change, self.frame = change, frame
        self.sent: tuple | None = None
        self.listed = np.empty(0, int)
        self.shown_page, self.pages = 1, 1
        self._sheet(frame)
        self.table, self.rows = sample_table()
        self.message = Div(text="", name="samples-message", visible=False, sizing_mode="stretch_width")
        self.find = TextInput(placeholder="find id", name="samples-find", width=72, max_length=20)
        self.find.on_change("value", lambda attr, old, new: self._find(new))
        self.leaf = {
            by: Button(label=label, width=34, name=f"samples-{name}", align="end")
            for by, label, name in ((-1, "◀", "previous"), (1, "▶", "next"))
        }
        for by, button in self.leaf.items():
            button.on_click(partial(self._leaf, by))
        self.place = Div(text="", name="samples-place", align="end", width=42, tags=["control"])
        self.find.align = "end"
        choose = partial(frame.chooser, change)
        wrapped = {"sizing_mode": "stretch_width", "styles": {"flex-wrap": "wrap"}}
        controls = row(
            choose("samples-sort", "first", width=170),
            choose("samples-order", "order", width=98),
            choose("samples-pair", "side by side", width=102),
            self.leaf[-1],
            self.place,
            self.leaf[1],
            self.find,
            **wrapped,
        )
        buttons = [
            Button(label=label, name=f"preset-{name}", width=7 * len(label) + 16, height=28)
            for name, label in ((name, name.removeprefix("most ")) for name in PRESETS)
        ]
        for button, name in zip(buttons, PRESETS, strict=True):
            button.on_click(partial(self._preset, name))
        self.caption = caption("samples-caption")
        self.root = titled(
            "Which samples?",
            controls,
            row(Div(text="select", width=38, align="center", tags=["control"]), *buttons, **wrapped),
            self.message,
            self.figure,
            self.table,
        )

    def _sheet(self, frame: Frame) -> None:
        lines = TILES // COLUMNS
        self.figure = plot(
            "samples",
            "Contact sheet of the selected samples; click one to see it in full.",
            width=620,
            height=620 * lines // (2 * COLUMNS),
            sizing_mode="scale_width",
            x_range=Range1d(0, COLUMNS),
            y_range=Range1d(lines, 0),
        )
        self.figure.axis.visible = False
        self.figure.grid.grid_line_color = None
        self.sheet = ColumnDataSource({"image": []})
        place = {"x": 0, "y": 0, "dw": COLUMNS, "dh": lines, "source": self.sheet}
        _, first = frame.store.images(frame.store.conditions[0])
        if first.shape[-1] == 3:
            self.figure.image_rgba("image", **place)
        else:
            # Grey pictures are a quarter of the bytes.
            mapper = LinearColorMapper(palette=Greys256, low=1, high=255, low_color=CLEAR)
            self.figure.image("image", color_mapper=mapper, **place)
        self.tiles = ColumnDataSource({name: [] for name in ("x", "y", "colour", "width", "marker", "top")})
        self.figure.rect(
            "x",
            "y",
            0.955,
            0.925,
            source=self.tiles,
            fill_color=None,
            line_color="colour",
            line_width="width",
        )
        self.figure.scatter(
            "x",
            "top",
            source=self.tiles,
            marker="marker",
            size=8,
            fill_color="colour",
            line_color="#ffffff",
        )
        # A cross has no inside to colour.
        self.figure.scatter(
            "x", "top", source=self.tiles, marker="marker", size=5, line_color="colour", line_width=2
        )
        self.figure.on_event(Tap, self._tap)

    def _tap(self, event: Tap) -> None:
        place = int(event.y or 0) * COLUMNS + int(event.x or 0)
        if 0 <= (event.x or 0) < COLUMNS and 0 <= place < len(self.listed):
            self.change(primary=int(self.frame.store.ids[self.listed[place]]))

    def _leaf(self, by: int) -> None:
        number = self.shown_page + by
        if 1 <= number <= min(self.pages, PAGES):
            self.change(choices={"samples-page": str(number)})

    def _find(self, text: str) -> None:
        text, ids = text.strip()[:20], self.frame.store.ids
        if not text:
            return
        number = int(text) if text.isascii() and text.isdigit() else -1
        if number in ids:
            (place,) = np.flatnonzero(ids == number)
            key, candidates = self._order(self.frame)
            there, turned = place in candidates, {}
            if there and place not in self.listed:
                sheets_before = contact_sheet.rank(key, candidates, place) // TILES
                turned = {"samples-page": str(min(sheets_before + 1, PAGES))}
            self.change(primary=number, choices=turned)
            self._say("" if there else f"Sample {number} is not among those on the sheets.")
        else:
            self._say(f"There is no sample {text!r}; ids are whole numbers from {ids.min()} to {ids.max()}.")

    def _say(self, message: str) -> None:
        self.message.text = f"<p class='error'>{escape(message)}</p>" if message else ""
        self.message.visible = bool(message)

    def _preset(self, name: str) -> None:
        state = self.frame.state
        try:
            picked = sample_presets.pick(self.frame.store, name, state.a, state.b)
        except (Damaged, OSError) as error:
            self._say(str(error))
            return
        chosen = {"samples-preset": name, "samples-page": "1"}
        if picked is None:
            self._say(NOT_STORED)
        elif not len(picked.positions):
            self.change(rule=(), choices=chosen)
            self._say(f"No sample is picked by {name!r}: none was {PRESETS[name][1]} often enough.")
        else:
            ids = self.frame.store.ids[picked.positions].tolist()
            self.change(step={"op": "replace", "ids": ids}, choices=chosen, primary=ids[0])

    def _left(self, frame: Frame) -> Cell:
        """What B stands beside: A, or B's network on clean images (A where that is not measured)."""
        store, b = frame.store, frame.state.b
        if frame.choice("samples-pair") == PAIRS[0]:
            return frame.state.a
        infos = store.results.conditions
        clean = [
            name
            for name in store.conditions
            if infos[name]["kind"] == "clean" and infos[name]["bn"] == infos[b[1]]["bn"]
        ]
        return next(((b[0], name) for name in clean if store.sides.has((b[0], name))), frame.state.a)

    @staticmethod
    def _some(frame: Frame) -> np.ndarray:
        """bool[n]: what is selected, or all that is shown.

        Stars alone leave the sheet as it is, so that one can go on from sample to sample.
        """
        narrowed = frame.selected.any() and not selection.is_by_hand(frame.state.rule)
        return frame.selected if narrowed else frame.shown

    def _pictured(self, frame: Frame) -> np.ndarray:
        store, shown = frame.store, (self._left(frame)[1], frame.state.b[1])
        return store.cached(("samples", "pictured", *shown), lambda: contact_sheet.pictured(store, *shown))

    def _order(self, frame: Frame) -> tuple[np.ndarray, np.ndarray]:
        """What the sheets are sorted by, float[n], and the positions int[m] that are on them.

        Made whenever it is asked for: kept, they are 1.6 MB of every reader of 200,000 samples.
        """
        state, sort = frame.state, frame.choice("samples-sort")
        key = contact_sheet.sort_key(frame.store, sort, self._left(frame), state.b, state.raw)
        key = -key if frame.choice("samples-order") == "backwards" else key
        some, pictured = self._some(frame), self._pictured(frame)
        # Without any picture the sheet still lists samples, for the table and the arrow keys.
        return key, np.flatnonzero(some & pictured if pictured.any() else some)

    def update(self, frame: Frame) -> None:
        self.frame = frame
        self._say("")
        store, state = frame.store, frame.state
        left, some = self._left(frame), self._some(frame)
        pictured, (key, candidates) = self._pictured(frame), self._order(frame)
        self.listed, self.shown_page, self.pages = contact_sheet.page(
            key, candidates, TILES, int(frame.choice("samples-page"))
        )
        flips = frame.flips if left == state.a else selection.flips(store, left, state.b)
        self._send(frame, left, flips)
        self.place.text = f"{self.shown_page} / {self.pages:,}"
        self.leaf[-1].disabled = self.shown_page <= 1
        self.leaf[1].disabled = self.shown_page >= min(self.pages, PAGES)
        self.caption.text = self._sentence(frame, left, flips, some, pictured, np.isnan(key[candidates]))

    def _send(self, frame: Frame, left: Cell, flips: np.ndarray) -> None:
        """Bring pictures, borders and table up to date; pictures and table only where they are others."""
        store, state, listed = frame.store, frame.state, self.listed
        y, x = np.divmod(np.arange(len(listed)), COLUMNS)
        primary = store.ids[listed] == state.primary
        self.tiles.data = {
            "x": (x + 0.485).astype(np.float32),
            "y": (y + 0.475).astype(np.float32),
            "top": (y + 0.06).astype(np.float32),
            "colour": [FLIP_COLOURS[k] for k in flips[listed]],
            "marker": [FLIP_MARKERS[k] for k in flips[listed]],
            "width": np.where(primary, 6, 2).astype(np.uint8),
        }
        wanted = (listed.tobytes(), left, state.a, state.b, state.raw)
        if wanted == self.sent:
            return
        self.sent = None
        sides = [contact_sheet.pictures(store, cell[1], listed)[1] for cell in (left, state.b)]
        # A condition without stored pictures has none of the others' size.
        size = max((pictures.shape[1:] for pictures in sides if pictures.size), default=None)
        shape = (len(listed), *(size or (8, 8, 1)))
        sides = [p if p.shape == shape else np.zeros(shape, np.uint8) for p in sides]
        pairs = np.stack(sides, 1).reshape(-1, *shape[1:])
        made = contact_sheet.mosaic(pairs, 2 * COLUMNS, TILES // COLUMNS, gap=max(shape[1] // 20, 1))
        self.sheet.data = {"image": [made] if len(listed) else []}
        self.rows.data = table_columns(frame, listed)
        self.sent = wanted

    def _sentence(self, frame: Frame, left: Cell, flips, some, pictured, undefined) -> str:
        store, state = frame.store, frame.state
        sort, backwards = frame.choice("samples-sort"), frame.choice("samples-order") == "backwards"
        kind = "selected" if some is frame.selected else "shown"
        beside = "A" if left == state.a else "clean images of B's network"
        words = (
            f"{len(self.listed)} of {some.sum():,} {kind} samples, {sort} {'last' if backwards else 'first'}; left "
            f"half under {beside}, right half under B. {flip_legend()}."
        )
        if frame.choice("samples-pair") == PAIRS[1] and left == state.a:
            words += " B's network is not measured on clean images, so A stands on the left."
        without = int((some & ~pictured).sum())
        if without:
            words += f" {without:,} have no stored image and are not on the sheet."
        if selection.is_by_hand(state.rule):
            words += f" {int(frame.selected.sum()):,} are starred; saved as a slice and chosen, they are the sheet."
        if undefined.any():
            stored = sort not in (*KINDS, contact_sheet.WRONG) or not undefined.all()
            words += (
                f" {int(undefined.sum()):,} have no such number and come last."
                if stored
                else f" {escape(NOT_STORED)}"
            )
        words += f" Margins in the table are {'raw' if state.raw else 'in units'}."
        seeds = len(store.sides.pairs(left, state.b))
        if seeds > 1:
            words += f" Means and majorities over {seeds} pairs of one seed."
        if frame.nulls:
            apart = [
                np.bincount(selection.flips(store, *null)[some], minlength=4)[1:3] for null in frame.nulls
            ]
            most = max(apart, key=sum)
            own = np.bincount(flips[some], minlength=4)
            words += (
                f" B fixes {own[1]:,} and breaks {own[2]:,} of them, {own[1] + own[2]:,} in all; the null flips up to "
                f"{most.sum():,}."
            )
        words = f"{words} {frame.null_line}".rstrip()
        return words + self._reported(frame)

    def _reported(self, frame: Frame) -> str:
        """What the other half says of a preset's samples, as long as they are what is selected."""
        preset, state = frame.choice("samples-preset"), frame.state
        if preset == "none" or len(state.rule) != 1 or not isinstance(state.rule[0], selection.Ids):
            return ""
        picked = sample_presets.pick(frame.store, preset, state.a, state.b)
        if picked is None or tuple(frame.store.ids[picked.positions].tolist()) != state.rule[0].ids:
            return ""
        return f" <b>{escape(sample_presets.report(preset, picked))}</b>"
