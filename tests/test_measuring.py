"""Conditions and the stream that measures them."""

import os
import subprocess
import sys
from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from rosalind import conditions, config, corruptions, data, geometry, measures, measuring, models
from rosalind.conditions import Network
from rosalind.config import Condition
from rosalind.diagnostics import occlusion

MODEL = config.Model("cnn", 4, (16, 16, 1), 10, (0.3,), (0.3,))
KEY = jax.random.key(0)


@pytest.fixture(scope="module")
def network():
    digits = data.load("digits")
    network = Network("one", None, MODEL, models.init(MODEL, jax.random.key(1)))
    reference = measuring.reference(network, digits.train, digits.validation)
    kernels = {path: x for path, x in models.flatten(network.variables["params"]).items() if x.ndim > 1}
    masks = {path: np.ones(x.shape, bool) for path, x in kernels.items()}
    return Network("one", reference, MODEL, network.variables, masks)


def measured(network, condition, split, **options):
    return dict(measuring.measure([network], conditions.plan(condition), split, KEY, **options))["one"]


def some_condition(name, frost_folder):
    """A condition of a name that changes something, if any can."""
    if name in corruptions.CORRUPTIONS:
        corruption = corruptions.CORRUPTIONS[name]
        severity = min(3, corruption.severities)
        table = "digits" if "digits" in corruption.constants else "mnist"
        textures = str(frost_folder) if name == "frost" else None
        return Condition(name, severity, table=table, textures=textures)
    if name == "shift":
        return Condition(name, label="other", files="not read here")
    # Two steps of an attack are enough to tell images and modes apart.
    options = {"steps": 2} if name.startswith("pgd") else {}
    return Condition(name, {"clean": 0, "weight_noise": 0.5}.get(name, 3), options=options)


@pytest.mark.parametrize("name", list(conditions.CONDITIONS))
def test_every_condition_gives_the_same_images_whatever_the_batch(digits, network, name, frost_folder):
    condition = some_condition(name, frost_folder)
    planned = conditions.plan(condition)
    key = conditions.condition_key(KEY, "digits", condition)
    split = digits.test.take(np.arange(40))
    variables = conditions.network_under(planned, network, key).variables
    whole = conditions.apply(planned, network, split.images, split.labels, split.ids, key)
    part = split.take(np.arange(30, 40))
    alone = conditions.apply(planned, network, part.images, part.labels, part.ids, key)
    whole, alone = np.asarray(whole), np.asarray(alone)
    if not planned.kind.per_network or name == "weight_noise":
        assert whole.dtype == np.uint8
        np.testing.assert_array_equal(whole[30:], alone)
    else:
        assert whole.dtype == np.float32
        np.testing.assert_allclose(whole[30:], alone, atol=1e-5)
        whole = np.round(255 * whole)
    same = ("clean", "weight_noise", "shift")
    assert (name in same) == bool((whole == split.images).all())
    changed = jax.tree.map(lambda a, b: bool((a != b).any()), variables, network.variables)
    assert jax.tree.reduce(lambda a, b: a or b, changed, False) == (name == "weight_noise")


def test_keys_are_of_corruption_and_draw_but_not_of_severity():
    def key(**fields):
        return jax.random.key_data(conditions.condition_key(KEY, "digits", Condition(**fields))).tolist()

    base = key(name="fog", severity=1)
    assert base == key(name="fog", severity=5)
    assert base != key(name="fog", severity=1, draw=1)
    assert base != key(name="contrast", severity=1)


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        (Condition("fogg", 1), "unknown condition 'fogg'; did you mean 'fog'"),
        (Condition("fog", 0), "must be 1, 2, 3, 4 or 5, got 0"),
        (Condition("fog", 2.5), "got 2.5"),
        (Condition("clean", 1), "severity of clean must be 0, got 1"),
        (Condition("fog", 1, draw=-1), "draw of fog must be a whole number, 0 to .*, got -1"),
        (Condition("fog", 1, bn="adapt"), "did you mean 'adapted'"),
        (Condition("fog", 1, table="cifr"), "did you mean 'cifar'"),
    ],
)
def test_bad_conditions_are_refused(condition, message):
    with pytest.raises(ValueError, match=message):
        conditions.plan(condition)


