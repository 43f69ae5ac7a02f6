"""Diagnostics: closed forms, identities and planted cases."""

import dataclasses
import tracemalloc

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from conftest import MLP, NORM_MLP
from diagnosed import compute, network, split

from rosalind import conditions, config, diagnostics, geometry, measuring, models
from rosalind.analysis.head_coherence import head_coherence
from rosalind.conditions import Network
from rosalind.data import Split
from rosalind.diagnostics import DIAGNOSTICS, Subject, connectivity
from rosalind.diagnostics.weights import storage_of

SMALL_CNN = config.Model("cnn", 4, (8, 8, 1), 3, (0.5,), (0.25,))


RNG = np.random.default_rng(0)


class TestWeights:
    def test_pq_index_is_zero_of_equal_weights_and_counts_those_that_are_there(self):
        for kept in (1, 3, 100):
            weights = np.zeros(100)
            weights[:kept] = 7.0
            assert diagnostics.pq_index(weights) == pytest.approx(1 - kept / 100, abs=1e-12)
        assert diagnostics.pq_index(1e-30 * np.arange(1, 9)) == pytest.approx(diagnostics.pq_index(np.arange(1, 9)))
        assert np.isnan(diagnostics.pq_index(np.zeros(5)))
        # Of norms 7 and 5: 1 - 2^(1/2 - 1) 7 / 5.
        assert diagnostics.pq_index(np.array([3, -4]), 1, 2) == pytest.approx(1 - 1.4 / 2**0.5)

    def test_the_error_curve_of_normal_weights_is_the_closed_form(self):
        curve = diagnostics.error_curve(np.random.default_rng(1).normal(size=1_000_000), (0.5, 0.1, 0.02))
        np.testing.assert_allclose(curve, [0.0713, 0.5607, 0.8560], atol=2e-3)

    def test_the_tail_index_tells_normal_from_cauchy(self):
        generator = np.random.default_rng(2)
        assert diagnostics.tail_index(generator.normal(size=1_000_000)) == pytest.approx(2, abs=0.06)
        assert diagnostics.tail_index(generator.standard_cauchy(1_000_000)) == pytest.approx(1, abs=0.03)
        # Below 2, though its sums become normal: descriptive only. Over 12 draws 1.813 +- .023 with blocks of 1,000, as
        # here, and from 1.76 on with blocks of 100.
        assert diagnostics.tail_index(generator.standard_t(3, 1_000_000)) == pytest.approx(1.813, abs=0.05)
        assert np.isnan(diagnostics.tail_index(np.ones(15)))

    def test_entropy_counts_the_steps_that_are_used(self):
        assert diagnostics.entropy(np.array([-1.0, 1, 1, -1])) == 1
        assert diagnostics.entropy(np.array([0.0, 1 / 127, 2 / 127, 1])) == 2
        assert diagnostics.entropy(np.ones(9)) == diagnostics.entropy(np.zeros(3)) == 0
        # Of 127 steps to either side of 0, 0.495 of one rounds to 0, whatever the size of the largest weight.
        for scale in (1e-3, 1, 50):
            assert diagnostics.entropy(scale * np.array([0, 0, 0.495 / 127, 1])) == pytest.approx(0.811278, abs=1e-6)
            assert diagnostics.entropy(scale * np.array([0, 0, 0.505 / 127, 1])) == 1.5

    def test_an_ideal_coder_needs_the_entropies_of_places_and_of_values(self):
        # A quarter of 16 weights is kept, of two values: 16 x 0.8113 bits for where they are and 4 for which.
        mask = np.arange(16).reshape(4, 4) % 4 == 0
        leaf = np.where(np.arange(4)[:, None] % 2, 0.25, -0.25) * mask
        (coded,) = storage_of({"a/kernel": (leaf.astype(np.float32), mask)})["coded"]
        assert coded == pytest.approx((16 * 0.811278 + 4) / 8, abs=1e-5)

    def test_storage_adds_up_to_what_a_study_says_of_the_network(self):
        mask = RNG.random((64, 16)) < 0.2
        net = network(dense0=mask)
        arrays = compute("storage", net)
        report = models.flatten(net.variables["params"])
        rest = 4 * sum(x.size for path, x in report.items() if not path.endswith("kernel"))
        from rosalind.pruning import diagnosis

        whole = diagnosis.storage(net.masks, net.variables["params"])
        for key in ("dense", "bitmask", "csr", "packed"):
            assert arrays[key].sum() + rest == whole[key]
        layer = arrays["axis/layers"].tolist().index("backbone/dense0/kernel")
        assert arrays["nonzero"][layer] == mask.sum()
        assert (arrays["coded"] < arrays["dense"] / 3).all()

    def test_an_alive_weight_behind_a_cut_is_not_effective(self):
        # All inputs of unit 0 are gone, so its outgoing weights are on no path.
        first, second = np.ones((64, 16), bool), np.ones((16, 16), bool)
        first[:, 0] = False
        arrays = compute("effective_sparsity", network(dense0=first, dense1=second))
        of = dict(
            zip(arrays["axis/layers"].tolist(), zip(arrays["direct"], arrays["effective"], strict=True), strict=True)
        )
        assert of["backbone/dense0/kernel"] == pytest.approx((1 / 16, 1 / 16))
        assert of["backbone/dense1/kernel"] == pytest.approx((0, 1 / 16))
        assert of["head/kernel"] == (0, 0)

    @pytest.mark.parametrize(("density", "expected", "tolerance"), [(0.1, 0.096, 0.002), (0.02, 0.006, 0.003)])
    def test_random_masks_of_a_lenet_leave_the_expected_share_on_a_path(self, density, expected, tolerance):
        of = config.Model("simple:LeNet", None, (28, 28, 1), 10, (0.5,), (0.25,))
        generator, sizes = np.random.default_rng(1), ((784, 300), (300, 100), (100, 10))
        masks = [generator.random(size) < density for size in sizes]
        names = ("dense0", "dense1", "head")
        arrays = compute("effective_sparsity", network(of, **dict(zip(names, masks, strict=True))))
        layers = arrays["axis/layers"].tolist()
        paths = [layers.index(f"{path}/kernel") for path in ("backbone/dense0", "backbone/dense1", "head")]
        shares = 1 - arrays["effective"][paths]
        # Two sweeps: what the input reaches, and what reaches the output.
        reached, reaching = [np.ones(784, bool)], [np.ones(10, bool)]
        for mask in masks:
            reached.append(mask[reached[-1]].any(0))
        for mask in reversed(masks):
            reaching.insert(0, mask[:, reaching[0]].any(1))
        on_a_path = [m & a[:, None] & b for m, a, b in zip(masks, reached[:-1], reaching[1:], strict=True)]
        np.testing.assert_allclose(shares, [mask.mean() for mask in on_a_path], rtol=1e-3, atol=1e-6)
        whole = sum(mask.sum() for mask in on_a_path) / sum(mask.size for mask in masks)
        assert whole == pytest.approx(expected, abs=tolerance)


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


