"""The keys of the page: the list that the help shows, and what each does."""

from collections.abc import Callable, Sequence

from rosalind.analysis import selection
from rosalind.analysis.selection import OPERATIONS
from rosalind.analysis.store import Store
from rosalind.viewer.actions import Actions
from rosalind.viewer.state import LAYOUTS, State

KEYS = {
    "?": "show or hide this",
    "Esc": "clear the selection",
    "Shift, Alt, both": "held while dragging: add to the selection, subtract from it, intersect with it",
    "1 2 3 4 5": "networks, geometry, samples, inside, all on one page",
    "[ ]": "previous and next condition of B",
    ", .": "previous and next network of B",
    "x": "swap A and B",
    "p": "pin B beside A and B, or unpin it",
    "← →": "walk through the samples on the sheet",
    "Tab, ← → ↑ ↓, Enter": "on a heat map, matrix or sheet: walk its cells, make one B (with Shift A)",
    "Ctrl + wheel": "zoom the figure under the pointer",
    "s": "add the sample that is shown large to the selection",
    "g": "go to the samples",
    "n": "show or hide the null: differences due to chance",
    "e": "export the selection as CSV",
    "d": "dark or light",
    "Ctrl-Z, Ctrl-Shift-Z": "undo and redo, as the browser's Back and Forward",
}
"""The keys and their effects, as the page lists them."""

STEPS = {"[": (1, -1), "]": (1, 1), ",": (0, -1), ".": (0, 1)}
"""Keys that step through B's networks (0) or conditions (1), with the direction."""


def press(key: str, store: Store, state: State, actions: Actions, listed: Sequence[int] | None) -> None:
    """Do what a key does; an unknown one does nothing.

    Args:
        key: as the browser names it, `undo` or `redo`, `held:` with the operation of the keys that are held,
            `drop:` with a chip of the selection or of a pin, or `show:` with the number of a pin.
        store, state, actions: of the page.
        listed: ids of the samples on the sheet; None where the sheet is not on the page yet.
    """
    layouts = dict(zip("12345", LAYOUTS, strict=True))
    simple: dict[str, Callable[[], None]] = {
        "Escape": actions.clear,
        "x": actions.swap,
        "p": lambda: actions.pin("b"),
        "d": actions.toggle_theme,
        "e": lambda: actions.export("csv"),
        "n": lambda: actions.change(null=not state.null),
        "g": lambda: actions.change(layout=state.layout if state.layout == "all" else "samples"),
        "undo": actions.undo,
        "redo": actions.redo,
        "s": lambda: _star(store, state, actions),
    }
    if key.startswith("held:"):
        operation = key.removeprefix("held:")
        actions.hold(operation if operation in OPERATIONS else "")
    elif key.startswith("drop:"):
        actions.drop(key.removeprefix("drop:"))
    elif key.startswith("show:"):
        actions.show_pin(key.removeprefix("show:"))
    elif key in simple:
        simple[key]()
    elif key in layouts:
        actions.change(layout=layouts[key])
    elif key in STEPS:
        _step(store, state, actions, *STEPS[key])
    elif key in ("ArrowLeft", "ArrowRight"):
        _walk(state, actions, listed, 1 if key == "ArrowRight" else -1)


def _step(store: Store, state: State, actions: Actions, part: int, by: int) -> None:
    """Make B the next measured cell with another network (part 0) or condition (part 1)."""
    network, condition = state.b
    names = store.conditions if part else store.names
    position = names.index(state.b[part])
    for k in range(1, len(names)):
        name = names[(position + k * by) % len(names)]
        cell = (network, name) if part else (name, condition)
        if store.sides.has(cell):
            actions.change(b=cell)
            return
    kind = "condition" if part else "network"
    actions.show_errors(f"{state.b[1 - part]} has been measured with no other {kind}.")


def _walk(state: State, actions: Actions, listed: Sequence[int] | None, by: int) -> None:
    """Show the next sample of the sheet large."""
    if listed is None:
        actions.show_errors("the samples are not on the page yet: press 3 or g.")
    elif len(listed):
        position = listed.index(state.primary) + by if state.primary in listed else 0
        actions.change(primary=listed[position % len(listed)])


def _star(store: Store, state: State, actions: Actions) -> None:
    """Add the sample that is shown large to the selection."""
    if state.primary is None:
        actions.show_errors("no sample is shown large: click one, then s adds it to the selection.")
        return
    try:
        actions.change(rule=selection.starred(store, state.rule, state.primary))
    except ValueError as error:
        actions.show_errors(f"{error}; save the selection as a slice, or clear it.")
