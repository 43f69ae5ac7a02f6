"""Networks of PyTorch itself, in the step of .ci/run that installs it."""

import copy
import csv
import dataclasses
import re
from pathlib import Path
from types import SimpleNamespace

import moving_over
import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.utils import parametrize, prune
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from rosalind import config, data, imported, results, study
from rosalind.analysis import robustness
from rosalind.config import Condition, Data
from rosalind.study import network_files

README = (Path(__file__).parents[2] / "README.md").read_text()
MEAN, STD = [0.31], [0.34]


class Block(nn.Module):
    """torchvision's BasicBlock: the same names, shapes and order."""

    def __init__(self, inside: int, outside: int, stride: int):
        super().__init__()
        self.conv1 = nn.Conv2d(inside, outside, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outside)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(outside, outside, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outside)
        self.downsample = None
        if stride != 1 or inside != outside:
            self.downsample = nn.Sequential(nn.Conv2d(inside, outside, 1, stride, bias=False), nn.BatchNorm2d(outside))

    def forward(self, x):
        y = self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x)))))
        return self.relu(y + (x if self.downsample is None else self.downsample(x)))


class ResNet18(nn.Module):
    """The layout of torchvision's resnet18, for images of one channel."""

    def __init__(self, width: int = 64):
        super().__init__()
        self.conv1 = nn.Conv2d(1, width, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        for k, (inside, outside) in enumerate(((1, 1), (1, 2), (2, 4), (4, 8)), 1):
            blocks = Block(width * inside, width * outside, 1 + (k > 1)), Block(width * outside, width * outside, 1)
            setattr(self, f"layer{k}", nn.Sequential(*blocks))
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(8 * width, 10)
        # With statistics, as a trained network has them.
        self(torch.randn(8, 1, 16, 16))

    def forward(self, x):
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(torch.flatten(self.avgpool(x), 1))


class Small(nn.Module):
    """A network with BatchNorm and dropout, trained in a second."""

    def __init__(self, answer=lambda logits: logits):
        super().__init__()
        self.conv = nn.Conv2d(1, 12, 3, 2, 1)
        self.norm = nn.BatchNorm2d(12)
        self.drop = nn.Dropout(0.5)
        self.classifier = nn.Sequential(nn.Linear(192, 32), nn.ReLU(), nn.Linear(32, 10))
        self.answer = answer

    def forward(self, x):
        x = nn.functional.max_pool2d(torch.relu(self.norm(self.conv(x))), 2)
        return self.answer(self.classifier(self.drop(x.flatten(1))))


@pytest.fixture(scope="module")
def digits() -> data.Dataset:
    return data.load("digits", train_limit=600)


def images_of(split: data.Split) -> torch.Tensor:
    x = torch.tensor(np.asarray(split.images)).permute(0, 3, 1, 2) / 255
    return (x - MEAN[0]) / STD[0]


@pytest.fixture(scope="module")
def small(digits) -> Small:
    """Trained for some epochs, and left in training mode as by a loop that ends."""
    torch.manual_seed(0)
    model = Small()
    optimizer = torch.optim.Adam(model.parameters(), 3e-3)
    x, y = images_of(digits.train), torch.tensor(digits.train.labels, dtype=torch.int64)
    for _ in range(15):
        for rows in torch.randperm(len(y)).split(60):
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(x[rows]), y[rows]).backward()
            optimizer.step()
    optimizer.zero_grad()
    return model


def small_network(model: nn.Module, name: str = "small", **fields) -> imported.Imported:
    return imported.from_torch(model, name, head="classifier.2", mean=MEAN, std=STD, **fields)