class TestCoherence:
    @pytest.mark.parametrize(
        ("gradients", "expected"),
        [
            (np.eye(8), 1),
            (np.ones((8, 3)), 8),
            (np.repeat(np.eye(4), 4, 0), 4),
            (np.concatenate([np.eye(4), -np.eye(4)]), 0),
        ],
        ids=["orthogonal", "equal", "groups", "balanced"],
    )
    def test_closed_forms(self, gradients, expected):
        total, squares = {"all": gradients.sum(0)}, {"all": (gradients**2).sum()}
        assert diagnostics.coherence(total, squares, len(gradients))[0] == pytest.approx(expected, abs=1e-12)

    def test_golden_value_and_the_sum_over_parts(self):
        gradients = np.random.RandomState(1337).randn(16, 40) + 0.5
        parts = {"a": gradients[:, :13], "b": gradients[:, 13:20], "c": gradients[:, 20:]}
        total = {name: part.sum(0) for name, part in parts.items()}
        squares = {name: (part**2).sum() for name, part in parts.items()}
        whole, of_parts, shares = diagnostics.coherence(total, squares, 16)
        assert whole == pytest.approx(3.8114471, abs=1e-7)
        assert (whole - 1) / 15 == pytest.approx(0.1874298, abs=1e-7)
        assert (of_parts * shares).sum() == pytest.approx(whole)
        assert shares.sum() == pytest.approx(1)

    def test_streaming_equals_the_gradients_of_all_examples(self):
        mask = RNG.random((64, 16)) < 0.3
        net = network(NORM_MLP, dense0=mask)
        arrays = compute("coherence", net, samples=45)
        train = split(90, 1)
        rows = np.flatnonzero(np.isin(train.ids, arrays["axis/examples"]))
        assert len(rows) == 45
        state = {name: tree for name, tree in net.variables.items() if name != "params"}

        def loss(params, image, label):
            logits = models.apply(NORM_MLP, {"params": params, **state}, image[None])[0][0]
            return -jax.nn.log_softmax(logits)[label]

        each = [jax.grad(loss)(net.variables["params"], train.images[r], train.labels[r]) for r in rows]
        flat = [np.concatenate([(x * net.masks.get(p, 1)).ravel() for p, x in models.flatten(g).items()]) for g in each]
        gradients = np.array(flat, np.float64)
        expected = len(rows) * (gradients.mean(0) ** 2).sum() / (gradients**2).sum(1).mean()
        assert arrays["coherence"] == pytest.approx(expected, rel=1e-4)
        assert arrays["corrected"] == pytest.approx((expected - 1) / 44, rel=1e-4)
        np.testing.assert_allclose(arrays["gradient_norm"], np.linalg.norm(gradients, axis=1), rtol=1e-4)
        assert (arrays["of_layer"] * arrays["share"]).sum() == pytest.approx(arrays["coherence"], rel=1e-6)
        others = gradients.sum(0) - gradients
        lengths = np.linalg.norm(gradients, axis=1) * np.linalg.norm(others, axis=1)
        np.testing.assert_allclose(arrays["alignment"], (gradients * others).sum(1) / lengths, atol=1e-5)

    def test_what_is_kept_of_an_example_is_a_few_numbers(self):
        net, peaks, held = network(), [], []
        report = lambda part: held.append(sum(array.nbytes for array in jax.live_arrays()))
        for count in (256, 2048):
            train = split(count, 1)
            subject = Subject(net, None, train, train, train, jax.random.key(0), {"samples": count}, report)
            DIAGNOSTICS["coherence"].compute(subject)
            held.clear()
            tracemalloc.start()
            DIAGNOSTICS["coherence"].compute(subject)
            peaks.append(tracemalloc.get_traced_memory()[1] + max(held))
            tracemalloc.stop()
        # Its image and its label among them; its gradient has 5,452 bytes.
        assert peaks[1] - peaks[0] < 500 * (2048 - 256)

    def test_equal_examples_are_aligned_and_balanced_ones_opposed(self):
        model = config.Model("mlp", 4, (2, 2, 1), 2, (0.5,), (0.25,))
        variables = jax.tree.map(np.zeros_like, jax.device_get(models.init(model, jax.random.key(0))))
        images = np.full((6, 2, 2, 1), 255, np.uint8)
        net = Network("net", None, model, variables)
        for labels, expected in (([1] * 6, [1.0] * 6), ([0, 1], [-1.0] * 2), ([0, 0, 1], [np.nan, np.nan, -1.0])):
            train = Split(images[: len(labels)], np.array(labels, np.int32), np.arange(len(labels), dtype=np.int32))
            arrays = compute("coherence", net, train=train, samples=6)
            # Of the head's bias alone, as all else is zero: the others of two examples cancel where there are three.
            np.testing.assert_allclose(arrays["alignment"], expected, atol=1e-6)
            # 6 of equal gradients, 0 of balanced ones, and (1 + 1 - 1)^2 / 3 of the last.
            assert arrays["coherence"] == pytest.approx([6, 0, 1 / 3][[6, 2, 3].index(len(labels))], abs=1e-6)

    def test_orthonormal_inputs_of_a_softmax_regression_have_one(self):
        of = config.Model("simple:Linear", None, (2, 2, 1), 2, (0.0,), (1.0,))
        images = 255 * np.eye(4, dtype=np.uint8).reshape(4, 2, 2, 1)
        train = Split(images, np.array([0, 0, 0, 1], np.int32), np.arange(4, dtype=np.int32))
        blank = {"params": {"head": {"kernel": np.zeros((4, 2), np.float32), "bias": np.zeros(2, np.float32)}}}
        arrays = compute("coherence", Network("net", None, of, blank), train=train)
        layer = arrays["axis/layers"].tolist().index("head/kernel")
        assert arrays["of_layer"][layer] == pytest.approx(1, abs=1e-6)

    def test_the_heads_part_is_its_closed_form_from_features_and_logits(self):
        net = network()
        arrays = compute("coherence", net, samples=90)
        train = split(90, 1)
        features, (kernel, bias) = measuring.features_of(net, train), measuring.head_of(net)
        closed = head_coherence(features, features @ kernel + bias, train.labels)
        head = [name in ("head/kernel", "head/bias") for name in arrays["axis/layers"].tolist()]
        share = arrays["share"][head]
        assert (arrays["of_layer"][head] * share).sum() / share.sum() == pytest.approx(closed, rel=1e-4)


