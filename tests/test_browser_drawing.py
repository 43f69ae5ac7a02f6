"""What a real Chromium shows of tables, pictures and cards, how wide they are, and on paper."""

import generated
import pytest
from chromium import ALL, FRAME, NETWORKS, PAINTED, SAMPLES, UNLIKE, Page, canvas, ended, read, started

from rosalind import config
from rosalind.viewer import bokeh_patches

TOP = """name => {
  const view = Bokeh.index.find_one(Bokeh.documents[0].get_model_by_name(name));
  return Math.round(scrollY + view.el.getBoundingClientRect().top);
}"""


CELLS = """() => {
  const view = Bokeh.index.find_one(Bokeh.documents[0].get_model_by_name("sample-table"));
  view.el.scrollIntoView();
  return [...view.shadow_el.querySelectorAll(".slick-cell")].map(c => c.textContent).join("|");
}"""


LABELS = """() => {
  const models = [...Bokeh.documents[0]._all_models.values()];
  const card = models.find((model) => model.code?.includes("data:image/svg+xml"));
  const columns = card.args.columns ?? card.args.get("columns");
  const address = card.format(null, "spark", {x: columns.data.left[0] + 0.01, y: 0});
  const shown = document.createElement("div");
  shown.innerHTML = decodeURIComponent(address.slice(address.indexOf(",") + 1));
  document.body.append(shown);
  const labels = [...shown.querySelectorAll("text")].map((text) => {
    const {x, width} = text.getBBox();
    return [text.textContent, x, x + width];
  });
  shown.remove();
  return labels;
}"""
"""The numbers under the histogram of the card over the first cell of the heat map, and where they begin and end."""


def sorted_anew(page: Page) -> str:
    """The text of the sample table after its samples have another order."""
    before = page.tab.evaluate(CELLS)
    assert before.count("|") > 10
    page.tab.evaluate("() => { Bokeh.documents[0].get_model_by_name('samples-sort').value = 'sample id' }")
    page.settled()
    assert "sample id first" in page.text("samples-caption")
    # The table makes its rows in timers of its own.
    page.wait(f"({CELLS})() !== {before!r}")
    after = page.tab.evaluate(CELLS)
    assert after.count("|") == before.count("|")
    return after


@NETWORKS
def test_the_histogram_of_the_card_has_its_numbers_with_their_signs(page):
    labels = page.tab.evaluate(LABELS)
    assert float(labels[0][0]) < 0 < float(labels[1][0])
    assert all(0 <= start < end <= 200 for _, start, end in labels), "what lies outside is cut off"


@SAMPLES
def test_the_table_repaints_when_only_its_data_change(page):
    # Bokeh 3.9.0 to 3.9.2 leave the old text when the number of rows stays the same.
    sorted_anew(page)


@ALL
def test_a_page_without_patches_shows_the_same(browser, page, small_folder):
    process, without = started(small_folder, ROSALIND_BOKEH_PATCHES="off")
    try:
        plain = Page(browser, f"{without}?layout=all")
        shown, links = [], []
        for opened in (page, plain):
            assert opened.tab.evaluate("Boolean(window.bokehPatches)") == (opened is page and bokeh_patches.enabled())
            opened.drag("local-a", 0.15, 0.2, 0.6, 0.8)
            assert "rule=" in opened.address()
            links.append(opened.address())
            shown.append([opened.status(), sorted_anew(opened)])
            assert opened.tab.evaluate(UNLIKE) == []
        assert plain.errors() == []
        plain.tab.close()
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
    page.press("n")
    assert "Null: " in page.text("evaluation-classes-caption")
    page.wait(f"({cells})()[0].length === 6")
    heads, row, values = page.tab.evaluate(cells)
    assert heads == [*names, "null ±"]
    assert float(row[5]) == pytest.approx(values[0], abs=0.051)
    page.press("n")
    page.wait(f"({cells})()[0].length === 5 && ({cells})()[1].length === 5")


@SAMPLES
def test_the_slider_lets_the_image_through(page):
    before = canvas(page, "attribution-maps")
    page.tab.locator(".noUi-handle").last.focus()
    page.press("ArrowLeft")
    assert "attribution-opacity=90" in page.address()
    assert (canvas(page, "attribution-maps") != before).any()


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
    page.wait("scrollY > 0")
    page.settled()
    assert page.tab.evaluate(widths)[0][1] == before
    box = page.tab.evaluate(FRAME, "local-a")
    page.tab.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.tab.keyboard.down("Control")
    page.tab.mouse.wheel(0, -300)
    page.tab.keyboard.up("Control")
    page.wait(f"({widths})().every(([span, drawn]) => drawn < 0.97 * {before} && Math.abs(drawn - span) < 1e-3 * span)")
    page.settled()
    assert "rule=" not in page.address()


