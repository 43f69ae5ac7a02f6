"""Methods in the order of their corruption accuracy, and which of them the seeds cannot tell apart."""

import string
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from rosalind.analysis.robustness.groups import Row, main_mean, step_of, table
from rosalind.analysis.robustness.metrics import LEVEL
from rosalind.analysis.robustness.power import holm, paired_test, seed_interval
from rosalind.results import Results


@dataclass(frozen=True)
class Ranking:
    """Groups of seeds, the most accurate under corruption first.

    Attributes:
        names: Labels with sparsities.
        mean: Corruption accuracy over seeds in [0, 1], falling.
        half: Half width of its 95 % t-interval over seeds; NaN with one seed.
        seeds: Number of seeds.
        p: Of the paired t-test of every two over the seeds that they share, with Holm's correction over all pairs;
            symmetric. NaN on the diagonal and with fewer than two such seeds.
    """

    names: tuple[str, ...]
    mean: np.ndarray
    half: np.ndarray
    seeds: np.ndarray
    p: np.ndarray

    @property
    def letters(self) -> tuple[str, ...]:
        """Letters of every group: two that share one cannot be told apart, two that share none differ (p < 0.05)."""
        return letter_display(self.p < LEVEL)


def letter_display(different: np.ndarray) -> tuple[str, ...]:
    """The compact letter display of pairwise tests (Piepho, J. Comput. Graph. Statist. 13, 2004).

    Args:
        different: bool[m, m], symmetric: two groups differ.

    >>> letter_display(np.array([[0, 0, 1], [0, 0, 0], [1, 0, 0]], bool))
    ('a', 'ab', 'b')
    """
    count = len(different)
    columns = [frozenset(range(count))] if count else []
    for first, second in np.argwhere(np.triu(different, 1)).tolist():
        split = {part for c in columns for part in ((c - {first}, c - {second}) if {first, second} <= c else (c,))}
        columns = [c for c in split if not any(c < other for other in split)]
    ordered = sorted(columns, key=lambda column: sorted(column))
    # After z comes aa, ab, ...: one letter more, so that letters are joined by spaces there.
    names = [*string.ascii_lowercase, *(a + b for a in string.ascii_lowercase for b in string.ascii_lowercase)]
    join = "".join if len(ordered) <= len(string.ascii_lowercase) else " ".join
    return tuple(
        join(name for name, column in zip(names, ordered, strict=False) if group in column) for group in range(count)
    )


def rank(results: Results) -> Ranking:
    """The ranking of a study's groups by the mean that tables show; groups without it are left out.

    Empty where no group has it, as without corruptions.
    """
    rows = [row for row in table(results, main_mean(results)) if np.isfinite(row.corrupted).any()]
    if not rows:
        return Ranking((), np.empty(0), np.empty(0), np.empty(0, int), np.empty((0, 0)))
    mean, half, seeds = seed_interval(np.array(_padded([row.corrupted for row in rows])), step=step_of(results))
    order = np.argsort(-mean, kind="stable")
    pairs = list(combinations(range(len(rows)), 2))
    values = holm(np.array([_p_of(results, rows[order[i]], rows[order[j]]) for i, j in pairs]))
    p = np.full((len(rows), len(rows)), np.nan)
    for (i, j), value in zip(pairs, values, strict=True):
        p[i, j] = p[j, i] = value
    return Ranking(tuple(rows[k].group.name for k in order), mean[order], half[order], seeds[order], p)


def _padded(values: list[np.ndarray]) -> list[list[float]]:
    longest = max(map(len, values), default=0)
    return [[*value.tolist(), *[np.nan] * (longest - len(value))] for value in values]


def _p_of(results: Results, first: Row, second: Row) -> float:
    """p of the paired t-test over the seeds that both groups have."""
    by_seed = [
        {results.networks[n].seed: v for n, v in zip(row.group.networks, row.corrupted, strict=True) if np.isfinite(v)}
        for row in (first, second)
    ]
    shared = sorted(seed for seed in by_seed[0].keys() & by_seed[1].keys() if seed is not None)
    return paired_test(np.array([by_seed[0][seed] - by_seed[1][seed] for seed in shared]), step_of(results))


def ranked(results: Results) -> tuple[list[str], list[list[str]], str]:
    """Header, lines and legend of the ranking as a table; no lines with fewer than two groups or seeds."""
    ranking = rank(results)
    header = ["rank", "method", "corrupted", "95 %", "alike"]
    if len(ranking.names) < 2 or ranking.seeds.max() < 2:
        return header, [], ""
    lines = [
        [
            *(str(place + 1), name, f"{100 * mean:.1f}"),
            f"{100 * (mean - half):.1f} to {100 * (mean + half):.1f}" if np.isfinite(half) else "-",
            letters,
        ]
        for place, (name, mean, half, letters) in enumerate(
            zip(ranking.names, ranking.mean, ranking.half, ranking.letters, strict=True)
        )
    ]
    pairs = int(np.isfinite(ranking.p).sum()) // 2
    apart = int((ranking.p < LEVEL).sum()) // 2
    return (
        header,
        lines,
        (
            "By corrupted accuracy, percent; 95 % t-interval over seeds. Methods that share a letter cannot be told "
            f"apart (paired t-test over seeds, Holm's correction over {pairs} pairs, of which {apart} differ)."
        ),
    )
