"""Calls in forked processes: how each ended, what it wrote and how long it took. For trials of what may go wrong.

A fork of a process that has imported everything starts in milliseconds, where a new interpreter takes seconds.
"""

import multiprocessing
import os
import re
import signal
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

FAILED = 70
"""Exit code of a call that raised."""

# The fork happens before jax has a backend, and so before it has threads.
warnings.filterwarnings("ignore", message=r"os\.fork\(\) was called")


@dataclass(frozen=True)
class Outcome:
    """The end of a call."""

    code: int | None
    """0, an exit code, the negative number of a signal, or None where it had to be ended after its time."""
    text: str
    """All it wrote."""
    seconds: float

    @property
    def raised(self) -> bool:
        """True of a call that ended with a traceback."""
        return self.code == FAILED or "Traceback (most recent call last)" in self.text


@dataclass
class Child:
    """A call that runs."""

    process: Any
    output: Path
    began: float = field(default_factory=time.monotonic)

    def text(self) -> str:
        """The text that it has written so far."""
        return self.output.read_text(errors="replace")

    def wait(self, seconds: float) -> Outcome:
        """Its end, which is brought about after `seconds`."""
        self.process.join(seconds)
        hung = self.process.is_alive()
        if hung:
            self.process.kill()
            self.process.join()
        code = None if hung else self.process.exitcode
        return Outcome(code, self.text(), time.monotonic() - self.began)


def _carry_out(function: Callable[..., Any], arguments: tuple, output: Path) -> NoReturn:
    descriptor = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    sys.stdout, sys.stderr = (os.fdopen(stream, "w", buffering=1) for stream in (1, 2))
    code: Any = 0
    try:
        function(*arguments)
    except SystemExit as end:
        code = end.code or 0
    except BaseException:
        traceback.print_exc()
        code = FAILED
    sys.stdout.flush()
    os._exit(code if isinstance(code, int) else 1)


@contextmanager
def started(function: Callable[..., Any], *arguments: Any, method: str = "fork") -> Iterator[Child]:
    """Context manager: a call in a process of its own, which is killed where the block leaves it running.

    Args:
        function, arguments: the call.
        method: `fork`, or `spawn` where jax has a backend here already, whose threads a fork would lack.
    """
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "output"
        output.touch()
        process: Any = multiprocessing.get_context(method).Process(
            target=_carry_out, args=(function, arguments, output)
        )
        process.start()
        try:
            yield Child(process, output)
        finally:
            if process.is_alive():
                os.kill(process.pid, signal.SIGKILL)
            process.join()


def called(function: Callable[..., Any], *arguments: Any, seconds: float = 300, method: str = "fork") -> Outcome:
    """The end of a call in a process of its own; see `started`."""
    with started(function, *arguments, method=method) as child:
        return child.wait(seconds)


def last_line(text: str) -> str:
    """The last line of a text that says something, without the hint how to see a traceback."""
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("(set ROSALIND_TRACEBACK")]
    return re.sub(r"\s+", " ", lines[-1])[:200] if lines else ""