CUT = """() => {
  const pen = document.createElement("canvas").getContext("2d"), cut = [];
  const rail = document.getElementById("rail").getBoundingClientRect(), edges = new Set();
  for (const view of Bokeh.index.query((view) => ["Select", "Button"].includes(view.model.type))) {
    const part = view.input_el ?? view.shadow_el.querySelector("button"), box = part?.getBoundingClientRect();
    if (!box?.width) continue;
    const style = getComputedStyle(part), room = parseFloat(style.paddingLeft) + parseFloat(style.paddingRight);
    pen.font = style.font;
    const text = part.selectedOptions?.[0]?.text ?? part.textContent;
    if (pen.measureText(text).width + room > part.clientWidth + 1) cut.push(text);
    if (box.left > rail.left && box.right < rail.right + 20 && box.left > (rail.left + rail.right) / 2)
      edges.add(Math.round(box.right));
  }
  return [cut, [...edges]];
}"""
"""The lists and buttons that are narrower than what they say, and the right edges of those on the rail's right."""


CARDS = "['samples', 'sample', 'attribution'].map((name) => document.getElementById(name).getBoundingClientRect())"


@pytest.mark.parametrize(("width", "theme"), [(1000, "dark"), (1440, "light")])
def test_nothing_is_wider_than_the_window(browser, address, width, theme):
    narrow = Page(browser, f"{address}?layout=all&theme={theme}", viewport={"width": width, "height": 1000})
    assert narrow.errors() == []
    assert narrow.tab.evaluate("() => document.documentElement.scrollWidth") <= width
    cut, edges = narrow.tab.evaluate(CUT)
    assert cut == []
    assert max(edges) - min(edges) <= 1
    # Ten classes have 17 pixels each or more, and the matrix of two corruptions is as large as its colour bar needs.
    assert narrow.tab.evaluate(FRAME, "local-shifts")["height"] >= 170
    matrix = narrow.tab.evaluate(FRAME, "redundancy")
    assert 120 < matrix["width"] <= 200
    assert 120 < matrix["height"] <= 200
    dark = sum(canvas(narrow, "local-a")[0, 0].astype(int)) < 200
    assert dark == (theme == "dark")
    # With the null, four panels stand on one line only where each can be read.
    narrow.press("n")
    assert "Null: " in narrow.text("local-caption")
    boxes = [narrow.tab.evaluate(FRAME, f"local-{side}") for side in ("a", "b", "difference", "null")]
    assert min(box["width"] for box in boxes) > 200
    tops = [narrow.tab.evaluate(TOP, f"local-{side}") for side in ("a", "b", "difference", "null")]
    assert tops[0] == tops[1]
    assert tops[2] == tops[3]
    assert (tops[0] < tops[2]) == (width == 1000)
    # Nor in an open window that becomes narrower, where figures off the screen are not painted anew.
    for narrower in (width, 940):
        narrow.tab.set_viewport_size({"width": narrower, "height": 1000})
        narrow.wait(f"document.documentElement.scrollWidth <= {narrower}")
    # A wide one has what a click on the sheet shows beside it.
    narrow.press("3")
    for wide, lines in ((1900, 2), (2400, 1)):
        narrow.tab.set_viewport_size({"width": wide, "height": 1000})
        narrow.wait(f"new Set({CARDS}.map((card) => card.top)).size === {lines}")
        assert narrow.tab.evaluate(f"{CARDS}.every((card) => card.width > 400)")
    narrow.tab.close()


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
        for name in ("matrix-a", "matrix-b", "matrix-difference"):
            left, top, wide, high, names = page.tab.evaluate(seen, name)
            assert (left, top) == (pytest.approx(15, abs=1), pytest.approx(30, abs=1))
            assert (wide, high) == (pytest.approx(16, abs=1), pytest.approx(16, abs=1))
            assert names == high
        page.click("matrix-a", 0.5, 0.5)
        assert "predicted as" in page.text("status")
        assert page.errors() == []
        page.tab.close()
    finally:
        ended(process)


