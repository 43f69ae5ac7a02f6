"""Leases of units of work, so that processes that share a folder share its work; and what dead processes leave."""

import contextlib
import functools
import glob
import hashlib
import os
import re
import socket
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

HEARTBEAT = 15.0
"""Seconds between the signs of life of a lease: the time of its file is renewed."""

STALE = 120.0
"""Seconds without a sign of life after which a lease is another's to take."""

WATCH = 2 * HEARTBEAT
"""Seconds that such a lease is looked at before it is taken: where a clock was set, its holder renews it by then."""

ABANDONED = 86_400.0
"""Seconds after which a temporary file of another host is deleted; one of this host goes with its process."""

AGAIN = "it is begun again. A unit that ends its process every time costs itself alone in `run` with --jobs 2."

_OWNER = re.compile(r"(?P<host>[0-9a-f]{8})-(?P<pid>[0-9]{1,9})")
"""What `owner` gives; a lease with other content, of a foreign or damaged file, has only its time."""

_TEMPORARY = re.compile(r"\..+\.(?P<owner>[0-9a-f]{8}-[0-9]{1,9})-[0-9a-f]{16}\.tmp|\..+\.[0-9a-f]{32}\.tmp")
"""Names of temporary files; those of earlier versions have no owner."""


@functools.cache
def host() -> str:
    """Eight hexadecimal digits of this machine since it started, and of this container: where a process id counts."""
    parts = [socket.gethostname()]
    with contextlib.suppress(OSError):  # there on Linux only
        parts += [Path("/proc/sys/kernel/random/boot_id").read_text(), os.readlink("/proc/self/ns/pid")]
    return hashlib.sha256("|".join(parts).encode()).hexdigest()[:8]


def owner() -> str:
    """This process, as leases and temporary files name it."""
    return f"{host()}-{os.getpid()}"


def _is_running(pid: int) -> bool:
    if os.name != "posix":  # elsewhere a signal of 0 is not harmless
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # another user's
        pass
    return True


def temporary(path: Path) -> Path:
    """A hidden file beside `path` that names its process; random, as threads of one process write as well."""
    return path.with_name(f".{path.name}.{owner()}-{uuid.uuid4().hex[:16]}.tmp")


def remove_abandoned(folder: Path, of: str = "") -> list[Path]:
    """Delete temporary files that no live process will finish; gives those deleted.

    Args:
        folder: that they are in, or anywhere below it.
        of: name of a file in the folder, of which alone they are deleted; empty for all.
    """
    removed = []
    now = _disk_time(folder)
    for path in folder.glob(f".{glob.escape(of)}.*.tmp" if of else "**/.*.tmp"):
        match = _TEMPORARY.fullmatch(path.name)
        if match is None:
            continue
        name, _, pid = (match["owner"] or "").partition("-")
        with contextlib.suppress(FileNotFoundError):
            # A time that is to come is a clock's that was set back.
            old = abs(now - path.stat().st_mtime) > ABANDONED
            if not _is_running(int(pid)) if name == host() else old:
                path.unlink()
                removed.append(path)
    return removed


def _disk_time(folder: Path) -> float:
    """The time of a file written now: clocks of hosts differ, that of the shared disk does not; where none can be
    written, this host's."""
    written = temporary(folder / "now")
    try:
        written.touch()
        return written.stat().st_mtime
    except OSError:
        return time.time()
    finally:
        with contextlib.suppress(OSError):
            written.unlink()


def _is_held(path: Path, now: float) -> bool:
    """True where a lease's process is alive, as far as can be seen from here."""
    try:
        holder, renewed = path.read_bytes().decode("ascii", "replace"), path.stat().st_mtime
    except FileNotFoundError:
        return False
    if not holder:  # of a process that was killed before it wrote, on a file system without hard links
        return abs(now - renewed) < HEARTBEAT
    named = _OWNER.fullmatch(holder)
    if named and named["host"] == host() and not _is_running(int(named["pid"])):
        return False
    # A time that is to come is of a clock that was set back: a holder that has gone would keep it until then.
    return abs(now - renewed) < STALE or _is_renewed(path, now)


