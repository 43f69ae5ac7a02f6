"""Kernels whose outputs come first, as PyTorch's and Equinox's do, pruned with their outputs last."""

import functools
from collections.abc import Callable, Mapping
from typing import Any

import jax.numpy as jnp
import numpy as np

from rosalind import training
from rosalind.pruning.masks import is_prunable
from rosalind.pruning.preserving import Term
from rosalind.pruning.types import Evaluate, ModelFunctions, Parent, Pruned, Weights
from rosalind.pruning.weighing import Change
from rosalind.training import Tree, map_by_path


def _last(path: str, leaf: Any) -> Any:
    """float[..., in, out] of float[out, in, ...]; what is not prunable stays."""
    return jnp.transpose(leaf, (*range(2, leaf.ndim), 1, 0)) if is_prunable(path, leaf) else leaf


def _first(path: str, leaf: Any) -> Any:
    """The inverse of `_last`."""
    count = leaf.ndim
    return jnp.transpose(leaf, (count - 1, count - 2, *range(count - 2))) if is_prunable(path, leaf) else leaf


def _turned_back(tree: Tree) -> Tree:
    """The tree with the outputs of every prunable leaf on its first axis, the inputs behind them."""
    return map_by_path(_first, tree)


@functools.cache
def _loss_of(loss: training.Loss) -> training.Loss:
    """The loss of a tree with outputs last; a teacher in its state is such a tree too."""

    def turned(trainable: Tree, state: Tree, batch: Any, train: bool = True):
        taught = isinstance(state, Mapping) and "teacher" in state
        if not taught:
            return loss(_turned_back(trainable), state, batch, train)
        teacher = {**state["teacher"], "trainable": _turned_back(state["teacher"]["trainable"])}
        value, (new, records) = loss(_turned_back(trainable), {**state, "teacher": teacher}, batch, train)
        return value, ({**new, "teacher": state["teacher"]}, records)

    return turned


def _functions_of(functions: ModelFunctions) -> ModelFunctions:
    """The functions of a model for trees with outputs last."""
    tempered, flow, inputs, distilled, moments, preserved, changed = functions

    def inputs_of(params: Tree, state: Tree, batch: Any) -> dict[str, Any]:
        assert inputs is not None
        return {path: _last(path, x) for path, x in inputs(_turned_back(params), state, batch).items()}

    return ModelFunctions(
        tempered and (lambda temperature: _loss_of(tempered(temperature))),
        flow and _flow_of(flow),
        inputs and inputs_of,
        distilled and (lambda temperature, share: _loss_of(distilled(temperature, share))),
        moments and _moments_of(moments),
        preserved and (lambda kind, drop: _term_of(preserved(kind, drop))),
        changed and (lambda sigma: _change_of(changed(sigma))),
    )


@functools.cache
def _term_of(term: Term) -> Term:
    def turned(trainable: Tree, state: Tree, *arguments: Any) -> Any:
        teacher = {**state["teacher"], "trainable": _turned_back(state["teacher"]["trainable"])}
        return term(_turned_back(trainable), {**state, "teacher": teacher}, *arguments)

    return turned


@functools.cache
def _change_of(change: Change) -> Change:
    return lambda trainable, *arguments: change(_turned_back(trainable), *arguments)


@functools.cache
def _flow_of(flow: Callable[[Tree, Tree], Any]) -> Callable[[Tree, Tree], Any]:
    return lambda params, state: flow(_turned_back(params), state)


@functools.cache
def _moments_of(moments: Callable[[Tree, Tree, Any], Any]) -> Callable[[Tree, Tree, Any], Any]:
    return lambda params, state, batch: moments(_turned_back(params), state, batch)


def outputs_last(
    parent: Parent, loss: training.Loss, functions: ModelFunctions, evaluate: Evaluate | None
) -> tuple[Parent, training.Loss, ModelFunctions, Evaluate | None]:
    """Arguments of `prune` for kernels [out, in, ...], as the same for kernels [..., in, out]."""
    turned = Parent(*(weights._replace(trainable=map_by_path(_last, weights.trainable)) for weights in parent))
    evaluated = evaluate and (lambda weights: evaluate(_weights_of(weights)))
    return turned, _loss_of(loss), _functions_of(functions), evaluated


def outputs_first(pruned: Pruned) -> Pruned:
    """A network with kernels [..., in, out] that `prune` made of such arguments, with kernels [out, in, ...]."""
    masks = {path: np.asarray(_first(path, mask)) for path, mask in pruned.masks.items()}
    return pruned._replace(masks=masks, weights=_weights_of(pruned.weights))


def _weights_of(weights: Weights) -> Weights:
    return weights._replace(trainable=_turned_back(weights.trainable))
