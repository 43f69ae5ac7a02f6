"""Pages without a browser, for the viewer's tests."""

import inspect
import re
import sys
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from bokeh.document import Document
from bokeh.server.callbacks import NextTickCallback, PeriodicCallback, SessionCallback

from rosalind.analysis import selection
from rosalind.analysis.store import Store
from rosalind.viewer.app import open_session
from rosalind.viewer.session import Session
from rosalind.viewer.state import default, selected, with_choices
from rosalind.viewer.views import choices, with_outside
from rosalind.viewer.views.frame import Frame
from rosalind.viewer.views.point_names import WIDTHS, PointNames

OPENED: set[str] = set()
"""Layouts of which a page was opened."""


def opened(store: Store, layout: str = "all", views: Sequence[str] = (), **fields) -> Session:
    """A reader's page with all views on it, or those of another layout; `views` are further ones from outside.

    Coverage sees the first page of a layout being made: the lines of later ones are the same, and a tracer of lines
    takes 0.7 times as long as they do.
    """
    tracer = sys.gettrace()
    if layout in OPENED and not views:
        sys.settrace(None)
    try:
        session = open_session(store, Document(), {"layout": layout}, with_outside(views))
        session.complete()
    finally:
        sys.settrace(tracer)
    OPENED.add(layout)
    if fields:
        session.change(**fields)
    return session


def call_back(document: Document, kind: type[SessionCallback]) -> None:
    """Make the calls of a kind that a server would make by now; those of coroutines draw what is late."""
    for callback in document.session_callbacks:
        if isinstance(callback, kind) and not inspect.iscoroutinefunction(inspect.unwrap(callback.callback)):
            if kind is NextTickCallback:
                document.remove_next_tick_callback(callback)
            callback.callback()


def watch(session: Session) -> None:
    """Do what a page does every few seconds, and what follows from it in the next tick."""
    for kind in (PeriodicCallback, NextTickCallback):
        call_back(session.document, kind)


def numbers(html: str) -> list[str]:
    """The numbers in a caption as they are printed, in order, without separators of thousands."""
    text = re.sub(r"<[^>]*>", " ", html)
    return [found.replace(",", "") for found in re.findall(r"(?<![\w.])[+-]?\d[\d,]*(?:\.\d+)?(?:e[+-]\d+)?", text)]


def says(html: str, *values: float) -> bool:
    """True where a caption has these numbers in this order; each may be off by half a unit of its last digit."""
    printed = iter(numbers(html))

    def near(text: str, value: float) -> bool:
        mantissa, _, exponent = text.partition("e")
        digit = 10.0 ** (int(exponent or 0) - len(mantissa.partition(".")[2]))
        return abs(float(text) - value) <= 0.5001 * digit

    return all(any(near(text, value) for text in printed) for value in values)


def told(view: Any) -> str:
    """All that a view says: its finding, over its figures, and its caption; the words of commands are not marked."""
    return re.sub("</?span>", "", f"{getattr(view, 'finding', '')} {view.caption.text}")


def bold(names: PointNames) -> list[str]:
    """The names of A and B beside their points, in order, as a narrow figure has them."""
    return sorted(filter(None, names.source.data[f"bold{WIDTHS[0]}"]))


class Page:
    """Some views and a state that they may change, without the rest of the viewer."""

    def __init__(self, store: Store, *kinds: type, **fields: Any):
        self.store, self.choices = store, choices(store)
        self.state = replace(default(store), **fields)
        self.asked: list[dict[str, Any]] = []
        """What the views have changed."""
        self.views = [kind(self.frame(), self._ask) for kind in kinds]
        self.view = self.views[0]
        self.change()

    def frame(self) -> Frame:
        return Frame(
            self.store,
            self.state,
            selected(self.store, self.state),
            self.choices,
        )

    def _ask(self, **change: Any) -> None:
        self.asked.append(change)
        self.change(**change)

    def change(self, *, step=None, choices=None, instead=None, **fields: Any) -> None:
        """The change that a session makes when a view asks for it, where a selection replaces the one before."""
        if step is not None:
            fields["rule"] = instead or [{"op": "replace", **step}]
        if "rule" in fields:
            fields["rule"] = selection.check_rule(self.store, fields["rule"])
        self.state = with_choices(replace(self.state, **fields), choices or {}, self.choices)
        for view in self.views:
            view.update(self.frame())
