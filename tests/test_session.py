"""The page of one reader: undo, views that come later, exports, keys, themes, layouts."""

import csv
import json
import shutil
from dataclasses import replace
from urllib.parse import parse_qsl

import numpy as np
import pytest
from bokeh.document import Document
from pages import opened, watch

from rosalind import results
from rosalind.analysis import selection, selection_steps
from rosalind.analysis.store import Store
from rosalind.viewer import address, exports, keyboard, state, theme
from rosalind.viewer.app import open_session
from rosalind.viewer.state import selected
from rosalind.viewer.views import SHOWN, VIEWS, choices, draw


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
        walked = state.History().after(start).after(second)
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
        walked, now = state.History().after(start).undo(replace(start, raw=True))
        assert walked.future
        assert not walked.after(now).future

    def test_going_to_a_state_is_a_step_where_it_is_the_next(self, start):
        second, third = replace(start, x="norm"), replace(start, x="margin")
        history = state.History().after(start)
        assert history.goto(second, start) == history.undo(second)
        undone, _ = history.undo(second)
        assert undone.goto(start, second) == undone.redo(start)
        assert history.goto(second, third) == (history.after(second), third)
        assert history.goto(second, second) == (history, second)

    def test_it_is_bounded(self, start):
        walked = state.History()
        for _ in range(2 * state.LONGEST):
            walked = walked.after(start)
        assert len(walked.past) == state.LONGEST


class TestLaterViews:
    def test_the_page_has_the_models_that_a_look_through_all_finds(self, store):
        session = open_session(store, Document(), {"layout": "all"})
        for fields in ({}, {"null": True}, {"layout": "samples"}, {"layout": "all"}):
            session.complete(3)
            session.change(**fields)
        session.complete()
        self.check(session.document)

    def test_a_view_that_changes_while_others_are_made_is_looked_at(self, store):
        session = open_session(store, Document(), {"layout": "geometry"})
        session.complete()
        session.change(layout="all", null=True)
        self.check(session.document)

    def test_views_that_come_one_by_one_hold_one_mask(self, store):
        session = open_session(store, Document(), {"layout": "all"})
        while session.panels.waiting:
            session.complete(1)
        held = lambda: {id(view.frame.selected) for view in session.views.values() if hasattr(view, "frame")}
        assert len(held()) == 1
        session.change(step={"true": 3})
        assert len(held()) == 1
        assert session.views["local"].frame.selected.sum() == (store.labels == 3).sum()

    @pytest.mark.view_fails
    def test_a_view_that_fails_does_not_stop_the_page(self, store, monkeypatch):
        def fails(*args):
            raise RuntimeError("a mistake")

        session = open_session(store, Document(), {"layout": "geometry"})
        session.complete()
        with monkeypatch.context() as patched:
            patched.setitem(VIEWS, "samples", fails)
            session.change(layout="all")
        assert set(VIEWS) - set(session.views) == {"samples"}
        (note,) = session.panels.figures["samples"].children
        assert "RuntimeError: a mistake. This view is not shown." in note.text
        session.change(null=True)
        assert set(VIEWS) == set(session.views)
        self.check(session.document)

    def check(self, document):
        before = set(document.models)
        assert {"local-null", "samples"} <= {model.name for model in before}
        assert not [root for root in document.roots if "references" in vars(root)]
        document.models.recompute()
        assert set(document.models) == before


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
        assert {row["change"] for row in rows} <= set(selection_steps.FLIPS)

    def test_json_holds_the_rule_and_its_samples(self, store, start):
        rule = selection.check_rule(store, [{"op": "replace", "ids": store.ids[:4].tolist()}])
        asked = replace(start, rule=rule)
        record = json.loads(exports.as_json(store, asked, selected(store, asked)))
        assert record["ids"] == store.ids[:4].tolist()
        assert selection.check_rule(store, record["rule"]) == rule
        query = dict(parse_qsl(record["link"].lstrip("?")))
        assert address.from_query(store, query, choices(store)) == (asked, [])

    def test_names_with_line_ends_stay_in_their_comment(self, store, start, monkeypatch):
        monkeypatch.setitem(store.results.study, "dataset_hash", "a\nb,c")
        lines = exports.as_csv(store, start, np.ones(len(store.ids), bool)).splitlines()
        assert sum(not line.startswith("#") for line in lines) == len(store.ids) + 1


