"""Exemplars that pruning identifies: samples whose most common prediction over seeds it changes (arXiv 1911.05248)."""

import itertools
from dataclasses import dataclass
from functools import cache

import numpy as np
import scipy
from jaxtyping import Bool, Float, Int

from rosalind.analysis.robustness import cells
from rosalind.analysis.robustness.groups import SeedGroup, groups
from rosalind.analysis.robustness.means import clean_of
from rosalind.analysis.robustness.parents import dense_root
from rosalind.analysis.robustness.power import holm
from rosalind.results import Results, log_softmax

SPLITS = 20
"""Most ways of taking two disjoint halves of the seeds whose rates are averaged."""


def modal(
    predictions: Int[np.ndarray, "m n"], probabilities: Float[np.ndarray, "m n c"] | None = None
) -> tuple[Int[np.ndarray, " n"], Bool[np.ndarray, " n"]]:
    """The most common prediction of several networks for every sample, and True where several are as common.

    Of those the one of the largest mean probability is taken, and the smallest label where that is not known.

    >>> [part.tolist() for part in modal(np.array([[1, 0], [1, 2], [0, 1]]))]
    [[1, 0], [False, True]]
    """
    count = (predictions[:, None] == predictions[None]).sum(1, dtype=np.int32)
    is_most, largest = count == count.max(0), np.iinfo(predictions.dtype).max
    labels = np.where(is_most, predictions, largest).min(0)
    tied = (is_most & (predictions != labels)).any(0)
    if probabilities is not None and (at := np.flatnonzero(tied)).size:
        named, is_most = predictions[:, at], is_most[:, at]
        of_named = np.stack([probabilities[:, at, row].mean(0) for row in named])
        best = np.where(is_most, of_named, -1).max(0)
        is_best = is_most & ((of_named == best) | np.isnan(of_named))
        labels[at] = np.where(is_best, named, largest).min(0)
    return labels, tied


@dataclass(frozen=True)
class Exemplars:
    """Samples whose usual prediction, that of most networks, pruning changes.

    Attributes:
        group: The pruned networks, of several seeds.
        dense: The networks that they descend from.
        flag: bool[n], True where the most common prediction differs; whether either is right does not count.
        modal_dense, modal_pruned: int[n], the most common predictions.
        tied: bool[n], True where another one is as common, in either population.
        agree: float[n], share of the pruned networks that make their most common prediction, in (0, 1].
        size: Number of networks in either half of `rate_of_halves` and `null`; 0 with fewer than two seeds.
        rate_of_halves: Share of flags between dense networks of some seeds and pruned ones of as many others; NaN where
            there are no two seeds.
        null: The same between dense networks alone: what other seeds change without pruning. Both are means over at
            most `SPLITS` ways of halving; only these two compare, as fewer networks give more flags.
        impact: float[c], by how much pruning changes the recall of a class beyond the accuracy: positive where it
            suffers less than the others; NaN for a class without samples.
        p: float[c], of Welch's t-test of that over networks, uncorrected; NaN with fewer than two networks of a kind,
            and where none of them varies.
    """

    group: SeedGroup
    dense: tuple[str, ...]
    flag: np.ndarray
    modal_dense: np.ndarray
    modal_pruned: np.ndarray
    tied: np.ndarray
    agree: np.ndarray
    size: int
    rate_of_halves: float
    null: float
    impact: np.ndarray
    p: np.ndarray

    @property
    def rate(self) -> float:
        """Share of samples that are flagged, in [0, 1], between all networks of both kinds."""
        return float(self.flag.mean())


def of_group(results: Results, group: SeedGroup, condition: str, stored: cells.Cells | None = None) -> Exemplars | None:
    """The exemplars of a group of seeds under a condition; None where its dense parents are not known or measured.

    `stored` is `cells.load` of the results, where it is asked of several groups.

    Raises:
        ValueError: a condition that the study does not have with its own samples.
    """
    results.check_ids(conditions=[condition])
    measured = {network for network, of in results.cells(predictions=True) if of == condition}
    parents = {name: dense_root(results, name) for name in group.networks if name in measured}
    pruned = [name for name, parent in parents.items() if parent in measured and parent != name]
    dense = list(dict.fromkeys(str(parents[name]) for name in pruned))
    if not pruned:
        return None
    labels, stored = results.labels, stored or cells.load(results)
    predictions = {name: stored.prediction_of(name, condition).astype(np.int64) for name in (*pruned, *dense)}

    # Where all agree no two predictions are as common.
    first = predictions[pruned[0]]
    differs = np.any([other != first for other in predictions.values()], axis=0)
    row = np.cumsum(differs) - 1
    # Every network is in many halves.
    probabilities_of = cache(lambda name: _probabilities(results, name, condition, differs))

    @cache
    def common(names: tuple[str, ...]) -> tuple[np.ndarray, np.ndarray]:
        table = np.stack([predictions[name] for name in names])
        most, tied = modal(table)
        if tied.any():
            probabilities = [probabilities_of(name) for name in names]
            if all(p is not None for p in probabilities):
                chosen = row[tied]
                most[tied] = modal(table[:, tied], np.stack([p[chosen] for p in probabilities if p is not None]))[0]
        return most, tied

    modal_dense, tied_dense = common(tuple(dense))
    modal_pruned, tied_pruned = common(tuple(pruned))
    size, rates = len(dense) // 2, []
    children = {parent: [name for name in pruned if parents[name] == parent] for parent in dense}
    for half, other_half in _halves(len(dense)):
        ours, theirs = (tuple(dense[k] for k in of) for of in (half, other_half))
        most = common(ours)[0]
        others = common(tuple(children[name][0] for name in theirs))[0]
        rates.append([(most != others).mean(), (most != common(theirs)[0]).mean()])
    of_halves, null = np.mean(rates, 0) if rates else (np.nan, np.nan)
    is_correct = [np.stack([predictions[name] == labels for name in names]) for names in (dense, pruned)]
    impact, p = class_impact(is_correct[0], is_correct[1], labels, len(results.class_names))
    return Exemplars(
        group=group,
        dense=tuple(dense),
        flag=modal_dense != modal_pruned,
        modal_dense=modal_dense,
        modal_pruned=modal_pruned,
        tied=tied_dense | tied_pruned,
        agree=(np.stack([predictions[name] for name in pruned]) == modal_pruned).mean(0),
        size=size,
        rate_of_halves=float(of_halves),
        null=float(null),
        impact=impact,
        p=p,
    )


