"""Do decks of tickets keep the corruption accuracy of decks of dense networks, and do those of magnitude pruning?

CARD's decks (arXiv 2106.09129) in small: two members each, one retrained under gaussian (sigma 0.1) and one under
augmix (weight 12), averaged or gated by the spectrum of a condition's images. Four kinds of members: lth at 90 %,
magnitude at 90 % with as many epochs as lth's chain, the dense network, and the dense network trained as long as lth
and its parent. A cnn of 8 channels, 2,000 training and 2,000 test images, dense for 8 epochs; eight corruptions at
severity 3, and the six of them that are not noise.

Expected, by CARD: a deck of tickets is about as accurate under corruption as one of dense networks, one of magnitude
less, and decks are above their members.

Command, with the four idx files in a folder:

    python experiments/decks.py --folder FOLDER --out studies/decks

Expected time: 20 minutes on two cores that also do other things. `decks.csv` beside this file has the raw rows.
Results, three seeds, percent under the eight corruptions, mean +- deviation; then points over the deck of dense
networks and over that of dense networks trained as long, paired by seed, with 95 % t-intervals:

                    members           deck, averaged                       deck, gated
                    gaussian  augmix  accuracy     to dense     to long      accuracy     to dense    to long
    dense           51.4      48.4    51.5 +- 5.1                            49.3 +- 1.8
    dense_extended  52.1      51.7    53.0 +- 3.4                            53.0 +- 0.8
    lth             48.1      45.9    48.2 +- 2.7  -3.3 +- 7.0  -4.8 +- 2.7  47.0 +- 0.5  -2.3 +- 3.3 -6.0 +- 1.1
    magnitude_long  46.8      44.3    46.4 +- 0.6  -5.0 +- 12.6 -6.6 +- 8.3  45.7 +- 0.3  -3.6 +- 4.9 -7.3 +- 2.5

- The first half of the trend is not found, as with the digits (`robust_training.py`): beside dense networks trained as
  long, decks of tickets lose 4.8 +- 2.7 points averaged and 6.0 +- 1.1 gated, and 7.8 +- 3.2 and 8.4 +- 2.8 on clean
  images. Beside dense networks of 8 epochs three seeds cannot tell (9.1 and 4.4 could have been seen).
- Nor the second: with as many epochs decks of magnitude lose 6.6 +- 8.3 and 7.3 +- 2.5, and lth is above them by
  1.7 +- 6.1 averaged and 1.2 +- 1.9 gated (8.0 and 2.5 could have been seen).
- Averaging gives 0.9 to 1.6 points over the mean of the two members (clear of 0 for magnitude alone, 0.9 +- 0.3), and
  nothing over the better of them (-0.6 +- 0.5 to +0.1 +- 0.6). Gating picks the member of `gaussian` under both noises
  and that of `augmix` under all else, in all seeds, and gives -0.6 to +1.1 over the mean, none clear of 0.
- Without the two noises all is as it is with them: lth to long -4.4 +- 4.0 and -5.8 +- 1.6.

A network this small may have no room for tickets at 90 %. Intervals are of one cell each, not corrected for their
number.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np
import reporting
import robust_training
import tyro

from rosalind import study
from rosalind.analysis import robustness
from rosalind.config import Data, Deck, Method, Model, Regime, Study, Train

REGIMES = ("gaussian", "augmix")
MEMBERS = {
    "lth": "lth-{}-0.9",
    "magnitude_long": "magnitude_long-{}-0.9",
    "dense": "dense-{}",
    "dense_extended": "dense_extended-{}",
}
"""Labels of a deck's members by their kind, for a regime."""
GATES = {"averaged": "none", "gated": "batch"}
DECKS = tuple(
    Deck(f"{kind}_{name}", tuple(label.format(regime) for regime in REGIMES), gate)
    for kind, label in MEMBERS.items()
    for name, gate in GATES.items()
)
IMAGES = 2000

STUDY = Study(
    data=Data("idx", train_limit=2000, test_limit=IMAGES),
    model=Model("cnn", 8),
    train=Train(epochs=8, learning_rate=4e-3, crop=2),
    methods=(
        Method("lth", (0.9,), {"rate": 0.6}),
        Method("magnitude", (0.9,), {"epochs": 22, "learning_rate": 2e-3}, label="magnitude_long"),
    ),
    conditions=robust_training.STUDY.conditions,
    controls=("dense_extended",),
    regimes=tuple(Regime(name) for name in REGIMES),
    decks=DECKS,
    thumbnails=0,
    attributions=0,
)

Row = tuple[str, str, int, float]
"""Quantity, label, seed, accuracy."""
UNDER = {
    "clean": ("clean",),
    "corrupted": (*robust_training.NOISE, *robust_training.OTHERS),
    "without noise": robust_training.OTHERS,
}


def _rows(study_results) -> list[Row]:
    names = [name.removesuffix("-3") for name in study_results.conditions]
    columns = {quantity: [names.index(name) for name in ids] for quantity, ids in UNDER.items()}
    return [
        (quantity, info.label, info.seed or 0, float(values[at].mean()))
        for info, values in zip(study_results.networks.values(), robustness.accuracy(study_results), strict=True)
        for quantity, at in columns.items()
    ]


def table(rows: list[Row]) -> list[str]:
    """Every label's mean and deviation, then what CARD says, paired by seed."""
    cells: dict[tuple[str, str], dict[int, float]] = {}
    for quantity, label, seed, value in rows:
        cells.setdefault((quantity, label), {})[seed] = 100 * value
    of = {key: np.array([values[seed] for seed in sorted(values)]) for key, values in cells.items()}
    lines = [f"{q:14s} {label:28s} {v.mean():5.1f} +- {v.std(ddof=1):4.1f}" for (q, label), v in of.items()]
    said = lambda pairs: reporting.difference(pairs, 1, 100 / IMAGES)
    for quantity in UNDER:
        for gate in GATES:
            decks = {kind: of[quantity, f"{kind}_{gate}"] for kind in MEMBERS}
            for kind, other in (
                *(("lth", k) for k in ("dense", "dense_extended", "magnitude_long")),
                *(("magnitude_long", k) for k in ("dense", "dense_extended")),
            ):
                lines.append(f"{quantity:14s} {gate}: {kind} - {other:15s} {said(decks[kind] - decks[other])}")
            for kind, label in MEMBERS.items():
                members = [of[quantity, label.format(regime).removesuffix("-0.9")] for regime in REGIMES]
                over = decks[kind] - np.mean(members, 0)
                lines.append(f"{quantity:14s} {gate}: {kind} over its members' mean {said(over)}")
                over = decks[kind] - np.max(members, 0)
                lines.append(f"{quantity:14s} {gate}: {kind} over its better member {said(over)}")
    return lines


def main(folder: Path, out: Path, seeds: tuple[int, ...] = (0, 1, 2)) -> None:
    """Train, measure, print, and write `decks.csv` beside this file.

    Args:
        folder: of Fashion-MNIST's four idx files.
        out: folder of the study; what it has is not made again.
        seeds: of the networks.
    """
    study.use_compilation_cache()
    plan = replace(STUDY, seeds=seeds, data=replace(STUDY.data, folder=str(folder)))
    rows = sorted(_rows(study.run(plan, out)))
    reporting.keep(__file__, ("quantity", "label", "seed", "accuracy"), rows)
    print("\n".join(table(rows)))


if __name__ == "__main__":
    tyro.cli(main, description=__doc__)
