"""Names in figures cover nothing and stand where they belong, on narrow pages too."""

import shutil

import generated
import numpy as np
from chromium import Page, ended, started
from written_diagnostics import DENSE, PRUNED, write, write_layers

from rosalind import config, figures
from rosalind.analysis.store import Store

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
      const wide = pen.measureText(text).width, left = { center: wide / 2, right: wide }[at(glyph.text_align, k)] ?? 0;
      const x = view.frame.x_scale.compute(data[glyph.x.field][k]) + at(glyph.x_offset, k) - bbox.left;
      const y = view.frame.y_scale.compute(at(glyph.y, k)) + at(glyph.y_offset, k) - bbox.top;
      const upright = angle > 1.5;
      boxes.push([text, ...(upright ? [x - size / 2, y - wide, x + size / 2, y]
        : [x - left, y - size / 2, x - left + wide, y + size / 2]), angle]);
    }
  }
  const axis = (one, scale, along) => {
    const places = one.visible ? [...(one.ticker.ticks ?? [])] : [];
    const ticks = places.map((tick) => scale.compute(tick)).sort((a, b) => a - b);
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


ENDS = """() => [...Bokeh.index.query((view) => ["Select", "Button"].includes(view.model.type)
  && view.el.checkVisibility())].map((view) => view.el.getBoundingClientRect().right)"""
"""Where lists and buttons end on the right."""


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
        page = Page(browser, f"{address}?layout=networks", viewport={"width": 720, "height": 1000})
        for width in (500, 720, 1440):
            page.tab.set_viewport_size({"width": width, "height": 1000})
            numbers = len(store.groups) * (len(store.columns) if width == 1440 else 2)
            # Which numbers have room is told once the page stands.
            page.wait("() => window.rosalindStands()")
            page.wait(f"({BOXES})('evaluation').boxes.filter((box) => /^[0-9]+$/.test(box[0])).length >= {numbers}")
            heat, plane, matrix = (
                page.tab.evaluate(BOXES, name) for name in ("evaluation", "similarity", "similarity-matrix")
            )
            # A list or button that has no room beside the others stands below them.
            assert max(page.tab.evaluate(ENDS)) <= width
            if width == 500:
                assert overlapping(heat["boxes"]) == []
                continue
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


def test_long_names_that_begin_alike_are_told_apart_and_stay_on_the_page(browser, tmp_path, monkeypatch):
    network, plan = generated.make_network, generated.Planned
    named = lambda one: f"{'a_name_of_many_words_' * 8}{one.label}-{one.sparsity:g}-{one.seed}"

    def make_network(one, there):
        info, *rest = network(one, there)
        label = info["label"] if one.label == "dense" else f"{'a_label_of_many_words_' * 8}{one.label}"
        parent = named(plan("dense", 0.0, one.seed, 1.0)) if info["parent"] else None
        return info | {"label": label, "parent": parent}, *rest

    monkeypatch.setattr(plan, "name", property(named))
    monkeypatch.setattr(generated, "make_network", make_network)
    generated.make(tmp_path / "study", networks=4, seeds=1, samples=40, image_size=8, thumbnails=5)
    process, address = started(tmp_path / "study")
    try:
        page = Page(browser, f"{address}?layout=all", viewport={"width": 720, "height": 1000})
        for width in (720, 1440):
            page.tab.set_viewport_size({"width": width, "height": 1000})
            page.wait("() => document.documentElement.scrollWidth <= innerWidth")
            for name in ("evaluation-severities", "lineage-sizes"):
                page.frame(name)
                shown = page.tab.evaluate(BOXES, name)
                assert all(box[3] <= shown["width"] + 0.5 for box in shown["boxes"]), (width, name)
        for name in ("evaluation", "fingerprint"):
            rows = page.tab.evaluate(BOXES, name)["rows"][0]
            assert len(set(rows)) == 4, rows
        assert page.errors() == []
    finally:
        ended(process)


def test_letters_of_a_and_b_cover_no_number_of_a_layer(browser, small_folder, tmp_path):
    shutil.copytree(small_folder, tmp_path / "study")
    write_layers(tmp_path / "study")
    process, address = started(tmp_path / "study")
    try:
        sides = f"a={DENSE[0]}%2Fclean&b={PRUNED[0]}%2Fclean"
        page = Page(browser, f"{address}?layout=inside&{sides}", viewport={"width": 720, "height": 1000})
        for width in (720, 1440):
            page.tab.set_viewport_size({"width": width, "height": 1000})
            page.settled()
            boxes = page.tab.evaluate(BOXES, "layers")["boxes"]
            assert {"A", "B"} <= {box[0] for box in boxes}
            assert overlapping(boxes) == []
            assert all(left >= -0.5 for _, left, *_ in boxes)
        page.tab.close()
    finally:
        ended(process)


def test_layers_of_long_names_leave_their_numbers_room(browser, small_folder, tmp_path):
    shutil.copytree(small_folder, tmp_path / "study")
    long = [f"{'a_very_long_name_of_a_block/' * 8}layer{k}" for k in range(12)]
    for network in (DENSE[0], PRUNED[0]):
        arrays = {"share": np.linspace(0.1, 900, 12, dtype=np.float32), "axis/layers": np.array(long)}
        write(tmp_path / "study", "coherence", network, {"share": {"axes": ["layers"], "unit": "share"}}, arrays)
    figure = figures.layers_figure(Store(tmp_path / "study").results)
    figure.draw_without_rendering()
    assert figure.axes[0].get_window_extent().height > 20
    ends = {label.get_text()[-7:] for label in figure.axes[0].get_xticklabels()}
    assert ends == {f"/layer{k}"[-7:] for k in range(12)}
    process, address = started(tmp_path / "study")
    try:
        sides = f"a={DENSE[0]}%2Fclean&b={PRUNED[0]}%2Fclean"
        page = Page(browser, f"{address}?layout=inside&{sides}", viewport={"width": 1440, "height": 1000})
        frame = page.tab.evaluate(BOXES, "layers")
        assert frame["height"] > 28
        names, apart, size, longest = frame["columns"]
        assert len(set(names)) == 12
        assert apart >= size
        card = page.tab.locator("#layers").bounding_box()
        assert page.tab.evaluate(BARS, "layers") <= frame["height"]
        assert card["height"] > frame["height"] + 0.6 * longest
        page.tab.close()
    finally:
        ended(process)


BARS = """name => {
  const bar = Bokeh.documents[0].get_model_by_name(name).right[0];
  const pen = document.createElement("canvas").getContext("2d");
  pen.font = `${bar.title_text_font_size} ${bar.title_text_font}`;
  return pen.measureText(bar.title).width;
}"""
"""The pixels that the name of a figure's colour bar takes beside it."""


def test_a_command_is_below_the_headline(browser, small_folder):
    process, address = started(small_folder)
    try:
        page = Page(browser, f"{address}?layout=inside")
        lines = page.tab.locator("#path .finding code, #layer_likeness .finding code")
        assert lines.count()
        for line in lines.all():
            assert line.evaluate("(one) => getComputedStyle(one).fontWeight") == "400"
            headline = line.locator("xpath=ancestor::p").evaluate("(one) => one.getBoundingClientRect().top")
            assert line.bounding_box()["y"] > headline + 15
        page.tab.close()
    finally:
        ended(process)
