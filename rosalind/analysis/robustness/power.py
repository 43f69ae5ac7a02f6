"""The smallest differences that a number of samples or of seeds can show, and intervals over seeds."""

import functools
from typing import Any

import numpy as np
from scipy.optimize import brentq

# Not scipy.stats, which has the same functions and takes 0.6 s to import.
from scipy.special import nctdtr, ndtri, stdtrit

from rosalind.analysis.robustness.metrics import nan_mean_std

POWER = 0.8
"""Probability that a test finds a difference of the smallest detectable size."""

LEVEL = 0.05
"""Probability that a two-sided test finds a difference where there is none."""


def detectable_with_samples(samples: int, discordant: float, *, power: float = POWER, level: float = LEVEL) -> float:
    """The smallest difference of two accuracies in [0, 1] that McNemar's test on the same samples can show.

    max(k sqrt(discordant / samples), k^2 / samples) with k = z(1 - level / 2) + z(power), 2.80 by default. This
    is Connor's sample size (Biometrics 43, 1987), samples = (z sqrt(discordant) + z' sqrt(discordant - d^2))^2 /
    d^2, without the d^2 under the root, which makes the difference d a little larger, never smaller. No
    difference exceeds the discordant share, so the second term is where all discordant samples point one way. NaN
    without samples or where the share is NaN.

    Args:
        samples: how many are compared.
        discordant: share of them that exactly one of the two networks has right, [0, 1].
        power: how often the difference is to be found, in (0.5, 1).
        level: of the two-sided test, in (0, 1).

    >>> round(detectable_with_samples(10_000, 0.04), 4)
    0.0056
    """
    if samples < 1 or not np.isfinite(discordant):
        return float("nan")
    k = float(ndtri(1 - level / 2) + ndtri(power))
    return min(max(k * float(np.sqrt(discordant / samples)), k**2 / samples), 1.0)


def detectable_with_pairs(pairs: int, deviation: float, *, power: float = POWER, level: float = LEVEL) -> float:
    """The smallest mean difference that a paired t-test can show: of two methods over seeds, of a measure over samples.

    The difference at which the noncentral t distribution with pairs - 1 degrees of freedom leaves the two-sided
    critical value with the given power, in the unit of `deviation`: 3.26 deviations with three pairs, 1.68 with five.
    NaN with fewer than two pairs or where the deviation is NaN. `power` and `level` as above.

    Args:
        pairs: of networks that share a seed, or of values of one sample.
        deviation: standard deviation of their differences (with pairs - 1).
    """
    if pairs < 2 or not np.isfinite(deviation):
        return float("nan")
    return float(_shift(int(pairs), power, level) / np.sqrt(pairs) * deviation)


@functools.lru_cache(maxsize=256)
def _shift(pairs: int, power: float, level: float) -> float:
    """The noncentrality at which a two-sided t-test has a power."""
    free = pairs - 1
    critical = stdtrit(free, 1 - level / 2)
    # With power over one half the other tail adds less than 1e-3, in the direction of more power.
    missing = lambda shift: 1 - nctdtr(free, shift, critical) - power
    noncentrality: Any = brentq(missing, 0.0, 10 * (critical + 1))
    return float(noncentrality)


def seed_interval(values: np.ndarray, level: float = LEVEL) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean over the last axis and the half width of its t-interval, which covers 1 - level.

    Of float[..., seeds], NaN where a seed is missing: float64[...] means, NaN without a value; float64[...] half
    widths, NaN with fewer than two values; int[...] how many values there are.

    >>> mean, half, count = seed_interval(np.array([1.0, 2.0, 3.0]))
    >>> round(float(mean), 3), round(float(half), 3), int(count)
    (2.0, 2.484, 3)
    """
    mean, deviation, count = nan_mean_std(np.asarray(values, float))
    half = stdtrit(np.maximum(count - 1, 1), 1 - level / 2) * deviation / np.sqrt(np.maximum(count, 1))
    return mean, half, count
