"""Modules of a user's own with layers that no built-in model has; tiny, for colour images of 8x8."""

import jax.numpy as jnp
from flax import linen as nn

from rosalind.config import Model


def model_of(name: str) -> Model:
    """The config of a module of this file."""
    return Model(f"own_layers:{name}", None, (8, 8, 3), 4, (0.4, 0.5, 0.6), (0.2, 0.25, 0.3))


class Mobile(nn.Module):
    """Grouped, depthwise and dilated convolutions, norms, and positions that are flattened behind a gate."""

    @nn.compact
    def __call__(self, x, train: bool):
        x = nn.relu(nn.Conv(8, (3, 3), (2, 2), padding=1, name="stem")(x))
        x = nn.Conv(8, (3, 2), feature_group_count=4, padding="VALID", name="grouped")(x)
        x = nn.relu(nn.BatchNorm(use_running_average=not train, name="batch")(x))
        x = nn.Conv(16, (2, 2), feature_group_count=8, padding="VALID", use_bias=False, name="depthwise")(x)
        scale = self.param("scale", nn.initializers.ones, (16,))[None, None, None]
        x = nn.relu(nn.GroupNorm(4, name="group")(x)) * scale
        return nn.relu(nn.Dense(6, name="dense")(x.reshape(len(x), -1)))


class Decoder(nn.Module):
    """Transposed convolutions: of even, odd and unequal sides, and with outputs before inputs."""

    @nn.compact
    def __call__(self, x, train: bool):
        x = nn.relu(nn.Conv(5, (2, 2), (2, 2), name="down")(x))
        x = nn.relu(nn.ConvTranspose(6, (2, 3), (2, 1), name="up")(x))
        x = nn.relu(nn.ConvTranspose(7, (3, 3), (2, 2), padding="VALID", use_bias=False, name="wide")(x))
        x = nn.ConvTranspose(4, (3, 2), (1, 2), padding="VALID", transpose_kernel=True, name="swapped")(x)
        return nn.relu(nn.Dense(6, name="dense")(x.reshape(len(x), -1)))


class Sequence(nn.Module):
    """Convolutions over one axis, grouped and transposed, attention, and an embedding of rounded pixels."""

    @nn.compact
    def __call__(self, x, train: bool):
        words = nn.Embed(4, 6, name="words")(jnp.clip(jnp.floor(x.mean((2, 3))) + 2, 0, 3).astype(jnp.int32))
        x = nn.Conv(6, (3,), padding="VALID", feature_group_count=3, name="conv")(x[:, 0])
        x = nn.ConvTranspose(6, (3,), padding="VALID", name="up")(nn.relu(x)) + words
        x = nn.LayerNorm(name="norm")(nn.MultiHeadDotProductAttention(2, name="attention")(x))
        return nn.relu(nn.DenseGeneral(5, axis=(-2, -1), name="general")(x))


class Pooled(nn.Module):
    """Channels that are pooled in two ways, in an order of no flattened map."""

    @nn.compact
    def __call__(self, x, train: bool):
        x = nn.relu(nn.Conv(4, (3, 3), name="conv")(x))
        return nn.Dense(6, name="dense")(jnp.concatenate([x.mean((1, 2)), x.max((1, 2))], -1))


class Divided(nn.Module):
    """A convolution whose kernel is divided by its norm."""

    @nn.compact
    def __call__(self, x, train: bool):
        return nn.relu(nn.WeightNorm(nn.Conv(4, (3, 3), name="conv"))(x)).mean((1, 2))


class Local(nn.Module):
    """A layer with a kernel per position."""

    @nn.compact
    def __call__(self, x, train: bool):
        return nn.relu(nn.ConvLocal(4, (3, 3), name="local")(x)).mean((1, 2))


class Scanned(nn.Module):
    """Layers that are one array."""

    @nn.compact
    def __call__(self, x, train: bool):
        one = lambda layer, carry, _: (nn.relu(layer(carry)), None)
        scan = nn.scan(one, variable_axes={"params": 0}, split_rngs={"params": True}, length=2)
        return scan(nn.Conv(3, (3, 3), name="layers"), x, None)[0].mean((1, 2))


class Averaged(nn.Module):
    """An array, and an average of it by the same name in a collection of its own."""

    @nn.compact
    def __call__(self, x, train: bool):
        scale = self.param("scale", nn.initializers.ones, (3,))
        average = self.variable("averages", "scale", jnp.zeros, (3,))
        if train:
            average.value = 0.9 * average.value + 0.1 * scale
        return x.mean((1, 2)) * scale[None]


class Renamed(nn.Module):
    """A dense layer whose arrays have other names than Flax gives them."""

    @nn.compact
    def __call__(self, x, train: bool):
        read = lambda arrays: {"params": {"kernel": arrays["params"]["w"], "bias": arrays["params"]["b"]}}
        write = lambda arrays: {"params": {"w": arrays["params"]["kernel"], "b": arrays["params"]["bias"]}}
        unless_empty = lambda function: lambda arrays: function(arrays) if arrays.get("params") else arrays
        dense = nn.map_variables(nn.Dense, "params", unless_empty(read), unless_empty(write), init=True)
        return dense(6, name="dense")(x.reshape(len(x), -1))


class Again(nn.Module):
    """Layers whose activations are computed again in the backward pass, one of which reads a flattened map."""

    @nn.compact
    def __call__(self, x, train: bool):
        x = nn.relu(nn.Conv(4, (3, 3), (4, 4), name="conv")(x))
        return nn.remat(nn.Dense)(6, name="dense")(x.reshape(len(x), -1))
