"""Likeness of the cells of a study: distances, floors, averages where there are too many, and what is stored."""

import shutil
from dataclasses import fields

import numpy as np
import pytest

from rosalind import results
from rosalind.analysis import similarity
from rosalind.analysis.similarity import distances, layout


def test_a_study_is_compared_in_both_modes(small_folder):
    study_results = results.load(small_folder)
    absolute, _ = similarity.load(study_results, "absolute")
    change, _ = similarity.load(study_results, "change_from_clean")
    count = len(study_results.cells())
    assert len(absolute.cells) == count
    assert absolute.tree.shape == (count - 1, 2)
    assert sorted(absolute.order) == list(range(count))
    clean = [k for k, (_, condition) in enumerate(change.cells) if condition == "clean"]
    assert not change.distance[np.ix_(clean, clean)].any()
    assert absolute.distance[np.ix_(clean, clean)].any()


@pytest.mark.parametrize("metric", list(similarity.METRICS))
def test_what_is_stored_is_what_is_computed(small_folder, metric):
    study_results = results.load(small_folder)
    stored, fresh = similarity.load(study_results, metric=metric)[0], similarity.compare(study_results, metric=metric)
    for name in ("cells", "kept", "trust", "left_out", "averaged"):
        assert getattr(stored, name) == getattr(fresh, name), name
    for name in ("distance", "layout", "tree", "order"):
        np.testing.assert_array_equal(getattr(stored, name), getattr(fresh, name))


def test_distance_is_in_deviations_of_the_reference_cell(small_folder):
    study_results = results.load(small_folder)
    reference, other = ("mlp-dense-seed0", "clean"), ("mlp-lth-0.9-seed1", "contrast-5")

    def vectors(cell):
        arrays = study_results.geometry(*cell)
        unit = {
            "angle": 1,
            "norm": study_results.feature_scale(cell[0]),
            "margin": study_results.feature_scale(cell[0]),
        }
        return np.stack([arrays[name] / unit[name] for name in unit])

    scaled = (vectors(other) - vectors(reference)) / vectors(reference).std(1, keepdims=True)
    expected = {"all": scaled, "angle": scaled[0], "norm": scaled[1], "margin": scaled[2]}
    for metric, values in expected.items():
        comparison = similarity.compare(study_results, metric=metric)
        place = [comparison.cells.index(cell) for cell in (reference, other)]
        assert comparison.distance[tuple(place)] == pytest.approx(np.sqrt((values**2).mean()), rel=1e-4)


def test_reading_in_blocks_of_samples_changes_nothing(small_folder, monkeypatch):
    study_results = results.load(small_folder)
    whole = similarity.compare(study_results)
    monkeypatch.setattr(distances, "BLOCK", 4 * 3 * len(whole.cells) * 250)
    np.testing.assert_allclose(similarity.compare(study_results).distance, whole.distance, rtol=1e-4, atol=1e-6)


def test_values_that_are_not_finite_leave_their_cell_out(folder):
    path = results.geometry_file(folder, "mlp-biprop-0.5-seed0", "contrast-5")
    cell = results.load_arrays(path)
    cell["margin"][3] = np.nan
    results.save_arrays(path, cell, replace=True)
    comparison = similarity.compare(results.load(folder))
    assert ("mlp-biprop-0.5-seed0", "contrast-5") not in comparison.cells
    assert comparison.left_out == ("mlp-biprop-0.5-seed0 contrast-5: 1 values are not finite",)


def test_a_reference_that_is_not_finite_leaves_itself_out_alone(folder):
    before = similarity.compare(results.load(folder), metric="margin")
    reference = ("mlp-dense-seed0", "clean")
    path = results.geometry_file(folder, *reference)
    cell = results.load_arrays(path)
    deviation = cell["margin"].std()
    cell["margin"][0] = np.nan
    results.save_arrays(path, cell, replace=True)
    after = similarity.compare(results.load(folder), metric="margin")
    assert after.left_out == ("mlp-dense-seed0 clean: 1 values are not finite",)
    kept = [before.cells.index(cell) for cell in after.cells]
    assert sorted(kept) == [k for k, cell in enumerate(before.cells) if cell != reference]
    # What remains is in deviations of the reference's other samples.
    scaled = before.distance[np.ix_(kept, kept)] * deviation / cell["margin"][1:].std()
    # Squares of up to 8 in float32 leave 1e-5 of a distance of 0.04.
    np.testing.assert_allclose(after.distance, scaled, rtol=1e-4, atol=2e-5)


