"""Convolutional backbones: a small `cnn`, CIFAR-style residual networks and `vgg16_bn`.

A backbone is a Flax module with a field `width` and `__call__(x, train) -> features[n, d]`; x is
float32[n, h, w, c], normalised. Convolutions before a BatchNorm have no bias.
"""

import math
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn

from rosalind.draws import in_one_axis
from rosalind.models.layers import Maps, Sum


def he(key: jax.Array, shape: Sequence[int], dtype: Any = jnp.float32) -> jax.Array:
    """Weights of a kernel [..., c, k] from N(0, 2 / fan out), as in the residual-network references (arXiv 1512.03385).

    Those of `nn.initializers.variance_scaling(2.0, "fan_out", "normal")`, sooner compiled.
    """
    deviation = jnp.sqrt(jnp.array(2 * shape[-2] / math.prod(shape), dtype))
    return in_one_axis(jax.random.normal, key, shape, dtype=dtype) * deviation


def convolve(
    images: jax.Array,
    kernel: jax.Array,
    strides: Sequence[int],
    padding: str | Sequence[tuple[int, int]],
    **others: Any,
) -> jax.Array:
    """`lax.conv_general_dilated` for `nn.Conv(conv_general_dilated=...)`, fast also where maps are small.

    On CPUs two kinds are not left to XLA:

    - output maps of fewer positions than the kernel are one product per position. There XLA exchanges map and kernel,
      and loses its fast path with them: 512 to 512 channels on maps of 2 x 2, batch 64, take 1,090 ms instead of 11
      forward and 1,600 instead of 10 backward. Taps that see nothing but padding are left out;
    - kernels of one position with a stride read a map of which the rest is cut away: 16 to 32 channels from 32 x 32,
      batch 128, take 1.7 ms instead of 7.2 backward.

    Args:
        images: float[n, h, w, c].
        kernel: float[kh, kw, c, k].
        strides: of height and width.
        padding: before and after in height and width, or `SAME` or `VALID`.
        others: as `nn.Conv` gives them. With groups or dilations, or on other devices, it is lax's own.

    Returns:
        float[n, h', w', k], lax's up to rounding.
    """
    dilated = {*(others["lhs_dilation"] or ()), *(others["rhs_dilation"] or ())} - {1}
    pads = padding
    if isinstance(pads, str):
        pads = jax.lax.padtype_to_pads(images.shape[1:-1], kernel.shape[:-2], strides, pads)
    shape = [
        (size + before + after - side) // stride + 1
        for size, (before, after), side, stride in zip(images.shape[1:], pads, kernel.shape, strides, strict=False)
    ]
    special = dilated or others["feature_group_count"] > 1 or len(shape) != 2 or jax.default_backend() != "cpu"
    convolve = lambda maps, steps: jax.lax.conv_general_dilated(maps, kernel, steps, pads, **others)
    if special or min(shape) < 1:
        return convolve(images, strides)
    if max(strides) > 1 and kernel.shape[:2] == (1, 1) and not any(map(any, pads)):
        return convolve(images[:, :: strides[0], :: strides[1]], (1, 1))
    if shape[0] * shape[1] >= kernel.shape[0] * kernel.shape[1]:
        return convolve(images, strides)
    rows, columns = ([k * strides[axis] - pads[axis][0] for k in range(shape[axis])] for axis in (0, 1))
    outputs = [_product(images, kernel, row, column, others["precision"]) for row in rows for column in columns]
    return jnp.stack(outputs, 1).reshape(len(images), *shape, -1)


def _product(images: jax.Array, kernel: jax.Array, row: int, column: int, precision: Any) -> jax.Array:
    """float[n, k]: the output at the position whose kernel begins at a row and column, which may lie before the map."""
    down, across = (
        slice(max(0, -start), min(side, size - start))
        for start, side, size in zip((row, column), kernel.shape, images.shape[1:], strict=False)
    )
    seen = images[:, row + down.start : row + down.stop, column + across.start : column + across.stop]
    weights = kernel[down, across].reshape(-1, kernel.shape[-1])
    return jnp.matmul(seen.reshape(len(images), -1), weights, precision=precision)


