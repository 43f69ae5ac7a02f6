import shutil
from dataclasses import fields

import numpy as np
import pytest
from bokeh.document import Document
from pages import Page, says

from rosalind import results
from rosalind.analysis import similarity
from rosalind.analysis.similarity import comparison, distances, layout, of_sides
from rosalind.analysis.similarity.points import points
from rosalind.analysis.store import Store
from rosalind.viewer.views.networks.similarity import Similarity


def line(*places):
    places = np.array(places, np.float32)
    return np.abs(places[:, None] - places)


@pytest.fixture
def copy(small_folder, tmp_path):
    shutil.copytree(small_folder, tmp_path / "copy")
    return tmp_path / "copy"


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


def test_values_that_are_not_finite_leave_their_cell_out(copy):
    path = results.geometry_file(copy, "mlp-biprop-0.5-seed0", "contrast-5")
    cell = results.load_arrays(path)
    cell["margin"][3] = np.nan
    results.save_arrays(path, cell, replace=True)
    comparison = similarity.compare(results.load(copy))
    assert ("mlp-biprop-0.5-seed0", "contrast-5") not in comparison.cells
    assert comparison.left_out == ("mlp-biprop-0.5-seed0 contrast-5: 1 values are not finite",)


def test_floors_are_medians_over_pairs_that_differ_by_chance(small_folder, copy):
    study_results = results.load(small_folder)
    compared = similarity.compare(study_results)
    place = {cell: k for k, cell in enumerate(compared.cells)}
    pairs = [
        compared.distance[place[network, condition], place[network.replace("seed0", "seed1"), condition]]
        for network, condition in compared.cells
        if network.endswith("seed0")
    ]
    assert similarity.floors(study_results, compared) == {"seeds": (pytest.approx(np.median(pairs)), len(pairs))}
    info = results.load_json(copy / "conditions" / "gaussian_noise-5.json")
    again = "gaussian_noise-5-draw1"
    results.save_json(copy / "conditions" / f"{again}.json", {**info, "draw": 1})
    for network in ("mlp-dense-seed0", "mlp-lth-0.9-seed0"):
        cell = results.load_arrays(results.geometry_file(copy, network, "gaussian_noise-5"))
        results.save_arrays(
            results.geometry_file(copy, network, again), {**cell, "norm": cell["norm"] * 1.1, "condition": again}
        )
    study_results = results.load(copy)
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

    def test_batchnorm_modes_are_never_averaged_together(self, copy):
        info = results.load_json(copy / "conditions" / "contrast-5.json")
        results.save_json(copy / "conditions" / "contrast-5-adapted.json", {**info, "bn": "adapted"})
        source = results.geometry_file(copy, "mlp-dense-seed0", "contrast-5")
        shutil.copy(source, source.with_name("contrast-5-adapted.npz"))
        kept = similarity.points(results.load(copy), 3)
        whole = similarity.points(results.load(copy), 20)
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
    def test_added_cells_are_seen(self, copy):
        count = len(results.load(copy).cells())
        results.geometry_file(copy, "mlp-biprop-0.5-seed0", "contrast-5").unlink()
        assert len(similarity.load(results.load(copy))[0].cells) == count - 1

    def test_a_damaged_comparison_is_made_anew(self, copy):
        (copy / "comparison" / "similarity-absolute.npz").write_bytes(b"broken")
        study_results = results.load(copy)
        assert len(similarity.load(study_results)[0].cells) == len(study_results.cells())

    @pytest.mark.parametrize("metric", similarity.METRICS)
    def test_what_is_stored_is_read_as_it_was_made(self, copy, metric):
        path, found = copy / "comparison" / "similarity-absolute.npz", results.load(copy)
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
    def test_a_comparison_of_an_earlier_version_is_made_anew(self, copy, lacking):
        path, found = copy / "comparison" / "similarity-absolute.npz", results.load(copy)
        arrays = results.load_arrays(path) | {"kept/all": np.float32(0.25)}
        del arrays[lacking]
        results.save_arrays(path, arrays, replace=True)
        assert similarity.load(found)[0].kept == pytest.approx(similarity.compare(found).kept)


def test_the_distance_of_any_two_is_found_without_the_matrix(small_folder):
    comparison = similarity.compare(results.load(small_folder))
    rows = np.arange(len(comparison.cells))
    np.testing.assert_array_equal(comparison.between(rows[:, None], rows), comparison.distance)
    assert comparison.between(rows[:2], rows[:2]).tolist() == [0, 0]


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


@pytest.fixture(scope="module")
def store(small_folder):
    return Store(small_folder)


POINTS = (("similarity-show", "networks under conditions"),)
"""The choice of the finest level."""


