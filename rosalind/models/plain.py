"""Backbones without convolutions: a multilayer perceptron `mlp` and a vision transformer `vit`."""

import jax.numpy as jnp
from flax import linen as nn


class Mlp(nn.Module):
    """Two hidden layers of `width` units with ReLU, no normalisation."""

    width: int = 64

    @nn.compact
    def __call__(self, x, train: bool):
        x = x.reshape(x.shape[0], -1)
        for index in range(2):
            x = nn.relu(nn.Dense(self.width, name=f"dense{index}")(x))
        return x


class Vit(nn.Module):
    """A small vision transformer (arXiv 2010.11929): class token, learned positions, pre-norm blocks.

    Patches are an eighth of the image; `width` channels in four blocks of heads of 16 channels or more.
    """

    width: int = 64
    depth: int = 4

    @nn.compact
    def __call__(self, x, train: bool):
        patch = max(min(x.shape[1:3]) // 8, 1)
        x = nn.Conv(self.width, (patch, patch), (patch, patch), padding="VALID", name="patches")(x)
        x = x.reshape(x.shape[0], -1, self.width)
        token = self.param("token", nn.initializers.zeros, (1, 1, self.width))
        x = jnp.concatenate([jnp.broadcast_to(token, (x.shape[0], 1, self.width)), x], 1)
        small = nn.initializers.normal(0.02)
        x = x + self.param("positions", small, (1, x.shape[1], self.width))
        heads = max(self.width // 32, 1)
        for index in range(self.depth):
            y = nn.LayerNorm(name=f"block{index}_norm0")(x)
            x = x + nn.MultiHeadDotProductAttention(heads, name=f"block{index}_attention")(y)
            y = nn.LayerNorm(name=f"block{index}_norm1")(x)
            y = nn.gelu(nn.Dense(4 * self.width, name=f"block{index}_up")(y))
            x = x + nn.Dense(self.width, name=f"block{index}_down")(y)
        return nn.LayerNorm(name="norm")(x)[:, 0]
