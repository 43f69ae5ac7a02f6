"""What one reader's page does: undo, slices, exports, keys, themes, groups of seeds, a study that grows."""

import csv
import gc
import json
import shutil
from dataclasses import replace
from typing import ClassVar
from urllib.parse import parse_qsl

import numpy as np
import pytest
from bokeh.core.property.wrappers import PropertyValueContainer
from bokeh.document import Document
from pages import opened

from rosalind import results
from rosalind.viewer import address, exports, growing, history, keys, rules, slices, state, theme
from rosalind.viewer.app import Session
from rosalind.viewer.store import Store
from rosalind.viewer.views import SHOWN, VIEWS, choices


@pytest.fixture(scope="module")
def store(small_folder):
    return Store(small_folder)


@pytest.fixture
def start(store):
    a, b = ("mlp-dense-seed0", "clean"), ("mlp-magnitude-0.9-seed0", "contrast-5")
    return state.State(a, b)


@pytest.fixture
def copied(small_folder, tmp_path):
    """A store whose folder may be written."""
    shutil.copytree(small_folder, tmp_path / "study")
    return Store(tmp_path / "study")


class TestHistory:
    def test_undo_and_redo_walk_over_whole_states(self, start):
        second, third = replace(start, x="margin"), replace(start, x="margin", raw=True)
        walked = history.History().after(start).after(second)
        walked, now = walked.undo(third)
        assert now == second
        walked, now = walked.undo(now)
        assert now == start
        assert walked.undo(now) == (walked, start)
        walked, now = walked.redo(now)
        walked, now = walked.redo(now)
        assert now == third
        assert walked.redo(now) == (walked, third)

    def test_a_new_gesture_leaves_nothing_to_redo(self, start):
        walked, now = history.History().after(start).undo(replace(start, raw=True))
        assert walked.future
        assert not walked.after(now).future

    def test_it_is_bounded(self, start):
        walked = history.History()
        for _ in range(2 * history.LONGEST):
            walked = walked.after(start)
        assert len(walked.past) == history.LONGEST


class TestLaterViews:
    def test_the_page_has_the_models_that_a_look_through_all_finds(self, store):
        made = Session(store, Document(), {"layout": "all"})
        for fields in ({}, {"null": True}, {"layout": "samples"}, {"layout": "all"}):
            made.complete(3)
            made.change(**fields)
        made.complete()
        self.check(made.document)

    def test_a_view_that_changes_while_others_are_made_is_looked_at(self, store):
        made = Session(store, Document(), {"layout": "geometry"})
        made.complete()
        made.change(layout="all", null=True)
        self.check(made.document)

    def test_a_view_that_fails_does_not_stop_the_page(self, store, monkeypatch):
        def fails(*args):
            raise RuntimeError("a mistake")

        made = Session(store, Document(), {"layout": "geometry"})
        made.complete(1)
        with monkeypatch.context() as patched:
            patched.setitem(VIEWS, "samples", fails)
            with pytest.raises(RuntimeError, match="a mistake"):
                made.change(layout="all", null=True)
        assert made.state.layout == "geometry"
        made.change(layout="all", null=True)
        self.check(made.document)

    def test_what_nobody_filled_is_not_kept_and_can_still_be_filled(self, store):
        def alive():
            gc.collect()
            return sum(isinstance(found, PropertyValueContainer) for found in gc.get_objects())

        made = opened(store, "geometry")
        made.document.to_json()
        found, before = set(made.document.models), alive()
        # The tick after the last view, which the page has then been sent.
        made._next()
        assert alive() < before / 2
        # A default that is a model, such as a source's selection, stays the one that was sent.
        made.document.models.recompute()
        assert set(made.document.models) == found
        figure = made.views["local"].figures["a"]
        figure.tags.append("filled later")
        growing.forget(made.document.models)
        assert figure.tags == ["filled later"]

    def check(self, document):
        found = set(document.models)
        assert {"local-null", "samples"} <= {model.name for model in found}
        assert not [root for root in document.roots if "references" in vars(root)]
        document.models.recompute()
        assert set(document.models) == found


