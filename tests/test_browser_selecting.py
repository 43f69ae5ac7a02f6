"""Selecting in a real Chromium, with real mouse events."""

import csv
import json
from urllib.parse import parse_qs

import numpy as np
import pytest
from chromium import ALL, FRAME, NETWORKS, PAINTED, SAMPLES, UNLIKE, canvas

from rosalind.analysis.store import Store


@ALL
def test_a_dragged_box_reaches_every_view(page, small_folder):
    store = Store(small_folder)
    before = {name: canvas(page, name) for name in ("local-b", "local-difference", "global-a", "samples")}
    page.drag("local-a", 0.15, 0.2, 0.6, 0.8)
    rule = json.loads(parse_qs(page.address()[1:])["rule"][0])
    x0, x1, y0, y1 = rule[0]["box"]
    cell = tuple(rule[0]["cell"])
    angle, norm = store.values(cell, rule[0]["x"]), store.values(cell, rule[0]["y"])
    inside = (angle >= x0) & (angle <= x1) & (norm >= y0) & (norm <= y1)
    assert 0 < inside.sum() < 597
    assert f"<b>{inside.sum():,} of 597</b>" in page.text("status")
    for name, old in before.items():
        assert not np.array_equal(canvas(page, name), old), name
    assert page.tab.evaluate(UNLIKE) == [], "what a reader sees is what the model says"
    page.tab.get_by_text(f"{inside.sum():,} of 597").first.wait_for()
    assert page.errors() == []


@SAMPLES
@pytest.mark.parametrize("is_scrolled", [False, True])
def test_what_was_clicked_stays_where_it_is_under_words_of_another_line(page, is_scrolled):
    button = page.tab.get_by_role("button", name="hard", exact=True)
    lines = """(text) => {
      const heading = Bokeh.documents[0].get_model_by_name("head-samples");
      heading.text = `<h2>Which samples?</h2><p class="finding">${text}</p>`;
    }"""
    height = "() => document.getElementById('samples').offsetHeight"
    page.push(button)
    page.tab.evaluate(lines, "A longer one. " * 20)
    page.tab.evaluate(f"scrollTo(0, {40 * is_scrolled})")
    page.push(button)
    seen = []
    # The second is shorter where nothing can be scrolled back.
    for text in ("A longer one. " * 20, "Short.", "A longer one. " * 40, "Short."):
        page.tab.evaluate(lines, text)
        page.tab.evaluate(PAINTED)
        seen.append((page.tab.evaluate(height), button.bounding_box()["y"]))
    assert seen[2][0] > seen[0][0] + 20
    assert [place for _, place in seen] == pytest.approx([seen[0][1]] * 4, abs=1)
    # Who scrolls, moves it.
    page.tab.mouse.wheel(0, 30)
    page.tab.evaluate(lines, "A longer one. " * 20)
    page.tab.evaluate(PAINTED)
    assert button.bounding_box()["y"] != pytest.approx(seen[0][1], abs=1)
    # A button that its own click hides takes the page nowhere.
    page.push(button)
    place = page.tab.evaluate("scrollY")
    show = "on => { [...Bokeh.index.query((view) => view.model.label === 'hard')][0].model.visible = on; }"
    page.tab.evaluate(show, False)
    page.tab.evaluate(lines, "Short.")
    page.tab.evaluate(PAINTED)
    hidden = page.tab.evaluate("scrollY")
    page.tab.evaluate(show, True)
    assert hidden == pytest.approx(place, abs=1)


@SAMPLES
def test_the_first_tile_is_at_the_top_left_and_asks_why(page):
    source = """() => {
      const model = Bokeh.documents[0].get_model_by_name("sample-table");
      return model.source.data["id"][0];
    }"""
    first = page.tab.evaluate(source)
    # A slow hand holds the button for longer than Bokeh waits for a click.
    page.click("samples", 0.04, 0.08, delay=400)
    assert f"Sample {first}," in page.text("attribution-caption")


@NETWORKS
def test_a_tap_on_a_cell_makes_it_b(page):
    # Clean images and the main mean are wide, then come four conditions and four means, which a tap does not choose.
    page.click("evaluation", 0.62, 0.5)
    chosen = page.address()
    assert "contrast-5" in chosen
    assert "contrast-5" in page.text("evaluation-caption").partition("B: ")[2]
    # Sooner it would be the second click of two.
    page.tab.evaluate("() => new Promise((done) => setTimeout(done, 350))")
    page.click("evaluation", 0.9, 0.5)
    assert page.address() == chosen


@NETWORKS
def test_a_drag_over_the_heat_map_chooses_networks_and_conditions(page):
    page.drag("evaluation", 0.4, 0.5, 0.5, 0.9)
    assert parse_qs(page.address()[1:]).keys() >= {"networks", "conditions"}
    page.push(page.tab.locator(".chip", has_text="conditions"))
    assert "conditions" not in parse_qs(page.address()[1:])
    assert "networks" in parse_qs(page.address()[1:])


def test_a_box_reaches_matrices_and_collapse_and_its_chip_takes_it_away(page, small_folder):
    before = {name: page.text(name) for name in ("matrix-caption", "global-collapse", "head-local")}
    page.drag("local-difference", 0.3, 0.1, 0.9, 0.6)
    status = page.text("status")
    assert "on B-A" in status
    count = int(status.split("<b>")[1].split()[0])
    assert f"{count:,} selected samples" in page.text("matrix-caption")
    for name, text in before.items():
        assert page.text(name) != text, name
    page.push(page.tab.locator(".chip"))
    assert "rule=" not in page.address()
    assert {name: page.text(name) for name in before} == before


