"""Replacing single layers of a model without touching its code."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

LAYERS = (nn.Conv, nn.ConvTranspose, nn.Dense, nn.DenseGeneral)
"""Modules whose inputs and outputs are known to have channels last."""

LINEAR = (*LAYERS, nn.ConvLocal, nn.Einsum)
"""Modules whose output is linear in a `kernel`."""

COLLECTED = "rosalind"
"""Collection of what `squares` records in a forward pass."""


class Maps(nn.Module):
    """The identity, around the activations [n, h, w, k] that a model's class maps are of.

    The built-in convolutional models have one after their last nonlinearity. In a module without it, class maps are of
    the last output [n, h, w, k] of any of its layers that reads such an array.
    """

    def __call__(self, x):
        return x


class Sum(nn.Module):
    """The sum of a tuple of arrays, such as a block and what bypasses it.

    Relevance is shared among the parts that are positive; of a plain `x + y` it is shared in proportion also where a
    part is negative, and may become large.
    """

    def __call__(self, parts):
        total = parts[0]
        for part in parts[1:]:
            total = total + part
        return total


def intercepted(handle: Callable) -> Any:
    """Context manager that replaces every module call by `handle(path, module, x, call_original)`."""

    def interceptor(call_original, args, kwargs, context):
        if context.method_name != "__call__" or not args:
            return call_original(*args, **kwargs)
        path = "/".join(context.module.path)
        return handle(path, context.module, args[0], lambda x: call_original(x, *args[1:], **kwargs))

    return nn.intercept_methods(interceptor)


def is_lifted(module: nn.Module) -> bool:
    """True inside nn.scan, nn.remat, nn.WeightNorm and their kind, whose values must not leave them."""
    # Lifting runs a module in a scope without a parent, that keeps its path.
    return module.scope is not None and bool(module.scope.root.path)


def is_plain_transpose(module: nn.Module) -> bool:
    """True for a transposed convolution whose kernel has its outputs last."""
    return isinstance(module, nn.ConvTranspose) and not module.transpose_kernel


def sized() -> Any:
    """Context manager in which layers have as many outputs as their kernels, so that shrunk networks run.

    Those of attention have several axes of outputs: heads, and channels of a head.
    """

    def handle(path, module, x, call_original):
        plain = isinstance(module, (nn.Conv, nn.Dense, nn.DenseGeneral)) or is_plain_transpose(module)
        if not plain or not module.has_variable("params", "kernel"):
            return call_original(x)
        features: Any = module.features
        axes = 1 if isinstance(features, int) else len(features)
        outputs = np.shape(module.get_variable("params", "kernel"))[-axes:]
        if outputs == ((features,) if isinstance(features, int) else tuple(features)):
            return call_original(x)
        alike = module.clone(features=outputs[0] if isinstance(features, int) else outputs, parent=None, name=None)
        return alike.apply({"params": module.variables["params"]}, x)

    return intercepted(handle)


def without_norms_over_channels() -> Any:
    """Context manager in which LayerNorm is the identity: as it subtracts, it ends flows of absolute values."""
    return intercepted(lambda _, module, x, call: x if isinstance(module, nn.LayerNorm) else call(x))


def squares() -> Any:
    """Context manager in which every linear module records `squared_inputs` in the collection `COLLECTED`."""
    within: list[str] = []

    def handle(path, module, x, call_original):
        # Not again for the inner module of a lifted layer, nor for the layer that squares are put through.
        if within or not isinstance(module, LINEAR) or not module.has_variable("params", "kernel"):
            return call_original(x)
        within.append(path)
        try:
            # A variable, as no other value may leave a lifted module; calls of a shared one add up.
            module.sow(COLLECTED, "kernel", squared_inputs(module, x), jnp.add, lambda: jnp.float32(0))
            return call_original(x)
        finally:
            within.pop()

    return intercepted(handle)


def output_moments() -> Any:
    """Context manager in which layers record the moments of their outputs in the collection `COLLECTED`.

    Count, mean and summed squares about the mean, float32 of every output channel; calls of a shared layer are pooled.
    """

    def handle(path, module, x, call_original):
        outputs = call_original(x)
        plain = isinstance(module, (nn.Conv, nn.Dense)) or is_plain_transpose(module)
        if plain and module.has_variable("params", "kernel"):
            flat = outputs.astype(jnp.float32).reshape(-1, outputs.shape[-1])
            mean = flat.mean(0)
            summed = jnp.float32(len(flat)), mean, jnp.square(flat - mean[None]).sum(0)
            module.sow(COLLECTED, "kernel", summed, _pooled, lambda: (jnp.float32(0),) * 3)
        return outputs

    return intercepted(handle)


def _pooled(a: tuple[jax.Array, ...], b: tuple[jax.Array, ...]) -> tuple[jax.Array, ...]:
    """Count, mean and summed squares of two groups together."""
    count, distance = a[0] + b[0], b[1] - a[1]
    return count, a[1] + distance * b[0] / count, a[2] + b[2] + jnp.square(distance) * a[0] * b[0] / count


def squared_inputs(module: nn.Module, x: jax.Array) -> jax.Array:
    """float32 of the kernel's shape: squares of the inputs that meet every weight, summed.

    The output is linear in the kernel, so that this is the derivative of the summed output for squared inputs:
    whatever the padding, groups, strides and axes are, the module itself knows them.
    """
    params: Any = module.variables["params"]
    # Not bound to this call, whose variables stay untouched; squares need the precision.
    alone: Any = module.clone(parent=None, name=None, dtype=jnp.float32)
    square = jnp.square(x.astype(jnp.float32))
    total = lambda kernel: alone.apply({"params": {**params, "kernel": kernel}}, square).sum()
    return jax.grad(total)(jnp.zeros(params["kernel"].shape, jnp.float32))
