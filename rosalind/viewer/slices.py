"""Named selections of a study, kept as rules in its `slices.json`, the one file that the viewer writes."""

from pathlib import Path
from typing import Any

from rosalind import results as files
from rosalind.viewer import state as states
from rosalind.viewer.store import Store

LONGEST_NAME = 80
MOST = 500
"""Slices of one study."""

Rule = tuple[dict[str, Any], ...]


def path_of(store: Store) -> Path:
    """Where a study's slices are."""
    return store.results.folder / "slices.json"


def _written(store: Store) -> dict[str, Any]:
    """What the file holds, by name, understood or not; nothing where there is no file.

    Raises:
        Damaged: it is not JSON, or no table of slices.
    """
    path = path_of(store)
    if not path.exists():
        return {}
    found = files.load_json(path)
    if not isinstance(found, dict):
        raise files.Damaged(f"{path} holds no table of slices.")
    return found


def load(store: Store) -> tuple[dict[str, Rule], list[str]]:
    """The rules by name, sorted, and what could not be read, one sentence each."""
    try:
        written = _written(store)
    except (files.Damaged, OSError) as error:
        return {}, [f"{error} Slices are not shown."]
    found, problems = {}, []
    for name, rule in list(written.items())[:MOST]:
        try:
            found[name[:LONGEST_NAME]] = states.check_rule(store, rule)
        except (ValueError, TypeError, KeyError) as error:
            problems.append(f"slice {name[:LONGEST_NAME]!r} was not understood ({error}).")
    return found, problems


def save(store: Store, name: str, rule: Rule | None) -> None:
    """Add, replace or (without a rule) remove a slice; all others in the file stay, also those not understood.

    Raises:
        ValueError: an empty or too long name, an empty rule, too many slices; a damaged file, which is left
            as it is.
        PermissionError: the study cannot be written; the address holds the rule.
    """
    name = name.strip()
    if not name or len(name) > LONGEST_NAME:
        raise ValueError(f"a slice needs a name of 1 to {LONGEST_NAME} characters.")
    try:
        written = _written(store)
    except files.Damaged as error:
        raise ValueError(f"{error} Mend or move the file first: saving would lose what is in it.") from error
    if rule is None:
        written.pop(name, None)
    elif not rule:
        raise ValueError("nothing is selected that could be saved.")
    else:
        written[name] = rule
    if len(written) > MOST:
        raise ValueError(f"a study holds at most {MOST} slices; remove one first.")
    try:
        files.save_json(path_of(store), written, replace=True)
    except OSError as error:
        raise PermissionError(
            f"{path_of(store)} cannot be written ({error.strerror or error}); the address holds the selection: "
            "copy the link."
        ) from error
