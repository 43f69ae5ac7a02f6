"""Exact masks in every scope, ERK, LAMP, schedules, and the report of what was removed."""

from typing import ClassVar

import jax
import numpy as np
import pytest

from rosalind.pruning import diagnosis, layer_counts, masks, ranking, schedules


class TestKeep:
    def test_equal_scores_are_kept_by_position(self):
        kept = masks.keep({"b": np.ones(4), "a": np.ones(4)}, 0.5)
        assert kept["a"].tolist() == [True] * 4
        assert not kept["b"].any()

    @pytest.mark.parametrize("scope", masks.SCOPES)
    @pytest.mark.parametrize("sparsity", [0.0, 0.001, 0.37, 0.9, 0.999])
    def test_the_count_is_exact_in_every_scope(self, scope, sparsity):
        generator = np.random.default_rng(0)
        shapes: ClassVar[dict] = {"stem": (3, 3, 3, 7), "body": (3, 3, 7, 13), "head": (13, 10)}
        for quantised in (False, True):
            found = {p: generator.random(s) for p, s in shapes.items()}
            found = {p: np.round(4 * s) for p, s in found.items()} if quantised else found
            kept = masks.keep(found, sparsity, scope=scope)
            total = sum(np.prod(s) for s in shapes.values())
            assert sum(int(m.sum()) for m in kept.values()) == total - int(np.floor(sparsity * total + 0.5))

    @pytest.mark.parametrize("scope", masks.SCOPES)
    def test_the_scale_of_a_layer_counts_in_the_scope_global_alone(self, scope):
        # 0.6, 0.8 of each layer's length: the second of both stay, where the larger layer does not take all.
        small = {"a/kernel": np.array([[3.0], [4.0]]), "b/kernel": np.array([[0.75], [1.0]])}
        kept = masks.keep(small, 0.5, scope=scope)
        expected = [[True, True], [False, False]] if scope == "global" else [[False, True]] * 2
        assert [mask.ravel().tolist() for mask in kept.values()] == expected

    def test_divided_by_their_length_scores_of_large_layers_are_small(self):
        scores = {"large": np.full((4, 4), 0.5), "small": np.array([[0.5], [0.4]]), "odd": np.array([[-np.inf, -2.0]])}
        # 1/4 of the length of the large layer, 0.78 and 0.62 of the small one's, -1 of the odd one's.
        kept = masks.keep(scores, 1 - 2 / 20, scope="global_l2norm")
        assert {path: int(mask.sum()) for path, mask in kept.items()} == {"large": 0, "small": 2, "odd": 0}
        assert masks.keep(scores, 1 / 20, scope="global_l2norm")["odd"].tolist() == [[False, True]]

    def test_weights_do_not_come_back(self):
        within = {"a": np.array([False, True, True, True])}
        kept = masks.keep({"a": np.array([9.0, 1.0, 2.0, 3.0])}, 0.5, within=within)
        assert kept["a"].tolist() == [False, False, True, True]

    def test_signed_and_infinite_scores_rank(self):
        kept = masks.keep({"a": np.array([-1.0, -np.inf, np.inf, 0.0])}, 0.5)
        assert kept["a"].tolist() == [False, False, True, True]

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ({"sparsity": 1.0}, r"in \[0, 1\), got 1.0"),
            ({"sparsity": -0.1}, r"in \[0, 1\), got -0.1"),
            ({"sparsity": 80}, "To remove 80 % pass 0.8"),
            ({"sparsity": 0.5, "scope": "globl"}, "did you mean 'global'"),
            ({"sparsity": 0.5, "protected": ("a",)}, "Ask for another sparsity"),
        ],
    )
    def test_bad_input_is_refused(self, arguments, message):
        with pytest.raises(ValueError, match=message):
            masks.keep({"a": np.ones(4)}, **arguments)

    def test_nan_scores_are_named(self):
        with pytest.raises(ValueError, match="1 scores of 'a' are NaN"):
            masks.keep({"a": np.array([1.0, np.nan])}, 0.5)

    @pytest.mark.parametrize("count", [0, 1, 17, 99, 100])
    def test_inside_jit_the_same_weights_are_kept(self, count):
        generator = np.random.default_rng(0)
        for values in (generator.random(100), np.round(3 * generator.random(100)), np.zeros(100)):
            values = values.astype(np.float32)
            inside = jax.jit(ranking.top_traced)(values.reshape(10, 10), count)
            np.testing.assert_array_equal(np.asarray(inside).ravel(), ranking.top(values, count))


