"""Ranking of methods on held-out corruptions: is a ranking an artefact of the 15 common ones?"""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any, Literal, get_args

import numpy as np

from rosalind.analysis.concordance import kendall
from rosalind.analysis.robustness.groups import main_mean, step_of, table
from rosalind.analysis.robustness.means import HELD_OUT, Mean, described, means
from rosalind.analysis.robustness.metrics import LEVEL
from rosalind.analysis.robustness.power import holm, paired_test, seed_interval
from rosalind.results import Damaged, Results, stamp

SEEDS = 3
"""Fewest seeds with which anything is said of a ranking."""

Verdict = Literal["holds", "does not hold", "cannot tell"]


@dataclass(frozen=True)
class Transfer:
    """Transfer of a ranking of methods by one accuracy to another, such as that on held-out corruptions.

    Attributes:
        names: Of the methods.
        first: float64[methods, seeds] accuracies that rank them; NaN where a method lacks a seed.
        second: The same networks' accuracies that the ranking is held against.
        tau: Kendall's tau-b of the two within a seed, in [-1, 1], averaged over seeds; 1 where all seeds rank alike.
            NaN without a seed that has two methods and differences in both.
        low: Lower end of its 95 % t-interval over seeds, at least -1; NaN with fewer than `SEEDS` of them.
        high: Upper end, at most 1.
        seeds: How many seeds have a tau.
        repeat: Mean tau-b of `first` between two seeds: how well the ranking repeats itself where only the seed
            changes. NaN with one seed.
        p: float64[methods, methods], symmetric: that two methods differ by both accuracies, in whichever order: the
            larger p of the two paired t-tests over seeds, with Holm's correction over all pairs. NaN on the diagonal
            and with fewer than two common seeds.
        swapped: bool[methods, methods]: the two accuracies order the two by opposite signs of their mean difference.
    """

    names: tuple[str, ...]
    first: np.ndarray
    second: np.ndarray
    tau: float
    low: float
    high: float
    seeds: int
    repeat: float
    p: np.ndarray
    swapped: np.ndarray

    @property
    def swaps(self) -> list[tuple[str, str, float]]:
        """Pairs that the two accuracies order oppositely, beyond chance: the better by the first, the other, p."""
        pairs = np.argwhere(np.triu(self.swapped & (self.p < LEVEL), 1)).tolist()
        ahead = lambda i, j: np.nanmean(self.first[i] - self.first[j]) > 0
        ordered = ((i, j) if ahead(i, j) else (j, i) for i, j in pairs)
        return [(self.names[i], self.names[j], float(self.p[i, j])) for i, j in ordered]

    @property
    def kept(self) -> int:
        """Number of pairs that both accuracies tell apart, in the same order."""
        return int(np.triu(~self.swapped & (self.p < LEVEL), 1).sum())

    @property
    def verdict(self) -> Verdict:
        """`does not hold` where a pair swaps or tau is below 0; `holds` where tau is above 0 and a pair is kept."""
        if self.seeds < SEEDS:
            return "cannot tell"
        if self.swaps or self.high < 0:
            return "does not hold"
        return "holds" if self.low > 0 and self.kept else "cannot tell"


def ranking_transfer(names: Sequence[str], first: np.ndarray, second: np.ndarray, step: float = 0.0) -> Transfer:
    """Compare two rankings of the same networks, paired by seed.

    Two accuracies of one network share its luck, so that within a seed they agree more than rankings of methods do;
    `Transfer.repeat` and the pairs that are told apart say how much of it is the methods'.

    Args:
        names: of the methods.
        first: float[methods, seeds], higher is better; NaN where a method lacks a seed.
        second: of the same shape.
        step: what one image adds to an accuracy, see `power.seed_interval`.

    Raises:
        ValueError: arrays of other shapes.

    >>> accuracy = np.array([[0.7, 0.72, 0.71], [0.6, 0.61, 0.6], [0.5, 0.52, 0.53]])
    >>> held_out = ranking_transfer(["a", "b", "c"], accuracy, accuracy - 0.1)
    >>> held_out.tau, held_out.verdict, held_out.swaps
    (1.0, 'holds', [])
    """
    first, second = np.asarray(first, float), np.asarray(second, float)
    if first.ndim != 2 or first.shape != second.shape or len(first) != len(names):
        raise ValueError(
            f"first and second must be [{len(names)} methods, seeds], got {first.shape} and {second.shape}."
        )
    first, second = (np.where(np.isfinite(first + second), values, np.nan) for values in (first, second))
    within = np.array([_tau(first[:, k], second[:, k]) for k in range(first.shape[1])])
    tau, half, seeds = seed_interval(within)
    half = half if seeds >= SEEDS else np.nan
    between = [_tau(first[:, a], first[:, b]) for a, b in combinations(range(first.shape[1]), 2)]
    pairs = list(combinations(range(len(first)), 2))
    p, swapped = np.full((len(first),) * 2, np.nan), np.zeros((len(first),) * 2, bool)
    values = holm(np.array([_both_differ(first[i] - first[j], second[i] - second[j], step) for i, j in pairs]))
    for (i, j), value in zip(pairs, values, strict=True):
        p[i, j] = p[j, i] = value
        if np.isfinite(value):
            opposite = np.nanmean(first[i] - first[j]) * np.nanmean(second[i] - second[j]) < 0
            swapped[i, j] = swapped[j, i] = opposite
    low, high = (float(np.clip(end, -1, 1)) for end in (tau - half, tau + half))
    repeat = float(seed_interval(np.array(between))[0]) if between else float("nan")
    return Transfer(tuple(names), first, second, float(tau), low, high, int(seeds), repeat, p, swapped)


