"""How long does a reader of the viewer wait, what travels to the browser, and what does the server hold?

Studies are drawn by `generated.py`, the viewer runs in a process of its own, and a real Chromium opens it and
drags boxes with the mouse. Everything is a median of six:

* first paint: from asking for the address to Bokeh being idle with the first view there, and two frames more;
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

With `--against` the benchmark of another commit, in an environment of its own, takes turns with this one, each on its
own drawing of the same study; a row is the ratio of the medians, this version over the other. Rows that only one of
the two has are left out.

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

Beside 21f71c7 (`--against`, three turns of two, alternating, medians; a machine with a load of 2 to 9), over its time:
200,000 samples: first paint 1.1 to 1.4, whole page 1.1 to 1.4, a brush 2.1 on the geometry page (0.17 over 0.08 s) and
2.5 with all sections on one page (0.38 over 0.15), memory per further reader 0.7 to 0.8. 1,000 classes: first paint
0.8, whole page 0.7 to 0.9, another condition of B 0.71, other matrices 0.9 to 1.8, a brush 1.5, memory per further
reader 0.2 to 0.7. In 21f71c7 most views did not follow a brush. After what a brush asks of the server was made less,
it takes 0.13 and 0.27 s (medians of 18 in three runs, quiet; 0.04 and 0.08 s of the server's work, where it was 0.12
and 0.18). Since what is on the screen is redrawn before the rest, medians of seven in one turn, load 3 to 4: 0.19 and
0.32 s, 0.35 and 0.52 s just before that, 0.17 and 0.31 s in 21f71c7 (1.1 and 1.0 times it); with all sections on one
page the last of those off the screen follows after 0.48 s.

Since a paint writes no equal style sheets, a message has its arrays within it, and late views wait for the frame of
the gesture: two turns of each version, medians of six, on a machine whose load fell from 4 to 3. The geometry page
0.112 and 0.126 s, 0.134 and 0.126 s in 21f71c7 (0.91 times it, the means over each other); all sections on one page
0.114 and 0.149 s, 0.194 and 0.164 s there (0.73 times). The last late view follows after 0.16 to 0.19 and 0.31 to 0.38
s. A brush is sent in 7 to 8 percent more bytes than there, and takes 2.2 and 3.6 times the work of its server.

The whole of `--studies samples-200000 --against 21f71c7` since then, three turns, a quiet machine, over its time: a
brush 0.80 on the geometry page (0.08 over 0.10 s), 0.53 with all sections (0.09 over 0.17), 1.65 of the last view in
a window of 6,000 pixels (0.28 over 0.17), where most views of 21f71c7 did not follow; the server's work for a brush 2
to 5 times (0.02 to 0.03 s there). First paint 1.02 to 1.20, whole page 0.98 to 1.16; memory per further reader 1.78
on the geometry page (5.7 over 3.2 MB) and 0.85 with all sections.

Since a page that is asked for again is copied, the server's processor time over that of 21f71c7, medians, of readers of
one address from the third on: the geometry page of 1,000 classes 0.04 (0.04 over 1.16 s; 0.63 just before), memory per
further reader 0.62 (1.2 over 2.0 MB; 2.7 before). Another B of 1,000 classes 0.23, seen before 0.26 (0.85 and 0.80); of
200,000 samples 0.52 and 0.29 (0.60 to 0.77, and 0.30). A brush 1.3 to 2 times, as before.

Since the exemplars of a group are counted in one pass: 200,000 samples, all sections on one page, one turn of four, on
one core that others share. Another B not seen before is painted after 0.38 times 21f71c7's time (0.83 over 2.16 s),
with 1.06 times the server's work (0.44 over 0.41 s); without a browser, means of ten in two turns, it takes the
server 0.34 s, just before that 0.74. A brush falls short of half: 1.12 times (0.38 over 0.34 s), with 3 times the
server's work (0.09 over 0.03 s, as most views of 21f71c7 did not follow) and twice the browser's (0.84 over 0.42 s),
where most of it goes.

Since BLAS has one thread for what a brush counts, figures are painted as soon as their data are there and sections far
from the screen rest: 200,000 samples, a window of 1,440 x 1,000, from the release of the mouse to the last paint,
medians of 15 brushes in three alternating turns beside 21f71c7, an idle machine. The geometry page 0.067 s over 0.092
(0.73), all sections on one page 0.077 over 0.131 (0.59), so that half is not reached; on a busy machine 0.66 and 0.43,
where just before it was 1.03 and 0.58. Processor time with late views and the drag itself: server 0.032 over 0.025 s
(1.3) and 0.071 over 0.033 (2.1), the page's process 0.25 over 0.18 (1.45) and 0.34 over 0.27 (1.27). Another B of 1,000
classes, medians of eight in two turns: 0.109 over 0.208 s (0.52), server 0.038 over 0.157, the page's process 0.22 over
0.19 (1.2).

Since a brush paints the frames of figures alone, and lays out none: the geometry page of 200,000 samples, on a machine
with a load of 17 (an idle one was not to be had), medians of ten and fifteen brushes in two and three turns of 21f71c7,
the version just before and this: 0.65 and 0.70 times 21f71c7, just before 0.85 and 0.79; of the main thread, from
the release to the last paint, 74 ms of processor time over 102 (0.73), just before 89 (0.87), medians of six with a
trace. All sections and another B were not measured again.

Readers of one address, geometry page of 200,000 samples, no browser, load 23: processor time of the server for the
first, who has the study read, 0.79 s over 1.06, for the second 0.81 over 0.82, from the third on 0.03 over 0.79 (0.04);
for twenty who open at once 0.8 over 17.6 s, the last has the page after 4.8 and 6.8 s (two runs) over 76; memory per
further reader 1.4 over 3.2 MB (0.43).
"""