class TestSlices:
    rule: ClassVar = ({"op": "replace", "ids": [1, 2, 3]},)

    def test_what_is_saved_is_read_and_others_stay(self, copied):
        slices.save(copied, "first", slices.Slice(self.rule, "why"))
        slices.save(copied, " second ", slices.Slice(self.rule, " why "))
        slices.save(copied, "first", None)
        found, problems = slices.load(copied)
        assert found == {"second": slices.Slice(self.rule, "why")}
        assert problems == []

    @pytest.mark.parametrize(
        ("name", "rule", "message"),
        [("", rule, "needs a name"), ("a" * 81, rule, "1 to 80"), ("empty", (), "nothing is selected")],
    )
    def test_what_cannot_be_saved_is_refused(self, copied, name, rule, message):
        with pytest.raises(ValueError, match=message):
            slices.save(copied, name, slices.Slice(rule))
        assert not slices.path_of(copied).exists()

    @pytest.mark.parametrize("text", ["{", "[]", '{"a": 3}', '{"a": [{"op": "replace", "ids": ["x"]}]}'])
    def test_a_broken_file_is_named_and_the_rest_works(self, copied, text):
        slices.path_of(copied).write_text(text)
        found, problems = slices.load(copied)
        assert found == {}
        assert problems
        assert opened(copied).errors.visible

    def test_saving_loses_nothing_that_was_not_understood(self, copied):
        strange = [
            {"op": "replace", "box": [0, 1, 0, 1], "cell": ["gone", "clean"], "x": "angle", "y": "norm"}
        ]
        slices.path_of(copied).write_text(json.dumps({"of a network that is gone": strange}))
        slices.save(copied, "new", slices.Slice(self.rule))
        written = json.loads(slices.path_of(copied).read_text())
        assert written["of a network that is gone"] == strange
        assert set(written) == {"of a network that is gone", "new"}

    @pytest.mark.parametrize("text", ["{", "[]"])
    def test_a_damaged_file_is_not_written_over(self, copied, text):
        slices.path_of(copied).write_text(text)
        with pytest.raises(ValueError, match="saving would lose what is in it"):
            slices.save(copied, "new", slices.Slice(self.rule))
        assert slices.path_of(copied).read_text() == text

    def test_a_folder_that_cannot_be_written_says_where_the_rule_is(self, copied, monkeypatch):
        def refused(*args, **kwargs):
            raise OSError(30, "Read-only file system")

        monkeypatch.setattr(slices.files, "save_json", refused)
        with pytest.raises(PermissionError, match="the address holds the selection: copy the link"):
            slices.save(copied, "a", slices.Slice(self.rule))

    def test_the_page_saves_shows_and_removes_them(self, copied):
        made = opened(copied)
        made.change(rule=self.rule)
        made.widgets["slice-name"].value = "<b>three</b>"
        made._save_slice("<b>three</b>", "<i>why</i>")
        assert made.widgets["slice"].value == "<b>three</b>"
        made.change(rule=())
        made._show_slice("<b>three</b>")
        assert made.state.rule == self.rule
        assert made.controls.note.text == "&lt;i&gt;why&lt;/i&gt;"
        made._remove_slice("<b>three</b>")
        assert made.widgets["slice"].options == [""]
        made._save_slice("", "")
        assert "needs a name" in made.errors.text


class TestExports:
    def test_csv_has_every_chosen_sample_and_says_what_it_is(self, store, start):
        chosen = np.zeros(len(store.ids), bool)
        chosen[[3, 5, 8]] = True
        lines = exports.as_csv(store, start, chosen).splitlines()
        comments = [line for line in lines if line.startswith("#")]
        assert any("arXiv 2206.07918" in line for line in comments)
        assert any("versions" in line for line in comments)
        rows = list(csv.DictReader(line for line in lines if not line.startswith("#")))
        assert [int(row["id"]) for row in rows] == store.ids[[3, 5, 8]].tolist()
        margin = store.values(start.b, "margin")
        assert float(rows[0]["margin_b"]) == pytest.approx(margin[3], rel=1e-5)
        assert {row["change"] for row in rows} <= set(state.FLIPS)

    def test_json_holds_the_rule_and_its_samples(self, store, start):
        rule = rules.check_rule(store, [{"op": "replace", "ids": store.ids[:4].tolist()}])
        asked = replace(start, rule=rule)
        found = json.loads(exports.as_json(store, asked, rules.select(store, asked)))
        assert found["ids"] == store.ids[:4].tolist()
        assert rules.check_rule(store, found["rule"]) == rule
        query = dict(parse_qsl(found["link"].lstrip("?")))
        assert address.from_query(store, query, choices(store)) == (asked, [])

    def test_names_with_line_ends_stay_in_their_comment(self, store, start, monkeypatch):
        monkeypatch.setitem(store.results.study, "dataset_hash", "a\nb,c")
        lines = exports.as_csv(store, start, np.ones(len(store.ids), bool)).splitlines()
        assert sum(not line.startswith("#") for line in lines) == len(store.ids) + 1


