"""Finite values in ascending order: made once per study and measure, and picked from for every selection."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from rosalind.analysis.sides import Cell
from rosalind.analysis.store import Store


class Ordered(NamedTuple):
    """Finite values of some samples in ascending order.

    Attributes:
        values: float[k], ascending.
        rows: int32[k]: the sample that each is of; None of values that were picked.
    """

    values: Float[np.ndarray, " k"]
    rows: Int[np.ndarray, " k"] | None

    def pick(self, mask: Bool[np.ndarray, " n"]) -> "Ordered":
        """The ordered values of a mask's samples: 0.3 ms for 40,000 of 200,000, where sorting them again takes 0.8.

        Raises:
            ValueError: they were picked already.
        """
        if self.rows is None:
            raise ValueError("values can be picked once, from those of all samples: pick them from there.")
        return Ordered(self.values.compress(mask.take(self.rows)), None)


def ordered(values: Float[np.ndarray, "..."] | Ordered) -> Ordered:
    """The finite ones of some values in ascending order; what is in order already is given back.

    >>> ordered(np.array([2.0, np.nan, 1.0]))
    Ordered(values=array([1., 2.]), rows=array([2, 0], dtype=int32))
    """
    if isinstance(values, Ordered):
        return values
    values = np.ravel(values)
    finite = np.flatnonzero(np.isfinite(values))
    values = values[finite]
    order = _order(values) if values.dtype == np.float32 else np.argsort(values, kind="stable")
    return Ordered(values[order], finite[order].astype(np.int32))


def _order(values: np.ndarray) -> np.ndarray:
    """The places of some finite float32 values in ascending order, as numpy.argsort gives them.

    By their bits, half of them at a time: 6 ms for 200,000, numpy.argsort 11, and numpy.sort 5 without the samples.
    """
    bits = values.view(np.uint32)
    # As whole numbers, those of negative ones descend.
    bits = np.where(bits >> 31, ~bits, bits | np.uint32(1 << 31))
    low = np.argsort(bits.astype(np.uint16), kind="stable")
    return low[np.argsort((bits >> 16).astype(np.uint16)[low], kind="stable")]


def of_side(
    store: Store,
    cell: Cell,
    measure: str,
    *,
    other: Cell | None = None,
    raw: bool = False,
    true_class: int | None = None,
) -> Ordered:
    """A measure of all samples, shared by all readers.

    Args:
        store: of the study.
        cell: the side.
        measure: in `Store.measures`.
        other: the second side, where the measure's change `other` minus `cell` is meant.
        raw: leave norms and margins unscaled.
        true_class: of the samples that count; None for all.
    """

    def make() -> Ordered:
        if true_class is not None:
            return of_side(store, cell, measure, other=other, raw=raw).pick(store.labels == true_class)
        if other is not None:
            return ordered(store.difference(cell, other, measure, raw))
        return ordered(store.values(cell, measure, raw))

    return store.cached(("ordered", cell, other, measure, raw, true_class), make)
