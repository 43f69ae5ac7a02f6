"""Progress of a long job: a bar with an estimate on a terminal, a line now and then elsewhere."""

import sys
import time
from collections.abc import Callable
from typing import Self

from tqdm import tqdm

Advance = Callable[[float, str], None]
"""`Progress.advance`: counts units as done, with a note of what they were."""

INTERVAL = 10.0
"""Seconds between lines where the output is not a terminal."""


def _clock(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    return f"{minutes}:{seconds:02d}"


class Progress:
    """Count of the work done out of `total` units, with an estimate of the rest on stderr.

    Use as a context manager. Units may be fractional (epochs). Where the output is no terminal, a line now and then
    leaves the first unit out of its estimate, as that compiles (13 s where an epoch takes 0.2: the rest seemed 221
    minutes); before the second unit there is none, and jobs under two seconds print nothing.
    """

    def __init__(self, what: str, total: float, *, unit: str, after: Callable[[], object] | None = None):
        """
        Args:
            what: of the job, before the count.
            total: units of it.
            unit: their name.
            after: called after every `advance`.
        """
        self._after = after
        self.what, self.total, self.unit, self.done = what, total, unit, 0.0
        self._started = self._printed = time.monotonic()
        self._begun: tuple[float, float] | None = None
        """Time at which the first unit was done, and its amount."""
        self._bar = None
        if sys.stderr.isatty() and total:
            layout = "{desc}: {percentage:3.0f}%|{bar}| {elapsed}<{remaining} {postfix}"
            self._bar = tqdm(total=total, desc=what, bar_format=layout, leave=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type | None, *_: object) -> None:
        elapsed = time.monotonic() - self._started
        if self._bar is not None:
            self._bar.close()
        elif kind is None and elapsed > 2:
            self._print(f"{self.what}: done in {_clock(elapsed)}")

    def advance(self, amount: float = 1, note: str = "") -> None:
        """Count `amount` more units as done; `note` says what they were."""
        self._show(amount, note)
        if self._after is not None:
            self._after()

    def _show(self, amount: float, note: str) -> None:
        self.done += amount
        if self._bar is not None:
            self._bar.set_postfix_str(note, refresh=False)
            self._bar.update(amount)
            return
        now = time.monotonic()
        if self._begun is None and self.done:
            self._begun = now, self.done
        if now - self._printed > INTERVAL and self._begun is not None:
            self._printed = now
            began, first = self._begun
            left = ""
            if self.done > first:
                seconds = (now - began) * max(self.total - self.done, 0) / (self.done - first)
                left = f", {_clock(seconds)} left"
            self._print(f"{self.what}: {self.done:.0f} of {self.total:.0f} {self.unit}{left}  {note}")

    def _print(self, line: str) -> None:
        print(line, file=sys.stderr, flush=True)
