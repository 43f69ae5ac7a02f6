"""A real Chromium, with real mouse events, and the viewer in a process of its own: what the browser tests share.

Needs /usr/bin/chromium or $ROSALIND_CHROMIUM. The fixtures `browser`, `address` and `page` are in conftest.
"""

import io
import os
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, Locator
from playwright.sync_api import Page as Tab

CHROMIUM = os.environ.get("ROSALIND_CHROMIUM", "/usr/bin/chromium")
PATIENCE = 120_000
"""Milliseconds that anything may take on a machine where others work."""

WINDOW = {"width": 1440, "height": 1000}
SETTLED = """() => {
  const [shown] = window.Bokeh?.documents ?? [], {body} = document;
  if (!shown?.roots().length || !shown.is_idle || body.hasAttribute("data-busy") || body.hasAttribute("data-lost"))
    return false;
  const address = shown.get_model_by_name("address");
  if (address) {
    const trail = JSON.parse(sessionStorage.getItem("rosalind-trail"));
    if (trail?.[history.state?.at] !== new URLSearchParams(address.text).toString()) return false;
  }
  return [...document.querySelectorAll("section")].every((section) => {
    if (!section.checkVisibility()) return true;
    const panel = shown.get_model_by_name("view-" + section.id), view = Bokeh.index.get(panel);
    const [inside] = panel.children;
    return inside.type !== "Spacer" && view.child_views[0]?.model === inside && view.has_finished();
  });
}"""
"""True once the server has answered all it was asked, every view on the page is drawn, and the browser's history stands
at the state that is shown."""

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
# Bokeh paints at the next frame, or at the one after the 17 ms that it leaves between two paints; what comes onto the
# screen is painted before the frame after the next.
PAINTED = """() => new Promise((done) =>
  setTimeout(() => requestAnimationFrame(() => requestAnimationFrame(done)), 20))"""
TEXT = "name => Bokeh.documents[0].get_model_by_name(name).text"
FIGURES = """() => [...Bokeh.index.query((view) => view.model.type === "Figure" && view.el.checkVisibility())]
  .map((view) => view.model.name)"""
ALL, NETWORKS, SAMPLES = (
    pytest.mark.parametrize("page", [layout], indirect=True) for layout in ("all", "networks", "samples")
)
LINE = """() => Bokeh.index.find_one(
  Bokeh.documents[0].get_model_by_name("status")).shadow_el.querySelector(".line")"""
STATUS = f"() => ({LINE})().textContent.replace(/ \\([0-9]+ ms\\)$/, '')"
"""The text of the status, without the time that it names."""
GO = """query => {
  document.activeElement?.blur();
  scrollTo(0, 0);
  rosalindSend(`go:${query}`);
}"""
UNLIKE = """() => [...Bokeh.index.query((view) => view.model.type === "Div")]
  .map((view) => [view, view.el.shadowRoot?.querySelector(".bk-clearfix")])
  .filter(([view, shown]) => {
    if (!shown?.isConnected) return false;
    const meant = document.createElement("div");
    meant.innerHTML = view.model.text;
    // What rests far from the screen is laid out when it comes near.
    const laidOut = shown.checkVisibility({ contentVisibilityAuto: true });
    return meant.innerHTML !== shown.innerHTML || (laidOut && view.el.clientHeight < shown.clientHeight);
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


def read(tab: Tab, script: str, name: str) -> Any:
    """The result of a script for the model of a name; where a study has just grown, two have it for a moment."""
    once = f"""name => {{
      try {{ return [({script})(name)]; }} catch (error) {{
        if (!String(error).includes("Multiple models are named")) throw error;
        return false;
      }}
    }}"""
    return tab.wait_for_function(once, arg=name).json_value()[0]


def new_tab(browser: Browser, **options: Any) -> Tab:
    """A tab in which everything may take its time; `options` are those of Playwright's `new_page`."""
    tab = browser.new_page(**{"viewport": WINDOW, **options})
    tab.set_default_timeout(PATIENCE)
    return tab