class TestLinearPath:
    @pytest.mark.parametrize("model", [MLP, NORM_MLP])
    def test_ends_are_the_networks_and_the_way_to_itself_is_flat(self, model):
        first, second = network(model, 0), network(model, 1)
        arrays = compute("linear_path", first, second, points=5)
        for end, net in ((0, first), (-1, second)):
            variables = conditions.recalibrated(model, net.variables, [split(90, 1).images])
            features = measuring.features_of(dataclasses.replace(net, variables=jax.device_get(variables)), split())
            kernel, bias = measuring.head_of(net)
            reference = geometry.reference(features, kernel, split().labels)
            cell = geometry.measure(features, kernel, bias, split().labels, reference=reference)
            assert arrays["error"][end] == pytest.approx((cell["prediction"] != split().labels).mean())
            assert arrays["angle"][end] == pytest.approx(cell["angle"].mean(), rel=1e-5)
            for name in ("norm", "margin"):
                assert arrays[name][end] == pytest.approx(cell[name].mean() / reference.feature_scale, rel=1e-4)
        same = compute("linear_path", first, first, points=3)
        assert same["barrier"] == same["barrier_of_ends"] == 0
        assert np.ptp(same["loss"]) < 1e-6

    def test_another_condition_of_a_path_needs_no_statistics_of_its_own(self, monkeypatch):
        ends, train, others = (network(NORM_MLP, 0), network(NORM_MLP, 1)), split(90, 1), split(60, 7)
        alone = compute("linear_path", *ends, others, points=3)
        compute("linear_path", *ends, train=train, points=3)
        monkeypatch.setattr(conditions, "recalibrated", None)
        after = compute("linear_path", *ends, others, train=train, points=3)
        np.testing.assert_array_equal(after["loss"], alone["loss"])

    def test_every_point_is_made_once(self, monkeypatch):
        made, between = [], connectivity.between
        monkeypatch.setattr(connectivity, "between", lambda *of: made.append(of[-1]) or between(*of))
        compute("linear_path", network(NORM_MLP, 0), network(NORM_MLP, 1), points=5)
        assert made == [0, 0.25, 0.5, 0.75, 1]

    def test_between_two_masks_their_union_is_there(self):
        masks = [RNG.random((64, 16)) < 0.1 for _ in range(2)]
        arrays = compute("linear_path", network(dense0=masks[0]), network(MLP, 1, dense0=masks[1]), points=3)
        others = 16 * 16 + 16 * 3
        expected = [masks[0].sum(), (masks[0] | masks[1]).sum(), masks[1].sum()]
        np.testing.assert_array_equal(arrays["nonzero"], np.array(expected) + others)

    def test_barriers_of_a_double_well_and_of_a_parabola(self):
        t = np.linspace(0, 1, 31)
        well = ((2 * t - 1) ** 2 - 1) ** 2
        assert diagnostics.barriers(t, well) == pytest.approx((1, 1), abs=5e-3)
        above_ends, above_line = diagnostics.barriers(t, (t + 1) ** 2)
        assert above_ends == pytest.approx(1.5)
        assert above_line == 0


