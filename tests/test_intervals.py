"""Intervals over images hold the truth as often as they say, also near a ceiling."""

import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from scipy.stats import binom, multinomial

from rosalind.analysis import robustness

Z = 1.959964


def attainable(samples: int, accuracy: float) -> np.ndarray:
    """Every coverage that an interval of the number of right samples can have: chances of runs of counts."""
    below = np.concatenate(([0.0], binom.cdf(np.arange(samples + 1), samples, accuracy)))
    return np.unique(np.triu(below[None] - below[:, None], 1))


@pytest.mark.parametrize("samples", [100, 600])
@pytest.mark.parametrize("accuracy", [0.5, 0.7, 0.9, 0.95, 0.98, 0.99, 0.995, 0.998, 0.999, 0.002])
def test_accuracies_are_covered_in_93_to_97_percent_or_as_near_as_counts_allow(samples, accuracy):
    ends = np.array([robustness.accuracy_interval(np.arange(samples) < k) for k in range(samples + 1)])
    inside = (ends[:, 0] <= accuracy) & (accuracy <= ends[:, 1])
    covered = binom.pmf(np.arange(samples + 1)[inside], samples, accuracy).sum()
    possible = attainable(samples, accuracy)
    # 100 samples of which .999 are right: 0.905 or 0.995, as one wrong sample or none is all that occurs.
    least = possible[possible >= 0.93].min()
    assert 0.93 < covered < max(0.97, least + 1e-9)


@pytest.mark.parametrize("right", [0, 1, 2, 3, 4, 50, 97, 99, 100])
def test_intervals_of_right_and_of_wrong_samples_mirror_each_other(right):
    low, high = robustness.accuracy_interval(np.arange(100) < right)
    assert (low, high) == pytest.approx(
        [1 - end for end in robustness.accuracy_interval(np.arange(100) >= right)[::-1]]
    )
    assert low <= right / 100 <= high


def test_ends_move_with_the_number_of_right_samples():
    for samples in (7, 100, 600):
        ends = np.array([robustness.accuracy_interval(np.arange(samples) < k) for k in range(samples + 1)])
        assert (np.diff(ends, axis=0) > -1e-12).all()


def constrained(better: int, worse: int, count: int, shift: float) -> float:
    """The score test's z of a paired shift, its variance at the largest likelihood under it, found by search."""
    same = count - better - worse

    def surprise(lost: float) -> float:
        chances = np.array([lost + shift, lost, 1 - 2 * lost - shift])
        return -float(np.array([better, worse, same]) @ np.log(np.maximum(chances, 1e-300)))

    lost = minimize_scalar(
        surprise, bounds=(max(0, -shift), (1 - shift) / 2), method="bounded", options={"xatol": 1e-12}
    ).x
    return (better - worse - count * shift) / np.sqrt(count * (2 * lost + shift - shift**2))


@pytest.mark.parametrize(("better", "worse", "count"), [(12, 2, 50), (1, 0, 40), (5, 5, 30), (3, 30, 600), (0, 9, 100)])
def test_the_ends_of_a_change_are_where_the_score_test_rejects(better, worse, count):
    change = np.repeat([1.0, -1.0, 0.0], [better, worse, count - better - worse])
    low, high = robustness.change_interval(change)
    assert low < (better - worse) / count < high
    assert constrained(better, worse, count, low) == pytest.approx(Z, rel=1e-4)
    assert constrained(better, worse, count, high) == pytest.approx(-Z, rel=1e-4)
    assert robustness.change_interval(-change) == pytest.approx((-high, -low), abs=1e-9)


def test_samples_that_do_not_change_leave_an_interval():
    samples = 100
    # Wilson's end of no success in n: z^2 / (n + z^2).
    assert robustness.change_interval(np.zeros(samples)) == pytest.approx((-(end := Z**2 / (samples + Z**2)), end))
    assert robustness.change_interval(np.zeros(samples), 4) == pytest.approx((-end / 2, end / 2))
    # Trials that change together are one sample's change, whatever their number.
    together = np.repeat([1.0, 0.0], [5, 95])
    assert robustness.change_interval(together, 15) == robustness.change_interval(together)


