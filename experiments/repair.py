"""Does matching the channels' variances repair a network that was pruned at once, beyond recalibrating BatchNorm?

arXiv 2605.21426 finds that it does (abstract; its tables, and its rule to shrink the ratios, could not be read): 55.6 %
for a ResNet-50 on CIFAR-10 at sparsity 0.9, beside 41.0 % with a single ratio per layer and 28.0 % with recalibration
alone. Here: the demo's `cnn`, with a BatchNorm behind every convolution, and `mlp`, without any, on the digits,
magnitude (global) and wanda (per output), no retraining, three seeds:

- pruned: as it is, with the parent's statistics;
- recalibrated: BatchNorm's statistics of clean training images, no weight changed (the same network without BatchNorm);
- repaired: `repair=512`, see `pruning.repair.repaired`;
- unguarded (mlp, magnitude): the same without the guard for channels that have less than a hundredth of their variance
  left.

Command:

    python experiments/repair.py studies/repair

Expected time: six minutes of one x86 core. `repair.csv` beside this file has the raw rows, and all figures below are
of that one run. Results (clean and mean corruption accuracy, means over three seeds; 95 % t-intervals of the paired
difference to recalibration, one each, not corrected for their number; parents: cnn 98.8 and 75.1, mlp 96.4 and 88.1):

- cnn, a BatchNorm behind every convolution: recalibration does nearly all of it, as it gives every channel its mean and
  variance back by itself; matching adds what it does to the head. Magnitude at 0.5 / 0.8 / 0.9 / 0.95: pruned 97.1 /
  42.9 / 10.4 / 9.7, recalibrated 98.7 / 94.4 / 84.9 / 45.3, repaired 98.7 / 96.7 / 88.0 / 56.0; corrupted, recalibrated
  73.5 / 65.5 / 53.1 / 30.7 and repaired 73.5 / 66.5 / 54.6 / 35.2. wanda: recalibrated 98.2 / 76.4 / 33.8 / 19.0,
  repaired 98.3 / 83.6 / 42.9 / 21.9. Of these differences only wanda's at 0.9 has no 0 in its interval (+9.1 +- 3.7
  clean, +3.5 +- 3.3 corrupted). The gap of the paper between matching and recalibration is not seen where every layer
  is followed by a BatchNorm; what its networks or its rule differ in could not be read.
- mlp, no BatchNorm, so that recalibration changes nothing: magnitude at 0.8 from 92.0 to 95.3 (+3.4 +- 3.3), corrupted
  +2.6 +- 1.4; at 0.9 from 75.1 to 90.5 (+15.4 +- 2.9), corrupted from 64.5 to 76.0 (+11.5 +- 4.1); at 0.95 from 53.7 to
  71.1 (+17.4 +- 10.5), corrupted +12.5 +- 12.1. wanda at 0.8 from 59.9 to 89.4 (+29.5 +- 10.7), at 0.9 from 23.1 to
  71.2 (+48.1 +- 13.6), at 0.95 from 10.6 to 45.5 (+34.9 +- 16.0); corrupted +20.7 +- 13.9, +36.7 +- 2.3, +23.7 +-
  16.0. At 0.5 neither can be told from nothing.
- Without the guard magnitude at 0.9 of the mlp has 90.3 clean and 59.6 corrupted (seeds 56.9, 42.6, 79.4; -4.9 +- 42.9
  to recalibration), with it 90.5 and 76.0: clean accuracy alone would not have shown it. At 0.95 it has 74.8 and 57.7,
  with it 71.1 and 55.4; at 0.5 and 0.8 both are the same to 0.1 points.
"""

from pathlib import Path
from typing import Annotated
from unittest import mock

import numpy as np
import reporting
import tyro

from rosalind import demo, results, study
from rosalind.analysis import robustness
from rosalind.analysis.robustness import power
from rosalind.config import Method, Model, Study, Train, conditions
from rosalind.pruning import repair

SPARSITIES = (0.5, 0.8, 0.9, 0.95)
SAMPLES = 512

