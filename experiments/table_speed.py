"""How long do the tables of a finished study take, what does an addition cost, and how does it grow?

Questions: processor seconds of `rosalind compare` on a study whose tables are all made, or that one network, one
condition or one cell was added to; of `rosalind report`; of starting `rosalind --help`, and `rosalind view` to its
first answer: this checkout over another commit of it, one after the other. And the exponents by which making all
tables grows with networks, conditions, samples and classes.

Commands (ten minutes, and five, of one core; the first also as `python experiments/table_speed.py`):

    rosalind demo --no-view
    python experiments/benchmarks.py tables --against 21f71c7 --study studies/digits
    python experiments/benchmarks.py growth networks conditions samples classes

Every figure is processor time of a process of its own, start and imports left out but for `help` and `view`, median
over rounds in which both sides alternate. The other commit and this checkout's package are put in temporary folders,
with bytecode as an installation has it, and run in this environment.

Expected, as on a busy machine with two cores, demo of 60 x 31, medians of three rounds: network 2.63 over 17.58 (0.15);
of two rounds, condition 2.16 over 13.40 (0.16), network 2.22 over 14.64 (0.15); of two rounds of a state shortly
before, all 5.26 over 15.22 (0.35). The report's figures and text in two turns, each side in an environment of its own,
without SciPy's ranks (0.5 s): 12.94 over 17.32, 13.01 over 17.21 (0.75; 13.7 and 14.2 with them and before points were
drawn together). There are 63 files of 21 figures over 51 of 17. Of 12.7 s unprofiled, drawing PNG, PDF and SVG was 3.2,
3.0 and 2.2, their one layout 1.9, making the figures 2.3; freezing titles and labels between formats cost what it
saved. A renderer that keeps the artists' calls and repeats them for each format (150 lines on matplotlib's renderers)
had the same pixels, texts of SVG up to 3.8 points off, and took 0.82 of the time of figures and text (14.9 over 18.1 s,
three rounds, a busy machine) and 0.85 of `rosalind report` with its page; left out. There the three renderers alone are
5.5 s, artists and texts 1.8, the layout 2.0: what is left is matplotlib's own. Medians of five rounds of an earlier
state: rosalind --help 0.21 over 0.20 (1.05). rosalind view to its first answer, four rounds: 0.67 over 0.89 (0.75) of
`generated.py`'s 200,000 samples; of the demo's study 0.72, and 0.78 while the first view imported `scipy.special`.
Growth: exponents 0.91 (networks 10 to 300), 0.87 (conditions 10 to 96), 0.66 (samples 1,000 to 200,000; 0.96 from
50,000 on) and 0.12 (classes 10 to 1,000), at most 851 MB.
"""

import compileall
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tyro

TASKS = ("all", "network", "condition", "cell", "report", "help", "view")
"""Making all tables; tables after one network, condition or cell was added; the report; starting."""

GROWTH = {
    "networks": (10, 30, 100, 300),
    "conditions": (10, 20, 48, 96),
    "samples": (1000, 10_000, 50_000, 200_000),
    "classes": (10, 100, 1000),
}
"""What grows, and the studies that are generated for it; the rest is as in `BASE`."""

BASE = {"networks": 10, "conditions": 10, "samples": 1000, "classes": 10}


COMMAND = """
import sys, webbrowser
webbrowser.open = lambda *_, **__: True
from rosalind.cli import main
main()
"""
"""The command line, without a browser."""


@dataclass(frozen=True)
class Options:
    """Options of the command line."""

    study: Path = Path("studies/digits")
    """A finished study, which is copied."""
    against: str = "21f71c7"
    """The commit that this checkout is compared with."""
    rounds: int = 5
    only: tuple[str, ...] = TASKS
    """Some of the tasks."""


def child(kind: str, folder: str) -> None:
    """Carry one task out on a study and print its processor seconds and peak memory in MB."""
    from rosalind.study import running

    if kind == "report":
        from rosalind import figures

        work: Callable[[], object] = lambda: figures.report(folder)
    else:
        work = lambda: running.compare(Path(folder))
    began = time.process_time()
    work()
    took = time.process_time() - began
    # Of this program alone: what `resource` says begins with the peak of the process that started it.
    peak = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    print(json.dumps([took, int(peak.split()[1]) / 1024]))


