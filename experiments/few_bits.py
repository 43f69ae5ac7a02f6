"""What do few bits cost in accuracy and corruption accuracy, and which networks do they bring onto the Pareto front?

arXiv 2512.24971 (abstract; its tables could not be read) compares quantisation, pruning and weight clustering, alone
and together, of ResNet-50, VGG-19 and MobileNetV2 on CIFAR-10-C and CIFAR-100-C, finds that some of it keeps or betters
robustness, and asks for accuracy, robustness and size together. Here: the demo's dense parents and networks pruned by
six methods, each as it is, in 8, 6, 4 and 3 bits uniform per channel (scale of the largest weight, or of the least
squared error), and with codebooks of as many bits. Nothing is trained again. Questions:

- cost: change of clean and of mean corruption accuracy to the float32 network, over all networks of a coding;
- scale: does the scale of the least squared error hold more than that of the largest weight?
- front: which does no other dominate in accuracy, corruption accuracy and bytes, by more than dense seeds differ?

Command (reads a finished demo study, and writes nothing into it):

    python experiments/few_bits.py studies/digits

Expected time: four minutes of one x86 core. `few_bits.csv` beside this file has the raw rows. Results (points, mean of
three seeds, 95 % t-interval over seeds, one each, where 0 is in it in brackets the change that could have been seen
with 80 % power; corrupted is the mean over all ten corruptions at three severities):

- cost: 8 and 6 bits change no mean by more than 0.09 points (0.31 to 0.9 could have been seen). 4 bits: dense -0.22 +-
  0.51 (0.7) clean and +0.10 +- 0.96 (1.3) corrupted, pruned -0.15 +- 0.32 (0.5) and -0.18 +- 0.68 (0.9); codebooks of 4
  bits dense -0.17 +- 1.11 (1.5) and -0.56 +- 4.11 (5.4), pruned -0.03 +- 0.18 (0.3) and -0.39 +- 0.48 (0.7). 3 bits:
  dense -1.34 +- 1.51 (2.0) and -1.51 +- 8.98 (11.8), pruned -1.14 +- 0.43 and -0.90 +- 2.07 (2.7); codebooks of 3 bits
  dense -0.56 +- 1.35 (1.8) and -1.84 +- 6.96 (9.1), pruned -0.67 +- 0.24 and -1.78 +- 1.40.
- scale: the one of the least squared error keeps more clean accuracy at 3 bits (dense -0.34, pruned -0.64) and less
  corruption accuracy (dense -4.34 (6.8), pruned -2.29 +- 1.07, which has no 0 in it; largest weight: -1.51 and -0.90).
  At 4 bits the pruned networks lose 0.70 +- 0.24 corrupted with it and 0.18 +- 0.68 without. So the largest weight is
  the default: squared error is no measure of what corruptions do.
- front (null between dense seeds: 0.3 points clean, 3.5 corrupted): from the smallest on, lth 0.95 in a codebook of 3
  bits (6.7 kB, 97.9 clean, 71.5 corrupted), snip 0.95 and lth 0.95 in 3 to 8 bits (6.8 to 9.1 kB; lth 98.4 and 71.7 at
  7.2, snip 95.9 and 77.3 at 9.1), biprop, which takes a bit per weight anyway (0.95: 7.2 kB, 91.4 and 76.5; 0.8: 9.7
  kB, 95.6 and 77.7), the methods at 0.8 in 3 to 8 bits (12.7 to 22.9 kB), and the dense networks in 4 and 6 bits (30 to
  44 kB, 98.6 to 98.9 and 73.6 to 74.3). Of float32 networks only biprop stays on it: dense in 8 bits (58 kB) is a
  quarter of the bytes for nothing, and 6 bits cost no more.
"""

import dataclasses
import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import jax
import numpy as np
import reporting
import tyro

from rosalind import demo, measuring, models, pruning, results, storage, study
from rosalind.analysis import pareto
from rosalind.conditions import Network
from rosalind.pruning.compression import compressed

LABELS = ("dense", "magnitude", "finetune", "lth", "lrr", "snip", "biprop")
BITS = (8, 6, 4, 3)
CODINGS: dict[str, dict[str, Any]] = {"float32": {}}
CODINGS |= {f"{bits} bits": {"bits": bits} for bits in BITS}
CODINGS |= {f"{bits} bits, error": {"bits": bits, "scale": "error"} for bits in BITS}
CODINGS |= {f"{bits} bits, codebook": {"bits": bits, "codebook": True} for bits in BITS}

