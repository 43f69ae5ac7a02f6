"""Attacks, noise on weights and frequencies, images from files, and the writing of those."""

import dataclasses
import json
import signal
import subprocess
import sys
import time

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from conftest import MLP
from test_corruptions import photographs

from rosalind import conditions, corruptions, data, geometry, measures, measuring, models
from rosalind.conditions import attacks, files, writing
from rosalind.conditions.network import Network
from rosalind.config import Condition, Model

KEY = jax.random.key(0)


def images_and_labels(count=60, seed=0):
    images = photographs(count, (8, 8, 1), seed)
    return images, (np.arange(count) % 3).astype(np.int32), np.arange(count, dtype=np.int32)


@pytest.fixture(scope="module")
def network():
    """A fitted mlp: labels follow the mean of three regions, so that attacks have something to do."""
    variables = models.init(MLP, jax.random.key(1))
    images, labels, ids = images_and_labels(300)
    images[np.arange(300), labels * 2, :] = 255
    loss = models.cross_entropy(MLP)
    params = variables["params"]
    step = jax.jit(
        lambda p: jax.tree.map(
            lambda w, g: w - 0.3 * g,
            p,
            jax.grad(lambda q: loss(q, {}, {"images": images, "labels": labels})[0])(p),
        )
    )
    for _ in range(60):
        params = step(params)
    variables = {"params": params}
    masks = {
        path: np.random.default_rng(0).random(w.shape) > 0.3 for path, w in models.flatten(params).items() if w.ndim > 1
    }
    flat = models.flatten(params)
    flat |= {path: flat[path] * mask for path, mask in masks.items()}
    variables = {"params": models.unflatten(flat)}
    features = models.apply(MLP, variables, images)[1]
    reference = geometry.reference(features, models.head(MLP, variables)[0], labels)
    return Network("mlp", reference, MLP, variables, masks), data.Split(images, labels, ids)


def accuracy(network, images, labels):
    return float((models.apply(MLP, network.variables, images)[0].argmax(1) == labels).mean())


def applied(condition, network, split):
    planned = conditions.plan(condition)
    return conditions.apply(planned, network, split.images, split.labels, split.ids, KEY)


