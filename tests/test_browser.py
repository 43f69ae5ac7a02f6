"""The viewer in a real Chromium, with real mouse events. Needs /usr/bin/chromium or $ROSALIND_CHROMIUM."""

import os
import subprocess
import sys
import urllib.request

import numpy as np
import pytest
from playwright.sync_api import sync_playwright

from rosalind.viewer.store import Store

CHROMIUM = os.environ.get("ROSALIND_CHROMIUM", "/usr/bin/chromium")
IDLE = "window.Bokeh && Bokeh.documents.length && Bokeh.documents[0].roots().length && Bokeh.documents[0].is_idle"
FRAME = """name => {
  const model = Bokeh.documents[0].get_model_by_name(name);
  const view = Bokeh.index.find_one(model);
  view.el.scrollIntoView({block: "center"});
  const outer = view.el.getBoundingClientRect(), frame = view.frame.bbox;
  return {x: outer.left + frame.left, y: outer.top + frame.top, width: frame.width, height: frame.height,
          x0: model.x_range.start, x1: model.x_range.end, y0: model.y_range.start, y1: model.y_range.end};
}"""
TEXT = "name => Bokeh.documents[0].get_model_by_name(name).text"


@pytest.fixture(scope="module")
def address(small_folder):
    """The viewer in a process of its own, as `rosalind view` starts it."""
    script = f"from rosalind import viewer; viewer.serve({str(small_folder)!r}, open_browser=False)"
    process = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    line = process.stdout.readline()
    yield next(word for word in line.split() if word.startswith("http"))
    process.terminate()
    process.communicate()


@pytest.fixture(scope="module")
def browser():
    with sync_playwright() as playwright:
        flags = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=flags)
        yield browser
        browser.close()


class Page:
    """An open page with what it logged and asked for."""

    def __init__(self, browser, address, **viewport):
        self.tab = browser.new_page(viewport={"width": 1440, "height": 1000, **viewport})
        self.logged, self.asked = [], []
        self.tab.on("console", lambda m: self.logged.append(f"{m.type}: {m.text}"))
        self.tab.on("pageerror", lambda error: self.logged.append(f"error: {error}"))
        self.tab.on("request", lambda request: self.asked.append(request.url))
        self.tab.goto(address)
        self.wait(IDLE)

    def wait(self, condition: str) -> None:
        self.tab.wait_for_function(condition, timeout=30_000)

    def wait_text(self, name: str, part: str) -> str:
        self.wait(f"Bokeh.documents[0].get_model_by_name({name!r}).text.includes({part!r})")
        return self.tab.evaluate(TEXT, name)

    def errors(self) -> list[str]:
        return [line for line in self.logged if line.startswith(("error", "warning"))]

    def drag(self, name: str, left: float, top: float, right: float, bottom: float):
        """Drag a box over fractions of a figure's frame; gives its corners in data."""
        box = self.tab.evaluate(FRAME, name)
        xs = [box["x"] + f * box["width"] for f in (left, right)]
        ys = [box["y"] + f * box["height"] for f in (top, bottom)]
        self.tab.mouse.move(xs[0], ys[0])
        self.tab.mouse.down()
        self.tab.mouse.move((xs[0] + xs[1]) / 2, (ys[0] + ys[1]) / 2, steps=4)
        self.tab.mouse.move(xs[1], ys[1], steps=4)
        self.tab.mouse.up()

    def click(self, name: str, across: float, down: float) -> None:
        box = self.tab.evaluate(FRAME, name)
        self.tab.mouse.click(box["x"] + across * box["width"], box["y"] + down * box["height"])


@pytest.fixture
def page(browser, address):
    opened = Page(browser, address)
    yield opened
    opened.tab.close()


def canvas(page: Page, name: str) -> np.ndarray:
    """uint8 screenshot of a figure."""
    import io

    from PIL import Image

    box = page.tab.evaluate(FRAME, name)
    clip = {key: box[key] for key in ("x", "y", "width", "height")}
    return np.asarray(Image.open(io.BytesIO(page.tab.screenshot(clip=clip))).convert("RGB"))


def test_it_opens_without_errors_and_asks_no_other_host(page, address):
    assert page.errors() == []
    hosts = {url.split("/")[2] for url in page.asked if not url.startswith("data:")}
    assert hosts == {address.split("/")[2]}
    for name in ("evaluation", "similarity", "local-a", "global-a", "samples"):
        assert len(np.unique(canvas(page, name).reshape(-1, 3), axis=0)) > 5, name


def test_a_dragged_box_reaches_every_view(page, small_folder):
    import json
    from urllib.parse import parse_qs, urlparse

    store = Store(small_folder)
    before = {name: canvas(page, name) for name in ("local-b", "local-difference", "global-a", "samples")}
    page.drag("local-a", 0.15, 0.2, 0.6, 0.8)
    page.wait("location.search.includes('rule=')")
    page.wait(IDLE)
    rule = json.loads(parse_qs(urlparse(page.tab.url).query)["rule"][0])
    x0, x1, y0, y1 = rule[0]["box"]
    cell = tuple(rule[0]["cell"])
    angle, norm = store.values(cell, rule[0]["x"]), store.values(cell, rule[0]["y"])
    inside = (angle >= x0) & (angle <= x1) & (norm >= y0) & (norm <= y1)
    assert 0 < inside.sum() < 597
    page.wait_text("status", f"<b>{inside.sum():,} of 597</b>")
    page.tab.wait_for_timeout(300)
    for name, old in before.items():
        assert (canvas(page, name) != old).any(), name
    assert page.errors() == []


