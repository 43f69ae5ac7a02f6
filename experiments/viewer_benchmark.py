"""How long does a reader of the viewer wait, what travels to the browser, and what does the server hold?

Studies are drawn by `generated.py`, the viewer runs in a process of its own, and a real Chromium opens it and
drags boxes with the mouse. Times and bytes are medians of six:

* first paint: from asking for the address to Bokeh being idle and two frames more; the study is in the
  server's memory. `cold` is a browser that has never seen the server, `warm` has its scripts in the cache.
* brush: from releasing the mouse to the frame after the last canvas was painted, with the status line changed
  and Bokeh idle, all views on one page (`all`) or those of the geometry page.
* bytes: as they pass a TCP proxy between browser and server, compressed as they travel, headers included.
* memory: resident memory of the server (Linux only), and what ten readers more add, divided by ten.
* work: seconds of the server's processor per reader who opens the page and per brush. A busy machine stretches
  every other time, this one hardly.

Commands (also as `python experiments/benchmarks.py viewer`; needs the extra `test` and a Chromium):

    python experiments/viewer_benchmark.py
    python experiments/viewer_benchmark.py --studies samples-10000 --keep studies/generated
    python experiments/viewer_benchmark.py --readers 20 --seconds 60

Expected time: eight minutes on two idle cores, of which five draw the studies; `--keep` draws them once.
Expected result, what the viewer is built for (12 networks, 10,000, 50,000 and 200,000 samples): first paint after
1.5 s, a brush repainted after 0.20, 0.20 and 0.25 s, 1.5 MB to open and 0.2 MB per brush, 5 MB per reader;
1,000 classes x 50,000 samples open in 3 s, a change repaints in 0.2 s and the server holds less than 1.5 GB;
300 networks x 96 conditions answer a choice or a click in 0.3 s.
"""

import asyncio
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
REPEATS = 6
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
            server = socket.create_connection(self.target)
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
window.seen = {paints: 0, released: 0};
const clear = CanvasRenderingContext2D.prototype.clearRect;
CanvasRenderingContext2D.prototype.clearRect = function (...box) { seen.paints += 1; clear.apply(this, box); };
addEventListener("pointerup", () => { seen.released = performance.now(); }, true);
window.idle = () => window.Bokeh && Bokeh.documents.length && Bokeh.documents[0].roots().length
  && Bokeh.documents[0].is_idle;
window.text = (name) => window.idle() ? Bokeh.documents[0].get_model_by_name(name).text : null;
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
class Opened:
    """A page as a reader sees it."""

    tab: Any
    seconds: float
    """First paint."""
    megabytes: float
    """What travelled to the browser."""


def open_page(context: Any, address: str, wire: Wire) -> Opened:
    """Ask for an address in a new tab and wait until it is painted."""
    before = wire.down
    tab = context.new_page()
    tab.goto(address, wait_until="commit")
    took = tab.evaluate("() => settled(() => 0, () => true)")
    return Opened(tab, took / 1000, (wire.down - before) / 1e6)


def first_paints(browser: Browser, address: str, wire: Wire) -> tuple[list[Opened], list[Opened]]:
    """The page opened by browsers that have never seen it, and by each of them once more; tabs are closed."""
    cold, warm = [], []
    for _ in range(REPEATS):
        context = browser.new_context(viewport={"width": 1440, "height": 1000})
        context.add_init_script(WATCH)
        for found in (cold, warm):
            found.append(open_page(context, address, wire))
            found[-1].tab.close()
        context.close()
    return cold, warm


def settle(tab: Any, act: Callable[[], None], text: str) -> float:
    """Seconds from what `act` does with the mouse to the last repaint, once a named text has changed."""
    before = tab.evaluate("text", text)
    tab.evaluate("seen.released = 0")
    act()
    took = tab.evaluate(
        "([name, old]) => settled(() => seen.released, () => seen.released && text(name) !== old)", [text, before]
    )
    return took / 1000


