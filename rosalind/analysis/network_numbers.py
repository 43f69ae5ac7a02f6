"""Numbers of a study's networks, those of clean images and of diagnostics, beside their accuracies. NumPy only."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

from rosalind.analysis import clean_numbers, diagnostics, robustness
from rosalind.analysis.clean_numbers import PREDICTORS
from rosalind.analysis.concordance import order_of, signs_of
from rosalind.analysis.robustness import SeedGroup
from rosalind.analysis.robustness.means import Mean, clean_of
from rosalind.results import Results

FEWEST = 5
"""Fewest groups of seeds whose order says anything."""

Summary = Mapping[tuple[str, str], Mapping[str, float]]
"""Numbers by network and condition or mean, as `summary.csv` has them."""


@dataclass(frozen=True)
class NetworkNumbers:
    """Numbers of the networks of all groups that are measured, clean and corrupted, with every seed of a study.

    Attributes:
        groups: In the study's order.
        networks: By group the network of every seed.
        seeds: None for networks made elsewhere whose seeds are not known: then every group is one network.
        clean: Id of the clean images.
        mean: The mean over corruptions that tables show.
        tables: By name float64[groups, seeds]: those of `PREDICTORS`, NaN where a network has none, and the numbers
            that a diagnostic gave of all these networks under no condition or on clean images. Left out are those that
            do not vary.
        alike: Names of further numbers that order the networks as one of `tables` does, or the other way round.
    """

    groups: tuple[SeedGroup, ...]
    networks: tuple[tuple[str, ...], ...]
    seeds: tuple[int | None, ...]
    clean: str
    mean: Mean
    tables: Mapping[str, Float64[np.ndarray, "groups seeds"]]
    alike: Mapping[str, tuple[str, ...]]

    def of_networks(self, values: Mapping[str, float]) -> Float64[np.ndarray, "groups seeds"]:
        """Numbers by network as a table; NaN where there is none."""
        return np.array([[values.get(name, np.nan) for name in row] for row in self.networks], float)

    def accuracies(self, summary: Summary) -> dict[str, Float64[np.ndarray, "groups seeds"]]:
        """Accuracy under corruption, the share of clean accuracy that it is, and what it is below that.

        Args:
            summary: with `accuracy` of clean images and of the mean, of all images or of a slice.
        """
        names = [name for row in self.networks for name in row]
        of = lambda id_: self.of_networks({n: summary.get((n, id_), {}).get("accuracy", np.nan) for n in names})
        return targets(of(self.clean), of(self.mean.name))


def targets(clean: np.ndarray, corrupted: np.ndarray) -> dict[str, np.ndarray]:
    """By what they are called in `predictors.TARGETS`: accuracy under corruption, retention, and the gap to clean."""
    return {"corrupted": corrupted, "retention": robustness.retention(corrupted, clean), "gap": clean - corrupted}


def of_study(
    results: Results, summary: Summary | None = None, known: dict[str, dict[str, float]] | None = None
) -> NetworkNumbers | None:
    """The numbers of a study's networks; None without a mean over corruptions or with fewer than `FEWEST` groups.

    Args:
        results: of the study.
        summary: of all its cells and means, as a store has it; None where means may not be there yet, which are then
            made of the cells.
        known: see `clean_numbers.clean_numbers`.

    Raises:
        results.Damaged: a clean cell, or a file of a diagnostic, cannot be read.
    """
    clean, main = clean_of(results, "train"), robustness.main_mean(results)
    if clean is None or main is None:
        return None
    cells = set(results.cells())
    if summary is None:
        summary, _, _ = robustness.available(results, cells, {})
        columns = [list(results.conditions).index(name) for name in main.conditions]
        corrupted = dict(zip(results.networks, robustness.accuracy(results)[:, columns].mean(1), strict=True))
    else:
        corrupted = {n: summary.get((n, main.name), {}).get("accuracy", np.nan) for n in results.networks}
    seeds = sorted({info.seed for info in results.networks.values() if info.seed is not None}) or [None]
    groups, networks = [], []
    for group in robustness.groups(results):
        by_seed = {results.networks[name].seed: name for name in group.networks if (name, clean) in cells}
        has_all = [seed for seed in seeds if seed in by_seed] == seeds
        if has_all and np.isfinite([corrupted[name] for name in by_seed.values()]).all():
            groups.append(group)
            networks.append(tuple(by_seed[seed] for seed in seeds))
    if len(groups) < FEWEST:
        return None
    numbers = NetworkNumbers(tuple(groups), tuple(networks), tuple(seeds), clean, main, {}, {})
    everyone = [name for row in networks for name in row]
    of_clean = clean_numbers.clean_numbers(results, everyone, clean, summary, known)
    tables = {name: numbers.of_networks({n: one[name] for n, one in of_clean.items()}) for name in PREDICTORS}
    first_of = {order_of(table.ravel()): name for name, table in reversed(tables.items())}
    alike: dict[str, tuple[str, ...]] = {}
    for name, stored in diagnostics.numbers(results).items():
        table = numbers.of_networks(stored)
        if not stored.keys() >= set(everyone) or not signs_of(table.ravel()).any():
            continue
        first = first_of.setdefault(order_of(table.ravel()), name)
        if first == name:
            tables[name] = table
        else:
            alike[first] = (*alike.get(first, ()), name)
    return NetworkNumbers(tuple(groups), tuple(networks), tuple(seeds), clean, main, tables, alike)
