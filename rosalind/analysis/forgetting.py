"""Forgetting: samples that were right and become wrong on the way to more pruning or more corruption.

After arXiv 1812.05159, where the way is that of training; here it is that of sparsity, or of severity.
"""

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from rosalind.analysis.robustness import cells
from rosalind.analysis.robustness.groups import SeedGroup, groups, main_mean
from rosalind.analysis.robustness.means import clean_of
from rosalind.analysis.robustness.parents import dense_root
from rosalind.analysis.store import Store
from rosalind.measures import COORDINATES
from rosalind.results import Results


@dataclass(frozen=True)
class Forgetting:
    """Errors of every sample along steps: how often and when it becomes wrong, and whether it is right again or never.

    Attributes:
        events: int[n], how often it is right at a step and wrong at the next.
        first_wrong: int[n], index of the first step at which it is wrong; -1 where it never is.
        recovers: bool[n], True where it is right again after a step at which it was wrong.
        never_right: bool[n].
        slope: float[n], change of its margin per unit of the way, by least squares; NaN without margins, and where one
            is not finite or all steps are at one place.
    """

    events: np.ndarray
    first_wrong: np.ndarray
    recovers: np.ndarray
    never_right: np.ndarray
    slope: np.ndarray


def along(
    right: Bool[np.ndarray, "k n"],
    at: Float[np.ndarray, " k"] | None = None,
    margins: Float[np.ndarray, "k n"] | None = None,
) -> Forgetting:
    """`Forgetting` of samples along steps.

    Args:
        right: whether each is right, step by step; one step or more.
        at: places of the steps on the way, increasing; None for 0, 1, ...
        margins: of the samples, for `slope`.

    >>> way = along(np.array([[True, True], [False, True], [True, True]]))
    >>> way.events.tolist(), way.first_wrong.tolist(), way.recovers.tolist()
    ([1, 0], [1, -1], [True, False])
    """
    is_wrong = ~right
    place = (np.arange(len(right)) if at is None else at).astype(np.float64)
    first = np.where(is_wrong.any(0), is_wrong.argmax(0), -1)
    later = right & (np.arange(len(right))[:, None] > first) & (first >= 0)
    slope = np.full(right.shape[1], np.nan)
    centred = place - place.mean()
    if margins is not None and centred.any():
        slope = centred @ margins / (centred**2).sum()
        slope = np.where(np.isfinite(margins).all(0), slope, np.nan)
    return Forgetting((right[:-1] & is_wrong[1:]).sum(0), first, np.any(later, axis=0), np.all(is_wrong, axis=0), slope)


@dataclass(frozen=True)
class _Measured:
    """A study with the cells that have predictions, and those that have margins too."""

    results: Results
    stored: cells.Cells
    predicted: frozenset[cells.Cell]
    complete: frozenset[cells.Cell]

    def along(self, way: Mapping[float, cells.Cell]) -> Forgetting:
        """`Forgetting` along cells by sparsity or severity."""
        margins, axis = None, COORDINATES.index("margin")
        if self.complete.issuperset(way.values()):
            margins = np.stack([self.stored.coordinates_of(*cell)[axis] for cell in way.values()]).astype(np.float64)
        is_correct = np.stack([self.stored.prediction_of(*cell) for cell in way.values()]) == self.results.labels
        return along(is_correct, np.array(list(way), np.float64), margins)


def _measured(results: Results) -> _Measured:
    predicted, complete = frozenset(results.cells(predictions=True)), frozenset(results.cells())
    return _Measured(results, cells.load(results), predicted, complete)


def over_sparsity(results: Results, label: str, seed: int | None, condition: str) -> tuple[list[str], Forgetting]:
    """The dense parent and the networks of a label and a seed by sparsity, and what happens along them.

    Raises:
        ValueError: none of them measured under the condition, or several of one sparsity.
    """
    of = _measured(results)
    way = _by_sparsity(of, label, seed, condition)
    return [network for network, _ in way.values()], of.along(way)


def _by_sparsity(of: _Measured, label: str, seed: int | None, condition: str) -> dict[float, cells.Cell]:
    """The cells of a way by sparsity."""
    infos = of.results.networks
    pruned = [
        (info.sparsity, name)
        for name, info in infos.items()
        if (info.label, info.seed, info.is_dense) == (label, seed, False)
        and (name, condition) in of.predicted
        and np.isfinite(info.sparsity)
    ]
    places = {sparsity: name for sparsity, name in sorted(pruned)}
    if not pruned or len(places) < len(pruned):
        raise ValueError(
            f"label and seed must name pruned networks of different sparsities that are measured under {condition!r}, "
            f"got {label!r} and {seed} with {[name for _, name in pruned]}."
        )
    start = dense_root(of.results, pruned[0][1])
    if start is not None and (start, condition) in of.predicted:
        places = {0.0: start, **places}
    return {sparsity: (name, condition) for sparsity, name in places.items()}


def over_severity(results: Results, network: str, corruption: str, bn: str = "train") -> tuple[list[str], Forgetting]:
    """The clean condition and a corruption's first draw by severity, and what happens along them.

    Raises:
        ValueError: a network or corruption that is not measured.
    """
    of = _measured(results)
    way = _by_severity(of, network, corruption, bn)
    return [condition for _, condition in way.values()], of.along(way)


