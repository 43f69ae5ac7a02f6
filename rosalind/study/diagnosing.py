"""Make the diagnostics of a study's networks, and record of which networks, options and code each file is."""

import dataclasses
import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Executor
from pathlib import Path
from typing import Any

import numpy as np

from rosalind import diagnostics, fields, results
from rosalind.analysis import predictors
from rosalind.analysis.diagnostics import is_number
from rosalind.config import Data, Diagnosis, definition, fingerprint, is_outside, several
from rosalind.imported import Imported
from rosalind.progress import Advance, Progress
from rosalind.results import Results
from rosalind.study import cells, diagnostic_tasks, network_files, plans, pool, units
from rosalind.study.diagnostic_tasks import DiagnosticTask, name_of
from rosalind.study.subjects import computed
from rosalind.study.units import Unit


def diagnose(
    folder: str | Path,
    diagnoses: Sequence[str | Diagnosis],
    networks: Sequence[str | Imported] | None = None,
    *,
    executor: Executor | None = None,
    jobs: int = 1,
) -> list[Path]:
    """Compute diagnostics of networks of a study; what is there is not made again, `comparison/predictors.csv` is.

    Args:
        folder: of a study, whose data set must be there for diagnostics that see images.
        diagnoses: names of diagnostics, or `config.Diagnosis` for options and other conditions than clean images.
        networks: their ids, `A:B` for the way from A to B; of networks made elsewhere what was given to
            `add_network`. None takes all whose weights are stored; of pairs every network with its parent, and dense
            networks of two seeds, which say what a seed alone does.
        executor: as of `study.run`; not for networks made elsewhere.
        jobs: number of processes, in place of an executor.

    Returns:
        Paths of the npz files, those that were there too; `results.diagnostics` reads them.

    Raises:
        ValueError: an unknown diagnostic, option, network or condition; a network that lacks what a diagnostic needs,
            or two of different shapes; images that are gone and that one of them needs; before any work.
        results.Mismatch: other data than the study's, a callable that is not the stored network, or a diagnostic that
            another process is making by other code under this name.
        PermissionError: some are missing and the folder cannot be written; before any work.
        Incomplete: some could not be computed; all others were.
    """
    folder = Path(folder)
    study_results = results.load(folder)
    pool.check_jobs(jobs, executor)
    diagnoses = several("diagnoses", diagnoses, '["dead_units"]')
    networks = networks if networks is None else several("networks", networks, '["cnn-dense-seed0"]')
    if others := [d for d in diagnoses if not isinstance(d, str | Diagnosis)]:
        raise ValueError(f"diagnoses must be names or config.Diagnosis, got {others[0]!r}.")
    chosen = [fields.checked(Diagnosis(d) if isinstance(d, str) else d) for d in diagnoses]
    if not chosen:
        raise ValueError(f"diagnoses is empty; choose of {', '.join(diagnostics.DIAGNOSTICS)}.")
    for diagnosis in chosen:
        diagnostics.plan(diagnosis, study_results.study["image_shape"])
        diagnostic_tasks.check_under(diagnosis)
    # What is asked for twice is made once.
    asked = (task for diagnosis in chosen for task in diagnostic_tasks.of_diagnosis(study_results, diagnosis, networks))
    work = list({task.path(folder): task for task in asked}.values())
    _check_images(study_results, chosen)
    with pool.processes(jobs) as own_executor:
        failures = _carry_out(study_results, work, executor or own_executor)
    if failures:
        raise units.Incomplete(failures, study_results) from next(iter(failures.values()))
    return [task.path(folder) for task in work]


def _check_images(study_results: Results, chosen: Sequence[Diagnosis]) -> None:
    """Raise ValueError where a diagnosis sees images and the data set cannot be read, or is another."""
    without = [d.id for d in chosen if not diagnostics.plan(d)[0].sees_images]
    seeing = [d.id for d in chosen if d.id not in without]
    try:
        if seeing:
            cells.dataset_of(study_results)
    except (OSError, ImportError) as error:
        also = f" Ask for {', '.join(without)} alone, which need none." if without else ""
        raise ValueError(f"{', '.join(seeing)} need images, and those of the study are gone: {error}{also}") from error


