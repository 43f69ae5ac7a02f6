"""Angular structure of classes: closed forms of pairs about an axis, turned cells, and who shares a space."""

import numpy as np
import pytest

from rosalind import results
from rosalind.analysis import class_directions


def pairs(tilt: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Two samples on either side of each of three axes, of any length; a zero and an unlabelled one; the head."""
    axes, aside = np.eye(6)[:3], np.eye(6)[3:]
    rows = [2.5 * np.cos(tilt) * axes + sign * 2.5 * np.sin(tilt) * aside for sign in (1, -1)]
    features = np.concatenate([rows[0], 3 * rows[1], np.zeros((1, 6)), np.ones((1, 6))])
    kernel = np.concatenate([7 * axes.T, np.zeros((6, 1))], 1)
    return features, np.array([0, 1, 2, 0, 1, 2, 0, -1]), kernel


def test_pairs_about_an_axis_have_closed_forms():
    features, labels, kernel = pairs(0.4)
    of = class_directions.directions(features, labels, kernel)
    np.testing.assert_allclose(of.resultant, [np.cos(0.4)] * 3 + [np.nan], rtol=1e-12)
    np.testing.assert_allclose(of.spread[:3], 1 - np.cos(0.4), rtol=1e-12)
    np.testing.assert_allclose(of.angle, [0.4] * 3 + [np.nan], rtol=1e-12)
    np.testing.assert_allclose(of.angle_sd[:3], 0, atol=1e-12)
    np.testing.assert_allclose(of.to_head, [0, 0, 0, np.nan], atol=1e-7)
    # Angles know no scale, be it one whose squares leave float32.
    tiny = class_directions.directions(1e-20 * features, labels, 1e-20 * kernel)
    np.testing.assert_allclose(tiny.angle, of.angle, rtol=1e-12)
    expected = np.full((4, 4), np.nan)
    expected[:3, :3] = np.pi / 2 * (1 - np.eye(3))
    for table in (of.between, of.between_head):
        np.testing.assert_allclose(table, expected, atol=1e-12)


def test_a_turned_cell_is_turned_by_its_angle():
    features, labels, kernel = pairs(0.4)
    turn = np.eye(6)
    turn[np.ix_([0, 3], [0, 3])] = [[np.cos(0.3), -np.sin(0.3)], [np.sin(0.3), np.cos(0.3)]]
    first = class_directions.directions(features, labels, kernel)
    second = class_directions.directions(features @ turn.T, labels, kernel)
    np.testing.assert_allclose(class_directions.turned(first, second), [0.3, 0, 0, np.nan], atol=1e-7)
    with pytest.raises(ValueError, match="one feature space"):
        class_directions.turned(first, class_directions.directions(features[:, :4], labels, kernel[:4]))


def test_random_directions_are_as_far_from_square_as_chance_has_them():
    features = np.random.default_rng(0).normal(size=(300, 64))
    of = class_directions.directions(features, np.arange(300), np.zeros((64, 300)))
    cosines = np.cos(of.between[np.triu_indices(300, 1)])
    assert cosines.std() == pytest.approx(class_directions.chance_cosine(64), rel=0.02)
    assert class_directions.chance_cosine(64) == 1 / 8


def test_a_study_says_which_networks_share_a_space(small_folder):
    study_results = results.load(small_folder)
    shared = lambda a, b: class_directions.share_a_space(study_results, f"mlp-{a}", f"mlp-{b}")
    assert shared("magnitude-0.5-seed0", "dense-seed0")
    assert shared("dense-seed0", "magnitude-0.5-seed0")
    assert not shared("dense-seed0", "dense-seed1")
    assert not shared("magnitude-0.5-seed1", "dense-seed0")
    of = class_directions.of_cell(study_results, "mlp-dense-seed0", "clean")
    stored = study_results.geometry("mlp-dense-seed0", "clean", ("angle",))["angle"][study_results.samples["subset"]]
    labels = study_results.labels[study_results.samples["subset"]]
    means = [stored[labels == k].mean() for k in range(len(study_results.class_names))]
    np.testing.assert_allclose(of.angle, means, atol=2e-3)
