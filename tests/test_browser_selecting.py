"""Selecting in a real Chromium, with real mouse events."""

import numpy as np
from chromium import ALL, FRAME, IDLE, NETWORKS, SAMPLES, STATUS, TEXT, UNLIKE, canvas

from rosalind.analysis.store import Store


@ALL
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
        assert not np.array_equal(canvas(page, name), old), name
    assert page.tab.evaluate(UNLIKE) == [], "what a reader sees is what the model says"
    page.tab.get_by_text(f"{inside.sum():,} of 597").first.wait_for()
    assert page.errors() == []


@SAMPLES
def test_the_first_tile_is_at_the_top_left_and_asks_why(page):
    source = """() => {
      const model = Bokeh.documents[0].get_model_by_name("sample-table");
      return model.source.data["id"][0];
    }"""
    first = page.tab.evaluate(source)
    page.click("samples", 0.04, 0.08)
    page.wait_text("attribution-caption", f"Sample {first},")


@NETWORKS
def test_a_tap_on_a_cell_makes_it_b(page):
    # Clean images and the main mean are wide, then come four conditions and four means, which a tap does not choose.
    page.click("evaluation", 0.62, 0.5)
    page.wait("location.search.includes('contrast-5')")
    assert "contrast-5" in page.wait_text("evaluation-caption", "B: ")
    page.tab.wait_for_timeout(700)
    page.click("evaluation", 0.9, 0.5)
    page.tab.wait_for_timeout(700)
    assert "contrast-5" in page.tab.evaluate("location.search")


@NETWORKS
def test_a_drag_over_the_heat_map_chooses_networks_and_conditions(page):
    page.drag("evaluation", 0.4, 0.5, 0.5, 0.9)
    page.wait("location.search.includes('networks=') && location.search.includes('conditions=')")
    page.tab.locator(".chip", has_text="conditions").click()
    page.wait("!location.search.includes('conditions=')")
    assert "networks=" in page.tab.evaluate("location.search")


def test_a_box_reaches_matrices_and_collapse_and_its_chip_takes_it_away(page, small_folder):
    before = {name: page.tab.evaluate(TEXT, name) for name in ("matrix-caption", "global-collapse", "head-local")}
    page.drag("local-difference", 0.3, 0.1, 0.9, 0.6)
    page.wait("location.search.includes('rule=')")
    page.settled()
    status = page.wait_text("status", "on B-A")
    count = int(status.split("<b>")[1].split()[0])
    assert f"{count:,} selected samples" in page.wait_text("matrix-caption", "selected samples")
    for name, text in before.items():
        assert page.tab.evaluate(TEXT, name) != text, name
    page.tab.locator(".chip").click()
    page.wait("!location.search.includes('rule=')")
    for name, text in before.items():
        page.wait(f"Bokeh.documents[0].get_model_by_name({name!r}).text.length === {len(text)}")


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
    page.tab.wait_for_function("""() => {
      const within = (el) => [...(el.shadowRoot?.querySelectorAll("*") ?? [])];
      const outer = [...document.querySelectorAll("*")].flatMap(within), deep = outer.flatMap(within);
      const shown = (el) => el.tagName === "IMG" && el.src.includes("/thumbnail/") && el.naturalWidth > 0;
      return [...outer, ...deep].some(shown);
    }""")
    page.tab.mouse.click(x, y)
    page.wait(f"new URLSearchParams(location.search).get('sample') === '{sample}'")


def test_keys_that_are_held_say_what_a_drag_does(page):
    count = lambda: int(page.tab.evaluate(TEXT, "status").split("<b>")[1].split()[0])

    def drag(*corners, keys=()):
        steps = page.tab.evaluate("location.search")
        for key in keys:
            page.tab.keyboard.down(key)
        page.drag("local-a", *corners)
        for key in keys:
            page.tab.keyboard.up(key)
        page.wait(f"location.search !== {steps!r}")
        page.settled()
        return count()

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
    box = page.tab.evaluate(FRAME, "local-a")
    turn = np.linspace(0, 6, 40)
    across, down = 0.4 + 0.25 * np.cos(turn), 0.5 + 0.3 * np.sin(turn)
    path = np.stack([box["x"] + across * box["width"], box["y"] + down * box["height"]], 1).tolist()
    page.tab.mouse.move(*path[0])
    page.tab.mouse.down()
    for place in path[1:]:
        page.tab.mouse.move(*place)
    page.tab.mouse.up()
    status = page.wait_text("status", "inside a lasso of")
    count = status.split("<b>")[1].split()[0]
    assert 0 < int(count) < 597
    page.wait_text("distributions-caption", f"{count} selected samples")
    page.tab.evaluate(take, "BoxSelectTool")


@NETWORKS
def test_the_name_of_a_row_shows_its_severities(page, small_folder):
    last = Store(small_folder).groups[-1].networks[0]
    box = page.tab.evaluate(FRAME, "evaluation")
    page.tab.mouse.click(box["x"] - 15, box["y"] + 0.99 * box["height"])
    page.wait("location.search.includes('evaluation-curves=corruptions')")
    page.wait(f"location.search.includes('b={last}%2F')")


def test_dragging_along_an_axis_selects(page):
    page.drag("global-a", 0.01, 0.1, 0.04, 0.5)
    status = page.wait_text("status", "<span>angle")
    assert "<b>0 of" not in status


def test_a_selection_is_exported_as_it_is(page, small_folder):
    import csv

    page.drag("local-a", 0.15, 0.2, 0.6, 0.8)
    page.wait("location.search.includes('rule=')")
    page.wait(IDLE)
    status = page.tab.evaluate(STATUS)
    for _ in range(2):
        with page.tab.expect_download() as waiting:
            page.tab.keyboard.press("e")
        text = waiting.value.path().read_text()
    rows = list(csv.DictReader(line for line in text.splitlines() if not line.startswith("#")))
    assert status.startswith(f"{len(rows):,} of")
    assert waiting.value.suggested_filename == f"{small_folder.name}-selection.csv"