class TestAttacks:
    @pytest.mark.parametrize("name", [n for n, k in conditions.CONDITIONS.items() if k.category == "attack"])
    def test_size_zero_is_clean(self, network, name):
        net, split = network
        values = np.asarray(applied(Condition(name, 0), net, split), np.float64)
        scale = 1 if name == "pgd_transfer" else 255
        np.testing.assert_allclose(values * scale, split.images, atol=1e-4)

    @pytest.mark.parametrize("name", ["pgd-linf", "pgd-l2"])
    def test_no_steps_are_clean(self, network, name):
        net, split = network
        values = np.asarray(applied(Condition(name, 8, options={"steps": 0}), net, split))
        np.testing.assert_allclose(255 * values, split.images, atol=1e-4)

    @pytest.mark.parametrize(
        ("name", "sizes"),
        [("fgsm", (0, 4, 16, 64)), ("pgd-linf", (0, 4, 16, 64)), ("pgd-l2", (0, 0.3, 1, 4))],
    )
    def test_accuracy_does_not_rise_with_the_size(self, network, name, sizes):
        net, split = network
        found = [accuracy(net, applied(Condition(name, s), net, split), split.labels) for s in sizes]
        assert found == sorted(found, reverse=True)
        assert found[0] - found[-1] > 0.2

    @pytest.mark.parametrize(("name", "size"), [("fgsm", 8), ("pgd-linf", 8), ("pgd-l2", 0.7)])
    def test_the_ball_is_kept(self, network, name, size):
        net, split = network
        values = np.asarray(applied(Condition(name, size), net, split))
        change = values - split.images / 255
        assert values.min() >= 0
        assert values.max() <= 1
        if name == "pgd-l2":
            assert np.sqrt((change**2).sum((1, 2, 3))).max() <= size + 1e-5
        else:
            assert np.abs(change).max() <= size / 255 + 1e-6

    def test_more_steps_and_restarts_never_help_the_network(self, network):
        net, split = network
        at = lambda **options: accuracy(
            net, applied(Condition("pgd-linf", 12, options=options), net, split), split.labels
        )
        assert at(steps=20) <= at(steps=2)
        assert at(steps=5, restarts=3) <= at(steps=5, restarts=1)
        # Without limits the gradient must find everything, or it is masked.
        assert at(steps=50) <= accuracy(net, applied(Condition("fgsm", 12), net, split), split.labels) + 0.02

    @pytest.mark.parametrize(("norm", "size"), [("linf", 0.01), ("l2", 0.07)])
    def test_a_linear_classifier_has_its_closed_form(self, norm, size, monkeypatch):
        # Two classes, x in the middle of the cube: robust where the gap exceeds size times the dual norm.
        generator = np.random.default_rng(3)
        kernel = generator.normal(size=(64, 2)).astype(np.float32)
        images = (0.5 + 0.1 * generator.normal(size=(200, 8, 8, 1))).clip(0.3, 0.7).astype(np.float32)
        centre = images.reshape(200, -1).mean(0) @ kernel
        apply = lambda config, variables, x, train=False: (
            x.reshape(len(x), -1) @ variables["kernel"] - jnp.asarray(centre)[None],
            x,
            {},
        )
        monkeypatch.setattr(models, "apply", apply)
        config = dataclasses.replace(MLP, classes=2, width=77)
        labels = (images.reshape(200, -1) @ kernel - centre).argmax(1).astype(np.int32)
        attacked = attacks.attack(
            config,
            {"kernel": jnp.asarray(kernel)},
            images,
            labels,
            np.arange(200, dtype=np.uint32),
            KEY,
            jnp.float32(size),
            jnp.float32(size / 4),
            jnp.int32(20),
            norm=norm,
        )
        left = apply(None, {"kernel": kernel}, np.asarray(attacked))[0].argmax(1) == labels
        direction = kernel[:, 0] - kernel[:, 1]
        gap = np.abs(images.reshape(200, -1) @ direction - (centre[0] - centre[1]))
        dual = np.abs(direction).sum() if norm == "linf" else np.linalg.norm(direction)
        exact = gap > size * dual
        # A path of twenty steps ends within a hundredth of the boundary's place.
        undecided = np.abs(gap - size * dual) < 0.02 * size * dual
        np.testing.assert_array_equal(np.asarray(left)[~undecided], exact[~undecided])
        assert 0.1 < exact.mean() < 0.9

    def test_starts_are_drawn_by_id(self, network):
        net, split = network
        condition = Condition("pgd-linf", 8, options={"steps": 1})
        whole = np.asarray(applied(condition, net, split))
        subset = split.take(np.arange(40, 60))
        np.testing.assert_allclose(np.asarray(applied(condition, net, subset)), whole[40:60], atol=1e-6)

    def test_geometry_of_an_attack_has_all_arrays(self, network):
        net, split = network
        for name, size in (("pgd-linf", 16), ("pgd-l2", 1.0), ("fgsm", 16)):
            ((_, cell),) = measuring.measure(
                [net], conditions.plan(Condition(name, size)), split, KEY, subset=np.arange(9)
            )
            ((_, clean),) = measuring.measure([net], conditions.plan(Condition()), split, KEY)
            assert set(measures.STORED) < set(cell)
            assert cell["features"].shape[0] == 9
            assert np.median(cell["margin"]) < np.median(clean["margin"])

    def test_a_transferred_attack_is_made_once(self, network):
        net, split = network
        condition = Condition("pgd_transfer", 16)
        with pytest.raises(ValueError, match="`attacked` is required"):
            list(measuring.measure([net], conditions.plan(condition), split, KEY))
        corrupted = applied(condition, net, split)
        assert corrupted.dtype == np.uint8
        callable_ = Network(
            "imported",
            net.reference,
            features=lambda x: models.apply(MLP, net.variables, x)[1],
            kernel=models.head(MLP, net.variables)[0],
            bias=models.head(MLP, net.variables)[1],
        )
        found = dict(measuring.measure([net, callable_], conditions.plan(condition), split, KEY, attacked=net))
        np.testing.assert_array_equal(found["mlp"]["prediction"], found["imported"]["prediction"])

    @pytest.mark.parametrize(
        ("name", "size", "options"),
        [("fgsm", 8, {}), ("pgd-linf", 8, {"steps": 3, "restarts": 2}), ("pgd-l2", 0.5, {"steps": 3})],
    )
    def test_a_callable_with_a_gradient_is_attacked_as_the_model_is(self, network, name, size, options):
        net, split = network
        loss = lambda x, labels: (
            -jnp.take_along_axis(jax.nn.log_softmax(models.apply(MLP, net.variables, x)[0]), labels[:, None], 1).sum()
        )
        callable_ = Network(
            "imported",
            net.reference,
            features=lambda x: models.apply(MLP, net.variables, x)[1],
            kernel=models.head(MLP, net.variables)[0],
            bias=models.head(MLP, net.variables)[1],
            gradient=jax.grad(loss),
        )
        condition = Condition(name, size, options=options)
        exact, made = (np.asarray(applied(condition, one, split)) for one in (net, callable_))
        # Where a gradient is nearly 0 its sign is rounding.
        assert (np.abs(made - exact) > 1e-4).mean() < 0.005
        assert np.abs(made - split.images / 255).max() > 0.01
        for wrong in (lambda x, labels: x[:, 0], lambda x, labels: np.nan * x):
            with pytest.raises(ValueError, match="`gradient` of 'imported' must give finite float"):
                applied(condition, dataclasses.replace(callable_, gradient=wrong), split)

    def test_what_is_refused(self, network):
        _, split = network
        with pytest.raises(ValueError, match="pgd-linf has no option 'stepz'; it has steps, restarts"):
            conditions.plan(Condition("pgd-linf", 8, options={"stepz": 3}))
        with pytest.raises(ValueError, match="pgd-linf: option 'steps' must be a whole number of 0 or more, got -1"):
            conditions.plan(Condition("pgd-linf", 8, options={"steps": -1}))
        with pytest.raises(ValueError, match="severity of fgsm must be 0 or more, got -8"):
            conditions.plan(Condition("fgsm", -8))
        with pytest.raises(ValueError, match="needs gradients"):
            applied(Condition("fgsm", 8), Network("x", None, features=len), split)
        with pytest.raises(ValueError, match="fog has no option 'steps'"):
            conditions.plan(Condition("fog", 3, options={"steps": 3}))


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


