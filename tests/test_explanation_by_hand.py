"""An explanation of a pair once more in plain loops, and the word that its sentence has for every gain."""

import dataclasses
import shutil

import numpy as np
import planted
import pytest

from rosalind import results, study
from rosalind.analysis import explanation, robustness

A, B = "mlp-dense-seed0", "mlp-lth-0.9-seed0"


@pytest.fixture(scope="module")
def networks(small_folder):
    return results.load(small_folder)


@pytest.fixture(scope="module")
def conditions(networks):
    return robustness.main_mean(networks).conditions


@pytest.fixture(scope="module")
def numbers(networks, conditions):
    return explanation.of_pair(networks, A, B, conditions)


def right(networks, name, condition):
    return networks.geometry(name, condition)["prediction"] == networks.labels


def test_costs_are_those_of_both_sides(networks, conditions, numbers):
    for side, name in enumerate((A, B)):
        hits = np.array([right(networks, name, condition) for condition in conditions])
        classes = [hits[:, networks.labels == k].mean() for k in np.unique(networks.labels)]
        errors = [
            robustness.calibration_error(
                results.confidence(networks.geometry(name, condition)), right(networks, name, condition)
            )
            for condition in conditions
        ]
        costs = dict(zip(explanation.COSTS, numbers.costs[side], strict=True))
        assert costs["clean"] == pytest.approx(right(networks, name, "clean").mean())
        assert costs["corrupted"] == pytest.approx(hits.mean())
        assert costs["calibration"] == pytest.approx(np.mean(errors))
        assert costs["worst_class"] == pytest.approx(min(classes))
        assert min(classes) < max(classes)


def test_the_worst_class_is_that_of_the_lowest_mean():
    # Of the small study no network gets every class right at times.
    study_results = planted.Planted(0, True)
    names, under = ("dense-0-seed3", "biprop-0.8-seed3"), robustness.main_mean(study_results).conditions
    costs = explanation.of_pair(study_results, *names, under).costs
    for side, name in enumerate(names):
        hits = np.array([right(study_results, name, condition) for condition in under])
        worst = min(hits[:, study_results.labels == k].mean() for k in range(planted.CLASSES))
        assert 0 < worst == pytest.approx(costs[side][list(explanation.COSTS).index("worst_class")])


def test_flips_go_from_a_to_b(networks, conditions, numbers):
    share = lambda first, second, names: np.mean(
        [(right(networks, first, name) & ~right(networks, second, name)).mean() for name in names]
    )
    expected = [share(*sides, names) for names in (["clean"], conditions) for sides in ((A, B), (B, A))]
    np.testing.assert_allclose(numbers.flips, expected)
    assert expected[2] != expected[3]


def test_paths_are_means_in_units_over_the_conditions_of_a_severity(networks, conditions, numbers):
    severities = explanation.severities(networks, conditions)
    assert severities[0] == 0
    for side, name in enumerate((A, B)):
        unit = networks.feature_scale(name)
        for k, severity in enumerate(severities):
            at = ["clean"] if not severity else [c for c in conditions if networks.conditions[c].severity == severity]
            cells = [networks.geometry(name, condition) for condition in at]
            expected = [np.degrees(np.mean([cell["angle"].mean() for cell in cells]))]
            expected += [np.mean([cell[key].mean() for cell in cells]) / unit for key in ("norm", "margin")]
            np.testing.assert_allclose(numbers.path[side, :, k], expected, rtol=1e-5)


def test_samples_are_matched_on_margins_in_units_and_on_angles(networks, conditions, numbers):
    hits = [np.mean([right(networks, name, condition) for condition in conditions], 0) for name in (A, B)]
    clean = [networks.geometry(name, "clean") for name in (A, B)]
    margins = [cell["margin"] / networks.feature_scale(name) for name, cell in zip((A, B), clean, strict=True)]
    angles = [cell["angle_class_mean"] for cell in clean]
    places = {"margin": explanation.strata(*margins), "spread": explanation.strata(*angles)}
    fifths = [explanation.strata(*sides, explanation.STRATA // 2) for sides in (margins, angles)]
    # Any numbers will do that differ where one of the fifths does.
    places["both"] = tuple(100 * by_margin + by_angle for by_margin, by_angle in zip(*fifths, strict=True))
    for row, key in zip(numbers.matched, explanation.MATCHED, strict=True):
        np.testing.assert_allclose(row, explanation.matched(*hits, *places[key]), atol=1e-12)


def test_samples_without_a_spread_are_matched_with_their_like_alone():
    study_results = planted.Planted(0, True)
    names, under = ("dense-0-seed3", "biprop-0.8-seed3"), robustness.main_mean(study_results).conditions
    whole, gaps = study_results.geometry, np.arange(len(study_results.labels)) % 3 == 0

    def geometry(name, condition, keys=None):
        cell = dict(whole(name, condition))
        if condition == "clean":
            cell["angle_class_mean"] = np.where(gaps, np.nan, cell["angle_class_mean"])
        return cell

    object.__setattr__(study_results, "geometry", geometry)
    hits = [np.mean([right(study_results, name, condition) for condition in under], 0) for name in names]
    cells = [geometry(name, "clean") for name in names]
    sides = [[cell[key] for cell in cells] for key in ("margin", "angle_class_mean")]
    fifths = [explanation.strata(*side, explanation.STRATA // 2) for side in sides]
    both = [100 * by_margin + by_angle for by_margin, by_angle in zip(*fifths, strict=True)]
    expected = explanation.matched(*hits, *both)
    row = explanation.of_pair(study_results, *names, under).matched[[*explanation.MATCHED].index("both")]
    np.testing.assert_allclose(row, expected, atol=1e-12)


@pytest.fixture(scope="module")
def explained(small_folder, tmp_path_factory):
    folder = tmp_path_factory.mktemp("words") / "study"
    shutil.copytree(small_folder, folder)
    return study.explain(folder, "dense", "lth 0.5")


@pytest.mark.parametrize(("gain", "word"), [(0.2, "more accurate"), (-0.2, "less accurate"), (0.0, "as accurate")])
def test_the_sentence_says_which_way_and_whether_it_can_be_told(explained, gain, word):
    accuracy = np.full_like(explained.accuracy, 0.5)
    accuracy[:, -1] += gain
    told = explanation.sentence(dataclasses.replace(explained, accuracy=accuracy))
    assert word in told
    assert ("cannot tell it from none" in told) == (gain == 0)
    assert word in explanation.finding(dataclasses.replace(explained, accuracy=accuracy))


def test_another_seed_is_told_beside_the_gain(explained):
    # Of two seeds the differences are each other's negatives.
    first, second = explained.seed_draw
    assert first == -second != 0
