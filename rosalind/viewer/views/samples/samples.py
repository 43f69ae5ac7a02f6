"""The images of the selection, under A and under B, and their numbers."""

from functools import partial
from html import escape

import numpy as np
from bokeh.layouts import row
from bokeh.models import Button, Div, TextInput

from rosalind.analysis import contact_sheet, occlusion_maps, sample_presets, selection, selection_steps
from rosalind.analysis.sample_presets import KINDS, PRESETS
from rosalind.analysis.sides import Cell
from rosalind.analysis.store import Store
from rosalind.results import Damaged
from rosalind.viewer.views.draw import caption, cut, flip_legend, stacked, width_of, wrapped
from rosalind.viewer.views.frame import Change, Changed, Frame
from rosalind.viewer.views.samples.sample_table import sample_table, show_rows
from rosalind.viewer.views.samples.sheet import SIZES, Sheet

TILES = 60
"""Samples on one sheet."""

GROUPS = ("none", "class", "true → predicted")
"""How samples stand together on the sheets; of the last, by B's prediction."""

PAGES = 200
"""Largest number of sheets; beyond, a narrower selection says more."""

PAIRS = ("A | B", "clean | B")

LABELS = {name: f"broken by {'AB'[side]}'s condition" for name, side in sample_presets.CORRUPTED.items()}
LABELS[sample_presets.EXEMPLARS] = "exemplars of B"
"""What the buttons of presets with long names say, so that all have two lines."""

NOT_STORED = (
    "The study holds no comparison/fragility.npz, which says how often each sample breaks; running the study "
    "again makes it."
)

NO_PARENTS = "B descends from no dense network that is measured under its condition: nothing says what pruning changes."

NOT_CLEAN = "That side is not measured on clean images, so that nothing says what its condition breaks."


