"""What every corruption promises, and the statistics of what each draws."""

import functools
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image
from scipy import ndimage, stats

from rosalind import corruptions
from rosalind.corruptions import blur, digital, mnist_c, noise, weather
from rosalind.corruptions import textures as ice

ALL = sorted(corruptions.CORRUPTIONS)
RANDOM = [name for name in ALL if corruptions.CORRUPTIONS[name].draw is not None]
SIZES = [(8, 8, 1), (33, 20, 3)]
DARK = ("dotted_line", "zigzag", "canny_edges", "spatter")
"""Corruptions that may leave some images as they are, or are not random on all."""


def table_of(name):
    """A table that has constants of a corruption."""
    return "cifar" if "cifar" in corruptions.CORRUPTIONS[name].constants else "mnist"


def severity_of(name):
    return min(3, corruptions.CORRUPTIONS[name].severities)


@pytest.fixture(scope="session")
def textures(frost_folder):
    """Gives the textures that a corruption of images of a shape needs, or None."""
    return lambda name, shape, table: (
        corruptions.load_textures(str(frost_folder), shape, table) if name == "frost" else None
    )


def photographs(count=6, shape=(16, 16, 3), seed=0):
    """Smooth random images, as neighbouring pixels of photographs are alike."""
    noise = np.random.default_rng(seed).normal(size=(count, *shape))
    smooth = ndimage.gaussian_filter(noise, (0, 1.5, 1.5, 0))
    low, high = smooth.min((1, 2, 3), keepdims=True), smooth.max((1, 2, 3), keepdims=True)
    return (255 * (smooth - low) / (high - low)).astype(np.uint8)


@functools.partial(jax.jit, static_argnames=("name", "table"))
def _drawn(name, keys, images, severity, table, textures):
    one = lambda key, image: corruptions.draw(name, key, image, severity, table=table, textures=textures)
    return jax.vmap(one)(keys, images)


def draw_all(name, images, severity, table=None, seed=0, textures=None):
    corruptions.check(name, severity, table)
    keys = jax.random.split(jax.random.key(seed), len(images))
    return _drawn(name, keys, jnp.asarray(images), jnp.int32(severity), table or table_of(name), textures)


def corrupt(name, images, severity, table=None, seed=0, textures=None):
    table = table or table_of(name)
    draws = draw_all(name, images, severity, table, seed, textures)
    return np.asarray(corruptions.apply(name, images, draws, severity, table=table))


# A tracer of lines slows jax's tracing by a third, and these trace the lines of `test_bytes_in_bytes_out` again.
again = pytest.mark.no_cover


@pytest.mark.parametrize("name", ALL)
class TestEveryCorruption:
    @pytest.mark.parametrize("shape", SIZES, ids=str)
    def test_bytes_in_bytes_out(self, name, shape, textures):
        images = photographs(2, shape)
        corrupted = corrupt(name, images, severity_of(name), textures=textures(name, shape, table_of(name)))
        assert corrupted.dtype == np.uint8
        assert corrupted.shape == images.shape
        assert (corrupted != images).any() or name in DARK

    @again
    def test_same_key_same_pixels_in_any_batch(self, name, textures):
        images, severity, table = photographs(), severity_of(name), table_of(name)
        pictures = textures(name, images.shape[1:], table)
        whole = corrupt(name, images, severity, textures=pictures)
        key = jax.random.split(jax.random.key(0), len(images))[2:3]
        drawn = _drawn(name, key, jnp.asarray(images[2:3]), jnp.int32(severity), table, pictures)
        alone = np.asarray(corruptions.apply(name, images[2:3], drawn, severity, table=table))
        np.testing.assert_array_equal(alone[0], whole[2])

    @again
    def test_all_severities_share_one_compilation(self, name, textures):
        images, table = photographs(), table_of(name)
        pictures = textures(name, images.shape[1:], table)
        traced = []

        @jax.jit
        def run(keys, images, severity):
            traced.append(severity)
            one = lambda key, image: corruptions.draw(name, key, image, severity, table=table, textures=pictures)
            draws = jax.vmap(one)(keys, images)
            return corruptions.apply(name, images, draws, severity, table=table)

        keys = jax.random.split(jax.random.key(0), len(images))
        made = [np.asarray(run(keys, images, jnp.int32(severity))) for severity in range(1, 6)]
        assert len(traced) == 1
        for severity in {1, corruptions.CORRUPTIONS[name].severities}:
            np.testing.assert_array_equal(
                made[severity - 1], corrupt(name, images, severity, textures=pictures), str(severity)
            )

    def test_every_table_has_five_rows_of_its_constants(self, name):
        corruption = corruptions.CORRUPTIONS[name]
        assert corruption.constants
        for table, constants in corruption.constants.items():
            rows = corruption.rows(table)
            assert rows.shape == (5, np.size(constants[0]))
            assert np.isfinite(rows).all()

    def test_bad_input_is_refused(self, name):
        images, table = photographs(1), table_of(name)
        with pytest.raises(ValueError, match="must be uint8"):
            corruptions.apply(name, images / 255.0, {}, 1, table=table)
        with pytest.raises(ValueError, match="8 pixels or more"):
            corruptions.apply(name, images[:, :7], {}, 1, table=table)
        with pytest.raises(ValueError, match="1 or 3"):
            corruptions.apply(name, images[..., :2], {}, 1, table=table)
        with pytest.raises(ValueError, match="must be 1, 2, 3, 4 or 5, got 6"):
            corruptions.apply(name, images, {}, 6, table=table)
        with pytest.raises(ValueError, match="unknown severity table 'cifr'; did you mean 'cifar'"):
            corruptions.apply(name, images, {}, 1, table="cifr")


