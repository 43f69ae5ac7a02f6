"""Attribution methods in memory: closed forms and identities of every one, and the classes that they are asked for."""

import dataclasses
import functools

import jax
import numpy as np
import pytest
from flax import linen as nn

from rosalind import config, diagnostics, geometry, measuring, models
from rosalind.analysis import explanation
from rosalind.conditions import Network
from rosalind.data import Split
from rosalind.diagnostics import Subject, attribution_methods, occlusion, shapley

RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (6, 12, 12, 1)).astype(np.uint8)
SPLIT = Split(IMAGES, (np.arange(6) % 3).astype(np.int32), np.arange(6, dtype=np.int32))
CNN = config.Model("cnn", 4, (12, 12, 1), 3, (0.3,), (0.25,))


class Plain(nn.Module):
    """Convolutions without biases or norms, then a global mean."""

    width: int = 5

    @nn.compact
    def __call__(self, x, train: bool):
        for k in range(2):
            x = nn.relu(nn.Conv(self.width, (3, 3), use_bias=False, name=f"conv{k}")(x))
        return x.mean((1, 2))


class Residual(nn.Module):
    """A block whose branch is negative here and there, with a norm of both signs behind a bias."""

    width: int = 6

    @nn.compact
    def __call__(self, x, train: bool):
        x = nn.relu(nn.Conv(self.width, (3, 3), name="stem")(x))
        y = nn.BatchNorm(use_running_average=not train, name="norm")(nn.Conv(self.width, (3, 3), name="conv")(x))
        x = nn.relu(models.Sum(name="sum")((x, y)))
        return models.Maps(name="maps")(x).mean((1, 2))


class Single(nn.Module):
    """A dense layer, a norm and ReLU."""

    width: int = 6

    @nn.compact
    def __call__(self, x, train: bool):
        x = nn.Dense(self.width, name="dense")(x.reshape(len(x), -1))
        return nn.relu(nn.BatchNorm(use_running_average=not train, name="norm")(x))


NOTED: dict[str, np.ndarray] = {}
"""By the name of a place in `Noting`, the relevance there of every image."""


@functools.partial(jax.custom_vjp, nondiff_argnums=(0,))
def noted(name: str, x):
    """x; on the way back the relevance of a place is added up."""
    return x


def _note(name, x, cotangent):
    jax.debug.callback(lambda total: NOTED.update({name: total}), (x * cotangent).reshape(len(x), -1).sum(1))
    return (cotangent,)


noted.defvjp(lambda name, x: (x, x), _note)


class Noting(nn.Module):
    """Layers of all kinds, with a place that is noted between any two."""

    width: int = 6

    @nn.compact
    def __call__(self, x, train: bool):
        x = noted("stem", nn.relu(nn.Conv(self.width, (3, 3), name="stem")(x)))
        x = noted("pooled", nn.max_pool(x, (2, 2), (2, 2)))
        y = noted("convolved", nn.Conv(self.width, (3, 3), name="conv")(x))
        y = noted("normed", nn.BatchNorm(use_running_average=not train, name="norm")(y))
        x = noted("added", models.Sum(name="sum")((noted("passed", x), y)))
        x = noted("averaged", nn.relu(x).mean((1, 2)))
        return noted("dense", nn.relu(nn.Dense(5, name="dense")(x)))


def own(module: type, **fields) -> config.Model:
    return config.Model(
        f"test_attribution_methods:{module.__name__}", module.width, (12, 12, 1), 3, (0.0,), (1.0,), **fields
    )


def network(model: config.Model, seed: int = 0, name: str = "net") -> Network:
    """Fresh weights, with statistics and scales of norms as training would leave them."""
    flat = models.flatten(models.init(model, jax.random.key(seed)))
    generator = np.random.default_rng(seed)
    for path, array in flat.items():
        flat[path] = np.asarray(array)
        if path.endswith(("/mean", "/bias")) and "head" not in path:
            flat[path] = generator.normal(size=array.shape).astype(np.float32) / 5
        if path.endswith(("norm/scale", "/var")):
            flat[path] = generator.uniform(0.5, 1.5, array.shape).astype(np.float32)
        if path.endswith("norm/scale"):
            flat[path] *= generator.choice([-1, 1], array.shape)
    ready = Network(name, None, model, models.unflatten(flat))
    return dataclasses.replace(ready, reference=measuring.reference(ready, SPLIT, SPLIT))


