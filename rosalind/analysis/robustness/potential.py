"""Prune potential: how far a method may prune before it costs accuracy (arXiv 2103.03014)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from rosalind.analysis.robustness.groups import ROUNDING, accuracy, groups, main_mean, step_of
from rosalind.analysis.robustness.means import clean_of, means
from rosalind.analysis.robustness.parents import dense_root
from rosalind.analysis.robustness.power import seed_interval
from rosalind.results import Results

DELTA = 0.01
"""Accuracy that may be lost against the dense parent, in [0, 1]; the paper takes 0.005 of 10,000 images."""


@dataclass(frozen=True)
class Potential:
    """The prune potential of one method under one condition or mean.

    Attributes:
        method: Of the networks, as `SeedGroup.method` has it.
        condition: Id of a condition, or name of a mean.
        values: Largest sparsity of every seed, see `largest_sparsity`.
        mean: Over seeds, in [0, 1]; higher is better.
        half: Half width of its 95 % t-interval over seeds, see `seed_interval`; its `step` is what one image more that
            every pruned network of a seed has wrong would take off, the mean over seeds. NaN with one seed, and where
            one is `beyond`, as what is only a lower end has no deviation.
        beyond: Number of seeds whose sparsest network still is within the limit: there the value is at least that.
    """

    method: str
    condition: str
    values: np.ndarray
    mean: float
    half: float
    beyond: int


def largest_sparsity(
    sparsities: Sequence[float], lost: Sequence[float] | np.ndarray, delta: float = DELTA
) -> tuple[float, bool]:
    """The largest sparsity at which at most `delta` of accuracy is lost, and True where it is the sparsest measured.

    Args:
        sparsities: measured ones, in (0, 1).
        lost: accuracy of the dense parent minus that of the network, of every sparsity; NaN ones are left out.
        delta: what may be lost.

    Between the sparsest network that is within the limit and the next, which is not, the loss is taken for linear; of
    the dense parent, sparsity 0, nothing is lost. NaN without a value.

    >>> largest_sparsity([0.5, 0.9], [0.0, 0.04], 0.01)
    (0.6, False)
    >>> largest_sparsity([0.5, 0.9], [0.0, 0.97 - 0.96], 0.01)
    (0.9, True)
    """
    measured = sorted((s, d) for s, d in zip(sparsities, lost, strict=True) if np.isfinite(d))
    if not measured:
        return float("nan"), False
    points = [(0.0, min(0.0, delta)), *measured]
    place = max(k for k, (_, loss) in enumerate(points) if loss <= delta + ROUNDING or k == 0)
    if place == len(points) - 1:
        return float(points[place][0]), True
    (low, before), (high, after) = points[place], points[place + 1]
    return float(low + max(delta - before, 0) / (after - before) * (high - low)), False


def potentials(
    results: Results,
    delta: float = DELTA,
    conditions: Sequence[str] | None = None,
    *,
    summary: Mapping[tuple[str, str], Mapping[str, float]] | None = None,
    images: int | None = None,
) -> list[Potential]:
    """Prune potentials of a study's methods, in their order, under conditions and means of conditions.

    A seed counts where its dense parent is measured; a method of one sparsity has only what that shows.

    Args:
        results: a study.
        delta: accuracy that may be lost, in (0, 1).
        conditions: ids of conditions and names of means; None for clean images, the means, and then every condition.
        summary: `accuracy` by network and condition or mean, such as a slice's; None for that of all images.
        images: labelled images behind an accuracy of the summary.

    Raises:
        ValueError: a delta that is not in (0, 1).
    """
    if not 0 < delta < 1:
        raise ValueError(f"delta must be in (0, 1), of accuracy in [0, 1], got {delta}; 0.01 is one point.")
    over = _columns(results)
    if summary is None:
        accuracies, index = accuracy(results), {name: k for k, name in enumerate(results.networks)}
        of = lambda name, condition: float(accuracies[index[name], over[condition]].mean())
    else:
        of = lambda name, condition: summary.get((name, condition), {}).get("accuracy", float("nan"))
    one = 1 / images if images else step_of(results)
    chains: dict[str, dict[int | None, list[tuple[str, str]]]] = {}
    for name, method in ((name, group.method) for group in groups(results) for name in group.networks):
        info = results.networks[name]
        parent = None if info.is_dense else dense_root(results, name)
        if parent is not None and info.sparsity > 0:
            chains.setdefault(method, {}).setdefault(info.seed, []).append((name, parent))
    measured = []
    for method, seeds in chains.items():
        sparsities = [[results.networks[name].sparsity for name, _ in chain] for chain in seeds.values()]
        for condition in over if conditions is None else [c for c in conditions if c in over]:
            lost = [
                np.array([of(parent, condition) - of(name, condition) for name, parent in c]) for c in seeds.values()
            ]
            ends = [largest_sparsity(*measured_of, delta) for measured_of in zip(sparsities, lost, strict=True)]
            values = np.array([value for value, _ in ends])
            if np.isfinite(values).any():
                # What one image more that every pruned network of a seed has wrong takes off.
                less = [largest_sparsity(s, d + one, delta)[0] for s, d in zip(sparsities, lost, strict=True)]
                mean, half, _ = seed_interval(values, step=float(np.nanmean(values - less)))
                beyond = sum(is_end for _, is_end in ends)
                half = float("nan") if beyond else float(half)
                measured.append(Potential(method, condition, values, float(mean), half, beyond))
    return measured


def _columns(results: Results) -> dict[str, list[int]]:
    """Positions of conditions by what accuracies are of: clean images, means of one BatchNorm mode, every condition."""
    column = {name: k for k, name in enumerate(results.conditions)}
    clean = clean_of(results, "train")
    over = {clean: [column[clean]]} if clean else {}
    over |= {m.name: [column[name] for name in m.conditions] for m in means(results) if m.bn == "train"}
    return over | {name: [k] for name, k in column.items() if name not in over}


COLUMNS = ("method", "condition", "seeds", "potential", "low", "high", "beyond")
"""Columns of comparison/potential.csv."""


def rows(results: Results, delta: float = DELTA) -> list[dict[str, Any]]:
    """The rows of `comparison/potential.csv`; `low` to `high` is `mean` -+ `half`, cut at 0 and 1."""
    return [
        {
            "method": p.method,
            "condition": p.condition,
            "seeds": int(np.isfinite(p.values).sum()),
            "potential": p.mean,
            "low": float(np.maximum(p.mean - p.half, 0)),
            "high": float(np.minimum(p.mean + p.half, 1)),
            "beyond": p.beyond,
        }
        for p in potentials(results, delta)
    ]


def table(results: Results, delta: float = DELTA) -> tuple[list[str], list[list[str]], str]:
    """Header, lines and legend of prune potentials, clean and corrupted; no lines without pruned networks."""
    main = main_mean(results)
    shown = {"clean": clean_of(results, "train"), "corrupted": main.name if main else None}
    by_method: dict[str, dict[str, Potential]] = {}
    for potential in potentials(results, delta, [condition for condition in shown.values() if condition]):
        by_method.setdefault(potential.method, {})[potential.condition] = potential
    header = ["method", "seeds", *(name for name, condition in shown.items() if condition)]
    lines, points = [], f"{100 * delta:g} point{'' if 100 * delta == 1 else 's'}"
    for method, of_condition in by_method.items():
        seeds = max(int(np.isfinite(p.values).sum()) for p in of_condition.values())
        cells = [_words(of_condition.get(condition)) for condition in shown.values() if condition]
        lines.append([method, str(seeds), *cells])
    return (
        header,
        lines,
        (
            f"Prune potential: largest sparsity, percent, that loses at most {points} of accuracy to the "
            "dense parent (arXiv 2103.03014), linear between sparsities, mean +- 95 % half width over seeds; >= where "
            "the sparsest network of a seed still is within that."
        ),
    )


def _words(potential: Potential | None) -> str:
    if potential is None:
        return "-"
    half = f" +- {100 * potential.half:.1f}" if np.isfinite(potential.half) else ""
    return f"{'>= ' if potential.beyond else ''}{100 * potential.mean:.1f}{half}"
