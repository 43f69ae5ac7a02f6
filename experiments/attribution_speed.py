"""How fast are rosalind's attributions beside Captum's, of one network with the same weights?

Commands (about three minutes on two cores; needs torch and `pip install captum`):

    python experiments/attribution_speed.py
    python experiments/benchmarks.py diagnostics --images 20     # the same with options

A resnet20 for 32-pixel images is made in Flax and its weights are put into the same network in PyTorch. Both sides
run in one process, one after the other, with all cores, and the ratio is the median over rounds; before, their maps are
compared. Integrated gradients have 32 steps at the middles of equal parts on both sides, occlusion 49 patches of 8
pixels in the image's mean and the margin of the target. Captum is shown with its default batch and with a larger one.

Expected, as measured with `--images 4 --rounds 3`: jax 0.10.2, torch 2.13.0, captum 0.9.0, both sides on one thread and
one core (`OMP_NUM_THREADS=1 taskset -c 1`) of a machine with a load of 15, so that only ratios mean something.
Rosalind over Captum: integrated gradients 0.55 beside batches of 4 and 1.12 beside batches of 32, Grad-CAM 0.31.

Occlusion, processor time of one core of an AMD EPYC (AVX-512, load 6), medians of 5 alternating rounds:

    images                                  1       5      20
    over Captum, one patch at once       0.33    0.80    1.16
    over Captum, 7 patches at once       0.96    1.19    0.71
    milliseconds per image                 37      32      32

In batches of 10 images and not 25, image by image, it took 37 to 41 ms; a map of the demo's cnn took 2.1 and takes 0.9,
of which convolutions are 0.3, and with its deletion curve 4.2 and 2.6. A goal of a third of Captum's time is met beside
its smallest batches alone: both sides spend it in convolutions, 30 of these 32 ms. With two threads on a busy machine
of two cores PyTorch takes 4 to 12 times rosalind's processor time, as its threads wait for each other; that is no merit
of either.

What was tried to compute less, for exact maps:

- only what a patch can reach (a quarter of a side wide, mean over patches): 0.62 of the multiplications of resnet20,
  0.63 of resnet18 and 0.70 of vgg16_bn at 32 pixels, 0.44 of the demo's cnn. Operation by operation while convolutions
  keep the map's size, forward passes took 0.65 of whole ones for resnet20, 0.90 for resnet18 and 1.04 for vgg16_bn, for
  280 lines; in the cnn all passes are a third of the time. Left out.
- Winograd's products in place of 3 x 3 convolutions, in XLA, as 16 products (2 x 2 outputs a tile) or 36 (4 x 4), right
  to 1e-6: of the shapes of resnet20's three stages 1.3, 1.0 and 1.1 times XLA's convolution in batches of 50, 1.3, 1.5
  and 2.4 in batches of 10; 0.77 of 64 channels of 32 x 32 alone; with tiles of 4 x 4 1.5 to 4 times. Left out.

XLA's convolutions reach 90 Gflop/s of a core in the first stage of resnet20 and 190 to 200 in the others. A third of
PyTorch's 27 ms per image is 9; the last stage alone, all of which a patch can reach, takes 7.5.
"""

from collections.abc import Callable
from typing import Any

import jax
import numpy as np
import torch
from captum import attr
from torch import nn

from rosalind import measuring, models
from rosalind.conditions import Network
from rosalind.config import Model
from rosalind.data import Split
from rosalind.diagnostics import attribution_methods, occlusion
from rosalind.geometry import class_distances

MODEL = Model("resnet20", None, (32, 32, 3), 10, (0.5,) * 3, (0.25,) * 3)
STEPS = 32


