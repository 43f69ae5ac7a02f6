"""How long does a reader of the viewer wait, what travels to the browser, and what does the server hold?

Studies are drawn by `generated.py`, the viewer runs in a process of its own, and a real Chromium opens it and
drags boxes with the mouse. Everything is a median of six:

* first paint: from asking for the address to the first drawing of a figure;
  whole page: to the last view's last paint. The study is in the server's memory. `cold` is a browser that has
  never seen the server, `warm` has its scripts in the cache.
* brush: from releasing the mouse to the frame after the last canvas was painted, with the status line changed,
  all views on one page (`all`) or those of the geometry page. What is off the screen is painted
  when it comes near it; `all, tall` is a window of 6,000 pixels, where nothing is off the screen.
* bytes: as they pass a TCP proxy between browser and server, compressed as they travel, headers included.
* work: seconds of processor that the server and the browser spend on the same. Where a processor is shared with
  other machines, these too double in a busy hour.
* memory: resident memory of the server (Linux only), and what ten more readers add, divided by ten, who have
  all views of the geometry page or of all sections (`all`).

Commands (also as `python experiments/benchmarks.py viewer`; needs the extra `test` and a Chromium):

    python experiments/viewer_benchmark.py
    python experiments/viewer_benchmark.py --studies samples-10000 --keep studies/generated
    python experiments/viewer_benchmark.py --readers 20 --seconds 60
    python experiments/viewer_benchmark.py --studies samples-200000 classes-1000 --against 21f71c7

With `--against` the viewer of another commit, in an environment of its own, takes turns with this one in the same
browser, each on its own drawing of the same study; a row is the ratio of the medians over turns, this version over the
other. What has been measured is printed and kept after each turn of each part (`--parts`), one to four minutes: with
`--keep` the same command goes on where it was stopped, and one with more `--repeats` adds turns.

Expected time: half an hour, of which most draws the studies; `--keep` draws them once. The machine should be idle.
The budget that the viewer is held to (12 networks, 10,000, 50,000 and 200,000 samples): first paint after 1.5 s, a
brush repainted after 0.20, 0.20 and 0.25 s, 1.5 MB to open and 0.2 MB per brush, 5 MB per reader; 1,000 classes x
50,000 samples open in 3 s, a change repaints in 0.2 s and the server holds less than 1.5 GB; 300 networks x 96
conditions answer a choice or a click in 0.3 s.

Expected result on two shared x86 cores, in a quiet hour / in a busy one (medians of four / of three; - is not
measured). A Bokeh page of one figure with three points, which is measured beside ours, has its first paint after
0.7 to 0.9 / 1.2 to 1.6 s, so that the first line is mostly the machine's and Bokeh's:

|  | 10,000 | 50,000 | 200,000 | 1,000 classes | 300 networks |
|---|---|---|---|---|---|
| first paint, cold | 1.0 / 2.8 s | 1.1 / - | 1.0 / 2.3 s | 1.4 / 2.4 s | 1.0 / 2.0 s |
| first paint, warm | 0.9 / 2.1 s | 1.1 / - | 1.0 / 1.9 s | 1.4 / 2.6 s | 0.9 / 1.8 s |
| first paint of all on one page, cold | 1.0 / 2.7 s | 1.2 / - | 1.0 / 1.6 s | | |
| whole page (networks; geometry for classes) | 1.8 / 5.3 s | 2.0 / - | 1.8 / 4.0 s | 2.3 / 3.7 s | 1.9 / 4.0 s |
| whole page of all on one page | 3.1 / - | 3.6 / - | 3.7 / - | | |
| brush, geometry page | 0.11 / 0.15 s | 0.10 / - | 0.12 / 0.17 s | 0.08 / 0.14 s | |
| brush, all on one page | 0.14 / 0.28 s | 0.15 / - | 0.20 / 0.27 s | | |
| the same in a window of 6,000 pixels | 0.21 / 0.32 s | 0.25 / - | 0.19 / 0.34 s | | |
| other matrices in groups; of all classes | | | | 0.08 / 0.16; 0.10 / 0.17 s | |
| a click on the heat map | | | | | 0.07 / 0.30 s |
| other numbers; measure of likeness; accuracies | | | | | 0.07, 0.09, 0.08 / 0.21, 0.19, 0.15 s |
| opened cold, and per brush | 0.82, 0.13 MB | 0.84, 0.12 MB | 0.88, 0.12 MB | 0.70, 0.05 MB | 0.86, 0.03 MB |
| server | 166 MB | 171 MB | 218 MB | 223 MB | 243 MB |
| per further reader, geometry; all | 2.8; 4.3 MB | 3.0; 4.7 MB | 3.8; 5.0 MB | 3.1; 3.8 MB | 2.8; 4.2 MB |

So in a quiet hour all that was measured is within the budget, at 200,000 samples in four runs of four; in a busy one
a first paint is not (that of three points is hardly either), nor is a brush with all sections on one page. Twenty
readers for a minute: see `load_test.py`.

Beside 21f71c7, in whose build most views do not follow a brush, an idle machine of two cores, medians of nine, seven
and six in turns, a window of 1,440 x 1,000, this over that. A brush of 200,000 samples, from the release of the mouse
to the last paint: the geometry page 0.049 over 0.073 s (0.66), all sections on one page 0.051 over 0.104 (0.49); so
half of a brush is reached with all sections alone. Processor time with late views and the drag itself, both pages: the
server 0.02 over 0.02 s and 0.05 over 0.02, the browser 0.19 over 0.17 and 0.34 over 0.25. Another condition of B, 1,000
classes, until the matrices below the screen follow: 0.100 over 0.160 s (0.62; 0.30 on a busy machine), server 0.02 over
0.13, browser 0.21 over 0.17; while views off the screen were drawn after the paint of those on it, 0.140 in the same
turns. 200,000 samples, six and four browsers: the networks' page has its first drawing after 0.59 over 0.62 s and is
whole after 1.13 over 1.25, all sections on one page 0.58 over 0.60 and 2.19 over 2.39.

Where a brush of the geometry page goes (the demo's study, the page's own profiler, a busy machine, per brush): painting
54 ms, of which glyphs 36 and axes 6, those below the screen among them; reading the server's two messages, 33 and 23
KB, 16; the drag's own events 13; the server 30 to 50. No one of them is half, so that 0.5 needs all of them halved.

Not measured again since figures are painted within their frames: in a window of 6,000 pixels a brush took 1.65 times
that of 21f71c7 (0.28 over 0.17 s; three turns, a quiet machine).

Readers of one address, geometry page of 200,000 samples, no browser, a busy machine, one turn: processor time of the
server for the first, right after its start, who has the study read, 1.09 s over 1.13, for the second 0.03 over 1.06,
for the third 0.04 over 0.96; for the first 8 s after the start 0.05 over 1.08, as 1.96 s were spent on pages ahead;
for twenty who open at once 0.67 over 21.0 s, the last has the page after 2.5 s over 60; memory with three readers 195
over 171 MB, per further reader 1.2 over 3.3 (0.37). A brush in the same turn: 0.074 over 0.173 s (0.43) on the
geometry page, 0.094 over 0.327 (0.29) with all sections on one page, 0.75 over 0.43 (1.76) of these in a window of
6,000 pixels. 1,000 classes, one turn: a brush 0.050 over 0.099 s (0.51), other matrices in groups 0.08 over 0.87, of
all classes 0.40 over 0.26 (1.57), whole page cold 4.1 over 5.8 s and warm 2.0 over 3.9.
"""

