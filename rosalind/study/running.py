"""Run a study in a folder, doing only what is missing."""

import dataclasses
import functools
import os
import pickle
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from pathlib import Path
from typing import Any

import jax
import numpy as np

from rosalind import measures, results
from rosalind.analysis import agreement, fragility, redundancy, robustness, similarity
from rosalind.config import Study, describe, fingerprint
from rosalind.progress import Progress
from rosalind.results import Results
from rosalind.study import cells, maps, network_files, networks, planning, reporting
from rosalind.study.planning import DRAW_SEED, Task
from rosalind.study.reporting import Report

FORMAT = 2
"""Number of the layout of `comparison/`, raised with every change to it: files of an earlier one are made again."""


def use_compilation_cache() -> None:
    """Keep jax's compilations in the user's cache folder, or in $JAX_COMPILATION_CACHE_DIR."""
    base = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
    folder = os.environ.get("JAX_COMPILATION_CACHE_DIR", str(base / "rosalind" / "jax"))
    jax.config.update("jax_compilation_cache_dir", folder)
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.2)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)


def _sendable(function: Callable, *args: Any) -> Any:
    """Call a function in a worker; RuntimeError in place of an error that cannot be unpickled.

    jax's errors of traced values are such: the whole pool broke on one, and its message was lost.
    """
    try:
        return function(*args)
    except Exception as error:
        try:
            pickle.loads(pickle.dumps(error))
        except Exception:
            raise RuntimeError(f"{type(error).__name__}: {error}") from None
        raise


def each(executor: Executor | None, function: Callable, arguments: list[tuple], progress: Progress) -> Iterator:
    """Map a function over argument tuples, in this process or on an executor; yields arguments and result of each.

    In this process the function reports progress itself.
    """
    if executor is None:
        for args in arguments:
            yield args, function(*args, advance=progress.advance)
        return
    futures = [(args, executor.submit(_sendable, function, *args)) for args in arguments]
    for args, future in futures:
        yield args, future.result()


