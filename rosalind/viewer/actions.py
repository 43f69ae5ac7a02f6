"""The actions that widgets and keys trigger, as one record of functions."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Actions:
    """Actions of a reader on a page; none of them raises, errors are shown on the page.

    Attributes:
        change: `change(**fields)` sets fields of the state, see `session.Session.change`.
        select_flip: Select by one of `selection_steps.FLIPS`, from A to B.
        clear: Drop the selection and the sample that is shown large.
        save_slice: Save the selection under a name with a note.
        export: Download the selection, or all samples shown where there is none, as `csv` or `json`.
        hold: Set the operation of the next selections; empty for the reader's setting.
        press: Do what a key does, see `keyboard.press`.
        drop: Take a part of the selection away: `class`, or the number of a step of the rule; or a pin: `pin` and
            its number from 0.
        pin: Pin `a` or `b` beside A and B, or unpin it.
        show_pin: Make the pin of a number, from 0, B.
        show_errors: Show sentences on the page as errors.
    """

    change: Callable[..., None]
    select_flip: Callable[[str], None]
    swap: Callable[[], None]
    clear: Callable[[], None]
    undo: Callable[[], None]
    redo: Callable[[], None]
    toggle_theme: Callable[[], None]
    show_slice: Callable[[str], None]
    save_slice: Callable[[str, str], None]
    remove_slice: Callable[[str], None]
    export: Callable[[str], None]
    hold: Callable[[str], None]
    press: Callable[[str], None]
    drop: Callable[[str], None]
    pin: Callable[[str], None]
    show_pin: Callable[[str], None]
    show_errors: Callable[..., None]
