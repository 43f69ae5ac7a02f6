"""The scope of figures: two sides, samples, networks and conditions, as a page shows them."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Bool, Float64

from rosalind.analysis import robustness, slice_accuracy
from rosalind.analysis.robustness import SeedGroup
from rosalind.analysis.sides import Cell
from rosalind.analysis.store import Store


@dataclass(frozen=True)
class Scope:
    """A page in numbers; what is left out is all of the study.

    Attributes:
        x, y: Measures by which samples are placed, in `Store.measures`.
        raw: True for norms and margins as the features have them, not in units.
        sample: Id of the one sample that is shown large; None without.
        mask: bool[n], the samples that figures are of; None for all.
        rule: The samples of the mask in words.
        networks: Names of groups of seeds; empty for all.
        conditions: Ids; empty for all.
        settings: Choices inside views that are not their default, by name.
        pins: Sides that are compared with A and B.
        link: The query of the page's address; empty without one.
    """

    a: Cell
    b: Cell
    x: str = "angle"
    y: str = "norm"
    raw: bool = False
    sample: int | None = None
    mask: Bool[np.ndarray, " n"] | None = field(default=None, repr=False, compare=False)
    rule: str = ""
    networks: tuple[str, ...] = ()
    conditions: tuple[str, ...] = ()
    settings: Mapping[str, str] = field(default_factory=dict)
    pins: tuple[Cell, ...] = ()
    link: str = ""


def default(store: Store) -> Scope:
    """The scope that the viewer opens with: `Store.first_sides`, all samples, networks and conditions.

    Raises:
        ValueError: nothing has been measured, or nothing can be read.
    """
    a, b, sample = store.first_sides()
    return Scope(a, b, sample=sample)


def counted(mask: Bool[np.ndarray, " n"] | None) -> str:
    """`, 41 of 597 samples` for the end of a title; empty without a mask."""
    return "" if mask is None else f", {int(mask.sum()):,} of {len(mask):,} samples"


def chosen(groups: Collection[SeedGroup], names: Collection[str]) -> list[SeedGroup]:
    """The groups of seeds of some names, in their order; all where no name is given."""
    return [group for group in groups if not names or group.name in names]


def accuracies(store: Store, mask: Bool[np.ndarray, " n"] | None) -> Float64[np.ndarray, "networks conditions"]:
    """Shares of right predictions in the order of the study's networks and conditions; NaN where not measured.

    With a mask, of its labelled samples: NaN for networks of which there are predictions alone.
    """
    results = store.results
    if mask is None:
        return robustness.accuracy(results)
    table = np.full((len(results.networks), len(results.conditions)), np.nan)
    row, column = ({name: k for k, name in enumerate(ids)} for ids in (results.networks, results.conditions))
    outcomes = slice_accuracy.outcomes(store)
    for (network, condition), share in zip(outcomes.cells, outcomes.accuracy(mask), strict=True):
        table[row[network], column[condition]] = share
    return table
