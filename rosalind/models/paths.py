"""Sums over all paths from an input to an output of a network: of squared weights, or of ones."""

import dataclasses
import functools
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from rosalind.config import Model
from rosalind.models import folding
from rosalind.models.channels import traceable
from rosalind.models.forward import RNGS, Variables, apply, flatten, unflatten

STARTS = (1.0, 1e-30, 1e30)
"""Inputs in turn: the sum is in proportion to them, and float32 may hold it of one and not of another."""


@functools.partial(jax.jit, static_argnames="config")
def _forward(config: Model, variables, start):
    """The sum of logits of an input of `start`s, where parameters are squared and biases are in proportion to it."""
    norms = folding.norms(config)
    flat = flatten(variables)
    squared = {path: jnp.square(x) for path, x in flat.items() if path.startswith("params/")}
    squared |= {path: x * start for path, x in squared.items() if path.endswith("/bias")}
    replaced = {path: x for path, x in flat.items() if path not in squared} | squared
    for path, norm in norms.items():
        factor, shift = folding.affine(flat, path, norm.epsilon)
        replaced |= folding.with_affine(flat, path, norm.epsilon, factor**2, start * shift**2)
    image = jnp.full((1, *(config.image_shape or ())), start, jnp.float32)
    return apply(config, unflatten(replaced), image)[0].sum()


def _is_known(config: Model, variables: Variables) -> bool:
    """True where all arrays are weights of known layers, or of norms that are known."""
    if not traceable(config):
        return False
    stats = {path.rpartition("/")[0] for path in flatten({"batch_stats": variables.get("batch_stats", {})})}
    return stats <= {f"batch_stats/{path}" for path in folding.norms(config)}


def log_path_sum(config: Model, variables: Variables) -> float:
    """ln of the sum over all paths of the product of squared weights: the squared path norm (arXiv 1506.02617).

    It is the sum of logits of an input of ones where all parameters are squared, BatchNorm folded before; a path may
    start at a bias. Means over positions stay as they are. Rescaling hidden units does not change it.

    Args:
        config: complete, see `models.init`.
        variables: with BatchNorm, whose running statistics are part of the weights.

    Returns:
        -inf without a path; NaN of a network that is not positively homogeneous (LayerNorm, gelu) or not `traceable`
        (attention, WeightNorm), or whose sum leaves float32 by more than 30 decimals.
    """
    if not _is_known(config, variables):
        return float("nan")
    channels = (config.image_shape or (1,))[-1]
    plain = dataclasses.replace(config, mean=(0.0,) * channels, std=(1.0,) * channels)
    # A bias and the shift of the norm behind it are one: two squares would be less than that of their sum.
    folded = folding.folded(config, {name: tree for name, tree in variables.items() if name != RNGS})
    sums = []
    for start in STARTS:
        sums = [float(_forward(plain, folded, jnp.float32(s))) for s in (start, 2 * start)]
        if np.isfinite(sums).all() and sums[0] > 0:
            is_proportional = abs(sums[1] - 2 * sums[0]) <= 1e-4 * sums[1]
            return float(np.log(sums[0]) - np.log(start)) if is_proportional else float("nan")
    return float("-inf") if sums == [0, 0] else float("nan")


def log_paths(config: Model, variables: Variables, masks: Mapping[str, Any]) -> float:
    """ln of the number of paths of kept weights from an input to an output, see `log_path_sum`.

    Args:
        config: complete, see `models.init`.
        variables: of the model; only their shapes matter.
        masks: of its kernels by path, True where a weight is kept; a kernel without one is kept whole.

    Returns:
        As `log_path_sum`; a mean over positions counts a path as its share.
    """
    flat = flatten(variables)
    for path, leaf in flat.items():
        if path.startswith("params/"):
            mask = masks.get(path.removeprefix("params/"), not path.endswith("/bias"))
            flat[path] = np.broadcast_to(np.asarray(mask, np.float32), np.shape(leaf))
    for path, norm in folding.norms(config).items():
        flat |= folding.with_affine(flat, path, norm.epsilon, 1.0, 0.0)
    return log_path_sum(config, unflatten(flat))
