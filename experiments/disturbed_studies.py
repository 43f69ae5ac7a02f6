"""Is anything lost or wrong when what makes a study is killed, or the disk is full?

Commands (the last needs to mount a file system: root on Linux):

    python experiments/disturbed_studies.py kills --tries 50
    python experiments/disturbed_studies.py workers --tries 20
    python experiments/disturbed_studies.py disks --tries 10

- kills: SIGKILL at a random moment of training dense networks, pruning, measuring and comparing, so many times each,
  in one folder after the other; whenever a run ends by itself, its arrays and tables are compared bit by bit with
  those of an undisturbed run, and no temporary file may be left.
- workers: SIGKILL of one to three processes of `run --jobs 2`, or `diagnose --jobs 2` with `--stages diagnosing`, that
  have a unit in work; it must go on to its end, or name the unit that ended two processes and be completed when it is
  called again; no file may differ.
- disks: a study on a disk that is full after 5 to 95 % of its bytes must end with the name of a file, and be
  completed as if nothing had been when there is room.

Commands that read are killed in `disturbed_readers.py`; damaged files, and disks that fail now and then, are in
`damaged_studies.py`.

Expected time and results (one core of an x86 machine for each):

- kills, 10 minutes for 50 of each: 50 in every stage and 28 more in later ones, 61 runs that ended by themselves; no
  file differed, none was left over. 55 more in comparing alone, 15 completions: no file differed. Where leases are
  written in their place, and not linked when they are written, one of 35 kills in training left one without its owner,
  for which the next run waited two minutes.
  Again, 14 minutes on a busy machine: 50 in every stage and 35 more in later ones, 42 completions; no file differed.
- workers, 4 minutes for 30: 54 killed; 22 runs were done, 8 named a unit that had ended two processes and were done
  when run again; no file differed. Any worker at all, most before they had begun, 11 killed in 10: nine runs ended and
  said so, one was done; since then one that ends before it has begun is begun once more.
  `--stages diagnosing`, 7 minutes for 10 on a busy machine: 19 killed; 8 commands were done, 2 named the units that had
  ended two processes and were done when called again; no file differed.
- disks, 5 minutes for 10: at 5 to 75 % of the bytes the run ended with 1 and the name of the file that did not fit, at
  85 and 95 % it was done; with room all went on to the end, and no file differed. Without reserved bytes for mapped
  files a process ended with a bus error at 65 %.
  Again at 65, 75, 85 and 95 %, 3 minutes: the first two named the file, the others were done; no file differed.
"""

import contextlib
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import numpy as np
import small_study
import tyro
from children import called, last_line, started
from disturbed_readers import READERS, carried_out
from small_study import STAGES, STUDY, command, contents, differing, prepared, run, try_out
from tqdm import tqdm

from rosalind import progress, study


def told(folder: Path) -> None:
    """A run that writes a line `@what|part` with every sign of progress."""
    for name in ("__init__", "begin", "advance"):
        original = getattr(progress.Progress, name)

        def method(self, *args, original=original, **options):
            original(self, *args, **options)
            print(f"@{self.what}|{self._part}", file=sys.stderr, flush=True)

        setattr(progress.Progress, name, method)
    run(folder)


def kill(folder: Path, stage: str, generator: random.Random, longest: float) -> str:
    """Kill a run at a random moment of a stage; where it was, or "" where it ended before."""
    with started(told, folder) as child:
        until = None
        while child.process.is_alive():
            events = [line[1:].partition("|") for line in child.text().splitlines() if line.startswith("@")]
            if until is None and any(STAGES[stage](what, part) for what, _, part in events):
                until = time.monotonic() + generator.uniform(0, longest)
            if until is not None and time.monotonic() > until:
                child.process.kill()
                break
            time.sleep(0.005)
        outcome = child.wait(300)
    if outcome.code == -signal.SIGKILL:
        what, _, part = events[-1]
        return next((name for name, matches in STAGES.items() if matches(what, part)), what)
    if outcome.code:
        raise RuntimeError(outcome.text)
    return ""


LONGEST = {"training": 2.0, "pruning": 3.0, "measuring": 1.5, "comparing": 1.0}
"""Most seconds between the beginning of a stage and its kill."""


def kills(tries: int, seed: int, finished: Path, place: Path, stages: Sequence[str] = ()) -> Iterator[str]:
    """Lines: where runs were killed, how many ended, which files differed."""
    reference, generator = contents(finished), random.Random(seed)
    for stage in stages or LONGEST:
        folder, where, ended, different = place / stage, Counter(), 0, []
        prepared(finished, folder, stage)
        with tqdm(total=tries, desc=stage) as bar:
            while where[stage] < tries:
                killed_in = kill(folder, stage, generator, LONGEST[stage])
                where[killed_in] += 1
                bar.update(killed_in == stage)
                if not killed_in or where[stage] == tries:
                    run_again = called(run, folder)
                    ended += 1
                    different += differing(folder, reference) if not run_again.code else [last_line(run_again.text)]
                    prepared(finished, folder, stage)
        others = sum(where.values()) - where[stage] - where[""]
        yield (
            f"{stage}: {where[stage]} kills and {others} in later stages, {ended} completions, "
            f"{len(different)} files that differ {different[:3] or ''}"
        )


