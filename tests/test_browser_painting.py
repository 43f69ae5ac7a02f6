"""When a real Chromium paints which figures, what of them, and that what it painted is what the models say."""

import pytest
from chromium import FRAME, PAINTED, UNLIKE, Page

from rosalind.viewer.views.draw import FLIP_MARKERS

TOP = """name =>
  Bokeh.index.find_one(Bokeh.documents[0].get_model_by_name(name)).el.getBoundingClientRect().top"""
"""Pixels from the top of the window to a figure."""


def test_a_brush_paints_every_figure_that_changes_once_and_those_off_the_screen_later(browser, address):
    opened = Page(browser, f"{address}?layout=geometry")
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
      window.taken = []
      const take = rosalindLate
      window.rosalindLate = (names) => {
        taken.push([names.length, painted.includes("local-b")])
        take(names)
      }
      window.late = new Set()
      new MutationObserver((changes) => {
        for (const {target} of changes) if (target.hasAttribute("data-late")) late.add(target.id)
      }).observe(document.getElementById("views"), {subtree: true, attributeFilter: ["data-late"]})
    }""")
    opened.drag("local-a", 0.2, 0.2, 0.7, 0.7)
    assert "rule=" in opened.address()
    # The server draws what is off the screen last; until then it is marked, and nothing stays so.
    late = opened.tab.evaluate("[...late]")
    below = opened.tab.evaluate("""[...document.querySelectorAll("section")]
      .filter((section) => section.checkVisibility() && section.getBoundingClientRect().top > 1.5 * innerHeight)
      .map((section) => section.id)""")
    assert "local" not in late
    assert below
    assert set(below) <= set(late)
    assert opened.tab.locator("section[data-late]").count() == 0
    (most, _), *fewer = opened.tab.evaluate("taken")
    assert fewer
    assert all(left < most and is_painted for left, is_painted in fewer), "what is off the screen was not held back"
    opened.tab.evaluate(PAINTED)
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


PIXELS = """() => Object.fromEntries([...Bokeh.index.query((view) => view.model.type === "Figure")]
  .filter((view) => view.el.checkVisibility()).map((view) => {
    const {canvas} = view.canvas_view.primary, {width, height} = canvas;
    // BokehJS clears but half of the outermost pixels.
    if (width < 5 || height < 5) return [view.model.name, 0];
    const copy = new OffscreenCanvas(width - 4, height - 4).getContext("2d", {willReadFrequently: true});
    copy.drawImage(canvas, -2, -2);
    const pixels = copy.getImageData(0, 0, width - 4, height - 4).data;
    let sum = 0;
    for (const value of pixels) sum = (31 * sum + value) % 4294967291;
    return [view.model.name, sum];
  }))"""
"""A number that follows from the pixels of every figure."""


def test_a_brush_paints_what_changes_and_the_figures_are_as_if_painted_whole(browser, address):
    opened = Page(browser, f"{address}?layout=geometry")
    # With Bokeh's own look, which views of one's own have, axes reach into the frame.
    opened.tab.evaluate("""() => {
      const look = {axis_line_color: "red", minor_tick_line_color: "red", minor_tick_in: 3, major_tick_in: 4}
      for (const view of Bokeh.index.query((one) => one.model.type === "Figure"))
        for (const axis of [...view.model.left, ...view.model.below])
          if (axis.properties.axis_line_color) axis.setv(look, {sync: false})
    }""")
    opened.tab.evaluate(PAINTED)
    before = opened.tab.evaluate(PIXELS)
    opened.tab.evaluate("""() => {
      window.written = []
      const write = CanvasRenderingContext2D.prototype.fillText
      CanvasRenderingContext2D.prototype.fillText = function (text, ...place) {
        written.push(text)
        return write.call(this, text, ...place)
      }
    }""")
    opened.drag("local-a", 0.2, 0.2, 0.7, 0.7)
    opened.tab.evaluate(PAINTED)
    written = opened.tab.evaluate("written")
    after = opened.tab.evaluate(PIXELS)
    assert {"local-a", "local-b", "local-difference"} <= {name for name in before if before[name] != after[name]}
    # The counts beside the classes are in a frame; numbers and names of axes are not.
    label = opened.tab.evaluate("Bokeh.documents[0].get_model_by_name('local-b').below[0].axis_label")
    assert label not in written
    opened.tab.evaluate(
        "() => { for (const view of Bokeh.index.query((one) => one.model.type === 'Figure')) view.request_repaint() }"
    )
    opened.tab.evaluate(PAINTED)
    assert label in opened.tab.evaluate("written")
    assert opened.tab.evaluate(PIXELS) == after
    assert opened.errors() == []
    opened.tab.close()


def test_names_beside_an_axis_are_those_of_what_is_drawn(browser, address):
    # BokehJS makes the names of ticks one after the other; of ten the last three were painted as they had been.
    sides = "layout=geometry&x=angle&y=norm&a=mlp-dense-seed0%2Fclean&b=mlp-{}-seed0%2F{}"
    opened = Page(browser, f"{address}?{sides.format('dense', 'clean')}")
    for method, condition in (("magnitude-0.9", "contrast-5"), ("biprop-0.5", "gaussian_noise-5"), ("dense", "clean")):
        opened.frame("local-shifts")
        opened.go(sides.format(method, condition))
        opened.frame("local-shifts")
        drawn = opened.tab.evaluate(PIXELS)["local-shifts"]
        opened.tab.evaluate(
            "Bokeh.index.find_one(Bokeh.documents[0].get_model_by_name('local-shifts')).request_repaint()"
        )
        opened.tab.evaluate(PAINTED)
        assert opened.tab.evaluate(PIXELS)["local-shifts"] == drawn, method
    assert opened.errors() == []
    opened.tab.close()


POINTS = """() => [...Bokeh.index.query((view) => view.model.type === "GlyphRenderer"
    && view.model.glyph.type === "Scatter" && view.model.data_source.columns().includes("marker"))].map((view) => {
  const marker = view.model.data_source.get_column("marker"), drawn = view.glyph.marker;
  return [[...marker], Array.from(marker, (_, k) => drawn.get(k))];
})"""


def test_points_have_the_marker_of_their_flip(browser, address):
    opened = Page(browser, f"{address}?layout=geometry")
    opened.drag("local-a", 0.1, 0.1, 0.9, 0.9)
    points = opened.tab.evaluate(POINTS)
    assert any(flips for flips, _ in points)
    for flips, markers in points:
        assert markers == [FLIP_MARKERS[flip] for flip in flips]
    assert opened.errors() == []
    opened.tab.close()


def test_what_is_far_from_the_screen_rests_at_its_height_and_is_whole_once_it_comes_near(browser, address):
    opened = Page(browser, f"{address}?layout=geometry")
    high = "() => [...document.querySelectorAll('section')].map((s) => Math.round(s.getBoundingClientRect().height))"
    opened.wait("() => [...document.querySelectorAll('section')].filter((s) => s.checkVisibility()).length > 2")
    last = "() => [...document.querySelectorAll('section')].filter((s) => s.checkVisibility()).at(-1)"
    opened.tab.evaluate(f"({last})().scrollIntoView()")
    opened.wait("() => document.getElementById('local').hasAttribute('data-far')")
    before = opened.tab.evaluate(high)
    opened.tab.evaluate("scrollTo(0, 0)")
    opened.wait(
        f"() => ({last})().hasAttribute('data-far') && !document.getElementById('local').hasAttribute('data-far')"
    )
    opened.tab.evaluate(PAINTED)
    assert opened.tab.evaluate(high) == before
    opened.drag("local-a", 0.1, 0.1, 0.6, 0.6)
    assert opened.tab.evaluate(UNLIKE) == []
    assert opened.errors() == []
    opened.tab.close()


def test_a_row_that_is_made_anew_moves_nothing_below_it(browser, address):
    page = Page(browser, f"{address}?layout=all")
    page.frame("distributions-y")
    # At the top of a page no browser holds a place.
    assert page.tab.evaluate("scrollY") > 1000
    places = [page.tab.evaluate(TOP, "distributions-y")]
    # Where the null is drawn it joins a row of figures above, and leaves it.
    for _ in range(4):
        page.press("n")
        page.tab.evaluate(PAINTED)
        places.append(page.tab.evaluate(TOP, "distributions-y"))
    page.tab.close()
    assert places == pytest.approx([places[0]] * 5, abs=1)
