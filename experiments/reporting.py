"""Output of experiments: a paired difference over seeds in words, and raw rows as CSV beside the script."""

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from rosalind.analysis.robustness import power

IMAGE = 100 / 597
"""Points of accuracy that one test image of the digits is: the `step` of `power.seed_interval`."""


def difference(pairs: Sequence[float] | np.ndarray, digits: int = 2, step: float = 0.0) -> str:
    """A mean over pairs, half its 95 % interval, the paired t-test, and what could be seen with 80 % power.

    Pairs that are NaN are left out of all but the test, which is NaN then. `step` is that of `power.seed_interval`:
    `IMAGE` of accuracies of the digits in points, 0 of what is not counted in images.

    >>> difference([1.0, 2.0, 3.0])
    '+2.00 +- 2.48 (n 3, p 0.074, could be seen 3.26)'
    >>> difference([0.0, 0.0, 0.0], step=IMAGE)
    '+0.00 +- 0.17 (n 3, p 1, could be seen 0.00)'
    """
    values = np.asarray(pairs, float)
    mean, half, count = power.seed_interval(values, step=step)
    least = power.detectable_with_pairs(int(count), float(np.nanstd(values, ddof=1)))
    test = f"n {count}, p {power.paired_test(values, step):.2g}, could be seen {least:.{digits}f}"
    return f"{mean:+.{digits}f} +- {half:.{digits}f} ({test})"


def keep(script: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Write the rows of an experiment to the CSV file of its name beside it, fractions with six digits."""
    with open(Path(script).with_suffix(".csv"), "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows([f"{x:.6g}" if isinstance(x, float | np.floating) else x for x in row] for row in rows)
