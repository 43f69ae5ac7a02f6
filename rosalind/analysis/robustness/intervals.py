"""Intervals over images: of an accuracy, a mean over conditions, a paired change. NumPy and scipy.special only."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import scipy
from jaxtyping import Float64

from rosalind.analysis.robustness.metrics import LEVEL

FEW = 3
"""Most wrong (or right) samples for which Wilson's farther end is replaced by Poisson's."""

HALVINGS = 36
"""Of the range in which an end of a score interval is looked for: to 3e-11."""


def accuracy_interval(values: np.ndarray, trials: int = 1, level: float = LEVEL) -> tuple[float, float]:
    """Wilson's score interval of a mean of n samples (JASA 22, 1927), mended near 0 and 1.

    Of float[n] in [0, 1], each sample's mean over `trials` that are right or wrong: with one trial, an accuracy. Where
    a sample has several, n is divided by the variance of `values` over that of a single trial (the design effect; at
    most n trials): images that are right under one condition tend to be so under others. How much they tend to is an
    average over the samples that are not right (or not wrong) throughout and one more for which all trials agree: near
    0 and 1 there are few, and without it such means were covered in 83 to 90 % (`experiments/coverage.py`).

    Of one trial, where one to three samples are wrong, the upper end is at least that of a one-sided Poisson interval,
    and where one to three are right the lower end at most that (Brown, Cai and DasGupta, Statist. Sci. 16, 2001):
    Wilson's own covers an accuracy of .999 in 90.5 % with 100 samples. With it the coverage is 93 to 97 % wherever an
    interval of the number of right samples can have such a coverage, and the next larger that one can have elsewhere.
    Means over several trials take more values, and have no such gaps.

    Two ends in [0, 1] with the mean between them; NaN without samples.

    >>> low, high = accuracy_interval(np.ones(10))
    >>> round(low, 4), high
    (0.7225, 1.0)
    """
    count = len(values)
    if not count:
        return float("nan"), float("nan")
    values = np.asarray(values, float)
    mean = float(values.mean())
    single = mean * (1 - mean)
    if single and trials > 1:
        varied = min((values < 1).sum(), (values > 0).sum())
        agreement = np.clip((float(values.var()) / single - 1 / trials) / (1 - 1 / trials), 0, 1)
        agreement = (varied * agreement + 1) / (varied + 1)
        count /= 1 / trials + (1 - 1 / trials) * agreement
    square = float(scipy.special.ndtri(1 - level / 2)) ** 2 / count
    middle, half = mean + square / 2, np.sqrt(square * (single + square / 4))
    low, high = (middle - half) / (1 + square), (middle + half) / (1 + square)
    if trials == 1:
        right = round(mean * count)
        wrong = count - right
        if 0 < right <= FEW:
            low = min(low, scipy.special.gammaincinv(right, level) / count)
        if 0 < wrong <= FEW:
            high = max(high, 1 - scipy.special.gammaincinv(wrong, level) / count)
    return float(min(max(low, 0), mean)), float(min(max(high, mean), 1))


def change_interval(change: np.ndarray, trials: int = 1, level: float = LEVEL) -> tuple[float, float]:
    """Tango's score interval of a paired change of accuracy (Stat. Med. 17, 1998).

    Of float[n] in [-1, 1], each sample's change averaged over `trials`. The changes that the score test does not
    reject, its variance being the largest likelihood's under each of them. Where a sample has several trials, a change
    of one counts as `size` of a sample, sum of squares over sum of absolute changes: 1 where all trials of a sample
    change together, 1 / trials where one does. Without any change it is 1 / sqrt(trials), and an interval stays.

    Two ends in [-1, 1] with the mean between them; NaN without samples.

    >>> low, high = change_interval(np.zeros(98))
    >>> round(low, 4), round(high, 4)
    (-0.0377, 0.0377)
    """
    low, high = change_ends([sums_of(change, trials)], level)[0]
    return float(low), float(high)


class Sums(NamedTuple):
    """What the interval of a paired change follows from."""

    count: int
    """Samples."""
    mean: float
    """Of the changes, in [-1, 1]; NaN without samples."""
    size: float
    """What a change of one sample counts as, see `change_interval`."""
    better: float
    """Sum of changes above 0, over `size`."""
    worse: float
    """Likewise of those below 0, and positive."""


def sums_of(change: np.ndarray, trials: int = 1) -> Sums:
    """The sums of float[n] changes in [-1, 1], each averaged over `trials`; NaN without samples."""
    count = len(change)
    if not count:
        return Sums(0, *[float("nan")] * 4)
    change = np.asarray(change, float)
    total = float(np.abs(change).sum())
    size = float((change**2).sum()) / total if total else trials**-0.5
    net = float(change.sum())
    return Sums(count, net / count, size, (total + net) / 2 / size, (total - net) / 2 / size)


def change_ends(sums: Sequence[Sums], level: float = LEVEL) -> Float64[np.ndarray, "k 2"]:
    """The ends of `change_interval` of many changes, looked for all at once; NaN without samples."""
    count, mean, size, better, worse = np.array(sums, float).reshape(-1, 5).T
    square = float(scipy.special.ndtri(1 - level / 2)) ** 2

    def kept(shift: np.ndarray) -> np.ndarray:
        """Whether the score test does not reject a change of the mean, in [-1, 1] of `size`."""
        linear = (2 * count - better + worse) * shift - better - worse
        share = (np.sqrt(linear**2 + 8 * count * worse * shift * (1 - shift)) - linear) / (4 * count)
        return (better - worse - count * shift) ** 2 <= square * count * (2 * share + shift * (1 - shift))

    with np.errstate(divide="ignore", invalid="ignore"):
        low, high = (size * _farthest(kept, (better - worse) / count, np.full(len(count), end)) for end in (-1.0, 1.0))
    return np.column_stack([np.minimum(low, mean), np.maximum(high, mean)])


def _farthest(kept: Callable[[np.ndarray], np.ndarray], near: np.ndarray, far: np.ndarray) -> np.ndarray:
    """The last numbers from `near` towards `far` that are kept, where all before them are."""
    near = np.where(kept(far), far, near)
    for _ in range(HALVINGS):
        middle = (near + far) / 2
        inside = kept(middle)
        near, far = np.where(inside, middle, near), np.where(inside, far, middle)
    return near
