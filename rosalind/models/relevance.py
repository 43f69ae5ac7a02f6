"""Layer-wise relevance propagation: the share of every pixel in a logit, sent backwards layer by layer.

The rule for inner layers is alpha = 1, beta = 0, the one for the image is z^B (arXiv 1512.02479). A layer that follows
no rule of its own (ReLU, pooling, a mean, reshaping) has the rule of its derivative: relevance is passed as R / x, and
what is homogeneous of degree one keeps the sum of x (R / x).
"""

import functools
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax import Array
from jax.typing import ArrayLike

from rosalind.config import Model
from rosalind.models import layers
from rosalind.models.forward import Variables, apply, backbone, blank

WEIGHTED = (nn.Conv, nn.Dense)
"""Layers with a rule of their own."""

_FOLLOWED = (*WEIGHTED, nn.BatchNorm, nn.Dropout, layers.Maps, layers.Sum)


def _is_of_flax(module: nn.Module) -> bool:
    return type(module).__module__.startswith("flax.") and not isinstance(module, nn.Sequential)


@functools.cache
def _trace(config: Model) -> tuple[dict[str, str], tuple[str, ...], tuple[str, ...]]:
    """BatchNorms by the layer that they follow, layers that read the image, and layers that cannot be followed."""
    norms: dict[str, str] = {}
    readers: list[str] = []
    unknown: list[str] = []
    norm_outputs: list[tuple[Any, str]] = []
    first: list[Any] = []

    def handle(path, module, x, call_original):
        params = module.variables.get("params", {})
        holds_arrays = any(not hasattr(value, "items") for value in params.values())
        is_followed = isinstance(module, _FOLLOWED) and not layers.is_lifted(module)
        if not is_followed and (holds_arrays or layers.is_lifted(module) or _is_of_flax(module)):
            unknown.append(f"{path.removeprefix('backbone/')} ({type(module).__name__})")
        if isinstance(module, nn.BatchNorm):
            norms.update({layer: path for output, layer in norm_outputs if output is x})
        if isinstance(module, WEIGHTED):
            first[:] = first or [x]
            if x is first[0]:
                readers.append(path)
        output = call_original(x)
        if isinstance(module, WEIGHTED):
            norm_outputs.append((output, path))
        return output

    image = jnp.zeros((1, *(config.image_shape or ())), jnp.uint8)
    with layers.intercepted(handle):
        jax.eval_shape(lambda variables: apply(config, variables, image)[0], blank(config))
    return norms, tuple(readers), tuple(unknown)


def check_relevance(config: Model) -> None:
    """Raise ValueError for a model with layers that relevance cannot be sent through.

    It goes through Conv, Dense, BatchNorm, Dropout, `Maps`, `Sum` and modules of these; not through attention, other
    norms, lifted layers, modules with parameters of their own, or NNX.
    """
    if not issubclass(backbone(config.name), nn.Module):
        raise ValueError(f"model {config.name!r} is of NNX, whose layers lrp cannot follow.")
    if unknown := _trace(config)[2]:
        more = ", ..." * (len(unknown) > 3)
        raise ValueError(f"model {config.name!r} has layers that lrp cannot follow: {', '.join(unknown[:3])}{more}.")


def _inverse(z: Array) -> Array:
    """1 / z, and 0 where z is 0: relevance that no input has a part in is lost, and missing in the sum."""
    return jnp.where(z == 0, 0, 1 / jnp.where(z == 0, 1, z))


def _linear(module: nn.Module, x: Array, kernel: Array) -> Array:
    """The layer without its bias; with as many outputs as the kernel has, for networks that were shrunk."""
    alike: Any = module.clone(features=kernel.shape[-1], use_bias=False, dtype=None, parent=None, name=None)
    return alike.apply({"params": {"kernel": kernel}}, x)


@functools.partial(jax.custom_vjp, nondiff_argnums=(0,))
def _weighted(module: nn.Module, x, y, kernel):
    """Output y of a layer; back goes R / x by positive contributions alone. `kernel` has the sign of a norm behind."""
    return y


def _weighted_back(module: nn.Module, saved, cotangent):
    x, y, kernel = saved
    up, down = jnp.maximum(kernel, 0), jnp.minimum(kernel, 0)
    forward = lambda a, b: _linear(module, a, up) + _linear(module, b, down)
    z, pull = jax.vjp(forward, jnp.maximum(x, 0), jnp.minimum(x, 0))
    of_positive, of_negative = pull(y * cotangent * _inverse(z))
    return jnp.where(x >= 0, of_positive, of_negative), jnp.zeros_like(y), jnp.zeros_like(kernel)


_weighted.defvjp(lambda module, x, y, kernel: (y, (x, y, kernel)), _weighted_back)


@functools.partial(jax.custom_vjp, nondiff_argnums=(0,))
def _bounded(module: nn.Module, x, y, kernel, low, high):
    """Output y of a layer that reads the image; back goes R itself by the rule z^B, x in [low, high]."""
    return y


