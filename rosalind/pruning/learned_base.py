"""Training of learned masks: the loss of a parametrisation, and masks of scheduled counts."""

import functools
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from rosalind import training
from rosalind.pruning import masks, ranking
from rosalind.pruning.types import MaskParametrisation
from rosalind.training import Tree


@functools.cache
def loss_of(loss: training.Loss, parametrisation: MaskParametrisation) -> training.Loss:
    """The loss of the trained tree; values that differ between seeds and sparsities are passed in the state.

    In a closure they would be compiled in as constants, once per network.
    """

    def learned(trained: Tree, state: Tree, batch: Any, train: bool = True):
        params, penalty = parametrisation.effective_params(trained, state["carried"], train)
        value, (inner, records) = loss(params, state["inner"], batch, train)
        carried = state["carried"]
        if train:
            carried = {**carried, **parametrisation.update(trained, carried), "step": carried["step"] + 1}
        return value + penalty, ({"inner": inner, "carried": carried}, records)

    return learned


def top_of(strengths: Mapping[str, Any], counts: Mapping[str, Any]) -> dict[str, jax.Array]:
    """Masks of the largest strengths by path, in their shapes, traced: so many per layer, or so many of all layers.

    `counts` has a number per path, or the key `all` for what competes and a number for every other path.
    """
    together = [path for path in sorted(strengths) if path not in counts]
    chosen = {path: ranking.top_traced(strengths[path], counts[path]) for path in strengths if path in counts}
    if together:
        joined = jnp.concatenate([strengths[path].ravel() for path in together])
        mask = ranking.top_traced(joined, counts["all"])
        cuts = np.cumsum([strengths[path].size for path in together])[:-1]
        for path, part in zip(together, jnp.split(mask, cuts.tolist()), strict=True):
            chosen[path] = part.reshape(strengths[path].shape)
    return chosen


def counts_of(kernels: Mapping[str, Any], sparsity: float, scope: str, protected: Sequence[str]) -> dict[str, Any]:
    """int32 counts for `top_of`: of every layer at equal sparsity, or of all together with protected layers whole."""
    if scope == "layer":
        # Which weights does not matter; `keep` shares the rounding out.
        uniform = {path: np.zeros(weight.shape, np.float32) for path, weight in kernels.items()}
        chosen = masks.keep(uniform, sparsity, scope="layer", protected=protected)
        return {path: jnp.int32(mask.sum()) for path, mask in chosen.items()}
    total = sum(weight.size for weight in kernels.values())
    dense_sizes = {path: w.size for path, w in kernels.items() if masks.is_protected(path, protected)}
    counts = {path: jnp.int32(size) for path, size in dense_sizes.items()}
    return counts | {"all": jnp.int32(masks.kept_count(total, sparsity) - sum(dense_sizes.values()))}


def cubic_counts(first: Mapping[str, Any], last: Mapping[str, Any], progress: Any) -> dict[str, jax.Array]:
    """Counts for `top_of` on the way from `first` (progress 0 or less) to `last` (1 or more), traced.

    They fall as published for gradual pruning (arXiv 1710.01878): last + (first - last) (1 - progress)^3, rounded.

    >>> cubic_counts({"all": jnp.int32(100)}, {"all": jnp.int32(20)}, 0.5)["all"].item()
    30
    """
    left = (1 - jnp.clip(progress, 0, 1)) ** 3
    between = lambda a, b: b + jnp.round((a - b) * left).astype(jnp.int32)
    return {name: between(first[name], count) for name, count in last.items()}
