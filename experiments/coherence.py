"""Does coherence of gradients tell true labels from random ones, and easy samples from hard ones?

arXiv 2203.10036 explains generalisation by gradients of examples that agree: with random labels they should agree
less, and those of easy examples more than those of hard ones. Here: the demo's `cnn` on the digits with true labels,
with half of the training labels exchanged at random among each other, and with all (test labels stay true); Adam with
a constant rate and no augmentation, so that a baseline of k epochs is the run after k epochs; three seeds. Beside the
dense network one that SNIP prunes at initialisation to 0.9. Coherence (m-coherence of 512 training images, of the
kept weights; 1 where gradients are orthogonal) after every of some epochs, for the whole network and per layer.

Questions, paired by seed:

- labels: from which epoch on is the coherence of true labels above that of half random and random ones, in every layer?
- samples: with m = 256 each, is the coherence of easy training images above that of hard ones (those that the other two
  seeds have right most and least often in the first twelve epochs), and that of the images with true labels above that
  of those with exchanged ones, where half are exchanged?

Command:

    python experiments/coherence.py studies/coherence

Expected time: ten minutes of one x86 core. `coherence.csv` beside this file has the raw rows. Results (geometric means
of three seeds' ratios, [95 % t-interval]; in single layers a ratio below 1.3 to 10 could not be seen, so that one that
holds 1 says little). Dense, mean coherence of the whole network, and mean training accuracy within that epoch:

    epoch      0     1          2          3          5          8          12         20         40
    true       6.7   46   79 %  16   97 %  8.6  99 %  6.6 100 %  6.4 100 %  5.1 100 %  5.6 100 %  5.9 100 %
    half       2.2   6.4  39 %  4.4  50 %  3.4  53 %  4.2  54 %  4.9  60 %  5.5  71 %  6.4  94 %  4.5 100 %
    random     0.7   1.7   9 %  4.3  16 %  2.2  20 %  2.7  26 %  6.8  34 %  7.2  51 %  6.1  85 %  4.7 100 %

- labels, dense: they are apart before any training (true to half x 3.1 [2.6, 3.7], true to random x 10 [5.2, 20], every
  layer alike), most after the first epoch (x 7.1 [4.3, 11.8] and x 32 [5.2, 198]; in every layer but the head, where
  random x 6.7 [0.6, 75]), and after the second (x 3.8 [1.4, 10] and x 4.1 [1.7, 9.9]; by layer four of eight intervals
  hold 1); at the third only random ones (x 3.9 [1.6, 9.6]). From the fifth on the whole network does not tell them
  apart; in the head random labels have more than true ones at 8 and 12, in the last two convolutions less at 40 and 60
  (true x 1.5 to 3.0). So the difference of the paper is seen, but up to the second epoch rather than from it on. At a
  training accuracy near 80 % coherence is 46 (true, epoch 1) and about 6 (random, epoch 20).
- labels, pruned: SNIP's network learns more slowly and they stay apart longer: at 2 x 9.2 [4.7, 18] and x 79 [25, 254],
  in every layer; at 5 x 5.7 [2.4, 14] and x 7.7 [4.8, 12]; at 12 and 40 only random at 12 (x 3.2 [1.3, 7.8]).
- pruned to dense: with true labels more at 1 (x 1.5 [1.3, 1.9]) and 2 (x 4.3 [2.9, 6.2]), later not to be told; with
  half and random ones nothing that can be told for the whole network.
- samples: easy above hard while they are learned. True labels x 2.1 [1.5, 2.9] at 1, x 2.6 [1.8, 3.8] at 2, then not
  to be told; half random x 6.5 [6.2, 6.7] at 1 down to x 2.7 [1.7, 4.3] at 12, at 40 x 0.9 [0.5, 1.6]; random x 1.35 to
  1.9 from 1 to 5, all above 1. Images with their own labels against exchanged ones: x 6.4 [4.9, 8.3] at 1, x 2.2 [1.4,
  3.5] at 12, x 1.0 [0.6, 1.7] at 40, when all are learned.

Labels were exchanged once, the same for all seeds. Intervals are of one cell each, not corrected for their number.
"""

from pathlib import Path
from typing import Annotated

