"""The plans of the processes at work on a folder: what one of them makes under a name, no other makes differently."""

import contextlib
import time
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from rosalind import measures, results
from rosalind.study import declaring, network_files, planning, units
from rosalind.study.missing import Missing

KINDS = ("networks", "conditions", "measures")
"""Parts of a plan: of each a dict of all that determines what has a name."""


@contextlib.contextmanager
def declared(missing: Missing, folder: Path) -> Iterator[None]:
    """Context manager: the plan of a study that lacks something is known to other processes while the block runs.

    A file is refused where another was made differently; before the first there is none, for as long as an hour where
    dense networks are trained. The plan is `claims/plan-<id>.json`, beside a lease `run.<id>`, and ends with it.

    Raises:
        results.Mismatch: another process is making a network, condition or measure of the same name differently.
    """
    if not (missing.networks or missing.cells):
        yield
        return
    plan, id_ = _plan(missing), uuid.uuid4().hex[:16]
    path = _file(folder, id_)
    with contextlib.ExitStack() as stack:
        # One after the other, so that of two that begin together the second sees the first.
        with _alone(folder):
            for other in _others(folder):
                try:
                    _check(folder, other, plan)
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
def _alone(folder: Path) -> Iterator[None]:
    """Context manager: no other process is at its plan of this folder while the block runs."""
    for seconds in units.pauses():
        with results.lease(folder, "plan") as is_ours:
            if is_ours:
                yield
                return
        time.sleep(seconds)


def _plan(missing: Missing) -> dict[str, Any]:
    """All that determines the networks that are to be made, and the conditions and measures of the study."""
    study, dataset = missing.study, missing.dataset
    expected = [planning.expected(study, dataset, task) for task in (*missing.parents, *missing.rest)]
    planned = planning.conditions_of(study, dataset)
    return {
        "networks": {n: by for networks in expected for n, by in networks.items() if n in missing.networks},
        "conditions": {one.condition.id: declaring.described(study, dataset, one) for one in planned},
        "measures": measures.to_json(study.measures),
    }


def _others(folder: Path) -> Iterator[Mapping[str, Any]]:
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


def _check(folder: Path, other: Mapping[str, Any], plan: Mapping[str, Any]) -> None:
    networks, conditions = ({n: other[kind][n] for n in other[kind] if n in plan[kind]} for kind in KINDS[:2])
    for name, made_by in networks.items():
        network_files.check_made_by(folder, name, {"made_by": made_by}, plan["networks"][name])
    for name, info in conditions.items():
        declaring.check_condition(folder, name, info, plan["conditions"][name])
    declaring.check_measures(folder, other["measures"], plan["measures"])