def _tau(x: np.ndarray, y: np.ndarray) -> float:
    both = np.isfinite(x + y)
    return kendall(x[both], y[both])


def _both_differ(first: np.ndarray, second: np.ndarray, step: float) -> float:
    """The larger p of two paired t-tests: both differences are real only if each is."""
    shared = np.isfinite(first)
    values = [paired_test(differences[shared], step) for differences in (first, second)]
    return max(values) if np.isfinite(values).all() else float("nan")


def held_out_ranking(results: Results) -> Transfer | None:
    """Transfer of a study's ranking by its main mean to the ten of CIFAR-10-C-bar, else of ImageNet-C-bar.

    Groups of seeds are the methods. None without those ten conditions (`rosalind run --held-out cifar-c-bar`), without
    others beside them, or with fewer than two groups.
    """
    pair = _two_means(results)
    if pair is None:
        return None
    first, second = (table(results, mean) for mean in pair)
    infos = results.networks
    seeds = sorted({seed for info in infos.values() if (seed := info.seed) is not None})
    shown, values = [], []
    for rows in zip(first, second, strict=True):
        accuracies = np.full((2, len(seeds)), np.nan)
        for k, network in enumerate(rows[0].group.networks):
            if (seed := infos[network].seed) is not None:
                accuracies[:, seeds.index(seed)] = [row.corrupted[k] for row in rows]
        if np.isfinite(accuracies.sum(0)).any():
            shown.append(rows[0].group.name)
            values.append(accuracies)
    if len(shown) < 2:
        return None
    first_accuracies, second_accuracies = np.array(values).swapaxes(0, 1)
    return ranking_transfer(shown, first_accuracies, second_accuracies, step_of(results))


def _two_means(results: Results) -> tuple[Mean, Mean] | None:
    main = main_mean(results)
    other = next((mean for mean in means(results) if mean.group in HELD_OUT and mean.bn == "train"), None)
    return (main, other) if main and other and main.group not in HELD_OUT else None


def summary(row: Mapping[str, Any]) -> str:
    """The verdict on a ranking with its numbers in words, of any of its `rows`; without the pairs that swap."""
    verdict, seeds = row["verdict"], row["tau_seeds"]
    start = "Whether the ranking holds cannot be told" if verdict == "cannot tell" else f"The ranking {verdict}"
    if seeds < SEEDS:
        return f"{start} on the held-out corruptions: {seeds} seeds, {SEEDS} or more are needed"
    return (
        f"{start} on the held-out corruptions: within a seed Kendall's tau of the two is {row['tau']:.2f} (95 % "
        f"t-interval over {seeds} seeds {row['tau_low']:.2f} to {row['tau_high']:.2f}); between two seeds, on the "
        f"same corruptions, it is {row['tau_repeat']:.2f}. Of {row['pairs']} pairs {row['kept']} are told apart by "
        f"both in the same order and {row['swapped']} in opposite orders (paired t-tests over seeds, Holm's correction)"
    )


def sentence(transfer: Transfer) -> str:
    """The verdict with its numbers, in words, and the pairs that swap."""
    swaps = [f"{better} before {other} only where not held out (p = {p:.2g})" for better, other, p in transfer.swaps]
    shown = [": " + "; ".join(swaps)] if swaps and transfer.seeds >= SEEDS else []
    return "".join([summary(_of_ranking(transfer)), *shown, "."])


