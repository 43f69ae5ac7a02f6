"""Run a study in a folder, doing only what is missing."""

import dataclasses
import functools
import os
import socket
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from pathlib import Path

import jax
import numpy as np

from rosalind import data, measures, results
from rosalind.conditions import Planned
from rosalind.config import Study, describe
from rosalind.progress import Progress
from rosalind.results import Results
from rosalind.study import (
    cells,
    checking,
    condition_images,
    decks,
    declaring,
    diagnosing,
    maps,
    network_files,
    planning,
    plans,
    pool,
    reporting,
    seeds,
    units,
)
from rosalind.study.comparing import compare
from rosalind.study.estimate import Estimate, of_missing
from rosalind.study.missing import Missing, look
from rosalind.study.planning import DRAW_SEED, Task
from rosalind.study.reporting import Report
from rosalind.study.units import Incomplete, Unit


def run(
    study: Study,
    folder: str | Path,
    *,
    executor: Executor | None = None,
    jobs: int | None = 1,
    vmap_seeds: bool | None = None,
    report: Report | None = None,
    announce: Callable[[Estimate], object] | None = None,
) -> Results:
    """Carry a study out in a folder, doing only what is missing.

    Args:
        study: the plan. Methods, seeds and conditions may be added to a folder later.
        folder: made if missing.
        executor: of the tasks: None for one after the other in this process; a process pool made with
            the `spawn` context; `distributed.Client(...).get_executor()` on a cluster with a shared folder. Its workers
            keep compilations as this process does, see `use_compilation_cache`.
        jobs: number of processes on this machine, in place of an executor; for large networks 1 is faster, after
            `cores.as_devices`; None for `default_jobs`. A script that asks for more than one must be importable:
            `if __name__ == "__main__":` before the call.
        vmap_seeds: trainings that the seeds of a method have in common as one program under `vmap`: True always, False
            never; None where that is measured to be faster, and on a CPU never. The arrays are those of one after the
            other up to rounding.
        report: called in this process with every row as it is there: `{"network", "time", "epoch", "loss", ...}` of an
            epoch (on an executor when its task is done), at the end `{"network", "condition", "accuracy", ...}` of
            every row of `summary.csv`. An error that it raises ends the run, which can be run again.
        announce: called once, before any work, with what the folder lacks, as `study.estimate` gives it: the folder is
            looked at once for both.

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
        ValueError: see `checking.check`, or jobs that are below 1, more than eight per core, or given beside an
            executor; before any work.
        results.Mismatch: the folder has another data set, or a task of the same name made differently.
        Incomplete: a network could not be made, as its training diverged or, with more than one process, ended that
            which had it in work, or not be measured. All others were, and the comparison is of those.

    Processes that run at the same time on one folder, on one machine or several, share the work, see `results.lease`;
    one whose code under some name is not that of another, at work or done, is refused.
    """
    if jobs is not None:
        pool.check_jobs(jobs, executor)
    results.check_makeable(folder)
    missing = look(study, checking.check(study), Path(folder))
    if announce is not None:
        announce(of_missing(missing))
    results.check_writable(folder)
    for part in missing.written:
        results.check_makeable(Path(folder) / part)
    if jobs is None:
        jobs = 1 if executor else pool.default_jobs(study)
    try:
        with plans.declared(plans.of_missing(missing), Path(folder)), pool.processes(jobs) as own_executor:
            return _carry_out(missing, Path(folder), executor or own_executor, report, vmap_seeds)
    except reporting.Stopped as stopped:
        raise stopped.error from None


def _carry_out(
    missing: Missing,
    folder: Path,
    executor: Executor | None,
    report: Report | None,
    vmap_seeds: bool | None,
) -> Results:
    """The study with what is missing of it; see `run`."""
    results.remove_abandoned(folder)
    study, dataset = missing.study, missing.dataset
    for line in missing.sentences:
        print(line, file=sys.stderr)

    def is_finished(task: Task) -> bool:
        # Now what is damaged is moved aside. A list: a mismatch of any is found before work begins.
        expected = planning.expected(study, dataset, task)
        return all([network_files.is_stored(folder, *n) for n in expected.items() if missing.is_open_network(n[0])])

    todo = [[task for task in tasks if not is_finished(task)] for tasks in (missing.parents, missing.rest)]
    conditions = declare(study, dataset, folder)

    log = reporting.LogRows(folder, "[!.]*.jsonl" if executor else f"{socket.gethostname()}-{os.getpid()}.jsonl")
    forward = None if report is None else lambda: reporting.forward(report, log.new())
    failures = _train(study, folder, todo, executor, forward, vmap_seeds)
    names = tuple(name for task in (*missing.parents, *missing.rest) for name in planning.names_of(study, task))
    names = tuple(name for name in names if results.network_file(folder, name, "json").exists())
    for name in names:
        network_files.name_damaged_records(folder, name)
    failures |= _measure(missing, folder, conditions, names, executor)
    failures |= decks.of_study(study, folder)
    failures |= maps.attributions(study, dataset, folder, conditions, names, executor)
    if study.diagnostics:
        failures |= diagnosing.of_study(folder, study.diagnostics, names, executor)
    study_results = results.load(folder)
    try:
        if study_results.cells() or not failures:
            study_results = compare(folder, umap=study.umap, executor=executor)
            for problem in results.diagnostics(study_results)[1]:
                print(problem, file=sys.stderr)
    except Exception as error:
        if not failures:
            raise
        # What failed before may be what it lacks.
        failures["comparison"] = error
    if report is not None and "comparison" not in failures:
        reporting.forward(report, reporting.summary_rows(study_results))
    if not failures:
        return study_results
    raise Incomplete(failures, study_results) from next(iter(failures.values()))


