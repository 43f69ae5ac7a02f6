"""Pages in a real Chromium: how they open, what keys and buttons do, and how they outlive their server."""

import json
import shutil
import urllib.request
from urllib.parse import quote

import numpy as np
from chromium import ALL, FIGURES, LINE, Page, canvas, ended, started
from untraced import untraced

from rosalind.analysis.store import Store
from rosalind.viewer import standalone
from rosalind.viewer.views import SHOWN


@ALL
def test_it_opens_without_errors_asks_no_other_host_and_can_be_read_out(page, address):
    assert page.errors() == []
    hosts = {url.split("/")[2] for url in page.asked if not url.startswith("data:")}
    assert hosts == {address.split("/")[2]}
    names = page.tab.evaluate(FIGURES)
    assert len(names) > 15
    for name in names:
        assert len(np.unique(canvas(page, name).reshape(-1, 3), axis=0)) > 3, name
        shown = page.tab.evaluate(
            """name => {
              const model = Bokeh.documents[0].get_model_by_name(name), {el} = Bokeh.index.find_one(model);
              const role = model.tags.includes("cells") ? "application" : "img";
              return [el.getAttribute("aria-label"), el.getAttribute("role") === role, el.tabIndex];
            }""",
            name,
        )
        # It can be read out and reached by keyboard.
        assert shown[0], name
        assert shown[1:] == [True, 0], name


def test_pages_by_question(browser, address):
    opened = Page(browser, address)
    sections = "() => [...document.querySelectorAll('section')].filter(s => s.checkVisibility()).map(s => s.id)"
    for layout in ("networks", "geometry", "samples", "inside"):
        opened.push(opened.tab.locator(f"header button[data-layout={layout}]"))
        assert opened.tab.evaluate("document.body.dataset.layout") == layout
        assert tuple(opened.tab.evaluate(sections)) == SHOWN[layout]
        for name in opened.tab.evaluate(FIGURES):
            assert len(np.unique(canvas(opened, name).reshape(-1, 3), axis=0)) > 3, name
        assert f"layout={layout}" in opened.address() or layout == "networks"
    for key, layout in (("2", "geometry"), ("1", "networks")):
        opened.tab.evaluate("scrollTo(0, document.documentElement.scrollHeight / 2)")
        opened.press(key)
        assert opened.tab.evaluate("document.body.dataset.layout") == layout
        assert opened.tab.evaluate("scrollY") == 0, "a page is read from its top"
    # Back leads to where one stood on the page before, Forward too.
    opened.tab.evaluate("scrollTo(0, 400)")
    opened.wait("scrollY === 400")
    opened.press("3")
    opened.tab.evaluate("scrollTo(0, 300)")
    opened.wait("scrollY === 300")
    for step, top in (("go_back", 400), ("go_forward", 300)):
        getattr(opened.tab, step)()
        opened.wait(f"scrollY === {top}")
        opened.settled()
    assert opened.errors() == []
    opened.tab.close()


def test_the_method_is_folded_until_one_asks(page):
    section = page.tab.locator("#local")
    assert not section.locator("details.method").evaluate("(el) => el.open")
    page.push(section.get_by_text("method, power and numbers"))
    assert section.locator("details.method").bounding_box()["height"] > 60
    page.drag("local-a", 0.15, 0.2, 0.6, 0.8)
    assert "rule=" in page.address()
    assert section.locator("details.method").evaluate("(el) => el.open"), "it stays open while numbers change"


def test_a_copied_address_shows_the_same(browser, page):
    page.drag("local-b", 0.2, 0.2, 0.7, 0.7)
    assert "rule=" in page.address()
    other = Page(browser, page.tab.url)
    assert other.status() == page.status()
    other.tab.close()
    # However long a rule is, it stays on one line, and the page where it is.
    top = "() => document.querySelector('section').getBoundingClientRect().top + scrollY"
    before = page.tab.evaluate(top)
    for count, left in enumerate((0.3, 0.35, 0.4), 1):
        page.tab.keyboard.down("Shift")
        page.drag("local-b", left, 0.2, 0.7, 0.7)
        page.tab.keyboard.up("Shift")
        assert page.tab.evaluate(f"({LINE})().querySelectorAll('.chip').length") == count + 1
    assert page.tab.evaluate(f"({LINE})().scrollWidth > ({LINE})().clientWidth")
    assert page.tab.evaluate(top) == before


