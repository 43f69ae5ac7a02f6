"""Files that appear whole or not at all, and what is said of damaged ones; JSON and CSV. Arrays: `arrays`."""

import contextlib
import csv
import json
import os
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from rosalind.results import leases


class Damaged(ValueError):
    """A file of a study that cannot be read: truncated, foreign, or without what it should hold."""


@contextlib.contextmanager
def replacing(path: Path, *, overwrite: bool = True) -> Iterator[Path]:
    """Context manager for a file that appears whole or not at all.

    Yields a temporary path in the same folder, which is made if it is missing. It takes the name `path` when the
    block ends, when it is on the disk as a whole, and is removed where the block raises. Its name has the process,
    see `leases.remove_abandoned`, and is random: threads, and containers that share a folder, have equal process ids.

    Args:
        path: of the finished file.
        overwrite: replace an existing file; if False the first writer wins.

    Raises:
        OSError: a full disk or the like, with the path of the file that was to be written.
        PermissionError: see `check_file`.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "a.txt"
    ...     with replacing(path) as temporary:
    ...         _ = temporary.write_text("whole")
    ...     path.read_text(), len(list(path.parent.iterdir()))
    ('whole', 1)
    """
    check_file(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = leases.temporary(path)
    try:
        yield temporary
        with open(temporary, "rb+") as file:
            os.fsync(file.fileno())
        if overwrite:
            os.replace(temporary, path)
            return
        try:
            os.link(temporary, path)
        except FileExistsError:
            pass
        except OSError:  # a file system without hard links
            if not path.exists():
                os.replace(temporary, path)
    except OSError as error:
        if error.filename is not None or error.errno is None:
            raise
        raise OSError(error.errno, error.strerror, str(path)) from error
    finally:
        temporary.unlink(missing_ok=True)


def move_aside(path: Path, reason: object) -> None:
    """Rename a damaged file to `<name>.damaged` and say so, so that it is made again and nothing is lost."""
    aside = path.with_name(path.name + ".damaged")
    with contextlib.suppress(FileNotFoundError):  # another worker was first
        os.replace(path, aside)
    print(f"{reason} It is made again; the old file is {aside.name}.", file=sys.stderr)


def save_json(path: Path, value: Any, *, replace: bool = False) -> None:
    """Write JSON that appears whole or not at all; see `save_arrays`."""
    with replacing(path, overwrite=replace) as temporary:
        temporary.write_text(json.dumps(value, indent=1, sort_keys=True, allow_nan=False) + "\n")


def load_json(path: Path) -> Any:
    """The content of a JSON file.

    Raises:
        FileNotFoundError: no such file.
        OSError: the file cannot be read now; it is not damaged.
        Damaged: not JSON, or nested so deep that Python cannot read it.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise Damaged(f"{path} is not JSON ({error}).") from error


def load_object(path: Path) -> dict[str, Any]:
    """The content of a JSON file that holds an object; errors as those of `load_json`, and Damaged for another kind."""
    value = load_json(path)
    if not isinstance(value, dict):
        raise Damaged(f"{path} is not a JSON object.")
    return value


def save_csv(path: Path, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Write a CSV table by rename; None and NaN become empty cells."""
    with replacing(path) as temporary, open(temporary, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        for row in rows:
            writer.writerow(["" if v is None or v != v else v for v in row])


def check_file(path: Path) -> None:
    """Raise PermissionError where a file cannot take a name: a folder, or a device, whose place it would take.

    Where the output of a command goes to a file, `/dev/stdout` leads to it, and is a link that would be replaced.
    """
    if path.exists() and (not path.is_file() or path.absolute().parent == Path("/dev")):
        raise PermissionError(f"cannot write {path}: it is no file. Choose another name.")


def shown(path: str | Path) -> str:
    r"""A path as text that can be written anywhere: bytes of a name that are no UTF-8 are replaced.

    >>> shown("st\udcfcdy") == "st\ufffddy", shown(Path("studies/m\u00fche")) == "studies/m\u00fche"
    (True, True)
    """
    return os.fsencode(path).decode("utf-8", "replace")


def _check_named(folder: str | Path) -> None:
    if folder == "":
        raise ValueError("a folder must have a name, got ''; write '.' for the current one.")


def check_makeable(folder: str | Path) -> None:
    """`check_writable` as far as it can be told without making or writing anything; it raises the same."""
    _check_named(folder)
    folder = Path(folder)
    try:
        nearest = next((place for place in (folder, *folder.absolute().parents) if place.exists()), folder)
    except FileNotFoundError as error:
        raise PermissionError(
            f"cannot write in {folder}: the current folder is gone. Choose another folder."
        ) from error
    if not nearest.is_dir():
        raise PermissionError(f"cannot write in {folder}: {nearest} is no folder. Choose another folder.")
    if not os.access(nearest, os.W_OK | os.X_OK):
        raise PermissionError(f"cannot write in {folder}: {nearest} may not be written. Choose another folder.")


def check_writable(folder: str | Path) -> None:
    """Raise a clear error unless files can be written in the folder, which is made if it is missing.

    Raises:
        ValueError: empty text, which as a path would be the current folder.
        PermissionError: a folder that cannot be made or written.
    """
    _check_named(folder)
    folder = Path(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise PermissionError(f"cannot write in {folder}: {error.strerror or error}. Choose another folder.") from error