# ResNet-20 with 1x1 shortcuts, all kernels in P, under the rule of arXiv 1911.11134.
RESNET20 = [
    (3, 3, 3, 16),
    *[(3, 3, 16, 16)] * 6,
    (3, 3, 16, 32),
    *[(3, 3, 32, 32)] * 5,
    (3, 3, 32, 64),
    *[(3, 3, 64, 64)] * 5,
    (1, 1, 16, 32),
    (1, 1, 32, 64),
    (64, 10),
]


ARRAYS = {"b/kernel": np.zeros((3, 3, 2, 5)), "a/kernel": np.zeros((7, 4))}


class TestUniforms:
    def test_they_are_those_of_every_parameter_by_itself(self):
        key = jax.random.key(5)
        drawn = masks.uniforms(key, ARRAYS)
        for path, array in ARRAYS.items():
            np.testing.assert_array_equal(drawn[path], masks.uniform(key, path, array.shape))

    def test_they_reach_to_the_bound_of_every_parameter(self):
        key, bounds = jax.random.key(5), {"a/kernel": 0.3, "b/kernel": 7.1}
        drawn = masks.uniforms(key, ARRAYS, lambda path, shape: bounds[path])
        for path, array in ARRAYS.items():
            np.testing.assert_array_equal(
                drawn[path], masks.uniform(key, path, array.shape, -bounds[path], bounds[path])
            )


class TestErk:
    @pytest.mark.parametrize(
        ("sparsity", "golden"),
        [
            (0.90, {0: 0.983, 1: 0.280, 8: 0.129, 14: 0.062, 20: 0.813, 21: 1.0}),
            (0.95, {0: 0.475, 1: 0.135, 8: 0.062, 14: 0.030, 20: 0.393, 21: 0.949}),
            (0.98, {0: 0.190, 1: 0.054, 8: 0.025, 14: 0.012, 20: 0.157, 21: 0.379}),
        ],
    )
    def test_golden_densities(self, sparsity, golden):
        found = layer_counts.erk_density(RESNET20, 1 - sparsity)
        for layer, density in golden.items():
            assert found[layer] == pytest.approx(density, abs=6e-4)

    def test_the_overall_density_holds(self):
        sizes = np.array([np.prod(s) for s in RESNET20])
        for sparsity in (0.1, 0.5, 0.9, 0.99):
            values = np.array(layer_counts.erk_density(RESNET20, 1 - sparsity))
            assert (values * sizes).sum() / sizes.sum() == pytest.approx(1 - sparsity)
            assert (values <= 1).all()


def test_levels_are_the_published_ones():
    levels = schedules.levels([0.95], 0.2)
    assert len(levels) == 14
    assert [round(levels[k], 3) for k in (2, 4, 9, 12)] == [0.488, 0.672, 0.893, 0.945]
    assert levels[-1] == 0.95


def test_a_target_on_a_level_is_not_followed_by_an_empty_one():
    levels = schedules.levels([0.2, 0.36], 0.2)
    assert levels == [0.2, 0.36]


def test_report_counts_layers_and_names_collapse(toy):
    params = toy[1]
    kept = masks.everything(params)
    kept["head/kernel"] = np.zeros_like(kept["head/kernel"])
    report = diagnosis.report(kept, params)
    assert report["collapsed"] == ["head/kernel"]
    assert report["parameters"] - report["nonzero"] == 48
    assert sum(layer["weights"] for layer in report["layers"]) == sum(m.size for m in kept.values())


class TestLamp:
    def test_scores_are_shares_of_what_is_as_large(self):
        scores = ranking.lamp(np.array([3.0, -1.0, 2.0, 2.0]))
        np.testing.assert_allclose(scores, [1, 1 / 18, 4 / 17, 4 / 17])
        assert not ranking.lamp(np.zeros(3)).any()

    def test_no_layer_collapses(self):
        generator = np.random.default_rng(0)
        layers = {
            "a": generator.normal(size=2000) * 1e-3,
            "b": generator.normal(size=50),
            "c": generator.normal(size=9),
        }
        kept = masks.keep({k: np.abs(v) for k, v in layers.items()}, 0.99, scope="lamp")
        assert all(mask.any() for mask in kept.values())
        assert sum(int(mask.sum()) for mask in kept.values()) == 2059 - int(np.floor(0.99 * 2059 + 0.5))
        plain = masks.keep({k: np.abs(v) for k, v in layers.items()}, 0.99)
        assert not plain["a"].any()


