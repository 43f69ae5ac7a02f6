"""Pinned sides: in the state, the address and undo; as small multiples on shared axes, with the numbers of NumPy."""

import json

import numpy as np
import pytest
from pages import Page, opened, says

from rosalind.analysis import accuracy_table
from rosalind.viewer import address
from rosalind.viewer.state import PINS, default, without_lost
from rosalind.viewer.views import choices
from rosalind.viewer.views.geometry.distributions import Distributions
from rosalind.viewer.views.geometry.parallel_coordinates import ParallelCoordinates
from rosalind.viewer.views.networks.severities import Severities
from rosalind.viewer.views.samples.sample import SampleDetail

A, B = ("mlp-dense-seed0", "clean"), ("mlp-lth-0.9-seed0", "contrast-5")
GROUP = ("biprop 0.5 over seeds", "gaussian_noise-5")
SIX = (GROUP, B, ("mlp-magnitude-0.9-seed1", "contrast-1"), A, ("mlp-dense-seed1", "clean"), ("mlp-dense-seed1", B[1]))


@pytest.fixture(scope="module")
def session(store):
    return opened(store, "geometry", a=A, b=B)


class TestState:
    def test_pins_are_added_shown_dropped_undone_and_limited(self, session):
        session.actions.press("p")
        session.actions.pin("a")
        assert session.state.pins == (B, A)
        assert session.widgets["pin-b"].label == "unpin B"
        session.change(pins=SIX)
        text = session.controls.pins.text
        assert text.count("data-pin=") == text.count("data-drop=") == PINS
        assert GROUP[0] in text
        session.actions.press("show:0")
        assert session.state.b == GROUP
        session.actions.press("show:6")
        session.actions.press("drop:pin2")
        assert session.state.pins == (*SIX[:2], *SIX[3:])
        session.actions.undo()
        assert session.state.pins == SIX
        session.change(pins=(*SIX, ("mlp-dense-seed0", "contrast-1")))
        assert session.errors.visible
        assert session.state.pins == SIX
        session.change(pins=(("mlp-dense-seed0", "never"),))
        assert session.state.pins == SIX
        session.change(pins=(), b=B)
        assert not session.controls.pins.visible

    def test_the_address_keeps_them(self, session, store):
        state = address.from_query(store, {"pins": json.dumps(["/".join(pin) for pin in SIX])}, session.choices)[0]
        assert state.pins == SIX
        query = dict(part.split("=", 1) for part in address.to_query(state).split("&"))
        assert "pins" in query
        kept, problems = without_lost(store, state, session.choices)
        assert kept.pins == SIX
        assert not problems

    @pytest.mark.parametrize(
        "text",
        [
            json.dumps(
                [f"mlp-dense-seed{k}/{c}" for k in (0, 1) for c in ("clean", "contrast-1", "contrast-5", GROUP[1])]
            ),
            '["<script>/clean"]',
            '["mlp-dense-seed0"]',
            '{"a": 1}',
            "[[]]",
            "[" * 3000,
        ],
    )
    def test_hostile_ones_are_refused_in_words(self, store, text):
        state, problems = address.from_query(store, {"pins": text}, choices(store))
        assert state == default(store)
        assert len(problems) == 1

    def test_lost_ones_are_dropped(self, store):
        state = default(store)
        object.__setattr__(state, "pins", (B, ("gone", "clean")))
        kept, problems = without_lost(store, state, choices(store))
        assert kept.pins == (B,)
        assert len(problems) == 1


