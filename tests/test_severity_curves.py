"""Curves over severities: which cells they join, what is in colour, and labels that do not overlap."""

import numpy as np

from rosalind.analysis import severity_curves
from rosalind.results import ConditionInfo


def condition(name: str, severity: float, category: str = "noise", draw: int = 0) -> ConditionInfo:
    kind = "corruption" if severity else "clean"
    return ConditionInfo(name, kind, category, 0, severity, draw, "train", None, {})


INFOS = {
    "clean": condition("clean", 0, "clean"),
    "snow-5": condition("snow", 5),
    "snow-1": condition("snow", 1),
    "snow-5-draw1": condition("snow", 5, draw=1),
    "fog-3": condition("fog", 3),
}
COLUMNS = (*INFOS, "mean-severity1", "mean-severity5", "mean-severity3-adapted")


def test_methods_follow_one_corruption_from_clean_on():
    curves = severity_curves.of_methods(["a", "b"], COLUMNS, INFOS, "snow-1")
    assert curves.ticks == ("clean", "1", "5")
    assert curves.columns.tolist() == [[0, 2, 1]] * 2
    table = np.arange(16.0).reshape(2, 8, 1)
    mean, half, count = curves.values(table)
    assert mean.tolist() == [[0, 2, 1], [8, 10, 9]]
    assert np.isnan(half).all()
    assert (count == 1).all()


def test_clean_shows_the_means_and_a_lone_condition_nothing():
    curves = severity_curves.of_methods(["a"], COLUMNS, INFOS, "clean")
    assert curves.columns.tolist() == [[0, 5, 6]]
    assert severity_curves.of_methods(["a"], ["fog-3"], INFOS, "fog-3") is None


def test_corruptions_have_gaps_where_a_severity_was_not_measured():
    curves = severity_curves.of_corruptions(1, COLUMNS, INFOS, "clean")
    assert curves.names == ("snow", "fog")
    assert curves.ticks == ("clean", "1", "3", "5")
    assert curves.columns.tolist() == [[0, 2, -1, 1], [0, -1, 4, -1]]
    mean, _, _ = curves.values(np.ones((2, 8, 3)))
    assert np.isnan(mean).sum() == 3


def test_both_sides_and_the_extremes_are_in_colour():
    means = np.arange(20.0)[:, None]
    chosen = severity_curves.highlighted(means, [7, 7], 6)
    assert chosen[0] == 7
    assert sorted(chosen) == [0, 1, 7, 17, 18, 19] or sorted(chosen) == [0, 1, 2, 7, 18, 19]


def test_labels_are_apart_and_inside():
    generator = np.random.default_rng(0)
    for count in (1, 2, 7, 12):
        places = generator.uniform(0, 10, count) ** 2 / 10
        dodged = severity_curves.dodge(places, 0.8, 0, 10)
        order = np.argsort(places, kind="stable")
        assert (np.diff(dodged[order]) > 0.8 - 1e-9).all()
        assert dodged.min() >= 0
        assert dodged.max() <= 10