class Block(nn.Module):
    """A residual block in the terms of `rosalind.models.convolutional`."""

    def __init__(self, inputs: int, width: int, stride: int):
        super().__init__()
        conv = lambda i, o, k, s: nn.Sequential(nn.Conv2d(i, o, k, s, k // 2, bias=False), nn.BatchNorm2d(o))
        self.one, self.two = conv(inputs, width, 3, stride), conv(width, width, 3, 1)
        self.zero = conv(inputs, width, 1, stride) if inputs != width or stride > 1 else nn.Identity()
        self.last = nn.ReLU()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.last(self.zero(x) + self.two(torch.relu(self.one(x))))


class ResNet20(nn.Module):
    """The network `resnet20`, from pixels in [0, 1] to logits."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16))
        widths = [16] * 3 + [32] * 3 + [64] * 3
        before = [16, *widths[:-1]]
        strides = [2 if a != b else 1 for a, b in zip(before, widths, strict=True)]
        self.blocks = nn.Sequential(*(Block(*sizes) for sizes in zip(before, widths, strides, strict=True)))
        self.head = nn.Linear(64, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = torch.relu(self.stem((x - 0.5) / 0.25))
        return self.head(self.blocks(x).mean((2, 3)))


def ported(variables: models.Variables) -> ResNet20:
    """The network in PyTorch with the weights of the one in Flax."""
    flat, net = models.flatten(variables), ResNet20().eval()

    def put(pair: Any, conv: str, norm: str) -> None:
        kernel = np.asarray(flat[f"params/backbone/{conv}/kernel"])
        parts = {"0.weight": kernel.transpose(3, 2, 0, 1)}
        for name, path in (
            ("weight", "params/{}/scale"),
            ("bias", "params/{}/bias"),
            ("running_mean", "batch_stats/{}/mean"),
            ("running_var", "batch_stats/{}/var"),
        ):
            parts[f"1.{name}"] = np.asarray(flat[path.format(f"backbone/{norm}")])
        pair.load_state_dict({k: torch.tensor(v) for k, v in parts.items()}, strict=False)

    put(net.stem, "stem", "stem_norm")
    for index, block in enumerate(net.blocks):
        name = f"stage{index // 3}_{index % 3}"
        for number, part in enumerate((block.zero, block.one, block.two)):
            if isinstance(part, nn.Sequential):
                put(part, f"{name}_conv{number}", f"{name}_norm{number}")
    head = {"weight": np.asarray(flat["params/head/kernel"]).T, "bias": np.asarray(flat["params/head/bias"])}
    net.head.load_state_dict({k: torch.tensor(v.copy()) for k, v in head.items()})
    return net


def sides(count: int) -> dict[str, tuple[Callable[[], np.ndarray], dict[str, Callable[[], np.ndarray]]]]:
    """By method rosalind's maps, float[n, h, w], and Captum's by batch size."""
    variables = models.init(MODEL, jax.random.key(0))
    generator = np.random.default_rng(0)
    # Features of one image alone have no scale.
    drawn = generator.integers(0, 256, (max(count, 10), 32, 32, 3)).astype(np.uint8)
    several = Split(drawn, (np.arange(len(drawn)) % 10).astype(np.int32), np.arange(len(drawn), dtype=np.int32))
    split, images = several.take(np.arange(count)), drawn[:count]
    network = Network("resnet20", None, MODEL, jax.device_get(variables))
    reference = measuring.reference(network, several, several)
    network = Network("resnet20", reference, MODEL, network.variables)
    net = ported(variables)
    pixels = torch.tensor(images.transpose(0, 3, 1, 2) / np.float32(255))
    target = torch.tensor(split.labels.astype(np.int64))
    means = torch.tensor(images.mean((1, 2)).round() / 255, dtype=torch.float32)[:, :, None, None]
    apart = torch.tensor(np.asarray(class_distances(models.head(MODEL, variables)[0])))

    @torch.no_grad()
    def margin(x: torch.Tensor, classes: torch.Tensor) -> torch.Tensor:
        logits = net(x)
        gap = (logits.gather(1, classes[:, None]) - logits) / apart[classes]
        return gap.scatter(1, classes[:, None], torch.inf).min(1).values / reference.feature_scale

    def captum_occlusion(at_once: int) -> np.ndarray:
        maps = attr.Occlusion(margin).attribute(
            pixels,
            sliding_window_shapes=(3, 8, 8),
            strides=(3, 4, 4),
            baselines=means.expand(-1, -1, 32, 32),
            additional_forward_args=(target,),
            perturbations_per_eval=at_once,
        )
        return maps[:, 0].numpy()

    def captum_gradients(batch: int) -> np.ndarray:
        maps = attr.IntegratedGradients(net).attribute(
            pixels, baselines=0, target=target, n_steps=STEPS, method="riemann_middle", internal_batch_size=batch
        )
        return maps.sum(1).numpy()

    def captum_gradcam() -> np.ndarray:
        maps = attr.LayerGradCam(net, net.blocks).attribute(pixels, target=target)
        return maps[:, 0].detach().numpy()

    floats = images / np.float32(255)
    of_all = lambda count: None
    return {
        "occlusion": (
            lambda: -occlusion.hidden_patches(network, split)[1][:, occlusion.MAPPED.index("margin")],
            {f"{k} at once": lambda k=k: captum_occlusion(k) for k in (1, 7)},
        ),
        "integrated gradients": (
            lambda: attribution_methods.integrated_gradients(network, floats, split.labels, STEPS),
            {f"batches of {k}": lambda k=k: captum_gradients(k) for k in (count, 8 * count)},
        ),
        "Grad-CAM": (
            lambda: attribution_methods.gradcam(network, split, of_all),
            {"all at once": captum_gradcam},
        ),
    }


def run(count: int, rounds: int, compare: Callable[..., tuple[float, float, float]]) -> None:
    """Print seconds of both sides and their ratio, after a check that they give the same maps.

    Args:
        count: of images.
        rounds: that medians are over.
        compare: `timing.compare`.
    """
    print(f"{count} images of 32 pixels, resnet20; torch {torch.__version__}, {torch.get_num_threads()} threads\n")
    print("| attribution | rosalind, s | Captum, s | ratio | Captum's batch | largest difference |")
    print("|---" * 6 + "|")
    for name, (ours, theirs) in sides(count).items():
        mine = ours()
        for words, other in theirs.items():
            expected = other()
            apart = difference(mine, expected)
            a, b, ratio = compare(ours, other, rounds)
            print(f"| {name} | {a:.2f} | {b:.2f} | {ratio:.2f} | {words} | {apart:.1e} |", flush=True)


def difference(mine: np.ndarray, other: np.ndarray) -> float:
    """Largest difference of maps over the largest value; of overlapping patches Captum's map is their mean."""
    if mine.shape != other.shape:
        rows = np.arange(0, 25, 4)
        total, hits = np.zeros((len(mine), 32, 32)), np.zeros((32, 32))
        for i, top in enumerate(rows):
            for j, left in enumerate(rows):
                total[:, top : top + 8, left : left + 8] += mine[:, i, j, None, None]
                hits[top : top + 8, left : left + 8] += 1
        mine = total / hits
    elif mine.shape[1:] == (8, 8):
        # Captum takes the mean of gradients, and no sum.
        other = 64 * other
    return float(np.abs(mine - other).max() / np.abs(other).max())


if __name__ == "__main__":
    from timing import compare

    run(50, 5, compare)