class TestMultiples:
    def test_spread_is_on_one_scale_and_of_the_slice(self, store):
        page = Page(store, Distributions, a=A, b=B)
        page.change(pins=SIX)
        view, rows = page.view, page.view.pinned
        assert rows.figures["x"].x_range is view.figures["x"].x_range
        heights = np.array([max(ys) for ys in rows.fills["x"].data["ys"]]) - np.arange(5, -1, -1)
        low, high = view.limits["x"]
        edges = np.linspace(low, high, rows.bins + 1)
        exact = [np.histogram(np.clip(store.values(pin, "angle"), low, high), edges)[0].max() for pin in SIX]
        np.testing.assert_allclose(heights / heights.max(), exact / np.max(exact), atol=0.02)
        mask = store.labels == 4
        page.change(rule=({"op": "replace", "true": 4},))
        numbers = rows.words["x"].data["number"]
        assert all(says(n, np.median(store.values(p, "angle")[mask])) for n, p in zip(numbers, SIX, strict=True))
        wrong = [100 * (store.values(pin, "margin")[mask] < 0).mean() for pin in SIX]
        assert all(says(n, w) for n, w in zip(rows.words["margin"].data["number"], wrong, strict=True))
        # Numbers stand above the bars, of all and of the selection, and below the names.
        for part, figure in rows.figures.items():
            tops = np.array([max(ys) for ys in rows.fills[part].data["ys"]])
            assert (rows.words[part].data["low"] >= tops - 1e-6).all(), part
            assert np.nanmax(rows.picked[part].data["y"]) <= rows.words[part].data["low"][0] + 1e-6
            numbers = next(r.glyph for r in figure.renderers if getattr(r.glyph, "text", None) == "number")
            assert numbers.text_baseline == "bottom"
            assert (rows.words[part].data["top"] - rows.words[part].data["low"])[0] * figure.height / 6 > 2 * 14
        rows.tap(5.5)
        assert page.state.b == GROUP
        page.change(pins=())
        assert view.root.children == [view.choosers, view.row]

    def test_parallel_coordinates_share_axes_and_darkness(self, store):
        page = Page(store, ParallelCoordinates, a=A, b=B)
        alone = np.array(page.view.limits)
        page.change(pins=SIX, rule=({"op": "replace", "true": 4},))
        view, rows = page.view, page.view.pinned
        images = rows.images.data["image"]
        np.testing.assert_array_equal(images[1], view.images["b"].data["image"][0])
        np.testing.assert_array_equal(images[3], view.images["a"].data["image"][0])
        wide = np.array(view.limits)
        assert ((wide[:, 0] <= alone[:, 0]) & (wide[:, 1] >= alone[:, 1])).all()
        assert (wide != alone).any()
        line = view.lines["b"].data["y"]
        drawn = np.isfinite(line)
        at = np.flatnonzero(np.isfinite(rows.lines.data["y"]))[drawn.sum() : 2 * drawn.sum()]
        np.testing.assert_allclose((rows.lines.data["y"][at] - 4) / 0.7, line[drawn], atol=1e-5)
        rows.tap(0.5)
        assert page.state.b == SIX[5]

    def test_curves_are_the_table_s(self, store):
        page = Page(store, Severities, a=A, b=B)
        page.change(pins=SIX[:4], rule=({"op": "replace", "true": 4},))
        panels = page.view.pinned.panels
        table = 100 * np.nanmean(accuracy_table.values(store, "accuracy"), -1) / 100
        names = [group.name for group in store.groups]
        columns = [store.columns.index(c) for c in ("clean", "gaussian_noise-1", "gaussian_noise-5")]
        np.testing.assert_allclose(panels[0].mean[panels[0].own], table[names.index("biprop 0.5"), columns], rtol=1e-5)
        assert panels[0].sliced.shape == (3,)
        assert [len(figure.xaxis.ticker.ticks) for figure in page.view.pinned.figures] == [9, len(panels[3].ticks)]
        page.view.pinned.tap(1.5)
        assert page.state.b == B
        page.view.pinned.tap(0.2, 1)
        assert page.state.b == A
        page.view.pinned.tap(1.2, 1)
        page.change(choices={"evaluation-curves": "corruptions"})
        assert page.view.pinned.panels[0].mean.shape == (2, 3)

    def test_the_sample_is_shown_under_each(self, store):
        page = Page(store, SampleDetail, a=A, b=B, primary=int(store.ids[0]))
        before = page.view.text.text.count("<img") + page.view.text.text.count("no stored image")
        page.change(pins=SIX)
        shown = page.view.text.text
        assert shown.count("<img") + shown.count("no stored image") == before + 4
        assert sorted("".join(page.view.letters.data["text"])) == sorted("AB1356")
