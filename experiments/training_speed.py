"""How long does a training step take beside PyTorch's, of the same network on the same CPU?

Question: seconds of `training.fit` per step over those of a loop in PyTorch (AdamW in its fused form, channels last),
for the demo's network and the built-in ones at 32 pixels. Both train on random images from random weights, at batch
sizes that people take; fit's steps keep masks, check the loss and keep records per sample, PyTorch's do none of that.

Command (three minutes on two cores; needs torch):

    python experiments/training_speed.py
    python experiments/training_speed.py --names cnn --rounds 9

The two sides take turns; a row has the medians over the rounds. Expected, as in three rounds on two x86 cores that do
nothing else, torch 2.13, jax 0.10.2 (`training_speed.csv`; in brackets two further runs): cnn 2.2 ms over 2.4 (0.93),
resnet20 191 over 109 (1.75; 1.71, 1.64), resnet18 831 over 511 (1.63; 1.48, 1.55), vgg16_bn 503 over 306 (1.64). As
programs of one device, in turns with these, resnet20 takes 239 ms (2.1) and resnet18 907 and 951 (1.8). On an
earlier processor, without kept activations for the backward pass resnet20 took 1.33 and resnet18 1.18 times as long,
and with lax's own convolution where maps are smaller than their kernels the cnn 1.07 and vgg16_bn 4.7 times
(`models.convolve`).

Where the rest goes, on one core: there a resnet20 takes 355 ms of PyTorch's 230 (1.55). Convolutions alone take 1.4
times PyTorch's (36 ms over 27 for 128 x 32 x 32 x 16, forward and both gradients; 24, 23 and 168 over 16, 16 and 123
for the next shapes), BatchNorm half of PyTorch's. XLA asks for its temporary memory anew in every step, 0.3 GB of a
resnet20's; kept (`memory.keep_freed`, here as in `rosalind run`), a resnet20 takes 2.2 times PyTorch's where it took
2.5. Tried and no faster: XLA's YNNPACK for convolutions and products (1.0), the weights' gradient as one product of
three shifts by three (1.2 to 1.7 times), patches (1.4 to 4).

Of the cnn's step on one core, 3.3 ms of processor time (least of 20 rounds, a busy machine), three convolutions with
their gradients take 1.9: 131 million operations, 70 a nanosecond, so little is left there. Its strides of 2 as one
product of patches take 0.93 to 1.06 times as long, of patches from the four phases of the map 0.87 to 1.08, as a 2 x 2
kernel on blocks of 2 x 2 as channels 1.8 to 2. Norms and ReLUs take 0.33 (0.26 with fixed statistics), AdamW 0.2, and
0.3 is what a step costs around its program, 0.06 of it the batch.
"""

import csv
import itertools
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import jax
import numpy as np
import torch
import tyro
from torch import nn

from rosalind import cores, memory, models, pruning, training
from rosalind.config import Model, Train

CASES = {
    "cnn": ((16, 16, 1), 24, 64, 200),
    "resnet20": ((32, 32, 3), 16, 128, 6),
    "resnet18": ((32, 32, 3), 64, 64, 3),
    "vgg16_bn": ((32, 32, 3), 64, 64, 3),
}
"""By model the image, the width, the batch, and the steps of a round."""