Row = tuple[str, str, float, str, int, float, float]
"""Model, method, sparsity, treatment, seed, clean accuracy, mean corruption accuracy."""


def study_of(model: str, names: tuple[str, ...] = ("magnitude", "wanda")) -> Study:
    """Every method with and without repair, each condition with both statistics of BatchNorm."""
    methods = [
        Method(name, SPARSITIES, {"epochs": 0, "repair": samples}, label=f"{name}-repaired" if samples else name)
        for name in names
        for samples in (0, SAMPLES)
    ]
    under = (conditions(demo.CORRUPTIONS, demo.SEVERITIES, bn=bn) for bn in ("train", "recalibrated"))
    return Study(
        model=Model(model),
        train=Train(epochs=15, learning_rate=4e-3, crop=1),
        methods=tuple(methods),
        conditions=tuple(condition for part in under for condition in part),
        controls=(),
        features=0,
        thumbnails=0,
        attributions=0,
    )


def rows_of(study_results: results.Results) -> list[Row]:
    """Accuracies of every network in the three treatments, and of the dense parents."""
    rows: list[Row] = []
    accuracies = robustness.accuracy(study_results)
    for bn in ("train", "recalibrated"):
        for row in robustness.table(study_results, bn=bn, accuracies=accuracies):
            repaired = row.group.label.endswith("-repaired")
            if repaired and bn == "recalibrated":
                continue
            treatment = "repaired" if repaired else {"train": "pruned", "recalibrated": "recalibrated"}[bn]
            method = row.group.label.removesuffix("-repaired")
            for name, clean, corrupted in zip(row.group.networks, row.clean, row.corrupted, strict=True):
                info = study_results.networks[name]
                rows.append((info.model, method, row.group.sparsity, treatment, info.seed or 0, clean, corrupted))
    return rows


def table(rows: list[Row]) -> list[str]:
    """A line per model, method, sparsity and treatment: means, and the 95 % t-interval to recalibration alone."""
    cells: dict[tuple[str, str, float], dict[str, dict[int, tuple[float, float]]]] = {}
    for model, method, sparsity, treatment, seed, *both in rows:
        cells.setdefault((model, method, sparsity), {}).setdefault(treatment, {})[seed] = (both[0], both[1])
    lines = []
    for (model, method, sparsity), treatments in cells.items():
        for treatment, seeds in treatments.items():
            own = 100 * np.array([seeds[s] for s in sorted(seeds)])
            control = 100 * np.array([treatments["recalibrated"][s] for s in sorted(seeds)])
            words = f"{own[:, 0].mean():6.1f} {own[:, 1].mean():6.1f}"
            if treatment in ("repaired", "unguarded"):
                means, halves, _ = power.seed_interval((own - control).T, step=reporting.IMAGE)
                parts = zip(means, halves, strict=True)
                words += "  to recalibrated " + ", ".join(f"{d:+.1f} +- {h:.1f}" for d, h in parts)
            lines.append(f"{model:4s} {method:10s} {sparsity:4g} {treatment:13s} {words}")
    return lines


def main(folder: Annotated[Path, tyro.conf.Positional], jobs: int = 1) -> None:
    """Train, measure and print.

    Args:
        folder: for the studies `cnn`, `mlp` and `mlp-unguarded`.
        jobs: processes.
    """
    study.use_compilation_cache()
    rows = []
    for model in ("cnn", "mlp"):
        study.run(study_of(model), folder / model, jobs=jobs)
        rows += rows_of(results.load(folder / model))
    # In this process, as others would import the guard again.
    with mock.patch.object(repair, "_WEAKEST", 0.0):
        study.run(study_of("mlp", ("magnitude",)), folder / "mlp-unguarded")
    unguarded = [row for row in rows_of(results.load(folder / "mlp-unguarded")) if row[3] == "repaired"]
    rows += [(*row[:3], "unguarded", *row[4:]) for row in unguarded]
    reporting.keep(__file__, ("model", "method", "sparsity", "treatment", "seed", "clean", "corrupted"), rows)
    print("\n".join(table(rows)))


if __name__ == "__main__":
    tyro.cli(main, description=__doc__)
