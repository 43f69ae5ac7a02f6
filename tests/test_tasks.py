"""The five tasks in a real browser, with what a person sees: text, clicks, the pointer; each ends with an answer."""

import json
import os
import re
import shutil
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest
from chromium import Page, canvas, ended, started

from rosalind import study
from rosalind.analysis import map_samples, moved, selection, similarity
from rosalind.analysis.store import Store

A, B = "mlp-dense-seed0", "mlp-biprop-0.5-seed0"


@pytest.fixture(scope="session")
def folder(small_folder, tmp_path_factory):
    """A small study with maps of what B rescues, breaks or is fragile on."""
    copied = tmp_path_factory.mktemp("tasks") / "study"
    shutil.copytree(small_folder, copied)
    study.attribute_pair(copied, A, B, 1)
    return copied


@pytest.fixture(scope="module")
def shown(folder):
    process, address = started(folder)
    yield address
    ended(process)


@pytest.fixture
def reader(browser, shown, request):
    page = Page(browser, f"{shown}?{getattr(request, 'param', '')}")
    yield page
    assert page.errors() == []
    page.tab.close()


WORDS = """(element) => {
  const words = (node) => {
    if (node.nodeType === Node.TEXT_NODE) return node.data;
    if (node.nodeType !== Node.ELEMENT_NODE || ["STYLE", "SCRIPT"].includes(node.tagName)) return "";
    if (getComputedStyle(node).display === "none") return "";
    return [...(node.shadowRoot ?? node).childNodes].map(words).join(" ");
  };
  return words(element).replace(/\\s+/g, " ");
}"""
"""The text of an element as it is on screen, in shadow roots too."""


def seen(page: Page, section: str) -> str:
    """The text of a card as it is on screen."""
    return page.tab.locator(f"#{section}").evaluate(WORDS)


def finding(page: Page, section: str) -> str:
    """The bold sentence over a card, which stands there without a click."""
    bold = page.tab.locator(f"#{section} .finding")
    assert bold.evaluate("(element) => Number(getComputedStyle(element).fontWeight)") >= 600
    return bold.inner_text()


def mapped(store: Store, network: str) -> list[int]:
    """Ids of the samples that have maps on clean images."""
    maps = store.maps((network, "clean"))
    return [] if maps is None else maps["id"].tolist()


def matched(pattern: str, text: str) -> re.Match:
    """The first place where a text says so."""
    match = re.search(pattern, text)
    assert match is not None, text
    return match


def test_t1_which_methods_are_alike(reader, folder):
    # No click: the first picture's own sentence.
    pair = matched(
        r"^(\S+(?: [\d.]+)?) and (\S+(?: [\d.]+)?) are most alike, ([\d.]+) apart", finding(reader, "similarity")
    )
    store = Store(folder)
    groups = similarity.group(store.results, similarity.load(store.results)[0])
    near = groups.nearest()
    assert near is not None
    assert {pair[1], pair[2]} == {groups.names[k] for k in near}
    assert float(pair[3]) == pytest.approx(groups.distance[near], abs=0.005)


def test_t2_which_corruptions_say_the_same(reader, folder):
    text = seen(reader, "redundancy")
    pair = matched(r"most alike (\w+) and (\w+) \(([-\d.]+)\)", text)
    assert {pair[1], pair[2]} == {"gaussian_noise", "contrast"}
    store = Store(folder)
    mean = lambda name: [np.mean([store.correct((n, f"{name}-{s}")).mean() for s in (1, 5)]) for n in store.networks]
    assert float(pair[3]) == pytest.approx(np.corrcoef(mean(pair[1]), mean(pair[2]))[0, 1], abs=0.006)


@pytest.mark.parametrize("reader", ["layout=geometry"], indirect=True)
def test_t3_what_moved_most(reader, folder):
    reader.push(reader.tab.get_by_role("checkbox", name="show the null"))
    assert "null within" in reader.text("local-caption")
    changes = {
        name: abs(float(change)) / float(null)
        for name, change, null in re.findall(
            r"(angle|norm|margin) ([+-][\d.]+) ± [\d.]+ \(shown[^)]*?null within ±([\d.]+)\)", seen(reader, "local")
        )
        if float(null)
    }
    store = Store(folder)
    a, b = (A, "clean"), (reader.tab.locator("#sides").inner_text().split("B ")[1].split(" · ")[0], "clean")
    others = ("mlp-dense-seed0", "clean"), ("mlp-dense-seed1", "clean")
    exact = {
        name: abs(store.difference(a, b, name).mean()) / abs(store.difference(*others, name).mean()) for name in changes
    }
    assert len(changes) >= 2
    assert max(changes, key=lambda name: changes[name]) == max(exact, key=lambda name: exact[name])