def test_health(address):
    with urllib.request.urlopen(f"{address}healthz") as answer:
        assert answer.read() == b"ok"


WHOLE = """name => {
  const {el} = Bokeh.index.find_one(Bokeh.documents[0].get_model_by_name(name));
  return el.getBoundingClientRect().toJSON();
}"""


def test_keys_undo_and_the_dark_theme(page):
    # Of a brush frames alone are wiped and painted.
    page.drag("local-b", 0.2, 0.2, 0.6, 0.8)
    background = "() => getComputedStyle(document.body).backgroundColor"
    light, pale = page.tab.evaluate(background), canvas(page, "local-a").mean()
    page.press("d")
    assert "theme=dark" in page.address()
    assert page.tab.evaluate(background) != light
    assert canvas(page, "local-a").mean() < pale - 80
    whole = canvas(page, "local-a", WHOLE).astype(int)
    assert max(np.ptp(whole[:3], (0, 1)).max(), np.ptp(whole[:, :3], (0, 1)).max()) < 12, "no light line at the edges"
    page.press("Control+z")
    assert "theme=dark" not in page.address()
    page.press("Control+Shift+Z")
    assert "theme=dark" in page.address()
    page.press("?")
    assert page.tab.locator("#help").is_visible()
    # Keys belong to the dialog now.
    page.press("d", "Escape")
    page.tab.locator("#help").wait_for(state="hidden")
    assert "theme=dark" in page.address()
    assert page.errors() == []


def test_keys_are_the_fields_while_someone_types(page):
    before = page.address()
    page.tab.locator("input[placeholder='a name']").click()
    page.press(*"x [d")
    assert page.tab.locator("input[placeholder='a name']").input_value() == "x [d"
    assert page.address() == before


def test_the_link_and_commands_can_be_copied(browser, address, small_folder):
    store = Store(small_folder)
    cell = ("mlp-dense-seed0", "clean")
    without = next(int(i) for i in store.ids if i not in store.maps(cell)["id"])
    opened = Page(browser, f"{address}?layout=samples&sample={without}")
    # On a machine that is busy the browser's address is of before.
    opened.tab.evaluate("window.requestIdleCallback = () => {}")
    opened.tab.keyboard.press("d")
    opened.wait("document.body.dataset.theme === 'dark'")
    opened.tab.context.grant_permissions(["clipboard-read", "clipboard-write"])
    copied = lambda: opened.tab.evaluate("navigator.clipboard.readText()")
    link, commands = (opened.tab.locator(f"text='{label}'") for label in ("copy link", "copy commands"))
    link.click()
    link.wait_for(state="hidden")
    assert "theme=dark" not in opened.address()
    assert copied() == f"{address}?{opened.text('address')}"
    assert "theme=dark" in copied()
    opened.tab.locator("text='copied'").click()
    commands.click()
    commands.wait_for(state="hidden")
    lines = copied().splitlines()
    assert lines[0].startswith("rosalind attribute ")
    assert all(f"--ids {without}" in line for line in lines)
    commands.wait_for()
    assert link.is_visible(), "after the second click too"
    assert opened.errors() == []
    opened.tab.close()