def _by_severity(of: _Measured, network: str, corruption: str, bn: str) -> dict[float, cells.Cell]:
    """The cells of a way by severity."""
    way = {
        float(info.severity): (network, name)
        for name, info in reversed(of.results.conditions.items())
        if (info.name, info.bn) == (corruption, bn) and info.is_corruption and (network, name) in of.predicted
    }
    if not way:
        raise ValueError(f"network and corruption must be measured together, got {network!r} and {corruption!r}.")
    clean = clean_of(of.results, bn)
    if clean is not None and (network, clean) in of.predicted:
        way[0.0] = network, clean
    return dict(sorted(way.items()))


def of_sample(store: Store, cell: cells.Cell, position: int) -> dict[str, tuple[int, int]]:
    """On how many ways one sample is forgotten, right at a step and wrong at the next, and how many there are.

    Args:
        store: of the study.
        cell: a side: its networks, its BatchNorm statistics, and the condition of `sparsity`.
        position: of the sample.

    Returns:
        `severity`: over the side's networks and the corruptions of the main mean. `sparsity`: over the seeds of its
        method, from the dense parent on. Without a way (0, 0).

    Raises:
        results.Damaged: a cell cannot be read.
    """
    of = store.cached(("forgetting",), lambda: _measured(store.results))
    results = store.results
    bn = results.conditions[cell[1]].bn
    main = main_mean(results, bn)
    corruptions = dict.fromkeys(results.conditions[c].name for c in main.conditions) if main else {}
    members = store.sides.members(cell[0])
    chains: dict[str, list[list[cells.Cell]]] = {"severity": [], "sparsity": []}
    for network in members:
        for corruption in corruptions:
            with contextlib.suppress(ValueError):
                chains["severity"].append([*_by_severity(of, network, corruption, bn).values()])
    label = results.networks[members[0]].label
    for seed in dict.fromkeys(info.seed for info in results.networks.values() if info.label == label):
        with contextlib.suppress(ValueError):
            chains["sparsity"].append([*_by_sparsity(of, label, seed, cell[1]).values()])

    def lost(chain: Sequence[cells.Cell]) -> bool:
        # The store keeps what it has read, where a study has no table of all predictions.
        tables = [of.stored.prediction_of(*c) if c in of.stored.row else store.predictions(c) for c in chain]
        is_correct = np.array([table[position] == store.labels[position] for table in tables])
        return bool(along(is_correct[:, None]).events[0])

    ways = {kind: [chain for chain in chains_of_kind if len(chain) > 1] for kind, chains_of_kind in chains.items()}
    return {kind: (sum(map(lost, flags)), len(flags)) for kind, flags in ways.items()}


def _share(values: Sequence[np.ndarray]) -> str:
    return f"{100 * np.mean([part.mean() for part in values]):.1f}"


def _cells_of(ways: Sequence[Forgetting]) -> str:
    started = [way.first_wrong == 0 for way in ways]
    columns = (
        [way.events > 0 for way in ways],
        [way.first_wrong < 0 for way in ways],
        [is_error & ~way.never_right for is_error, way in zip(started, ways, strict=True)],
        [way.never_right for way in ways],
        [way.recovers for way in ways],
    )
    return " | ".join(_share(column) for column in columns)


def _ways(of: _Measured, group: SeedGroup, corruptions: Sequence[str]) -> list[Forgetting]:
    ways = []
    for network in group.networks:
        for corruption in corruptions:
            with contextlib.suppress(ValueError):
                ways.append(of.along(_by_severity(of, network, corruption, "train")))
    return ways


def markdown(results: Results) -> list[str]:
    """Lines of Markdown: along sparsities on clean images by method, and along severities by group of seeds."""
    clean, main, of = clean_of(results, "train"), main_mean(results), _measured(results)
    rows = []
    labels = dict.fromkeys((i.label, i.seed) for i in results.networks.values() if not i.is_dense)
    by_label: dict[str, list[Forgetting]] = {}
    for label, seed in labels:
        with contextlib.suppress(ValueError):
            if len(way := _by_sparsity(of, label, seed, str(clean))) > 1:
                by_label.setdefault(label, []).append(of.along(way))
    rows += [f"| sparsity | {label} | {len(ways)} | {_cells_of(ways)} |" for label, ways in by_label.items()]
    corruptions = list(dict.fromkeys(results.conditions[c].name for c in main.conditions)) if main else []
    for group in groups(results):
        if ways := _ways(of, group, corruptions):
            rows.append(f"| severity | {group.name} | {len(ways)} | {_cells_of(ways)} |")
    if not rows:
        return []
    return [
        *("", "## Which samples are forgotten on the way?", ""),
        "Percent of samples, mean over ways (after arXiv 1812.05159, whose way is that of training): of sparsity from "
        "the dense parent on, on clean images, or of severity from clean images on, over the corruptions of the main "
        "mean. Forgotten: right at a step and wrong at the next. Never wrong, wrong at first but not always, and never "
        "right count all steps. Recovering: right again after being wrong.",
        "",
        "| along | network | ways | forgotten | never wrong | wrong at first | never right | recovering |",
        "|---" * 8 + "|",
        *rows,
    ]
