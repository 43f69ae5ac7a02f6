"""The harder corruptions against other people's libraries, or against the reference's plain loops."""

import io
import math

import cv2
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import skimage
from corrupted import photographs
from PIL import Image
from scipy import ndimage

from rosalind import corruptions
from rosalind.corruptions import blur, colour, digital, jpeg, mnist_c, spatter


def apply(name, images, draws, severity, table):
    return np.asarray(corruptions.apply(name, images, draws, severity, table=table))


def drawn(name, images, severity, table):
    keys = jax.random.split(jax.random.key(5), len(images))
    one = jax.jit(lambda k, i: corruptions.draw(name, k, i, severity, table=table))
    return jax.vmap(one)(keys, jnp.asarray(images))


class TestJpeg:
    @pytest.mark.parametrize("shape", [(32, 32, 3), (28, 28, 1), (33, 20, 3), (16, 40, 3)], ids=str)
    @pytest.mark.parametrize("severity", [1, 3, 5])
    def test_is_libjpeg_turbos_to_the_bit(self, shape, severity):
        images = photographs(4, shape)
        images[0] = np.random.default_rng(1).integers(0, 256, shape)
        for table in ("cifar", "imagenet"):
            corrupted = apply("jpeg_compression", images, {}, severity, table)
            quality = int(corruptions.CORRUPTIONS["jpeg_compression"].rows(table)[severity - 1][0])
            for image, found in zip(images, corrupted, strict=True):
                file = io.BytesIO()
                Image.fromarray(image.squeeze()).save(file, "JPEG", quality=quality)
                np.testing.assert_array_equal(found, np.asarray(Image.open(file)).reshape(shape))

    def test_tables_are_those_of_the_standard(self):
        assert (jpeg.quantisation(jpeg._LUMINANCE, 50) == jpeg._LUMINANCE).all()
        assert jpeg.quantisation(jpeg._LUMINANCE, 100).max() == 1
        assert jpeg.quantisation(jpeg._CHROMINANCE, 1).max() == 255

    def test_the_transform_is_a_cosine_transform(self):
        exact = np.cos(np.pi * np.arange(8)[:, None] * (2 * np.arange(8) + 1) / 16) * math.sqrt(2) * 8192
        exact[0] = 8192
        np.testing.assert_allclose(jpeg._FORWARD, exact, atol=2)


class TestGlass:
    @staticmethod
    def loops(image, offsets, passes, reach, chosen=None):
        """As the reference does it: down from the last pixel, in place; a swap on a grey array is real."""
        x = image.copy()
        height, width = x.shape[:2]
        for step in range(passes):
            for h in range(height - reach, reach, -1):
                for w in range(width - reach, reach, -1):
                    down, right = offsets[step, h, w]
                    if chosen is None:
                        x[h, w], x[h + down, w + right] = x[h + down, w + right], x[h, w]
                    elif chosen[step, h, w]:
                        here = x[h, w].item()
                        x[h, w], x[h + down, w + right] = x[h + down, w + right].item(), here
        return x

    @pytest.mark.parametrize("severity", [1, 2, 3, 5])
    def test_displacement_is_the_references_loop(self, severity):
        # With a reach of 2 and more, pixels already written are read again: the order matters.
        images = photographs(2, (40, 33, 3))
        _, reach, passes, _ = (int(v) for v in corruptions.CORRUPTIONS["glass_blur"].rows("imagenet")[severity - 1])
        draws = drawn("glass_blur", images, severity, "imagenet")
        corrupted = apply("glass_blur", images, draws, severity, "imagenet")
        sigma = corruptions.CORRUPTIONS["glass_blur"].rows("imagenet")[severity - 1][0]
        smooth = lambda x: 255 * skimage.filters.gaussian(x / 255, sigma, channel_axis=-1)
        for image, offsets, found in zip(images, np.asarray(draws["displacement"]), corrupted, strict=True):
            moved = self.loops(np.uint8(smooth(image) + 1e-9), offsets, passes, reach)
            exact = np.clip(smooth(moved), 0, 255).astype(np.uint8)
            off = np.abs(found.astype(int) - exact)
            assert off.max() <= 1
            assert (off > 0).mean() < 0.02

    def test_pointer_doubling_follows_chains_of_any_length(self):
        count = 36
        # Every pixel copies its right neighbour, which was written before: the last one's value runs on.
        target = np.minimum(np.arange(count) + 1, count - 1)
        inside = np.ones(count, bool)
        inside[-1] = False
        values = np.asarray(blur._copied(jnp.arange(count), jnp.asarray(target), jnp.asarray(inside)))
        exact = np.arange(count)
        for p in range(count - 2, -1, -1):
            exact[p] = exact[target[p]]
        np.testing.assert_array_equal(values[:-1], exact[:-1])

    def test_mnist_c_swaps_for_real(self):
        image = photographs(1, (28, 28, 1))
        draws = drawn("glass_blur", image, 1, "mnist")
        position = np.arange(28 * 28).reshape(28, 28)
        offsets, chosen = (np.asarray(draws[name])[0] for name in ("displacement", "swap"))
        exact = self.loops(position, offsets, 2, 1, chosen)
        inside = np.zeros((28, 28), bool)
        inside[2:28, 2:28] = True
        values = jnp.arange(28 * 28)
        for step in range(2):
            rows, columns = np.mgrid[:28, :28]
            target = (rows + offsets[step, ..., 0]) * 28 + columns + offsets[step, ..., 1]
            target = np.where(inside, target, 0).ravel()
            values = blur._swapped(
                values, jnp.asarray(target), jnp.asarray(inside.ravel()), jnp.asarray(chosen[step].ravel())
            )
        np.testing.assert_array_equal(np.asarray(values).reshape(28, 28), exact)
        assert len(np.unique(values)) == 28 * 28


