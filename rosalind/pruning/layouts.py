"""Kernels whose outputs come first, as PyTorch's and Equinox's do, pruned with their outputs last."""

import functools
from collections.abc import Callable, Mapping
from typing import Any

import jax.numpy as jnp
import numpy as np

from rosalind import training
from rosalind.pruning.masks import is_prunable
from rosalind.pruning.preserving import Term
from rosalind.pruning.types import ModelFunctions, Parent, Pruned, Weights
from rosalind.training import Tree, map_by_path


def _last(path: str, leaf: Any) -> Any:
    """float[..., in, out] of float[out, in, ...]; what is not prunable stays."""
    return jnp.transpose(leaf, (*range(2, leaf.ndim), 1, 0)) if is_prunable(path, leaf) else leaf


def _first(path: str, leaf: Any) -> Any:
    """The inverse of `_last`."""
    count = leaf.ndim
    return jnp.transpose(leaf, (count - 1, count - 2, *range(count - 2))) if is_prunable(path, leaf) else leaf


def outputs_last(tree: Tree) -> Tree:
    """The tree with the outputs of every prunable leaf on its last axis, the inputs before them."""
    return map_by_path(_last, tree)


def outputs_first(tree: Tree) -> Tree:
    """The inverse of `outputs_last`."""
    return map_by_path(_first, tree)


@functools.cache
def loss_of(loss: training.Loss) -> training.Loss:
    """The loss of a tree with outputs last; a teacher in its state is such a tree too."""

    def turned(trainable: Tree, state: Tree, batch: Any, train: bool = True):
        taught = isinstance(state, Mapping) and "teacher" in state
        if not taught:
            return loss(outputs_first(trainable), state, batch, train)
        teacher = {**state["teacher"], "trainable": outputs_first(state["teacher"]["trainable"])}
        value, (new, records) = loss(outputs_first(trainable), {**state, "teacher": teacher}, batch, train)
        return value, ({**new, "teacher": state["teacher"]}, records)

    return turned


def functions_of(functions: ModelFunctions) -> ModelFunctions:
    """The functions of a model for trees with outputs last."""
    tempered, flow, inputs, distilled, moments, preserved = functions

    def inputs_of(params: Tree, state: Tree, batch: Any) -> dict[str, Any]:
        assert inputs is not None
        return {path: _last(path, x) for path, x in inputs(outputs_first(params), state, batch).items()}

    return ModelFunctions(
        tempered and (lambda temperature: loss_of(tempered(temperature))),
        flow and _flow_of(flow),
        inputs and inputs_of,
        distilled and (lambda temperature, share: loss_of(distilled(temperature, share))),
        moments and _moments_of(moments),
        preserved and (lambda kind, drop: _term_of(preserved(kind, drop))),
    )


@functools.cache
def _term_of(term: Term) -> Term:
    def turned(trainable: Tree, state: Tree, *arguments: Any) -> Any:
        teacher = {**state["teacher"], "trainable": outputs_first(state["teacher"]["trainable"])}
        return term(outputs_first(trainable), {**state, "teacher": teacher}, *arguments)

    return turned


@functools.cache
def _flow_of(flow: Callable[[Tree, Tree], Any]) -> Callable[[Tree, Tree], Any]:
    return lambda params, state: flow(outputs_first(params), state)


@functools.cache
def _moments_of(moments: Callable[[Tree, Tree, Any], Any]) -> Callable[[Tree, Tree, Any], Any]:
    return lambda params, state, batch: moments(outputs_first(params), state, batch)


def parent_of(parent: Parent) -> Parent:
    """The parent with outputs last."""
    turn = lambda weights: weights._replace(trainable=outputs_last(weights.trainable))
    return Parent(turn(parent.initial), turn(parent.trained))


def weights_of(weights: Weights) -> Weights:
    """Weights as they came, with outputs first."""
    return weights._replace(trainable=outputs_first(weights.trainable))


def pruned_of(pruned: Pruned) -> Pruned:
    """A network as its parent came, with outputs first."""
    masks = {path: np.asarray(_first(path, mask)) for path, mask in pruned.masks.items()}
    return pruned._replace(masks=masks, weights=weights_of(pruned.weights))
