"""What do few bits cost in accuracy and corruption accuracy, and which networks do they bring onto the Pareto front?

arXiv 2512.24971 (abstract; its tables could not be read) compares quantisation, pruning and weight clustering of
ResNet-50, VGG-19 and MobileNetV2 on CIFAR-10-C and CIFAR-100-C, finds that some of it keeps or betters robustness, and
asks for accuracy, robustness and size together. Here, on the digits: the demo's networks as they are; its dense parents
in 8, 6, 4, 3 and 2 bits, uniform per channel (scale of the largest weight, or of the least squared error) or as k-means
codebooks; and its lottery tickets in as few. Nothing is trained again. Questions:

- cost: change of clean and of mean corruption accuracy to the float32 network of the same seed, by bits;
- scale: does the scale of the least squared error hold more than that of the largest weight?
- front: which groups of seeds does no other dominate in accuracy, corruption accuracy and bytes (`analysis.pareto`)?

Command (a finished demo study, which gets the networks in few bits beside its own):

    python experiments/compression.py studies/digits

RESULTS
"""

import csv
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import numpy as np
import tyro
from scipy import stats

from rosalind import demo, results, study
from rosalind.analysis import pareto, robustness
from rosalind.config import Method

BITS = (8, 6, 4, 3, 2)


def methods() -> tuple[Method, ...]:
    """The dense parent and the lottery tickets in few bits."""
    made = []
    for bits in BITS:
        made.append(Method("quantise", (0.0,), {"bits": bits}))
        made.append(Method("quantise", (0.0,), {"bits": bits, "scale": "error"}, label=f"quantise-{bits}bit-error"))
        made.append(Method("cluster", (0.0,), {"bits": bits}))
        if bits < 8:
            ticket = {"rate": 0.6, "bits": bits}
            made.append(Method("lth", demo.SPARSITIES, {**ticket, "scale": "error"}))
            made.append(Method("lth", demo.SPARSITIES, {**ticket, "codebook": True}))
    return tuple(made)


Row = tuple[str, int, float, float, float]
"""Group of networks, seed, bytes, clean accuracy, mean corruption accuracy."""


def rows_of(study_results: results.Results) -> list[Row]:
    """A row per network."""
    rows: list[Row] = []
    for row in robustness.table(study_results):
        for name, clean, corrupted in zip(row.group.networks, row.clean, row.corrupted, strict=True):
            seed = study_results.networks[name].seed or 0
            rows.append((row.group.name, seed, pareto.bytes_of(study_results, name), clean, corrupted))
    return rows


def costs(rows: list[Row]) -> list[str]:
    """A line per group in few bits: 95 % t-interval of the change to its float32 network, in points."""
    cells: dict[str, dict[int, np.ndarray]] = {}
    for group, seed, size, clean, corrupted in rows:
        cells.setdefault(group, {})[seed] = np.array([size / 1000, 100 * clean, 100 * corrupted])
    lines = []
    for group, seeds in cells.items():
        if "bit" not in group:
            continue
        label, _, sparsity = group.partition(" ")
        original = f"{label.partition('-')[0]} {sparsity}" if sparsity else "dense"
        changes = np.array([seeds[s] - cells[original][s] for s in sorted(seeds)])[:, 1:]
        half = stats.t.ppf(0.975, len(changes) - 1) * changes.std(0, ddof=1) / len(changes) ** 0.5
        parts = ", ".join(f"{c:+.1f} +- {h:.1f}" for c, h in zip(changes.mean(0), half, strict=True))
        size = np.mean([numbers[0] for numbers in seeds.values()])
        lines.append(f"{group:28s} {size:7.2f} kB  clean, corrupted to {original}: {parts}")
    return lines


def main(folder: Annotated[Path, tyro.conf.Positional], jobs: int = 1) -> None:
    """Compress, measure and print.

    Args:
        folder: of a finished demo study.
        jobs: processes.
    """
    study.use_compilation_cache()
    whole = demo.study()
    study.run(replace(whole, methods=(*whole.methods, *methods())), folder, jobs=jobs)
    study_results = results.load(folder)
    rows = rows_of(study_results)
    with open(Path(__file__).with_suffix(".csv"), "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("networks", "seed", "bytes", "clean", "corrupted"))
        writer.writerows((*row[:2], *(f"{number:.6g}" for number in row[2:])) for row in rows)
    print("\n".join([*costs(rows), *pareto.markdown(study_results)]))


if __name__ == "__main__":
    tyro.cli(main, description=__doc__)
