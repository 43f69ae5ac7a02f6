"""How fast can the first paint of a Bokeh page be?

A page of one figure with three points is timed; no page of the viewer can be faster. The tools serve
`viewer_benchmark.py` too: a real Chromium that opens a running viewer, a proxy that counts bytes, and the processor
time of both. Times are of the page's own clock, from the request or the release of the mouse to the last paint.

Command (needs the extra `test` and a Chromium; half a minute):

    python experiments/browser_timing.py

Expected result: 0.9 s on two shared x86 cores in a quiet hour, up to 1.6 s in a busy one, most of it to read BokehJS.
"""

import os
import socket
import statistics
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import load_test
from other_version import Version
from playwright.sync_api import Browser, sync_playwright

CHROMIUM = os.environ.get("ROSALIND_CHROMIUM", "/usr/bin/chromium")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]

PLAIN = """
import logging

from bokeh.plotting import figure
from bokeh.server.server import Server

def fill(document):
    made = figure()
    made.scatter([1, 2, 3], [1, 2, 3])
    document.add_root(made)

logging.disable(logging.WARNING)  # Of every origin being let in, as the port is not known yet.
server = Server({"/": fill}, port=0, address="127.0.0.1", allow_websocket_origin=["*"])
server.start()
print(server.port, flush=True)
server.run_until_shutdown()
"""
"""A server of the smallest Bokeh page."""

PLAIN_PAINTED = """async () => new Promise((done) => {
  const frame = () => {
    if (!window.Bokeh?.documents.length || !Bokeh.documents[0].roots().length || !Bokeh.documents[0].is_idle)
      requestAnimationFrame(frame);
    else requestAnimationFrame(() => requestAnimationFrame(() => done(performance.now())));
  };
  frame();
})"""


class Wire:
    """A TCP proxy on loopback that counts the bytes from and to the browser; lives until `close`.

    Chromium reports a websocket's messages after unpacking them, so only this sees what was sent.
    """

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.origin = f"127.0.0.1:{self.listener.getsockname()[1]}"
        self.down = self.up = 0
        self.target = ("127.0.0.1", 0)

    def start(self, port: int) -> None:
        """Connect everything that arrives to a port of this machine."""
        self.target = ("127.0.0.1", port)
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Take no more connections."""
        self.listener.close()

    def _accept(self) -> None:
        while True:
            try:
                browser, _ = self.listener.accept()
            except OSError:
                return
            try:
                server = socket.create_connection(self.target)
            except OSError:
                browser.close()
                continue
            for source, sink, way in ((browser, server, "up"), (server, browser, "down")):
                # Else the last bytes of a message wait for the receipt of the first, up to 0.05 s.
                sink.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                threading.Thread(target=self._pump, args=(source, sink, way), daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket, way: Literal["up", "down"]) -> None:
        try:
            while part := source.recv(1 << 16):
                # One thread of a pair writes one of the two; both only grow.
                setattr(self, way, getattr(self, way) + len(part))
                sink.sendall(part)
        except OSError:
            pass
        finally:
            for side in (source, sink):
                try:
                    side.shutdown(socket.SHUT_RDWR)
                except OSError:
                    side.close()


WATCH = """
window.seen = {paints: 0, acted: 0, first: 0};
const clear = CanvasRenderingContext2D.prototype.clearRect;
CanvasRenderingContext2D.prototype.clearRect = function (...box) {
  seen.first ||= performance.now();
  seen.paints += 1;
  clear.apply(this, box);
};
for (const kind of ["pointerup", "keydown"])
  addEventListener(kind, () => { seen.acted = performance.now(); }, true);
window.idle = () => window.Bokeh && Bokeh.documents.length && Bokeh.documents[0].roots().length
  && Bokeh.documents[0].is_idle;