def drag(tab: Any, figure: str, number: int) -> None:
    """Drag a box in a figure's frame with the mouse; every number another box."""
    left, top, width, height = tab.evaluate(FRAME, figure)
    x0, y0 = left + 0.2 * width, top + 0.2 * height
    x1, y1 = left + (0.45 + 0.05 * number) * width, top + (0.5 + 0.05 * number) * height
    tab.mouse.move(x0, y0)
    tab.mouse.down()
    tab.mouse.move((x0 + x1) / 2, (y0 + y1) / 2, steps=3)
    tab.mouse.move(x1, y1, steps=3)
    tab.wait_for_timeout(100)
    tab.mouse.up()


def brushes(tab: Any, wire: Wire) -> tuple[list[float], list[float]]:
    """Seconds and megabytes down of drags on an open page, after one that is not counted."""
    took, travelled = [], []
    for number in range(REPEATS + 1):
        before = wire.down
        took.append(settle(tab, lambda number=number: drag(tab, "local-a", number), "status"))
        travelled.append((wire.down - before) / 1e6)
    return took[1:], travelled[1:]


def clicks(tab: Any, figure: str) -> list[float]:
    """Seconds from clicks on different places of a figure to the last repaint; the address must follow."""
    found = []
    for number in range(REPEATS + 1):
        left, top, width, height = tab.evaluate(FRAME, figure)
        place = (0.1 + 0.12 * number) % 1
        act = lambda x=left + place * width, y=top + (0.2 + 0.1 * number) * height: tab.mouse.click(x, y)
        found.append(settle(tab, act, "address"))
    return found[1:]


@contextmanager
def viewing(folder: Path) -> Iterator[tuple[readers.Server, Wire, str]]:
    """The viewer of a study behind a counting proxy: server, proxy and the address to open."""
    wire = Wire()
    try:
        with readers.serving(folder, origin=wire.origin) as server:
            wire.start(int(server.address.rsplit(":", 1)[1].strip("/")))
            yield server, wire, f"http://{wire.origin}/"
    finally:
        wire.close()


def middle(values: Any) -> float:
    """The median."""
    return statistics.median(values)


def by_samples(browser: Browser, folder: Path) -> dict[str, str]:
    """Everything that a reader of 12 networks meets."""
    found: dict[str, str] = {}
    with viewing(folder) as (server, wire, address):
        for layout in ("networks", "all"):
            cold, warm = first_paints(browser, f"{address}?layout={layout}", wire)
            found[f"first paint, {layout}: cold / warm"] = (
                f"{middle(p.seconds for p in cold):.2f} / {middle(p.seconds for p in warm):.2f} s"
            )
            found[f"down on load, {layout}: cold / warm"] = (
                f"{middle(p.megabytes for p in cold):.2f} / {middle(p.megabytes for p in warm):.2f} MB"
            )
        for layout in ("geometry", "all"):
            context = browser.new_context(viewport={"width": 1440, "height": 1000})
            context.add_init_script(WATCH)
            tab = open_page(context, f"{address}?layout={layout}", wire).tab
            took, travelled = brushes(tab, wire)
            found[f"brush, {layout}"] = f"{middle(took):.2f} s"
            found[f"down per brush, {layout}"] = f"{middle(travelled):.3f} MB"
            context.close()
    return found | held(folder)


