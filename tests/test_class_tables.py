"""Tables and orders of classes and the density of lines, whose views are tested in `test_view_classes`."""

import itertools

import numpy as np
import pytest

from rosalind.analysis import class_order, rasters, similarity
from rosalind.analysis.class_order import Rows


class TestParallelDensity:
    def test_it_is_one_line_per_sample_and_column(self):
        axes = np.random.default_rng(0).random((4, 300))
        levels = np.stack([rasters.levels(values, (0, 1)) for values in axes])
        np.testing.assert_array_equal(rasters.parallel_density(levels).sum(0), 300)
        levels[1, 0] = rasters.GAP
        image = rasters.parallel_density(levels, width=7)
        assert image.shape == (rasters.LEVELS, 21)
        np.testing.assert_array_equal(image.sum(0), np.repeat([299, 299, 300], 7))

    def test_every_line_goes_where_it_is_drawn_by_hand(self):
        generator, width = np.random.default_rng(1), 9
        levels = generator.integers(0, rasters.LEVELS, (3, 20)).astype(np.uint8)
        exact = np.zeros((rasters.LEVELS, 2 * width))
        places = (np.arange(width) + 0.5) / width
        for gap, sample in itertools.product(range(2), range(20)):
            start, stop = levels[gap : gap + 2, sample].astype(int)
            exact[np.round(start + (stop - start) * places).astype(int), gap * width + np.arange(width)] += 1
        np.testing.assert_array_equal(rasters.parallel_density(levels, width), exact)


class TestOrder:
    def test_similar_classes_become_neighbours_whatever_their_numbers(self):
        family = np.random.default_rng(2).permutation(np.repeat(np.arange(4), 5))
        apart = np.where(family[:, None] == family, 10.0, 90.0)
        np.fill_diagonal(apart, 0)
        ordered = family[similarity.leaf_order(apart)]
        assert (np.diff(ordered) != 0).sum() == 3
        groups = class_order.segments(apart, similarity.leaf_order(apart), 4)
        assert len(set(zip(family.tolist(), groups.tolist(), strict=True))) == 4

    def test_groups_are_the_best_contiguous_cut(self):
        points = np.random.default_rng(3).random((7, 2))
        apart = np.linalg.norm(points[:, None] - points, axis=2)
        order = similarity.leaf_order(apart)

        def inner(groups):
            within = [points[groups == g] for g in range(3)]
            return sum(((p - p.mean(0)) ** 2).sum() for p in within)

        cuts = []
        for first, second in itertools.combinations(range(1, 7), 2):
            groups = np.empty(7, int)
            groups[order] = np.repeat([0, 1, 2], [first, second - first, 7 - second])
            cuts.append(inner(groups))
        assert inner(class_order.segments(apart, order, 3)) == pytest.approx(min(cuts))

    def test_distances_fill_gaps_and_leave_the_table_alone(self):
        table = np.array([[1.0, np.nan, 70.0], [60.0, 2.0, np.nan], [80.0, np.nan, 3.0]])
        before = table.copy()
        np.testing.assert_array_equal(class_order.distances(table), [[0, 60, 75], [60, 0, 75], [75, 75, 0]])
        np.testing.assert_array_equal(table, before)
        assert class_order.distances(np.full((3, 3), np.nan)).tolist() == np.zeros((3, 3)).tolist()

    def test_a_group_is_called_after_its_middle(self):
        apart = np.abs(np.arange(5.0)[:, None] - np.arange(5))
        rows = class_order.rows_of_groups(apart, np.arange(5), np.array([0, 0, 0, 1, 1]), list("abcde"))
        assert rows.titles() == ["b +2", "d +1"]
        assert rows.grouped
        assert not class_order.rows_of_classes(np.arange(5), list("abcde")).grouped


class TestTables:
    def test_a_group_is_the_mean_over_its_samples(self):
        generator = np.random.default_rng(4)
        counts = np.array([3, 1, 0, 5])
        labels = np.repeat(np.arange(4), counts)
        angles = generator.random((9, 4))
        table = np.full((4, 4), np.nan)
        for k in np.flatnonzero(counts):
            table[k] = angles[labels == k].mean(0)
        rows = Rows((np.array([0, 2]), np.array([3, 1])), ("first", "second"))
        exact = [[angles[np.isin(labels, i)][:, j].mean() for j in ([0, 2], [1, 3])] for i in ([0, 2], [1, 3])]
        np.testing.assert_allclose(class_order.gathered(table, rows, counts), exact, rtol=1e-5)
        alone = Rows((np.array([2]), np.array([0, 1])), ("absent", "there"))
        assert np.isnan(class_order.gathered(table, alone, counts)[0]).all()

    def test_confusion_counts_every_labelled_sample_once(self):
        labels, predictions = np.array([0, 1, 1, 2, -1]), np.array([0, 2, 2, 2, 1], np.int16)
        table = class_order.confusion(labels, predictions, 3)
        assert table.tolist() == [[1, 0, 0], [0, 0, 2], [0, 0, 1]]
        rows = Rows((np.array([1]), np.array([0, 2])), ("one", "two"))
        assert class_order.gathered(table, rows).tolist() == [[0, 2], [0, 2]]

    def test_angles_between_directions(self):
        kernel = np.array([[1.0, 0.0, 1.0, 0.0], [0.0, 2.0, 1.0, 0.0]])
        angles = class_order.between_directions(kernel)
        np.testing.assert_allclose(angles[0, 1:3], [90, 45], rtol=1e-6)
        assert np.isnan(angles[3]).all()
        assert class_order.nearest_directions(angles, 0, 3).tolist() == [0, 2, 1]
        assert class_order.nearest_directions(angles, 1, 4).tolist() == [1, 2, 0, 3]
