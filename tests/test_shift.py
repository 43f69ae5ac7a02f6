"""The two-sample test of features: closed forms, pitfalls, and the table of a study."""

import numpy as np
import pytest
from scipy.stats import norm

from rosalind import results
from rosalind.analysis import robustness, shift


@pytest.mark.parametrize(("delta", "expected"), [(0, 0.0), (1, 0.766), (2, 1.365)])
def test_shifted_normals_have_the_closed_form(delta, expected):
    generator = np.random.default_rng(0)
    x, y = generator.normal(size=(2, 20_000, 1))
    assert 2 * (1 - 2 * norm.cdf(-delta / 2)) == pytest.approx(expected, abs=1e-3)
    assert shift.proxy_a_distance(x, y + delta) == pytest.approx(expected, abs=0.03)


def test_a_sample_and_itself_cannot_be_told_apart():
    # With the twin of a test sample among the training samples the error would be near 1, the distance near -2.
    x = np.random.default_rng(0).normal(size=(100, 60))
    assert shift.proxy_a_distance(x, x.copy()) == pytest.approx(0, abs=1e-6)
    assert shift.proxy_a_distance(x, x + 1e-3) > -0.5


def test_independent_samples_of_many_features_are_near_zero_and_separate_ones_at_two():
    generator = np.random.default_rng(0)
    x, y = generator.normal(size=(2, 300, 200))
    assert abs(shift.proxy_a_distance(x, y)) < 0.3
    assert shift.proxy_a_distance(x, y + 5) == 2
    # A scale of a feature, an offset or a constant one change nothing.
    moved = y + np.eye(200)[0]
    plain = shift.proxy_a_distance(x, moved)
    scaled = [np.concatenate([1e3 * z + 7, np.ones((300, 1))], 1) for z in (x, moved)]
    assert shift.proxy_a_distance(*scaled) == pytest.approx(plain, abs=0.05)


def test_the_discriminator_is_the_one_of_its_penalty():
    """Along correlated features the penalty turns it from the best direction: 1.14 of a tenth of it, .55 of 5 times."""
    generator, n = np.random.default_rng(0), 4000
    x, y = generator.normal(size=(2, n, 2)) @ np.linalg.cholesky([[1, 0.95], [0.95, 1]]).T + [[[0, 0]], [[0.5, 0]]]
    both = np.concatenate([x, y])
    rows = np.column_stack([(both - both.mean(0)) / both.std(0), np.ones(2 * n)])
    moved, weights, decay = np.arange(2 * n) >= n, np.zeros(3), np.diag([0.1, 0.1, 0])
    for _ in range(20):  # of Newton
        chance = 1 / (1 + np.exp(-rows @ weights))
        slope = rows.T @ (chance - moved) / (2 * n) + decay @ weights
        weights -= np.linalg.solve((rows.T * chance * (1 - chance)) @ rows / (2 * n) + decay, slope)
    error = ((rows @ weights > 0) != moved).mean()
    # Of .05 and .15 it would be 1.03 and .79.
    assert shift.proxy_a_distance(x, y) == pytest.approx(2 * (1 - 2 * error), abs=0.03)


def test_samples_of_two_sizes_count_the_same():
    generator = np.random.default_rng(0)
    x, y = generator.normal(size=(4000, 1)), generator.normal(size=(400, 1)) + 2
    assert shift.proxy_a_distance(x, y) == pytest.approx(1.365, abs=0.35)
    assert shift.proxy_a_distance(generator.normal(size=(4000, 1)), y - 2) == pytest.approx(0, abs=0.3)


def test_too_few_samples_and_gaps_have_no_distance():
    x = np.random.default_rng(0).normal(size=(shift.FEWEST, 2))
    assert np.isfinite(shift.proxy_a_distance(x, x + 1))
    assert np.isnan(shift.proxy_a_distance(x[1:], x))
    gap = np.where(x > 1, np.nan, x)
    assert np.isnan([shift.proxy_a_distance(x, gap), shift.proxy_a_distance(gap, x)]).all()


def test_of_a_study(small_folder):
    study_results = results.load(small_folder)
    network = "mlp-dense-seed0"
    distances = shift.by_condition(study_results, network)
    assert list(distances) == ["gaussian_noise-1", "gaussian_noise-5", "contrast-1", "contrast-5"]
    features = [
        study_results.geometry(network, condition, ("features",))["features"].astype(np.float32)
        for condition in ("clean", "contrast-5")
    ]
    assert distances["contrast-5"] == shift.proxy_a_distance(*features)
    assert distances["contrast-5"] > 1
    lines = shift.markdown(study_results)
    full = sum(distance >= shift.FULL for distance in distances.values())
    assert f"; {full} of the 4 conditions" in "\n".join(lines)
    accuracies = dict(zip(study_results.conditions, robustness.accuracy(study_results)[0], strict=True))
    (line,) = [line for line in lines if line.startswith("| contrast-5 |")]
    words = f"{100 * accuracies['contrast-5']:.1f} | {100 * (accuracies['clean'] - accuracies['contrast-5']):+.1f}"
    assert line == f"| contrast-5 | {words} | {distances['contrast-5']:.2f} |"
