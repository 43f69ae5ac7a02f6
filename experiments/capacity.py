"""Are wider sparse networks as robust as the dense one with as many nonzero weights, until they hang together loosely?

The claim of arXiv 2206.10915 on the digits: a cnn of 4 channels (2,116 weights) against networks 2, 4 and 8 times as
wide with exactly those nonzeros, by random masks (water-filling and ERK), RigL, and magnitude pruning of the wide dense
network. Beside them the ordinary family, whose capacity shrinks: the cnn of 4 channels pruned to the same densities.
Clean accuracy; the mean over five corruptions at severity 3; noise on the surviving weights, 0.1 and 0.2 of each
layer's root mean square; PGD of 8 of 255. Three seeds; differences to the dense network are paired by seed.

Command:

    python experiments/capacity.py --out studies/capacity

Expected time: TODO. `capacity.csv` beside this file has the raw rows. Results:

TODO
"""

import csv
from pathlib import Path

import numpy as np
import tyro
from scipy import stats

from rosalind import results, study
from rosalind.analysis import robustness
from rosalind.analysis.robustness import power
from rosalind.config import Capacity, Condition, Method, Model, Study, Train, conditions

CORRUPTIONS = ("gaussian_noise", "defocus_blur", "fog", "contrast", "pixelate")
NOISES = tuple(Condition("weight_noise", strength) for strength in (0.1, 0.2))
ATTACKS = (Condition("pgd-linf", 8),)
DENSITIES = {2: 0.2975, 4: 0.0822, 8: 0.0217}
"""The dense weights over those of the network so many times as wide, for the ordinary family."""

STUDY = Study(
    model=Model("cnn", 4),
    train=Train(epochs=10, learning_rate=4e-3, crop=1),
    capacity=Capacity(widths=(8, 16, 32)),
    methods=tuple(Method(name, tuple(1 - d for d in DENSITIES.values())) for name in ("static", "magnitude")),
    conditions=(*conditions(CORRUPTIONS, (3,)), *NOISES, *ATTACKS),
    controls=(),
    thumbnails=0,
    attributions=0,
)

Row = tuple[str, str, int, float]
"""Quantity, group of networks, seed, value."""


def _rows(study_results: results.Results) -> list[Row]:
    accuracy, names = robustness.accuracy(study_results), list(study_results.conditions)
    under = {"clean": ["clean"], "corruptions": [c.id for c in conditions(CORRUPTIONS, (3,))[1:]]}
    under |= {condition.id: [condition.id] for condition in (*NOISES, *ATTACKS)}
    rows = []
    for info, values in zip(study_results.networks.values(), accuracy, strict=True):
        ordinary = not info.is_dense and (info.config["width"] == STUDY.model.width)
        group = f"{info.label}, 4 channels at {1 - info.sparsity_requested:.3f}" if ordinary else info.label
        for quantity, ids in under.items():
            rows.append((quantity, group, info.seed or 0, float(values[[names.index(i) for i in ids]].mean())))
        left = 1 - info.sparsity_effective if not info.is_dense else 1.0
        rows.append(("share of kept weights on a path", group, info.seed or 0, left / (1 - info.sparsity)))
    return rows


def table(rows: list[Row]) -> list[str]:
    """A line per quantity and group: mean, paired difference to the dense network with its 95 % t-interval."""
    cells: dict[tuple[str, str], dict[int, float]] = {}
    for quantity, group, seed, value in rows:
        cells.setdefault((quantity, group), {})[seed] = value
    lines = []
    for (quantity, group), values in sorted(cells.items()):
        base, words = cells[quantity, "dense"], ""
        differences = np.array([values[seed] - base[seed] for seed in sorted(base)])
        if differences.any():
            spread, count = float(differences.std(ddof=1)), len(differences)
            half = stats.t.ppf(0.975, count - 1) * spread / count**0.5
            least = power.detectable_with_pairs(count, spread)
            words = (
                f"  to dense {100 * differences.mean():+6.1f} +- {100 * half:5.1f}, could be seen {100 * least:5.1f}"
            )
        lines.append(f"{quantity:32s} {group:34s} {100 * np.mean(list(values.values())):6.1f}{words}")
    return lines


def main(out: Path) -> None:
    """Train, measure and print.

    Args:
        out: folder of the study; what it has is not made again.
    """
    study.use_compilation_cache()
    rows = _rows(study.run(STUDY, out))
    with open(Path(__file__).with_suffix(".csv"), "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("quantity", "networks", "seed", "value"))
        writer.writerows((*row[:3], f"{row[3]:.6g}") for row in rows)
    print("\n".join(table(rows)))


if __name__ == "__main__":
    tyro.cli(main, description=__doc__)