import jax
import numpy as np
import reporting
import tyro

from rosalind import data, diagnostics, results, study
from rosalind.analysis.robustness import power
from rosalind.config import Baseline, Data, Diagnosis, Method, Study, Train

EPOCHS = (0, 1, 2, 3, 5, 8, 12, 20, 40)
LAST = 60
PRUNED = (1, 2, 5, 12, 40)
SUBSET_EPOCHS = (1, 2, 3, 5, 12, 40)
EARLY = 12
"""Epochs in which the other seeds say how hard an image is."""

SAMPLES, SUBSET = 512, 256
KINDS = ("true_labels", "half_random", "random_labels")
COHERENCE = Diagnosis("coherence", {"samples": SAMPLES})


def _relabelled(folder: Path | None, share: float) -> data.Arrays:
    """The digits; a share of the training images, drawn at random, has its labels permuted."""
    images, labels, test_images, test_labels, names = data.SOURCES["digits"](folder)
    generator = np.random.default_rng(1)
    chosen = generator.permutation(len(labels))[: round(share * len(labels))]
    labels = labels.copy()
    labels[chosen] = labels[generator.permutation(chosen)]
    return images, labels, test_images, test_labels, names


def true_labels(folder: Path | None) -> data.Arrays:
    """The digits."""
    return _relabelled(folder, 0)


def half_random(folder: Path | None) -> data.Arrays:
    """The digits, half of the training labels exchanged."""
    return _relabelled(folder, 0.5)


def random_labels(folder: Path | None) -> data.Arrays:
    """The digits, all training labels exchanged."""
    return _relabelled(folder, 1)


def study_of(kind: str) -> Study:
    """The dense run and the pruned one, each as far as some epochs, as networks of their own."""
    return Study(
        data=Data(f"coherence:{kind}"),
        train=Train(epochs=LAST, learning_rate=2e-3, weight_decay=0, warmup=0, schedule="constant"),
        methods=tuple(Method("snip", (0.9,), {"epochs": k}, label=f"snip_{k}") for k in PRUNED),
        baselines=tuple(Baseline(f"dense_{k}", epochs=k) for k in EPOCHS),
        controls=(),
        features=0,
        thumbnails=0,
        attributions=0,
        diagnostics=(COHERENCE,),
    )


Row = tuple[str, str, int, str, int, float]
"""Labels, kind of network, epoch, quantity, seed, value."""


def records(folder: Path, network: str) -> tuple[np.ndarray, np.ndarray]:
    """bool[epochs, images]: which training images were right when they were visited; and their ids."""
    arrays = results.load_arrays(folder / "training" / f"{network}.npz")
    return np.unpackbits(arrays["correct"], axis=1, count=len(arrays["id"])).astype(bool), arrays["id"]


def of_networks(folder: Path, kind: str) -> list[Row]:
    """Coherence, whole and per layer, and training accuracy in the last epoch of each network."""
    study_results = results.load(folder)
    rows: list[Row] = []
    for info in results.diagnostics(study_results)[0]:
        network = study_results.networks[info.network]
        name, _, epoch = network.label.partition("_")
        where = kind, name, int(epoch or LAST)
        arrays = info.arrays(("coherence", "corrected", "of_layer", "axis/layers"))
        layers = dict(zip(arrays["axis/layers"].tolist(), arrays["of_layer"].tolist(), strict=True))
        numbers = {"coherence": float(arrays["coherence"]), **{k: v for k, v in layers.items() if k.endswith("kernel")}}
        if where[2]:
            numbers["training accuracy"] = float(records(folder, info.network)[0][-1].mean())
        rows += [(*where, quantity, network.seed or 0, value) for quantity, value in numbers.items()]
    return rows


