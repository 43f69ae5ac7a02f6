"""How much sooner is a study of small networks done by several processes, and is it the same study?

Commands (the demo's study of one seed; two cores; the second with an earlier version in another checkout beside it):

    python experiments/processes.py
    python experiments/processes.py --against ../rosalind-21f71c7 --seeds 0 1 2 --cold

- one: `rosalind run` in one process on all cores.
- jobs: the same with `--jobs 2`.
- shared: two such processes, of one job each, begun at the same time on one folder.
- before: one process of the other checkout.

Ways alternate, every run in a fresh folder; compilations are cached, or `--cold`. Of every run: seconds, epochs
trained, and whether all arrays are those of the first, bit for bit (the other checkout's are not compared).

Expected time and result: two minutes for one seed on two cores, compilations cached: one 37.3 s, jobs 28.7 s (0.77),
shared 29.9 s (0.80), with the same 333 epochs and the same 796 files bit for bit; four minutes for the demo's three
seeds: one 87.1 s, jobs 62.2 s (0.71), shared 64.7 s (0.74), the same 999 epochs and 2,196 files. Where each process had
a core of its own 692 of 725 files differed: XLA's sums of one thread are rounded otherwise than those of two.

An earlier version, the demo's three seeds, `rosalind demo --no-view` with its cache: one 100.6 s and 128 s of processor
time, `--jobs 2` 71.5 and 74.3 s (0.72) and 133 s of it. So two processes add 4 % of work, and with both cores busy
without a gap they would take 0.66 of one, which keeps 1.28 cores busy. What is made of a dense network begins as soon
as that one is trained: before, 87.5 and 75.7 s in turns with these.

The same command with its default of two processes beside 21f71c7, which has one, in two turns on a busy machine:
nothing compiled yet 136 over 201 and 128 over 167 s (0.68, 0.77), compilations cached 86.8 over 139.5 and 91.2 over
136.6 s (0.62, 0.67). The study looked into no network then, which takes five seconds.
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import tyro
from disturbed_studies import contents

SCRIPT = """
import sys
from rosalind import demo, study
study.use_compilation_cache()
if __name__ == "__main__":
    seeds, jobs = eval(sys.argv[2]), int(sys.argv[3])
    study.run(demo.study(seeds), sys.argv[1], **({"jobs": jobs} if jobs > 1 else {}))
"""


def run(way: str, folder: Path, place: Path, seeds: tuple[int, ...], cache: Path, against: Path | None) -> float:
    """Carry the study out in one way; its seconds."""
    script = place / "script.py"
    script.write_text(SCRIPT)
    source = against if way == "before" else Path(__file__).parent.parent
    environment = os.environ | {"PYTHONPATH": str(source), "JAX_COMPILATION_CACHE_DIR": str(cache)}
    command = [sys.executable, str(script), str(folder), repr(seeds), "2" if way == "jobs" else "1"]
    began = time.perf_counter()
    started = [
        subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL) for _ in range(1 + (way == "shared"))
    ]
    for process in started:
        if process.wait():
            raise RuntimeError(f"{way} ended with {process.returncode}")
    return time.perf_counter() - began


def epochs(folder: Path) -> int:
    """The epochs that all processes trained."""
    return sum(path.read_text().count("\n") for path in (folder / "log").glob("*.jsonl"))


def main(seeds: tuple[int, ...] = (0,), rounds: int = 1, against: Path | None = None, cold: bool = False) -> None:
    """Print a line per run, and the ratios.

    Args:
        seeds: of the demo's study.
        rounds: of all ways.
        against: a checkout of another version.
        cold: begin every run without cached compilations.
    """
    ways = ("one", "jobs", "shared", *(("before",) if against else ()))
    with tempfile.TemporaryDirectory() as name:
        place, times, reference = Path(name), {way: [] for way in ways}, None
        if not cold:
            for way in ways[:: len(ways) - 1] if against else ways[:1]:
                run(way, place / f"warm-{way}", place, seeds, place / f"cache-{way == 'before'}", against)
        for number in range(rounds):
            for way in ways:
                folder = place / f"{way}-{number}"
                cache = place / (f"cache-{way}-{number}" if cold else f"cache-{way == 'before'}")
                times[way].append(run(way, folder, place, seeds, cache, against))
                same = ""
                if way != "before":
                    made = contents(folder)
                    reference = reference or made
                    differing = [file for file in reference if made.get(file) != reference[file]]
                    same = f", {len(differing)} of {len(reference)} files differ {differing[:3] or ''}"
                print(f"{way}: {times[way][-1]:.1f} s, {epochs(folder)} epochs{same}", flush=True)
        base = min(times["before" if against else "one"])
        print(", ".join(f"{way} {min(seconds) / base:.2f}" for way, seconds in times.items()))


if __name__ == "__main__":
    tyro.cli(main, description=__doc__)
