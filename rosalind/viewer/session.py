"""One reader's session: its state, and the only place where a change reaches controls and views.

`app` opens it and brings it to a browser.
"""

import dataclasses
import time
from collections.abc import Callable, Mapping
from html import escape
from typing import Any, cast

import numpy as np
from bokeh.document import Document
from bokeh.models import Div

from rosalind.analysis import selection
from rosalind.analysis.store import Store
from rosalind.results import Damaged
from rosalind.viewer import address, bokeh_patches, slices, theme
from rosalind.viewer.actions import Actions
from rosalind.viewer.controls import Controls
from rosalind.viewer.panels import Panels
from rosalind.viewer.state import History, State, checked_pins, clause, selected, with_choices, with_scope
from rosalind.viewer.turns import Turns
from rosalind.viewer.views import VIEWS, Frame, View, choices

STEP_SECONDS = 0.03
"""Seconds in which views off the screen are drawn for one message; a gesture waits for the one that is being drawn."""


class Session:
    """One open page: its state, its widgets and views. Lives as long as the document."""

    def __init__(
        self,
        store: Store,
        document: Document,
        query: Mapping[str, str],
        actions_of: Callable[["Session"], Actions],
        views: Mapping[str, type[View]] = VIEWS,
        turns: Turns | None = None,
        alone: str = "",
    ):
        """
        Args:
            store: of the study; all readers share it.
            document: an empty one.
            query: of the address, see `address.from_query`.
            actions_of: gives what the page's controls do, see `gestures.actions_of`.
            views: classes by name.
            turns: one is taken for every view that is made once the page is on screen; its own by default.
            alone: name of the one view that is shown, without the header; other names show them all.
        """
        bokeh_patches.share_defaults()
        self.store, self.document = store, document
        self._turns = turns or Turns()
        self.choices = choices(store, views)
        self.state, unusable = address.from_query(store, query, self.choices)
        problems = [f"{sentence}; the default is shown." for sentence in unusable]
        if alone in views:
            # Choices inside the other views stay in the address.
            views = {alone: views[alone]}
            self.state = dataclasses.replace(self.state, layout=views[alone].page)
        self._is_scheduled = False
        self.history = History()
        self.held_operation = ""
        """The operation of the keys that are held; empty for the reader's setting."""
        self._last_frame: Frame | None = None
        self.slices_stamp = slices.stamp(store)
        self.slices, unreadable = slices.load(store)
        """The slices by name, see `page_slices`."""
        problems += unreadable
        try:
            frame = self.frame()
        except (Damaged, OSError) as error:
            problems.append(f"Nothing is selected: {error}")
            self.state = dataclasses.replace(self.state, rule=())
            frame = self.frame()
        self.errors = Div(text="", name="errors", visible=False, sizing_mode="stretch_width")
        self.actions = actions_of(self)
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
            self.draw(frame)
        self.alone = alone if alone in views else ""
        """The name of the one view that is shown; empty where all are."""
        problems += store.problems
        if problems:
            self.show_errors(*problems)

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
        if not all(map(self.store.sides.has, (self.state.a, self.state.b, *self.state.pins))):
            # A network has gone, and the page follows within seconds: what its views hold is not there any more.
            self.show_errors("A network shown here has left the study; the page is being made anew, choose again.")
            return
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
                self.become(state, self.history.after(self.state), began)
        except (ValueError, OSError) as error:
            self.show_errors(f"{clause(error)}; the old choice stays.")
            self.show_state()

    def become(self, state: State, history: History, began: float) -> None:
        """Show another state; where that fails, the old one stays."""
        before = self.state, self.history
        self.state, self.history = state, history
        try:
            self.draw(self.frame(), began)
        except Exception:
            self.state, self.history = before
            raise
        if self.panels.late:
            # While the browser paints what is on the screen; see `keyboard.js`.
            self.schedule()

    def frame(self) -> Frame:
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
            self.schedule()

    def _complete_some(self) -> None:
        with self._turns.working:
            began = time.monotonic()
            self.complete(1)
            # Every message is a frame of the browser, 7 ms of its work with all views on one page.
            while self.panels.late and time.monotonic() - began < STEP_SECONDS:
                self.complete(1)

    def schedule(self) -> None:
        """Have the views that are late, or wait, drawn once the browser has the last message."""
        if not self._is_scheduled:
            self._is_scheduled = True
            # Bokeh awaits coroutines, which its types do not say.
            self.document.add_next_tick_callback(cast(Any, self.complete_next))

    def complete(self, count: int | None = None) -> None:
        """Draw the next `count` views that are late, or wait until the page is on screen; or all."""
        self.panels.complete(self.frame(), count)
        self.controls.late.text = " ".join(self.panels.late)

    def draw(self, frame: Frame, began: float | None = None) -> None:
        """Bring the whole page up to date; `began` is when the reader's gesture arrived."""
        self.panels.draw(frame)
        self.controls.late.text = " ".join(self.panels.late)
        self.show_state()
        self.errors.visible = False
        count, total = (int(np.count_nonzero(mask)) for mask in (frame.selected, frame.shown))
        duration = "" if began is None else f" <span>({1000 * (time.monotonic() - began):.0f} ms)</span>"
        self.controls.show_selection(self.state, count, total, duration)
        self.controls.show_pins(self.state)
        self.controls.address.text = address.to_query(self.state)

    def show_state(self) -> None:
        """Bring the controls, and the choosers inside views, in line with the state."""
        past, future = bool(self.history.past), bool(self.history.future)
        self.controls.show(self.state, past=past, future=future, slices=self.slices)
        self.panels.show_choices(self.state, self.choices)

    def show_errors(self, *messages: str) -> None:
        """Show sentences on the page as errors, in place of earlier ones."""
        self.errors.text = "".join(f"<p class='error'>{escape(message)}</p>" for message in messages)
        self.errors.visible = True
