"""Fragility: rates at which pruning or corruption breaks each sample."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float32, Integer, Real, UInt, UInt32

from rosalind.analysis import robustness, stored_margins
from rosalind.analysis.robustness import cells
from rosalind.analysis.robustness.means import clean_of
from rosalind.results import Damaged, Results, load_arrays, save_arrays

KINDS = ("pruning", "corruption")
"""Causes that break a sample: pruning its own dense parent, or corrupting its own clean image."""

PRUNED = "all pruned networks"
"""The name under which all networks that have a dense parent are counted together."""


def share(hits: Real[np.ndarray, "*shape"], of: Real[np.ndarray, "*shape"]) -> Float32[np.ndarray, "*shape"]:
    """Hits over cases, in [0, 1]; NaN where there was no case.

    >>> share(np.array([1, 0, 0]), np.array([4, 4, 0]))
    array([0.25, 0.  ,  nan], dtype=float32)
    """
    hits, of = np.asarray(hits, np.float32), np.asarray(of, np.float32)
    return np.divide(hits, of, out=np.full(hits.shape, np.nan, np.float32), where=of > 0)


def outcomes(given: Bool[np.ndarray, "k n"], event: Bool[np.ndarray, "k n"]) -> UInt32[np.ndarray, "2 n"]:
    """Counts of `given and event` and of `given`; `share` gives the conditional rate.

    Over k pairs, such as right in the dense parent and wrong in the pruned network.

    >>> outcomes(np.array([[True, False], [True, False]]), np.array([[True, True], [False, True]])).tolist()
    [[1, 0], [2, 0]]
    """
    return np.stack([(given & event).sum(0), given.sum(0)]).astype(np.uint32)


def hard(wrong: Integer[np.ndarray, " n"], cells: int) -> Bool[np.ndarray, " n"]:
    """Mask of samples that are wrong in all of two or more measured cells: hard, which is not fragile."""
    return (wrong == cells) & (cells >= 2)


@dataclass(frozen=True)
class Halves:
    """Two disjoint sets of replicates: samples are selected on the first and reported on the second.

    Attributes:
        by: `seeds`, `draws`, or empty where there is only one of either: then there are no halves.
    """

    by: str
    first: tuple[int, ...] = ()
    second: tuple[int, ...] = ()

    def place(self, seed: int | None, draw: int | None) -> int | None:
        """0 or 1, the half of a cell; None for one that belongs to neither."""
        value = {"seeds": seed, "draws": draw}.get(self.by)
        return 0 if value in self.first else 1 if value in self.second else None

    @property
    def words(self) -> tuple[str, str]:
        """Both halves in words: `("seeds 0, 2", "seed 1")`."""
        return _listed(self.by, self.first), _listed(self.by, self.second)


def _listed(noun: str, values: Sequence[int]) -> str:
    return f"{noun.removesuffix('s')}{'s' * (len(values) != 1)} {', '.join(map(str, values))}" if noun else ""


def halve(seeds: Sequence[int | None], draws: Sequence[int]) -> Halves:
    """Every other seed of the study in either half; every other draw where there is a single seed.

    The seed None, of an imported network, belongs to neither half; draws are of the conditions that have several.

    >>> halve([0, 1, 2, None], [0]), halve([3], [0, 1]).words, halve([3], [0]).by
    (Halves(by='seeds', first=(0, 2), second=(1,)), ('draw 0', 'draw 1'), '')
    """
    for by, values in (("seeds", seeds), ("draws", draws)):
        ordered = sorted({value for value in values if value is not None})
        if len(ordered) >= 2:
            return Halves(by, tuple(ordered[0::2]), tuple(ordered[1::2]))
    return Halves("")


def drawn(results: Results) -> dict[str, int]:
    """The draw of every condition of which the study has several draws; the others say nothing about chance."""
    alike: dict[tuple, list[str]] = {}
    for name, info in results.conditions.items():
        alike.setdefault((info.name, info.severity, info.bn), []).append(name)
    draws = [{name: results.conditions[name].draw for name in same} for same in alike.values()]
    return {name: draw for same in draws if len(set(same.values())) > 1 for name, draw in same.items()}


class _Counts:
    """Sums over the cells of one scope: a group of seeds, or all pruned networks. Lives while one is counted."""

    def __init__(self, samples: int, halves: Halves):
        self.halves = halves
        self.outcomes = {kind: np.zeros((2, 3, samples), np.uint32) for kind in KINDS}
        self.wrong = np.zeros((3, samples), np.uint32)
        self.cells = np.zeros(3, np.uint32)

    def add(
        self, hits: np.ndarray, given: dict[str, tuple[np.ndarray, np.ndarray]], seed: int | None, draws: list
    ) -> None:
        """Count cells of one network.

        Args:
            hits: bool[c, n].
            given: by kind the places of cells in `hits`, and bool[m, n] or [1, n] who was right before.
            seed: of the network.
            draws: of the cells.
        """
        halves = np.array([-1 if (half := self.halves.place(seed, draw)) is None else half for draw in draws], int)
        for part, inside in enumerate((np.ones(len(hits), bool), halves == 0, halves == 1)):
            if not inside.any():
                continue
            for kind, (places, before) in given.items():
                chosen = inside[places]
                right_before = before[chosen] if len(before) > 1 else np.repeat(before, chosen.sum(), 0)
                self.outcomes[kind][0, part] += (right_before & ~hits[places[chosen]]).sum(0, dtype=np.uint32)
                self.outcomes[kind][1, part] += right_before.sum(0, dtype=np.uint32)
            self.wrong[part] += (~hits[inside]).sum(0, dtype=np.uint32)
            self.cells[part] += inside.sum()


def tables(results: Results, bn: str = "train") -> dict[str, np.ndarray]:
    """The arrays of `fragility.npz`: counts per sample, in one pass over the cells' predictions.

    Cells of another BatchNorm mode than `bn` are not comparable and only count for `wrong`.

    Returns:
        * `group` str[g]: groups of seeds (`robustness.groups`), and last `PRUNED`;
        * `network` str[m] and `network_group` int32[m]: the group's number of every network;
        * `pruning/<k>` of the k-th group: unsigned [2, 3, n], first how often a sample was right in its own
          dense parent and wrong in the pruned network under the same condition, then how often it was right in
          the parent; each over all cells, over the first half and over the second half of replicates;
        * `corruption/<k>`: the same with right on clean images and wrong on corrupted ones, of one network;
        * `halves`, `first`, `second` str[g]: by what the halves were made (`seeds`, `draws` or nothing), and
          which; the halves of seeds are the same for all groups, so that no dense parent is in both;
        * `wrong` unsigned [3, n] and `cells` uint32[3]: in how many of how many cells a sample is wrong, over
          all networks and conditions, and in the halves of `PRUNED`; see `hard`;
        * `bn` str.
    """
    labels, several, stored = results.labels, drawn(results), cells.load(results)
    measured: dict[str, list[str]] = {}
    for network, condition in results.cells(predictions=True):
        measured.setdefault(network, []).append(condition)
    parents = {name: robustness.parent_of(results, name) for name in measured}
    clean = clean_of(results, bn)
    seeds = [info.seed for info in results.networks.values()]
    everything = _Counts(len(labels), halve(seeds, list(several.values())))
    pruned = _Counts(len(labels), everything.halves)
    # Right or wrong in the cells of dense parents, one bit per sample: 2.4 MB for 96 conditions of 200,000.
    packed_hits: dict[tuple[str, str], np.ndarray] = {}

    def hits(network: str, condition: str) -> np.ndarray:
        if (network, condition) in packed_hits:
            return np.unpackbits(packed_hits[network, condition], count=len(labels)).astype(bool)
        return stored.prediction_of(network, condition) == labels

    for parent in dict.fromkeys(p for p in parents.values() if p in measured):
        packed_hits |= {(parent, c): np.packbits(hits(parent, c)) for c in measured[parent]}
    groups = robustness.groups(results)
    arrays: dict[str, np.ndarray] = {}
    halves_of = []
    for place, group in enumerate(groups):
        members = [name for name in group.networks if name in measured]
        draws = [several[c] for name in members for c in measured[name] if c in several]
        counts = _Counts(len(labels), _within(everything.halves, results, members, draws))
        for name in members:
            seed, parent = results.networks[name].seed, parents[name]
            now = {condition: hits(name, condition) for condition in measured[name]}
            infos = [results.conditions[condition] for condition in now]
            draws = [several.get(condition) for condition in now]
            given = {}
            below = [k for k, c in enumerate(now) if infos[k].bn == bn and (parent, c) in packed_hits]
            if below:
                of_parent = np.stack([hits(str(parent), list(now)[k]) for k in below])
                given["pruning"] = np.array(below), of_parent
            corrupted = [k for k, info in enumerate(infos) if info.bn == bn and info.is_corruption]
            if corrupted and clean in now:
                given["corruption"] = np.array(corrupted), now[clean][None]
            table = np.stack(list(now.values()))
            everything.add(table, {}, seed, draws)
            counts.add(table, given, seed, draws)
            if parent is not None:
                pruned.add(table, given, seed, draws)
        arrays |= {f"{kind}/{place}": _small(counts.outcomes[kind]) for kind in KINDS}
        halves_of.append(counts.halves)
    arrays |= {f"{kind}/{len(groups)}": _small(pruned.outcomes[kind]) for kind in KINDS}
    halves_of.append(pruned.halves)
    listed = [(name, place) for place, group in enumerate(groups) for name in group.networks]
    return arrays | {
        "network": np.array([name for name, _ in listed], np.str_),
        "network_group": np.array([place for _, place in listed], np.int32),
        "group": np.array([*(group.name for group in groups), PRUNED], np.str_),
        "halves": np.array([halves.by for halves in halves_of], np.str_),
        "first": np.array([halves.words[0] for halves in halves_of], np.str_),
        "second": np.array([halves.words[1] for halves in halves_of], np.str_),
        "wrong": _small(everything.wrong),
        "cells": everything.cells,
        "bn": np.array(bn),
    }


def _within(halves: Halves, results: Results, members: list[str], draws: list[int]) -> Halves:
    """A group's part of the study's halves of seeds; of draws where its seeds are all in one of them."""
    seeds = {results.networks[name].seed for name in members}
    first, second = (tuple(v for v in part if v in seeds) for part in (halves.first, halves.second))
    if halves.by == "seeds" and first and second:
        return Halves("seeds", first, second)
    return halve([], draws)


def _small(counts: np.ndarray) -> np.ndarray:
    """The same counts as uint16 where they fit, else uint32."""
    return counts.astype(np.uint16 if counts.max(initial=0) < 2**16 else np.uint32)


def save(results: Results) -> None:
    """Store `tables` as `comparison/fragility.npz` and all margins beside it, replacing what is there."""
    save_arrays(results.folder / "comparison" / "fragility.npz", tables(results), replace=True)
    stored_margins.save(results)


@dataclass(frozen=True)
class Stored:
    """Groups and halves of one folder's `fragility.npz`; the counts of a group are read by `counted`.

    Attributes:
        place: The number of every network's group, by the network's name in the study that was opened.
        halves: Per group both halves in words, two empty ones where there are none.
    """

    path: Path
    place: dict[str, int]
    group: list[str]
    halves: list[tuple[str, str]]
    wrong: UInt[np.ndarray, "3 n"] = field(repr=False)
    cells: UInt[np.ndarray, " 3"] = field(repr=False)


def load(results: Results) -> list[Stored]:
    """Stored fragilities, one per folder of a joined study; empty where nothing is.

    Raises:
        results.Damaged: a file cannot be read, or is of another number of samples.
    """
    files = []
    for path, rename in results.derived("comparison/fragility.npz"):
        if not path.exists():
            continue
        arrays = load_arrays(path, ("group", "network", "network_group", "first", "second", "wrong", "cells"))
        if arrays["wrong"].shape != (3, len(results.labels)):
            raise Damaged(f"{path} is of another number of samples; delete it and run the study again.")
        names, places = map(rename, arrays["network"].tolist()), arrays["network_group"].tolist()
        halves = zip(arrays["first"].tolist(), arrays["second"].tolist(), strict=True)
        place = dict(zip(names, places, strict=True))
        group, wrong, cells = arrays["group"].tolist(), arrays["wrong"], arrays["cells"]
        files.append(Stored(path, place, group, list(halves), wrong, cells))
    return files


def counted(stored: Stored, kind: str, place: int = -1) -> UInt32[np.ndarray, "2 3 n"]:
    """Counts of one kind and group, the last being all pruned networks; see `tables`.

    `share(*counts[:, part])` is the fragility over all cells (part 0) or in a half (1, 2).
    """
    key = f"{kind}/{range(len(stored.group))[place]}"
    return load_arrays(stored.path, (key,))[key].astype(np.uint32)