def convolution(before: int, after: int, stride: int = 1, kernel: int = 3) -> nn.Sequential:
    """A convolution with its norm."""
    conv = nn.Conv2d(before, after, kernel, stride, kernel // 2, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(after))


class Block(nn.Module):
    """A residual block, as `models.convolutional` has it."""

    def __init__(self, before: int, after: int, stride: int):
        super().__init__()
        self.one, self.two = convolution(before, after, stride), convolution(after, after)
        changed = stride > 1 or before != after
        self.zero = convolution(before, after, stride, 1) if changed else nn.Identity()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.relu(self.zero(x) + self.two(torch.relu(self.one(x))))


class GlobalMean(nn.Module):
    """The mean over a map's positions."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.mean((2, 3))


def in_torch(name: str, channels: int, width: int) -> nn.Module:
    """The network of a case in PyTorch."""
    if name == "cnn":
        sizes = (channels, width, 2 * width, 4 * width)
        layers = [p for a, b in itertools.pairwise(sizes) for p in (convolution(a, b, 2), nn.ReLU())]
        return nn.Sequential(*layers, nn.AvgPool2d(1), nn.Flatten(), nn.Linear(4 * 4 * width, 10))
    if name == "vgg16_bn":
        layers, before = [], channels
        for index, scale in enumerate((1, 1, 2, 2, 4, 4, 4, 8, 8, 8, 8, 8, 8)):
            layers += [convolution(before, scale * width), nn.ReLU()]
            layers += [nn.MaxPool2d(2)] if index in (1, 3, 6, 9, 12) else []
            before = scale * width
        return nn.Sequential(*layers, GlobalMean(), nn.Linear(before, 10))
    stages = {"resnet20": (3, 3, 3), "resnet18": (2, 2, 2, 2)}[name]
    layers, before = [convolution(channels, width), nn.ReLU()], width
    for stage, count in enumerate(stages):
        for block in range(count):
            after = width * 2**stage
            layers.append(Block(before, after, 2 if stage and not block else 1))
            before = after
    return nn.Sequential(*layers, GlobalMean(), nn.Linear(before, 10))


def ours(name: str) -> Callable[[], float]:
    """Milliseconds per step of `training.fit`, its step compiled."""
    shape, width, size, steps = CASES[name]
    model = Model(name, width, shape, 10, (0.5,) * shape[2], (0.25,) * shape[2])
    variables = models.init(model, jax.random.key(0))
    state = dict(variables)
    params = state.pop("params")
    generator = np.random.default_rng(0)
    images = generator.integers(0, 256, (size * steps, *shape)).astype(np.uint8)
    batches = training.Batches(images, generator.integers(0, 10, size * steps).astype(np.int32), size)
    loss, masks = models.cross_entropy(model), pruning.masks.everything(params)

    def round_of(stop: int) -> float:
        began = time.perf_counter()
        settings = {"config": Train(batch_size=size), "masks": masks, "key": jax.random.key(1)}
        settings |= {"devices": models.devices_for(model, size)}
        jax.block_until_ready(training.fit(loss, params, state, batches, stop=stop, **settings).trainable)
        return 1e3 * (time.perf_counter() - began) / stop

    round_of(2)
    return lambda: round_of(steps)


def theirs(name: str) -> Callable[[], float]:
    """Milliseconds per step of PyTorch."""
    shape, width, size, steps = CASES[name]
    net = in_torch(name, shape[2], width).to(memory_format=torch.channels_last).train()
    optimizer = torch.optim.AdamW(net.parameters(), 1e-3, fused=True)
    images = torch.rand(size, shape[2], *shape[:2]).to(memory_format=torch.channels_last)
    labels = torch.randint(0, 10, (size,))

    def round_of(stop: int) -> float:
        began = time.perf_counter()
        for _ in range(stop):
            optimizer.zero_grad()
            nn.functional.cross_entropy(net((images - 0.5) / 0.25), labels).backward()
            optimizer.step()
        return 1e3 * (time.perf_counter() - began) / stop

    round_of(2)
    return lambda: round_of(steps)


def main(names: tuple[str, ...] = tuple(CASES), rounds: int = 5) -> None:
    """Print a row per network, and write them beside this file.

    Args:
        names: of the networks.
        rounds: both sides once in each.
    """
    # As `rosalind run` does; PyTorch takes the same time with it and without.
    memory.keep_freed()
    cores.as_devices()
    print(f"torch {torch.__version__}, jax {jax.__version__}, {torch.get_num_threads()} threads")
    print(f"| network | batch | rosalind, ms | PyTorch, ms | ratio |\n{'|---' * 5}|")
    rows = []
    for name in names:
        weights = sum(p.numel() for p in in_torch(name, CASES[name][0][2], CASES[name][1]).parameters())
        shape, width = CASES[name][:2]
        model = Model(name, width, shape, 10, (0.5,) * shape[2], (0.25,) * shape[2])
        assert weights == sum(x.size for x in jax.tree.leaves(models.blank(model)["params"])), name
        sides = ours(name), theirs(name)
        times = [[side() for side in sides] for _ in range(rounds)]
        here, there = (statistics.median(column) for column in zip(*times, strict=True))
        rows.append((name, CASES[name][2], f"{here:.2f}", f"{there:.2f}", f"{here / there:.2f}"))
        print("| " + " | ".join(map(str, rows[-1])) + " |", flush=True)
    with Path(__file__).with_suffix(".csv").open("w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(
            [("network", "batch", "rosalind_ms", "pytorch_ms", "ratio"), *rows]
        )


if __name__ == "__main__":
    tyro.cli(main, description=__doc__)
