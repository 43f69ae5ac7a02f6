"""Studies that a page reads: groups of seeds as one side, one that grows, several together."""

import shutil
from typing import ClassVar
from urllib.parse import parse_qsl

import numpy as np
import pytest
from bokeh.server.callbacks import NextTickCallback, PeriodicCallback
from pages import call_back, opened, watch

from rosalind import results
from rosalind.analysis import robustness, selection
from rosalind.analysis.store import Store
from rosalind.viewer import address, growth, slices
from rosalind.viewer.views import SHOWN, choices


@pytest.fixture
def copied(small_folder, tmp_path):
    """A store whose folder may be written."""
    shutil.copytree(small_folder, tmp_path / "study")
    return Store(tmp_path / "study")


class TestGroups:
    group = "magnitude 0.9 over seeds"
    seeds: ClassVar = [("mlp-magnitude-0.9-seed0", "contrast-5"), ("mlp-magnitude-0.9-seed1", "contrast-5")]

    def test_a_group_is_the_mean_of_its_seeds(self, store):
        cell = (self.group, "contrast-5")
        assert store.sides.seeds(cell) == self.seeds
        for measure in ("angle", "norm", "margin", "confidence"):
            mean = np.mean([store.values(seed, measure) for seed in self.seeds], 0)
            np.testing.assert_allclose(store.values(cell, measure), mean, rtol=1e-5, atol=1e-5)
        np.testing.assert_allclose(
            store.class_angles(cell)[1], np.mean([store.class_angles(s)[1] for s in self.seeds], 0), rtol=1e-5
        )
        right = [store.correct(seed) for seed in self.seeds]
        np.testing.assert_array_equal(store.correct(cell), right[0] & right[1])
        votes = store.predictions(cell)
        first, second = (store.predictions(seed) for seed in self.seeds)
        np.testing.assert_array_equal(votes, np.where(first == second, first, np.minimum(first, second)))

    def test_sides_are_paired_by_seed(self, store):
        dense = ("dense over seeds", "clean")
        pairs = store.sides.pairs(dense, (self.group, "contrast-5"))
        assert pairs == [
            (("mlp-dense-seed0", "clean"), self.seeds[0]),
            (("mlp-dense-seed1", "clean"), self.seeds[1]),
        ]
        assert store.sides.pairs(("mlp-dense-seed1", "clean"), (self.group, "contrast-5")) == pairs[1:]
        assert store.sides.pairs(("mlp-dense-seed1", "clean"), self.seeds[0]) == [
            (("mlp-dense-seed1", "clean"), self.seeds[0])
        ]

    def test_every_view_shows_groups_and_the_null(self, store):
        session = opened(store, a=("dense over seeds", "clean"), b=(self.group, "contrast-5"), null=True)
        assert set(session.views) == set(SHOWN["all"])
        assert "2 shared seeds" in session.views["local"].caption.text
        assert "two dense networks that differ in the seed" in session.views["local"].caption.text
        assert session.views["local"].figures["null"] in session.views["local"].root.references()
        assert "null=1" in session.controls.address.text
        query = dict(parse_qsl(session.controls.address.text))
        assert address.from_query(store, query, choices(store)) == (session.state, [])

    def test_the_null_of_two_conditions_of_one_network_is_another_draw(self, copied):
        folder = copied.results.folder
        info = results.load_json(folder / "conditions" / "gaussian_noise-5.json")
        results.save_json(folder / "conditions" / "gaussian_noise-5-draw1.json", {**info, "draw": 1})
        network = "mlp-dense-seed0"
        shutil.copy(
            results.geometry_file(folder, network, "gaussian_noise-5"),
            results.geometry_file(folder, network, "gaussian_noise-5-draw1"),
        )
        grown = Store(folder)
        pairs, words = grown.sides.nulls((network, "clean"), (network, "gaussian_noise-5"))
        assert pairs == [((network, "gaussian_noise-5"), (network, "gaussian_noise-5-draw1"))]
        assert "two draws" in words
        pairs, _ = grown.sides.nulls((network, "clean"), ("mlp-magnitude-0.9-seed0", "gaussian_noise-5"))
        assert pairs == [((network, "gaussian_noise-5"), ("mlp-dense-seed1", "gaussian_noise-5"))]