def test_a_resnet18_gives_its_logits_and_is_left_as_it_was(digits):
    torch.manual_seed(1)
    model = ResNet18().train()
    model.layer1.eval()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    network = imported.from_torch(model, "resnet18", mean=MEAN, std=STD)
    images = digits.test.images[:50]
    images.flags.writeable = False
    features = network.features(images)
    assert features.shape == (50, 512)
    kernel, bias = network.head
    wanted = copy.deepcopy(model).eval()(images_of(digits.test)[:50]).detach().numpy()
    np.testing.assert_allclose(features @ kernel + bias, wanted, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(network.logits(images), wanted, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(network.features(np.float32(images) / 255), features, rtol=1e-4, atol=1e-5)
    assert model.training
    assert not model.layer1.training
    assert not model.fc._forward_pre_hooks
    assert all(parameter.grad is None for parameter in model.parameters())
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    # torchvision's resnet18 has 11,689,512 with 1,000 classes and three channels.
    assert network.parameters == 11_689_512 - 513 * 990 - 2 * 49 * 64
    assert imported.provenance(network)["sparsity"] == 0


@pytest.mark.parametrize("form", ["hooks", "removed", "parametrised"])
def test_zeros_are_counted_in_every_form(form):
    torch.manual_seed(2)
    model = ResNet18(width=8)
    pairs = [(m, "weight") for m in model.modules() if isinstance(m, nn.Conv2d | nn.Linear)]
    size = sum(module.weight.numel() for module, _ in pairs)
    parameters = sum(parameter.numel() for parameter in model.parameters())
    prune.global_unstructured(pairs, prune.L1Unstructured, amount=0.8)
    if form != "hooks":
        masks = [module.weight_mask for module, _ in pairs]
        for (module, name), mask in zip(pairs, masks, strict=True):
            prune.remove(module, name)
            if form == "parametrised":
                with torch.no_grad():
                    module.weight.add_(1)
                parametrize.register_parametrization(module, name, Masked(mask))
    network = imported.from_torch(model, "pruned")
    record = imported.provenance(network)
    assert record["sparsity"] == round(0.8 * size) / size
    assert record["sparsity_requested"] == 0.8
    assert record["nonzero"] == parameters - round(0.8 * size)
    assert record["parameters"] == parameters
    assert set(network.masks) == {
        f"{n}.weight" for n, m in model.named_modules() if isinstance(m, nn.Conv2d | nn.Linear)
    }
    images = np.random.default_rng(0).integers(0, 256, (4, 16, 16, 1)).astype(np.uint8)
    kernel, bias = network.head
    np.testing.assert_allclose(network.features(images) @ kernel + bias, network.logits(images), rtol=1e-4, atol=1e-5)


class Masked(nn.Module):
    def __init__(self, mask):
        super().__init__()
        self.register_buffer("mask", mask)

    def forward(self, weight):
        return weight * self.mask


def test_the_gradient_is_that_of_the_summed_loss(small, digits):
    x, labels = np.float32(digits.test.images[:6]) / 255, digits.test.labels[:6]
    pixels = torch.tensor(x, requires_grad=True)
    logits = copy.deepcopy(small).eval()((pixels.permute(0, 3, 1, 2) - MEAN[0]) / STD[0])
    losses = logits.logsumexp(1) - logits[torch.arange(6), torch.tensor(labels, dtype=torch.int64)]
    losses.sum().backward(retain_graph=True)
    gradient = small_network(small).gradient(x, labels)
    np.testing.assert_allclose(gradient, pixels.grad.numpy(), rtol=1e-4, atol=1e-5)
    assert np.abs(gradient).max() > 0.01
    chosen = logits[torch.arange(6), torch.tensor(labels, dtype=torch.int64)]
    (slope,) = torch.autograd.grad(chosen.sum(), pixels)
    given = small_network(small).logit_gradient(x, labels)
    np.testing.assert_allclose(given, slope.numpy(), rtol=1e-4, atol=1e-5)
    assert all(parameter.grad is None for parameter in small.parameters())


class Attentive(nn.Module):
    def __init__(self):
        super().__init__()
        self.attention = nn.MultiheadAttention(16, 2, batch_first=True)
        self.fc = nn.Linear(16, 10)

    def forward(self, x):
        x = x[:, 0]
        return self.fc(self.attention(x, x, x, need_weights=False)[0].mean(1))


def test_a_pruned_checkpoint_of_attention_is_what_was_stored(digits):
    stored, loaded = Attentive(), Attentive()
    prune.l1_unstructured(stored.attention.out_proj, "weight", 0.5)
    prune.identity(loaded.attention.out_proj, "weight")
    loaded.load_state_dict(stored.state_dict())
    images = digits.test.images[:3]
    expected, read = (imported.from_torch(model, "attentive") for model in (stored, loaded))
    np.testing.assert_allclose(read.logits(images), expected.logits(images), atol=1e-6)
    used = loaded.attention.out_proj.weight.detach().numpy()
    np.testing.assert_array_equal(used != 0, read.masks["attention.out_proj.weight"])


def test_masks_that_an_average_moved_are_refused():
    network = Attentive()
    with torch.no_grad():
        prune.identity(network.fc, "weight")
    average = AveragedModel(network, multi_avg_fn=get_ema_multi_avg_fn(0.9), use_buffers=True)
    average.update_parameters(network)
    prune.l1_unstructured(network.fc, "weight", 0.5)
    average.update_parameters(network)
    removed = network.fc.weight_mask == 0
    with pytest.raises(ValueError, match=r"masks of 'mean' must be 0 and 1, got 0\.9 in fc\.weight_mask: copy"):
        imported.from_torch(average.module, "mean")
    given = imported.from_torch(average.module, "mean", masks={"fc.weight": ~removed.numpy()})
    assert imported.provenance(given)["sparsity"] == 0.5
    average.module.fc.weight_mask.copy_(network.fc.weight_mask)
    read = imported.from_torch(average.module, "mean")
    np.testing.assert_array_equal(read.masks["fc.weight"], ~removed.numpy())


@pytest.mark.parametrize("pruned", [False, True])
def test_recalibration_is_that_of_torch(small, digits, pruned):
    model = copy.deepcopy(small)
    wanted = copy.deepcopy(small)
    images, other = digits.train.images[:200], digits.test.images[:40]
    if pruned:
        for each in (model, wanted):
            prune.l1_unstructured(each.conv, "weight", 0.5)
    before = small_network(model).features(other)
    torch.optim.swa_utils.update_bn(images_of(digits.train)[:200].split(100), wanted)
    recalibrated = small_network(model).recalibrate(iter([images[:100], images[100:]]))
    np.testing.assert_allclose(recalibrated(other), small_network(wanted).features(other), rtol=1e-4, atol=1e-4)
    np.testing.assert_array_equal(small_network(model).features(other), before)
    assert np.abs(recalibrated(other) - before).max() > 1e-3
    assert model.norm.momentum == 0.1
    assert model.training


def test_other_outputs_other_types_and_what_is_refused(small, digits):
    images = digits.test.images[:20]
    exact = small_network(small).logits(images)
    answering = copy.deepcopy(small)
    answering.answer = lambda logits: SimpleNamespace(logits=logits)
    np.testing.assert_allclose(small_network(answering).logits(images), exact, rtol=1e-5, atol=1e-5)
    half = copy.deepcopy(small).bfloat16()
    np.testing.assert_allclose(small_network(half).logits(images), exact, atol=0.05 * np.abs(exact).max())
    with pytest.raises(ValueError, match=r"head 'fc' must be .* is not there; it has .*classifier.2"):
        imported.from_torch(small, "x")
    with pytest.raises(ValueError, match=r"head 'conv' must be .* is a Conv2d"):
        imported.from_torch(small, "x", head="conv")
    for mean, std, message in (
        (MEAN, None, "mean and std must be given together"),
        (0.31, 0.34, "mean and std must be 1 or 3 finite numbers each"),
        ((0.3, 0.3), (0.3, 0.3), "mean and std must be 1 or 3 finite numbers each"),
        ("imagenet", "imagenet", "mean and std must be 1 or 3 finite numbers each"),
        (MEAN, [np.nan], "mean and std must be 1 or 3 finite numbers each"),
        ([79.1], [86.7], r"mean must lie in \[0, 1\] and std in \(0, 1\].*; divide both by 255"),
        (MEAN, [0], r"std in \(0, 1\], as pixels do, got \[0.31\] and \[0\]\.$"),
    ):
        with pytest.raises(ValueError, match=message):
            imported.from_torch(small, "x", head="classifier.2", mean=mean, std=std)
    masked, packed = copy.deepcopy(small), copy.deepcopy(small)
    masked.add_module("__nncf_hooks", nn.Module())
    with pytest.raises(ValueError, match="has hooks of NNCF"):
        small_network(masked)
    # As 4-bit layers hold it: two codes in a byte, in the first parameter of the model.
    packed.conv.weight = nn.Parameter(torch.zeros(72, 1, dtype=torch.uint8), requires_grad=False)
    known = {"masks": {"conv.weight": small.conv.weight.detach().numpy()}, "parameters": 10_000}
    for layer, fields in ((packed.conv, {}), (packed.conv, {"masks": known["masks"]}), (packed.classifier[2], known)):
        own, layer.weight = layer.weight, nn.Parameter(packed.conv.weight.clone(), requires_grad=False)
        with pytest.raises(ValueError, match=r"quantised weights.*: conv.weight"):
            small_network(packed, **fields)
        layer.weight = own
    packed.conv.forward = small.conv.forward
    np.testing.assert_array_equal(small_network(packed, **known).logits(images), exact)
    twice = copy.deepcopy(small)
    twice.answer = lambda logits: logits + twice.classifier[2](torch.zeros(1, 32))
    with pytest.raises(ValueError, match="called once per batch, it was called 2 times"):
        small_network(twice).features(images)


def test_statistics_that_a_checkpoint_did_not_bring_are_warned_of(small):
    for change in (lambda name: f"module.{name}", lambda name: name.replace("running", "moving")):
        model = Small()
        model.load_state_dict({change(name): value for name, value in small.state_dict().items()}, strict=False)
        model.norm.num_batches_tracked.zero_()
        with pytest.warns(UserWarning, match=r"mean 0 and variance 1, in norm: .*strict=True"):
            small_network(model)


def test_tensors_of_any_kind_are_taken(small, digits):
    given = small_network(small)
    images = digits.test.images[:4]
    bfloat16 = lambda array: torch.tensor(array, dtype=torch.bfloat16, requires_grad=True)
    last = small.classifier[2]
    network = dataclasses.replace(
        given,
        head=(last.weight.T, last.bias),
        features=lambda images: bfloat16(given.features(images)),
        gradient=lambda images, labels: torch.tensor(given.gradient(images, labels), requires_grad=True),
        recalibrate=lambda batches: lambda images: bfloat16(given.recalibrate(batches)(images)),
        activations=lambda images: {"last": bfloat16(given.features(images))},
        masks={"conv.weight": small.conv.weight, "classifier.2.weight": bfloat16(last.weight.tolist())},
    )
    imported.check(network)
    assert imported.masks_of(network)["classifier.2.weight"].all()
    ready = network_files.callable_network(network)
    np.testing.assert_array_equal(ready.kernel, given.head[0])
    wanted, again = given.features(images), given.recalibrate([images])(images)
    for array, exact in (
        (ready.features(images), wanted),
        (ready.activations(images)["last"], wanted),
        (ready.recalibrate([images])(images), again),
    ):
        assert isinstance(array, np.ndarray)
        np.testing.assert_allclose(array, exact, rtol=0.01)
    pixels, labels = np.float32(images) / 255, digits.test.labels[:4]
    np.testing.assert_array_equal(ready.gradient(pixels, labels), given.gradient(pixels, labels))


def test_a_study_of_nothing_else(small, digits, tmp_path):
    conditions = (
        *config.conditions(["contrast"], [1, 5]),
        Condition("pgd-linf", 8, options={"steps": 3}),
        Condition("contrast", 5, bn="adapted"),
        Condition("contrast", 5, bn="recalibrated"),
    )
    study.create(Data(train_limit=600), conditions, tmp_path, thumbnails=10)
    pruned = copy.deepcopy(small)
    prune.global_unstructured(
        [(pruned.conv, "weight"), (pruned.classifier[0], "weight")], prune.L1Unstructured, amount=0.9
    )
    networks = [
        small_network(pruned, "l1", label="l1", parent="dense", seed=0),
        small_network(small, "dense", label="dense", seed=0),
    ]
    study_results = study.add_network(tmp_path, networks)
    assert len(study_results.cells()) == 2 * len(conditions)
    assert not study_results.networks["l1"].unmeasured
    kernels = [small.conv.weight, small.classifier[0].weight, small.classifier[2].weight]
    sizes = [kernel.numel() for kernel in kernels]
    assert study_results.networks["l1"].sparsity == pytest.approx(round(0.9 * sum(sizes[:2])) / sum(sizes), abs=1e-9)
    accuracy = {
        cell: (study_results.geometry(*cell)["prediction"] == study_results.labels).mean()
        for cell in study_results.cells()
    }
    small.eval()
    with torch.no_grad():
        exact = (small(images_of(digits.test)).argmax(1).numpy() == digits.test.labels).mean()
    small.train()
    assert accuracy["dense", "clean"] == exact > 0.85
    assert accuracy["dense", "pgd-linf-8-steps3"] < exact - 0.05
    assert accuracy["dense", "contrast-5-adapted"] > accuracy["dense", "contrast-5"]
    with (tmp_path / "summary.csv").open(newline="") as file:
        rows = {(row["network"], row["condition"]): row for row in csv.DictReader(file)}
    change = accuracy["l1", "contrast-5"] - accuracy["dense", "contrast-5"]
    assert float(rows["l1", "contrast-5"]["change_to_parent"]) == pytest.approx(change)
    assert rows["l1", "contrast-5"]["mcnemar_p"]
    # Without a logit's gradient maps are of the log probability, here by autograd itself.
    of_loss = [dataclasses.replace(network, logit_gradient=None) for network in networks]
    for given, of in ((of_loss, lambda y: y - y.logsumexp(1, keepdim=True)), (networks, lambda y: y)):
        arrays = results.load_arrays(study.diagnose(tmp_path, ["gradxinput"], given)[1])
        x = torch.tensor(np.float32(digits.test.images[arrays["axis/samples"]]) / 255, requires_grad=True)
        y = of(copy.deepcopy(small).eval()((x.permute(0, 3, 1, 2) - MEAN[0]) / STD[0]))
        (slope,) = torch.autograd.grad(y[torch.arange(len(y)), torch.tensor(arrays["target"][1]).long()].sum(), x)
        expected = (x * slope).sum(-1).detach().numpy()
        np.testing.assert_allclose(arrays["map"][1] * arrays["largest"][1][:, None, None], expected, atol=0.02)


def test_the_readme_does_what_it_says(small, tmp_path, monkeypatch):
    (block,) = [b for b in re.findall(r"```python\n(.*?)```", README, re.S) if "from_torch" in b]
    torch.manual_seed(3)
    dense, pruned = ResNet18(width=2), ResNet18(width=2)
    prune.global_unstructured([(pruned.fc, "weight")], prune.L1Unstructured, amount=0.8)
    monkeypatch.chdir(tmp_path)
    block = block.replace('Data("cifar10")', 'Data("digits", train_limit=200)')
    names = {"dense": dense, "pruned": pruned, "MEAN": MEAN, "STD": STD}
    exec(block, names)
    (folder,) = (tmp_path / "studies").iterdir()
    study_results = results.load(folder)
    assert len(study_results.networks) == 2
    assert [info.parent for info in study_results.networks.values()].count(None) == 1
    assert robustness.text_table(study_results)


def test_moving_over_runs(tmp_path, capsys):
    moving_over.main(tmp_path / "study")
    text = capsys.readouterr().out
    assert "l1 0.8" in text
