"""The ten corruptions of CIFAR-10-C-bar against their generator, other people's libraries and closed forms."""

import math

import bar_golden_224
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from bar_golden import GOLDEN, PICTURE
from corrupted import corrupt, draw_all, photographs
from scipy import ndimage
from skimage.draw import line_aa

from rosalind import corruptions
from rosalind.corruptions import bar_imagenet, bar_patterns, bar_warps


def apply(name, images, draws, severity=1, table="cifar"):
    draws = jax.tree.map(lambda part: jnp.asarray(part)[None], draws)
    return np.asarray(corruptions.apply(name, images[None], draws, severity, table=table))[0]


@pytest.mark.parametrize("name", GOLDEN)
def test_given_the_generators_draws_the_pixels_are_the_generators(name):
    severity, draws, row, column, total = GOLDEN[name]
    pixels = apply(name, PICTURE, draws, severity).astype(int)
    assert np.abs(pixels[3, :, 0] - row).max() <= 1
    assert np.abs(pixels[::5, 9, 2] - column).max() <= 1
    # One level on one pixel in a hundred; in a spline's sums without a zoom one in 36 is a half, rounded by chance.
    assert abs(pixels.sum() - total) <= (40 if name == "transverse_chromatic_abberation" else 8)


@pytest.mark.parametrize("name", bar_golden_224.GOLDEN)
def test_at_224_pixels_they_are_the_generators_too(name):
    draws, row, column, total = bar_golden_224.GOLDEN[name]
    pixels = apply(name, bar_golden_224.PICTURE, draws, 4, "imagenet").astype(int)
    assert np.abs(pixels[100, ::16, 0] - row).max() <= 1
    assert np.abs(pixels[::32, 150, 2] - column).max() <= 1
    # One level on one value in a thousand; where a spline's sums of whole planes are halves, on one in fifty.
    assert abs(pixels.sum() - total) <= (3000 if name == "transverse_chromatic_abberation" else 150)


def test_the_ten_are_named_and_ordered_as_the_published_files():
    cifar, imagenet = corruptions.BAR, corruptions.IMAGENET_BAR
    assert [tuple(sorted(ten)) for ten in (cifar, imagenet)] == [cifar, imagenet]
    assert [len(cifar), len(imagenet), len({*cifar, *imagenet})] == [10, 10, 15]
    assert {*cifar, *imagenet} == set(GOLDEN)
    for name in GOLDEN:
        sets = ["cifar-c-bar"] * (name in cifar) + ["imagenet-c-bar"] * (name in imagenet)
        assert corruptions.sets_of(name, 3, "cifar") == sets, name
        assert set(corruptions.CORRUPTIONS[name].constants) == set(corruptions.TABLES), name
    assert not {*GOLDEN} & {*corruptions.NAMES, *corruptions.EXTRA}
    levels = lambda name, table: corruptions.CORRUPTIONS[name].rows(table)[:, 0].tolist()
    # Of both published lists, which are not evenly spaced.
    assert levels("sparkles", "cifar") == [0.7, 3.5, 5.6, 6.3, 7]
    assert levels("sparkles", "imagenet") == [1, 2, 3, 5, 6]
    assert levels("blue_noise_sample", "cifar") == [0.7, 1.4, 2.1, 3.5, 4.2]
    assert levels("blue_noise_sample", "imagenet") == [0.8, 1.6, 2.4, 4, 5.6]
    assert levels("inverse_sparkles", "imagenet") == [1, 2, 4, 9, 10]


@pytest.mark.parametrize("name", GOLDEN)
def test_distortion_grows_with_severity(name):
    images = photographs(12, (32, 32, 3))
    changed = [corrupt(name, images, severity, "cifar") for severity in (1, 3, 5)]
    distances = [np.sqrt(((image - images.astype(float)) ** 2).mean()) for image in changed]
    # Zooms lie so far from the image that more zoom adds little.
    assert distances[0] < distances[1] * 1.001
    assert distances[1] < distances[2] * 1.001
    assert distances[0] < 0.95 * distances[2]


