"""Robust training regimes: their losses, and that nothing of them is left where they are turned off."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from conftest import MLP, NORM_MLP, toy_problem
from pruned import CONFIG, KEY
from regime_steps import first_step, keyed, plain_loss, start, step_of

from rosalind import models, training
from rosalind.config import Regime
from rosalind.pruning import masks
from rosalind.training import robust

SHAPE = (8, 8, 1)
OFF = {
    "gaussian": {"sigma": 0.0},
    "augmix": {"weight": 0.0},
    "adversarial": {"epsilon": 0.0},
    "mixup": {"alpha": 0.0},
}
"""Options with which a regime is plain training."""


@functools.cache
def trained(name: str | None, model=MLP, **options):
    _, params, state, batches = toy_problem(model)
    loss = training.robust_loss(None if name is None else Regime(name, options), plain_loss(model))
    if name is None:
        loss = models.cross_entropy(model)
    dense = masks.everything(params)
    source = batches if name is None else keyed(model)
    return training.fit(loss, params, state, source, config=CONFIG, masks=dense, key=KEY)


@pytest.mark.parametrize("model", [MLP, NORM_MLP], ids=["mlp", "norms"])
@pytest.mark.parametrize("name", sorted(training.REGIMES))
def test_turned_off_it_is_plain_training_bit_for_bit(name, model):
    off, plain = trained(name, model, **OFF[name]), trained(None, model)
    for one, other in ((off.trainable, plain.trainable), (off.state, plain.state)):
        jax.tree.map(np.testing.assert_array_equal, one, other)


@pytest.mark.parametrize("name", sorted(training.REGIMES))
def test_turned_on_it_is_another_and_repeats_itself(name):
    value_of = lambda batch: float(step_of(name)(params, state, batch)[1])
    (params, state, batch), (_, value, _) = start(), first_step(name)
    assert value != float(plain_loss()(params, state, batch)[0])
    assert np.isfinite(value)
    assert value == value_of(keyed()(KEY, 0))
    other = {**batch, "keys": keyed()(jax.random.key(6), 0)["keys"]}
    assert value != value_of(other)


@pytest.mark.parametrize("name", sorted(training.REGIMES))
def test_scores_and_evaluation_see_the_plain_loss(name):
    params, state, batch = start()
    robust_loss, plain = training.robust_loss(Regime(name), plain_loss()), plain_loss()
    without = {key: value for key, value in batch.items() if key != "keys"}
    assert robust_loss(params, state, without)[0] == plain(params, state, batch)[0]
    assert robust_loss(params, state, batch, False)[0] == plain(params, state, batch, False)[0]
    assert "logits" not in robust_loss(params, state, without)[1][1]


def test_equal_regimes_share_one_loss():
    once = training.robust_loss(Regime("gaussian", {"sigma": 0.2}), plain_loss())
    assert once is training.robust_loss(Regime("gaussian", {"sigma": 0.2}, label="noise"), plain_loss())
    assert once is not training.robust_loss(Regime("gaussian"), plain_loss())
    assert training.robust_loss(None, plain_loss()) is plain_loss()


class TestKeys:
    def test_differ_between_places_steps_and_epochs_and_change_nothing_else(self):
        batches, plain = keyed(), toy_problem(MLP)[3]
        keys = np.concatenate([batches(KEY, step)["keys"] for step in range(2 * batches.steps)])
        assert len(np.unique(keys, axis=0)) == len(keys) == 120
        for name, value in plain(KEY, 4).items():
            np.testing.assert_array_equal(value, batches(KEY, 4)[name])
        assert "keys" not in plain(KEY, 4)

    def test_files_and_memory_give_the_same(self):
        batches = keyed()

        class Stored:
            images = np.asarray(batches.images)

            def __getitem__(self, index):
                return self.images[index]

        stored = training.Batches(Stored(), batches.labels, 20, draws=True)
        for name, value in stored(KEY, 5).items():
            np.testing.assert_array_equal(value, batches(KEY, 5)[name])


class TestGaussian:
    def test_noise_has_the_deviation_asked_for_and_stays_in_range(self):
        keys = jax.random.key_data(jax.random.split(KEY, 50))
        added = np.asarray(robust.noisy(jnp.full((50, 16, 16, 3), 0.5), keys, 0.1)) - 0.5
        assert added.std() == pytest.approx(0.1, rel=0.02)
        assert added.mean() == pytest.approx(0, abs=2e-3)
        far = np.asarray(robust.noisy(jnp.full((50, 16, 16, 3), 0.5), keys, 1.0))
        assert (far.min(), far.max()) == (0, 1)
        assert not np.array_equal(added[0], added[1])

    def test_the_images_of_a_step_can_be_asked_for(self):
        shown = training.trained_images(Regime("gaussian"), plain_loss(), *start())
        np.testing.assert_allclose(shown, first_step("gaussian")[0], atol=1e-6)


class TestAdversarial:
    @pytest.mark.parametrize("epsilon", [4.0, 16.0])
    def test_images_stay_in_the_ball_and_raise_the_loss(self, epsilon):
        params, state, batch = start()
        images = first_step("adversarial", epsilon=epsilon, step=epsilon / 4)[0]
        clean = np.asarray(batch["images"], np.float32) / 255
        assert np.abs(images - clean).max() <= epsilon / 255 + 1e-6
        assert images.min() >= 0
        assert images.max() <= 1
        # Almost every pixel that can goes to the border of the ball.
        assert (np.abs(images - clean) > 0.99 * epsilon / 255).mean() > 0.5
        value = lambda x: float(plain_loss()(params, state, {**batch, "images": x}, False)[0])
        noise = np.clip(clean + epsilon / 255 * np.sign(np.random.default_rng(0).normal(size=clean.shape)), 0, 1)
        assert value(images) > value(noise.astype(np.float32))
        assert value(images) > value(clean)

    def test_the_ascent_begins_anywhere_in_the_ball_and_is_on_the_loss_of_evaluation(self):
        clean, is_training = jnp.full((20, *SHAPE), 0.5), []

        def loss(trainable, state, batch, train=True):
            is_training.append(train)
            return batch["images"].sum(), (state, {"logits": jnp.zeros((20, 3)), "images": batch["images"]})

        keys = jax.random.key_data(jax.random.split(KEY, 20))
        still = robust.adversarial(loss, {"epsilon": 51.0, "step": 0.0, "steps": 1})
        moved = 5 * (still({}, {}, {"images": clean, "keys": keys})[1][1]["images"] - clean)
        assert is_training.pop()
        assert not any(is_training)
        # Uniform from -1 to 1 of the ball's size: deviations of the mean and of the mean square are .016 and .008.
        assert float(moved.mean()) == pytest.approx(0, abs=0.07)
        assert float((moved**2).mean()) == pytest.approx(1 / 3, abs=0.04)
        assert float(jnp.abs(moved).max()) <= 1 + 1e-6

    def test_the_gradient_is_that_of_the_loss_at_fixed_images(self):
        params, state, batch = start()
        images = first_step("adversarial")[0]
        at_fixed = jax.grad(lambda p: plain_loss()(p, state, {**batch, "images": images})[0])(params)
        whole = jax.jit(jax.grad(lambda p: step_of("adversarial")(p, state, batch)[1]))(params)
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6), at_fixed, whole)

    def test_batch_norm_sees_the_attacked_batch_once(self):
        params, state, batch = start(NORM_MLP)
        images, _, after = first_step("adversarial", NORM_MLP)
        once = plain_loss(NORM_MLP)(params, state, {**batch, "images": images})[1][0]
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6), once, after)


class TestMixup:
    def test_loss_is_the_weighted_sum_of_both_labels(self):
        params, state, batch = start()
        seen = {}

        def spy(trainable, state, batch, train=True):
            seen.update(batch)
            return plain_loss()(trainable, state, batch, train)

        robust_loss = robust.mixup(spy, {"alpha": 0.4})
        value = robust_loss(params, state, batch, True)[0]
        hot = jax.nn.one_hot(batch["labels"], 3)
        share_key, order_key = jax.random.split(jax.random.wrap_key_data(batch["keys"][0]))
        order = jax.random.permutation(order_key, 20)
        share = float(jax.random.beta(share_key, 0.4, 0.4))
        assert 0 < share < 1
        np.testing.assert_allclose(seen["targets"], share * hot + (1 - share) * hot[order], rtol=1e-6)
        np.testing.assert_allclose(seen["targets"].sum(1), 1, rtol=1e-6)
        of = lambda labels: plain_loss()(params, state, {"images": seen["images"], "labels": labels})[0]
        both = share * of(batch["labels"]) + (1 - share) * of(batch["labels"][order])
        assert float(value) == pytest.approx(float(both), rel=1e-5)

    def test_smoothing_is_of_the_mixed_labels(self):
        params, state, batch = start()
        smoothed = models.cross_entropy(MLP, label_smoothing=0.3, logits=True)
        hot = 0.5 * (jax.nn.one_hot(batch["labels"], 3) + jax.nn.one_hot((batch["labels"] + 1) % 3, 3))
        logs = jax.nn.log_softmax(models.apply(MLP, {"params": params, **state}, batch["images"])[0])
        wanted = -((0.7 * hot + 0.1) * logs).sum(1).mean()
        assert float(smoothed(params, state, {**batch, "targets": hot})[0]) == pytest.approx(float(wanted), rel=1e-5)


class TestDistilling:
    def test_the_teacher_sees_labelled_images_alone(self):
        params, state, batch = start()
        student = models.distilled(MLP, 2.0, 0.5, logits=True)
        taught = {"inner": state, "teacher": {"trainable": jax.tree.map(lambda x: 0.5 * x, params), "state": state}}
        value, (_, records) = student(params, taught, batch)
        more = {**batch, "images": jnp.concatenate([batch["images"], 255 - batch["images"]])}
        again, (_, recorded) = student(params, taught, more)
        assert float(value) == pytest.approx(float(again), rel=1e-5)
        assert (records["logits"].shape, recorded["logits"].shape) == ((20, 3), (40, 3))
        robust_loss = training.robust_loss(Regime("gaussian", OFF["gaussian"]), student)
        assert float(robust_loss(params, taught, batch)[0]) == float(value)
        assert jax.eval_shape(training.robust_loss(Regime("augmix"), student), params, taught, batch)[0].shape == ()


class TestBadInput:
    @pytest.mark.parametrize(
        ("regime", "words"),
        [
            (Regime("augmx"), "augmix"),
            (Regime("gaussian", {"sigm": 1}), "sigma"),
            (Regime("gaussian", {"sigma": -0.1}), "sigma"),
            (Regime("gaussian", {"sigma": True}), "sigma"),
            (Regime("gaussian", {"sigma": float("nan")}), "sigma"),
            (Regime("adversarial", {"epsilon": 256}), "epsilon"),
            (Regime("adversarial", {"steps": 1.5}), "steps"),
            (Regime("adversarial", {"steps": 0}), "steps"),
            (Regime("mixup", {"alpha": -1}), "alpha"),
            (Regime("augmix", {"alpha": 0}), "alpha"),
            (Regime("augmix", {"depth": 0}), "depth"),
            (Regime("augmix", {"width": 0}), "width"),
            (Regime("augmix", {"weight": -1}), "weight"),
            (Regime("augmix", {"operations": []}), "operations"),
            (Regime("augmix", {"operations": ["brightness"]}), "brightness"),
        ],
    )
    def test_is_named(self, regime, words):
        with pytest.raises(ValueError, match=words):
            training.check_regime(regime, SHAPE)
