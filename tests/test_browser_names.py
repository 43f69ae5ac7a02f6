"""Names in figures cover nothing and stand where they belong, on narrow pages too."""

import generated
import numpy as np
from chromium import Page, ended, started

from rosalind import config
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
        page = Page(browser, f"{address}?layout=networks", viewport={"width": 720, "height": 1000})
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
