"""A study with every kind of file in a few seconds, what it holds, copies that lack a stage. For trials of faults."""

import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from children import called

from rosalind import cli, config, results, study

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
    "diagnosing": ("diagnostics",),
}
"""Patterns of what is taken away from a finished study to come to a stage at once."""


def run(folder: Path) -> None:
    study.use_compilation_cache()
    study.run(STUDY, folder)


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


def command(*arguments: str) -> None:
    sys.argv = ["rosalind", *arguments]
    cli.main()


def try_out(trial: Callable[..., Iterator[str]], tries: int, seed: int, **options: Any) -> None:
    """Make the undisturbed study, then carry a trial out, and print its lines and how long it took."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as name:
        finished = Path(name) / "finished"
        outcome = called(run, finished)
        if outcome.code:
            raise RuntimeError(outcome.text)
        for line in trial(tries, seed, finished, Path(name), **options):
            print(line, flush=True)
    print(f"{trial.__name__}: {(time.monotonic() - began) / 60:.1f} minutes")
