"""Diagnostics: closed forms, identities and planted cases."""

import dataclasses

import jax
import numpy as np
import pytest
from conftest import MLP, NORM_MLP
from diagnosed import compute, network, split

from rosalind import conditions, config, diagnostics, geometry, measuring, models
from rosalind.diagnostics import DIAGNOSTICS, connectivity
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

    def test_soft_sparsity_of_equal_weights_and_of_units_that_have_lost_theirs(self):
        weights = np.zeros((2, 50, 3))
        weights[0, :5, 0], weights[:, :, 1] = -2.0, 0.3
        # k weights of size a give a k^(1/q).
        np.testing.assert_allclose(diagnostics.soft_sparsity(weights), [2 * 25, 0.3 * 100**2, 0])
        np.testing.assert_allclose(
            diagnostics.soft_sparsity(1e-200 * weights, 0.1)[:2], [2e-200 * 5**10, 3e-201 * 1e20]
        )
        mask = np.ones((64, 16), bool)
        mask[1:, 3], mask[:, 5] = False, False
        net = network(dense0=mask)
        arrays = compute("compressibility", net)
        layer = arrays["axis/layers"].tolist().index("backbone/dense0/kernel")
        kernel = np.abs(net.variables["params"]["backbone"]["dense0"]["kernel"]).astype(np.float64)
        of_unit = arrays["soft_sparsity_of_unit"]
        np.testing.assert_allclose(of_unit[layer], (kernel**0.5).sum(0) ** 2, rtol=1e-5)
        np.testing.assert_allclose(of_unit[layer, [3, 5]], [kernel[0, 3], 0], rtol=1e-6)
        np.testing.assert_allclose(arrays["soft_sparsity"], np.nanmean(of_unit, 1), rtol=1e-5)

    def test_the_error_curve_of_normal_weights_is_the_closed_form(self):
        curve = diagnostics.error_curve(np.random.default_rng(1).normal(size=1_000_000), (0.5, 0.1, 0.02))
        np.testing.assert_allclose(curve, [0.0713, 0.5607, 0.8560], atol=2e-3)
        # A twentieth of 30 weights is one and a half: two stay, of squares that sum to 9,455.
        (error,) = diagnostics.error_curve(np.arange(-30.0, 0), (0.05,))
        assert error == pytest.approx(1 - (900 + 841) / 9455)

    def test_the_tail_index_tells_normal_from_cauchy(self):
        generator = np.random.default_rng(2)
        assert diagnostics.tail_index(generator.normal(size=1_000_000)) == pytest.approx(2, abs=0.06)
        assert diagnostics.tail_index(generator.standard_cauchy(1_000_000)) == pytest.approx(1, abs=0.03)
        # Below 2, though its sums become normal: descriptive only. Over 12 draws 1.813 +- .023 with blocks of 1,000, as
        # here, and from 1.76 on with blocks of 100.
        assert diagnostics.tail_index(generator.standard_t(3, 1_000_000)) == pytest.approx(1.813, abs=0.05)
        assert np.isnan(diagnostics.tail_index(np.ones(15)))
        # Neighbours that are alike, as weights of one unit, make no tail.
        assert diagnostics.tail_index(np.sort(generator.normal(size=100_000))) == pytest.approx(2, abs=0.15)

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

    def test_floats_of_two_bytes_take_half_and_indices_as_much_as_before(self):
        mask = np.zeros((100, 10), bool)
        mask[:, :4] = RNG.random((100, 4)) < 0.5
        leaf = np.where(mask, RNG.normal(size=mask.shape), 0).astype(np.float32)
        full, half = (storage_of({"a/kernel": (leaf, mask)}, bits) for bits in (32, 16))
        kept, left = mask.sum(), mask.any(1).sum()
        # In compressed rows an index of 2 bytes a weight, and 4 of the end of each row; 125 bytes of 1,000 bits.
        for each, arrays in ((4, full), (2, half)):
            assert arrays["dense"] == 1000 * each
            assert arrays["csr"] == kept * (each + 2) + 44
            assert arrays["bitmask"] == kept * each + 125
            # A bit per weight of the channels that are left, and 14 bytes that say which these are.
            assert arrays["packed"] == kept * each + -(-left * 4 // 8) + 14
        assert half["coded"] == full["coded"]
        net = network(dense0=RNG.random((64, 16)) < 0.2)
        assert compute("storage", net, bits=16)["dense"].sum() == compute("storage", net)["dense"].sum() / 2
        with pytest.raises(ValueError, match="bits of a float must be 16 or 32, got 8"):
            diagnostics.plan(config.Diagnosis("storage", {"bits": 8}))

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
        assert not same["arc"].any()
        leaves = zip(*(jax.tree.leaves(net.variables["params"]) for net in (first, second)), strict=True)
        apart = sum(((a - b) ** 2).sum() for a, b in leaves) ** 0.5
        np.testing.assert_allclose(arrays["arc"], apart * np.linspace(0, 1, 5), rtol=1e-5)
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
        model = SMALL_CNN if "map" in diagnostic.gives else NORM_MLP
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
        "compressibility": {"pq_index", "error", "tail_index", "soft_sparsity_of_unit"},
        "activation_profile": {"divergence", "turned", "place"},
        # There is no parent.
        "parent_profile": {"divergence", "turned"},
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
        model, first = (SMALL_CNN, "conv1") if "map" in diagnostic.gives else (NORM_MLP, "dense0")
        of = network(model)
        shape = next(mask.shape for path, mask in of.masks.items() if first in path)
        empty = network(model, **{first: np.zeros(shape, bool)})
        empty = dataclasses.replace(empty, reference=measuring.reference(empty, split(), split()))
        arrays = compute(name, empty, network(model, 1) if diagnostic.of == "pair" else None, **FEW.get(name, {}))
        found = {key for key, x in arrays.items() if x.dtype.kind == "f" and np.isnan(x).any()}
        assert found == gaps.get(name, set()), name
        if "map" in diagnostic.gives:
            assert arrays["zero"].all(), name


def test_what_is_not_as_declared_is_refused():
    diagnostic = DIAGNOSTICS["effective_sparsity"]
    good = {"direct": np.zeros(2), "effective": np.full(2, np.nan), "axis/layers": np.array(["a", "b"])}
    assert diagnostics.check_given("mine", diagnostic, good).keys() == good.keys()
    for bad, words in (
        (None, r"must give a dict of \['direct', 'effective'\], got NoneType"),
        ({**good, "direct": np.array(["a", "b"])}, "direct must be real numbers, got <U1"),
        ({**good, "direct": np.zeros(2) + 1j}, "direct must be real numbers, got complex128"),
        ({"direct": good["direct"]}, "must give"),
        ({**good, "direct": np.zeros((2, 1))}, "axes"),
        ({**good, "direct": np.zeros(3)}, "must have 2 layers"),
        ({**good, "direct": np.array([0, 1.5])}, r"in \[0, 1\]"),
        ({**good, "axis/other": np.array(["a"])}, "no axis"),
    ):
        with pytest.raises(ValueError, match=words):
            diagnostics.check_given("mine", diagnostic, bad)
