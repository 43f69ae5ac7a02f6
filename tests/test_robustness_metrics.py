"""Calibration, effective robustness, flips, intervals and tests on arrays that can be worked out by hand."""

import numpy as np
import pytest

from rosalind.analysis import robustness


def test_calibration_error_in_closed_form():
    confidence = np.array([0.95, 0.95, 0.95, 0.95, 0.55, 0.55])
    right = np.array([True, True, True, False, True, False])
    exact = (4 * abs(0.75 - 0.95) + 2 * abs(0.5 - 0.55)) / 6
    assert robustness.calibration_error(confidence, right) == pytest.approx(exact)
    assert robustness.calibration_error(np.ones(3), np.ones(3, bool)) == 0
    # Softmax gives exactly 1: certain errors are in the last bin, whatever the number of bins.
    assert {robustness.calibration_error(np.ones(3), np.zeros(3, bool), bins) for bins in range(2, 61)} == {1}
    assert robustness.metrics.adaptive_calibration_error(np.ones(3), np.zeros(3, bool)) == 1
    assert np.isnan(robustness.calibration_error(np.empty(0), np.empty(0, bool)))


def test_bins_are_open_below_and_closed_above():
    # 1/3 is the upper end of the fifth bin of fifteen, together with 0.3.
    one_bin = robustness.calibration_error(np.array([1 / 3, 0.3]), np.array([True, False]))
    assert one_bin == pytest.approx(abs(1 - 1 / 3 - 0.3) / 2)
    # 0.03 is in the first bin alone, below 0.1.
    first = robustness.calibration_error(np.array([0.03, 0.1]), np.array([True, False]))
    assert first == pytest.approx((0.97 + 0.1) / 2)


