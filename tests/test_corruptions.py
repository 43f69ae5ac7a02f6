import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image
from scipy import ndimage, stats

from rosalind import corruptions
from rosalind.corruptions import blur, digital, severities, weather

ALL = sorted(corruptions.CORRUPTIONS)
RANDOM = [name for name in ALL if corruptions.CORRUPTIONS[name].draw is not corruptions._nothing]
SIZES = [(8, 8, 1), (16, 16, 3), (28, 28, 1), (33, 20, 3)]


def photographs(count=6, shape=(16, 16, 3), seed=0):
    """Smooth random images, as neighbouring pixels of photographs are alike."""
    noise = np.random.default_rng(seed).normal(size=(count, *shape))
    smooth = ndimage.gaussian_filter(noise, (0, 1.5, 1.5, 0))
    low, high = smooth.min((1, 2, 3), keepdims=True), smooth.max((1, 2, 3), keepdims=True)
    return (255 * (smooth - low) / (high - low)).astype(np.uint8)


def corrupt(name, images, severity, table="cifar", seed=0):
    keys = jax.random.split(jax.random.key(seed), len(images))
    one = lambda key, image: corruptions.draw(name, key, image, severity, table=table)
    draws = jax.vmap(one)(keys, jnp.asarray(images))
    return np.asarray(corruptions.apply(name, images, draws, severity, table=table))


@pytest.mark.parametrize("name", ALL)
class TestEveryCorruption:
    @pytest.mark.parametrize("shape", SIZES, ids=str)
    def test_bytes_in_bytes_out(self, name, shape):
        images = photographs(2, shape)
        made = corrupt(name, images, 3)
        assert made.dtype == np.uint8
        assert made.shape == images.shape
        assert (made != images).any()

    def test_same_key_same_pixels_in_any_batch(self, name):
        images = photographs()
        whole = corrupt(name, images, 4)
        keys = jax.random.split(jax.random.key(0), len(images))
        draws = [corruptions.draw(name, keys[2], images[2], 4, table="cifar")]
        stacked = jax.tree.map(lambda *parts: jnp.stack(parts), *draws)
        alone = np.asarray(corruptions.apply(name, images[2:3], stacked, 4, table="cifar"))
        np.testing.assert_array_equal(alone[0], whole[2])

    def test_all_severities_share_one_compilation(self, name):
        images = photographs(3)
        traced = []

        @jax.jit
        def run(keys, images, severity):
            traced.append(severity)
            one = lambda key, image: corruptions.draw(name, key, image, severity, table="tiny")
            draws = jax.vmap(one)(keys, images)
            return corruptions.apply(name, images, draws, severity, table="tiny")

        keys = jax.random.split(jax.random.key(0), 3)
        made = [np.asarray(run(keys, images, jnp.int32(severity))) for severity in range(1, 6)]
        assert len(traced) == 1
        for severity in (1, 5):
            np.testing.assert_array_equal(made[severity - 1], corrupt(name, images, severity, "tiny"))

    def test_every_table_has_its_constants(self, name):
        for table, rows in corruptions.TABLES.items():
            assert len(rows[name]) == 5, table

    def test_bad_input_is_refused(self, name):
        images = photographs(1)
        with pytest.raises(ValueError, match="must be uint8"):
            corruptions.apply(name, images / 255.0, {}, 1, table="cifar")
        with pytest.raises(ValueError, match="8 pixels or more"):
            corruptions.apply(name, images[:, :7], {}, 1, table="cifar")
        with pytest.raises(ValueError, match="must be 1, 2, 3, 4 or 5, got 6"):
            corruptions.apply(name, images, {}, 6, table="cifar")
        with pytest.raises(ValueError, match="unknown severity table 'cifr'; did you mean 'cifar'"):
            corruptions.apply(name, images, {}, 1, table="cifr")


@pytest.mark.parametrize("name", RANDOM)
def test_other_keys_other_draws(name):
    images = photographs()
    assert (corrupt(name, images, 5, seed=0) != corrupt(name, images, 5, seed=1)).any()
    same = np.repeat(images[:1], 2, 0)
    made = corrupt(name, same, 5)
    assert (made[0] != made[1]).any()


