"""Models of PyTorch that are no plain classifiers: their heads, what of them is a kernel, and what they give."""

from typing import NamedTuple

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.utils import prune

from rosalind import config, imported, study
from rosalind.config import Data


class Convolutional(nn.Module):
    """A head that is a 1x1 convolution, before or after positions are pooled."""

    def __init__(self, pooled: bool):
        super().__init__()
        self.conv, self.classifier, self.pooled = nn.Conv2d(1, 12, 3), nn.Conv2d(12, 10, 1), pooled

    def forward(self, images):
        pool = lambda x: x.mean((2, 3), keepdim=True)
        x = torch.relu(self.conv(images))
        return (self.classifier(pool(x)) if self.pooled else pool(torch.relu(self.classifier(x)))).flatten(1)


def test_a_head_may_be_a_convolution_on_pooled_features():
    images = np.random.default_rng(0).integers(0, 256, (5, 8, 8, 1)).astype(np.uint8)
    model = Convolutional(True)
    network = imported.from_torch(model, "pooled", head="classifier")
    kernel, bias = network.head
    assert kernel.shape == (12, 10)
    features = network.features(images)
    assert features.shape == (5, 12)
    np.testing.assert_allclose(features @ kernel + bias, network.logits(images), atol=1e-6)
    with pytest.raises(ValueError, match=r"pooled features \[b, d, 1, 1\], it was called on \[5, 12, 6, 6\]"):
        imported.from_torch(Convolutional(False), "maps", head="classifier").features(images)


class Distilled(nn.Module):
    """Two heads on two features, in the manner of distilled DeiTs; their mean is what it gives."""

    def __init__(self, bias: bool = True):
        super().__init__()
        self.body, self.head, self.head_dist = nn.Linear(256, 12), nn.Linear(7, 10), nn.Linear(5, 10, bias=bias)

    def forward(self, images):
        x = self.body(images.mean(1).flatten(1)).relu()
        return (self.head(x[:, :7]) + self.head_dist(x[:, 7:])) / 2


def test_a_head_of_two_is_refused_before_work(tmp_path):
    torch.manual_seed(0)

    class Same(Distilled):
        def forward(self, images):
            x = self.body(images.mean(1).flatten(1)).relu()[:, :7]
            return (self.head(x) + self.head(x.flip(1))) / 2

    study.create(Data("digits", train_limit=100), config.conditions(["fog"], [1]), tmp_path / "study")
    before = sorted(tmp_path.rglob("*"))
    two = imported.from_torch(Distilled(), "two", head="head")
    with pytest.raises(ValueError, match=r"features and head of 'two' do not give its logits.*several heads"):
        study.add_network(tmp_path / "study", two)
    with pytest.raises(ValueError, match="'head' must be called once per batch, it was called 2 times"):
        study.add_network(tmp_path / "study", imported.from_torch(Same(), "same", head=("head", "head_dist")))
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("bias", [True, False])
def test_a_mean_of_two_heads_is_one_head_on_both_features(bias, tmp_path):
    torch.manual_seed(0)
    images = np.random.default_rng(0).integers(0, 256, (5, 16, 16, 1)).astype(np.uint8)
    model = Distilled(bias)
    network = imported.from_torch(model, "two", head=("head", "head_dist"))
    kernel, offset = network.head
    assert kernel.shape == (12, 10)
    logits = model(torch.from_numpy(images).permute(0, 3, 1, 2) / 255).detach().numpy()
    np.testing.assert_allclose(network.features(images) @ kernel + offset, logits, atol=1e-6)
    np.testing.assert_allclose(network.logits(images), logits, atol=1e-6)
    assert set(network.masks) == {"body.weight", "head.weight", "head_dist.weight"}
    study.create(Data("digits", train_limit=100), config.conditions(["fog"], [1]), tmp_path / "study")
    measured = study.add_network(tmp_path / "study", network)
    assert measured.geometry("two", "clean")["logits"].shape[1] == 10


def test_heads_of_other_numbers_of_classes_or_none_are_refused():
    model = Distilled()
    model.head_dist = nn.Linear(5, 9)
    with pytest.raises(ValueError, match=r"head must name a layer, or several .*'head': 10, 'head_dist': 9"):
        imported.from_torch(model, "two", head=("head", "head_dist"))
    with pytest.raises(ValueError, match=r"head must name a layer, or several .* \(\)"):
        imported.from_torch(model, "two", head=())
    with pytest.raises(ValueError, match="'nothing' must be a linear layer"):
        imported.from_torch(model, "two", head=["head", "nothing"])


