"""Progress of a long job: a bar with an estimate on a terminal, a line now and then elsewhere."""

import sys
import time
from collections.abc import Callable, Mapping
from typing import Self

from tqdm import tqdm

Advance = Callable[[float, str], None]
"""`Progress.advance`: counts units as done, with a note of what they were."""

INTERVAL = 10.0
"""Seconds between lines where the output is not a terminal."""

REDRAWN = 0.1
"""Seconds between two notes and estimates of a bar."""


def _clock(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    return f"{minutes}:{seconds:02d}"


class Progress:
    """Count of the work done out of `total` units, with an estimate of the rest on stderr.

    Use as a context manager. Units may be fractional (epochs). The first advance of a part compiles (13 s where an
    epoch takes 0.2): it is left out of the seconds per unit, and what it took more is expected of every part that has
    not begun. What is left of a part counts by its own seconds per unit, where they are known: an epoch of one network
    takes many times that of another. Before anything is known there is no estimate. Where the output is no terminal
    there is a line now and then, and jobs under two seconds print nothing.

    Args:
        what: the job, in one word.
        total: of its units.
        unit: their name.
        parts: units by part, the notes that `advance` gets; None for a job of one part.
        after: called after every `advance`.
    """

    def __init__(
        self,
        what: str,
        total: float,
        *,
        unit: str,
        parts: Mapping[str, float] | None = None,
        after: Callable[[], object] | None = None,
    ):
        self._after = after
        self.what, self.total, self.unit, self.done = what, total, unit, 0.0
        self._left = dict(parts) if parts else {"": total}
        self._part = next(iter(self._left))
        self._first: dict[str, tuple[float, float]] = {}
        """Units and seconds of a part's first advance."""
        self._later: dict[str, tuple[float, float]] = {}
        """Those of all further ones."""
        self._started = self._printed = self._last = time.monotonic()
        self._bar = None
        if sys.stderr.isatty() and total:
            self._bar = tqdm(total=total, desc=what, bar_format="{desc}: {percentage:3.0f}%|{bar}| {elapsed}{postfix}")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type | None, *_: object) -> None:
        elapsed = time.monotonic() - self._started
        if self._bar is not None:
            self._bar.close()
        elif kind is None and elapsed > 2:
            self._print(f"{self.what}: done in {_clock(elapsed)}")

    def begin(self, part: str) -> None:
        """Say which part begins, as its first unit compiles and may take long."""
        self._part = part if part in self._left else self._part
        self._show(f"{part} begins", time.monotonic(), at_once=self._bar is not None)

    def advance(self, amount: float = 1, note: str = "") -> None:
        """Count `amount` more units as done; `note` says of which part, else they are of the one that began last."""
        now = time.monotonic()
        self.done += amount
        part = note if note in self._left else self._part
        self._left[part] = max(self._left[part] - amount, 0.0)
        seconds, self._last = now - self._last, now
        # What was found done, or was done elsewhere, says nothing of the rest.
        if amount > 0 and seconds > 1e-3 * amount:
            if part in self._first:
                units, spent = self._later.get(part, (0.0, 0.0))
                self._later[part] = units + amount, spent + seconds
            else:
                self._first[part] = amount, seconds
        if self._bar is not None:
            self._bar.update(amount)
        self._show(note, now)
        if self._after is not None:
            self._after()

    def seconds_left(self) -> float | None:
        """Estimate of the time that the rest takes; None as long as nothing is known."""
        rates_seen = (self._later or self._first).values()
        if not self._later and len(rates_seen) < 2:
            return None
        mean = sum(spent for _, spent in rates_seen) / sum(units for units, _ in rates_seen)
        rates = {part: spent / units for part, (units, spent) in self._later.items()}
        extra = [spent - rates.get(part, mean) * units for part, (units, spent) in self._first.items()]
        compiling = max(sum(extra) / len(extra), 0.0) if extra and self._later else 0.0
        waiting = sum(left > 0 and part not in self._first for part, left in self._left.items())
        return waiting * compiling + sum(left * rates.get(part, mean) for part, left in self._left.items())

    def _show(self, note: str, now: float, *, at_once: bool = False) -> None:
        # The estimate is a sum over all parts: after each of hundreds it took a sixth of the demo's diagnosing.
        if not at_once and now - self._printed <= (INTERVAL if self._bar is None else REDRAWN):
            return
        self._printed = now
        seconds = self.seconds_left()
        left = "" if seconds is None else f", {_clock(seconds)} left"
        if self._bar is not None:
            self._bar.set_postfix_str(f"{left.removeprefix(', ')}  {note}".strip())
        else:
            self._print(f"{self.what}: {self.done:.0f} of {self.total:.0f} {self.unit}{left}  {note}")

    def _print(self, line: str) -> None:
        print(line, file=sys.stderr, flush=True)
