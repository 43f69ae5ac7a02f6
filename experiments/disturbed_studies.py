"""Is anything lost or wrong when a study is killed, its files are damaged, or the disk is full?

Commands (the last needs to mount a file system: root on Linux):

    python experiments/disturbed_studies.py kills --tries 50
    python experiments/disturbed_studies.py damages --tries 300
    python experiments/disturbed_studies.py disks --tries 10

- kills: SIGKILL at a random moment of training dense networks, pruning, measuring and comparing, so many times each,
  in one folder after the other; whenever a run ends by itself, its arrays and tables are compared bit by bit with
  those of an undisturbed run, and no temporary file may be left.
- damages: one file of a finished study is truncated, emptied, overwritten, removed or exchanged with another; then
  `view` (every page), `compare`, `attribute`, `run` and, every tenth time, `report` are tried. Each must end without a
  traceback; either it says what is wrong, or its numbers are those of the undamaged study.
- disks: a study on a disk that is full after 5 to 95 % of its bytes must end with the name of a file, and be
  completed as if nothing had been when there is room.

Expected time and results (one core of an x86 machine for each):

- kills, 10 minutes for 50 of each: 50 in every stage and 28 more in later ones, 61 runs that ended by themselves; no
  file differed, none was left over.
- damages, 37 minutes for 300: no traceback in 1,230 commands. `view` was right 227 times and said what is wrong 72
  times, `compare` 179 and 107, `report` 14 and 14 of 30, `attribute` 285 and 15, `run` 268 and 21. Neither: `compare`
  and `report` of a study whose file of a cell is gone, 16 times, which is a gap, shown as a dash; one `view` that was
  paused with the machine; `run` twice, as maps of a further sample that were asked for by hand are not of the plan,
  and 9 times on thumbnails with other pixels, which have no checksum of their own: since then the stamp has it.
- disks, 5 minutes for 10: at 5 to 75 % of the bytes the run ended with 1 and the name of the file that did not fit, at
  85 and 95 % it was done; with room all went on to the end, and no file differed.
"""

import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import numpy as np
import tyro
from bokeh.document import Document
from children import Outcome, called, last_line, started
from tqdm import tqdm

from rosalind import cli, config, progress, results, study
from rosalind.analysis.store import Store
from rosalind.viewer.app import Session
from rosalind.viewer.views import SHOWN

STUDY = config.Study(
    data=config.Data(train_limit=200),
    model=config.Model("mlp", 16),
    train=config.Train(epochs=3, batch_size=50, learning_rate=5e-3),
    methods=(
        config.Method("magnitude", (0.5, 0.9), {"epochs": 1}),
        config.Method("lth", (0.5, 0.9), {"rate": 0.6, "rewind": 0.2}),
        config.Method("biprop", (0.5,), {"epochs": 1}),
    ),
    conditions=config.conditions(("gaussian_noise", "contrast"), (1, 5)),
    seeds=(0,),
    controls=(),
    features=50,
    thumbnails=50,
    attributions=4,
    attribution_conditions=("clean", "contrast-5"),
)
"""Every kind of file in a few seconds."""

STAGES = {
    "training": lambda what, part: what == "training" and "-dense-" in part,
    "pruning": lambda what, part: what == "training" and "-dense-" not in part,
    "measuring": lambda what, part: what == "measuring",
    "comparing": lambda what, part: what == "comparing",
}
"""The part of a run that an event of its progress belongs to."""

REMADE = {
    "training": ("networks/*", "geometry/*", "comparison", "summary.csv", "attribution", "images"),
    "pruning": ("networks/*[!e]-seed*", "networks/*-0.*", "geometry/*", "comparison", "summary.csv", "attribution"),
    "measuring": ("geometry/*", "comparison", "summary.csv", "attribution", "images"),
    "comparing": ("comparison", "summary.csv"),
}
"""Patterns of what is taken away from a finished study to come to a stage at once."""


def run(folder: Path) -> None:
    study.use_compilation_cache()
    study.run(STUDY, folder)


def told(folder: Path) -> None:
    """A run that writes a line `@what|part` with every sign of progress."""
    for name in ("__init__", "begin", "advance"):
        original = getattr(progress.Progress, name)

        def method(self, *args, original=original, **options):
            original(self, *args, **options)
            print(f"@{self.what}|{self._part}", file=sys.stderr, flush=True)

        setattr(progress.Progress, name, method)
    run(folder)


