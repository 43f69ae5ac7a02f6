import importlib.metadata
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from conftest import small_study

from rosalind import (
    cli,
    conditions,
    config,
    corruptions,
    data,
    demo,
    measures,
    models,
    pruning,
    results,
    study,
    training,
    viewer,
)
from rosalind.analysis import claims
from rosalind.cli import arguments
from rosalind.figures import markdown


def rosalind(*words: str, folder: Path | None = None):
    script = "from rosalind.cli import main; main()"
    return subprocess.run([sys.executable, "-c", script, *words], capture_output=True, text=True, cwd=folder)


def test_help_is_quick_and_imports_nothing_heavy():
    script = (
        "import sys; from rosalind import cli\n"
        "heavy = {'jax', 'bokeh', 'matplotlib', 'flax'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
    done = rosalind("--help")
    assert done.returncode == 0
    for command in ("demo", "run", "view", "report", "attribute", "list"):
        assert command in done.stdout
    assert "what pruning does to a classifier's feature space" in done.stdout


@pytest.mark.parametrize(
    ("kind", "first", "rows"),
    [
        ("methods", "random", len(pruning.METHODS) + 1),
        ("regimes", "gaussian", len(training.REGIMES)),
        ("corruptions", "gaussian_noise", len(corruptions.CORRUPTIONS)),
        ("conditions", "clean", len(conditions.CONDITIONS)),
        ("models", "mlp", len(models.MODELS)),
        ("data", "digits", len(data.SOURCES) + len(data.SIZED) + 1),
        ("measures", "angle", len(measures.MEASURES)),
        ("claims", "ticket_angles", len(claims.CLAIMS)),
        ("views", "evaluation", len(viewer.VIEWS)),
    ],
)
def test_names_are_listed_one_line_each(capsys, kind, first, rows):
    cli.list_names(kind)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == rows
    assert lines[0].split()[0] == first
    assert all(len(line.split("  ")) > 1 for line in lines)


def test_memory_that_is_freed_is_kept_unless_the_environment_says_otherwise():
    script = (
        "import resource; from rosalind import memory; memory.keep_freed()\n"
        "faults = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_minflt\n"
        "step = lambda: [b'x' * size for size in (2**25, 2**26)]\n"
        "step(); before = faults()\n"
        "for _ in range(5): step()\n"
        "print(faults() - before)"
    )
    faults = lambda **own: int(subprocess.check_output([sys.executable, "-c", script], env=os.environ | own))
    assert faults() < 0.1 * faults(MALLOC_ARENA_TEST="8")


def test_the_version(capsys, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["rosalind", "--version"])
    cli.main()
    assert capsys.readouterr().out == f"rosalind {importlib.metadata.version('rosalind')}\n"


@pytest.mark.parametrize(
    ("text", "method"),
    [
        ("lrr", config.Method("lrr", (0.5,))),
        ("mine:GRADIENT", config.Method("mine:GRADIENT", (0.5,))),
        ("random:scope=erk", config.Method("random", (0.5,), {"scope": "erk"})),
        ("lrr:rate=0.3,rewind=None,label=slow", config.Method("lrr", (0.5,), {"rate": 0.3, "rewind": None}, "slow")),
        ("a.b:GRADIENT:epochs=3", config.Method("a.b:GRADIENT", (0.5,), {"epochs": 3})),
        ("random:like=a.b:GRADIENT", config.Method("random", (0.5,), {"like": "a.b:GRADIENT"})),
        (
            'magnitude:layers={"conv1": 0.5, "head": 0},epochs=2',
            config.Method("magnitude", (0.5,), {"layers": {"conv1": 0.5, "head": 0}, "epochs": 2}),
        ),
    ],
)
def test_methods_of_the_command_line(text, method):
    assert arguments.method_of(text, (0.5,)) == method


@pytest.mark.parametrize("text", ["rate=0.3", "lrr:rate=", "lrr:rate=0.3,rate=0.4", "random,snip", "lrr,snip:rate=1"])
def test_methods_of_the_command_line_that_are_none(text):
    with pytest.raises(ValueError, match=re.escape(text.removesuffix(":rate=1"))):
        arguments.method_of(text)


def test_every_condition_under_every_mode_of_batch_norm(monkeypatch):
    plans = []
    monkeypatch.setattr(cli.running, "_run", lambda plan, out, **_: plans.append(plan))
    cli.run(out="out", corruptions=("fog",), severities=(1,), attacks=("fgsm",), bn=("train", "adapted"))
    ids = [condition.id for condition in plans[0].conditions]
    assert ids == ["clean", "fog-1", "fgsm-8", "clean-adapted", "fog-1-adapted", "fgsm-8-adapted"]


def test_a_reader_of_a_pipe_may_leave():
    process = subprocess.Popen(
        [sys.executable, "-m", "rosalind.cli", "list", "methods"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    process.stdout.close()
    assert (process.wait(), process.stderr.read()) == (141, b"")
    process.stderr.close()


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
@pytest.mark.parametrize("words", ["--help", "list methods", "compare nowhere"])
def test_streams_that_the_shell_closed_are_not_missed(closed, words):
    command = f'"{sys.executable}" -m rosalind {words} {closed}'
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True)
    assert done.returncode == (words == "compare nowhere")
    assert "Traceback" not in done.stderr


def test_letters_that_an_encoding_lacks_are_numbers():
    script = "from rosalind import cli\ncli.fourier = lambda: print('\\u00b1 0.5')\n"
    script += "cli.fourier.__name__ = 'fourier'\ncli.main()"
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    words = [sys.executable, "-c", script, "fourier"]
    done = subprocess.run(words, capture_output=True, text=True, env=environment)
    assert (done.returncode, done.stdout) == (0, "\\xb1 0.5\n")


@pytest.mark.parametrize(
    ("error", "words"),
    [("MemoryError('75 GiB')", "out of memory"), ("process.BrokenProcessPool('a process ended')", "memory is short")],
)
def test_a_lack_of_memory_is_two_lines_and_a_hint(error, words):
    script = (
        "from concurrent.futures import process\nfrom rosalind import cli\n"
        f"def fourier():\n    raise {error}\ncli.fourier = fourier\ncli.main()"
    )
    done = subprocess.run([sys.executable, "-c", script, "fourier"], capture_output=True, text=True)
    assert (done.returncode, len(done.stderr.strip().splitlines())) == (1, 3)
    assert words in done.stderr


def test_a_dry_run_says_what_is_missing_and_writes_nothing(small_folder, tmp_path):
    work = study.estimate(small_study(), tmp_path / "absent")
    planned = study.plan(small_study(), study.check(small_study()))
    assert (work.networks, work.epochs, work.cells) == (planned["networks"], planned["epochs"], planned["cells"])
    assert work.minutes > 0
    assert not (tmp_path / "absent").exists()
    kinds = ("networks", "geometry", "training", "images")
    files = [file for kind in kinds for file in (small_folder / kind).rglob("*.np[yz]")]
    assert work.bytes == pytest.approx(sum(file.stat().st_size for file in files), rel=0.25)
    for place in ("/dev/full/x", small_folder / "study.json" / "x"):
        with pytest.raises(PermissionError, match=r"cannot write in .* is no folder"):
            study.estimate(small_study(), place)
    there = study.estimate(small_study(), small_folder)
    assert (there.networks, there.epochs, there.cells, there.bytes) == (0, 0, 0, 0)
    fog = (*small_study().conditions, *config.conditions(("fog",), (1, 5))[1:])
    more = study.estimate(small_study(conditions=fog), small_folder)
    assert (more.networks, more.cells) == (0, 2 * planned["networks"])


def test_a_dry_run_counts_what_is_damaged_as_the_run_does(folder, monkeypatch):
    names = (
        "mlp-dense-seed1",
        "mlp-biprop-0.5-seed0",
        "mlp-lth-0.5-seed1",
        "mlp-lth-0.9-seed0",
        "mlp-biprop-0.5-seed1",
    )
    dense, gone, cut, swapped, unread = (folder / "networks" / f"{name}.npz" for name in names)
    dense.write_bytes(dense.read_bytes()[:-100])
    gone.unlink()
    cut.with_suffix(".json").write_text("{")
    swapped.write_bytes((folder / "networks" / "mlp-lth-0.5-seed0.npz").read_bytes())
    unread.with_suffix(".json").unlink()
    cells = [folder / "geometry" / "mlp-magnitude-0.5-seed0" / f"{id}.npz" for id in ("clean", "contrast-5")]
    cells[0].write_bytes(cells[0].read_bytes()[:-100])
    cells[1].write_bytes((folder / "geometry" / "mlp-magnitude-0.9-seed0" / "contrast-5.npz").read_bytes())
    files = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    work = study.estimate(small_study(), folder)
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == files
    made = {"networks": [], "cells": []}
    save_network, measured = study.networks.save_network, study.cells.results.save_arrays

    def saved(plan, dataset, place, name, *rest):
        made["networks"].append(name)
        return save_network(plan, dataset, place, name, *rest)

    def saved_arrays(path, *rest, **named):
        made["cells"] += [path] if path.parent.parent.name == "geometry" else []
        return measured(path, *rest, **named)

    monkeypatch.setattr(study.networks, "save_network", saved)
    monkeypatch.setattr(study.cells.results, "save_arrays", saved_arrays)
    study.run(small_study(), folder)
    assert sorted(made["networks"]) == sorted(names)
    assert sorted(made["cells"]) == sorted(cells)
    assert (work.networks, work.cells) == (len(names), len(cells))


MINE = """
from rosalind import pruning
from rosalind.config import Condition, Data, Method, Model, Study, Train
from rosalind.data import SOURCES
from rosalind.models.plain import Mlp
from rosalind.pruning import scores

def load(folder):
    splits = SOURCES["digits"](folder)
    return (splits[0][:200], splits[1][:200], *splits[2:])

class Net(Mlp):
    pass

MAGNITUDE = pruning.one_shot(lambda job: scores.magnitude(job))
STUDY = Study(
    data=Data("mine:load", train_limit=100),
    model=Model("mine:Net", 8),
    train=Train(epochs=1),
    methods=(Method("mine:MAGNITUDE", (0.5,)),),
    conditions=(Condition(), Condition("contrast", 1)),
    seeds=(0,),
    controls=(),
    attributions=0,
)
"""


def test_flags_and_a_file_name_the_same_study(tmp_path):
    (tmp_path / "mine.py").write_text(MINE)
    (tmp_path / "elsewhere").mkdir()
    flags = "--data.name mine:load --data.train-limit 100 --model.name mine:Net --model.width 8 --train.epochs 1"
    flags += " --methods mine:MAGNITUDE random --sparsities 0.5 --corruptions contrast --severities 1 --seeds 0"
    done = rosalind("run", "--out", "out", *flags.split(), folder=tmp_path)
    assert done.returncode == 0, done.stderr
    # The work that is announced: dense, its two controls, and two pruned.
    assert re.search(r"out: 5 networks in \d+ epochs, 10 cells, 1 MB on disk; about a minute", done.stderr), done.stderr
    assert "random 0.5" in done.stdout
    study_results = results.load(tmp_path / "out")
    # dense, the same trained longer, one that is narrower, and two pruned; two conditions.
    assert len(study_results.cells()) == 10
    log = next((tmp_path / "out" / "log").glob("*.jsonl")).read_text().splitlines()
    assert {"network", "epoch", "loss", "correct", "seconds"} <= set(json.loads(log[0]))

    stored = [path for room in ("networks", "geometry") for path in (tmp_path / "out" / room).rglob("*.npz")]
    written = {path: path.stat().st_mtime_ns for path in stored}
    # A network of another fingerprint would be refused.
    done = rosalind("run", "../mine.py:STUDY", "--out", "../out", folder=tmp_path / "elsewhere")
    assert done.returncode == 0, done.stderr
    assert len(written) == 15
    assert {path: path.stat().st_mtime_ns for path in written} == written


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("run --out out --methods magnitud", "unknown method 'magnitud'; did you mean 'magnitude'"),
        ("run --out out --corruptions fogg", "unknown condition 'fogg'; did you mean 'fog'"),
        ("run --out out --sparsities 80", "To remove 80 % pass 0.8"),
        ("run --out out --model.name resnet2", "unknown model 'resnet2'"),
        ("run --out out --methods random,snip", "separated by spaces, got 'random,snip'; write --methods random snip"),
        ("run --out out --baselines wide:widths=64", "'widths'; did you mean 'width'"),
        ("run --out out --regimes mixup,augmix", "'mixup,augmix'; write --regimes mixup augmix"),
        ("diagnose nowhere storage,lrp", "separated by spaces, got 'storage,lrp'; write storage lrp"),
        ("run --out out --methods lrr:rat=0.3", "unknown option of lrr 'rat'; did you mean 'rate'"),
        ("view nowhere", "holds no study.json"),
        ("view", "folders must be one study folder or more, got none"),
        ("report nowhere", "holds no study.json"),
        ("attribute nowhere --network x", "holds no study.json"),
        ("run nowhere.py:STUDY --out out", "nowhere.py does not exist"),
        ("run mine.py:NET --out out", "study 'mine:NET' cannot be imported: AttributeError"),
        ("run mine.py:Net --out out", "must be a rosalind.config.Study, got"),
        ("run --out out --seeds 0 --seeds 1", "--seeds must be given once, got it 2 times"),
        ("run --out out --train.batch-size 8 --train.batch_size=9", "--train.batch-size must be given once"),
        ("run --out out --draws 0", "--draws must be 1 to 10,000, got 0"),
        ("run --out out --draws 9999999999", "--draws must be 1 to 10,000"),
        ("run --out out --jobs 0", "jobs must be a whole number of 1 to "),
        ("run --out out --jobs 100000", "eight per core, got 100000"),
        ("demo --out out --jobs 100000", "eight per core, got 100000"),
        ("run --out /dev/full/x --dry-run", "cannot write in /dev/full/x: /dev/full is no folder"),
        ("run --out mine.py/x --dry-run", "cannot write in mine.py/x: "),
        ("run --out out --data.name digitz", "unknown data set 'digitz'; did you mean 'digits'? Known: digits"),
        ("demo --out out --port 99999", "--port must be 0 to 65535"),
        ("view nowhere --port -1", "--port must be 0 to 65535"),
        ("run --out  --dry-run", "a word behind --out must not be empty, got ''"),
        ("run --out= --dry-run", "a word behind --out must not be empty, got ''"),
        ("corrupt digits ", "a word must not be empty, got ''"),
        ("corrupt digits out --folder x", "`folder` must be None for data set 'digits', which reads no files, got 'x'"),
        ("run --out out --data.name sprites --data.folder x", "`folder` must be None for data set 'sprites'"),
        ("run --out out --controls random random", "controls must be unique; repeated: ['random']"),
        ("corrupt digits out --draw 4294967296", "must be a whole number, 0 to 2^32 - 1, got 4294967296"),
        ("run mine.py:STUDY --out out --seeds 3", "are allowed beside 'mine.py:STUDY', got --seeds; change"),
    ],
)
def test_mistakes_are_one_line(tmp_path, words, message, monkeypatch, capsys):
    (tmp_path / "mine.py").write_text(MINE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    # Set, so that what the command imports is gone afterwards.
    monkeypatch.setitem(sys.modules, "mine", sys)
    del sys.modules["mine"]
    monkeypatch.setattr(sys, "argv", ["rosalind", *words.split(" ")])
    monkeypatch.setattr("signal.signal", lambda *_: None)
    with pytest.raises(SystemExit) as end:
        cli.main()
    assert end.value.code == 1
    line, hint = capsys.readouterr().err.strip().splitlines()
    assert message in line
    assert hint.startswith("(set ROSALIND_TRACEBACK=1")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(("name", "code"), [("SIGINT", 130), ("SIGTERM", 143)])
def test_interrupts_are_one_line(name, code):
    script = (
        # Jobs in the background of a shell are begun with SIGINT ignored.
        "import os, signal, time\nfrom rosalind import cli\nsignal.signal(signal.SIGINT, signal.default_int_handler)\n"
        f"def fourier():\n    os.kill(os.getpid(), signal.{name})\n    time.sleep(60)\n"
        "cli.fourier = fourier\ncli.main()"
    )
    done = subprocess.run([sys.executable, "-c", script, "fourier"], capture_output=True, text=True)
    assert done.returncode == code
    assert len(done.stderr.strip().splitlines()) == 1
    assert "run it again to go on" in done.stderr


def test_compare_and_report_name_cells_that_are_missing(small_folder, tmp_path, capsys, monkeypatch):
    folder = tmp_path / "study"
    shutil.copytree(small_folder, folder)
    monkeypatch.setattr("signal.signal", lambda *_: None)
    monkeypatch.setattr(sys, "argv", ["rosalind", "compare", str(folder)])
    cli.main()
    assert not capsys.readouterr().err
    for condition in ("contrast-1", "contrast-5"):
        (folder / "geometry" / "mlp-biprop-0.5-seed1" / f"{condition}.npz").unlink()
    cli.main()
    told = capsys.readouterr().err
    assert "2 cells are missing" in told
    assert "mlp-biprop-0.5-seed1 under contrast-1, contrast-5." in told
    assert told.strip() in markdown.markdown(results.load(folder))


def test_compare_of_networks_that_cannot_be_read_fails_and_names_them(small_folder, tmp_path, capsys):
    folder = tmp_path / "copy"
    shutil.copytree(small_folder, folder)
    paths = sorted((folder / "networks").glob("*.json"))
    paths[0].write_text("{")
    cli.compare(folder)
    printed = capsys.readouterr()
    assert paths[0].name in printed.err
    assert "magnitude 0.5" in printed.out
    for path in paths:
        path.write_text("{")
    with pytest.raises(ValueError, match=paths[-1].name):
        cli.compare(folder)


def test_every_module_is_an_attribute_of_the_package():
    import rosalind

    folder = Path(rosalind.__file__).parent
    modules = {path.stem for path in folder.glob("*.py")} | {path.parent.name for path in folder.glob("*/__init__.py")}
    assert set(rosalind.__all__) == modules - {
        "__init__",
        "__main__",
        "arguments",
        "cli",
        "ending",
        "listing",
        "progress",
    }
    for name in rosalind.__all__:
        assert getattr(rosalind, name).__doc__


def test_attribute(small_folder, tmp_path, capsys):
    import shutil

    folder = tmp_path / "copy"
    shutil.copytree(small_folder, folder)
    cli.attribute(folder, "mlp-dense-seed1", "clean", (3, 4))
    assert "2 maps made" in capsys.readouterr().out
    cli.attribute(folder, "mlp-dense-seed1", "clean", (3, 4))
    assert "0 maps made" in capsys.readouterr().out


def test_the_demo_is_a_study_that_passes_its_checks():
    plan = demo.study()
    dataset = study.check(plan)
    work = study.plan(plan, dataset)
    # 225 of the epochs are the control's that is trained as long as the longest chain, 15 those of the short ones.
    assert work == {"networks": 60, "epochs": pytest.approx(991.5), "cells": 60 * 31}
    # What every network is looked into for, cheaply, is of conditions that are measured, clean ones among them.
    under = {condition for diagnosis in plan.diagnostics for condition in diagnosis.under}
    assert "clean" in under <= {condition.id for condition in plan.conditions}
    assert {diagnosis.name for diagnosis in plan.diagnostics} == {"dead_units", "layer_features"}


def test_progress_says_how_much_is_left(capsys, monkeypatch):
    from rosalind import progress

    clock = iter(np.arange(0, 1000, 6.0))
    monkeypatch.setattr(progress.time, "monotonic", lambda: float(next(clock)))
    with progress.Progress("training", 4, unit="epochs") as bar:
        for _ in range(4):
            bar.advance(1, "dense")
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "training: 2 of 4 epochs, 0:12 left  dense"
    assert lines[-1].startswith("training: done in")


def test_the_first_unit_compiles_and_is_not_what_the_rest_takes(capsys, monkeypatch):
    from rosalind import progress

    now = 0.0
    monkeypatch.setattr(progress.time, "monotonic", lambda: now)
    with progress.Progress("training", 100, unit="epochs") as bar:
        for seconds in (30.0, 1.0, 10.0):
            now += seconds
            bar.advance(1 if seconds != 10 else 10, "dense")
    lines = capsys.readouterr().err.splitlines()
    assert lines[:2] == ["training: 1 of 100 epochs  dense", "training: 12 of 100 epochs, 1:28 left  dense"]


def test_estimates_weigh_networks_by_their_own_seconds_and_expect_their_compiling(monkeypatch):
    from rosalind import progress

    now = 0.0
    monkeypatch.setattr(progress.time, "monotonic", lambda: now)
    with progress.Progress("training", 30, unit="epochs", parts={"small": 10, "large": 10, "other": 10}) as bar:
        assert bar.seconds_left() is None
        # 20 s of compiling each; then 1 s per epoch of the small network, 5 of the large one.
        for seconds, part in ((21.0, "small"), (1.0, "small"), (25.0, "large"), (5.0, "large")):
            now += seconds
            bar.advance(1, part)
        assert bar.seconds_left() == 20 + 8 * 1 + 8 * 5 + 10 * 3
        bar.advance(10, "other")  # another process has made it
        assert bar.seconds_left() == 8 * 1 + 8 * 5


def test_experiments_state_question_command_time_and_result():
    for path in (Path(__file__).parent.parent / "experiments").glob("*.py"):
        shared = ("alternating", "children", "least_coverage", "other_version", "reporting", "seed_laws", "timing")
        if path.stem in shared:
            # What experiments share.
            continue
        text = path.read_text()
        head = text.split('"""')[1]
        for word in ("?", f"python experiments/{path.name}", "xpected"):
            assert word in head, (path.name, word)


def test_small_study_is_what_the_tests_think():
    assert study.plan(small_study(), study.check(small_study()))["networks"] == 12
