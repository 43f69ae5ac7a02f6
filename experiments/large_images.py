"""What does corrupting and measuring 224-pixel images cost beyond the corruption and a forward pass of a ResNet-18?

Command (five minutes of one core; also as `python experiments/benchmarks.py large`):

    python experiments/large_images.py --count 64 --rounds 3

Random images under a few corruptions of severity 3, in a ResNet-18 with ImageNet's stem and 1,000 classes. One side
is `measuring.measure` with all geometry; the other corrupts the same images and runs the network on them, and nothing
else. Processor time, in turns; the ratio is the median of the rounds'. Expected, of 32 images: 1.15 to 1.20.
"""

import statistics
from dataclasses import replace

import jax
import numpy as np
import tyro
from flax import linen as nn
from timing import processor_seconds

from rosalind import conditions, measuring, models
from rosalind.conditions import Network
from rosalind.config import Condition, Model
from rosalind.data import Split

CORRUPTIONS = ("gaussian_noise", "defocus_blur", "glass_blur", "zoom_blur", "fog", "jpeg_compression")
"""One or two of each category, the slowest among them."""


def _conv(width: int, size: int, stride: int) -> nn.Conv:
    return nn.Conv(width, (size, size), (stride, stride), size // 2, use_bias=False)


class ResNet18(nn.Module):
    """ResNet-18 for ImageNet (arXiv 1512.03385): a 7x7 stem and pooling, both of stride 2, and four stages of two."""

    width: int = 64

    @nn.compact
    def __call__(self, images, train: bool):
        norm = lambda x: nn.BatchNorm(use_running_average=not train)(x)
        x = nn.relu(norm(_conv(self.width, 7, 2)(images)))
        x = nn.max_pool(x, (3, 3), (2, 2), ((1, 1), (1, 1)))
        for stage in range(4):
            for block in range(2):
                width, stride = self.width * 2**stage, 2 if stage and not block else 1
                y = nn.relu(norm(_conv(width, 3, stride)(x)))
                y = norm(_conv(width, 3, 1)(y))
                if x.shape != y.shape:
                    x = norm(_conv(width, 1, stride)(x))
                x = nn.relu(x + y)
        return x.mean((1, 2))


def run(count: int = 64, rounds: int = 3) -> None:
    """Print processor seconds of both sides for every corruption.

    Args:
        count: Images.
        rounds: Turns of both sides.
    """
    model = Model("large_images:ResNet18", None, (224, 224, 3), 1000, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    variables = models.init(model, jax.random.key(0))
    images = np.random.default_rng(0).integers(0, 256, (count, 224, 224, 3)).astype(np.uint8)
    ids = np.arange(count, dtype=np.int32)
    split = Split(images, (ids % 1000).astype(np.int32), ids)
    network = Network("resnet18", None, model, variables)
    network = replace(network, reference=measuring.reference(network, split, split))
    size, key, subset = measuring.batch_size(split), jax.random.key(0), np.arange(min(count, 50))
    # Weights are an argument on both sides: as constants of the program they would be folded into it.
    forward = jax.jit(lambda variables, images: models.apply(model, variables, images)[0])
    print("| corruption | measured, s | corruption + forward, s | corruption alone, s | ratio |\n|---|---|---|---|---|")
    for name in CORRUPTIONS:
        planned = conditions.plan(Condition(name, 3, table="imagenet"))
        batches = [slice(k, k + size) for k in range(0, count, size)]

        def measured(planned=planned) -> object:
            return dict(measuring.measure([network], planned, split, key, subset=subset))["resnet18"]

        def corrupted(planned=planned, batches=batches) -> object:
            return [conditions.corrupted_batch(planned, images[rows], ids[rows], key) for rows in batches]

        def plain(corrupted=corrupted) -> object:
            return [np.asarray(forward(variables, batch)) for batch in corrupted()]

        sides = measured, plain, corrupted
        for side in sides:
            side()
        turns = [[processor_seconds(side) for side in sides] for _ in range(rounds)]
        medians = " | ".join(f"{statistics.median(times):.2f}" for times in zip(*turns, strict=True))
        ratio = statistics.median(ours / theirs for ours, theirs, _ in turns)
        print(f"| {name} | {medians} | {ratio:.2f} |", flush=True)


if __name__ == "__main__":
    tyro.cli(run)
