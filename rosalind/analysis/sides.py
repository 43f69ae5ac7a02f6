"""Sides of a comparison: a network or a group of seeds under a condition, its pairs and its null. NumPy only."""

import functools
import itertools
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any

from rosalind.analysis.robustness import SeedGroup
from rosalind.results import Results

NULLS = 10
"""Most pairs of sides that do not differ: those of five seeds."""

Cell = tuple[str, str]
"""The id of a network, or of a group of seeds, and a condition's id."""


@dataclass(frozen=True)
class Sides:
    """Names of sides and the measured cells behind them.

    Attributes:
        cells: Measured cells of single networks.
    """

    results: Results
    groups: Sequence[SeedGroup]
    cells: AbstractSet[Cell]

    @functools.cached_property
    def groups_by_id(self) -> dict[str, SeedGroup]:
        """Groups of two seeds or more by the id that they have as a side."""
        measured = {network for network, _ in self.cells}
        several = [group for group in self.groups if len(group.networks) > 1]
        return {f"{group.name} over seeds": group for group in several if measured.intersection(group.networks)}

    @functools.cached_property
    def _group_of(self) -> dict[str, SeedGroup]:
        return {name: group for group in self.groups for name in group.networks}

    def group(self, name: str) -> SeedGroup:
        """The group that a network belongs to, or that a group's id names; KeyError for another name."""
        return self.groups_by_id.get(name) or self._group_of[name]

    def id_of(self, group: SeedGroup) -> str:
        """The id of a group as a side; of a group of one seed that network's."""
        return next((key for key, other in self.groups_by_id.items() if other is group), group.networks[0])

    def members(self, name: str) -> tuple[str, ...]:
        """The networks of a side: the seeds of a group, or a network itself."""
        group = self.groups_by_id.get(name)
        return group.networks if group else (name,)

    def seeds(self, cell: Cell) -> list[Cell]:
        """The measured single cells of a side, one per seed."""
        return [(name, cell[1]) for name in self.members(cell[0]) if (name, cell[1]) in self.cells]

    def has(self, cell: Any) -> bool:
        """True for a side with a measured cell, False for anything else."""
        if not isinstance(cell, tuple) or len(cell) != 2 or not all(isinstance(part, str) for part in cell):
            return False
        return bool(self.seeds(cell))

    def pairs(self, a: Cell, b: Cell) -> list[tuple[Cell, Cell]]:
        """Single cells of two sides that belong together: of one seed, in the order of A.

        Two networks are a pair whatever their seeds; a network beside a group is paired with the seed it
        shares, else with every one. Empty where two groups share no seed.
        """
        first, second = self.seeds(a), self.seeds(b)
        if len(first) == 1 and len(second) == 1:
            return [(first[0], second[0])]
        seed = {name: info.seed for name, info in self.results.networks.items()}
        shared = [(x, y) for x in first for y in second if seed[x[0]] == seed[y[0]] is not None]
        if shared or (len(first) > 1 and len(second) > 1):
            return shared
        return [(x, y) for x in first for y in second]

    def nulls(self, a: Cell, b: Cell) -> tuple[list[tuple[Cell, Cell]], str]:
        """Null pairs, at most `NULLS`: cells that differ by chance alone; and a phrase that names them.

        Draw against draw where two sides are the same networks and B's condition has other draws; else dense
        against dense of another seed, under B's condition. None where the study has neither; the phrase says so.
        """
        network, condition = b
        if a[0] == network:
            conditions, info = self.results.conditions, self.results.conditions[condition]
            alike = [name for name, other in conditions.items() if _without_draw(other) == _without_draw(info)]
            others = [name for name in alike if conditions[name].draw != info.draw]
            if redrawn := [name for name in others if self.has((network, name))][:NULLS]:
                phrase = f"two draws of the same condition, {condition} and {' or '.join(redrawn)}"
                return [(b, (network, name)) for name in redrawn], phrase
        infos = self.results.networks
        dense = [name for name, info in infos.items() if info.is_parent and (name, condition) in self.cells]
        # Views of geometry ask for the same null.
        dense = [name for name in dense if not infos[name].only_predictions]
        # Networks of one model only: another model is a difference, not a null.
        dense = [name for name in dense if infos[name].model == infos[dense[0]].model]
        if len(dense) > 1:
            pairs = itertools.islice(itertools.combinations([(name, condition) for name in dense], 2), NULLS)
            return list(pairs), f"two dense networks that differ in the seed, under {condition}"
        return [], "the study has neither two dense networks of one kind nor two draws of the condition"


def _without_draw(info: Any) -> tuple:
    return info.name, info.severity, info.bn, info.table, info.options
