"""Arrays in npz and npy files: they appear whole, are never pickled, and their sizes are checked before any is read."""

import contextlib
import errno
import functools
import hashlib
import io
import math
import os
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping, Sequence
from pathlib import Path
from typing import IO, Any, NoReturn

import numpy as np
from numpy.typing import DTypeLike

from rosalind.results.files import Damaged, move_aside, replacing

Reader = Callable[[str], bytes]
"""From the name of a member of an npz to its bytes, which have been checked."""

_END = struct.Struct("<4s4H2LH")
_ENTRY = struct.Struct("<4s6H3L5H2L")
_LOCAL = struct.Struct("<4s5H3L2H")
"""The records of a zip file: its end, an entry of its directory, and what stands before an array."""


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


def _at(file: IO[bytes], offset: int, length: int) -> bytes:
    """Bytes of an open file from a place on; fewer where it ends before."""
    file.seek(offset)
    return file.read(length)


def _directory(file: IO[bytes], size: int) -> dict[str, tuple[int, int, int]] | None:
    """Offset of the header, bytes and CRC of every member of a zip file that is as `save_arrays` writes it, else None.

    The standard library's reader takes 0.3 ms for a cell, and a comparison reads each of thousands several times.
    """
    tail = _at(file, max(size - 4096, 0), 4096)
    if len(tail) < _END.size:
        return None
    mark, disk, _, on_this_disk, count, length, start, comment = _END.unpack_from(tail, len(tail) - _END.size)
    if mark != b"PK\5\6" or disk or comment or on_this_disk != count or start + length + _END.size != size:
        return None
    if length + _END.size > len(tail):
        tail = _at(file, start, length + _END.size)
    place, end = len(tail) - _END.size - length, len(tail) - _END.size
    members: dict[str, tuple[int, int, int]] = {}
    for _ in range(count):
        if place + _ENTRY.size > end:
            return None
        entry = _ENTRY.unpack_from(tail, place)
        flags, method, crc, packed, plain, name, extra, remark, offset = (*entry[3:5], *entry[7:13], entry[16])
        # Stored plainly, smaller than 4 GB, and named in ASCII; all else is the standard library's.
        if entry[0] != b"PK\1\2" or flags or method or packed != plain or 0xFFFFFFFF in (plain, offset):
            return None
        place += _ENTRY.size
        try:
            members[tail[place : place + name].decode("ascii")] = offset, plain, crc
        except UnicodeDecodeError:
            return None
        place += name + extra + remark
    return members if place == end and len(members) == count else None


def _reader(file: IO[bytes], members: Mapping[str, tuple[int, int, int]]) -> Reader:
    def read(name: str) -> bytes:
        offset, length, crc = members[name]
        # The header's name and extra field are of unknown length, short as a rule.
        around = _at(file, offset, _LOCAL.size + len(name) + 64 + length)
        local = _LOCAL.unpack_from(around)
        start = _LOCAL.size + local[9] + local[10]
        content = around[start : start + length]
        if len(content) < length:
            content = _at(file, offset + start, length)
        stored = around[_LOCAL.size : _LOCAL.size + local[9]]
        if local[0] != b"PK\3\4" or stored != name.encode() or len(content) != length or zlib.crc32(content) != crc:
            raise zipfile.BadZipFile(f"bad header or CRC-32 for {name!r}")
        return content

    return read


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[tuple[list[str], Reader]]:
    """The names of the members of an npz, and what reads them; see `load_arrays` for the errors."""
    try:
        with open(path, "rb", buffering=0) as file:
            size = os.fstat(file.fileno()).st_size
            members = _directory(file, size)
            if members is None:
                archive = zipfile.ZipFile(file)
                sizes, read = {info.filename: info.file_size for info in archive.infolist()}, archive.read
            else:
                sizes, read = {name: length for name, (_, length, _) in members.items()}, _reader(file, members)
            # Before anything is read: files of 3 MB that unpack to 3 GB, and headers that claim more than there is.
            if (claimed := sum(sizes.values())) > size:
                raise Damaged(
                    f"{path} claims {claimed:,} bytes of arrays in a file of {size:,}; arrays of a study are never "
                    "compressed."
                )
            yield list(sizes), read
    except FileNotFoundError as error:
        raise FileNotFoundError(f"{path} does not exist.") from error
    except (Damaged, MemoryError):
        raise
    except Exception as error:
        _raise_damaged(path, error, "npz")


def _raise_damaged(path: Path, error: Exception, ending: str) -> NoReturn:
    """Damaged in place of whatever a broken format raises; an error of the disk, which may pass, as it is."""
    # zipfile seeks to where a broken file says, which may be before its start; a folder is no file of the study's.
    if isinstance(error, OSError) and error.errno not in (None, errno.EINVAL, errno.EISDIR):
        raise error
    raise Damaged(f"{path} is truncated or not an {ending} ({error}).") from error


LONGEST = 2**16
"""Most bytes of an npy's header that are looked at; those of a study have 118."""


@functools.lru_cache(maxsize=1024)
def _parsed(head: bytes) -> tuple[tuple[int, ...], bool, np.dtype]:
    """Shape, order and dtype that the first bytes of an npy say.

    NumPy compiles every header as Python: 0.4 of the time of reading a cell, of which a study has thousands alike.
    """
    file = io.BytesIO(head)
    version = np.lib.format.read_magic(file)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    return read(file)


