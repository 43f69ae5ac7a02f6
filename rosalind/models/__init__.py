"""Networks as nested dicts of arrays; the only package that imports flax.

To add a network, write a backbone (see `convolutional.py`) and add its name to `MODELS`; normalising,
the head and everything that measures come with it.
"""

import functools
import importlib
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import optax
from flax import linen as nn
from flax.traverse_util import flatten_dict, unflatten_dict

from rosalind.config import Model, unknown
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
        channels = (1, 1, 1, -1)
        x = (x - jnp.asarray(self.mean).reshape(channels)) / jnp.asarray(self.std).reshape(channels)
        features = self.backbone(x, train)
        return nn.Dense(self.classes, name="head")(features), features


def backbone(name: str) -> type[nn.Module]:
    """The Flax module of a name in `MODELS` or of `package.module:CLASS`.

    Raises:
        ValueError: a name that is neither, or a module without that class.
    """
    if name in MODELS:
        return MODELS[name]
    if ":" not in name:
        raise ValueError(unknown("model", name, MODELS))
    module, _, attribute = name.partition(":")
    try:
        return getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise ValueError(f"no model {name!r}: {error}. It should name package.module:CLASS.") from error


@functools.cache
def _module(config: Model) -> _Classifier:
    if config.image_shape is None or config.classes is None or not config.mean or not config.std:
        raise ValueError(
            "the model does not know its data yet: set image_shape, classes, mean and std "
            "(Dataset.image_shape and Dataset.statistics() have them)."
        )
    width = {} if config.width is None else {"width": config.width}
    inner = backbone(config.name)(**width, name="backbone")
    return _Classifier(inner, config.classes, config.mean, config.std)


@functools.partial(jax.jit, static_argnames="config")
def _init(config: Model, key) -> Variables:
    images = jnp.zeros((1, *(config.image_shape or ())), jnp.uint8)
    return dict(_module(config).init(key, images, train=False))


def init(config: Model, key) -> Variables:
    """Fresh float32 variables for a complete model config, the same for the same key.

    Raises:
        ValueError: unknown model, or a config that does not know its data.
    """
    backbone(config.name)
    _module(config)
    return _init(config, key)


def apply(config: Model, variables: Variables, images, *, train: bool = False):
    """One forward pass; not jitted, so that it can be part of a larger program.

    Args:
        config: complete, see `init`.
        variables: nested dict of arrays.
        images: uint8[n, h, w, c], or float32 in [0, 1] where gradients to pixels are wanted.
        train: use and update the statistics of the batch.

    Returns:
        logits float32[n, classes], features float32[n, d] (the head's input), and the new
        `batch_stats` (those given where `train` is False; an empty dict without BatchNorm).
    """
    stats = variables.get("batch_stats", {})
    if not train:
        logits, features = _module(config).apply(variables, images, train=False)
        return logits, features, stats
    (logits, features), state = _module(config).apply(variables, images, train=True, mutable=["batch_stats"])
    return logits, features, state.get("batch_stats", {})


def head(config: Model, variables: Variables):
    """The class directions: kernel float32[d, classes] and bias float32[classes]."""
    layer = variables["params"]["head"]
    return layer["kernel"], layer["bias"]


def flatten(variables: Variables) -> dict[str, Any]:
    """Nested dicts as one dict from `params/backbone/conv0/kernel` to array, sorted by path.

    >>> list(flatten({"params": {"b": 1, "a": {"c": 2}}}))
    ['params/a/c', 'params/b']
    """
    return dict(sorted(flatten_dict(variables, sep="/").items()))


def unflatten(arrays: dict[str, Any]) -> Variables:
    """The inverse of `flatten`.

    >>> unflatten({"params/a/c": 2})
    {'params': {'a': {'c': 2}}}
    """
    return unflatten_dict(arrays, sep="/")


@functools.cache
def cross_entropy(
    config: Model,
    *,
    label_smoothing: float = 0.0,
    records: Callable | None = None,
    temperature: float = 1.0,
):
    """A loss for `training.fit` and `pruning.prune`: `loss(params, state, batch, train)`.

    The batch has `images` and `labels`; the state is `{"batch_stats": ...}`. `records(logits, params,
    labels)` gives named float arrays per sample that `fit` collects per epoch; logits are divided by
    `temperature`. Equal arguments give
    the same function object, so that all networks of a study share one compiled step.

    Returns:
        A function that gives the mean loss and `(state, records)`.
    """

    def loss(params, state, batch, train: bool = True):
        variables = {"params": params, **state}
        logits, _, stats = apply(config, variables, batch["images"], train=train)
        hot = jax.nn.one_hot(batch["labels"], logits.shape[-1])
        target = optax.losses.smooth_labels(hot, label_smoothing) if label_smoothing else hot
        value = optax.losses.softmax_cross_entropy(logits / temperature, target).mean()
        kept = {} if records is None else records(logits, params, batch["labels"])
        return value, ({**state, "batch_stats": stats} if stats else state, kept)

    return loss


@functools.cache
def flow(config: Model):
    """SynFlow's function of parameters and state: the sum of logits of an input of ones (arXiv 2006.05467).

    All parameters count with their absolute values; BatchNorm's running mean is 0 and its variance 1.
    """
    neutral = {"mean": 0.0, "var": 1.0}
    # Ones behind the normalisation that is part of the model.
    image = jnp.asarray(config.mean or ()) + jnp.asarray(config.std or ())
    ones = jnp.broadcast_to(image, (1, *(config.image_shape or ()))).astype(jnp.float32)

    def total(params, state):
        stats = flatten(dict(state.get("batch_stats", {})))
        plain = {path: jnp.full_like(x, neutral[path.split("/")[-1]]) for path, x in stats.items()}
        variables = {"params": jax.tree.map(jnp.abs, params)}
        if plain:
            variables["batch_stats"] = unflatten(plain)
        return apply(config, variables, ones)[0].sum()

    return total