def contents(folder: Path) -> dict[str, str]:
    """A hash of the arrays or the text of every file that a study is made of."""
    kept = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if name.startswith(("training", "checkpoints")):
            continue
        if path.suffix == ".npz":
            try:
                kept[name] = results.hash_arrays(results.load_arrays(path))
            except results.Damaged:
                kept[name] = "damaged"
        elif path.suffix == ".npy":
            kept[name] = results.hash_arrays({"": np.load(path)})
        elif path.suffix == ".csv":
            kept[name] = path.read_text()
    return kept


def differing(folder: Path, reference: dict[str, str]) -> list[str]:
    """Names of files that are not as in the undisturbed study, and of temporary ones."""
    now = contents(folder)
    different = [name for name in {*now, *reference} if now.get(name) != reference.get(name)]
    return sorted([*different, *(str(path) for path in folder.rglob(".*.tmp"))])


def prepared(finished: Path, folder: Path, stage: str) -> None:
    """A copy of a finished study that lacks what a stage makes, and all that follows."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(finished, folder)
    for pattern in REMADE[stage]:
        for path in folder.glob(pattern):
            if stage == "pruning" and "-dense-" in path.name and path.parent.name == "networks":
                continue
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    if stage in ("training", "pruning"):
        shutil.rmtree(folder / "training", ignore_errors=True)


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


def kills(tries: int, finished: Path, place: Path) -> Iterator[str]:
    """Lines: where runs were killed, how many ended, which files differed."""
    reference, generator = contents(finished), random.Random(0)
    for stage, longest in {"training": 2.0, "pruning": 3.0, "measuring": 1.5, "comparing": 1.0}.items():
        folder, where, ended, different = place / stage, Counter(), 0, []
        prepared(finished, folder, stage)
        with tqdm(total=tries, desc=stage) as bar:
            while where[stage] < tries:
                killed_in = kill(folder, stage, generator, longest)
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


def _patched(path: Path, generator: random.Random, change: Callable[[bytes, int], bytes]) -> None:
    data = path.read_bytes()
    path.write_bytes(change(data, generator.randrange(max(len(data), 1))))


DAMAGES: dict[str, Callable[[Path, random.Random], None]] = {
    "truncated": lambda path, g: _patched(path, g, lambda data, at: data[:at]),
    "empty": lambda path, g: path.write_bytes(b""),
    "one byte": lambda path, g: _patched(path, g, lambda data, at: data[:at] + b"\xa5" + data[at + 1 :]),
    "zeros": lambda path, g: _patched(path, g, lambda data, at: data[:at] + bytes(len(data[at:]))),
    "longer": lambda path, g: _patched(path, g, lambda data, at: data + data[at:] + b"x"),
    "text": lambda path, g: path.write_text("not what was here\n"),
    "a list": lambda path, g: path.write_text("[1, 2]"),
    "a folder": lambda path, g: (path.unlink(), path.mkdir()),
    "gone": lambda path, g: path.unlink(),
    "another's": lambda path, g: shutil.copy(g.choice(_others(path)), path),
}
"""What is done to a file."""


def _others(path: Path) -> list[Path]:
    """Files of the same kind of a study."""
    return sorted(p for p in path.parent.parent.rglob(f"*{path.suffix}") if p.is_file() and p != path) or [path]


def view(folder: Path) -> None:
    """Every page as the server makes it; prints what the pages say of what is wrong."""
    store = Store(folder)
    print("\n".join(store.problems), file=sys.stderr)
    for page in SHOWN:
        if page == "all":
            continue
        session = Session(store, Document(), {"layout": page})
        session.complete()
        print(session.errors.text, file=sys.stderr)
        for figure in session.panels.figures.values():
            print(*(part.text for part in figure.children if hasattr(part, "text")), file=sys.stderr)


def command(*arguments: str) -> None:
    sys.argv = ["rosalind", *arguments]
    cli.main()


COMMANDS: dict[str, Callable[[Path], Outcome]] = {
    "view": lambda folder: called(_refused, folder),
    "compare": lambda folder: called(command, "compare", str(folder)),
    "report": lambda folder: called(command, "report", str(folder), "--out", str(folder / "report")),
    "attribute": lambda folder: called(command, "attribute", str(folder), "--network", "mlp-dense-seed0", "--ids", "3"),
    "run": lambda folder: called(command, "run", f"{__file__}:STUDY", "--out", str(folder)),
}


def _refused(folder: Path) -> None:
    try:
        view(folder)
    except (ValueError, OSError) as error:
        print(f"rosalind: {error}", file=sys.stderr)
        sys.exit(1)


def verdict(name: str, folder: Path, damaged: Path, outcome: Outcome, sound: dict[str, Any]) -> str:
    """`right`, `said`, or in words what is wrong."""
    if outcome.code is None:
        return "hung"
    if outcome.raised or outcome.code < 0:
        return f"failed: {last_line(outcome.text)}"
    if outcome.code:
        return "said" if folder.name in outcome.text else f"names no file: {last_line(outcome.text)}"
    if name == "run":
        shutil.rmtree(folder / "report", ignore_errors=True)
        different = differing(folder, sound["run"])
        return "right" if not different or damaged.name in outcome.text else f"differs: {different[:3]}"
    if damaged.name in outcome.text or str(damaged.relative_to(folder)) in outcome.text:
        return "said"
    if name == "compare":
        return "right" if _numbers(outcome.text, folder) == sound["compare"] else "differs without a word"
    if name == "report":
        summary = (folder / "report" / "report.md").read_text()
        return "right" if _numbers(summary, folder) == sound["report"] else "differs without a word"
    return "right"


def _numbers(text: str, folder: Path) -> str:
    return "\n".join(line for line in text.replace(str(folder), "").splitlines() if "/" not in line)


def damages(tries: int, finished: Path, place: Path) -> Iterator[str]:
    """Lines: how many commands were right or said what is wrong, and every one that was neither."""
    # Maps of a further sample, so that `attribute` finds nothing to do.
    COMMANDS["attribute"](finished)
    whole = place / "whole"
    shutil.copytree(finished, whole)
    sound = {"run": contents(finished), "compare": _numbers(COMMANDS["compare"](whole).text, whole)}
    COMMANDS["report"](whole)
    sound["report"] = _numbers((whole / "report" / "report.md").read_text(), whole)
    files = sorted(p for p in finished.rglob("*") if p.is_file() and p.parent.name not in ("log", "claims"))
    generator, counts, wrong = random.Random(1), Counter(), []
    for number in tqdm(range(tries), desc="damages"):
        folder = place / "damaged"
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(finished, folder)
        path, kind = generator.choice(files), generator.choice(list(DAMAGES))
        damaged = folder / path.relative_to(finished)
        DAMAGES[kind](damaged, generator)
        for name, carry_out in COMMANDS.items():
            # Drawing takes longer than all the rest.
            if name == "report" and number % 10:
                continue
            result = verdict(name, folder, damaged, carry_out(folder), sound)
            counts[name, result if result in ("right", "said") else "wrong"] += 1
            if result not in ("right", "said"):
                wrong.append(f"  {number} {damaged.relative_to(folder)}, {kind}, {name}: {result}")
                tqdm.write(wrong[-1])
    for name in COMMANDS:
        yield f"{name}: {', '.join(f'{counts[name, w]} {w}' for w in ('right', 'said', 'wrong'))}"
    yield from wrong


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


def disks(tries: int, finished: Path, place: Path) -> Iterator[str]:
    """Lines: how a run ended on every disk, and whether it could be completed."""
    # Files take whole pages of memory.
    pages = [(-(-path.stat().st_size // 4096) + 1) * 4096 for path in finished.rglob("*")]
    whole, reference = sum(pages), contents(finished)
    for part in tqdm(np.linspace(0.05, 0.95, tries), desc="disks"):
        with disk(place / "disk", int(part * whole)) as grow:
            folder = place / "disk" / "study"
            full = called(command, "run", f"{__file__}:STUDY", "--out", str(folder))
            grow(10 * whole)
            again = called(command, "run", f"{__file__}:STUDY", "--out", str(folder))
            different = differing(folder, reference) if not again.code else [last_line(again.text)]
        yield (
            f"{part:.0%}: {full.code}, {last_line(full.text)}{' TRACEBACK' if full.raised else ''}; then {again.code}, "
            f"{len(different)} files that differ {different[:3] or ''}"
        )


TRIALS = {"kills": kills, "damages": damages, "disks": disks}


def main(trial: tyro.conf.Positional[Literal["kills", "damages", "disks"]], tries: int = 10) -> None:
    """Make the undisturbed study, then try and print what came out."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as name:
        finished = Path(name) / "finished"
        outcome = called(run, finished)
        if outcome.code:
            raise RuntimeError(outcome.text)
        for line in TRIALS[trial](tries, finished, Path(name)):
            print(line, flush=True)
    print(f"{trial}: {(time.monotonic() - began) / 60:.1f} minutes")


if __name__ == "__main__":
    tyro.cli(main, description=__doc__)