class TestWatching:
    def test_new_cells_appear_and_the_state_stays(self, copied):
        session = opened(copied, "geometry")
        session.change(x="margin", b=("mlp-lth-0.9-seed0", "contrast-5"))
        folder, before = copied.results.folder, session.state
        watch(session)
        assert session.controls.remade.text != "1"
        info = results.load_json(folder / "networks" / "mlp-lth-0.9-seed0.json")
        arrays = results.load_arrays(folder / "networks" / "mlp-lth-0.9-seed0.npz")
        cell = results.load_arrays(results.geometry_file(folder, "mlp-lth-0.9-seed0", "clean"))
        results.add_network(
            folder,
            {**info, "name": "newcomer", "label": "newcomer", "fingerprint": "1"},
            arrays,
            {"clean": cell},
        )
        counts = [len(copied.networks)]
        call_back(session.document, PeriodicCallback)
        counts.append(len(copied.networks))
        assert counts[1] == counts[0] + 1
        # It takes a while to make the views.
        assert f"{counts[1]} networks" in session.controls.study.text
        assert session.controls.remade.text != "1"
        call_back(session.document, NextTickCallback)
        assert f"{counts[1]} networks" in session.controls.study.text
        assert session.controls.remade.text == "1"
        assert session.state == before
        assert "newcomer" in session.widgets["b-find"].completions
        session.change(b=("newcomer", "clean"))
        assert session.state.b == ("newcomer", "clean")
        assert not session.errors.visible

    def test_a_slice_that_comes_as_a_side_goes_is_offered(self, copied):
        lost = "mlp-lth-0.9-seed0"
        session = opened(copied, "networks", b=(lost, "clean"))
        rule = selection.check_rule(copied, [{"op": "replace", "ids": [int(copied.ids[0])]}])
        slices.save(copied, "mine", slices.Slice(rule, ""))
        results.remove_network(copied.results.folder, lost)
        watch(session)
        assert session.state.b[0] != lost
        assert "mine" in session.slices

    def test_a_gesture_before_the_page_follows_a_side_that_went_is_refused(self, copied):
        lost = "mlp-lth-0.9-seed0"
        session = opened(copied, "networks", b=(lost, "clean"))
        results.remove_network(copied.results.folder, lost)
        call_back(session.document, PeriodicCallback)
        before = session.state
        session.change(x="margin")
        session.widgets["b-method"].value = "magnitude"
        assert session.state == before
        assert "has left the study" in session.errors.text
        call_back(session.document, NextTickCallback)
        assert session.state.b[0] != lost
        session.change(x="margin")
        assert session.state.x == "margin"
        assert not session.errors.visible

    def test_views_that_cannot_be_made_anew_are_no_longer_promised(self, copied, monkeypatch):
        def fail(*_):
            raise OSError("disk on fire")

        session = opened(copied, "networks")
        (copied.results.folder / "networks" / "mlp-lth-0.9-seed0.json").unlink()
        monkeypatch.setattr(growth, "choices", fail)
        call_back(session.document, PeriodicCallback)
        assert "drawing" in session.controls.study.text
        call_back(session.document, NextTickCallback)
        assert "drawing" not in session.controls.study.text
        assert "disk on fire" in session.errors.text

    def test_a_study_that_goes_away_leaves_what_is_shown(self, copied):
        session = opened(copied, "networks")
        before = session.state
        shutil.rmtree(copied.results.folder)
        watch(session)
        assert session.state == before
        assert any("is gone" in problem for problem in copied.problems)


class TestJoined:
    def test_two_studies_of_the_same_images_are_one(self, small_folder, tmp_path):
        other = tmp_path / "other"
        shutil.copytree(small_folder, other)
        alone, both = Store(small_folder), Store([small_folder, other])
        assert len(both.networks) == 2 * len(alone.networks)
        assert both.conditions == alone.conditions
        first, second = (f"{name}+mlp-dense-seed0" for name in (small_folder.name, "other"))
        np.testing.assert_array_equal(
            both.values((second, "contrast-5"), "margin"),
            alone.values(("mlp-dense-seed0", "contrast-5"), "margin"),
        )
        np.testing.assert_equal(both.summary[first, "clean"], both.summary[second, "clean"])
        child = both.results.networks["other+mlp-magnitude-0.9-seed0"]
        assert child.parent == second
        # One that is made of no dense network is compared with that of its own study too.
        assert both.results.networks["other+mlp-biprop-0.5-seed0"].parent is None
        assert robustness.parent_of(both.results, "other+mlp-biprop-0.5-seed0") == second
        assert robustness.parent_of(both.results, f"{small_folder.name}+mlp-biprop-0.5-seed0") == first
        session = opened(both, "geometry", a=(first, "clean"), b=(second, "clean"))
        words = session.views["local"].caption.text
        assert " 0 B fixes" in words
        assert " 0 B breaks" in words
        session.actions.save_slice("mine", "")
        assert "several are shown together" in session.errors.text

    def test_other_images_are_refused_or_left_out(self, small_folder, tmp_path):
        other = tmp_path / "other"
        shutil.copytree(small_folder, other)
        info = results.load_json(other / "conditions" / "contrast-5.json")
        results.save_json(other / "conditions" / "contrast-5.json", {**info, "key": [1, 2]}, replace=True)
        both = Store([small_folder, other])
        assert not both.sides.has(("other+mlp-dense-seed0", "contrast-5"))
        assert both.sides.has(("other+mlp-dense-seed0", "contrast-1"))
        assert any("contrast-5" in problem for problem in both.problems)
        study = results.load_json(other / "study.json")
        results.save_json(other / "study.json", {**study, "dataset_hash": "else"}, replace=True)
        with pytest.raises(ValueError, match="dataset_hash"):
            Store([small_folder, other])
        with pytest.raises(ValueError, match="different names"):
            Store([small_folder, small_folder])