@again
@pytest.mark.parametrize("name", RANDOM)
def test_other_keys_other_draws(name, textures):
    images, severity = np.repeat(photographs(1), 6, 0), severity_of(name)
    pictures = textures(name, images.shape[1:], table_of(name))
    corrupted = corrupt(name, images, severity, seed=0, textures=pictures)
    assert (corrupted != corrupt(name, images, severity, seed=1, textures=pictures)).any()
    assert (corrupted != corrupted[:1]).any()


@pytest.mark.parametrize("name", ["gaussian_noise", "fog", "brightness"])
def test_images_in_memory_are_corrupted_without_a_study(name):
    images = photographs(2, (32, 32, 3))
    batch = corruptions.corrupt(images, name, 3, seed=4)
    assert (batch.dtype, batch.shape) == (np.uint8, images.shape)
    np.testing.assert_array_equal(corruptions.corrupt(images[0], name, 3, seed=4), batch[0])
    np.testing.assert_array_equal(corruptions.corrupt(images[..., :1], name, 3)[1].shape, (32, 32, 1))
    np.testing.assert_array_equal(
        corruptions.corrupt(images[0, ..., 0], name, 3), corruptions.corrupt(images[:1, ..., :1], name, 3)[0, ..., 0]
    )
    assert (corruptions.corrupt(images, name, 3, seed=5) != batch).any() == (name != "brightness")
    # 32 pixels are CIFAR's: its noise of severity 3 has deviation 0.08, ImageNet's 0.18.
    spread = lambda table: corruptions.corrupt(np.full((64, 64), 128, np.uint8), name, 3, table=table).std() / 255
    if name == "gaussian_noise":
        assert (spread("cifar"), spread("imagenet")) == (pytest.approx(0.08, rel=0.1), pytest.approx(0.18, rel=0.1))


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (np.zeros((2, 32, 32), np.uint8), "for grey ones add"),
        (np.zeros((0, 32, 32, 3), np.uint8), "one or more"),
        (np.zeros((32, 32, 3)), "must be uint8"),
        (np.zeros((4, 4), np.uint8), "8 pixels or more"),
        (np.zeros(3, np.uint8), "one or more"),
    ],
)
def test_what_is_no_image_in_memory_is_refused(images, message):
    with pytest.raises(ValueError, match=message):
        corruptions.corrupt(images, "fog", 3)


def test_a_random_corruption_without_draws_names_what_draws():
    with pytest.raises(ValueError, match=r"`corruptions\.corrupt` draws too"):
        corruptions.apply("fog", photographs(1), {}, 1, table="cifar")


def test_names_are_the_papers_in_their_order():
    order = (
        "gaussian_noise shot_noise impulse_noise defocus_blur glass_blur motion_blur zoom_blur snow frost fog"
        " brightness contrast elastic_transform pixelate jpeg_compression"
    )
    assert list(corruptions.NAMES) == order.split()
    assert corruptions.EXTRA == ("speckle_noise", "gaussian_blur", "spatter", "saturate")
    groups = [corruptions.CORRUPTIONS[name].category for name in corruptions.NAMES]
    assert groups == ["noise"] * 3 + ["blur"] * 4 + ["weather"] * 4 + ["digital"] * 4


