"""How long does a reader of the viewer wait, what travels to the browser, and what does the server hold?

Studies are drawn by `generated.py`, the viewer runs in a process of its own, and a real Chromium opens it and
drags boxes with the mouse. Everything is a median of six:

* first paint: from asking for the address to Bokeh being idle with the first view there, and two frames more;
  whole page: to the last view's last paint. The study is in the server's memory. `cold` is a browser that has
  never seen the server, `warm` has its scripts in the cache.
* brush: from releasing the mouse to the frame after the last canvas was painted, with the status line changed
  and Bokeh idle, all views on one page (`all`) or those of the geometry page.
* bytes: as they pass a TCP proxy between browser and server, compressed as they travel, headers included.
* work: seconds of processor that the server and the browser spend on the same. A busy machine stretches the
  times, this hardly; on an idle one a time is about the sum of both.
* memory: resident memory of the server (Linux only), and what ten more readers add, divided by ten.

Commands (also as `python experiments/benchmarks.py viewer`; needs the extra `test` and a Chromium):

    python experiments/viewer_benchmark.py
    python experiments/viewer_benchmark.py --studies samples-10000 --keep studies/generated
    python experiments/viewer_benchmark.py --readers 20 --seconds 60

Expected time: half an hour, of which most draws the studies; `--keep` draws them once. The machine should be idle.
The budget that the viewer is held to (12 networks, 10,000, 50,000 and 200,000 samples): first paint after 1.5 s, a
brush repainted after 0.20, 0.20 and 0.25 s, 1.5 MB to open and 0.2 MB per brush, 5 MB per reader; 1,000 classes x
50,000 samples open in 3 s, a change repaints in 0.2 s and the server holds less than 1.5 GB; 300 networks x 96
conditions answer a choice or a click in 0.3 s.

Expected result, 200,000 samples on two shared x86 cores, on which a Bokeh page of one figure with three points takes
1.3 s (medians of three): first paint 2.3 s and the networks page whole after 3.8 s, all eight sections after 6.9 s; a
brush 0.43 s on the geometry page and 0.66 s with all on one page; 1.28 MB to open the networks page with an empty
cache, 0.12 MB per brush; 155 MB of server memory with one reader and 5.3 MB for each further one. So the bytes
of a page are within the budget, memory is at it, and the times are not.
"""

import asyncio
import itertools
import os
import socket
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import generated
import readers
import tyro
from playwright.sync_api import Browser, sync_playwright

from rosalind import config, corruptions
from rosalind.viewer.store import Store

CHROMIUM = os.environ.get("ROSALIND_CHROMIUM", "/usr/bin/chromium")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
EXTRA_READERS = 10

StudyName = Literal["samples-10000", "samples-50000", "samples-200000", "classes-1000", "networks-300"]

