"""Exported weights of layers that only models of one's own have, in the same networks in PyTorch: equal logits."""

import numpy as np
import own_layers
import pytest
import torch
from random_networks import stored
from safetensors.torch import load_file
from torch import nn
from torch.nn.utils import prune

from rosalind import exports, study


class Mobile(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, 2, 1)
        self.grouped, self.batch = nn.Conv2d(8, 8, (3, 2), groups=4), nn.BatchNorm2d(8)
        self.depthwise, self.group = nn.Conv2d(8, 16, 2, groups=8, bias=False), nn.GroupNorm(4, 16, 1e-6)
        self.scale, self.dense = nn.Parameter(torch.zeros(16)), nn.Linear(16 * 1 * 2, 6)

    def forward(self, x):
        x = self.batch(self.grouped(self.stem(x).relu())).relu()
        x = self.group(self.depthwise(x)).relu() * self.scale[:, None, None]
        return self.dense(x.flatten(1)).relu()


class Decoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.down, self.up = nn.Conv2d(3, 5, 2, 2), nn.ConvTranspose2d(5, 6, (2, 3), (2, 1), (0, 1))
        self.wide = nn.ConvTranspose2d(6, 7, 3, 2, bias=False)
        self.swapped, self.dense = nn.ConvTranspose2d(7, 4, (3, 2), (1, 2)), nn.Linear(4 * 19 * 18, 6)

    def forward(self, x):
        x = self.wide(self.up(self.down(x).relu()).relu()).relu()
        return self.dense(self.swapped(x).flatten(1)).relu()


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.query, self.key, self.value, self.out = (nn.Linear(6, 6) for _ in range(4))

    def forward(self, x):
        q, k, v = (of(x).unflatten(-1, (2, -1)).transpose(1, 2) for of in (self.query, self.key, self.value))
        y = nn.functional.scaled_dot_product_attention(q, k, v)
        return self.out(y.transpose(1, 2).flatten(2))


class Sequence(nn.Module):
    def __init__(self):
        super().__init__()
        self.words, self.conv = nn.Embedding(4, 6), nn.Conv1d(3, 6, 3, groups=3)
        self.up, self.attention = nn.ConvTranspose1d(6, 6, 3), Attention()
        self.norm, self.general = nn.LayerNorm(6, 1e-6), nn.Linear(8 * 6, 5)

    def forward(self, x):
        words = self.words((x.mean((1, 3)).floor() + 2).clip(0, 3).long())
        x = self.up(self.conv(x[:, :, 0]).relu()).transpose(1, 2) + words
        return self.general(self.norm(self.attention(x)).flatten(1)).relu()


class Classifier(nn.Module):
    """A backbone and the head, on pixels in [0, 1]."""

    def __init__(self, backbone: nn.Module, inputs: int):
        super().__init__()
        self.backbone, self.head = backbone, nn.Linear(inputs, 4)
        self.shift, self.scale = (torch.tensor(part).view(1, -1, 1, 1) for part in ((0.4, 0.5, 0.6), (0.2, 0.25, 0.3)))

    def forward(self, x):
        return self.head(self.backbone((x - self.shift) / self.scale))


NETWORKS = {"Mobile": (Mobile, 6), "Decoder": (Decoder, 6), "Sequence": (Sequence, 5)}
"""Its network in PyTorch and number of features."""


@pytest.mark.parametrize("masks", [False, True])
@pytest.mark.parametrize("name", NETWORKS)
def test_the_same_network_in_pytorch_gives_the_same_logits(name, masks, tmp_path):
    study_results, images, logits = stored(own_layers.model_of(name), tmp_path)
    layers = study.layers(study_results, "net")
    exports.write_weights(study_results, "net", tmp_path / "weights.safetensors", masks=masks, layers=layers)
    backbone, inputs = NETWORKS[name]
    network = Classifier(backbone(), inputs).eval()
    for module in network.modules() if masks else ():
        if hasattr(module, "weight") and not isinstance(
            module, nn.BatchNorm2d | nn.GroupNorm | nn.LayerNorm | nn.Embedding
        ):
            prune.identity(module, "weight")
    network.load_state_dict(load_file(tmp_path / "weights.safetensors"), strict=True)
    pixels = torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255
    with torch.no_grad():
        np.testing.assert_allclose(network(pixels), logits, rtol=1e-5, atol=1e-5 * np.abs(logits).max())
