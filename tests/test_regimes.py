"""Robust training regimes: their losses, and that nothing of them is left where they are turned off."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from conftest import MLP, NORM_MLP, toy_problem
from PIL import Image, ImageOps
from pruned import CONFIG, KEY

from rosalind import corruptions, models, training
from rosalind.config import Regime
from rosalind.pruning import masks
from rosalind.training import augmix, robust

SHAPE = (8, 8, 1)
operate = jax.jit(augmix.operate)
OFF = {
    "gaussian": {"sigma": 0.0},
    "augmix": {"weight": 0.0},
    "adversarial": {"epsilon": 0.0},
    "mixup": {"alpha": 0.0},
}
"""Options with which a regime is plain training."""


@functools.cache
def keyed(model=MLP) -> training.Batches:
    """The toy problem's batches with keys."""
    plain = toy_problem(model)[3]
    return training.Batches(plain.images, plain.labels, 20, draws=True)


@functools.cache
def plain_loss(model=MLP):
    return models.cross_entropy(model, logits=True)


@functools.cache
def step_of(name: str, model=MLP, **options):
    """From weights, state and batch to the images that a step of a regime shows, its loss, and the state after it.

    One program, as AugMix takes seconds to compile.
    """

    def recording(params, state, batch, train=True):
        value, (after, records) = plain_loss(model)(params, state, batch, train)
        return value, (after, {**records, "images": robust.pixels(batch["images"])})

    def step(params, state, batch):
        value, (after, records) = training.robust_loss(Regime(name, options), recording)(params, state, batch)
        return records["images"], value, after

    return jax.jit(step)


@functools.cache
def first_step(name: str, model=MLP, **options):
    """The first step of a regime on the toy problem, see `step_of`."""
    images, value, after = step_of(name, model, **options)(*start(model))
    return np.asarray(images), float(value), after


def start(model=MLP):
    """Weights, state and the first batch of the toy problem, with keys."""
    _, params, state, _ = toy_problem(model)
    return params, state, keyed(model)(KEY, 0)


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

        robust_loss = robust.mixup(spy, {"alpha": 1.0})
        value = robust_loss(params, state, batch, True)[0]
        hot = jax.nn.one_hot(batch["labels"], 3)
        share_key, order_key = jax.random.split(jax.random.wrap_key_data(batch["keys"][0]))
        order = jax.random.permutation(order_key, 20)
        share = float(jax.random.beta(share_key, 1.0, 1.0))
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


class TestJensenShannon:
    logits = jax.random.normal(KEY, (3, 6, 4))

    def test_is_zero_for_equal_and_log_three_for_certain_and_different(self):
        equal = jnp.broadcast_to(self.logits[:1], (3, 6, 4))
        np.testing.assert_allclose(augmix.jensen_shannon(equal), 0, atol=1e-6)
        certain = 200 * jnp.eye(3)[:, None]
        assert float(augmix.jensen_shannon(certain)[0]) == pytest.approx(np.log(3), rel=1e-6)

    def test_by_hand_and_within_its_bounds(self):
        p = np.asarray(jax.nn.softmax(self.logits), np.float64)
        wanted = (p * np.log(p / p.mean(0))).sum(-1).mean(0)
        value = np.asarray(augmix.jensen_shannon(self.logits))
        np.testing.assert_allclose(value, wanted, rtol=1e-5)
        wide = np.asarray(augmix.jensen_shannon(50 * self.logits))
        assert (wide >= -1e-6).all()
        assert (wide <= np.log(3) + 1e-6).all()

    def test_gradient_is_finite_where_a_probability_is_zero_and_right(self):
        certain = jnp.broadcast_to(300 * jnp.eye(3, 4)[:, None], (3, 6, 4))
        value = jax.jit(lambda x: augmix.jensen_shannon(x).sum())
        slope_of = jax.jit(jax.grad(value))
        assert np.isfinite(slope_of(certain)).all()
        slope, direction = slope_of(self.logits), jax.random.normal(jax.random.key(1), self.logits.shape)
        step = 1e-2
        difference = (value(self.logits + step * direction) - value(self.logits - step * direction)) / (2 * step)
        assert float((slope * direction).sum()) == pytest.approx(float(difference), rel=1e-2)


