"""The sentence over every figure: short, with NumPy's numbers; and what moved most from A to B."""

import re

import generated
import numpy as np
import pytest
from bokeh.document import Document
from bokeh.models import Div
from pages import Page, opened, says

from rosalind import config
from rosalind.analysis import moved
from rosalind.analysis.store import Store
from rosalind.viewer import captions, glossary
from rosalind.viewer.app import open_session
from rosalind.viewer.views import VIEWS
from rosalind.viewer.views.geometry.distributions import Distributions
from rosalind.viewer.views.geometry.parallel_coordinates import ParallelCoordinates
from rosalind.viewer.views.geometry.sample_density import SampleDensity
from rosalind.viewer.views.networks.evaluation import Evaluation

A, B = ("mlp-dense-seed0", "clean"), ("mlp-lth-0.9-seed0", "contrast-5")
MISSING = ("layers", "layer_likeness", "path")
"""Views whose numbers the small study lacks; they say what gives them, in a line of their own."""


@pytest.mark.parametrize("value", [-0.00123, 0.0123, 0.0999, 0.5, -4.12, 3e-9, 0.0, np.nan])
def test_a_small_number_is_not_said_to_be_zero(value):
    said = float(captions.in_digits(value, signed=True))
    assert said == pytest.approx(value, rel=0.05, abs=0, nan_ok=True)


class TestMoved:
    def test_it_is_the_mean_change_over_the_largest_of_the_null(self, store):
        mask = store.labels < 6
        found = moved.moved(store, A, B, mask)
        pairs = store.sides.nulls(A, B)[0]
        for one in found:
            mean = lambda pair, measure=one.measure: float(
                np.mean(store.values(pair[1], measure)[mask].astype(float) - store.values(pair[0], measure)[mask])
            )
            assert one.change == pytest.approx(mean((A, B)), rel=1e-5)
            assert one.null == pytest.approx(max(abs(mean(pair)) for pair in pairs), rel=1e-4)
            assert one.times == pytest.approx(abs(one.change) / one.null)
        # One pair of seeds orders nothing.
        assert len(pairs) < moved.FEWEST_PAIRS
        assert [one.measure for one in found] == list(moved.COMPARED)

    def test_nothing_to_compare_is_a_gap(self, store):
        nothing = moved.moved(store, A, B, np.zeros(len(store.ids), bool))
        assert all(np.isnan([one.change, one.null, one.times]).all() for one in nothing)
        assert moved.Moved("angle", 1.0, 0.0, 3).times == np.inf
        assert np.isnan(moved.Moved("angle", 0.0, 0.0, 3).times)

    def test_what_has_no_change_comes_last_and_hides_no_other(self, store, monkeypatch):
        whole = store.difference

        def without_angles(a, b, measure, raw=False):
            return whole(a, b, measure, raw) * (np.float32(np.nan) if measure == "angle" else 1)

        monkeypatch.setattr(store, "difference", without_angles)
        every = np.ones(len(store.ids), bool)
        norm, margin, angle = moved.moved(store, A, B, every)
        assert [one.measure for one in (norm, margin, angle)] == ["norm", "margin", "angle"]
        assert np.isnan(angle.change)
        assert says(captions.moved_sentence(store, A, B, every), norm.change, norm.null, margin.change, margin.null)

    def test_of_one_pair_of_seeds_the_page_says_sizes_and_no_multiple(self, store):
        found = moved.moved(store, A, B, np.ones(len(store.ids), bool))
        said = Page(store, SampleDensity, a=A, b=B).view.finding
        assert all(re.search(rf"\b{one.measure} [-+]", said, re.IGNORECASE) for one in found)
        assert says(said, *(number for one in found for number in (one.change, one.null)), 1)
        assert "times" not in said

    def test_of_three_pairs_it_says_what_moved_most(self, tmp_path):
        clean = (config.Condition("clean"),)
        generated.make(tmp_path / "study", samples=60, classes=3, networks=6, seeds=3, conditions=clean)
        store = Store(tmp_path / "study")
        dense, pruned = (
            next(n for n, i in store.results.networks.items() if i.is_parent is flag) for flag in (True, False)
        )
        first, *others = moved.moved(store, (dense, "clean"), (pruned, "clean"), np.ones(60, bool))
        said = captions.moved_sentence(store, (dense, "clean"), (pruned, "clean"), np.ones(60, bool))
        assert said.startswith(f"The {first.measure} moved most, ")
        assert first.pairs == 3
        times = [one.times for one in (first, *others)]
        assert times == sorted(times, reverse=True)
        assert says(said, first.change, first.times, 3, *(one.times for one in others))


