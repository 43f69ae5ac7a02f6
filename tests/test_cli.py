"""Commands: what they list, what their flags say, and what they print."""

import importlib.metadata
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from own_study import MINE

from rosalind import (
    cli,
    conditions,
    config,
    corruptions,
    data,
    measures,
    models,
    pruning,
    results,
    training,
    viewer,
)
from rosalind.analysis import claims, robustness
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
    for bn in ((), ("adapted",)):
        with pytest.raises(ValueError, match="--bn train"):
            cli.run(out="out", bn=bn)


@pytest.mark.parametrize(
    ("call", "flag"),
    [
        (lambda out: cli.run(out=out, corruptions=("fog",), benchmark="common19"), "benchmark"),
        (lambda out: cli.run(out=out, benchmark="mnist-c", severities=(1,)), "severities"),
        (lambda out: cli.run(out=out, corruptions=corruptions.BAR, held_out="cifar-c-bar"), "held-out"),
        (lambda out: cli.run(out=out, corruptions=("fog",), textures="ice"), "textures"),
        (lambda out: cli.run(out=out, corruptions=("frost",), files="official", textures="ice"), "textures"),
        (lambda out: cli.run(out=out, methods=(), sparsities=(0.5,)), "sparsities"),
        (lambda out: cli.demo(out, no_view=True, port=5006), "port"),
        (lambda out: cli.corrupt("digits", out, corruptions=("fog",), textures="ice"), "textures"),
    ],
)
def test_a_flag_that_would_do_nothing_is_refused_before_work(tmp_path, call, flag):
    with pytest.raises(ValueError, match=f"--{flag} does nothing .*; leave it out"):
        call(tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_flags_of_weights_are_refused_for_a_table(small_folder, tmp_path):
    for given in ({"layout": "flax"}, {"masks": True}):
        with pytest.raises(ValueError, match=f"--{next(iter(given))} does nothing for a table of samples"):
            cli.export(small_folder, tmp_path / "samples.csv", **given)
    assert not list(tmp_path.iterdir())


def test_what_reads_a_study_says_what_is_left_out(folder, capsys):
    (folder / "networks" / "mlp-magnitude-0.9-seed0.json").write_text("{")
    for read in (
        lambda: cli.claims(folder, ("large_angles",)),
        lambda: cli.export(folder, folder / "samples.csv"),
        lambda: cli.diagnose(folder, ("compressibility",), ("mlp-dense-seed0",)),
    ):
        read()
        assert "mlp-magnitude-0.9-seed0.json" in capsys.readouterr().err
    with pytest.raises(ValueError, match="'nobody'"):
        cli.explain(folder, "dense", "nobody")
    assert "mlp-magnitude-0.9-seed0.json" in capsys.readouterr().err


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
    monkeypatch.setattr(robustness.methods, "MOST_LISTED", 1)
    assert "mlp-biprop-0.5-seed1 under contrast-1 and 1 more." in robustness.methods.missing_cells(results.load(folder))


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


def test_attribute(small_folder, tmp_path, capsys):
    folder = tmp_path / "copy"
    shutil.copytree(small_folder, folder)
    cli.attribute(folder, "mlp-dense-seed1", "clean", (3, 4))
    assert "2 maps made" in capsys.readouterr().out
    cli.attribute(folder, "mlp-dense-seed1", "clean", (3, 4))
    assert "0 maps made" in capsys.readouterr().out