import asyncio
import itertools
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from subprocess import DEVNULL
from typing import Any, Literal

import alternating
import generated
import load_test
import other_version
import tyro
from browser_timing import (
    CHROMIUM,
    FLAGS,
    Rows,
    TimedBrowser,
    choosing,
    click,
    drag,
    plain,
    timed_browser,
)
from other_version import Version
from playwright.sync_api import sync_playwright

from rosalind import config, corruptions
from rosalind.analysis.store import Store

EXTRA_READERS = 10

CHOICES = {
    "other numbers in the heat map": "cells show",
    "another measure of likeness": "between",
    "other accuracies of corruptions": "accuracy",
}
"""Labels of the lists in which a reader of 300 networks chooses."""

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
"""The arguments of `generated.make` for each."""


TALL = 6000
"""Pixels of a window in which no view is off the screen."""


def opening(*layouts: str) -> Callable[[TimedBrowser], Rows]:
    """A part: pages that are opened."""
    return lambda timed: {title: row for layout in layouts for title, row in timed.opening(layout).items()}


def brushes(timed: TimedBrowser) -> Rows:
    """Brushing as a reader of 12 networks."""
    rows: Rows = {}
    for name, layout, height in (
        ("geometry", "geometry", 1000),
        ("all", "all", 1000),
        ("all, tall", "all", TALL),
    ):
        tab = timed.tab(layout)
        tab.set_viewport_size({"width": 1440, "height": height})
        # Else the first box may be dragged beside a figure that still moves, and nothing answers it.
        tab.evaluate("settled(() => 0, () => true)")
        rows[f"brush, {name}"] = timed.acting(tab, lambda number, tab=tab: drag(tab, number), "status")
        tab.context.close()
    return rows


