"""The actions that widgets and keys trigger, as one record of functions."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Actions:
    """What a reader can do on a page; none of them raises, errors are shown on the page."""

    change: Callable[..., None]
    """`change(**fields)` sets fields of the state, see `app.Session.change`."""
    select_flip: Callable[[str], None]
    """Select by one of `selection.FLIPS`, from A to B."""
    swap: Callable[[], None]
    clear: Callable[[], None]
    """Drop the selection and the sample that is shown large."""
    undo: Callable[[], None]
    redo: Callable[[], None]
    toggle_theme: Callable[[], None]
    show_slice: Callable[[str], None]
    save_slice: Callable[[str, str], None]
    """Save the selection under a name with a note."""
    remove_slice: Callable[[str], None]
    export: Callable[[str], None]
    """Download the selection, or all samples shown where there is none, as `csv` or `json`."""
    hold: Callable[[str], None]
    """Set the operation of the next selections; empty for the reader's setting."""
    press: Callable[[str], None]
    """Do what a key does, see `keyboard.press`."""
    show_errors: Callable[..., None]
    """Show sentences on the page as errors."""