def drawn(name, severity=3):
    """The draws of 1,200 images of 32 pixels by name, float64[1200, ...]."""
    black = np.zeros((12, 32, 32, 3), np.uint8)
    parts = [draw_all(name, black, severity, "cifar", seed) for seed in range(100)]
    return {key: np.concatenate([part[key] for part in parts]).astype(float) for key in parts[0]}


class TestDraws:
    """Draws of 32 pixels have the distributions of the generator, whose golden pixels are of draws that are given."""

    def evenly(self, values, low, high):
        quantiles = np.quantile(values, (0, 0.25, 0.5, 0.75, 1))
        np.testing.assert_allclose((quantiles - low) / (high - low), (0, 0.25, 0.5, 0.75, 1), atol=0.05)

    @pytest.mark.parametrize(
        ("name", "ends"),
        [
            ("blue_noise_sample", {"phases": (0, 2 * math.pi)}),
            ("caustic_refraction", {"time": (0.5, 2), "size": (24, 40)}),
            ("checkerboard_cutout", {"angle": (0, 2 * math.pi), "cell": (3.2, 8)}),
            ("cocentric_sine_waves", {"centre": (0, 32), "waves": (0, 10), "height": (0, 3.2), "width": (0, 3.2)}),
            ("inverse_sparkles", {"centre": (8, 24), "rays": (50, 199)}),
            ("lines", {"middles": (0, 32)}),
            ("plasma_noise", {"time": (0, 6 * math.pi), "sharpness": (0.5, 1), "scale": (2.4, 6.4)}),
            ("ripple", {"wavelengths": (3.2, 9.6), "phases": (0, 2 * math.pi)}),
            ("single_frequency_greyscale", {"phase": (0, 2 * math.pi)}),
            ("sparkles", {"centres": (0, 32), "rays": (50, 199)}),
        ],
    )
    def test_are_even_between_its_ends(self, name, ends):
        draws = drawn(name)
        for key, (low, high) in ends.items():
            self.evenly(draws[key], low, high)

    def test_of_two_frequencies_either_is_the_larger(self):
        frequency = drawn("single_frequency_greyscale")["frequency"]
        is_first = np.abs(frequency[:, 0]) > np.abs(frequency[:, 1])
        assert is_first.mean() == pytest.approx(0.5, abs=0.05)
        larger, smaller = np.where(is_first, frequency.T, frequency.T[::-1])
        self.evenly(larger, -math.pi, math.pi)
        self.evenly(smaller / np.abs(larger), -1, 1)

    def test_rays_are_normal_about_a_radius_and_as_long_as_a_pixel(self):
        for name, radius in (("sparkles", 32 * 5.6 / 100), ("inverse_sparkles", 8)):
            lengths = drawn(name)["lengths"]
            quantiles = np.quantile(lengths, (0.1587, 0.5, 0.8413)) / radius
            np.testing.assert_allclose(quantiles, (0.75, 1, 1.25), atol=0.01)
            assert (lengths.min() == 1) == (name == "sparkles")

    def test_lines_turn_about_one_direction_by_a_tenth_to_a_whole_turn(self):
        angles = drawn("lines")["angles"]
        assert angles.mean() == pytest.approx(math.pi, abs=0.1)
        # A twelfth of the square of the widths, which are from U(0.1, 1) turns.
        spread = (2 * math.pi) ** 2 / 12 * (1 - 0.1**3) / 3 / 0.9
        assert angles.var(1, ddof=1).mean() == pytest.approx(spread, rel=0.05)

    def test_whirls_turn_either_way_and_swirls_take_four_to_six_turns(self):
        angles = drawn("pinch_and_twirl")["angles"]
        np.testing.assert_allclose(np.abs(angles), 6.5 / 10 * math.pi / 2, rtol=1e-6)
        assert (angles > 0).mean() == pytest.approx(0.5, abs=0.02)
        shares = np.bincount(drawn("plasma_noise")["iterations"].astype(int), minlength=7)[4:] / 1200
        np.testing.assert_allclose(shares, 1 / 3, atol=0.04)

    def test_lattices_point_everywhere_with_length_1(self):
        draws = drawn("perlin_noise")
        np.testing.assert_allclose(np.linalg.norm(draws["directions"], axis=2), 1, rtol=1e-5)
        np.testing.assert_allclose(draws["directions"].mean((0, 1)), 0, atol=0.01)
        np.testing.assert_array_equal(np.sort(draws["order"], 1), np.tile(np.arange(256), (1200, 1)))