def test_the_table_repaints_when_only_its_data_change(page):
    # Bokeh 3.9.0 to 3.9.2 leave the old text when the number of rows stays the same.
    text = """() => {
      const view = Bokeh.index.find_one(Bokeh.documents[0].get_model_by_name("sample-table"));
      view.el.scrollIntoView();
      return [...view.shadow_el.querySelectorAll(".slick-cell")].map(c => c.textContent).join("|");
    }"""
    before = page.tab.evaluate(text)
    assert before.count("|") > 10
    page.tab.evaluate("() => { Bokeh.documents[0].get_model_by_name('samples-sort').value = 'sample id' }")
    page.wait_text("samples-caption", "sample id first")
    page.tab.wait_for_timeout(300)
    after = page.tab.evaluate(text)
    assert after != before
    assert after.count("|") == before.count("|")


def test_the_first_tile_is_at_the_top_left_and_asks_why(page):
    source = """() => {
      const model = Bokeh.documents[0].get_model_by_name("sample-table");
      return model.source.data["id"][0];
    }"""
    first = page.tab.evaluate(source)
    page.click("samples", 0.04, 0.08)
    page.wait_text("attribution-caption", f"Sample {first},")


def test_a_tap_on_a_cell_makes_it_b(page):
    page.click("evaluation", 0.45, 0.5)
    page.wait("location.search.includes('contrast-5')")
    assert "contrast-5" in page.wait_text("evaluation-caption", "B: ")
    # Five conditions, and five means after them, which a tap does not choose.
    page.tab.wait_for_timeout(700)
    page.click("evaluation", 0.95, 0.5)
    page.tab.wait_for_timeout(700)
    assert "contrast-5" in page.tab.evaluate("location.search")


def test_a_copied_address_shows_the_same(browser, page):
    page.drag("local-b", 0.2, 0.2, 0.7, 0.7)
    page.wait("location.search.includes('rule=')")
    status = page.tab.evaluate(TEXT, "status").split("<span>")[0].strip()
    other = Page(browser, page.tab.url)
    again = other.tab.evaluate(TEXT, "status").split("<span>")[0].strip()
    other.tab.close()
    assert again == status


def test_dragging_along_an_axis_selects(page):
    page.drag("global-a", 0.01, 0.1, 0.04, 0.5)
    status = page.wait_text("status", "replace angle")
    assert not status.startswith("<b>0 of")


def test_it_fits_a_narrow_window(browser, address):
    narrow = Page(browser, address, width=1000)
    assert narrow.errors() == []
    assert narrow.tab.evaluate("() => document.documentElement.scrollWidth") <= 1000
    narrow.tab.close()


def test_figures_have_names_for_screen_readers(page):
    names = ("evaluation", "similarity", "local-a", "global-a", "samples")
    for name in names:
        label = page.tab.evaluate(
            "name => Bokeh.index.find_one(Bokeh.documents[0].get_model_by_name(name)).el.getAttribute('aria-label')",
            name,
        )
        assert label, name


def test_health(address):
    with urllib.request.urlopen(f"{address}healthz") as answer:
        assert answer.read() == b"ok"


def test_keys_undo_and_the_dark_theme(page):
    background = "() => getComputedStyle(document.body).backgroundColor"
    light, pale = page.tab.evaluate(background), canvas(page, "local-a").mean()
    page.tab.keyboard.press("d")
    page.wait("location.search.includes('theme=dark')")
    page.tab.wait_for_timeout(400)
    assert page.tab.evaluate(background) != light
    assert canvas(page, "local-a").mean() < pale - 80
    page.tab.keyboard.press("Control+z")
    page.wait("!location.search.includes('theme=dark')")
    page.tab.keyboard.press("Control+Shift+Z")
    page.wait("location.search.includes('theme=dark')")
    page.tab.keyboard.press("?")
    assert page.tab.locator("#help").is_visible()
    # Keys belong to the dialog now.
    page.tab.keyboard.press("d")
    page.tab.keyboard.press("Escape")
    assert not page.tab.locator("#help").is_visible()
    assert page.tab.evaluate("location.search").count("theme=dark") == 1
    assert page.errors() == []


def test_keys_are_the_fields_while_someone_types(page):
    before = page.tab.evaluate("location.search")
    page.tab.locator("input[placeholder='a name']").click()
    page.tab.keyboard.type("x [d")
    page.tab.wait_for_timeout(500)
    assert page.tab.evaluate("location.search") == before


def test_a_selection_is_exported_as_it_is(page, small_folder):
    import csv

    page.drag("local-a", 0.15, 0.2, 0.6, 0.8)
    page.wait("location.search.includes('rule=')")
    page.wait(IDLE)
    status = page.tab.evaluate(TEXT, "status")
    for _ in range(2):
        with page.tab.expect_download() as waiting:
            page.tab.keyboard.press("e")
        text = waiting.value.path().read_text()
    rows = list(csv.DictReader(line for line in text.splitlines() if not line.startswith("#")))
    assert status.startswith(f"<b>{len(rows):,} of")
    assert waiting.value.suggested_filename == f"{small_folder.name}-selection.csv"