def test_a_head_may_share_its_weight():
    class Tied(nn.Module):
        def __init__(self):
            super().__init__()
            self.body, self.head = nn.Linear(12, 12), nn.Linear(12, 12)
            self.head.weight = self.body.weight

        def forward(self, images):
            return self.head(self.body(images.flatten(1)).relu())

    model, images = Tied(), np.random.default_rng(0).integers(0, 256, (5, 2, 2, 3)).astype(np.uint8)
    network = imported.from_torch(model, "tied", head="head")
    kernel, bias = network.head
    np.testing.assert_allclose(network.features(images) @ kernel + bias, network.logits(images), atol=1e-5)
    # Its parameters are there once.
    assert network.parameters == 144 + 12 + 12
    assert list(network.masks) == ["body.weight"]


class Body(nn.Module):
    """Anything before a head, on images of 8x8."""

    def __init__(self, body, answer=lambda logits: logits, **parts):
        super().__init__()
        self.fc, self.body, self.answer = nn.Linear(12, 10), body, answer
        for name, part in parts.items():
            setattr(self, name, part)

    def forward(self, images):
        return self.answer(self.fc(self.body(self, images)))


def pictures(count: int = 5) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (count, 8, 8, 1)).astype(np.uint8)


def experts(model: nn.Module, images: torch.Tensor) -> torch.Tensor:
    return torch.einsum("nd,kdf->nf", images.flatten(1), model.experts).relu() / model.temperature


KERNELS = {
    "recurrent": (
        lambda: Body(
            lambda m, x: m.cell(m.rows(x[:, 0])[0][:, -1]),
            rows=nn.LSTM(8, 12, batch_first=True),
            cell=nn.GRUCell(12, 12),
        ),
        {
            "rows.weight_ih_l0": (48, 8),
            "rows.weight_hh_l0": (48, 12),
            "cell.weight_ih": (36, 12),
            "cell.weight_hh": (36, 12),
        },
    ),
    "complex": (
        lambda: Body(
            lambda m, x: m.turned(x.flatten(1).to(torch.cfloat)).abs(), turned=nn.Linear(64, 12, dtype=torch.cfloat)
        ),
        {"turned.weight": (12, 64)},
    ),
    "normalised": (
        lambda: Body(lambda m, x: m.scaled(x.flatten(1)), scaled=nn.utils.weight_norm(nn.Linear(64, 12))),
        {"scaled.weight": (12, 64)},
    ),
    "normalised of a mask": (
        lambda: Body(
            lambda m, x: m.scaled(x.flatten(1)),
            scaled=prune.l1_unstructured(nn.utils.weight_norm(nn.Linear(64, 12)), "weight_v", 0.25),
        ),
        {"scaled.weight": (12, 64)},
    ),
    "normalised of another name": (
        lambda: Body(
            lambda m, x: m.cell(x.flatten(1)), cell=nn.utils.weight_norm(nn.GRUCell(64, 12), name="weight_hh")
        ),
        {"cell.weight_ih": (36, 64), "cell.weight_hh": (36, 12)},
    ),
    "of any name, where it is masked": (
        lambda: prune.l1_unstructured(
            Body(experts, experts=nn.Parameter(torch.randn(2, 64, 12)), temperature=nn.Parameter(torch.tensor(2.0))),
            "experts",
            0.25,
        ),
        {"experts": (2, 64, 12)},
    ),
}
"""Models with kernels beside the head's, and their shapes by path."""


@pytest.mark.filterwarnings("ignore:.*weight_norm. is deprecated:FutureWarning")
@pytest.mark.parametrize("kind", KERNELS)
def test_kernels_of_every_kind_are_counted(kind):
    torch.manual_seed(0)
    make, shapes = KERNELS[kind]
    model = make()
    removed = sum(int((mask == 0).sum()) for mask in model.buffers())
    for module, name in (
        (m, n) for m in model.modules() for n in ("weight_ih_l0", "weight_ih", "weight") if n in m._parameters
    ):
        prune.l1_unstructured(module, name, 0.5)
        removed += round(0.5 * getattr(module, name).numel())
    network = imported.from_torch(model, "x")
    assert {path: mask.shape for path, mask in network.masks.items()} == {**shapes, "fc.weight": (10, 12)}
    size = sum(mask.size for mask in network.masks.values())
    assert removed
    assert imported.provenance(network)["sparsity"] == pytest.approx(removed / size, abs=1e-12)
    kernel, bias = network.head
    np.testing.assert_allclose(network.features(pictures()) @ kernel + bias, network.logits(pictures()), atol=1e-5)


