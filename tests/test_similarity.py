import numpy as np
import pytest

from rosalind import results, similarity


def test_distances_are_root_mean_squares():
    table = np.random.default_rng(0).normal(size=(9, 40)).astype(np.float32)
    table[4] = table[2]
    table[5] = table[2] + 1e-4
    exact = np.sqrt(((table[:, None].astype(float) - table) ** 2).mean(-1))
    found = similarity.distances(table)
    np.testing.assert_allclose(found, exact, rtol=1e-4, atol=1e-7)
    assert found[2, 4] == 0
    assert found[2, 5] > 0


def test_far_from_the_origin_distances_stay_exact():
    table = (np.random.default_rng(0).normal(size=(6, 30)) + 1000).astype(np.float32)
    exact = np.sqrt(((table[:, None].astype(float) - table) ** 2).mean(-1))
    np.testing.assert_allclose(similarity.distances(table), exact, rtol=1e-3)


def test_points_of_a_plane_are_laid_out_exactly():
    points = np.random.default_rng(0).normal(size=(12, 2))
    distance = np.linalg.norm(points[:, None] - points, axis=-1)
    layout, kept = similarity.classical_scaling(distance)
    again = np.linalg.norm(layout[:, None] - layout, axis=-1)
    np.testing.assert_allclose(again, distance, atol=1e-5)
    assert kept == pytest.approx(1)
    np.testing.assert_array_equal(similarity.classical_scaling(distance)[0], layout)


def test_the_tree_of_a_line_is_the_line():
    places = np.array([0.0, 1.0, 3.0, 6.0])
    distance = np.abs(places[:, None] - places)
    assert similarity.spanning_tree(distance).tolist() == [[0, 1], [1, 2], [2, 3]]


def test_duplicates_hang_on_the_first_of_them():
    places = np.array([0.0, 2.0, 0.0, 2.0, 0.0])
    distance = np.abs(places[:, None] - places)
    tree = similarity.spanning_tree(distance)
    assert tree.tolist() == [[0, 1], [0, 2], [0, 4], [1, 3]]


@pytest.mark.parametrize("count", [0, 1])
def test_nothing_to_compare(count):
    distance = np.zeros((count, count))
    assert similarity.classical_scaling(distance)[0].shape == (count, 2)
    assert similarity.spanning_tree(distance).shape == (0, 2)


def test_a_study_is_compared_in_both_modes(small_folder):
    found = results.open(small_folder)
    absolute, _ = similarity.load(found, "absolute")
    change, _ = similarity.load(found, "change_from_clean")
    count = len(found.cells())
    assert len(absolute.cells) == count
    assert absolute.tree.shape == (count - 1, 2)
    clean = [k for k, (_, condition) in enumerate(change.cells) if condition == "clean"]
    assert not change.distance[np.ix_(clean, clean)].any()
    assert absolute.distance[np.ix_(clean, clean)].any()
    fresh = similarity.compare(found, "absolute")
    np.testing.assert_array_equal(fresh.distance, absolute.distance)


def test_distance_is_in_deviations_of_the_reference_cell(small_folder):
    found = results.open(small_folder)
    cells, table, left_out, averaged = similarity.vectors(found)
    first = cells.index(("mlp-dense-seed0", "clean"))
    np.testing.assert_allclose(table[first].reshape(3, -1).std(1), 1, rtol=1e-5)
    assert not left_out
    assert not averaged


def test_values_that_are_not_finite_leave_their_cell_out(small_folder, tmp_path):
    import shutil

    folder = tmp_path / "copy"
    shutil.copytree(small_folder, folder)
    path = results.geometry_file(folder, "mlp-biprop-0.5-seed0", "contrast-5")
    cell = results.load_arrays(path)
    cell["margin"][3] = np.nan
    results.save_arrays(path, cell, replace=True)
    found = similarity.compare(results.open(folder))
    assert ("mlp-biprop-0.5-seed0", "contrast-5") not in found.cells
    assert found.left_out == ("mlp-biprop-0.5-seed0 contrast-5: 1 values are not finite",)


def test_too_many_cells_are_averaged_over_severities(small_folder, monkeypatch):
    monkeypatch.setattr(similarity, "LIMIT", 10)
    found = similarity.compare(results.open(small_folder))
    assert found.averaged
    assert {condition for _, condition in found.cells} == {"clean", "gaussian_noise", "contrast"}


def test_unknown_mode(small_folder):
    with pytest.raises(ValueError, match="unknown mode 'relative'"):
        similarity.compare(results.open(small_folder), "relative")
