"""Code of a user's own: where in it an error was raised, and calls of it that cannot end the process."""

import sys
import sysconfig
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from rosalind.config.names import IMPORTED, spec_of

Value = TypeVar("Value")

_ROSALIND = Path(__file__).resolve().parents[1]
_STANDARD = tuple({Path(sysconfig.get_path(name)).resolve() for name in ("stdlib", "platstdlib")})
_INSTALLED = ("site-packages", "dist-packages")
_NOTE = "raised at "


def raised_at(error: BaseException) -> str:
    """`FILE:LINE in FUNCTION`: the innermost line of a user's own on an error's way to where it was caught.

    Code of rosalind, of Python and of installed packages is passed over, except a module that `resolve` has imported. A
    cause is looked at where the error itself has no such line, and a note of `note_place` where its traceback was lost.

    Args:
        error: as it was caught; callers of the block that caught it are no part of its traceback.

    Returns:
        The file is relative to the current folder where it lies below it. "" where no line is a user's own.
    """
    seen: list[BaseException] = []
    current: BaseException | None = error
    while current is not None and current not in seen:
        seen.append(current)
        lines = [(frame.f_code, line) for frame, line in traceback.walk_tb(current.__traceback__)]
        own = [(code, line) for code, line in lines if _is_own(code.co_filename)]
        if own:
            code, line = own[-1]
            return f"{_shown(code.co_filename)}:{line} in {code.co_name}"
        for note in getattr(current, "__notes__", ()):
            if note.startswith(_NOTE):
                return note.removeprefix(_NOTE)
        current = current.__cause__ or (None if current.__suppress_context__ else current.__context__)
    return ""


def called(function: Callable[..., Value], *args: Any) -> Value:
    """A function's value; RuntimeError in place of a SystemExit, by which code of a user's own would end all."""
    try:
        return function(*args)
    except SystemExit as ended:
        raise RuntimeError(f"it ended the process ({ended})") from ended


def note_place(error: BaseException) -> None:
    """Keep `raised_at` as a note of an error, which goes with it to another process, where its traceback is lost."""
    if place := raised_at(error):
        error.add_note(f"{_NOTE}{place}")


def without_arrays(error: Exception) -> Exception:
    """An error, and what it came from, whose frames have let go of what they held; their lines can still be shown."""
    seen: list[BaseException] = []
    waiting: list[BaseException | None] = [error]
    while waiting:
        current = waiting.pop()
        if current is not None and current not in seen:
            seen.append(current)
            traceback.clear_frames(current.__traceback__)
            waiting += [current.__cause__, current.__context__]
    return error


def in_one_line(error: BaseException) -> str:
    """An error's kind and its text, if it has any."""
    text = " ".join(str(error).split())
    return f"{type(error).__name__}{f': {text}' if text else ''}"


def with_place(error: BaseException) -> str:
    """An error in one line: its kind, its text, and in brackets the line of a user's own that raised it."""
    place = raised_at(error)
    return f"{in_one_line(error)}{f' ({place})' if place else ''}"


def _is_own(file: str) -> bool:
    """True of a file of a user's own: any that is not rosalind's, Python's or installed, or that `resolve` imported."""
    # `<string>` and `<frozen importlib>` are no files.
    if file.startswith("<"):
        return False
    try:
        path = Path(file).resolve()
    except (OSError, ValueError):  # relative to a folder that is gone, or no name of a file
        return False
    if path.is_relative_to(_ROSALIND):
        return False
    is_library = any(part in _INSTALLED for part in path.parts) or any(map(path.is_relative_to, _STANDARD))
    return not is_library or path in _resolved_files()


def _resolved_files() -> set[Path]:
    """Files of the modules that `resolve` has imported: a definition may be of an installed package."""
    specs = map(spec_of, list(sys.modules.values()))
    return {Path(spec.origin).resolve() for spec in specs if spec and spec.origin and hasattr(spec, IMPORTED)}


def _shown(file: str) -> str:
    try:
        return str(Path(file).resolve().relative_to(Path.cwd()))
    except (ValueError, OSError):
        return file