POINT = """([name, ids]) => {
  const model = Bokeh.documents[0].get_model_by_name(name), view = Bokeh.index.find_one(model);
  view.el.scrollIntoView({block: "center"});
  const {data} = model.renderers.find((one) => one.data_source.data.id).data_source, side = name.split("-")[1];
  const box = view.el.getBoundingClientRect(), [x, y] = [data[`x-${side}`], data[`y-${side}`]];
  // The one that is farthest right, where no other lies on top of it.
  const best = ids.map((id) => Array.from(data.id).indexOf(id)).reduce((a, b) => x[b] > x[a] ? b : a);
  return [box.left + view.frame.x_scale.compute(x[best]), box.top + view.frame.y_scale.compute(y[best]), data.id[best]];
}"""


def test_a_point_shows_its_picture_and_a_click_takes_it(page, small_folder):
    store = Store(small_folder)
    pictured = store.ids[store.results.images("clean")[0]].tolist()
    x, y, sample = page.tab.evaluate(POINT, ["local-a", pictured])
    page.tab.mouse.move(x - 3, y)
    page.tab.mouse.move(x, y)
    page.wait("""() => {
      const within = (el) => [...(el.shadowRoot?.querySelectorAll("*") ?? [])];
      const outer = [...document.querySelectorAll("*")].flatMap(within), deep = outer.flatMap(within);
      const shown = (el) => el.tagName === "IMG" && el.src.includes("/thumbnail/") && el.naturalWidth > 0;
      return [...outer, ...deep].some(shown);
    }""")
    page.tab.mouse.click(x, y)
    page.settled()
    assert parse_qs(page.address()[1:])["sample"] == [str(sample)]


def test_keys_that_are_held_say_what_a_drag_does(page):
    def drag(*corners, keys=()):
        for key in keys:
            page.tab.keyboard.down(key)
        page.drag("local-a", *corners)
        for key in keys:
            page.tab.keyboard.up(key)
        return int(page.text("status").split("<b>")[1].split()[0])

    left = drag(0.0, 0.0, 0.45, 1.0)
    both = drag(0.45, 0.0, 1.0, 1.0, keys=["Shift"])
    assert both > left > 0
    assert both - drag(0.0, 0.0, 0.45, 1.0, keys=["Alt"]) == left
    assert drag(0.0, 0.0, 0.7, 1.0, keys=["Shift", "Alt"]) < both - left
    assert drag(0.0, 0.0, 0.45, 1.0) == left, "without a key the setting of the page holds again"


def test_a_lasso_selects_what_it_goes_around(page):
    take = """name => {
      const bar = Bokeh.documents[0].get_model_by_name("local-a").toolbar;
      bar.active_drag = bar.tools.find((tool) => tool.type === name);
    }"""
    page.tab.evaluate(take, "LassoSelectTool")
    turn = np.linspace(0, 6, 40)
    page.trace("local-a", np.stack([0.4 + 0.25 * np.cos(turn), 0.5 + 0.3 * np.sin(turn)], 1).tolist())
    status = page.text("status")
    assert "inside a lasso of" in status
    count = status.split("<b>")[1].split()[0]
    assert 0 < int(count) < 597
    assert f"{count} selected samples" in page.text("distributions-caption")
    page.tab.evaluate(take, "BoxSelectTool")


@NETWORKS
def test_the_name_of_a_row_shows_its_severities(page, small_folder):
    last = Store(small_folder).groups[-1].networks[0]
    box = page.tab.evaluate(FRAME, "evaluation")
    page.tab.mouse.click(box["x"] - 15, box["y"] + 0.99 * box["height"])
    page.settled()
    shown = parse_qs(page.address()[1:])
    assert shown["evaluation-curves"] == ["corruptions"]
    assert shown["b"][0].startswith(f"{last}/")


def test_dragging_along_an_axis_selects(page):
    page.drag("global-a", 0.01, 0.1, 0.04, 0.5)
    status = page.text("status")
    assert "<span>angle" in status
    assert "<b>0 of" not in status


def test_a_finger_scrolls_upwards_and_draws_sideways(page):
    touch = page.tab.context.new_cdp_session(page.tab)

    def swipe(across: float, down: float) -> float:
        """Pixels that the page is scrolled by a finger which moves by so many of a figure's widths and heights."""
        box = page.frame("local-a")
        before = page.tab.evaluate("scrollY")
        for step in range(11):
            x = box["x"] + box["width"] * (0.3 + across * step / 10)
            y = box["y"] + box["height"] * (0.7 + down * step / 10)
            kind = "touchMove" if step else "touchStart"
            touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [{"x": x, "y": y}]})
            page.tab.evaluate(PAINTED)
        touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
        page.settled()
        return page.tab.evaluate("scrollY") - before

    assert swipe(0, -0.5) > 50
    assert page.status().startswith("0 of")
    assert swipe(0.4, -0.3) == 0
    assert not page.status().startswith("0 of")
    touch.detach()


def test_a_selection_is_exported_as_it_is(page, small_folder):
    page.drag("local-a", 0.15, 0.2, 0.6, 0.8)
    status = page.status()
    for _ in range(2):
        with page.tab.expect_download() as waiting:
            page.tab.keyboard.press("e")
        text = waiting.value.path().read_text()
    rows = list(csv.DictReader(line for line in text.splitlines() if not line.startswith("#")))
    assert status.startswith(f"{len(rows):,} of")
    assert waiting.value.suggested_filename == f"{small_folder.name}-selection.csv"