def _probabilities(results: Results, network: str, condition: str, chosen: np.ndarray) -> np.ndarray | None:
    """float64[k, c] of some samples; None where not all logits are stored."""
    try:
        cell = results.geometry(network, condition, ("logits",))
    except (FileNotFoundError, KeyError):
        return None
    logits = cell["logits"][chosen]
    return np.exp(log_softmax({"logits": logits})) if logits.shape[1] == len(results.class_names) else None


def _halves(count: int) -> list[tuple[tuple[int, ...], tuple[int, ...]]]:
    """Ordered pairs of disjoint subsets of half the size, at most `SPLITS` of them."""
    size = count // 2
    if not size:
        return []
    pairs = [
        (first, second)
        for first in itertools.islice(itertools.combinations(range(count), size), 1000)
        for second in itertools.islice(
            itertools.combinations([k for k in range(count) if k not in first], size), SPLITS
        )
    ]
    if len(pairs) <= SPLITS:
        return pairs
    return [pairs[k] for k in np.random.default_rng(0).choice(len(pairs), SPLITS, replace=False)]


def class_impact(
    dense: Bool[np.ndarray, "m n"], pruned: Bool[np.ndarray, "k n"], labels: Int[np.ndarray, " n"], classes: int
) -> tuple[Float[np.ndarray, " c"], Float[np.ndarray, " c"]]:
    """By how much pruning changes a class' recall minus the accuracy, and p of Welch's t-test over networks.

    Args:
        dense, pruned: True where a network is right.
        labels: of the samples; negative ones are of no class.
        classes: their number.

    Returns:
        float[c] mean of the pruned networks minus that of the dense ones, NaN for a class without samples; float[c] p,
        uncorrected, NaN with fewer than two networks of either, and where none of them varies.
    """
    labelled = labels >= 0
    samples = np.bincount(labels[labelled], minlength=classes)
    sizes, beyond = np.where(samples > 0, samples, np.nan), []
    for is_correct in (dense, pruned):
        hits = np.stack([np.bincount(labels[labelled & row], minlength=classes) for row in is_correct])
        beyond.append(hits / sizes - hits.sum(1, keepdims=True) / max(samples.sum(), 1))
    difference = beyond[1].mean(0) - beyond[0].mean(0)
    counts = np.array([[len(table)] for table in beyond])
    if counts.min() < 2:
        return difference, np.full(classes, np.nan)
    # Rounding leaves a class that never varies a spread of 1e-17.
    varies = np.max([np.ptp(table, 0) for table in beyond], 0) > 1e-12
    errors = np.where(varies, [table.var(0, ddof=1) for table in beyond], np.nan) / counts
    freedom = errors.sum(0) ** 2 / (errors**2 / (counts - 1)).sum(0)
    # Not scipy.stats, whose import takes 0.6 s.
    return difference, 2 * scipy.special.stdtr(freedom, -np.abs(difference) / np.sqrt(errors.sum(0)))


def markdown(results: Results) -> list[str]:
    """Lines of Markdown: a row per group of seeds on clean images; none without pruned networks of known parents."""
    clean = clean_of(results, "train")
    stored = cells.load(results)
    of_groups = [] if clean is None else [of_group(results, group, clean, stored) for group in groups(results)]
    rows = [exemplars for exemplars in of_groups if exemplars is not None]
    if not rows:
        return []
    percent = lambda share: "-" if np.isnan(share) else f"{100 * share:.1f}"
    lines = [
        *("", "## Whose usual prediction does pruning change?", ""),
        "Exemplars (arXiv 1911.05248): clean samples for which most pruned networks predict another class than most "
        "dense ones do, percent; tied where no class is predicted most. Few networks flag more samples, so that only "
        "the next two columns compare: n dense and n pruned networks of other seeds, and n dense and n dense ones. "
        "Classes: those whose recall, less the accuracy, changes (Welch, Holm over classes, p < 0.05).",
        "",
        "| network | seeds | exemplars | tied | pruned, of n | dense, of n | n | classes |",
        "|---" * 8 + "|",
    ]
    for one in rows:
        changed = np.flatnonzero(np.nan_to_num(holm(one.p), nan=1) < 0.05)
        hit = [f"{results.class_names[c]} {100 * one.impact[c]:+.1f}" for c in changed]
        cells_of = [one.group.name, str(len(one.group.networks)), percent(one.rate), percent(one.tied.mean())]
        cells_of += [percent(one.rate_of_halves), percent(one.null), str(one.size or "-"), ", ".join(hit) or "-"]
        lines.append(f"| {' | '.join(cells_of)} |")
    return lines