import asyncio
import itertools
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

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


def by_samples(timed: TimedBrowser) -> Rows:
    """Opening and brushing as a reader of 12 networks."""
    rows = {**timed.opening("networks"), **timed.opening("all")}
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
    """Opening, other matrices and another condition of B as a reader of 1,000 classes."""
    rows = timed.opening("geometry")
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
    """Opening, clicks on the heat map, other numbers, measures and accuracies as a reader of 300 networks."""
    rows = timed.opening("networks")
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


MEASURES: dict[str, Callable[[TimedBrowser], Rows]] = {
    **dict.fromkeys(("samples-10000", "samples-50000", "samples-200000"), by_samples),
    "classes-1000": many_classes,
    "networks-300": many_networks,
}
"""The measurements of each study."""


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
                rows |= MEASURES[name](timed)
                rows["memory of the server"] = f"{timed.server.memory():.0f} MB"
            browser.close()
        print(f"\n| {name} | time | down | server's work | browser's work |\n{'|---' * 5}|\n{lines(rows)}")
        # After the browser has gone: Playwright has an event loop of its own.
        print(lines(memory_per_reader(folder, options.repeats)), flush=True)


def numbers(table: str) -> dict[tuple[str, str], float]:
    """The numbers of a printed table by row and column; without the heads."""
    found = {}
    columns = ("time", "down", "server's work", "browser's work")
    for line in table.splitlines():
        title, *cells = (cell.strip() for cell in line.strip("| ").split(" | ")) if line.startswith("| ") else ("",)
        for column, cell in zip(columns, cells, strict=False):
            number, _, unit = cell.strip("| ").partition(" ")
            if unit in ("s", "MB"):
                found[title, "memory" if title.startswith("memory") else column] = float(number)
    return found


def beside(options: Options, home: Path) -> None:
    """Measure both versions in turns, and print the ratios of their medians."""
    with other_version.installed(options.against) as other:
        versions = {"this": other_version.PRESENT, options.against: other}
        for name in options.studies:
            seen: dict[str, list[dict]] = {version: [] for version in versions}
            turns = max(options.repeats // 2, 1)
            for turn, version in itertools.product(range(turns), versions):
                print(f"({name}, turn {turn + 1} of {turns}: {version})", flush=True)
                arguments = ["--studies", name, "--keep", str(home / version), "--repeats", "2"]
                seen[version].append(numbers(versions[version].run("viewer_benchmark.py", arguments)))
            print(f"\n| {name} | | this | {options.against} | ratio |\n{'|---' * 5}|")
            ours, theirs = seen.values()
            for row in [row for row in ours[0] if row in theirs[0]]:
                here, there = (statistics.median(turn[row] for turn in turns) for turns in (ours, theirs))
                ratio = f"{here / there:.2f}" if there else ""
                print(f"| {row[0]} | {row[1]} | {here:g} | {there:g} | {ratio} |", flush=True)


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
