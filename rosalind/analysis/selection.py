"""Rules that select samples: steps as records, read from JSON and checked, applied, and put into words."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from jaxtyping import Bool, UInt8

from rosalind.analysis import polygon, sample_presets
from rosalind.analysis.robustness.groups import counted
from rosalind.analysis.sides import Cell
from rosalind.analysis.store import Store
from rosalind.config import unknown

FLIPS = ("both right", "B fixes", "B breaks", "both wrong")
"""Outcomes of a sample under A and B."""

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

CORNERS = 64
"""Most corners of a lasso, so that it fits into an address."""

IDS = 500
"""Most sample ids in one step."""

Json = Mapping[str, Any]

Sides = tuple[()] | tuple[Cell, Cell]
"""A and B, which words then call by their letters; or nothing, where these would say too little."""


@dataclass(frozen=True)
class Box:
    """Samples inside a rectangle of two measures, or of their difference between two cells.

    Attributes:
        box: x0, x1, y0, y1, both ends included, in either order.
        other: The second cell, where the box was drawn on the difference `other` minus `cell`.
        raw: True where norms and margins are not divided by the feature scale.
    """

    op: str
    box: tuple[float, ...]
    cell: Cell
    x: str
    y: str
    other: Cell | None = None
    raw: bool = False

    @classmethod
    def from_json(cls, store: Store, step: Json) -> Self:
        return cls(step["op"], _numbers(step, "box", 4), *_plane(store, step))

    def mask(self, store: Store) -> Bool[np.ndarray, " n"]:
        ends = ((self.x, self.box[:2]), (self.y, self.box[2:]))
        return np.logical_and(*(_inside(_placed(store, self, measure), *pair) for measure, pair in ends))

    def words(self, store: Store, sides: Sides = ()) -> str:
        x0, x1, y0, y1 = self.box
        sign = "+" if self.other is not None else ""
        ends = f"{x0:{sign}.3g}..{x1:{sign}.3g}", f"{y0:{sign}.3g}..{y1:{sign}.3g}"
        return f"{self.x} {ends[0]} and {self.y} {ends[1]}{_place(self, sides)}"


@dataclass(frozen=True)
class Lasso:
    """Samples inside a polygon in the plane of two measures; fields as of `Box`.

    Attributes:
        lasso: x and y of each corner in turn.
    """

    op: str
    lasso: tuple[float, ...]
    cell: Cell
    x: str
    y: str
    other: Cell | None = None
    raw: bool = False

    @classmethod
    def from_json(cls, store: Store, step: Json) -> Self:
        corners = step["lasso"]
        if not isinstance(corners, list | tuple) or not 6 <= len(corners) <= 2 * CORNERS or len(corners) % 2:
            raise ValueError(f"`lasso` must be x and y of 3 to {CORNERS} corners in turn, got {_shown(corners)}")
        return cls(step["op"], _numbers(step, "lasso", len(corners)), *_plane(store, step))

    def mask(self, store: Store) -> Bool[np.ndarray, " n"]:
        return polygon.inside(self.lasso, _placed(store, self, self.x), _placed(store, self, self.y))

    def words(self, store: Store, sides: Sides = ()) -> str:
        corners = len(self.lasso) // 2
        return f"inside a lasso of {corners} corners on {self.x} and {self.y}{_place(self, sides)}"


@dataclass(frozen=True)
class Band:
    """Samples between two values of a measure, or of the angle to a class.

    Attributes:
        band: Both ends, included, in either order; angles in degrees.
        class_: The class whose angle counts; without, the measure `x`.
    """

    op: str
    band: tuple[float, ...]
    cell: Cell
    class_: int | None = None
    x: str | None = None
    raw: bool = False

    @classmethod
    def from_json(cls, store: Store, step: Json) -> Self:
        band, cell = _numbers(step, "band", 2), _cell(store, step, "cell")
        if "class" in step:
            return cls(step["op"], band, cell, class_=_class(store, step["class"], "class"))
        return cls(step["op"], band, cell, x=_measure(store, step, "x"), raw=step.get("raw") is True)

    def mask(self, store: Store) -> Bool[np.ndarray, " n"]:
        if self.x is not None:
            return _inside(store.values(self.cell, self.x, self.raw), *self.band)
        assert self.class_ is not None
        return _inside(store.class_angles(self.cell, (self.class_,))[1][:, 0], *self.band)

    def words(self, store: Store, sides: Sides = ()) -> str:
        measure = f"angle to {store.class_names[self.class_]}" if self.class_ is not None else self.x
        return f"{measure} {self.band[0]:.3g}..{self.band[1]:.3g}{_place(self, sides)}"


@dataclass(frozen=True)
class Pair:
    """Samples of one true class with one prediction.

    Attributes:
        pair: The true class and the prediction.
    """

    op: str
    pair: tuple[int, ...]
    cell: Cell

    @classmethod
    def from_json(cls, store: Store, step: Json) -> Self:
        classes = tuple(_class(store, k, "a part of pair") for k in _numbers(step, "pair", 2))
        return cls(step["op"], classes, _cell(store, step, "cell"))

    def mask(self, store: Store) -> Bool[np.ndarray, " n"]:
        return (store.labels == self.pair[0]) & (store.predictions(self.cell) == self.pair[1])

    def words(self, store: Store, sides: Sides = ()) -> str:
        return " predicted as ".join(store.class_names[k] for k in self.pair) + _place(self, sides)


@dataclass(frozen=True)
class TrueClass:
    """Samples of one true class."""

    op: str
    true: int

    @classmethod
    def from_json(cls, store: Store, step: Json) -> Self:
        return cls(step["op"], _class(store, step["true"], "true"))

    def mask(self, store: Store) -> Bool[np.ndarray, " n"]:
        return store.labels == self.true

    def words(self, store: Store, sides: Sides = ()) -> str:
        return f"true class {store.class_names[self.true]}"


@dataclass(frozen=True)
class Flip:
    """Samples with one outcome under two cells.

    Attributes:
        flip: In `FLIPS`.
    """

    op: str
    flip: str
    cell: Cell
    other: Cell

    @classmethod
    def from_json(cls, store: Store, step: Json) -> Self:
        if step["flip"] not in FLIPS:
            raise ValueError(unknown("flip state", _shown(step["flip"]), FLIPS))
        return cls(step["op"], step["flip"], _cell(store, step, "cell"), _cell(store, step, "other"))

    def mask(self, store: Store) -> Bool[np.ndarray, " n"]:
        return flips(store, self.cell, self.other) == FLIPS.index(self.flip)

    def words(self, store: Store, sides: Sides = ()) -> str:
        return self.flip + _place(self, sides)


@dataclass(frozen=True)
class Ids:
    """Samples by id."""

    op: str
    ids: tuple[int, ...]

    @classmethod
    def from_json(cls, store: Store, step: Json) -> Self:
        ids = step["ids"]
        if not isinstance(ids, list | tuple) or len(ids) > IDS or not all(isinstance(i, int) for i in ids):
            raise ValueError(f"`ids` must be at most {IDS} whole numbers, got {_shown(ids)}")
        return cls(step["op"], tuple(int(i) for i in ids))

    def mask(self, store: Store) -> Bool[np.ndarray, " n"]:
        return np.isin(store.ids, self.ids)

    def words(self, store: Store, sides: Sides = ()) -> str:
        return counted(len(self.ids), "chosen sample")


@dataclass(frozen=True)
class Preset:
    """Samples that a preset picks for two cells, see `sample_presets.pick`; none where what it needs is not stored.

    Attributes:
        preset: In `sample_presets.PRESETS`.
    """

    op: str
    preset: str
    cell: Cell
    other: Cell

    @classmethod
    def from_json(cls, store: Store, step: Json) -> Self:
        if step["preset"] not in sample_presets.PRESETS:
            raise ValueError(unknown("preset", _shown(step["preset"]), sample_presets.PRESETS))
        return cls(step["op"], step["preset"], _cell(store, step, "cell"), _cell(store, step, "other"))

    def mask(self, store: Store) -> Bool[np.ndarray, " n"]:
        mask = np.zeros(len(store.ids), bool)
        picked = sample_presets.pick(store, self.preset, self.cell, self.other)
        if picked is not None:
            mask[picked.positions] = True
        return mask

    def words(self, store: Store, sides: Sides = ()) -> str:
        if self.preset not in sample_presets.CORRUPTED:
            return self.preset + _place(self, sides)
        side = (self.cell, self.other)[sample_presets.CORRUPTED[self.preset]]
        letter = dict(zip(reversed(sides), "BA", strict=False)).get(side)
        where = f"{letter}'s condition" if letter else f"{side[1]} ({side[0]})"
        return f"right when clean, wrong under {where}"


Step = Box | Lasso | Band | Pair | TrueClass | Flip | Ids | Preset

KINDS: Mapping[str, type[Step]] = {
    "box": Box,
    "lasso": Lasso,
    "band": Band,
    "pair": Pair,
    "true": TrueClass,
    "flip": Flip,
    "ids": Ids,
    "preset": Preset,
}
"""Kinds of steps by the JSON key that names them; the first one that a step has counts."""

Rule = tuple[Step, ...]
"""Steps in order."""


def check_rule(store: Store, steps: Any) -> Rule:
    """The rule that steps describe, as records or as JSON; its sides, measures and classes are the study's.

    Raises:
        ValueError: no rule, or one that does not fit the study.
    """
    if not isinstance(steps, list | tuple) or len(steps) > LONGEST:
        raise ValueError(f"a rule must be a list of at most {LONGEST} steps, got {_shown(steps)}")
    return tuple(_check_step(store, step) for step in steps)


def _check_step(store: Store, step: Any) -> Step:
    step = to_json(step) if isinstance(step, Step) else step
    if not isinstance(step, Mapping) or step.get("op") not in OPERATIONS:
        raise ValueError(f"a step must be an object with `op` in {', '.join(OPERATIONS)}, got {_shown(step)}")
    kind = next((kind for key, kind in KINDS.items() if key in step), None)
    if kind is None:
        raise ValueError(f"a step must have one of {', '.join(KINDS)}, got {_shown(step)}")
    return kind.from_json(store, step)


def to_json(step: Step) -> dict[str, Any]:
    """The step as JSON; `check_rule` gives it back. Fields that are None or False are left out."""
    fields = {f.name.rstrip("_"): getattr(step, f.name) for f in dataclasses.fields(step)}
    given = {name: value for name, value in fields.items() if value is not None and value is not False}
    return {name: list(value) if isinstance(value, tuple) else value for name, value in given.items()}


def _shown(value: Any) -> str:
    return repr(value)[:40]


def _class(store: Store, value: Any, name: str) -> int:
    # True and False are whole numbers to Python, and 3.0 is one to JSON.
    whole = isinstance(value, int | float) and not isinstance(value, bool) and value == value
    if not whole or not 0 <= value < len(store.class_names) or int(value) != value:
        raise ValueError(f"{name} must be a class in 0..{len(store.class_names) - 1}, got {_shown(value)}")
    return int(value)


def _numbers(step: Json, name: str, count: int) -> tuple[float, ...]:
    values = step[name]
    good = isinstance(values, list | tuple) and len(values) == count
    if not good or not all(isinstance(v, int | float) and np.isfinite(v) for v in values):
        raise ValueError(f"`{name}` must be {count} finite numbers, got {_shown(values)}")
    return tuple(float(v) for v in values)


def _cell(store: Store, step: Json, name: str) -> Cell:
    value = step.get(name)
    if not isinstance(value, list | tuple) or not store.sides.has(tuple(value)):
        raise ValueError(f"`{name}` must be a measured cell of the study, got {_shown(value)}")
    return (value[0], value[1])


def _measure(store: Store, step: Json, name: str) -> str:
    if step.get(name) not in store.measures:
        raise ValueError(unknown("measure", _shown(step.get(name)), store.measures))
    return step[name]


def _plane(store: Store, step: Json) -> tuple[Cell, str, str, Cell | None, bool]:
    """The fields that `Box` and `Lasso` share: cell, x, y, other and raw."""
    other = _cell(store, step, "other") if "other" in step else None
    measures = _measure(store, step, "x"), _measure(store, step, "y")
    return _cell(store, step, "cell"), *measures, other, step.get("raw") is True


def _inside(values: np.ndarray, first: float, last: float) -> np.ndarray:
    return (values >= min(first, last)) & (values <= max(first, last))


def _placed(store: Store, step: Box | Lasso, measure: str) -> np.ndarray:
    if step.other is not None:
        return store.difference(step.cell, step.other, measure, step.raw)
    return store.values(step.cell, measure, step.raw)


def _place(step: "Box | Lasso | Band | Pair | Flip | Preset", sides: Sides = ()) -> str:
    """The cells of a step, after `, raw` where it is: in brackets, or ` on B-A` where they are the sides."""
    other, raw = getattr(step, "other", None), ", raw" if getattr(step, "raw", False) else ""
    letters = {cell: letter for letter, cell in reversed(list(zip("AB", sides, strict=False)))}
    if step.cell in letters and (other is None or other in letters):
        return f"{raw} on {letters[step.cell] if other is None else f'{letters[other]}-{letters[step.cell]}'}"
    cells = [" / ".join(cell) for cell in (step.cell, other) if cell]
    return f"{raw} ({' to '.join(cells)})"


def flips(store: Store, a: Cell, b: Cell) -> UInt8[np.ndarray, " n"]:
    """Per sample the index into `FLIPS`."""

    def make() -> np.ndarray:
        before, after = store.correct(a), store.correct(b)
        return np.where(before, np.where(after, 0, 2), np.where(after, 1, 3)).astype(np.uint8)

    return store.cached(("rules", "flips", a, b), make)


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