def test_names_are_the_papers_in_their_order():
    order = (
        "gaussian_noise shot_noise impulse_noise defocus_blur glass_blur motion_blur zoom_blur snow frost fog"
    )
    order += " brightness contrast elastic_transform pixelate jpeg_compression"
    order = order.split(" ")
    assert [name for name in order if name in corruptions.NAMES] == list(corruptions.NAMES)
    assert set(corruptions.NAMES).isdisjoint(corruptions.EXTRA)


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
        made = corrupt("impulse_noise", np.repeat(GREY, 8, 0), 5)
        flipped = made != 100
        assert flipped.mean() == pytest.approx(0.07, abs=0.004)
        assert (made[flipped] == 255).mean() == pytest.approx(0.5, abs=0.03)
        assert set(np.unique(made[flipped])) == {0, 255}

    def test_severities_of_one_key_are_one_draw_growing(self):
        mild, hard = (
            corruptions.draw("impulse_noise", jax.random.key(1), GREY[0], s, table="cifar")["flip"]
            for s in (1, 5)
        )
        assert bool((~mild | hard).all())
        assert int(hard.sum()) > int(mild.sum()) > 0

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

    def test_gaussian_is_scipys(self):
        images = photographs(2, (24, 24, 3))
        made = corrupt("gaussian_blur", images, 5)
        for image, found in zip(images, made, strict=True):
            exact = ndimage.gaussian_filter(image.astype(float), (1, 1, 0), mode="nearest", truncate=4)
            assert np.abs(found - np.floor(exact)).max() <= 1
            assert (found != np.floor(exact)).mean() < 0.01

    def test_defocus_is_a_plus_at_severity_four(self):
        # Radius 1 is five pixels of one fifth each; the alias blur moves less than a thousandth.
        image = np.zeros((1, 16, 16, 1), np.uint8)
        image[0, 8, 8] = 250
        made = corrupt("defocus_blur", image, 4)[0, ..., 0]
        assert {int(made[8, 8]), int(made[7, 8]), int(made[8, 9])} <= {49, 50}
        assert made[7, 7] <= 1

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

    def test_the_last_cifar_zoom_has_the_references_floating_step(self):
        counts = [blur._zooms(step, last) for step, last in severities.TABLES["cifar"]["zoom_blur"]]
        assert counts == [7, 12, 16, 21, 26]
        # 1.2500000000000002 stretches 26 pixels to 33, 1.25 to 32.
        last = 1 + ((1 + 0.01) - 1) * 25
        assert (blur.zoom_matrix(32, last) != blur.zoom_matrix(32, 1.25)).any()
        matrices = blur._zoom_matrices(((0.01, 1.25),), 32)
        np.testing.assert_allclose(matrices[0, 25], blur.zoom_matrix(32, last), atol=1e-7)


class TestWeather:
    def test_plasma_of_zero_draws_but_one_is_bilinear(self):
        draws = {
            f"level{level}_{part}": jnp.zeros((2**level, 2**level)) for level in range(2) for part in range(3)
        }
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
        made = corrupt("fog", image, 5)
        assert made.max() <= 255
        assert made.mean() > 40

    def test_fog_of_black_is_black(self):
        # The formula scales by the brightest pixel, which is zero.
        assert not corrupt("fog", np.zeros((1, 16, 16, 3), np.uint8), 3).any()

    def test_brightness_of_grey_is_adding(self):
        assert np.unique(corrupt("brightness", GREY, 3)).tolist() == [138]  # 100 + 0.15 * 255 = 138.25

    def test_brightness_keeps_hue(self):
        colour = np.full((1, 8, 8, 3), (200, 100, 50), np.uint8)
        made = corrupt("brightness", colour, 1)[0, 0, 0].astype(float)
        np.testing.assert_allclose(made / made[0], [1, 0.5, 0.25], atol=0.01)
        assert made[0] == 212  # 200 + 0.05 * 255 = 212.75


class TestDigital:
    def test_contrast_keeps_the_mean(self):
        images = photographs()
        made = corrupt("contrast", images, 5)
        np.testing.assert_allclose(made.mean((1, 2)), images.mean((1, 2)) - 0.5, atol=0.6)
        ratio = made.astype(float).std((1, 2)) / images.astype(float).std((1, 2))
        np.testing.assert_allclose(ratio, 0.15, rtol=0.1)

    @pytest.mark.parametrize("severity", range(1, 6))
    def test_pixelate_is_pillows_box(self, severity):
        images = photographs(3, (32, 32, 3))
        made = corrupt("pixelate", images, severity)
        small = int(32 * severities.TABLES["cifar"]["pixelate"][severity - 1][0])
        for image, found in zip(images, made, strict=True):
            picture = Image.fromarray(image).resize((small, small), Image.Resampling.BOX)
            exact = np.asarray(picture.resize((32, 32), Image.Resampling.BOX))
            np.testing.assert_array_equal(found, exact)

    def test_box_rows_sum_to_one(self):
        matrix = digital.box_matrix(32, 20, 32)
        np.testing.assert_allclose(matrix[:20].sum(1), 1)
        assert not matrix[20:].any()
