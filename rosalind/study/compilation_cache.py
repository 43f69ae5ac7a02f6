"""Where jax keeps its compilations, and how processes that share them compile each program once."""

import contextlib
import functools
import inspect
import os
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import jax

try:
    from jax._src import compiler
except ImportError:
    compiler = None

PATIENCE = 120.0
"""Seconds after which a program that another process still compiles is compiled here too: that one may stand still."""

PAUSE = 0.01
"""Seconds between two looks at what another process compiles."""

FOLDER = "jax_compilation_cache_dir"
SETTINGS = (FOLDER, "jax_persistent_cache_min_compile_time_secs", "jax_persistent_cache_min_entry_size_bytes")
"""Names of jax's settings of where compilations are kept and which."""


def settings() -> dict[str, Any]:
    """What this process keeps of its compilations, and where, for `adopt` in a worker; empty where it keeps none."""
    values = {name: getattr(jax.config, name, None) for name in SETTINGS}
    return values if values[FOLDER] else {}


def adopt(given: Mapping[str, Any]) -> None:
    """Keep in this process what the one that sent the work keeps; a folder of its own stays."""
    for name, value in given.items():
        if getattr(jax.config, name, None) != value and not (name == FOLDER and getattr(jax.config, name, None)):
            jax.config.update(name, value)


def use_compilation_cache(folder: str | None = None) -> None:
    """Keep jax's compilations in a folder: $JAX_COMPILATION_CACHE_DIR by default, else the user's cache folder.

    Of any length: a study has few long ones and hundreds of 15 ms, one per operation and shape outside of a step.
    Processes on one machine that need a program at the same time compile it once, see `in_turn`.
    """
    base = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
    folder = folder or os.environ.get("JAX_COMPILATION_CACHE_DIR", str(base / "rosalind" / "jax"))
    for name, value in zip(SETTINGS, (folder, 0, -1), strict=True):
        jax.config.update(name, value)
    # jax offers no place for this. Where its functions are other ones, every process compiles by itself.
    own, read = (getattr(compiler, name, None) for name in ("_compile_and_write_cache", "_cache_read"))
    if isinstance(own, functools.partial) and own.func is _compile_once:
        own = own.args[0]
    if compiler is None or own is None or read is None:
        return
    if [list(inspect.signature(function).parameters) for function in (own, read)] == _PARAMETERS:
        compiler._compile_and_write_cache = functools.partial(_compile_once, own, read, folder)


_PROGRAM = ["backend", "computation", "executable_devices", "compile_options", "host_callbacks"]

_PARAMETERS = [
    [*_PROGRAM, "module_name", "cache_key"],
    ["module_name", "cache_key", "compile_options", "backend", "executable_devices"],
]
"""Of jax's functions that compile a program and keep it, and that read one."""


def _compile_once(own: Callable[..., Any], read: Callable[..., Any], folder: str, *arguments: Any) -> Any:
    """jax's `own` function, unless another process has compiled the program by the time that it is this one's turn."""
    backend, _, devices, options, _, module_name, key = arguments
    with in_turn(Path(folder), key):
        # It was not there before, but may have been compiled while this process waited.
        executable, _ = read(module_name, key, options, backend, devices)
        return own(*arguments) if executable is None else executable


@contextlib.contextmanager
def in_turn(folder: Path, name: str) -> Iterator[None]:
    """Context manager that one process or thread of a machine is in at a time, by folder and name.

    The system frees the turn of a process that ends. After `PATIENCE` seconds, where the system has no such locks, or
    where the folder cannot be written to, nobody is waited for.
    """
    path, end = folder / f".{name[-64:]}.turn", time.monotonic() + PATIENCE
    with contextlib.ExitStack() as stack:
        with contextlib.suppress(ImportError, OSError):
            import fcntl

            file = stack.enter_context(path.open("w"))
            # Whoever waits has it open, and needs no name.
            stack.callback(path.unlink, missing_ok=True)
            while time.monotonic() < end:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    time.sleep(PAUSE)
        yield