class TestView:
    def test_a_tap_makes_a_point_b_and_with_shift_a(self, store):
        page = Page(store, Similarity, choices=POINTS)
        view = page.view
        cells, order = view.kept["comparison"].cells, view.kept["comparison"].order
        place = cells.index(("mlp-lth-0.9-seed0", "contrast-5"))
        x, y = view.points_plane.places[place]
        view.points_plane.tap(x, y)
        far = view.points_plane.places.max() + np.ptp(view.points_plane.places)
        view.points_plane.tap(far, far, shift=True)
        view.points_plane.matrix.tap(0.5, len(order) - 0.5, shift=True)
        assert page.asked == [{"b": cells[place]}, {"a": cells[order[-1]]}]
        assert says(view.finding, view.kept["comparison"].distance[order[-1], place])
        # The square stands in A's column and B's row.
        assert view.points_plane.matrix.marks.data["column"][0] == len(order) - 0.5
        assert order[int(view.points_plane.matrix.marks.data["row"][0])] == place

    def test_a_group_is_marked_at_every_seed(self, store):
        page = Page(
            store, Similarity, choices=POINTS, a=("dense over seeds", "clean"), b=("lth 0.9 over seeds", "clean")
        )
        view = page.view
        assert sorted(view.points_plane.marks.data["text"]) == ["A", "A", "B", "B"]
        place, distance = view.kept["points"].place, view.kept["comparison"].distance
        apart = [distance[place[f"mlp-dense-seed{k}", "clean"], place[f"mlp-lth-0.9-seed{k}", "clean"]] for k in (0, 1)]
        assert f"{np.mean(apart):.2f} apart (mean over 2 pairs of a seed)" in view.caption.text
        assert says(view.finding, np.mean(apart))

    def test_another_selection_sends_nothing_and_another_metric_everything(self, store):
        page = Page(store, Similarity, choices=POINTS)
        view = page.view
        sources = (
            view.points_plane.points,
            view.points_plane.matrix.image,
            view.points_plane.marks,
            view.points_plane.matrix.marks,
            view.points_plane.edges,
        )
        before = [source.data for source in sources]
        page.change(rule=({"op": "replace", "ids": [int(store.ids[0])]},), primary=None)
        assert all(source.data is data for source, data in zip(sources, before, strict=True))
        page.change(choices={"similarity-metric": "norm"})
        expected = similarity.load(store.results, metric="norm")[0]
        np.testing.assert_array_equal(view.kept["comparison"].distance, expected.distance)
        assert "points, norm, as measured" in view.caption.text
        page.change(mode="change_from_clean")
        assert view.mode.value == "change_from_clean"
        assert "points, norm, change from clean" in view.caption.text

    def test_another_metric_moves_points_whose_names_stay(self, store):
        page = Page(store, Similarity, choices=POINTS)
        document, sent = Document(), []
        document.add_root(page.view.root)
        names, places = page.view.points_plane.points.data["network"], page.view.points_plane.points.data["x"]
        document.on_change(sent.append)
        page.change(choices={"similarity-metric": "norm"})
        (moved,) = [event for event in sent if getattr(event, "model", None) is page.view.points_plane.points]
        assert set(moved.cols) == {"x", "y", "order", *(f"{k}{n}" for k in ("near", "far") for n in range(5))}
        assert page.view.points_plane.points.data["network"] == names
        assert (page.view.points_plane.points.data["x"] != places).any()

    def test_floors_are_drawn_in_true_length(self, store):
        page = Page(store, Similarity, choices=POINTS)
        view = page.view
        length, _ = similarity.floors(store.results, view.kept["comparison"])["seeds"]
        assert view.points_plane.bars.data["x1"] - view.points_plane.bars.data["x0"] == pytest.approx(
            [length], rel=1e-5
        )
        assert f"two seeds of one method {length:.2f} (the bar, in true distance)" in view.caption.text

    def test_the_null_is_drawn_between_its_cells(self, store):
        page = Page(store, Similarity, choices=POINTS)
        view = page.view
        assert not len(view.points_plane.nothing.data["x0"])
        page.change(null=True)
        place = view.kept["points"].place
        ends = [place[f"mlp-dense-seed{k}", "clean"] for k in (0, 1)]
        assert [view.points_plane.nothing.data[name][0] for name in ("x0", "x1")] == view.points_plane.places[
            ends, 0
        ].tolist()
        assert f"up to {view.kept['comparison'].distance[tuple(ends)]:.2f} apart (dashed" in view.caption.text

    def test_arrows_lead_from_clean_over_all_severities(self, store):
        page = Page(store, Similarity, choices=POINTS, b=("mlp-lth-0.9-seed0", "contrast-5"))
        way = [("mlp-lth-0.9-seed0", name) for name in ("clean", "contrast-1", "contrast-5")]
        kept = page.view.kept
        places = [kept["points"].place[cell] for cell in way]
        assert of_sides.paths(store, kept, way[1]) == [places]
        drawn = page.view.points_plane.ways.data
        np.testing.assert_allclose(drawn["x"][:3], page.view.points_plane.places[places, 0], rtol=1e-6)
        assert np.isnan(drawn["x"][3])
        assert drawn["tip"].tolist() == [0, 0, 11, 0]
        far = kept["comparison"].distance[places[0], places[1]] + kept["comparison"].distance[places[1], places[2]]
        assert f"a way of B {far:.2f}." in page.view.caption.text
        # Both sides, and a way for every seed of a group.
        page.change(a=way[1], b=("lth 0.9 over seeds", "gaussian_noise-1"))
        assert np.isnan(page.view.points_plane.ways.data["x"]).sum() == 3
        page.change(a=way[0], b=way[0])
        assert len(page.view.points_plane.ways.data["x"]) == 0

    def test_a_stored_umap_layout_can_be_chosen(self, store, copy):
        assert Similarity.choices(store)["similarity-layout"] == ("scaling",)
        path = copy / "comparison" / "similarity-absolute.npz"
        arrays = results.load_arrays(path)
        count = len(arrays["network"])
        first = np.arange(2.0 * count, dtype=np.float32).reshape(-1, 2)
        arrays["umap"] = np.stack([first, first + np.float32([3, 4])])
        results.save_arrays(path, arrays, replace=True)
        umap = ("similarity-layout", "umap")
        page = Page(Store(copy), Similarity, choices=(umap, *POINTS))
        view = page.view
        np.testing.assert_array_equal(view.points_plane.points.data["y"], first[:, 1])
        assert view.points_plane.wobbles.data["radius"].tolist() == [5.0] * count
        share = 100 * 5 / (2 * count - 2)
        assert f"between 2 seeds of UMAP, in the middle {share:.1f} %" in view.caption.text
        assert "neighbourhoods" in view.caption.text
        # A plane without lengths has no bars.
        assert not len(view.points_plane.bars.data["x0"])
        page.change(choices={"similarity-metric": "norm"})
        assert "UMAP is stored for all measures together only" in view.caption.text
        assert len(view.points_plane.wobbles.data["radius"]) == 0
        # As an earlier version stored it, of one seed, which says nothing of how it moves.
        arrays["umap"] = first
        results.save_arrays(path, arrays, replace=True)
        page = Page(Store(copy), Similarity, choices=(umap, *POINTS))
        np.testing.assert_array_equal(page.view.points_plane.points.data["y"], first[:, 1])
        assert "Circles" not in page.view.caption.text
        # Of other points it is damaged, and made anew without.
        arrays["umap"] = first[:-1]
        results.save_arrays(path, arrays, replace=True)
        assert similarity.load(results.load(copy))[1] is None

    def test_averaged_cells_are_told_and_taken_at_their_most_severe(self, copy, monkeypatch):
        study_results = results.load(copy)
        limit = len(study_results.networks) // 2 * 3
        for module in (comparison, similarity):
            monkeypatch.setattr(module, "points", lambda results, most=limit: points(results, limit))
        similarity.save(study_results)
        page = Page(Store(copy), Similarity, choices=POINTS)
        view = page.view
        assert "severities and seeds are averaged" in view.caption.text
        place = view.kept["comparison"].cells.index(("lth 0.9 over seeds", "contrast"))
        x, y = view.points_plane.places[place]
        view.points_plane.tap(x, y)
        assert page.asked == [{"b": ("lth 0.9 over seeds", "contrast-5")}]
        page.change(b=("mlp-lth-0.9-seed1", "contrast-1"))
        assert view.points_plane.marks.data["x"][view.points_plane.marks.data["text"].index("B")] == x


def test_too_few_cells_for_umap_are_said_and_all_else_is_stored(copy, capsys):
    for path in sorted((copy / "geometry").glob("*/*.npz"))[3:]:
        path.unlink()
    similarity.save(results.load(copy), umap=True)
    assert "4 cells or more, got 3" in capsys.readouterr().err
    compared, umap = similarity.load(results.load(copy))
    assert len(compared.cells) == 3
    assert umap is None
    with pytest.raises(ValueError, match="got 3"):
        layout.umap_layouts(line(0, 1, 3))


def test_unknown_names(small_folder):
    study_results = results.load(small_folder)
    with pytest.raises(ValueError, match="unknown distance mode 'relative'"):
        similarity.compare(study_results, "relative")
    with pytest.raises(ValueError, match=r"unknown metric 'norms'; did you mean 'norm'\?"):
        similarity.load(study_results, metric="norms")