def cifar_c_folder(folder, test, names=("fog",), repeat=True):
    """A folder in the layout of CIFAR-10-C whose pixels say severity and position."""
    folder.mkdir(exist_ok=True)
    count = len(test)
    for name in names:
        images = np.repeat(test.images[None], 5, 0).reshape(5 * count, *test.images.shape[1:]).copy()
        images[:, 0, 0, 0] = np.repeat(np.arange(1, 6), count)
        np.save(folder / f"{name}.npy", images)
    np.save(folder / "labels.npy", np.tile(test.labels, 5) if repeat else test.labels)
    return folder


class TestOfficialFiles:
    def test_a_severity_is_a_block(self, tmp_path):
        test = data.Split(*images_and_labels(20))
        folder = cifar_c_folder(tmp_path / "c", test)
        for severity in (1, 4):
            condition = Condition("fog", severity, files=str(folder))
            source = conditions.source_images(conditions.plan(condition), test)
            images = source.images[:]
            assert (images[:, 0, 0, 0] == severity).all()
            np.testing.assert_array_equal(images[:, 1:], test.images[:, 1:])
        files._block.cache_clear()

    def test_a_subset_finds_its_images_by_id(self, tmp_path):
        test = data.Split(*images_and_labels(20))
        folder = cifar_c_folder(tmp_path / "c", test, repeat=False)
        subset = test.take(np.array([17, 3, 5]))
        source = conditions.source_images(conditions.plan(Condition("fog", 2, files=str(folder))), subset)
        np.testing.assert_array_equal(source.images[:][:, 1:], subset.images[:, 1:])
        np.testing.assert_array_equal(source.ids, [17, 3, 5])

    def test_measuring_reads_them(self, network, tmp_path):
        net, split = network
        folder = cifar_c_folder(tmp_path / "c", split)
        np.save(folder / "fog.npy", np.repeat(split.images[None], 5, 0).reshape(-1, 8, 8, 1))
        ((_, cell),) = measuring.measure([net], conditions.plan(Condition("fog", 3, files=str(folder))), split, KEY)
        ((_, clean),) = measuring.measure([net], conditions.plan(Condition()), split, KEY)
        np.testing.assert_array_equal(cell["logits"], clean["logits"])

    @pytest.mark.parametrize(
        ("break_it", "message"),
        [
            (
                lambda f, t: np.save(f / "fog.npy", np.zeros((21, 8, 8, 1), np.uint8)),
                "holds 21 images for 100 labels",
            ),
            (
                lambda f, t: np.save(f / "labels.npy", np.sort(np.tile(t.labels, 5))),
                "severities are mixed",
            ),
            (
                lambda f, t: np.save(f / "labels.npy", np.tile((t.labels + 1) % 3, 5)),
                "other labels than the test",
            ),
            (lambda f, t: np.save(f / "fog.npy", np.zeros((100, 8, 8, 1), np.float32)), "must be uint8"),
            (
                lambda f, t: np.save(f / "fog.npy", np.zeros((100, 9, 8, 1), np.uint8)),
                r"images of \(9, 8, 1\)",
            ),
            (lambda f, t: (f / "fog.npy").unlink(), "no fog.npy in"),
            (lambda f, t: (f / "labels.npy").unlink(), "no labels.npy in"),
            (lambda f, t: (f / "fog.npy").write_bytes(b"no array"), "not a NumPy file"),
        ],
        ids=["length", "mixed", "labels", "floats", "size", "missing", "without labels", "damaged"],
    )
    def test_what_is_wrong_with_a_folder_is_said_before_any_work(self, tmp_path, break_it, message):
        files._block.cache_clear()
        test = data.Split(*images_and_labels(20))
        folder = cifar_c_folder(tmp_path / "c", test)
        break_it(folder, test)
        with pytest.raises((ValueError, FileNotFoundError), match=message):
            conditions.check_files(conditions.plan(Condition("fog", 3, files=str(folder))), test)

    def test_tfds_sets_are_paired_by_their_pixels(self, monkeypatch):
        images, labels, ids = images_and_labels(60)
        test = data.Split(images, labels, ids)
        order = np.random.default_rng(4).permutation(60)
        noise = np.random.default_rng(5).integers(-9, 10, images.shape)
        changed = np.clip(images.astype(int) + noise, 0, 255).astype(np.uint8)
        asked = []

        def prepared(name, config):
            asked.append((name, config))
            mild = config in ("brightness_1", "identity")
            # Another configuration's pixels need not look like the clean ones: shifted, drawn over, ...
            return (changed if mild else changed[:, ::-1, ::-1])[order], labels[order]

        monkeypatch.setattr(files, "_prepared", prepared)
        condition = Condition("elastic_transform", 4, files="tfds:cifar10_corrupted")
        source = conditions.source_images(conditions.plan(condition), test).images
        np.testing.assert_array_equal(source, changed[:, ::-1, ::-1])
        conditions.source_images(conditions.plan(Condition("shear", 2, files="tfds:mnist_corrupted")), test)
        # TFDS has names of its own, and without a name silently gives brightness_1.
        assert set(asked) == {
            *(("cifar10_corrupted", "elastic_4"), ("cifar10_corrupted", "brightness_1")),
            *(("mnist_corrupted", "shear"), ("mnist_corrupted", "identity")),
        }
        monkeypatch.setattr(files, "_prepared", lambda *a: (np.zeros_like(changed), labels))
        with pytest.raises(ValueError, match="cannot be paired"):
            conditions.source_images(conditions.plan(condition), test)


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


