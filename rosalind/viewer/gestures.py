"""The actions behind a reader's gestures on a page: widgets, keys, chips, and the cursor over a figure's cells."""

from functools import partial
from typing import Any

from rosalind.analysis import selection
from rosalind.analysis.sides import Cell
from rosalind.viewer import exports, keyboard, page_slices, travelling
from rosalind.viewer.actions import Actions
from rosalind.viewer.session import Session
from rosalind.viewer.state import with_pin
from rosalind.viewer.views.cursor import CellCursor


def actions_of(session: Session) -> Actions:
    """The actions of a page; what they change is shown by `Session.change`."""
    change = session.change
    return Actions(
        change=change,
        select_flip=lambda flip: change(
            step={"flip": flip, "cell": list(session.state.a), "other": list(session.state.b)}
        ),
        swap=lambda: change(a=session.state.b, b=session.state.a),
        clear=lambda: change(rule=(), primary=None, networks=(), conditions=()),
        undo=partial(travelling.undo, session),
        redo=partial(travelling.redo, session),
        toggle_theme=lambda: change(theme="light" if session.state.theme == "dark" else "dark"),
        show_slice=partial(page_slices.select, session),
        save_slice=partial(page_slices.save, session),
        remove_slice=partial(page_slices.save, session),
        export=partial(export, session),
        hold=partial(_hold, session),
        press=partial(press, session),
        drop=partial(_drop, session),
        pin=lambda side: change(pins=with_pin(session.state, getattr(session.state, side))),
        show_pin=partial(_show_pin, session),
        show_errors=session.show_errors,
    )


def press(session: Session, key: str) -> None:
    """Do what a key does, see `keyboard.press`; walk over a figure's cells, or follow the browser's history."""
    try:
        _press(session, key)
    except (ValueError, OSError) as error:
        session.show_errors(str(error))


def _press(session: Session, key: str) -> None:
    kind, _, rest = key.partition(":")
    if kind == "cell":
        _walk_cells(session, *rest.split(":"))
    elif kind == "seen":
        session.panels.see(rest.split())
    elif kind in ("go", "past"):
        travelling.follow(session, kind, rest)
    else:
        sheet: Any = session.views.get("samples")
        listed = None if sheet is None else session.store.ids[sheet.listed].tolist()
        keyboard.press(key, session.store, session.state, session.actions, listed)


def _hold(session: Session, operation: str) -> None:
    session.held_operation = operation


def _drop(session: Session, chip: str) -> None:
    """Take a part of the selection away: a step of the rule by its number, or the class filter."""
    whole: dict[str, dict[str, Any]] = {
        "class": {"true_class": None},
        "networks": {"networks": ()},
        "conditions": {"conditions": ()},
    }
    rule = session.state.rule
    if chip in whole:
        session.change(**whole[chip])
    elif (pin := _pin(session, chip.removeprefix("pin"))) is not None and chip.startswith("pin"):
        session.change(pins=with_pin(session.state, pin))
    elif chip.isdecimal() and int(chip) < len(rule):
        session.change(rule=selection.without(rule, int(chip)))


def _pin(session: Session, number: str) -> Cell | None:
    pins = session.state.pins
    return pins[int(number)] if number.isdecimal() and int(number) < len(pins) else None


def _show_pin(session: Session, number: str) -> None:
    if (pin := _pin(session, number)) is not None:
        session.change(b=pin)


def _walk_cells(session: Session, figure: str, key: str, shift: str = "") -> None:
    """Move the cursor of a figure, or choose the cell that it is on; what it is on is read out."""
    cursor = cursors(session).get(figure)
    if cursor is not None:
        session.controls.live.text = cursor.press(key, shift=bool(shift))


def cursors(session: Session) -> dict[str, CellCursor]:
    """The cursors of all views, by the names of their figures."""
    views = session.views.values()
    return {figure: cursor for view in views for figure, cursor in getattr(view, "cursors", {}).items()}


def export(session: Session, kind: str) -> None:
    """Download the selection, or all samples shown where there is none, as `csv` or `json`."""
    write = exports.as_csv if kind == "csv" else exports.as_json
    try:
        frame = session.frame()
        mask = frame.selected if frame.selected.any() else frame.shown
        session.controls.download(kind, write(session.store, session.state, mask))
    except (ValueError, OSError) as error:
        session.show_errors(str(error))