def compute(name: str, of: Network, dense: Network | None = None, samples: Split = SPLIT, **options: float):
    """The arrays of a diagnostic of a network, checked against what it declares."""
    diagnostic, full = diagnostics.plan(config.Diagnosis(name, options))
    key, done = jax.random.key(0), []
    clean = SPLIT if len(samples) == len(SPLIT) else samples
    arrays = diagnostic.compute(Subject(of, None, samples, clean, SPLIT, key, full, done.append, dense=dense))
    assert sum(done) == pytest.approx(1)
    return diagnostics.check_given(name, diagnostic, arrays)


def maps_of(arrays: dict[str, np.ndarray]) -> np.ndarray:
    """float32[targets, n, h, w] in the map's unit."""
    return arrays["map"].astype(np.float32) * arrays["largest"][..., None, None]


def logits_of(net: Network, split: Split = SPLIT) -> np.ndarray:
    kernel, bias = measuring.head_of(net)
    return measuring.features_of(net, split) @ kernel + bias


class TestMethods:
    def test_signed_gradcam_adds_up_to_the_logit_behind_a_global_mean(self):
        model = own(Residual)
        net = network(model)
        logits, _, _, maps, gradients = jax.jit(functools.partial(models.map_gradients, model))(
            net.variables, IMAGES, SPLIT.labels
        )
        signed = np.asarray(models.class_activation_map(maps, gradients))
        _, bias = measuring.head_of(net)
        np.testing.assert_allclose(
            signed.mean((1, 2)) + bias[SPLIT.labels], logits[np.arange(6), SPLIT.labels], atol=1e-5
        )
        # The same number before and after the mean over positions: |W| |X| cos(angle) + b.
        features, (kernel, _) = measuring.features_of(net, SPLIT), measuring.head_of(net)
        reference = geometry.reference(features, kernel, SPLIT.labels)
        cell = geometry.measure(features, kernel, bias, SPLIT.labels, reference=reference)
        lengths = np.linalg.norm(kernel, axis=0)[SPLIT.labels] * cell["norm"]
        np.testing.assert_allclose(signed.mean((1, 2)), lengths * np.cos(cell["angle"]), atol=1e-5)
        arrays = compute("gradcam", net)
        assert np.abs(arrays["error"]).max() < 1e-5
        np.testing.assert_allclose(
            maps_of(arrays)[1].mean((1, 2)) + bias[arrays["target"][1]], logits_of(net).max(1), atol=2e-3
        )

    def test_gradient_times_input_adds_up_to_the_logit_without_biases(self):
        net = network(own(Plain))
        flat = models.flatten(net.variables)
        flat["params/head/bias"] = np.zeros(3, np.float32)
        net = dataclasses.replace(net, variables=models.unflatten(flat))
        arrays = compute("gradxinput", net)
        np.testing.assert_allclose(maps_of(arrays)[1].sum((1, 2)), logits_of(net).max(1), rtol=5e-3)
        assert np.abs(arrays["error"]).max() < 1e-5

    def test_integrated_gradients_are_complete_with_many_steps(self):
        net = network(own(Residual), 1)
        errors = [np.abs(compute("integrated_gradients", net, steps=k)["error"]).max() for k in (1, 8, 64, 512)]
        assert errors[0] > 10 * errors[1] > 10 * errors[2]
        assert errors[3] < 2e-4
        black = Split(np.zeros_like(IMAGES), SPLIT.labels, SPLIT.ids)
        pixels = IMAGES.astype(np.float32) / 255
        sums = diagnostics.integrated_gradients(net, pixels, SPLIT.labels, 512).sum((1, 2))
        expected = (logits_of(net) - logits_of(net, black))[np.arange(6), SPLIT.labels]
        np.testing.assert_allclose(sums, expected, atol=2e-4)

    def test_maps_of_many_images_are_those_of_each(self):
        net = network(own(Plain), 7)
        images = np.random.default_rng(3).integers(0, 256, (attribution_methods.BATCH + 7, 12, 12, 1)).astype(np.uint8)
        ids = np.arange(len(images), dtype=np.int32)
        arrays = compute("gradxinput", net, samples=Split(images, ids % 3, ids))
        pixels = images.astype(np.float32) / 255
        gradient = attribution_methods.score_gradient(net, pixels, arrays["target"][1])
        np.testing.assert_allclose(maps_of(arrays)[1], (pixels * gradient).sum(-1), atol=1e-3)

    @pytest.mark.parametrize("model", [CNN, own(Plain), own(Residual), dataclasses.replace(CNN, name="mlp", width=40)])
    def test_relevance_is_positive_and_conserved(self, model):
        arrays = compute("lrp", network(model, 2))
        assert arrays["map"].min() >= 0
        np.testing.assert_allclose(arrays["error"], 0, atol=1e-5)
        assert not arrays["zero"].any()

    def test_relevance_is_conserved_between_layers(self):
        net = network(own(Noting), 3)
        assert net.config is not None
        NOTED.clear()
        relevance = jax.jit(functools.partial(models.relevance, net.config))
        given = relevance(net.variables, IMAGES, logits_of(net).argmax(1))
        jax.effects_barrier()
        np.testing.assert_allclose(given.sum((1, 2)), 1, atol=1e-5)
        assert len(NOTED) == 8
        for place in ("stem", "pooled", "added", "averaged", "dense"):
            np.testing.assert_allclose(NOTED[place], 1, atol=1e-5, err_msg=place)
        # The two branches of the sum, and the norm of one of them.
        assert (NOTED["normed"] > 0.01).all()
        np.testing.assert_allclose(NOTED["passed"] + NOTED["normed"], 1, atol=1e-5)
        np.testing.assert_allclose(NOTED["convolved"], NOTED["normed"], atol=1e-5)

    def test_relevance_of_one_layer_is_the_rule_worked_out_by_hand(self):
        """z^B at the image, alpha 1 beta 0 at the head, a norm whose scale is negative folded into the layer before."""
        model = config.Model("test_attribution_methods:Single", 6, (12, 12, 1), 3, (0.5,), (0.5,))
        net = network(model, 4)
        flat = models.flatten(net.variables)
        weights = flat["params/backbone/dense/kernel"] * np.sign(flat["params/backbone/norm/scale"])[None]
        kernel = flat["params/head/kernel"]
        images = IMAGES[:3]
        features = np.asarray(models.apply(model, net.variables, images)[1], np.float64)
        x = (images.reshape(3, -1) / 255 - 0.5) / 0.5
        contributions = x[:, :, None] * weights - np.minimum(weights, 0) + np.maximum(weights, 0)
        target = int(kernel.sum(0).argmax())
        positive = features * np.maximum(kernel[:, target], 0)
        at_features = positive / positive.sum(1, keepdims=True).clip(1e-30)
        expected = (contributions / contributions.sum(1, keepdims=True) * at_features[:, None]).sum(2)
        given = models.relevance(model, net.variables, images, np.full(3, target))
        np.testing.assert_allclose(expected.sum(1), 1)
        np.testing.assert_allclose(np.asarray(given).reshape(3, -1), expected, atol=1e-6)

    def test_a_sum_shares_relevance_among_its_positive_parts(self):
        parts = np.array([3.0, -2.0, 1.0]), np.array([1.0, 5.0, -4.0])
        total, pull = jax.vjp(models.relevance_sum, tuple(np.float32(part) for part in parts))
        total = np.asarray(total)
        (shares,) = pull(np.where(total > 0, 1 / total, 0).astype(np.float32))
        np.testing.assert_allclose([a * b for a, b in zip(parts, shares, strict=True)], [[0.75, 0, 0], [0.25, 1, 0]])

    def test_filters_that_pruning_emptied_lose_relevance_and_say_so(self):
        net = network(own(Plain))
        flat = models.flatten(net.variables)
        flat["params/backbone/conv0/kernel"] = np.zeros_like(flat["params/backbone/conv0/kernel"])
        arrays = compute("lrp", dataclasses.replace(net, variables=models.unflatten(flat)))
        assert arrays["zero"].all()
        np.testing.assert_allclose(arrays["error"], -1)
        assert (arrays["map"] == 0).all()

    def test_occlusion_points_at_the_pixels_that_are_read(self):
        read = lambda x: x[:, 2:4, 8:10, 0].mean((1, 2)).astype(np.float32) / 255
        features = lambda x: np.stack([read(x), np.zeros(len(x), np.float32)], 1)
        kernel, bias = np.array([[3.0, 0.0, -3.0], [4.0, 0.0, -4.0]], np.float32), np.zeros(3, np.float32)
        images = np.zeros((2, 12, 12, 1), np.uint8)
        images[:, 2:4, 8:10] = 255
        split = Split(images, np.zeros(2, np.int32), np.arange(2, dtype=np.int32))
        net = Network("reads", None, features=features, kernel=kernel, bias=bias)
        net = dataclasses.replace(net, reference=measuring.reference(net, SPLIT, SPLIT))
        arrays = compute("occlusion", net, samples=split)
        assert arrays["target"][0].tolist() == [0, 0]
        # Of 255 the image's mean leaves 7: 0.6 of that is along the direction to the boundary, all of it in the norm.
        expected = 0.6 * 248 / 255 / net.reference.feature_scale
        np.testing.assert_allclose(maps_of(arrays)[0].max((1, 2)), expected, rtol=1e-3)
        row, column = np.unravel_index(arrays["map"][0, 0].argmax(), arrays["map"].shape[2:])
        assert abs(arrays["axis/rows"][row] - 3) <= 1.5
        assert abs(arrays["axis/columns"][column] - 9) <= 1.5

    def test_patch_values_are_those_of_all_sets_and_add_up(self):
        # A margin that no sum of patches gives: two corners count together, and one against the middle.
        def features(images):
            x = np.asarray(images, np.float64)[..., 0].reshape(len(images), 3, 2, 3, 2).mean((2, 4)) / 255
            return np.stack([x[:, 0, 0] * x[:, 2, 2], np.sqrt(x[:, 1, 1]) * x[:, 0, 2]], 1).astype(np.float32)

        generator = np.random.default_rng(4)
        images = generator.integers(0, 256, (2, 6, 6, 1)).astype(np.uint8)
        split = Split(images, np.array([0, 1], np.int32), np.arange(2, dtype=np.int32))
        kernel, bias = np.array([[1.0, -0.5, 0.0], [0.3, 1.0, -1.0]], np.float32), np.zeros(3, np.float32)
        net = Network("game", None, features=features, kernel=kernel, bias=bias)
        net = dataclasses.replace(net, reference=measuring.reference(net, split, split))
        exact, missed = shapley.patch_values(net, split, 3, 510)
        every = np.array([[k >> j & 1 for j in range(9)] for k in range(512)], bool)
        values = occlusion.values_of(net, 512)
        for image, label, own in zip(images, split.labels, exact, strict=True):
            shown = np.repeat(np.repeat(every.reshape(-1, 3, 3), 2, 1), 2, 2)[..., None]
            painted = np.where(shown, image, occlusion.means_of(image[None])[0])
            margins = values(painted, np.full(512, label, np.int32))[:, occlusion.MAPPED.index("margin")]
            np.testing.assert_allclose(own.ravel(), explanation.shapley(margins), atol=1e-5)
        assert np.abs(missed).max() < 1e-5
        # Of 300 drawn sets of 510 values are near, and add up as well.
        drawn, missed = shapley.patch_values(net, split, 3, 300)
        assert np.abs(missed).max() < 1e-5
        assert 0 < np.abs(drawn - exact).max() < 0.1 * np.abs(exact).max()
        arrays = compute("shapley", net, samples=split, grid=3, coalitions=510)
        assert arrays["map"].shape[2:] == (3, 3)
        np.testing.assert_allclose(arrays["axis/rows"], [1, 3, 5])
        with pytest.raises(ValueError, match="coalitions must be at least 18"):
            diagnostics.plan(config.Diagnosis("shapley", {"grid": 3, "coalitions": 10}))


