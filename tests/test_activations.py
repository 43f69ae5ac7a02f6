"""What flows through a network: dead units, and how far a condition turns each layer."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from conftest import MLP, NORM_MLP
from diagnosed import compute, network, split

from rosalind import config, diagnostics, models
from rosalind.conditions import Network
from rosalind.data import Split
from rosalind.diagnostics import Subject


class TestActivations:
    def test_layers_are_named_by_who_reads_and_hold_what_is_read(self):
        net = network()
        images = split(5).images
        read = models.activations(MLP, net.variables, images)
        flat = {path: np.asarray(x) for path, x in models.flatten(net.variables["params"]).items()}
        x = (images.reshape(5, -1) / 255 - 0.5) / 0.25
        hidden = np.maximum(x @ flat["backbone/dense0/kernel"] + flat["backbone/dense0/bias"], 0)
        features = np.maximum(hidden @ flat["backbone/dense1/kernel"] + flat["backbone/dense1/bias"], 0)
        assert list(read) == ["dense1", models.HEAD]
        np.testing.assert_allclose(read["dense1"], hidden, rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(read[models.HEAD], features, rtol=1e-4, atol=1e-5)

    @pytest.mark.parametrize("name", ["cnn", "resnet20", "vit"])
    def test_every_built_in_network_has_its_layers(self, name):
        model = config.Model(name, 16, (8, 8, 1), 3, (0.5,), (0.25,))
        names = models.layer_names(model)
        shapes = jax.eval_shape(
            lambda v: list(models.activations(model, v, np.zeros((2, 8, 8, 1), np.uint8)).values()), models.blank(model)
        )
        assert names[-1] == models.HEAD
        assert len(set(names)) == len(shapes) > 2
        assert all(leaf.shape[0] == 2 and leaf.dtype == jnp.float32 for leaf in shapes)

    def test_half_of_symmetric_units_are_dead_and_shares_add_up(self):
        arrays = compute("dead_units", network(), images=split(300, 5))
        assert arrays["total"][0] == pytest.approx(0.5, abs=0.12)
        np.testing.assert_allclose(arrays["total"], arrays["static"] + arrays["dynamic"], atol=1e-6)

    def test_the_rate_of_every_channel_is_over_samples_and_positions(self):
        read = np.random.default_rng(2).normal(size=(60, 2, 2, 3)).clip(min=0)
        read[..., 1], read[..., 2] = 0, 1

        def activations(images: np.ndarray) -> dict[str, np.ndarray]:
            return {"wide": read, "signed": read[:, 0, 0] - 1}

        features = lambda images: read[:, 0, 0, :2]
        net = Network("net", None, features=features, kernel=np.eye(2), bias=np.zeros(2), activations=activations)
        arrays = compute("dead_units", net)
        zero = [(read[..., 0] == 0).mean(), (read[:, 0, 0, 0] == 0).mean()]
        expected = [[zero[0], 1, 0], [np.nan] * 3, [zero[1], 1, np.nan]]
        np.testing.assert_allclose(arrays["of_channel"], expected, rtol=1e-6)
        np.testing.assert_allclose(arrays["total"], [(zero[0] + 1) / 3, np.nan, (zero[1] + 1) / 2], rtol=1e-6)

    @pytest.mark.parametrize("gap", [np.nan, np.inf])
    def test_a_layer_that_is_not_finite_is_a_gap_of_its_own(self, gap):
        # The mean over positions of an infinity of either sign, and what is 0 of NaN, is not known.
        read = np.ones((60, 2, 2, 3))
        read[:, 0, 0, 0] = np.arange(60) % 7
        broken = read.copy()
        broken[3, 1, 0, 1], broken[3, 1, 1, 1] = gap, -gap
        features = lambda images: read[:, 0, 0]
        inner = lambda images: {"whole": read, "broken": broken}
        net = Network("net", None, features=features, kernel=np.eye(3), bias=np.zeros(3), activations=inner)
        assert np.isnan(compute("dead_units", net)["total"]).tolist() == [False, True, False]
        arrays = compute("activation_profile", net)
        for array in (arrays["divergence"][3], arrays["place"][3, 0]):
            assert np.isnan(array).tolist() == [False, True, False]
        assert arrays["turning"][3] == -1

    @pytest.mark.parametrize("model", [MLP, NORM_MLP])
    def test_units_without_an_incoming_weight_are_static(self, model):
        mask = np.ones((64, 16), bool)
        mask[:, [2, 5, 11]] = False
        arrays = compute("dead_units", network(model, dense0=mask))
        assert arrays["static"][0] == pytest.approx(3 / 16)
        assert arrays["static"][1] == 0
        assert arrays["constant_on"][0] == 0
        np.testing.assert_allclose(arrays["total"], arrays["static"] + arrays["dynamic"], atol=1e-6)

    def test_a_random_mask_leaves_the_expected_share_without_an_input(self):
        mask = np.random.default_rng(6).random((64, 2000)) < 0.03
        arrays = compute("dead_units", network(dataclasses.replace(MLP, width=2000), dense0=mask))
        assert arrays["static"][0] == pytest.approx((~mask.any(0)).mean(), abs=1e-6)
        assert arrays["static"][0] == pytest.approx(0.97**64, abs=0.025)

    def test_a_unit_that_is_cut_off_and_on_is_a_constant(self):
        mask = np.ones((64, 16), bool)
        mask[:, 2] = False
        net = network(dense0=mask)
        net.variables["params"]["backbone"]["dense0"]["bias"] = np.full(16, 0.5, np.float32)
        arrays = compute("dead_units", net)
        assert (arrays["static"][0], arrays["constant_on"][0]) == (0, pytest.approx(1 / 16))

    def test_positions_are_counted_for_rates_and_averaged_for_features(self):
        # Two images of two positions and three channels: one is never on, one at one place of four, one always.
        read = np.array([[[[0, 0, 1], [0, 4, 2]]], [[[0, 0, 3], [0, 0, 6]]]], np.float32)
        labels = ids = np.arange(2, dtype=np.int32)
        images = np.zeros((2, 8, 8, 1), np.uint8)
        images[:, 0, 0, 0] = ids
        at = lambda x: read[np.asarray(x)[:, 0, 0, 0]]
        features = lambda x: at(x)[:, 0, 1]
        inner = lambda x: {"conv": at(x)}
        net = Network("net", None, features=features, kernel=np.eye(3), bias=np.zeros(3), activations=inner)
        shown = Split(images, labels, ids)
        dead = compute("dead_units", net, images=shown)
        assert dead["total"] == pytest.approx([(4 + 3 + 0) / 12, (2 + 1 + 0) / 6])
        assert dead["channels"] == pytest.approx([1 / 3, 1 / 3])
        pooled = compute("layer_features", net, images=shown)["features"]
        np.testing.assert_array_equal(pooled, [[[0, 2, 1.5], [0, 0, 4.5]], [[0, 4, 2], [0, 0, 6]]])

    def test_inputs_without_a_rectifier_have_no_rate(self):
        model = config.Model("vit", 16, (8, 8, 1), 3, (0.5,), (0.25,))
        arrays = compute("dead_units", network(model))
        assert np.isnan(arrays["total"]).all()

    def test_the_same_images_diverge_nowhere(self):
        arrays = compute("activation_profile", network(NORM_MLP))
        assert not arrays["divergence"].any()
        np.testing.assert_allclose(arrays["place"][:, 0], arrays["place"][:, 1])

    def test_the_scale_of_a_layer_does_not_change_its_divergence(self):
        weights = np.random.default_rng(5).normal(size=(64, 6))

        def activations(images: np.ndarray) -> dict[str, np.ndarray]:
            read = images.reshape(len(images), -1) @ weights / 255
            return {"small": 1e-3 * read, "plain": read, "large": 1e3 * read}

        features = lambda images: activations(images)["plain"]
        net = Network("net", None, features=features, kernel=np.eye(6), bias=np.zeros(6), activations=activations)
        arrays = compute("activation_profile", net, images=split(60, 7))
        assert arrays["divergence"][:, 0].min() > 0
        for layer in (1, 2, 3):
            np.testing.assert_allclose(arrays["divergence"][:, layer], arrays["divergence"][:, 0], rtol=1e-5)

    def test_divergence_and_places_on_a_line_are_worked_out_by_hand(self):
        # Three samples at 0, 1 and 10 of one axis: their distances are 1, 9 and 10, of which the median is 9.
        at = np.array([0.0, 1.0, 10.0])

        def activations(images: np.ndarray) -> dict[str, np.ndarray]:
            rows, aside = images[:, 0, 0, 0], images[:, -1, -1, 0] / 255
            line = np.stack([at[rows] + 4.5 * aside, 7 + 18 * aside, 0 * aside], 1)
            return {"line": line, "turned": -2 * line[:, ::-1]}

        images = np.zeros((3, 8, 8, 1), np.uint8)
        images[:, 0, 0, 0] = np.arange(3)
        changed = images.copy()
        changed[1:, -1, -1] = 255
        labels, ids = np.zeros(3, np.int32), np.arange(3, dtype=np.int32)
        features = lambda x: activations(x)["line"]
        net = Network("net", None, features=features, kernel=np.eye(3), bias=np.zeros(3), activations=activations)
        diagnostic, options = diagnostics.plan(config.Diagnosis("activation_profile"))
        clean, moved = (Split(x, labels, ids) for x in (images, changed))
        subject = Subject(net, None, moved, clean, clean, jax.random.key(0), options, lambda part: None)
        arrays = diagnostics.check_given("activation_profile", diagnostic, diagnostic.compute(subject))
        expected = np.outer([0, 1, 1], 3 * [np.hypot(4.5, 18) / 9])
        np.testing.assert_allclose(arrays["divergence"], expected, rtol=1e-6)
        # Along the axis the change is 4.5; a layer's sign is that of the layer before, and the first's is either.
        sign = np.sign(arrays["place"][2, 0, 0])
        by_hand = np.stack([at - 11 / 3, at - 11 / 3 + [0, 4.5, 4.5]], 1)
        for layer, scale in enumerate((1, 2, 1)):
            np.testing.assert_allclose(sign * arrays["place"][:, :, layer], scale * by_hand, atol=1e-5)

    def test_distances_to_the_parent_are_worked_out_by_hand(self):
        # Images at 0, 1 and 10 of one axis in the parent: their distances are 1, 9 and 10, of which the median is 9.
        at = np.array([0.0, 1.0, 10.0])

        def made(name: str, moved: list[float], then: list[float], width: int = 2) -> Network:
            def activations(images: np.ndarray) -> dict[str, np.ndarray]:
                rows = images[:, 0, 0, 0]
                first = np.stack([at[rows], np.array(moved)[rows]], 1)
                return {"first": first, "then": -2 * first + np.array(then)[rows, None], "wide": np.ones((3, width))}

            features = lambda images: activations(images)["first"]
            return Network(name, None, features=features, kernel=np.eye(2), bias=np.zeros(2), activations=activations)

        images = np.zeros((3, 8, 8, 1), np.uint8)
        images[:, 0, 0, 0] = np.arange(3)
        shown = Split(images, np.zeros(3, np.int32), np.arange(3, dtype=np.int32))
        dense, child = made("dense", [0, 0, 0], [0, 0, 0]), made("child", [0, 9, 4.5], [0, 0, 36], 3)
        arrays = compute("parent_profile", child, images=shown, dense=dense)
        assert arrays["axis/layers"].tolist() == ["first", "then", "wide", "head"]
        by_hand = [[0, 0, np.nan, 0], [1, 1, np.nan, 1], [0.5, np.hypot(36, 27) / 18, np.nan, 0.5]]
        np.testing.assert_allclose(arrays["divergence"], by_hand, rtol=1e-6)
        # Of a layer that the two have in other widths there is none, so that no sample has a turning layer.
        assert (arrays["turning"] == -1).all()
        assert np.isnan(arrays["turned"]).all()
        arrays = compute("parent_profile", made("child", [0, 9, 4.5], [0, 0, 36]), images=shown, dense=dense)
        assert np.isnan(arrays["divergence"][:, 2]).all(), "all samples are alike in it"
        same = compute("parent_profile", network(NORM_MLP), dense=network(NORM_MLP))
        assert not same["divergence"].any()
        assert same["turned"].tolist() == [1, 0]

    @pytest.mark.parametrize("planted", [0, 1, 2])
    def test_noise_from_a_layer_on_turns_there(self, planted):
        base = np.random.default_rng(3).normal(size=(60, 3, 4, 4, 6))
        noise = np.random.default_rng(4).normal(size=(3, 6))
        noise[:planted] = 0
        noise[planted + 1 :] = noise[planted]

        def activations(images: np.ndarray) -> dict[str, np.ndarray]:
            """Of the sample that the first pixels name; the last pixel asks for the noise."""
            rows, is_moved = images[:, 0, 0, 0].astype(int), images[:, -1, -1, 0] > 0
            moved = base[rows] + (is_moved[:, None, None] * noise[None])[:, :, None, None]
            return {f"layer{k}": 3.0**k * moved[:, k] for k in range(3)}

        images = np.zeros((60, 8, 8, 1), np.uint8)
        images[:, 0, 0, 0] = np.arange(60)
        clean = Split(images, np.zeros(60, np.int32), np.arange(60, dtype=np.int32))
        changed = images.copy()
        changed[:, -1, -1] = 1
        features = lambda images: base[images[:, 0, 0, 0].astype(int), 0, 0, 0]
        net = Network("net", None, features=features, kernel=np.eye(6), bias=np.zeros(6), activations=activations)
        diagnostic, options = diagnostics.plan(config.Diagnosis("activation_profile"))
        subject = Subject(
            net,
            None,
            Split(changed, clean.labels, clean.ids),
            clean,
            clean,
            jax.random.key(0),
            options,
            lambda part: None,
        )
        arrays = diagnostics.check_given("activation_profile", diagnostic, diagnostic.compute(subject))
        assert arrays["axis/layers"].tolist() == ["layer0", "layer1", "layer2", "head"]
        # Equal noise at equal scale in units of each layer: it grows most where it begins.
        assert (arrays["turning"] == planted).all()
        assert arrays["turned"][planted] == 1
        assert not arrays["divergence"][:, :planted].any()
        assert (arrays["divergence"][:, planted:3] > 0).all()
