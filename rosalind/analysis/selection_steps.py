"""Kinds of steps that select samples: records, read from JSON and checked, each a mask and words of a study."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from jaxtyping import Bool, UInt8

from rosalind.analysis import polygon, sample_presets
from rosalind.analysis.robustness.groups import counted
from rosalind.analysis.sides import Cell
from rosalind.analysis.store import Store
from rosalind.config import unknown, with_noun

FLIPS = ("both right", "B fixes", "B breaks", "both wrong")
"""Outcomes of a sample under A and B."""

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
        return f"true {with_noun('class', store.class_names[self.true])}"


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
        if self.preset == sample_presets.EXEMPLARS:
            is_b = bool(sides) and sides[-1] == self.other
            group = store.sides.group(self.other[0]).name
            return self.preset if is_b else f"exemplars of {group} ({self.other[1]})"
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


def flips(store: Store, a: Cell, b: Cell) -> UInt8[np.ndarray, " n"]:
    """Per sample the index into `FLIPS`."""

    def make() -> np.ndarray:
        before, after = store.correct(a), store.correct(b)
        return np.where(before, np.where(after, 0, 2), np.where(after, 1, 3)).astype(np.uint8)

    return store.cached(("rules", "flips", a, b), make)


def _shown(value: Any) -> str:
    return repr(value)[:40]


def _class(store: Store, value: Any, name: str) -> int:
    # True and False are whole numbers to Python, and 3.0 is one to JSON.
    is_number = isinstance(value, int | float) and not isinstance(value, bool) and value == value
    if not is_number or not 0 <= value < len(store.class_names) or int(value) != value:
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


def _place(step: Box | Lasso | Band | Pair | Flip | Preset, sides: Sides = ()) -> str:
    """The cells of a step, after `, raw` where it is: in brackets, or ` on B-A` where they are the sides."""
    other, raw = getattr(step, "other", None), ", raw" if getattr(step, "raw", False) else ""
    letters = {cell: letter for letter, cell in reversed(list(zip("AB", sides, strict=False)))}
    if step.cell in letters and (other is None or other in letters):
        return f"{raw} on {letters[step.cell] if other is None else f'{letters[other]}-{letters[step.cell]}'}"
    cells = [" / ".join(cell) for cell in (step.cell, other) if cell]
    return f"{raw} ({' to '.join(cells)})"