def test_measured_is_the_models_own_forward_pass(digits, network):
    cell = measured(network, Condition(), digits.test, subset=np.array([5, 2, 100]))
    logits, features, _ = models.apply(MODEL, network.variables, digits.test.images)
    np.testing.assert_allclose(cell["logits"], logits, atol=1e-4)
    np.testing.assert_allclose(cell["features"], np.asarray(features)[[5, 2, 100]], atol=2e-3)
    exact = geometry.measure(
        features, *models.head(MODEL, network.variables), digits.test.labels, reference=network.reference
    )
    for name in measures.STORED:
        np.testing.assert_allclose(cell[name], exact[name], atol=1e-4)


def test_batches_change_nothing(digits, network, monkeypatch):
    whole = measured(network, Condition("fog", 3), digits.test, subset=np.arange(0, 597, 7))
    monkeypatch.setattr(measuring, "BATCH", 130)
    parts = measured(network, Condition("fog", 3), digits.test, subset=np.arange(0, 597, 7))
    assert set(whole) == set(parts)
    for name, array in whole.items():
        assert array.shape == parts[name].shape
        np.testing.assert_allclose(array, parts[name], rtol=1e-3, atol=2e-3, err_msg=name)


def test_a_callable_is_measured_like_the_model(digits, network):
    kernel, bias = models.head(MODEL, network.variables)
    forward = jax.jit(lambda images: models.apply(MODEL, network.variables, images)[1])
    other = Network("one", network.reference, features=forward, kernel=kernel, bias=bias)
    a, b = (measured(n, Condition("contrast", 5), digits.test) for n in (network, other))
    np.testing.assert_allclose(a["margin"], b["margin"], atol=1e-4)


def test_adding_networks_and_severities_compiles_nothing(digits, network):
    measured(network, Condition("fog", 1), digits.test)
    before = measuring._measured._cache_size(), conditions.applying._corrupted._cache_size()
    others = [Network(f"n{k}", network.reference, MODEL, models.init(MODEL, jax.random.key(k))) for k in range(3)]
    for severity in (2, 5):
        dict(measuring.measure(others, conditions.plan(Condition("fog", severity)), digits.test, KEY))
    assert (measuring._measured._cache_size(), conditions.applying._corrupted._cache_size()) == before


class TestBatchNorm:
    def test_statistics_are_those_of_the_images(self, digits, network):
        images = digits.train.images[:64]
        recalibrated = conditions.recalibrated(MODEL, network.variables, [images])
        # With a momentum of zero a training pass leaves exactly the batch's own statistics.
        x = jnp.asarray(images, jnp.float32) / 255
        x = (x - 0.3) / 0.3
        kernel = network.variables["params"]["backbone"]["conv0"]["kernel"]
        out = jax.lax.conv_general_dilated(
            x, kernel, (2, 2), ((1, 1), (1, 1)), dimension_numbers=("NHWC", "HWIO", "NHWC")
        )
        stats = recalibrated["batch_stats"]["backbone"]["norm0"]
        np.testing.assert_allclose(stats["mean"], out.mean((0, 1, 2)), atol=1e-4)
        np.testing.assert_allclose(stats["var"], out.var((0, 1, 2)), rtol=1e-3, atol=1e-4)

    def test_modes_differ_and_leave_the_network_alone(self, digits, network):
        before = jax.tree.map(np.array, network.variables)
        cells = {
            mode: measured(network, Condition("contrast", 5, bn=mode), digits.test, train=digits.train)
            for mode in ("train", "recalibrated", "adapted")
        }
        margins = [cell["margin"] for cell in cells.values()]
        assert not np.allclose(margins[0], margins[1])
        assert not np.allclose(margins[1], margins[2])
        assert jax.tree.all(jax.tree.map(lambda a, b: bool((a == b).all()), before, network.variables))

    @pytest.mark.parametrize("name", ["pgd-linf", "weight_noise", "fourier"])
    def test_every_kind_of_condition_takes_every_mode(self, digits, network, name):
        condition = some_condition(name, None)
        split = digits.test.take(np.arange(100))
        cells = [
            measured(network, replace(condition, bn=mode), split, train=digits.train)
            for mode in ("train", "recalibrated", "adapted")
        ]
        for a, b in ((0, 1), (1, 2), (0, 2)):
            assert not np.allclose(cells[a]["margin"], cells[b]["margin"]), (a, b)
        for cell in cells:
            np.testing.assert_array_equal(cell["margin"] > 0, cell["prediction"] == split.labels)

    def test_without_batch_norm_nothing_changes(self):
        model = config.Model("mlp", 8, (16, 16, 1), 10, (0.3,), (0.3,))
        variables = models.init(model, KEY)
        assert conditions.recalibrated(model, variables, []) is variables


