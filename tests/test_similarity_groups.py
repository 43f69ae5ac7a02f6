"""Methods and corruptions as means of points: distances by hand, the dendrogram, names in a plane, and the view."""

import re
from dataclasses import replace

import numpy as np
import pytest
from pages import Page, says

from rosalind import results
from rosalind.analysis import label_places, palette, similarity
from rosalind.analysis.similarity import groups
from rosalind.viewer import similarity_caption
from rosalind.viewer.views.networks.similarity import Similarity


@pytest.fixture(scope="module")
def compared(store):
    return similarity.load(store.results)[0]


def vectors(study_results, comparison):
    """float64[q, 3 n]: what the points of a study are made of, in the units of the distances."""

    def raw(cell):
        arrays = study_results.geometry(*cell)
        scale = study_results.feature_scale(cell[0])
        return np.stack([arrays["angle"], arrays["norm"] / scale, arrays["margin"] / scale]).astype(float)

    deviation = raw((next(iter(study_results.networks)), "clean")).std(1, keepdims=True)
    table = np.stack([(raw(cell) / deviation).ravel() for cell in comparison.cells])
    return table / np.sqrt(table.shape[1])


class TestByHand:
    generator = np.random.default_rng(0)
    values = generator.normal(size=(10, 6))
    distance = np.linalg.norm(values[:, None] - values, axis=-1)
    group = np.array([0, 0, 1, 1, 1, 2, 0, 1, 2, 2])
    stratum = np.array([4, 4, 4, 4, 4, 4, 7, 7, 7, 7])

    def means(self, one, stratum):
        return self.values[(self.group == one) & (self.stratum == stratum)].mean(0)

    def test_between_is_the_distance_of_means_over_strata(self):
        apart = groups.between(self.distance, self.group, self.stratum)
        for a in range(3):
            for b in range(3):
                squares = [((self.means(a, s) - self.means(b, s)) ** 2).sum() for s in (4, 7)]
                assert apart[a, b] == pytest.approx(np.sqrt(np.mean(squares)))

    def test_only_shared_strata_count_and_none_is_a_gap(self):
        stratum = np.where(self.group == 2, 9, self.stratum)
        apart = groups.between(self.distance, self.group, stratum)
        assert np.isnan(apart[2, :2]).all()
        assert np.isfinite(apart[0, 1])
        assert apart[2, 2] == 0

    def test_spread_is_the_deviation_about_the_mean(self):
        deviation, counts = groups.spread(self.distance, self.group, self.stratum)
        variances = lambda one: [
            self.values[at].var(0, ddof=1).sum()
            for s in (4, 7)
            if (at := (self.group == one) & (self.stratum == s)).sum() > 1
        ]
        expected = [np.sqrt(np.mean(variances(one))) for one in range(3)]
        assert deviation == pytest.approx(expected)
        assert counts.tolist() == [2, 3, 2]

    def test_nothing(self):
        empty, none = np.zeros((0, 0)), np.zeros(0, int)
        assert groups.between(empty, none, none).shape == (0, 0)
        assert groups.spread(empty, none, none)[0].shape == (0,)
        assert groups.dendrogram(empty)[1].shape == (0, 5)
        assert groups.dendrogram(np.zeros((1, 1)))[0].tolist() == [0]

    def test_the_dendrogram_joins_at_mean_distances(self):
        places = np.array([0.0, 10.0, 1.0, 13.0])
        order, joins = groups.dendrogram(np.abs(places[:, None] - places))
        assert order.tolist() == [0, 2, 1, 3]
        assert joins[:, 4].tolist() == [1.0, 3.0, 11.0]
        assert joins[2].tolist() == [1.0, 1.0, 3.0, 3.0, 11.0]


