"""The stored explanation of a gain: sides, pairs and files; shares with intervals over seeds are made when read."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float64, Int

from rosalind.analysis import fragility
from rosalind.analysis.explanation.shares import carrying, held, shapley
from rosalind.analysis.robustness import groups
from rosalind.analysis.robustness.power import seed_interval
from rosalind.analysis.sides import Sides
from rosalind.config import unknown
from rosalind.results import Damaged, Results, load_arrays, load_object
from rosalind.results.schema import check_arrays, check_keys

PARTS = {
    "seed": "draw of the seed",
    "budget": "budget",
    "mask": "mask",
    "body": "body",
    "statistics": "BatchNorm statistics",
    "direction": "head direction",
    "scale": "head scale and bias",
    "whole": "whole network",
}
"""Titles of the parts that are swapped, in the order in which they are drawn."""

OVERALL = "overall"
"""The column of the mean over all conditions, beside those of groups of corruptions."""

SHOWN = 12
"""Samples that are shown."""

_KINDS: dict[str, tuple[type, ...]] = {
    **{"a": (str,), "b": (str,), "pairs": (list,), "seeds": (list,), "parts": (list,), "notes": (list,)},
    **{"conditions": (list,), "groups": (dict,), "hashes": (dict,), "samples": (int,), "shown_condition": (str,)},
    **{"severities": (list,), "described": (str,), "fingerprint": (str,)},
}
_ARRAYS = ("accuracy", "gain", "matched", "path", "costs", "flips", "seed_draw")
_SHEET = ("shown", "images", "predictions", "labels")


class Interval(NamedTuple):
    """Means over pairs of one seed each, and the ends of their 95 % t-interval: NaN with a single pair."""

    mean: np.ndarray
    low: np.ndarray
    high: np.ndarray


def interval(values: np.ndarray) -> Interval:
    """`seed_interval` over the first axis."""
    mean, half, _ = seed_interval(np.moveaxis(np.asarray(values, float), 0, -1))
    return Interval(mean, mean - half, mean + half)


class Carried(NamedTuple):
    """The smallest set of samples that holds 80 % of the gain on some seeds, and what it holds on the others.

    `on` and `rest` name the halves, empty where there is one pair alone: `again` is NaN then. `null` is what a random
    set of as many samples holds.
    """

    positions: Int[np.ndarray, " k"]
    on: str
    rest: str
    again: float
    null: float


@dataclass(frozen=True)
class Explanation:
    """Why B is more accurate under corruption than A: what was measured, for numbers, figures and words.

    Attributes:
        pairs: Ids of A's and B's network of each pair.
        seeds: Of each pair, None where it is not known.
        parts: Keys of `PARTS`, those that differ and can be swapped.
        notes: Sentences on parts that are joined, the same in both, or cannot be told.
        groups: Conditions by group of corruptions.
        accuracy: float64[pairs, 2^parts, conditions] in [0, 1] of every hybrid, in the order of `coalitions`, NaN where
            it does not exist.
        gain: float32[pairs, n]: B right minus A right, mean over conditions; 0 for samples without a label.
        matched: float64[pairs, 3, 2], see `cells.MATCHED`.
        path: float64[pairs, 2, 3, severities], see `cells.PATH`.
        costs: float64[pairs, 2, 5], see `cells.COSTS`.
        flips: float64[pairs, 4], see `cells.FLIPS`.
        seed_draw: float64[seeds]: corruption accuracy of A's next seed minus A's own; empty with one.
        shown: int32[m]: positions of at most `SHOWN` carrying samples.
        images: uint8[m, 2, h, w, c]: clean, and under `shown_condition`.
        predictions: int16[m, 2, pairs] of A and B under `shown_condition`.
        samples: Number of labelled samples.
        described: The mean over conditions in words.
        fingerprint: Of all that it was made of.
    """

    a: str
    b: str
    pairs: tuple[tuple[str, str], ...]
    seeds: tuple[int | None, ...]
    parts: tuple[str, ...]
    notes: tuple[str, ...]
    conditions: tuple[str, ...]
    groups: dict[str, list[str]]
    severities: tuple[float, ...]
    samples: int
    described: str
    shown_condition: str
    class_names: tuple[str, ...]
    fingerprint: str
    accuracy: np.ndarray = field(repr=False)
    gain: np.ndarray = field(repr=False)
    matched: np.ndarray = field(repr=False)
    path: np.ndarray = field(repr=False)
    costs: np.ndarray = field(repr=False)
    flips: np.ndarray = field(repr=False)
    seed_draw: np.ndarray = field(repr=False)
    shown: np.ndarray = field(repr=False)
    images: np.ndarray = field(repr=False)
    predictions: np.ndarray = field(repr=False)
    labels: np.ndarray = field(repr=False)

    @property
    def columns(self) -> tuple[str, ...]:
        """`OVERALL`, then the groups of corruptions if there are several."""
        return (OVERALL, *(self.groups if len(self.groups) > 1 else ()))

    @cached_property
    def values(self) -> Float64[np.ndarray, "pairs columns coalitions"]:
        """Accuracy of every hybrid, overall and per group; NaN where it does not exist."""
        place = {name: k for k, name in enumerate(self.conditions)}
        chosen = [[place[name] for name in self.groups.get(column, self.conditions)] for column in self.columns]
        return np.stack([self.accuracy[..., k].mean(-1) for k in chosen], 1)

    @property
    def shares(self) -> Interval:
        """float64[columns, parts]: Shapley values of the parts, in accuracy; they sum to `total`."""
        return interval(shapley(self.values))

    @property
    def total(self) -> Interval:
        """float64[columns]: the gain in accuracy, B minus A."""
        return interval(self.values[..., -1] - self.values[..., 0])

    @property
    def drawn(self) -> Interval:
        """float64[]: what another seed does to A: 0 over all seeds, and the interval around it; NaN with one seed."""
        return interval(self.seed_draw) if len(self.seed_draw) else Interval(*np.full(3, np.nan))

    @property
    def geometry(self) -> Interval:
        """float64[len(MATCHED), 2]: the gain that comes with the samples' places, and the rest; see `cells.MATCHED`."""
        return interval(self.matched)

    @cached_property
    def carried(self) -> Carried:
        """The carrying samples, picked on every other seed and looked at on the others."""
        halves = fragility.halve(self.seeds, [])
        half = [halves.place(seed, None) for seed in self.seeds]
        parts = [self.gain[[h == k for h in half]] for k in (0, 1)]
        if not all(map(len, parts)):
            positions = carrying(self.gain.mean(0))
            return Carried(positions, "", "", float("nan"), len(positions) / max(self.samples, 1))
        positions = carrying(parts[0].mean(0))
        null = len(positions) / max(self.samples, 1)
        return Carried(positions, *halves.words, held(parts[1].mean(0), positions), null)