def _bounded_back(module: nn.Module, saved, cotangent):
    x, y, kernel, low, high = saved
    up, down = jnp.maximum(kernel, 0), jnp.minimum(kernel, 0)
    forward = lambda a, b: _linear(module, a, up) + _linear(module, b, down)
    # No product is negative, also where a black pixel is rounded otherwise here than where its bound was computed.
    inputs = (jnp.maximum(x - low, 0), jnp.minimum(x - high, 0))
    z, pull = jax.vjp(forward, *inputs)
    relevance = sum(a * b for a, b in zip(inputs, pull(y * cotangent * _inverse(z)), strict=True))
    return relevance, *(jnp.zeros_like(a) for a in (y, kernel, low, high))


_bounded.defvjp(lambda module, x, y, kernel, low, high: (y, (x, y, kernel, low, high)), _bounded_back)


@jax.custom_vjp
def _norm(x, y):
    """Output y of a norm; back goes R / x with R unchanged: the shift is nobody's, and the scale cancels."""
    return y


_norm.defvjp(lambda x, y: (y, (x, y)), lambda saved, c: (saved[1] * c * _inverse(saved[0]), jnp.zeros_like(c)))


@jax.custom_vjp
def relevance_sum(parts: tuple[Array, ...]) -> Array:
    """The sum of arrays, whose derivative passes R / x: relevance goes to the positive parts, in proportion."""
    return sum(parts[1:], parts[0])


def _sum_back(parts, cotangent):
    total = sum(parts[1:], parts[0])
    shared = total * cotangent * _inverse(jnp.maximum(jnp.stack(parts), 0).sum(0))
    return (tuple(jnp.where(part > 0, shared, 0) for part in parts),)


relevance_sum.defvjp(lambda parts: (sum(parts[1:], parts[0]), parts), _sum_back)


def _input_bounds(config: Model, variables: Variables, reader: str) -> tuple[Array, Array]:
    """The inputs of the layer that reads the image for a black and for a white one, float32[1, ...]."""
    read: list[Array] = []

    def handle(path, module, x, call_original):
        if path == reader:
            read.append(x)
        return call_original(x)

    for pixel in (0.0, 1.0):
        with layers.intercepted(handle):
            apply(config, variables, jnp.full((1, *(config.image_shape or ())), pixel, jnp.float32))
    return read[0], read[1]


def relevance(config: Model, variables: Variables, images: ArrayLike, targets: ArrayLike) -> Array:
    """Every pixel's share in the target's logit, float32[n, h, w], 0 or more; not jitted.

    The logit starts with a relevance of 1. A BatchNorm is folded into the layer before it; biases get nothing. The sum
    over pixels is 1, and less where a unit with relevance has no positive contribution, as behind a filter that pruning
    emptied. A nonlinearity that is not homogeneous, such as GELU, does not keep the sum.

    Args:
        config, variables: as of `apply`.
        images: uint8[n, h, w, c], or float32 in [0, 1].
        targets: int[n], classes.

    Raises:
        ValueError: see `check_relevance`.
    """
    check_relevance(config)
    norms, readers, _ = _trace(config)
    params = variables["params"]
    low, high = _input_bounds(config, variables, readers[0])

    def sign_behind(path: str) -> Array | float:
        if path not in norms:
            return 1.0
        scale = functools.reduce(lambda tree, name: tree.get(name, {}), norms[path].split("/"), params)
        return jnp.sign(scale["scale"]) if "scale" in scale else 1.0

    def handle(path, module, x, call_original):
        if isinstance(module, layers.Sum):
            return relevance_sum(tuple(part.astype(jnp.float32) for part in x))
        if not isinstance(module, (*WEIGHTED, nn.BatchNorm)):
            return call_original(x)
        y, x = jax.lax.stop_gradient(call_original(x).astype(jnp.float32)), x.astype(jnp.float32)
        if isinstance(module, nn.BatchNorm):
            return _norm(x, y)
        kernel = module.get_variable("params", "kernel")
        kernel = kernel * jnp.broadcast_to(sign_behind(path), kernel.shape)
        alone = module.clone(parent=None, name=None)
        if path in readers:
            return _bounded(alone, x, y, kernel, low, high)
        return _weighted(alone, x, y, kernel)

    def logits_of(pixels):
        with layers.intercepted(handle):
            return apply(config, variables, pixels)[0]

    pixels = jnp.asarray(images)
    pixels = pixels / 255 if pixels.dtype == jnp.uint8 else pixels.astype(jnp.float32)
    logits, pull = jax.vjp(logits_of, pixels)
    start = jax.nn.one_hot(jnp.asarray(targets), logits.shape[-1]) * _inverse(logits)
    (shares,) = pull(start)
    # R arrives where the normalised image is read, which the pixels are divided by the deviation for.
    return (shares * jnp.asarray(config.std)[None, None, None]).sum(-1)