class TestFigures:
    """Every figure against its formula on arrays that can be worked out by hand."""

    def test_corruption_errors(self):
        errors, reference = np.array([[0.2, 0.4], [0.5, 0.7]]), np.array([[0.4, 0.8], [0.0, 0.0]])
        np.testing.assert_allclose(robustness.corruption_errors(errors, reference), [0.5, np.nan])
        np.testing.assert_allclose(robustness.corruption_errors(errors, np.array([0.6, 0.3])), [0.5, 2])

    def test_relative_corruption_errors(self):
        errors, reference = np.array([[0.3, 0.5], [0.2, 0.2]]), np.array([[0.3, 0.5], [0.1, 0.1]])
        relative = robustness.relative_corruption_errors(errors, 0.1, reference, 0.2)
        # (0.4 - 0.1) / (0.4 - 0.2); the second corruption makes the reference better: no ratio.
        np.testing.assert_allclose(relative, [1.5, np.nan])

    def test_alexnet_has_an_mce_of_one(self):
        from rosalind.analysis.robustness import metrics

        errors = {name: np.full(5, error) for name, error in metrics.ALEXNET.items()}
        mce, relative = robustness.imagenet_errors(errors, metrics.ALEXNET_CLEAN)
        assert mce == pytest.approx(1)
        assert relative == pytest.approx(1)
        # ResNet-50's published mCE is of the same scale: errors three quarters of AlexNet's give 0.75.
        assert robustness.imagenet_errors({n: 0.75 * e for n, e in errors.items()}, 0.2)[0] == pytest.approx(0.75)
        del errors["fog"]
        assert np.isnan(robustness.imagenet_errors(errors, 0.4)).all()

    def test_the_published_row_is_in_the_papers_order(self):
        from rosalind import corruptions
        from rosalind.analysis.robustness import metrics

        assert tuple(metrics.ALEXNET) == corruptions.NAMES
        assert np.mean(list(metrics.ALEXNET.values())) == pytest.approx(0.787, abs=0.002)

    def test_retention(self):
        np.testing.assert_allclose(robustness.retention([0.4, 0.1], [0.8, 0.0]), [0.5, np.nan])

    def test_effective_robustness_of_a_line_is_zero(self):
        clean = np.array([0.5, 0.6, 0.7, 0.8, 0.9])
        logit = robustness.logit(clean, 10_000)
        shifted = 1 / (1 + np.exp(-(0.8 * logit - 0.5)))
        fit = robustness.effective_fit(clean, shifted, 10_000)
        assert fit.slope == pytest.approx(0.8)
        assert fit.intercept == pytest.approx(-0.5)
        assert fit.r2 == pytest.approx(1)
        np.testing.assert_allclose(fit.robustness(clean, shifted + 0.05, 10_000), 0.05, atol=1e-9)
        few = robustness.effective_fit(clean[:4], shifted[:4], 10_000)
        assert np.isnan(few.slope)
        assert np.isnan(few.robustness(0.5, 0.5, 100))
        assert few.gap(0.7) == "few"
        alike = robustness.effective_fit(np.full(6, 0.5), np.arange(6) / 10, 100)
        assert np.isnan(alike.slope)
        assert alike.gap(0.5) == "alike"

    def test_a_line_says_how_much_it_explains_and_how_sure_its_clean_accuracies_are(self):
        # Residuals that have no part in common with the line: their squares sum to 3.5, the line's to 10.
        x, residuals = np.arange(-2.0, 3), np.array([1, -0.5, -1, -0.5, 1])
        accuracy = lambda logit: 1 / (1 + np.exp(-logit))
        fit = robustness.effective_fit(accuracy(x), accuracy(1 + x + residuals), 10_000)
        np.testing.assert_allclose([fit.slope, fit.intercept, fit.r2], [1, 1, 1 - 3.5 / 13.5])
        # 1 / (n a (1 - a)) is (2 + 2 cosh x) / n, and x has the variance 10 / 4.
        assert fit.reliability == pytest.approx(1 - (2 + 2 * np.cosh(x)).mean() / 10_000 / 2.5)
        np.testing.assert_allclose((fit.low, fit.high), accuracy(np.array([-2, 2])))
        # It reaches to both ends of the baselines, of which one without a value is none.
        assert {fit.gap(fit.low), fit.gap(fit.high)} == {""}
        pair = np.append(accuracy(x), 0.99), np.append(accuracy(1 + x + residuals), np.nan)
        assert robustness.effective_fit(*pair, 10_000) == pytest.approx(fit)
        nothing = robustness.effective_fit([], [], 100)
        assert nothing.baselines == 0
        assert np.isnan([nothing.low, nothing.high, nothing.r2]).all()

    def test_effective_robustness_is_given_where_its_line_says_something(self):
        clean = np.array([0.5, 0.6, 0.7, 0.8, 0.9])
        rising, falling = (robustness.effective_fit(clean, shifted, 1000) for shifted in (clean - 0.3, 1 - clean))
        np.testing.assert_array_equal(
            np.isnan(rising.robustness(np.array([0.49, 0.5, 0.9, 0.91]), 0.5, 1000)), [1, 0, 0, 1]
        )
        assert (rising.gap(0.49), rising.gap(0.6), falling.gap(0.6)) == ("outside", "", "falling")
        assert np.isnan(falling.robustness(0.6, 0.5, 1000))
        # Six dense networks of 98.7 to 99.5 % of 597 images differ by chance: nothing is expected at 61.6 %.
        dense = np.array([589, 591, 592, 592, 593, 594]) / 597
        assert robustness.effective_fit(dense, dense - 0.2, 597).gap(0.99) == "alike"
        # Of 100 times as many images the same accuracies differ by more.
        assert robustness.effective_fit(dense, dense - 0.2, 59_700).gap(0.99) == ""
        # At three quarters the slope is a quarter too small, which is allowed.
        assert [rising._replace(reliability=share).gap(0.6) for share in (0.75, 0.7499)] == ["", "alike"]
        # Binomial noise of variance 1 / (n a (1 - a)) in logits, of which the deviation is the only one.
        wide = robustness.effective_fit(clean, clean - 0.3, 1000)
        logits = robustness.logit(clean, 1000)
        error = np.mean(1 / (1000 * clean * (1 - clean)))
        assert wide.reliability == pytest.approx(1 - error / logits.var(ddof=1))
        assert (wide.low, wide.high) == (0.5, 0.9)

    def test_the_ends_of_the_logit_are_half_a_sample_away(self):
        assert robustness.logit(1.0, 100) == pytest.approx(np.log(0.995 / 0.005))
        assert robustness.logit(0.0, 100) == pytest.approx(-robustness.logit(1.0, 100))

    def test_adaptive_calibration_has_bins_of_equal_mass(self):
        confidence = np.array([0.6, 0.61, 0.9, 0.91])
        right = np.array([True, True, True, False])
        exact = np.sqrt((2 * (1 - 0.605) ** 2 + 2 * (0.5 - 0.905) ** 2) / 4)
        assert robustness.adaptive_calibration_error(confidence, right, bins=2) == pytest.approx(exact)
        assert np.isnan(robustness.adaptive_calibration_error(np.empty(0), np.empty(0, bool)))
        # Six equal ones across the cut of ten into five and five are in the bin of their middle.
        across = robustness.adaptive_calibration_error(np.repeat([0.1, 0.9], [4, 6]), np.arange(10) % 2 == 0, bins=2)
        assert across == pytest.approx(np.sqrt((1.6**2 / 4 + 2.4**2 / 6) / 10))
        # All are wrong, so that gaps are sums of confidences: three equal ones around the cut, the middle one before it
        # and behind it; and of five samples the first bin has three.
        wrong = lambda counts: robustness.adaptive_calibration_error(
            np.repeat([0.2, 0.5, 0.8], counts), np.zeros(sum(counts), bool), bins=2
        )
        assert wrong([3, 3, 4]) == pytest.approx(np.sqrt(((0.6 + 1.5) ** 2 / 6 + 3.2**2 / 4) / 10))
        assert wrong([4, 3, 3]) == pytest.approx(np.sqrt((0.8**2 / 4 + (1.5 + 2.4) ** 2 / 6) / 10))
        assert wrong([2, 1, 2]) == pytest.approx(np.sqrt(((0.4 + 0.5) ** 2 / 3 + 1.6**2 / 2) / 5))
        # A sample in a bin by itself.
        alone = robustness.adaptive_calibration_error(np.array([0.6, 0.9]), np.array([True, True]), bins=2)
        assert alone == pytest.approx(np.sqrt((0.4**2 + 0.1**2) / 2))

    def test_equal_confidences_share_a_bin_in_any_order(self):
        right, generator = np.arange(597) < 590, np.random.default_rng(0)
        tied = np.repeat([0.2, 0.6, 1.0], [99, 199, 299])
        parts = zip((0.2, 0.6, 1), np.split(right, [99, 298]), strict=True)
        exact = np.sqrt(sum(len(part) * (part.mean() - level) ** 2 for level, part in parts) / 597)
        for _ in range(3):
            order = generator.permutation(597)
            assert robustness.adaptive_calibration_error(np.ones(597), right[order]) == pytest.approx(7 / 597)
            assert robustness.adaptive_calibration_error(tied[order], right[order]) == pytest.approx(exact)
        assert robustness.adaptive_calibration_error(np.full(100, 0.5), np.arange(100) % 2 == 0) == 0

    def test_mcnemar_is_the_exact_binomial(self):
        from scipy.stats import binomtest

        parent, network = np.repeat([True, False], 50), np.repeat([False, True, False], [9, 53, 38])
        flips = robustness.flips(parent, network)
        lost, won = 9, 12
        assert flips.negative == pytest.approx(lost / 100)
        assert flips.positive == pytest.approx(won / 100)
        assert flips.p == pytest.approx(binomtest(lost, lost + won).pvalue)
        assert robustness.flips(parent, parent) == (0, 0, 1)
        assert np.isnan(robustness.flips(np.empty(0, bool), np.empty(0, bool))).all()

    def test_paired_tests_are_scipys(self):
        from scipy.stats import permutation_test, ttest_1samp

        for values in ([0.01, 0.03, 0.02], [-0.2, 0.1, 0.4, 0.3, 0.2], [0.5, -0.5]):
            differences = np.array(values)
            assert robustness.paired_test(differences) == pytest.approx(ttest_1samp(differences, 0).pvalue)
            sample = permutation_test((differences,), np.mean, permutation_type="samples", n_resamples=np.inf)
            assert robustness.sign_flip_test(differences) == pytest.approx(sample.pvalue)
        assert robustness.sign_flip_test(np.array([1.0, 2.0, 3.0])) == 0.25
        assert robustness.sign_flip_test(np.arange(1.0, 21)) == 2**-16
        assert (robustness.paired_test(np.zeros(3)), robustness.paired_test(np.ones(3))) == (1, 0)
        assert np.isnan([robustness.paired_test(np.ones(1)), robustness.sign_flip_test(np.empty(0))]).all()

    def test_holm_corrects_for_all_that_are_there(self):
        np.testing.assert_allclose(robustness.holm([0.01, 0.04, np.nan, 0.03, 0.5]), [0.04, 0.09, np.nan, 0.09, 0.5])
        assert robustness.holm([0.6, 0.7]).tolist() == [1, 1]
        assert robustness.holm([]).size == 0
