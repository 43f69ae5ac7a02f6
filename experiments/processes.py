"""How much sooner is a study of small networks done by several processes, and is it the same study?

Commands (the demo's study of one seed; two cores; the second how it grows; the last with an earlier version in another
checkout beside it; workers of Dask need the extra `cluster`):

    python experiments/processes.py
    python experiments/processes.py --counts 2 4 --kinds jobs shared dask
    python experiments/processes.py --against ../rosalind-21f71c7 --seeds 0 1 2 --cold

- one: `rosalind run` in one process on all cores.
- jobs-2: the same with `--jobs 2`.
- shared-2: two such processes, of one job each, begun at the same time on one folder.
- dask-2: one process with the executor of two workers of `distributed`, each a process of one thread.
- before: one process of the other checkout.

Ways alternate, every run in a fresh folder; compilations are cached, or `--cold`. Of every run: seconds, seconds of
processor time and the memory of its largest process, epochs trained, and whether all arrays are those of the first, bit
for bit (the other checkout's are not compared).

Expected time and result: two minutes for one seed on two cores, compilations cached (an idle AMD EPYC; seconds, of
processor time, memory of the largest process): one 24.0, 30.4, 650 MB; jobs-2 17.8 (0.74), 32.0, 563 MB; shared-2 17.1
(0.71), 30.6, 604 MB; the same 333 epochs and 796 files bit for bit. One process keeps 1.27 cores busy, so that two with
both cores busy without a gap would take 0.63 to 0.67. Where each process had a core of its own 692 of 725 files
differed: XLA's sums of one thread are rounded otherwise than those of two.

How it grows with processes (an idle, slower machine, five minutes): one 37.6, 47, 699 MB; jobs-2 31.2, 56, 611 MB;
jobs-4 37.1, 70, 522 MB; shared-2 28.7, 51, 646 MB; shared-4 36.5, 68, 586 MB; dask-2 50.2, 92, 643 MB; dask-4 60.7,
116, 617 MB, of workers that kept no short compilations. More processes than cores gain nothing over one.

With nothing compiled, a program that two processes need is compiled by one of them: `study.run(..., jobs=2)` of the
demo's methods for two seeds, one epoch and ten corruptions takes 56.6 s of processor time, and 78.2 where both compile
(one run each, a busy machine).

`rosalind demo --no-view` with its default of two processes beside 21f71c7, which has one: nothing compiled 62.0 over
88.4 s and 102 over 118 s of processor time (0.70, 0.86), compilations cached 46.4 over 74.0 and 72 over 97 s (0.63,
0.74), one turn on the idle EPYC. 21f71c7 makes no diagnostics, which take five seconds of one core.
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Literal, NamedTuple

import tyro
from small_study import contents

SCRIPT = """
import contextlib, sys
from rosalind import demo, study
study.use_compilation_cache()
if __name__ == "__main__":
    folder, seeds, kind, count = sys.argv[1], eval(sys.argv[2]), sys.argv[3], int(sys.argv[4])
    how = {"jobs": count} if kind == "jobs" else {}
    with contextlib.ExitStack() as stack:
        if kind == "dask":
            from distributed import Client
            client = Client(n_workers=count, threads_per_worker=1, dashboard_address=None)
            how["executor"] = stack.enter_context(client).get_executor()
        study.run(demo.study(seeds), folder, **how)
"""


class Cost(NamedTuple):
    """The cost of a run."""

    seconds: float
    processor: float
    """Seconds of processor time of all processes."""
    megabytes: float
    """Peak memory of the largest process."""


def run(way: str, folder: Path, place: Path, seeds: tuple[int, ...], cache: Path, against: Path | None) -> Cost:
    """Carry the study out in one way."""
    kind, _, count = way.partition("-")
    script = place / "script.py"
    script.write_text(SCRIPT)
    source = against if way == "before" else Path(__file__).parent.parent
    environment = os.environ | {"PYTHONPATH": str(source), "JAX_COMPILATION_CACHE_DIR": str(cache)}
    command = [sys.executable, str(script), str(folder), repr(seeds), kind, count or "1"]
    began = time.perf_counter()
    started = [
        subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
        for _ in range(int(count) if kind == "shared" else 1)
    ]
    usages = []
    for process in started:
        # Of the process and of those that it has waited for.
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        usages.append(usage)
    if any(process.returncode for process in started):
        raise RuntimeError(f"{way} ended with {[process.returncode for process in started]}")
    processor = sum(usage.ru_utime + usage.ru_stime for usage in usages)
    return Cost(time.perf_counter() - began, processor, max(usage.ru_maxrss for usage in usages) / 1024)


def epochs(folder: Path) -> int:
    """The epochs that all processes trained."""
    return sum(path.read_text().count("\n") for path in (folder / "log").glob("*.jsonl"))


def main(
    seeds: tuple[int, ...] = (0,),
    rounds: int = 1,
    kinds: tuple[Literal["jobs", "shared", "dask"], ...] = ("jobs", "shared"),
    counts: tuple[int, ...] = (2,),
    against: Path | None = None,
    cold: bool = False,
) -> None:
    """Print a line per run, and the ratios.

    Args:
        seeds: of the demo's study.
        rounds: of all ways.
        kinds: ways to use several processes.
        counts: of processes.
        against: a checkout of another version.
        cold: begin every run without cached compilations.
    """
    several = [f"{kind}-{count}" for kind in kinds for count in counts]
    ways = ("one", *several, *(("before",) if against else ()))
    with tempfile.TemporaryDirectory() as name:
        place, times, reference = Path(name), {way: [] for way in ways}, None
        if not cold:
            for way in ("one", "before") if against else ("one",):
                run(way, place / f"warm-{way}", place, seeds, place / f"cache-{way == 'before'}", against)
        for number in range(rounds):
            for way in ways:
                folder = place / f"{way}-{number}"
                cache = place / (f"cache-{way}-{number}" if cold else f"cache-{way == 'before'}")
                cost = run(way, folder, place, seeds, cache, against)
                times[way].append(cost.seconds)
                same = ""
                if way != "before":
                    made = contents(folder)
                    reference = reference or made
                    differing = [file for file in reference if made.get(file) != reference[file]]
                    same = f", {len(differing)} of {len(reference)} files differ {differing[:3] or ''}"
                print(
                    f"{way}: {cost.seconds:.1f} s, {cost.processor:.1f} s of processor time, {cost.megabytes:.0f} MB, "
                    f"{epochs(folder)} epochs{same}",
                    flush=True,
                )
        base = min(times["before" if against else "one"])
        print(", ".join(f"{way} {min(seconds) / base:.2f}" for way, seconds in times.items()))


if __name__ == "__main__":
    tyro.cli(main, description=__doc__)