def many_classes(timed: TimedBrowser) -> Rows:
    """Other matrices and another condition of B as a reader of 1,000 classes."""
    rows: Rows = {}
    tab = timed.tab("geometry")
    rows["another condition"] = timed.acting(tab, lambda _: tab.keyboard.press("]"), "matrix-caption")
    rows["brush"] = timed.acting(tab, lambda number: drag(tab, number), "status")
    # The last, for a list that has the focus keeps the keys.
    rows["other matrices, in groups"] = timed.acting(tab, choosing(tab, "matrices show"), "matrix-caption")
    tab.context.close()
    tab = timed.tab("geometry&global-detail=all+classes")
    rows["other matrices, all classes"] = timed.acting(tab, choosing(tab, "matrices show"), "matrix-caption")
    return rows


def many_networks(timed: TimedBrowser) -> Rows:
    """Clicks on the heat map, other numbers, measures and accuracies as a reader of 300 networks."""
    rows: Rows = {}
    tab = timed.tab("networks")
    rows["click on the heat map"] = timed.acting(tab, lambda number: click(tab, number), "address")
    for title, label in CHOICES.items():
        rows[title] = timed.acting(tab, choosing(tab, label), "address")
    return rows


def memory_per_reader(folder: Path, repeats: int) -> Rows:
    """Memory of a server without a browser: with one reader, and what ten more add; and its work for each."""
    boxes = load_test.drags(Store(folder), repeats)

    def crowd(address: str, layout: str, count: int, brushes: int) -> None:
        outcome = asyncio.run(load_test.crowd(address, boxes, count, brushes=brushes, layout=layout))
        if outcome.errors or outcome.wrong:
            raise RuntimeError(f"{outcome.errors[:1]} {outcome.wrong[:1]}")

    rows: Rows = {}
    for layout in ("geometry", "all"):
        with load_test.serving(folder) as server:
            crowd(server.address, layout, 1, repeats)
            memory = [server.memory()]
            for _ in range(2):
                crowd(server.address, layout, EXTRA_READERS, 0)
                memory.append(server.memory())
                time.sleep(load_test.EXPIRED)
        each = [(after - before) / EXTRA_READERS for before, after in itertools.pairwise(memory)]
        rows |= {
            f"memory with one reader, {layout}": f"{memory[0]:.0f} MB",
            f"memory per further reader, {layout}": f"{each[0]:.1f} MB",
            f"memory per further reader after ten others had gone, {layout}": f"{each[1]:.1f} MB",
        }
    return rows


MEASURES: dict[str, dict[str, Callable[[TimedBrowser], Rows]]] = {
    "samples-10000": {"opening": opening("networks", "all"), "acting": brushes},
    "samples-50000": {"opening": opening("networks", "all"), "acting": brushes},
    "samples-200000": {"opening": opening("networks", "all"), "acting": brushes},
    "classes-1000": {"opening": opening("geometry"), "acting": many_classes},
    "networks-300": {"opening": opening("networks"), "acting": many_networks},
}
"""By study and part what is measured in a browser."""

SLEPT = 8
"""Seconds after which a server has made the pages that it makes ahead."""

AT_ONCE = 20
"""Readers who come at once."""


def readers(folder: Path, version: Version) -> Rows:
    """The server's work for readers of one address without a browser, its memory, and twenty who come at once."""
    rows: Rows = {}
    layout = "geometry"

    def come(server: load_test.Server, count: int, title: str) -> float:
        """The memory of each; the rows are of all."""
        work, memory = server.work(), server.memory()
        outcome = asyncio.run(load_test.crowd(server.address, [], count, brushes=0, layout=layout))
        if outcome.errors:
            raise RuntimeError(outcome.errors[0])
        rows[f"{title}, {layout}: server's work"] = f"{server.work() - work:.3f} s"
        rows[f"{title}, {layout}: document there"] = f"{max(outcome.opened):.3f} s"
        return (server.memory() - memory) / count

    # 21f71c7 logs a line for every reader who leaves; what fails is raised.
    with load_test.serving(folder, DEVNULL, version) as server:
        for number in ("first", "second", "third"):
            come(server, 1, f"{number} reader")
        rows["memory with three readers"] = f"{server.memory():.1f} MB"
        rows["memory per further reader"] = f"{come(server, AT_ONCE, f'{AT_ONCE} readers at once'):.2f} MB"
    with load_test.serving(folder, DEVNULL, version) as server:
        started = server.work()
        rows["start"] = f"{started:.3f} s"
        time.sleep(SLEPT)
        rows["work before the first reader"] = f"{server.work() - started:.3f} s"
        come(server, 1, f"first reader after {SLEPT} s")
    return rows