def of_study(
    folder: Path, diagnoses: Iterable[Diagnosis], names: Iterable[str], executor: Executor | None
) -> dict[str, Exception]:
    """The diagnostics that a study asks for of its own networks; errors by name."""
    study_results = results.load(folder)
    measured = [name for name in names if name in study_results.networks]
    work = []
    for diagnosis in diagnoses:
        of_pairs = diagnostics.plan(diagnosis)[0].of == "pair"
        asked = diagnostic_tasks.pairs(study_results, measured) if of_pairs else measured
        work += diagnostic_tasks.of_diagnosis(study_results, diagnosis, asked) if asked else []
    return _carry_out(study_results, work, executor)


def _carry_out(study_results: Results, work: list[DiagnosticTask], executor: Executor | None) -> dict[str, Exception]:
    folder, config = study_results.folder, Data(**study_results.study["data"])
    digests = {name: info.hash for name, info in study_results.networks.items()}
    todo = [task for task in work if not _is_made(folder, task, digests)]
    pending = [Unit(task.name, 1, (folder, config, task, digests)) for task in todo]
    if pending:
        for part in ("diagnostics", "claims"):
            results.check_makeable(folder / part)
    _warn_of_cost(study_results, todo)
    steps = Progress("diagnosing", len(pending), unit="files", parts=units.amounts(pending))
    begun = {task.diagnosis.id for task in todo}
    # Of a finished study of before nothing is written.
    recorded = [
        diagnosis
        for id_, diagnosis in {task.diagnosis.id: task.diagnosis for task in work}.items()
        if id_ in begun or results.code_now(folder, id_) not in (None, _code(diagnosis))
    ]
    with plans.declared(plans.of_diagnoses(recorded), folder), steps as progress:
        # Callables cannot be sent to a process.
        is_callable = lambda task: isinstance(task.network, Imported) or isinstance(task.dense, Imported)
        local = [unit for unit, task in zip(pending, todo, strict=True) if is_callable(task)]
        rest = [unit for unit in pending if unit not in local]
        _declare_code(folder, recorded)
        failures = units.each(None, _make, local, progress) | units.each(executor, _make, rest, progress)
    gives_numbers = any(
        is_number(task.diagnosis.name, array, given.axes)
        for task in todo
        for array, given in diagnostics.plan(task.diagnosis)[0].gives.items()
    )
    if gives_numbers and (folder / "comparison" / "predictors.csv").exists():
        # It holds numbers of diagnostics too, and the other tables stay as they are.
        try:
            predictors.save(results.load(folder))
        except results.Damaged as error:
            print(f"comparison/predictors.csv stays as it was: {error}", file=sys.stderr)
    return failures


def _code(diagnosis: Diagnosis) -> str:
    """Fingerprint of the code of a diagnosis, as its files record it."""
    return fingerprint(plans.of_diagnoses([diagnosis])["diagnostics"][diagnosis.id])


def _declare_code(folder: Path, diagnoses: Iterable[Diagnosis]) -> None:
    """Record the code of what is made, and say so where it was another: numbers of both would stand in one table."""
    for diagnosis in diagnoses:
        before, code = results.code_now(folder, diagnosis.id), _code(diagnosis)
        if before not in (None, code):
            left_out = "files of that are left out from now on"
            print(f"{diagnosis.id} is made by other code than before; {left_out}.", file=sys.stderr)
        if code != before:
            results.save_json(results.code_file(folder, diagnosis.id), {"code": code}, replace=True)