STUDIES: dict[str, dict[str, Any]] = {
    "samples-10000": {"samples": 10_000},
    "samples-50000": {"samples": 50_000},
    "samples-200000": {"samples": 200_000},
    "classes-1000": {
        "samples": 50_000,
        "classes": 1000,
        "networks": 4,
        "conditions": config.conditions(("gaussian_noise",), (3,)),
    },
    "networks-300": {
        "samples": 500,
        "networks": 300,
        "seeds": 3,
        "conditions": config.conditions((*corruptions.NAMES, *corruptions.EXTRA)),
    },
}
"""What `generated.make` draws for each."""


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
window.seen = {paints: 0, acted: 0};
const clear = CanvasRenderingContext2D.prototype.clearRect;
CanvasRenderingContext2D.prototype.clearRect = function (...box) { seen.paints += 1; clear.apply(this, box); };
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
// Every paint clears its canvas first. Settled is: the condition holds, and 20 frames pass without a paint.
window.settled = (since, condition) => new Promise((done) => {
  let quiet = 0, paints = -1, end = 0;
  const frame = () => {
    if (window.idle() && condition() && seen.paints === paints) quiet += 1;
    else { quiet = 0; end = performance.now(); paints = seen.paints; }
    if (quiet < 20) requestAnimationFrame(frame); else done(end - since());
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
    """What one thing that a reader does takes."""

    seconds: float
    megabytes: float
    """Sent to the browser."""
    server: float
    """Seconds of the server's processor."""
    browser: float
    """Seconds of the browser's processor, all its processes."""


Rows = dict[str, list[Cost] | str]
"""Costs, or a number in words, by what is measured."""


@dataclass(frozen=True)
class Desk:
    """A browser before a running viewer, and all that counts."""

    browser: Browser
    server: readers.Server
    wire: Wire
    repeats: int

    @property
    def address(self) -> str:
        """What the browser opens: the proxy."""
        return f"http://{self.wire.origin}/"

    def _counts(self) -> tuple[float, float, float]:
        session = self.browser.new_browser_cdp_session()
        processes = session.send("SystemInfo.getProcessInfo")["processInfo"]
        session.detach()
        return self.wire.down / 1e6, self.server.work(), sum(process["cpuTime"] for process in processes)

    def cost(self, act: Callable[[], float]) -> Cost:
        """What an act takes, which gives its own seconds."""
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
        return [number / 1000 for number in tab.evaluate(f"async () => [await painted(), await {whole}]")]

    def opening(self, layout: str) -> Rows:
        """A page opened by browsers that have never seen it, and by each of them once more."""
        found: Rows = {}
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
            found[f"first paint, {layout}, {kind}"] = f"{statistics.median(firsts[kind]):.2f} s"
            found[f"whole page, {layout}, {kind}"] = wholes[kind]
        return found

    def acting(self, tab: Any, act: Callable[[int], None], text: str) -> list[Cost]:
        """What acts 0, 1, ... of the mouse or a key take until all is repainted and a named text has changed.

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
def desk(browser: Browser, folder: Path, repeats: int) -> Iterator[Desk]:
    """The viewer of a study behind a counting proxy, and the browser before it."""
    wire = Wire()
    try:
        with readers.serving(folder, origin=wire.origin) as server:
            wire.start(int(server.address.rsplit(":", 1)[1].strip("/")))
            yield Desk(browser, server, wire, repeats)
    finally:
        wire.close()


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


def by_samples(here: Desk) -> Rows:
    """Everything that a reader of 12 networks meets."""
    found = {**here.opening("networks"), **here.opening("all")}
    for layout in ("geometry", "all"):
        tab = here.tab(layout)
        found[f"brush, {layout}"] = here.acting(tab, lambda number, tab=tab: drag(tab, number), "status")
        tab.context.close()
    return found


def many_classes(here: Desk) -> Rows:
    """What a reader of 1,000 classes meets: opening, and the class matrix under another condition of B."""
    found = here.opening("geometry")
    tab = here.tab("geometry")
    found["another condition"] = here.acting(tab, lambda _: tab.keyboard.press("]"), "global-caption")
    found["brush"] = here.acting(tab, lambda number: drag(tab, number), "status")
    return found


def many_networks(here: Desk) -> Rows:
    """What a reader of 300 networks meets: opening, and clicks on the heat map."""
    found = here.opening("networks")
    tab = here.tab("networks")
    found["click on the heat map"] = here.acting(tab, lambda number: click(tab, number), "address")
    return found


def held(folder: Path, repeats: int) -> Rows:
    """Memory of a server without a browser: with one reader, and what ten more add; and its work for each."""
    boxes = readers.drags(Store(folder), repeats)

    def crowd(address: str, count: int, brushes: int) -> None:
        met = asyncio.run(readers.crowd(address, boxes, count, brushes=brushes))
        if met.errors or met.wrong:
            raise RuntimeError(f"{met.errors[:1]} {met.wrong[:1]}")

    with readers.serving(folder) as server:
        crowd(server.address, 1, repeats)
        memory = [server.memory()]
        for _ in range(2):
            crowd(server.address, EXTRA_READERS, 0)
            memory.append(server.memory())
            time.sleep(readers.EXPIRED)
    each = [(after - before) / EXTRA_READERS for before, after in itertools.pairwise(memory)]
    return {
        "memory with one reader": f"{memory[0]:.0f} MB",
        "memory per further reader": f"{each[0]:.1f} MB",
        "memory per further reader after ten others had gone": f"{each[1]:.1f} MB",
    }


MEASURES: dict[str, Callable[[Desk], Rows]] = {
    **dict.fromkeys(("samples-10000", "samples-50000", "samples-200000"), by_samples),
    "classes-1000": many_classes,
    "networks-300": many_networks,
}
"""What is measured on each study."""


def lines(rows: Rows) -> str:
    """Medians as rows of a table in Markdown."""
    found = []
    for title, costs in rows.items():
        if isinstance(costs, str):
            found.append(f"| {title} | {costs} | | | |")
            continue
        middle = lambda part, costs=costs: statistics.median(getattr(cost, part) for cost in costs)
        found.append(
            f"| {title} | {middle('seconds'):.2f} s | {middle('megabytes'):.3f} MB "
            f"| {middle('server'):.2f} s | {middle('browser'):.2f} s |"
        )
    return "\n".join(found)


@dataclass(frozen=True)
class Options:
    """What the command line sets."""

    studies: tuple[StudyName, ...] = tuple(STUDIES)
    """Which of the generated studies."""
    keep: Path | None = None
    """Folder where studies stay and are found again; without, they are drawn anew and deleted."""
    readers: int = 0
    """Instead of all else: so many readers at once on the first of the studies."""
    seconds: float = 60
    """How long those drag."""
    repeats: int = 6
    """How often everything is measured."""


def study_folder(home: Path, name: str) -> Path:
    """The folder of a study, drawn unless it is there and finished."""
    folder = home / name
    if not (folder / "comparison" / "stamp.json").exists():
        began = time.monotonic()
        generated.make(folder, **STUDIES[name])
        print(f"({name} drawn in {time.monotonic() - began:.0f} s)", flush=True)
    return folder


def run(options: Options) -> None:
    """Print the tables."""
    with tempfile.TemporaryDirectory() as temporary:
        home = options.keep or Path(temporary)
        if options.readers:
            folder = study_folder(home, options.studies[0])
            print(readers.report(readers.Options(folder, options.readers, options.seconds)))
            return
        for name in options.studies:
            folder = study_folder(home, name)
            with sync_playwright() as playwright:
                browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
                with desk(browser, folder, options.repeats) as here:
                    rows = MEASURES[name](here)
                    rows["memory of the server"] = f"{here.server.memory():.0f} MB"
                browser.close()
            print(
                f"\n| {name} | time | down | server's work | browser's work |\n{'|---' * 5}|\n{lines(rows)}"
            )
            # After the browser has gone: Playwright has an event loop of its own.
            print(lines(held(folder, options.repeats)), flush=True)


def main() -> None:
    """Measure what the command line asks for."""
    run(tyro.cli(Options, description=__doc__))


if __name__ == "__main__":
    main()
