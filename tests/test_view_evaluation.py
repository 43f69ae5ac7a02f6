"""The evaluation view and lineage: what so much data can show, tables, curves, people's columns, documents."""

import json
import shutil
from dataclasses import replace
from typing import ClassVar

import numpy as np
import pytest
from bokeh.document import Document
from bokeh.events import Tap
from bokeh.models import Div
from scipy import stats

from rosalind.robustness import Group
from rosalind.robustness.detectable import detectable_with_samples, detectable_with_seeds, seed_interval
from rosalind.viewer import curves, grid, heat, metadata, pedigree, table
from rosalind.viewer.state import default, with_choices
from rosalind.viewer.store import Store
from rosalind.viewer.views import choices
from rosalind.viewer.views.breakdown import Breakdown
from rosalind.viewer.views.evaluation import Evaluation
from rosalind.viewer.views.frame import Frame
from rosalind.viewer.views.lineage import Lineage
from rosalind.viewer.views.severities import Severities

Z = stats.norm.ppf(0.975) + stats.norm.ppf(0.8)


@pytest.fixture(scope="module")
def store(small_folder):
    return Store(small_folder)


class TestDetectable:
    @pytest.mark.parametrize("share", [0.01, 0.1, 0.5])
    @pytest.mark.parametrize("samples", [597, 10_000])
    def test_samples_are_a_little_more_than_the_published_size_asks(self, samples, share):
        found = detectable_with_samples(samples, share)
        critical, power = stats.norm.ppf(0.975), stats.norm.ppf(0.8)
        rest = max(share - found**2, 0)
        needed = (critical * np.sqrt(share) + power * np.sqrt(rest)) ** 2 / found**2
        assert 0.75 * samples < needed <= samples * (1 + 1e-9)

    def test_few_discordant_samples_must_all_point_one_way(self):
        assert detectable_with_samples(1000, 0.0) == pytest.approx(Z**2 / 1000)
        assert detectable_with_samples(1000, 0.25) == pytest.approx(Z * 0.5 / np.sqrt(1000))
        assert detectable_with_samples(1, 0.5) == 1
        assert np.isnan(detectable_with_samples(0, 0.1))
        assert np.isnan(detectable_with_samples(10, np.nan))

    def test_seeds_have_the_power_that_they_are_said_to_have(self):
        difference = detectable_with_seeds(5, 2.0)
        values = np.random.default_rng(0).normal(difference, 2.0, (40_000, 5))
        p = stats.ttest_1samp(values, 0, axis=1).pvalue
        assert (p < 0.05).mean() == pytest.approx(0.8, abs=0.01)

    def test_many_seeds_are_the_normal_case_and_one_shows_nothing(self):
        assert detectable_with_seeds(4000, 1.0) == pytest.approx(Z / np.sqrt(4000), rel=1e-3)
        assert detectable_with_seeds(3, 1.0) == pytest.approx(3.264, abs=1e-3)
        assert np.isnan(detectable_with_seeds(1, 1.0))
        assert detectable_with_seeds(3, 0.0) == 0

    def test_intervals_over_seeds_are_those_of_t(self):
        values = np.array([[1.0, 2.0, 4.0], [1.0, np.nan, 3.0], [5.0, np.nan, np.nan], [np.nan] * 3])
        mean, half, count = seed_interval(values)
        np.testing.assert_allclose(mean, [7 / 3, 2, 5, np.nan])
        low, high = stats.t.interval(0.95, 2, 7 / 3, stats.sem(values[0]))
        np.testing.assert_allclose(half[0], (high - low) / 2)
        np.testing.assert_allclose(half[1], stats.t.ppf(0.975, 1) * np.sqrt(2) / np.sqrt(2))
        assert np.isnan(half[2:]).all()
        assert count.tolist() == [3, 2, 1, 0]


