"""Units of work of a study: one that fails costs itself alone, one that another process has is waited for."""

import contextlib
import errno
import functools
import itertools
import pickle
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent import futures
from concurrent.futures import BrokenExecutor, Executor, Future
from dataclasses import dataclass
from typing import Any

from rosalind.config import called, note_place, with_place, without_arrays
from rosalind.progress import Progress
from rosalind.results import Results
from rosalind.study import compilation_cache

PAUSE = 0.5
"""Most seconds between two looks at units that other processes have."""


def pauses() -> Iterator[float]:
    """Seconds to wait between looks without end, from a sixteenth of `PAUSE` to all of it: most waits are short.

    >>> list(itertools.islice(pauses(), 6))
    [0.03125, 0.0625, 0.125, 0.25, 0.5, 0.5]
    """
    for halvings in itertools.chain((4, 3, 2, 1), itertools.repeat(0)):
        yield PAUSE / 2**halvings


_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)


@dataclass(frozen=True)
class Unit:
    """One piece of work: its name in messages, its amount for progress, and the arguments of its function."""

    name: str
    amount: float
    arguments: tuple


def amounts(units: Sequence[Unit]) -> dict[str, float]:
    """The amounts of units by name, as `Progress` has them as parts."""
    return {unit.name: unit.amount for unit in units}


class Incomplete(RuntimeError):
    """Some units of a study failed; all others were carried out.

    `failures` has the error of each by its name, `results` the study as it is on disk.
    """

    def __init__(self, failures: Mapping[str, Exception], results: Results):
        lines = "".join(f"\n  {name}: {with_place(error)}" for name, error in failures.items())
        super().__init__(f"{len(failures)} parts of the study failed, the rest is done:{lines}")
        self.failures, self.results = dict(failures), results


def ends_all(error: Exception) -> bool:
    """True of what every other unit would meet too: a full or read-only disk, a broken pool."""
    return isinstance(error, BrokenExecutor) or (isinstance(error, OSError) and error.errno in _FULL)


def _sendable(cache: Mapping[str, Any], function: Callable, *args: Any) -> Any:
    """Call a function in a worker; RuntimeError in place of an error that cannot be unpickled.

    jax's errors of traced values are such: the whole pool broke on one, and its message was lost. Workers of an
    executor of one's own have begun with jax's settings, which keep no compilation under a second.
    """
    compilation_cache.adopt(cache)
    try:
        return called(function, *args)
    except Exception as error:
        note_place(error)
        try:
            pickle.loads(pickle.dumps(error))
        except Exception:
            # Its text names the place, as a note of it is lost with it.
            raise RuntimeError(with_place(error)) from None
        raise


@contextlib.contextmanager
def _named(unit: Unit) -> Iterator[None]:
    """Context manager: an interrupt says what was in work."""
    try:
        yield
    except KeyboardInterrupt as interrupt:
        interrupt.add_note(unit.name)
        raise


def each(
    executor: Executor | None,
    function: Callable[..., bool],
    units: Sequence[Unit],
    progress: Progress,
    needs: Mapping[str, str] | None = None,
) -> dict[str, Exception]:
    """Carry units out, in this process or on an executor; the errors of those that failed, by name.

    Args:
        executor: None for this process, where the function gets `advance` to report progress itself.
        function: of the arguments of a unit; False where another process has it. Such units are tried again when the
            others are done, until they are finished there or the process is gone.
        units: in their order.
        progress: advanced by the amount of every unit.
        needs: by the name of a unit that of the one that must be finished before it begins, among the units or done
            before. Where that fails it fails too.

    Raises:
        OSError, BrokenExecutor: see `ends_all`.
    """
    needs = needs or {}
    failures: dict[str, Exception] = {}
    unfinished = {unit.name for unit in units}
    waiting, busy, tried = list(units), list[Unit](), len(units)
    has_said, lengths = False, pauses()
    running: dict[Future, Unit] = {}

    def next_ready() -> Unit | None:
        return next((unit for unit in waiting if needs.get(unit.name) not in unfinished), None)

    def end(unit: Unit, call: Callable[[], bool]) -> None:
        before = progress.done
        try:
            if not called(call):
                busy.append(unit)
                return
        except Exception as error:
            if ends_all(error):
                raise
            failures[unit.name] = without_arrays(error)
            print(f"{unit.name} failed, the rest goes on: {with_place(error)}", file=sys.stderr)
        unfinished.remove(unit.name)
        if left := unit.amount - (progress.done - before):
            progress.advance(left, unit.name)

    try:
        while unfinished:
            while unit := next_ready():
                waiting.remove(unit)
                if (needed := needs.get(unit.name)) in failures:
                    failures[unit.name] = RuntimeError(f"{needed}, which it is made of, is missing")
                    unfinished.remove(unit.name)
                    progress.advance(unit.amount, unit.name)
                elif executor is None:
                    progress.begin(unit.name)
                    with _named(unit):
                        end(unit, functools.partial(function, *unit.arguments, advance=progress.advance))
                else:
                    running[executor.submit(_sendable, compilation_cache.settings(), function, *unit.arguments)] = unit
            if running:
                oldest = next(iter(running.values()))
                progress.begin(oldest.name)
                with _named(oldest):
                    done, _ = futures.wait(running, return_when=futures.FIRST_COMPLETED)
                for future in done:
                    end(running.pop(future), future.result)
            elif busy:
                if len(unfinished) == tried:
                    if not has_said:
                        print(f"waiting for {busy[0].name}, which another process has in work", file=sys.stderr)
                    has_said = True
                    time.sleep(next(lengths))
                else:
                    lengths = pauses()
                tried = len(unfinished)
                waiting = [*busy, *waiting]
                busy.clear()
    finally:
        for future in running:
            future.cancel()
    return failures
