"""The command `rosalind`: one subcommand per thing to do, its flags made by tyro from the annotations."""

import contextlib
import itertools
import os
import sys
from collections.abc import Callable
from typing import Annotated

import tyro

import rosalind
from rosalind import cores, memory
from rosalind.cli import ending, listing
from rosalind.cli.adding import attribute, corrupt, diagnose, fourier
from rosalind.cli.reading import claims, compare, explain, export, place, report, view
from rosalind.cli.running import demo, run

COMPUTING = (run, explain, corrupt, attribute, diagnose, fourier)
"""Commands that train or measure and then end; `demo` goes on as a server."""


def list_names(kind: Annotated[listing.Kind, tyro.conf.Positional]) -> None:
    """Print the built-in names of a kind, one line each.

    Args:
        kind: Methods with their family, paper and options; corruptions; conditions; models; data sets; measures;
            diagnostics with their paper and options; claims with their options; views.
    """
    rows = list(listing.rows(kind))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        print("  ".join(word.ljust(width) for word, width in zip(row, widths, strict=True)).rstrip())


def main() -> None:
    """Run the command line."""
    # Modules of one's own lie in the current folder; a console script has only its own on the path.
    with contextlib.suppress(FileNotFoundError):  # it may be gone
        sys.path.append(os.getcwd())
    if os.path.expanduser("~") == "~":
        # A user that the system does not know, without HOME. Bokeh cannot be imported by one without a home.
        os.environ["HOME"] = "/nonexistent"
    functions = (demo, run, view, report, compare, claims, explain, place, export)
    functions += (corrupt, attribute, diagnose, fourier)
    commands: dict[str, Callable[..., None]] = {function.__name__: function for function in functions}
    commands["list"] = list_names
    if sys.argv[1:] == ["--version"]:
        ending.run(lambda: print(f"rosalind {rosalind.__version__}"))
        return
    if any(command.__name__ in sys.argv[1:2] for command in COMPUTING):
        memory.keep_freed()
        # Where jax has begun, as in a notebook, it keeps what it has.
        with contextlib.suppress(RuntimeError):
            cores.as_devices()
    first = (rosalind.__doc__ or "").partition("\n")[0]
    about = f"{first}\n\nrosalind COMMAND --help explains a command, rosalind --version prints the version."
    ending.run(lambda: _run(commands, about))


MAY_BE_EMPTY = ("--link", "--prefix")
"""Flags of text that is empty by default."""


def _run(commands: dict[str, Callable[..., None]], about: str) -> None:
    """Run the command of the command line.

    Raises:
        ValueError: a flag that is given twice, of which one would be lost; an empty word, which as a folder would be
            the current one.
    """
    for before, word in itertools.pairwise(sys.argv):
        flag, is_flag, value = word.partition("=") if word.startswith("--") else (before, True, word)
        if is_flag and not value and flag not in MAY_BE_EMPTY:
            at = f"behind {flag} " if flag.startswith("--") else ""
            raise ValueError(f"a word {at}must not be empty, got ''; is a variable of the shell not set?")
    flags = [word.partition("=")[0].replace("_", "-") for word in sys.argv[1:] if word.startswith("--")]
    if repeated := [flag for flag in flags if flag != "--" and flags.count(flag) > 1]:
        raise ValueError(
            f"{repeated[0]} must be given once, got it {flags.count(repeated[0])} times; write "
            f"{repeated[0]} once, with all its values behind it."
        )
    tyro.extras.subcommand_cli_from_dict(commands, prog="rosalind", description=about)
