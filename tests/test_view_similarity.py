"""The similarity view: taps, marks, floors, ways and the layouts it may take."""

import numpy as np
import pytest
from bokeh.document import Document
from pages import Page, says

from rosalind import results
from rosalind.analysis import similarity
from rosalind.analysis.similarity import comparison, of_sides
from rosalind.analysis.similarity.points import points
from rosalind.analysis.store import Store
from rosalind.viewer.views.networks.similarity import Similarity

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

    def test_a_stored_umap_layout_can_be_chosen(self, store, folder):
        assert Similarity.choices(store)["similarity-layout"] == ("scaling",)
        path = folder / "comparison" / "similarity-absolute.npz"
        arrays = results.load_arrays(path)
        count = len(arrays["network"])
        first = np.arange(2.0 * count, dtype=np.float32).reshape(-1, 2)
        arrays["umap"] = np.stack([first, first + np.float32([3, 4])])
        results.save_arrays(path, arrays, replace=True)
        umap = ("similarity-layout", "umap")
        page = Page(Store(folder), Similarity, choices=(umap, *POINTS))
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
        page = Page(Store(folder), Similarity, choices=(umap, *POINTS))
        np.testing.assert_array_equal(page.view.points_plane.points.data["y"], first[:, 1])
        assert "Circles" not in page.view.caption.text
        # Of other points it is damaged, and made anew without.
        arrays["umap"] = first[:-1]
        results.save_arrays(path, arrays, replace=True)
        assert similarity.load(results.load(folder))[1] is None

    def test_averaged_cells_are_told_and_taken_at_their_most_severe(self, folder, monkeypatch):
        study_results = results.load(folder)
        limit = len(study_results.networks) // 2 * 3
        for module in (comparison, similarity):
            monkeypatch.setattr(module, "points", lambda results, most=limit: points(results, limit))
        similarity.save(study_results)
        page = Page(Store(folder), Similarity, choices=POINTS)
        view = page.view
        assert "severities and seeds are averaged" in view.caption.text
        place = view.kept["comparison"].cells.index(("lth 0.9 over seeds", "contrast"))
        x, y = view.points_plane.places[place]
        view.points_plane.tap(x, y)
        assert page.asked == [{"b": ("lth 0.9 over seeds", "contrast-5")}]
        page.change(b=("mlp-lth-0.9-seed1", "contrast-1"))
        assert view.points_plane.marks.data["x"][view.points_plane.marks.data["text"].index("B")] == x