def file_of(folder: Path, a: str, b: str, ending: str = "json") -> Path:
    """Path of an explanation: `comparison/explain/<A>--<B>`, spaces as `_`."""
    name = "--".join(side.replace(" ", "_") for side in (a, b))
    return folder / "comparison" / "explain" / f"{name}.{ending}"


def sides_of(results: Results) -> Sides:
    """The sides of a study."""
    return Sides(results, groups(results), set(results.cells(predictions=True)))


def name_of(results: Results, side: str) -> str:
    """The name of a side as explanations have it: a network's id, or the group's name without `over seeds`.

    Raises:
        ValueError: neither a network nor a group of seeds; with the closest names.
    """
    known = [group.name for group in groups(results)]
    name = side.removesuffix(" over seeds")
    if side in results.networks or name in known:
        return side if side in results.networks else name
    raise ValueError(unknown("network or group of seeds", side, [*results.networks, *known]))


def members(results: Results, name: str) -> tuple[str, ...]:
    """The networks of a side, see `name_of`."""
    if name in results.networks:
        return (name,)
    return next(group.networks for group in groups(results) if group.name == name)


def pairs_of(results: Results, a: str, b: str) -> list[tuple[str, str]]:
    """The networks that belong together: of one seed, or two single ones; else a network with every one of a group.

    Raises:
        ValueError: unknown sides, one side twice, or groups that share no seed.
    """
    a, b = name_of(results, a), name_of(results, b)
    first, second = members(results, a), members(results, b)
    if set(first) == set(second):
        raise ValueError(f"A and B must differ, got {a!r} and {b!r}, which are the same networks.")
    if len(first) == len(second) == 1:
        return [(first[0], second[0])]
    seed = {name: info.seed for name, info in results.networks.items()}
    shared = [(x, y) for x in first for y in second if seed[x] == seed[y] is not None and x != y]
    if shared:
        return shared
    if len(first) > 1 and len(second) > 1:
        listed = " and ".join(", ".join(str(seed[x]) for x in side) for side in (first, second))
        raise ValueError(f"{a!r} and {b!r} must share a seed, as pairs are of one; they have {listed}.")
    return [(x, y) for x in first for y in second if x != y]