@pytest.mark.parametrize(
    ("model", "asked", "message"),
    [
        (
            lambda: Body(lambda m, x: x.flatten(1)[:, :12], lambda y: {"logits": y}),
            "logits",
            "got a dict of logits; name",
        ),
        (lambda: Body(lambda m, x: x.flatten(1)[:, :12], lambda y: (y, y)), "features", "got a tuple of 2; name"),
        (lambda: Body(lambda m, x: x[:, 0, :, :1].expand(-1, -1, 12)), "logits", r"got \[5, 8, 10\]"),
        (
            lambda: Body(lambda m, x: x.flatten(1)[:, :12].round().detach()),
            "gradient",
            "no gradient .* reaches the pixels",
        ),
        (
            lambda: Body(lambda m, x: m.words((x * 3).long().flatten(1)).mean(1), words=nn.Embedding(4, 12)),
            "gradient",
            "no gradient",
        ),
    ],
)
def test_models_that_give_something_else_are_told_so(model, asked, message):
    network = imported.from_torch(model(), "x")
    given = (np.arange(5),) if asked == "gradient" else ()
    with pytest.raises(ValueError, match=message):
        getattr(network, asked)(pictures(), *given)


class Both(NamedTuple):
    words: torch.Tensor
    classes: torch.Tensor


@pytest.mark.parametrize(
    ("give", "output"),
    [
        (lambda y: {"items": y, "features": y[:, :3]}, "items"),
        (lambda y: (y[:, :3], y), 1),
        (lambda y: [y, y[:, :3]], -2),
        (lambda y: Both(y[:, :3], y), "classes"),
        (lambda y: Both(y[:, :3], y), 1),
    ],
)
def test_logits_may_be_a_part_of_what_a_model_gives(give, output):
    model = Body(lambda m, x: x.flatten(1)[:, :12], give)
    plain = Body(lambda m, x: x.flatten(1)[:, :12])
    plain.fc = model.fc
    network, wanted = imported.from_torch(model, "x", output=output), imported.from_torch(plain, "x")
    np.testing.assert_array_equal(network.logits(pictures()), wanted.logits(pictures()))
    np.testing.assert_array_equal(network.features(pictures()), wanted.features(pictures()))
    gradients = (one.gradient(pictures(), np.arange(5)) for one in (network, wanted))
    np.testing.assert_array_equal(*gradients)
    with pytest.raises(ValueError, match=r"output 7 must be a part of .*, a .* of (2|items, features)"):
        imported.from_torch(model, "x", output=7).logits(pictures())
    with pytest.raises(ValueError, match="output 'nothing' must be a part of what the model gives"):
        imported.from_torch(model, "x", output="nothing").logits(pictures())


def test_a_model_may_change_its_images_in_place():
    changing = Body(lambda m, x: x.mul_(2).flatten(1)[:, :12])
    plain = Body(lambda m, x: (x * 2).flatten(1)[:, :12])
    plain.fc = changing.fc
    first, second = (imported.from_torch(model, "x") for model in (changing, plain))
    np.testing.assert_array_equal(first.gradient(pictures(), np.arange(5)), second.gradient(pictures(), np.arange(5)))
    np.testing.assert_array_equal(first.logits(pictures()), second.logits(pictures()))


def test_embeddings_and_norms_are_no_kernels():
    model = nn.Sequential()
    model.table = nn.Embedding(5, 4)
    model.norm = nn.LayerNorm([3, 4])
    model.attention = nn.MultiheadAttention(4, 2)
    model.fc = nn.Linear(4, 10, bias=False)
    network = imported.from_torch(model, "x")
    assert set(network.masks) == {"attention.in_proj_weight", "attention.out_proj.weight", "fc.weight"}
    np.testing.assert_array_equal(network.head[1], np.zeros(10))
