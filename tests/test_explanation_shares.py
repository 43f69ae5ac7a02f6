"""Shares of a gain: Shapley values, matched strata, and the samples that carry it; arrays alone."""

import numpy as np
import pytest

from rosalind.analysis.explanation import carrying, coalitions, held, matched, shapley, share_steps, strata
from rosalind.analysis.robustness.power import seed_interval


class TestShapley:
    def test_parts_that_add_have_what_they_add(self):
        worth = np.array([0.5, -1.0, 0.25, 3.0])
        np.testing.assert_allclose(shapley(coalitions(4) @ worth), worth)

    def test_two_parts_share_what_they_do_together(self):
        alone, other, together = 0.2, 0.1, 0.06
        shares = shapley(np.array([0.0, alone, other, alone + other + together]))
        np.testing.assert_allclose(shares, [alone + together / 2, other + together / 2])

    def test_a_majority_of_three_is_shared_equally_and_a_veto_is_not(self):
        size = coalitions(3).sum(1)
        np.testing.assert_allclose(shapley((size >= 2).astype(float)), [1 / 3] * 3)
        # The first part and any other: 2/3, 1/6, 1/6, as in Shapley and Shubik's tables.
        np.testing.assert_allclose(shapley(1.0 * ((size >= 2) & coalitions(3)[:, 0])), [2 / 3, 1 / 6, 1 / 6])

    def test_they_sum_to_the_gain_whatever_exists(self):
        values = np.random.default_rng(0).normal(size=(3, 2, 32))
        # The second part after the first, and the fourth after the third.
        member = coalitions(5)
        values[..., (member[:, 1] & ~member[:, 0]) | (member[:, 3] & ~member[:, 2])] = np.nan
        shares = shapley(values)
        assert shares.shape == (3, 2, 5)
        np.testing.assert_allclose(shares.sum(-1), values[..., -1] - values[..., 0], rtol=0, atol=1e-14)

    def test_with_one_order_each_part_has_its_step(self):
        values = np.full(8, np.nan)
        values[[0, 1, 3, 7]] = 0.1, 0.4, 0.2, 0.9
        np.testing.assert_allclose(shapley(values), [0.3, -0.2, 0.7])

    def test_what_one_study_lacks_is_left_out_of_all(self):
        values = np.random.default_rng(2).normal(size=(3, 4))
        values[1, 2] = np.nan
        expected = np.stack([values[:, 1] - values[:, 0], values[:, 3] - values[:, 1]], 1)
        np.testing.assert_allclose(shapley(values), expected)

    def test_a_part_that_does_nothing_has_nothing(self):
        values = np.random.default_rng(1).normal(size=8)
        assert shapley(np.concatenate([values, values]))[-1] == 0

    @pytest.mark.parametrize("values", [[0.0, 1.0, 2.0], [0.0, np.nan, np.nan, 1.0], [np.nan, 1.0]])
    def test_what_cannot_be_shared(self, values):
        with pytest.raises(ValueError, match="values must"):
            shapley(np.array(values))


class TestShareSteps:
    def test_an_image_that_changes_throughout_is_a_whole_step(self):
        accuracy = np.zeros((3, 8, 15))
        accuracy[1, coalitions(3)[:, 0]] = 0.01
        # Of parts that change nothing, one that no seed has shown may be such an image.
        np.testing.assert_allclose(share_steps(accuracy, 0.01), 0.01)

    def test_it_is_the_weighted_mean_of_changes_over_the_fewest_images_that_make_them(self):
        accuracy = np.zeros((2, 4, 10))
        # Of the first part, ten images join to B's second part alone, under one condition: a weight of a half.
        accuracy[0, 3, 4] = 0.1
        expected = 0.01 * (10 * 0.5 / 10 + 0.5) / (10 + 0.5)
        np.testing.assert_allclose(share_steps(accuracy, 0.01), expected)

    def test_coalitions_that_do_not_exist_change_nothing(self):
        accuracy = np.random.default_rng(0).binomial(100, 0.9, (3, 4, 5)) / 100
        accuracy[:, 2] = np.nan
        changes = np.abs(np.diff(accuracy[:, [0, 1, 3]], axis=1))
        expected = 0.01 * (changes.mean(-1).sum(0) + 0.005) / (changes.max(-1).sum(0) + 0.005)
        np.testing.assert_allclose(share_steps(accuracy, 0.01), expected)

    @pytest.mark.parametrize("conditions", [1, 15])
    def test_shares_of_hybrids_that_change_a_little_are_covered(self, conditions):
        generator, members = np.random.default_rng(0), coalitions(5)
        chances, truth = 0.95 + 0.015 * members[:, 0], np.array([0.015, 0, 0, 0, 0])
        right = generator.binomial(600, chances[:, None], (1500, 5, 32, conditions)) / 600
        values = np.moveaxis(shapley(right.mean(-1)), 1, -1)
        covered = []
        for step in (share_steps(right, 1 / 600), 1 / 600):
            mean, half, _ = seed_interval(values, step=step)
            covered.append((np.abs(mean - truth) <= half).mean())
        # With a whole image each 96.1 and, under 15 conditions, 99.7 %.
        assert 0.94 < covered[0] < 0.97
        assert covered[0] < covered[1]


class TestMatched:
    def test_more_samples_in_the_better_stratum_are_geometry_alone(self):
        place = np.array([0, 0, 0, 1]), np.array([0, 1, 1, 1])
        assert matched(place[0] * 1.0, place[1] * 1.0, *place) == (0.5, 0.0)

    def test_of_a_stratum_that_one_side_leaves_empty_the_accuracy_is_the_others(self):
        # All are right: neither the move nor what remains gains or loses anything.
        assert matched(np.ones(2), np.ones(2), np.array([0, 1]), np.array([1, 1])) == (0.0, 0.0)

    def test_equal_places_leave_all_to_the_rest(self):
        place = np.arange(8) % 2
        assert matched(np.zeros(8), np.full(8, 0.25), place, place) == (0.0, 0.25)

    def test_both_sum_to_the_gain_with_empty_strata(self):
        generator = np.random.default_rng(0)
        before, after = generator.random((2, 60))
        place = generator.integers(0, 3, 60), generator.integers(1, 6, 60)
        assert sum(matched(before, after, *place)) == pytest.approx(after.mean() - before.mean(), abs=1e-15)
        assert np.isnan(matched(*np.zeros((2, 0)), *np.zeros((2, 0), int))).all()

    def test_strata_have_equal_mass_and_nan_its_own(self):
        a, b = np.arange(50.0), np.arange(50.0) + 50
        place_a, place_b = strata(a, np.where(b == 99, np.nan, b))
        assert place_b[-1] == 10
        counts = np.bincount(np.concatenate([place_a, place_b]))
        assert counts[:10].min() >= 9
        assert (strata(np.ones(4), np.ones(4))[0] == strata(np.ones(4), np.ones(4))[1]).all()


def test_the_smallest_set_that_carries():
    gain = np.array([0.0, 0.3, -0.2, 0.5, 0.4])
    assert carrying(gain).tolist() == [3, 4]
    assert held(gain, carrying(gain)) == pytest.approx(0.9)
    assert carrying(-gain).tolist() == [3, 4]
    # Exactly 80 %, up to rounding.
    assert carrying(np.array([0.3, 0.2, 0.5])).tolist() == [2, 0]
    assert len(carrying(np.array([1.0, -1.0]))) == 0
    assert np.isnan(held(np.zeros(3), np.array([0])))