@pytest.mark.parametrize("reader", [f"layout=samples&a={A}%2Fclean&b={B}%2Fcontrast-5"], indirect=True)
def test_t4_fragile_samples_and_their_pictures(reader, folder):
    store = Store(folder)
    reader.push("same condition for both")
    reader.push("broken by B's condition")
    count = int(matched(r"(\d+) samples right when clean, wrong under B's condition", seen(reader, "samples"))[1])
    broken = store.ids[store.correct((B, "clean")) & ~store.correct((B, "contrast-5"))].tolist()
    assert count == len(broken) > 0
    # What is downloaded is what it says, and its link leads back to it.
    with reader.tab.expect_download() as download:
        reader.tab.get_by_role("button", name="JSON", exact=True).click()
    exported = json.loads(Path(download.value.path()).read_text())
    assert sorted(exported["ids"]) == broken
    rule = selection.check_rule(store, json.loads(parse_qs(urlsplit(exported["link"]).query)["rule"][0]))
    assert store.ids[selection.select(store, rule)].tolist() == broken
    # The pointer on the first tile shows it large, with its class and what both say.
    box = reader.tab.locator("#samples").get_by_role("application").first.bounding_box()
    reader.tab.mouse.move(box["x"] + 30, box["y"] + 40)
    tip = reader.tab.locator(".bk-Tooltip").filter(has_text="sample").first
    tip.wait_for()
    said = matched(r"sample (\d+) true (\w+), A says (\w+), B says (\w+)", tip.evaluate(WORDS))
    at = int(np.flatnonzero(store.ids == int(said[1]))[0])
    assert said[2] == store.names_of(store.labels[[at]])[0]
    assert said[3] == store.names_of(store.predictions((A, "contrast-5"))[[at]])[0]
    assert tip.locator("img").count() >= 1


WHOLE = """name => {
  const {el} = Bokeh.index.find_one(Bokeh.documents[0].get_model_by_name(name));
  el.scrollIntoView({block: "center"});
  return el.getBoundingClientRect().toJSON();
}"""


def coloured(page: Page) -> list[int]:
    """The number of colours in the three maps of A, of B and of their difference, as they are on screen."""
    while True:
        made = page.text("remade")
        page.settled()
        picture = canvas(page, "attribution-maps", WHOLE)
        # New maps are a change of the study, after which the page makes its views anew, perhaps just now.
        if page.text("remade") == made:
            break
    tiles = [picture[40 + 126 * k : 146 + 126 * k, 114:] for k in range(3)]
    return [len(np.unique(tile[np.ptp(tile, -1) > 40], axis=0)) for tile in tiles]


@pytest.mark.parametrize("reader", [f"layout=samples&a={A}%2Fclean&b={B}%2Fclean"], indirect=True)
def test_t5_why_does_a_fail_and_b_not(reader, folder):
    store = Store(folder)
    reader.push("rescued by B")
    said = matched(r"Sample (\d+), class (\w+)", seen(reader, "attribution"))
    at = np.flatnonzero(store.ids == int(said[1]))[0]
    # A gets it wrong and B right, and there are three maps of each without a further click.
    assert not store.correct((A, "clean"))[at]
    assert store.correct((B, "clean"))[at]
    assert int(said[1]) in map_samples.of_pair(store.results, A, B, 1).ids["rescued"]
    assert min(coloured(reader)) > 5


@pytest.mark.parametrize("reader", [f"layout=samples&a={A}%2Fclean&b={B}%2Fclean"], indirect=True)
def test_t5_a_map_of_any_sample_is_one_more_click(reader, folder):
    store = Store(folder)
    without = next(int(i) for i in store.ids if i not in mapped(store, A))
    field = reader.tab.get_by_placeholder("find id")
    field.fill(str(without))
    reader.press("Enter")
    assert f"Sample {without}, class" in seen(reader, "attribution")
    reader.push("compute maps")
    reader.tab.get_by_text("computing:").or_(reader.tab.get_by_text("starting")).first.wait_for()
    reader.tab.get_by_role("button", name="compute maps").wait_for(state="hidden")
    assert min(coloured(reader)) > 5
    assert without in mapped(Store(folder), B)


