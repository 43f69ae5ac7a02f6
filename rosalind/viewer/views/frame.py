"""The state that a view draws, and the memory of what it has drawn."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property, partial
from html import escape
from typing import Any

import numpy as np
from bokeh.models import Select, Slider

from rosalind.analysis import distributions, selection, selection_steps, slice_accuracy
from rosalind.analysis.class_matrices import ClassSums, class_sums
from rosalind.analysis.ordered import Ordered, of_side
from rosalind.analysis.sides import Cell
from rosalind.analysis.store import Store
from rosalind.viewer.state import Choices, State

Change = Callable[..., None]
"""`change(**fields)` sets fields of the state, `change(step={...})` adds a step to the selection rule, and
`change(choices={name: value})` chooses something inside a view.
With a step that replaces, `instead=` is the whole new rule."""


class Changed:
    """`changed(name, value)`: True where the value is not equal to the last one given under that name.

    A view asks it before it draws, so that a brush sends nothing of what stays the same.
    """

    def __init__(self) -> None:
        self._last: dict[str, object] = {}

    def __call__(self, name: str, value: object) -> bool:
        if name in self._last and self._last[name] == value:
            return False
        self._last[name] = value
        return True


@dataclass(frozen=True)
class Frame:
    """One state of the viewer with the masks that follow from it.

    Attributes:
        selected: bool[n]: the selected samples; all False where there is no selection.
        choices: The allowed values of every choice inside the views.
    """

    store: Store
    state: State
    selected: np.ndarray = field(repr=False)
    choices: Choices = field(default_factory=dict, repr=False)

    @cached_property
    def shown(self) -> np.ndarray:
        """bool[n]: the samples that pass the class filter."""
        return selection.shown(self.store, self.state.true_class)

    @cached_property
    def chosen_groups(self) -> np.ndarray:
        """bool[groups]: the groups of seeds that are chosen; all where none is."""
        names = self.state.networks
        return np.array([not names or group.name in names for group in self.store.groups], bool)

    @cached_property
    def has_selection(self) -> bool:
        """True where some sample is selected."""
        return bool(self.selected.any())

    @property
    def focus(self) -> np.ndarray:
        """bool[n]: the samples that numbers are of: the selected ones, or all that are shown where none is."""
        return self.selected if self.has_selection else self.shown

    @cached_property
    def rows(self) -> np.ndarray:
        """int[k]: the samples of `focus`, ascending.

        Picking 40,000 of 200,000 numbers takes 0.04 ms by rows and 0.6 by the mask; a brush does so a hundred times.
        """
        return np.flatnonzero(self.focus)

    @cached_property
    def _made(self) -> dict[tuple, Any]:
        return {}

    def _once(self, key: tuple, make: Callable[[], Any]) -> Any:
        """`make()`, once for all views of this frame."""
        if key not in self._made:
            self._made[key] = make()
        return self._made[key]

    def ordered(self, cell: Cell, measure: str, *, other: Cell | None = None, shown: bool = False) -> Ordered:
        """A measure, or its change from a cell to another, in ascending order: over `focus`, or all that are shown.

        Of all shown it is made once for all readers, of a selection once for all views.
        """
        of = partial(of_side, self.store, cell, measure, other=other, raw=self.state.raw)
        if shown or not self.has_selection:
            return of(true_class=self.state.true_class)
        return self._once(("ordered", cell, measure, other), lambda: of().pick(self.selected))

    def median(self, cell: Cell, measure: str) -> float:
        """The median of a measure over `focus`; NaN where no value is finite."""
        return distributions.median(self.ordered(cell, measure))

    @cached_property
    def flip_counts(self) -> tuple[int, ...]:
        """Samples of `focus` in each of `FLIPS`, from A to B."""
        return tuple(np.bincount(self.flips.take(self.rows), minlength=len(selection_steps.FLIPS)).tolist())

    @cached_property
    def slice_summary(self) -> dict[Cell, dict[str, float]] | None:
        """`slice_accuracy.summary` of the selection; None where there is none."""
        return slice_accuracy.summary(self.store, self.selected) if self.has_selection else None

    @property
    def among(self) -> str:
        """The number of selected samples in brackets, for findings: what a box picks may follow from the box."""
        return f" ({len(self.rows):,} selected)" if self.has_selection else ""

    @property
    def slice_words(self) -> str:
        """A clause on the selection for captions, as HTML; empty where there is none."""
        return f"of the {len(self.rows):,} selected samples" if self.has_selection else ""

    @property
    def slice_key(self) -> tuple:
        """The key of a selection, for `Changed`; empty where nothing is selected."""
        return (self.state.rule, self.state.true_class) if self.has_selection else ()

    @cached_property
    def without_geometry(self) -> list[str]:
        """The networks of A and B of which there are predictions alone."""
        return self.store.without_geometry(self.state.a, self.state.b)

    @cached_property
    def flips(self) -> np.ndarray:
        """uint8[n]: index into `FLIPS`, from A to B."""
        return selection_steps.flips(self.store, self.state.a, self.state.b)

    def values(self, cell: Cell, measure: str) -> np.ndarray:
        """float32[n]: a measure of every sample, raw or in units as the state says."""
        return self.store.values(cell, measure, self.state.raw)

    def toggled(self, true_class: int) -> int | None:
        """The class filter after a click on a class: that class, or None where it was the filter already."""
        return None if self.state.true_class == true_class else true_class

    def per_class(self, mask: np.ndarray | None = None) -> np.ndarray:
        """int64[c]: the number of samples of every class in a mask bool[n], of all without; unknown ones (-1) nowhere.

        Of the selected samples it is counted once for all views.
        """
        labels, classes = self.store.labels, len(self.store.class_names)
        count = lambda rows: np.bincount(labels[rows] + 1, minlength=classes + 1)[1:]
        if mask is None:
            return self.store.cached(("classes", "samples"), lambda: count(slice(None)))
        if mask is self.selected:
            return self._once(("samples",), lambda: count(np.flatnonzero(mask)))
        return count(np.flatnonzero(mask))

    def class_sums(self, cell: Cell, numbers: tuple[int, ...]) -> ClassSums:
        """Sums of the angles of `focus` to the directions of some classes, by class.

        Of all shown they are made once for all readers, of a selection once for all views.
        """

        def make() -> ClassSums:
            angles = self.store.class_angles(cell, numbers)[1]
            return class_sums(angles, self.store.labels, np.array(numbers), self.rows)

        if self.has_selection:
            return self._once(("sums", cell, numbers), make)
        return self.store.cached(("classes", "sums", cell, numbers, self.state.true_class), make)

    def choice(self, name: str) -> str:
        """The chosen value, or the first allowed one."""
        return dict(self.state.choices).get(name, self.choices[name][0])

    def measured(self, name: str) -> Cell | None:
        """A side by its name, under the condition of B or else the first that it is measured under."""
        under = (self.state.b[1], *self.store.conditions)
        return next(((name, condition) for condition in under if self.store.sides.has((name, condition))), None)

    @cached_property
    def nulls(self) -> list[tuple[Cell, Cell]]:
        """Pairs of cells that differ by chance alone; empty where the null is off or not measured."""
        return self.store.sides.nulls(self.state.a, self.state.b)[0] if self.state.null else []

    @property
    def null(self) -> tuple[Cell, Cell] | None:
        """The pair of `nulls` that is drawn: the first."""
        return self.nulls[0] if self.nulls else None

    @property
    def null_description(self) -> str:
        """The null, or the reason why there is none, as HTML."""
        return escape(self.store.sides.nulls(self.state.a, self.state.b)[1])

    @property
    def null_sentence(self) -> str:
        """A sentence on the null, or on why there is none, as HTML; empty where the null is off."""
        if not self.state.null:
            return ""
        if not self.nulls:
            return f"No null: {self.null_description}."
        several = f" ({len(self.nulls)} pairs: numbers are the largest, pictures the first)"
        return f"Null: {self.null_description}{several if len(self.nulls) > 1 else ''}."

    def chooser(
        self, change: Change, name: str, title: str, labels: Mapping[str, str] | None = None, width: int = 170
    ) -> Select:
        """The widget of a choice, `width` pixels wide; the session keeps it in line with the state.

        The widget has the choice's name; `labels` are of values that are not their own label.
        """
        options: Any = [(value, (labels or {}).get(value, value)) for value in self.choices[name]]
        select = Select(name=name, title=title, options=options, value=self.choice(name), width=width)
        select.on_change("value", lambda attr, old, new: change(choices={name: new}))
        return select

    def slider(self, change: Change, name: str, title: str, width: int = 170) -> Slider:
        """The widget of a choice among evenly spaced whole numbers; it changes the state when let go."""
        values = sorted(int(value) for value in self.choices[name])
        ends: Any = {"start": values[0], "end": values[-1], "step": values[1] - values[0]}
        slider = Slider(name=name, title=title, value=int(self.choice(name)), width=width, **ends)
        slider.on_change("value_throttled", lambda attr, old, new: change(choices={name: str(round(new))}))
        return slider
