"""Is it faster to train the seeds of a method as one program under `vmap`, or one after the other?

Question: seconds of one after the other over those of all at once (`training.speedup`; above 1 `vmap` is faster), by
network and number of seeds, on the device at hand. `study.run(..., vmap_seeds=None)` measures the same on a GPU or TPU
before it chooses, once per network and number of seeds.

Expected, as on two x86 cores busy with other work (jax 0.10.2, three seeds, `seeds_speed.csv`): mlp 0.46, cnn 0.38; two
seeds of resnet20 did not end in 200 s where 16 steps one after the other take 11. XLA for CPUs has no fast path for
several kernels in one convolution: a study on a CPU never takes seeds together. No GPU was at hand.

Command (one minute on two cores):

    python experiments/seeds_speed.py
    python experiments/seeds_speed.py --names resnet18 --seeds 2 4 8
"""

import csv
import itertools
from pathlib import Path

import jax
import numpy as np
import tyro

from rosalind import models, pruning, training
from rosalind.config import Model, Train

TABLE = Path(__file__).with_suffix(".csv")

CASES = {
    "mlp": ((8, 8, 1), 64, 64),
    "cnn": ((16, 16, 1), 24, 64),
    "resnet20": ((32, 32, 3), 16, 128),
    "resnet18": ((32, 32, 3), 64, 64),
}
"""By model the image, the width and the batch."""


def runs_of(name: str, seeds: int, steps: int) -> list[training.Run]:
    """Trainings of a dense network that differ in their seed, on random images."""
    image, width, size = CASES[name]
    model = Model(name, width, image, 10, (0.5,) * image[-1], (0.25,) * image[-1])
    generator = np.random.default_rng(0)
    images = generator.integers(0, 256, (size * steps, *image)).astype(np.uint8)
    batches = training.Batches(images, generator.integers(0, 10, size * steps).astype(np.int32), size)
    loss, runs = models.cross_entropy(model), []
    for seed in range(seeds):
        variables = models.init(model, jax.random.key(seed))
        params, state = variables["params"], {name: tree for name, tree in variables.items() if name != "params"}
        masks = pruning.masks.everything(params)
        runs.append(training.Run(loss, params, state, batches, Train(epochs=1), masks, jax.random.key(seed)))
    return runs


def main(
    names: tuple[str, ...] = ("mlp", "cnn"),
    seeds: tuple[int, ...] = (3,),
    steps: int = 20,
    out: Path = TABLE,
) -> None:
    """Measure and write a row per network and number of seeds.

    Args:
        names: Of `CASES`.
        seeds: Numbers of seeds.
        steps: Of each way, three times; the least time counts.
        out: The table.
    """
    device = jax.local_devices()[0].device_kind
    with out.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("network", "seeds", "device", "speedup"))
        for name, count in itertools.product(names, seeds):
            speedup = training.speedup(runs_of(name, count, steps))
            writer.writerow((name, count, device, f"{speedup:.2f}"))
            print(f"{name}, {count} seeds, {device}: {speedup:.2f}", flush=True)


if __name__ == "__main__":
    tyro.cli(main)
