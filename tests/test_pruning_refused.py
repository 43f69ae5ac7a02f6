"""Refusals of `prune` and of the check of a method, and what a method needs before any work."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from conftest import MLP
from pruned import CONFIG, KEY, start

from rosalind import pruning
from rosalind.config import Method


@pytest.mark.parametrize(
    ("method", "message"),
    [
        (Method("magnitud"), "unknown method 'magnitud'; did you mean 'magnitude'"),
        (Method("magnitude", (1.0,)), r"in \[0, 1\), got 1.0"),
        (Method("magnitude", ()), "`sparsities` must be one or more"),
        (Method("magnitude", (0.5, 0.5)), "each once"),
        (
            Method("magnitude", (0.5,), {"scop": "layer"}),
            "unknown option of magnitude 'scop'; did you mean 'scope'",
        ),
        (Method("magnitude", (0.5,), {"scope": "erq"}), "unknown scope 'erq'"),
        (Method("filter_l1", (0.5,), {"scope": "erk"}), "unknown scope 'erk'"),
        (Method("lth", (0.5,), {"rewind": 1.0}), "lth: `rewind` must be the fraction .* got 1.0"),
        (Method("lth", (0.5,), {"control": "random"}), "unknown control 'random'"),
        (Method("snip", (0.5,), {"statistics": "running"}), "snip: unknown statistics 'running'"),
        (Method("rigl", (0.5,), {"restart": None}), "rigl: `restart` must be True or False, got None"),
        (Method("lth", (0.5,), {"rate": 0.0}), "lth: `rate` must .* got 0.0"),
        (Method("magnitude", (0.5,), {"epochs": -1}), "magnitude: `epochs` must .* got -1"),
        (Method("magnitude", (0.5,), {"distil": "yes"}), "magnitude: `distil` must .* got 'yes'"),
        (Method("magnitude", (0.5,), {"layers": {"head": 2.0}}), r"in \[0, 1\), got 2.0"),
        (Method("random", (0.5,), {"like": "lth"}), "control='shuffled' does this"),
        (Method("random", (0.5,), {"like": "snp"}), "did you mean 'snip'"),
        (Method("n_m", (0.5,), {"group": 1}), "n_m: `group` must be .* inputs per group, 2 to 64, got 1"),
        (
            Method("movement", (0.5,), {"begin": 0.8, "end": 0.7}),
            "movement: `begin` must be below `end`, got begin=0.8, end=0.7",
        ),
        (Method("woodfisher", (0.5,), {"damping": 0}), "woodfisher: `damping` must be above 0, got 0"),
        (Method("gmp", (0.5,), {"epochs": 0}), "gmp: `epochs` must be above 0"),
        (Method("gmp", (0.5,), {"begin": None}), "gmp: `begin` must be a fraction of the run.* got None"),
        (Method("snip", (0.5,), {"rounds": 1.5}), r"snip: `rounds` must be a whole number.* got 1\.5"),
        (Method("snip", (0.5,), {"rounds": float("inf")}), "snip: `rounds` must be a whole number.* got inf"),
        (Method("grasp", (0.5,), {"scope": "lamp"}), "grasp's scores are signed"),
        (Method("random", (0.5,), {"like": "snip", "scope": "erk"}), r"leave out \['scope'\]"),
        (
            Method("magnitude", (0.5,), {"distil_temperature": 2}),
            "`distil_temperature` does nothing beside distil=0, .*2",
        ),
        (Method("lth", (0.5,), {"preserve_weight": 1}), "`preserve_weight` does nothing beside preserve=None"),
        (Method("bn_scale", (0.5,), {"l1": 0.1}), "`l1` does nothing beside l1_epochs=0"),
        (Method("biprop", (0.5,), {"ramp": 2}), "`ramp` does nothing beside scope='layer'"),
        (Method("wanda", (0.5,), {"learning_rate": 0.1}), "`learning_rate` does nothing beside epochs=0, the default"),
        (Method("quantise", (0.5,), {"distil": 0.5}), "`distil` does nothing beside epochs=0"),
    ],
)
def test_bad_methods_are_refused(method, message):
    with pytest.raises(ValueError, match=message):
        pruning.check(method)


def test_the_plain_one_of_a_series_may_name_all_options():
    pruning.check(Method("magnitude", (0.5,), {"distil": 0.0, "distil_temperature": 2}))
    pruning.check(Method("quantise", (0.5,), {"epochs": 0, "learning_rate": 0.1}))


@pytest.mark.parametrize(
    ("leaf", "kind"),
    [
        (np.arange(3), "int64"),
        (jnp.ones(3, bool), "bool"),
        (jnp.ones(3, jnp.complex64), "complex64"),
        (jax.random.key(0), "key<fry>"),
        ("text", "<U4"),
    ],
)
def test_parents_with_parameters_that_cannot_be_trained_are_refused(toy, leaf, kind):
    _, params, state, _ = toy
    weights = pruning.Weights({**params, "order": leaf}, state)
    for method in ("magnitude", "snip", "biprop"):
        with pytest.raises(ValueError, match=f"must be real floats, which are trained, got 'order' of {kind}"):
            start(Method(method, (0.5,)), parent=pruning.Parent(weights, weights))


def test_bad_parents_are_refused(toy):
    loss, params, state, batches = toy
    broken = jax.tree.map(lambda x: x * np.nan, params)
    weights = pruning.Weights(params, state)
    arguments = {"loss": loss, "batches": batches, "config": CONFIG, "key": KEY}
    with pytest.raises(ValueError, match="contain NaN"):
        pruning.prune(Method("random"), pruning.Parent(weights, pruning.Weights(broken, state)), **arguments)
    nothing = pruning.Weights({"layer": {"bias": jnp.ones(3)}}, {})
    with pytest.raises(ValueError, match="nothing to prune"):
        pruning.prune(Method("random"), pruning.Parent(nothing, nothing), **arguments)
    with pytest.raises(ValueError, match="would keep -1267 of 48 weights that may be removed; protected"):
        pruning.prune(Method("random", (0.99,)), pruning.Parent(weights, weights), protected=("backbone",), **arguments)


def test_what_a_method_needs_is_asked_for_before_any_work():
    with pytest.raises(ValueError, match=r"none behind any of .*dense0/kernel"):
        start(Method("bn_scale", (0.5,)), model=MLP)
    with pytest.raises(ValueError, match="synflow needs 'flow'"):
        start(Method("random", (0.5,), {"like": "synflow"}), functions=pruning.ModelFunctions())