def test_mnist_c_is_its_own_benchmark():
    assert len(corruptions.MNIST_C) == 15
    for name, severity in corruptions.MNIST_C.items():
        assert "mnist-c" in corruptions.sets_of(name, severity, "mnist"), name
        assert "mnist-c" not in corruptions.sets_of(name, severity, "cifar"), name
    assert corruptions.sets_of("shear", 2, "mnist") == ["mnist-c"]
    assert corruptions.sets_of("shot_noise", 4, "mnist") == ["common15", "common19"]
    with pytest.raises(ValueError, match="shear has no constants in table 'cifar', only in mnist"):
        corruptions.check("shear", 1, "cifar")
    with pytest.raises(ValueError, match="stripe has no severities: ask for severity 1, got 2"):
        corruptions.check("stripe", 2)


def test_unknown_corruption_names_the_closest():
    with pytest.raises(ValueError, match="unknown corruption 'gausian_noise'; did you mean 'gaussian_noise'"):
        corruptions.check("gausian_noise")


GREY = np.full((1, 64, 64, 3), 100, np.uint8)


class TestNoise:
    def test_gaussian_moments(self):
        difference = corrupt("gaussian_noise", GREY, 3).astype(float) - 100
        assert difference.std() == pytest.approx(0.08 * 255, rel=0.03)
        # Truncation to bytes takes half a level on average.
        assert difference.mean() == pytest.approx(-0.5, abs=0.6)

    def test_speckle_scales_with_the_pixel(self):
        assert corrupt("speckle_noise", GREY, 3).astype(float).std() == pytest.approx(0.12 * 100, rel=0.05)

    def test_shot_noise_is_poisson(self):
        counts = corruptions.draw("shot_noise", jax.random.key(0), GREY[0], 5, table="cifar")["poisson"]
        rate = 50 * 100 / 255
        observed = np.bincount(np.asarray(counts).ravel(), minlength=60)
        expected = stats.poisson(rate).pmf(np.arange(len(observed))) * observed.sum()
        likely = expected > 5
        tail = expected[~likely].sum()
        chi = stats.chisquare(
            [*observed[likely], observed[~likely].sum()],
            [*expected[likely], observed.sum() - expected[likely].sum()],
        )
        assert tail < 60
        assert chi.pvalue > 1e-4

    def test_shot_noise_of_black_is_black(self):
        assert not corrupt("shot_noise", np.zeros((1, 8, 8, 1), np.uint8), 5).any()

    def test_impulse_flips_the_rate_and_half_of_it_white(self):
        corrupted = corrupt("impulse_noise", np.repeat(GREY, 8, 0), 5)
        flipped = corrupted != 100
        assert flipped.mean() == pytest.approx(0.07, abs=0.004)
        assert (corrupted[flipped] == 255).mean() == pytest.approx(0.5, abs=0.03)
        assert set(np.unique(corrupted[flipped])) == {0, 255}

    def test_severities_of_one_key_are_one_draw_growing(self):
        mild, hard = (
            corruptions.draw("impulse_noise", jax.random.key(1), GREY[0], s, table="cifar")["flip"] for s in (1, 5)
        )
        assert bool((~mild | hard).all())
        assert int(hard.sum()) > int(mild.sum()) > 0

    def test_impulses_are_per_channel(self):
        flip = np.asarray(draw_all("impulse_noise", GREY, 5)["flip"])[0]
        assert abs(np.corrcoef(flip[..., 0].ravel(), flip[..., 1].ravel())[0, 1]) < 0.06

    def test_every_count_of_a_photon_is_within_one_of_the_guess(self):
        # Two halvings look at four counts around the guess; the true count must be among them.
        for table in corruptions.TABLES:
            constants = tuple(corruptions.CORRUPTIONS["shot_noise"].rows(table)[:, 0].tolist())
            cumulative = noise.poisson_table(constants)
            for row, constant in zip(cumulative, constants, strict=True):
                rates = (np.arange(256) * np.float32(constant / 255)).astype(np.float32)
                steps = np.floor(row * 2.0**24) / 2.0**24
                places = np.concatenate([steps, steps - 2.0**-24, steps + 2.0**-24], 1)
                places = np.clip(places, 2.0**-23, 1 - 2.0**-21).astype(np.float32)
                guess = np.asarray(noise.poisson_guess(jnp.asarray(places), jnp.asarray(rates[:, None])))
                true = np.stack([np.searchsorted(r, p, "right") for r, p in zip(row, places, strict=True)])
                assert (np.abs(true - np.maximum(guess, 0)) <= 1).all(), (table, constant)

    @pytest.mark.parametrize("value", [0, 3, 100, 255])
    @pytest.mark.parametrize("severity", [1, 5])
    def test_photons_have_the_mean_and_variance_of_their_rate(self, value, severity):
        image = np.full((64, 64, 3), value, np.uint8)
        draws = corruptions.draw("shot_noise", jax.random.key(7), image, severity, table="cifar")
        counts = np.asarray(draws["poisson"]).astype(float)
        rate = corruptions.CORRUPTIONS["shot_noise"].rows("cifar")[severity - 1, 0] * value / 255
        assert counts.mean() == pytest.approx(rate, abs=5 * np.sqrt(rate / counts.size) + 1e-9)
        assert counts.var() == pytest.approx(rate, rel=0.08, abs=1e-9)

    def test_no_value_is_unlucky(self):
        # Salt and pepper from one key would be all salt.
        draws = corruptions.draw("impulse_noise", jax.random.key(1), GREY[0], 5, table="cifar")
        flip, salt = np.asarray(draws["flip"]).ravel(), np.asarray(draws["salt"]).ravel()
        assert stats.chi2_contingency(np.histogram2d(flip, salt, 2)[0]).pvalue > 1e-4


