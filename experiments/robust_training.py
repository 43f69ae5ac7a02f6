"""Do tickets keep the corruption accuracy that robust training gives, and does magnitude pruning lose it?

The trend of CARD (arXiv 2106.09129) in small: lottery-style networks (lth, edge_popup, biprop) keep the corruption
accuracy of the dense network of their training regime, networks of magnitude pruning do not. Five regimes: plain,
gaussian (sigma 0.1), augmix (weight 12), adversarial (PGD-7, 8 of 255) and mixup; a cnn of 8 channels on the digits,
dense for 10 epochs, pruned to 90 %. Magnitude is one shot with a short fine-tuning (6 epochs at a tenth of the dense
rate) and, `magnitude_long`, with the 28 epochs that lth's chain takes, at half of the dense rate; hydra learns its mask
under the regime's loss for 6 epochs and is tuned for 6; `dense_extended` is trained for 40 epochs, as lth and its
parent are. Two means: over eight corruptions at severity 3, and over the six of them that are not noise, since
`gaussian` trains on noise. Three decks: lth under gaussian and augmix, averaged and gated by batch, and the two dense
parents averaged, which tells ensembling from pruning.

Expected, by CARD: the difference of a ticket to its dense network is about 0 in every regime, that of magnitude below
0, and ticket minus magnitude above 0.

Command:

    python experiments/robust_training.py --out studies/robust_training
    python experiments/robust_training.py --out studies/robust_fashion --folder FASHION_MNIST  # its idx files

Expected time: 17 minutes of processor time, 9 on two cores, for the digits; Fashion-MNIST, about an hour, was not run.
`robust_training.csv` beside this file has the raw rows. Results on the digits, three seeds, under the eight
corruptions: mean +- deviation of the dense network, then points over it in its own regime, paired by seed, with 95 %
t-intervals:

                    plain            gaussian         augmix           adversarial      mixup
    dense           77.5 +- 4.8      82.2 +- 7.0      86.0 +- 3.4      86.3 +- 1.4      84.9 +- 3.0
    dense_extended  -5.3 +- 3.8      -1.3 +- 9.8      +2.5 +- 2.1      +4.5 +- 5.3      +0.3 +- 6.4
    lth             -5.0 +- 5.8      -2.8 +- 3.9      -9.3 +- 8.5      -4.3 +- 2.4      -7.3 +- 4.0
    edge_popup      -6.0 +- 11.6     -7.4 +- 10.5     -10.2 +- 13.6    -10.1 +- 12.6    -5.4 +- 3.9
    biprop          -4.4 +- 4.3      -11.6 +- 13.2    -13.6 +- 15.7    -17.9 +- 11.9    -12.4 +- 2.5
    hydra           -9.0 +- 22.0     -5.2 +- 7.3      -7.3 +- 18.2     -2.8 +- 3.0      -6.4 +- 9.6
    magnitude       -33.6 +- 23.7    -24.7 +- 15.9    -36.3 +- 18.8    -22.7 +- 6.7     -37.9 +- 25.6
    magnitude_long  -6.6 +- 2.4      -6.3 +- 2.9      -9.4 +- 16.8     -3.6 +- 5.6      -8.2 +- 4.9

- The first half of the trend is not found: tickets lose corruption accuracy, on the mean over regimes lth 5.8 +- 2.5
  points, edge_popup 7.8 +- 6.3, biprop 12.0 +- 2.4 (a loss of 3.3, 8.3 and 3.2 could have been seen). On clean images
  they lose 2.1, 3.2 and 13.1.
- The second half is a matter of budget. The tickets are 12 to 30 points above magnitude with its short fine-tuning, but
  that network is 17 to 29 points below the dense one on clean images too. With as many epochs as lth, magnitude loses
  what lth loses: lth is 1.0 +- 4.0 above it on the mean over regimes (5.3 could have been seen), and no regime shows a
  difference of the tickets' mean to it (-7.2 +- 12.8 under adversarial to +1.4 +- 5.5 in plain training). The dense
  network that is trained as long is 6.9 +- 6.5 points above it.
- Robust training helps the dense network: by 4.7 points (gaussian) to 8.8 (adversarial), of which with three seeds only
  adversarial's +- 8.4 does not reach 0; without the two noises by 3.1 to 9.8, none of which is clear of 0.
- Training for longer costs the plain dense network 5.3 +- 3.8 points, as in the demo; under augmix it gains 2.5 +- 2.1.
- hydra under adversarial training loses 2.8 +- 3.0 after 12 epochs of masks and weights, where lth loses 4.3 +- 2.4
  after 28; elsewhere its intervals are too wide to say.
- Gating by spectrum picks the member of `gaussian` under both noises and that of `augmix` under all else, in all seeds;
  it gives nothing over the mean of its members (+0.1 +- 6.1). Averaging gives +2.5 +- 4.0 (5.2 could have been seen),
  and the two dense parents averaged are better than both (85.2; averaged tickets 80.6, gated 78.2).

A network this small may have no room for tickets at 90 %: CARD's have millions of weights. Intervals are of one cell
each, not corrected for their number.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np
import reporting
import tyro

from rosalind import results, study
from rosalind.analysis import robustness
from rosalind.config import Data, Deck, Method, Model, Regime, Study, Train, conditions

NOISE = ("gaussian_noise", "shot_noise")
OTHERS = ("defocus_blur", "zoom_blur", "fog", "brightness", "contrast", "pixelate")
TICKETS = ("lth", "edge_popup", "biprop")
REGIMES = ("gaussian", "augmix", "adversarial", "mixup")
CARDS = ("lth-gaussian-0.9", "lth-augmix-0.9")
DECKS = (
    Deck("deck_averaged", CARDS),
    Deck("deck_gated", CARDS, "batch"),
    Deck("deck_of_dense", ("dense-gaussian", "dense-augmix")),
)

STUDY = Study(
    model=Model("cnn", 8),
    train=Train(epochs=10, learning_rate=4e-3, crop=1),
    methods=(
        Method("magnitude", (0.9,), {"epochs": 6}),
        Method("magnitude", (0.9,), {"epochs": 28, "learning_rate": 2e-3}, label="magnitude_long"),
        Method("lth", (0.9,), {"rate": 0.6}),
        Method("edge_popup", (0.9,)),
        Method("biprop", (0.9,)),
        Method("hydra", (0.9,), {"mask_epochs": 6, "epochs": 6}),
    ),
    conditions=conditions((*NOISE, *OTHERS), (3,)),
    controls=("dense_extended",),
    regimes=tuple(Regime(name) for name in REGIMES),
    decks=DECKS,
    thumbnails=0,
    attributions=0,
)

Row = tuple[str, str, str, int, float]
"""Quantity, regime, method, seed, accuracy."""


def _rows(study_results: results.Results) -> list[Row]:
    accuracy, names = robustness.accuracy(study_results), list(study_results.conditions)
    under = {"clean": ("clean",), "corrupted": (*NOISE, *OTHERS), "without noise": OTHERS}
    at = lambda ids: [k for k, name in enumerate(names) if name.removesuffix("-3") in ids]
    columns = {quantity: at(ids) for quantity, ids in under.items()}
    rows = []
    for info, values in zip(study_results.networks.values(), accuracy, strict=True):
        regime = next((name for name in REGIMES if info.label.endswith(f"-{name}")), "plain")
        method = info.label.removesuffix(f"-{regime}")
        rows += [(q, regime, method, info.seed or 0, float(values[ks].mean())) for q, ks in columns.items()]
    return rows


def table(rows: list[Row], step: float = reporting.IMAGE) -> list[str]:
    """Lines: every group's mean and deviation with its difference to the dense one of its regime, then the contrast.

    `step` is that of `reporting.difference`, in points.
    """

    def words(differences: np.ndarray) -> str:
        return reporting.difference(100 * differences, 1, step)

    cells: dict[tuple[str, str, str], dict[int, float]] = {}
    for quantity, regime, method, seed, value in rows:
        cells.setdefault((quantity, regime, method), {})[seed] = value
    seeds = sorted({seed for values in cells.values() for seed in values})
    of = {key: np.array([values[seed] for seed in seeds]) for key, values in cells.items()}
    lines = []
    for (quantity, regime, method), values in of.items():
        over = values - of[quantity, "plain" if method.startswith("deck") else regime, "dense"]
        mean, deviation = 100 * values.mean(), 100 * values.std(ddof=1)
        to_dense = f"  to dense {words(over)}" if over.any() else ""
        lines.append(f"{quantity:14s} {regime:12s} {method:15s} {mean:5.1f} +- {deviation:4.1f}{to_dense}")
    for quantity in ("clean", "corrupted", "without noise"):
        for regime in ("plain", *REGIMES):
            tickets = np.mean([of[quantity, regime, ticket] for ticket in TICKETS], 0)
            for rival in ("magnitude", "magnitude_long"):
                contrast = tickets - of[quantity, regime, rival]
                lines.append(f"{quantity:14s} {regime:12s} mean of tickets - {rival:15s} {words(contrast)}")
        for method in ("dense_extended", *TICKETS, "hydra", "magnitude_long"):
            for rival in ("dense", "magnitude_long")[: 1 + (method != "magnitude_long")]:
                over = np.mean([of[quantity, r, method] - of[quantity, r, rival] for r in ("plain", *REGIMES)], 0)
                lines.append(f"{quantity:14s} over regimes {method:15s} - {rival:15s} {words(over)}")
        gains = {regime: of[quantity, regime, "dense"] - of[quantity, "plain", "dense"] for regime in REGIMES}
        cards = np.mean([of[quantity, regime, "lth"] for regime in ("gaussian", "augmix")], 0)
        gains |= {deck.label: of[quantity, "plain", deck.label] - cards for deck in DECKS[:2]}
        for name, gain in gains.items():
            against = "over its members" if name.startswith("deck") else "dense - plain dense"
            lines.append(f"{quantity:14s} {name:13s} {against:27s} {words(gain)}")
    return lines


def main(out: Path, folder: Path | None = None, seeds: tuple[int, ...] = (0, 1, 2)) -> None:
    """Train, measure and print.

    Args:
        out: folder of the study; what it has is not made again.
        folder: of Fashion-MNIST's idx files: 4,000 training and 2,000 test images in place of the digits.
        seeds: of the networks.
    """
    study.use_compilation_cache()
    fashion = Data("idx", folder=str(folder), train_limit=4000, test_limit=2000)
    plan = replace(STUDY, seeds=seeds, data=STUDY.data if folder is None else fashion)
    rows = sorted(_rows(study.run(plan, out)))
    if folder is None:
        reporting.keep(__file__, ("quantity", "regime", "method", "seed", "accuracy"), rows)
    print("\n".join(table(rows, reporting.IMAGE if folder is None else 100 / 2000)))


if __name__ == "__main__":
    tyro.cli(main, description=__doc__)
