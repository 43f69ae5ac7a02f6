"""BatchNorm as a part of the kernel before it: which norm follows which kernel alone, and the network without it."""

import functools
from collections import Counter
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from jax.ad_checkpoint import checkpoint_name
from jax.extend.core import Literal

from rosalind.config import Model
from rosalind.models import layers
from rosalind.models.forward import Variables, apply, blank, flatten, unflatten


@dataclass(frozen=True)
class Norm:
    """A BatchNorm of a model.

    Attributes:
        kernel: Path of the kernel whose output it alone reads; None where another operation comes between them, such as
            a residual sum or a nonlinearity, or another layer reads that output too.
        epsilon: Added to the variance.
    """

    kernel: str | None
    epsilon: float


@functools.cache
def norms(config: Model) -> dict[str, Norm]:
    """The BatchNorms of a model by path; those inside lifted transforms and of NNX modules are left out."""
    epsilons: dict[str, float] = {}
    calls: Counter[str] = Counter()

    def handle(path, module, x, call_original):
        if layers.is_lifted(module) or not isinstance(module, (nn.Conv, nn.Dense, nn.ConvTranspose, nn.BatchNorm)):
            return call_original(x)
        calls[path] += 1
        if isinstance(module, nn.BatchNorm):
            if module.axis == -1:
                epsilons[path] = float(module.epsilon)
            return call_original(checkpoint_name(x, path))
        y = call_original(x)
        plain = not isinstance(module, nn.ConvTranspose) or layers.is_plain_transpose(module)
        return checkpoint_name(y, path) if plain else y

    # Made before, as making it calls all modules too.
    variables, image = blank(config), jnp.zeros((1, *(config.image_shape or ())), jnp.float32)
    with layers.intercepted(handle):
        jaxpr = jax.make_jaxpr(lambda arrays: apply(config, arrays, image)[0])(variables).jaxpr
    read = [v for eqn in jaxpr.eqns for v in eqn.invars] + list(jaxpr.outvars)
    readers = Counter(id(v) for v in read if not isinstance(v, Literal))
    named = [eqn for eqn in jaxpr.eqns if eqn.primitive.name == "name" and eqn.params["name"] in calls]
    layer_of = {id(eqn.outvars[0]): name for eqn in named if (name := eqn.params["name"]) not in epsilons}
    kernels: dict[str, str] = {}
    for eqn in named:
        norm, source = eqn.params["name"], id(eqn.invars[0])
        if norm in epsilons and source in layer_of and readers[source] == 1:
            layer = layer_of[source]
            # Of a shared module one fold would have to serve two places.
            if calls[norm] == calls[layer] == 1:
                kernels[norm] = f"{layer}/kernel"
    return {path: Norm(kernels.get(path), epsilon) for path, epsilon in epsilons.items()}


def affine(flat: dict[str, Any], norm: str, epsilon: float) -> tuple[Any, Any]:
    """Factor and shift of a BatchNorm with its running statistics, factor * x + shift: an array [channels] each.

    Args:
        flat: variables by path, see `flatten`.
        norm: path of the norm.
        epsilon: of the norm.
    """
    mean, var = flat[f"batch_stats/{norm}/mean"], flat[f"batch_stats/{norm}/var"]
    factor = flat.get(f"params/{norm}/scale", 1.0) / (var + epsilon) ** 0.5
    return factor, flat.get(f"params/{norm}/bias", 0.0) - factor * mean


def with_affine(flat: dict[str, Any], norm: str, epsilon: float, factor: Any, shift: Any) -> dict[str, Any]:
    """Arrays of a BatchNorm that makes it compute factor * x + shift, by path; a factor is 0 or more."""
    like = lambda value: jnp.broadcast_to(jnp.asarray(value, jnp.float32), np.shape(flat[f"batch_stats/{norm}/var"]))
    factor, shift = like(factor), like(shift)
    has_scale, has_bias = (f"params/{norm}/{name}" in flat for name in ("scale", "bias"))
    # With neither of them the statistics do their work.
    safe = jnp.where(factor > 0, factor, 1)
    arrays = {
        f"batch_stats/{norm}/var": like(1 - epsilon) if has_scale else 1 / safe**2 - epsilon,
        f"batch_stats/{norm}/mean": like(0) if has_bias else -shift / safe,
    }
    if has_scale:
        arrays[f"params/{norm}/scale"] = factor
    if has_bias:
        arrays[f"params/{norm}/bias"] = shift
    return arrays


def folded(config: Model, variables: Variables) -> Variables:
    """Variables of the same function with every BatchNorm that follows one kernel alone inside that kernel.

    A kernel is multiplied by scale / sqrt(variance + epsilon) of its outputs; the norm behind it adds the shift that is
    left and nothing else. Logits stay the same to rounding, with running statistics (`train=False`), in residual
    branches too. Norms without a kernel of their own stay as they are, see `norms`.
    """
    flat = {path: np.asarray(x) for path, x in flatten(variables).items()}
    exact = {path: x.astype(np.float64) for path, x in flat.items()}
    for path, norm in norms(config).items():
        if norm.kernel is None:
            continue
        factor, shift = affine(exact, path, norm.epsilon)
        kernel, bias = f"params/{norm.kernel}", f"params/{norm.kernel.removesuffix('kernel')}bias"
        flat[kernel] = (exact[kernel] * factor).astype(np.float32)
        if bias in flat:
            shift, flat[bias] = shift + factor * exact[bias], np.zeros_like(flat[bias])
        flat |= {name: np.asarray(x) for name, x in with_affine(flat, path, norm.epsilon, 1.0, shift).items()}
    return unflatten(flat)
