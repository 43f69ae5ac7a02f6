"""What experiments print and keep: a paired difference over seeds in words, and raw rows as CSV beside the script."""

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from rosalind.analysis.robustness import power


def difference(pairs: Sequence[float] | np.ndarray, digits: int = 2) -> str:
    """A mean over pairs, half its 95 % t-interval, the paired t-test, and what could be seen with 80 % power.

    Pairs that are NaN are left out of all but the test, which is NaN then.

    >>> difference([1.0, 2.0, 3.0])
    '+2.00 +- 2.48 (n 3, p 0.074, could be seen 3.26)'
    """
    values = np.asarray(pairs, float)
    mean, half, count = power.seed_interval(values)
    least = power.detectable_with_pairs(int(count), float(np.nanstd(values, ddof=1)))
    test = f"n {count}, p {power.paired_test(values):.2g}, could be seen {least:.{digits}f}"
    return f"{mean:+.{digits}f} +- {half:.{digits}f} ({test})"


def keep(script: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Write the rows of an experiment to the CSV file of its name beside it, fractions with six digits."""
    with open(Path(script).with_suffix(".csv"), "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows([f"{x:.6g}" if isinstance(x, float | np.floating) else x for x in row] for row in rows)
