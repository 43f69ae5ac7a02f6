"""One reader's session: its state, and the only place where a change reaches controls and views."""

import contextlib
import dataclasses
import json
import time
from collections.abc import Callable, Mapping
from html import escape
from typing import Any, cast
from urllib.parse import parse_qsl

import numpy as np
from bokeh.document import Document
from bokeh.events import DocumentReady
from bokeh.models import CustomJS, Div

from rosalind.analysis import selection
from rosalind.analysis.sides import Cell
from rosalind.analysis.store import Store
from rosalind.results import Damaged
from rosalind.viewer import address, bokeh_patches, exports, glossary, keyboard, slices, theme
from rosalind.viewer.actions import Actions
from rosalind.viewer.controls import Controls
from rosalind.viewer.panels import Panels
from rosalind.viewer.state import (
    LAYOUTS,
    LONGEST,
    History,
    State,
    checked_pins,
    clause,
    only_sides,
    selected,
    with_choices,
    with_others,
    with_pin,
    with_scope,
    without_lost,
)
from rosalind.viewer.turns import Turns
from rosalind.viewer.views import VIEWS, Frame, View, choices
from rosalind.viewer.views.cursor import CellCursor

WATCH_INTERVAL = 5000
"""Milliseconds between two checks whether the study has grown."""

STEP_SECONDS = 0.03
"""Seconds in which views off the screen are drawn for one message; a gesture waits for the one that is being drawn."""


