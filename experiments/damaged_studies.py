"""Is a damaged study, or one on a disk that fails now and then, taken for a sound one?

Commands:

    python experiments/damaged_studies.py damages --tries 300
    python experiments/damaged_studies.py flaky --tries 40

- damages: one file of a finished study, which has diagnostics and an explanation, is truncated, emptied, overwritten,
  removed or exchanged with another; half of the time of a folder drawn first, as most files are cells. Then `view`
  (every page), `compare`, `claims`, `export`, `explain`, `diagnose`, `attribute`, `run` and, every tenth time, `report`
  are tried. Each must end without a traceback; either it says what is wrong, or its numbers are those of the undamaged
  study.
- flaky: a file system on which a rename, or opening a file of the study, fails now and then as on a network disk (EIO,
  ESTALE, EACCES, EMFILE), while the study is run, and while it is shown and compared. Each must end without a
  traceback, name what failed, and call nothing damaged; run again without errors, the study is the undisturbed one.

Expected time and results (one core of an x86 machine for each):

- damages, 37 minutes for 300: no traceback in 1,230 commands. `view` was right 227 times and said what is wrong 72
  times, `compare` 179 and 107, `report` 14 and 14 of 30, `attribute` 285 and 15, `run` 268 and 21. Neither: `compare`
  and `report` of a study whose file of a cell is gone, 16 times, which is a gap, shown as a dash; one `view` that was
  paused with the machine; `run` twice, as maps of a further sample that were asked for by hand are not of the plan,
  and 9 times on thumbnails with other pixels, of a version whose stamp had no checksum of them.
  With diagnostics, an explanation and four more commands, 27 minutes for 45 on a busy machine: no traceback in 365
  commands. Neither right nor said: a cell that is gone, which is a gap (3 commands); a damaged network or condition,
  of which `claims`, `export` and `diagnose` said nothing (7; they do since); `run` once, which leaves out of
  `comparison/predictors.csv` a diagnostic whose record is a folder, named by `diagnose` before it.
  20 more of another seed, in 20 minutes on a busier machine: no traceback. Neither: `run` once on such a record, and
  twice on a file of maps that `attribute` had named and made again: the same maps, in another order of samples.
  60 more (--seed 16), in 12 minutes: no traceback in 486 commands. Neither: `explain` three times on a damaged network
  or condition, `report` once on a diagnostic's record that is empty; both name them since, as `run` does.
- flaky, two minutes for 20: every study was the undisturbed one when it was run again. Of 80 commands about half ended
  with the name of a file and the error of the disk, the others said what they had left out.
"""

import builtins
import errno
import hashlib
import io
import os
import random
import re
import shutil
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal

import small_study
import tyro
from bokeh.document import Document
from children import Outcome, called, last_line
from small_study import STAGES, command, contents, differing, prepared
from tqdm import tqdm

from rosalind.analysis.store import Store
from rosalind.viewer.app import open_session
from rosalind.viewer.views import SHOWN

PLAN = f"{small_study.__file__}:STUDY"
"""The study as the command line names it."""


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
    # Of clocks that jump.
    "ten years ahead": lambda path, g: os.utime(path, (time.time() + 3e8,) * 2),
    "of 1970": lambda path, g: os.utime(path, (0, 0)),
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
        session = open_session(store, Document(), {"layout": page})
        session.complete()
        print(session.errors.text, file=sys.stderr)
        for figure in session.panels.figures.values():
            print(*(part.text for part in figure.children if hasattr(part, "text")), file=sys.stderr)


DIAGNOSES = ["dead_units", "compressibility", "coherence:samples=40", "linear_path:points=3"]

COMMANDS: dict[str, Callable[[Path], Outcome]] = {
    "view": lambda folder: called(_refused, folder),
    "compare": lambda folder: called(command, "compare", str(folder)),
    "claims": lambda folder: called(command, "claims", str(folder)),
    "export": lambda folder: called(_exported, folder),
    "report": lambda folder: called(command, "report", str(folder), "--out", str(folder / "report")),
    "explain": lambda folder: called(
        command, "explain", str(folder), "dense", "lth 0.9", "--out", str(folder.parent / "explain.html")
    ),
    "diagnose": lambda folder: called(command, "diagnose", str(folder), *DIAGNOSES),
    "attribute": lambda folder: called(command, "attribute", str(folder), "--network", "mlp-dense-seed0", "--ids", "3"),
    "run": lambda folder: called(command, "run", PLAN, "--out", str(folder)),
}
PRINTING = ("compare", "claims", "export", "explain", "diagnose")
"""Commands whose output is their numbers."""


def _exported(folder: Path) -> None:
    """The table of samples; prints its hash in place of its path."""
    table = folder.parent / "samples.csv"
    command("export", str(folder), str(table))
    print(hashlib.sha256(table.read_bytes()).hexdigest())


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
    if name in PRINTING:
        return "right" if _numbers(outcome.text, folder) == sound[name] else "differs without a word"
    if name == "report":
        summary = (folder / "report" / "report.md").read_text()
        return "right" if _numbers(summary, folder) == sound["report"] else "differs without a word"
    return "right"


