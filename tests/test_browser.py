"""The viewer in a real Chromium, with real mouse events. Needs /usr/bin/chromium or $ROSALIND_CHROMIUM."""

import shutil
import urllib.request
from urllib.parse import quote

import generated
import numpy as np
import pytest
from chromium import FRAME, IDLE, TEXT, Page, ended, started

from rosalind import config
from rosalind.analysis.store import Store
from rosalind.viewer import bokeh_patches, standalone
from rosalind.viewer.views import SHOWN

TOP = """name => {
  const view = Bokeh.index.find_one(Bokeh.documents[0].get_model_by_name(name));
  return Math.round(scrollY + view.el.getBoundingClientRect().top);
}"""
FIGURES = """() => [...Bokeh.index.query((view) => view.model.type === "Figure" && view.el.checkVisibility())]
  .map((view) => view.model.name)"""
ALL, NETWORKS, SAMPLES = (
    pytest.mark.parametrize("page", [layout], indirect=True) for layout in ("all", "networks", "samples")
)
LINE = """() => Bokeh.index.find_one(
  Bokeh.documents[0].get_model_by_name("status")).shadow_el.querySelector(".line")"""
STATUS = f"() => ({LINE})().textContent.replace(/ \\([0-9]+ ms\\)$/, '')"
"""What the status says, without how long it took."""
UNLIKE = """() => [...Bokeh.index.query((view) => view.model.type === "Div")]
  .map((view) => [view, view.el.shadowRoot?.querySelector(".bk-clearfix")])
  .filter(([view, shown]) => {
    if (!shown?.isConnected) return false;
    const meant = document.createElement("div");
    meant.innerHTML = view.model.text;
    return meant.innerHTML !== shown.innerHTML || view.el.clientHeight < shown.clientHeight;
  }).map(([view]) => [view.model.name, view.model.text])"""
"""Texts whose element differs from the text of their model, or is cut off."""


@pytest.fixture
def page(browser, address, request):
    """The page of one question, or all views on one, which takes longest."""
    opened = Page(browser, f"{address}?layout={getattr(request, 'param', 'geometry')}")
    yield opened
    assert opened.errors() == []
    opened.tab.close()


def canvas(page: Page, name: str) -> np.ndarray:
    """uint8 screenshot of a figure."""
    import io

    from PIL import Image

    box = page.tab.evaluate(FRAME, name)
    # What comes onto the screen is painted before the frame after the next.
    page.tab.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    clip = {key: box[key] for key in ("x", "y", "width", "height")}
    return np.asarray(Image.open(io.BytesIO(page.tab.screenshot(clip=clip))).convert("RGB"))


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


CELLS = """() => {
  const view = Bokeh.index.find_one(Bokeh.documents[0].get_model_by_name("sample-table"));
  view.el.scrollIntoView();
  return [...view.shadow_el.querySelectorAll(".slick-cell")].map(c => c.textContent).join("|");
}"""


def sorted_anew(page: Page) -> str:
    """The text of the sample table after its samples have another order."""
    before = page.tab.evaluate(CELLS)
    assert before.count("|") > 10
    page.tab.evaluate("() => { Bokeh.documents[0].get_model_by_name('samples-sort').value = 'sample id' }")
    page.wait_text("samples-caption", "sample id first")
    page.tab.wait_for_timeout(300)
    after = page.tab.evaluate(CELLS)
    assert after != before
    assert after.count("|") == before.count("|")
    return after


@SAMPLES
def test_the_table_repaints_when_only_its_data_change(page):
    # Bokeh 3.9.0 to 3.9.2 leave the old text when the number of rows stays the same.
    sorted_anew(page)


def test_a_page_without_patches_shows_the_same(browser, address, small_folder):
    process, without = started(small_folder, ROSALIND_BOKEH_PATCHES="off")
    try:
        shown, links = [], []
        for server in (address, without):
            opened = Page(browser, f"{server}?layout=all&sample=3")
            patched = server == address and bokeh_patches.enabled()
            assert opened.tab.evaluate("Boolean(window.bokehPatches)") == patched
            opened.drag("local-a", 0.15, 0.2, 0.6, 0.8)
            opened.wait("location.search.includes('rule=')")
            opened.settled()
            links.append(opened.tab.evaluate("location.search"))
            shown.append([opened.tab.evaluate(STATUS), sorted_anew(opened)])
            assert opened.tab.evaluate(UNLIKE) == []
            assert opened.errors() == []
            opened.tab.close()
        assert links[0] == links[1]
        assert shown[0] == shown[1]
    finally:
        ended(process)


