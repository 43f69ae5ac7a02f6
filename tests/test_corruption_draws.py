"""The statistics of what each corruption draws."""

import subprocess
import sys

import jax
import numpy as np
import pytest
from corrupted import draw_all
from scipy import stats

from rosalind import corruptions


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
from rosalind.conditions import corrupted_batch, plan, shared
from rosalind.config import Condition
assert len(jax.devices()) == 4
images = np.random.default_rng(0).integers(0, 256, (8, 16, 16, 3)).astype(np.uint8)
ids = np.arange(8, dtype=np.int32)
mesh = jax.make_mesh((4,), ("images",), axis_types=(AxisType.Auto,))
spread = jax.device_put(images, NamedSharding(mesh, PartitionSpec("images")))
copied = jax.device_put(images, NamedSharding(mesh, PartitionSpec()))
assert len(shared(images).sharding.device_set) == 4 and len(shared(images[:6]).sharding.device_set) == 3
for name in ("gaussian_noise", "shot_noise", "impulse_noise", "glass_blur", "fog", "elastic_transform"):
    condition = Condition(name, 4, table="cifar")
    one = corrupted_batch(plan(condition), images, ids, jax.random.key(3))
    for several in (spread, shared(images), copied):
        four = corrupted_batch(plan(condition), several, ids, jax.random.key(3))
        assert (np.asarray(one) == np.asarray(four)).all(), name
        assert four.sharding.is_equivalent_to(several.sharding, 4), name
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