def _measure(
    missing: Missing, folder: Path, conditions: Sequence[Planned], names: tuple[str, ...], executor: Executor | None
) -> dict[str, Exception]:
    """Measure the networks under every condition that lacks cells or thumbnails; errors by name."""
    study, extra = missing.study, measures.of_study(missing.study.measures)
    digests, remade = cells.hashes(folder, names), {name for name in names if missing.is_open_network(name)}

    def is_measured(id_: str) -> bool:
        # A list: all cells are looked at, so that what is damaged is moved aside now.
        looked_at = [name for name in names if name in remade or missing.is_open_cell(name, id_)]
        return all([cells.is_measured(folder, name, id_, digests[name], extra) for name in looked_at])

    work = [
        Unit(planned.condition.id, len(names), (study, folder, planned, names))
        for planned in _by_turns(conditions)
        if condition_images.lacks_thumbnails(study, missing.dataset, folder, planned)
        or not is_measured(planned.condition.id)
    ]
    if not work:
        return {}
    with Progress("measuring", len(names) * len(work), unit="cells", parts=units.amounts(work)) as progress:
        failures = units.each(executor, cells.measure, work, progress)
    ended = [unit for unit in work if isinstance(failures.get(unit.name), pool.Ended)]
    # Network by network, so that the one that ends its process costs itself alone.
    alone = [Unit(f"{unit.name} of {name}", 1, (*unit.arguments[:-1], (name,))) for unit in ended for name in names]
    if not alone:
        return failures
    with Progress("measuring", len(alone), unit="cells", parts=units.amounts(alone)) as progress:
        of_one = units.each(executor, cells.measure, alone, progress)
    return {name: failures[name] for name in failures.keys() - {unit.name for unit in ended}} | of_one


def _by_turns(conditions: Sequence[Planned]) -> list[Planned]:
    """The first severity of every corruption, then the second ones, and so on.

    Processes that begin together then compile different programs, and later severities find them compiled.
    """
    names = [planned.condition.name for planned in conditions]
    turns = [names[:k].count(name) for k, name in enumerate(names)]
    return [conditions[k] for k in sorted(range(len(names)), key=turns.__getitem__)]


def _train(
    study: Study,
    folder: Path,
    todo: Sequence[Sequence[Task]],
    executor: Executor | None,
    after: Callable[[], object] | None,
    vmap_seeds: bool | None,
) -> dict[str, Exception]:
    """Train dense networks and what is made of them; errors by name."""
    if vmap_seeds is None and jax.default_backend() == "cpu":
        # There it is slower (`experiments/training_speed.py`), and what is measured could differ from run to run.
        vmap_seeds = False
    carry_out = functools.partial(_train_units, study, folder, executor, after, bool(vmap_seeds))
    if vmap_seeds is not False:
        groups = [seeds.groups(tasks) for tasks in todo]
        failed = carry_out(groups)
        # Seed by seed, so that one that diverges costs itself alone.
        todo = [[task for group in part if _name(study, group) in failed for task in group] for part in groups]
    return carry_out([[(task,) for task in tasks] for tasks in todo])


def _name(study: Study, tasks: Sequence[Task]) -> str:
    return ", ".join(planning.name_of(study, task) for task in tasks)


def _train_units(
    study: Study,
    folder: Path,
    executor: Executor | None,
    after: Callable[[], object] | None,
    always: bool,
    parts: Sequence[Sequence[tuple[Task, ...]]],
) -> dict[str, Exception]:
    """Carry out groups of tasks, of dense parents and of what is made of them; a group needs that of its parents."""
    parents, rest = (
        [Unit(_name(study, g), sum(planning.epochs_of(study, t) for t in g), (study, folder, g, always)) for g in part]
        for part in parts
    )
    # The longest first, so that no process, of this call or another on the folder, is left alone with it at the end.
    rest.sort(key=lambda unit: -unit.amount)
    work = [*parents, *rest]
    unit_of = {planning.name_of(study, task): unit.name for unit in work for task in unit.arguments[2]}
    made_of = {
        unit.name: [planning.name_of(study, task.parent) for task in unit.arguments[2] if task.method is not None]
        for unit in work
    }
    needs = {name: unit_of[parent] for name, dense in made_of.items() for parent in dense if parent in unit_of}
    epochs = units.amounts(work)
    if not epochs:
        return {}
    with Progress("training", sum(epochs.values()), unit="epochs", parts=epochs, after=after) as progress:
        return units.each(executor, seeds.train, work, progress, needs)


def declare(study: Study, dataset: data.Dataset, folder: Path) -> list[Planned]:
    """Write what a folder is of, or check that it is of the same: data set, samples, measures and conditions.

    Raises:
        results.Mismatch: the folder has another data set, or a measure or condition of the same name made differently.
    """
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
    declaring.declare_measures(study.measures, folder)
    conditions = planning.conditions_of(study, dataset)
    for order, planned in enumerate(conditions):
        declaring.declare_condition(study, dataset, folder, planned, order)
    return conditions