def test_floors_are_medians_over_pairs_that_differ_by_chance(small_folder, folder):
    study_results = results.load(small_folder)
    compared = similarity.compare(study_results)
    place = {cell: k for k, cell in enumerate(compared.cells)}
    pairs = [
        compared.distance[place[network, condition], place[network.replace("seed0", "seed1"), condition]]
        for network, condition in compared.cells
        if network.endswith("seed0")
    ]
    assert similarity.floors(study_results, compared) == {"seeds": (pytest.approx(np.median(pairs)), len(pairs))}
    info = results.load_json(folder / "conditions" / "gaussian_noise-5.json")
    again = "gaussian_noise-5-draw1"
    results.save_json(folder / "conditions" / f"{again}.json", {**info, "draw": 1})
    for network in ("mlp-dense-seed0", "mlp-lth-0.9-seed0"):
        cell = results.load_arrays(results.geometry_file(folder, network, "gaussian_noise-5"))
        results.save_arrays(
            results.geometry_file(folder, network, again), {**cell, "norm": cell["norm"] * 1.1, "condition": again}
        )
    study_results = results.load(folder)
    compared = similarity.compare(study_results, metric="norm")
    place = {cell: k for k, cell in enumerate(compared.cells)}
    pairs = [
        compared.distance[place[network, "gaussian_noise-5"], place[network, again]]
        for network in ("mlp-dense-seed0", "mlp-lth-0.9-seed0")
    ]
    assert similarity.floors(study_results, compared)["draws"] == (pytest.approx(np.median(pairs)), 2)


class TestTooManyCells:
    def test_nothing_is_averaged_without_need(self, small_folder):
        study_results = results.load(small_folder)
        cells = tuple(study_results.cells())
        kept = similarity.points(study_results, len(cells))
        assert (kept.names, kept.averaged) == (cells, ())
        assert kept.members == tuple((cell,) for cell in cells)

    def test_severities_first(self, small_folder):
        study_results = results.load(small_folder)
        kept = similarity.points(study_results, len(study_results.networks) * 3)
        assert kept.averaged == ("severities",)
        assert {condition for _, condition in kept.names} == {"clean", "gaussian_noise", "contrast"}
        place = kept.names.index(("mlp-lth-0.9-seed1", "contrast"))
        assert kept.members[place] == tuple(("mlp-lth-0.9-seed1", f"contrast-{s}") for s in (1, 5))

    def test_then_seeds_and_landmarks_at_last(self, small_folder):
        study_results = results.load(small_folder)
        groups = len(study_results.networks) // 2
        kept = similarity.points(study_results, groups * 3)
        assert kept.averaged == ("severities", "seeds")
        assert ("lth 0.9 over seeds", "contrast") in kept.names
        assert sorted(cell for cells in kept.members for cell in cells) == sorted(study_results.cells())
        few = similarity.points(study_results, 4)
        assert few.averaged == ("severities", "seeds", "landmarks")
        assert len(few.names) == 4
        assert (few.names[0], few.names[-1]) == (kept.names[0], kept.names[-1])

    def test_batchnorm_modes_are_never_averaged_together(self, folder):
        info = results.load_json(folder / "conditions" / "contrast-5.json")
        results.save_json(folder / "conditions" / "contrast-5-adapted.json", {**info, "bn": "adapted"})
        source = results.geometry_file(folder, "mlp-dense-seed0", "contrast-5")
        shutil.copy(source, source.with_name("contrast-5-adapted.npz"))
        kept = similarity.points(results.load(folder), 3)
        whole = similarity.points(results.load(folder), 20)
        assert ("dense over seeds", "contrast-adapted") in whole.names
        assert kept.averaged[-1] == "landmarks"

    def test_a_point_is_the_mean_of_its_cells(self, small_folder):
        study_results = results.load(small_folder)
        compared = similarity.compare(study_results, metric="angle", limit=len(study_results.networks) * 3)
        assert compared.averaged == ("severities",)
        spread = study_results.geometry("mlp-dense-seed0", "clean")["angle"].std()
        clean = study_results.geometry("mlp-dense-seed0", "clean")["angle"]
        mean = np.mean([study_results.geometry("mlp-dense-seed0", f"contrast-{s}")["angle"] for s in (1, 5)], 0)
        a, b = (compared.cells.index(("mlp-dense-seed0", name)) for name in ("clean", "contrast"))
        expected = np.sqrt((((mean - clean) / spread) ** 2).mean())
        assert compared.distance[a, b] == pytest.approx(expected, rel=1e-4)