def tiny_dataset(count=30, size=8):
    images, labels, _ = images_and_labels(count)
    return data.from_arrays("tiny", *[np.repeat(images, 2, 0), np.repeat(labels, 2)], images, labels)


class TestWriting:
    NAMES = ("gaussian_noise", "contrast")

    def test_the_layout_and_the_pixels_that_a_study_measures(self, tmp_path):
        dataset = tiny_dataset()
        written = writing.write(dataset, tmp_path / "c", names=(*self.NAMES, "stripe"), table="mnist")
        assert [path.name for path in written] == ["gaussian_noise.npy", "contrast.npy", "stripe.npy"]
        labels = np.load(tmp_path / "c" / "labels.npy")
        np.testing.assert_array_equal(labels, np.tile(dataset.test.labels, 5))
        array = np.load(written[0])
        assert array.shape == (150, 8, 8, 1)
        assert array.dtype == np.uint8
        assert np.load(written[2]).shape == (30, 8, 8, 1)
        for severity in (1, 5):
            condition = Condition("gaussian_noise", severity, table="mnist")
            key = conditions.condition_key(jax.random.key(0), "tiny", condition)
            test = dataset.test
            planned = conditions.plan(condition)
            exact = conditions.apply(planned, None, test.images, test.labels, test.ids, key)
            np.testing.assert_array_equal(array[30 * (severity - 1) : 30 * severity], exact)
        back = conditions.source_images(
            conditions.plan(Condition("contrast", 2, files=str(tmp_path / "c"))), dataset.test
        )
        assert len(back) == 30
        stripes = conditions.source_images(
            conditions.plan(Condition("stripe", 1, files=str(tmp_path / "c"))), dataset.test
        )
        np.testing.assert_array_equal(stripes.images[:], np.load(written[2]))
        assert not list((tmp_path / "c").glob(".*"))

    def test_interrupted_it_goes_on_in_the_file(self, tmp_path, monkeypatch):
        dataset = tiny_dataset()
        writing.write(dataset, tmp_path / "whole", names=self.NAMES)
        monkeypatch.setattr(writing, "BATCH", 7)
        real, calls = writing.corrupted_batch, []

        def failing(*args):
            calls.append(args[0].condition.severity)
            if len(calls) == 12:
                raise KeyboardInterrupt
            return real(*args)

        monkeypatch.setattr(writing, "corrupted_batch", failing)
        with pytest.raises(KeyboardInterrupt):
            writing.write(dataset, tmp_path / "c", names=self.NAMES)
        there = sorted(path.name for path in (tmp_path / "c").iterdir() if not path.name.startswith("."))
        assert there == ["corruptions.json", "labels.npy"]
        before = len(calls)
        writing.write(dataset, tmp_path / "c", names=self.NAMES)
        # 5 severities of 5 batches of two files, less the 11 that were done.
        assert len(calls) - before == 50 - 11
        for name in self.NAMES:
            np.testing.assert_array_equal(
                np.load(tmp_path / "c" / f"{name}.npy"), np.load(tmp_path / "whole" / f"{name}.npy")
            )

    def test_killed_it_leaves_no_half_file(self, tmp_path):
        script = (
            "from rosalind.cli import main; import sys; sys.argv = ['rosalind', 'corrupt', 'digits', 'out', "
            "'--corruptions', 'gaussian_noise', 'fog']; main()"
        )
        child = subprocess.Popen([sys.executable, "-c", script], cwd=tmp_path, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 120
        while not list(tmp_path.glob("out/.gaussian_noise.npy.done")) and time.monotonic() < deadline:
            if child.poll() is not None:
                break
            time.sleep(0.01)
        child.send_signal(signal.SIGKILL)
        child.wait()
        for path in tmp_path.glob("out/[a-z]*.npy"):
            assert len(np.load(path)) == 5 * 597
        done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        assert sorted(p.name for p in tmp_path.glob("out/*.npy")) == [
            "fog.npy",
            "gaussian_noise.npy",
            "labels.npy",
        ]

    def test_a_folder_made_otherwise_is_refused(self, tmp_path):
        dataset = tiny_dataset()
        writing.write(dataset, tmp_path / "c", names=["contrast"])
        with pytest.raises(ValueError, match="made otherwise: draw: 0 -> 1"):
            writing.write(dataset, tmp_path / "c", names=["contrast"], draw=1)
        np.save(tmp_path / "x.npy", np.zeros(3))
        with pytest.raises(ValueError, match="that rosalind has not written"):
            writing.write(dataset, tmp_path, names=["contrast"])
        with pytest.raises(ValueError, match="unknown corruption 'contrst'"):
            writing.write(dataset, tmp_path / "d", names=["contrst"])
        assert not (tmp_path / "d").exists()
        assert json.loads((tmp_path / "c" / "corruptions.json").read_text())["dataset"] == "tiny"


class Watched:
    """Images made when they are read, that remember the largest piece that was asked for."""

    def __init__(self, count, size=224):
        self.shape, self.dtype, self.largest = (count, size, size, 3), np.dtype(np.uint8), 0

    def __len__(self):
        return self.shape[0]

    def __getitem__(self, index):
        rows = np.atleast_1d(np.arange(len(self))[index])
        self.largest = max(self.largest, len(rows))
        array = np.empty((len(rows), *self.shape[1:]), np.uint8)
        for out, row in zip(array, rows, strict=True):
            out[:] = (row * 7 + np.arange(self.shape[1])[:, None, None]) % 256
        return array


class TestStreaming:
    def test_large_images_are_read_in_pieces(self):
        images = Watched(230, 96)
        split = data.Split(images, np.arange(230, dtype=np.int32) % 3, np.arange(230, dtype=np.int32))
        config = Model("mlp", 4, (96, 96, 3), 3, (0.5,) * 3, (0.25,) * 3)
        network = Network("mlp", None, config, models.init(config, KEY))
        subset = split.take(np.arange(50))
        assert isinstance(subset.images, data.Rows)
        network = dataclasses.replace(network, reference=measuring.reference(network, subset, subset))
        ((_, cell),) = measuring.measure([network], conditions.plan(Condition("contrast", 3)), split, KEY)
        assert cell["norm"].shape == (230,)
        assert images.largest <= 100

    def test_writing_reads_in_pieces(self, tmp_path):
        images = Watched(230, 96)
        labels = np.arange(230) % 3
        dataset = data.from_arrays("large", images, labels, images, labels)
        images.largest = 0
        writing.write(dataset, tmp_path, names=["contrast"])
        assert images.largest <= writing.BATCH
        assert np.load(tmp_path / "contrast.npy", mmap_mode="r").shape == (5 * 230, 96, 96, 3)

    def test_files_of_npy_stay_on_disk(self, tmp_path):
        images, labels, _ = images_and_labels(60)
        for split in ("train", "test"):
            np.save(tmp_path / f"{split}_images.npy", images)
            np.save(tmp_path / f"{split}_labels.npy", labels)
        dataset = data.load("npy", folder=tmp_path)
        assert isinstance(dataset.train.images, data.Rows)
        assert isinstance(dataset.test.images, np.memmap)
        same = data.from_arrays("npy", images, labels, images, labels)
        assert dataset.hash == same.hash
        np.testing.assert_array_equal(dataset.train.images[:], same.train.images)
        (tmp_path / "test_labels.npy").unlink()
        with pytest.raises(FileNotFoundError, match=r"no test_labels\.npy"):
            data.load("npy", folder=tmp_path)

    def test_training_from_files_is_training_from_memory(self, tmp_path):
        from rosalind import training

        images, labels, _ = images_and_labels(50)
        lazy = data.Rows(images, np.arange(50))
        for step in (0, 3, 7):
            there, here = (training.Batches(x, labels, 20, crop=1, flip=True)(KEY, step) for x in (lazy, images))
            for name in ("images", "labels", "index"):
                np.testing.assert_array_equal(there[name], here[name])


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
