"""Files that appear whole or not at all: npz without pickles, JSON and CSV, with clear errors when damaged."""

import contextlib
import csv
import hashlib
import json
import os
import sys
import tempfile
import uuid
import zipfile
from collections.abc import Iterable, Iterator, Mapping, MutableMapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np


class Damaged(ValueError):
    """A file of a study that cannot be read: truncated, foreign, or without what it should hold."""


@contextlib.contextmanager
def replacing(path: Path, *, overwrite: bool = True) -> Iterator[Path]:
    """Context manager for a file that appears whole or not at all.

    Yields a temporary path in the same folder, which is made if it is missing. It takes the name `path` when the
    block ends, and is removed where the block raises. Its name is random: threads, and containers that share a
    folder, have equal process ids.

    Args:
        path: of the finished file.
        overwrite: replace an existing file; if False the first writer wins.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "a.txt"
    ...     with replacing(path) as temporary:
    ...         _ = temporary.write_text("whole")
    ...     path.read_text(), len(list(path.parent.iterdir()))
    ('whole', 1)
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}.tmp")
    try:
        yield temporary
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
    finally:
        temporary.unlink(missing_ok=True)


def save_arrays(path: Path, arrays: Mapping[str, Any], *, replace: bool = False) -> None:
    """Write an npz that appears whole or not at all.

    Args:
        path: ends in `.npz`; folders are made.
        arrays: by key; keys may contain slashes.
        replace: overwrite; otherwise the first writer wins.

    Raises:
        ValueError: an array of Python objects, which could only be pickled.
    """
    ready = {key: np.asarray(value) for key, value in arrays.items()}
    for key, value in ready.items():
        if value.dtype == object:
            raise ValueError(f"{key!r} of {path.name} is an array of objects; give it a number or text dtype.")
    with replacing(path, overwrite=replace) as temporary, open(temporary, "wb") as file:
        np.savez(file, allow_pickle=False, **ready)


def save_array(path: Path, array: np.ndarray, *, replace: bool = False) -> None:
    """Write an npy that appears whole or not at all; see `save_arrays`."""
    with replacing(path, overwrite=replace) as temporary, open(temporary, "wb") as file:
        np.save(file, array, allow_pickle=False)


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[np.lib.npyio.NpzFile]:
    """An npz to read; see `load_arrays` for the errors."""
    if not path.exists():
        raise FileNotFoundError(f"{path} does not exist.")
    try:
        # Opened here, because np.load leaves the file open when it is damaged.
        with open(path, "rb") as opened, np.load(opened, allow_pickle=False) as file:
            if not isinstance(file, np.lib.npyio.NpzFile):
                raise Damaged(f"{path} is a single array, not an npz.")
            yield file
    except Damaged:
        raise
    except ValueError as error:
        reason = "holds pickled objects, which are never read" if "pickle" in str(error) else str(error)
        raise Damaged(f"{path} {reason}.") from error
    except (zipfile.BadZipFile, EOFError, OSError, KeyError) as error:
        raise Damaged(f"{path} is truncated or not an npz ({error}).") from error


def array_names(path: Path) -> frozenset[str]:
    """The keys of an npz; errors as those of `load_arrays`."""
    with _opened(path) as file:
        return frozenset(file.files)


def load_arrays(path: Path, keys: Iterable[str] | None = None) -> dict[str, np.ndarray]:
    """The arrays of an npz, all or some; nothing is ever unpickled.

    Raises:
        FileNotFoundError: no such file.
        Damaged: truncated, not an npz, pickled, or without one of the keys.
    """
    with _opened(path) as file:
        wanted = file.files if keys is None else list(keys)
        missing = [key for key in wanted if key not in file.files]
        if missing:
            raise Damaged(f"{path} lacks {missing}; it has {sorted(file.files)[:20]}.")
        return {key: file[key] for key in wanted}


def load_array(path: Path) -> np.ndarray:
    """The array of an npy, memory-mapped; nothing is ever unpickled.

    Raises:
        FileNotFoundError: no such file.
        Damaged: truncated, empty, not an npy, or pickled.
    """
    try:
        return np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, EOFError) as error:
        raise Damaged(f"{path} is truncated or no array of numbers ({error}).") from error


def readable(path: Path, keys: Sequence[str] | None = None) -> bool:
    """True where an npz exists and its arrays (or some) can be read; a damaged one is named and moved aside.

    It gets the ending `.damaged`, so that it is made again and nothing is lost.
    """
    try:
        load_arrays(path, keys)
        return True
    except FileNotFoundError:
        return False
    except Damaged as error:
        aside = path.with_name(path.name + ".damaged")
        with contextlib.suppress(FileNotFoundError):  # another worker was first
            os.replace(path, aside)
        print(f"{error} It is made again; the old file is {aside.name}.", file=sys.stderr)
        return False


def save_json(path: Path, value: Any, *, replace: bool = False) -> None:
    """Write JSON that appears whole or not at all; see `save_arrays`."""
    with replacing(path, overwrite=replace) as temporary:
        temporary.write_text(json.dumps(value, indent=1, sort_keys=True, allow_nan=False) + "\n")


def load_json(path: Path) -> Any:
    """The content of a JSON file.

    Raises:
        FileNotFoundError: no such file.
        Damaged: not JSON.
    """
    try:
        return json.loads(path.read_text())
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise Damaged(f"{path} is not JSON ({error}).") from error


def save_csv(path: Path, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Write a CSV table by rename; None and NaN become empty cells."""
    with replacing(path) as temporary, open(temporary, "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        for row in rows:
            writer.writerow(["" if v is None or v != v else v for v in row])


def hash_arrays(arrays: Mapping[str, Any]) -> str:
    """Sixteen hexadecimal digits over names, dtypes, shapes and bytes of arrays."""
    digest = hashlib.sha256()
    for key in sorted(arrays):
        value = np.ascontiguousarray(arrays[key])
        digest.update(f"{key}|{value.dtype.str}|{value.shape}|".encode())
        digest.update(value.tobytes())
    return digest.hexdigest()[:16]


def check_writable(folder: Path) -> None:
    """Raise a clear error unless files can be written in the folder, which is made if it is missing."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise PermissionError(f"cannot write in {folder}: {error.strerror or error}. Choose another folder.") from error


class Checkpoints(MutableMapping[str, dict[str, np.ndarray]]):
    """A folder of npz files as a mapping, for `pruning.prune`'s `resume`; deleting the files is safe."""

    def __init__(self, folder: Path, prefix: str):
        self._folder, self._prefix = folder, prefix

    def _file(self, name: str) -> Path:
        return self._folder / f"{self._prefix}-{name}.npz"

    def __contains__(self, name: object) -> bool:
        return readable(self._file(str(name)))

    def __getitem__(self, name: str) -> dict[str, np.ndarray]:
        if name not in self:
            raise KeyError(name)
        return load_arrays(self._file(name))

    def __setitem__(self, name: str, arrays: dict[str, np.ndarray]) -> None:
        save_arrays(self._file(name), arrays)

    def __delitem__(self, name: str) -> None:
        self._file(name).unlink()

    def __iter__(self) -> Iterator[str]:
        files = self._folder.glob(f"{self._prefix}-*.npz")
        return (path.stem.removeprefix(f"{self._prefix}-") for path in sorted(files))

    def __len__(self) -> int:
        return sum(1 for _ in self)
