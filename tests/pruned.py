"""A small problem with a dense parent, and ways to prune it; what is asked for twice is made once."""

import functools
from dataclasses import dataclass, replace

import jax
import numpy as np
from conftest import MLP, NORM_MLP, toy_problem

from rosalind import models, pruning, training
from rosalind.config import Method, Train
from rosalind.pruning import masks

CONFIG = Train(epochs=2, batch_size=20, learning_rate=0.02, warmup=0)
KEY = jax.random.key(5)
SPARSITIES = (0.5, 0.9)
FEWER = {"woodfisher": {"score_samples": 100}}
"""Options for fewer samples: 1,000 rank-one updates of an inverse take 5 s without optimisation."""
FUNCTIONS = pruning.ModelFunctions(**models.model_functions(MLP))


def model_of(name: str):
    """The network that a method is tried on: one with norms where the method ranks their scales."""
    return NORM_MLP if name == "bn_scale" else MLP


@functools.cache
def preserved(kind: str, drop: float):
    """Stands in for class maps, which these networks have not: the first layer's kernel, with the same arguments."""

    def term(trainable, state, batch, key, train=True):
        own, taught = (p["backbone"]["dense0"]["kernel"] for p in (trainable, state["teacher"]["trainable"]))
        left = jax.random.uniform(key, own.shape) >= drop if kind == "sswa" else True
        return ((own - jax.numpy.where(left, taught, 0)) ** 2).mean()

    return term


@functools.cache
def changed(sigma: float):
    """Stands in for the change of class maps, likewise: the size of the first pixel, scaled."""
    return lambda trainable, state, batch, key: sigma * batch["images"][:, 0, 0, 0].astype(float)


STAND_INS = {"preserved": preserved, "changed": changed}


@functools.cache
def parent_of(model=MLP) -> pruning.Parent:
    loss, params, state, batches = toy_problem(model)
    dense = masks.everything(params)
    fitted = training.fit(loss, params, state, batches, config=CONFIG, masks=dense, key=KEY)
    return pruning.Parent(pruning.Weights(params, state), pruning.Weights(fitted.trainable, fitted.state))


def start(method: Method, **options):
    """The iterator of `prune`; options replace its arguments."""
    model = options.pop("model", model_of(method.name))
    method = replace(method, options={**FEWER.get(method.name, {}), **method.options})
    loss, _, _, batches = toy_problem(model)
    arguments = {
        "parent": parent_of(model),
        "loss": loss,
        "batches": batches,
        "config": CONFIG,
        "key": KEY,
        "groups": models.groups(model),
        "functions": pruning.ModelFunctions(**{**models.model_functions(model), **STAND_INS}),
    }
    return pruning.prune(method, **{**arguments, **options})


def run(method: Method, **options) -> list[pruning.Pruned]:
    """All networks of a method."""
    return list(start(method, **options))


@functools.cache
def default_run(name: str) -> list[pruning.Pruned]:
    """A method at both sparsities with its default options, but for those of `FEWER`."""
    return run(Method(name, SPARSITIES))


def scoring_of(params=None, *, model=MLP, **changes) -> pruning.Scoring:
    """The small problem at initialisation, ready to be scored; `changes` replace fields."""
    loss, initial, state, batches = toy_problem(model)
    params = initial if params is None else params
    scoring = pruning.Scoring(
        params,
        state,
        loss,
        batches,
        masks.everything(params),
        {},
        KEY,
        pruning.ModelFunctions(**models.model_functions(model)),
        models.groups(model),
    )
    return replace(scoring, **changes)


def scored(name: str, params=None, *, model=MLP, **changes):
    """The score of a method by name; `changes` replace fields of `Scoring`."""
    recipe = pruning.METHODS[name]
    return recipe.score(scoring_of(params, model=model, **{"options": recipe.options, **changes}))


def run_of(name: str, params, *, steps: int, epochs: float, **options) -> pruning.MethodRun:
    """A run of a method on plain parameters without data: `steps` per epoch, options over the recipe's."""
    recipe = pruning.METHODS[name]
    loss, _, _, batches = toy_problem(MLP)
    weights = pruning.Weights(params, {})
    return pruning.MethodRun(
        name=name,
        recipe=recipe,
        sparsities=(),
        options={**recipe.options, "epochs": epochs, **options},
        parent=pruning.Parent(weights, weights),
        loss=loss,
        batches=Steps(batches, steps),
        scoring=batches,
        config=CONFIG,
        fit=training.fit,
        protected=(),
        resume={},
        key=KEY,
    )


@dataclass(frozen=True)
class Steps:
    """A batch source that claims another number of steps per epoch."""

    source: training.BatchSource
    steps: int

    @property
    def samples(self) -> int:
        return self.source.samples

    def __call__(self, key, step: int):
        return self.source(key, step)


def equal(a, b) -> bool:
    return jax.tree.all(jax.tree.map(lambda x, y: bool(np.array_equal(x, y)), a, b))