class TestMotion:
    @pytest.mark.parametrize("angle", [-45.0, -20.0, 0.0, 33.0, -90.0, -120.0])
    def test_taps_run_one_way_along_the_angle(self, angle):
        image = np.zeros((1, 31, 31, 1), np.uint8)
        image[0, 15, 15] = 255
        corrupted = apply("motion_blur", image, {"angle": jnp.array([angle])}, 1, "imagenet")[0, ..., 0]
        steps = np.arange(21)
        taps = np.exp(-(steps**2) / (2 * 3**2))
        exact = np.zeros((31, 31))
        right = np.ceil(steps * np.cos(np.radians(angle)) - 0.5 - 1e-7).astype(int)
        down = np.ceil(steps * np.sin(np.radians(angle)) - 0.5 - 1e-7).astype(int)
        for tap, x, y in zip(taps / taps.sum(), right, down, strict=True):
            if 0 <= 15 - y < 31 and 0 <= 15 - x < 31:
                exact[15 - y, 15 - x] += 255 * tap
        np.testing.assert_allclose(corrupted, np.floor(exact + 0.5 / 257), atol=1)
        assert corrupted[15, 15] == np.floor(exact[15, 15] + 0.5 / 257)

    def test_sixteen_bits_are_rounded_before_they_are_cut(self):
        # A flat image of 200 stays 200, though its taps sum to 0.9999999.
        image = np.full((1, 16, 16, 3), 200, np.uint8)
        assert (apply("motion_blur", image, {"angle": jnp.array([17.0])}, 5, "cifar") == 200).all()


class TestSnow:
    def test_no_flakes_only_whitens(self):
        images = photographs(2, (16, 16, 3))
        draws = {"flakes": jnp.zeros((2, 16, 16)), "angle": jnp.full(2, -90.0)}
        corrupted = apply("snow", images, draws, 2, "cifar")
        x = images.astype(float)
        grey = (x * colour.LUMA).sum(-1, keepdims=True)
        exact = 0.9 * x + 0.1 * np.maximum(x, 1.5 * grey + 127.5)
        assert np.abs(corrupted - np.floor(np.clip(exact, 0, 255))).max() <= 1

    def test_flakes_fall_twice_once_turned_round(self):
        image = np.zeros((1, 33, 33, 1), np.uint8)
        flakes = jnp.zeros((1, 33, 33)).at[0, 10, 8].set(1.0)
        corrupted = apply("snow", image, {"flakes": flakes, "angle": jnp.array([-90.0])}, 1, "cifar")[0, ..., 0]
        bright = corrupted.astype(int) - corrupted.min()
        np.testing.assert_array_equal(bright, bright[::-1, ::-1])
        assert {int(c) for c in np.flatnonzero(bright.any(0))} == {8, 24}


