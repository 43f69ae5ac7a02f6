"""Noise on weights and frequencies, shifts of the labels, and what every condition says of itself."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from conftest import MLP
from fitted import KEY, images_and_labels
from scipy.stats import norm
from simple import model
from simple import network as made_of

from rosalind import conditions, corruptions, data, geometry, measuring, models
from rosalind.conditions import attacks, files
from rosalind.config import Condition


class TestWeightNoise:
    def test_only_surviving_weights_change(self, network):
        net, _ = network
        noisy = models.flatten(conditions.with_weight_noise(net, 0.5, KEY))
        for path, before in models.flatten(net.variables).items():
            changed = np.asarray(noisy[path] != before)
            mask = net.masks.get(path.removeprefix("params/"))
            if mask is None:
                assert not changed.any(), path
            else:
                assert not changed[~mask].any(), path
                assert changed[mask].mean() > 0.99, path

    def test_the_noise_is_relative_to_the_layers_size(self, network):
        net, _ = network
        path = max(net.masks, key=lambda p: net.masks[p].size)
        before = np.asarray(models.flatten(net.variables)[f"params/{path}"])
        after = np.asarray(models.flatten(conditions.with_weight_noise(net, 0.3, KEY))[f"params/{path}"])
        alive = net.masks[path]
        size = np.sqrt((before[alive] ** 2).mean())
        assert (after - before)[alive].std() == pytest.approx(0.3 * size, rel=0.05)

    def test_strength_zero_is_clean_and_the_reference_stays(self, network):
        net, split = network
        ((_, cell),) = measuring.measure([net], conditions.plan(Condition("weight_noise", 0)), split, KEY)
        ((_, clean),) = measuring.measure([net], conditions.plan(Condition()), split, KEY)
        np.testing.assert_array_equal(cell["margin"], clean["margin"])
        ((_, noisy),) = measuring.measure([net], conditions.plan(Condition("weight_noise", 1)), split, KEY)
        assert (noisy["prediction"] == split.labels).mean() < (clean["prediction"] == split.labels).mean()
        # The margin belongs to the noisy head: it is positive exactly where the noisy network is right.
        np.testing.assert_array_equal(noisy["margin"] > 0, noisy["prediction"] == split.labels)

    def test_accuracy_of_a_linear_classifier_is_its_closed_form(self):
        # Images of one weight each, or of two of one sign.
        classes = np.arange(256) % 2
        kernel, removed = np.stack([0 * classes, 2.0 * classes - 1], 1), np.zeros((256, 2), bool)
        removed[:, 0] = True
        of = model("Linear", (16, 16, 1), 2)
        params = {"head": {"kernel": np.float32(kernel), "bias": np.zeros(2, np.float32)}}
        reference = geometry.Reference(np.zeros(256, np.float32), np.zeros((2, 256), np.float32), 1.0)
        net = dataclasses.replace(made_of(of, {"params": params}, head=removed), reference=reference)
        single = 255 * np.eye(256, dtype=np.uint8)
        images = np.concatenate([single, single + np.roll(single, 2, 1)]).reshape(512, 16, 16, 1)
        split = data.Split(images, np.tile(classes, 2).astype(np.int32), np.arange(512, dtype=np.int32))
        for sigma in (0.5, 1.5):
            planned = conditions.plan(Condition("weight_noise", sigma))
            right = []
            for draw in range(12):
                ((_, cell),) = measuring.measure([net], planned, split, jax.random.key(draw))
                right.append((cell["prediction"] == split.labels).reshape(2, 256))
            # Margin over length: 1 / 1 and 2 / sqrt(2); the weights' root mean square is 1.
            expected = norm.cdf(np.array([1, 2**0.5]) / sigma)
            np.testing.assert_allclose(np.mean(right, (0, 2)), expected, atol=0.025)


class TestFourier:
    @pytest.mark.parametrize(("row", "column"), [(0, 0), (0, 3), (4, 0), (-2, 3), (8, 8)])
    def test_a_wave_has_one_frequency_and_length_one(self, row, column):
        wave = np.asarray(attacks.basis(16, 16, row, column))
        assert np.linalg.norm(wave) == pytest.approx(1, rel=1e-5)
        power = np.abs(np.fft.fft2(wave)) ** 2
        places = {(row % 16, column % 16), (-row % 16, -column % 16)}
        assert sum(power[place] for place in places) == pytest.approx(power.sum(), rel=1e-4)

    def test_every_frequency_comes_once(self):
        for height, width in ((8, 8), (7, 8), (9, 5)):
            frequencies = attacks.frequencies(height, width)
            both = {(r % height, c % width) for r, c in frequencies} | {
                (-r % height, -c % width) for r, c in frequencies
            }
            assert len(both) == height * width
            mirrored = [f for f in frequencies if ((-f[0]) % height, (-f[1]) % width) != (f[0] % height, f[1] % width)]
            assert 2 * len(mirrored) + (len(frequencies) - len(mirrored)) == height * width

    def test_the_change_has_the_strength_asked_for(self):
        images = np.full((40, 32, 32, 3), 128, np.uint8)
        ids = np.arange(40, dtype=np.uint32)
        values = np.asarray(attacks.fourier(images, ids, KEY, jnp.float32(4.0), jnp.float32(3), jnp.float32(-2)))
        change = (values.astype(float) - 128) / 255
        np.testing.assert_allclose(np.sqrt((change**2).sum((1, 2))), 4, rtol=0.02)
        signs = np.sign(change[:, 0, 0])
        assert abs(signs.mean()) < 0.4
        assert len(np.unique(signs, axis=0)) == 8


class TestShift:
    def folder(self, tmp_path, labels=True):
        images, known, _ = images_and_labels(25, seed=9)
        np.save(tmp_path / "cifar10.1_v6_data.npy", images)
        if labels:
            np.save(tmp_path / "cifar10.1_v6_labels.npy", known.astype(np.int64))
        files.shift_samples.cache_clear()
        return Condition("shift", files=str(tmp_path), label="v6"), images, known

    def test_is_measured_on_its_own_samples(self, network, tmp_path):
        net, split = network
        condition, images, known = self.folder(tmp_path)
        ((_, cell),) = measuring.measure([net], conditions.plan(condition), split, KEY, subset=np.arange(5))
        assert cell["prediction"].shape == (25,)
        assert "features" not in cell
        expected = models.apply(MLP, net.variables, images)[0].argmax(1)
        np.testing.assert_array_equal(cell["prediction"], expected)
        np.testing.assert_array_equal(cell["margin"] > 0, expected == known)

    def test_without_labels_what_needs_one_is_a_gap(self, network, tmp_path):
        net, split = network
        condition, images, _ = self.folder(tmp_path, labels=False)
        ((_, cell),) = measuring.measure([net], conditions.plan(condition), split, KEY)
        for name in ("angle", "angle_centred", "angle_class_mean", "margin"):
            assert np.isnan(cell[name]).all(), name
        assert (cell["rival"] == -1).all()
        expected = models.apply(MLP, net.variables, images)[0].argmax(1)
        np.testing.assert_array_equal(cell["prediction"], expected)
        assert np.isfinite(cell["norm"]).all()
        assert np.isfinite(cell["margin_predicted"]).all()
        assert np.isnan(cell["angle_agreement"])
        assert np.isnan(cell["class_mean"]).all()

    def test_bad_folders(self, network, tmp_path):
        _, split = network
        condition, _, _ = self.folder(tmp_path)
        np.save(tmp_path / "more_images.npy", np.zeros((3, 8, 8, 1), np.uint8))
        with pytest.raises(FileNotFoundError, match=r"must hold one \.npy of images"):
            conditions.check_files(conditions.plan(condition), split)
        (tmp_path / "more_images.npy").unlink()
        np.save(tmp_path / "cifar10.1_v6_labels.npy", np.full(25, 7))
        files.shift_samples.cache_clear()
        with pytest.raises(ValueError, match=r"must lie in -1\.\.2, got 7\.\.7"):
            conditions.check_files(conditions.plan(condition), split)
        np.save(tmp_path / "cifar10.1_v6_labels.npy", np.zeros(24, int))
        files.shift_samples.cache_clear()
        with pytest.raises(ValueError, match=r"must be int\[25\]"):
            conditions.check_files(conditions.plan(condition), split)
        with pytest.raises(ValueError, match="`files` is required for 'shift'"):
            conditions.plan(Condition("shift", label="v6"))
        with pytest.raises(ValueError, match="`label` is required for 'shift', got label=None"):
            conditions.plan(Condition("shift", files="x"))


def test_every_condition_takes_a_batch_norm_mode():
    for name in ("fog", "pgd-linf", "weight_noise", "fourier"):
        conditions.plan(Condition(name, 1, bn="adapted"))
    with pytest.raises(ValueError, match="unknown BatchNorm mode"):
        conditions.plan(Condition("fog", 1, bn="batch"))


def test_every_condition_is_known_to_be_shared_or_not():
    own = {"fgsm", "pgd-linf", "pgd-l2", "weight_noise"}
    for name in conditions.CONDITIONS:
        assert (not conditions.CONDITIONS[name].per_network) == (name not in own)
    assert set(corruptions.CORRUPTIONS) < set(conditions.CONDITIONS)


@pytest.mark.parametrize(
    ("severity", "table", "pixels"), [(2, "imagenet", 1), (2, "mnist", 1), (3, "mnist", None), (2, "cifar", None)]
)
def test_corrected_pixels_are_part_of_a_condition(severity, table, pixels):
    # Otherwise cells of before and after would be compared in one study.
    planned = conditions.plan(Condition("zoom_blur", severity), table)
    assert conditions.describe(planned, data.load("digits"), 0, "net").get("pixels") == pixels