def test_own_and_other_directions_are_numpy_s(store):
    page = Page(store, ParallelCoordinates, a=A, b=B, true_class=3)
    own = store.labels == 3
    ends = []
    for cell in (A, B):
        angles = store.class_angles(cell, tuple(range(10)))[1][own]
        ends.append((angles[:, 3].mean(), np.delete(angles, 3, 1).mean()))
    assert says(page.view.finding, ends[0][0], ends[1][0], ends[0][1], ends[1][1])


def plain(html: str) -> list[str]:
    """The words of a text that stands unfolded; the cells of a table are no sentence."""
    html = re.sub(r"<(details|table|code).*?</\1>", " ", html, flags=re.DOTALL)
    return re.sub(r"<[^>]*>", " ", html).split()


LEVELS = (
    {},
    {"similarity-show": "corruptions"},
    {"similarity-open": "lth 0.9"},
    {"similarity-open": "none", "similarity-show": "networks under conditions"},
)
"""Choices that go from level to level of the similarity view."""


@pytest.mark.parametrize("selected", [False, True])
def test_findings_are_at_most_twenty_words_and_no_text_is_over_forty_unfolded(store, selected):
    rule = ({"op": "replace", "true": 3},) if selected else ()
    session = opened(store, "all", a=A, b=B, rule=rule)
    # Without a finding a caption is not folded.
    folded = {name for name, view in session.views.items() if hasattr(view, "finding")}
    assert folded == set(session.views)
    for choices in LEVELS:
        session.change(choices=choices)
        for name, view in session.views.items() if not choices else [("similarity", session.views["similarity"])]:
            # Some spaces of a heading are such that no line ends there.
            spaced = lambda words: words.replace("\u00a0", " ")
            text = spaced(session.panels.headings[name].text)
            assert f"<h2>{view.title}</h2>" in text
            assert spaced(view.finding) in text
            assert spaced(getattr(view, "key", "")) in text
            if name not in MISSING:
                assert 0 < len(plain(view.finding)) <= 20, (name, view.finding)
            unfolded = [part.text for part in view.root.references() if isinstance(part, Div) and part.visible]
            for part in (view.finding, getattr(view, "key", ""), *unfolded):
                assert len(plain(part)) <= 40, (name, part)


def test_one_sample_is_no_evidence(store):
    page = Page(store, Distributions, Evaluation, a=A, b=B)
    assert "no more than by chance" not in page.view.finding
    page.change(rule=[{"op": "replace", "ids": [int(store.ids[0])]}])
    assert "no more than by chance" in page.view.finding
    assert "1 selected sample:" in page.views[1].finding


def test_findings_follow_what_is_chosen_and_a_hostile_name_stays_text(many):
    session = opened(many, "all")
    for heading in session.panels.headings.values():
        assert "<img" not in heading.text


def test_a_page_knows_its_terms_and_which_captions_are_folded(store):
    session = open_session(store, Document(), {"layout": "networks"})
    variables = session.document.template_variables
    assert set(glossary.OF) == set(VIEWS)
    assert {term for terms in glossary.OF.values() for term in terms} == set(glossary.TERMS)
    assert variables["terms"]["local"]["angle"] == glossary.TERMS["angle"]
    assert set(variables["folded"]) == {name for name, view in VIEWS.items() if hasattr(view, "finding")}
    assert all(len(words.split()) <= 20 for words in glossary.TERMS.values())


def test_what_is_read_at_once_has_its_unit_and_is_whole(store):
    session = opened(store, a=A, b=B)
    headings = " ".join(div.text for div in session.panels.headings.values())
    assert re.search(r"\d\u00a0%", headings)
    assert not re.search(r"\d %", headings), "a line may end between a number and its sign"
    collapse = session.views["collapse"]
    (angles,) = [row for row in collapse.table.text.split("<tr>") if "nearest other class mean" in row]
    assert len(re.findall(r">[-+]?\d+\.\d°<", angles)) == 3
    labels = session.views["global"].figures["a"].xaxis.major_label_overrides
    assert re.fullmatch(r"angle\n[\d.]+° to\n[\d.]+°", labels[0])
    for measure in (1, 2):
        low, high = labels[measure].split("\n")[1:]
        assert len(low.removesuffix(" to").partition(".")[2]) == len(high.partition(".")[2]) >= 1
    # The frame of the curve is some 350 px high, and a dot 7 across.
    curve = session.views["redundancy"]
    low, high = curve.figure.y_range.start, curve.figure.y_range.end
    assert 350 * (min(curve.steps.data["error"]) - low) / (high - low) > 4
