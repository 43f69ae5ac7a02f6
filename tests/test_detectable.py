"""Power of so much data: the smallest difference of samples and of seeds, and intervals over seeds."""

import numpy as np
import pytest
from scipy import stats

from rosalind.analysis.robustness import power
from rosalind.analysis.robustness.power import (
    detectable_with_pairs,
    detectable_with_samples,
    seed_interval,
    student_quantile,
)

Z = stats.norm.ppf(0.975) + stats.norm.ppf(0.8)


class TestDetectable:
    @pytest.mark.parametrize("share", [0.01, 0.1, 0.5])
    @pytest.mark.parametrize("samples", [597, 10_000])
    def test_samples_are_a_little_more_than_the_published_size_asks(self, samples, share):
        smallest = detectable_with_samples(samples, share)
        critical, of_power = stats.norm.ppf(0.975), stats.norm.ppf(0.8)
        rest = max(share - smallest**2, 0)
        needed = (critical * np.sqrt(share) + of_power * np.sqrt(rest)) ** 2 / smallest**2
        assert 0.75 * samples < needed <= samples * (1 + 1e-9)

    def test_few_discordant_samples_must_all_point_one_way(self):
        assert detectable_with_samples(1000, 0.0) == pytest.approx(Z**2 / 1000)
        assert detectable_with_samples(1000, 0.25) == pytest.approx(Z * 0.5 / np.sqrt(1000))
        assert detectable_with_samples(1, 0.5) == 1
        assert np.isnan(detectable_with_samples(0, 0.1))
        assert np.isnan(detectable_with_samples(10, np.nan))

    def test_seeds_have_the_power_that_they_are_said_to_have(self):
        difference = detectable_with_pairs(5, 2.0)
        values = np.random.default_rng(0).normal(difference, 2.0, (40_000, 5))
        p = stats.ttest_1samp(values, 0, axis=1).pvalue
        assert (p < 0.05).mean() == pytest.approx(0.8, abs=0.01)

    def test_many_seeds_are_the_normal_case_and_one_shows_nothing(self):
        assert detectable_with_pairs(4000, 1.0) == pytest.approx(Z / np.sqrt(4000), rel=1e-3)
        assert detectable_with_pairs(3, 1.0) == pytest.approx(3.264, abs=1e-3)
        assert np.isnan(detectable_with_pairs(1, 1.0))
        assert detectable_with_pairs(3, 0.0) == 0

    def test_numbers_that_are_kept_are_those_that_are_computed(self):
        # Of another level, by one bit, nothing is kept.
        level = np.nextafter(power.LEVEL, 0)
        for pairs, shift in power.SHIFTS.items():
            assert detectable_with_pairs(pairs, 1.0) == shift / np.sqrt(pairs)
            assert shift / np.sqrt(pairs) == pytest.approx(detectable_with_pairs(pairs, 1.0, level=level), rel=1e-12)

    @pytest.mark.parametrize("p", [0.5, 0.8, 0.975, 0.9995])
    def test_quantiles_of_t_in_closed_form_are_scipys(self, p):
        for free in ([1, 2, 4], [2, 3], range(1, 30)):
            quantiles = student_quantile(np.array(free), p)
            np.testing.assert_allclose(quantiles, stats.t.ppf(p, free), rtol=1e-13, atol=1e-15)

    def test_intervals_over_seeds_are_those_of_t(self):
        values = np.array([[1.0, 2.0, 4.0], [1.0, np.nan, 3.0], [5.0, np.nan, np.nan], [np.nan] * 3])
        mean, half, count = seed_interval(values)
        np.testing.assert_allclose(mean, [7 / 3, 2, 5, np.nan])
        low, high = stats.t.interval(0.95, 2, 7 / 3, stats.sem(values[0]))
        np.testing.assert_allclose(half[0], (high - low) / 2)
        np.testing.assert_allclose(half[1], stats.t.ppf(0.975, 1) * np.sqrt(2) / np.sqrt(2))
        assert np.isnan(half[2:]).all()
        assert count.tolist() == [3, 2, 1, 0]
