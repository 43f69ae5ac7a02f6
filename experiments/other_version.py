"""Another commit of this repository in an environment of its own, to be measured beside the present one."""

import os
import subprocess
import sys
import tempfile
import venv
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent


@dataclass(frozen=True)
class Version:
    """A checkout and the Python that has it installed."""

    checkout: Path
    python: Path

    def run(self, script: str, arguments: Sequence[str]) -> str:
        """What one of its experiments prints.

        Args:
            script: name of a file in `experiments/`.
            arguments: of its command line.

        Raises:
            subprocess.CalledProcessError: it failed; what it wrote is shown.
        """
        # Its own processes look where they are and then there; else they would find the version that measures.
        environment = {**os.environ, "PYTHONPATH": str(self.checkout)}
        command = [str(self.python), str(self.checkout / "experiments" / script), *arguments]
        done = subprocess.run(
            command, env=environment, cwd=self.checkout, stdout=subprocess.PIPE, text=True, check=True
        )
        return done.stdout


PRESENT = Version(ROOT, Path(sys.executable))
"""This checkout."""


@contextmanager
def installed(commit: str) -> Iterator[Version]:
    """Context manager: a commit, with the packages of its own time, in a folder that goes with the block.

    A minute, and half a gigabyte.

    Args:
        commit: hash, tag or branch.

    Raises:
        subprocess.CalledProcessError: there is no such commit, or its packages cannot be had.
    """
    with tempfile.TemporaryDirectory() as temporary:
        checkout, environment = Path(temporary) / "checkout", Path(temporary) / "environment"
        checkout.mkdir()
        archive = subprocess.run(["git", "-C", str(ROOT), "archive", commit], stdout=subprocess.PIPE, check=True)
        subprocess.run(["tar", "-x", "-C", str(checkout)], input=archive.stdout, check=True)
        venv.create(environment, with_pip=True)
        pins = checkout / ".ci" / "constraints.txt"
        pinned = ["-c", str(pins)] if pins.exists() else []
        python = environment / "bin" / "python"
        subprocess.run([str(python), "-m", "pip", "install", "-q", *pinned, f"{checkout}[test]"], check=True)
        yield Version(checkout, python)