@pytest.mark.parametrize(
    ("features", "message"),
    [
        (lambda images: np.zeros((3, 5)), "must give float"),
        (lambda images: np.full((len(images), 64), np.nan), "NaN"),
    ],
)
def test_callables_that_are_wrong_are_refused(digits, network, features, message):
    kernel, bias = models.head(MODEL, network.variables)
    other = Network("one", network.reference, features=features, kernel=kernel, bias=bias)
    with pytest.raises(ValueError, match=message):
        measured(other, Condition(), digits.test)


def test_every_gap_in_a_network_is_told_with_its_name(digits, network):
    kernel, bias = models.head(MODEL, network.variables)
    gaps = lambda images: np.full((len(images), 64), np.nan)
    large = lambda images: np.full((len(images), 64), 1e37, np.float32)
    other = Network("odd", network.reference, features=gaps, kernel=kernel, bias=bias)
    with pytest.raises(ValueError, match="network 'odd': features contain NaN or inf"):
        measuring.reference(other, digits.train, digits.validation)
    for changes, words in (
        ({"kernel": kernel * np.nan}, "network 'odd': kernel contain NaN"),
        ({"bias": bias * np.inf}, "network 'odd': bias contain NaN"),
        ({"features": large}, "network 'odd': logits must lie within float32"),
    ):
        with pytest.raises(ValueError, match=words):
            measured(replace(other, **changes), Condition(), digits.test)


def test_occlusion_of_a_linear_network_is_its_weights(network):
    # One bright pixel and a head that sees only it: hiding it lowers the norm by its value.
    images = np.zeros((1, 16, 16, 1), np.uint8)
    images[0, 5, 5] = 255
    split = data.Split(images, np.zeros(1, np.int32), np.arange(1, dtype=np.int32))
    kernel, bias = np.array([[1.0, -1.0]], np.float32), np.zeros(2, np.float32)
    reference = geometry.Reference(np.zeros(1, np.float32), np.zeros((2, 1), np.float32), 1.0)
    linear = Network(
        "linear",
        reference,
        features=lambda x: x[:, 5, 5].astype(np.float32) / 255,
        kernel=kernel,
        bias=bias,
    )
    maps = occlusion.occlusion(linear, split, patch=2, stride=2)
    norm = maps["map"][0, occlusion.MAPPED.index("norm")]
    assert np.unravel_index(norm.argmin(), norm.shape) == (2, 2)
    mean = round(255 / 256) / 255
    assert norm[2, 2] == pytest.approx(mean - 1, abs=1e-3)
    assert np.count_nonzero(norm) == 1
    assert maps["baseline"][0].tolist() == pytest.approx([0, 1, 1])


