"""Accuracy, corruption accuracy and bytes of networks: which methods are not beaten in all three (cf. 2512.24971)."""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from rosalind.analysis.robustness import SeedGroup, main_mean, mean_and_deviation, nan_mean_std, table
from rosalind.analysis.robustness.groups import Row
from rosalind.analysis.severity_curves import dodge
from rosalind.analysis.slice_accuracy import Summary
from rosalind.analysis.store import Store
from rosalind.results import Damaged, Results, load_arrays
from rosalind.storage import packed_bytes

OBJECTIVES = ("clean", "corrupted", "bytes")
"""Clean accuracy and mean corruption accuracy, higher is better, and bytes, lower is better."""


@dataclass(frozen=True)
class Picture:
    """Groups of seeds in accuracy, corruption accuracy and bytes.

    Attributes:
        groups: In the study's order.
        mean: float64[groups, 3] in the order of `OBJECTIVES`, accuracies in [0, 1]; NaN where a network lacks one.
        deviation: float64[groups, 3] over seeds; NaN with fewer than two.
        null: float64[3]: the largest difference of two dense parents of one model and two seeds; 0 without two.
        pairs: Number of these pairs.
        dominates: bool[groups, groups]: the first dominates the second, see `dominating`.
    """

    groups: tuple[SeedGroup, ...]
    mean: Float[np.ndarray, "groups 3"]
    deviation: Float[np.ndarray, "groups 3"]
    null: Float[np.ndarray, " 3"]
    pairs: int
    dominates: Bool[np.ndarray, "groups groups"]

    @property
    def compared(self) -> Bool[np.ndarray, " 3"]:
        """The objectives that some group has."""
        return np.asarray(np.isfinite(self.mean).any(0))

    @property
    def objectives(self) -> list[str]:
        """Names of the objectives that are compared."""
        return [name for name, is_compared in zip(OBJECTIVES, self.compared, strict=True) if is_compared]

    @property
    def front(self) -> Bool[np.ndarray, " groups"]:
        """The groups that no other dominates; False where an objective is missing."""
        return np.asarray(np.isfinite(self.mean[:, self.compared]).all(1) & ~self.dominates.any(0))


def dominating(values: Float[np.ndarray, "n k"], null: Float[np.ndarray, " k"]) -> Bool[np.ndarray, "n n"]:
    """Dominance of rows: one that is nowhere worse, and somewhere better by more than the null, dominates.

    A difference that a seed alone makes is no reason to leave a network out. With a null of 0 the rows that none
    dominates are the Pareto front; with more of it, these and others.

    Args:
        values: higher is better; a row with NaN dominates none, and none dominates it.
        null: 0 or more, per column.

    >>> dominating(np.array([[0.9, 3.0], [0.8, 2.0], [0.8, 1.0]]), np.array([0.2, 0.0])).any(0).tolist()
    [False, True, True]
    """
    gain = values[:, None] - values[None]
    return np.asarray((gain >= 0).all(-1) & (gain > null).any(-1))


def bytes_of(results: Results, network: str) -> float:
    """Bytes of a network's parameters as `storage.packed_bytes` counts them; NaN of one whose arrays are not there.

    As its table says, or computed of the arrays of networks that an earlier version wrote.
    """
    stored = results.networks[network].storage.get("packed")
    if stored is not None:
        return float(stored)
    try:
        arrays = load_arrays(results.network_file(network))
    except (Damaged, FileNotFoundError):
        return float("nan")
    part = lambda prefix: {p.removeprefix(prefix): x for p, x in arrays.items() if p.startswith(prefix)}
    parameters = part("variables/params/")
    return float(packed_bytes(parameters, part("masks/"))) if parameters else float("nan")


def of_store(store: Store, summary: Summary | None = None) -> Picture:
    """The picture of a study that is open, cached until the study grows; accuracies are those of `summary.csv`.

    With a summary, such as that of a slice (`slice_accuracy.summary`), accuracies are its own.
    """
    main = main_mean(store.results)
    names = ("clean", main.name if main else "")

    def make(accuracies: Summary = store.summary) -> Picture:
        accuracy = lambda group, name: np.array(
            [accuracies.get((network, name), {}).get("accuracy", np.nan) for network in group.networks], float
        )
        sizes = store.cached(
            ("pareto", "bytes"), lambda: {n: bytes_of(store.results, n) for g in store.groups for n in g.networks}
        )
        return picture(store.results, [Row(g, *(accuracy(g, name) for name in names)) for g in store.groups], sizes)

    return store.cached(("pareto",), make) if summary is None else make(summary)


