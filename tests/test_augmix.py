"""AugMix: its operations against PIL and by hand, its divergence, its loss, and what it refuses."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from conftest import MLP
from PIL import Image, ImageOps
from pruned import KEY
from regime_steps import first_step, plain_loss, start

from rosalind import corruptions, models, training
from rosalind.config import Regime
from rosalind.training import augmix, robust

SHAPE = (8, 8, 1)
operate = jax.jit(augmix.operate)


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

    @pytest.mark.parametrize(
        ("name", "level", "sign", "coefficients"),
        [
            # Of 8 rows and 10 columns: (a, b, c, d, e, f) samples (a x + b y + c, d x + e y + f), from the corner.
            ("shear_x", 3.0, 1.0, (1, 0.09, -0.09 * 4, 0, 1, 0)),
            ("shear_x", 10.0, -1.0, (1, -0.3, 0.3 * 4, 0, 1, 0)),
            ("shear_y", 3.0, -1.0, (1, 0, 0, -0.09, 1, 0.09 * 5)),
            ("shear_y", 10.0, 1.0, (1, 0, 0, 0.3, 1, -0.3 * 5)),
            ("translate_x", 2.0, 1.0, (1, 0, 2 / 3, 0, 1, 0)),
            ("translate_y", 2.5, -1.0, (1, 0, 0, 0, 1, -2 / 3)),
            (
                "rotate",
                10.0,
                1.0,
                (3**0.5 / 2, -1 / 2, 5 - 5 * 3**0.5 / 2 + 2, 1 / 2, 3**0.5 / 2, 4 - 2 * 3**0.5 - 2.5),
            ),
        ],
    )
    def test_moves_are_pils_affine_ones_about_the_centre(self, name, level, sign, coefficients):
        channel = Image.fromarray(np.asarray(self.image[..., 0]))
        wanted = channel.transform((10, 8), Image.Transform.AFFINE, coefficients, Image.Resampling.BILINEAR)
        inner = np.s_[2:6, 3:7]
        moved = self.operated(name, level, sign)[..., 0]
        np.testing.assert_allclose(moved[inner], np.asarray(wanted)[inner], atol=1e-5)

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
        # Level 2: eight tenths of a further bit are none, multiples of 16.
        posterised = 255 * self.operated("posterize", 2.0, image=channel)[0, :4, 0]
        np.testing.assert_allclose(posterised, [0, 96, 176, 240], atol=1e-3)

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

    def test_chains_of_drawn_length_and_strength_are_weighted_by_their_draws(self):
        names = ("rotate", "solarize", "translate_x")
        options = {"width": 3, "depth": -1, "alpha": 0.5, "severity": 2.0, "operations": names}
        images = jnp.stack([self.image, 1 - self.image, self.image[::-1]])
        keys = jax.random.split(KEY, len(images))
        mixed = jax.jit(lambda x, k: augmix.mixed(x, k, options))(images, jax.random.key_data(keys))
        counts = []
        for image, key, result in zip(images, keys, mixed, strict=True):
            weights, share, chains = jax.random.split(key, 3)
            mixture = 0
            of_chains = jax.random.dirichlet(weights, jnp.full(3, 0.5))
            for weight, chain in zip(of_chains, jax.random.split(chains, 3), strict=True):
                # One, two or three operations of a level up to the severity.
                counts.append(int(jax.random.randint(jax.random.fold_in(chain, 0), (), 1, 4)))
                changed = image
                for slot in range(counts[-1]):
                    which, level, sign = jax.random.split(jax.random.fold_in(chain, slot + 1), 3)
                    name = names[int(jax.random.randint(which, (), 0, 3))]
                    strength = 0.1 + 1.9 * jax.random.uniform(level)
                    direction = jax.random.rademacher(sign, (), jnp.float32)
                    changed = operate(changed, augmix.OPERATIONS.index(name), strength, direction)
                mixture += weight * changed
            part = jax.random.beta(share, 0.5, 0.5)
            np.testing.assert_allclose(result, (1 - part) * image + part * mixture, atol=1e-4)
        assert set(counts) == {1, 2, 3}

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


def test_it_needs_more_than_one_pixel():
    with pytest.raises(ValueError, match="1 x 8"):
        training.check_regime(Regime("augmix"), (1, 8, 1))


def test_it_refuses_operations_that_are_test_corruptions():
    training.check_regime(Regime("augmix"), SHAPE, corruptions.NAMES)
    with pytest.raises(ValueError, match="shear_x"):
        training.check_regime(Regime("augmix"), SHAPE, ("fog", "shear"))
    rest = [name for name in augmix.OPERATIONS if not name.startswith("shear")]
    training.check_regime(Regime("augmix", {"operations": rest}), SHAPE, ("fog", "shear"))
