"""Pages in a real Chromium: how they open, what keys and buttons do, and how they outlive their server."""

import shutil
import urllib.request
from urllib.parse import quote

import numpy as np
from chromium import ALL, FIGURES, IDLE, LINE, STATUS, TEXT, Page, canvas, ended, started
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
        opened.tab.locator(f"header button[data-layout={layout}]").click()
        opened.wait(f"document.body.dataset.layout === {layout!r}")
        opened.settled()
        assert tuple(opened.tab.evaluate(sections)) == SHOWN[layout]
        for name in opened.tab.evaluate(FIGURES):
            assert len(np.unique(canvas(opened, name).reshape(-1, 3), axis=0)) > 3, name
        opened.wait(f"location.search.includes('layout={layout}') || {layout!r} === 'networks'")
    opened.tab.keyboard.press("1")
    opened.wait("document.body.dataset.layout === 'networks'")
    assert opened.errors() == []
    opened.tab.close()


def test_the_method_is_folded_until_one_asks(page):
    section = page.tab.locator("#local")
    assert not section.locator("details.method").evaluate("(el) => el.open")
    section.get_by_text("method, power and numbers").click()
    page.tab.wait_for_function("document.querySelector('#local .method').open")
    assert section.locator("details.method").bounding_box()["height"] > 60
    page.drag("local-a", 0.15, 0.2, 0.6, 0.8)
    page.wait("location.search.includes('rule=')")
    assert section.locator("details.method").evaluate("(el) => el.open"), "it stays open while numbers change"


def test_a_copied_address_shows_the_same(browser, page):
    page.drag("local-b", 0.2, 0.2, 0.7, 0.7)
    page.wait("location.search.includes('rule=')")
    status = page.tab.evaluate(STATUS)
    other = Page(browser, page.tab.url)
    again = other.tab.evaluate(STATUS)
    other.tab.close()
    assert again == status
    # However long a rule is, it stays on one line, and the page where it is.
    top = "() => document.querySelector('section').getBoundingClientRect().top + scrollY"
    before = page.tab.evaluate(top)
    for count, left in enumerate((0.3, 0.35, 0.4), 1):
        page.tab.keyboard.down("Shift")
        page.drag("local-b", left, 0.2, 0.7, 0.7)
        page.tab.keyboard.up("Shift")
        page.wait(f"({LINE})().querySelectorAll('.chip').length === {count + 1}")
    page.wait(f"({LINE})().scrollWidth > ({LINE})().clientWidth")
    assert page.tab.evaluate(top) == before


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


def test_the_link_and_commands_can_be_copied(browser, address, small_folder):
    store = Store(small_folder)
    cell = ("mlp-dense-seed0", "clean")
    without = next(int(i) for i in store.ids if i not in store.maps(cell)["id"])
    opened = Page(browser, f"{address}?layout=samples&sample={without}")
    opened.tab.context.grant_permissions(["clipboard-read", "clipboard-write"])
    copied = lambda: opened.tab.evaluate("navigator.clipboard.readText()")
    opened.tab.get_by_role("button", name="copy link").click()
    opened.tab.get_by_role("button", name="copied").first.wait_for()
    assert copied() == opened.tab.url
    opened.tab.get_by_role("button", name="copy commands").click()
    opened.tab.get_by_role("button", name="copied").first.wait_for()
    lines = copied().splitlines()
    assert lines[0].startswith("rosalind attribute ")
    assert all(f"--ids {without}" in line for line in lines)
    opened.tab.get_by_role("button", name="copy commands").wait_for()
    assert opened.errors() == []
    opened.tab.close()


def test_json_and_the_slices_of_a_study(browser, small_folder, tmp_path):
    import json

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
    assert "$$x_" in opened.tab.evaluate(TEXT, "local-caption")
    assert opened.errors() == []
    assert {url.split("/")[2] for url in opened.asked if "data:" not in url} == {address.split("/")[2]}
    opened.drag("local-a", 0.15, 0.2, 0.6, 0.8)
    opened.wait("location.search.includes('rule=')")
    opened.settled()
    with opened.tab.expect_download() as waiting:
        opened.tab.get_by_role("button", name="JSON").click()
    record = json.loads(waiting.value.path().read_text())
    status = opened.tab.evaluate(STATUS)
    assert status.startswith(f"{len(record['ids']):,} of")
    opened.tab.locator("input[placeholder='a name']").fill("mine")
    opened.tab.locator("input[placeholder='a note']").fill("<b>why</b>")
    opened.tab.locator("input[placeholder='a note']").press("Tab")
    opened.tab.get_by_role("button", name="save", exact=True).click()
    opened.wait_text("slice-words", "&lt;b&gt;why")
    assert json.loads((copy / "slices.json").read_text())["mine"]["note"] == "<b>why</b>"
    opened.tab.keyboard.press("Escape")

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
    opened.wait("location.search.includes('rule=')")
    opened.settled()
    status = opened.tab.evaluate(STATUS)
    ended(process)
    opened.wait("document.body.hasAttribute('data-lost')")
    assert opened.tab.locator("#lost").is_visible()
    process, _ = started(copy, int(server.rstrip("/").rpartition(":")[2]), token=True, **home)
    opened.wait("document.body?.hasAttribute('data-lost') === false")
    opened.settled()
    assert opened.tab.evaluate(STATUS) == status
    opened.tab.close()
    ended(process)


def test_a_hostile_link_shows_an_error_and_the_default(browser, address):
    opened = Page(browser, address + "?a=../../etc/passwd&rule=%5B1%5D&x=<img src=x onerror=alert(1)>&layout=huge")
    text = opened.tab.evaluate(TEXT, "errors")
    assert text.count("was not understood") == 4
    assert "<img" not in text
    assert opened.tab.locator("#errors").is_visible()
    assert opened.tab.evaluate(TEXT, "address").startswith("a=mlp-dense-seed0%2Fclean")
    assert opened.errors() == []
    opened.tab.close()


def test_the_page_without_a_server(browser, small_folder, tmp_path):
    path = untraced(standalone.write)(small_folder, tmp_path / "report.html", "?layout=geometry")
    opened = Page(browser, path.as_uri())
    assert [url for url in opened.asked if not url.startswith(("file:", "data:", "blob:"))] == []
    opened.drag("linked-a", 0.2, 0.2, 0.7, 0.8)
    words = opened.wait_text("linked-count", "selected")
    chosen = int(words.split("<b>")[1].split(" of")[0])
    assert 0 < chosen < 597
    with opened.tab.expect_download() as waiting:
        opened.tab.get_by_role("button", name="save the selection as CSV").click()
    assert len(waiting.value.path().read_text().splitlines()) == chosen + 1
    for layout in ("networks", "samples"):
        opened.tab.locator(f"header button[data-layout={layout}]").click()
        opened.wait(IDLE)
    assert opened.errors() == []
    opened.tab.close()