@NETWORKS
def test_the_null_is_a_column_of_the_table_while_it_is_asked_for(page):
    cells = """() => {
      const model = Bokeh.documents[0].get_model_by_name("evaluation-classes"), view = Bokeh.index.find_one(model);
      const texts = (of) => [...view.shadow_el.querySelectorAll(of)].map(c => c.textContent.trim());
      return [texts(".slick-column-name"), texts(".slick-row:first-child .slick-cell"), [...model.source.data.null]];
    }"""
    names = ["images", "n", "A, % right", "B, % right", "B - A"]
    assert page.tab.evaluate(cells)[0] == names
    page.tab.keyboard.press("n")
    page.wait_text("evaluation-classes-caption", "Null: ")
    page.wait(f"({cells})()[0].length === 6")
    heads, row, values = page.tab.evaluate(cells)
    assert heads == [*names, "null ±"]
    assert float(row[5]) == pytest.approx(values[0], abs=0.051)
    page.tab.keyboard.press("n")
    page.wait(f"({cells})()[0].length === 5")
    assert len(page.tab.evaluate(cells)[1]) == 5


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
    status = page.wait_text("status", "on B-A")
    count = int(status.split("<b>")[1].split()[0])
    assert f"{count:,} selected samples" in page.wait_text("matrix-caption", "selected samples")
    for name, text in before.items():
        assert page.tab.evaluate(TEXT, name) != text, name
    page.tab.locator(".chip").click()
    page.wait("!location.search.includes('rule=')")
    for name, text in before.items():
        page.wait(f"Bokeh.documents[0].get_model_by_name({name!r}).text.length === {len(text)}")


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
    page.tab.evaluate("""() => {
      const bar = Bokeh.documents[0].get_model_by_name("local-a").toolbar;
      bar.active_drag = bar.tools.find((tool) => tool.type === "LassoSelectTool");
    }""")
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


@NETWORKS
def test_the_name_of_a_row_shows_its_severities(page, small_folder):
    last = Store(small_folder).groups[-1].networks[0]
    box = page.tab.evaluate(FRAME, "evaluation")
    page.tab.mouse.click(box["x"] - 15, box["y"] + 0.99 * box["height"])
    page.wait("location.search.includes('evaluation-curves=corruptions')")
    page.wait(f"location.search.includes('b={last}%2F')")


@SAMPLES
def test_the_slider_lets_the_image_through(page):
    before = canvas(page, "attribution-maps")
    page.tab.locator(".noUi-handle").last.focus()
    page.tab.keyboard.press("ArrowLeft")
    page.wait("location.search.includes('attribution-opacity=90')")
    page.settled()
    page.tab.wait_for_timeout(300)
    assert (canvas(page, "attribution-maps") != before).any()


def test_dragging_along_an_axis_selects(page):
    page.drag("global-a", 0.01, 0.1, 0.04, 0.5)
    status = page.wait_text("status", "<span>angle")
    assert "<b>0 of" not in status


def test_the_wheel_zooms_and_densities_are_binned_anew(page):
    widths = """() => ["a", "b"].map((side) => {
      const figure = Bokeh.documents[0].get_model_by_name(`local-${side}`);
      const image = figure.renderers.find((one) => one.glyph.type === "Image").data_source;
      return [figure.x_range.end - figure.x_range.start, image.data.dw[0]];
    })"""
    before = page.tab.evaluate(widths)[0][1]
    box = page.tab.evaluate(FRAME, "local-a")
    page.tab.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    # Without Ctrl the wheel scrolls the page, also after a click on the figure.
    page.tab.mouse.wheel(0, 120)
    page.tab.wait_for_timeout(300)
    assert page.tab.evaluate(widths)[0][1] == before
    assert page.tab.evaluate("scrollY") > 0
    box = page.tab.evaluate(FRAME, "local-a")
    page.tab.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.tab.keyboard.down("Control")
    page.tab.mouse.wheel(0, -300)
    page.tab.keyboard.up("Control")
    page.wait(f"({widths})().every(([span, drawn]) => drawn < 0.97 * {before} && Math.abs(drawn - span) < 1e-3 * span)")
    assert "rule=" not in page.tab.url