Row = tuple[str, str, int, int, float, float]
"""Group of networks, coding, seed, bytes, clean accuracy, mean corruption accuracy."""


def coded(network: Network, coding: str) -> tuple[Network, int]:
    """A network in a coding of `CODINGS`, and its bytes."""
    state = dict(network.variables)
    weights = pruning.Weights(state.pop("params"), state)
    made = compressed(pruning.Pruned(0.0, network.masks, weights, {}, 0), CODINGS[coding])
    variables = jax.device_get({"params": made.weights.trainable, **state})
    flat = {path: np.asarray(leaf) for path, leaf in models.flatten(variables["params"]).items()}
    return dataclasses.replace(network, variables=variables), storage.packed_bytes(flat, network.masks)


def measured(folder: Path) -> Iterator[Row]:
    """Every network in every coding: accuracy on clean images, and its mean over the demo's corruptions."""
    infos = results.load(folder).networks
    names = [name for name, info in infos.items() if info.label in LABELS]
    networks, sizes = [], {}
    for name, coding in itertools.product(names, CODINGS):
        network, size = coded(study.load_network(folder, name), coding)
        networks.append(dataclasses.replace(network, name=f"{name}|{coding}"))
        sizes[networks[-1].name] = size
    whole = demo.study()
    dataset = study.planning.load(whole.data)
    right: dict[str, list[float]] = {name: [] for name in sizes}
    for planned in study.planning.conditions_of(whole, dataset):
        key = study.planning.draw_key(dataset, planned.condition)
        for name, accuracy in measuring.accuracies(networks, planned, dataset.test, key):
            right[name].append(accuracy)
    for both, (clean, *corrupted) in right.items():
        name, coding = both.split("|")
        info = infos[name]
        group = "dense" if info.is_dense else f"{info.label} {info.sparsity_requested:g}"
        yield group, coding, info.seed or 0, sizes[both], clean, float(np.mean(corrupted))


def costs(rows: list[Row]) -> Iterator[str]:
    """A line per coding and kind of network: change to float32 in points, of the mean over groups, paired by seed."""
    found = {row[:3]: np.array(row[4:]) for row in rows}
    seeds = sorted({seed for _, _, seed in found})
    groups = list(dict.fromkeys(group for group, _, _ in found))
    for kind, members in {"dense": ["dense"], "pruned": [g for g in groups if g != "dense"]}.items():
        for coding in CODINGS:
            changes = 100 * np.array(
                [np.mean([found[g, coding, s] - found[g, "float32", s] for g in members], 0) for s in seeds]
            )
            clean, corrupted = (reporting.difference(values, step=reporting.IMAGE) for values in changes.T)
            yield f"{kind:7s} {coding:18s} clean {clean}, corrupted {corrupted}"


def front(rows: list[Row]) -> Iterator[str]:
    """A line per network on the front, the smallest first, and the null."""
    of: dict[tuple[str, str], list[tuple[float, ...]]] = {}
    for group, coding, _, size, clean, corrupted in rows:
        of.setdefault((group, coding), []).append((100 * clean, 100 * corrupted, -size / 1000))
    values = np.array([np.mean(seeds, 0) for seeds in of.values()])
    null = np.max([np.abs(np.subtract(*pair)) for pair in itertools.combinations(of["dense", "float32"], 2)], 0)
    dominates = pareto.dominating(values, null)
    yield f"null: clean {null[0]:.1f}, corrupted {null[1]:.1f} points"
    for k in np.argsort(-values[:, 2]):
        if not dominates[:, k].any():
            clean, corrupted, size = values[k]
            yield f"{' '.join([*of][k]):34s} {-size:7.2f} kB  clean {clean:.1f}  corrupted {corrupted:.1f}"


def main(folder: Annotated[Path, tyro.conf.Positional]) -> None:
    """Compress, measure and print.

    Args:
        folder: of a finished demo study.
    """
    study.use_compilation_cache()
    rows = list(measured(folder))
    reporting.keep(__file__, ("networks", "coding", "seed", "bytes", "clean", "corrupted"), rows)
    print("\n".join([*costs(rows), *front(rows)]))


if __name__ == "__main__":
    tyro.cli(main, description=__doc__)
