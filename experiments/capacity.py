"""Are wider sparse networks as robust as the dense one with as many nonzero weights, until they hang together loosely?

The claim of arXiv 2206.10915 on the digits: a cnn of 4 channels (2,116 weights) against networks 2, 4 and 8 times as
wide with exactly those nonzeros, by random masks (water-filling and ERK), RigL, and magnitude pruning of the wide dense
network. Beside them the ordinary family, whose capacity shrinks: the cnn of 4 channels pruned to the same densities.
Clean accuracy; the mean over five corruptions at severity 3; noise on the surviving weights, 0.1 and 0.2 of each
layer's root mean square; PGD of 8 of 255. Three seeds; differences to the dense network are paired by seed.

Command:

    python experiments/capacity.py --out studies/capacity

Expected time: 8 minutes of processor time on x86. `capacity.csv` beside this file has the raw rows. Results, in points
over the dense network of 4 channels (clean 90.8 %, corruptions 73.2, weight noise 0.2 85.5, PGD 42.2; 95 % t-interval,
in brackets the difference that could have been seen with 80 % power; every network has 2,116 weights but the last two):

    channels          clean                  corruptions           weight noise 0.2      PGD
    static        8   +4.4 +- 2.3 (3.0)      +3.9 +- 14.4 (18.9)   +6.5 +- 13.5 (17.7)   +0.7 +- 9.0 (11.9)
    static        16  +3.0 +- 0.2 (0.3)      +5.5 +- 17.6 (23.2)   +5.5 +- 15.2 (19.9)   -0.3 +- 13.6 (17.8)
    static        32  +0.5 +- 3.4 (4.5)      +2.4 +- 23.3 (30.7)   -1.3 +- 8.0 (10.5)    +3.4 +- 6.9 (9.0)
    erk           8   +3.4 +- 2.3 (3.1)      +3.0 +- 20.8 (27.4)   +4.2 +- 15.0 (19.7)   +2.4 +- 15.7 (20.7)
    erk           16  +3.0 +- 1.9 (2.5)      +6.2 +- 17.8 (23.4)   +5.9 +- 13.2 (17.3)   -5.1 +- 10.6 (14.0)
    erk           32  +0.7 +- 2.6 (3.4)      -0.9 +- 7.4 (9.7)     -8.2 +- 13.1 (17.2)   +5.5 +- 8.1 (10.6)
    rigl          8   +4.1 +- 3.0 (3.9)      +4.5 +- 21.8 (28.6)   +4.5 +- 16.1 (21.2)   +9.5 +- 14.9 (19.5)
    rigl          16  +4.9 +- 2.0 (2.6)      +10.1 +- 21.5 (28.2)  +6.6 +- 15.3 (20.1)   +7.3 +- 20.1 (26.4)
    rigl          32  +3.5 +- 2.4 (3.2)      +8.4 +- 11.5 (15.2)   -22.9 +- 55.1 (72.4)  +19.3 +- 6.7 (8.8)
    magnitude     8   +4.2 +- 0.7 (0.9)      -1.8 +- 9.9 (13.0)    +1.1 +- 24.2 (31.7)   -5.6 +- 25.7 (33.7)
    magnitude     16  +3.5 +- 2.2 (2.9)      -9.4 +- 18.2 (23.9)   +2.4 +- 15.4 (20.2)   -5.8 +- 4.8 (6.3)
    magnitude     32  -10.9 +- 2.5 (3.3)     -17.7 +- 14.1 (18.5)  -16.4 +- 14.4 (19.0)  -22.2 +- 20.0 (26.3)
    static at .30 4   -6.6 +- 4.4 (5.8)      -6.9 +- 11.4 (15.0)   -17.9 +- 8.5 (11.2)   -9.9 +- 17.4 (22.9)
    static at .08 4   -50.7 +- 14.5 (19.1)   -39.9 +- 5.9 (7.7)    -50.6 +- 23.3 (30.6)  -17.4 +- 7.2 (9.4)

- At equal capacity clean accuracy rises with sparsity, by 3 to 5 points at 2 and 4 times the width for every method;
  at 8 times the width what is trained sparse falls back to the dense network or (rigl) stays above it, what was
  trained dense and then pruned falls below it in every quantity measured.
- The same densities with shrinking capacity lose 3 to 81 points of clean accuracy.
- That sparse networks are as robust or more is not refuted, and hardly shown: of 48 robust differences (weight noise
  0.1 among them) five are above 0, rigl's PGD at 32 channels and four under weight noise 0.1 that are no larger than
  those on clean images; five are below, all of magnitude, four of them at 32. With three seeds a difference under
  corruptions of less than 10 to 30 points could not be seen: the seeds of a network this small differ by as much.
- Accuracy and robustness fall together where kept weights come off every path: 100 % are on one at 8 channels, 98 to
  100 at 16, 93 to 97 (magnitude 81) at 32.
- A wide dense network is the most robust to PGD (+38.6 +- 10.4 at 32 channels): what is kept by sparsity at equal
  nonzeros is a small part of what width gives.

Intervals are of one cell each, not corrected for their number.
"""

from pathlib import Path

import numpy as np
import reporting
import tyro

from rosalind import results, study
from rosalind.analysis import robustness
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
            step = 0 if quantity.startswith("share") else reporting.IMAGE
            words = f"  to dense {reporting.difference(100 * differences, 1, step)}"
        lines.append(f"{quantity:32s} {group:34s} {100 * np.mean(list(values.values())):6.1f}{words}")
    return lines


def main(out: Path) -> None:
    """Train, measure and print.

    Args:
        out: folder of the study; what it has is not made again.
    """
    study.use_compilation_cache()
    rows = _rows(study.run(STUDY, out))
    reporting.keep(__file__, ("quantity", "networks", "seed", "value"), rows)
    print("\n".join(table(rows)))


if __name__ == "__main__":
    tyro.cli(main, description=__doc__)
