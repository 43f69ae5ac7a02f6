"""The way back and forth between the states of a page: undo and redo, the browser's history, and after a reload."""

import contextlib
import json
import time
from collections.abc import Callable
from urllib.parse import parse_qsl

from rosalind.viewer import address
from rosalind.viewer.session import Session
from rosalind.viewer.state import LONGEST, History, State, without_lost


def undo(session: Session) -> None:
    """Show the state before, if there is one."""
    _travel(session, session.history.undo)


def redo(session: Session) -> None:
    """Show the state that was left by `undo`, if there is one."""
    _travel(session, session.history.redo)


def follow(session: Session, kind: str, text: str) -> None:
    """Show the state of an address the browser went to (`go`), or take over the history from before a reload (`past`).

    Args:
        session: of the page.
        kind: `go` or `past`.
        text: the address's query; or JSON of two lists of queries, of the states before and after.
    """
    parse = lambda query: address.from_query(session.store, dict(parse_qsl(query)), session.choices)[0]
    if kind == "go":
        _travel(session, lambda present: session.history.goto(present, parse(text)))
        return
    with contextlib.suppress(ValueError, TypeError, LookupError, RecursionError):
        before, after = json.loads(text)
        if isinstance(before, list) and isinstance(after, list) and session.history == History():
            past, future = (tuple(parse(str(query)) for query in part[-LONGEST:]) for part in (before, after))
            session.history = History(past, future)
            session.show_state()


def _travel(session: Session, step: Callable[[State], tuple[History, State]]) -> None:
    history, state = step(session.state)
    try:
        state, problems = without_lost(session.store, state, session.choices)
        session.become(state, history, time.monotonic())
    except (ValueError, OSError) as error:
        problems = [str(error)]
    if problems:
        session.show_errors(*problems)
