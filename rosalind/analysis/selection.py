"""Rules that select samples: steps in order, checked, applied, and put into words."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxtyping import Bool

from rosalind.analysis.selection_steps import KINDS, Box, Ids, Lasso, Step, TrueClass
from rosalind.analysis.sides import Cell
from rosalind.analysis.store import Store

_COMBINED = {
    "replace": lambda selected, mask: mask,
    "add": np.logical_or,
    "subtract": lambda selected, mask: selected & ~mask,
    "intersect": np.logical_and,
}

OPERATIONS = tuple(_COMBINED)
"""Ways to combine a step with the selection before it."""

LONGEST = 32
"""Most steps of a rule that an address may carry."""

Rule = tuple[Step, ...]
"""Steps in order."""


def check_rule(store: Store, steps: Any) -> Rule:
    """The rule that steps describe, as records or as JSON; its sides, measures and classes are the study's.

    Raises:
        ValueError: no rule, or one that does not fit the study.
    """
    if not isinstance(steps, list | tuple) or len(steps) > LONGEST:
        raise ValueError(f"a rule must be a list of at most {LONGEST} steps, got {steps!r:.40}")
    return tuple(_check_step(store, step) for step in steps)


def _check_step(store: Store, step: Any) -> Step:
    step = to_json(step) if isinstance(step, Step) else step
    if not isinstance(step, Mapping) or step.get("op") not in OPERATIONS:
        raise ValueError(f"a step must be an object with `op` in {', '.join(OPERATIONS)}, got {step!r:.40}")
    kind = next((kind for key, kind in KINDS.items() if key in step), None)
    if kind is None:
        raise ValueError(f"a step must have one of {', '.join(KINDS)}, got {step!r:.40}")
    return kind.from_json(store, step)


def to_json(step: Step) -> dict[str, Any]:
    """The step as JSON; `check_rule` gives it back. Fields that are None or False are left out."""
    fields = {f.name.rstrip("_"): getattr(step, f.name) for f in dataclasses.fields(step)}
    set_fields = {name: value for name, value in fields.items() if value is not None and value is not False}
    return {name: list(value) if isinstance(value, tuple) else value for name, value in set_fields.items()}


def select(store: Store, rule: Rule, true_class: int | None = None) -> Bool[np.ndarray, " n"]:
    """Mask of the samples that the rule and the class filter select; all False, one for all, without a rule."""
    if not rule:
        return store.cached(("rules", "nothing"), lambda: np.zeros(len(store.ids), bool))
    selected = np.zeros(len(store.ids), bool)
    for step in rule:
        selected = _COMBINED[step.op](selected, step.mask(store))
    return selected & shown(store, true_class)


def shown(store: Store, true_class: int | None) -> Bool[np.ndarray, " n"]:
    """Mask of the samples that pass the class filter; all without one."""
    make = lambda: np.ones(len(store.ids), bool) if true_class is None else store.labels == true_class
    return store.cached(("rules", "shown", true_class), make)


def is_by_hand(rule: Rule) -> bool:
    """True where a selection is nothing but samples that were starred one by one."""
    return bool(rule) and all(step.op == "add" and isinstance(step, Ids) for step in rule)


def starred(store: Store, rule: Rule, sample: int) -> Rule:
    """The rule with one more sample; stars that follow each other are one step.

    Raises:
        ValueError: the rule has no room for it.
    """
    before, ids = rule, ()
    if rule and isinstance(rule[-1], Ids) and rule[-1].op == "add":
        before, ids = rule[:-1], rule[-1].ids
    return check_rule(store, [*before, Ids("add", ids if sample in ids else (*ids, sample))])


def without(rule: Rule, number: int) -> Rule:
    """The rule without one of its steps.

    The first of those that are left selects by itself; steps that subtract from nothing go as well.

    Raises:
        IndexError: a number that no step has.
    """
    left = list(rule)
    del left[number]
    while left and left[0].op == "subtract":
        del left[0]
    if left and left[0].op != "replace" and not is_by_hand(tuple(left)):
        left[0] = dataclasses.replace(left[0], op="replace")
    return tuple(left)


def chips(store: Store, rule: Rule, a: Cell, b: Cell) -> list[str]:
    """A short phrase for every step, in which A and B are letters; further steps begin with how they combine.

    `["angle +0.5..10.4 and norm -1..1 on B-A", "+ true class 3"]`
    """
    signs = {"add": "+ ", "subtract": "- ", "intersect": "and ", "replace": "= "}
    return [f"{signs[step.op] if k else ''}{step.words(store, (a, b))}" for k, step in enumerate(rule)]


def outlines(
    rule: Rule, cell: Cell, other: Cell | None, x: str, y: str, raw: bool = False
) -> tuple[list[list[float]], list[list[float]]]:
    """The closed outlines of the boxes and lassos of a rule that were drawn in one plane: x and y of their corners.

    Args:
        rule: steps of other kinds and other planes are left out.
        cell, other, x, y, raw: the plane, as the fields of `Box`.
    """
    corners = []
    for step in rule:
        if not isinstance(step, Box | Lasso) or (step.cell, step.other) != (cell, other):
            continue
        if (step.x, step.y, step.raw) != (x, y, raw):
            continue
        if isinstance(step, Box):
            x0, x1, y0, y1 = step.box
            corners.append(([x0, x1, x1, x0, x0], [y0, y0, y1, y1, y0]))
        else:
            across, up = step.lasso[0::2], step.lasso[1::2]
            corners.append(([*across, across[0]], [*up, up[0]]))
    return [xs for xs, _ in corners], [ys for _, ys in corners]


def saved(rule: Rule, true_class: int | None = None) -> Rule:
    """The rule that selects by itself what the rule and the class filter select; empty where nothing is selected."""
    if rule and rule[0].op == "add":
        # With nothing before it, to add is to replace; stars that are saved are no longer picked one by one.
        rule = (dataclasses.replace(rule[0], op="replace"), *rule[1:])
    if true_class is None:
        return rule
    return (*rule, TrueClass("intersect" if rule else "replace", true_class))


def describe_rule(store: Store, rule: Rule) -> str:
    """A rule as a phrase, for the status line and exports."""
    # There is nothing yet that the first step could replace.
    shown_op = lambda k, step: "" if step.op == "replace" and k == 0 else f"{step.op} "
    return "; ".join(f"{shown_op(k, step)}{step.words(store)}" for k, step in enumerate(rule))
