"""Output of experiments: paired differences over seeds in words and tables, and raw rows as CSV beside the script."""

import csv
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import scipy

from rosalind.analysis.robustness import power

IMAGE = 100 / 597
"""Points of accuracy that one test image of the digits is: the `step` of `power.seed_interval`."""


SEEN = float(scipy.special.gammaincinv(4, power.POWER))
"""Images to expect, 5.52, of which more occur in four draws of five than the 3 of the rule of three (Poisson)."""


def difference(pairs: Sequence[float] | np.ndarray, digits: int = 2, step: float = 0.0) -> str:
    """A mean over pairs, half its 95 % interval, the paired t-test, and what could be seen with 80 % power.

    Pairs that are NaN are left out of all but the test, which is NaN then. `step` is that of `power.seed_interval`:
    `IMAGE` of accuracies of the digits in points, 0 of what is not counted in images. What could be seen is of pairs
    that scatter as these do: hypot of what the t-test needs of that deviation, and of `SEEN` steps over all pairs.
    Where these do not scatter and a difference were of images that come and go by chance, more would be needed: of
    three pairs about 10 steps each, of five 2.7, of ten 0.9.

    >>> difference([1.0, 2.0, 3.0])
    '+2.00 +- 2.48 (n 3, p 0.074, could be seen 3.26)'
    >>> difference([0.0, 0.0, 0.0], step=IMAGE)
    '+0.00 +- 0.17 (n 3, p 1, could be seen 0.31)'
    """
    values = np.asarray(pairs, float)
    mean, half, count = power.seed_interval(values, step=step)
    least = np.hypot(power.detectable_with_pairs(int(count), float(np.nanstd(values, ddof=1))), SEEN * step / count)
    test = f"n {count}, p {power.paired_test(values, step):.2g}, could be seen {least:.{digits}f}"
    return f"{mean:+.{digits}f} +- {half:.{digits}f} ({test})"


Row = tuple[str, str, str, int, float]
"""Quantity, condition, kind of networks, seed, value."""


def table(rows: Iterable[Row], base_of: Callable[[str], str], looks: Mapping[str, tuple[int, float]]) -> list[str]:
    """A line per quantity, condition and kind of networks: mean over seeds, and the paired difference to its base.

    Args:
        rows: of all seeds, those of bases among them.
        base_of: the kind of networks that one is compared with; where all pairs are equal, nothing is said of it.
        looks: digits, and the `step` of `difference`, by quantity.

    >>> rows = [("accuracy", "clean", kind, seed, 90.0 + seed * (kind == "b")) for kind in "ab" for seed in (0, 1, 2)]
    >>> for line in table(rows, lambda kind: "a", {"accuracy": (1, IMAGE)}):
    ...     print(line)
    accuracy     clean             a                    90.0
    accuracy     clean             b                    91.0, to a +1.0 +- 2.5 (n 3, p 0.23, could be seen 3.3)
    """
    cells: dict[tuple[str, str, str], dict[int, float]] = {}
    for quantity, condition, kind, seed, value in rows:
        cells.setdefault((quantity, condition, kind), {})[seed] = value
    lines = []
    for (quantity, condition, kind), values in cells.items():
        base, words, (digits, step) = base_of(kind), "", looks[quantity]
        pairs = np.array([values[seed] - value for seed, value in sorted(cells[quantity, condition, base].items())])
        if pairs.any():
            words = f", to {base} {difference(pairs, digits, step)}"
        lines.append(f"{quantity:12s} {condition:17s} {kind:20s} {np.mean(list(values.values())):.{digits}f}{words}")
    return lines


def keep(script: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Write the rows of an experiment to the CSV file of its name beside it, fractions with six digits."""
    with open(Path(script).with_suffix(".csv"), "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows([f"{x:.6g}" if isinstance(x, float | np.floating) else x for x in row] for row in rows)