@pytest.mark.parametrize(("width", "theme"), [(1000, "dark"), (1440, "light")])
def test_nothing_is_wider_than_the_window(browser, address, width, theme):
    narrow = Page(browser, f"{address}?layout=all&theme={theme}", width=width)
    assert narrow.errors() == []
    assert narrow.tab.evaluate("() => document.documentElement.scrollWidth") <= width
    dark = sum(canvas(narrow, "local-a")[0, 0].astype(int)) < 200
    assert dark == (theme == "dark")
    # With the null, four panels stand on one line only where each can be read.
    narrow.tab.keyboard.press("n")
    narrow.wait_text("local-caption", "Null: ")
    narrow.settled()
    boxes = [narrow.tab.evaluate(FRAME, f"local-{side}") for side in ("a", "b", "difference", "null")]
    assert min(box["width"] for box in boxes) > 200
    tops = [narrow.tab.evaluate(TOP, f"local-{side}") for side in ("a", "b", "difference", "null")]
    assert tops[0] == tops[1]
    assert tops[2] == tops[3]
    assert (tops[0] < tops[2]) == (width == 1000)
    assert narrow.tab.evaluate("() => document.documentElement.scrollWidth") <= width
    narrow.tab.close()


BOXES = """name => {
  const model = Bokeh.documents[0].get_model_by_name(name), view = Bokeh.index.find_one(model), {bbox} = view.frame;
  const pen = document.createElement("canvas").getContext("2d"), boxes = [];
  for (const renderer of model.renderers.filter((one) => one.visible && one.glyph.type === "Text")) {
    const {glyph, data_source: {data}} = renderer;
    const at = (of, k) => of?.field ? data[of.field][k] : of?.value ?? 0;
    for (const k of renderer.view.filter.indices ?? [...data[glyph.x.field]].keys()) {
      const text = at(glyph.text, k), size = parseFloat(at(glyph.text_font_size, k)), angle = at(glyph.angle, k);
      if (!text) continue;
      pen.font = `${at(glyph.text_font_style, k)} ${size}px ${at(glyph.text_font, k)}`;
      const wide = pen.measureText(text).width, left = at(glyph.text_align, k) === "center" ? wide / 2 : 0;
      const x = view.frame.x_scale.compute(data[glyph.x.field][k]) + at(glyph.x_offset, k) - bbox.left;
      const y = view.frame.y_scale.compute(at(glyph.y, k)) + at(glyph.y_offset, k) - bbox.top;
      const upright = angle > 1.5;
      boxes.push([text, ...(upright ? [x - size / 2, y - wide, x + size / 2, y]
        : [x - left, y - size / 2, x - left + wide, y + size / 2]), angle]);
    }
  }
  const axis = (one, scale, along) => {
    const ticks = one.visible ? [...one.ticker.ticks].map((tick) => scale.compute(tick)).sort((a, b) => a - b) : [];
    const size = parseFloat(one.major_label_text_font_size), turn = one.major_label_orientation;
    pen.font = `${size}px ${one.major_label_text_font}`;
    const names = [...one.major_label_overrides.values()];
    const lean = along && turn !== "vertical" ? Math.sin(turn) : 1;
    const apart = ticks.slice(1).map((tick, k) => (tick - ticks[k]) * lean);
    return [names, Math.min(...apart), size, Math.max(...names.map((text) => pen.measureText(text).width))];
  };
  const {x_scale, y_scale} = view.frame;
  return {boxes, width: bbox.width, height: bbox.height, left: bbox.left,
          rows: axis(model.left[0], y_scale, false), columns: axis(model.below[0], x_scale, true)};
}"""
"""The boxes of all texts in a figure's frame (left, top, right, bottom, angle), and how far its ticks are apart."""


def overlapping(boxes: list[list], rim: float = 0.5) -> list[tuple[str, str]]:
    """Pairs of texts that cover each other; those that lean are far from all others."""
    flat = [box for box in boxes if box[5] in (0, np.pi / 2)]
    return [
        (one[0], other[0])
        for k, one in enumerate(flat)
        for other in flat[:k]
        if one[1] < other[3] - rim and other[1] < one[3] - rim and one[2] < other[4] - rim and other[2] < one[4] - rim
    ]


