"""The state of one reader's page as one frozen record, and its history; `address` writes the state into the link."""

import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from rosalind.analysis import selection
from rosalind.analysis.selection import OPERATIONS
from rosalind.analysis.sides import Cell
from rosalind.analysis.store import Store
from rosalind.config import unknown

LAYOUTS = {
    "networks": "Which networks?",
    "geometry": "How do they differ?",
    "samples": "Which samples, and why?",
    "inside": "What happens inside?",
    "all": "All",
}
"""The pages by key, with their labels; `all` shows the views of every page."""

PINS = 6
"""Most sides that are pinned beside A and B; more would be too small to read."""

Choices = Mapping[str, tuple[str, ...]]
"""The settings inside views: by name the allowed values, the default first."""


@dataclass(frozen=True)
class State:
    """Two sides to compare, how samples are placed, and which are selected by what rule.

    A side is a cell: a network, or a group of seeds, under a condition.

    Attributes:
        primary: Id of the one sample that is shown large.
        null: True where differences are shown beside those of pairs without an effect.
        networks: Names of the groups that views of networks show strongly; empty for all.
        conditions: The same of conditions.
        pins: Sides that views show as small multiples, numbered from 1; at most `PINS`, each once.
        operation: How the next selection is combined with this one.
        choices: Settings inside views that are not the default, sorted by name.
    """

    a: Cell
    b: Cell
    x: str = "angle"
    y: str = "norm"
    true_class: int | None = None
    rule: selection.Rule = ()
    primary: int | None = None
    mode: str = "absolute"
    raw: bool = False
    null: bool = False
    networks: tuple[str, ...] = ()
    conditions: tuple[str, ...] = ()
    pins: tuple[Cell, ...] = ()
    operation: str = OPERATIONS[0]
    theme: str = "light"
    layout: str = "networks"
    choices: tuple[tuple[str, str], ...] = ()


LONGEST = 200
"""Most steps that can be undone."""


@dataclass(frozen=True)
class History:
    """Undo and redo over whole states, one per gesture.

    Attributes:
        past: States before the present one, the newest last.
        future: States that were undone, the next to redo first.
    """

    past: tuple[State, ...] = ()
    future: tuple[State, ...] = ()

    def after(self, previous: State) -> "History":
        """The history once a new state has replaced `previous`; nothing is left to redo."""
        return History((*self.past, previous)[-LONGEST:])

    def undo(self, present: State) -> tuple["History", State]:
        """The history and the state one step back; both unchanged where there is none."""
        if not self.past:
            return self, present
        return History(self.past[:-1], (present, *self.future)), self.past[-1]

    def redo(self, present: State) -> tuple["History", State]:
        """The history and the state one step forward; both unchanged where there is none."""
        if not self.future:
            return self, present
        return History((*self.past, present), self.future[1:]), self.future[0]

    def goto(self, present: State, wanted: State) -> tuple["History", State]:
        """The history and the state after going to one: a step back or forward where it is the next, else a new one."""
        if self.past and wanted == self.past[-1]:
            return self.undo(present)
        if self.future and wanted == self.future[0]:
            return self.redo(present)
        return (self, present) if wanted == present else (self.after(present), wanted)


def default(store: Store) -> State:
    """The state that the viewer opens with: `store.first_sides`, and a sample that has maps.

    Raises:
        ValueError: nothing has been measured, or nothing can be read.
    """
    a, b, primary = store.first_sides()
    return State(a, b, primary=primary)


def only_sides(store: Store) -> tuple[Cell, Cell] | None:
    """The sides that a page opens with where one network is measured; None where there are others to compare."""
    return store.first_sides()[:2] if len(store.networks) == 1 else None


def with_others(store: Store, state: State, before: tuple[Cell, Cell] | None) -> State:
    """The state with a fresh page's sides where it still has those that were there while the first network was alone.

    Args:
        store: of the study, which has grown.
        state: of a page that was open before.
        before: what `only_sides` gave then.
    """
    if before is None or (state.a, state.b) != before:
        return state
    fresh = default(store)
    primary = fresh.primary if state.primary is None else state.primary
    return dataclasses.replace(state, a=fresh.a, b=fresh.b, primary=primary)


def selected(store: Store, state: State) -> np.ndarray:
    """bool[n]: the samples that the rule and the class filter of a state select."""
    return selection.select(store, state.rule, state.true_class)


def with_choices(state: State, chosen: Mapping[str, str], choices: Choices) -> State:
    """The state with further settings inside views; only allowed values that are not the default are stored.

    Raises:
        ValueError: a setting or a value that no view offers.
    """
    values = dict(state.choices)
    for name, value in chosen.items():
        if name not in choices:
            raise ValueError(unknown("choice", str(name)[:40], choices))
        if value not in choices[name]:
            raise ValueError(f"{name} cannot be {str(value)[:40]!r}; allowed: {', '.join(choices[name][:20])}")
        values[name] = value
    stored = {name: value for name, value in values.items() if value in choices.get(name, ())[1:]}
    return dataclasses.replace(state, choices=tuple(sorted(stored.items())))


def without_lost(store: Store, state: State, choices: Choices) -> tuple[State, list[str]]:
    """The state without what the study has lost since, and one sentence for each loss."""
    problems = []
    for side in ("a", "b"):
        try:
            store.check(getattr(state, side))
        except (ValueError, OSError) as error:
            problems.append(f"{clause(error)}; the default is shown.")
            state = dataclasses.replace(state, **{side: getattr(default(store), side)})
    pins = []
    for pin in state.pins:
        try:
            pins.append(store.check(pin))
        except (ValueError, OSError) as error:
            problems.append(f"{clause(error)}; it is no longer pinned.")
    state = dataclasses.replace(state, pins=tuple(pins))
    try:
        state = dataclasses.replace(state, rule=selection.check_rule(store, state.rule))
        selected(store, state)
    except (ValueError, OSError) as error:
        problems.append(f"Nothing is selected any more: {clause(error)}.")
        state = dataclasses.replace(state, rule=())
    return with_choices(with_scope(store, state), {}, choices), problems


def checked_pins(store: Store, pins: Iterable[Cell]) -> tuple[Cell, ...]:
    """Sides to pin, each once.

    Raises:
        ValueError: more than `PINS`, or one that has not been measured; `Damaged` where a file cannot be read.
    """
    cells = tuple(dict.fromkeys(store.check(pin) for pin in pins))
    if len(cells) > PINS:
        raise ValueError(f"pins: {len(cells)} sides came, at most {PINS} are shown beside A and B; unpin one first")
    return cells


def with_pin(state: State, cell: Cell) -> tuple[Cell, ...]:
    """The pins with one more side at the end, or without it where it is pinned."""
    return tuple(pin for pin in state.pins if pin != cell) if cell in state.pins else (*state.pins, cell)


def with_scope(store: Store, state: State) -> State:
    """The state with those of its chosen networks and conditions that the study has, each once."""
    groups = [group.name for group in store.groups]
    networks = tuple(name for name in dict.fromkeys(state.networks) if name in groups)
    conditions = tuple(name for name in dict.fromkeys(state.conditions) if name in store.conditions)
    return dataclasses.replace(state, networks=networks, conditions=conditions)


def clause(error: Exception) -> str:
    """The message of an error without its full stop."""
    return str(error).rstrip(".")
