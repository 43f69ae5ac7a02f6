"""A small problem with a dense parent, and ways to prune it; what is asked for twice is made once."""

import functools

import jax
import numpy as np
from conftest import MLP, NORM_MLP, toy_problem

from rosalind import models, pruning, training
from rosalind.config import Method, Train
from rosalind.pruning import masks, scores

CONFIG = Train(epochs=2, batch_size=20, learning_rate=0.02, warmup=0)
KEY = jax.random.key(5)
SPARSITIES = (0.5, 0.9)
PROBES = pruning.Probes(**models.probes(MLP))


def model_of(name: str):
    """The network that a method is tried on: one with norms where the method ranks their scales."""
    return NORM_MLP if name == "bn_scale" else MLP


@functools.cache
def parent_of(model=MLP) -> pruning.Parent:
    loss, params, state, batches = toy_problem(model)
    dense = masks.everything(params)
    fitted = training.fit(loss, params, state, batches, config=CONFIG, masks=dense, key=KEY)
    return pruning.Parent(pruning.Weights(params, state), pruning.Weights(fitted.trainable, fitted.state))


def start(method: Method, **options):
    """The iterator of `prune`; options replace its arguments."""
    model = options.pop("model", model_of(method.name))
    loss, _, _, batches = toy_problem(model)
    arguments = {
        "parent": parent_of(model),
        "loss": loss,
        "batches": batches,
        "config": CONFIG,
        "key": KEY,
        "groups": models.groups(model),
        "probes": pruning.Probes(**models.probes(model)),
    }
    return pruning.prune(method, **{**arguments, **options})


def run(method: Method, **options) -> list[pruning.Pruned]:
    """All networks of a method."""
    return list(start(method, **options))


@functools.cache
def default_run(name: str) -> list[pruning.Pruned]:
    """A method at both sparsities with its default options."""
    return run(Method(name, SPARSITIES))


def scored(name: str, params=None, *, model=MLP, **changes):
    """A score of the small problem by name, at initialisation; `changes` replace its arguments."""
    loss, initial, state, batches = toy_problem(model)
    params = initial if params is None else params
    arguments = {
        "loss": loss,
        "batches": batches,
        "masks": masks.everything(params),
        "options": pruning.METHODS[name].options,
        "key": KEY,
        "probes": pruning.Probes(**models.probes(model)),
    }
    return scores.SCORES[name](params, state, **{**arguments, **changes})


def equal(a, b) -> bool:
    return jax.tree.all(jax.tree.map(lambda x, y: bool(np.array_equal(x, y)), a, b))
