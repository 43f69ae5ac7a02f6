"""The networks of a study that claims compare: groups of seeds by what they are, paired by seed."""

from collections.abc import Iterable, Mapping

import numpy as np
from jaxtyping import Float

from rosalind.analysis import robustness
from rosalind.analysis.robustness import Mean, SeedGroup, groups
from rosalind.results import Results

TICKETS = ("biprop", "edge_popup")
"""Methods whose weights are never trained."""

NEEDED = (
    "The study needs clean images, corruptions and dense networks with seeds: `rosalind run` makes them; of networks "
    "made elsewhere add the dense ones, each with its `seed`."
)
"""What a study lacks without which nothing can be paired, and what adds it."""


def seeds_of(results: Results) -> list[int]:
    """The seeds of the plain dense networks, ascending: the replicates of a study."""
    return sorted({info.seed for info in results.networks.values() if info.is_parent and info.seed is not None})


def by_seed(results: Results, group: SeedGroup) -> dict[int, str]:
    """The networks of a group by seed; those without one, made elsewhere, are left out."""
    seeds = {name: results.networks[name].seed for name in group.networks}
    return {seed: name for name, seed in seeds.items() if seed is not None}


def plain(results: Results) -> tuple[str, dict[int, str]]:
    """The plain dense networks that claims on single samples are about, by seed, and their model: of several the first.

    "" and none of a study without any.
    """
    of_models: dict[str, dict[int, str]] = {}
    for group in groups(results):
        if results.networks[group.networks[0]].is_parent:
            of_models.setdefault(group.model, {}).update(by_seed(results, group))
    return next(((model, networks) for model, networks in of_models.items() if networks), ("", {}))


def has_frozen_head(results: Results, group: SeedGroup) -> bool:
    """True of dense networks whose head is binarised and not trained."""
    return bool(results.networks[group.networks[0]].options.get("frozen_head"))


def dense_groups(results: Results) -> list[SeedGroup]:
    """Trained dense networks with a trained head and without robust training, the plain ones first."""
    kind = lambda group: results.networks[group.networks[0]]
    chosen = [g for g in groups(results) if kind(g).is_dense and kind(g).regime is None]
    chosen = [g for g in chosen if not kind(g).is_untrained and not has_frozen_head(results, g)]
    return sorted(chosen, key=lambda g: g.label != "dense")


def pruned_groups(results: Results) -> list[SeedGroup]:
    """Groups of networks that a method made, without the control of random masks and without robust training."""
    kind = lambda group: results.networks[group.networks[0]]
    chosen = [g for g in groups(results) if not kind(g).is_dense and kind(g).regime is None]
    return [g for g in chosen if g.family not in ("control", "deck", "")]


def finite_mean(values: Float[np.ndarray, " n"]) -> float:
    """The mean of the finite values; NaN without one.

    >>> finite_mean(np.array([1.0, np.nan, 3.0])), finite_mean(np.array([np.nan]))
    (2.0, nan)
    """
    finite = values[np.isfinite(values)]
    return float(finite.mean()) if len(finite) else float("nan")


def over_seeds(seeds: Iterable[int], values: Mapping[int, float]) -> np.ndarray:
    """float64[seeds]: a value per seed; NaN where there is none."""
    return np.array([values.get(seed, np.nan) for seed in seeds], np.float64)


def difference(first: Mapping[int, float], second: Mapping[int, float], seeds: Iterable[int]) -> np.ndarray:
    """float64[seeds]: `first` minus `second` of the same seed; NaN where one lacks it."""
    seeds = list(seeds)
    return over_seeds(seeds, first) - over_seeds(seeds, second)


def corrupted(results: Results, main: Mean) -> dict[str, float]:
    """Accuracy over the conditions of a mean, in [0, 1], by network; NaN where one was not measured."""
    columns = [list(results.conditions).index(name) for name in main.conditions]
    return dict(zip(results.networks, robustness.accuracy(results)[:, columns].mean(1).tolist(), strict=True))


def accuracy_under(results: Results, condition: str) -> dict[str, float]:
    """Accuracy under one condition, in [0, 1], by network; NaN where it was not measured."""
    column = list(results.conditions).index(condition)
    return dict(zip(results.networks, robustness.accuracy(results)[:, column].tolist(), strict=True))