class TestSpatter:
    @staticmethod
    def layers():
        noise = np.random.default_rng(0).normal(0.65, 0.1, (12, 32, 40))
        smooth = np.stack([skimage.filters.gaussian(layer, 0.8) for layer in noise])
        smooth[smooth < 0.69] = 0
        return (255 * smooth).astype(np.uint8)

    def test_edges_are_opencvs(self):
        values = np.asarray(jax.vmap(spatter.canny)(jnp.asarray(self.layers().astype(np.int32))))
        for layer, edges in zip(self.layers(), values, strict=True):
            np.testing.assert_array_equal(edges, cv2.Canny(layer, 50, 150) > 0)

    def test_distances_are_opencvs(self):
        for layer in self.layers()[:4]:
            edges = cv2.Canny(layer, 50, 150)
            edges[:, 20:] = 0  # far from every edge too
            exact = np.minimum(cv2.distanceTransform(255 - edges, cv2.DIST_L2, 5), 20)
            values = np.asarray(spatter.chamfer(jnp.asarray(edges > 0))) / 65536
            np.testing.assert_allclose(values, exact, atol=1e-4)

    def test_without_an_edge_everything_is_far(self):
        assert (np.asarray(spatter.chamfer(jnp.zeros((8, 9), bool))) == 20 * 65536).all()

    def test_histograms_are_equalised_as_opencv_does(self):
        plane = np.random.default_rng(2).integers(3, 21, (20, 24)).astype(np.uint8)
        for given in (plane, np.full((8, 8), 7, np.uint8)):
            values = np.asarray(spatter._equalised(jnp.asarray(given.astype(np.int32)), 21))
            np.testing.assert_array_equal(values, cv2.equalizeHist(given))

    def test_the_water_is_the_references(self):
        for layer in self.layers():
            far = np.minimum(cv2.distanceTransform(255 - cv2.Canny(layer, 50, 150), cv2.DIST_L2, 5), 20)
            far = cv2.equalizeHist(cv2.blur(far, (3, 3)).astype(np.uint8))
            far = cv2.filter2D(far, cv2.CV_8U, np.array([[-2, -1, 0], [-1, 1, 1], [0, 1, 2]]))
            amount = layer * cv2.blur(far, (3, 3)).astype(np.float32)
            values = np.asarray(spatter.shade(jnp.asarray(layer.astype(np.int32))))
            np.testing.assert_allclose(values, amount / amount.max(), atol=1e-6)

    def test_a_dry_lens_changes_nothing(self):
        # The reference divides 0 by 0 here.
        images = photographs(1, (16, 16, 3))
        for severity in (1, 4):
            corrupted = apply("spatter", images, {"liquid": jnp.zeros((1, 16, 16))}, severity, "cifar")
            np.testing.assert_array_equal(corrupted, images)

    def test_mud_covers(self):
        images = np.full((1, 16, 16, 3), 200, np.uint8)
        corrupted = apply("spatter", images, {"liquid": jnp.ones((1, 16, 16))}, 5, "cifar")
        assert (corrupted == (63, 42, 20)).all() or np.abs(corrupted[0, 0, 0].astype(int) - (63, 42, 20)).max() <= 1


class TestElastic:
    def test_is_opencvs_affine_and_scipys_displacement(self):
        images, severity = photographs(4, (32, 32, 3)), 3
        draws = drawn("elastic_transform", images, severity, "cifar")
        corrupted = apply("elastic_transform", images, draws, severity, "cifar")
        strength, sigma = (32 * v for v in corruptions.CORRUPTIONS["elastic_transform"].rows("cifar")[severity - 1][:2])
        rows, columns = np.mgrid[:32, :32]
        for k, image in enumerate(images):
            centre, half = np.float32((16, 16)), 10
            points = np.float32([centre + half, centre + np.float32((half, -half)), centre - half])
            forward = cv2.getAffineTransform(points, points + np.asarray(draws["points"][k], np.float32))
            inverse = cv2.invertAffineTransform(forward)
            # Positions in 1/1024 of a pixel, cut to 1/32, as OpenCV does before version 5.
            at = [
                (np.rint(1024 * inverse[a, 0] * columns) + np.rint(1024 * (inverse[a, 1] * rows + inverse[a, 2])) + 16)
                // 32
                / 32
                for a in (1, 0)
            ]
            warp = lambda x, at=at: ndimage.map_coordinates(x, at, order=1, mode="mirror")
            warped = np.stack([warp(image[..., c].astype(float)) for c in range(3)], -1)
            field = lambda name, k=k: (
                strength * ndimage.gaussian_filter(np.asarray(draws[name][k], float), sigma, mode="reflect", truncate=3)
            )
            there = (rows + field("down"), columns + field("right"))
            bend = lambda x, there=there: ndimage.map_coordinates(x, there, order=1, mode="reflect")
            exact = np.floor(np.stack([bend(warped[..., c]) for c in range(3)], -1) + 1e-6)
            off = np.abs(corrupted[k] - exact)
            assert (off > 1).mean() < 0.005
            assert (off > 0).mean() < 0.03

    def test_no_displacement_is_the_affine_alone(self):
        # The first severity of CIFAR's table has no displacement; points that stay give the image back.
        images = photographs(2, (32, 32, 3))
        draws = {
            "points": jnp.zeros((2, 3, 2)),
            "right": jnp.ones((2, 32, 32)),
            "down": jnp.ones((2, 32, 32)),
        }
        np.testing.assert_array_equal(apply("elastic_transform", images, draws, 1, "cifar"), images)

    def test_borders(self):
        position = jnp.arange(-3, 8)
        assert digital.mirror_without_edge(position, 5)[0].tolist() == [3, 2, 1, 0, 1, 2, 3, 4, 3, 2, 1]
        assert digital.mirror_with_edge(position, 5)[0].tolist() == [2, 1, 0, 0, 1, 2, 3, 4, 4, 3, 2]
        assert digital.zero_outside(position, 5)[1].tolist() == [False] * 3 + [True] * 5 + [False] * 3