class TestBlur:
    @pytest.mark.parametrize("name", ["gaussian_blur", "defocus_blur", "zoom_blur"])
    def test_a_flat_image_stays_flat(self, name):
        for severity in range(1, 6):
            # One level less is truncation of 99.99999.
            assert set(np.unique(corrupt(name, GREY[:, :32, :32], severity))) <= {99, 100}

    @pytest.mark.parametrize("severity", range(1, 6))
    def test_gaussian_is_scipys_in_float64(self, severity):
        images = photographs(3, (24, 24, 3))
        images[0, :12] = np.arange(24)[:, None] * 9  # columns of equal pixels, which float32 would cut by chance
        corrupted = corrupt("gaussian_blur", images, severity)
        sigma = corruptions.CORRUPTIONS["gaussian_blur"].rows("cifar")[severity - 1, 0]
        for image, found in zip(images, corrupted, strict=True):
            blurred = ndimage.gaussian_filter(image / 255, (sigma, sigma, 0), mode="nearest", truncate=4)
            exact = (255 * np.clip(blurred, 0, 1)).astype(np.uint8)
            assert np.abs(found.astype(int) - exact).max() <= 1
            assert (found != exact).mean() < 0.01

    @pytest.mark.parametrize("severity", range(1, 6))
    def test_a_flat_image_is_blurred_as_float64_does(self, severity):
        sigma = corruptions.CORRUPTIONS["gaussian_blur"].rows("cifar")[severity - 1, 0]
        images = np.repeat(np.arange(256, dtype=np.uint8), 64).reshape(256, 8, 8, 1)
        corrupted = corrupt("gaussian_blur", images, severity)
        flat = np.broadcast_to(images[..., 0] / 255, (256, 8, 8))
        exact = [ndimage.gaussian_filter(x, sigma, mode="nearest", truncate=4)[4, 4] for x in flat]
        np.testing.assert_array_equal(corrupted[:, 4, 4, 0], (255 * np.clip(exact, 0, 1)).astype(np.uint8))

    def test_defocus_is_a_plus_at_severity_four(self):
        # Radius 1 is five pixels of one fifth each; the alias blur moves less than a thousandth.
        image = np.zeros((1, 16, 16, 1), np.uint8)
        image[0, 8, 8] = 250
        corrupted = corrupt("defocus_blur", image, 4)[0, ..., 0]
        assert {int(corrupted[8, 8]), int(corrupted[7, 8]), int(corrupted[8, 9])} <= {49, 50}
        assert corrupted[7, 7] <= 1

    @pytest.mark.parametrize(("length", "factor"), [(32, 1.25), (32, 1.06), (64, 1.15), (28, 1.3)])
    def test_zoom_is_scipys_with_aligned_corners(self, length, factor):
        image = photographs(1, (length, length, 1))[0, ..., 0].astype(float)
        crop = int(np.ceil(length / factor))
        top = (length - crop) // 2
        whole = ndimage.zoom(image[top : top + crop, top : top + crop], factor, order=1)
        trim = (len(whole) - length) // 2
        exact = whole[trim : trim + length, trim : trim + length]
        matrix = blur.zoom_matrix(length, factor)
        np.testing.assert_allclose(matrix @ image @ matrix.T, exact, atol=1e-9)

    @pytest.mark.parametrize(
        ("table", "ranges"),
        [
            *((table, [(0.01, end) for end in (1.06, 1.11, 1.16, 1.21, 1.26)]) for table in ("cifar", "tiny")),
            *(
                (table, [(0.01, 1.11), (0.01, 1.16), (0.02, 1.21), (0.02, 1.26), (0.03, 1.31)])
                for table in ("imagenet", "mnist")
            ),
        ],
    )
    def test_zooms_are_the_published_ranges(self, table, ranges):
        stack = blur._zoom_matrices(tuple(map(tuple, corruptions.CORRUPTIONS["zoom_blur"].rows(table).tolist())), 32)
        for zooms, (step, end) in zip(stack, ranges, strict=True):
            published = np.arange(1, end, step)
            assert zooms.any((1, 2)).sum() == len(published)
            for matrix, factor in zip(zooms, published, strict=False):
                np.testing.assert_allclose(matrix, blur.zoom_matrix(32, factor), atol=1e-7)

    def test_the_last_cifar_zoom_has_the_references_floating_step(self):
        # 1.2500000000000002 stretches 26 pixels to 33, 1.25 to 32.
        last = 1 + ((1 + 0.01) - 1) * 25
        assert (blur.zoom_matrix(32, last) != blur.zoom_matrix(32, 1.25)).any()
        matrices = blur._zoom_matrices(((0.01, 1.25),), 32)
        np.testing.assert_allclose(matrices[0, 25], blur.zoom_matrix(32, last), atol=1e-7)