def _header(path: Path, start: bytes, size: int) -> tuple[tuple[int, ...], bool, np.dtype, int]:
    """Shape, order, dtype and place of the numbers of an npy of `size` bytes that begins with `start`.

    Damaged where they do not fit its size.
    """
    long = start[6:7] > b"\1"
    length = int.from_bytes(start[8:12] if long else start[8:10], "little") + (12 if long else 10)
    shape, fortran, dtype = _parsed(start[: min(length, LONGEST)])
    if dtype.hasobject:
        raise Damaged(f"{path} holds pickled objects, which are never read.")
    if length + math.prod(shape) * dtype.itemsize != size:
        raise Damaged(f"{path} has {size:,} bytes for {dtype}{list(shape)}, as its header says; it is damaged.")
    return shape, fortran, dtype, length


def _read(path: Path, read: Reader, key: str) -> np.ndarray:
    content = read(f"{key}.npy")
    shape, fortran, dtype, start = _header(path, content, len(content))
    flat = np.frombuffer(content, dtype, math.prod(shape), start)
    return flat.reshape(shape, order="F" if fortran else "C").copy(order="K")


def array_names(path: Path) -> frozenset[str]:
    """The keys of an npz; errors as those of `load_arrays`."""
    with _opened(path) as (names, _):
        return frozenset(name.removesuffix(".npy") for name in names)


def directory_hash(path: Path) -> str:
    """Sixteen hexadecimal digits over names, sizes and CRCs of the arrays of an npz, and its size; read in 0.02 ms.

    Equal for files of equal arrays, wherever they lie and whenever they were written; "" for a file that is missing or
    not as `save_arrays` writes it.
    """
    try:
        with open(path, "rb", buffering=0) as file:
            size = os.fstat(file.fileno()).st_size
            members = _directory(file, size)
    except OSError:
        return ""
    return "" if members is None else hashlib.sha256(repr((size, members)).encode()).hexdigest()[:16]


def load_arrays(
    path: Path, keys: Iterable[str] | None = None, *, optional: Iterable[str] = ()
) -> dict[str, np.ndarray]:
    """The arrays of an npz, all or some; nothing is ever unpickled.

    Args:
        path: of the file.
        keys: those that must be there; None for all.
        optional: further ones, which are left out where they are not there.

    Raises:
        FileNotFoundError: no such file.
        OSError: the file cannot be read now; it is not damaged.
        Damaged: truncated, not an npz, pickled, compressed, without one of the keys, or with another size than its
            headers say, which are checked before anything is read.
    """
    with _opened(path) as (names, read):
        stored = [name.removesuffix(".npy") for name in names]
        chosen = stored if keys is None else [*keys, *(key for key in optional if key in stored)]
        missing = [key for key in chosen if key not in stored]
        if missing:
            raise Damaged(f"{path} lacks {missing}; it has {sorted(stored)[:20]}.")
        return {key: _read(path, read, key) for key in chosen}


def new_array(path: Path, dtype: DTypeLike, shape: tuple[int, ...]) -> np.memmap:
    """A new npy of zeros, memory-mapped, whose bytes are reserved on the disk.

    Raises:
        OSError: a full disk. Where pages of a mapped file find no room as they are written, the process is killed
            (SIGBUS) without a word.
    """
    array = np.lib.format.open_memmap(path, mode="w+", dtype=dtype, shape=shape)
    with open(path, "rb+") as file:
        if not _reserve(file):
            file.seek(array.offset)
            for start in range(0, array.nbytes, 2**20):
                file.write(bytes(min(2**20, array.nbytes - start)))
    return array


def _reserve(file: IO[bytes]) -> bool:
    """Reserve the bytes of a file on the disk; False where the system or the file system cannot."""
    if not hasattr(os, "posix_fallocate"):  # as on a Mac
        return False
    try:
        os.posix_fallocate(file.fileno(), 0, os.fstat(file.fileno()).st_size)
    except OSError as error:
        # Of file systems without it glibc writes the bytes; musl, as of Alpine, does not.
        if error.errno not in (errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS):
            raise
        return False
    return True


def load_array(path: Path) -> np.ndarray:
    """The array of an npy, memory-mapped; nothing is ever unpickled.

    Raises:
        FileNotFoundError: no such file.
        OSError: the file cannot be read now; it is not damaged.
        Damaged: truncated, empty, not an npy, or pickled.
    """
    try:
        with open(path, "rb") as file:
            _header(path, file.read(LONGEST), os.fstat(file.fileno()).st_size)
        return np.load(path, mmap_mode="r", allow_pickle=False)
    except Damaged:
        raise
    except Exception as error:
        _raise_damaged(path, error, "npy")


def readable(path: Path, keys: Sequence[str] | None = None) -> bool:
    """True where an npz exists and its arrays (or some) can be read; a damaged one is named and moved aside."""
    try:
        load_arrays(path, keys)
        return True
    except FileNotFoundError:
        return False
    except Damaged as error:
        move_aside(path, error)
        return False


def hash_arrays(arrays: Mapping[str, Any]) -> str:
    """Sixteen hexadecimal digits over names, dtypes, shapes and bytes of arrays."""
    digest = hashlib.sha256()
    for key in sorted(arrays):
        value = np.ascontiguousarray(arrays[key])
        digest.update(f"{key}|{value.dtype.str}|{value.shape}|".encode())
        digest.update(value.tobytes())
    return digest.hexdigest()[:16]


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
