"""Samples that maps are worth making of: what B rescues and breaks, and what breaks most easily. NumPy only."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float, Int

from rosalind.results import Results

Outcome = Literal["rescued", "broken", "fragile"]


@dataclass(frozen=True)
class PairSamples:
    """Samples of two networks, and the conditions under which to look at them.

    Attributes:
        conditions: The clean one, and the one at which B gains most on A.
        ids: By outcome the ids of samples: rescued and broken under either condition, and those that break most easily.
    """

    conditions: tuple[str, ...]
    ids: dict[Outcome, tuple[int, ...]]

    @property
    def all_ids(self) -> tuple[int, ...]:
        """Every id once, in order of the outcomes."""
        return tuple(dict.fromkeys(sample for ids in self.ids.values() for sample in ids))


def of_pair(results: Results, a: str, b: str, count: int = 3) -> PairSamples:
    """Choose samples by what was measured of two networks.

    Args:
        results: of the study.
        a, b: ids of networks.
        count: of every outcome and, but for the fragile, condition; as far as there are so many.

    Raises:
        ValueError: an unknown network, or two that share no measured condition.
    """
    results.check_ids(networks=(a, b))
    measured = set(results.cells())
    shared = [c for c in results.conditions if (a, c) in measured and (b, c) in measured]
    if not shared:
        raise ValueError(f"a and b must share a measured condition, got {a!r} and {b!r}.")
    right, margin = {}, {}
    for name in (a, b):
        for condition in shared:
            cell = results.geometry(name, condition, ("prediction", "margin"))
            right[name, condition] = cell["prediction"] == results.labels
            margin[name, condition] = cell["margin"] / results.feature_scale(name)
    clean = [c for c in shared if results.conditions[c].is_clean]
    corrupted = [c for c in shared if c not in clean] or clean
    accuracy = lambda name: np.array([right[name, c].mean() for c in corrupted])
    best = corrupted[gains_most(accuracy(a), accuracy(b))]
    first = clean[0] if clean else best
    cells = lambda name: np.stack([right[name, c] for c in corrupted])
    fragility = np.where(right[a, first] & right[b, first], (~cells(a)).mean(0) + (~cells(b)).mean(0), 0.0)
    ids: dict[Outcome, tuple[int, ...]] = {}
    under = tuple(dict.fromkeys((first, best)))
    for condition in under:
        gain = margin[b, condition] - margin[a, condition]
        for kind, at in outcomes(right[a, condition], right[b, condition], gain, fragility, count).items():
            # Those that break most easily do so whatever the condition.
            if kind != "fragile" or condition == first:
                ids[kind] = tuple(dict.fromkeys((*ids.get(kind, ()), *results.samples["id"][at].tolist())))
    return PairSamples(under, ids)


def gains_most(a: Float[np.ndarray, " c"], b: Float[np.ndarray, " c"]) -> int:
    """The condition at which B's accuracy lies most above A's, the first of equals.

    >>> gains_most(np.array([0.9, 0.5, 0.7]), np.array([0.9, 0.8, 0.6]))
    1
    """
    return int(np.argmax(b - a))


def outcomes(
    a: Bool[np.ndarray, " n"],
    b: Bool[np.ndarray, " n"],
    gain: Float[np.ndarray, " n"],
    fragility: Float[np.ndarray, " n"],
    count: int,
) -> dict[Outcome, Int[np.ndarray, " k"]]:
    """Positions of the clearest rescued, broken and fragile samples, at most `count` of each and none twice.

    Args:
        a, b: where A and B are right.
        gain: margin of B minus A's; what is rescued by most comes first, what loses most among the broken.
        fragility: higher is easier to break; 0 never chosen.
        count: of each.

    >>> right = np.array([False, True, True, False])
    >>> found = outcomes(right, ~right, np.array([1.0, -1, -3, 2]), np.array([0.0, 0, 0.5, 0]), 1)
    >>> {kind: at.tolist() for kind, at in found.items()}
    {'rescued': [3], 'broken': [2], 'fragile': []}
    """
    chosen: dict[Outcome, np.ndarray] = {}
    taken = np.zeros(len(a), bool)
    rules: tuple[tuple[Outcome, np.ndarray, np.ndarray], ...] = (
        ("rescued", ~a & b, gain),
        ("broken", a & ~b, -gain),
        ("fragile", fragility > 0, fragility),
    )
    for kind, mask, rank in rules:
        candidates = np.flatnonzero(mask & ~taken & np.isfinite(rank))
        at = candidates[np.argsort(-rank[candidates], kind="stable")][:count]
        taken[at] = True
        chosen[kind] = at
    return chosen
