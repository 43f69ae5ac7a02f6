"""Rules that select samples: checked, applied, and put into words. A rule fits into the address."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from rosalind.analysis import polygon
from rosalind.analysis.robustness.groups import counted
from rosalind.analysis.sides import Cell
from rosalind.analysis.store import Store
from rosalind.config import unknown

FLIPS = ("both right", "B fixes", "B breaks", "both wrong")
"""Outcomes of a sample under A and B."""

OPERATIONS = ("replace", "add", "subtract", "intersect")
"""Ways to combine a step with the selection before it."""

Rule = tuple[dict[str, Any], ...]
"""Steps in order."""

STEPS = 32
"""Longest rule that an address may carry."""

CORNERS = 64
"""Most corners of a lasso, so that it fits into an address."""


def check_rule(store: Store, steps: Any) -> Rule:
    """A rule with every part checked and copied; raises ValueError for anything else."""
    if not isinstance(steps, list | tuple) or len(steps) > STEPS:
        raise ValueError(f"a rule is a list of at most {STEPS} steps")
    return tuple(_check_step(store, step) for step in steps)


def _check_step(store: Store, step: Any) -> dict[str, Any]:
    if not isinstance(step, Mapping) or step.get("op") not in OPERATIONS:
        raise ValueError("a step needs an op: replace, add, subtract or intersect")

    def classes(found: Any, name: str) -> int:
        # True and False are whole numbers to Python, and 3.0 is one to JSON.
        whole = isinstance(found, int | float) and not isinstance(found, bool) and found == found
        if not whole or not 0 <= found < len(store.class_names) or int(found) != found:
            raise ValueError(f"{name} is no class of the study")
        return int(found)

    def numbers(name: str, count: int) -> list[float]:
        found = step[name]
        good = isinstance(found, list | tuple) and len(found) == count
        if not good or not all(isinstance(v, int | float) and np.isfinite(v) for v in found):
            raise ValueError(f"{name} must be {count} numbers")
        return [float(v) for v in found]

    def cell(name: str) -> Cell:
        found = step.get(name)
        if not isinstance(found, list | tuple) or not store.sides.has(tuple(found)):
            raise ValueError(f"{name} is no cell of the study")
        return (found[0], found[1])

    def measure(name: str) -> str:
        if step.get(name) not in store.measures:
            raise ValueError(f"{name} is no measure")
        return step[name]

    checked: dict[str, Any] = {"op": step["op"]}
    if "box" in step or "lasso" in step:
        if "box" in step:
            checked["box"] = numbers("box", 4)
        else:
            corners = step["lasso"]
            if (
                not isinstance(corners, list | tuple)
                or not 6 <= len(corners) <= 2 * CORNERS
                or len(corners) % 2
            ):
                raise ValueError(f"a lasso has 3 to {CORNERS} corners, x and y of each in turn")
            checked["lasso"] = numbers("lasso", len(corners))
        checked |= {"cell": cell("cell"), "x": measure("x"), "y": measure("y")}
        if "other" in step:
            checked["other"] = cell("other")
        checked |= {"raw": True} if step.get("raw") is True else {}
    elif "band" in step:
        checked |= {"band": numbers("band", 2), "cell": cell("cell")}
        if "class" in step:
            checked["class"] = classes(step["class"], "class")
        else:
            checked["x"] = measure("x")
            checked |= {"raw": True} if step.get("raw") is True else {}
    elif "pair" in step:
        pair = [classes(v, "a part of pair") for v in numbers("pair", 2)]
        checked |= {"pair": pair, "cell": cell("cell")}
    elif "true" in step:
        checked["true"] = classes(step["true"], "true")
    elif "flip" in step:
        if step["flip"] not in FLIPS:
            raise ValueError(unknown("flip state", str(step["flip"])[:40], FLIPS))
        checked |= {"flip": step["flip"], "cell": cell("cell"), "other": cell("other")}
    elif "ids" in step:
        ids = step["ids"]
        if not isinstance(ids, list | tuple) or len(ids) > 500 or not all(isinstance(i, int) for i in ids):
            raise ValueError("ids must be at most 500 whole numbers")
        checked["ids"] = [int(i) for i in ids]
    else:
        raise ValueError("a step selects by box, lasso, band, pair, true, flip or ids")
    return checked


def flips(store: Store, a: Cell, b: Cell) -> np.ndarray:
    """uint8[n]: per sample the index into `FLIPS`."""

    def make() -> np.ndarray:
        before, after = store.correct(a), store.correct(b)
        return np.where(before, np.where(after, 0, 2), np.where(after, 1, 3)).astype(np.uint8)

    return store.cached(("rules", "flips", a, b), make)


def _step_mask(store: Store, step: Mapping[str, Any]) -> np.ndarray:
    raw = step.get("raw", False)

    def inside(values: np.ndarray, low: float, high: float) -> np.ndarray:
        return (values >= min(low, high)) & (values <= max(low, high))

    def placed(measure: str) -> np.ndarray:
        # With a second cell the box was drawn on the difference between the two.
        if "other" in step:
            return store.difference(step["cell"], step["other"], measure, raw)
        return store.values(step["cell"], measure, raw)

    if "box" in step:
        x0, x1, y0, y1 = step["box"]
        return inside(placed(step["x"]), x0, x1) & inside(placed(step["y"]), y0, y1)
    if "lasso" in step:
        return polygon.inside(step["lasso"], placed(step["x"]), placed(step["y"]))
    if "band" in step:
        if "class" not in step:
            return inside(store.values(step["cell"], step["x"], raw), *step["band"])
        return inside(store.class_angles(step["cell"], (step["class"],))[1][:, 0], *step["band"])
    if "pair" in step:
        return (store.labels == step["pair"][0]) & (store.predictions(step["cell"]) == step["pair"][1])
    if "true" in step:
        return store.labels == step["true"]
    if "flip" in step:
        return flips(store, step["cell"], step["other"]) == FLIPS.index(step["flip"])
    return np.isin(store.ids, step["ids"])


def select(store: Store, rule: Rule, true_class: int | None = None) -> np.ndarray:
    """bool[n]: the samples that the rule and the class filter select; all False, one for all, without a rule."""
    if not rule:
        return store.cached(("rules", "nothing"), lambda: np.zeros(len(store.ids), bool))
    chosen = np.zeros(len(store.ids), bool)
    for step in rule:
        here = _step_mask(store, step)
        match step["op"]:
            case "replace":
                chosen = here
            case "add":
                chosen = chosen | here
            case "subtract":
                chosen = chosen & ~here
            case "intersect":
                chosen = chosen & here
    return chosen & shown(store, true_class)


def shown(store: Store, true_class: int | None) -> np.ndarray:
    """bool[n]: the samples that pass the class filter; all without one."""
    make = lambda: np.ones(len(store.ids), bool) if true_class is None else store.labels == true_class
    return store.cached(("rules", "shown", true_class), make)


def is_by_hand(rule: Rule) -> bool:
    """Whether a selection is nothing but samples that were starred one by one."""
    return bool(rule) and all(step["op"] == "add" and "ids" in step for step in rule)


def starred(store: Store, rule: Rule, sample: int) -> Rule:
    """The rule with one more sample; stars that follow each other are one step.

    Raises:
        ValueError: the rule has no room for it.
    """
    last = rule[-1] if rule else {}
    if last.get("op") != "add" or "ids" not in last:
        return check_rule(store, [*rule, {"op": "add", "ids": [sample]}])
    kept = [*last["ids"], *[sample] * (sample not in last["ids"])]
    return check_rule(store, [*rule[:-1], {**last, "ids": kept}])


def saved(rule: Rule, true_class: int | None = None) -> Rule:
    """The rule that selects by itself what the rule and the class filter select; empty where nothing is chosen."""
    first, *rest = rule or ({},)
    # With nothing before it, to add is to replace; stars that are saved are no longer picked one by one.
    rule = ({**first, "op": "replace"} if first["op"] == "add" else first, *rest) if first else ()
    if true_class is None:
        return rule
    return (*rule, {"op": "intersect" if rule else "replace", "true": true_class})


def describe_rule(store: Store, rule: Rule) -> str:
    """A rule in words, for the status line and exports."""
    words = []
    for step in rule:
        where = " / ".join(step["cell"]) if "cell" in step else ""
        if "other" in step:
            where += " to " + " / ".join(step["other"])
        raw = ", raw" if step.get("raw") else ""
        if "box" in step:
            x0, x1, y0, y1 = step["box"]
            text = f"{step['x']} {x0:.3g}..{x1:.3g} and {step['y']} {y0:.3g}..{y1:.3g}{raw}"
        elif "lasso" in step:
            corners = len(step["lasso"]) // 2
            text = f"inside a lasso of {corners} corners on {step['x']} and {step['y']}{raw}"
        elif "band" in step:
            what = f"angle to {store.class_names[step['class']]}" if "class" in step else step["x"]
            text = f"{what} {step['band'][0]:.3g}..{step['band'][1]:.3g}{raw}"
        elif "pair" in step:
            text = " predicted as ".join(store.class_names[k] for k in step["pair"])
        elif "true" in step:
            text = f"true class {store.class_names[step['true']]}"
        elif "flip" in step:
            text = step["flip"]
        else:
            text = counted(len(step["ids"]), "chosen sample")
        # There is nothing yet that the first step could replace.
        how = "" if not words and step["op"] == "replace" else f"{step['op']} "
        words.append(f"{how}{text}" + (f" ({where})" if where else ""))
    return "; ".join(words)
