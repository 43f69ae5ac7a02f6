"""Tables over groups of seeds: what is printed after a run and written in the report."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rosalind.analysis.robustness import metrics
from rosalind.analysis.robustness.cells import accuracy
from rosalind.analysis.robustness.means import HELD_OUT, SETS, Mean, clean_of, described, means, named_means
from rosalind.results import Results

ROUNDING = 1e-12
"""Error of a difference of two accuracies in [0, 1], an upper bound: .97 - .96 is 9e-18 above .01."""


@dataclass(frozen=True)
class SeedGroup:
    """The networks of one label at one sparsity, over seeds.

    Attributes:
        sparsity: Requested; NaN where it is not known of imported networks.
        model: Given where a study has networks of several models.
    """

    label: str
    family: str
    sparsity: float
    networks: tuple[str, ...]
    model: str = ""

    @property
    def method(self) -> str:
        """The label, behind the model where there are several."""
        return f"{self.model} {self.label}".strip()

    @property
    def name(self) -> str:
        """As written in tables: the method, and the sparsity where anything was removed."""
        return f"{self.method} {self.sparsity:g}" if self.sparsity > 0 else self.method


def groups(results: Results) -> list[SeedGroup]:
    """Networks grouped by model, label and requested sparsity, in the order of the results."""
    networks_of: dict[tuple, list[str]] = {}
    several = len({info.model for info in results.networks.values()} - {"imported"}) > 1
    for network, info in results.networks.items():
        model = info.model if several and info.model != "imported" else ""
        # NaN is not equal to itself, so unknown sparsities would be a group each.
        sparsity = None if math.isnan(info.sparsity_requested) else info.sparsity_requested
        networks_of.setdefault((info.label, info.family, sparsity, model), []).append(network)
    return [
        SeedGroup(label, family, math.nan if sparsity is None else sparsity, tuple(names), model)
        for (label, family, sparsity, model), names in networks_of.items()
    ]


@dataclass(frozen=True)
class Row:
    """Clean and mean corruption accuracy of one group, one value per seed."""

    group: SeedGroup
    clean: np.ndarray
    corrupted: np.ndarray

    @property
    def retention(self) -> np.ndarray:
        """Corruption accuracy over clean accuracy; higher is better; NaN where clean accuracy is 0."""
        return metrics.retention(self.corrupted, self.clean)


def main_mean(results: Results, bn: str = "train") -> Mean | None:
    """The mean that tables show: over the 15 common corruptions, else MNIST-C's, else all; None without corruptions.

    Over those of a C-bar where there are no others.
    """
    by_group = {mean.group: mean for mean in means(results) if mean.bn == bn}
    order = ("common15", "mnist-c", "all", *HELD_OUT)
    return next((by_group[name] for name in order if name in by_group), None)


def step_of(results: Results) -> float:
    """The share of one image in an accuracy in [0, 1]: 1 / n of n labelled samples, the `step` of `seed_interval`."""
    return 1 / max(int((results.labels >= 0).sum()), 1)


def table(
    results: Results, mean: Mean | None = None, bn: str = "train", *, accuracies: np.ndarray | None = None
) -> list[Row]:
    """Per group of seeds: clean accuracy, and accuracy averaged over the conditions of one mean.

    A network that lacks a cell has NaN as its mean: a mean over other cells would not be comparable.
    """
    accuracies = accuracy(results) if accuracies is None else accuracies
    mean = mean or main_mean(results, bn)
    column = {name: k for k, name in enumerate(results.conditions)}
    clean = clean_of(results, bn)
    rest = np.array([column[name] for name in mean.conditions] if mean else [], int)
    index = {name: k for k, name in enumerate(results.networks)}
    rows = []
    for group in groups(results):
        of_group = accuracies[[index[name] for name in group.networks]]
        nothing = np.full(len(of_group), np.nan)
        corrupted = of_group[:, rest].mean(1) if rest.size else nothing
        rows.append(Row(group, of_group[:, column[clean]] if clean else nothing, corrupted))
    return rows


def mean_and_deviation(values: Sequence[float] | np.ndarray, factor: float = 100, digits: int = 1) -> str:
    """`mean +- deviation` over seeds, percent by default; the deviation needs two, NaN shows as a dash.

    >>> mean_and_deviation([0.5, 0.7]), mean_and_deviation([0.5]), mean_and_deviation([float("nan")])
    ('60.0 +- 14.1', '50.0', '-')
    """
    mean, deviation, count = metrics.nan_mean_std(np.asarray(values, float))
    if count < max(len(values), 1):
        return "-"
    # The mean before the factor, as in every other table: a mean on the edge of two decimals is then rounded alike.
    return f"{factor * mean:.{digits}f}" + (f" +- {factor * deviation:.{digits}f}" if count > 1 else "")


def text_table(results: Results) -> str:
    """The table that `rosalind run` prints: a line per group, means and deviations over seeds in percent.

    Where the study has held-out corruptions or some of one's own, the mean over all is a column of its own, as are
    the means that it names itself.
    """
    by_group = {mean.group: mean for mean in means(results) if mean.bn == "train"}
    named = named_means(results)
    shown = [by_group[name] for name in (*SETS, *named) if name in by_group]
    titles = {"common15": "corrupted", "common19": "with held-out", "mnist-c": "MNIST-C", "all": "all"}
    titles |= {"cifar-c-bar": "C-bar", "imagenet-c-bar": "ImageNet-C-bar"}
    titles |= {name: name for name in named}
    accuracies = accuracy(results)
    tables = [table(results, mean, accuracies=accuracies) for mean in shown or [None]]
    names = [titles[mean.group] for mean in shown] or ["corrupted"]
    titles_shown = " ".join(f"{title:>14s}" for title in ("clean", *names, "retained"))
    header = f"{'network':24s} {'seeds':>5s} {titles_shown}"
    lines = [header, "-" * len(header)]
    for line in zip(*tables, strict=True):
        first = line[0]
        columns = [first.clean, *(row.corrupted for row in line), first.retention]
        numbers = " ".join(f"{mean_and_deviation(v):>14s}" for v in columns)
        lines.append(f"{first.group.name:24s} {len(first.group.networks):5d} {numbers}")
    images = f"{len(results.labels)} test images of {results.title}"
    lines += ["", f"Percent of {images}, mean +- deviation over seeds."]
    for name, mean in zip(names, shown, strict=False):
        lines.append(f"{name[0].upper()}{name[1:]}: {described(mean, results)}.")
    if shown:
        lines.append(f"Retained: {names[0]} over clean. Intervals over images are in summary.csv.")
    return "\n".join(lines)


def counted(count: int, word: str) -> str:
    """A number with its word.

    >>> counted(1, "seed"), counted(2, "seed")
    ('1 seed', '2 seeds')
    """
    return f"{count:,} {word}{'s' * (count != 1)}"