class TestTable:
    groups = (Group("dense", "dense", 0.0, ("d0", "d1")), Group("cut", "one-shot", 0.5, ("c0", "c1", "c2")))

    def test_differences_are_paired_by_seed_and_gaps_stay_gaps(self):
        values = np.array([[[1, 3, np.nan]], [[0.5, 2, 9]]], np.float32)
        found = table.over_dense(values, self.groups, {"d0": "d0", "d1": "d1", "c0": "d0", "c1": "d1"})
        np.testing.assert_array_equal(found, [[[0, 0, np.nan]], [[-0.5, -1, np.nan]]])
        reach = table.dense_spread(values, self.groups, {"c0": "d0", "c1": "d1"})
        assert reach.tolist() == [2]
        assert np.isnan(table.dense_spread(values, self.groups, {"c0": "d0"})).all()

    def test_a_table_has_what_the_summary_has(self):
        summary = {
            ("c2", "y"): {"accuracy": 0.25},
            ("d0", "x"): {"accuracy": 1.0},
            ("?", "x"): {"accuracy": 2},
        }
        found = table.collect(summary, self.groups, ["x", "y"], "accuracy")
        assert found.shape == (2, 2, 3)
        assert found[1, 1, 2] == 0.25
        assert found[0, 0, 0] == 1
        assert np.isfinite(found).sum() == 2

    def test_the_dense_network_of_a_seed(self, store):
        dense = table.dense_of(store.results, store.groups)
        assert set(dense) == set(store.results.networks)
        for name, other in dense.items():
            assert other == f"mlp-dense-seed{store.results.networks[name]['seed']}"

    def test_difference_and_rank_agree_with_the_summary(self, store):
        row = [group.name for group in store.groups].index("lth 0.9")
        column = store.columns.index("contrast-5")
        right = lambda name: store.summary[name, "contrast-5"]["accuracy"]
        own = store.groups[row].networks
        exact = [100 * (right(n) - right(f"mlp-dense-seed{k}")) for k, n in enumerate(own)]
        np.testing.assert_allclose(grid.values(store, "difference")[row, column], exact, rtol=1e-5, atol=1e-4)
        means = [np.mean([right(n) for n in group.networks]) for group in store.groups]
        better = sum(mean > means[row] for mean in means)
        assert grid.values(store, "rank")[row, column, 0] == 1 + better


class TestHeat:
    def test_seriation_finds_a_line(self):
        places = np.random.default_rng(0).permutation(12)
        rows = places[:, None] + np.random.default_rng(1).normal(0, 0.01, (12, 5))
        rows[3, 2] = np.nan
        steps = np.diff(places[heat.seriate(rows)])
        assert (steps == -1).all()

    @pytest.mark.parametrize("rows", [np.zeros((0, 3)), np.ones((4, 2)), np.full((3, 2), np.nan)])
    def test_seriation_leaves_what_has_no_order(self, rows):
        assert heat.seriate(rows).tolist() == list(range(len(rows)))

    @pytest.mark.parametrize("way", heat.COLUMNS)
    def test_means_stay_right_of_the_conditions(self, way):
        means = np.random.default_rng(0).normal(size=(6, 9))
        order = heat.arrange_columns(means, way, 7)
        assert sorted(order) == list(range(9))
        assert order[7:].tolist() == [7, 8]

    def test_rows_by_a_column_start_with_the_largest_and_end_with_gaps(self):
        means = np.array([[1.0, 5], [2, np.nan], [3, 7]])
        assert heat.arrange_rows(means, "B's column", 2, 1).tolist() == [2, 0, 1]
        assert heat.arrange_rows(means, "mean", 1).tolist() == [2, 1, 0]

    def test_shades_marks_and_numbers(self):
        means = np.array([[-2.0, 0.2], [np.nan, 2.0]])
        low, high = heat.limits_of(means, True)
        assert (low, high) == (-2, 2)
        assert heat.shades(means, low, high).tolist() == [[1, 141], [0, 255]]
        assert heat.numbers_in(means, table.MODES["difference"]) == ["-2", "0", "·", "+2"]
        few = np.array([[0.254, -0.1, 0, np.nan]])
        assert heat.numbers_in(few, table.MODES["margin median"]) == ["0.25", "-0.10", "0", "·"]
        assert heat.numbers_in(few, table.MODES["margin median"], narrow=True) == [".25", "-.10", "0", "·"]
        marks = heat.corner_marks(np.array([[False, True], [False, False]]), 4)
        assert marks.shape == (8, 8)
        assert np.argwhere(marks).tolist() == [[1, 5]]

    def test_small_histograms_are_one_broken_line(self):
        heights = heat.outlines(np.array([[1, 4, 2], [0, 0, 0]]))
        x, y = heat.broken_lines(heights, np.array([2, 3]), np.array([5, 6]))
        assert x.dtype == y.dtype == np.float32
        np.testing.assert_allclose(x, [4.56, 5, 5.44, np.nan], rtol=1e-6)
        np.testing.assert_allclose(y, [2.34, 2.04, 2.24, np.nan], rtol=1e-6)