class Samples:
    """A contact sheet, every tile twice, and a row of numbers for each; a click shows one in full."""

    page, title = "samples", "Which samples?"
    finding = key = ""
    """See `View`."""

    @staticmethod
    def choices(store: Store) -> dict[str, tuple[str, ...]]:
        """The key and the direction of sorting, the sides, the sheet, and the last preset."""
        pages = min(max(-(-len(store.ids) // TILES), 1), PAGES)
        return {
            "samples-sort": contact_sheet.sorts(store),
            "samples-order": ("forwards", "backwards"),
            "samples-pair": PAIRS,
            "samples-page": tuple(str(k + 1) for k in range(pages)),
            "samples-preset": ("none", *PRESETS),
            "samples-size": SIZES,
            "samples-group": GROUPS,
        }

    def __init__(self, frame: Frame, change: Change):
        self.change, self.frame = change, frame
        self.changed = Changed()
        self.listed = np.empty(0, int)
        self.shown_page, self.pages = 1, 1
        self.tiles_sheet = Sheet(frame, TILES, self.tap)
        self.figure, self.sheet, self.tiles = self.tiles_sheet.figure, self.tiles_sheet.image, self.tiles_sheet.tiles
        self.cursors = {"samples": self.tiles_sheet.cursor}
        self.table, self.rows = sample_table()
        # As high without a message, so that one does not move the page.
        self.message = Div(text="", name="samples-message", sizing_mode="stretch_width", height=20, margin=(4, 5))
        self.elsewhere = Button(label="", name="samples-elsewhere", height=26, margin=(0, 5), visible=False)
        self.elsewhere.on_click(self.go_elsewhere)
        self._elsewhere: tuple[str, str] | None = None
        """A preset, and the condition under which it picks somebody."""
        self.rows.selected.on_change("indices", lambda attr, old, new: self.tap(new[0]) if new else None)
        self.find = TextInput(placeholder="find id", name="samples-find", width=72, max_length=20, align="end")
        self.find.on_change("value", lambda attr, old, new: self.show_id(new))
        self.leaf = {
            by: Button(label=label, width=34, name=f"samples-{name}", align="end")
            for by, label, name in ((-1, "◀", "previous"), (1, "▶", "next"))
        }
        for by, button in self.leaf.items():
            button.on_click(partial(self.turn, by))
        self.place = Div(text="", name="samples-place", align="end", width=42, tags=["control"])
        choosers = [
            frame.chooser(change, f"samples-{name}", title, width=width)
            for name, title, width in (
                ("sort", "first", 170),
                ("order", "order", 98),
                ("pair", "side by side", 102),
                ("group", "group", 124),
            )
        ]
        self.size = frame.slider(change, "samples-size", "picture size (pixels)", 170)
        controls = wrapped(*choosers, self.size, self.leaf[-1], self.place, self.leaf[1], self.find)
        select = Div(text="select", width=38, align="center", tags=["control"], css_classes=["control"])
        presets: list[Div | Button] = [select]
        for name in PRESETS:
            label = LABELS.get(name, name.removeprefix("most "))
            button = Button(label=label, name=f"preset-{name}", width=7 * len(label) + 16, height=28)
            button.on_click(partial(self.choose_preset, name))
            presets.append(button)
        self.caption = caption("samples-caption")
        answer = row(self.elsewhere, self.message, sizing_mode="stretch_width", height=28)
        parts = (controls, wrapped(*presets), answer, self.tiles_sheet.root, self.table)
        self.root = stacked(*parts)

    def tap(self, tile: int) -> None:
        """Show the sample of a tile, or of a row of the table, large."""
        if 0 <= tile < len(self.listed):
            self.change(primary=int(self.frame.store.ids[self.listed[tile]]))

    def turn(self, by: int) -> None:
        """Go some sheets on; nothing beyond the first and the last."""
        number = self.shown_page + by
        if 1 <= number <= min(self.pages, PAGES):
            self.change(choices={"samples-page": str(number)})

    def show_id(self, text: str) -> None:
        """Show the sample with an id large, and the sheet that it is on."""
        text, ids = text.strip()[:20], self.frame.store.ids
        if not text:
            return
        number = int(text) if text.isascii() and text.isdigit() else -1
        if number not in ids:
            self._show_message(f"There is no sample {text!r}; ids are whole numbers from {ids.min()} to {ids.max()}.")
            return
        position = int(np.flatnonzero(ids == number)[0])
        key, candidates = self._order(self.frame)
        listed, choices = position in candidates, {}
        if listed and position not in self.listed:
            sheets_before = contact_sheet.rank(key, candidates, position) // TILES
            choices = {"samples-page": str(min(sheets_before + 1, PAGES))}
        self.change(primary=number, choices=choices)
        self._show_message("" if listed else f"Sample {number} is not among those on the sheets.")

    def _show_message(self, message: str, elsewhere: tuple[str, str] | None = None) -> None:
        """Show a message, and a button that goes to where a preset picks somebody if one is given."""
        text = f"<p class='error'>{escape(message)}</p>" if message else ""
        self.message.text, self._elsewhere = text, elsewhere
        label = "" if elsewhere is None else cut(f"{elsewhere[0]} under {elsewhere[1]}", 60)
        self.elsewhere.update(visible=bool(label), label=label, width=round(12 * width_of(label)) + 20)

    def go_elsewhere(self) -> None:
        """Take A and B to where the preset that picked nobody picks somebody, and select these."""
        if self._elsewhere is not None:
            name, condition = self._elsewhere
            self.choose_preset(name, condition)

    def choose_preset(self, name: str, condition: str | None = None) -> None:
        """Select the samples that one of `PRESETS` picks for A and B; with a `condition`, under it in both."""
        state = self.frame.state
        a, b = ((side[0], condition or side[1]) for side in (state.a, state.b))
        try:
            picked = sample_presets.pick(self.frame.store, name, a, b)
            where = self._where(name) if picked is not None and not len(picked.positions) else None
        except (Damaged, OSError) as error:
            self._show_message(str(error))
            return
        choices = {"samples-preset": name, "samples-page": "1"}
        if picked is None:
            lacks = {sample_presets.EXEMPLARS: NO_PARENTS, **dict.fromkeys(sample_presets.CORRUPTED, NOT_CLEAN)}
            self._show_message(lacks.get(name, NOT_STORED))
        elif not len(picked.positions):
            self.change(rule=(), choices=choices)
            if where is None:
                self._show_message(f"No sample is picked by {name!r}: try another B or condition.")
            else:
                # Beside the button there is room for a few words.
                verb = "gains" if name == "rescued by B" else "loses"
                self._show_message(f"None here; there B {verb} most.", (name, where))
        else:
            mapped, ids = self._mapped(self.frame.store, a, b), self.frame.store.ids[picked.positions].tolist()
            first = next((sample for sample in ids if sample in mapped), ids[0])
            step = {"op": "replace", "preset": name, "cell": list(a), "other": list(b)}
            self.change(step=step, choices=choices, primary=first, **({"a": a, "b": b} if condition else {}))

    def _where(self, name: str) -> str | None:
        """The condition under which B gains or loses most and a preset of that picks somebody; None without one.

        Of groups of seeds B may gain without a sample that is rescued in more than half of the pairs.
        """
        if name not in ("rescued by B", "broken by B"):
            return None
        store, state, sign = self.frame.store, self.frame.state, 1 if name == "rescued by B" else -1

        def accuracy(side: str, condition: str) -> float:
            cells = store.sides.seeds((side, condition))
            return float(np.mean([store.summary.get(cell, {}).get("accuracy", np.nan) for cell in cells]))

        both = [c for c in store.conditions if all(store.sides.has((side[0], c)) for side in (state.a, state.b))]
        gains = {c: sign * (accuracy(state.b[0], c) - accuracy(state.a[0], c)) for c in both}
        likely = sorted((c for c in both if gains[c] > 0), key=lambda c: -gains[c])
        picked = (sample_presets.pick(store, name, (state.a[0], c), (state.b[0], c)) for c in likely)
        return next((c for c, preset in zip(likely, picked, strict=True) if preset and len(preset.positions)), None)

    @staticmethod
    def _mapped(store: Store, a: Cell, b: Cell) -> frozenset[int]:
        """Ids of the samples that have occlusion maps under A and under B."""
        maps = []
        for cell in (a, b):
            stored = [one for single in store.sides.seeds(cell) if (one := occlusion_maps.stored(store, single))]
            maps.append(frozenset(sample for one in stored for sample in one.ids.tolist()))
        return maps[0] & maps[1]

    def _left(self, frame: Frame) -> Cell:
        """The cell beside B: A, or B's network on clean images (A where that is not measured)."""
        if frame.choice("samples-pair") == PAIRS[0]:
            return frame.state.a
        return sample_presets.clean_cell(frame.store, frame.state.b) or frame.state.a

    @staticmethod
    def _candidates(frame: Frame) -> np.ndarray:
        """bool[n]: the selected samples, or all that are shown.

        Stars alone leave the sheet as it is, so that one can go on from sample to sample.
        """
        narrowed = frame.selected.any() and not selection.is_by_hand(frame.state.rule)
        return frame.selected if narrowed else frame.shown

    @staticmethod
    def _is_picked(frame: Frame) -> bool:
        """True while a preset, or the list of ids that addresses of before gave, is the selection."""
        kinds = selection_steps.Preset, selection_steps.Ids
        return len(frame.state.rule) == 1 and isinstance(frame.state.rule[0], kinds)

    def _pictured(self, frame: Frame) -> np.ndarray:
        store, shown = frame.store, (self._left(frame)[1], frame.state.b[1])
        return store.cached(("samples", "pictured", *shown), lambda: contact_sheet.pictured(store, *shown))

    def _order(self, frame: Frame) -> tuple[np.ndarray, np.ndarray]:
        """The key of sorting float[n], and the positions int[m] on the sheets.

        Made at every call: cached, they are 1.6 MB of every reader of 200,000 samples.
        """
        state, sort = frame.state, frame.choice("samples-sort")
        key = contact_sheet.sort_key(frame.store, sort, self._left(frame), state.b, state.raw)
        key = -key if frame.choice("samples-order") == "backwards" else key
        if frame.choice("samples-preset") != "none" and self._is_picked(frame):
            # What has maps comes first: it can be explained.
            mapped = np.isin(frame.store.ids, list(self._mapped(frame.store, state.a, state.b)))
            key = np.where(mapped, key - 2 * np.nanmax(np.abs(key), initial=0) - 1, key)
        group = frame.choice("samples-group")
        if group != GROUPS[0]:
            predicted = frame.store.predictions(state.b) if group == GROUPS[2] else None
            key = contact_sheet.grouped(key, frame.store.labels, predicted)
        candidates, pictured = self._candidates(frame), self._pictured(frame)
        # Without any picture the sheet still lists samples, for the table and the arrow keys.
        return key, np.flatnonzero(candidates & pictured if pictured.any() else candidates)

    def update(self, frame: Frame) -> None:
        """Draw a frame."""
        self.frame = frame
        self._show_message("")
        store, state = frame.store, frame.state
        left, (key, candidates) = self._left(frame), self._order(frame)
        self.listed, self.shown_page, self.pages = contact_sheet.page(
            key, candidates, TILES, int(frame.choice("samples-page"))
        )
        flips = frame.flips if left == state.a else selection_steps.flips(store, left, state.b)
        self.place.text = f"{self.shown_page} / {self.pages:,}"
        self.leaf[-1].disabled = self.shown_page <= 1
        self.leaf[1].disabled = self.shown_page >= min(self.pages, PAGES)
        self.finding, self.key = self._finding(frame, left, flips), self._key(frame, left)
        self.caption.text = self._caption(frame, left, flips, np.isnan(key[candidates]))
        listed = self.listed
        # Empty tiles say nothing that the table does not.
        self.tiles_sheet.root.visible = self.size.visible = bool(self._pictured(frame).any())
        self.tiles_sheet.mark(frame, left, listed, flips)
        size, group = frame.choice("samples-size"), frame.choice("samples-group")
        if not self.changed("tiles", (listed.tobytes(), left, state.a, state.b, state.raw, size, group)):
            return
        # One picture where both are of one condition: twice the same says nothing.
        conditions = dict.fromkeys((left[1], state.b[1]))
        self.tiles_sheet.draw([contact_sheet.pictures(store, condition, listed) for condition in conditions])
        show_rows(self.table, self.rows, frame, listed, left)

    def _finding(self, frame: Frame, left: Cell, flips: np.ndarray) -> str:
        """The rate of a preset on held-out cases, or the counts of fixed and broken samples; HTML."""
        state, pool = frame.state, self._candidates(frame)
        if not self._pictured(frame).any():
            conditions = " and ".join(dict.fromkeys((escape(left[1]), escape(state.b[1]))))
            return (
                f"No images are stored under {conditions}: <code>thumbnails</code> of the study's configuration keeps "
                "them."
            )
        if (preset := self._preset(frame)) is not None:
            return escape(sample_presets.finding(*preset))
        rows = frame.rows if pool is frame.focus else np.flatnonzero(pool)
        right, fixed, broken, _ = np.bincount(flips.take(rows), minlength=4)
        kind = "selected" if pool is frame.selected else "shown"
        who = "B" if left == state.a else "B's condition"
        stay = f"{right:,} stay{'s' if right == 1 else ''}"
        return f"{who} breaks {broken:,} of {len(rows):,} {kind} samples and fixes {fixed:,}; {stay} right."

    def _key(self, frame: Frame, left: Cell) -> str:
        """The halves, frames, corners and words of the tiles; empty where there are none; HTML."""
        state = frame.state
        if not self._pictured(frame).any():
            return ""
        is_a = left == state.a
        where = f"Left half: {'A' if is_a else 'clean'}, right half: B."
        if left[1] == state.b[1]:
            where = "One picture: one condition."
        corners = f"Corners: {'A' if is_a else 'clean'} left, B right; ● correct, ✕ wrong."
        return f"Frames: {flip_legend()}. {where} {corners} Text: class, predictions (long names: if wrong)."

    def _caption(self, frame: Frame, left: Cell, flips: np.ndarray, undefined: np.ndarray) -> str:
        store, state = frame.store, frame.state
        pool, pictured = self._candidates(frame), self._pictured(frame)
        sort, backwards = frame.choice("samples-sort"), frame.choice("samples-order") == "backwards"
        kind = "selected" if pool is frame.selected else "shown"
        count, end = np.count_nonzero(pool), "last" if backwards else "first"
        text = f"{len(self.listed)} of {count:,} {kind} samples, {sort} {end}."
        if frame.choice("samples-pair") == PAIRS[1] and left == state.a:
            text += " B's network is not measured on clean images, so A stands on the left."
        if pictured.any() and (without := int((pool & ~pictured).sum())):
            text += f" {without:,} have no stored image and are not on the sheet."
        if selection.is_by_hand(state.rule):
            text += f" {int(frame.selected.sum()):,} are starred; saved as a slice and chosen, they are the sheet."
        if undefined.any():
            stored = sort not in (*KINDS, contact_sheet.WRONG) or not undefined.all()
            text += (
                f" {int(undefined.sum()):,} have no such number and come last." if stored else f" {escape(NOT_STORED)}"
            )
        if (seeds := len(store.sides.pairs(left, state.b))) > 1:
            text += f" Means and majorities over {seeds} pairs of one seed."
        if frame.nulls:
            changed = lambda flips: np.bincount(flips[pool], minlength=4)[1:3]
            most = max(changed(selection_steps.flips(store, *null)).sum() for null in frame.nulls)
            fixed, broken = changed(flips)
            text += (
                f" B fixes {fixed:,} and breaks {broken:,} of them, {fixed + broken:,} in all; "
                f"the null flips up to {most:,}."
            )
        return f"{text} {frame.null_sentence}".rstrip() + self._reported(frame)

    def _reported(self, frame: Frame) -> str:
        """The report on a preset's samples by the other half of the replicates, while they are the selection."""
        preset = self._preset(frame)
        return "" if preset is None else f" <b>{escape(sample_presets.report(*preset))}</b>"

    @staticmethod
    def _preset(frame: Frame) -> tuple[str, sample_presets.Picked] | None:
        """The preset that picked the selection, and what it picked; None for any other selection."""
        preset, state, store = frame.choice("samples-preset"), frame.state, frame.store
        step = state.rule[0] if len(state.rule) == 1 else None
        if isinstance(step, selection_steps.Preset) and (step.cell, step.other) == (state.a, state.b):
            picked, preset = sample_presets.pick(store, step.preset, step.cell, step.other), step.preset
        elif preset != "none" and isinstance(step, selection_steps.Ids):
            # An address of an earlier version lists the samples that the preset picked.
            picked = sample_presets.pick(store, preset, state.a, state.b)
            listed = () if picked is None else tuple(store.ids[picked.positions].tolist())
            picked = picked if listed[: len(step.ids)] == step.ids else None
        else:
            return None
        return None if picked is None else (preset, picked)
