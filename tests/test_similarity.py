"""Distances between points, their trees, layouts and pictures."""

import os
import subprocess
import sys

import numpy as np
import pytest

from rosalind.analysis import similarity
from rosalind.analysis.similarity import layout


def line(*places):
    places = np.array(places, np.float32)
    return np.abs(places[:, None] - places)


def test_distances_are_root_mean_squares():
    table = np.random.default_rng(0).normal(size=(9, 40)).astype(np.float32)
    table[4] = table[2]
    table[5] = table[2] + 1e-4
    exact = np.sqrt(((table[:, None].astype(float) - table) ** 2).mean(-1))
    distances = similarity.rms_distances(table)
    np.testing.assert_allclose(distances, exact, rtol=1e-4, atol=1e-7)
    assert distances[2, 4] == 0
    assert distances[2, 5] > 0


def test_far_from_the_origin_distances_stay_exact():
    table = (np.random.default_rng(0).normal(size=(6, 30)) + 1000).astype(np.float32)
    exact = np.sqrt(((table[:, None].astype(float) - table) ** 2).mean(-1))
    np.testing.assert_allclose(similarity.rms_distances(table), exact, rtol=1e-3)


AMONG_OTHERS = """
import numpy as np
from rosalind.analysis.similarity import rms_distances

draw = np.random.default_rng(0)
table = draw.normal(size=(150, 600)).astype(np.float32)
table[0] = 0
every = rms_distances(table)
for count in (2, 9, 13, 77, 149):
    some = np.append(0, 1 + np.sort(draw.choice(149, count - 1, replace=False)))
    assert np.array_equal(rms_distances(table[some]), every[np.ix_(some, some)]), count
"""


@pytest.mark.parametrize("kernel", ["", "Haswell"])
def test_a_distance_is_the_same_whichever_others_there_are(kernel):
    # The kernel that OpenBLAS takes on an AMD EPYC too; where it has none of that name the setting does nothing.
    environment = {**os.environ, **({"OPENBLAS_CORETYPE": kernel} if kernel else {})}
    subprocess.run([sys.executable, "-c", AMONG_OTHERS], env=environment, check=True)


def test_points_of_a_plane_are_laid_out_exactly():
    points = np.random.default_rng(0).normal(size=(12, 2))
    distance = np.linalg.norm(points[:, None] - points, axis=-1)
    layout, kept = similarity.classical_scaling(distance)
    again = np.linalg.norm(layout[:, None] - layout, axis=-1)
    np.testing.assert_allclose(again, distance, atol=1e-5)
    assert kept == pytest.approx(1)
    np.testing.assert_array_equal(similarity.classical_scaling(distance)[0], layout)


def test_a_corner_of_space_keeps_two_of_its_three_directions():
    # The simplex of four corners has three equal eigenvalues, of which the plane shows two.
    _, kept = similarity.classical_scaling(1 - np.eye(4))
    assert kept == pytest.approx(2 / 3)


def test_the_tree_of_a_line_is_the_line():
    assert similarity.spanning_tree(line(0, 1, 3, 6)).tolist() == [[0, 1], [1, 2], [2, 3]]


def test_duplicates_hang_on_the_first_of_them():
    tree = similarity.spanning_tree(line(0, 2, 0, 2, 0))
    assert tree.tolist() == [[0, 1], [0, 2], [0, 4], [1, 3]]


def test_no_tree_is_shorter():
    points = np.random.default_rng(1).normal(size=(30, 5))
    distance = np.linalg.norm(points[:, None] - points, axis=-1)
    from scipy.sparse.csgraph import minimum_spanning_tree

    a, b = similarity.spanning_tree(distance).T
    assert distance[a, b].sum() == pytest.approx(minimum_spanning_tree(distance).sum())


def test_alike_rows_stand_side_by_side():
    places = np.random.default_rng(2).permutation(20).astype(float)
    order = similarity.leaf_order(line(*places))
    assert sorted(order) == list(range(20))
    assert (np.abs(np.diff(places[order])) == 1).all()