def _numbers(text: str, folder: Path) -> str:
    """The lines without paths and progress."""
    lines = text.replace(str(folder), "").splitlines()
    return "\n".join(line for line in lines if not re.search(r"/| left| done in ", line))


def damages(tries: int, seed: int, finished: Path, place: Path) -> Iterator[str]:
    """Lines: how many commands were right or said what is wrong, and every one that was neither."""
    # Maps of a further sample and all else that is asked for below, so that there is nothing to do.
    for name in ("attribute", "explain", "diagnose", "claims"):
        COMMANDS[name](finished)
    whole = place / "whole"
    shutil.copytree(finished, whole)
    sound: dict[str, Any] = {"run": contents(finished)}
    sound |= {name: _numbers(COMMANDS[name](whole).text, whole) for name in PRINTING}
    COMMANDS["report"](whole)
    sound["report"] = _numbers((whole / "report" / "report.md").read_text(), whole)
    files = sorted(p for p in finished.rglob("*") if p.is_file() and p.parent.name not in ("log", "claims"))
    generator, counts, wrong = random.Random(seed), Counter(), []
    for number in tqdm(range(tries), desc="damages"):
        folder = place / "damaged"
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(finished, folder)
        chosen = files
        if generator.random() < 0.5:
            part = generator.choice(sorted({p.relative_to(finished).parts[0] for p in files}))
            chosen = [p for p in files if p.relative_to(finished).parts[0] == part]
        path, kind = generator.choice(chosen), generator.choice(list(DAMAGES))
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


FLAWS = (errno.EIO, errno.ESTALE, errno.EACCES, errno.EMFILE)


def make_flaky(folder: Path, seed: int, share: float) -> None:
    """Let a share of renames in a folder, and a fifth of it of files that are opened there, fail in this process."""
    generator, opened, inside = random.Random(seed), io.open, str(folder)

    def failing(original: Callable, chance: float) -> Callable:
        def function(path, *args, **options):
            if isinstance(path, (str, Path)) and inside in str(path) and generator.random() < chance:
                number = generator.choice(FLAWS)
                raise OSError(number, os.strerror(number), str(path))
            return original(path, *args, **options)

        return function

    builtins.open = io.open = failing(opened, share / 5)
    os.replace, os.link = failing(os.replace, share), failing(os.link, share)


def flakily(name: str, folder: Path, seed: int, share: float) -> None:
    make_flaky(folder, seed, share)
    {"run": lambda: command("run", PLAN, "--out", str(folder)), "view": lambda: _refused(folder)}.get(
        name, lambda: command(name, str(folder))
    )()


def flaky(tries: int, seed: int, finished: Path, place: Path) -> Iterator[str]:
    """Lines: how often commands met an error of the disk, and every one that ended badly or lost something."""
    reference, generator, counts, wrong = contents(finished), random.Random(seed), Counter(), []
    for number in tqdm(range(tries), desc="flaky"):
        stage, share = generator.choice(list(STAGES)), generator.choice((0.02, 0.1, 0.4))
        folder = place / "flaky"
        prepared(finished, folder, stage)
        outcomes = {"run": called(flakily, "run", folder, seed * 1000 + number, share)}
        again = called(command, "run", PLAN, "--out", str(folder))
        different = differing(folder, reference) if not again.code else [last_line(again.text)]
        different += [str(path) for path in folder.rglob("*.damaged")]
        if different:
            wrong.append(f"  {number} {stage} {share}: after the run {different[:3]}")
            tqdm.write(wrong[-1])
        for name in ("view", "compare", "claims"):
            outcomes[name] = called(flakily, name, folder, seed * 1000 + number, share)
            different = differing(folder, reference) + [str(path) for path in folder.rglob("*.damaged")]
            if different:
                wrong.append(f"  {number} {name} {share}: changed {different[:3]}")
                tqdm.write(wrong[-1])
        for name, outcome in outcomes.items():
            counts[name, "failed" if outcome.code else "done"] += 1
            if outcome.code is None or outcome.raised or (outcome.code and str(folder) not in outcome.text):
                wrong.append(f"  {number} {name} {share}: {outcome.code} {last_line(outcome.text)}")
                tqdm.write(wrong[-1])
    yield f"flaky: {dict(counts)}"
    yield from wrong


TRIALS: dict[str, Callable[..., Iterator[str]]] = {"damages": damages, "flaky": flaky}


def main(trial: tyro.conf.Positional[Literal["damages", "flaky"]], tries: int = 10, seed: int = 0) -> None:
    """Make the undisturbed study, then try and print what came out.

    Args:
        trial: see above.
        tries: how many.
        seed: of what is drawn.
    """
    small_study.try_out(TRIALS[trial], tries, seed)


if __name__ == "__main__":
    tyro.cli(main, description=__doc__)