def lines(rows: Rows) -> str:
    """Medians as rows of a table in Markdown."""
    table = []
    for title, costs in rows.items():
        if isinstance(costs, str):
            table.append(f"| {title} | {costs} | | | |")
            continue
        middle = lambda part, costs=costs: statistics.median(getattr(cost, part) for cost in costs)
        table.append(
            f"| {title} | {middle('seconds'):.2f} s | {middle('megabytes'):.3f} MB "
            f"| {middle('server'):.2f} s | {middle('browser'):.2f} s |"
        )
    return "\n".join(table)


@dataclass(frozen=True)
class Options:
    """Options of the command line."""

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
    against: str = ""
    """A commit that is measured beside this version, in turns of two of the repeats."""
    parts: tuple[Literal["opening", "acting", "readers"], ...] = ("opening", "acting", "readers")
    """What is measured of both."""


def study_folder(home: Path, name: str) -> Path:
    """The folder of a study, drawn unless it exists and is finished."""
    folder = home / name
    if not (folder / "comparison" / "stamp.json").exists():
        began = time.monotonic()
        generated.make(folder, **STUDIES[name])
        print(f"({name} drawn in {time.monotonic() - began:.0f} s)", flush=True)
    return folder


def measure(home: Path, options: Options) -> None:
    """Print the tables of the studies in a folder."""
    for name in options.studies:
        folder = study_folder(home, name)
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
            least = f"{plain(browser, options.repeats):.2f} s"
            rows: Rows = {"first paint of a Bokeh page of three points, warm": least}
            with timed_browser(browser, folder, options.repeats) as timed:
                for part in MEASURES[name].values():
                    rows |= part(timed)
                rows["memory of the server"] = f"{timed.server.memory():.0f} MB"
            browser.close()
        print(f"\n| {name} | time | down | server's work | browser's work |\n{'|---' * 5}|\n{lines(rows)}")
        # After the browser has gone: Playwright has an event loop of its own.
        print(lines(memory_per_reader(folder, options.repeats)), flush=True)


DRAW = "import sys, viewer_benchmark as b; from pathlib import Path; b.study_folder(Path(sys.argv[1]), sys.argv[2])"
"""Draws a study as a version of its own time does."""


def beside(options: Options, home: Path) -> None:
    """Measure both versions in turns of two of the repeats, and print the ratios of their medians."""
    turns = max(options.repeats // 2, 1)
    with other_version.installed(options.against, options.keep and home) as other:
        versions = {"this": other_version.PRESENT, options.against: other}
        names = {version: name for name, version in versions.items()}

        def in_browser(version: Version, name: str, part: Callable[[TimedBrowser], Rows]) -> Rows:
            with sync_playwright() as playwright:
                browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
                with timed_browser(browser, home / names[version] / name, 2, version) as timed:
                    rows = part(timed)
                browser.close()
                return rows

        for name in options.studies:
            for title, version in versions.items():
                version.run(DRAW, str(home / title), name)
            parts: dict[str, Callable[[Version], Rows]] = {
                title: lambda version, name=name, part=part: in_browser(version, name, part)
                for title, part in MEASURES[name].items()
            }
            parts["readers"] = lambda version, name=name: readers(home / names[version] / name, version)
            chosen = {part: parts[part] for part in options.parts}
            save = home / f"{name}-{options.against}.json"
            seen = alternating.alternate(chosen, versions, turns, save)
            print(f"\n| {name} | | this | {options.against} | ratio | turns |\n{'|---' * 6}|")
            print(alternating.table(seen), flush=True)


def run(options: Options) -> None:
    """Print the tables."""
    with tempfile.TemporaryDirectory() as temporary:
        home = (options.keep or Path(temporary)).resolve()
        if options.against:
            beside(options, home)
        elif options.readers:
            folder = study_folder(home, options.studies[0])
            print(load_test.report(load_test.Options(folder, options.readers, options.seconds)))
        else:
            measure(home, options)


def main() -> None:
    """Measure what the command line asks for."""
    run(tyro.cli(Options, description=__doc__))


if __name__ == "__main__":
    main()
