"""Neural collapse: closed forms of the simplex, and what the numbers do not depend on."""

import numpy as np
import pytest

from rosalind import results
from rosalind.analysis import collapse


def simplex(classes: int, width: int, length: float) -> np.ndarray:
    """float64[classes, width]: corners of a simplex around zero, turned at random."""
    corners = np.eye(classes) - 1 / classes
    turn = np.linalg.qr(np.random.default_rng(classes).normal(size=(width, width)))[0][:, :classes]
    return length * np.sqrt(classes / (classes - 1)) * corners @ turn.T


class TestSimplex:
    def test_a_collapsed_network_is_at_zero(self):
        mean = simplex(10, 16, 3.0) + 5
        of = {"features": mean, "prediction": np.arange(10), "labels": np.arange(10)}
        numbers = collapse.numbers(mean, np.zeros(10), 0.2 * (mean - 5).T, **of)
        assert numbers.pop("closest_angle") == pytest.approx(96.379, abs=1e-3)
        many = simplex(100, 100, 1.0)
        assert collapse.numbers(many, np.zeros(100), many.T)["closest_angle"] == pytest.approx(90.579, abs=1e-3)
        np.testing.assert_allclose(list(numbers.values()), 0, atol=1e-12)
        assert list(numbers) == [name for name in collapse.MEASURES if name != "closest_angle"]

    @pytest.mark.parametrize("classes", [2, 10])
    def test_spread_of_a_noisy_simplex(self, classes):
        # Corners of length a are a sqrt(2 C / (C - 1)) apart; d directions of deviation s scatter by d s^2.
        width, length, noise = 20, 3.0, 0.2
        scatter = np.full(classes, width * noise**2)
        exact = width * noise**2 * (classes - 1) / (2 * classes * length**2)
        corners = simplex(classes, width, length)
        cdnv = collapse.cdnv(corners, scatter)
        assert cdnv == pytest.approx(exact, rel=1e-9)
        # With its inverse: noise along every axis, both ways, in every class.
        axes = noise * width**0.5 * np.concatenate([np.eye(width), -np.eye(width)])
        features = np.concatenate([corner + axes for corner in corners]) + 3
        labels = np.repeat(np.arange(classes), len(axes))
        expected = noise**2 * (classes - 1) ** 2 / (classes * length**2)
        assert collapse.nc1(features, labels) == pytest.approx(expected, rel=1e-9)
        assert np.isnan(collapse.nc1(np.zeros((40, width)), labels[:40]))

    def test_lengths_and_directions_that_are_off_show_where_they_are(self):
        mean, head = simplex(4, 8, 1.0), simplex(4, 8, 1.0)
        # Lengths 1, 1, 3, 3 have mean 2 and deviation 1.
        numbers = collapse.numbers(mean, np.ones(4), head.T * np.array([1, 1, 3, 3]))
        assert numbers["head_lengths"] == pytest.approx(0.5)
        assert numbers["mean_lengths"] == pytest.approx(0, abs=1e-12)
        assert numbers["head_angles"] == pytest.approx(0, abs=1e-12)
        # All classes on one line: cosines 1, 1 and four times -1 against -1/3.
        line = np.outer([1.0, 1.0, -1.0, -1.0], np.eye(8)[0])
        numbers = collapse.numbers(line, np.ones(4), head.T)
        assert numbers["mean_angles"] == pytest.approx((2 * 4 / 3 + 4 * 2 / 3) / 6)
        # Their mean is -1/3, that of their squares 1.
        assert numbers["uneven_angles"] == pytest.approx((8 / 9) ** 0.5)
        assert numbers["closest_angle"] == 0
        # The product of two unit vectors of one direction may be above 1 by rounding.
        for axis in np.random.default_rng(0).normal(size=(30, 8)):
            turned = collapse.numbers(np.outer([1.0, 3, -1, -3], axis), np.ones(4), head.T)
            assert turned["closest_angle"] == pytest.approx(0, abs=1e-5)

    def test_duality_is_two_for_what_has_nothing_in_common_and_four_for_opposites(self):
        both = simplex(5, 20, 1.0)
        first, second = both[:, :10], both[:, 10:]
        apart = np.hstack([first - first.mean(0), np.zeros((5, 10))]), np.hstack([np.zeros((5, 10)), second])
        assert collapse.numbers(apart[0], np.ones(5), apart[1].T)["duality"] == pytest.approx(2)
        assert collapse.numbers(both, np.ones(5), -3 * both.T)["duality"] == pytest.approx(4)

    def test_numbers_do_not_depend_on_turning_moving_and_scaling_features(self):
        generator = np.random.default_rng(1)
        mean, head = generator.normal(size=(2, 6, 9))
        scatter, features = generator.random(6), generator.normal(size=(40, 9))
        prediction, labels = generator.integers(0, 6, 40), np.arange(40) % 6
        turn, shift = np.linalg.qr(generator.normal(size=(9, 9)))[0], generator.normal(size=9)
        move = lambda rows: 7 * rows @ turn + shift
        before = collapse.numbers(mean, scatter, head.T, features=features, prediction=prediction, labels=labels)
        after = collapse.numbers(
            *(move(mean), 49 * scatter, (head @ turn).T / 7),
            features=move(features),
            prediction=prediction,
            labels=labels,
        )
        for name, value in before.items():
            assert after[name] == pytest.approx(value, rel=1e-6), name
            assert value > 0

    def test_classes_without_samples_are_left_out(self):
        mean, head = simplex(5, 8, 2.0), simplex(5, 8, 1.0)
        gone = np.vstack([mean, np.full((1, 8), np.nan)])
        kernel = np.vstack([head, np.ones((1, 8))]).T
        features, labels = np.vstack([mean, mean]), np.tile(np.arange(5), 2)
        of = {"features": features, "prediction": labels, "labels": labels}
        numbers = collapse.numbers(gone, np.full(6, 0.0), kernel, **of)
        np.testing.assert_allclose([v for k, v in numbers.items() if k != "closest_angle"], 0, atol=1e-12)
        alone = collapse.numbers(gone[4:], np.zeros(2), kernel[:, 4:])
        assert np.isnan(list(alone.values())).all()

    def test_classes_in_one_place_are_infinitely_spread_or_nothing(self):
        assert collapse.cdnv(np.ones((3, 2)), np.ones(3)) == np.inf
        assert np.isnan(collapse.cdnv(np.ones((3, 2)), np.zeros(3)))
        assert np.isnan(list(collapse.numbers(np.zeros((3, 2)), np.zeros(3), np.zeros((2, 3))).values())).all()