@pytest.mark.parametrize("shape", [(16, 16), (20, 20), (30, 30), (50, 50), (299, 299), (20, 12), (64, 12), (8, 8)])
def test_every_pixel_is_hidden_by_a_patch_of_its_map(shape):
    patch, stride, places = occlusion.offsets(shape)
    assert patch == max(min(shape) // 4, 2)
    for side, starts in zip(shape, places, strict=True):
        covered = np.zeros(side, bool)
        for start in starts:
            covered[start : start + patch] = True
        assert covered.all()
        assert starts[-1] == side - patch
        assert 0 < np.diff(starts).min() <= np.diff(starts).max() <= stride


def test_a_network_that_reads_the_border_of_a_tall_image_has_a_map():
    images = np.zeros((1, 20, 9, 1), np.uint8)
    images[0, -1, -1] = 255
    split = data.Split(images, np.zeros(1, np.int32), np.arange(1, dtype=np.int32))
    reference = geometry.Reference(np.zeros(1, np.float32), np.zeros((2, 1), np.float32), 1.0)
    corner = Network(
        "corner",
        reference,
        features=lambda x: x[:, -1, -1].astype(np.float32) / 255,
        kernel=np.array([[1.0, -1.0]], np.float32),
        bias=np.zeros(2, np.float32),
    )
    arrays = occlusion.occlusion(corner, split)
    norm = arrays["map"][0, occlusion.MAPPED.index("norm")]
    assert norm.shape == (19, 8)
    assert np.unravel_index(norm.argmin(), norm.shape) == (18, 7)
    assert norm.min() == pytest.approx(round(255 / 180) / 255 - 1, abs=1e-3)
    assert arrays["deletion"][0, 0, 0] > arrays["deletion"][0, 0, 1]


def test_deletion_hides_what_the_map_found_first_and_more_and_more(digits):
    # Two classes and one feature that sums the image: the margin is linear, so that hidden patches add up.
    split = data.Split(digits.test.images[:3], np.zeros(3, np.int32), np.arange(3, dtype=np.int32))
    kernel, bias = np.array([[1.0, -1.0]], np.float32), np.zeros(2, np.float32)
    reference = geometry.Reference(np.zeros(1, np.float32), np.zeros((2, 1), np.float32), 1.0)
    weight = np.random.default_rng(0).normal(size=digits.test.images[0].size).astype(np.float32)
    sizes = set()

    def flat(x):
        sizes.add(len(x))
        return np.asarray(x, np.float32).reshape(len(x), -1) @ weight[:, None] / 100

    linear = Network("linear", reference, features=flat, kernel=kernel, bias=bias)
    maps = occlusion.occlusion(linear, split, patch=4, stride=4)
    margin = occlusion.MAPPED.index("margin")
    change = np.sort(maps["map"][:, margin].reshape(3, -1).astype(np.float64))
    counts = np.round(np.arange(occlusion.SHARES + 1) * 16 / occlusion.SHARES).astype(int)
    total = np.concatenate([np.zeros((3, 1)), np.cumsum(change, 1)], 1)[:, counts]
    start = maps["baseline"][:, margin, None]
    np.testing.assert_allclose(maps["deletion"][:, 0], start + total, atol=0.05)
    # All hidden is all hidden, in whatever order; on the way random orders lie above.
    np.testing.assert_allclose(maps["deletion"][:, 1, -1], maps["deletion"][:, 0, -1], atol=1e-3)
    assert (maps["deletion"][:, 1, 1:-1] > maps["deletion"][:, 0, 1:-1]).all()
    again = occlusion.occlusion(linear, split, patch=4, stride=4)
    np.testing.assert_array_equal(again["deletion"], maps["deletion"])
    # Every shape that a network is given is compiled for: one, however many samples.
    one = occlusion.occlusion(linear, split.take(np.array([1])), patch=4, stride=4)
    np.testing.assert_array_equal(one["map"][0], maps["map"][1])
    assert len(sizes) == 1


def test_corruption_names_are_conditions():
    assert set(corruptions.CORRUPTIONS) < set(conditions.CONDITIONS)


def test_devices_that_share_a_batch_measure_what_one_does():
    script = """
import dataclasses, jax, numpy as np
from rosalind import conditions, config, data, measuring, models
assert len(jax.devices()) == 4
dataset = data.load("digits")
test = dataset.test.take(np.arange(88))
model = config.Model("cnn", 4, dataset.image_shape, 10, (0.5,), (0.25,))
network = conditions.Network("one", None, model, models.init(model, jax.random.key(0)))
network = dataclasses.replace(network, reference=measuring.reference(network, dataset.train, dataset.validation))
calls, share = [], conditions.shared
conditions.shared = lambda images: calls.append(len(share(images).sharding.device_set)) or share(images)
for condition in (
    config.Condition("shot_noise", 4),
    config.Condition("fog", 4, bn="adapted"),
    config.Condition("pgd-linf", 8, options={"steps": 2}),
):
    cells = []
    for models.cost.SMALL in (1e9, 0):
        planned = conditions.plan(condition)
        ((_, cell),) = measuring.measure([network], planned, test, jax.random.key(1), subset=np.arange(9))
        cells.append(cell)
    for name, values in cells[0].items():
        np.testing.assert_allclose(cells[1][name], values, rtol=2e-5, atol=2e-5, err_msg=name)
assert calls == [4, 4, 4]  # batches of the three cells
features = measuring.features_of(network, test)
put = dataclasses.replace(network, variables=jax.device_put(network.variables, jax.devices()[2]))
np.testing.assert_allclose(measuring.features_of(put, test), features, rtol=2e-5, atol=2e-5)
"""
    flags = os.environ["XLA_FLAGS"] + " --xla_force_host_platform_device_count=4"
    environment = {**os.environ, "XLA_FLAGS": flags}
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
