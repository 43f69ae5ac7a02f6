"""Diagnostics of a study's networks: which are to be made, and the files that they give."""

import dataclasses
import itertools
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
from rosalind.conditions import Planned
from rosalind.config import Data, Diagnosis, definition, fingerprint, is_outside, several
from rosalind.diagnostics import Diagnostic
from rosalind.imported import Imported
from rosalind.progress import Advance, Progress
from rosalind.results import Results
from rosalind.study import cells, network_files, plans, pool, units
from rosalind.study.subjects import DiagnosticTask, computed, name_of
from rosalind.study.units import Unit

LONGEST = 200
"""Most letters of a file's name, see `results.check_name`."""


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
    # What is asked for twice is made once.
    asked = (task for diagnosis in chosen for task in _planned(study_results, diagnosis, networks))
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
        asked = pairs(study_results, measured) if of_pairs else measured
        work += _planned(study_results, diagnosis, asked) if asked else []
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


def _planned(
    study_results: Results, diagnosis: Diagnosis, networks: Sequence[str | Imported] | None
) -> list[DiagnosticTask]:
    """The files of a diagnosis; ValueError for what cannot be made."""
    diagnostic, _ = diagnostics.plan(diagnosis)
    infos = study_results.networks
    if networks is None:
        stored = [name for name, info in infos.items() if not info.is_imported]
        if left := [name for name in infos if name not in stored]:
            print(f"{diagnosis.id} leaves out {', '.join(left)}: their weights are not stored.", file=sys.stderr)
        networks = pairs(study_results, stored) if diagnostic.of == "pair" else stored
        if not networks:
            kind = "two networks of one shape" if diagnostic.of == "pair" else "a network"
            raise ValueError(f"{study_results.folder} has not {kind} whose weights are stored.")
    under: list[Planned | None] = [None]
    if diagnostic.under:
        study_results.check_ids(conditions=diagnosis.under)
        under = [cells.planned_of(study_results, condition) for condition in diagnosis.under]
        per_network = [
            p.condition.id for p in under if p and not _is_shared(p) and not (diagnostic.attacks and _attacks(p))
        ]
        if per_network and diagnostic.of == "pair":
            also = ", or attack every network" if diagnostic.attacks else ""
            raise ValueError(f"{diagnosis.id} is under conditions that change images alike{also}, got {per_network}.")
        _check_statistics(diagnosis.id, diagnostic, networks, under)
    ends = []
    for network in networks:
        first, other = network, None
        if isinstance(network, str) and ":" in network:
            first, _, other = network.partition(":")
        _check_ends(study_results, diagnosis.id, diagnostic, first, other)
        ends.append((first, other))
    tasks = []
    dense = _dense(study_results, [first for first, _ in ends], diagnosis.id) if diagnostic.asks_dense else {}
    for first, other in ends:
        tasks += [DiagnosticTask(diagnosis, first, other, planned, dense.get(name_of(first))) for planned in under]
    if long := [m.path(study_results.folder).stem for m in tasks if len(m.path(study_results.folder).stem) > LONGEST]:
        raise ValueError(f"{diagnosis.id}: names of files may have {LONGEST} letters, got {long[0]!r}.")
    return tasks


def _is_shared(planned: Planned) -> bool:
    """True for a condition that gives every network the same images, and leaves its weights and statistics alone."""
    return not planned.kind.per_network and planned.condition.bn == "train"


def _attacks(planned: Planned) -> bool:
    """True for an attack on the network itself that leaves its weights and statistics alone."""
    return planned.kind.per_network and planned.kind.needs == "gradients" and planned.condition.bn == "train"


