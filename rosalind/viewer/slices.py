"""Named selections of a study, kept as rules in its `slices.json`, the one file that the viewer writes."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rosalind import results as files
from rosalind.analysis.selection import Rule, check_rule, to_json
from rosalind.analysis.store import Store

LONGEST_NAME = 80

LONGEST_NOTE = 1000

MOST = 200
"""Slices per study; beyond it a new one is refused."""


@dataclass(frozen=True)
class Slice:
    """A selection rule, and what somebody had to say about it."""

    rule: Rule
    note: str = ""


def path_of(store: Store) -> Path:
    """Where a study's slices are.

    Raises:
        PermissionError: several studies are shown together, whose networks have other names when alone.
    """
    if len(store.folders) > 1:
        raise PermissionError(
            "slices belong to one study, and several are shown together; the address holds the selection: "
            "copy the link instead."
        )
    return store.results.folder / "slices.json"


def stamp(store: Store) -> int:
    """When the slices were written last, in nanoseconds; 0 where there are none."""
    try:
        return path_of(store).stat().st_mtime_ns
    except OSError:
        return 0


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


def load(store: Store) -> tuple[dict[str, Slice], list[str]]:
    """The slices by name, sorted, and what could not be read, one sentence each."""
    if len(store.folders) > 1:
        return {}, []
    try:
        written = _written(store)
    except (files.Damaged, OSError) as error:
        return {}, [f"{error} Slices are not shown."]
    found, problems = {}, []
    for name, value in list(written.items())[:MOST]:
        # Before there were notes, a slice was the bare rule.
        rule, note = (value.get("rule"), value.get("note", "")) if isinstance(value, Mapping) else (value, "")
        try:
            found[name[:LONGEST_NAME]] = Slice(check_rule(store, rule), str(note)[:LONGEST_NOTE])
        except (ValueError, TypeError, KeyError) as error:
            problems.append(f"The slice {name[:40]!r} was not understood ({error}).")
    return dict(sorted(found.items())), problems


def save(store: Store, name: str, slice_: Slice | None) -> None:
    """Add or (with None) remove a slice; all others in the file stay, also those not understood.

    Raises:
        ValueError: an empty or too long name or note, a name that is taken by another slice, an empty rule, too
            many slices; a damaged file, which is left as it is.
        PermissionError: the study cannot be written; the address holds the rule.
    """
    name = name.strip()
    if not name or len(name) > LONGEST_NAME:
        raise ValueError(f"a slice needs a name of 1 to {LONGEST_NAME} characters.")
    try:
        written = _written(store)
    except files.Damaged as error:
        raise ValueError(f"{error} Mend or move the file first: saving would lose what is in it.") from error
    if slice_ is None:
        written.pop(name, None)
    elif not slice_.rule:
        raise ValueError("nothing is selected that could be saved.")
    elif len(slice_.note) > LONGEST_NOTE:
        raise ValueError(f"a note has at most {LONGEST_NOTE} characters, this one {len(slice_.note)}.")
    else:
        made = {"rule": [to_json(step) for step in slice_.rule], "note": slice_.note.strip()}
        if written.get(name, made) != made:
            raise ValueError(f"there is a slice {name!r} already; remove it first, or take another name.")
        written[name] = made
    if len(written) > MOST:
        raise ValueError(f"a study holds at most {MOST} slices; remove one first.")
    try:
        files.save_json(path_of(store), written, replace=True)
    except OSError as error:
        raise PermissionError(
            f"{path_of(store)} cannot be written ({error.strerror or error}); the address holds the selection: "
            "copy the link instead."
        ) from error