def test_names_cover_nothing_on_a_narrow_page(browser, tmp_path):
    corruptions = (
        "gaussian_noise",
        "shot_noise",
        "impulse_noise",
        "defocus_blur",
        "brightness",
        "contrast",
        "pixelate",
    )
    kinds = config.conditions(corruptions, (1, 3, 5))
    generated.make(tmp_path / "study", networks=19, seeds=1, conditions=kinds, samples=40, image_size=8, thumbnails=0)
    store = Store(tmp_path / "study")
    process, address = started(tmp_path / "study")
    try:
        page = Page(browser, f"{address}?layout=networks", width=720)
        for width in (720, 1440):
            page.tab.set_viewport_size({"width": width, "height": 1000})
            numbers = len(store.groups) * (len(store.columns) if width == 1440 else 2)
            page.wait(f"({BOXES})('evaluation').boxes.filter((box) => /^[0-9]+$/.test(box[0])).length >= {numbers}")
            heat, plane, matrix = (
                page.tab.evaluate(BOXES, name) for name in ("evaluation", "similarity", "similarity-matrix")
            )
            for shown in (heat, plane):
                assert overlapping(shown["boxes"]) == [], width
                for text, left, top, right, bottom, _ in shown["boxes"]:
                    assert left >= -0.5, text
                    assert top >= -0.5, text
                    assert right <= shown["width"] + 0.5, text
                    assert bottom <= shown["height"] + 0.5, text
            written = [box[0] for box in heat["boxes"] if box[0].isdigit() and int(box[0]) not in (1, 3, 5)]
            assert (len(written) > 2 * len(store.groups)) == (width == 1440), "numbers hide where cells are narrow"
            # Names of rows stand at their rows and are whole; most discs are named, and the rest in the tooltip.
            names, apart, size, longest = heat["rows"]
            assert names == [group.name for group in store.groups]
            assert apart >= size
            assert heat["left"] >= longest
            for names, apart, size, _ in (matrix["rows"], matrix["columns"]):
                assert len(names) == len(store.groups)
                assert apart >= size
            assert len(plane["boxes"]) > 0.7 * len(store.groups)
        assert page.errors() == []
        page.tab.close()
    finally:
        ended(process)


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


def test_a_brush_paints_every_figure_that_changes_once_and_those_off_the_screen_later(browser, address):
    opened = Page(browser, f"{address}?layout=geometry", height=1000)
    opened.tab.evaluate("""() => {
      // Every paint clears the first canvas of its figure once; the others hold overlays.
      window.painted = []
      const figures = [...Bokeh.index.query((view) => view.model.type === "Figure")]
      const clear = CanvasRenderingContext2D.prototype.clearRect
      CanvasRenderingContext2D.prototype.clearRect = function (...box) {
        const root = this.canvas.getRootNode(), hosts = []
        for (let host = root.host; host; host = host.getRootNode().host) hosts.push(host)
        if (hosts.length && root.querySelector("canvas") === this.canvas)
          painted.push(figures.find((view) => hosts.includes(view.el))?.model.name ?? "none")
        return clear.apply(this, box)
      }
    }""")
    opened.drag("local-a", 0.2, 0.2, 0.7, 0.7)
    opened.wait("location.search.includes('rule=')")
    opened.settled()
    painted = opened.tab.evaluate("painted")
    for name in ("local-b", "local-difference"):
        assert painted.count(name) == 1, painted
    assert "global-b" not in painted
    opened.tab.evaluate(FRAME, "global-b")
    opened.wait("painted.includes('global-b')")
    painted = opened.tab.evaluate("painted")
    assert [painted.count(name) for name in ("global-a", "global-b")] == [1, 1], painted
    # Matrices change with the selection, and are painted once when they come onto the screen.
    assert all(painted.count(name) == 1 for name in painted if name.startswith("matrix")), painted
    assert opened.errors() == []
    opened.tab.close()


def test_a_box_in_a_matrix_zooms_all_of_them_to_names(browser, tmp_path):
    folder = tmp_path / "study"
    conditions = config.conditions(("fog",), (5,))
    generated.make(folder, networks=2, conditions=conditions, samples=300, classes=60, image_size=8, thumbnails=10)
    process, address = started(folder)
    try:
        page = Page(browser, f"{address}?layout=geometry&global-detail=all+classes")
        seen = """name => {
          const model = Bokeh.documents[0].get_model_by_name(name), image = model.renderers[0].data_source.data;
          return [image.x[0], image.y[0], image.dw[0], image.dh[0], model.left[0].ticker.ticks.length];
        }"""
        assert page.tab.evaluate(seen, "matrix-difference") == [0, 0, 60, 60, 0]
        page.drag("matrix-b", 0.25, 0.5, 0.5, 0.75)
        page.wait("Bokeh.documents[0].get_model_by_name('matrix-difference').renderers[0].data_source.data.dw[0] < 60")
        page.settled()
        for name in ("matrix-a", "matrix-b", "matrix-difference"):
            left, top, wide, high, names = page.tab.evaluate(seen, name)
            assert (left, top) == (pytest.approx(15, abs=1), pytest.approx(30, abs=1))
            assert (wide, high) == (pytest.approx(16, abs=1), pytest.approx(16, abs=1))
            assert names == high
        page.click("matrix-a", 0.5, 0.5)
        page.wait_text("status", "predicted as")
        assert page.errors() == []
        page.tab.close()
    finally:
        ended(process)


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
    path = standalone.write(small_folder, tmp_path / "report.html", "?layout=geometry")
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
