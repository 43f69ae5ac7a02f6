"""Noise, blur, weather and digital corruptions in closed form."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from corrupted import corrupt, draw_all, photographs
from PIL import Image
from scipy import ndimage, stats

from rosalind import corruptions
from rosalind.corruptions import digital, noise, weather, zoom

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
        matrix = zoom.zoom_matrix(length, factor)
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
        for row, (step, end) in zip(corruptions.CORRUPTIONS["zoom_blur"].rows(table).tolist(), ranges, strict=True):
            for factor, published in zip(zoom.zoom_factors(*row), np.arange(1, end, step), strict=True):
                np.testing.assert_array_equal(zoom.zoom_matrix(32, factor), zoom.zoom_matrix(32, published))

    def test_the_last_cifar_zoom_has_the_references_floating_step(self):
        # 1.2500000000000002 stretches 26 pixels to 33, 1.25 to 32.
        last = 1 + ((1 + 0.01) - 1) * 25
        assert (zoom.zoom_matrix(32, last) != zoom.zoom_matrix(32, 1.25)).any()
        assert zoom.zoom_factors(0.01, 1.25)[25] == last

    @pytest.mark.parametrize("shape", [(32, 20, 3), (40, 33, 1)], ids=str)
    def test_zooms_in_parts_are_the_products_with_their_matrices(self, shape):
        # Small images are made block by block, large ones row by row.
        image = photographs(1, shape)
        for severity, row in enumerate(corruptions.CORRUPTIONS["zoom_blur"].rows("cifar").tolist(), 1):
            factors = zoom.zoom_factors(*row)
            zooms = [[zoom.zoom_matrix(length, factor) for length in shape[:2]] for factor in factors]
            mean = sum(np.einsum("ih,hwc,jw->ijc", down, image[0], across) for down, across in zooms) + image[0]
            mean /= len(factors) + 1
            values = np.asarray(corruptions.apply("zoom_blur", image, {}, severity, table="cifar"))[0]
            assert (np.abs(values + 0.5 - mean) < 0.501).all()


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