def in_process(tree: Path, code: str, *arguments: str) -> subprocess.Popen[str]:
    """Python with the package of a tree, on one thread of BLAS."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tree), str(Path(__file__).parent)])}
    environment |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    command, pipe = [sys.executable, "-c", code, *arguments], subprocess.PIPE
    # The current folder is the first on the path.
    return subprocess.Popen(command, env=environment, cwd=tree, text=True, stdout=pipe, stderr=pipe)


def run_child(tree: Path, kind: str, folder: Path) -> tuple[float, float]:
    """Processor seconds and peak memory in MB of one task."""
    process = in_process(tree, "import sys, table_speed; table_speed.child(*sys.argv[1:])", kind, str(folder))
    out, error = process.communicate()
    if process.returncode:
        raise RuntimeError(error[-2000:])
    took, memory = json.loads(out.splitlines()[-1])
    return took, memory


def seconds_of(tree: Path, task: str, folder: Path) -> float:
    """Processor seconds of a task with the package of a tree; the folder is a study that the tree has compared."""
    if task == "help":
        return _started(
            in_process(tree, "import sys; sys.argv = ['rosalind', '--help']; from rosalind.cli import main; main()")
        )
    if task == "view":
        return _first_answer(tree, folder)
    if task in ("all", "report"):
        if task == "all":
            (folder / "comparison" / "stamp.json").unlink()
            for path in (folder / "comparison").iterdir():
                path.unlink()
        return run_child(tree, task, folder)[0]
    moved = added(folder, task)
    with tempfile.TemporaryDirectory(dir=folder.parent) as aside:
        for k, path in enumerate(moved):
            path.rename(Path(aside) / str(k))
        run_child(tree, "compare", folder)
        for k, path in enumerate(moved):
            (Path(aside) / str(k)).replace(path)
    return run_child(tree, "compare", folder)[0]


def added(folder: Path, task: str) -> list[Path]:
    """The files that a finished study lacks before something is added."""
    network = sorted(path.name for path in (folder / "geometry").iterdir())[-1]
    condition = sorted(path.stem for path in (folder / "conditions").glob("*-*.json"))[-1]
    return {
        "network": [folder / "geometry" / network, *(folder / "networks").glob(f"{network}.*")],
        "condition": [*folder.glob(f"geometry/*/{condition}.npz"), folder / "conditions" / f"{condition}.json"],
        "cell": [folder / "geometry" / network / f"{condition}.npz"],
    }[task]


def _started(process: subprocess.Popen[str]) -> float:
    """Processor seconds of a process from its start to its end."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    process.communicate()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _first_answer(tree: Path, folder: Path) -> float:
    """Processor seconds of a server of a study until it has answered a first request."""
    process = in_process(tree, COMMAND, "view", str(folder))
    assert process.stdout is not None
    address = next(word for line in process.stdout for word in line.split() if word.startswith("http"))
    with urllib.request.urlopen(address) as answer:
        answer.read()
    fields = Path(f"/proc/{process.pid}/stat").read_text().rsplit(")", 1)[1].split()
    process.terminate()
    process.communicate()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def run(options: Options) -> None:
    """Print a table of tasks on both sides."""
    here = Path(__file__).parent.parent
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        archive = subprocess.run(["git", "archive", options.against], cwd=here, check=True, capture_output=True).stdout
        (place / "tree.tar").write_bytes(archive)
        with tarfile.open(place / "tree.tar") as tar:
            tar.extractall(place / "tree", filter="data")
        shutil.copytree(here / "rosalind", place / "this" / "rosalind")
        trees = {"this": place / "this", options.against: place / "tree"}
        # Without bytecode a start would be the time of compiling the sources, which an installation does once.
        for tree in trees.values():
            compileall.compile_dir(tree / "rosalind", quiet=1)
        folders = {side: place / f"study-{k}" for k, side in enumerate(trees)}
        for side, folder in folders.items():
            shutil.copytree(options.study, folder)
            shutil.rmtree(folder / "comparison")
            run_child(trees[side], "compare", folder)
        print(f"| processor seconds | this | {options.against} | ratio |\n|---|---|---|---|", flush=True)
        for task in options.only:
            pairs = [[seconds_of(trees[side], task, folders[side]) for side in trees] for _ in range(options.rounds)]
            ours, theirs = (statistics.median(column) for column in zip(*pairs, strict=True))
            ratio = statistics.median(a / b for a, b in pairs)
            print(f"| {task} | {ours:.2f} | {theirs:.2f} | {ratio:.2f} |", flush=True)


def growth(axes: Sequence[str] = tuple(GROWTH)) -> None:
    """Print processor time and memory of making all tables by what grows, with exponents of a fit in logarithms."""
    import generated

    from rosalind import config, corruptions

    every = config.conditions(corruptions.NAMES + corruptions.EXTRA, (1, 2, 3, 4, 5))
    print("| grows | size: s, ms a cell, MB | exponent |\n|---|---|---|")
    for axis in axes:
        sizes, times, words = [], [], []
        for size_of in GROWTH[axis]:
            with tempfile.TemporaryDirectory() as name:
                folder, size = Path(name) / "study", {**BASE, axis: size_of}
                conditions = every[: size["conditions"]]
                arguments = {**size, "conditions": conditions, "seeds": 5 if size["networks"] > 50 else 2}
                generated.make(folder, thumbnails=10, **arguments)
                shutil.rmtree(folder / "comparison")
                took, memory = run_child(Path(__file__).parent.parent, "compare", folder)
            cells = size["networks"] * size["conditions"]
            sizes.append(size[axis])
            times.append(took)
            words.append(f"{size[axis]:,}: {took:.2f}, {1000 * took / cells:.1f}, {memory:.0f}")
        exponent = np.polyfit(np.log(sizes), np.log(times), 1)[0]
        print(f"| {axis} | {'; '.join(words)} | {exponent:.2f} |", flush=True)


if __name__ == "__main__":
    run(tyro.cli(Options, description=__doc__))
