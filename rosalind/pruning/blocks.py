"""N:M sparsity: of every M consecutive inputs of an output unit, the N largest weights stay (arXiv 2104.08378)."""

from collections.abc import Mapping, Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np

from rosalind.pruning.masks import is_protected


def fits(shape: Sequence[int], group: int) -> bool:
    """Whether a kernel's input axis, the last but one, can be cut into groups of so many."""
    return len(shape) in (2, 4) and shape[-2] % group == 0


def best(weights, count: int, group: int):
    """bool of the weights' shape: the `count` largest of every `group` inputs, of equal ones the first.

    >>> best(jnp.array([[3.0], [1.0], [-2.0], [2.0]]), 2, 4).ravel().tolist()
    [True, False, True, False]
    """
    size = jnp.abs(jnp.moveaxis(jnp.asarray(weights), -2, -1))
    cut = size.reshape(*size.shape[:-1], -1, group)
    larger = (cut[..., None, :] > cut[..., :, None]).sum(-1)
    first = jnp.tril(jnp.ones((group, group), bool), -1).reshape((1,) * (cut.ndim - 1) + (group, group))
    equal = ((cut[..., None, :] == cut[..., :, None]) & first).sum(-1)
    return jnp.moveaxis((larger + equal < count).reshape(size.shape), -1, -2)


def choose(
    kernels: Mapping[str, Any], sparsity: float, group: int, protected: Sequence[str] = ()
) -> tuple[int, tuple[str, ...]]:
    """How many of every `group` inputs stay in the pattern nearest to a sparsity, and which layers do not fit.

    Half of four is 2:4 whatever other layers stay dense; those make the sparsity of P less.

    Raises:
        ValueError: no layer's inputs can be cut into such groups.
    """
    free = [path for path in kernels if not is_protected(path, protected)]
    skipped = tuple(path for path in free if not fits(np.shape(kernels[path]), group))
    if len(skipped) == len(free):
        shapes = {path: tuple(np.shape(kernel)) for path, kernel in kernels.items()}
        raise ValueError(f"no layer has inputs (last axis but one) that {group} divides: {shapes}.")
    # A layer never loses all of a group: that would be structured pruning.
    return min(range(1, group + 1), key=lambda count: abs(1 - count / group - sparsity)), skipped


def select(
    kernels: Mapping[str, Any], sparsity: float, group: int, protected: Sequence[str] = ()
) -> tuple[dict[str, np.ndarray], tuple[str, ...]]:
    """Masks of the N:M pattern that is nearest to a sparsity, by magnitude, and a note on layers left dense."""
    count, skipped = choose(kernels, sparsity, group, protected)
    masks = {}
    for path, kernel in kernels.items():
        dense = path in skipped or is_protected(path, protected)
        masks[path] = np.ones(np.shape(kernel), bool) if dense else np.asarray(best(kernel, count, group))
    return masks, note(count, group, skipped)


def note(count: int, group: int, skipped: tuple[str, ...]) -> tuple[str, ...]:
    """What to say of a pattern."""
    words = f"{count}:{group} along the inputs"
    return (
        (f"{words}; left dense, as {group} does not divide their inputs: {', '.join(skipped)}",)
        if skipped
        else (words,)
    )
