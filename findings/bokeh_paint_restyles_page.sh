#!/usr/bin/env bash
# Each paint of a Bokeh figure writes style sheets, and the texts on its canvas wait for the styles of the page.
#
# Versions:  Python 3.11; bokeh 3.9.2, playwright 1.65.2; Debian's Chromium (another is named by CHROMIUM).
# Behaviour: every renderer of a figure (glyphs, axes, grids, titles, annotations) is an element of the page, with a
#            style sheet for its place. A paint writes that sheet anew for every renderer, also where nothing has moved. The
#            next `ctx.font = ...` makes the browser match styles again before it goes on, five times per figure on this page,
#            though nothing but the canvas changes.
# A guess:   painting a canvas touches no style, and its cost is that of drawing.
# For users: half of the time of a repaint may be spent here. Let BokehJS write only sheets that change:
#            `const sheet = Object.getPrototypeOf(new (Bokeh.Models.get("InlineStyleSheet"))({css: ""}).underlying())`,
#            then wrap `sheet._update` so that it returns where the text is `this.el.textContent` already.
#
# Output seen (six figures, each repainted 20 times; milliseconds are of one machine):
#   as it is      : sheets written with another text 0, with an equal one 2520; matchings of styles per figure 5.00; 22.7 ms for six figures
#   equal skipped : sheets written with another text 0, with an equal one 2520; matchings of styles per figure 0.00; 12.2 ms for six figures
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install -q bokeh==3.9.2 playwright==1.65.2
CHROMIUM=${CHROMIUM:-/usr/bin/chromium} "$work/env/bin/python" - "$work/page.html" <<'EOF'
import os
import sys
from pathlib import Path

from bokeh.embed import file_html
from bokeh.layouts import gridplot
from bokeh.plotting import figure
from bokeh.resources import INLINE
from playwright.sync_api import sync_playwright

FIGURES, REPEATS = 6, 20

plots = [figure(width=400, height=300, title=str(number)) for number in range(FIGURES)]
for plot in plots:
    for _ in range(4):
        plot.scatter([1, 2, 3], [1, 2, 3])
page = Path(sys.argv[1])
page.write_text(file_html(gridplot(plots, ncols=3, toolbar_location=None), INLINE))

PAINT = """async (repeats) => {
  const frame = () => new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
  const figures = [...Bokeh.index.query((view) => view.model.type === "Figure")];
  let spent = 0;
  for (let k = 0; k < repeats; k++) {
    await frame();
    const began = performance.now();
    for (const view of figures) {
      view.invalidate_painters(view.computed_renderer_views.find((one) => one.model.type === "GlyphRenderer"));
      view.paint();
    }
    spent += performance.now() - began;
  }
  return spent / repeats;
}"""
COUNT = """() => {
  const sheet = Object.getPrototypeOf(new (Bokeh.Models.get("InlineStyleSheet"))({css: ""}).underlying());
  const update = sheet._update;
  window.written = [0, 0];
  sheet._update = function (css) {
    const same = css === this.el.textContent;
    written[same ? 1 : 0] += 1;
    if (!(same && window.skip)) update.call(this, css);
  };
}"""

with sync_playwright() as playwright:
    browser = playwright.chromium.launch(executable_path=os.environ["CHROMIUM"], args=["--no-sandbox", "--disable-gpu"])
    tab = browser.new_page(viewport={"width": 1300, "height": 700})
    tab.goto(page.as_uri())
    tab.wait_for_function("() => Bokeh.documents.length && Bokeh.documents[0].is_idle")
    session = tab.context.new_cdp_session(tab)
    session.send("Performance.enable")

    def matched():
        metrics = {one["name"]: one["value"] for one in session.send("Performance.getMetrics")["metrics"]}
        return metrics["RecalcStyleCount"]

    tab.evaluate(COUNT)
    tab.evaluate(PAINT, 3)
    rows = {}
    for way in ("as it is", "equal skipped"):
        tab.evaluate("(skip) => { window.skip = skip; window.written = [0, 0]; }", way == "equal skipped")
        before = matched()
        spent = tab.evaluate(PAINT, REPEATS)
        changed, same = tab.evaluate("written")
        rows[way] = (changed, same, (matched() - before) / (FIGURES * REPEATS))
        print(
            f"{way:14}: sheets written with another text {changed}, with an equal one {same}; "
            f"matchings of styles per figure {rows[way][2]:.2f}; {spent:.1f} ms for six figures"
        )
    browser.close()

changed, same, count = rows["as it is"]
assert changed == 0, "a paint that moves nothing writes other places"
assert same >= 5 * FIGURES * REPEATS, "renderers no longer write their places at each paint"
assert count > 1.5, "the page's styles are no longer matched twice for each figure"
assert rows["equal skipped"][2] < 0.5 * count, "writing equal sheets is not what costs the matching"
EOF
