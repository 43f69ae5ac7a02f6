"""Do tickets keep the corruption accuracy that robust training gives, and does magnitude pruning lose it?

The trend of CARD (arXiv 2106.09129) in small: lottery-style networks (lth, edge_popup, biprop) keep the corruption
accuracy of the dense network of their training regime, networks of magnitude pruning do not. Five regimes: plain,
gaussian (sigma 0.1), augmix (weight 12), adversarial (PGD-7, 8 of 255) and mixup; a cnn of 8 channels on the digits,
pruned to 90 %; beside them hydra, which learns its mask under the regime's loss, and `dense_extended`, the dense
network trained for as many epochs as the longest chain. Two means: over eight corruptions at severity 3, and over the
six of them that are not noise, since `gaussian` trains on noise. Three decks: lth under gaussian and augmix, averaged
and gated by batch, and the two dense parents averaged, which tells ensembling from pruning.

Expected, by CARD: the difference of a ticket to its dense network is about 0 in every regime, that of magnitude below
0, and ticket minus magnitude above 0.

Command:

    python experiments/robust_training.py --out studies/robust_training
    python experiments/robust_training.py --out studies/robust_fashion --folder FASHION_MNIST  # idx files
"""

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import tyro

from rosalind import results, study
from rosalind.analysis import robustness
from rosalind.analysis.robustness import power
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


def _words(differences: np.ndarray) -> str:
    """Mean of paired differences in points with its 95 % t-interval, and what could have been seen."""
    mean, half, count = power.seed_interval(100 * differences)
    least = power.detectable_with_pairs(int(count), float(100 * differences.std(ddof=1)))
    return f"{mean:+6.1f} +- {half:5.1f} (n {count}, could be seen {least:5.1f})"


def table(rows: list[Row]) -> list[str]:
    """Lines: every group's mean and deviation with its difference to the dense one of its regime, then the contrast."""
    cells: dict[tuple[str, str, str], dict[int, float]] = {}
    for quantity, regime, method, seed, value in rows:
        cells.setdefault((quantity, regime, method), {})[seed] = value
    seeds = sorted({seed for values in cells.values() for seed in values})
    of = {key: np.array([values[seed] for seed in seeds]) for key, values in cells.items()}
    lines = []
    for (quantity, regime, method), values in of.items():
        over = values - of[quantity, "plain" if method.startswith("deck") else regime, "dense"]
        mean, deviation = 100 * values.mean(), 100 * values.std(ddof=1)
        to_dense = f"  to dense {_words(over)}" if over.any() else ""
        lines.append(f"{quantity:14s} {regime:12s} {method:15s} {mean:5.1f} +- {deviation:4.1f}{to_dense}")
    for quantity in ("clean", "corrupted", "without noise"):
        for regime in ("plain", *REGIMES):
            tickets = np.mean([of[quantity, regime, ticket] for ticket in TICKETS], 0)
            for rival in ("magnitude", "magnitude_long"):
                contrast = tickets - of[quantity, regime, rival]
                lines.append(f"{quantity:14s} {regime:12s} mean of tickets - {rival:15s} {_words(contrast)}")
        gains = {regime: of[quantity, regime, "dense"] - of[quantity, "plain", "dense"] for regime in REGIMES}
        cards = np.mean([of[quantity, regime, "lth"] for regime in ("gaussian", "augmix")], 0)
        gains |= {deck.label: of[quantity, "plain", deck.label] - cards for deck in DECKS[:2]}
        for name, gain in gains.items():
            against = "over its members" if name.startswith("deck") else "dense - plain dense"
            lines.append(f"{quantity:14s} {name:13s} {against:27s} {_words(gain)}")
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
        with open(Path(__file__).with_suffix(".csv"), "w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(("quantity", "regime", "method", "seed", "accuracy"))
            writer.writerows((*row[:4], f"{row[4]:.6g}") for row in rows)
    print("\n".join(table(rows)))


if __name__ == "__main__":
    tyro.cli(main, description=__doc__)
