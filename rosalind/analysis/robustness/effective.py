"""Effective robustness of a study's rows: the dense networks' line, and why some rows have none."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from rosalind.analysis.robustness import metrics
from rosalind.analysis.robustness.cells import Cell
from rosalind.analysis.robustness.means import clean_of, means
from rosalind.results import Results

_LINE = ("slope", "baselines", "low", "high", "reliability")


def fill_effective(results: Results, table_rows: list[dict[str, Any]], accuracies: Mapping[Cell, float]) -> None:
    """Fill in effective robustness: the fit is over trained dense networks only, per condition or mean.

    Robust training is what may lift a network above the line, so dense networks of a regime are no part of it.
    """
    trained = lambda info: info.is_dense and info.regime is None and info.budget.get("epochs") != 0
    dense = [name for name, info in results.networks.items() if trained(info)]
    lines: dict[Cell, metrics.Effective] = {}
    samples = len(results.labels)
    for row in table_rows:
        condition, clean = str(row["condition"]), clean_of(results, str(row["bn"])) or ""
        if condition == clean or (row["network"], clean) not in accuracies:
            continue
        if (condition, clean) not in lines:
            pairs = [(accuracies.get((n, clean)), accuracies.get((n, condition))) for n in dense]
            x, y = np.array([pair for pair in pairs if None not in pair], float).reshape(-1, 2).T
            lines[condition, clean] = metrics.effective_fit(x, y, samples)
        line = lines[condition, clean]
        clean_accuracy = accuracies[row["network"], clean]
        row["effective_robustness"] = float(line.robustness(clean_accuracy, row["accuracy"], samples))
        row["effective_r2"] = line.r2
        row |= {f"effective_{name}": getattr(line, name) for name in _LINE}


def effective_line(row: Mapping[str, Any]) -> metrics.Effective | None:
    """The line of a row's condition, whose `gap` says why a network has no effective robustness.

    Without its intercept, which no row has. None where the row does not say: clean images, or an earlier version.
    """
    slope, baselines, low, high, reliability = (float(row[f"effective_{name}"]) for name in _LINE)
    if not np.isfinite(baselines):
        return None
    return metrics.Effective(slope, np.nan, float(row["effective_r2"]), int(baselines), low, high, reliability)


def effective_gaps(results: Results, summary: Mapping[Cell, Mapping[str, Any]], chosen: Iterable[Cell]) -> list[str]:
    """Why chosen rows have no effective robustness, a phrase with its count for every reason, the commonest first.

    Args:
        results: of the study.
        summary: rows by network and condition or mean, clean cells among them.
        chosen: the rows that are counted; those that `effective_line` is None of are not.
    """
    ranges: dict[str, list[tuple[float, float]]] = {}
    bn_of = {name: info.bn for name, info in results.conditions.items()} | {m.name: m.bn for m in means(results)}
    for network, condition in chosen:
        line = effective_line(summary[network, condition])
        clean = summary.get((network, clean_of(results, bn_of.get(condition, "train")) or ""))
        if line is not None and clean is not None and (gap := line.gap(clean["accuracy"])):
            ranges.setdefault(gap, []).append((line.low, line.high))
    phrases = []
    for gap, ends in sorted(ranges.items(), key=lambda item: -len(item[1])):
        low, high = 100 * np.min(ends, 0)[0], 100 * np.max(ends, 0)[1]
        span = f" {low:.1f} to {high:.1f} %" if gap == "outside" else ""
        phrases.append(f"{len(ends):,} as {metrics.GAPS[gap]}{span}")
    return phrases
