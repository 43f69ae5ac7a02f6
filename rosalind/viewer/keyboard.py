"""What keys do, as the page lists it and as it is done."""

from collections.abc import Callable
from typing import Any

from rosalind.analysis import selection
from rosalind.analysis.selection import OPERATIONS
from rosalind.viewer.state import LAYOUTS

KEYS = {
    "?": "show or hide this",
    "Esc": "clear the selection",
    "Shift, Alt, both": "held while dragging: add to the selection, subtract from it, intersect with it",
    "1 2 3 4": "networks, geometry, samples, all on one page",
    "[ ]": "previous and next condition of B",
    ", .": "previous and next network of B",
    "x": "swap A and B",
    "← →": "walk through the samples on the sheet",
    "s": "add the sample that is shown large to the selection",
    "g": "go to the samples",
    "n": "show or hide what no difference looks like",
    "e": "export the selection as CSV",
    "d": "dark or light",
    "Ctrl-Z, Ctrl-Shift-Z": "undo and redo",
}
"""What keys do, as the page shows it."""

STEPS = {"[": (1, -1), "]": (1, 1), ",": (0, -1), ".": (0, 1)}
"""Keys that step through the conditions or networks of B: which part of the cell, and which way."""


def press(session: Any, key: str) -> None:
    """Do what a key does; an unknown one does nothing.

    Args:
        session: `app.Session`.
        key: as the browser calls it, or `undo` and `redo`.
    """
    acts, state = session.acts, session.state
    layouts = dict(zip("1234", LAYOUTS, strict=True))
    plain: dict[str, Callable[..., None]] = {
        "Escape": acts["clear"],
        "x": acts["swap"],
        "d": acts["dark"],
        "e": lambda: acts["export"]("csv"),
        "n": lambda: session.change(null=not state.null),
        "g": lambda: session.change(layout=state.layout if state.layout == "all" else "samples"),
        "undo": acts["undo"],
        "redo": acts["redo"],
        "s": lambda: _star(session),
    }
    if key.startswith("held:"):
        held = key.removeprefix("held:")
        session.held = held if held in OPERATIONS else ""
    elif key in plain:
        plain[key]()
    elif key in layouts:
        session.change(layout=layouts[key])
    elif key in STEPS:
        _step(session, *STEPS[key])
    elif key in ("ArrowLeft", "ArrowRight"):
        _walk(session, 1 if key == "ArrowRight" else -1)


def _step(session: Any, place: int, by: int) -> None:
    store, b = session.store, session.state.b
    names = store.conditions if place else store.names
    at = names.index(b[place])
    for k in range(1, len(names)):
        chosen = names[(at + k * by) % len(names)]
        cell = (b[0], chosen) if place else (chosen, b[1])
        # What has not been measured is passed over.
        if store.sides.has(cell):
            session.change(b=cell)
            return
    session.acts["fail"](
        f"{b[1 - place]} has been measured with no other {'condition' if place else 'network'}."
    )


def _walk(session: Any, by: int) -> None:
    sheet, now = session.views.get("samples"), session.state.primary
    listed = session.store.ids[sheet.listed].tolist() if sheet else []
    if sheet is None:
        session.acts["fail"]("the samples are not on the page yet: press 3 or g.")
    if listed:
        at = listed.index(now) + by if now in listed else 0
        session.change(primary=listed[at % len(listed)])


def _star(session: Any) -> None:
    """Add the sample that is shown large to the selection."""
    primary = session.state.primary
    if primary is None:
        session.acts["fail"]("no sample is shown large: click one, then s adds it to the selection.")
        return
    try:
        session.change(rule=selection.starred(session.store, session.state.rule, primary))
    except ValueError as error:
        session.acts["fail"](f"{error}; save the selection as a slice, or clear it.")