def _condition(name: str, severity: float, group: str = "noise", draw: int = 0) -> dict:
    kind = "corruption" if severity else "clean"
    return {"name": name, "severity": severity, "kind": kind, "bn": "train", "draw": draw, "group": group}


class TestCurves:
    infos: ClassVar = {
        "clean": _condition("clean", 0, "clean"),
        "snow-5": _condition("snow", 5),
        "snow-1": _condition("snow", 1),
        "snow-5-draw1": _condition("snow", 5, draw=1),
        "fog-3": _condition("fog", 3),
    }
    columns = (*infos, "mean-severity1", "mean-severity5", "mean-severity3-adapted")

    def test_methods_follow_one_corruption_from_clean_on(self):
        found = curves.of_methods(["a", "b"], self.columns, self.infos, "snow-1")
        assert found.ticks == ("clean", "1", "5")
        assert found.columns.tolist() == [[0, 2, 1]] * 2
        table = np.arange(16.0).reshape(2, 8, 1)
        mean, half, count = found.values(table)
        assert mean.tolist() == [[0, 2, 1], [8, 10, 9]]
        assert np.isnan(half).all()
        assert (count == 1).all()

    def test_clean_shows_the_means_and_a_lone_condition_nothing(self):
        found = curves.of_methods(["a"], self.columns, self.infos, "clean")
        assert found.columns.tolist() == [[0, 5, 6]]
        assert curves.of_methods(["a"], ["fog-3"], self.infos, "fog-3") is None

    def test_corruptions_have_gaps_where_a_severity_was_not_measured(self):
        found = curves.of_corruptions(1, self.columns, self.infos, "clean")
        assert found.names == ("snow", "fog")
        assert found.ticks == ("clean", "1", "3", "5")
        assert found.columns.tolist() == [[0, 2, -1, 1], [0, -1, 4, -1]]
        mean, _, _ = found.values(np.ones((2, 8, 3)))
        assert np.isnan(mean).sum() == 3

    def test_both_sides_and_the_extremes_are_in_colour(self):
        means = np.arange(20.0)[:, None]
        chosen = curves.highlighted(means, [7, 7], 6)
        assert chosen[0] == 7
        assert sorted(chosen) == [0, 1, 7, 17, 18, 19] or sorted(chosen) == [0, 1, 2, 7, 18, 19]

    def test_labels_are_apart_and_inside(self):
        generator = np.random.default_rng(0)
        for count in (1, 2, 7, 12):
            places = generator.uniform(0, 10, count) ** 2 / 10
            found = curves.spread(places, 0.8, 0, 10)
            order = np.argsort(places, kind="stable")
            assert (np.diff(found[order]) > 0.8 - 1e-9).all()
            assert found.min() >= 0
            assert found.max() <= 10


