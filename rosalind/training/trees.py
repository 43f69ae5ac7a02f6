"""Nested dicts of arrays by path, and masks on them."""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp

Tree = Any
"""A nested dict of arrays."""

Masks = Mapping[str, Any]
"""From a parameter's path, such as `backbone/conv0/kernel`, to a bool array of its shape: True is kept."""


def _path_name(path: tuple[Any, ...]) -> str:
    """Keys joined by slashes, without the attribute that holds the array of a variable of flax.nnx."""
    if len(path) > 1 and path[-1] == jax.tree_util.GetAttrKey("value"):
        path = path[:-1]
    return jax.tree_util.keystr(path, simple=True, separator="/")


def by_path(tree: Tree) -> dict[str, Any]:
    """The leaves of nested dicts by path, sorted.

    >>> by_path({"head": {"kernel": 1, "bias": 2}})
    {'head/bias': 2, 'head/kernel': 1}
    """
    leaves = jax.tree_util.tree_leaves_with_path(tree)
    return dict(sorted((_path_name(path), leaf) for path, leaf in leaves))


def map_by_path(function: Callable[..., Any], tree: Tree, *others: Tree) -> Tree:
    """The tree with every leaf replaced by `function(path, leaf, ...)`, with the leaves of others like it."""
    named = lambda path, *leaves: function(_path_name(path), *leaves)
    return jax.tree_util.tree_map_with_path(named, tree, *others)


def project(tree: Tree, masks: Masks) -> Tree:
    """The tree with exact zeros where a mask is False; leaves without a mask stay.

    >>> project({"a": jnp.array([1.0, jnp.inf])}, {"a": jnp.array([True, False])})["a"].tolist()
    [1.0, 0.0]
    """
    leaves = by_path(tree)
    masked = [path for path in leaves if path in masks]
    projected = _kept({path: leaves[path] for path in masked}, {path: masks[path] for path in masked})
    return map_by_path(lambda path, x: projected.get(path, x), tree)


@jax.jit
def _kept(leaves: dict[str, Any], masks: dict[str, Any]) -> dict[str, Any]:
    """Leaves by path with zeros where their mask is False: one compilation for a tree, not one for every shape."""
    # where, not a product: inf * 0 is NaN.
    return {path: jnp.where(masks[path], leaf, 0) for path, leaf in leaves.items()}


def project_moments(optimizer_state: Tree, trainable: Tree, masks: Masks) -> Tree:
    """The optimizer state with every part that is shaped like the parameters projected on the masks."""
    shape = jax.tree.structure(trainable)
    alike = lambda part: jax.tree.structure(part) == shape
    change = lambda part: project(part, masks) if alike(part) else part
    return jax.tree.map(change, optimizer_state, is_leaf=alike)


def check_masks(trainable: Tree, masks: Masks) -> None:
    """Raise ValueError where a mask has no parameter, another shape, or is not bool."""
    leaves = by_path(trainable)
    for path, mask in masks.items():
        if path not in leaves:
            raise ValueError(f"mask {path!r} has no parameter; there are {sorted(leaves)}.")
        if mask.shape != leaves[path].shape or mask.dtype != bool:
            expected = f"bool{list(leaves[path].shape)}"
            raise ValueError(f"mask {path!r} must be {expected}, got {mask.dtype}{list(mask.shape)}.")