class TestWeather:
    def test_plasma_of_zero_draws_but_one_is_bilinear(self):
        draws = {f"level{level}_{part}": jnp.zeros((2**level, 2**level)) for level in range(2) for part in range(3)}
        draws["level0_0"] = jnp.ones((1, 1))
        fractal = np.asarray(weather.plasma(draws, 2.0, 2))
        # The centre is the only raised point; its neighbours on the wrapping grid get half or quarter of it.
        assert fractal.shape == (4, 4)
        assert fractal[2, 2] == 1
        assert fractal[0, 0] == 0
        np.testing.assert_allclose(fractal[0, 2], fractal[2, 0])
        np.testing.assert_allclose(fractal, fractal.T)

    def test_fog_keeps_the_brightest_and_lifts_the_dark(self):
        image = np.zeros((1, 32, 32, 1), np.uint8)
        image[0, 0, 0] = 255
        corrupted = corrupt("fog", image, 5)
        assert corrupted.max() <= 255
        assert corrupted.mean() > 40

    def test_fog_of_black_is_black(self):
        # The formula scales by the brightest pixel, which is zero.
        assert not corrupt("fog", np.zeros((1, 16, 16, 3), np.uint8), 3).any()

    def test_brightness_of_grey_is_adding(self):
        assert np.unique(corrupt("brightness", GREY, 3)).tolist() == [138]  # 100 + 0.15 * 255 = 138.25

    def test_brightness_keeps_hue(self):
        colour = np.full((1, 8, 8, 3), (200, 100, 50), np.uint8)
        corrupted = corrupt("brightness", colour, 1)[0, 0, 0].astype(float)
        np.testing.assert_allclose(corrupted / corrupted[0], [1, 0.5, 0.25], atol=0.01)
        assert corrupted[0] == 212  # 200 + 0.05 * 255 = 212.75


class TestDigital:
    def test_contrast_keeps_the_mean(self):
        images = photographs()
        corrupted = corrupt("contrast", images, 5)
        np.testing.assert_allclose(corrupted.mean((1, 2)), images.mean((1, 2)) - 0.5, atol=0.6)
        ratio = corrupted.astype(float).std((1, 2)) / images.astype(float).std((1, 2))
        np.testing.assert_allclose(ratio, 0.15, rtol=0.1)

    @pytest.mark.parametrize("severity", range(1, 6))
    def test_pixelate_is_pillows_box(self, severity):
        images = photographs(3, (32, 32, 3))
        corrupted = corrupt("pixelate", images, severity)
        small = int(32 * corruptions.CORRUPTIONS["pixelate"].rows("cifar")[severity - 1, 0])
        for image, found in zip(images, corrupted, strict=True):
            picture = Image.fromarray(image).resize((small, small), Image.Resampling.BOX)
            exact = np.asarray(picture.resize((32, 32), Image.Resampling.BOX))
            np.testing.assert_array_equal(found, exact)

    def test_box_rows_sum_to_one(self):
        matrix = digital.box_matrix(32, 20, 32)
        np.testing.assert_allclose(matrix[:20].sum(1), 1)
        assert not matrix[20:].any()