def _relu(x: jax.Array, train: bool) -> jax.Array:
    """ReLU, whose output is kept in memory for the backward pass on a CPU.

    XLA would rather compute it again where it transposes it for the gradient of the next kernel, from all outputs of
    the residual stream before it, at strides that miss every cache: a fourth of a resnet20's step. It computes nothing
    again across a condition, also one that never holds, as here; a barrier is gone before it decides.
    """
    x = nn.relu(x)
    if not train or jax.default_backend() != "cpu":
        return x
    return jax.lax.cond(x.reshape(-1)[0] < 0, jnp.negative, lambda unchanged: unchanged, x)


def _norm(train: bool, name: str) -> nn.BatchNorm:
    # The scale starts at 1 also at the end of a residual branch: a zero there makes every gradient
    # saliency in the branch exactly zero at initialisation (SNIP, GraSP and SynFlow prune it whole).
    return nn.BatchNorm(use_running_average=not train, momentum=0.9, epsilon=1e-5, name=name)


def _conv(features: int, kernel: int, stride: int, name: str) -> nn.Conv:
    sizes = (kernel, kernel), (stride, stride), kernel // 2
    settings: dict[str, Any] = {"use_bias": False, "kernel_init": he, "conv_general_dilated": convolve}
    return nn.Conv(features, *sizes, name=name, **settings)


class Cnn(nn.Module):
    """Three 3x3 convolutions of stride 2 with BatchNorm, widths w, 2w, 4w; features are 2x2 means."""

    width: int = 24

    @nn.compact
    def __call__(self, x, train: bool):
        for index, scale in enumerate((1, 2, 4)):
            x = _conv(scale * self.width, 3, 2, f"conv{index}")(x)
            x = nn.relu(_norm(train, f"norm{index}")(x))
        x = Maps(name="maps")(x)
        cell = (max(x.shape[1] // 2, 1), max(x.shape[2] // 2, 1))
        return nn.avg_pool(x, cell, cell).reshape(x.shape[0], -1)


class ResNet(nn.Module):
    """Basic residual blocks over a 3x3 stem; 1x1 convolutions where the shape changes.

    `blocks` gives the number of blocks of each stage; every stage but the first halves the image and
    doubles the width (arXiv 1512.03385, the CIFAR form: no pooling after the stem). `depth` is one number for all
    stages.
    """

    width: int
    blocks: Sequence[int]
    depth: int | None = None

    @nn.compact
    def __call__(self, x, train: bool):
        x = _relu(_norm(train, "stem_norm")(_conv(self.width, 3, 1, "stem")(x)), train)
        for stage, count in enumerate(self.blocks):
            for block in range(self.depth or count):
                stride = 2 if stage and not block else 1
                x = self._block(x, self.width * 2**stage, stride, f"stage{stage}_{block}", train)
        return Maps(name="maps")(x).mean((1, 2))

    def _block(self, x, width: int, stride: int, name: str, train: bool):
        y = _relu(_norm(train, f"{name}_norm1")(_conv(width, 3, stride, f"{name}_conv1")(x)), train)
        y = _norm(train, f"{name}_norm2")(_conv(width, 3, 1, f"{name}_conv2")(y))
        if x.shape != y.shape:
            x = _norm(train, f"{name}_norm0")(_conv(width, 1, stride, f"{name}_conv0")(x))
        return _relu(Sum(name=f"{name}_sum")((x, y)), train)


class ResNet20(ResNet):
    """Three stages of three blocks, 16 channels first: 0.27 million weights."""

    width: int = 16
    blocks: Sequence[int] = (3, 3, 3)


class ResNet18(ResNet):
    """Four stages of two blocks, 64 channels first: 11.17 million weights on CIFAR-10."""

    width: int = 64
    blocks: Sequence[int] = (2, 2, 2, 2)


class Vgg16(nn.Module):
    """Thirteen 3x3 convolutions with BatchNorm in five stages, then a global mean (arXiv 1409.1556)."""

    width: int = 64

    @nn.compact
    def __call__(self, x, train: bool):
        for index, scale in enumerate((1, 1, 2, 2, 4, 4, 4, 8, 8, 8, 8, 8, 8)):
            x = _conv(scale * self.width, 3, 1, f"conv{index}")(x)
            x = _relu(_norm(train, f"norm{index}")(x), train)
            if index in (1, 3, 6, 9, 12) and min(x.shape[1:3]) >= 2:
                x = nn.max_pool(x, (2, 2), (2, 2))
        return jnp.mean(Maps(name="maps")(x), (1, 2))
