"""What a reader looks at, as one frozen record; `address` writes it into the link."""

import dataclasses
from collections.abc import Mapping
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
    "all": "All",
}
"""The questions that a page can show, and how they are put."""

Choices = Mapping[str, tuple[str, ...]]
"""What can be chosen inside the views: by name the allowed values, the first is the default."""


@dataclass(frozen=True)
class State:
    """Two sides to compare, how samples are placed, and which are selected by what rule.

    A side is a cell: a network, or a group of seeds, under a condition.
    """

    a: Cell
    b: Cell
    x: str = "angle"
    y: str = "norm"
    true_class: int | None = None
    rule: selection.Rule = ()
    primary: int | None = None
    """Id of the one sample that is shown large."""
    mode: str = "absolute"
    raw: bool = False
    null: bool = False
    """Whether differences show beside them what no difference looks like."""
    operation: str = OPERATIONS[0]
    """What the next selection does to this one."""
    theme: str = "light"
    layout: str = "networks"
    choices: tuple[tuple[str, str], ...] = ()
    """What was chosen inside views, where it is not the default; sorted by name."""


def default(store: Store) -> State:
    """The state that the viewer opens with: `store.first_sides`, and a sample that has maps.

    Raises:
        ValueError: nothing has been measured, or nothing can be read.
    """
    a, b, primary = store.first_sides()
    return State(a, b, primary=primary)


def selected(store: Store, state: State) -> np.ndarray:
    """bool[n]: the samples that the rule and the class filter of a state select."""
    return selection.select(store, state.rule, state.true_class)


def with_choices(state: State, chosen: Mapping[str, str], choices: Choices) -> State:
    """The state with some choices made; defaults are not kept.

    Raises:
        ValueError: a choice or a value that no view offers.
    """
    found = dict(state.choices)
    for name, value in chosen.items():
        if name not in choices:
            raise ValueError(unknown("choice", str(name)[:40], choices))
        if value not in choices[name]:
            raise ValueError(
                f"{name} cannot be {str(value)[:40]!r}; allowed: {', '.join(choices[name][:20])}"
            )
        found[name] = value
    kept = {name: value for name, value in found.items() if value in choices.get(name, ())[1:]}
    return dataclasses.replace(state, choices=tuple(sorted(kept.items())))