class TestOfAStudy:
    def test_methods_by_hand(self, store, compared):
        found = similarity.group(store.results, compared)
        table = vectors(store.results, compared)
        a, b = found.names.index("lth 0.9"), found.names.index("biprop 0.5")
        squares = []
        for condition in store.results.conditions:
            mean = lambda name, condition=condition: np.mean(
                [table[compared.cells.index((f"mlp-{name}-seed{k}", condition))] for k in (0, 1)], 0
            )
            squares.append(((mean("lth-0.9") - mean("biprop-0.5")) ** 2).sum())
        assert found.distance[a, b] == pytest.approx(np.sqrt(np.mean(squares)), rel=1e-3)
        assert found.seeds.tolist() == [2] * len(found.names)
        assert found.kinds[a] == "iterative"
        near = found.nearest()
        assert near is not None
        off = found.distance + np.diag([np.inf] * len(found.names))
        assert found.distance[near] == off.min()
        assert found.chance(a, b) == pytest.approx(np.sqrt((found.spread[a] ** 2 + found.spread[b] ** 2) / 2))

    def test_corruptions_are_means_over_severities(self, store, compared):
        found = similarity.group(store.results, compared, "corruptions")
        assert found.names == ("clean", "gaussian_noise", "contrast")
        table = vectors(store.results, compared)
        pair = found.names.index("gaussian_noise"), found.names.index("contrast")
        squares = []
        for group in store.sides.groups:
            mean = lambda name, group=group: np.mean(
                [table[compared.cells.index((n, f"{name}-{s}"))] for n in group.networks for s in (1, 5)], 0
            )
            squares.append(((mean("gaussian_noise") - mean("contrast")) ** 2).sum())
        assert found.distance[pair] == pytest.approx(np.sqrt(np.mean(squares)), rel=1e-3)

    def test_points_that_are_left_out_count_nowhere(self, store, compared):
        keep = np.array(["seed0" in network and "lth" not in network for network, _ in compared.cells])
        found = similarity.group(store.results, compared, "methods", keep)
        assert "lth 0.9" not in found.names
        assert np.isnan(found.spread).all()
        assert (found.of >= 0).tolist() == keep.tolist()
        nothing = similarity.group(store.results, compared, "methods", np.zeros(len(keep), bool))
        assert nothing.names == ()
        assert nothing.nearest() is None

    def test_unknown_kinds(self, store, compared):
        with pytest.raises(ValueError, match="kind of groups 'methodes'; did you mean 'methods'"):
            similarity.group(store.results, compared, "methodes")

    def test_places_and_ways_are_means_over_seeds(self, store, compared):
        names, places = similarity.means_of(store.results, compared)
        at = [compared.cells.index((f"mlp-lth-0.9-seed{k}", "contrast-5")) for k in (0, 1)]
        np.testing.assert_allclose(
            places[names.index(("lth 0.9", "contrast-5"))], compared.layout[at].mean(0), rtol=1e-5
        )
        conditions, apart = similarity.of_method(store.results, compared, "lth 0.9")
        table = vectors(store.results, compared)
        mean = lambda name: np.mean([table[compared.cells.index((f"mlp-lth-0.9-seed{k}", name))] for k in (0, 1)], 0)
        far = np.linalg.norm(mean("clean") - mean("contrast-5"))
        assert apart[conditions.index("clean"), conditions.index("contrast-5")] == pytest.approx(far, rel=1e-3)


def test_names_cover_neither_each_other_nor_marks():
    points = np.array([[0.0, 0], [30, 4], [10, 20], [200, 100], [0, 1]])
    names = ["magnitude 0.8", "finetune 0.8", "lth 0.8", "alone", "x"]
    half = np.array([[label_places.LETTER * len(name) / 2, label_places.LINE / 2] for name in names])

    def check(offsets: np.ndarray, shown: np.ndarray) -> None:
        middle = points + offsets
        for k in np.flatnonzero(shown):
            for j in np.flatnonzero(shown[:k]):
                assert (np.abs(middle[k] - middle[j]) >= half[k] + half[j] - 1).any(), (names[k], names[j])
            others = np.delete(points, k, 0)
            assert not (np.abs(others - middle[k]) < half[k]).all(1).any(), names[k]

    offsets, shown = label_places.place(points, names)
    check(offsets, shown)
    assert shown.all()
    # In a frame, and in a crowd, some are left out, and those that are asked for first never are.
    frame = np.array([points.min(0) - 8, points.max(0) + 8])
    offsets, shown = label_places.place(points, names, frame=frame, first=[3])
    check(offsets, shown)
    assert shown[3]
    rest = np.flatnonzero(shown & (np.arange(len(names)) != 3))
    assert (points[rest] + offsets[rest] - half[rest] >= frame[0]).all()
    assert (points[rest] + offsets[rest] + half[rest] <= frame[1]).all()
    _, crowded = label_places.place(np.repeat(points, 9, 0) * 0.1, names * 9)
    assert 0 < crowded.sum() < 9 * len(names)
    lost = int(crowded.argmin())
    assert label_places.place(np.repeat(points, 9, 0) * 0.1, names * 9, early=[lost])[1][lost]
    none, no = label_places.place(np.zeros((0, 2)), [])
    assert (none.shape, no.shape) == ((0, 2), (0,))


