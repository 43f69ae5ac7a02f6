"""Rules of a selection: what they say, that they are JSON, and that they select the same once they are saved."""

import functools
import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pages import opened

from rosalind.analysis import selection, selection_steps
from rosalind.analysis.store import Store
from rosalind.measures import MEASURES
from rosalind.viewer import state
from rosalind.viewer.state import selected


class TestOnAPage:
    def test_a_box_of_raw_norms_stays_one_in_units(self, folder):
        session = opened(Store(folder), "geometry")
        session.change(raw=True)
        norm = session.store.values(session.state.a, "norm", True)
        low, high = np.quantile(norm, [0.25, 0.75])
        session.change(
            step={
                "box": [0, 180, low, high],
                "x": "angle",
                "y": "norm",
                "cell": list(session.state.a),
                "raw": True,
            }
        )
        chosen = selected(session.store, session.state)
        assert 0.4 < chosen.mean() < 0.6
        session.change(raw=False)
        np.testing.assert_array_equal(selected(session.store, session.state), chosen)
        assert ", raw (" in selection.describe_rule(session.store, session.state.rule)

    def test_a_slice_keeps_the_true_class_that_was_shown(self, folder):
        session = opened(Store(folder), "geometry")
        session.change(true_class=3)
        session.change(step={"flip": "both right", "cell": list(session.state.a), "other": list(session.state.b)})
        chosen = selected(session.store, session.state)
        session.actions.save_slice("threes", "")
        session.change(true_class=None, rule=())
        session.actions.show_slice("threes")
        np.testing.assert_array_equal(selected(session.store, session.state), chosen)
        session.change(true_class=5, rule=())
        session.actions.save_slice("fives", "")
        session.actions.show_slice("fives")
        np.testing.assert_array_equal(selected(session.store, session.state), session.store.labels == 5)

    def test_stars_are_one_step_and_the_sheet_goes_on(self, folder):
        session = opened(Store(folder), "samples")
        sheet = session.views["samples"]
        listed = session.store.ids[sheet.listed].tolist()
        for _ in range(40):
            session.actions.press("ArrowRight")
            session.actions.press("s")
            session.actions.press("s")
        (step,) = session.state.rule
        assert len(step.ids) == len(set(step.ids)) == 40
        assert set(step.ids) <= set(listed)
        session.actions.save_slice("stars", "")
        session.actions.show_slice("stars")
        assert sorted(session.store.ids[sheet.listed]) == sorted(step.ids)


@pytest.mark.parametrize("op", selection.OPERATIONS)
def test_a_saved_rule_selects_what_it_selected(folder, op):
    store = Store(folder)
    shown = state.default(store)
    b = list(shown.b)
    for wanted in (None, 3):
        rule = selection.check_rule(store, [{"op": op, "flip": "both right", "cell": b, "other": b}])
        asked = replace(shown, rule=rule, true_class=wanted)
        alone = replace(shown, rule=selection.saved(asked.rule, asked.true_class))
        np.testing.assert_array_equal(selected(store, alone), selected(store, asked))


def steps(cells):
    """JSON of any step of the ten-class study with these cells."""
    number, label = st.floats(-1e6, 1e6), st.integers(0, 9)
    cell, measure = st.sampled_from([list(cell) for cell in cells]), st.sampled_from(list(MEASURES))
    plane = {"cell": cell, "x": measure, "y": measure}
    optional = {"other": cell, "raw": st.just(True)}
    corners = st.integers(3, selection_steps.CORNERS).flatmap(
        lambda k: st.lists(number, min_size=2 * k, max_size=2 * k)
    )
    op = {"op": st.sampled_from(selection.OPERATIONS)}
    ends = st.lists(number, min_size=2, max_size=2)
    return st.one_of(
        st.fixed_dictionaries({**op, "box": st.lists(number, min_size=4, max_size=4), **plane}, optional=optional),
        st.fixed_dictionaries({**op, "lasso": corners, **plane}, optional=optional),
        st.fixed_dictionaries({**op, "band": ends, "cell": cell, "class": label}),
        st.fixed_dictionaries({**op, "band": ends, "cell": cell, "x": measure}, optional={"raw": st.just(True)}),
        st.fixed_dictionaries({**op, "pair": st.lists(label, min_size=2, max_size=2), "cell": cell}),
        st.fixed_dictionaries({**op, "true": label}),
        st.fixed_dictionaries({**op, "flip": st.sampled_from(selection_steps.FLIPS), "cell": cell, "other": cell}),
        st.fixed_dictionaries({**op, "ids": st.lists(st.integers(0, 2000), max_size=40)}),
    )


_store = functools.cache(Store)


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_a_rule_is_the_same_after_a_round_trip_through_json(small_folder, data):
    store = _store(small_folder)
    cells = sorted(store.cells)[:3] + [(name, "clean") for name in store.sides.groups_by_id]
    given_rule = data.draw(st.lists(steps(cells), max_size=4))
    rule = selection.check_rule(store, json.loads(json.dumps(given_rule)))
    written = json.dumps([selection.to_json(step) for step in rule])
    assert json.loads(written) == given_rule
    again = selection.check_rule(store, json.loads(written))
    assert again == rule == selection.check_rule(store, rule)
    np.testing.assert_array_equal(selection.select(store, rule), selection.select(store, again))
    assert selection.describe_rule(store, rule).count("; ") == max(len(rule) - 1, 0)