def _warn_of_cost(study_results: Results, todo: Iterable[DiagnosticTask]) -> None:
    """Say on stderr which diagnostics cost more than the training of a network did, and how much."""
    counts = Counter(task.diagnosis.id for task in todo)
    for task in {task.diagnosis.id: task for task in todo}.values():
        diagnostic, options = diagnostics.plan(task.diagnosis)
        if diagnostic.epochs is None or isinstance(task.network, Imported):
            continue
        epochs = diagnostic.epochs(options, len(cells.dataset_of(study_results).train))
        trained = study_results.networks[task.network].budget.get("epochs")
        if trained is None or epochs > trained:
            compared = "" if trained is None else f"; {task.network} was trained for {trained:g}"
            files = counts[task.diagnosis.id]
            print(
                f"{task.diagnosis.id} takes at most as much as {epochs:,.1f} epochs of training for each of its files, "
                f"{files} in all{compared}.",
                file=sys.stderr,
            )


def _score(task: DiagnosticTask) -> str | None:
    """`log probability` of a file that attributes this and not a logit, else None."""
    needs = diagnostics.plan(task.diagnosis)[0].needs
    if needs != "gradient" or not isinstance(task.network, Imported):
        return None
    is_other = diagnostics.explains_log_probability(network_files.callable_network(task.network))
    return results.LOG_PROBABILITY if is_other else None


def _provenance(task: DiagnosticTask, digests: Mapping[str, str]) -> dict[str, Any]:
    """The JSON beside the arrays; its fingerprint is of all that determines them."""
    diagnostic, options = diagnostics.plan(task.diagnosis)
    name = task.diagnosis.name
    parts: dict[str, Any] = {
        "id": task.diagnosis.id,
        "name": name,
        "options": dict(sorted(options.items())),
        "network": name_of(task.network),
        "network_hash": digests[name_of(task.network)],
        "other": task.other,
        "other_hash": None if task.other is None else digests[task.other],
        "condition": task.planned.condition.id if task.planned else None,
    }
    of = [diagnostic.version, definition(name) if is_outside(name) else None]
    of += [] if task.dense is None else [digests[name_of(task.dense)]]
    score = _score(task)
    of += [] if score is None else [score]
    bound = lambda value: value if np.isfinite(value) else None
    gives = {
        key: {**dataclasses.asdict(given), "axes": list(given.axes), "low": bound(given.low), "high": bound(given.high)}
        for key, given in diagnostic.gives.items()
    }
    scored = {} if score is None else {"score": score}
    return {
        **parts,
        **scored,
        "fingerprint": fingerprint([parts, *of]),
        "code": _code(task.diagnosis),
        "gives": gives,
    }


def _is_made(folder: Path, task: DiagnosticTask, digests: Mapping[str, str]) -> bool:
    """True where a file is there and whole, and was made of what it would be made of now."""
    path = task.path(folder)
    if not path.with_suffix(".json").exists():
        return False
    try:
        stored = results.read_diagnostic(path.with_suffix(".json"))
    except results.Damaged as error:
        results.move_aside(path.with_suffix(".json"), error)
        return False
    return stored.fingerprint == _provenance(task, digests)["fingerprint"] and results.readable(path)


def _make(
    folder: Path, config: Data, task: DiagnosticTask, digests: Mapping[str, str], advance: Advance | None = None
) -> bool:
    """Compute one file; False where another process is at it."""
    path = task.path(folder)
    with results.lease(folder, f"diagnostics.{fingerprint([task.diagnosis.id, path.stem])}", task.name) as is_ours:
        if is_ours and not _is_made(folder, task, digests):
            report = advance or (lambda amount, note: None)
            arrays = computed(folder, config, task, lambda part: report(part, task.name))
            path.with_suffix(".json").unlink(missing_ok=True)
            results.save_arrays(path, arrays, replace=True)
            # With the JSON the file is finished.
            results.save_json(path.with_suffix(".json"), _provenance(task, digests), replace=True)
    return is_ours