class TestMetadata:
    ids = np.array([7, 3, 5])

    def test_columns_come_in_the_order_of_the_samples(self, tmp_path):
        (tmp_path / "samples.csv").write_text('\ufeffid,site,\u00e4ge\n3,"a,b",1\n99,x,2\n7,c,\n', "utf-8")
        found, problem = metadata.read(tmp_path, self.ids)
        assert problem == ""
        assert found["site"].tolist() == ["c", "a,b", ""]
        assert found["\u00e4ge"].tolist() == ["", "1", ""]

    @pytest.mark.parametrize(
        "content",
        [
            b"",
            b"name\n1\n",
            b"id,id\n1,2\n",
            b"id,a\n3\n",
            b"id,a\nx,1\n",
            b"id,a\n-3,1\n",
            b"id,a\n3,1\n3,2\n",
            b"id,a\n8,1\n",
            b"id,a\n3,\xff\n",
            b'id,a\n3,"b\n',
        ],
    )
    def test_a_file_that_cannot_be_used_is_one_sentence(self, tmp_path, content):
        (tmp_path / "samples.csv").write_bytes(content)
        found, problem = metadata.read(tmp_path, self.ids)
        assert found == {}
        assert problem.startswith("samples.csv")
        assert problem.endswith(".")

    def test_no_file_is_no_problem(self, tmp_path):
        assert metadata.read(tmp_path, self.ids) == ({}, "")

    def test_groups_are_counted_exactly_and_the_worst_comes_first(self):
        generator = np.random.default_rng(0)
        groups = generator.choice(["x", "y", "z"], 300)
        groups[:2] = "r"
        a, b = generator.random((2, 300)) < 0.7
        found = metadata.by_group(groups, a, b)
        assert found.names[-1] == "r"
        assert (np.diff(found.b[:-1]) >= 0).all()
        for k, name in enumerate(found.names):
            here = groups == name
            assert found.count[k] == here.sum()
            assert found.a[k] == pytest.approx(a[here].mean())
            assert found.difference[k] == pytest.approx(b[here].mean() - a[here].mean())

    def test_many_numbers_become_quarters_and_many_words_stay(self):
        numbers = np.array([str(k) for k in range(100)])
        names, count = np.unique(metadata.groups_of(numbers), return_counts=True)
        assert sorted(names) == ["0 to 24", "25 to 49", "50 to 74", "75 to 99"]
        assert (count == 25).all()
        words = np.array([f"w{k}" for k in range(100)])
        assert metadata.groups_of(words).tolist() == words.tolist()


class TestPedigree:
    def test_chains_go_from_level_to_level_and_cuts_from_the_dense_network(self, store):
        made = pedigree.origins(store.results.networks)
        assert made["mlp-lth-0.9-seed1"] == "mlp-lth-0.5-seed1"
        assert made["mlp-lth-0.5-seed1"] == "mlp-dense-seed1"
        assert made["mlp-magnitude-0.9-seed0"] == "mlp-dense-seed0"
        assert not [name for name in made if "biprop" in name or "dense" in name]

    def test_networks_stand_in_layers_and_no_two_in_one_place(self, store):
        found = pedigree.pedigree(store.results.networks, store.groups)
        assert found.layers == (0.0, 0.5, 0.9)
        assert not found.grouped
        assert len(found.nodes) == len(store.results.networks)
        assert len(set(zip(found.x.tolist(), found.y.tolist(), strict=True))) == len(found.nodes)
        x, y = found.x, found.y
        assert (x[found.edges[:, 1]] > x[found.edges[:, 0]]).all()
        across, down = pedigree.paths(found)
        nodes = {(round(a, 4), round(b, 4)) for a, b in zip(x.tolist(), y.tolist(), strict=True)}
        ways = np.stack([across, down], 1).reshape(-1, 5, 2)
        for (a, b), way in zip(found.edges, ways, strict=True):
            # A path only ever meets the nodes at its ends.
            level = way[1, 1]
            between = [n for n in nodes if x[a] < n[0] < x[b] and abs(n[1] - level) < 1e-3]
            assert not between

    def test_many_networks_are_drawn_as_groups(self, store):
        found = pedigree.pedigree(store.results.networks, store.groups, most=5)
        assert found.grouped
        assert len(found.nodes) == len(store.groups)
        by_name = {store.groups[k].name: n for n, k in enumerate(found.groups)}
        edges = found.edges.tolist()
        assert [by_name["lth 0.5"], by_name["lth 0.9"]] in edges
        assert [by_name["dense"], by_name["lth 0.5"]] in edges
        assert len(edges) == 4