@pytest.mark.parametrize("expected", [4, 9, 30])
@pytest.mark.parametrize("share", [0.1, 1 / 3, 0.5])
def test_changes_are_covered(expected, share):
    samples = 600
    chances = np.array([expected * share, expected * (1 - share), samples - expected]) / samples
    covered = 0.0
    for better, worse in np.ndindex(int(expected * share + 25), int(expected * (1 - share) + 30)):
        chance = multinomial.pmf([better, worse, samples - better - worse], samples, chances)
        if chance > 1e-6:
            change = np.repeat([1.0, -1.0, 0.0], [better, worse, samples - better - worse])
            low, high = robustness.change_interval(change)
            covered += chance * (low <= chances[0] - chances[1] <= high)
    # Bonett and Price's interval covers 99.3 % where 4 of 600 change.
    assert 0.93 < covered < 0.972


@pytest.mark.parametrize(("accuracy", "ratio"), [(0.9, 1.0), (0.98, 1.0), (0.98, 0.9)])
def test_changes_of_means_are_covered(accuracy, ratio):
    generator = np.random.default_rng(0)
    samples, trials, studies = 600, 15, 800
    chance = generator.beta(1.5 * accuracy, 1.5 * (1 - accuracy), (studies, samples))
    first, second = (generator.binomial(trials, chance * share) / trials for share in (1, ratio))
    ends = [robustness.change_interval(change, trials) for change in second - first]
    assert 0.93 < np.mean([low <= accuracy * (ratio - 1) <= high for low, high in ends]) < 0.97


@pytest.mark.parametrize("centre", [1, 4, 7])
def test_intervals_of_means_and_changes_cover(centre):
    generator = np.random.default_rng(0)
    samples, trials, studies = 200, 15, 200
    # Images differ in difficulty, conditions in severity; 1 of 10 predictions differ between two networks.
    logits = centre + generator.normal(size=(studies, samples, 1)) + np.linspace(-0.5, 0.5, trials)
    chance = generator.random(logits.shape)
    redrawn = generator.random(logits.shape)
    other = np.where(generator.random(logits.shape) < 0.1, redrawn, chance)
    before, after = (drawn < 1 / (1 + np.exp(-logits)) for drawn in (chance, other))
    truth = after.mean()
    each = [robustness.accuracy_interval(study.mean(1), trials) for study in after]
    change = [robustness.change_interval(study.mean(1), trials) for study in 1.0 * after - before]
    assert np.mean([low <= truth <= high for low, high in each]) > 0.91
    assert np.mean([low <= 0 <= high for low, high in change]) > 0.93


@pytest.mark.parametrize(("samples", "accuracy"), [(100, 0.99), (100, 0.995), (600, 0.998), (600, 0.999)])
def test_intervals_of_means_cover_near_the_ceiling(samples, accuracy):
    generator = np.random.default_rng(0)
    studies, trials = 1000, 15
    # A few samples hold all errors: the variance of a sample's chance is 0.4 of the largest possible.
    chance = generator.beta(1.5 * accuracy, 1.5 * (1 - accuracy), (studies, samples))
    means = generator.binomial(trials, chance) / trials
    ends = [robustness.accuracy_interval(values, trials) for values in means]
    covered = np.mean([low <= accuracy <= high for low, high in ends])
    # With an agreement that such samples alone say, 0.85, 0.84, 0.87 and 0.84.
    assert 0.93 < covered < 0.985


def test_changes_are_paired_by_sample():
    change = np.zeros(1000)
    change[:10] = -1
    low, high = robustness.change_interval(change)
    # Only ten samples differ, so the change is known far better than either accuracy.
    assert -0.02 < low < -0.01 < high < 0
    low, high = robustness.change_interval(np.zeros(1000))
    assert low == -high
    assert 0.002 < high < 0.004
    assert np.isnan(robustness.change_interval(np.empty(0))).all()
