"""The card beside the pointer on the heat map: names, numbers and the histogram of margins, drawn in the browser."""

from typing import Any

import numpy as np
from bokeh.models import ColumnDataSource, CustomJSHover, HoverTool

CODE = """
const place = (x) => columns.data.left.findIndex((left, k) => x >= left && x < left + columns.data.width[k]);
const column = place(special_vars.x), line = Math.round(special_vars.y);
const row = rows.data.name[line], name = columns.data.name[column];
if (format == "row") { return row ?? ""; }
if (format == "column") { return name ?? ""; }
const at = line * columns.data.name.length + column;
const number = (part) => source.data[part]?.[0][at];
const words = (value) => Number.isFinite(value) ? value.toFixed(2) : "-";
if (format == "shown") {
  const count = number("count");
  if (!count) {
    const reason = reasons.data.cell.indexOf(`${row}|${name}`);
    return reason < 0 ? "not there" : reasons.data.reason[reason];
  }
  const spread = Number.isFinite(number("deviation")) ? ` ± ${words(number("deviation"))}` : "";
  const all = Number.isFinite(number("all")) ? `; of all samples ${words(number("all"))}` : "";
  return `${source.data.words[0]}: ${words(number("mean"))}${spread} (${count} seed${count == 1 ? "" : "s"})${all}`;
}
if (format == "images") {
  return Number.isFinite(number("low")) ? `${words(number("low"))} to ${words(number("high"))}` : "none here";
}
const [low, high] = sparks.data.ends[0] ?? [0, 1], bins = sparks.data.bins[0] ?? 0;
const heights = Array.from({length: bins}, (_, k) => sparks.data.height[0][at * bins + k]);
if (!heights.some((height) => height > 0)) {
  return "data:image/gif;base64,R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7";
}
const x = (value) => 10 + 180 * (value - low) / (high - low);
const steps = heights.map((height, k) => `${x(low + k * (high - low) / bins)},${46 - 40 * height / 255}
  ${x(low + (k + 1) * (high - low) / bins)},${46 - 40 * height / 255}`).join(" ");
// At the edges of the picture, which would cut the sign of a number in the middle of its end off.
const mark = (value, place, anchor) => `<text x="${place}" y="60" text-anchor="${anchor}">${+value.toFixed(2)}</text>`;
const zero = low < 0 && high > 0
  ? `<path d="M${x(0)} 2V48" stroke-dasharray="2 2"/><text x="${x(0)}" y="60" text-anchor="middle">0</text>` : "";
const ink = document.body.dataset.theme == "dark" ? "#e9edf3" : "#1c2536";
return "data:image/svg+xml," + encodeURIComponent(`<svg xmlns="http://www.w3.org/2000/svg" width="200" height="64"
  font-family="sans-serif" font-size="10" fill="${ink}" stroke-width="1.3">
  <g fill="none" stroke="${ink}"><path d="M10 46H190"/><polyline points="${steps}"/>${zero.split("<text")[0]}</g>
  ${mark(low, 1, "start")}${mark(high, 199, "end")}${zero && "<text" + zero.split("<text")[1]}</svg>`);
"""
"""By the format the text of a part of the card; `spark` is a picture's address."""

CARD = """<div style="max-width: 330px"><b>$y{row}</b>, $x{column}<br>$y{shown}<br>95 % over images: $y{images}<br>
<img src="$y{spark}" alt=""> <br>margins of all samples, in units</div>"""

SHORT = """<div><b>$y{row}</b>, $x{column}<br>$y{shown}</div>"""


def hover_card(
    image: Any,
    *,
    source: ColumnDataSource,
    rows: ColumnDataSource,
    columns: ColumnDataSource,
    reasons: ColumnDataSource,
    sparks: ColumnDataSource,
    whole: bool,
) -> HoverTool:
    """The card over a renderer.

    Args:
        image: the renderer.
        source: `words` on what is shown; `mean`, `all`, `count`, and where `whole` `deviation`, `low` and `high`, each
            one array row by row.
        rows: `name`.
        columns: `name`, `left` and `width`.
        reasons: `cell` (`row|column`) and `reason` of cells that are not there.
        sparks: `height` (uint8, row by row and bin by bin), `bins` and `ends`, one of each.
        whole: False for names and the number alone.
    """
    args = {"source": source, "rows": rows, "columns": columns, "reasons": reasons, "sparks": sparks}
    formatter: Any = CustomJSHover(code=CODE, args=args)
    tips = CARD if whole else SHORT
    return HoverTool(renderers=[image], tooltips=tips, formatters={"$x": formatter, "$y": formatter})


def spark_columns(heights: np.ndarray, edges: np.ndarray) -> dict[str, list[Any]]:
    """The columns of `sparks`: histograms of cells, float[rows, columns, bins] in [0, 1] or NaN, between two edges."""
    if not heights.size or heights.shape[-1] < 2:
        return {"height": [], "bins": [], "ends": []}
    whole = np.rint(255 * np.nan_to_num(heights)).astype(np.uint8)
    return {"height": [whole.ravel()], "bins": [heights.shape[-1]], "ends": [[float(edges[0]), float(edges[-1])]]}
