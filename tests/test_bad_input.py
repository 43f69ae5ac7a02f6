"""Studies with little, much or odd in them: every card is made and says what it lacks in one line."""

import html
import re
import shutil
from dataclasses import dataclass, field
from typing import Any

import generated
import pytest
from bokeh.models import Axis, ColorBar, ColumnDataSource, DataTable, Div, Plot, Select
from pages import Page, opened

from rosalind import config, figures, results
from rosalind.analysis.store import Store
from rosalind.viewer.views.geometry.collapse import Collapse
from rosalind.viewer.views.networks.breakdown import Breakdown

LINE = 40
"""Most words of a card that has nothing to draw, and that are not folded."""

TINY: dict[str, Any] = {
    **{"samples": 60, "classes": 3, "networks": 6, "seeds": 2, "image_size": 8, "thumbnails": 20},
    "conditions": config.conditions(("fog", "contrast"), (1, 5)),
}
CLEAN = (config.Condition("clean"),)


@dataclass(frozen=True)
class Case:
    """A study that differs from `TINY`, and the cards that draw nothing, with a part of what each says instead.

    Attributes:
        removed: A folder of the study that is deleted.
        described: Entries of study.json that are replaced.
    """

    options: dict[str, Any] = field(default_factory=dict)
    removed: str = ""
    described: dict[str, Any] = field(default_factory=dict)
    says: dict[str, str] = field(default_factory=dict)


ALONE = {
    "similarity": "takes two methods",
    "pareto": "no weights of its networks",
    "potential": "no network is pruned",
    "explained": "choose another B",
    "path": "one network",
    "correlates": "fewer than 5 methods",
}
CASES = {
    "no images": Case({}, "images", says={"layers": "study.diagnose"}),
    "1,000 classes": Case({"classes": 1000, "samples": 1100, "networks": 2, "seeds": 1}),
    "one network, one condition, two samples, no maps, names of 200 letters": Case(
        {"networks": 1, "seeds": 1, "samples": 2, "classes": 2, "thumbnails": 0, "conditions": CLEAN},
        "attribution",
        {"class_names": ["a" * 200, "b" * 200], "dataset": "d" * 200},
        {**ALONE, "attribution": "Click a sample", "severities": "rosalind run --severities"},
    ),
}


def words_of(session, name: str) -> str:
    """All text of a card that is visible."""
    view = session.views[name]
    parts = [part for part in view.root.references() if isinstance(part, Div) and part.visible]
    texts = [part.text for part in parts if part is not view.caption]
    # Of a view with a finding the caption is folded.
    texts.append(view.finding if hasattr(view, "finding") else view.caption.text)
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", " ".join(texts))).split())


def is_drawn(session, name: str) -> bool:
    """True where a card shows a figure or a table."""
    parts = session.views[name].root.references()
    return any(part.visible for part in parts if isinstance(part, Plot | DataTable))


def unlike_a_figure(session, name: str) -> list[str]:
    """Parts of a card that a reader cannot use: lists beside nothing, bars without a name, names without an end."""
    parts, wrong = session.views[name].root.references(), []
    figures = [part for part in parts if isinstance(part, Plot) and part.visible]
    for figure in figures:
        inside = figure.references()
        bars = [part for part in inside if isinstance(part, ColorBar)]
        wrong += [f"{figure.name}: a bar without a name" for bar in bars if not (bar.title or figure.title.text)]
        labels = [label for part in inside if isinstance(part, Axis) for label in part.major_label_overrides.values()]
        wrong += [f"{figure.name}: {label}" for label in labels if len(str(label)) > 2 * LINE]
        # BokehJS stops at an image without pixels.
        tables = [part.data for part in inside if isinstance(part, ColumnDataSource) and "image" in part.data]
        wrong += [f"{figure.name}: no pixels" for table in tables for image in table["image"] if not len(image)]
    # Of these a list can bring something.
    if not is_drawn(session, name) and name not in ("similarity", "attribution"):
        rows = [part for part in parts if not getattr(part, "visible", True)]
        hidden = {inner for one in rows for inner in one.references()}
        wrong += [f"the list {p.name}" for p in parts if isinstance(p, Select) and p.visible and p not in hidden]
    return wrong


@pytest.mark.parametrize("name", CASES)
def test_every_card_is_made_and_says_what_it_lacks(name, tmp_path):
    case, folder = CASES[name], tmp_path / "study"
    generated.make(folder, **{**TINY, **case.options})
    if case.removed:
        shutil.rmtree(folder / case.removed)
    described = results.load_json(folder / "study.json") | case.described
    results.save_json(folder / "study.json", described, replace=True)
    session = opened(Store(folder), "all")
    assert set(session.views) == set(session.panels.classes)
    assert not session.errors.visible
    empty = {card: words_of(session, card) for card in session.views if not is_drawn(session, card)}
    # A command is in no headline, but below it.
    findings = [getattr(view, "finding", "") for view in session.views.values()]
    assert not [text for text in findings if "<code>rosalind" in text.partition('class="remedy"')[0]]
    assert not {card: unlike for card in session.views if (unlike := unlike_a_figure(session, card))}
    wrong = {card: part for card, part in case.says.items() if part not in empty.get(card, "")}
    assert not wrong, {card: empty.get(card) for card in wrong}
    figureless = {"claims", "breakdown", "collapse"}
    long = {
        card: words for card, words in empty.items() if not 0 < len(words.split()) <= LINE and card not in figureless
    }
    assert not long
    # A tile names the class, and every prediction that is another, however long, and is empty without a picture.
    sheet = session.views["samples"].tiles_sheet
    said = zip(*(sheet.tiles.data[name] for name in ("text", "left", "right")), strict=True)
    assert all(" | " in text or text.count("\n") == [left, right].count("x") for text, left, right in said)
    has_pictures = case.removed != "images" and case.options.get("thumbnails") != 0
    assert any(image.any() for image in sheet.image.data["image"]) == has_pictures
    session.change(rule=[{"op": "replace", "ids": [int(session.store.ids[0])]}])
    assert not session.errors.visible
    assert set(session.views) == set(session.panels.classes)
    if case.options.get("conditions") == CLEAN:
        drawn = dict(figures.figures(session.store))
        assert {"accuracy", "densities", "class-angles"} <= drawn.keys()
        assert "ranking" not in drawn


def test_a_network_alone_is_compared_with_itself_under_a_corruption(tmp_path):
    generated.make(tmp_path / "study", **{**TINY, "networks": 1, "seeds": 1})
    a, b, _ = Store(tmp_path / "study").first_sides()
    assert (a, b) == (("generated-dense-seed0", "clean"), ("generated-dense-seed0", "fog-5"))


def test_sides_that_do_not_differ_are_not_ranked(tmp_path):
    generated.make(tmp_path / "study", **{**TINY, "samples": 2, "classes": 2, "conditions": CLEAN})
    store = Store(tmp_path / "study")
    sides = {"a": ("generated-dense-seed0", "clean"), "b": ("generated-dense-seed1", "clean")}
    right = [store.correct(side).tolist() for side in sides.values()]
    assert right[0] == right[1]
    assert "as many images right in every class" in Page(store, Breakdown, **sides).view.finding
    # A class of one sample is a point.
    assert "as tight in B as in A" in Page(store, Collapse, **sides).view.finding