def _of_ranking(transfer: Transfer) -> dict[str, Any]:
    """The numbers of the whole ranking, from the rows of a table."""
    return {
        **{"tau": transfer.tau, "tau_low": transfer.low, "tau_high": transfer.high, "tau_seeds": transfer.seeds},
        **{"tau_repeat": transfer.repeat, "pairs": len(transfer.names) * (len(transfer.names) - 1) // 2},
        **{"kept": transfer.kept, "swapped": len(transfer.swaps), "verdict": transfer.verdict},
    }


def _ranks(values: np.ndarray) -> np.ndarray:
    """Places, 1 the largest; equal values share the better one."""
    return 1 + (values > values[:, None]).sum(1)


KINDS = ("corrupted", "held_out")
"""The two accuracies of a table: by the main mean, and on the held-out corruptions."""

_TYPES: dict[str, type] = {
    **{"method": str, "seeds": int},
    **{f"{kind}{end}": int if end == "_rank" else float for kind in KINDS for end in ("", "_low", "_high", "_rank")},
    **{"swaps_with": str, "tau": float, "tau_low": float, "tau_high": float, "tau_seeds": int, "tau_repeat": float},
    **{"pairs": int, "kept": int, "swapped": int, "verdict": str},
}
COLUMNS = tuple(_TYPES)
"""Columns of comparison/held_out.csv: one row per group of seeds, the best by `corrupted` first."""


def rows(results: Results) -> list[dict[str, Any]]:
    """The rows of `held_out.csv`; none where `held_out_ranking` is None.

    `corrupted` is accuracy by the main mean and `held_out` that on the held-out corruptions, in [0, 1], over the seeds
    that have both, with 95 % t-intervals (NaN with one seed) and ranks from 1. `swaps_with` names the methods that the
    two order oppositely beyond chance, joined by `; `. What follows is of the ranking, the same in every row: `tau` and
    `verdict`, see `Transfer`; of its `pairs` those that are `kept` and `swapped`.
    """
    transfer = held_out_ranking(results)
    if transfer is None:
        return []
    intervals = [seed_interval(values, step=step_of(results)) for values in (transfer.first, transfer.second)]
    lines = []
    for k in np.argsort(-intervals[0][0], kind="stable").tolist():
        name = transfer.names[k]
        line: dict[str, Any] = {"method": name, "seeds": int(intervals[0][2][k])}
        for kind, (mean, half, _) in zip(KINDS, intervals, strict=True):
            line |= {kind: float(mean[k]), f"{kind}_low": float(mean[k] - half[k])}
            line |= {f"{kind}_high": float(mean[k] + half[k]), f"{kind}_rank": int(_ranks(mean)[k])}
        others = [y if x == name else x for x, y, _ in transfer.swaps if name in (x, y)]
        lines.append({**line, "swaps_with": "; ".join(others), **_of_ranking(transfer)})
    return lines


def read(results: Results) -> list[dict[str, Any]]:
    """The `rows` that `comparison/held_out.csv` holds, of what was measured when it was written, without reading cells.

    Empty where there is no such file, as in a study of an earlier version or in several that are joined.

    Raises:
        results.Damaged: not such a table, or not as it was written.
        OSError: it cannot be read now.
    """
    file = "comparison/held_out.csv"
    path = results.folder / file
    if results.homes or not path.exists():
        return []
    stamp.check_derived(results.folder, file)
    try:
        with path.open(newline="", encoding="utf-8") as opened:
            lines = list(csv.DictReader(opened))
        # A gap is NaN, of a number.
        parsed = lambda kind, cell: kind(cell or "nan") if kind is float else kind(cell)
        stored = [{name: parsed(kind, line[name]) for name, kind in _TYPES.items()} for line in lines]
        if unknown := {row["verdict"] for row in stored} - {*get_args(Verdict)}:
            raise ValueError(f"verdict {unknown.pop()!r}")
        return stored
    except (KeyError, TypeError, ValueError, csv.Error) as error:
        raise Damaged(f"{path} is damaged ({error!r}); delete it and run the study again.") from error


def table_of(lines: Sequence[Mapping[str, Any]]) -> tuple[list[str], list[list[str]]]:
    """Header and cells of `rows` as a table: accuracies in percent, ranks, and how many ranks a method moves up."""
    cells = []
    for row in lines:
        first, second = (row[f"{kind}_rank"] for kind in KINDS)
        shown = [cell for kind in KINDS for cell in (f"{100 * row[kind]:.1f}", str(row[f"{kind}_rank"]))]
        cells.append([row["method"], *shown, f"{first - second:+d}" if first != second else ""])
    return ["method", "corrupted", "rank", "held out", "rank", "moved"], cells


def ranked_twice(results: Results) -> tuple[list[str], list[list[str]], str]:
    """Header, lines and legend of the two rankings as a table; no lines where there are not two."""
    header, lines = table_of(rows(results))
    transfer, pair = held_out_ranking(results), _two_means(results)
    if transfer is None or pair is None:
        return header, [], ""
    main, other = (described(mean, results) for mean in pair)
    return header, lines, f"Percent, mean over seeds. Corrupted: {main}. Held out: {other}. {sentence(transfer)}"