FOCUSED = """() => {
  let element = document.activeElement;
  while (element?.shadowRoot?.activeElement) element = element.shadowRoot.activeElement;
  const words = element?.getAttribute("aria-label") || element?.labels?.[0]?.textContent || element?.textContent || "";
  return [words.trim(), element?.getRootNode().host?.className ?? ""];
}"""
"""The name of what has the focus, as it is read out, and the class of the component that it is in."""


def tab_to(page: Page, name: str) -> None:
    """Press Tab until something has the focus whose name begins so."""
    seen = []
    for _ in range(120):
        page.tab.keyboard.press("Tab")
        seen.append(page.tab.evaluate(FOCUSED)[0])
        if seen[-1].startswith(name):
            return
    raise AssertionError(f"no Tab leads to {name!r}, but to {seen}")


def sides(page: Page) -> list[str]:
    """The networks of A and of B above the page."""
    words = page.tab.locator("#sides").inner_text()
    return [part.split(" · ")[0].strip() for part in re.split(r"\b[AB]\s", words)[1:]]


def test_keys_alone_do_t1_t3_and_t5(reader, folder):
    store = Store(folder)
    heard = lambda: reader.tab.locator("#live").inner_text()
    layout = lambda: reader.tab.evaluate("document.body.dataset.layout")

    # T1: the sentence of the first page, and from the matrix any pair of methods, whose names and distance one hears.
    near = matched(r"(\S+(?: [\d.]+)?) and (\S+(?: [\d.]+)?) are most alike, ([\d.]+)", finding(reader, "similarity"))
    tab_to(reader, "skip to the views")
    reader.press("Enter")
    tab_to(reader, "Matrix of the distances")
    # The study grows while one looks, and all views are made anew: the keys go on where they were.
    reader.press("ArrowRight")
    names: set[str] = set(matched(r"A (.+), B (.+): ([\d.]+) apart", heard()).groups()[:2])
    made = reader.text("remade")
    os.utime(folder / "attribution")
    reader.wait(f"Bokeh.documents[0].get_model_by_name('remade').text !== {made!r}")
    reader.wait("document.activeElement !== document.body")
    for _ in store.groups[1:]:
        reader.press("ArrowRight")
        said = matched(r"A (.+), B (.+): ([\d.]+) apart", heard())
        names |= {said[1], said[2]}
    assert {near[1], near[2]} <= names == {group.name for group in store.groups}
    reader.press("Enter")
    assert {store.sides.group(name).name for name in sides(reader)} == {said[1], said[2]}
    # T3: another B, found by its name; what moved most, in units of what seeds do.
    for letter, name in (("B", B), ("A", A)):
        tab_to(reader, f"find {letter} by name")
        reader.tab.keyboard.type(name.removeprefix("mlp-"))
        reader.press("ArrowDown", "Enter")
        assert sides(reader)["AB".index(letter)] == name
    tab_to(reader, "swap A and B")
    reader.press("2")
    assert layout() == "geometry"
    # Of one pair of seeds, which orders nothing, the page gives the sizes.
    said = matched(r"(Angle|Norm|Margin) ([-+][\d.]+) \S+ \(([\d.]+)\); .* 1 pair of seeds", seen(reader, "local"))
    first = moved.moved(store, (A, "clean"), (B, "clean"), np.ones(len(store.ids), bool))[0]
    assert said[1].lower() == first.measure
    assert float(said[2]) == pytest.approx(first.change, abs=0.006)
    assert float(said[3]) == pytest.approx(first.null, rel=0.05, abs=0.006)
    # T5: what A gets wrong and B right, and its maps.
    reader.press("3")
    assert layout() == "samples"
    tab_to(reader, "rescued by B")
    reader.press("Enter")
    assert "rule=" in reader.address()
    said = matched(r"Sample (\d+), class (\w+)", seen(reader, "attribution"))
    at = np.flatnonzero(store.ids == int(said[1]))[0]
    assert not store.correct((A, "clean"))[at]
    assert store.correct((B, "clean"))[at]
    assert min(coloured(reader)) > 5
    # A table is left with one Tab or two, not one for each of its cells.
    tab_to(reader, "enlarge: Why")