class TestKeys:
    def test_each_does_what_the_page_says(self, copied):
        session = opened(copied, "samples")
        start = session.state
        session.actions.press("x")
        assert (session.state.a, session.state.b) == (start.b, start.a)
        session.actions.press("undo")
        assert session.state == start
        session.actions.press("redo")
        session.actions.press("undo")
        session.actions.press("]")
        names = copied.conditions
        assert session.state.b[1] == names[names.index(start.b[1]) + 1]
        session.actions.press("[")
        session.actions.press(".")
        assert session.state.b[0] == copied.networks[copied.networks.index(start.b[0]) + 1]
        session.actions.press(",")
        assert session.state.b == start.b
        session.change(primary=None)
        session.actions.press("ArrowRight")
        first = session.state.primary
        assert first == copied.ids[session.views["samples"].listed[0]]
        session.actions.press("ArrowRight")
        assert session.state.primary == copied.ids[session.views["samples"].listed[1]]
        session.actions.press("ArrowLeft")
        assert session.state.primary == first
        session.actions.press("s")
        assert session.state.rule == (selection_steps.Ids("add", (first,)),)
        session.actions.press("Escape")
        assert session.state.rule == ()
        session.actions.press("s")
        assert "no sample is shown large" in session.errors.text

    def test_an_unknown_key_does_nothing(self, copied):
        session = opened(copied, "networks")
        start = session.state
        session.actions.press("q")
        assert session.state == start

    def test_they_step_over_what_is_not_measured(self, folder):
        session = opened(Store(folder), "geometry")
        b = session.state.b
        following = session.store.conditions[1]
        results.geometry_file(folder, b[0], following).unlink()
        watch(session)
        session.actions.press("]")
        assert session.state.b == (b[0], session.store.conditions[2])
        session.actions.press("[")
        assert session.state.b == b


class TestTheme:
    def test_dark_reaches_every_figure_and_light_comes_back(self, store):
        from bokeh.models import LinearColorMapper, Plot

        session = opened(store)
        document = session.document
        before = {id(m): list(m.palette) for m in document.select({"type": LinearColorMapper})}
        session.actions.press("d")
        panel = theme.COLOURS["dark"]["panel"]
        assert {plot.background_fill_color for plot in document.select({"type": Plot})} == {panel}
        assert "theme=dark" in session.controls.address.text
        session.actions.press("d")
        assert {plot.background_fill_color for plot in document.select({"type": Plot})} == {"#ffffff"}
        after = {id(m): list(m.palette) for m in document.select({"type": LinearColorMapper})}
        assert after == before

    def test_figures_that_come_later_have_the_colours_too(self, store):
        session = opened(store, "geometry", theme="dark")
        null, classes = session.views["local"].figures["null"], session.views["distributions"].classes.figure
        by_class = {"distributions-of": "class by class"}
        for name in ("dark", "light", "dark"):
            session.change(theme=name)
            session.change(null=True, choices=by_class)
            panel = theme.COLOURS[name]["panel"]
            assert null.background_fill_color == classes.background_fill_color == panel
            # What is not on the page while the theme changes follows when it is shown again.
            session.change(null=False, choices={"distributions-of": "all samples"})

    def test_another_page_has_the_colours_too(self, store):
        session = opened(store, "geometry")
        session.change(layout="samples")
        session.complete()
        session.change(theme="dark")
        session.change(layout="geometry")
        assert session.views["local"].figures["a"].background_fill_color == theme.COLOURS["dark"]["panel"]

    def test_grids_that_are_axes_keep_their_colour(self, store):
        document = opened(store, "geometry").document
        assert {grid.grid_line_color for grid in document.get_model_by_name("global-a").xgrid} == {draw.GREY}

    def test_a_state_that_cannot_be_shown_leaves_the_old_one(self, store, monkeypatch):
        session = opened(store, "geometry")
        before = session.state, session.history

        def broken(*args):
            raise OSError("the disk is gone")

        with monkeypatch.context() as patched:
            patched.setattr(selection, "select", broken)
            session.change(x="margin")
        assert (session.state, session.history) == before
        assert "the disk is gone" in session.errors.text

    def test_every_key_is_explained(self):
        assert {"?", "Esc", "x", "d", "e", "g", "s", "n", "1 2 3 4 5", "[ ]", ", ."} <= set(keyboard.KEYS)


