"""Attacks: closed forms, their ball, and what they do to a network and to a callable."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from conftest import MLP
from fitted import KEY, applied

from rosalind import conditions, measures, measuring, models
from rosalind.conditions import attacks
from rosalind.conditions.network import Network
from rosalind.config import Condition


def accuracy(network, images, labels):
    return float((models.apply(MLP, network.variables, images)[0].argmax(1) == labels).mean())


class TestAttacks:
    @pytest.mark.parametrize("name", [n for n, k in conditions.CONDITIONS.items() if k.category == "attack"])
    def test_size_zero_is_clean(self, network, name):
        net, split = network
        values = np.asarray(applied(Condition(name, 0), net, split), np.float64)
        scale = 1 if name == "pgd_transfer" else 255
        np.testing.assert_allclose(values * scale, split.images, atol=1e-4)

    @pytest.mark.parametrize("name", ["pgd-linf", "pgd-l2"])
    def test_no_steps_are_clean(self, network, name):
        net, split = network
        values = np.asarray(applied(Condition(name, 8, options={"steps": 0}), net, split))
        np.testing.assert_allclose(255 * values, split.images, atol=1e-4)

    @pytest.mark.parametrize(
        ("name", "sizes"),
        [("fgsm", (0, 4, 16, 64)), ("pgd-linf", (0, 4, 16, 64)), ("pgd-l2", (0, 0.3, 1, 4))],
    )
    def test_accuracy_does_not_rise_with_the_size(self, network, name, sizes):
        net, split = network
        found = [accuracy(net, applied(Condition(name, s), net, split), split.labels) for s in sizes]
        assert found == sorted(found, reverse=True)
        assert found[0] - found[-1] > 0.2

    @pytest.mark.parametrize(("name", "size"), [("fgsm", 8), ("pgd-linf", 8), ("pgd-l2", 0.7)])
    def test_the_ball_is_kept(self, network, name, size):
        net, split = network
        values = np.asarray(applied(Condition(name, size), net, split))
        change = values - split.images / 255
        assert values.min() >= 0
        assert values.max() <= 1
        if name == "pgd-l2":
            assert np.sqrt((change**2).sum((1, 2, 3))).max() <= size + 1e-5
        else:
            assert np.abs(change).max() <= size / 255 + 1e-6

    def test_more_steps_and_restarts_never_help_the_network(self, network):
        net, split = network
        at = lambda **options: accuracy(
            net, applied(Condition("pgd-linf", 12, options=options), net, split), split.labels
        )
        assert at(steps=20) <= at(steps=2)
        assert at(steps=5, restarts=3) <= at(steps=5, restarts=1)
        # Without limits the gradient must find everything, or it is masked.
        assert at(steps=50) <= accuracy(net, applied(Condition("fgsm", 12), net, split), split.labels) + 0.02

    @pytest.mark.parametrize(("norm", "size"), [("linf", 0.01), ("l2", 0.07)])
    def test_a_linear_classifier_has_its_closed_form(self, norm, size, monkeypatch):
        # Two classes, x in the middle of the cube: robust where the gap exceeds size times the dual norm.
        generator = np.random.default_rng(3)
        kernel = generator.normal(size=(64, 2)).astype(np.float32)
        images = (0.5 + 0.1 * generator.normal(size=(200, 8, 8, 1))).clip(0.3, 0.7).astype(np.float32)
        centre = images.reshape(200, -1).mean(0) @ kernel
        apply = lambda config, variables, x, train=False: (
            x.reshape(len(x), -1) @ variables["kernel"] - jnp.asarray(centre)[None],
            x,
            {},
        )
        monkeypatch.setattr(models, "apply", apply)
        config = dataclasses.replace(MLP, classes=2, width=77)
        labels = (images.reshape(200, -1) @ kernel - centre).argmax(1).astype(np.int32)
        attacked = attacks.attack(
            config,
            {"kernel": jnp.asarray(kernel)},
            images,
            labels,
            np.arange(200, dtype=np.uint32),
            KEY,
            jnp.float32(size),
            jnp.float32(size / 4),
            jnp.int32(20),
            norm=norm,
        )
        left = apply(None, {"kernel": kernel}, np.asarray(attacked))[0].argmax(1) == labels
        direction = kernel[:, 0] - kernel[:, 1]
        gap = np.abs(images.reshape(200, -1) @ direction - (centre[0] - centre[1]))
        dual = np.abs(direction).sum() if norm == "linf" else np.linalg.norm(direction)
        exact = gap > size * dual
        # A path of twenty steps ends within a hundredth of the boundary's place.
        undecided = np.abs(gap - size * dual) < 0.02 * size * dual
        np.testing.assert_array_equal(np.asarray(left)[~undecided], exact[~undecided])
        assert 0.1 < exact.mean() < 0.9

    def test_starts_are_drawn_by_id(self, network):
        net, split = network
        condition = Condition("pgd-linf", 8, options={"steps": 1})
        whole = np.asarray(applied(condition, net, split))
        subset = split.take(np.arange(40, 60))
        np.testing.assert_allclose(np.asarray(applied(condition, net, subset)), whole[40:60], atol=1e-6)

    def test_geometry_of_an_attack_has_all_arrays(self, network):
        net, split = network
        for name, size in (("pgd-linf", 16), ("pgd-l2", 1.0), ("fgsm", 16)):
            ((_, cell),) = measuring.measure(
                [net], conditions.plan(Condition(name, size)), split, KEY, subset=np.arange(9)
            )
            ((_, clean),) = measuring.measure([net], conditions.plan(Condition()), split, KEY)
            assert set(measures.STORED) < set(cell)
            assert cell["features"].shape[0] == 9
            assert np.median(cell["margin"]) < np.median(clean["margin"])

    def test_a_transferred_attack_is_made_once(self, network):
        net, split = network
        condition = Condition("pgd_transfer", 16)
        with pytest.raises(ValueError, match="`attacked` is required"):
            list(measuring.measure([net], conditions.plan(condition), split, KEY))
        corrupted = applied(condition, net, split)
        assert corrupted.dtype == np.uint8
        callable_ = Network(
            "imported",
            net.reference,
            features=lambda x: models.apply(MLP, net.variables, x)[1],
            kernel=models.head(MLP, net.variables)[0],
            bias=models.head(MLP, net.variables)[1],
        )
        found = dict(measuring.measure([net, callable_], conditions.plan(condition), split, KEY, attacked=net))
        np.testing.assert_array_equal(found["mlp"]["prediction"], found["imported"]["prediction"])

    @pytest.mark.parametrize(
        ("name", "size", "options"),
        [("fgsm", 8, {}), ("pgd-linf", 8, {"steps": 3, "restarts": 2}), ("pgd-l2", 0.5, {"steps": 3})],
    )
    def test_a_callable_with_a_gradient_is_attacked_as_the_model_is(self, network, name, size, options):
        net, split = network
        loss = lambda x, labels: (
            -jnp.take_along_axis(jax.nn.log_softmax(models.apply(MLP, net.variables, x)[0]), labels[:, None], 1).sum()
        )
        callable_ = Network(
            "imported",
            net.reference,
            features=lambda x: models.apply(MLP, net.variables, x)[1],
            kernel=models.head(MLP, net.variables)[0],
            bias=models.head(MLP, net.variables)[1],
            gradient=jax.grad(loss),
        )
        condition = Condition(name, size, options=options)
        exact, made = (np.asarray(applied(condition, one, split)) for one in (net, callable_))
        # Where a gradient is nearly 0 its sign is rounding.
        assert (np.abs(made - exact) > 1e-4).mean() < 0.005
        assert np.abs(made - split.images / 255).max() > 0.01
        for wrong in (lambda x, labels: x[:, 0], lambda x, labels: np.nan * x):
            with pytest.raises(ValueError, match="`gradient` of 'imported' must give finite float"):
                applied(condition, dataclasses.replace(callable_, gradient=wrong), split)

    def test_what_is_refused(self, network):
        _, split = network
        with pytest.raises(ValueError, match="unknown option of pgd-linf 'stepz'; did you mean 'steps'"):
            conditions.plan(Condition("pgd-linf", 8, options={"stepz": 3}))
        with pytest.raises(ValueError, match="pgd-linf: option 'steps' must be a whole number of 0 or more, got -1"):
            conditions.plan(Condition("pgd-linf", 8, options={"steps": -1}))
        with pytest.raises(ValueError, match="severity of fgsm must be 0 or more, got -8"):
            conditions.plan(Condition("fgsm", -8))
        with pytest.raises(ValueError, match="needs gradients"):
            applied(Condition("fgsm", 8), Network("x", None, features=len), split)
        with pytest.raises(ValueError, match="unknown option of fog 'steps'"):
            conditions.plan(Condition("fog", 3, options={"steps": 3}))