class TestColour:
    @pytest.mark.parametrize("severity", range(1, 6))
    @pytest.mark.parametrize("name", ["brightness", "saturate"])
    def test_is_scikit_images_hsv(self, name, severity):
        images = photographs(3, (16, 16, 3))
        images[0, 0] = 77  # grey pixels, whose hue is 0
        images[0, 1] = 0
        constants = corruptions.CORRUPTIONS[name].rows("cifar")[severity - 1]
        corrupted = apply(name, images, {}, severity, "cifar")
        for image, found in zip(images, corrupted, strict=True):
            hsv = skimage.color.rgb2hsv(image / 255)
            if name == "brightness":
                hsv[..., 2] = np.clip(hsv[..., 2] + constants[0], 0, 1)
            else:
                hsv[..., 1] = np.clip(hsv[..., 1] * constants[0] + constants[1], 0, 1)
            exact = (255 * np.clip(skimage.color.hsv2rgb(hsv), 0, 1)).astype(np.uint8)
            off = np.abs(found.astype(int) - exact)
            assert off.max() <= 1
            assert (off > 0).mean() <= 0.06
            # The largest and the smallest channel are exact.
            outer = (image == image.max(-1, keepdims=True)) | (image == image.min(-1, keepdims=True))
            assert not (off > 0)[outer].any()

    def test_mnists_table_scales_all_of_hsv(self):
        images = photographs(2, (16, 16, 3))
        corrupted = apply("saturate", images, {}, 3, "mnist")
        for image, found in zip(images, corrupted, strict=True):
            hsv = np.clip(2 * skimage.color.rgb2hsv(image / 255), 0, 1)
            exact = 255 * skimage.color.hsv2rgb(hsv)
            assert np.abs(found - np.floor(exact + 1e-6)).max() <= 1

    def test_grey_images_stay_grey(self):
        images = photographs(1, (16, 16, 1))
        corrupted = apply("saturate", images, {}, 5, "cifar")[0, ..., 0]
        # Saturation 0.2 at hue 0 leaves red and takes a fifth of green and blue.
        exact = images[0, ..., 0] * (0.2125 + 0.8 * 0.7875)
        assert np.abs(corrupted - np.floor(exact)).max() <= 1


class TestMnistC:
    @pytest.mark.parametrize("name", ["shear", "rotate", "scale", "translate"])
    def test_is_scikit_images_warp(self, name):
        images, severity = photographs(2, (28, 28, 1)), 2
        value = corruptions.CORRUPTIONS[name].rows("mnist")[severity - 1][0]
        draws = {} if name == "scale" else {"sign": jnp.array([[1.0, -1.0], [-1.0, 1.0]])}
        corrupted = apply(name, images, draws, severity, "mnist")
        for k, image in enumerate(images):
            sign = (1, 1) if name == "scale" else np.asarray(draws["sign"][k])
            angle = value * sign[0]
            matrix = {
                "shear": [[1, -math.sin(angle)], [0, math.cos(angle)]],
                "rotate": [[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]],
                "scale": np.eye(2) / value,
                "translate": np.eye(2),
            }[name]
            full = np.eye(3)
            full[:2, :2] = matrix
            full[:2, 2] = 13.5 - np.asarray(matrix) @ (13.5, 13.5)
            if name == "translate":
                full[:2, 2] += value * np.asarray(sign)
            exact = skimage.transform.warp(image[..., 0] / 255, full)
            assert np.abs(corrupted[k, ..., 0] - np.floor(255 * exact + 1e-4)).max() <= 1

    def test_edges_are_scikit_images(self):
        images = photographs(8, (28, 28, 1))
        images[0, 5:20, 8:18] = 255
        corrupted = apply("canny_edges", images, {}, 1, "mnist")
        wrong = 0
        for image, found in zip(images, corrupted, strict=True):
            exact = skimage.feature.canny(image[..., 0] / 255)
            wrong += int((exact != (found[..., 0] > 0)).sum())
        assert wrong <= 2  # gradients that tie up to rounding

    def test_smoothing_knows_where_the_image_ends(self):
        flat = jnp.full((12, 9, 1), 0.7)
        np.testing.assert_allclose(mnist_c._smoothed(flat), 0.7, rtol=1e-5)
