"""Variables and forward passes of a model config: normalising, a backbone, the head."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from flax.traverse_util import flatten_dict, unflatten_dict
from jax import Array
from jax.typing import ArrayLike

from rosalind.config import Model, resolve
from rosalind.models import layers
from rosalind.models.convolutional import Cnn, ResNet18, ResNet20, Vgg16
from rosalind.models.plain import Mlp, Vit

MODELS: dict[str, type[nn.Module]] = {
    "mlp": Mlp,
    "cnn": Cnn,
    "resnet20": ResNet20,
    "resnet18": ResNet18,
    "vgg16_bn": Vgg16,
    "vit": Vit,
}
"""Backbones by name."""

Variables = dict[str, Any]
"""Nested dicts of arrays: `params`, and with BatchNorm `batch_stats`."""


class _Classifier(nn.Module):
    """Normalising, a backbone and the head; returns logits and the head's input."""

    backbone: nn.Module
    classes: int
    mean: tuple[float, ...]
    std: tuple[float, ...]

    @nn.compact
    def __call__(self, images, train: bool):
        x = images.astype(jnp.float32)
        if images.dtype == jnp.uint8:
            x = x / 255
        x = (x - jnp.asarray(self.mean)[None, None, None]) / jnp.asarray(self.std)[None, None, None]
        features = self.backbone(x, train)
        return nn.Dense(self.classes, name="head")(features), features


def backbone(name: str) -> type[nn.Module]:
    """The Flax module of a name in `MODELS` or of `package.module:CLASS`.

    Raises:
        ValueError: a name that is neither, a module that cannot be imported, or an object that is no such class.
    """
    model = resolve("model", name, MODELS)
    if not (isinstance(model, type) and issubclass(model, nn.Module)):
        raise ValueError(f"model {name!r} must be a class of flax.linen.Module, got {model!r}.")
    return model


@functools.cache
def _module(config: Model) -> _Classifier:
    model = backbone(config.name)
    if config.image_shape is None or config.classes is None or not config.mean or not config.std:
        raise ValueError(
            "image_shape, classes, mean and std of the model must be set; "
            "Dataset.image_shape, class_names and statistics() have them."
        )
    width = {} if config.width is None else {"width": config.width}
    return _Classifier(model(**width, name="backbone"), config.classes, config.mean, config.std)


@functools.partial(jax.jit, static_argnames="config")
def init(config: Model, key: Array) -> Variables:
    """Fresh float32 variables for a complete model config, the same for the same key.

    Raises:
        ValueError: unknown model, or a config that does not know its data.
    """
    images = jnp.zeros((1, *(config.image_shape or ())), jnp.uint8)
    return dict(_module(config).init(key, images, train=False))


@functools.cache
def blank(config: Model) -> Variables:
    """Zeros of the shapes and dtypes that a model's variables have; nothing is computed."""
    shapes = jax.eval_shape(functools.partial(init, config), jax.random.key(0))
    return jax.tree.map(lambda leaf: np.zeros(leaf.shape, leaf.dtype), shapes)


def apply(config: Model, variables: Variables, images: ArrayLike, *, train: bool = False) -> tuple[Any, Any, Any]:
    """One forward pass; not jitted, so that it can be part of a larger program.

    Args:
        config: complete, see `init`.
        variables: may have fewer channels than the model, as `pruning.structured.shrink` leaves them.
        images: uint8[n, h, w, c], or float32 in [0, 1] where gradients to pixels are wanted.
        train: use and update the statistics of the batch.

    Returns:
        logits float32[n, classes], features float32[n, d] (the head's input), and the new
        `batch_stats` (those given where `train` is False; an empty dict without BatchNorm).
    """
    stats = variables.get("batch_stats", {})
    with layers.sized():
        if not train:
            logits, features = _module(config).apply(variables, images, train=False)
            return logits, features, stats
        outputs, state = _module(config).apply(variables, images, train=True, mutable=["batch_stats"])
    return *outputs, state.get("batch_stats", {})


def head(config: Model, variables: Variables) -> tuple[Array, Array]:
    """The class directions: kernel float32[d, classes] and bias float32[classes]."""
    layer = variables["params"]["head"]
    return layer["kernel"], layer["bias"]


def flatten(variables: Variables) -> dict[str, Any]:
    """Nested dicts as one dict from `params/backbone/conv0/kernel` to array, sorted by path.

    A slash in a name, as nn.WeightNorm and nn.SpectralNorm have them, becomes `%2F`.

    >>> list(flatten({"params": {"b/d": 1, "a": {"c": 2}}}))
    ['params/a/c', 'params/b%2Fd']
    """
    paths = {"/".join(key.replace("/", "%2F") for key in keys): x for keys, x in flatten_dict(variables).items()}
    return dict(sorted(paths.items()))


def unflatten(arrays: dict[str, Any]) -> Variables:
    """The inverse of `flatten`.

    >>> unflatten({"params/a/c": 2, "params/b%2Fd": 1})
    {'params': {'a': {'c': 2}, 'b/d': 1}}
    """
    return unflatten_dict({tuple(key.replace("%2F", "/") for key in p.split("/")): x for p, x in arrays.items()})
