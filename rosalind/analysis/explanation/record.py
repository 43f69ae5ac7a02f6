"""The stored explanation of a gain: shares with intervals over seeds are made when read."""

from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

import numpy as np
from jaxtyping import Float64, Int

from rosalind.analysis import fragility
from rosalind.analysis.explanation.shares import carrying, held, shapley, share_steps
from rosalind.analysis.robustness.power import seed_interval

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


class Interval(NamedTuple):
    """Means over pairs of one seed each, and the ends of their 95 % t-interval: NaN with a single pair."""

    mean: np.ndarray
    low: np.ndarray
    high: np.ndarray


def interval(values: np.ndarray, step: np.ndarray | float = 0.0) -> Interval:
    """`seed_interval` over the first axis; `step` as there."""
    mean, half, _ = seed_interval(np.moveaxis(np.asarray(values, float), 0, -1), step=step)
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
        smallest_class: Number of labelled samples of the class that has the fewest.
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
    smallest_class: int
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

    @property
    def step(self) -> float:
        """The share of one sample in an accuracy."""
        return 1 / max(self.samples, 1)

    @property
    def class_step(self) -> float:
        """The share of one sample in an accuracy of one class; of classes of several sizes the largest."""
        return 1 / max(self.smallest_class, 1)

    @cached_property
    def values(self) -> Float64[np.ndarray, "pairs columns coalitions"]:
        """Accuracy of every hybrid, overall and per group; NaN where it does not exist."""
        return np.stack([accuracy.mean(-1) for accuracy in self._of_columns], 1)

    @property
    def _of_columns(self) -> list[np.ndarray]:
        """`accuracy` under the conditions of every column: float[pairs, coalitions, conditions] each."""
        place = {name: k for k, name in enumerate(self.conditions)}
        chosen = [[place[name] for name in self.groups.get(column, self.conditions)] for column in self.columns]
        return [self.accuracy[..., k] for k in chosen]

    @property
    def shares(self) -> Interval:
        """float64[columns, parts]: Shapley values of the parts, in accuracy; they sum to `total`."""
        return interval(shapley(self.values), np.stack([share_steps(part, self.step) for part in self._of_columns]))

    @property
    def total(self) -> Interval:
        """float64[columns]: the gain in accuracy, B minus A."""
        return interval(self.values[..., -1] - self.values[..., 0], self.step)

    @property
    def drawn(self) -> Interval:
        """float64[]: what another seed does to A: 0 over all seeds, and the interval around it; NaN with one seed."""
        return interval(self.seed_draw, self.step) if len(self.seed_draw) else Interval(*np.full(3, np.nan))

    @property
    def geometry(self) -> Interval:
        """float64[len(MATCHED), 2]: the gain that comes with the samples' places, and the rest; see `cells.MATCHED`."""
        return interval(self.matched, self.step)

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
