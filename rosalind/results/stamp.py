"""The stamp of derived files: what they were made from, and what they were when they were made."""

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from rosalind.results.files import Damaged, load_object, save_json

HASHED = 64 * 2**20
"""Derived files up to so many bytes are hashed; of larger ones the size is compared."""


def _file(folder: Path) -> Path:
    return folder / "comparison" / "stamp.json"


def _derived(folder: Path) -> Iterator[Path]:
    yield folder / "summary.csv"
    yield from (path for path in (folder / "comparison").glob("[!.]*") if path != _file(folder) and path.is_file())
    # Derived as well, and without a checksum of their own as npz files have it.
    yield from (folder / "images").glob("[!.]*.npy")


def _state(path: Path) -> list[Any]:
    size = path.stat().st_size
    return [size, hashlib.sha256(path.read_bytes()).hexdigest()[:16] if size <= HASHED else None]


def is_current(folder: Path, made_of: Mapping[str, Any]) -> bool:
    """True where the derived files of a folder were made of this and are as they were then."""
    try:
        stored = load_object(_file(folder))
        files = stored.pop("files", None)
        if stored != made_of or not isinstance(files, dict):
            return False
        return all(_state(folder / file) == state for file, state in files.items())
    except (FileNotFoundError, Damaged):
        return False


def predates(folder: Path, path: Path) -> bool:
    """True where a file was written after the derived files of a folder were stamped."""
    try:
        return _file(folder).stat().st_mtime_ns < path.stat().st_mtime_ns
    except FileNotFoundError:
        return False


def withdraw(folder: Path) -> None:
    """Take the stamp away before derived files are made again, so that none is compared with that of an older one."""
    _file(folder).unlink(missing_ok=True)


def save(folder: Path, made_of: Mapping[str, Any]) -> None:
    """Stamp the derived files of a folder, as they are now."""
    files = {str(path.relative_to(folder)): _state(path) for path in sorted(_derived(folder)) if path.exists()}
    save_json(_file(folder), {**made_of, "files": files}, replace=True)


def check_derived(folder: Path, file: str) -> None:
    """Raise Damaged for a derived file that is not as the stamp has it; without a stamp nothing is known."""
    try:
        files = load_object(_file(folder)).get("files")
    except (FileNotFoundError, Damaged):
        return
    state = files.get(file) if isinstance(files, dict) else None
    if state is not None and (current := _state(folder / file)) != state:
        raise Damaged(f"{folder / file} has {current[0]:,} bytes where {state[0]:,} were written, or others.")
