"""Shares of a gain in accuracy: of a network's parts, of where its samples lie, and of single samples."""

from collections.abc import Iterator

import numpy as np
from jaxtyping import Bool, Float, Float64, Int

STRATA = 10
"""Strata of equal mass that samples are matched in."""

UNSEEN = 0.5
"""Of an image that changes throughout, added to those seen; half, as Jeffreys'."""

CARRIED = 0.8
"""Share of a gain that the carrying samples hold."""


def coalitions(parts: int) -> Bool[np.ndarray, "coalitions parts"]:
    """The members of all 2^p coalitions: part j is in coalition k where bit j of k is set.

    >>> coalitions(2).tolist()
    [[False, False], [True, False], [False, True], [True, True]]
    """
    return (np.arange(2**parts)[:, None] >> np.arange(parts) & 1).astype(bool)


def shapley(values: Float[np.ndarray, "*rest coalitions"]) -> Float64[np.ndarray, "*rest parts"]:
    """Shapley values of the parts (Contributions to the Theory of Games II, 1953), in the unit of `values`.

    The mean over orders of what a part adds when it joins. A coalition that is NaN does not exist: the mean is over the
    orders that pass only through those that do, as for precedence among players (Faigle and Kern, IJGT 21, 1992). Over
    parts they sum to the value of the whole minus that of the empty coalition, whatever exists.

    Args:
        values: of all 2^p coalitions, in the order of `coalitions`; NaN for the same ones everywhere.

    Raises:
        ValueError: a last axis that is no power of two, or no order that leads from the empty coalition to the whole.

    >>> shapley(np.array([0.0, 1.0, 2.0, 4.0])).tolist(), shapley(np.array([0.0, 1.0, np.nan, 4.0])).tolist()
    ([1.5, 2.5], [1.0, 3.0])
    """
    values = np.asarray(values, float)
    shares = np.zeros((*values.shape[:-1], values.shape[-1].bit_length() - 1))
    for start, end, part, weight in _joins(values):
        shares[..., part] += weight * (values[..., end] - values[..., start])
    return shares


def share_steps(
    accuracy: Float[np.ndarray, "*rest pairs coalitions conditions"], step: float
) -> Float64[np.ndarray, "*rest parts"]:
    """The change of every part's share by one more image, in the unit of `accuracy`: at most `step`.

    An image that a part changes in every coalition and under every condition adds `step` to its share, one that it
    changes in some of them less. Of an image, the changes that are seen make at least |sum of changes| / (fewest images
    that can make them): over pairs, the weighted mean of absolute changes over coalitions and conditions, by their
    maximum. `UNSEEN` of an image that changes throughout is added to both, as those that no seed has shown may be such:
    without it shares of 100 images are covered in down to 82 % (`experiments/coverage.py`).

    Args:
        accuracy: of every hybrid under every condition; NaN of those that do not exist.
        step: what one image adds to an accuracy.

    >>> float(share_steps(np.zeros((3, 2, 15)), 0.01)[0])
    0.01
    >>> changed = np.stack([np.zeros((3, 15)), np.eye(3, 15)], 1)  # one image, under one of 15 conditions
    >>> round(float(share_steps(changed, 1)[0]), 3)
    0.2
    """
    accuracy = np.asarray(accuracy)
    shares = np.zeros((*accuracy.shape[:-3], accuracy.shape[-2].bit_length() - 1))
    largest = np.zeros((*accuracy.shape[:-2], shares.shape[-1]))
    for start, end, part, weight in _joins(np.moveaxis(accuracy, -2, -1)):
        changes = np.abs(accuracy[..., end, :] - accuracy[..., start, :])
        shares[..., part] += weight * changes.mean(-1).sum(-1)
        largest[..., part] = np.maximum(largest[..., part], changes.max(-1))
    return step * (shares + UNSEEN * step) / (largest.sum(-2) + UNSEEN * step)


