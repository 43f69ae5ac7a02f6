"""A real Chromium, with real mouse events, and the viewer in a process of its own: what the browser tests share.

Needs /usr/bin/chromium or $ROSALIND_CHROMIUM. The fixtures `browser`, `address` and `page` are in conftest.
"""

import io
import os
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

CHROMIUM = os.environ.get("ROSALIND_CHROMIUM", "/usr/bin/chromium")
IDLE = "window.Bokeh && Bokeh.documents.length && Bokeh.documents[0].roots().length && Bokeh.documents[0].is_idle"
FRAME = """name => {
  const model = Bokeh.documents[0].get_model_by_name(name);
  const view = Bokeh.index.find_one(model);
  view.el.scrollIntoView({block: "center"});
  // A sheet in a window of its own begins at its top.
  if (view.el.getRootNode().host) view.el.getRootNode().host.scrollTop = 0;
  const outer = view.el.getBoundingClientRect(), frame = view.frame.bbox;
  return {x: outer.left + frame.left, y: outer.top + frame.top, width: frame.width, height: frame.height,
          x0: model.x_range.start, x1: model.x_range.end, y0: model.y_range.start, y1: model.y_range.end};
}"""
SETTLED = """!document.body.hasAttribute("data-busy") && [...document.querySelectorAll("section")].every((section) =>
  !section.checkVisibility() ||
  Bokeh.documents[0].get_model_by_name("view-" + section.id).children[0].type !== "Spacer")"""
TEXT = "name => Bokeh.documents[0].get_model_by_name(name).text"
FIGURES = """() => [...Bokeh.index.query((view) => view.model.type === "Figure" && view.el.checkVisibility())]
  .map((view) => view.model.name)"""
ALL, NETWORKS, SAMPLES = (
    pytest.mark.parametrize("page", [layout], indirect=True) for layout in ("all", "networks", "samples")
)
LINE = """() => Bokeh.index.find_one(
  Bokeh.documents[0].get_model_by_name("status")).shadow_el.querySelector(".line")"""
STATUS = f"() => ({LINE})().textContent.replace(/ \\([0-9]+ ms\\)$/, '')"
"""What the status says, without how long it took."""
GO = """query => {
  document.activeElement?.blur();
  scrollTo(0, 0);
  rosalindSend(`go:${query}`);
}"""
KEPT = """query => [...new URLSearchParams(location.search)].every(([name, value]) =>
  ["layout", "token", "view"].includes(name) || new URLSearchParams(query).get(name) === value)"""
"""True once the browser's address says nothing that a query does not."""
UNLIKE = """() => [...Bokeh.index.query((view) => view.model.type === "Div")]
  .map((view) => [view, view.el.shadowRoot?.querySelector(".bk-clearfix")])
  .filter(([view, shown]) => {
    if (!shown?.isConnected) return false;
    const meant = document.createElement("div");
    meant.innerHTML = view.model.text;
    return meant.innerHTML !== shown.innerHTML || view.el.clientHeight < shown.clientHeight;
  }).map(([view]) => [view.model.name, view.model.text])"""
"""Texts whose element differs from the text of their model, or is cut off."""


def started(folder, port: int = 0, token: bool = False, **environment: str) -> tuple[subprocess.Popen, str]:
    """The viewer in a process of its own, as `rosalind view` starts it, and its address."""
    options = f"port={port}, open_browser=False, token={token}"
    script = f"from rosalind import viewer; viewer.serve({str(folder)!r}, {options})"
    process = subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, env=os.environ | environment
    )
    line = process.stdout.readline()
    return process, next(word for word in line.split() if word.startswith("http"))


def ended(process: subprocess.Popen) -> None:
    process.terminate()
    process.communicate()


class Page:
    """An open page with what it logged and asked for."""

    def __init__(self, browser, address, **viewport):
        self.tab = browser.new_page(viewport={"width": 1440, "height": 1000, **viewport})
        self.logged, self.asked = [], []
        self.tab.on("console", lambda m: self.logged.append(f"{m.type}: {m.text}"))
        self.tab.on("pageerror", lambda error: self.logged.append(f"error: {error}"))
        self.tab.on("request", lambda request: self.asked.append(request.url))
        self.tab.goto(address)
        self.settled()

    def go(self, query: str) -> None:
        """Show what an address says without loading the page anew, as the browser's own Back does."""
        self.tab.mouse.move(0, 0)
        self.tab.evaluate(GO, query)
        self.wait(f"Bokeh.documents[0].get_model_by_name('address').text === {query!r}")
        self.wait(f"({KEPT})({query!r})")
        self.settled()

    def settled(self) -> None:
        """Wait until every view of the page is drawn and the server has answered."""
        self.wait(IDLE)
        self.wait(SETTLED)
        self.wait(IDLE)

    def wait(self, condition: str) -> None:
        self.tab.wait_for_function(condition, timeout=120_000)

    def wait_text(self, name: str, part: str) -> str:
        self.wait(f"Bokeh.documents[0].get_model_by_name({name!r}).text.includes({part!r})")
        return self.tab.evaluate(TEXT, name)

    def errors(self) -> list[str]:
        return [line for line in self.logged if line.startswith(("error", "warning"))]

    def drag(self, name: str, left: float, top: float, right: float, bottom: float):
        """Drag a box over fractions of a figure's frame; gives its corners in data."""
        box = self.tab.evaluate(FRAME, name)
        xs = [box["x"] + f * box["width"] for f in (left, right)]
        ys = [box["y"] + f * box["height"] for f in (top, bottom)]
        self.tab.mouse.move(xs[0], ys[0])
        self.tab.mouse.down()
        self.tab.mouse.move((xs[0] + xs[1]) / 2, (ys[0] + ys[1]) / 2, steps=4)
        self.tab.mouse.move(xs[1], ys[1], steps=4)
        self.tab.mouse.up()

    def click(self, name: str, across: float, down: float) -> None:
        box = self.tab.evaluate(FRAME, name)
        self.tab.mouse.click(box["x"] + across * box["width"], box["y"] + down * box["height"])


def canvas(page: Page, name: str) -> np.ndarray:
    """uint8 screenshot of a figure."""
    box = page.tab.evaluate(FRAME, name)
    # What comes onto the screen is painted before the frame after the next.
    page.tab.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    clip = {key: box[key] for key in ("x", "y", "width", "height")}
    return np.asarray(Image.open(io.BytesIO(page.tab.screenshot(clip=clip))).convert("RGB"))
