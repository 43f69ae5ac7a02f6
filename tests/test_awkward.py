"""Networks of a user's own: every kind of method reaches its sparsity on them, or says before work why not."""

import functools

import awkward
import jax
import numpy as np
import pytest
from awkward import model_of
from conftest import toy_problem

from rosalind import models, pruning, training
from rosalind.config import Method, Train
from rosalind.pruning import masks, structured

CONFIG = Train(epochs=1, batch_size=60, learning_rate=0.01, warmup=0)
KEY = jax.random.key(5)
METHODS = {
    "wanda": {"score_samples": 20},
    "synflow": {"rounds": 1, "epochs": 0},
    "fisher": {"score_samples": 20, "epochs": 0},
    "rigl": {"every": 1, "end": 1},
    "biprop": {},
    "filter_l1": {"epochs": 0},
    "n_m": {"epochs": 0},
}
"""A method of every kind: needs inputs, a flow, gradients per sample; changes or learns masks; channels; blocks."""

REFUSED = {
    ("Scanned", "wanda"): "gives no inputs of .*layers/kernel",
    ("Stateful", "wanda"): "gives no inputs of .*layers/0/kernel",
    **{(name, "filter_l1"): "needs to know which belong together" for name in ("Stateful", "RmsNorm", "Attending")},
}
"""The words of what is refused before any work."""


@functools.cache
def problem(name: str):
    """The small problem of a module in one batch, its dense parent after one step, and its functions."""
    model = model_of(name)
    loss, params, state, batches = toy_problem(model)
    dense = masks.everything(params)
    fitted = training.fit(loss, params, state, batches, config=CONFIG, masks=dense, stop=1, key=KEY)
    parent = pruning.Parent(pruning.Weights(params, state), pruning.Weights(fitted.trainable, fitted.state))
    return loss, parent, batches, pruning.ModelFunctions(**models.model_functions(model))


@pytest.mark.parametrize("name", awkward.MODULES)
def test_every_kind_of_method_reaches_its_sparsity_or_is_refused(name):
    loss, parent, batches, functions = problem(name)
    for method, options in METHODS.items():
        recipe = pruning.METHODS[method]
        prune = functools.partial(
            pruning.prune,
            Method(method, (0.5,), options),
            parent,
            loss=loss,
            batches=batches,
            config=CONFIG,
            functions=functions,
            groups=models.groups(model_of(name)) if recipe.granularity == "channel" else (),
            key=KEY,
        )
        if (name, method) in REFUSED:
            with pytest.raises(ValueError, match=REFUSED[name, method]):
                prune()
            continue
        (pruned,) = prune()
        assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(pruned.weights.trainable)), method
        reached = masks.sparsity_of(pruned.masks)
        if recipe.exact:
            total = sum(mask.size for mask in pruned.masks.values())
            assert round(reached * total) == total - masks.kept_count(total, 0.5), method
        elif abs(reached - 0.5) > structured.MISSED:
            assert "left dense" in pruned.notes[0] or "at most" in pruned.notes[0], (method, pruned.notes)
