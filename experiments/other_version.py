"""Another commit of this repository in an environment of its own, to be measured beside the present one."""

import os
import subprocess
import sys
import tempfile
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent


@dataclass(frozen=True)
class Version:
    """A checkout and the Python that has it installed."""

    checkout: Path
    python: Path

    def environment(self) -> dict[str, str]:
        """The variables with which its Python imports it, and nothing of the version that measures."""
        return {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, (self.checkout, self.checkout / "experiments")))}

    def run(self, code: str, *arguments: str) -> None:
        """Run Python code with its package and its experiments.

        Raises:
            subprocess.CalledProcessError: it failed; what it wrote is shown.
        """
        command = [str(self.python), "-c", code, *arguments]
        subprocess.run(command, env=self.environment(), cwd=self.checkout, check=True)


PRESENT = Version(ROOT, Path(sys.executable))
"""This checkout."""


@contextmanager
def installed(commit: str, keep: Path | None = None) -> Iterator[Version]:
    """Context manager: a commit, with the packages of its own time; a minute, and half a gigabyte.

    Args:
        commit: hash, tag or branch.
        keep: a folder where it stays and is found again; without, it goes with the block.

    Raises:
        subprocess.CalledProcessError: there is no such commit, or its packages cannot be had.
    """
    with tempfile.TemporaryDirectory() as temporary:
        place = (keep or Path(temporary)) / "versions" / commit
        checkout, environment, finished = place / "checkout", place / "environment", place / "finished"
        python = environment / "bin" / "python"
        if not finished.exists():
            checkout.mkdir(parents=True, exist_ok=True)
            archive = subprocess.run(["git", "-C", str(ROOT), "archive", commit], stdout=subprocess.PIPE, check=True)
            subprocess.run(["tar", "-x", "-C", str(checkout)], input=archive.stdout, check=True)
            venv.create(environment, with_pip=True)
            pins = checkout / ".ci" / "constraints.txt"
            pinned = ["-c", str(pins)] if pins.exists() else []
            subprocess.run([str(python), "-m", "pip", "install", "-q", *pinned, f"{checkout}[test]"], check=True)
            finished.touch()
        yield Version(checkout, python)