window.text = (name) => window.idle() ? Bokeh.documents[0].get_model_by_name(name).text : null;
// Places on the page whose view is there; views are made one after the other.
window.filled = () => {
  const shown = [...document.querySelectorAll("section")].filter((el) => getComputedStyle(el).display !== "none");
  const places = shown.map((el) => Bokeh.documents[0].get_model_by_name(`view-${el.id}`));
  return [places.filter((place) => place.children.some((child) => child.type !== "Spacer")).length, places.length];
};
window.painted = () => new Promise((done) => {
  const frame = () => {
    if (!window.idle() || window.filled()[0] === 0) requestAnimationFrame(frame);
    else requestAnimationFrame(() => requestAnimationFrame(() => done(performance.now())));
  };
  frame();
});
// Every paint clears its canvas first. Settled is: the condition holds, and 20 idle frames pass without a paint; it
// gives the time of the last paint.
window.settled = (since, condition) => new Promise((done, fail) => {
  const began = performance.now();
  let quiet = 0, paints = -1, end = 0;
  const frame = () => {
    // What is off the screen is redrawn after the last paint.
    if (condition() && seen.paints === paints) quiet = window.idle() ? quiet + 1 : 0;
    else { quiet = 0; end = performance.now(); paints = seen.paints; }
    const found = {idle: window.idle(), met: condition(), acted: seen.acted, paints: seen.paints};
    if (quiet >= 20) done(end - since());
    else if (performance.now() - began > 60000) fail(new Error(`not settled in a minute: ${JSON.stringify(found)}`));
    else requestAnimationFrame(frame);
  };
  requestAnimationFrame(frame);
});
"""
"""Runs before a page's own scripts; `performance.now()` counts from the moment the page was asked for."""

FRAME = """name => {
  const model = Bokeh.documents[0].get_model_by_name(name), view = Bokeh.index.find_one(model);
  view.el.scrollIntoView({block: "center"});
  const outer = view.el.getBoundingClientRect(), frame = view.frame.bbox;
  return [outer.left + frame.left, outer.top + frame.top, frame.width, frame.height];
}"""


@dataclass(frozen=True)
class Cost:
    """Time, bytes and work of one gesture of a reader."""

    seconds: float
    megabytes: float
    """Sent to the browser."""
    server: float
    """Seconds of the server's processor."""
    browser: float
    """Seconds of the browser's processor, all its processes."""


Rows = dict[str, list[Cost] | str]
"""Repeated costs, or a number as text, by what is measured."""


@dataclass(frozen=True)
class TimedBrowser:
    """A browser, the viewer that it opens, and the proxy between them."""

    browser: Browser
    server: load_test.Server
    wire: Wire
    repeats: int

    @property
    def address(self) -> str:
        """The proxy's address, which the browser opens."""
        return f"http://{self.wire.origin}/"

    def _counts(self) -> tuple[float, float, float]:
        session = self.browser.new_browser_cdp_session()
        processes = session.send("SystemInfo.getProcessInfo")["processInfo"]
        session.detach()
        return self.wire.down / 1e6, self.server.work(), sum(process["cpuTime"] for process in processes)

    def cost(self, act: Callable[[], float]) -> Cost:
        """The cost of an act, which returns its own seconds."""
        before = self._counts()
        seconds = act()
        return Cost(seconds, *(b - a for a, b in zip(before, self._counts(), strict=True)))

    def context(self) -> Any:
        """A browser that has never seen the server."""
        context = self.browser.new_context(viewport={"width": 1440, "height": 1000})
        context.set_default_timeout(120_000)
        context.add_init_script(WATCH)
        return context

    def tab(self, layout: str) -> Any:
        """One page of the viewer in a new browser, painted."""
        tab = self.context().new_page()
        self._open(tab, layout)
        return tab

    def _open(self, tab: Any, layout: str) -> list[float]:
        tab.goto(f"{self.address}?layout={layout}", wait_until="commit")
        whole = "settled(() => 0, () => filled()[0] === filled()[1])"
        # The first drawing, not the first idle moment: of a page that comes in one message that is when it is whole.
        script = f"async () => {{ await painted(); const whole = await {whole}; return [seen.first, whole]; }}"
        return [number / 1000 for number in tab.evaluate(script)]

    def opening(self, layout: str) -> Rows:
        """A page opened by browsers that have never seen it, and by each of them once more."""
        rows: Rows = {}
        firsts, wholes = ({"cold": [], "warm": []} for _ in range(2))
        for _ in range(self.repeats):
            context = self.context()
            for kind in firsts:
                tab = context.new_page()

                def once(tab=tab, kind=kind) -> float:
                    first, whole = self._open(tab, layout)
                    firsts[kind].append(first)
                    return whole

                wholes[kind].append(self.cost(once))
                tab.close()
            context.close()
        for kind in firsts:
            rows[f"first paint, {layout}, {kind}"] = f"{statistics.median(firsts[kind]):.2f} s"
            rows[f"whole page, {layout}, {kind}"] = wholes[kind]
        return rows

    def acting(self, tab: Any, act: Callable[[int], None], text: str) -> list[Cost]:
        """Costs of acts 0, 1, ... of the mouse or a key, until all is repainted and a named text has changed.

        The first, before which the server may have had to read files, is not counted.
        """
        costs = []
        for number in range(self.repeats + 1):
            before = tab.evaluate("name => text(name)", text)
            tab.evaluate("() => { seen.acted = 0; }")

            def once(number=number, before=before) -> float:
                act(number)
                done = "([name, old]) => settled(() => seen.acted, () => seen.acted && text(name) !== old)"
                return tab.evaluate(done, [text, before]) / 1000

            costs.append(self.cost(once))
        return costs[1:]