def held(folder: Path) -> dict[str, str]:
    """Memory and work of a server without a browser: with one reader, and what ten more add."""
    boxes = readers.drags(Store(folder), REPEATS)
    crowd = lambda address, **options: asyncio.run(readers.crowd(address, boxes, **options))
    with readers.serving(folder) as server:
        crowd(server.address, readers=1, brushes=REPEATS)
        before, work = server.memory(), server.work()
        met = crowd(server.address, readers=EXTRA_READERS, brushes=0)
        opened, with_readers = server.work(), server.memory()
        met.errors += crowd(server.address, readers=1, brushes=REPEATS).errors
        brushed = server.work()
        time.sleep(readers.EXPIRED)
        crowd(server.address, readers=EXTRA_READERS, brushes=0)
        again = server.memory()
    if met.errors:
        raise RuntimeError(met.errors[0])
    per_page = (opened - work) / EXTRA_READERS
    return {
        "memory with the study": f"{before:.0f} MB",
        "memory per reader": f"{(with_readers - before) / EXTRA_READERS:.1f} MB",
        "memory per reader, when ten had gone before": f"{(again - with_readers) / EXTRA_READERS:.1f} MB",
        "work per page, geometry": f"{per_page:.2f} s",
        "work per brush, geometry": f"{(brushed - opened - per_page) / REPEATS:.3f} s",
    }


def many_classes(browser: Browser, folder: Path) -> dict[str, str]:
    """What a reader of 1,000 classes meets: opening, and the class matrix following another condition of B."""
    with viewing(folder) as (server, wire, address):
        cold, warm = first_paints(browser, f"{address}?layout=geometry", wire)
        context = browser.new_context(viewport={"width": 1440, "height": 1000})
        context.add_init_script(WATCH)
        tab = open_page(context, f"{address}?layout=geometry", wire).tab
        before, took = wire.down, []
        for _ in range(REPEATS + 1):
            took.append(settle(tab, lambda: press(tab, "]"), "global-caption"))
        travelled = (wire.down - before) / 1e6 / (REPEATS + 1)
        drags, _ = brushes(tab, wire)
        context.close()
        return {
            "opens, geometry: cold / warm": (
                f"{middle(p.seconds for p in cold):.2f} / {middle(p.seconds for p in warm):.2f} s"
            ),
            "down on load, warm": f"{middle(p.megabytes for p in warm):.2f} MB",
            "another condition, geometry": f"{middle(took[1:]):.2f} s, {travelled:.2f} MB",
            "brush, geometry": f"{middle(drags):.2f} s",
            "memory of the server": f"{server.memory():.0f} MB",
        }


def press(tab: Any, key: str) -> None:
    """Press a key; for `settle` that is when the mouse would be released."""
    tab.evaluate("seen.released = performance.now()")
    tab.keyboard.press(key)


def many_networks(browser: Browser, folder: Path) -> dict[str, str]:
    """What a reader of 300 networks meets: opening, and clicks on the heat map and among the similar."""
    with viewing(folder) as (server, wire, address):
        cold, warm = first_paints(browser, address, wire)
        context = browser.new_context(viewport={"width": 1440, "height": 1000})
        context.add_init_script(WATCH)
        tab = open_page(context, address, wire).tab
        took = clicks(tab, "evaluation")
        context.close()
        return {
            "first paint: cold / warm": (
                f"{middle(p.seconds for p in cold):.2f} / {middle(p.seconds for p in warm):.2f} s"
            ),
            "down on load, warm": f"{middle(p.megabytes for p in warm):.2f} MB",
            "click on the heat map": f"{middle(took):.2f} s",
            "memory of the server": f"{server.memory():.0f} MB",
        }


MEASURES: dict[str, Callable[[Browser, Path], dict[str, str]]] = {
    **dict.fromkeys(("samples-10000", "samples-50000", "samples-200000"), by_samples),
    "classes-1000": many_classes,
    "networks-300": many_networks,
}
"""What is measured on each study."""


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
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
            for name in options.studies:
                found = MEASURES[name](browser, study_folder(home, name))
                print(f"\n| {name} | |\n|---|---|")
                print("\n".join(f"| {title} | {words} |" for title, words in found.items()), flush=True)
            browser.close()


def main() -> None:
    """Measure what the command line asks for."""
    run(tyro.cli(Options, description=__doc__))


if __name__ == "__main__":
    main()