def _check_ends(
    study_results: Results, diagnosis: str, diagnostic: Diagnostic, network: str | Imported, other: str | None
) -> None:
    infos, name = study_results.networks, name_of(network)
    study_results.check_ids(networks=[name] if other is None else [name, other])
    if (other is None) == (diagnostic.of == "pair"):
        allowed = "A:B, the way between two networks" if diagnostic.of == "pair" else "one network"
        raise ValueError(f"{diagnosis} is of {allowed}, got {name if other is None else f'{name}:{other}'!r}.")
    imported = [end for end in (name, other) if end is not None and infos[end].is_imported]
    if isinstance(network, str) and imported:
        raise ValueError(f"{diagnosis}: the weights of {imported[0]!r} are not stored; give its imported.Imported.")
    if isinstance(network, Imported):
        if diagnostic.needs in ("weights", "variables") or other is not None:
            raise ValueError(f"{diagnosis} needs the weights of a network that rosalind trained; {name!r} is imported.")
        if network.features is None:
            raise ValueError(f"{diagnosis} needs features, and {name!r} has predictions alone.")
        _check_parts(diagnosis, diagnostic, network)
    else:
        diagnostics.check_model(diagnosis, diagnostic, network_files.model_of(name, infos[name]))
    if isinstance(network, str) and other is not None and infos[name].architecture != infos[other].architecture:
        raise ValueError(f"{diagnosis} needs two networks of one shape; {name!r} and {other!r} differ.")


def _check_parts(diagnosis: str, diagnostic: Diagnostic, network: Imported) -> None:
    """Raise ValueError unless a network made elsewhere has the callables that a diagnostic needs."""
    parts = [diagnostic.needs]
    if diagnostic.needs == "gradient":
        # Better the logit's, which rosalind's own networks have.
        parts.insert(0, "logit_gradient")
    if all(getattr(network, part) is None for part in parts):
        parts_allowed = " or ".join(f"`{part}`" for part in parts)
        raise ValueError(f"{diagnosis} needs {parts_allowed} of imported.Imported, which {network.name!r} lacks.")


def _score(task: DiagnosticTask) -> str | None:
    """`log probability` of a file that attributes this and not a logit, else None."""
    needs = diagnostics.plan(task.diagnosis)[0].needs
    if needs != "gradient" or not isinstance(task.network, Imported):
        return None
    is_other = diagnostics.explains_log_probability(network_files.callable_network(task.network))
    return results.LOG_PROBABILITY if is_other else None


def _check_statistics(
    diagnosis: str, diagnostic: Diagnostic, networks: Sequence[str | Imported], under: Sequence[Planned | None]
) -> None:
    """Raise ValueError for callables that have the statistics of training, under a condition with others."""
    other = [p.condition.id for p in under if p is not None and p.condition.bn != "train"]
    names = [name_of(network) for network in networks if isinstance(network, Imported)]
    if other and names and diagnostic.needs != "features":
        raise ValueError(
            f"{diagnosis} of {names[0]!r} cannot be under {other[0]!r}: its `{diagnostic.needs}` has the BatchNorm "
            "statistics of training."
        )


def _dense(study_results: Results, networks: Sequence[str | Imported], diagnosis: str) -> dict[str, str | Imported]:
    """By network the first of its line, whose weights or callable must be at hand; none for one without a parent."""
    infos, imported_by_name = study_results.networks, {n.name: n for n in networks if isinstance(n, Imported)}
    first: dict[str, str | Imported] = {}
    for name in map(name_of, networks):
        line = [name]
        while (parent := infos[line[-1]].parent) in infos and parent is not None and parent not in line:
            line.append(parent)
        end = line[-1]
        if end == name:
            continue
        if infos[end].is_imported and end not in imported_by_name:
            raise ValueError(f"{diagnosis} of {name!r} looks at {end!r} too: give its imported.Imported as well.")
        first[name] = imported_by_name.get(end, end)
    return first


def pairs(study_results: Results, names: Sequence[str]) -> list[str]:
    """`A:B` of every network with its parent, and of dense networks of one label and two seeds."""
    infos = study_results.networks
    ends = [(name, info.parent) for name in names if (info := infos[name]).parent in names]
    dense = [name for name in names if infos[name].is_dense]
    ends += [(a, b) for a, b in itertools.pairwise(dense) if infos[a].label == infos[b].label]
    return [f"{a}:{b}" for a, b in ends if b is not None and infos[a].architecture == infos[b].architecture]


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
