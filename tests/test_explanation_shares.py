"""How a gain is shared out: Shapley values, matched strata, and the samples that carry it; arrays alone."""

import numpy as np
import pytest

from rosalind.analysis.explanation import carrying, coalitions, held, matched, shapley, strata


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

    def test_a_part_that_does_nothing_has_nothing(self):
        values = np.random.default_rng(1).normal(size=8)
        assert shapley(np.concatenate([values, values]))[-1] == 0

    @pytest.mark.parametrize("values", [[0.0, 1.0, 2.0], [0.0, np.nan, np.nan, 1.0], [np.nan, 1.0]])
    def test_what_cannot_be_shared(self, values):
        with pytest.raises(ValueError, match="values must"):
            shapley(np.array(values))


class TestMatched:
    def test_more_samples_in_the_better_stratum_are_geometry_alone(self):
        place = np.array([0, 0, 0, 1]), np.array([0, 1, 1, 1])
        assert matched(place[0] * 1.0, place[1] * 1.0, *place) == (0.5, 0.0)

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
    assert len(carrying(np.array([1.0, -1.0]))) == 0
    assert np.isnan(held(np.zeros(3), np.array([0])))
