"""Known answers of masks that are learned: tickets, movement, gates, N:M groups."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
from pruned import CONFIG, parent_of, run

from rosalind import training
from rosalind.config import Method
from rosalind.pruning import form, masks, tickets


class TestBiprop:
    def test_the_gain_is_the_best_one(self):
        generator = np.random.default_rng(0)
        weight, mask = generator.normal(size=50).astype(np.float32), generator.random(50) < 0.4
        best = np.abs(np.asarray(tickets.binarise(weight, mask))[mask][0])
        errors = [((weight - a * np.sign(weight)) ** 2)[mask].sum() for a in (best, best * 1.01, best * 0.99)]
        assert errors[0] == min(errors)

    def test_an_empty_layer_is_zero(self):
        assert not np.asarray(tickets.binarise(jnp.ones(4), jnp.zeros(4, bool))).any()

    def test_the_gradient_passes_straight_through(self):
        weight = jnp.array([[0.5, -2.0], [1.0, 0.1]])
        found = {"kernel": jnp.array([[0.3, -0.9], [0.8, -0.1]])}
        pull = jnp.array([[1.0, 2.0], [3.0, 4.0]])
        carried = {"frozen": {"kernel": weight}, "kept": {"kernel": jnp.int32(2)}}

        def value(s):
            return (tickets.ticket(True).effective(s, carried, False)[0]["kernel"] * pull).sum()

        gradient = jax.grad(value)(found)["kernel"]
        np.testing.assert_allclose(gradient, pull * weight * jnp.sign(found["kernel"]), rtol=1e-6)

    def test_weights_are_frozen_signs_with_one_gain_per_layer(self, toy):
        pruned = run(Method("biprop", (0.5,)))[0]
        initial = training.by_path(toy[1])
        for path, mask in pruned.masks.items():
            kept = np.asarray(training.by_path(pruned.weights.trainable)[path])[mask]
            assert len(np.unique(np.abs(kept))) == 1
            np.testing.assert_array_equal(np.sign(kept), np.sign(np.asarray(initial[path])[mask]))

    def test_seeds_and_sparsities_share_one_compilation(self, toy):
        run(Method("biprop", (0.3,)))
        loss = form.loss_of(toy[0], tickets.ticket(True))
        paths = frozenset(masks.everything(toy[1]))
        config = replace(CONFIG, optimizer="sgd", weight_decay=5e-4)
        _, _, executables = training.fitting.compiled(
            loss, "sgd", config.momentum, config.weight_decay, paths
        )
        before = len(executables)
        run(Method("biprop", (0.4, 0.8)))
        assert len(executables) == before == 1


class TestEdgePopup:
    def test_kept_weights_are_signed_constants_of_the_kept_fan(self, toy):
        made = run(Method("edge_popup", (0.7,)))[0]
        initial = training.by_path(parent_of().initial.trainable)
        for path, mask in made.masks.items():
            weight = np.asarray(training.by_path(made.weights.trainable)[path])
            fan = np.prod(mask.shape[:-1]) * mask.mean()
            np.testing.assert_allclose(np.abs(weight[mask]), np.sqrt(2 / fan), rtol=1e-5)
            np.testing.assert_array_equal(np.sign(weight[mask]), np.sign(np.asarray(initial[path])[mask]))

    def test_without_constants_the_initial_weights_stay(self, toy):
        made = run(Method("edge_popup", (0.5,), {"constant": False}))[0]
        initial = training.by_path(parent_of().initial.trainable)
        for path, mask in made.masks.items():
            weight = np.asarray(training.by_path(made.weights.trainable)[path])
            np.testing.assert_array_equal(weight, np.where(mask, initial[path], 0))