def of_subsets(folder: Path, kind: str) -> list[Row]:
    """Coherence of easy and hard images, and of images whose labels are true and exchanged, in the dense run."""
    dataset = data.load(study_of(kind).data.name)
    train, place = dataset.train, {int(i): k for k, i in enumerate(dataset.train.ids)}
    early = []
    for seed in range(3):
        right, ids = records(folder, f"cnn-dense-seed{seed}")
        early.append(right[:EARLY].mean(0)[np.argsort([place[int(i)] for i in ids])])
    real = _labels_of(train.ids)
    rows: list[Row] = []
    for seed in range(3):
        ease = np.mean([early[s] for s in range(3) if s != seed], 0)
        # Within every class: the classes of easy images would agree more if they were fewer.
        rank = np.empty(len(train))
        for label in np.unique(train.labels):
            own = np.flatnonzero(train.labels == label)
            rank[own[np.lexsort((own, ease[own]))]] = (np.arange(len(own)) + 0.5) / len(own)
        order = np.argsort(rank, kind="stable")
        subsets = {"hard": order[:SUBSET], "easy": order[-SUBSET:]}
        if kind == "half_random":
            same = train.labels == real
            for name, rows_of in (("label true", np.flatnonzero(same)), ("label exchanged", np.flatnonzero(~same))):
                subsets[name] = rows_of[data.stratified(train.labels[rows_of], SUBSET, seed=seed)]
        for epoch in SUBSET_EPOCHS:
            network = study.load_network(folder, f"cnn-dense_{epoch}-seed{seed}")
            for name, members in subsets.items():
                value = coherence_of(network, train.take(np.sort(members)))
                rows.append((kind, "dense", epoch, f"coherence, {name}", seed, value))
    return rows


def _labels_of(ids: np.ndarray) -> np.ndarray:
    """True labels of training images by id, which is the position in the source."""
    return data.SOURCES["digits"](None)[1][ids]


def coherence_of(network, sample: data.Split) -> float:
    """m-coherence of the gradients of some training images."""
    diagnostic, options = diagnostics.plan(Diagnosis("coherence", {"samples": len(sample)}))
    subject = diagnostics.Subject(network, None, sample, sample, sample, jax.random.key(0), options, lambda part: None)
    return float(diagnostic.compute(subject)["coherence"])


def table(rows: list[Row]) -> list[str]:
    """Means over seeds, and paired differences of logarithms as factors: coherence spans decades."""
    cells: dict[tuple, dict[int, float]] = {}
    for *name, seed, value in rows:
        cells.setdefault(tuple(name), {})[seed] = value
    lines = [f"{' | '.join(map(str, n)):60s} " + " ".join(f"{v:.4g}" for v in c.values()) for n, c in cells.items()]

    def factor(words: str, first: dict[int, float], second: dict[int, float]) -> str:
        apart = np.log([first[s] / second[s] for s in sorted(first)])
        mean, half, count = power.seed_interval(apart)
        least = power.detectable_with_pairs(int(count), float(apart.std(ddof=1)))
        low, middle, high = np.exp([mean - half, mean, mean + half])
        return f"{words:60s} x {middle:.2f} [{low:.2f}, {high:.2f}], could be seen x {np.exp(least):.2f}"

    for (kind, name, epoch, quantity), values in cells.items():
        where = f"{name} {epoch} {quantity}"
        if quantity == "training accuracy":
            continue
        if kind == "true_labels" and not quantity.startswith("coherence,"):
            for other in KINDS[1:]:
                lines.append(factor(f"true to {other}: {where}", values, cells[other, name, epoch, quantity]))
        if name == "snip":
            lines.append(factor(f"{kind}: pruned to dense: {where}", values, cells[kind, "dense", epoch, quantity]))
        for easy, hard in (("easy", "hard"), ("label true", "label exchanged")):
            if quantity == f"coherence, {easy}":
                hard_cell = cells[kind, name, epoch, f"coherence, {hard}"]
                lines.append(factor(f"{kind}: {easy} to {hard}: epoch {epoch}", values, hard_cell))
    return lines


def main(folder: Annotated[Path, tyro.conf.Positional]) -> None:
    """Train, measure and print.

    Args:
        folder: for a study per kind of labels; what they have is not made again.
    """
    study.use_compilation_cache()
    rows = []
    for kind in KINDS:
        study.run(study_of(kind), folder / kind)
        rows += [*of_networks(folder / kind, kind), *of_subsets(folder / kind, kind)]
    reporting.keep(__file__, ("labels", "networks", "epoch", "quantity", "seed", "value"), rows)
    print("\n".join(table(rows)))


if __name__ == "__main__":
    tyro.cli(main, description=__doc__)