class TestTargets:
    def test_both_networks_are_asked_for_the_dense_class(self):
        dense, pruned = network(CNN, 0, "dense"), network(CNN, 5)
        noisy = Split(255 - IMAGES, SPLIT.labels, SPLIT.ids)
        arrays = compute("gradcam", pruned, dense, noisy)
        assert arrays["axis/targets"].tolist() == ["dense", "own", "clean"]
        for row, (asked, images) in enumerate(((dense, noisy), (pruned, noisy), (pruned, SPLIT))):
            np.testing.assert_array_equal(arrays["target"][row], logits_of(asked, images).argmax(1))
        alone = compute("gradcam", dense, None, noisy)
        np.testing.assert_array_equal(alone["target"][0], arrays["target"][0])
        np.testing.assert_array_equal(alone["map"][0], alone["map"][1])

    @pytest.mark.parametrize("name", ["gradcam", "ewa", "gradxinput", "lrp"])
    def test_order_of_channels_and_scale_of_the_head_leave_unit_maps(self, name):
        net = network(CNN, 6)
        flat = models.flatten(net.variables)
        order = np.random.default_rng(1).permutation(16)
        for path in ("params/backbone/conv2/kernel", "params/backbone/norm2/scale", "params/backbone/norm2/bias"):
            flat[path] = flat[path][..., order]
        for path in ("batch_stats/backbone/norm2/mean", "batch_stats/backbone/norm2/var"):
            flat[path] = flat[path][order]
        head = flat["params/head/kernel"]
        flat["params/head/kernel"] = 3 * head.reshape(-1, 16, 3)[:, order].reshape(head.shape)
        flat["params/head/bias"] = 3 * flat["params/head/bias"]
        moved = dataclasses.replace(net, variables=models.unflatten(flat))
        np.testing.assert_allclose(logits_of(moved), 3 * logits_of(net), rtol=1e-4, atol=1e-5)
        one, other = compute(name, net), compute(name, moved)
        np.testing.assert_array_equal(one["target"], other["target"])
        np.testing.assert_allclose(one["map"].astype(float), other["map"].astype(float), atol=2e-3)