@SAMPLES
def test_an_enlarged_card_fills_its_window_and_pictures_keep_their_sides(page):
    def shown(name: str) -> tuple[float, float]:
        box = read(page.tab, FRAME, name)
        return box["height"], box["width"] / (box["x1"] - box["x0"]) * (box["y0"] - box["y1"]) / box["height"]

    before = {name: shown(name) for name in ("samples", "fingerprint")}
    for card, name in (("samples", "samples"), ("sample", "fingerprint")):
        button = page.tab.locator(f"#{card} > .enlarge")
        page.push(button)
        # Figures grow in the frame after.
        page.tab.evaluate(PAINTED)
        page.settled()
        height, sides = shown(name)
        assert height > 1.2 * before[name][0]
        if name == "samples":
            assert sides == pytest.approx(before[name][1], rel=0.02)
            assert sides == pytest.approx(1, rel=0.03)
        assert page.tab.locator(f"#{card}").evaluate("(card) => card.scrollHeight <= card.clientHeight")
        page.push(button)
        page.tab.evaluate(PAINTED)
        assert shown(name)[0] == pytest.approx(before[name][0], abs=2)


def test_what_is_printed_is_as_wide_as_on_the_screen(browser, address, tmp_path):
    # Figures are drawn for one width, so that on a narrower sheet they would be cut off.
    WIDTHS = """() => [...Bokeh.index.query((view) => view.model.type === "Figure" && view.el.checkVisibility())]
      .map(({el, canvas_view}) => [el.clientWidth, canvas_view.el.clientWidth])"""
    # In a tab of its own: two tests of heights failed in the one that had been printed.
    page = Page(browser, f"{address}?layout=networks&theme=dark")
    CORNERS = """() => [...Bokeh.index.query((view) => view.model.type === "Figure" && view.el.checkVisibility())]
      .map(({canvas_view}) => canvas_view.primary.canvas.getContext("2d").getImageData(4, 4, 1, 1).data)
      .map((pixel) => pixel.slice(0, 3).join(" "))"""
    dark, paper = "27 33 44", "255 255 255"
    assert set(page.tab.evaluate(CORNERS)) == {dark}
    # Paper is white, also below figures that are off the screen, which are painted late.
    page.tab.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    assert set(page.tab.evaluate(CORNERS)) == {paper}
    page.tab.evaluate("window.dispatchEvent(new Event('afterprint'))")
    page.frame("similarity")
    page.tab.evaluate(PAINTED)
    assert dark in page.tab.evaluate(CORNERS)
    page.tab.pdf(path=tmp_path / "page.pdf")
    assert page.tab.evaluate("getComputedStyle(document.body).getPropertyValue('--printed')") == (
        page.tab.evaluate("`${document.getElementById('views').offsetWidth}px`")
    )
    page.tab.emulate_media(media="print")
    assert not page.tab.locator("#rail").is_visible()
    assert not page.tab.locator("header nav").is_visible()
    # Nothing can be clicked on paper.
    assert not page.tab.get_by_role("button", name="copy link").first.is_visible()
    # But a legend stays, also where its entries are switches.
    assert page.tab.locator(".bk-btn", has_text="iterative").is_visible()
    tools = page.tab.locator(".bk-Toolbar")
    assert tools.count() > 0
    assert not any(tool.is_visible() for tool in tools.all())
    widths = page.tab.evaluate(WIDTHS)
    assert len(widths) > 5
    assert all(canvas <= box for box, canvas in widths)
    page.tab.close()


def test_forced_colours_leave_what_only_a_colour_says(browser, address):
    page = Page(browser, f"{address}?layout=geometry", forced_colors="active")
    look = "(element) => getComputedStyle(element).backgroundColor"
    here, other = (
        page.tab.locator(f"header button[data-layout={name}]").evaluate(look) for name in ("geometry", "samples")
    )
    assert here != other, "the page that is shown"
    assert len({badge.evaluate(look) for badge in page.tab.locator("#sides b").all()}) == 2
    # An icon is a mask over a colour, which would be that of what lies below.
    icon = page.tab.locator(".bk-tool-icon").first
    assert icon.evaluate(look) != page.tab.locator("#local").evaluate(look)
    page.tab.close()


@SAMPLES
def test_a_card_of_words_alone_is_not_stretched(page):
    height = "() => document.getElementById('attribution').offsetHeight"
    beside = "() => ['samples', 'sample'].reduce((sum, id) => sum + document.getElementById(id).offsetHeight, 0)"
    at = "layout=samples&a=mlp-dense-seed0%2F{0}&b=mlp-magnitude-0.9-seed0%2F{0}"
    # Under which there are no maps.
    page.go(at.format("contrast-1"))
    page.wait("document.querySelector('#attribution[data-bare]')")
    assert page.tab.evaluate(height) < 0.6 * page.tab.evaluate(beside)
    page.go(at.format("clean"))
    page.wait("document.querySelector('#attribution:not([data-bare])')")
    assert page.tab.evaluate(height) >= page.tab.evaluate(beside)
