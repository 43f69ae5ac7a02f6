"""Intervals over images: of an accuracy, a mean over conditions, a paired change. NumPy and scipy.special only."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import scipy
from jaxtyping import Float64

from rosalind.analysis.robustness.metrics import LEVEL

FEW = 3
"""Most wrong (or right) samples for which Wilson's farther end is replaced by Poisson's."""

UNSEEN = 0.5
"""Of a sample whose trials all agree, added to those seen: what samples not drawn may be like; half, as Jeffreys'."""


def accuracy_interval(values: np.ndarray, trials: int = 1, level: float = LEVEL) -> tuple[float, float]:
    """Wilson's score interval of a mean of n samples (JASA 22, 1927), mended near 0 and 1.

    Of float[n] in [0, 1], each sample's mean over `trials` that are right or wrong: with one trial, an accuracy. Where
    a sample has several, n is divided by the design effect, the variance of `values` over that of a single trial (Rao
    and Scott, Biometrics 48, 1992; at most n trials remain): images that are right under one condition tend to be so
    under others. For the low end that variance is of the samples and `UNSEEN` of one that is wrong throughout, for the
    high end of as much of one that is right throughout: near 0 and 1 the few samples that hold most of the variance may
    be missing, and without it such means were covered in down to 77 %. Fay and Feuer (Stat. Med. 16, 1997) widen one
    end of a weighted rate alike. An end so widened hardly ever misses, and what it leaves of its half of `level` goes
    to the other.

    Where at most three samples are wrong, the high end is at least that of a one-sided Poisson interval, and where at
    most three are right the low end at most that (Brown, Cai and DasGupta, Statist. Sci. 16, 2001): Wilson's own covers
    an accuracy of .999 in 90.5 % with 100 samples. Samples of several trials count as n over the design effect.

    The coverage of accuracies is 93 to 97 % wherever an interval of the number of right samples can have such a
    coverage, and the next larger that one can have elsewhere. Where all trials of a sample agree, a mean is such an
    accuracy; where they agree less, means near the ceiling (from .99 on with 100 samples, .995 with 600) are covered in
    97.1 to 99.6 % too, which has not been shown to be the least (`experiments/coverage.py`).

    Two ends in [0, 1] with the mean between them; NaN without samples.

    >>> low, high = accuracy_interval(np.ones(10))
    >>> round(low, 4), high
    (0.7225, 1.0)
    """
    values = np.asarray(values, float)
    low, high = accuracy_ends(len(values), values.sum(), (values**2).sum(), trials, level)
    return float(low), float(high)


def accuracy_ends(
    count: np.ndarray | float,
    total: np.ndarray | float,
    squares: np.ndarray | float,
    trials: np.ndarray | int = 1,
    level: float = LEVEL,
) -> tuple[np.ndarray, np.ndarray]:
    """Both ends of `accuracy_interval` of many sets of samples, float64[...] each, from what they follow from.

    Args:
        count: samples of each set; NaN comes out where there are none.
        total: sum of the samples' values in [0, 1].
        squares: sum of their squares.
        trials: that each value is a mean of.
        level: probability of a miss.
    """
    count, total, squares = (np.asarray(sums, float) for sums in (count, total, squares))
    with np.errstate(divide="ignore", invalid="ignore"):
        low = _low_end(count, total, squares, trials, level)
        high = 1 - _low_end(count, count - total, count - 2 * total + squares, trials, level)
        mean = total / count
    return np.clip(low, 0, mean), np.clip(high, mean, 1)


def _low_end(count: np.ndarray, total: np.ndarray, squares: np.ndarray, trials: np.ndarray | int, level: float):
    """float64[...]: the low end of a mean; that of the share of wrong ones is the other end."""
    mean = total / count

    def effective(zeros: float = 0, ones: float = 0) -> np.ndarray:
        """Independent trials that say as much, with so many samples added that are 0 or 1."""
        more = count + zeros + ones
        augmented = (total + ones) / more
        variance = (squares + ones) / more - augmented**2
        number = np.where(variance > 1e-12, augmented * (1 - augmented) / variance, 1) * count
        return np.clip(number, 0, trials * count)

    seen = effective()
    at_zero, at_one = (np.minimum(number, seen) for number in (effective(zeros=UNSEEN), effective(ones=UNSEEN)))
    square = scipy.special.ndtri(1 - level / 2 * (2 - at_one / seen)) ** 2 / at_zero
    low = (mean + square / 2 - np.sqrt(square * (mean * (1 - mean) + square / 4))) / (1 + square)
    hits = mean * seen
    few = (hits > 0) & (hits < FEW + 1e-6)
    return np.where(few, np.minimum(low, scipy.special.gammaincinv(np.where(few, hits, 1), level) / seen), low)