class TestDraws:
    """The numbers themselves: moments, independence between images and between conditions."""

    def test_normal_numbers_are_normal(self):
        draws = draw_all("gaussian_noise", np.zeros((20, 32, 32, 3), np.uint8), 3)
        values = np.asarray(draws["normal"]).ravel() / 0.08
        assert stats.kstest(values, "norm").pvalue > 1e-4
        assert abs(values.mean()) < 5 / np.sqrt(values.size)
        assert values.std() == pytest.approx(1, abs=5 / np.sqrt(2 * values.size))
        assert stats.kurtosis(values) == pytest.approx(0, abs=0.1)

    def test_uniform_numbers_are_uniform(self):
        draws = draw_all("elastic_transform", np.zeros((20, 32, 32, 3), np.uint8), 3)
        for name in ("right", "down"):
            values = np.asarray(draws[name]).ravel()
            assert stats.kstest(values, stats.uniform(-1, 2).cdf).pvalue > 1e-4
        both = np.corrcoef(np.asarray(draws["right"]).ravel(), np.asarray(draws["down"]).ravel())
        assert abs(both[0, 1]) < 0.04

    def test_images_do_not_share_numbers(self):
        values = np.asarray(draw_all("gaussian_noise", np.zeros((12, 32, 32, 3), np.uint8), 3)["normal"])
        related = np.corrcoef(values.reshape(12, -1)) - np.eye(12)
        assert np.abs(related).max() < 5 / np.sqrt(32 * 32 * 3)

    def test_conditions_do_not_share_numbers(self):
        from rosalind.conditions import condition_key
        from rosalind.config import Condition

        image = np.zeros((32, 32, 3), np.uint8)
        seen = []
        for condition in (
            Condition("gaussian_noise", 3),
            Condition("speckle_noise", 3),
            Condition("gaussian_noise", 3, draw=1),
        ):
            key = jax.random.fold_in(condition_key(jax.random.key(0), "digits", condition), 5)
            drawn = corruptions.draw(condition.name, key, image, 3, table="cifar")["normal"]
            seen.append(np.asarray(drawn).ravel())
        related = np.corrcoef(seen) - np.eye(3)
        assert np.abs(related).max() < 5 / np.sqrt(image.size)

    @pytest.mark.parametrize(("severity", "reach"), [(1, 1), (2, 2), (5, 4)])
    def test_displacements_are_even(self, severity, reach):
        image = np.zeros((64, 64, 3), np.uint8)
        draws = corruptions.draw("glass_blur", jax.random.key(0), image, severity, table="imagenet")
        offsets = np.asarray(draws["displacement"]).reshape(-1, 2)
        for axis in (0, 1):
            counts = np.bincount(offsets[:, axis] + reach, minlength=2 * reach)
            assert len(counts) == 2 * reach
            assert stats.chisquare(counts).pvalue > 1e-4
        pairs = np.histogram2d(*offsets.T, bins=2 * reach)[0]
        assert stats.chi2_contingency(pairs).pvalue > 1e-4
        assert np.asarray(draws["swap"]).all()

    def test_mnist_c_swaps_half_of_the_pixels(self):
        image = np.zeros((28, 28, 1), np.uint8)
        found = [corruptions.draw("glass_blur", jax.random.key(k), image, 1, table="mnist")["swap"] for k in range(20)]
        share, count = np.mean(found), np.size(found)
        assert share == pytest.approx(0.5, abs=2.5 / np.sqrt(count))

    @pytest.mark.parametrize(("name", "low", "high"), [("motion_blur", -45, 45), ("snow", -135, -45)])
    def test_angles_are_even(self, name, low, high):
        draws = draw_all(name, np.zeros((600, 8, 8, 1), np.uint8), 3)
        assert stats.kstest(np.asarray(draws["angle"]), stats.uniform(low, high - low).cdf).pvalue > 1e-4

    def test_other_generators_are_refused(self):
        with pytest.raises(ValueError, match="threefry"):
            corruptions.draw(
                "gaussian_noise",
                jax.random.key(0, impl="rbg"),
                np.zeros((8, 8, 1), np.uint8),
                1,
                table="cifar",
            )

    def test_four_devices_give_the_pixels_of_one(self):
        script = """
import jax, numpy as np
from jax.sharding import AxisType, NamedSharding, PartitionSpec
from rosalind.conditions import corrupted_batch, plan
from rosalind.config import Condition
assert len(jax.devices()) == 4
images = np.random.default_rng(0).integers(0, 256, (8, 16, 16, 3)).astype(np.uint8)
ids = np.arange(8, dtype=np.int32)
mesh = jax.make_mesh((4,), ("images",), axis_types=(AxisType.Auto,))
spread = jax.device_put(images, NamedSharding(mesh, PartitionSpec("images")))
for name in ("gaussian_noise", "shot_noise", "impulse_noise", "glass_blur", "fog", "elastic_transform"):
    condition = Condition(name, 4, table="cifar")
    one = corrupted_batch(plan(condition), images, ids, jax.random.key(3))
    four = corrupted_batch(plan(condition), spread, ids, jax.random.key(3))
    assert (np.asarray(one) == np.asarray(four)).all(), name
"""
        import os

        flags = os.environ["XLA_FLAGS"] + " --xla_force_host_platform_device_count=4"
        done = subprocess.run(
            [sys.executable, "-c", script],
            capture_output=True,
            text=True,
            env={**os.environ, "XLA_FLAGS": flags},
        )
        assert done.returncode == 0, done.stderr


