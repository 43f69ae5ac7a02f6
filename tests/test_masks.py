"""Exact masks in every scope, ERK, LAMP, schedules, and the report of what was removed."""

import jax
import numpy as np
import pytest

from rosalind.pruning import diagnosis, masks, ranking, schedules


class TestKeep:
    def test_equal_scores_are_kept_by_position(self):
        kept = masks.keep({"b": np.ones(4), "a": np.ones(4)}, 0.5)
        assert kept["a"].tolist() == [True] * 4
        assert not kept["b"].any()

    @pytest.mark.parametrize("scope", masks.SCOPES)
    @pytest.mark.parametrize("sparsity", [0.0, 0.001, 0.37, 0.9, 0.999])
    def test_the_count_is_exact_in_every_scope(self, scope, sparsity):
        generator = np.random.default_rng(0)
        shapes = {"stem": (3, 3, 3, 7), "body": (3, 3, 7, 13), "head": (13, 10)}
        for quantised in (False, True):
            found = {p: generator.random(s) for p, s in shapes.items()}
            found = {p: np.round(4 * s) for p, s in found.items()} if quantised else found
            kept = masks.keep(found, sparsity, scope=scope)
            total = sum(np.prod(s) for s in shapes.values())
            assert sum(int(m.sum()) for m in kept.values()) == total - int(np.floor(sparsity * total + 0.5))

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
        found = masks.erk_density(RESNET20, 1 - sparsity)
        for layer, density in golden.items():
            assert found[layer] == pytest.approx(density, abs=6e-4)

    def test_the_overall_density_holds(self):
        sizes = np.array([np.prod(s) for s in RESNET20])
        for sparsity in (0.1, 0.5, 0.9, 0.99):
            found = np.array(masks.erk_density(RESNET20, 1 - sparsity))
            assert (found * sizes).sum() / sizes.sum() == pytest.approx(1 - sparsity)
            assert (found <= 1).all()


def test_levels_are_the_published_ones():
    found = schedules.levels([0.95], 0.2)
    assert len(found) == 14
    assert [round(found[k], 3) for k in (2, 4, 9, 12)] == [0.488, 0.672, 0.893, 0.945]
    assert found[-1] == 0.95


def test_a_target_on_a_level_is_not_followed_by_an_empty_one():
    found = schedules.levels([0.2, 0.36], 0.2)
    assert found == [0.2, 0.36]


def test_report_counts_layers_and_names_collapse(toy):
    params = toy[1]
    kept = masks.everything(params)
    kept["head/kernel"] = np.zeros_like(kept["head/kernel"])
    found = diagnosis.report(kept, params)
    assert found["collapsed"] == ["head/kernel"]
    assert found["parameters"] - found["nonzero"] == 48
    assert sum(layer["weights"] for layer in found["layers"]) == sum(m.size for m in kept.values())


class TestLamp:
    def test_scores_are_shares_of_what_is_as_large(self):
        found = ranking.lamp(np.array([3.0, -1.0, 2.0, 2.0]))
        np.testing.assert_allclose(found, [1, 1 / 18, 4 / 17, 4 / 17])
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