def test_a_slice_has_the_scatter_of_its_own_samples():
    # Two classes 4 apart, whose samples lie 1 and 2 from their means: mean scatter 2.5 over the squared distance.
    x = np.array([[1.0, 0], [-1, 0], [4, 2], [4, -2], [9, 9]])
    kernel = np.array([[-1.0, 1.0], [0, 0]])
    numbers = collapse.of_slice(x, np.array([0, 0, 1, 1, -1]), np.array([0, 0, 1, 0, 0]), kernel)
    assert numbers["spread"] == pytest.approx((1 + 4) / 2 / 16)
    assert numbers["disagreement"] == 1 / 4
    # Along the line through both means: squares of 1, 1, 0 and 0 over the squared half of 4.
    assert numbers["variability"] == pytest.approx(0.5 / 4 / 2)


def test_a_stored_cell_gives_what_its_features_give(small_folder):
    study_results = results.load(small_folder)
    network, condition = study_results.cells()[0]
    arrays, subset = study_results.geometry(network, condition), study_results.samples["subset"]
    value = collapse.of_cell(study_results, network, condition)
    features = arrays["features"].astype(np.float64)
    nearest = ((features[:, None] - arrays["class_mean"]) ** 2).sum(2).argmin(1)
    assert value["disagreement"] == pytest.approx((nearest != arrays["prediction"][subset]).mean())
    assert value["variability"] == pytest.approx(collapse.nc1(features, study_results.labels[subset]))
    first, second = arrays["class_mean"][:2].astype(np.float64)
    pair = collapse.cdnv(arrays["class_mean"][:2], arrays["class_scatter"][:2])
    assert pair == pytest.approx(arrays["class_scatter"][:2].mean() / ((first - second) ** 2).sum(), rel=1e-5)
    assert np.isfinite(list(value.values())).all()
