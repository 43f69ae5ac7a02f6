"""Parts that can be swapped between the networks of two sides, and the hybrids that exist."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from rosalind.analysis import additions, robustness
from rosalind.analysis.explanation import PARTS, coalitions
from rosalind.conditions import Network
from rosalind.results import NetworkInfo, Results
from rosalind.study import network_files
from rosalind.study.hybrids import Sources, differing, has_weights_under

EXTENDED = "dense_extended"
"""Label of the dense network that is trained as long as the longest method, see `study.controls`."""

OTHER_START = ("reinitialised", "signs")
"""Controls of `lth` whose initial weights are not those of their seed."""

Pair = tuple[str, str]


@dataclass(frozen=True)
class Swaps:
    """Parts of B that go into A's networks.

    Attributes:
        parts: Keys of `explanation.PARTS`.
        notes: A sentence for every part that is joined or the same in both.
        exists: bool[2^parts], in the order of `explanation.coalitions`: hybrids that exist in every pair.
        redrawn: By pair A's network of B's seed, where the seed is a part.
        extended: By pair the dense network that is trained as long, where the budget is one.
    """

    pairs: tuple[Pair, ...]
    parts: tuple[str, ...]
    notes: tuple[str, ...]
    exists: np.ndarray = field(repr=False)
    redrawn: Mapping[Pair, str] = field(default_factory=dict)
    extended: Mapping[Pair, str] = field(default_factory=dict)

    def others(self, pair: Pair) -> tuple[str, ...]:
        """Further networks that a pair's hybrids are made of."""
        return tuple(table[pair] for table in (self.redrawn, self.extended) if pair in table)

    def _from_b(self, coalition: int) -> set[str]:
        return {part for k, part in enumerate(self.parts) if coalition >> k & 1}

    def _base(self, pair: Pair, swapped: set[str]) -> str:
        """The network whose parts are not B's."""
        if "budget" in swapped:
            return self.extended[pair]
        return self.redrawn[pair] if "seed" in swapped else pair[0]

    def whole(self, pair: Pair) -> dict[int, str]:
        """The networks of the study that coalitions are, by coalition: A, A of another seed or budget, and B."""
        single = {k: self._from_b(k) for k in np.flatnonzero(self.exists).tolist()}
        last = len(self.exists) - 1
        return {
            k: pair[1] if k == last else self._base(pair, swapped)
            for k, swapped in single.items()
            if k == last or swapped <= {"seed", "budget"}
        }

    def sources(self, pair: Pair, coalition: int, networks: Mapping[str, Network]) -> Sources:
        """The network of each part of a hybrid, of loaded ones by id."""
        swapped = self._from_b(coalition)
        base, b = networks[self._base(pair, swapped)], networks[pair[1]]
        at = {part: b if part in swapped else base for part in Sources._fields}
        if "mask" not in self.parts:
            at["mask"] = at["body"]
        return Sources(**at)


def plan(study_results: Results, pairs: Sequence[Pair]) -> Swaps:
    """The parts in which the networks of pairs differ, as far as they can be swapped in every pair."""
    infos, pairs = study_results.networks, tuple(pairs)
    notes = _alone(pairs)
    names = dict.fromkeys(name for pair in pairs for name in pair)
    if foreign := [name for name in names if infos[name].is_imported]:
        note = (
            f"The weights of {', '.join(foreign)} are not in the study: there are no hybrids, and one part is all. "
            "Networks that `rosalind run` makes have them."
        )
        return Swaps(pairs, ("whole",), (*notes, note), np.ones(2, bool))
    redrawn = _redrawn(study_results, pairs, notes)
    extended = _extended(study_results, pairs, redrawn, notes)
    parts = ["seed"] * bool(redrawn) + ["budget"] * bool(extended)
    differences: set[str] = set()
    under: list[tuple[bool, bool]] = []
    shared, has_statistics = True, False
    for pair in pairs:
        base = extended.get(pair) or redrawn.get(pair) or pair[0]
        first, second = (network_files.load_network(study_results.folder, name) for name in (base, pair[1]))
        differences |= differing(first, second)
        shared &= _is_one_start(infos[base], infos[pair[1]])
        under.append((has_weights_under(second, first), has_weights_under(first, second)))
        has_statistics |= bool(first.variables.get("batch_stats") or second.variables.get("batch_stats"))
    body_first, mask_first = (all(column) for column in zip(*under, strict=True))
    if "mask" in differences and not (shared and (body_first or mask_first)):
        differences.discard("mask")
        why = "neither has weights under the other's" if shared else "their weights have no common start and shapes"
        notes.append(f"The mask is joined with the body: {why}.")
        differences.add("body")
    present = [part for part in ("mask", "body", "statistics", "direction", "scale") if part in differences]
    alike = [part for part in ("body", "statistics", "direction", "scale") if part not in differences]
    if alike := [PARTS[part] for part in alike if part != "statistics" or has_statistics]:
        notes.append(f"The same in both, and no part: {', '.join(alike)}.")
    parts += present
    members = [{part for part, is_in in zip(parts, row, strict=True) if is_in} for row in coalitions(len(parts))]
    exists = np.array([_exists(swapped, parts, body_first, mask_first) for swapped in members], bool)
    if not parts:
        # Nothing differs: the whole network, whose gain is 0.
        return Swaps(pairs, ("whole",), tuple(notes), np.ones(2, bool))
    return Swaps(pairs, tuple(parts), tuple(notes), exists, redrawn, extended)


