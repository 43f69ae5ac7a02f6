"""Exported weights in the same networks in PyTorch: equal logits."""

import json

import numpy as np
import pytest
import torch
from random_networks import stored, unstructured
from safetensors import safe_open
from safetensors.torch import load_file
from torch import nn
from torch.nn.utils import prune

from rosalind import exports
from rosalind.config import Model
from rosalind.pruning import n_m


class Cnn(nn.Module):
    """rosalind's `cnn` by its names, channels first."""

    def __init__(self, width: int):
        super().__init__()
        for k, (inside, outside) in enumerate(((3, width), (width, 2 * width), (2 * width, 4 * width))):
            self.add_module(f"conv{k}", nn.Conv2d(inside, outside, 3, 2, 1, bias=False))
            self.add_module(f"norm{k}", nn.BatchNorm2d(outside))

    def forward(self, x):
        for k in range(3):
            x = self.get_submodule(f"norm{k}")(self.get_submodule(f"conv{k}")(x)).relu()
        return nn.functional.avg_pool2d(x, x.shape[-1] // 2).flatten(1)


class Mlp(nn.Module):
    """rosalind's `mlp`."""

    def __init__(self, width: int):
        super().__init__()
        self.dense0, self.dense1 = nn.Linear(3 * 16 * 16, width), nn.Linear(width, width)

    def forward(self, x):
        return self.dense1(self.dense0(x.flatten(1)).relu()).relu()


class ResNet(nn.Module):
    """rosalind's `resnet20` and `resnet18`."""

    def __init__(self, width: int, blocks: tuple[int, ...]):
        super().__init__()
        self.stem, self.stem_norm = nn.Conv2d(3, width, 3, 1, 1, bias=False), nn.BatchNorm2d(width)
        inside = width
        self.names = [f"stage{stage}_{block}" for stage, count in enumerate(blocks) for block in range(count)]
        for stage, count in enumerate(blocks):
            outside = width * 2**stage
            for block in range(count):
                stride, name = 2 if stage and not block else 1, f"stage{stage}_{block}"
                self.add_module(f"{name}_conv1", nn.Conv2d(inside, outside, 3, stride, 1, bias=False))
                self.add_module(f"{name}_conv2", nn.Conv2d(outside, outside, 3, 1, 1, bias=False))
                self.add_module(f"{name}_norm1", nn.BatchNorm2d(outside))
                self.add_module(f"{name}_norm2", nn.BatchNorm2d(outside))
                if stride > 1:
                    self.add_module(f"{name}_conv0", nn.Conv2d(inside, outside, 1, stride, bias=False))
                    self.add_module(f"{name}_norm0", nn.BatchNorm2d(outside))
                inside = outside

    def forward(self, x):
        of = self.get_submodule
        x = self.stem_norm(self.stem(x)).relu()
        for name in self.names:
            y = of(f"{name}_norm1")(of(f"{name}_conv1")(x)).relu()
            y = of(f"{name}_norm2")(of(f"{name}_conv2")(y))
            if x.shape != y.shape:
                x = of(f"{name}_norm0")(of(f"{name}_conv0")(x))
            x = (x + y).relu()
        return x.mean((2, 3))


class Vgg16(nn.Module):
    """rosalind's `vgg16_bn`."""

    def __init__(self, width: int):
        super().__init__()
        inside = 3
        for k, scale in enumerate((1, 1, 2, 2, 4, 4, 4, 8, 8, 8, 8, 8, 8)):
            self.add_module(f"conv{k}", nn.Conv2d(inside, scale * width, 3, 1, 1, bias=False))
            self.add_module(f"norm{k}", nn.BatchNorm2d(scale * width))
            inside = scale * width

    def forward(self, x):
        for k in range(13):
            x = self.get_submodule(f"norm{k}")(self.get_submodule(f"conv{k}")(x)).relu()
            if k in (1, 3, 6, 9, 12) and x.shape[-1] >= 2:
                x = nn.functional.max_pool2d(x, 2)
        return x.mean((2, 3))


class Attention(nn.Module):
    """Self-attention of a number of heads."""

    def __init__(self, width: int, heads: int):
        super().__init__()
        self.heads = heads
        self.query, self.key, self.value, self.out = (nn.Linear(width, width) for _ in range(4))

    def forward(self, x):
        q, k, v = (of(x).unflatten(-1, (self.heads, -1)).transpose(1, 2) for of in (self.query, self.key, self.value))
        y = nn.functional.scaled_dot_product_attention(q, k, v)
        return self.out(y.transpose(1, 2).flatten(2))


class Vit(nn.Module):
    """rosalind's `vit` for 16 pixels."""

    def __init__(self, width: int):
        super().__init__()
        self.patches = nn.Conv2d(3, width, 2, 2)
        self.token = nn.Parameter(torch.zeros(1, 1, width))
        self.positions = nn.Parameter(torch.zeros(1, 65, width))
        for k in range(4):
            self.add_module(f"block{k}_norm0", nn.LayerNorm(width, 1e-6))
            self.add_module(f"block{k}_norm1", nn.LayerNorm(width, 1e-6))
            self.add_module(f"block{k}_attention", Attention(width, width // 32))
            self.add_module(f"block{k}_up", nn.Linear(width, 4 * width))
            self.add_module(f"block{k}_down", nn.Linear(4 * width, width))
        self.norm = nn.LayerNorm(width, 1e-6)

    def forward(self, x):
        of = self.get_submodule
        x = self.patches(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.token.expand(len(x), -1, -1), x], 1) + self.positions
        for k in range(4):
            x = x + of(f"block{k}_attention")(of(f"block{k}_norm0")(x))
            y = nn.functional.gelu(of(f"block{k}_up")(of(f"block{k}_norm1")(x)), approximate="tanh")
            x = x + of(f"block{k}_down")(y)
        return self.norm(x)[:, 0]


class Classifier(nn.Module):
    """A backbone and the head, on pixels in [0, 1]."""

    def __init__(self, backbone: nn.Module, inputs: int, mean: list[float], std: list[float]):
        super().__init__()
        self.backbone, self.head = backbone, nn.Linear(inputs, 10)
        self.shift, self.scale = torch.tensor(mean).view(1, -1, 1, 1), torch.tensor(std).view(1, -1, 1, 1)

    def forward(self, x):
        return self.head(self.backbone((x - self.shift) / self.scale))


WIDTH = 8
NETWORKS = {
    "cnn": (Cnn, WIDTH, 16 * WIDTH),
    "mlp": (Mlp, WIDTH, WIDTH),
    "resnet20": (lambda width: ResNet(width, (3, 3, 3)), WIDTH, 4 * WIDTH),
    "resnet18": (lambda width: ResNet(width, (2, 2, 2, 2)), WIDTH, 8 * WIDTH),
    "vgg16_bn": (Vgg16, WIDTH, 8 * WIDTH),
    "vit": (Vit, 64, 64),
}
"""Its network in PyTorch, width and number of features."""


def two_of_four(kernel: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """As `n_m`, where the input axis can be cut into fours."""
    fitting = kernel.ndim in (2, 4) and n_m.fits(kernel.shape, 4)
    return np.asarray(n_m.largest(kernel, 2, 4)) if fitting else np.ones(kernel.shape, bool)


def channels(kernel: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Whole outputs, as structured methods remove them."""
    kept = np.arange(kernel.shape[-1]) % 2 == 0 if kernel.shape[-1] != 10 else np.ones(10, bool)
    return np.broadcast_to(kept, kernel.shape).copy()


MASKS = {"unstructured": unstructured, "n_m": two_of_four, "channels": channels}


def model_of(name: str) -> Model:
    return Model(name, NETWORKS[name][1], (16, 16, 3), 10, (0.4, 0.5, 0.6), (0.2, 0.25, 0.3))


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize(("ending", "mask_of"), [("safetensors", "unstructured"), ("pt", "n_m"), ("pt", "channels")])
def test_the_same_network_in_pytorch_gives_the_same_logits(name, ending, mask_of, tmp_path):
    study_results, images, logits = stored(model_of(name), tmp_path, MASKS[mask_of])
    path = tmp_path / f"weights.{ending}"
    exports.write_weights(study_results, "net", path)
    state = load_file(path) if ending == "safetensors" else torch.load(path)
    if ending == "safetensors":
        with safe_open(path, "pt") as file:
            described = file.metadata()
        mean, std = json.loads(described["mean"]), json.loads(described["std"])
    else:
        mean, std = [0.4, 0.5, 0.6], [0.2, 0.25, 0.3]
    backbone, width, inputs = NETWORKS[name]
    network = Classifier(backbone(width), inputs, mean, std).eval()
    network.load_state_dict(state, strict=True)
    pixels = torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255
    with torch.no_grad():
        np.testing.assert_allclose(network(pixels), logits, rtol=1e-5, atol=1e-5 * np.abs(logits).max())


def test_masks_load_where_torch_prunes(tmp_path):
    study_results, images, logits = stored(model_of("cnn"), tmp_path)
    exports.write_weights(study_results, "net", tmp_path / "weights.safetensors", masks=True)
    network = Classifier(Cnn(WIDTH), 16 * WIDTH, [0.4, 0.5, 0.6], [0.2, 0.25, 0.3]).eval()
    pruned = [module for module in network.modules() if isinstance(module, nn.Conv2d | nn.Linear)]
    for module in pruned:
        prune.identity(module, "weight")
    network.load_state_dict(load_file(tmp_path / "weights.safetensors"), strict=True)
    pixels = torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255
    with torch.no_grad():
        np.testing.assert_allclose(network(pixels), logits, rtol=1e-5, atol=1e-5 * np.abs(logits).max())
    assert all(0.4 < float(module.weight_mask.mean()) < 0.6 for module in pruned)
