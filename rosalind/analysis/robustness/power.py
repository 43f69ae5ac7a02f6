"""The smallest differences that a number of samples or of seeds can show; intervals and tests over seeds."""

import functools
import math
from statistics import NormalDist

import numpy as np
import scipy  # not scipy.stats, which has the same functions and takes 0.6 s to import
from jaxtyping import Float

from rosalind.analysis.blas import one_thread
from rosalind.analysis.robustness.metrics import LEVEL, nan_mean_std

_NORMAL = NormalDist()

POWER = 0.8
"""Probability that a test finds a difference of the smallest detectable size."""

SHIFTS = {
    2: 16.334008869920964,
    3: 5.653489266405568,
    4: 4.255898820740008,
    5: 3.761060261004303,
    6: 3.513904105562898,
    7: 3.366896812950582,
    8: 3.2697621494024647,
    9: 3.20092223851562,
    10: 3.1496356782722206,
}
"""By pairs what `_shift` gives for `POWER` and `LEVEL`: importing what it needs is a tenth of a viewer's start."""


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
    k = _NORMAL.inv_cdf(1 - level / 2) + _NORMAL.inv_cdf(power)
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
    shift = SHIFTS.get(int(pairs)) if (power, level) == (POWER, LEVEL) else None
    return float((_shift(int(pairs), power, level) if shift is None else shift) / np.sqrt(pairs) * deviation)


@functools.lru_cache(maxsize=256)
def _shift(pairs: int, power: float, level: float) -> float:
    """The noncentrality at which a two-sided t-test has a power."""
    free = pairs - 1
    critical = scipy.special.stdtrit(free, 1 - level / 2)
    # With power over one half the other tail adds less than 1e-3, in the direction of more power.
    low, high = 0.0, 2 * (float(critical) + 1)
    # Halved as often as a float64 has digits. SciPy's search for roots is faster, but takes 0.3 s of the viewer's start
    # to import.
    for _ in range(53):
        middle = (low + high) / 2
        low, high = (middle, high) if 1 - scipy.special.nctdtr(free, middle, critical) < power else (low, middle)
    return high


def student_quantile(free: np.ndarray | np.integer, p: float) -> Float[np.ndarray, "..."]:
    """The quantile of Student's t at degrees of freedom int[...] of 1 or more, p in [0.5, 1).

    Of 1, 2 and 4, which are two, three and five seeds, in closed form (Shaw, Journal of Computational Finance 9, 2006,
    equations 35 to 37), up to rounding what SciPy has: importing that is a tenth of the viewer's start.

    >>> student_quantile(np.array([1, 2, 4, 9]), 0.975).round(3).tolist()
    [12.706, 4.303, 2.776, 2.262]
    """
    if not np.isin(free, (1, 2, 4)).all():
        return np.asarray(scipy.special.stdtrit(free, p))
    inside = 4 * p * (1 - p)
    root = math.sqrt(inside)
    of_four = 2 * math.sqrt(max(math.cos(math.acos(root) / 3) / root - 1, 0.0))
    of_one, of_two = 1 / math.tan(math.pi * (1 - p)), (2 * p - 1) * math.sqrt(2 / inside)
    return np.where(free == 1, of_one, np.where(free == 2, of_two, of_four))