class TestColouredNoise:
    @pytest.mark.parametrize("shape", [(8, 8), (9, 9), (8, 11), (11, 8)], ids=str)
    def test_is_the_real_part_of_numpys_inverse_transform(self, shape):
        height, width = shape
        image = np.zeros((*shape, 1), np.uint8)
        drawn = bar_patterns._phases_draw(jax.random.key(3), 1, jnp.asarray(image))
        draws = {name: np.asarray(part) for name, part in drawn.items()}
        power = np.random.default_rng(0).random(shape)
        left = draws["phases"][0].astype(float)
        parts = [left, left[::-1, ::-1]]
        if width % 2:
            middle = draws["middle"][0].astype(float)
            parts.insert(1, np.concatenate([middle, np.zeros(height % 2), middle[::-1]])[:, None])
        spectrum = power * np.exp(1j * np.concatenate(parts, 1))
        exact = np.fft.ifft2(np.roll(spectrum, (height // 2, width // 2), (0, 1))).real
        noise = bar_patterns.coloured_noise(drawn["phases"], drawn.get("middle"), power)
        np.testing.assert_allclose(noise[..., 0], exact / exact.std(), atol=2e-5)

    def test_blue_noise_blackens_the_tail_of_a_normal_distribution(self):
        # The sum of many waves: level 3.5 cuts at 0.3 * 3.5 - 2.5 = -1.45 deviations, 7.35 % of a normal one.
        white = np.full((40, 32, 32, 3), 255, np.uint8)
        share = (corrupt("blue_noise_sample", white, 4) == 0).mean((1, 2, 3))
        assert share.mean() == pytest.approx(0.0735, abs=0.004)
        assert set(np.unique(corrupt("blue_noise_sample", white[:1], 4))) == {0, 255}

    def test_blue_noise_avoids_neighbours_and_brown_noise_has_them(self):
        grey = np.full((20, 32, 32, 1), 128, np.uint8)
        alike = lambda x: np.corrcoef(x[:, :-1].ravel(), x[:, 1:].ravel())[0, 1]
        assert alike(corrupt("blue_noise_sample", grey, 5).astype(float)) < -0.03
        assert alike(corrupt("brownish_noise", grey, 1).astype(float)) > 0.5

    def test_brown_noise_has_the_deviation_of_its_level_and_independent_channels(self):
        grey = np.full((30, 32, 32, 3), 128, np.uint8)
        noise = corrupt("brownish_noise", grey, 1).astype(float)
        # Level 2.5 of 64 / 10 levels each; truncation adds nothing that shows.
        np.testing.assert_allclose(noise.std((1, 2)), 16, rtol=0.02)
        assert abs(np.corrcoef(noise[..., 0].ravel(), noise[..., 1].ravel())[0, 1]) < 0.2


class TestDrawings:
    @pytest.mark.parametrize("seed", range(6))
    def test_a_line_is_scikit_images(self, seed):
        start, end = np.random.default_rng(seed).integers(-12, 30, (2, 2))
        if seed == 0:
            end = start
        exact = np.zeros((16, 20))
        for row, column, value in zip(*line_aa(*start, *end), strict=True):
            if 0 <= row < 16 and 0 <= column < 20:
                exact[row, column] = value
        cover = bar_patterns.line_cover(jnp.asarray(start, jnp.float32), jnp.asarray(end, jnp.float32), 16, 20)
        np.testing.assert_allclose(cover, exact, atol=1e-6)

    def test_lines_are_as_many_as_the_density_says(self):
        # Level / 10 of 32, whole: 1, 3, 4, 6 and 8 lines, as one draw that grows.
        assert bar_patterns._count(corruptions.CORRUPTIONS["lines"].rows("cifar"), 32).tolist() == [1, 3, 4, 6, 8]
        black = np.zeros((1, 32, 32, 3), np.uint8)
        few, many = (corrupt("lines", black, severity) for severity in (1, 5))
        assert (many >= few).all()
        assert (many > few).any()
        assert many.max() <= 128

    def test_a_straight_board_has_grey_squares_and_no_grey_neighbours(self):
        black = np.zeros((16, 16, 1), np.uint8)
        draws = {"angle": np.float32(0), "cell": np.float32(4), "filled": np.ones((40, 40), bool)}
        exact = np.where((np.arange(16)[:, None] // 4 + np.arange(16) // 4) % 2 == 0, 128, 0)
        np.testing.assert_array_equal(apply("checkerboard_cutout", black, draws)[..., 0], exact)
        draws["filled"] = np.zeros((40, 40), bool)
        assert not apply("checkerboard_cutout", black, draws).any()

    def test_cells_are_cut_out_as_often_as_the_level_says(self):
        draws = draw_all("checkerboard_cutout", np.zeros((60, 16, 16, 1), np.uint8), 3)
        assert np.asarray(draws["filled"]).mean() == pytest.approx(0.3, abs=0.01)
        cells = np.asarray(draws["cell"])
        assert cells.min() >= 1.6
        assert cells.max() < 4

    def test_a_star_of_equal_rays_in_closed_form(self):
        image = np.zeros((9, 9, 1), np.uint8)
        exact = np.zeros((9, 9))
        for row in range(9):
            for column in range(9):
                y, x = row - 4.3, column - 3.6
                place = (math.atan2(x, y) + math.pi) / (2 * math.pi) * 6
                exact[row, column] = (1 - (place % 1 - 0.5) ** 2) * (4 / (y * y + x * x + 1e-4)) ** 0.7
        star = bar_patterns.sparkle(jnp.asarray(image), jnp.array([4.3, 3.6]), jnp.int32(6), jnp.full(199, 2.0), 0.7)
        np.testing.assert_allclose(star[..., 0], np.clip(exact, 0, 1), atol=1e-5)

    def test_sparkles_whiten_and_the_inverse_keeps_its_middle(self):
        images = photographs(3, (32, 32, 3))
        assert (corrupt("sparkles", images, 3) >= images).all()
        changed = corrupt("inverse_sparkles", images, 5)
        assert (changed >= images).all()
        corners = changed[:, [0, 0, -1, -1], [0, -1, 0, -1]].astype(float)
        assert corners.mean() > images.mean() + 40


class TestWarps:
    def test_pixels_outside_the_circles_stay(self):
        image = photographs(1, (32, 32, 3))[0]
        changed = apply("pinch_and_twirl", image, {"angles": np.ones((3, 3), np.float32)}, 5)
        np.testing.assert_array_equal(changed[30:], image[30:])
        np.testing.assert_array_equal(changed[::10, ::10], image[::10, ::10])
        assert (changed[3:8, 3:8] != image[3:8, 3:8]).any()

    def test_one_pixel_of_a_whirl_by_hand(self):
        # Row 3, column 5 of the first cell of 10: 2 above its middle (5, 5), d = 0.4 of the radius.
        image = (8 * np.mgrid[:32, :32][0]).astype(np.uint8)[..., None]
        changed = apply("pinch_and_twirl", image, {"angles": np.full((3, 3), 1.3, np.float32)}, 2)
        nearer = 2 * math.sin(0.2 * math.pi) ** -(0.04 * 6 + 0.1)
        row = 5 - nearer * math.cos(1.3 * 0.6**2)
        assert changed[3, 5, 0] == int(8 * row)

    def test_more_cells_on_a_longer_side_and_no_read_beyond(self):
        white = np.full((20, 33, 1), 255, np.uint8)
        draws = draw_all("pinch_and_twirl", white[None], 5)
        assert np.asarray(draws["angles"]).shape == (1, 4, 3)
        changed = corrupt("pinch_and_twirl", white[None], 5)
        assert changed.min() >= 254

    def test_ripple_is_scipys_linear_interpolation(self):
        image = photographs(1, (12, 16, 3))[0]
        draws = {"wavelengths": np.array([3.1, 2.2]), "phases": np.array([0.4, 5.0])}
        amplitude = 0.0025 * 12 * 7.5
        rows, columns = (
            np.arange(n) + amplitude * np.sin(2 * np.pi * np.arange(n) / w + p)
            for n, w, p in zip((12, 16), (3.1, 2.2), (0.4, 5.0), strict=True)
        )
        padded = np.pad(image.astype(float), ((2, 2), (2, 2), (0, 0)))
        places = np.meshgrid(rows + 2, columns + 2, indexing="ij")
        exact = np.stack([ndimage.map_coordinates(padded[..., c], places, order=1) for c in range(3)], -1)
        assert np.abs(apply("ripple", image, draws, 4) - np.floor(exact + 1e-4)).max() <= 1

    @pytest.mark.parametrize("shape", [(16, 16, 3), (12, 17, 1)], ids=str)
    def test_circular_blur_is_scipys_rotations(self, shape):
        image = photographs(1, shape)[0]
        total, weights = np.zeros(shape), 0.0
        for part in np.linspace(-1, 1, 21):
            weight = math.exp(-2 * part**2)
            total += weight * ndimage.rotate(image / 255, 9 * part, reshape=False)
            weights += weight
        exact = 255 * np.clip(total / weights, 0, 1)
        off = np.abs(apply("circular_motion_blur", image, {}, 5) - np.floor(exact))
        assert off.max() <= 1
        assert (off > 0).mean() < 0.01

    @pytest.mark.parametrize("severity", [1, 5])
    def test_fringes_are_scipys_zooms(self, severity):
        image = photographs(1, (20, 20, 3))[0]
        strength = 0.05 * corruptions.CORRUPTIONS["transverse_chromatic_abberation"].rows("cifar")[severity - 1, 0]
        changed = apply("transverse_chromatic_abberation", image, {"zooms": np.array([1, 2, 0])}, severity)
        for channel, factor in enumerate((1 + strength / 2, 1 + strength, 1)):
            zoomed = np.asarray(ndimage.zoom(image[..., channel], factor, prefilter=False))
            edge = (len(zoomed) - 20) // 2
            off = np.abs(changed[..., channel].astype(int) - zoomed[edge : edge + 20, edge : edge + 20])
            assert off.max() <= 1
            assert (off > 0).mean() < 0.03

    def test_every_channel_has_a_zoom_of_its_own(self):
        draws = np.asarray(draw_all("transverse_chromatic_abberation", np.zeros((60, 8, 8, 3), np.uint8), 1)["zooms"])
        assert (np.sort(draws, 1) == [0, 1, 2]).all()
        assert len(np.unique(draws, axis=0)) == 6
        assert bar_warps._smoothing_zooms((0.5,), 9).sum(-1) == pytest.approx(np.ones((1, 3, 9)), abs=1e-6)


def test_light_on_the_ground_is_that_of_double_precision_at_224_pixels():
    """A pixel moves from a slope of the light on: what lies there must not hang on an error of the angles, 1.5e-4."""
    time, size, turn = 1.7, 180.0, 2 * np.pi
    rows, columns = (np.arange(224.0) / size % 1 * turn - 250 for _ in range(2))
    position = np.stack(np.broadcast_arrays(rows[:, None], columns[None, :]))
    bent, total = position, 1.0
    for wave in range(5):
        moment = time * (1 - 3.5 / (wave + 1))
        down, across = bent
        bent = position + np.stack(
            [np.cos(moment - down) + np.sin(moment + across), np.sin(moment - across) + np.cos(moment + down)]
        )
        lengths = position / np.stack([np.sin(bent[0] + moment), np.cos(bent[1] + moment)])
        total = total + 200 / np.hypot(*lengths)
    exact = np.clip(np.abs(1.17 - (total / 5) ** 1.4) ** 8, 0, 1)
    light = bar_imagenet._caustics(jnp.zeros((224, 224, 3), jnp.uint8), jnp.float32(time), jnp.float32(size))
    assert exact.std() > 0.1
    np.testing.assert_allclose(light, exact, atol=2e-5)