class TestFrost:
    def test_two_fifths_come_from_the_picture_that_is_there_twice(self, frost_folder):
        textures = corruptions.load_textures(str(frost_folder), (8, 8, 3), "cifar")
        keys = jax.random.split(jax.random.key(0), 500)
        draw = lambda key: corruptions.draw(
            "frost", key, np.zeros((8, 8, 3), np.uint8), 1, table="cifar", textures=textures
        )["ice"]
        values = np.asarray(jax.vmap(draw)(keys))
        seen = [(values == crop).all((1, 2, 3)).any() for crop in (textures.pixels[k, :8, :8] for k in range(5))]
        assert values.shape == (500, 8, 8, 3)
        assert sum(seen) >= 1  # some draw starts in a corner

    def test_a_crop_never_reaches_the_padding(self, frost_folder):
        textures = corruptions.load_textures(str(frost_folder), (8, 8, 3), "cifar")
        bright = textures._replace(pixels=textures.pixels.copy())
        for k, (height, width) in enumerate(textures.sizes):
            bright.pixels[k] = 0
            bright.pixels[k, :height, :width] = 255
        keys = jax.random.split(jax.random.key(1), 400)
        image = np.zeros((8, 8, 3), np.uint8)
        draw = lambda key: corruptions.draw("frost", key, image, 1, table="cifar", textures=bright)["ice"]
        assert (np.asarray(jax.vmap(draw)(keys)) == 255).all()

    def test_large_images_get_enlarged_textures(self, frost_folder):
        textures = corruptions.load_textures(str(frost_folder), (200, 100, 3), "imagenet")
        assert (textures.sizes[:, 0] > 200).all()
        assert (textures.sizes[:, 1] > 100).all()

    def test_a_fifth_of_a_texture_is_every_fifth_pixel(self, frost_folder):
        # Bilinear at pixel centres without smoothing, as the reference's resize does.
        textures = corruptions.load_textures(str(frost_folder), (8, 8, 3), "cifar")
        with Image.open(frost_folder / ice.FILES[0]) as file:
            exact = np.asarray(file.convert("RGB"))[2::5, 2::5]
        np.testing.assert_array_equal(textures.pixels[0, : exact.shape[0], : exact.shape[1]], exact)

    def test_missing_textures_say_what_to_do(self, tmp_path, monkeypatch):
        with pytest.raises(FileNotFoundError, match=r"no frost textures .* use 'frost_synthetic'"):
            corruptions.load_textures(str(tmp_path), (8, 8, 3), "cifar")
        monkeypatch.setattr(ice.importlib.util, "find_spec", lambda name: None)
        with pytest.raises(FileNotFoundError, match="no published corruption"):
            corruptions.load_textures(None, (8, 8, 3), "cifar")
        assert "frost_synthetic" in corruptions.benchmark()
        assert "frost" not in corruptions.benchmark()
        with pytest.raises(ValueError, match="frost needs textures"):
            corruptions.draw("frost", jax.random.key(0), np.zeros((8, 8, 3), np.uint8), 1, table="cifar")

    def test_the_package_is_found_and_not_imported(self, frost_folder, tmp_path, monkeypatch):
        package = tmp_path / "imagecorruptions"
        (package / "frost").mkdir(parents=True)
        (package / "__init__.py").write_text("raise RuntimeError('imported')")
        for name in ice.FILES:
            (package / "frost" / name).write_bytes((frost_folder / name).read_bytes())
        monkeypatch.syspath_prepend(str(tmp_path))
        assert ice.find() == package / "frost"
        assert corruptions.benchmark() == corruptions.NAMES

    def test_synthetic_ice_has_the_colours_of_the_published_textures(self):
        draws = draw_all("frost_synthetic", np.zeros((300, 32, 32, 3), np.uint8), 3)
        values = np.asarray(draws["ice"])
        # Weights 20, 40, 20 and 20 % of the four different pictures.
        expected = np.array([[77, 149, 166], [201, 205, 214], [201, 205, 214], [138, 153, 166], [112, 123, 135]])
        np.testing.assert_allclose(values.mean((0, 1, 2)), expected.mean(0), atol=8)