@contextmanager
def timed_browser(
    browser: Browser, folder: Path, repeats: int, version: Version | None = None
) -> Iterator[TimedBrowser]:
    """The viewer of a study behind a counting proxy; by default of the version that this process imports."""
    wire = Wire()
    try:
        with load_test.serving(folder, version=version) as server:
            wire.start(int(server.address.rsplit(":", 1)[1].strip("/")))
            yield TimedBrowser(browser, server, wire, repeats)
    finally:
        wire.close()


def plain(browser: Browser, repeats: int) -> float:
    """Median seconds to the first paint of a Bokeh page of three points, its scripts in the browser's cache."""
    process = subprocess.Popen([sys.executable, "-c", PLAIN], stdout=subprocess.PIPE, text=True)
    try:
        address, context = f"http://127.0.0.1:{process.stdout.readline().strip()}/", browser.new_context()
        seconds = []
        for _ in range(repeats + 1):
            tab = context.new_page()
            tab.goto(address, wait_until="commit")
            seconds.append(tab.evaluate(PLAIN_PAINTED) / 1000)
            tab.close()
        context.close()
    finally:
        process.terminate()
        process.communicate()
    return statistics.median(seconds[1:])


def drag(tab: Any, number: int) -> None:
    """Drag a box on A's samples with the mouse; every number another box."""
    left, top, width, height = tab.evaluate(FRAME, "local-a")
    x0, y0 = left + 0.2 * width, top + 0.2 * height
    x1, y1 = left + (0.45 + 0.05 * number) * width, top + (0.5 + 0.05 * number) * height
    tab.mouse.move(x0, y0)
    tab.mouse.down()
    tab.mouse.move((x0 + x1) / 2, (y0 + y1) / 2, steps=3)
    tab.mouse.move(x1, y1, steps=3)
    tab.mouse.up()


def click(tab: Any, number: int) -> None:
    """Click on a field of the heat map; every number another one."""
    left, top, width, height = tab.evaluate(FRAME, "evaluation")
    tab.mouse.click(left + (0.1 + 0.08 * number) * width, top + (0.2 + 0.08 * number) * height)


def choosing(tab: Any, label: str) -> Callable[[int], None]:
    """An act that chooses the second value of a list, the first, the second, ..., with the keyboard."""

    def choose(number: int) -> None:
        tab.get_by_label(label, exact=True).focus()
        tab.keyboard.press("ArrowUp" if number % 2 else "ArrowDown")

    return choose


if __name__ == "__main__":
    with sync_playwright() as started:
        chromium = started.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        print(f"first paint of a Bokeh page of three points: {plain(chromium, 6):.2f} s")
        chromium.close()
