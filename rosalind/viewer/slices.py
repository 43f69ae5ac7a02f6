"""Named selections of a study, stored as rules in `slices.json`, the only file that the viewer writes."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rosalind import results
from rosalind.analysis.selection import Rule, check_rule, to_json
from rosalind.analysis.store import Store

LONGEST_NAME = 80
"""Characters; the same holds for `LONGEST_NOTE`."""

LONGEST_NOTE = 1000

MOST = 200
"""Most slices per study; a further one is refused."""


@dataclass(frozen=True)
class Slice:
    """A selection rule with a reader's note."""

    rule: Rule
    note: str = ""


def path_of(store: Store) -> Path:
    """The file of a study's slices.

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
    """Time of the last change of the file in nanoseconds; 0 where there is none."""
    try:
        return path_of(store).stat().st_mtime_ns
    except OSError:
        return 0


def _entries(store: Store) -> dict[str, Any]:
    """The entries of the file by name, unchecked; empty where there is no file.

    Raises:
        Damaged: the file is not a JSON object.
    """
    path = path_of(store)
    if not path.exists():
        return {}
    entries = results.load_json(path)
    if not isinstance(entries, dict):
        raise results.Damaged(f"{path} is not a JSON object.")
    return entries


def load(store: Store) -> tuple[dict[str, Slice], list[str]]:
    """The slices by name, sorted, and one sentence for each that cannot be read."""
    if len(store.folders) > 1:
        return {}, []
    try:
        entries = _entries(store)
    except (results.Damaged, OSError) as error:
        return {}, [f"{error} Slices are not shown."]
    slices, problems = {}, []
    for name, value in list(entries.items())[:MOST]:
        # Before there were notes, a slice was the bare rule.
        rule, note = (value.get("rule"), value.get("note", "")) if isinstance(value, Mapping) else (value, "")
        try:
            slices[name[:LONGEST_NAME]] = Slice(check_rule(store, rule), str(note)[:LONGEST_NOTE])
        except (ValueError, TypeError, KeyError) as error:
            problems.append(f"The slice {name[:40]!r} was not understood ({error}).")
    return dict(sorted(slices.items())), problems


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
        entries = _entries(store)
    except results.Damaged as error:
        raise ValueError(f"{error} Mend or move the file first: saving would lose what is in it.") from error
    if slice_ is None:
        entries.pop(name, None)
    elif not slice_.rule:
        raise ValueError("nothing is selected that could be saved.")
    elif len(slice_.note) > LONGEST_NOTE:
        raise ValueError(f"a note has at most {LONGEST_NOTE} characters, this one {len(slice_.note)}.")
    else:
        entry = {"rule": [to_json(step) for step in slice_.rule], "note": slice_.note.strip()}
        if entries.get(name, entry) != entry:
            raise ValueError(f"there is a slice {name!r} already; remove it first, or take another name.")
        entries[name] = entry
    if len(entries) > MOST:
        raise ValueError(f"a study holds at most {MOST} slices; remove one first.")
    try:
        results.save_json(path_of(store), entries, replace=True)
    except OSError as error:
        raise PermissionError(
            f"{path_of(store)} cannot be written ({error.strerror or error}); the address holds the selection: "
            "copy the link instead."
        ) from error