class Page:
    """One view with a state that it may change, without the rest of the viewer."""

    def __init__(self, store: Store, view: type):
        self.store, self.choices, self.state = store, choices(store), default(store)
        self.view = view(self.frame(), self.change)
        self.view.update(self.frame())

    def frame(self) -> Frame:
        nothing = np.zeros(len(self.store.ids), bool)
        return Frame(self.store, self.state, nothing, self.choices)

    def change(self, choices=None, **fields) -> None:
        self.state = with_choices(replace(self.state, **fields), choices or {}, self.choices)
        self.view.update(self.frame())


class TestDocument:
    def test_every_mode_and_order_is_drawn(self, store):
        made = Page(store, Evaluation)
        view = made.view
        for mode in table.MODES:
            made.change(choices={"evaluation-cells": mode}, null=True)
            assert table.MODES[mode].words in view.caption.text
            assert "nan" not in view.caption.text
            assert view.cells.data["shade"][0].shape == (len(store.groups), len(store.columns))
        for rows in heat.ROWS:
            made.change(choices={"evaluation-rows": rows, "evaluation-columns": "likeness"})
            assert sorted(view.names[0].data["name"]) == sorted(group.name for group in store.groups)

    @pytest.mark.parametrize("view", [Evaluation, Lineage])
    def test_a_brush_sends_nothing(self, store, view):
        made = Page(store, view)
        document, events = Document(), []
        document.add_root(made.view.root)
        document.on_change(events.append)
        made.change(rule=({"op": "replace", "ids": [int(store.ids[0])]},), raw=True, x="margin")
        assert not events
        made.change(b=("mlp-lth-0.9-seed0", "contrast-5"))
        assert events

    def test_a_tap_follows_the_order_that_is_shown_and_keeps_the_seed(self, store):
        made = Page(store, Evaluation)
        made.change(a=("mlp-dense-seed1", "clean"), b=("mlp-biprop-0.5-seed1", "clean"))
        made.change(choices={"evaluation-rows": "mean", "evaluation-columns": "mean"})
        view = made.view
        line = view.names[0].data["name"].index("lth 0.9")
        column = view.names[1].data["name"].index("contrast-5")
        view.figure._trigger_event(Tap(view.figure, x=column, y=line, modifiers={"shift": False}))
        assert made.state.b == ("mlp-lth-0.9-seed1", "contrast-5")
        marks = view.marks.data
        assert (column, line) in zip(marks["x"].tolist(), marks["y"].tolist(), strict=True)
        made.change(b=("biprop 0.5 over seeds", "clean"))
        view.figure._trigger_event(Tap(view.figure, x=column, y=line, modifiers={"shift": False}))
        assert made.state.b == ("lth 0.9 over seeds", "contrast-5")
        last = len(store.columns) - 1
        view.figure._trigger_event(Tap(view.figure, x=last, y=line, modifiers={"shift": False}))
        assert made.state.b == ("lth 0.9 over seeds", "contrast-5")

    def test_the_null_marks_what_two_dense_seeds_could_be(self, store):
        made = Page(store, Evaluation)
        view = made.view
        made.change(choices={"evaluation-cells": "difference"})
        assert not view.nothing.data["mark"][0].any()
        made.change(null=True)
        shown = np.abs(view.cells.data["mean"][0])
        inside = shown <= grid.spread(store)
        assert 0 < inside.sum() < inside.size
        assert view.nothing.data["mark"][0].sum() == inside.sum()
        assert ((view.texts.data["alpha"] < 1) == inside.ravel()).all()

    def test_the_sentence_says_what_so_much_data_can_show(self, store):
        made = Page(store, Evaluation)
        a, b = ("mlp-dense-seed0", "clean"), ("mlp-lth-0.9-seed0", "contrast-5")
        made.change(a=a, b=b)
        share = np.mean(store.correct(a) != store.correct(b))
        least = 100 * detectable_with_samples(597, float(share))
        text = made.view.caption.text
        assert f"differences from {least:.1f} points on" in text
        right = lambda name, c: 100 * store.summary[name, c]["accuracy"]
        changes = [right(f"mlp-lth-0.9-seed{k}", b[1]) - right(f"mlp-dense-seed{k}", "clean") for k in (0, 1)]
        least = detectable_with_seeds(2, float(np.std(changes, ddof=1)))
        assert f"2 pairs of seeds from {least:.1f} on" in text

    def test_curves_follow_b_and_end_where_the_table_does(self, store):
        made = Page(store, Severities)
        view = made.view
        made.change(b=("mlp-lth-0.9-seed0", "contrast-5"))
        row = [group.name for group in store.groups].index("lth 0.9")
        last = grid.values(store, "accuracy")[row, store.columns.index("contrast-5")].mean()
        at = view.labels.data["side"].index("B: lth 0.9")
        assert view.coloured.data["ys"][at][-1] == pytest.approx(last)
        assert f"B: lth 0.9 {last:.1f}" in view.caption.text
        made.change(choices={"evaluation-curves": "corruptions"})
        named = zip(view.labels.data["side"], view.labels.data["text"], strict=True)
        assert set(named) == {(None, "gaussian_noise"), ("B: contrast", None)}

    def test_classes_add_up(self, store):
        made = Page(store, Breakdown)
        made.change(b=("mlp-lth-0.9-seed0", "contrast-5"))
        rows = made.view.rows.data
        assert rows["count"].sum() == 597
        right = 100 * store.correct(made.state.b).mean()
        assert np.average(rows["b"], weights=rows["count"]) == pytest.approx(right, rel=1e-5)
        np.testing.assert_allclose(rows["change"], rows["b"] - rows["a"], atol=1e-4)

    def test_hostile_names_are_text_and_own_columns_can_be_chosen(self, small_folder, tmp_path):
        folder = tmp_path / "copy"
        shutil.copytree(small_folder, folder)
        evil = "<img src=x onerror=alert(1)>"
        path = folder / "networks" / "mlp-biprop-0.5-seed0.json"
        info = json.loads(path.read_text())
        path.write_text(json.dumps(info | {"label": evil, "family": evil}))
        ids = Store(small_folder).ids.tolist()
        (folder / "samples.csv").write_text(f"id,{evil}\n" + "".join(f"{i},{evil}{i % 15}\n" for i in ids))
        pages = [Page(Store(folder), kind) for kind in (Breakdown, Evaluation, Severities, Lineage)]
        for made in pages:
            made.change(b=("mlp-biprop-0.5-seed0", "contrast-5"))
        pages[0].change(choices={"evaluation-by": f"samples.csv: {evil}"})
        breakdown = pages[0].view
        assert len(breakdown.rows.data["name"]) == metadata.SHOWN
        assert "12 of 15" in breakdown.caption.text
        for made in pages:
            for div in (made.view.caption, *made.view.root.select({"type": Div})):
                assert "<img" not in div.text
        (folder / "samples.csv").write_text("nothing\n")
        text = Page(Store(folder), Breakdown).view.caption.text
        assert "samples.csv was not read" in text

    def test_a_click_in_the_map_of_lineage_makes_b(self, store):
        made = Page(store, Lineage)
        view = made.view
        view.nodes.selected.indices = [view.map.nodes.index("mlp-lth-0.9-seed1")]
        assert made.state.b == ("mlp-lth-0.9-seed1", "clean")
        assert view.nodes.selected.indices == []
        view.means.selected.indices = [view.means.data["name"].index("magnitude 0.5, mean over 2 seeds")]
        assert made.state.b == ("magnitude 0.5 over seeds", "clean")
        assert "B: magnitude 0.5" in view.caption.text
        y = view.means.data["y"][view.means.data["name"].index("magnitude 0.5, mean over 2 seeds")]
        made.change(choices={"lineage-accuracy": "clean"})
        row = [group.name for group in store.groups].index("magnitude 0.5")
        after = view.means.data["y"][view.means.data["name"].index("magnitude 0.5, mean over 2 seeds")]
        assert after == pytest.approx(grid.values(store, "accuracy")[row, 0].mean(), rel=1e-5)
        assert after != y

    def test_unknown_sizes_are_gaps(self, store):
        some = dict(store.results.networks)
        some["mlp-lth-0.9-seed0"] = some["mlp-lth-0.9-seed0"] | {"nonzero": None}
        fresh = Store(store.folders[0])
        fresh.results = replace(fresh.results, networks=some)
        view = Page(fresh, Lineage).view
        assert "a size: 1 of" in view.caption.text