FEW = {
    **{"coherence": {"samples": 20}, "bezier": {"epochs": 1}, "integrated_gradients": {"steps": 2}},
    **{"sharpness": {"draws": 2, "samples": 30}, "kl_mass": {"draws": 3, "samples": 30}},
}


def test_a_network_whose_masks_keep_everything_is_the_dense_one():
    for name, diagnostic in DIAGNOSTICS.items():
        model = SMALL_CNN if diagnostic.asks_dense else NORM_MLP
        kept = network(model)
        kept = dataclasses.replace(kept, reference=measuring.reference(kept, split(), split()))
        bare = dataclasses.replace(kept, masks={})
        other = network(model, 1) if diagnostic.of == "pair" else None
        options = FEW.get(name, {})
        ours, theirs = compute(name, kept, other, **options), compute(name, bare, other, **options)
        for key in ours.keys() - {"static", "constant_on", "dynamic"}:
            np.testing.assert_array_equal(ours[key], theirs[key], err_msg=f"{name}: {key}")


def test_of_a_network_whose_first_layer_is_empty_gaps_are_said_and_nothing_warns():
    gaps = {
        "compressibility": {"pq_index", "error", "tail_index"},
        "activation_profile": {"divergence", "place"},
        "coherence": {"of_layer"},
        "sharpness": set(DIAGNOSTICS["sharpness"].gives),
        "linear_path": {"norm", "margin"},
        "bezier": {"norm", "margin"},
        "occlusion": {"map", "largest"},
        "shapley": {"map", "largest", "error"},
    }
    for name, diagnostic in DIAGNOSTICS.items():
        if name == "generalisation":
            # Has one of its own.
            continue
        model, first = (SMALL_CNN, "conv1") if diagnostic.asks_dense else (NORM_MLP, "dense0")
        of = network(model)
        shape = next(mask.shape for path, mask in of.masks.items() if first in path)
        empty = network(model, **{first: np.zeros(shape, bool)})
        empty = dataclasses.replace(empty, reference=measuring.reference(empty, split(), split()))
        arrays = compute(name, empty, network(model, 1) if diagnostic.of == "pair" else None, **FEW.get(name, {}))
        found = {key for key, x in arrays.items() if x.dtype.kind == "f" and np.isnan(x).any()}
        assert found == gaps.get(name, set()), name
        if diagnostic.asks_dense:
            assert arrays["zero"].all(), name


def test_what_is_not_as_declared_is_refused():
    diagnostic = DIAGNOSTICS["effective_sparsity"]
    good = {"direct": np.zeros(2), "effective": np.full(2, np.nan), "axis/layers": np.array(["a", "b"])}
    assert diagnostics.check_given("mine", diagnostic, good).keys() == good.keys()
    for bad, words in (
        ({"direct": good["direct"]}, "must give"),
        ({**good, "direct": np.zeros((2, 1))}, "axes"),
        ({**good, "direct": np.zeros(3)}, "must have 2 layers"),
        ({**good, "direct": np.array([0, 1.5])}, r"in \[0, 1\]"),
        ({**good, "axis/other": np.array(["a"])}, "no axis"),
    ):
        with pytest.raises(ValueError, match=words):
            diagnostics.check_given("mine", diagnostic, bad)