class TestStored:
    def test_added_cells_are_seen(self, folder):
        count = len(results.load(folder).cells())
        results.geometry_file(folder, "mlp-biprop-0.5-seed0", "contrast-5").unlink()
        assert len(similarity.load(results.load(folder))[0].cells) == count - 1

    def test_a_damaged_comparison_is_made_anew(self, folder):
        (folder / "comparison" / "similarity-absolute.npz").write_bytes(b"broken")
        study_results = results.load(folder)
        assert len(similarity.load(study_results)[0].cells) == len(study_results.cells())

    @pytest.mark.parametrize("metric", similarity.METRICS)
    def test_what_is_stored_is_read_as_it_was_made(self, folder, metric):
        path, found = folder / "comparison" / "similarity-absolute.npz", results.load(folder)
        arrays = results.load_arrays(path)
        # A trace in what is stored shows that it was read.
        arrays["left_out"] = np.array(["a trace"])
        results.save_arrays(path, arrays, replace=True)
        stored, made = similarity.load(found, metric=metric)[0], similarity.compare(found, metric=metric)
        assert stored.left_out == ("a trace",)
        for field in fields(made):
            if field.name != "left_out":
                np.testing.assert_array_equal(getattr(stored, field.name), getattr(made, field.name))

    @pytest.mark.parametrize("lacking", ["condensed/all", "picture/all", "measured"])
    def test_a_comparison_of_an_earlier_version_is_made_anew(self, folder, lacking):
        path, found = folder / "comparison" / "similarity-absolute.npz", results.load(folder)
        arrays = results.load_arrays(path) | {"kept/all": np.float32(0.25)}
        del arrays[lacking]
        results.save_arrays(path, arrays, replace=True)
        assert similarity.load(found)[0].kept == pytest.approx(similarity.compare(found).kept)


def test_the_distance_of_any_two_is_found_without_the_matrix(small_folder):
    comparison = similarity.compare(results.load(small_folder))
    rows = np.arange(len(comparison.cells))
    np.testing.assert_array_equal(comparison.between(rows[:, None], rows), comparison.distance)
    assert comparison.between(rows[:2], rows[:2]).tolist() == [0, 0]


def test_too_few_cells_for_umap_are_said_and_all_else_is_stored(folder, capsys):
    for path in sorted((folder / "geometry").glob("*/*.npz"))[3:]:
        path.unlink()
    similarity.save(results.load(folder), umap=True)
    assert "4 cells or more, got 3" in capsys.readouterr().err
    compared, umap = similarity.load(results.load(folder))
    assert len(compared.cells) == 3
    assert umap is None
    with pytest.raises(ValueError, match="got 3"):
        layout.umap_layouts(np.abs(np.subtract.outer([0.0, 1, 3], [0, 1, 3])).astype(np.float32))


def test_unknown_names(small_folder):
    study_results = results.load(small_folder)
    with pytest.raises(ValueError, match="unknown distance mode 'relative'"):
        similarity.compare(study_results, "relative")
    with pytest.raises(ValueError, match=r"unknown metric 'norms'; did you mean 'norm'\?"):
        similarity.load(study_results, metric="norms")