class TestMnistC:
    IMAGE = photographs(1, (28, 28, 1))

    def test_stripe_inverts_the_outer_quarters(self):
        corrupted = corrupt("stripe", self.IMAGE, 1)
        np.testing.assert_array_equal(corrupted[:, :, 7:21], self.IMAGE[:, :, 7:21])
        np.testing.assert_array_equal(corrupted[:, :, :7], 255 - self.IMAGE[:, :, :7])
        np.testing.assert_array_equal(corrupted[:, :, 21:], 255 - self.IMAGE[:, :, 21:])

    @pytest.mark.parametrize("severity", [1, 3, 5])
    def test_translate_moves_by_whole_pixels(self, severity):
        for sign in ((1.0, 1.0), (-1.0, 1.0)):
            draws = {"sign": jnp.array([sign])}
            values = np.asarray(corruptions.apply("translate", self.IMAGE, draws, severity, table="mnist"))
            x, y = (int(severity * s) for s in sign)
            moved = ndimage.shift(self.IMAGE[0, ..., 0].astype(float), (-y, -x), order=0)
            np.testing.assert_allclose(values[0, ..., 0], moved, atol=1)

    def test_a_line_is_white_where_it_passes(self):
        draws = {"rows": jnp.array([[5, 5]])}
        black = np.zeros((1, 28, 28, 1), np.uint8)
        values = np.asarray(corruptions.apply("dotted_line", black, draws, 1, table="mnist"))[0, ..., 0]
        on = np.arange(28) % 4 >= 2
        on[27] = False  # the line ends at column 27, which it leaves out
        np.testing.assert_array_equal(values[5], np.where(on, 255, 0))
        exact = 255 * np.clip(np.log(1 - np.arange(4) / 2.3, where=np.arange(4) < 2.3, out=np.full(4, -9.0)) + 1, 0, 1)
        np.testing.assert_allclose(values[5:9, 2], np.floor(exact), atol=1)

    def test_zigzags_stay_about_their_line(self):
        draws = {"row": jnp.array([13]), "rise": jnp.array([0])}
        black = np.zeros((1, 28, 28, 1), np.uint8)
        values = np.asarray(corruptions.apply("zigzag", black, draws, 1, table="mnist"))[0, ..., 0]
        assert not values[:, :2].any()
        assert not values[:, 25:].any()
        assert (values[:, 2:25].max(0) > 100).all()
        rows = np.flatnonzero(values.any(1))
        assert rows.min() >= 13 - 2 - 3
        assert rows.max() <= 13 + 2 + 3

    def test_lines_scale_with_the_image(self):
        draws = {"rows": jnp.array([[0, 26]])}
        black = np.zeros((1, 56, 56, 1), np.uint8)
        values = np.asarray(corruptions.apply("dotted_line", black, draws, 1, table="mnist"))[0, ..., 0]
        assert values[:, 30:].any()
        assert mnist_c._positions(56)[-1] == pytest.approx(27)