def _alone(pairs: Sequence[Pair]) -> list[str]:
    """Sentences on a side that is one network in several pairs."""
    sides = {"A": {x for x, _ in pairs}, "B": {y for _, y in pairs}}
    single = [side for side, names in sides.items() if len(names) == 1 and len(pairs) > 1]
    return [f"{side} is one network: intervals are over the seeds of the other side alone." for side in single]


def _exists(swapped: set[str], parts: Sequence[str], body_first: bool, mask_first: bool) -> bool:
    """False for what nobody trained: B's parts without B's seed or budget, and weights under a mask that keeps more."""
    if "seed" in parts and swapped and "seed" not in swapped:
        return False
    if "budget" in parts and swapped - {"seed"} and "budget" not in swapped:
        return False
    if "mask" in parts and "body" in parts:
        if "body" in swapped and "mask" not in swapped:
            return body_first
        if "mask" in swapped and "body" not in swapped:
            return mask_first
    return True


def _is_one_start(a: NetworkInfo, b: NetworkInfo) -> bool:
    """True where weights at one place of two networks began as the same number."""
    begun = all(info.options.get("control") not in OTHER_START for info in (a, b))
    return begun and a.seed is not None and a.seed == b.seed and a.architecture == b.architecture


def _redrawn(study_results: Results, pairs: Sequence[Pair], notes: list[str]) -> dict[Pair, str]:
    """A's network of B's seed for pairs of two seeds; none for pairs of one."""
    infos = study_results.networks
    redrawn: dict[Pair, str] = {}
    if all(infos[x].seed == infos[y].seed for x, y in pairs):
        return redrawn
    group_of = {name: group for group in robustness.groups(study_results) for name in group.networks}
    for x, y in pairs:
        alike = [name for name in group_of[x].networks if infos[name].seed == infos[y].seed is not None]
        if not alike:
            missing = f"{group_of[x].name} of B's seed ({infos[y].seed})"
            notes.append(f"The draw of the seed is joined with the body: there is no {missing}.")
            return {}
        redrawn[x, y] = alike[0]
    return redrawn


def _extended(
    study_results: Results, pairs: Sequence[Pair], redrawn: Mapping[Pair, str], notes: list[str]
) -> dict[Pair, str]:
    """The dense network of B's seed that is trained as long, for pairs of a dense network and one trained longer."""
    infos = study_results.networks
    extended: dict[Pair, str] = {}
    for pair in pairs:
        a, b = infos[redrawn.get(pair, pair[0])], infos[pair[1]]
        epochs: list[Any] = [info.budget.get("epochs") for info in (a, b)]
        if not a.is_dense:
            notes.append("The budget is joined with the body: A is no dense network that could be trained longer.")
            return {}
        if None in epochs:
            notes.append("The budget is joined with the body: the epochs of A or B are not known.")
            return {}
        if not epochs[1] > epochs[0]:
            notes.append(f"The budget is no part: B was trained for {epochs[1]:g} epochs, A for {epochs[0]:g}.")
            return {}
        alike = [
            name
            for name, info in infos.items()
            if info.label == EXTENDED and info.seed == b.seed and info.architecture == a.architecture
        ]
        if pair[1] in alike or b.is_dense:
            notes.append(
                f"The budget is joined with the body: B is itself a dense network trained for {epochs[1]:g} epochs."
            )
            return {}
        if not alike:
            notes.append(
                f"The budget is joined with the body: the study has no {EXTENDED}: "
                f"{additions.command(f'--controls ... {EXTENDED}')}."
            )
            return {}
        extended[pair] = alike[0]
    first = next(iter(extended))
    trained, of_b = infos[extended[first]].budget.get("epochs"), infos[first[1]].budget["epochs"]
    notes.append(f"Budget: {EXTENDED} was trained for {trained:g} epochs, B for {of_b:g}.")
    return extended