def _is_renewed(path: Path, now: float) -> bool:
    """True where a lease gets another time while it is looked at, or goes: its holder lives, or another has taken it.

    Those beside it that are as old are looked at too, and deleted where nothing happens to them, so that a process
    waits once for the hundred leases of a host that is gone.
    """
    times = {one: _time_of(one) for one in (path, *path.parent.iterdir())}
    old = [one for one, renewed in times.items() if renewed is not None and abs(now - renewed) >= STALE]
    end = time.monotonic() + WATCH
    while time.monotonic() < end:
        if _time_of(path) != times[path]:
            return True
        time.sleep(WATCH / 60)
    for one in old:
        if one != path and _time_of(one) == times[one]:
            one.unlink(missing_ok=True)
    return _time_of(path) != times[path]


def _time_of(path: Path) -> float | None:
    """When a lease was renewed; None of what is no lease, or has gone.

    The file is opened for it: of one that is not, NFS may say for a minute what its time was (nfs(5)).
    """
    try:
        with path.open("rb") as file:
            is_lease = _OWNER.fullmatch(file.read(64).decode("ascii", "replace"))
            return os.fstat(file.fileno()).st_mtime if is_lease else None
    except OSError:
        return None


def _renew(path: Path, done: threading.Event) -> None:
    while not done.wait(HEARTBEAT):
        with contextlib.suppress(OSError, UnicodeDecodeError):
            if path.read_text() == owner():
                os.utime(path)


@contextlib.contextmanager
def lease(folder: Path, unit: str, name: str = "") -> Iterator[bool]:
    """Context manager: True where this process has the unit for itself, False where another live one has it.

    One that is taken over from a process that has ended is said on stderr, by `name` or else `unit`: it may be what
    ended the process.

    The lease is a file `claims/<unit>` with host and process id, whose time is renewed while the block runs. One
    whose process has ended (on this machine) or has given no sign of life for two minutes (on another), nor in half a
    minute that it is looked at, is taken over. Two processes may do so at the same moment and both do the work: files
    appear whole and are equal, so that nothing but time is lost.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as name:
    ...     with lease(Path(name), "a") as first, lease(Path(name), "a") as second:
    ...         first, second
    (True, False)
    """
    # The folder of earlier versions, so that their processes see it.
    path = folder / "claims" / unit
    path.parent.mkdir(parents=True, exist_ok=True)
    if not _take(path, name or unit):
        yield False
        return
    done = threading.Event()
    threading.Thread(target=_renew, args=(path, done), daemon=True).start()
    try:
        yield True
    finally:
        done.set()
        # One that cannot be given back is stale in a while; what was made in the block is made.
        with contextlib.suppress(OSError, UnicodeDecodeError):
            if path.read_text() == owner():
                path.unlink()


def leased(folder: Path, of: str) -> list[str]:
    """The units whose names begin with `of` that a live process has; leases of processes that are gone are deleted."""
    paths = list((folder / "claims").glob(f"{glob.escape(of)}*"))
    if not paths:
        return []
    now = _disk_time(folder / "claims")
    held = [path for path in paths if _is_held(path, now)]
    for path in set(paths).difference(held):
        path.unlink(missing_ok=True)
    return [path.name for path in held]


def _take(path: Path, name: str) -> bool:
    """Make a lease this process's; False where another live one has it.

    Raises:
        OSError: the folder cannot be written.
    """
    # Linked when it is written, so that a process that is killed here leaves none without its owner. Its time is that
    # of a file written now: clocks of hosts differ, that of the shared disk does not.
    written = temporary(path)
    try:
        written.write_text(owner())
        for _ in range(2):
            try:
                _link(written, path)
                return True
            except FileExistsError:
                if _is_held(path, written.stat().st_mtime):
                    return False
                with contextlib.suppress(FileNotFoundError):  # given back
                    path.unlink()
                    # Ctrl-C ends the processes of --jobs at once, so that theirs are found as well.
                    said = f"{name} was in work when its process was interrupted, killed or crashed; {AGAIN}"
                    print(said, file=sys.stderr)
        return False
    finally:
        written.unlink(missing_ok=True)


def _link(written: Path, path: Path) -> None:
    """Make `path` the written lease, at once where the file system has hard links; FileExistsError if it is there."""
    try:
        os.link(written, path)
    except FileExistsError:
        # NFS says so too of a link that it has made, where its first answer was lost; link(2).
        if written.stat().st_nlink == 1:
            raise
    except OSError:  # a file system without hard links
        with open(path, "x") as file:
            file.write(owner())
