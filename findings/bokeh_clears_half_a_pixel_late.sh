#!/usr/bin/env bash
# Bokeh's canvas: what was painted before stays visible in the first row and column of pixels.
#
# Versions:  Python 3.11; bokeh 3.9.2, playwright 1.65.2; Debian's Chromium (another is named by CHROMIUM).
# Behaviour: BokehJS moves its origin by half a pixel before it clears a canvas from (0, 0) on, so that the first row and
#            column keep a part of what they had, and each further paint leaves three quarters of that. A figure that
#            turns from white to black has a grey line at its top and its left. All other pixels are as they should be.
# A guess:   after a paint nothing of the last one is left.
# For users: of a page that can be turned dark, figures seem to have a frame at two sides. Clear beyond the edges:
#            `layer.ctx.clearRect(x - 1, y - 1, width + 2, height + 2)` in place of every layer's `clear`, as rosalind does.
#
# Output seen (red of the screen's pixels, 0 to 255, of a figure that was white and is black, on a black page):
#   paints since  first row  second row
#   1                    48           0
#   2                    36           0
#   3                    27           0
#   4                    20           0
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install -q bokeh==3.9.2 playwright==1.65.2
cd "$work"
CHROMIUM=${CHROMIUM:-/usr/bin/chromium} "$work/env/bin/python" - <<'EOF'
import io
import os
from pathlib import Path

from bokeh.embed import file_html
from bokeh.plotting import figure
from bokeh.resources import INLINE
from PIL import Image
from playwright.sync_api import sync_playwright

shown = figure(name="shown", width=200, height=200, border_fill_color="#ffffff", toolbar_location=None)
shown.scatter([0, 1], [0, 1])
page_file = Path("page.html").resolve()
page_file.write_text(file_html(shown, INLINE))
PAINT = """async (colour) => {
  Bokeh.documents[0].get_model_by_name("shown").border_fill_color = colour;
  await new Promise((done) => setTimeout(() => requestAnimationFrame(() => requestAnimationFrame(done)), 200));
}"""
PLACE = """() => {
  const {el} = Bokeh.index.find_one(Bokeh.documents[0].get_model_by_name("shown"));
  return el.getBoundingClientRect().toJSON();
}"""
with sync_playwright() as playwright:
    browser = playwright.chromium.launch(executable_path=os.environ["CHROMIUM"], args=["--no-sandbox"])
    page = browser.new_page(device_scale_factor=1)
    page.goto(page_file.as_uri())
    page.wait_for_function("() => window.Bokeh?.documents[0]?.is_idle")
    # Nothing behind the canvas is light.
    page.add_style_tag(content="html, body { background: black; }")
    place = page.evaluate(PLACE)
    reds = []
    # The second black is another one, so that the figure is painted again.
    for colour in ("#000000", "#000001", "#000000", "#000001"):
        page.evaluate(PAINT, colour)
        picture = page.screenshot(clip={key: place[key] for key in ("x", "y", "width", "height")})
        reds.append([Image.open(io.BytesIO(picture)).convert("RGB").getpixel((100, row))[0] for row in (0, 1)])
    browser.close()
print(f"{'paints since':12} {'first row':>10} {'second row':>11}")
for count, (first, second) in enumerate(reds, 1):
    print(f"{count:<12} {first:>10} {second:>11}")
assert [second for _, second in reds] == [0, 0, 0, 0]
assert reds[0][0] > 30
assert reds[0][0] > reds[3][0] > 0
EOF