def run(study: Study, folder: str | Path, *, executor: Executor | None = None, report: Report | None = None) -> Results:
    """Carry a study out in a folder, doing only what is missing.

    Args:
        study: the plan. Methods, seeds and conditions may be added to a folder later.
        folder: made if missing.
        executor: of the tasks: None for one after the other in this process; a process pool made with
            the `spawn` context; `distributed.Client(...).get_executor()` on a cluster with a shared folder.
        report: called in this process with every row as it is there: `{"network", "time", "epoch", "loss", ...}` of an
            epoch (on an executor when its task is done), at the end `{"network", "condition", "accuracy", ...}` of
            every row of `summary.csv`. An error that it raises ends the run, which can be run again.

    TensorBoard, for example, and Weights & Biases:

        writer = SummaryWriter("runs")  # of torch.utils.tensorboard or tensorboardX
        add = lambda row: writer.add_scalar(f"loss/{row['network']}", row["loss"], round(row["epoch"]))
        study.run(mine, "studies/mine", report=lambda row: add(row) if "epoch" in row else None)

        wandb.init(project="pruning")
        name = lambda row, key: "/".join(filter(None, (row["network"], row.get("condition"), key)))
        study.run(mine, "studies/mine", report=lambda row: wandb.log({name(row, key): row[key] for key in row}))

    On a cluster with Slurm, a job that is killed goes on when it is requeued:

        sbatch --requeue --gpus=1 --time=4:00:00 --wrap "rosalind run mine.py:STUDY --out studies/mine"

    or many workers share one run (extra `cluster`, package dask-jobqueue):

        cluster = dask_jobqueue.SLURMCluster(cores=4, memory="16GB", walltime="4:00:00")
        cluster.scale(jobs=8)
        study.run(mine, "studies/mine", executor=distributed.Client(cluster).get_executor())

    Returns:
        The study as it is on disk. Killed and run again, it goes on and ends with the same arrays, bit for
        bit on one CPU set-up.

    Raises:
        ValueError: see `planning.check`; before any work.
        results.Mismatch: the folder has another data set, or a task of the same name made differently.
        FloatingPointError: training diverged.
    """
    folder = Path(folder)
    dataset = planning.check(study, folder)
    study = planning.completed(study, dataset)
    study = dataclasses.replace(study, measures=cells.all_measures(folder, study.measures))
    parents, rest = planning.tasks(study)

    def is_finished(task: Task) -> bool:
        # A list: all networks are looked at, so that a mismatch of any is found before work begins.
        expected = planning.expected(study, dataset, task)
        return all([network_files.is_stored(folder, *network) for network in expected.items()])

    todo = [[task for task in tasks if not is_finished(task)] for tasks in (parents, rest)]
    results.create(
        folder,
        {
            "dataset": dataset.name,
            "dataset_hash": dataset.hash,
            "data": dataclasses.asdict(study.data),
            "class_names": list(dataset.class_names),
            "image_shape": list(dataset.image_shape),
            "table": planning.table_of(dataset),
            "seed": DRAW_SEED,
            "seeds": list(study.seeds),
            "config": describe(study),
            "versions": network_files.versions(),
            "revision": network_files.revision(),
        },
        {
            "id": dataset.test.ids,
            "label": dataset.test.labels.astype(np.int16),
            "subset": planning.stratified_rows(dataset, study.features).astype(np.int32),
        },
    )
    cells.declare_measures(study.measures, folder)
    conditions = planning.conditions_of(study, dataset)
    for order, planned in enumerate(conditions):
        cells.declare_condition(study, dataset, folder, planned, order)

    epochs = sum(planning.epochs_of(study, task) for tasks in todo for task in tasks)
    log = reporting.LogRows(folder, "*.jsonl" if executor else f"{socket.gethostname()}-{os.getpid()}.jsonl")
    forward = None if report is None else lambda: [report(row) for row in log.new()]
    if epochs:
        with Progress("training", epochs, unit="epochs", after=forward) as progress:
            for tasks in todo:
                work = [(study, folder, task) for task in tasks]
                for args, _ in each(executor, networks.train, work, progress):
                    if executor is not None:
                        progress.advance(planning.epochs_of(study, args[2]), args[2].label)

    names = tuple(n for task in [*parents, *rest] for n in planning.expected(study, dataset, task))
    digests, extra = cells.hashes(folder, names), measures.of_study(study.measures)
    waiting = [
        planned
        for planned in conditions
        if not all([cells.is_measured(folder, n, planned.condition.id, digests[n], extra) for n in names])
    ]
    if waiting:
        with Progress("measuring", len(names) * len(waiting), unit="cells") as progress:
            work = [(study, folder, planned, names) for planned in waiting]
            for _ in each(executor, cells.measure, work, progress):
                if executor is not None:
                    progress.advance(len(names))
    maps.attributions(study, dataset, folder, conditions, parents, rest)
    study_results = compare(folder, umap=study.umap)
    for row in reporting.summary_rows(study_results) if report is not None else ():
        report(row)
    return study_results


def compare(folder: Path, *, umap: bool = False) -> Results:
    """Make the tables and arrays over all networks, unless they are stored for the same cells."""
    study_results = results.load(folder)
    stamp = {
        "cells": fingerprint([[n, c, study_results.networks[n].hash] for n, c in study_results.cells()]),
        "umap": umap,
        "format": FORMAT,
    }
    path = folder / "comparison" / "stamp.json"
    if path.exists() and results.load_json(path) == stamp:
        return study_results
    tables = {
        "summary.csv": robustness.save_summary,
        "methods.csv": robustness.methods.save,
        "agreement": agreement.save,
        "fragility": fragility.save,
        "redundancy": redundancy.save,
        "similarity": functools.partial(similarity.save, umap=umap),
    }
    with Progress("comparing", len(tables), unit="tables") as progress:
        for name, save in tables.items():
            save(study_results)
            progress.advance(1, name)
    results.save_json(path, stamp, replace=True)
    return study_results
