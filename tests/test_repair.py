"""Repair after one-shot pruning: variances and means come back exactly, and off is bit for bit nothing."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from conftest import MLP, NORM_MLP, toy_problem
from pruned import CONFIG, FUNCTIONS, KEY, equal, parent_of, run

from rosalind import models, pruning, training
from rosalind.config import Method

SAMPLES = 60


def batch_of(model) -> dict:
    """All samples of the small problem, in the order in which repair sees them."""
    batches = toy_problem(model)[3]
    parts = [batches(KEY, step) for step in range(3)]
    return jax.tree.map(lambda *leaves: jnp.concatenate(leaves), *parts)


def moments_of(model, weights: pruning.Weights) -> dict:
    return models.moments(model)(*weights, batch_of(model))[1]


@pytest.mark.parametrize("method", ["magnitude", "wanda", "filter_l1", "n_m"])
def test_every_channel_has_the_parents_moments(method):
    pruned = run(Method(method, (0.5,), {"epochs": 0, "repair": SAMPLES}), model=MLP)[0]
    wanted, made = moments_of(MLP, parent_of(MLP).trained), moments_of(MLP, pruned.weights)
    assert list(made) == ["backbone/dense0/kernel", "backbone/dense1/kernel", "head/kernel"]
    for path, (mean, variance) in made.items():
        # Without removed channels and those that are constant.
        alive = np.asarray(variance) > 0
        assert alive.sum() >= len(alive) / 2
        np.testing.assert_allclose(mean[alive], wanted[path][0][alive], rtol=1e-4, atol=1e-4)
        both = alive & (np.asarray(wanted[path][1]) > 0) & np.asarray(variance >= 0.01 * wanted[path][1])
        assert both.sum() >= 0.9 * alive.sum()
        np.testing.assert_allclose(variance[both], wanted[path][1][both], rtol=1e-3)
    training.check_masks(pruned.weights.trainable, pruned.masks)
    leaves = training.by_path(pruned.weights.trainable)
    for path, mask in pruned.masks.items():
        assert not np.asarray(leaves[path])[~mask].any()


def test_a_linear_layer_by_hand():
    # One weight of each output is left, so that its ratio is that of the deviations.
    x = jnp.asarray(np.random.default_rng(0).normal(size=(8, 2)), jnp.float32)
    pruned = linear([[3.0, 1.0], [1.0, 2.0]], x)
    kernel, bias = (pruned.weights.trainable["layer"][name] for name in ("kernel", "bias"))
    dense = np.asarray(x) @ np.array([[3.0, 1.0], [1.0, 2.0]]) + np.array([1.0, -1.0])
    ratio = dense.std(0) / np.array([3 * np.std(x[:, 0]), 2 * np.std(x[:, 1])])
    np.testing.assert_allclose(kernel, np.diag([3, 2] * ratio), rtol=1e-5)
    np.testing.assert_allclose(bias, dense.mean(0) - ratio * [3, 2] * np.asarray(x).mean(0), rtol=1e-5, atol=1e-6)


def linear(kernel, x) -> pruning.Pruned:
    """A linear layer at sparsity 0.5 by magnitude, repaired on all samples."""
    trained = {"layer": {"kernel": jnp.array(kernel), "bias": jnp.array([1.0, -1.0])}}

    class Whole:
        steps, samples = 1, len(x)

        def __call__(self, key, step):
            return {"x": x}

    def moments(params, state, batch):
        outputs = batch["x"] @ params["layer"]["kernel"] + params["layer"]["bias"][None]
        return state, {"layer/kernel": (outputs.mean(0), outputs.var(0))}

    weights = pruning.Weights(trained, {})
    loss = lambda p, state, batch, train=True: (moments(p, state, batch)[1]["layer/kernel"][0].sum(), (state, {}))
    return next(
        pruning.prune(
            Method("magnitude", (0.5,), {"epochs": 0, "repair": len(x)}),
            pruning.Parent(weights, weights),
            loss=loss,
            batches=Whole(),
            config=CONFIG,
            functions=pruning.ModelFunctions(moments=moments),
            key=KEY,
        )
    )


def test_a_channel_that_lost_its_variance_is_not_scaled_up():
    # The second output lives on the second input, whose smaller weight is removed: 0.25 of a variance of 1,600 is left.
    x = jnp.asarray(np.random.default_rng(0).normal(size=(50, 2)) * [1, 100], jnp.float32)
    pruned = linear([[3.0, 0.5], [0.01, 0.4]], x)
    kernel, bias = (np.asarray(pruned.weights.trainable["layer"][name]) for name in ("kernel", "bias"))
    assert kernel[0, 1] == 0.5
    assert 1 < kernel[0, 0] / 3 < 1.3
    dense = np.asarray(x) @ np.array([[3.0, 0.5], [0.01, 0.4]]) + np.array([1.0, -1.0])
    # Its mean comes back still.
    np.testing.assert_allclose((np.asarray(x) @ kernel + bias).mean(0), dense.mean(0), rtol=1e-3, atol=1e-4)


def test_behind_every_norm_it_is_recalibration():
    # A norm takes out any scale before it: only the head, which has none behind it, is matched beyond that.
    plain = run(Method("magnitude", (0.7,), {"epochs": 0}), model=NORM_MLP)[0]
    fixed = run(Method("magnitude", (0.7,), {"epochs": 0, "repair": SAMPLES}), model=NORM_MLP)[0]
    images = batch_of(NORM_MLP)["images"]
    state, _ = models.moments(NORM_MLP)(*plain.weights, batch_of(NORM_MLP))
    features = lambda weights: models.apply(NORM_MLP, {"params": weights.trainable, **weights.state}, images)[1]
    np.testing.assert_allclose(
        features(fixed.weights), features(plain.weights._replace(state=state)), rtol=1e-3, atol=1e-3
    )
    assert not np.allclose(features(fixed.weights), features(plain.weights), atol=1e-2)
    statistics = models.batch_statistics(NORM_MLP, {"params": fixed.weights.trainable, **fixed.weights.state}, images)
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5),
        fixed.weights.state["batch_stats"],
        statistics,
    )


@pytest.mark.parametrize("method", ["magnitude", "filter_l1"])
def test_off_is_bit_for_bit_what_leaves_it_out(method):
    plain, off = (run(Method(method, (0.5, 0.9), options)) for options in ({}, {"repair": 0}))
    for a, b in zip(plain, off, strict=True):
        assert equal(a.masks, b.masks)
        assert equal(a.weights, b.weights)


def test_dead_channels_keep_their_weights_and_nothing_is_infinite():
    pruned = run(Method("magnitude", (0.98,), {"epochs": 0, "repair": SAMPLES, "scope": "global"}), model=MLP)[0]
    assert any((~mask).all(0).any() for mask in pruned.masks.values() if mask.ndim == 2)
    assert all(np.isfinite(np.asarray(leaf)).all() for leaf in jax.tree.leaves(pruned.weights))


def test_what_cannot_be_repaired_is_said():
    outputs = lambda params, state, batch: (state, {"head/kernel": (jnp.zeros(3), jnp.ones(3))})
    made = run(Method("magnitude", (0.5,), {"epochs": 0, "repair": 10}), functions=FUNCTIONS._replace(moments=outputs))
    assert "not repaired" in made[0].notes[0]
    assert "backbone/dense0/kernel, backbone/dense1/kernel" in made[0].notes[0]
    with pytest.raises(ValueError, match="magnitude with repair needs 'moments' of the model"):
        run(Method("magnitude", (0.5,), {"repair": 10}), functions=pruning.ModelFunctions())
    with pytest.raises(ValueError, match="unknown option of lth 'repair'"):
        pruning.check(Method("lth", (0.5,), {"repair": 10}))
    with pytest.raises(ValueError, match=r"`repair` must be a whole number of samples, 0 for none, got 0\.5"):
        pruning.check(Method("magnitude", (0.5,), {"repair": 0.5}))