class TestScopes:
    shapes: ClassVar[dict] = {
        "stem/kernel": (3, 3, 3, 8),
        "body/kernel": (3, 3, 8, 16),
        "head/kernel": (16, 10),
    }

    def scores(self, seed=0):
        generator = np.random.default_rng(seed)
        return {path: generator.random(shape) for path, shape in self.shapes.items()}

    def test_uniform_plus_keeps_the_stem_and_a_fifth_of_the_head(self):
        for sparsity in (0.5, 0.7):
            kept = masks.keep(self.scores(), sparsity, scope="uniform_plus")
            assert kept["stem/kernel"].all()
            assert kept["head/kernel"].mean() == pytest.approx(max(1 - sparsity, 0.2), abs=0.01)
        generator = np.random.default_rng(0)
        larger = {"stem/kernel": (3, 3, 3, 4), "body/kernel": (3, 3, 32, 32), "head/kernel": (32, 10)}
        kept = masks.keep({p: generator.random(s) for p, s in larger.items()}, 0.9, scope="uniform_plus")
        assert [int((~kept[path]).sum()) for path in ("stem/kernel", "head/kernel")] == [0, 256]
        # Where that cannot be, it is a uniform sparsity.
        assert masks.keep(self.scores(), 0.95, scope="uniform_plus")["stem/kernel"].mean() < 0.1

    def test_stem_and_head_are_told_by_shape_and_name(self):
        assert layer_counts.stem_and_head(self.shapes) == ("stem/kernel", "head/kernel")
        assert layer_counts.stem_and_head({"a": (5, 5), "b": (5, 5)}) == (None, None)
        assert layer_counts.stem_and_head({"a": (3, 3, 8, 8), "b": (3, 3, 8, 8), "c": (8, 2)}) == (None, "c")

    def test_every_output_keeps_as_many(self):
        kept = masks.keep(self.scores(), 0.7, scope="output")
        for mask in kept.values():
            counts = mask.reshape(-1, mask.shape[-1]).sum(0)
            assert counts.max() - counts.min() <= 1

    def test_layers_of_their_own_keep_the_overall_target(self):
        for scope in masks.SCOPES:
            kept = masks.keep(self.scores(), 0.8, scope=scope, layers={"stem": 0.25})
            assert kept["stem/kernel"].mean() == pytest.approx(0.75, abs=0.01)
            total = sum(mask.size for mask in kept.values())
            assert sum(int(m.sum()) for m in kept.values()) == total - int(np.floor(0.8 * total + 0.5))

    def test_a_layer_can_be_named_by_its_path(self):
        kept = masks.keep(self.scores(), 0.8, layers={"body/kernel": 0.9})
        assert kept["body/kernel"].mean() == pytest.approx(0.1, abs=0.01)

    @pytest.mark.parametrize(
        ("layers", "message"),
        [
            ({"stm": 0.5}, "unknown layer 'stm'; did you mean 'stem'"),
            ({"stem": 1.0}, r"in \[0, 1\), got 1.0"),
            ({"body": 0.0, "stem": 0.0}, "would keep -"),
        ],
    )
    def test_layers_that_cannot_be_are_refused(self, layers, message):
        with pytest.raises(ValueError, match=message):
            masks.keep(self.scores(), 0.9, layers=layers)

    def test_shuffling_keeps_counts_and_is_keyed(self):
        kept = masks.keep(self.scores(), 0.8)
        a, b, c = (masks.shuffled(kept, jax.random.key(k)) for k in (0, 0, 1))
        for path, mask in kept.items():
            assert a[path].sum() == mask.sum()
            np.testing.assert_array_equal(a[path], b[path])
        assert any((a[path] != c[path]).any() for path in kept)
        assert any((a[path] != kept[path]).any() for path in kept)
        alike = masks.shuffled({"a": np.arange(100) < 20, "b": np.arange(100) < 20}, jax.random.key(0))
        assert (alike["a"] != alike["b"]).any()


@pytest.mark.parametrize("count", [0, 1, 17, 60, 99, 100])
def test_signed_scores_rank_inside_jit(count):
    generator = np.random.default_rng(0)
    values = np.round(2 * generator.normal(size=100)).astype(np.float32)
    values[:3] = [-0.0, np.inf, -np.inf]
    inside = np.asarray(jax.jit(ranking.top_traced)(values, count))
    np.testing.assert_array_equal(inside, ranking.top(values, count))