def test_json_and_the_slices_of_a_study(browser, small_folder, tmp_path):
    copy = tmp_path / "50% (größe) + #1?"
    shutil.copytree(small_folder, copy)
    study = json.loads((copy / "study.json").read_text())
    study["class_names"] = [f"$$x_{k}$$" for k in range(10)]
    (copy / "study.json").write_text(json.dumps(study))
    home = {"XDG_DATA_HOME": str(tmp_path / "data")}
    process, address = started(copy, token=True, **home)
    server, _, token = address.partition("?")
    assert token.startswith("token=")
    opened = Page(browser, f"{server}{quote(copy.name)}?layout=geometry&{token}")
    # A class may be called like a formula: it stays as it is, and nothing is asked for to set it.
    assert "$$x_" in opened.text("local-caption")
    assert opened.errors() == []
    assert {url.split("/")[2] for url in opened.asked if "data:" not in url} == {address.split("/")[2]}
    opened.drag("local-a", 0.15, 0.2, 0.6, 0.8)
    assert "rule=" in opened.address()
    with opened.tab.expect_download() as waiting:
        opened.tab.get_by_role("button", name="JSON").click()
    record = json.loads(waiting.value.path().read_text())
    assert opened.status().startswith(f"{len(record['ids']):,} of")
    opened.tab.locator("input[placeholder='a name']").fill("mine")
    opened.tab.locator("input[placeholder='a note']").fill("<b>why</b>")
    opened.tab.locator("input[placeholder='a note']").press("Tab")
    opened.push("save")
    assert "&lt;b&gt;why" in opened.text("slice-words")
    assert json.loads((copy / "slices.json").read_text())["mine"]["note"] == "<b>why</b>"
    opened.press("Escape")

    # The study grows: the page shows it without being asked, with views made anew.
    old = opened.tab.evaluate("() => Bokeh.documents[0].get_model_by_name('local-b').id")
    info = json.loads((copy / "networks" / "mlp-lth-0.9-seed0.json").read_text())
    (copy / "networks" / "newcomer.json").write_text(json.dumps({**info, "label": "newcomer"}))
    shutil.copy(copy / "networks" / "mlp-lth-0.9-seed0.npz", copy / "networks" / "newcomer.npz")
    (copy / "geometry" / "newcomer").mkdir()
    shutil.copy(copy / "geometry" / "mlp-lth-0.9-seed0" / "clean.npz", copy / "geometry" / "newcomer")
    opened.wait("document.getElementById('study').textContent.includes('13 networks')")
    named = "[...Bokeh.index.query(view => view.model.name === 'local-b')].map(view => view.model)"
    opened.wait(f"{named}.length === 1 && {named}[0].id !== {old!r}")
    # The figures of before are gone from the document too, in a message of their own.
    opened.wait("[...Bokeh.documents[0]._all_models.values()].filter(m => m.name === 'local-b').length === 1")
    opened.settled()

    # The server goes and comes back: so does the page, with what it showed.
    opened.drag("local-b", 0.2, 0.2, 0.7, 0.7)
    status = opened.status()
    assert "rule=" in opened.address()
    ended(process)
    opened.wait("document.body.hasAttribute('data-lost')")
    assert opened.tab.locator("#lost").is_visible()
    process, _ = started(copy, int(server.rstrip("/").rpartition(":")[2]), token=True, **home)
    opened.settled()
    assert opened.status() == status
    opened.tab.close()
    ended(process)


def test_a_hostile_link_shows_an_error_and_the_default(browser, address):
    opened = Page(browser, address + "?a=../../etc/passwd&rule=%5B1%5D&x=<img src=x onerror=alert(1)>&layout=huge")
    text = opened.text("errors")
    assert text.count("was not understood") == 4
    assert "<img" not in text
    assert opened.tab.locator("#errors").is_visible()
    # In sight from wherever one asks.
    opened.tab.evaluate("scrollTo(0, document.body.scrollHeight)")
    box = opened.tab.locator("#errors").bounding_box()
    assert opened.tab.evaluate("scrollY") > 500
    assert 0 <= box["y"] < box["y"] + box["height"] < 400
    rail = opened.tab.locator("#rail").bounding_box()
    assert rail["y"] >= box["y"] + box["height"], "the bar on top covers nothing of the rail"
    assert opened.text("address").startswith("a=mlp-dense-seed0%2Fclean")
    assert opened.errors() == []
    opened.tab.close()


def test_the_page_without_a_server(browser, small_folder, tmp_path):
    path = untraced(standalone.write)(small_folder, tmp_path / "report.html", "?layout=geometry")
    opened = Page(browser, path.as_uri())
    assert [url for url in opened.asked if not url.startswith(("file:", "data:", "blob:"))] == []
    opened.drag("linked-a", 0.2, 0.2, 0.7, 0.8)
    words = opened.text("linked-count")
    chosen = int(words.split("<b>")[1].split(" of")[0])
    assert 0 < chosen < 597
    with opened.tab.expect_download() as waiting:
        opened.tab.get_by_role("button", name="save the selection as CSV").click()
    assert len(waiting.value.path().read_text().splitlines()) == chosen + 1
    for layout in ("networks", "samples"):
        opened.push(opened.tab.locator(f"header button[data-layout={layout}]"))
    assert opened.errors() == []
    opened.tab.close()