class Session:
    """One open page: its state, its widgets and views. Lives as long as the document."""

    def __init__(
        self,
        store: Store,
        document: Document,
        query: Mapping[str, str],
        views: Mapping[str, type[View]] = VIEWS,
        turns: Turns | None = None,
        alone: str = "",
    ):
        """
        Args:
            store: of the study; all readers share it.
            document: an empty one.
            query: of the address, see `address.from_query`.
            views: classes by name.
            turns: one is taken for every view that is made once the page is on screen; its own by default.
            alone: name of the one view that is shown, without the header; other names show them all.
        """
        bokeh_patches.share_defaults()
        self.store, self.document, self.generation = store, document, store.generation
        self._turns = turns or Turns()
        self.choices = choices(store, views)
        self.state, unusable = address.from_query(store, query, self.choices)
        problems = [f"{sentence}; the default is shown." for sentence in unusable]
        self._only_sides = only_sides(store)
        if alone in views:
            # Choices inside the other views stay in the address.
            views = {alone: views[alone]}
            self.state = dataclasses.replace(self.state, layout=views[alone].page)
        self._is_scheduled = False
        self.history = History()
        self.held_operation = ""
        """The operation of the keys that are held; empty for the reader's setting."""
        self._last_frame: Frame | None = None
        self.slices, slice_problems = slices.load(store)
        self._slices_stamp = slices.stamp(store)
        problems += slice_problems
        try:
            frame = self._frame()
        except (Damaged, OSError) as error:
            problems.append(f"Nothing is selected: {error}")
            self.state = dataclasses.replace(self.state, rule=())
            frame = self._frame()
        self.errors = Div(text="", name="errors", visible=False, sizing_mode="stretch_width")
        self.actions = self._actions()
        self.controls = Controls(store, self.state, self.actions)
        self.widgets = self.controls.widgets
        self.panels = Panels(document, views, self.change, self.state.layout)
        self.views = self.panels.views
        """The views that have been shown so far, by name."""
        document.theme = theme.FIGURES
        # One scan for new models instead of one per root, 1.6 s for 20.
        with self.panels.scanning(()):
            for root in (*self.controls.roots, self.errors):
                self.panels.theme.attach_styles(root)
                document.add_root(root)
            for root in self.panels.roots:
                document.add_root(root)
            self._draw(frame)
        problems += store.problems
        self._reported = set(store.problems)
        if problems:
            self.show_errors(*problems)
        self._alone = alone if alone in views else ""
        self.publish()

    def publish(self) -> None:
        """Say what the page around the views needs, and listen to the browser."""
        store, document, views = self.store, self.document, self.panels.classes
        document.title = f"rosalind: {store.name}"
        document.template = theme.page_template("index.html")
        document.template_variables.update(
            views={name: [k for k, names in self.panels.shown.items() if name in names] for name in views},
            folded=[name for name, view in views.items() if hasattr(view, "finding")],
            terms={name: {term: glossary.TERMS[term] for term in glossary.OF.get(name, ())} for name in views},
            query=address.to_query(self.state),
            sides=json.loads(self.controls.sides.text),
            titles={name: view.title for name, view in views.items()},
            layouts=LAYOUTS,
            alone=self._alone,
            state=self.state,
            study=self.controls.study.text,
            themes=theme.page_colours(),
            keys=keyboard.KEYS,
            patches=bokeh_patches.enabled(),
        )
        document.add_periodic_callback(self.watch, WATCH_INTERVAL)
        document.on_event(DocumentReady, lambda event: self._continue())
        document.js_on_event(DocumentReady, CustomJS(code="window.rosalindOpened?.()"))

    def _actions(self) -> Actions:
        return Actions(
            change=self.change,
            select_flip=lambda flip: self.change(
                step={"flip": flip, "cell": list(self.state.a), "other": list(self.state.b)}
            ),
            swap=lambda: self.change(a=self.state.b, b=self.state.a),
            clear=lambda: self.change(rule=(), primary=None, networks=(), conditions=()),
            undo=lambda: self._travel(self.history.undo),
            redo=lambda: self._travel(self.history.redo),
            toggle_theme=lambda: self.change(theme="light" if self.state.theme == "dark" else "dark"),
            show_slice=self._show_slice,
            save_slice=self._save_slice,
            remove_slice=self._save_slice,
            export=self._export,
            hold=self._hold,
            press=self.press,
            drop=self._drop,
            pin=lambda side: self.change(pins=with_pin(self.state, getattr(self.state, side))),
            show_pin=self._show_pin,
            show_errors=self.show_errors,
        )

    def press(self, key: str) -> None:
        """Do what a key does, see `keyboard.press`; walk over a figure's cells, or follow the browser's history."""
        try:
            self._press(key)
        except (ValueError, OSError) as error:
            self.show_errors(str(error))

    def _press(self, key: str) -> None:
        kind, _, rest = key.partition(":")
        if kind == "cell":
            self._walk_cells(*rest.split(":"))
            return
        if kind == "seen":
            self.panels.see(rest.split())
            return
        if kind in ("go", "past"):
            self._follow(kind, rest)
            return
        sheet: Any = self.views.get("samples")
        listed = None if sheet is None else self.store.ids[sheet.listed].tolist()
        keyboard.press(key, self.store, self.state, self.actions, listed)

    def _drop(self, chip: str) -> None:
        """Take a part of the selection away: a step of the rule by its number, or the class filter."""
        whole: dict[str, dict[str, Any]] = {
            "class": {"true_class": None},
            "networks": {"networks": ()},
            "conditions": {"conditions": ()},
        }
        if chip in whole:
            self.change(**whole[chip])
        elif (pin := self._pin(chip.removeprefix("pin"))) is not None and chip.startswith("pin"):
            self.change(pins=with_pin(self.state, pin))
        elif chip.isdecimal() and int(chip) < len(self.state.rule):
            self.change(rule=selection.without(self.state.rule, int(chip)))

    def _pin(self, number: str) -> Cell | None:
        return self.state.pins[int(number)] if number.isdecimal() and int(number) < len(self.state.pins) else None

    def _show_pin(self, number: str) -> None:
        if (pin := self._pin(number)) is not None:
            self.change(b=pin)

    def _walk_cells(self, figure: str, key: str, shift: str = "") -> None:
        """Move the cursor of a figure, or choose the cell that it is on; what it is on is read out."""
        cursor = self._cursors().get(figure)
        if cursor is not None:
            self.controls.live.text = cursor.press(key, shift=bool(shift))

    def _cursors(self) -> dict[str, CellCursor]:
        """The cursors of all views, by the names of their figures."""
        views = self.views.values()
        return {figure: cursor for view in views for figure, cursor in getattr(view, "cursors", {}).items()}

    def _follow(self, kind: str, text: str) -> None:
        """Show the state of an address the browser went to, or take over the history from before a reload."""
        parse = lambda query: address.from_query(self.store, dict(parse_qsl(query)), self.choices)[0]
        if kind == "go":
            self._travel(lambda present: self.history.goto(present, parse(text)))
            return
        with contextlib.suppress(ValueError, TypeError, LookupError, RecursionError):
            before, after = json.loads(text)
            if isinstance(before, list) and isinstance(after, list) and self.history == History():
                past, future = (tuple(parse(str(query)) for query in part[-LONGEST:]) for part in (before, after))
                self.history = History(past, future)
                self._show_state()

    def _hold(self, operation: str) -> None:
        self.held_operation = operation

    def change(
        self,
        step: dict[str, Any] | None = None,
        choices: dict[str, str] | None = None,
        instead: tuple[dict[str, Any], ...] | None = None,
        **fields: Any,
    ) -> None:
        """Change the state, and let every view follow; errors are shown on the page and leave the old state.

        Args:
            step: added to the selection rule; without `op` it takes that of the keys held, or the reader's setting.
            choices: settings inside views.
            instead: with a `step` that replaces, the whole new rule, where that is more than the step.
            fields: of the state.
        """
        began = time.monotonic()
        try:
            if step is not None:
                step = {"op": self.held_operation or self.state.operation, **step}
                replaces = step["op"] == "replace"
                previous = () if replaces else self.state.rule
                fields["rule"] = instead if replaces and instead is not None else [*previous, step]
            if "rule" in fields:
                fields["rule"] = selection.check_rule(self.store, fields["rule"])
            if "pins" in fields:
                fields["pins"] = checked_pins(self.store, fields["pins"])
            for side in ("a", "b"):
                # Refused here, before any view has changed.
                if side in fields:
                    self.store.check(fields[side])
            state = dataclasses.replace(self.state, **fields)
            if choices:
                state = with_choices(state, choices, self.choices)
            state = with_scope(self.store, state)
            if state != self.state:
                self._become(state, self.history.after(self.state), began)
        except (ValueError, OSError) as error:
            self.show_errors(f"{clause(error)}; the old choice stays.")
            self._show_state()

    def _become(self, state: State, history: History, began: float) -> None:
        """Show another state; where that fails, the old one stays."""
        before = self.state, self.history
        self.state, self.history = state, history
        try:
            self._draw(self._frame(), began)
        except Exception:
            self.state, self.history = before
            raise
        if self.panels.late:
            # While the browser paints what is on the screen; see `keyboard.js`.
            self._continue()

    def _travel(self, step: Callable[[State], tuple[History, State]]) -> None:
        """Undo or redo."""
        history, state = step(self.state)
        try:
            state, problems = without_lost(self.store, state, self.choices)
            self._become(state, history, time.monotonic())
        except (ValueError, OSError) as error:
            problems = [str(error)]
        if problems:
            self.show_errors(*problems)

    def _show_slice(self, name: str) -> None:
        if name in self.slices:
            self.change(rule=self.slices[name].rule, true_class=None)

    def _save_slice(self, name: str, note: str | None = None) -> None:
        """Save the selection as a slice with a note, or remove the slice where the note is None."""
        slice_ = None
        if note is not None:
            slice_ = slices.Slice(selection.saved(self.state.rule, self.state.true_class), note)
        try:
            if name or slice_ is not None:
                slices.save(self.store, name, slice_)
        except (ValueError, OSError) as error:
            self.show_errors(str(error))
            return
        if note is not None:
            self.widgets["slice-name"].value = self.widgets["slice-note"].value = ""
        self._reload_slices("" if note is None else name.strip())

    def _reload_slices(self, chosen: str) -> None:
        self._slices_stamp = slices.stamp(self.store)
        self.slices, problems = slices.load(self.store)
        self._show_state()
        self.widgets["slice"].value = chosen if chosen in self.slices else ""
        if problems:
            self.show_errors(*problems)

    def _export(self, kind: str) -> None:
        write = exports.as_csv if kind == "csv" else exports.as_json
        try:
            frame = self._frame()
            mask = frame.selected if frame.selected.any() else frame.shown
            self.controls.download(kind, write(self.store, self.state, mask))
        except (ValueError, OSError) as error:
            self.show_errors(str(error))

    def _frame(self) -> Frame:
        """The frame of the present state, one for all views: each mask of 200,000 samples is 0.2 MB."""
        frame = self._last_frame
        if frame is None or frame.state != self.state or frame.choices is not self.choices:
            frame = Frame(self.store, self.state, selected(self.store, self.state), self.choices)
            self._last_frame = frame
        return frame

    async def complete_next(self) -> None:
        """Draw the next views that are late, or one that waits, and schedule those after; each message before the next.

        A gesture in between is answered first. For a reader who has gone no more are drawn.
        """
        session = getattr(self.document.session_context, "session", None)
        is_read = session is None or session.connection_count
        try:
            if is_read and self.panels.pending:
                async with self._turns.one():
                    self._complete_some()
        finally:
            self._is_scheduled = False
        if is_read and self.panels.pending:
            self._continue()

    def _complete_some(self) -> None:
        with self._turns.working:
            began = time.monotonic()
            self.complete(1)
            # Every message is a frame of the browser, 7 ms of its work with all views on one page.
            while self.panels.late and time.monotonic() - began < STEP_SECONDS:
                self.complete(1)

    def _continue(self) -> None:
        if not self._is_scheduled:
            self._is_scheduled = True
            # Bokeh awaits coroutines, which its types do not say.
            self.document.add_next_tick_callback(cast(Any, self.complete_next))

    def complete(self, count: int | None = None) -> None:
        """Draw the next `count` views that are late, or wait until the page is on screen; or all."""
        self.panels.complete(self._frame(), count)
        self.controls.late.text = " ".join(self.panels.late)

    def _draw(self, frame: Frame, began: float | None = None) -> None:
        """Bring the whole page up to date; `began` is when the reader's gesture arrived."""
        self.panels.draw(frame)
        self.controls.late.text = " ".join(self.panels.late)
        self._show_state()
        self.errors.visible = False
        count, total = (int(np.count_nonzero(mask)) for mask in (frame.selected, frame.shown))
        duration = "" if began is None else f" <span>({1000 * (time.monotonic() - began):.0f} ms)</span>"
        self.controls.show_selection(self.state, count, total, duration)
        self.controls.show_pins(self.state)
        self.controls.address.text = address.to_query(self.state)

    def _show_state(self) -> None:
        past, future = bool(self.history.past), bool(self.history.future)
        self.controls.show(self.state, past=past, future=future, slices=self.slices)
        self.panels.show_choices(self.state, self.choices)

    def watch(self) -> None:
        """Follow the study's folder: new networks and conditions, slices of others, files that went bad."""
        has_grown = self.store.refresh() != self.generation
        problems = [problem for problem in self.store.problems if problem not in self._reported]
        self._reported = set(self.store.problems)
        if has_grown:
            self.generation = self.store.generation
            try:
                problems += self._refill()
            except (ValueError, OSError) as error:
                problems.append(str(error))
        if slices.stamp(self.store) != self._slices_stamp:
            self._reload_slices(self.widgets["slice"].value)
        if problems:
            self.show_errors(*problems)

    def _refill(self) -> list[str]:
        """Make all views anew after the study has changed; a sentence for each part of the state that is lost."""
        self.choices = choices(self.store, self.panels.classes)
        self.state, problems = without_lost(self.store, self.state, self.choices)
        self.state = with_others(self.store, self.state, self._only_sides)
        self._only_sides = only_sides(self.store)
        places = {figure: cursor.place for figure, cursor in self._cursors().items() if cursor.place is not None}
        self.panels.clear()
        self.controls.refill(self.state)
        self._draw(self._frame())
        for figure, cursor in self._cursors().items():
            if figure in places and all(cursor.size()):
                cursor.go(*places[figure])
        self.controls.remade.text = str(self.generation)
        return problems

    def show_errors(self, *messages: str) -> None:
        """Show sentences on the page as errors, in place of earlier ones."""
        self.errors.text = "".join(f"<p class='error'>{escape(message)}</p>" for message in messages)
        self.errors.visible = True
