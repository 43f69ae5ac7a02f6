"""Small networks with what training leaves behind, and what diagnostics give of them."""

import jax
import numpy as np
import pytest
from flax import linen as nn

from rosalind import config, diagnostics, models
from rosalind.conditions import Network
from rosalind.data import Split
from rosalind.diagnostics import Subject
from rosalind.models.convolutional import ResNet


class Linear(nn.Module):
    """Pixels as features: the head alone."""

    @nn.compact
    def __call__(self, x, train: bool):
        return x.reshape(x.shape[0], -1)


class LeNet(nn.Module):
    """Dense layers of 300 and 100 units with ReLU (LeNet-300-100)."""

    @nn.compact
    def __call__(self, x, train: bool):
        x = x.reshape(x.shape[0], -1)
        for index, width in enumerate((300, 100)):
            x = nn.relu(nn.Dense(width, name=f"dense{index}")(x))
        return x


class SmallResNet(ResNet):
    """Two blocks, the second of which changes the shape."""

    width: int = 4
    blocks: tuple[int, ...] = (1, 1)


class ManyNorms(nn.Module):
    """Kernels with a bias, norms without scale or bias, and norms that no kernel can take in."""

    @nn.compact
    def __call__(self, x, train: bool):
        norm = lambda name, **own: nn.BatchNorm(use_running_average=not train, name=name, **own)
        x = nn.Conv(4, (3, 3), name="with_bias")(x)
        x = nn.relu(norm("of_with_bias", use_scale=False)(x))
        x = nn.Conv(4, (3, 3), use_bias=False, name="plain")(x)
        x = nn.relu(norm("of_plain", use_bias=False)(x))
        x = norm("after_relu")(x)
        read_twice = nn.Conv(4, (3, 3), name="read_twice")(x)
        x = nn.relu(norm("beside")(read_twice) + read_twice)
        return x.mean((1, 2))


class LayerNormMlp(nn.Module):
    """Not proportional to its input."""

    @nn.compact
    def __call__(self, x, train: bool):
        return nn.relu(nn.LayerNorm(name="norm")(nn.Dense(4, name="dense")(x.reshape(x.shape[0], -1))))


def model(name: str, shape: tuple[int, ...] = (8, 8, 1), classes: int = 3, width: int | None = None) -> config.Model:
    """A config whose images go in as they are."""
    name = name if name in models.MODELS else f"simple:{name}"
    return config.Model(name, width, shape, classes, (0.0,), (1.0,))


TINY = model("mlp", (1, 2, 1), 2, width=3)
RESNET, MANY_NORMS = model("SmallResNet"), model("ManyNorms")


def scattered(of: config.Model, seed: int = 0) -> models.Variables:
    """Fresh weights with statistics, scales and biases as after training."""
    generator = np.random.default_rng(seed)
    flat = {path: np.array(x) for path, x in models.flatten(models.init(of, jax.random.key(seed))).items()}
    for path, leaf in flat.items():
        if path.endswith(("scale", "var")):
            flat[path] = generator.uniform(0.3, 3, leaf.shape).astype(np.float32)
        elif path.endswith(("bias", "mean")):
            flat[path] = generator.normal(size=leaf.shape).astype(np.float32)
    return models.unflatten(flat)


def network(of: config.Model, variables: models.Variables, **removed: np.ndarray) -> Network:
    """A network whose weights at True of `removed`, by the name of a layer, are zero and masked."""
    flat = {path: np.array(x) for path, x in models.flatten(variables).items()}
    masks = {p.removeprefix("params/"): np.ones(x.shape, bool) for p, x in flat.items() if p.endswith("kernel")}
    for path, mask in masks.items():
        mask &= ~removed.get(path.split("/")[-2], np.zeros(mask.shape, bool))
        flat[f"params/{path}"] *= mask
    return Network("net", None, of, models.unflatten(flat), masks)


def images_of(of: config.Model, count: int = 30, seed: int = 1) -> Split:
    assert of.image_shape is not None
    assert of.classes is not None
    images = np.random.default_rng(seed).integers(0, 256, (count, *of.image_shape)).astype(np.uint8)
    return Split(images, (np.arange(count) % of.classes).astype(np.int32), np.arange(count, dtype=np.int32))


def compute(name: str, of: Network, train: Split | None = None, initial=None, **options: float):
    """The arrays of a diagnostic of a network, checked against what it declares."""
    assert of.config is not None
    diagnostic, full = diagnostics.plan(config.Diagnosis(name, options))
    train = images_of(of.config) if train is None else train
    parts: list[float] = []
    subject = Subject(*(of, None, train, train, train, jax.random.key(0), full, parts.append), initial=lambda: initial)
    arrays = diagnostics.check_given(name, diagnostic, diagnostic.compute(subject))
    assert sum(parts) == pytest.approx(1)
    return {key: value.item() if value.ndim == 0 else value for key, value in arrays.items()}