def test_the_nearest_are_sorted_and_never_oneself():
    distance = line(0, 1, 3, 7, 7)
    assert similarity.nearest(distance, 2).tolist() == [[1, 2], [0, 2], [1, 0], [4, 2], [3, 2]]
    assert similarity.nearest(distance[:2, :2]).tolist() == [[1], [0]]


def test_trust_is_one_for_true_neighbours_and_falls_for_false_ones():
    points = np.random.default_rng(0).normal(size=(60, 2))
    distance = np.linalg.norm(points[:, None] - points, axis=-1)
    assert similarity.trustworthiness(distance, points) == 1
    assert similarity.trustworthiness(distance, points[:, :1] * [1, 0]) < 0.95
    shuffled = np.random.default_rng(1).permutation(points)
    assert 0.3 < similarity.trustworthiness(distance, shuffled) < 0.7
    assert np.isnan(similarity.trustworthiness(distance[:10, :10], points[:10]))


def test_trust_by_hand():
    distance = np.array([[0, 1, 2, 3], [1, 0, 2, 4], [2, 2, 0, 1], [3, 4, 1, 0]], float)
    layout = np.array([[9.0, 0], [0, 0], [20, 0], [14.5, 0]])
    shown = similarity.nearest(line(*layout[:, 0]), 1)[:, 0]
    assert shown.tolist() == [3, 0, 3, 0]
    # Row 0 is shown its third nearest, row 3 its second; the others their first.
    lost = (3 - 1) + (2 - 1)
    expected = 1 - 2 * lost / (4 * 1 * (2 * 4 - 3 - 1))
    assert similarity.trustworthiness(distance, layout, 1) == pytest.approx(expected)


def test_layouts_lie_on_each_other_as_near_as_they_can():
    generator = np.random.default_rng(0)
    first = generator.normal(size=(40, 2))
    turn = np.array([[np.cos(2.0), np.sin(2.0)], [np.sin(2.0), -np.cos(2.0)]])
    np.testing.assert_allclose(layout.aligned(0.2 * first @ turn - 5, first), first, atol=1e-9)
    noisy = first + 0.1 * generator.normal(size=first.shape)
    assert ((layout.aligned(noisy, first) - first) ** 2).sum() <= ((noisy - first) ** 2).sum()
    for kind in (np.float32, np.float64):
        np.testing.assert_allclose(layout.aligned(np.ones((3, 2), kind), first[:3]), [first[:3].mean(0)] * 3)
    assert layout.wobble(first[None].astype(np.float32)).max() == 0


@pytest.mark.parametrize("count", [0, 1])
def test_nothing_to_compare(count):
    distance = np.zeros((count, count))
    assert similarity.classical_scaling(distance)[0].shape == (count, 2)
    assert similarity.spanning_tree(distance).shape == (0, 2)
    assert similarity.leaf_order(distance).tolist() == list(range(count))
    assert similarity.nearest(distance).shape == (count, 0)
    assert similarity.rms_distances(np.zeros((count, 5), np.float32)).shape == (count, count)


class TestPicture:
    def test_rows_stand_in_order_and_the_limit_is_white(self):
        picture = similarity.picture(line(0, 3, 1), np.array([0, 2, 1]), limit=2)
        assert picture.dtype == np.uint8
        assert picture.tolist() == [[0, 128, 255], [128, 0, 255], [255, 255, 0]]

    def test_more_rows_than_pixels_are_averaged(self):
        distance = np.kron(1 - np.eye(3), np.ones((4, 4)))
        picture = similarity.picture(distance, np.arange(12), limit=1, pixels=3)
        assert picture.tolist() == (255 * (1 - np.eye(3))).tolist()
        assert similarity.picture_rows(12, 3).tolist() == [0, 4, 8]
