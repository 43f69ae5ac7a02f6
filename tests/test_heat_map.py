"""The heat map as arrays: orders of rows and columns, shades, numbers, and lines to a slice."""

import numpy as np
import pytest

from rosalind.analysis import accuracy_table, heat_map


def test_seriation_finds_a_line():
    places = np.random.default_rng(0).permutation(12)
    rows = places[:, None] + np.random.default_rng(1).normal(0, 0.01, (12, 5))
    rows[3, 2] = np.nan
    steps = np.diff(places[heat_map.seriate(rows)])
    assert (steps == -1).all()


@pytest.mark.parametrize("rows", [np.zeros((0, 3)), np.ones((4, 2)), np.full((3, 2), np.nan)])
def test_seriation_leaves_what_has_no_order(rows):
    assert heat_map.seriate(rows).tolist() == list(range(len(rows)))


@pytest.mark.parametrize("way", heat_map.COLUMNS)
def test_means_stay_right_of_the_conditions(way):
    means = np.random.default_rng(0).normal(size=(6, 9))
    order = heat_map.arrange_columns(means, way, 7)
    assert sorted(order) == list(range(9))
    assert order[7:].tolist() == [7, 8]
    blocks = heat_map.arrange_columns(means, "study order", 7, [*"cabacba", "means", "means"])
    assert blocks.tolist() == [0, 4, 1, 3, 6, 2, 5, 7, 8]


def test_rows_by_a_column_start_with_the_largest_and_end_with_gaps():
    means = np.array([[1.0, 5], [2, np.nan], [3, 7]])
    assert heat_map.arrange_rows(means, "B's column", 2, 1).tolist() == [2, 0, 1]
    assert heat_map.arrange_rows(means, "mean", 1).tolist() == [2, 1, 0]


def test_shades_and_numbers():
    means = np.array([[-2.0, 0.2], [np.nan, 2.0]])
    low, high = heat_map.limits_of(means, True)
    assert (low, high) == (-2, 2)
    # Of one accuracy the bar ends at it, not above what can be.
    assert heat_map.limits_of(np.array([[100.0, np.nan]]), False) == (0, 100)
    assert heat_map.shades(means, low, high).tolist() == [[1, 141], [0, 255]]
    assert heat_map.numbers_in(means, accuracy_table.CELL_METRICS["difference"]) == ["-2", "0", "·", "+2"]
    # Of numbers that would read alike a decimal more is shown, unless they are whole.
    near = np.array([[98.2, 97.7, np.nan, 97.5]])
    assert heat_map.numbers_in(near, accuracy_table.CELL_METRICS["accuracy"]) == ["98.2", "97.7", "·", "97.5"]
    assert heat_map.numbers_in(near.round(), accuracy_table.CELL_METRICS["accuracy"]) == ["98", "98", "·", "98"]
    few = np.array([[0.254, -0.1, 0, np.nan]])
    assert heat_map.numbers_in(few, accuracy_table.CELL_METRICS["margin median"]) == [
        "0.25",
        "-0.10",
        "0",
        "·",
    ]
    assert heat_map.numbers_in(few, accuracy_table.CELL_METRICS["margin median"], narrow=True) == [
        ".25",
        "-.10",
        "0",
        "·",
    ]


def test_a_notch_is_all_and_a_line_leads_to_the_slice():
    whole, part = np.array([50.0, np.nan]), np.array([100.0, 3])
    x, y = heat_map.bullet_lines(whole, part, np.array([2, 3]), np.array([5, 6]), np.array([2.0, 1]), (0, 100))
    assert x.dtype == y.dtype == np.float32
    np.testing.assert_allclose(x, [6, 6, 6, 6.8, np.nan], rtol=1e-6)
    np.testing.assert_allclose(y, [2.26, 2.46, 2.36, 2.36, np.nan], rtol=1e-6)


@pytest.mark.parametrize("power", range(-15, 6))
def test_every_span_of_numbers_has_a_few_ticks(power):
    # Spans of four tenths and the like are, but for rounding, four steps.
    for span in np.arange(1, 100) * 10.0**power:
        for low in (0.0, 0.1 * span, -span / 3):
            ticks = heat_map.ticks_of(low, low + span)
            assert 4 <= len(set(ticks)) <= 10
            assert low - 1e-6 * span <= ticks[0] < ticks[-1] <= low + (1 + 1e-6) * span