class TestKeys:
    def test_each_does_what_the_page_says(self, copied):
        made = opened(copied)
        start = made.state
        keys.press(made, "x")
        assert (made.state.a, made.state.b) == (start.b, start.a)
        keys.press(made, "undo")
        assert made.state == start
        keys.press(made, "redo")
        keys.press(made, "undo")
        keys.press(made, "]")
        names = copied.conditions
        assert made.state.b[1] == names[names.index(start.b[1]) + 1]
        keys.press(made, "[")
        keys.press(made, ".")
        assert made.state.b[0] == copied.networks[copied.networks.index(start.b[0]) + 1]
        keys.press(made, ",")
        assert made.state.b == start.b
        made.change(primary=None)
        keys.press(made, "ArrowRight")
        first = made.state.primary
        assert first == copied.ids[made.views["samples"].listed[0]]
        keys.press(made, "ArrowRight")
        assert made.state.primary == copied.ids[made.views["samples"].listed[1]]
        keys.press(made, "ArrowLeft")
        assert made.state.primary == first
        keys.press(made, "s")
        assert made.state.rule == ({"op": "add", "ids": [first]},)
        keys.press(made, "Escape")
        assert made.state.rule == ()
        keys.press(made, "s")
        assert "no sample is shown large" in made.errors.text

    def test_an_unknown_key_does_nothing(self, copied):
        made = opened(copied)
        start = made.state
        keys.press(made, "q")
        assert made.state == start


class TestTheme:
    def test_dark_reaches_every_figure_and_light_comes_back(self, store):
        from bokeh.models import LinearColorMapper, Plot

        made = opened(store)
        document = made.document
        before = {id(m): list(m.palette) for m in document.select({"type": LinearColorMapper})}
        keys.press(made, "d")
        panel = theme.COLOURS["dark"]["panel"]
        assert {plot.background_fill_color for plot in document.select({"type": Plot})} == {panel}
        assert "theme=dark" in made.controls.address.text
        keys.press(made, "d")
        assert {plot.background_fill_color for plot in document.select({"type": Plot})} == {"#ffffff"}
        after = {id(m): list(m.palette) for m in document.select({"type": LinearColorMapper})}
        assert after == before

    def test_grids_that_are_axes_keep_their_colour(self, store):
        document = opened(store).document
        assert {grid.grid_line_color for grid in document.get_model_by_name("global-a").xgrid} == {"#8a94a6"}

    def test_a_state_that_cannot_be_shown_leaves_the_old_one(self, store, monkeypatch):
        made = opened(store)
        before = made.state, made.history

        def broken(frame):
            raise RuntimeError("a view's own mistake")

        monkeypatch.setattr(made.views["samples"], "update", broken)
        with pytest.raises(RuntimeError):
            made.change(x="margin")
        assert (made.state, made.history) == before

    def test_every_key_is_explained(self):
        assert {"?", "Esc", "x", "d", "e", "g", "s", "n", "1 2 3 4", "[ ]", ", ."} <= set(keys.KEYS)


class TestGroups:
    group = "magnitude 0.9 over seeds"
    seeds: ClassVar = [("mlp-magnitude-0.9-seed0", "contrast-5"), ("mlp-magnitude-0.9-seed1", "contrast-5")]

    def test_a_group_is_the_mean_of_its_seeds(self, store):
        cell = (self.group, "contrast-5")
        assert store.seeds(cell) == self.seeds
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
        pairs = store.pairs(dense, (self.group, "contrast-5"))
        assert pairs == [
            (("mlp-dense-seed0", "clean"), self.seeds[0]),
            (("mlp-dense-seed1", "clean"), self.seeds[1]),
        ]
        assert store.pairs(("mlp-dense-seed1", "clean"), (self.group, "contrast-5")) == pairs[1:]
        assert store.pairs(("mlp-dense-seed1", "clean"), self.seeds[0]) == [
            (("mlp-dense-seed1", "clean"), self.seeds[0])
        ]

    def test_every_view_shows_groups_and_the_null(self, store):
        made = opened(store, a=("dense over seeds", "clean"), b=(self.group, "contrast-5"), null=True)
        assert set(made.views) == set(SHOWN["all"])
        assert "2 shared seeds" in made.views["local"].caption.text
        assert "two dense networks that differ in the seed" in made.views["local"].caption.text
        assert made.views["local"].figures["null"] in made.views["local"].row.children
        assert "null=1" in made.controls.address.text
        query = dict(parse_qsl(made.controls.address.text))
        assert address.from_query(store, query, choices(store)) == (made.state, [])

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
        pair, words = grown.null((network, "clean"), (network, "gaussian_noise-5"))
        assert pair == ((network, "gaussian_noise-5"), (network, "gaussian_noise-5-draw1"))
        assert "two draws" in words
        pair, _ = grown.null((network, "clean"), ("mlp-magnitude-0.9-seed0", "gaussian_noise-5"))
        assert pair == ((network, "gaussian_noise-5"), ("mlp-dense-seed1", "gaussian_noise-5"))


