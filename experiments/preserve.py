"""Does holding class maps while retraining keep a pruned network's evidence where its dense parent sees it?

The question of arXiv 2010.15054 on the digits: one-shot magnitude pruning to 95 %, fine-tuned with none of the terms,
with `ewa`, `swa` and `sswa` at the default weight, and with `swa` at weight 0, which must be the first bit for bit.
Maps are the positive part of Grad-CAM (4 x 4) for the class that the dense parent gives the image; agreement is their
mean cosine with the parent's map of the same image, clean and under gaussian_noise-3. The null is a dense network of
another seed in place of the pruned one. Five seeds; differences to `none` are paired by seed.

Command:

    python experiments/preserve.py --out studies/preserve

Expected time: TODO. `preserve.csv` beside this file has the raw rows. Results:

TODO
"""

import csv
import functools
from pathlib import Path
from typing import Any

import jax
import numpy as np
import tyro
from scipy import stats

from rosalind import conditions, data, models, results, study
from rosalind.analysis.robustness import power
from rosalind.config import Condition, Data, Method, Model, Study, Train

UNDER = (Condition(), Condition("gaussian_noise", 3))
VARIANTS = {
    "none": {},
    "zero": {"preserve": "swa", "preserve_weight": 0.0},
    "ewa": {"preserve": "ewa"},
    "swa": {"preserve": "swa"},
    "sswa": {"preserve": "sswa"},
}
STUDY = Study(
    data=Data(size=32),
    model=Model("cnn", 12),
    train=Train(epochs=15, learning_rate=4e-3, crop=1),
    methods=tuple(Method("magnitude", (0.95,), {"epochs": 10, **o}, label=name) for name, o in VARIANTS.items()),
    conditions=UNDER,
    seeds=(0, 1, 2, 3, 4),
    controls=(),
    thumbnails=0,
    attributions=0,
)

Row = tuple[str, str, str, int, float]
"""Quantity, condition, group of networks, seed, value."""


@functools.partial(jax.jit, static_argnums=0)
def _logits(config: Model, variables: Any, images: np.ndarray) -> jax.Array:
    return models.apply(config, variables, images)[0]


@functools.partial(jax.jit, static_argnums=0)
def _maps(config: Model, variables: Any, images: np.ndarray, targets: jax.Array) -> jax.Array:
    _, _, _, maps, gradients = models.map_gradients(config, variables, images, targets)
    return jax.nn.relu(models.class_activation_map(maps, gradients))


def _agreement(one: np.ndarray, other: np.ndarray) -> tuple[float, float]:
    """Mean cosine of the maps [n, h, w] that are both not zero, and the share of samples with one that is zero."""
    a, b = one.reshape(len(one), -1), other.reshape(len(other), -1)
    lengths = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    there = lengths > 0
    return float(((a * b).sum(1)[there] / lengths[there]).mean()), float(1 - there.mean())


def _rows(study_results: results.Results) -> list[Row]:
    folder, seeds = study_results.folder, sorted({info.seed or 0 for info in study_results.networks.values()})
    networks = {name: study.load_network(folder, name) for name in study_results.networks}
    dense = {seed: networks[f"cnn-dense-seed{seed}"] for seed in seeds}
    dataset, rows = data.load(STUDY.data.name, size=STUDY.data.size), []
    for condition in UNDER:
        key = conditions.condition_key(jax.random.key(0), dataset.name, condition)
        planned = conditions.plan(condition, "cifar")
        images = conditions.apply(planned, None, *(getattr(dataset.test, n) for n in ("images", "labels", "ids")), key)
        for name, info in study_results.networks.items():
            seed = info.seed or 0
            another = dense[seeds[(seeds.index(seed) + 1) % len(seeds)]]
            parent, network = dense[seed], another if info.is_dense else networks[name]
            group = "another seed" if info.is_dense else info.label
            targets = _logits(parent.config, parent.variables, images).argmax(1)
            maps = [np.asarray(_maps(n.config, n.variables, images, targets)) for n in (parent, network)]
            cosine, zero = _agreement(*maps)
            right = _logits(networks[name].config, networks[name].variables, images).argmax(1) == dataset.test.labels
            rows.append(("accuracy", condition.id, info.label, seed, float(right.mean())))
            rows.append(("agreement", condition.id, group, seed, cosine))
            rows.append(("zero maps", condition.id, group, seed, zero))
    return rows


def table(rows: list[Row]) -> list[str]:
    """A line per quantity and group: mean, paired difference to `none` with its 95 % t-interval, what could be seen."""
    cells: dict[tuple[str, str, str], dict[int, float]] = {}
    for quantity, condition, group, seed, value in rows:
        cells.setdefault((quantity, condition, group), {})[seed] = value
    lines = []
    for (quantity, condition, group), values in cells.items():
        base, words = cells[quantity, condition, "none"], ""
        differences = np.array([values[seed] - base[seed] for seed in sorted(base)])
        if differences.any():
            spread, count = differences.std(ddof=1), len(differences)
            half = stats.t.ppf(0.975, count - 1) * spread / count**0.5
            least = power.detectable_with_pairs(count, float(spread))
            words = f", to none {differences.mean():+.4f} +- {half:.4f}, could be seen {least:.4f}"
        lines.append(f"{quantity:10s} {condition:18s} {group:14s} {np.mean(list(values.values())):.4f}{words}")
    return lines


def main(out: Path) -> None:
    """Train, compute and print.

    Args:
        out: folder of the study; what it has is not made again.
    """
    study.use_compilation_cache()
    rows = _rows(study.run(STUDY, out))
    with open(Path(__file__).with_suffix(".csv"), "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("quantity", "condition", "networks", "seed", "value"))
        writer.writerows((*row[:4], f"{row[4]:.6g}") for row in rows)
    print("\n".join(table(rows)))


if __name__ == "__main__":
    tyro.cli(main, description=__doc__)