def picture(results: Results, rows: Sequence[Row] | None = None, sizes: Mapping[str, float] | None = None) -> Picture:
    """The picture of a study: means and deviations over seeds, and the front.

    Corruption accuracy is the mean that tables show (`robustness.main_mean`); a study without corruptions is compared
    in the other two. `rows` are those of `robustness.table`, and `sizes` the `bytes_of` networks, where they have been
    read already.
    """
    size = lambda network: bytes_of(results, network) if sizes is None else sizes[network]
    rows = table(results) if rows is None else rows
    seeds = [np.stack([r.clean, r.corrupted, [size(n) for n in r.group.networks]]) for r in rows]
    parts = [nan_mean_std(values) for values in seeds]
    mean = np.array([m for m, _, _ in parts]).reshape(-1, 3)
    whole = np.array([np.isfinite(values).all(1) for values in seeds]).reshape(-1, 3)
    mean = np.where(whole, mean, np.nan)
    apart = np.array([abs(a - b) for a, b in _dense_pairs(results, rows, seeds)]).reshape(-1, 3)
    null = np.where(np.isfinite(apart), apart, 0).max(0, initial=0)
    measured = np.isfinite(mean).any(0)
    dominates = dominating((mean * [1, 1, -1])[:, measured], null[measured])
    groups = tuple(row.group for row in rows)
    deviation = np.array([d for _, d, _ in parts]).reshape(-1, 3)
    return Picture(groups, mean, deviation, null, len(apart), dominates)


def _dense_pairs(
    results: Results, rows: Sequence[Row], seeds: Sequence[np.ndarray]
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Objectives of two dense parents of one model, of every pair of seeds."""
    for row, values in zip(rows, seeds, strict=True):
        if results.networks[row.group.networks[0]].is_parent:
            yield from itertools.combinations(values.T, 2)


def name_places(
    x: Float[np.ndarray, " n"], y: Float[np.ndarray, " n"], near: float, gap: float, low: float, high: float
) -> Float[np.ndarray, " n"]:
    """Heights of names on the right of points, so that names of points side by side do not lie on each other.

    Args:
        x: above 0; points within a factor `near` of the one before stand side by side.
        gap: least distance of two names, in the unit of y.
        low: lowest place.
        high: highest place.

    >>> name_places(np.array([1.0, 1.0, 9.0]), np.array([5.0, 5.0, 5.0]), 2.0, 1.0, 0.0, 9.0).tolist()
    [4.5, 5.5, 5.0]
    """
    places, order = np.array(y, float), np.argsort(x, kind="stable")
    starts = np.flatnonzero(np.diff(np.log(x[order]), prepend=-np.inf) > np.log(near))
    for column in np.split(order, starts[1:]):
        places[column] = dodge(places[column], gap, low, high)
    return places


def markdown(results: Results) -> list[str]:
    """The lines of a report's section; none where no network's bytes are known."""
    rows = table(results)
    shown = picture(results, rows)
    if not np.isfinite(shown.mean[:, 2]).any():
        return []
    lines = []
    sized = sorted(range(len(shown.groups)), key=lambda k: np.nan_to_num(shown.mean[k, 2], nan=np.inf))
    for k in sized:
        group = shown.groups[k]
        accuracies = [mean_and_deviation(v) for v in (rows[k].clean, rows[k].corrupted)]
        size = mean_and_deviation([bytes_of(results, n) / 1000 for n in group.networks], 1, 2)
        lines.append(f"| {group.name} | {size} | {' | '.join(accuracies)} | {'yes' if shown.front[k] else ''} |")
    clean, corrupted, _ = 100 * shown.null
    null = "than nothing, as there are no two dense networks that differ in the seed alone"
    if shown.pairs:
        null = f"than {shown.pairs} pairs of dense networks that differ in the seed alone (clean {clean:.1f}"
        null += f", corrupted {corrupted:.1f} points)" if main_mean(results) else " points)"
    return [
        *("", "## Accuracy for bytes", ""),
        "Kilobytes (1,000 bytes) of all parameters, every kernel in the smallest of its forms (float32, few bits, a "
        "codebook; dense, a bit per weight, compressed rows; all channels, or those that are left); accuracies in "
        "percent, mean +- deviation over seeds. On the front: no other network is nowhere worse in "
        f"{', '.join(shown.objectives)} and somewhere better by more {null}.",
        *("", "| network | kB | clean | corrupted | on the front |", "|---|---|---|---|---|", *lines),
    ]
