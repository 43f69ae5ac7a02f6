"""N:M sparsity: of every M consecutive inputs of an output unit, the N largest weights stay (arXiv 2104.08378)."""

import functools
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from rosalind.pruning.masks import Masks, is_protected

AXES = (2, 4)
"""Numbers of axes of kernels whose last but one is that of the inputs: of three, attention has it first."""


def fits(shape: Sequence[int], m: int) -> bool:
    """True where a kernel's input axis, the last but one, can be cut into groups of m."""
    return len(shape) in AXES and shape[-2] % m == 0


@functools.partial(jax.jit, static_argnums=(1, 2))
def largest(weights: Any, n: int, m: int) -> jax.Array:
    """bool of the weights' shape: the n largest magnitudes of every m inputs, of equal ones the first.

    >>> largest(jnp.array([[3.0], [1.0], [-2.0], [2.0]]), 2, 4).ravel().tolist()
    [True, False, True, False]
    """
    size = jnp.abs(jnp.moveaxis(jnp.asarray(weights), -2, -1))
    cut = size.reshape(*size.shape[:-1], -1, m)
    larger = (cut[..., None, :] > cut[..., :, None]).sum(-1)
    first = jnp.tril(jnp.ones((m, m), bool), -1).reshape((1,) * (cut.ndim - 1) + (m, m))
    equal = ((cut[..., None, :] == cut[..., :, None]) & first).sum(-1)
    return jnp.moveaxis((larger + equal < n).reshape(size.shape), -1, -2)


def pattern(
    kernels: Mapping[str, Any], sparsity: float, m: int, protected: Sequence[str] = ()
) -> tuple[int, tuple[str, ...]]:
    """The n of the n:m pattern nearest to a sparsity, and the paths of layers that do not fit it.

    Half of four is 2:4 whatever other layers stay dense; those make the sparsity of P less.

    Raises:
        ValueError: no layer's inputs can be cut into groups of m.
    """
    free = [path for path in kernels if not is_protected(path, protected)]
    skipped = tuple(path for path in free if not fits(np.shape(kernels[path]), m))
    if len(skipped) == len(free):
        shapes = {path: tuple(np.shape(kernel)) for path, kernel in kernels.items()}
        raise ValueError(f"no layer has inputs (last axis but one) that {m} divides: {shapes}.")
    # A layer never loses all of a group: that would be structured pruning.
    return min(range(1, m + 1), key=lambda n: abs(1 - n / m - sparsity)), skipped


def select(
    kernels: Mapping[str, Any], sparsity: float, m: int, protected: Sequence[str] = ()
) -> tuple[Masks, tuple[str, ...]]:
    """Masks of the N:M pattern that is nearest to a sparsity, by magnitude, and a note on layers left dense."""
    n, skipped = pattern(kernels, sparsity, m, protected)
    masks = {}
    for path, kernel in kernels.items():
        dense = path in skipped or is_protected(path, protected)
        masks[path] = np.ones(np.shape(kernel), bool) if dense else np.asarray(largest(kernel, n, m))
    return masks, (_caption(n, m, {path: np.ndim(kernels[path]) for path in skipped}),)


def _caption(n: int, m: int, skipped: Mapping[str, int]) -> str:
    """The provenance note of an N:M pattern and of layers left dense, by path with their number of axes."""
    caption = f"{n}:{m} along the inputs"
    reasons = {
        f"as {m} does not divide their inputs": [path for path, axes in skipped.items() if axes in AXES],
        "as they have neither 2 nor 4 axes": [path for path, axes in skipped.items() if axes not in AXES],
    }
    for reason, paths in reasons.items():
        if paths:
            caption += f"; left dense, {reason}: {', '.join(paths)}"
    return caption
