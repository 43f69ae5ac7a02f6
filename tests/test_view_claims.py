"""Verdicts on a page, and the same digits wherever they stand."""

import json
import re
import shutil

from bokeh.document import Document
from bokeh.events import ButtonClick
from chromium import Page as Tab
from chromium import ended, started
from pages import Page, says

from rosalind import cli, results
from rosalind.analysis import claims
from rosalind.analysis.store import Store
from rosalind.figures import markdown
from rosalind.viewer.state import LAYOUTS
from rosalind.viewer.views import VIEWS
from rosalind.viewer.views.networks.claims import Claims

SHOWN = """() => [...Bokeh.index.query((view) => view.model.type === "Div")]
  .map((view) => view.el.shadowRoot?.querySelector(".bk-clearfix"))
  .filter((shown) => shown?.querySelector("details")?.textContent.includes("Null:"))
  .map((shown) => [...shown.querySelectorAll("p")].map((line) => line.textContent).join("\\n"))"""
"""The paragraphs of all cards of claims, as they are on the page."""


def digits(text):
    """The numbers of what is said of a verdict, as they are written."""
    return re.findall(r"(?<![\w.])[-+]?\d+(?:\.\d+)?(?:e[-+]\d+)?(?!\w)", text.partition("A claim holds where")[0])


class TestView:
    def test_digits_are_the_same_in_the_file_on_the_command_line_in_the_report_and_on_the_page(
        self, folder, browser, capsys
    ):
        cli.claims(folder, ("ticket_angles", "pruned_beats_dense"))
        printed = capsys.readouterr().out.split("CANNOT TELL  ")[1:]
        reported = markdown.markdown(results.load(folder)).partition("## Claims")[2].partition("\n## ")[0]
        reported = reported.split("**cannot tell**: ")[1:]
        process, address = started(folder)
        try:
            page = Tab(browser, f"{address}?layout=networks")
            cards = page.tab.evaluate(SHOWN)
            # A verdict leads to the view behind it, on the page that it stands on and on another.
            top = lambda view: page.tab.evaluate(f"document.getElementById('{view}').getBoundingClientRect().top")
            page.tab.evaluate("document.getElementById('claims').scrollIntoView()")
            page.settled()
            assert top("evaluation") < -100
            page.push("see: Which networks?")
            assert 0 < top("evaluation") < 100
            page.push("see: How do they differ?")
            assert page.tab.evaluate("scrollY") > 100
            assert 0 < top("distributions") < 100
        finally:
            ended(process)
        stored = json.loads((folder / "comparison" / "claims.json").read_text())["claims"]
        assert len(stored) == len(printed) == len(reported) == len(cards) == 2
        for verdict, *places in zip(stored, printed, reported, cards, strict=True):
            part = verdict["parts"][verdict["decided_by"]]
            numbers = [f"{part['value']:+.3g}", *(f"{part[end]:.3g}" for end in ("low", "high")), f"{verdict['p']:.3g}"]
            for _, value, low, high, count in verdict["controls"]:
                numbers += [f"{number:.3g}" for number in (value, low, high)[: 3 if count > 1 else 1]]
            assert len(numbers) > 9
            for text in places:
                assert digits(text) == digits(places[0])
                rest = iter(digits(text))
                # In this order, with names and sentences between them.
                assert all(number in rest for number in numbers)

    def test_a_card_says_what_is_stored_and_opens_the_page_behind_it(self, small_folder, tmp_path):
        folder = tmp_path / "study"
        shutil.copytree(small_folder, folder)
        page = Page(Store(folder), Claims)
        assert not any(child.visible for child in page.view.cards.children)
        assert "rosalind claims" in page.view.finding
        cli.claims(folder, ("margins_survive", "pruned_beats_dense"))
        page = Page(Store(folder), Claims)
        stored = claims.current(results.load(folder))
        shown = [line.children[0].text for line in page.view.cards.children]
        assert len(shown) == len(stored) == 2
        for text, verdict in zip(shown, stored, strict=True):
            assert verdict["verdict"] in text
            assert says(text, verdict["parts"][verdict["decided_by"]]["value"])
        button = page.view.cards.children[0].children[1]
        document = Document()
        document.add_root(page.view.root)
        document.callbacks.trigger_event(ButtonClick(button))
        assert page.asked == [{"layout": "samples"}]


def test_a_claim_can_point_to_every_page_and_points_to_a_view_on_its_own():
    assert {*claims.PAGES, "all"} == set(LAYOUTS)
    for claim in claims.CLAIMS.values():
        assert VIEWS[claim.view].page == claim.page