class TestLayouts:
    def test_views_are_made_when_they_are_first_shown(self, store):
        session = opened(store, layout="networks")
        assert set(session.views) == set(SHOWN["networks"])
        session.actions.press("2")
        assert session.state.layout == "geometry"
        assert set(session.views) == {*SHOWN["networks"], *SHOWN["geometry"]}

    def test_a_hidden_view_follows_once_it_is_shown(self, store):
        session = opened(store, "geometry")
        session.change(layout="networks")
        session.change(x="margin")
        assert "margin" not in session.views["local"].caption.text
        session.change(layout="geometry")
        assert "margin" in session.views["local"].caption.text

    def test_what_a_selection_does_is_in_the_address_and_can_be_undone(self, store):
        session = opened(store, "geometry")
        session.widgets["operation"].value = "add"
        assert "operation=add" in session.controls.address.text
        other = opened(store, "networks", operation="add")
        assert other.widgets["operation"].value == "add"
        other.change(step={"true": 3})
        other.change(step={"true": 4})
        assert [step.op for step in other.state.rule] == ["add", "add"]
        assert selected(store, other.state).sum() == np.isin(store.labels, (3, 4)).sum()
        session.actions.undo()
        assert session.widgets["operation"].value == "replace"
        assert "operation" not in session.controls.address.text
        found, problems = address.from_query(store, {"operation": "<b>"}, choices(store))
        assert found.operation == "replace"
        assert len(problems) == 1

    def test_choices_are_in_the_address_and_can_be_undone(self, store):
        session = opened(store, "geometry")
        session.change(choices={"local-contours": "classes"})
        assert "local-contours=classes" in session.controls.address.text
        assert len(session.views["local"].contours["a"].data["xs"]) == 10
        session.actions.press("undo")
        assert session.panels.choosers("local") == {
            "local-contours": "off",
            "local-shift": "x axis",
        }
        session.change(choices={"local-contours": "<b>"})
        assert "allowed: off, classes" in session.errors.text
        assert not session.state.choices


class TestSides:
    def test_a_side_is_chosen_part_by_part_and_what_can_stays(self, store):
        session = opened(store, "networks")
        w = session.widgets
        assert w["a-method"].value == "dense"
        w["a-method"].value = "lth"
        assert session.state.a == ("mlp-lth-0.5-seed0", "clean")
        w["a-sparsity"].value = "0.9"
        assert session.state.a == ("mlp-lth-0.9-seed0", "clean")
        assert [label for _, label in w["a-seed"].options] == ["all seeds", "seed 0", "seed 1"]
        w["a-seed"].value = "lth 0.9 over seeds"
        w["a-condition"].value = "contrast"
        assert session.state.a == ("lth 0.9 over seeds", "contrast-1")
        w["a-severity"].value = "contrast-5"
        w["a-condition"].value = "gaussian_noise"
        assert session.state.a == ("lth 0.9 over seeds", "gaussian_noise-5")
        w["a-method"].value = "magnitude"
        assert session.state.a == ("magnitude 0.9 over seeds", "gaussian_noise-5")
        w["a-method"].value = "biprop"
        assert session.state.a == ("biprop 0.5 over seeds", "gaussian_noise-5")
        session.actions.press("undo")
        assert w["a-method"].value == "magnitude"
        assert session.controls.cell("a") == session.state.a

    def test_any_name_is_found_by_a_part_of_it(self, store):
        session = opened(store, "networks")
        find = session.widgets["b-find"]
        assert find.search_strategy == "includes"
        assert set(store.networks) | set(store.conditions) <= set(find.completions)
        find.value = "mlp-magnitude-0.5-seed1"
        assert session.state.b[0] == "mlp-magnitude-0.5-seed1"
        assert find.value == ""
        find.value = "contrast-1"
        assert session.state.b == ("mlp-magnitude-0.5-seed1", "contrast-1")
        find.value = "nothing"
        assert session.state.b == ("mlp-magnitude-0.5-seed1", "contrast-1")
