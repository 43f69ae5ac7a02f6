"""The plans of the processes at work on a folder: what one of them makes under a name, no other makes differently."""

import contextlib
import time
import uuid
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from rosalind import diagnostics, measures, results
from rosalind.config import Diagnosis, definition, difference, is_outside
from rosalind.study import declaring, network_files, planning, units
from rosalind.study.missing import Missing

KINDS = ("networks", "conditions", "measures", "diagnostics")
"""Parts of a plan: of each a dict of all that determines what has a name. One that is lacking is empty."""

Plan = Mapping[str, Mapping[str, Any]]


def of_missing(missing: Missing) -> Plan:
    """The plan of a study: its networks that are to be made, its conditions, measures and diagnostics.

    Empty where no network or cell is missing.
    """
    if not (missing.networks or missing.cells):
        return {}
    study, dataset = missing.study, missing.dataset
    expected = [planning.expected(study, dataset, task) for task in (*missing.parents, *missing.rest)]
    planned = planning.conditions_of(study, dataset)
    return {
        "networks": {n: by for networks in expected for n, by in networks.items() if n in missing.networks},
        "conditions": {one.condition.id: declaring.described(study, dataset, one) for one in planned},
        "measures": measures.to_json(study.measures),
        **of_diagnoses(study.diagnostics),
    }


def of_diagnoses(diagnoses: Iterable[Diagnosis]) -> Plan:
    """The plan of diagnostics; empty where there are none."""
    chosen = {diagnosis.id: (diagnosis.name, diagnostics.plan(diagnosis)[0].version) for diagnosis in diagnoses}
    described = {
        id_: {"name": name, "version": version, "definition": definition(name) if is_outside(name) else None}
        for id_, (name, version) in chosen.items()
    }
    return {"diagnostics": described} if described else {}


@contextlib.contextmanager
def declared(plan: Plan, folder: Path) -> Iterator[None]:
    """Context manager: a plan is known to other processes while the block runs; an empty one is none.

    A file is refused where another was made differently; before the first there is none, for as long as an hour where
    dense networks are trained, and diagnostics of other code replace each other. The plan is `claims/plan-<id>.json`,
    beside a lease `run.<id>`, and ends with it.

    Raises:
        results.Mismatch: another process is making something of the same name differently.
    """
    if not plan:
        yield
        return
    id_ = uuid.uuid4().hex[:16]
    path = _file(folder, id_)
    with contextlib.ExitStack() as stack:
        # One after the other, so that of two that begin together the second sees the first.
        with alone(folder):
            for other in _others(folder):
                try:
                    _check(folder, other, {kind: plan.get(kind, {}) for kind in KINDS})
                except results.Mismatch as error:
                    # Of files that are not there yet, which nobody can delete.
                    raise results.Mismatch(
                        f"{error} Another process is making it now: choose another name or folder, or wait for it."
                    ) from None
            results.save_json(path, plan)
            stack.callback(path.unlink, missing_ok=True)
            stack.enter_context(results.lease(folder, f"run.{id_}"))
        yield


def _file(folder: Path, id_: str) -> Path:
    return folder / "claims" / f"plan-{id_}.json"


@contextlib.contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Context manager: no other process is at what is made under a name in this folder while the block runs."""
    for seconds in units.pauses():
        with results.lease(folder, "plan") as is_ours:
            if is_ours:
                yield
                return
        time.sleep(seconds)


def _others(folder: Path) -> Iterator[Plan]:
    """The plans of processes that are at work; those of processes that are gone are deleted."""
    held = {name.removeprefix("run.") for name in results.leased(folder, "run.")}
    for path in (folder / "claims").glob("plan-*.json"):
        if path.stem.removeprefix("plan-") not in held:
            path.unlink(missing_ok=True)
            continue
        # Its process may end at this moment.
        with contextlib.suppress(FileNotFoundError, results.Damaged):
            other = results.load_object(path)
            yield {kind: other.get(kind, {}) for kind in KINDS}


def _check(folder: Path, other: Plan, plan: Plan) -> None:
    networks, conditions = ({n: other[kind][n] for n in other[kind] if n in plan[kind]} for kind in KINDS[:2])
    for name, made_by in networks.items():
        network_files.check_made_by(folder, name, {"made_by": made_by}, plan["networks"][name])
    for name, info in conditions.items():
        declaring.check_condition(folder, name, info, plan["conditions"][name])
    declaring.check_measures(folder, other["measures"], plan["measures"])
    both = other["diagnostics"].keys() & plan["diagnostics"].keys()
    theirs, ours = ({id_: one["diagnostics"][id_] for id_ in both} for one in (other, plan))
    if lines := difference(theirs, ours):
        raise results.Mismatch(f"{folder} has diagnostics made differently: {'; '.join(lines)}.")