class TestLayouts:
    def test_views_are_made_when_they_are_first_shown(self, store):
        made = opened(store, layout="networks")
        assert set(made.views) == set(SHOWN["networks"])
        keys.press(made, "2")
        assert made.state.layout == "geometry"
        assert set(made.views) == {*SHOWN["networks"], *SHOWN["geometry"]}

    def test_a_hidden_view_follows_once_it_is_shown(self, store):
        made = opened(store)
        made.change(layout="networks")
        made.change(x="margin")
        assert "margin" not in made.views["local"].caption.text
        made.change(layout="geometry")
        assert "margin" in made.views["local"].caption.text

    def test_choices_are_in_the_address_and_can_be_undone(self, store):
        made = opened(store)
        made.change(choices={"local-contours": "classes"})
        assert "local-contours=classes" in made.controls.address.text
        assert len(made.views["local"].contours["a"].data["xs"]) == 10
        keys.press(made, "undo")
        assert {chooser.name: chooser.value for chooser in made.choosers["local"]} == {
            "local-contours": "off",
            "local-shift": "x axis",
        }
        made.change(choices={"local-contours": "<b>"})
        assert "allowed: off, classes" in made.errors.text
        assert not made.state.choices


class TestWatching:
    def test_new_cells_appear_and_the_state_stays(self, copied):
        made = opened(copied)
        made.change(x="margin", b=("mlp-lth-0.9-seed0", "contrast-5"))
        folder, before = copied.results.folder, made.state
        made._watch()
        assert made.generation == 0
        info = results.load_json(folder / "networks" / "mlp-lth-0.9-seed0.json")
        arrays = results.load_arrays(folder / "networks" / "mlp-lth-0.9-seed0.npz")
        cell = results.load_arrays(results.geometry_file(folder, "mlp-lth-0.9-seed0", "clean"))
        results.add_network(
            folder,
            {**info, "name": "newcomer", "label": "newcomer", "fingerprint": "1"},
            arrays,
            {"clean": cell},
        )
        made._watch()
        assert made.generation == 1
        assert made.state == before
        assert "newcomer" in made.widgets["b-network"].options["networks"]
        made.change(b=("newcomer", "clean"))
        assert made.state.b == ("newcomer", "clean")
        assert not made.errors.visible

    def test_a_study_that_goes_away_leaves_what_is_shown(self, copied):
        made = opened(copied)
        before = made.state
        shutil.rmtree(copied.results.folder)
        made._watch()
        assert made.state == before
        assert any("could not be read again" in problem for problem in copied.problems)


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
        assert both.summary[first, "clean"] == both.summary[second, "clean"]
        child = both.results.networks["other+mlp-magnitude-0.9-seed0"]
        assert child["parent"] == second
        made = opened(both, a=(first, "clean"), b=(second, "clean"))
        assert "0 fixed and 0" in made.views["local"].caption.text
        made._save_slice("mine", "")
        assert "several are shown together" in made.errors.text

    def test_other_images_are_refused_or_left_out(self, small_folder, tmp_path):
        other = tmp_path / "other"
        shutil.copytree(small_folder, other)
        info = results.load_json(other / "conditions" / "contrast-5.json")
        results.save_json(other / "conditions" / "contrast-5.json", {**info, "key": [1, 2]}, replace=True)
        both = Store([small_folder, other])
        assert not both.has(("other+mlp-dense-seed0", "contrast-5"))
        assert both.has(("other+mlp-dense-seed0", "contrast-1"))
        assert any("contrast-5" in problem for problem in both.problems)
        study = results.load_json(other / "study.json")
        results.save_json(other / "study.json", {**study, "dataset_hash": "else"}, replace=True)
        with pytest.raises(ValueError, match="dataset_hash"):
            Store([small_folder, other])
        with pytest.raises(ValueError, match="different names"):
            Store([small_folder, small_folder])
