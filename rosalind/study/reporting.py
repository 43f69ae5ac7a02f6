"""The rows of a run for a callback: an epoch of a network each, and at the end a row of `summary.csv` each."""

import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from rosalind.analysis.robustness.summary import read_summary
from rosalind.results import Results

Report = Callable[[dict[str, Any]], object]
"""Called with every row of a run, see `study.run`; what it gives back is not used."""


class Stopped(BaseException):
    """An `error` of the callback: it ends the run, where an error of a unit costs that unit alone."""

    def __init__(self, error: Exception):
        super().__init__(str(error))
        self.error = error


def forward(report: Report, rows: Iterable[dict[str, Any]]) -> None:
    """Call a callback with rows; Stopped from its error."""
    for row in rows:
        try:
            report(row)
        except Exception as error:
            raise Stopped(error) from error


class LogRows:
    """The rows that are added to the logs of a folder from now on."""

    def __init__(self, folder: Path, pattern: str):
        """
        Args:
            folder: of the study.
            pattern: of the files in its `log/`.
        """
        self.folder, self.pattern = folder / "log", pattern
        self._read = {path: path.stat().st_size for path in self.folder.glob(pattern)}
        """Bytes of every file that have been read."""

    def new(self) -> Iterator[dict[str, Any]]:
        """The rows since the last call; a line that is still being written comes with the next."""
        for path in sorted(self.folder.glob(self.pattern)):
            with path.open("rb") as file:
                file.seek(self._read.get(path, 0))
                lines = file.read().rpartition(b"\n")[0]
            if lines:
                self._read[path] = self._read.get(path, 0) + len(lines) + 1
                yield from map(json.loads, lines.splitlines())


def summary_rows(study_results: Results) -> Iterator[dict[str, Any]]:
    """The rows of `summary.csv`: `network`, `condition`, and the numbers that are no NaN."""
    for (network, condition), numbers in read_summary(study_results.folder / "summary.csv").items():
        yield {"network": network, "condition": condition, **{k: v for k, v in numbers.items() if v == v}}
