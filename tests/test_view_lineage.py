"""Which network came from which: the map, its layers, and accuracy against size."""

from dataclasses import replace

import numpy as np
import pytest
from pages import Page, says

from rosalind.analysis import accuracy_table, lineage
from rosalind.analysis.store import Store
from rosalind.viewer.views.networks.lineage import Lineage


class TestLineageGraph:
    def test_chains_go_from_level_to_level_and_cuts_from_the_dense_network(self, store):
        origins = lineage.origins(store.results.networks)
        assert origins["mlp-lth-0.9-seed1"] == "mlp-lth-0.5-seed1"
        assert origins["mlp-lth-0.5-seed1"] == "mlp-dense-seed1"
        assert origins["mlp-magnitude-0.9-seed0"] == "mlp-dense-seed0"
        assert not [name for name in origins if "biprop" in name or "dense" in name]

    def test_networks_stand_in_layers_and_no_two_in_one_place(self, store):
        graph = lineage.lineage_graph(store.results.networks, store.groups)
        assert graph.layers == (0.0, 0.5, 0.9)
        assert not graph.grouped
        assert len(graph.nodes) == len(store.results.networks)
        assert len(set(zip(graph.x.tolist(), graph.y.tolist(), strict=True))) == len(graph.nodes)
        x, y = graph.x, graph.y
        assert (x[graph.edges[:, 1]] > x[graph.edges[:, 0]]).all()
        across, down = lineage.paths(graph)
        nodes = {(round(a, 4), round(b, 4)) for a, b in zip(x.tolist(), y.tolist(), strict=True)}
        ways = np.stack([across, down], 1).reshape(-1, 5, 2)
        for (a, b), way in zip(graph.edges, ways, strict=True):
            # A path only ever meets the nodes at its ends.
            level = way[1, 1]
            between = [n for n in nodes if x[a] < n[0] < x[b] and abs(n[1] - level) < 1e-3]
            assert not between

    def test_many_networks_are_drawn_as_groups(self, store):
        graph = lineage.lineage_graph(store.results.networks, store.groups, most=5)
        assert graph.grouped
        assert len(graph.nodes) == len(store.groups)
        by_name = {store.groups[k].name: n for n, k in enumerate(graph.groups)}
        edges = graph.edges.tolist()
        assert [by_name["lth 0.5"], by_name["lth 0.9"]] in edges
        assert [by_name["dense"], by_name["lth 0.5"]] in edges
        assert len(edges) == 4


class TestDocument:
    def test_a_click_in_the_map_of_lineage_makes_b(self, store):
        session = Page(store, Lineage)
        view = session.view
        view.nodes.selected.indices = [view.map.nodes.index("mlp-lth-0.9-seed1")]
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