class Page:
    """An open page with what it logged and asked for.

    Each method that acts on the page waits until all that follows from it is there, so that what is read next is of
    after it; where an act is made through `tab`, `settled` is to follow.
    """

    def __init__(self, browser, address, **options):
        self.tab = new_tab(browser, **options)
        self.logged, self.asked = [], []
        self.tab.on("console", lambda m: self.logged.append(f"{m.type}: {m.text}"))
        self.tab.on("pageerror", lambda error: self.logged.append(f"error: {error}"))
        self.tab.on("request", lambda request: self.asked.append(request.url))
        self.open(address)

    def open(self, address: str) -> None:
        self.tab.goto(address)
        self.settled()

    def go(self, query: str) -> None:
        """Show what an address says without loading the page anew, as the browser's own Back does."""
        self.tab.mouse.move(0, 0)
        self.tab.evaluate(GO, query)
        self.settled()

    def settled(self) -> None:
        """Wait until all that was done on the page is answered and drawn, and is in the browser's address."""
        self.wait(SETTLED)

    def wait(self, condition: str) -> None:
        """Wait for what comes without being asked for, or what is read from the screen."""
        self.tab.wait_for_function(condition)

    def text(self, name: str) -> str:
        """The text of a model."""
        return read(self.tab, TEXT, name)

    def status(self) -> str:
        """The text of the status, without the time that it names."""
        return self.tab.evaluate(STATUS)

    def address(self) -> str:
        """The query of the browser's address."""
        return self.tab.evaluate("location.search")

    def errors(self) -> list[str]:
        return [line for line in self.logged if line.startswith(("error", "warning"))]

    def press(self, *keys: str) -> None:
        for key in keys:
            self.tab.keyboard.press(key)
        self.settled()

    def push(self, button: str | Locator) -> None:
        """Click a button, given by its name, or something else."""
        named = self.tab.get_by_role("button", name=button, exact=True).first if isinstance(button, str) else button
        named.click()
        self.settled()

    def drag(self, name: str, left: float, top: float, right: float, bottom: float) -> None:
        """Drag a box over fractions of a figure's frame."""
        self.trace(name, np.linspace((left, top), (right, bottom), 9).tolist())

    def trace(self, name: str, path: list[list[float]]) -> None:
        """Drag along places in fractions of a figure's frame."""
        box = self.frame(name)
        (x, y), *others = [(box["x"] + across * box["width"], box["y"] + down * box["height"]) for across, down in path]
        self.tab.mouse.move(x, y)
        self.tab.mouse.down()
        for x, y in others:
            self.tab.mouse.move(x, y)
        self.tab.mouse.up()
        self.settled()

    def frame(self, name: str) -> dict[str, float]:
        """A figure's frame on the screen, once nothing is due any more that moves the page."""
        # As for a reader: a tab behind another one has frames, and takes moves of the mouse, when it likes.
        self.tab.bring_to_front()
        self.settled()
        self.wait("() => window.rosalindStands?.() !== false")
        place, before = read(self.tab, FRAME, name), None
        # Looking at it scrolls to it. Cards that come near then are laid out some frames later, and one whose
        # words changed while it was far is of another height: the figure lay 61 pixels lower, and boxes began above it.
        while place != before:
            for _ in range(2):
                self.tab.evaluate(PAINTED)
            self.settled()
            place, before = read(self.tab, FRAME, name), place
        return place

    def click(self, name: str, across: float, down: float, **options: Any) -> None:
        """Click at fractions of a figure's frame; `options` are those of Playwright's `mouse.click`."""
        box = self.frame(name)
        self.tab.mouse.click(box["x"] + across * box["width"], box["y"] + down * box["height"], **options)
        self.settled()


def canvas(page: Page, name: str, place: str = FRAME) -> np.ndarray:
    """uint8 screenshot of a figure's frame, or of the `place` that a script gives for it."""
    box = read(page.tab, place, name)
    page.tab.evaluate(PAINTED)
    clip = {key: box[key] for key in ("x", "y", "width", "height")}
    return np.asarray(Image.open(io.BytesIO(page.tab.screenshot(clip=clip))).convert("RGB"))
