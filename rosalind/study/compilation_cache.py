"""The place of jax's compilations, and turns by which processes that share them compile each program once."""

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
    """The settings of this process's compilation cache, for `adopt` in a worker; empty where it keeps none."""
    values = {name: getattr(jax.config, name, None) for name in SETTINGS}
    return values if values[FOLDER] else {}


def adopt(given: Mapping[str, Any]) -> None:
    """Keep in this process what the one that sent the work keeps, of `settings`; a folder of its own stays."""
    for name, value in given.items():
        if getattr(jax.config, name, None) != value and not (name == FOLDER and getattr(jax.config, name, None)):
            jax.config.update(name, value)
    if given:
        _compile_in_turns()


def use_compilation_cache(folder: str | None = None) -> None:
    """Keep jax's compilations in a folder: $JAX_COMPILATION_CACHE_DIR by default, else the user's cache folder.

    Of any length: a study has few long ones and hundreds of 15 ms, one per operation and shape outside of a step.
    Processes on one machine that need a program at the same time compile it once, see `in_turn`.
    """
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = folder or os.environ.get("JAX_COMPILATION_CACHE_DIR", str(base / "rosalind" / "jax"))
    for name, value in zip(SETTINGS, (folder, 0, -1), strict=True):
        jax.config.update(name, value)
    _compile_in_turns()


_PROGRAM = ["backend", "computation", "executable_devices", "compile_options", "host_callbacks"]

_PARAMETERS = [
    [*_PROGRAM, "module_name", "cache_key"],
    ["module_name", "cache_key", "compile_options", "backend", "executable_devices"],
]
"""Of jax's functions that compile a program and keep it, and that read one."""


def _compile_in_turns() -> None:
    """Let jax compile by `_compile_once`.

    jax offers no place for this. Where its functions are other ones, every process compiles by itself.
    """
    compile_and_write, read = (getattr(compiler, name, None) for name in ("_compile_and_write_cache", "_cache_read"))
    if compiler is None or compile_and_write is None or read is None:
        return
    if isinstance(compile_and_write, functools.partial) and compile_and_write.func is _compile_once:
        return
    if [list(inspect.signature(function).parameters) for function in (compile_and_write, read)] == _PARAMETERS:
        compiler._compile_and_write_cache = functools.partial(_compile_once, compile_and_write, read)


def _compile_once(own: Callable[..., Any], read: Callable[..., Any], *arguments: Any) -> Any:
    """jax's `own` function, unless another process has compiled the program by the time that it is this one's turn.

    For what jax does not keep, as of programs with callbacks into Python, there are no turns: all would compile it, one
    after the other.
    """
    backend, _, devices, options, callbacks, module_name, key = arguments
    folder, shortest, _ = (getattr(jax.config, name, None) for name in SETTINGS)
    if not folder or shortest or callbacks:
        return own(*arguments)
    with in_turn(Path(folder), key):
        # It was not there before, but may have been compiled while this process waited.
        executable, _ = read(module_name, key, options, backend, devices)
        return own(*arguments) if executable is None else executable


@contextlib.contextmanager
def in_turn(folder: Path, name: str) -> Iterator[None]:
    """Context manager that one process or thread at a time is in, by folder and name, of those that wait together.

    Whoever comes while the last of them is inside does not wait: what they waited for is there by then. The system
    frees the turn of a process that ends. After `PATIENCE` seconds, where the system has no such locks, or where the
    folder cannot be written to, nobody is waited for. Raises nothing of its own.
    """
    path, end = folder / f".{name[-64:]}.turn", time.monotonic() + PATIENCE
    with contextlib.ExitStack() as stack:
        with contextlib.suppress(ImportError, OSError):
            import fcntl

            file = stack.enter_context(path.open("w"))
            # Whoever waits has it open, and needs no name.
            stack.callback(_remove, path)
            while time.monotonic() < end:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    time.sleep(PAUSE)
        yield


def _remove(path: Path) -> None:
    with contextlib.suppress(OSError):
        path.unlink()