def read(results: Results, a: str, b: str) -> Explanation | None:
    """The stored explanation of two sides; None where there is none, or where it was made of other networks.

    Raises:
        ValueError: unknown sides. results.Damaged: a file cannot be read or lacks something.
    """
    a, b = name_of(results, a), name_of(results, b)
    path = file_of(results.folder, a, b)
    try:
        stored = check_keys(path, load_object(path), _KINDS)
        arrays = load_arrays(path.with_suffix(".npz"), (*_ARRAYS, *_SHEET))
    except FileNotFoundError:
        return None
    infos, hashes = results.networks, stored["hashes"]
    if any(name not in infos or infos[name].hash != digest for name, digest in hashes.items()):
        return None
    _check(path, stored, arrays, len(results.labels), len(results.class_names))
    # JSON sorts names; groups stand in the order of their conditions.
    first = {name: stored["conditions"].index(inside[0]) for name, inside in stored["groups"].items()}
    stored["groups"] = {name: stored["groups"][name] for name in sorted(first, key=first.__getitem__)}
    keys = ("a", "b", "groups", "samples", "described", "shown_condition", "fingerprint")
    values: dict[str, Any] = {key: stored[key] for key in keys}
    values |= {key: tuple(stored[key]) for key in ("seeds", "parts", "notes", "conditions", "severities")}
    values["pairs"] = tuple((str(x), str(y)) for x, y in stored["pairs"])
    values |= arrays
    return Explanation(**values, class_names=tuple(results.class_names))


def _check(path: Path, stored: dict[str, Any], arrays: dict[str, np.ndarray], samples: int, classes: int) -> None:
    """Raise Damaged unless the parts of an explanation fit each other and the study."""
    pairs, parts, names = (len(stored[key]) for key in ("pairs", "parts", "conditions"))
    known = set(stored["conditions"])
    fits = set(stored["parts"]) <= set(PARTS) and len(stored["seeds"]) == pairs and pairs > 0
    fits &= all(inside and set(inside) <= known for inside in stored["groups"].values())
    fits &= all(isinstance(pair, list) and len(pair) == 2 for pair in stored["pairs"])
    if not fits:
        raise Damaged(f"{path} is no explanation that this version knows; delete it and run rosalind explain again.")
    shown = len(arrays["shown"])
    sizes: dict[str, tuple[int | None, ...]] = {
        **{"accuracy": (pairs, 2**parts, names), "gain": (pairs, samples), "seed_draw": (None,)},
        **{"matched": (pairs, 3, 2), "path": (pairs, 2, 3, len(stored["severities"]))},
        **{"costs": (pairs, 2, 5), "flips": (pairs, 4), "shown": (shown,), "labels": (shown,)},
        **{"images": (shown, 2, None, None, None), "predictions": (shown, 2, pairs)},
    }
    check_arrays(path.with_suffix(".npz"), arrays, sizes)
    for key, most in (("shown", samples), ("labels", classes), ("predictions", classes)):
        if arrays[key].size and not (arrays[key].min() >= -1 and arrays[key].max() < most):
            raise Damaged(f"{path.with_suffix('.npz')} has {key} that the study does not have.")


def json_of(explained: Explanation, hashes: dict[str, str]) -> dict[str, Any]:
    """What the JSON beside the arrays says: all of an explanation but its arrays, and the networks' hashes."""
    keys: Sequence[str] = [key for key in _KINDS if key != "hashes"]
    return {key: getattr(explained, key) for key in keys} | {"hashes": hashes}


def arrays_of(explained: Explanation) -> dict[str, np.ndarray]:
    """The arrays of an explanation by key."""
    return {key: getattr(explained, key) for key in (*_ARRAYS, *_SHEET)}