def _joins(values: np.ndarray) -> Iterator[tuple[int, int, int, float]]:
    """The joins of a part that exist: coalition before and after, the part, and the weight in its Shapley value."""
    count = values.shape[-1]
    parts = count.bit_length() - 1
    if count != 2**parts:
        raise ValueError(f"values must have 2^p coalitions on the last axis, got {count}.")
    exists: np.ndarray = np.all(np.isfinite(values).reshape(-1, count), axis=0)
    # Orders that lead from the empty coalition to each, and from each to the whole.
    before, after = np.zeros(count), np.zeros(count)
    before[0], after[-1] = exists[0], exists[-1]
    steps = ((k, k | 1 << j, j) for k in range(count) for j in range(parts) if not k >> j & 1)
    joins = [step for step in steps if exists[step[0]] and exists[step[1]]]
    for start, end, _ in joins:
        before[end] += before[start]
    for start, end, _ in reversed(joins):
        after[start] += after[end]
    if not before[-1]:
        raise ValueError("values must exist for the coalitions of one order of the parts at least; join some parts.")
    for start, end, part in joins:
        weight = before[start] * after[end] / before[-1]
        if weight:
            yield start, end, part, weight


def strata(
    a: Float[np.ndarray, " n"], b: Float[np.ndarray, " n"], count: int = STRATA
) -> tuple[Int[np.ndarray, " n"], Int[np.ndarray, " n"]]:
    """Strata of the samples under A and under B by one measure: quantiles of both together, the same for both.

    Numbers from 0 to `count` - 1, and `count` for NaN. Fewer strata where many values are equal.
    """
    both = np.concatenate([a, b]).astype(float)
    finite = both[np.isfinite(both)]
    edges = np.unique(np.quantile(finite, np.arange(1, count) / count)) if finite.size else np.empty(0)
    place = np.where(np.isnan(both), count, np.searchsorted(edges, both, side="right"))
    return place[: len(a)], place[len(a) :]


def matched(
    before: Float[np.ndarray, " n"],
    after: Float[np.ndarray, " n"],
    strata_a: Int[np.ndarray, " n"],
    strata_b: Int[np.ndarray, " n"],
) -> tuple[float, float]:
    """The part of a gain that comes with where samples lie, and the part that remains at equal places.

    Kitagawa's decomposition (JASA 50, 1955): with shares p and accuracies r of the strata, sum (p_B - p_A)(r_A + r_B)/2
    and sum (r_B - r_A)(p_A + p_B)/2. Both sum to mean(after) - mean(before). A stratum that one side leaves empty has
    the other's accuracy, as nothing else is known of it. NaN without samples.

    Args:
        before, after: accuracy of every sample over conditions in [0, 1], under A and under B.
        strata_a, strata_b: see `strata`; of two measures `strata_a * (count + 1) + other`.

    >>> matched(np.array([0.0, 1.0]), np.array([1.0, 1.0]), np.array([0, 1]), np.array([1, 1]))
    (0.5, 0.0)
    """
    if not len(before):
        return float("nan"), float("nan")
    count = int(max(strata_a.max(), strata_b.max())) + 1
    share, rate = np.zeros((2, count)), np.zeros((2, count))
    for side, (hits, place) in enumerate(((before, strata_a), (after, strata_b))):
        number = np.bincount(place, minlength=count)
        share[side] = number / len(hits)
        rate[side] = np.bincount(place, weights=hits, minlength=count) / np.maximum(number, 1)
    empty = share == 0
    rate[0], rate[1] = np.where(empty[0], rate[1], rate[0]), np.where(empty[1], rate[0], rate[1])
    moved = ((share[1] - share[0]) * rate.mean(0)).sum()
    remains = ((rate[1] - rate[0]) * share.mean(0)).sum()
    return float(moved), float(remains)


def carrying(gain: Float[np.ndarray, " n"], share: float = CARRIED) -> Int[np.ndarray, " k"]:
    """Positions of the smallest set of samples that holds a share of the whole gain, the largest first.

    Of a loss those that hold the loss. Where single samples lose, few can hold all of a small gain: another half of
    the seeds says what is left, see `held`. Empty where there is no gain, or one is NaN.

    >>> carrying(np.array([0.1, 0.0, 0.7, 0.2])).tolist()
    [2, 3]
    """
    gain = np.asarray(gain, float)
    total = gain.sum()
    if not abs(total) > 0:
        return np.empty(0, int)
    order = np.argsort(-gain * np.sign(total), kind="stable")
    reached = np.cumsum(gain[order]) / total >= share - 1e-12
    return order[: int(np.argmax(reached)) + 1]


def held(gain: Float[np.ndarray, " n"], positions: Int[np.ndarray, " k"]) -> float:
    """Share of a gain that some samples hold; over 1 where the others lose, NaN where there is no gain."""
    total = float(np.sum(gain))
    return float(np.sum(gain[positions])) / total if total else float("nan")
