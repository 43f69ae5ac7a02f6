"""What a reader looks at stays where it is while other cards change their heights."""

import pytest
from chromium import PAINTED, Page

TOP = """name => Math.round(
  Bokeh.index.find_one(Bokeh.documents[0].get_model_by_name(name)).el.getBoundingClientRect().top)"""
MORE = """([card, lines]) => {
  const words = Bokeh.documents[0].get_model_by_name(`head-${card}`);
  words.setv({text: words.text + "<p>more</p>".repeat(lines)}, {sync: false});
}"""
"""Gives the words over a card so many more lines."""
LESS = """card => {
  const words = Bokeh.documents[0].get_model_by_name(`head-${card}`);
  words.setv({text: words.text.replaceAll("<p>more</p>", "")}, {sync: false});
}"""
LINE = 15
"""Fewer pixels than a line of text has."""


@pytest.fixture
def opened(browser, address):
    shown = Page(browser, f"{address}?layout=all")
    # As in Safari; where the browser holds a place itself, nothing is left to do.
    shown.tab.add_style_tag(content="html { overflow-anchor: none !important; }")
    yield shown
    assert shown.errors() == []
    shown.tab.close()


def test_a_figure_stays_while_cards_above_grow_shrink_and_are_made_anew(opened):
    box = opened.frame("distributions-y")
    top, scrolled = opened.tab.evaluate(TOP, "distributions-y"), opened.tab.evaluate("scrollY")
    assert scrolled > 1000
    after = {}

    def look(name: str) -> None:
        opened.tab.evaluate(PAINTED)
        after[name] = opened.tab.evaluate(TOP, "distributions-y"), opened.tab.evaluate("scrollY")

    opened.tab.evaluate(MORE, ["local", 5])
    look("grown")
    assert after["grown"][1] > scrolled + 5 * LINE
    opened.tab.evaluate(LESS, "local")
    look("shrunk")
    opened.tab.evaluate(MORE, ["distributions", 3])
    look("its own card")
    # With the null the row of figures above is emptied and made anew.
    for _ in range(2):
        opened.press("n")
        look("null")
    # What is pointed at counts, else the middle of the window.
    opened.tab.mouse.move(box["x"] + 20, box["y"] + 20)
    opened.press(".")
    opened.tab.evaluate(MORE, ["local", 4])
    look("pointed at")
    assert {name: place for name, (place, _) in after.items()} == dict.fromkeys(after, pytest.approx(top, abs=1))


def test_a_page_follows_its_reader_and_stays_at_its_top_until_it_is_touched(opened):
    opened.tab.evaluate("scrollTo(0, 0)")
    first = opened.tab.evaluate("document.querySelector('section').id")
    opened.tab.evaluate(MORE, [first, 3])
    opened.tab.evaluate(PAINTED)
    assert opened.tab.evaluate("scrollY") == 0
    # A press on a figure holds it, also at the top.
    top = opened.tab.evaluate(TOP, "evaluation")
    opened.tab.mouse.click(800, top + 150)
    opened.settled()
    # The click has given the card words of the server's again, three lines fewer.
    opened.tab.evaluate(MORE, [first, 6])
    opened.tab.evaluate(PAINTED)
    assert opened.tab.evaluate(TOP, "evaluation") == pytest.approx(top, abs=1)
    assert opened.tab.evaluate("scrollY") > 2 * LINE
    # A reader's own steps are left alone.
    before = opened.tab.evaluate("scrollY")
    opened.tab.mouse.wheel(0, 700)
    opened.wait(f"scrollY > {before + 600}")
    # Also where a card becomes higher at the same time.
    opened.tab.evaluate("() => new Promise((done) => setTimeout(done, 300))")
    opened.tab.evaluate(f"() => {{ ({MORE})(['{first}', 2]); document.body.offsetHeight; scrollTo(0, 300) }}")
    opened.tab.evaluate(PAINTED)
    assert opened.tab.evaluate("scrollY") == pytest.approx(300, abs=3 * LINE)
