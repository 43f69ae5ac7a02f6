"""The table of the evaluation view: groups of seeds by conditions, and their noise. NumPy only."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float32, Float64

from rosalind.analysis import distributions, robustness
from rosalind.analysis.robustness import SeedGroup
from rosalind.analysis.robustness.groups import step_of
from rosalind.analysis.sides import Cell
from rosalind.analysis.store import Store
from rosalind.config import SYNTHETIC
from rosalind.results import Results

DEGREES = 180 / np.pi


@dataclass(frozen=True)
class CellMetric:
    """The metric of a table: a column of summary.csv times a factor, and its description.

    Attributes:
        signed: True where zero is a middle, so that colours diverge from it and numbers carry a sign.
        ratio: True where one is a middle and twice is as far from it as half: colours diverge from it by logarithm.
        better: 1 where higher is better, -1 where lower is, 0 where neither; the better end of unsigned ones is
            yellow.
    """

    column: str
    factor: float
    words: str
    digits: int = 0
    signed: bool = False
    ratio: bool = False
    better: int = 1


CELL_METRICS = {
    "accuracy": CellMetric("accuracy", 100, "percent right"),
    "difference": CellMetric("accuracy", 100, "percentage points over the dense network of the same seed", signed=True),
    "rank": CellMetric("accuracy", 1, "rank by accuracy within a condition, 1 is best, ties share", better=-1),
    "angle mean": CellMetric("angle_mean", DEGREES, "mean angle, degrees", better=0),
    "angle deviation": CellMetric("angle_deviation", DEGREES, "deviation of the angle, degrees", 1, better=0),
    "margin median": CellMetric("margin_median", 1, "median margin, units", 1),
    "change to parent": CellMetric(
        "change_to_parent", 100, "paired change to the parent, percentage points", signed=True
    ),
    "error over dense": CellMetric(
        "relative_to_dense",
        1,
        "error over the dense parent's, corruption by corruption",
        1,
        ratio=True,
        better=-1,
    ),
    "increase over dense": CellMetric(
        "relative_increase_to_dense",
        1,
        "error added to clean over what is added to the dense parent's (means only)",
        1,
        better=-1,
    ),
    "effective robustness": CellMetric(
        "effective_robustness", 100, "points above the dense networks' line", signed=True
    ),
    "retained": CellMetric("retention", 100, "accuracy over clean accuracy, percent"),
    "flips to wrong": CellMetric("negative_flips", 100, "percent that the dense parent had right", better=-1),
    "flips to right": CellMetric("positive_flips", 100, "percent that the dense parent had wrong"),
    "loss": CellMetric("loss", 1, "negative log-likelihood, nats", 1, better=-1),
    "Brier score": CellMetric("brier", 1, "Brier score", 1, better=-1),
    "calibration error": CellMetric("calibration_error", 100, "expected calibration error, percent", better=-1),
    "RMS calibration": CellMetric(
        "adaptive_calibration_error", 100, "adaptive RMS calibration error, percent", better=-1
    ),
    "mCE": CellMetric("mce", 100, "mean corruption error, AlexNet's being 100 (ImageNet only)", better=-1),
    "relative mCE": CellMetric("relative_mce", 100, "relative mean corruption error (ImageNet only)", better=-1),
}
"""Cell metrics by name."""

COMPARED = ("difference", "change to parent")
"""Metrics that are differences of accuracy, which the null of two dense seeds has something to say about."""

INTERVALS = {"accuracy": "accuracy", "difference": "change", "change to parent": "change"}
"""Metrics for which summary.csv has an interval over images, and how its columns begin."""

SLICED = ("accuracy", "difference", "rank", "change to parent", "retained", "flips to wrong", "flips to right")
"""Metrics that follow from right and wrong, so that `slice_accuracy.summary` has them for a slice of the samples."""

IMAGENET = ("mce", "relative_mce")
"""Columns of summary.csv that other data sets leave empty."""

Summary = Mapping[tuple[str, str], Mapping[str, float]]
"""The numbers of summary.csv by network and condition."""


def _places(groups: Sequence[SeedGroup]) -> dict[str, tuple[int, int]]:
    """Group and seed of every network."""
    return {network: (i, k) for i, group in enumerate(groups) for k, network in enumerate(group.networks)}


def collect(
    summary: Summary, groups: Sequence[SeedGroup], columns: Sequence[str], name: str
) -> Float32[np.ndarray, "groups columns seeds"]:
    """A column of the summary; NaN where a cell or a seed is missing."""
    seeds = max((len(group.networks) for group in groups), default=0)
    table = np.full((len(groups), len(columns), seeds), np.nan, np.float32)
    place, column = _places(groups), {condition: j for j, condition in enumerate(columns)}
    for (network, condition), row in summary.items():
        if network in place and condition in column:
            i, k = place[network]
            table[i, column[condition], k] = row[name]
    return table


def dense_of(results: Results, groups: Sequence[SeedGroup]) -> dict[str, str]:
    """The dense network that each network is compared with: of its seed, for the plain dense ones themselves.

    A network whose JSON names a parent has that one, any other the plain dense network of its model and seed; where
    a study has none, the network is left out, so that its differences are gaps.
    """
    infos = results.networks
    parents = [(name, i) for name, i in infos.items() if i.is_parent and i.seed is not None]
    plain = {(info.model, info.seed): name for name, info in reversed(parents)}
    dense = {}
    for name in (name for group in groups for name in group.networks):
        info = infos[name]
        own_seed = plain.get((info.model, info.seed)) or robustness.parent_of(results, name)
        partner = info.parent if info.parent in infos else own_seed
        if partner is not None:
            dense[name] = partner
    return dense


def over_dense(
    values: Float32[np.ndarray, "groups columns seeds"], groups: Sequence[SeedGroup], dense: Mapping[str, str]
) -> Float32[np.ndarray, "groups columns seeds"]:
    """Values minus those of the `dense_of` network; NaN without."""
    place = _places(groups)
    differences = np.full_like(values, np.nan)
    for network, other in dense.items():
        if network in place and other in place:
            (i, k), (p, q) = place[network], place[other]
            differences[i, :, k] = values[i, :, k] - values[p, :, q]
    return differences


def dense_spread(
    values: Float32[np.ndarray, "groups columns seeds"], groups: Sequence[SeedGroup], dense: Mapping[str, str]
) -> Float32[np.ndarray, " columns"]:
    """The largest difference between two dense networks that differ only in the seed, per column.

    NaN with fewer than two of them. The networks are those that others are compared with; they are compared within
    their group, so that a longer trained baseline is not taken for another seed.
    """
    parents = set(dense.values())
    largest = np.full(values.shape[1], np.nan, np.float32)
    for i, group in enumerate(groups):
        members = [k for k, network in enumerate(group.networks) if network in parents]
        if len(members) > 1:
            accuracies = values[i][:, members]
            reach = np.fmax.reduce(accuracies, 1) - np.fmin.reduce(accuracies, 1)
            several = np.isfinite(accuracies).sum(1) > 1
            largest = np.fmax(largest, np.where(several, reach, np.nan).astype(np.float32))
    return largest


def ranks(values: Float[np.ndarray, "groups columns"]) -> Float32[np.ndarray, "groups columns"]:
    """1 for the largest of a column, ties share the better rank, NaN for a gap.

    >>> ranks(np.array([[0.9], [0.5], [0.9], [np.nan]]))[:, 0].tolist()
    [1.0, 3.0, 1.0, nan]
    """
    values = np.asarray(values, float)
    rank = np.full(values.shape, np.nan, np.float32)
    for j, column in enumerate(values.T):
        finite = np.isfinite(column)
        ascending = np.sort(column[finite])
        rank[finite, j] = 1 + ascending.size - np.searchsorted(ascending, column[finite], side="right")
    return rank


def between_methods(store: Store, a: Cell, b: Cell) -> Float64[np.ndarray, " pairs"]:
    """Accuracy of B's method minus that of A's, for every seed that both have."""
    infos, accuracies = store.results.networks, []
    for name, condition in (a, b):
        members = [n for n in store.sides.group(name).networks if (n, condition) in store.summary]
        accuracies.append([(infos[n].seed, store.summary[n, condition]["accuracy"]) for n in members])
    first = dict(accuracies[0])
    shared = [(seed, accuracy) for seed, accuracy in accuracies[1] if seed in first and seed is not None]
    return np.array([accuracy - first[seed] for seed, accuracy in shared], float)


def collected(store: Store, name: str, summary: Summary | None = None) -> Float32[np.ndarray, "groups columns seeds"]:
    """A column of summary.csv, or of another summary such as that of a slice; NaN where a cell or seed is missing."""
    if summary is not None:
        return collect(summary, store.groups, store.columns, name)
    make = lambda: collect(store.summary, store.groups, store.columns, name)
    return store.cached(("grid", "column", name), make)


def dense_networks(store: Store) -> dict[str, str]:
    """The dense network that each network is compared with; see `dense_of`."""
    return store.cached(("grid", "dense"), lambda: dense_of(store.results, store.groups))


def values(store: Store, metric: str, summary: Summary | None = None) -> Float32[np.ndarray, "groups columns seeds"]:
    """Values of a metric by cell; a rank is one of all seeds, so that the last axis has length 1.

    Args:
        store: of the study.
        metric: in `CELL_METRICS`; in `SLICED` for a slice.
        summary: of a slice, see `slice_accuracy.summary`; of all samples without.
    """

    def make() -> np.ndarray:
        scaled = np.float32(CELL_METRICS[metric].factor) * collected(store, CELL_METRICS[metric].column, summary)
        if metric == "difference":
            return over_dense(scaled, store.groups, dense_networks(store))
        if metric == "rank":
            return ranks(robustness.nan_mean_std(scaled)[0])[..., None]
        return scaled

    return store.cached(("grid", "metric", metric), make) if summary is None else make()


def step(store: Store, metric: str, summary: Summary | None = None) -> float:
    """The share of one sample in `values` of a metric, the `step` of `seed_interval`; 0 where they count no samples.

    Args:
        store: of the study.
        metric: in `CELL_METRICS`.
        summary: of a slice, as in `values`.
    """
    column, factor = CELL_METRICS[metric].column, CELL_METRICS[metric].factor
    if column not in ("accuracy", "change_to_parent"):
        return 0.0
    if summary is None:
        return factor * step_of(store.results)
    return factor / max([1.0, *(row["samples"] for row in summary.values())])


def is_defined(store: Store, metric: str) -> bool:
    """True where a study can have a metric at all: mean corruption errors are defined for ImageNet alone."""
    column = CELL_METRICS[metric].column
    any_value = lambda: any(np.isfinite(row.get(column, np.nan)) for row in store.summary.values())
    return column not in IMAGENET or store.cached(("grid", "there", column), any_value)


def seed_range(store: Store) -> Float32[np.ndarray, " columns"]:
    """The largest difference of accuracy between two dense seeds, in points."""
    return dense_spread(100 * collected(store, "accuracy"), store.groups, dense_networks(store))


def interval(
    store: Store, metric: str
) -> tuple[Float[np.ndarray, "groups columns"], Float[np.ndarray, "groups columns"]]:
    """Ends of the 95 % interval over images, mean over seeds; NaN for most metrics."""
    if metric not in INTERVALS:
        nothing = np.full((len(store.groups), len(store.columns)), np.nan)
        return nothing, nothing
    ends = (collected(store, f"{INTERVALS[metric]}_{end}") for end in ("low", "high"))
    low, high = (robustness.nan_mean_std(100 * end)[0] for end in ends)
    return low, high


def heights(store: Store) -> Float32[np.ndarray, "groups columns bins"]:
    """Margin histograms of all samples and seeds, the largest bin 1; NaN without."""

    def make() -> np.ndarray:
        counts, edges = store.histograms
        place, column = _places(store.groups), {name: j for j, name in enumerate(store.columns)}
        summed = np.zeros((len(store.groups), len(column), max(edges.shape[1] - 1, 1)), np.int64)
        for (network, condition), cell_counts in counts.items():
            if network in place and condition in column:
                summed[place[network][0], column[condition]] += cell_counts[2]
        return distributions.outlines(distributions.merged(summed))

    return store.cached(("grid", "heights"), make)


def reasons(store: Store) -> dict[tuple[str, str], str]:
    """Why a group has no cell, by its name and the condition; of imported networks that could not be measured."""
    return {
        (group.name, condition): f"it {reason}"
        for group in store.groups
        for network in group.networks
        for condition, reason in store.results.networks[network].unmeasured.items()
        if not any((member, condition) in store.summary for member in group.networks)
    }


def sources(store: Store) -> str:
    """The provenance of images in sentences; empty where all were generated as published."""
    infos = store.results.conditions.values()
    official = sorted({info.name for info in infos if info.from_files})
    sentences = [f"Read from official files: {', '.join(official)}."] if official else []
    if any(info.name in SYNTHETIC.values() for info in infos):
        sentences.append("Frost is synthetic (frost_synthetic), also in every mean over it.")
    return " ".join(sentences)