class TestDiagnosis:
    def chain(self, *kernels):
        return {f"layer{k}": {"kernel": np.asarray(kernel, np.float32)} for k, kernel in enumerate(kernels)}

    def flow(self, params, state):
        x = np.ones((1, params["layer0"]["kernel"].shape[0]), np.float32)
        for name in sorted(params):
            x = x @ abs(params[name]["kernel"])
        return x.sum()

    def test_weights_that_lead_nowhere_are_on_no_path(self):
        params = self.chain(np.ones((2, 3)), np.ones((3, 2)))
        kept = {
            # Unit 0 has no way out, unit 2 no way in; unit 1 is whole.
            "layer0/kernel": np.array([[True, True, False], [True, False, False]]),
            "layer1/kernel": np.array([[False, False], [True, False], [True, True]]),
        }
        paths = diagnosis.on_a_path(self.flow, params, {}, kept)
        assert paths["layer0/kernel"].tolist() == [[False, True, False], [False, False, False]]
        assert paths["layer1/kernel"].tolist() == [[False, False], [True, False], [False, False]]
        report = diagnosis.report(kept, params, paths=paths)
        assert report["sparsity"] == pytest.approx(0.5)
        assert report["sparsity_effective"] == pytest.approx(10 / 12)
        assert [layer["dead_channels"] for layer in report["layers"]] == [2, 1]
        assert not report["cut"]

    def test_a_cut_network_is_found_though_no_layer_is_empty(self):
        params = self.chain(np.ones((2, 2)), np.ones((2, 2)))
        kept = {
            "layer0/kernel": np.array([[True, False], [True, False]]),
            "layer1/kernel": np.array([[False, False], [True, True]]),
        }
        report = diagnosis.report(kept, params, paths=diagnosis.on_a_path(self.flow, params, {}, kept))
        assert report["collapsed"] == []
        assert report["cut"]
        assert report["sparsity_effective"] == 1

    def test_a_random_sparse_layer_loses_the_expected_share_of_units(self):
        # A unit of fan-in D is static with probability (1 - density)^D.
        generator = np.random.default_rng(0)
        kept = {"layer0/kernel": generator.random((20, 4000)) < 0.1}
        params = self.chain(np.zeros((20, 4000)))
        dead = diagnosis.report(kept, params)["dead_channels"] / 4000
        assert dead == pytest.approx(0.9**20, abs=0.02)

    def test_multiply_adds_count_positions(self):
        kept = {
            "a/kernel": np.ones((3, 3, 2, 4), bool),
            "b/kernel": np.array([[True, False], [False, False]]),
        }
        assert diagnosis.multiply_adds(kept, {"a/kernel": 100, "b/kernel": 1}) == (7204, 7201)

    def test_storage_of_known_masks(self):
        params = {"a": {"kernel": np.zeros((20, 10)), "bias": np.zeros(10)}}
        mask = np.zeros((20, 10), bool)
        mask[:3, 0] = True
        stored = diagnosis.storage({"a/kernel": mask}, params)
        assert stored == {"dense": 840, "bitmask": 40 + 12 + 25, "csr": 40 + 3 * 6 + 44, "packed": 40 + 4}

    def test_masks_of_norms_do_not_count_as_weights(self):
        params = {"a": {"kernel": np.ones((4, 2)), "bias": np.ones(2)}}
        kept = {"a/kernel": np.array([[True, False]] * 4), "a/bias": np.array([True, False])}
        report = diagnosis.report(kept, params)
        assert report["sparsity"] == 0.5
        assert report["nonzero"] == 5
        assert report["sparsity_all"] == 0.5


def test_lamp_refuses_signed_scores():
    # Squared, the most negative score would be kept first.
    with pytest.raises(ValueError, match=r"for sizes, but scores of \['a'\] are negative"):
        masks.keep({"a": np.array([-9.0, 1.0, 2.0])}, 0.5, scope="lamp")


def test_fan_in_of_attention_counts_inputs_and_not_heads():
    assert masks.fan_in("block0_attention/query/kernel", (32, 4, 8)) == 32
    assert masks.fan_in("block0_attention/out/kernel", (4, 8, 32)) == 32
    assert masks.fan_in("conv/kernel", (3, 3, 4, 8)) == 36
