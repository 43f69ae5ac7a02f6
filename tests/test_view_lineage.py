"""The lineage of networks: the map, its layers, and accuracy against size."""

import itertools
from dataclasses import replace

import generated
import numpy as np
import pytest
from bokeh.models import HoverTool
from pages import Page, says

from rosalind import config
from rosalind.analysis import accuracy_table, lineage
from rosalind.analysis.store import Store
from rosalind.viewer.views import VIEWS
from rosalind.viewer.views.networks.lineage import Lineage
from rosalind.viewer.views.networks.pareto import Pareto
from rosalind.viewer.views.networks.severities import Severities


class TestLineageGraph:
    def test_chains_go_from_level_to_level_and_cuts_from_the_dense_network(self, store):
        origins = lineage.origins(store.results.networks)
        assert origins["mlp-lth-0.9-seed1"] == "mlp-lth-0.5-seed1"
        assert origins["mlp-lth-0.5-seed1"] == "mlp-dense-seed1"
        assert origins["mlp-magnitude-0.9-seed0"] == "mlp-dense-seed0"
        assert not [name for name in origins if "biprop" in name or "dense" in name]

    def test_groups_stand_in_layers_and_no_two_in_one_place(self, store):
        graph = lineage.lineage_graph(store.results.networks, store.groups)
        assert graph.layers == (0.0, 0.5, 0.9)
        assert len(graph.x) == len(graph.y) == len(store.groups)
        assert len(set(zip(graph.x.tolist(), graph.y.tolist(), strict=True))) == len(graph.x)
        x, y = graph.x, graph.y
        assert (x[graph.edges[:, 1]] > x[graph.edges[:, 0]]).all()
        across, down = lineage.paths(graph)
        nodes = {(round(a, 4), round(b, 4)) for a, b in zip(x.tolist(), y.tolist(), strict=True)}
        ways = np.stack([across, down], 1).reshape(-1, 7, 2)
        for (a, b), way in zip(graph.edges, ways, strict=True):
            ends = {(round(float(x[k]), 4), round(float(y[k]), 4)) for k in (a, b)}
            assert {tuple(np.round(way[k], 4).tolist()) for k in (0, 5)} == ends
            # A path only ever meets the nodes at its ends.
            for (x0, y0), (x1, y1) in itertools.pairwise(way[:6]):
                (left, right), (top, bottom) = sorted((x0, x1)), sorted((y0, y1))
                met = {n for n in nodes if left - 1e-3 < n[0] < right + 1e-3 and top - 1e-3 < n[1] < bottom + 1e-3}
                assert met <= ends

    def test_a_line_per_method_below_what_it_was_made_from(self, store):
        graph = lineage.lineage_graph(store.results.networks, store.groups)
        by_name = {group.name: k for k, group in enumerate(store.groups)}
        edges = graph.edges.tolist()
        assert [by_name["lth 0.5"], by_name["lth 0.9"]] in edges
        assert [by_name["dense"], by_name["lth 0.5"]] in edges
        assert len(edges) == 4
        assert set(graph.lines) == {group.label for group in store.groups}
        line = graph.lines.index
        assert line("dense") == 0
        assert {line("lth"), line("magnitude")} == {1, 2}
        # What was made from no network of the study is not among those that were.
        assert line("biprop") > 2

    def test_seeds_make_no_lines_of_their_own(self, store):
        view = Page(store, Lineage).view
        assert len(view.nodes.data["x"]) == len(store.groups) < len(store.results.networks)
        numbers = dict(zip(view.nodes.data["name"], view.nodes.data["text"], strict=True))
        for k, group in enumerate(store.groups):
            assert float(numbers[group.name]) == pytest.approx(view.group_means[k][1], abs=0.051)


class TestDocument:
    def test_a_click_in_the_map_of_lineage_makes_b(self, store):
        session = Page(store, Lineage)
        view = session.view
        session.change(b=("mlp-biprop-0.5-seed1", "clean"))
        view.nodes.selected.indices = [[group.name for group in store.groups].index("lth 0.9")]
        assert session.state.b == ("mlp-lth-0.9-seed1", "clean")
        assert view.nodes.selected.indices == []
        view.means.selected.indices = [view.means.data["name"].index("magnitude 0.5, mean over 2 seeds")]
        assert session.state.b == ("magnitude 0.5 over seeds", "clean")
        assert "B: magnitude 0.5" in view.caption.text
        infos = store.results.networks
        alone = {n for n in infos if infos[n].label != "dense"} - set(lineage.origins(infos))
        assert says(view.caption.text, len(store.results.networks), len(alone))
        y = view.means.data["y"][view.means.data["name"].index("magnitude 0.5, mean over 2 seeds")]
        session.change(choices={"lineage-accuracy": "clean"})
        row = [group.name for group in store.groups].index("magnitude 0.5")
        after = view.means.data["y"][view.means.data["name"].index("magnitude 0.5, mean over 2 seeds")]
        assert after == pytest.approx(accuracy_table.values(store, "accuracy")[row, 0].mean(), rel=1e-5)
        assert after != y

    def test_unknown_sizes_are_gaps(self, store):
        networks = dict(store.results.networks)
        networks["mlp-lth-0.9-seed0"] = replace(networks["mlp-lth-0.9-seed0"], nonzero=None)
        fresh = Store(store.folders[0])
        fresh.results = replace(fresh.results, networks=networks)
        view = Page(fresh, Lineage).view
        assert says(view.caption.text, 1, len(networks))

    @pytest.mark.parametrize("a", ["mlp-dense-seed0", "magnitude 0.9 over seeds", "magnitude 0.5 over seeds"])
    def test_names_of_two_points_part_up_and_down(self, store, a):
        view = Page(store, Lineage, a=(a, "clean"), b=("magnitude 0.5 over seeds", "clean")).view
        columns = [source.data for source in view.labels.values()]
        named = [(y, down) for data in columns for y, down in zip(data["y"], data["down"], strict=True)]
        if a.startswith("magnitude 0.5"):
            assert [down for _, down in named] == [0]
        else:
            (_, below), (_, above) = sorted(named)
            assert above == -below < 0


@pytest.mark.parametrize("kind", [Lineage, Pareto, Severities])
def test_percentages_end_at_a_hundred(store, kind):
    view = Page(store, kind).view
    figure = view.sizes if kind is Lineage else view.figure
    assert -2 <= figure.y_range.start < figure.y_range.end <= 102


def test_where_all_is_right_no_axis_goes_on_and_no_name_is_cut_off(tmp_path):
    clean = (config.Condition("clean"),)
    study = {
        "samples": 2,
        "classes": 2,
        "networks": 3,
        "seeds": 1,
        "conditions": clean,
        "image_size": 8,
        "thumbnails": 2,
    }
    generated.make(tmp_path / "study", **study)
    store = Store(tmp_path / "study")
    assert all(store.correct((name, "clean")).all() for name in store.networks)
    view = Page(store, Lineage).view
    assert 100 < view.sizes.y_range.end < 100.1
    assert sorted(down for source in view.labels.values() for down in source.data["down"]) == [0, 12]


def test_labels_beside_the_pointer_follow_the_theme(store):
    # Bokeh's own labels are light blue on white, with a contrast of 2.6.
    views = Page(store, *VIEWS.values()).views
    tools = [tool for view in views for tool in view.root.references() if isinstance(tool, HoverTool)]
    assert len(tools) > 10
    assert all(isinstance(tool.tooltips, str) for tool in tools)
    assert any("color: var(--soft)" in tool.tooltips for tool in tools)
