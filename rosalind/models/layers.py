"""Answering for single layers of a model without touching its code."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

LAYERS = (nn.Conv, nn.Dense, nn.DenseGeneral)
"""Modules whose kernels are the prunable set."""


def intercepted(handle: Callable) -> Any:
    """A context in which `handle(path, module, x, go_on)` answers for every call of a module's `__call__`."""

    def interceptor(go_on, args, kwargs, context):
        if context.method_name != "__call__" or not args:
            return go_on(*args, **kwargs)
        path = "/".join(context.module.path)
        return handle(path, context.module, args[0], lambda x: go_on(x, *args[1:], **kwargs))

    return nn.intercept_methods(interceptor)


def sized() -> Any:
    """A context in which layers have as many outputs as their kernels, so that shrunk networks run."""

    def handle(path, module, x, go_on):
        if not isinstance(module, (nn.Conv, nn.Dense)) or not module.has_variable("params", "kernel"):
            return go_on(x)
        outputs = np.shape(module.get_variable("params", "kernel"))[-1]
        if outputs == module.features:
            return go_on(x)
        alike = module.clone(features=outputs, parent=None, name=None)
        return alike.apply({"params": module.variables["params"]}, x)

    return intercepted(handle)


def without_norms_over_channels() -> Any:
    """A context in which LayerNorm is the identity: it subtracts, so flows of absolute values have no meaning in it."""
    return intercepted(lambda path, module, x, go_on: x if isinstance(module, nn.LayerNorm) else go_on(x))


def squared_inputs(module: nn.Module, x):
    """float32 of the kernel's rank: squares of the inputs that meet every weight, summed; last axis 1."""
    square = jnp.square(x.astype(jnp.float32))
    if isinstance(module, nn.DenseGeneral):
        axes = module.axis if isinstance(module.axis, tuple) else (module.axis,)
        outputs = module.features if isinstance(module.features, tuple) else (module.features,)
        kept = sorted(axis % x.ndim for axis in axes)
        found = square.sum(tuple(k for k in range(x.ndim) if k not in kept))
        return found.reshape(found.shape + (1,) * len(outputs))
    if isinstance(module, nn.Dense):
        return square.sum(tuple(range(x.ndim - 1)))[:, None]
    assert isinstance(module, nn.Conv)
    pair = lambda value: tuple(np.broadcast_to(1 if value is None else value, (2,)).tolist())
    padding: Any = module.padding
    if not isinstance(padding, str):
        padding = np.broadcast_to(
            np.reshape(padding, (-1, 1)) if np.ndim(padding) < 2 else padding, (2, 2)
        ).tolist()
    height, width = pair(module.kernel_size)
    patches = jax.lax.conv_general_dilated_patches(
        square,
        (height, width),
        pair(module.strides),
        padding,
        rhs_dilation=pair(module.kernel_dilation),
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
    )
    # Patches come with channels outermost.
    found = patches.sum((0, 1, 2)).reshape(x.shape[-1], height, width)
    return jnp.moveaxis(found, 0, -1)[..., None]
