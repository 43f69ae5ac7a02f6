"""The end of a command: one line that a user can act on, and the code that shells expect."""

import functools
import io
import os
import signal
import sys
import threading
from collections.abc import Callable
from concurrent.futures import BrokenExecutor
from types import FrameType
from typing import Any, NoReturn

from rosalind.config import raised_at, with_place

_TRACEBACK = "(set ROSALIND_TRACEBACK=1 for where it came from)"


def run(command: Callable[[], object]) -> None:
    """Run a command; errors that a user can mend are one line, without a traceback.

    Args:
        command: to run. SIGTERM, by which clusters end jobs, ends it as Ctrl-C does: files appear whole and leases are
            given back.

    Raises:
        SystemExit: 1 after such an error, 130 after Ctrl-C, 143 after SIGTERM, 141 where the reader of a pipe has gone.
    """
    signal.signal(signal.SIGTERM, _terminate)
    before = sys.unraisablehook
    sys.unraisablehook = functools.partial(_interrupt_again, before)
    _make_streams_whole()
    try:
        _written(command)
    except KeyboardInterrupt as interrupt:
        _interrupted(interrupt)
    except BrokenPipeError:
        # The reader of a pipe, such as `head`, has what it wanted.
        sys.exit(128 + signal.SIGPIPE)
    except MemoryError as error:
        fail(error, "out of memory: take smaller images, fewer of them or fewer --jobs", _TRACEBACK)
    except BrokenExecutor as error:
        hint = "a process was killed, as where memory is short: then take fewer --jobs; run it again to go on"
        fail(error, hint, _TRACEBACK)
    except (ValueError, OSError, ModuleNotFoundError, FloatingPointError) as error:
        place = raised_at(error)
        fail(error, *([f"raised at {place}"] if place else []), _TRACEBACK)
    except (Exception, SystemExit) as error:
        # Of a definition of a user's own; any other is a fault of rosalind's, or the end that tyro asks for.
        if not raised_at(error):
            raise
        fail(error, _TRACEBACK, text=with_place(error))
    finally:
        sys.unraisablehook = before
        _drop_unwritten()


def _written(command: Callable[[], object]) -> None:
    """Run a command, and write what it has printed."""
    try:
        command()
    except SystemExit as end:  # of --help, where nothing has failed
        if end.code or raised_at(end):
            raise
    if not sys.stdout.closed:  # by code of a user's own
        sys.stdout.flush()


def _drop_unwritten() -> None:
    """Give what a stream cannot write a place to go: Python would fail again when it ends, with lines and a code."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except ValueError:  # closed by code of a user's own
            continue
        except OSError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def fail(error: BaseException, *hints: str, text: str = "") -> NoReturn:
    """End with an error as a line, lines of hints and code 1; with its traceback where ROSALIND_TRACEBACK is set.

    Args:
        error: that ended the command.
        hints: lines below it.
        text: in place of the error's own.
    """
    if os.environ.get("ROSALIND_TRACEBACK"):
        raise error
    for line in (f"rosalind: {text or error}", *hints):
        print(line, file=sys.stderr)
    sys.exit(1)


def _make_streams_whole() -> None:
    """Give a stream that the shell closed (`>&-`) a place to go, and letters that an encoding lacks their numbers."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode))  # noqa: SIM115 - open until the process ends
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def _terminate(number: int, frame: FrameType | None) -> NoReturn:
    raise _Terminated


class _Terminated(KeyboardInterrupt):
    """SIGTERM."""


AGAIN = 0.05
"""Seconds after which an interrupt that was lost is sent again."""


def _interrupt_again(otherwise: Callable[[Any], object], unraisable: Any) -> None:
    """Send an interrupt again that came where Python drops errors: in a destructor, or in jax's part of a collection.

    It would be lost, and the command go on. Other errors are those of the hook that was there before.
    """
    if isinstance(unraisable.exc_value, KeyboardInterrupt):
        number = signal.SIGTERM if isinstance(unraisable.exc_value, _Terminated) else signal.SIGINT
        # Later, as it would be dropped here too.
        threading.Timer(AGAIN, os.kill, (os.getpid(), number)).start()
    else:
        otherwise(unraisable)


def _interrupted(interrupt: KeyboardInterrupt) -> NoReturn:
    """Say in one line what was in work and end with the code that shells expect of the signal."""
    # A second signal ends it at once.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)
    at = f" at {interrupt.__notes__[0]}" if getattr(interrupt, "__notes__", None) else ""
    word, code = ("ended", 143) if isinstance(interrupt, _Terminated) else ("interrupted", 130)
    print(f"\nrosalind: {word}{at}; what is finished is kept, run it again to go on.", file=sys.stderr)
    sys.exit(code)