@contextmanager
def disk(place: Path, size: int) -> Iterator[Callable[[int], None]]:
    """Context manager: a file system of so many bytes at a folder; gives a function that makes it larger."""
    place.mkdir(exist_ok=True)
    mount = lambda options: subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(place)], check=True)
    mount(f"size={size}")
    try:
        yield lambda more: mount(f"remount,size={more}")
    finally:
        subprocess.run(["umount", str(place)], check=True)


def disks(tries: int, seed: int, finished: Path, place: Path, stages: Sequence[str] = ()) -> Iterator[str]:
    """Lines: how a run ended on every disk, and whether it could be completed."""
    # Files take whole pages of memory.
    pages = [(-(-path.stat().st_size // 4096) + 1) * 4096 for path in finished.rglob("*")]
    whole, reference = sum(pages), contents(finished)
    for part in tqdm([float(stage) for stage in stages] or np.linspace(0.05, 0.95, tries), desc="disks"):
        with disk(place / "disk", int(part * whole)) as grow:
            folder = place / "disk" / "study"
            full = called(command, "run", f"{small_study.__file__}:STUDY", "--out", str(folder))
            grow(10 * whole)
            again = called(command, "run", f"{small_study.__file__}:STUDY", "--out", str(folder))
            different = differing(folder, reference) if not again.code else [last_line(again.text)]
        yield (
            f"{part:.0%}: {full.code}, {last_line(full.text)}{' TRACEBACK' if full.raised else ''}; then {again.code}, "
            f"{len(different)} files that differ {different[:3] or ''}"
        )


def _in_two(folder: Path, stage: str) -> None:
    if stage == "diagnosing":
        return carried_out(READERS["diagnose-2"], folder)
    study.use_compilation_cache()
    study.run(STUDY, folder, jobs=2)


def _at_work(folder: Path, pid: int) -> list[int]:
    """Process ids of the workers of a process that have a unit in work (Linux only)."""
    children = [int(word) for path in Path(f"/proc/{pid}/task").glob("*/children") for word in path.read_text().split()]
    holders = set()
    for path in (folder / "claims").glob("[!.]*"):
        with contextlib.suppress(OSError):
            holders.add(path.read_text().rpartition("-")[2])
    return [child for child in children if str(child) in holders]


def workers(tries: int, seed: int, finished: Path, place: Path, stages: Sequence[str] = ()) -> Iterator[str]:
    """Lines: how many workers were killed, how the runs ended, and which files differed."""
    generator, killed, ends, different = random.Random(seed), 0, Counter(), []
    folder, references, stages = place / "workers", {}, stages or ("training", "pruning", "measuring")
    for stage in stages:
        whole = finished
        if stage == "diagnosing":
            whole = place / "diagnosed"
            shutil.copytree(finished, whole)
            called(_in_two, whole, stage)
        references[stage] = contents(whole)
    for _ in tqdm(range(tries), desc="workers"):
        stage = generator.choice(stages)
        prepared(finished, folder, stage)
        with started(_in_two, folder, stage) as child:
            left, at_work = generator.randrange(1, 4), []
            while left and child.process.is_alive():
                if at_work and (still := set(at_work) & set(_at_work(folder, child.process.pid))):
                    os.kill(generator.choice(sorted(still)), signal.SIGKILL)
                    killed, left = killed + 1, left - 1
                at_work = _at_work(folder, child.process.pid)
                child.process.join(generator.uniform(0.01, 0.5))
            outcome = child.wait(300)
        is_named = "ended its process twice" in outcome.text
        ends["done" if outcome.code == 0 else "named" if is_named else last_line(outcome.text)] += 1
        again = called(*((_in_two, folder, stage) if stage == "diagnosing" else (run, folder)))
        different += differing(folder, references[stage]) if not again.code else [last_line(again.text)]
    yield f"workers: {killed} killed, {dict(ends)}, {len(different)} files that differ {different[:5] or ''}"


TRIALS: dict[str, Callable[..., Iterator[str]]] = {
    "kills": kills,
    "workers": workers,
    "disks": disks,
}


def main(
    trial: tyro.conf.Positional[Literal["kills", "workers", "disks"]],
    tries: int = 10,
    seed: int = 0,
    stages: tuple[str, ...] = (),
) -> None:
    """Make the undisturbed study, then try and print what came out.

    Args:
        trial: see above.
        tries: how many, of kills in every stage.
        seed: of what is drawn.
        stages: of kills and workers (these also `diagnosing`), or parts of disks, such as 0.95; all if none is given.
    """
    try_out(TRIALS[trial], tries, seed, **({"stages": stages} if stages else {}))


if __name__ == "__main__":
    tyro.cli(main, description=__doc__)