def seed_interval(
    values: np.ndarray, level: float = LEVEL, step: np.ndarray | float = 0.0
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean over the last axis and the half width of its t-interval, which covers 1 - level.

    It estimates the mean over all seeds on these images, not what other images would give: that is the interval over
    images (`accuracy_interval`). It takes values over seeds for normal. Near a ceiling few values occur, and seeds that
    agree say nothing of how often one does not: with a `step`, the half width is sqrt(t^2 s^2 / S + u^2) for S seeds
    with deviation s, where u = -log(level) step / S is the rule of three, the largest mean of counts that are all 0 in
    `level` of studies. Of accuracies of .998 of 100 images three seeds cover 44 % without it. Coverage is 92.5 to
    97 % where 20 errors or more are expected over all seeds, and up to 100 where fewer are, or where hardly an image is
    right for some seeds and wrong for others (`experiments/coverage.py`): in 19 of 126 such cells no interval of these
    values has 97 % or less, of the others that is not shown.

    Of float[..., seeds], NaN where a seed is missing: float64[...] means, NaN without a value; float64[...] half
    widths, NaN with fewer than two values; int[...] how many values there are.

    Args:
        values: over seeds.
        level: probability of a miss, in (0, 1).
        step: what one image adds to a value, in the unit of `values`: 1 / n of accuracies of n images in [0, 1], their
            differences and means over conditions, of all or of each mean. 0 for what is not counted; there equal values
            leave a half width of 0.

    >>> mean, half, count = seed_interval(np.array([1.0, 2.0, 3.0]))
    >>> round(float(mean), 3), round(float(half), 3), int(count)
    (2.0, 2.484, 3)
    >>> round(float(seed_interval(np.array([0.98, 0.98, 0.98]), step=1 / 100)[1]), 5)
    0.00999
    """
    mean, deviation, count = nan_mean_std(np.asarray(values, float))
    seeds = np.maximum(count, 1)
    half = student_quantile(np.maximum(count - 1, 1), 1 - level / 2) * deviation / np.sqrt(seeds)
    return mean, np.hypot(half, -np.log(level) * step / seeds), count


def paired_test(differences: np.ndarray, step: float = 0.0) -> float:
    """Two-sided p of the paired t-test that the mean difference is 0, of float[pairs]; it assumes normal differences.

    The standard error is the half width of `seed_interval` with this `step` over its quantile of t, so that p is below
    0.05 exactly where 0 is outside of that interval. NaN with fewer than two pairs or where one is NaN; without a
    `step` 1 where all differences are 0, and 0 where all are the same other number.

    >>> round(paired_test(np.array([1.0, 2.0, 3.0])), 4)
    0.0742
    >>> round(paired_test(np.array([0.01, 0.01, 0.01]), step=1 / 100), 3)
    0.05
    """
    differences = np.asarray(differences, float)
    if len(differences) < 2 or not np.isfinite(differences).all():
        return float("nan")
    mean, half, count = seed_interval(differences, step=step)
    if not half:
        return 0.0 if differences[0] else 1.0
    error = half / student_quantile(count - 1, 1 - LEVEL / 2)
    return float(2 * scipy.special.stdtr(count - 1, -abs(mean) / error))


def sign_flip_test(differences: np.ndarray) -> float:
    """Two-sided exact p that the signs of paired differences are chance (Fisher's randomisation), of float[pairs].

    It assumes nothing of the differences' size, and cannot go below 2^(1 - pairs): 0.25 with three, 0.0625 with five.
    NaN without pairs or where one is NaN. Of more than 16 pairs, 65,536 drawn sign changes.

    >>> sign_flip_test(np.array([1.0, 2.0, 3.0]))
    0.25
    """
    differences = np.asarray(differences, float)
    count = len(differences)
    if not count or not np.isfinite(differences).all():
        return float("nan")
    # Two threads spin for 2 to 8 ms on busy cores over what one multiplies in half a millisecond.
    with one_thread():
        sums = np.abs(_sign_changes(count) @ differences)
    return float((sums >= sums[0] * (1 - 1e-12)).mean())


@functools.lru_cache(maxsize=8)
def _sign_changes(count: int) -> np.ndarray:
    """int8[changes, count]: 1 or -1, the first row without a change; to make them took nine tenths of a test."""
    if count <= 16:
        negative = np.arange(2**count)[:, None] >> np.arange(count) & 1
    else:
        negative = np.random.default_rng(0).integers(0, 2, (2**16, count))
        negative[0] = 0
    return (1 - 2 * negative).astype(np.int8)


def holm(values: np.ndarray) -> np.ndarray:
    """float64[n]: p values after Holm's correction (Scand. J. Statist. 6, 1979): all at once wrong with their level.

    NaN stays and counts for nothing.

    >>> holm(np.array([0.01, 0.04, np.nan, 0.03])).tolist()
    [0.03, 0.06, nan, 0.06]
    """
    values = np.asarray(values, float)
    corrected = np.full(values.shape, np.nan)
    order = np.argsort(values, kind="stable")[: np.isfinite(values).sum()]
    scaled = values[order] * np.arange(len(order), 0, -1)
    corrected[order] = np.minimum(np.maximum.accumulate(scaled), 1)
    return corrected
