"""The page that needs no server: whole, alone, and of the state that was asked for."""

import contextlib
import gc
import re

import bokeh.io.doc
import numpy as np
import pytest
from bokeh.document import Document
from bokeh.io import curdoc
from bokeh.models import Slider
from pages import opened
from untraced import untraced

from rosalind.analysis.store import Store
from rosalind.viewer import standalone, state
from rosalind.viewer.state import selected
from rosalind.viewer.views import VIEWS

HOSTILE = "</script><img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
def text(small_folder):
    """The page of a study in which a class has a hostile name."""
    store = Store(small_folder)
    store.class_names = [*store.class_names[:3], HOSTILE, *store.class_names[4:]]
    return standalone.page(store, state.default(store))


def test_it_asks_for_nothing_from_elsewhere(text):
    assert len(text) < 12e6
    assert not re.search(r"<(script|link|img)[^>]+(src|href)\s*=\s*[\"']?(?!data:)\w", text)


def test_every_view_is_on_it_with_its_sentence(text):
    for name in VIEWS:
        assert f'<section id="{name}"' in text
    assert "local-caption" in text
    assert "linked-caption" in text


def test_labels_beside_the_pointer_follow_the_theme(text):
    # Those that Bokeh makes of a list have a contrast of 2.6.
    assert not re.search(r'"tooltips":\s*\[', text)
    assert len(re.findall(r'"tooltips":\s*"', text)) > 10


def test_it_says_what_it_is(text, store):
    assert store.results.study["dataset_hash"] in text
    assert "arXiv 2206.07918" in text


def test_a_link_decides_what_is_shown(small_folder, store, tmp_path, caplog):
    session = opened(store, layout="networks", b=("mlp-lth-0.9-seed1", "contrast-5"), x="margin", raw=True)
    session.change(step={"true": 4})
    link = f"http://127.0.0.1:5006/study?{session.controls.address.text}"
    written = standalone.write(small_folder, tmp_path / "page.html", link).read_text()
    assert "<td>mlp-lth-0.9-seed1 / contrast-5</td>" in written
    # On top too: a page in a file has no bar with the sides and the chips of a selection.
    top = re.sub(r"<[^>]*>|\s+", " ", written.partition('<p id="sides">')[2].partition("</p>")[0])
    assert "mlp-lth-0.9-seed1 · contrast-5" in top
    assert "Selected: true class 4" in re.sub(" +", " ", top)
    assert '"title":"margin A (raw)"' in written
    assert caplog.records == [], "Bokeh has nothing to warn of"
    with pytest.raises(ValueError, match="b was not understood"):
        standalone.write(small_folder, tmp_path / "other.html", "?b=nothing/clean")
    with pytest.raises(ValueError, match=r"'mlp-dense-seed0' is not NETWORK/CONDITION\)\.$"):
        standalone.write(small_folder, tmp_path / "other.html", "?b=mlp-dense-seed0")
    for words in ("nonsense", "foo=1", "mlp-dense-seed0"):
        with pytest.raises(ValueError, match=f"a link must be the address of a page.* got '{words}'"):
            standalone.write(small_folder, tmp_path / "other.html", words)
    assert not (tmp_path / "other.html").exists()


def test_names_are_escaped(text):
    assert "onerror=alert(1)" in text
    assert "</script><img" not in text
    assert "<img src=x" not in re.sub(r'<script type="application/json".*?</script>', "", text, flags=re.DOTALL)


def test_at_most_so_many_samples_the_selection_first(store, monkeypatch):
    from rosalind.analysis import selection
    from rosalind.viewer.views import Frame, choices

    monkeypatch.setattr(standalone, "POINTS", 50)
    ids = store.ids[100:120].tolist()
    shown = state.State(
        ("mlp-dense-seed0", "clean"),
        ("mlp-lth-0.9-seed0", "contrast-5"),
        rule=selection.check_rule(store, [{"op": "replace", "ids": ids}]),
    )
    frame = Frame(store, shown, selected(store, shown), choices(store))
    drawn = standalone.drawn_samples(frame)
    assert len(drawn) == 50
    assert set(range(100, 120)) <= set(drawn.tolist())
    np.testing.assert_array_equal(drawn, np.unique(drawn))


def test_a_callback_that_raised_before_does_not_keep_it_from_being_written(store, monkeypatch):
    # Bokeh's list of current documents, put back for the tests that follow. That of 3.10 drops what a callback leaves.
    keeps = isinstance(bokeh.io.doc._PATCHED_CURDOCS, list)
    if keeps:
        monkeypatch.setattr(bokeh.io.doc, "_PATCHED_CURDOCS", [])

    def fail(attribute, old, new):
        raise ArithmeticError

    document, slider = Document(), Slider(start=0, end=1, value=0)
    document.add_root(slider)
    slider.on_change("value", fail)
    with pytest.raises(ArithmeticError):
        slider.value = 1
    slider.remove_on_change("value", fail)
    del document, slider
    gc.collect()
    with pytest.raises(RuntimeError, match="destroyed") if keeps else contextlib.nullcontext():
        curdoc()
    assert "</html>" in untraced(standalone.page)(store, state.default(store))
