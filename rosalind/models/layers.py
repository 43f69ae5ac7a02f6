"""Replacing single layers of a model without touching its code."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

LAYERS = (nn.Conv, nn.Dense, nn.DenseGeneral)
"""Modules whose kernels are the prunable set."""


def intercepted(handle: Callable) -> Any:
    """Context manager that replaces every module call by `handle(path, module, x, call_original)`."""

    def interceptor(call_original, args, kwargs, context):
        if context.method_name != "__call__" or not args:
            return call_original(*args, **kwargs)
        path = "/".join(context.module.path)
        return handle(path, context.module, args[0], lambda x: call_original(x, *args[1:], **kwargs))

    return nn.intercept_methods(interceptor)


def sized() -> Any:
    """Context manager in which layers have as many outputs as their kernels, so that shrunk networks run."""

    def handle(path, module, x, call_original):
        if not isinstance(module, (nn.Conv, nn.Dense)) or not module.has_variable("params", "kernel"):
            return call_original(x)
        outputs = np.shape(module.get_variable("params", "kernel"))[-1]
        if outputs == module.features:
            return call_original(x)
        alike = module.clone(features=outputs, parent=None, name=None)
        return alike.apply({"params": module.variables["params"]}, x)

    return intercepted(handle)


def without_norms_over_channels() -> Any:
    """Context manager in which LayerNorm is the identity: as it subtracts, it ends flows of absolute values."""
    return intercepted(lambda _, module, x, call: x if isinstance(module, nn.LayerNorm) else call(x))


def squared_inputs(module: nn.Module, x: jax.Array) -> jax.Array:
    """float32 of the kernel's rank: squares of the inputs that meet every weight, summed; last axis 1."""
    square = jnp.square(x.astype(jnp.float32))
    if isinstance(module, nn.DenseGeneral):
        contracted = {axis % x.ndim for axis in np.atleast_1d(module.axis).tolist()}
        sums = square.sum(tuple(k for k in range(x.ndim) if k not in contracted))
        return sums.reshape(sums.shape + (1,) * np.size(module.features))
    if isinstance(module, nn.Dense):
        return square.sum(tuple(range(x.ndim - 1)))[:, None]
    assert isinstance(module, nn.Conv)
    pair = lambda value: tuple(np.broadcast_to(1 if value is None else value, (2,)).tolist())
    padding: Any = module.padding
    if not isinstance(padding, str):
        sides = np.reshape(padding, (-1, 1)) if np.ndim(padding) < 2 else padding
        padding = np.broadcast_to(sides, (2, 2)).tolist()
    height, width = pair(module.kernel_size)
    sizes = (height, width), pair(module.strides), padding
    axes = ("NHWC", "HWIO", "NHWC")
    patches = jax.lax.conv_general_dilated_patches(
        square, *sizes, rhs_dilation=pair(module.kernel_dilation), dimension_numbers=axes
    )
    # Patches come with channels outermost.
    return jnp.moveaxis(patches.sum((0, 1, 2)).reshape(-1, height, width), 0, -1)[..., None]