def change_interval(change: np.ndarray, *, level: float = LEVEL) -> tuple[float, float]:
    """Interval of a paired change of accuracy: Jeffreys' of the shares that became right and wrong, put together.

    Of float[n] in [-1, 1], each sample's change averaged over conditions. Of the shares better - worse, the low end is
    (better - worse) - sqrt(x^2 - 2 r x y + y^2) with x from the low end of the better to their share, y from the share
    of the worse to their high end, and r the correlation of two counts of one multinomial distribution (Zou and Donner,
    Stat. Med. 27, 2008); the high end is that of the negative change. The ends of both shares are Jeffreys' (Brown, Cai
    and DasGupta, Statist. Sci. 16, 2001). Where no sample changes, the interval is the largest share that n samples
    would all miss in `level` of studies, either way. One end by itself misses in at most 5 %.

    A sample that changes by less than 1, as the mean of several conditions, counts as `size`: sum of squares over sum
    of absolute changes. In the high ends of shares `UNSEEN` of a sample more has changed throughout: where all of 75
    conditions change in few samples, the interval without it held the truth in 63 %. From changes of 1 / 75 nothing
    can be told of a sample in n that changes throughout and is not among those drawn (in e^-1 = 37 % of studies), so
    an interval that holds 93 % there reaches 1 / n to both sides, and is too wide where no sample ever changes so.

    Coverage of one condition is 93 to 97.7 % where three samples or more are expected to change, and up to 100 where
    fewer are. No interval of both counts whose ends move with each of them, that holds the estimate and 93 % at every
    rate of change, has 97 % or less where up to 0.9 change; where 1.5 do only such that miss more than 5 % at one end
    (`least_of_changes` of `experiments/least_coverage.py`, an exhaustive search). Tango's score interval (Stat. Med.
    17, 1998) misses more than 5 % at one end, and covers 92.9 to 98.2 where three or more change.

    Two ends in [-1, 1] with the mean between them; NaN without samples.

    >>> low, high = change_interval(np.zeros(98))
    >>> round(low, 4), round(high, 4)
    (-0.0301, 0.0301)
    """
    low, high = change_ends([sums_of(change)], level)[0]
    return float(low), float(high)


class Sums(NamedTuple):
    """Sums over samples from which the interval of a paired change follows."""

    count: int
    """Samples."""
    better: float
    """Sum of changes above 0."""
    worse: float
    """Sum of those below 0, and positive."""
    squares: float
    """Sum of the squares of all."""

    @property
    def mean(self) -> float:
        """The mean change; NaN without samples."""
        return (self.better - self.worse) / self.count if self.count else float("nan")


def sums_of(change: np.ndarray) -> Sums:
    """The sums of float[n] changes in [-1, 1]."""
    change = np.asarray(change, float)
    total, net = float(np.abs(change).sum()), float(change.sum())
    return Sums(len(change), (total + net) / 2, (total - net) / 2, float((change**2).sum()))


def change_ends(sums: Sequence[Sums] | np.ndarray, level: float = LEVEL) -> Float64[np.ndarray, "k 2"]:
    """The ends of `change_interval` of many changes, `Sums` or their rows; NaN without samples."""
    count, better, worse, squares = np.array(sums, float).reshape(-1, 4).T
    total = better + worse
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = (better - worse) / count
        size = np.where(total > 0, squares / total, 1)
        unseen = np.where(total > 0, (squares + UNSEEN) / (total + UNSEEN), 1)
        x, y = better / size, worse / size
        correlation = np.nan_to_num(-np.sqrt(x * y / ((count - x) * (count - y))))

        def below(part: np.ndarray) -> np.ndarray:
            """From the low end of a share to itself."""
            number = part / size
            end = scipy.special.betaincinv(number + 0.5, count - number + 0.5, level / 2)
            return np.where(part > 0, part / count - end * size, 0)

        def above(part: np.ndarray) -> np.ndarray:
            """From a share to its high end."""
            number = np.minimum(part / unseen, count)
            end = scipy.special.betaincinv(number + 0.5, count - number + 0.5, 1 - level / 2)
            return np.where(number < count, end * unseen - part / count, 0)

        def distance(near: np.ndarray, far: np.ndarray) -> np.ndarray:
            return np.sqrt(np.maximum(near**2 - 2 * correlation * near * far + far**2, 0))

        none = 1 - level ** (1 / count)
        low = mean - np.where(total > 0, distance(below(better), above(worse)), none)
        high = mean + np.where(total > 0, distance(above(better), below(worse)), none)
    return np.clip(np.column_stack([low, high]), -1, 1)