class TestView:
    def test_the_first_picture_answers_which_are_alike(self, store, compared):
        view = Page(store, Similarity).view
        found = similarity.group(store.results, compared)
        near = found.nearest()
        assert near is not None
        for k in near:
            assert found.names[k] in view.finding
        assert says(view.finding, found.distance[near], found.chance(*near))
        drawn = view.groups_plane
        texts = [*drawn.names.data["text"], *drawn.names.data["bold"]]
        # The shortest edge of the tree has its length beside it.
        length = f"{found.distance[near]:.2f} apart"
        assert {text.split(": ")[-1] for text in texts if text} == {*found.names, length}
        assert drawn.discs.data["radius"] == pytest.approx(found.error, rel=1e-5)
        assert view.points_plane is None, "two thousand points are not sent before they are asked for"

    def test_every_level_has_a_finding_of_its_own_and_little_else_unfolded(self, store, compared):
        page = Page(store, Similarity)
        view, methods = page.view, similarity.group(store.results, compared)
        near = methods.nearest()
        names, apart = similarity.of_method(store.results, compared, "lth 0.9")
        reached = {
            name: apart[names.index("clean"), names.index(f"{name}-5")] for name in ("gaussian_noise", "contrast")
        }
        row = np.delete(methods.distance[methods.names.index("lth 0.9")], methods.names.index("lth 0.9"))
        sides = compared.distance[tuple(compared.cells.index(side) for side in (page.state.a, page.state.b))]
        corruptions = similarity.group(store.results, compared, "corruptions")
        expected = {
            "methods": ({}, (methods.distance[near], methods.chance(*near))),
            "corruptions": ({"similarity-show": "corruptions"}, (corruptions.distance[corruptions.nearest()],)),
            "paths": ({"similarity-open": "lth 0.9"}, (max(reached.values()), row.min())),
            "points": ({"similarity-show": "networks under conditions"}, (sides, methods.distance[near])),
        }
        everything = ({"op": "replace", "true": 3},)
        for level, (choices, numbers) in expected.items():
            page.change(choices={"similarity-show": "methods", "similarity-open": "none"} | choices, rule=())
            assert view.level == level or level == "points"
            assert says(view.finding, *numbers), (level, view.finding)
            for rule in ((), everything):
                page.change(rule=rule)
                for text, most in ((view.finding, 20), (view.key, 40)):
                    assert 0 < len(re.sub(r"<[^>]*>", " ", text).split()) <= most, (level, text)
                assert "<b>" not in view.caption.text
        assert max(reached, key=lambda name: reached[name]) in similarity_caption.finding_of_paths(
            store, compared, methods, "lth 0.9", selected=False
        )

    def test_ties_gaps_and_single_methods_are_said(self, store, compared):
        found = similarity.group(store.results, compared)
        count = len(found.names)
        tied = replace(found, distance=np.where(np.eye(count), 0, 2.0))
        assert tied.tied() == count * (count - 1) // 2 - 1
        assert says(similarity_caption.finding(tied), 2.0, tied.tied())
        # Of two groups that were asked for, their own distance is said too.
        near = found.nearest()
        sides = next((0, k) for k in range(1, count) if {0, k} != set(near))
        assert says(similarity_caption.finding(found, sides=sides), found.distance[near], found.distance[sides])
        assert "A and B" not in similarity_caption.finding(found, sides=near)
        gaps = replace(found, distance=np.where(np.eye(count), 0, np.nan))
        assert (gaps.nearest(), gaps.tied()) == (None, 0)
        assert "share a condition" in similarity_caption.finding(gaps)
        assert similarity_caption.of_groups(gaps, {}, "all", "absolute") == ""
        assert says(similarity_caption.finding_of_points(1.5, gaps, selected=False), 1.5)
        one = similarity.group(store.results, compared, keep=np.array(["dense" in name for name, _ in compared.cells]))
        assert one.tied() == 0
        for text in (
            similarity_caption.finding(one),
            similarity_caption.finding_of_paths(store, compared, one, "dense", selected=False),
            similarity_caption.finding_of_points(np.nan, one, selected=True),
        ):
            assert 0 < len(text.split()) <= 20
            assert "nan" not in text

    def test_a_disc_opens_its_conditions_and_a_point_of_them_is_b(self, store):
        page = Page(store, Similarity)
        view = page.view
        k = view.groups.names.index("lth 0.9")
        view.groups_plane.tap(*view.groups.layout[k])
        assert page.asked[-1] == {"choices": {"similarity-open": "lth 0.9"}}
        drawn = view.groups_plane
        assert len(drawn.marks.data["x"]) == len(store.results.conditions)
        assert len(drawn.ghosts.data["x"]) == len(store.results.conditions) * (len(view.groups.names) - 1)
        # A path per corruption, each with a gap after it: clean and two severities.
        assert len(drawn.ways.data["x"]) == 2 * 4
        assert "contrast" in drawn.names.data["text"]
        mark = [name for _, name in view.shown].index("contrast-5")
        drawn.tap(*drawn.places[mark])
        assert page.state.b == ("lth 0.9 over seeds", "contrast-5")
        assert "B: contrast" in drawn.names.data["bold"]
        drawn.tap(*drawn.places[mark], shift=True)
        assert page.state.a == page.state.b
        page.change(choices={"similarity-open": "none"})
        assert len(drawn.discs.data["x"]) == len(view.groups.names)

    def test_any_pair_is_one_click_on_the_matrix(self, store):
        page = Page(store, Similarity)
        view = page.view
        rank = np.argsort(view.matrix.order)
        column, line = (rank[view.groups.names.index(name)] for name in ("dense", "biprop 0.5"))
        view.matrix.tap(column + 0.5, line + 0.5)
        assert (page.state.a[0], page.state.b[0]) == ("dense over seeds", "biprop 0.5 over seeds")
        assert (view.matrix.marks.data["x"][0], view.matrix.marks.data["y"][0]) == (column + 0.5, line + 0.5)
        pair = view.groups.names.index("dense"), view.groups.names.index("biprop 0.5")
        assert says(view.caption.text, view.groups.distance[pair])
        view.matrix.tap(-1, 2)
        view.matrix.tap(None, None)
        assert len(page.asked) == 1

    def test_switches_leave_points_out_of_means(self, store, compared):
        page = Page(store, Similarity)
        view = page.view
        whole = view.groups.distance
        view.toggles.groups["seed"].active = [0]
        assert dict(page.state.choices) == {"similarity-seed-1": "hidden"}
        keep = np.array(["seed0" in network for network, _ in compared.cells])
        expected = similarity.group(store.results, compared, "methods", keep).distance
        np.testing.assert_array_equal(view.groups.distance, expected)
        view.toggles.groups["family"].active = [0]
        assert set(view.groups.kinds) == {"dense"}
        # All off says nothing, and leaves all on.
        view.toggles.groups["family"].active = []
        np.testing.assert_array_equal(view.groups.distance, expected)
        page.change(choices={name: "shown" for name, _ in page.state.choices})
        assert view.toggles.groups["seed"].active == [0, 1]
        np.testing.assert_array_equal(view.groups.distance, whole)

    def test_a_lasso_sets_what_is_compared(self, store):
        page = Page(store, Similarity)
        view = page.view
        names, layout = view.groups.names, view.groups.layout
        wanted = {names[k] for k in np.argsort(layout[:, 0])[:3]}
        edge = np.sort(layout[:, 0])[2:4].mean()
        low, high = layout.min() - 9, layout.max() + 9
        view.groups_plane.select(low, edge, low, high)
        assert set(view.groups.names) == wanted
        assert view.all.visible
        view.groups_plane.lasso([0, 1], [0, 1])
        assert set(view.groups.names) == wanted
        view.compare_all()
        assert set(view.groups.names) == set(names)
        assert page.state.choices == ()

    def test_corruptions_and_their_clicks(self, store):
        page = Page(store, Similarity)
        view = page.view
        page.change(choices={"similarity-show": "corruptions"})
        assert view.groups.names == ("clean", "gaussian_noise", "contrast")
        # The legend above gives these colours to methods.
        assert set(palette.COLOURS).isdisjoint(view.groups_plane.marks.data["colour"])
        view.groups_plane.tap(*view.groups.layout[2])
        assert page.state.b[1] == "contrast-5"
        rank = np.argsort(view.matrix.order)
        view.matrix.tap(rank[0] + 0.5, rank[1] + 0.5)
        assert (page.state.a[1], page.state.b[1]) == ("clean", "gaussian_noise-5")

    def test_all_points_are_the_third_level(self, store, compared):
        page = Page(store, Similarity, choices=(("similarity-show", "networks under conditions"),))
        view = page.view
        assert len(view.points_plane.points.data["x"]) == len(compared.cells)
        page.change(choices={"similarity-family-dense": "hidden"})
        shown = np.isfinite(view.points_plane.points.data["x"])
        assert shown.tolist() == ["dense" not in network for network, _ in compared.cells]
        assert results.load(store.results.folder).cells()