class TestAugMix:
    image = jnp.asarray(np.random.default_rng(0).integers(0, 256, (8, 10, 2)) / 255, jnp.float32)

    def operated(self, name, level, sign=1.0, image=None):
        image = self.image if image is None else image
        return np.asarray(operate(image, augmix.OPERATIONS.index(name), level, sign))

    def test_no_operation_is_a_test_corruption(self):
        assert not {*augmix.OPERATIONS} & {*corruptions.NAMES, *corruptions.EXTRA}
        assert not {"contrast", "brightness", "color", "sharpness"} & {*augmix.OPERATIONS}

    @pytest.mark.parametrize("name", augmix.OPERATIONS)
    def test_every_operation_keeps_pixels_in_range(self, name):
        for level, sign in ((0.1, -1.0), (3.0, 1.0)):
            changed = self.operated(name, level, sign)
            assert changed.shape == self.image.shape
            assert np.isfinite(changed).all()
            assert changed.min() >= 0
            assert changed.max() <= 1 + 1e-6
        assert not np.array_equal(changed, self.image)

    @pytest.mark.parametrize("name", ["rotate", "shear_x", "shear_y", "translate_x", "translate_y"])
    def test_geometry_without_strength_changes_nothing(self, name):
        np.testing.assert_allclose(self.operated(name, 0.0), self.image, atol=1e-6)

    def test_moves_go_by_a_share_of_the_side_and_leave_black(self):
        # A third of 10 columns at level 10: level 6 is two of them; of 8 rows level 7.5 is two.
        moved = self.operated("translate_x", 6.0)
        np.testing.assert_allclose(moved[:, :8], self.image[:, 2:], atol=1e-5)
        assert not moved[:, 8:].any()
        moved = self.operated("translate_y", 7.5, -1.0)
        np.testing.assert_allclose(moved[2:], self.image[:6], atol=1e-5)
        assert not moved[:2].any()

    def test_turns_are_those_of_scipy(self):
        from scipy import ndimage

        wanted = ndimage.rotate(np.asarray(self.image[..., 0]), 9, reshape=False, order=1, mode="constant")
        turned = self.operated("rotate", 3.0)[..., 0]
        opposite = self.operated("rotate", 3.0, -1.0)[..., 0]
        inner = np.s_[2:6, 3:7]
        assert min(np.abs(turned - wanted)[inner].max(), np.abs(opposite - wanted)[inner].max()) < 1e-4

    def test_equal_level_counts_are_equalised_by_the_closed_form(self):
        channel = jnp.array([[0, 0, 10, 20], [20, 20, 20, 250]]) / 255
        wanted = np.array([[0, 0, 1 / 6, 5 / 6], [5 / 6, 5 / 6, 5 / 6, 1]])
        np.testing.assert_allclose(augmix.equalised(channel[..., None])[..., 0], wanted, rtol=1e-6)

    def test_one_grey_level_stays(self):
        flat = jnp.full((8, 10, 2), 77 / 255)
        for name in ("autocontrast", "equalize"):
            np.testing.assert_array_equal(self.operated(name, 3.0, image=flat), flat)

    def test_solarise_and_posterise_by_hand(self):
        channel = jnp.tile(jnp.array([0.0, 100.0, 180.0, 255.0, 0.0])[None, :, None] / 255, (8, 2, 2))
        # Level 3: the threshold is 256 - 76 = 180, and one more than four bits goes: multiples of 32.
        solarised = 255 * self.operated("solarize", 3.0, image=channel)[0, :4, 0]
        np.testing.assert_allclose(solarised, [0, 100, 75, 0], atol=1e-3)
        posterised = 255 * self.operated("posterize", 3.0, image=channel)[0, :4, 0]
        np.testing.assert_allclose(posterised, [0, 96, 160, 224], atol=1e-3)

    def test_pixels_are_those_of_pil(self):
        channel = np.asarray(255 * self.image[..., 0]).round().astype(np.uint8)
        # Level 3: the threshold is 180, three bits stay.
        for name, wanted, atol in (
            ("solarize", ImageOps.solarize(Image.fromarray(channel), 180), 1e-4),
            ("posterize", ImageOps.posterize(Image.fromarray(channel), 3), 1e-4),
            ("autocontrast", ImageOps.autocontrast(Image.fromarray(channel)), 1.01 / 255),
        ):
            np.testing.assert_allclose(self.operated(name, 3.0)[..., 0], np.asarray(wanted) / 255, atol=atol)
        large = np.random.default_rng(2).normal(110, 20, (64, 64)).clip(0, 255).astype(np.uint8)
        spread = np.asarray(augmix.equalised(jnp.asarray(large / 255, jnp.float32)[..., None]))[..., 0]
        np.testing.assert_allclose(spread, np.asarray(ImageOps.equalize(Image.fromarray(large))) / 255, atol=0.04)

    def test_stretch_reaches_both_ends(self):
        low = self.operated("autocontrast", 1.0, image=0.2 + 0.5 * self.image)
        np.testing.assert_allclose(low.min((0, 1)), 0, atol=1e-6)
        np.testing.assert_allclose(low.max((0, 1)), 1, atol=1e-6)

    def test_views_differ_and_lie_between_black_and_white(self):
        clean, *views = first_step("augmix")[0].reshape(3, 20, *SHAPE)
        for one, other in ((clean, views[0]), (clean, views[1]), views):
            assert (np.abs(one - other).max((1, 2, 3)) > 0.01).mean() > 0.8
            assert one.min() >= 0
            assert one.max() <= 1 + 1e-5

    def test_loss_is_cross_entropy_of_clean_images_and_the_weighted_divergence(self):
        params, state, batch = start()
        images, value, _ = first_step("augmix")
        assert images.shape == (60, *SHAPE)
        np.testing.assert_array_equal(images[:20], robust.pixels(batch["images"]))
        logits = models.apply(MLP, {"params": params, **state}, images)[0].reshape(3, 20, 3)
        plain = plain_loss()(params, state, batch)[0]
        wanted = float(plain + 12 * augmix.jensen_shannon(logits).mean())
        assert value == pytest.approx(wanted, rel=1e-4)

    def test_records_are_of_the_clean_images(self):
        records = lambda logits, params, labels: {"first": logits[:, 0], "label": labels.astype(jnp.float32)}
        inner = models.cross_entropy(MLP, records=records, logits=True)
        params, state, batch = start()
        robust_loss = training.robust_loss(Regime("augmix"), inner)
        recorded = jax.eval_shape(robust_loss, params, state, batch)[1][1]
        assert {name: value.shape for name, value in recorded.items()} == {"first": (20,), "label": (20,)}


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

    def test_augmix_needs_more_than_one_pixel(self):
        with pytest.raises(ValueError, match="1 x 8"):
            training.check_regime(Regime("augmix"), (1, 8, 1))

    def test_augmix_refuses_operations_that_are_test_corruptions(self):
        training.check_regime(Regime("augmix"), SHAPE, corruptions.NAMES)
        with pytest.raises(ValueError, match="shear_x"):
            training.check_regime(Regime("augmix"), SHAPE, ("fog", "shear"))
        rest = [name for name in augmix.OPERATIONS if not name.startswith("shear")]
        training.check_regime(Regime("augmix", {"operations": rest}), SHAPE, ("fog", "shear"))
