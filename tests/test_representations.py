"""Likeness of representations: golden values, invariances, and the null of permutations within classes."""

import itertools

import numpy as np
import pytest
from scipy.linalg import orthogonal_procrustes

from rosalind import analysis, results
from rosalind.analysis.representations import subspaces

RNG = np.random.default_rng(7)


def written(x: np.ndarray, y: np.ndarray) -> float:
    """The unbiased estimate as arXiv 2010.15327 writes it, of features that are not centred."""
    n, ones = len(x), np.ones(len(x))
    k, m = (z @ z.T * (1 - np.eye(n)) for z in (x, y))
    hsic = lambda a, b: (
        np.trace(a @ b) + ones @ a @ ones * (ones @ b @ ones) / ((n - 1) * (n - 2)) - 2 / (n - 2) * ones @ a @ b @ ones
    )
    return hsic(k, m) / np.sqrt(hsic(k, k) * hsic(m, m))


class TestRepresentations:
    X, Y = (lambda r: (lambda x: (x, r.randn(100, 10) + x))(r.randn(100, 10)))(np.random.RandomState(1337))
    R = analysis.representations

    def test_golden_values(self):
        x, y, r = self.X, self.Y, self.R
        assert r.cka(x, y, "biased") == pytest.approx(0.55761, abs=1e-5)
        assert r.cka(x, y) == pytest.approx(0.51346, abs=1e-5)
        assert r.minibatch_cka(x, y, 20) == pytest.approx(0.533718, abs=1e-6)
        # What is left beyond whole batches counts for nothing.
        assert r.minibatch_cka(*(np.concatenate([z, z[:7]]) for z in (x, y)), 20) == r.minibatch_cka(x, y, 20)
        assert r.svcca(x, y) == pytest.approx(0.731014, abs=1e-6)
        assert r.svcca(x, y, 0.9) == pytest.approx(0.705765, abs=1e-6)
        assert (r.pwcca(x, y), r.pwcca(y, x)) == pytest.approx((0.734668, 0.736841), abs=1e-6)
        assert r.procrustes(x, y) == pytest.approx(0.527489, abs=1e-6)
        # The second are wider than they have samples.
        for one, other in ((x, y), (x[:5], y[:5])):
            unit = [(z - z.mean(0)) / np.linalg.norm(z - z.mean(0)) for z in (one, other)]
            turned = unit[0] @ orthogonal_procrustes(*unit)[0]
            assert r.procrustes(one, other) == pytest.approx(((turned - unit[1]) ** 2).sum(), abs=1e-12)
        assert r.LIKENESS["rbf_cka"](x, y) == pytest.approx(0.65483, abs=1e-5)
        correlations = r.canonical_correlations(x, y)
        assert correlations.mean() == pytest.approx(0.731014, abs=1e-6)
        assert (correlations**2).mean() == pytest.approx(0.545396, abs=1e-6)
        # Of features and their negatives the mean is 0: the published value is of features that are not centred.
        both = (np.concatenate([z, -z]) for z in (x, y))
        assert (r.canonical_correlations(*both) ** 2).mean() == pytest.approx(0.54312, abs=1e-5)

    @pytest.mark.parametrize("metric", sorted({*analysis.representations.LIKENESS} - {"units"}))
    def test_a_rotation_a_scale_and_a_shift_change_nothing(self, metric):
        rotation = np.linalg.qr(np.random.default_rng(0).normal(size=(10, 10)))[0]
        measure = self.R.LIKENESS[metric]
        moved = 3 * self.X @ rotation
        # Neighbours are by cosine, which a shift changes.
        moved += 0 if metric == "mutual_neighbours" else 5
        assert measure(self.X, moved) == pytest.approx(1, abs=1e-9)
        assert measure(self.Y, moved) == pytest.approx(measure(self.Y, self.X), abs=1e-9)

    @pytest.mark.parametrize("sigma", [0.5, 1, 2])
    def test_isotropic_noise_has_its_closed_form(self, sigma):
        generator = np.random.default_rng(1)
        x = generator.normal(size=(4000, 20))
        y = x + sigma * generator.normal(size=x.shape)
        assert self.R.cka(x, y) == pytest.approx(1 / (1 + sigma**2), abs=0.02)

    def test_the_same_units_are_compared_one_by_one(self):
        generator, measure = np.random.default_rng(1), self.R.LIKENESS["units"]
        x = generator.normal(size=(4000, 20))
        noisy = x + 0.5 * generator.normal(size=x.shape)
        # A positive scale of every unit and a shift change nothing; another order of units leaves chance.
        assert measure(x, noisy) == pytest.approx(1 / 1.25**0.5, abs=0.01)
        assert measure(x, x * np.arange(1, 21) + 7) == pytest.approx(1)
        assert measure(x, x[:, ::-1]) == pytest.approx(0, abs=0.02)
        by_hand = [np.corrcoef(x[:, k], noisy[:, k])[0, 1] for k in range(20)]
        assert measure(x, noisy) == pytest.approx(np.mean(by_hand))
        # Units that pruning cut off are left out, and layers of two widths have none.
        noisy[:, 3:] = 0.1
        assert measure(x, noisy) == pytest.approx(np.mean(by_hand[:3]))
        assert np.isnan(measure(x, x[:, :19]))

    def test_independent_features_are_alike_by_their_width_in_the_biased_estimate_alone(self):
        generator = np.random.default_rng(2)
        x, y = generator.normal(size=(2, 400, 200))
        assert self.R.cka(x, y, "biased") == pytest.approx(200 / 600, abs=0.02)
        assert self.R.cka(x, y) == pytest.approx(0, abs=0.02)
        assert self.R.mutual_neighbours(x, y) == pytest.approx(10 / 399, abs=0.01)

    @pytest.mark.parametrize("widths", [(3, 5), (40, 300)], ids=["of features", "of Gram matrices"])
    def test_all_layers_at_once_are_the_written_formula_pair_by_pair(self, widths):
        # 150 samples are more than a tile of a Gram matrix; some are far from 0, and one layer does not vary.
        first, second = (
            [RNG.normal(size=(150, width)) @ RNG.normal(size=(width, width)) + 7 for width in widths] for _ in range(2)
        )
        others = {"c": second[0], "d": second[1], "e": np.full((150, 2), 0.1)}
        table = self.R.between_layers({"a": first[0], "b": first[1]}, others, np.zeros(150, int))
        for row, x in zip(table.value, first, strict=True):
            np.testing.assert_allclose(row[:2], [written(x, y) for y in second], atol=1e-12)
            assert np.isnan(row[2])
        # Stored features are float32, and so are their products.
        singles = [[x.astype(np.float32) for x in layers] for layers in (first, second)]
        parts = self.R.LIKENESS["cka"]
        estimates = parts.compare(*([parts.prepare(x) for x in layers] for layers in singles))
        np.testing.assert_allclose(estimates, table.value[:, :2], atol=2e-6)
        assert np.isnan(parts.prepare(np.full((150, 2), 0.1, np.float32))).all()

    def test_the_size_of_batches_changes_it_by_chance_alone(self):
        generator = np.random.default_rng(4)
        x = generator.normal(size=(2048, 20))
        y = x + generator.normal(size=x.shape)
        for size in (64, 256, 1024, 2048):
            assert self.R.minibatch_cka(x, y, size) == pytest.approx(self.R.cka(x, y), abs=0.01)

    def test_directions_are_kept_by_their_share_of_the_variance(self):
        # Nine tenths of the variance is along the first axis, and three quarters of the lengths.
        x = np.array([[3.0, 0], [-3, 0], [0, 1], [0, -1]])
        assert self.R.svcca(x, x[:, 1:], 0.85) == pytest.approx(0, abs=1e-12)
        assert self.R.svcca(x, x[:, 1:], 0.95) == pytest.approx(1)

    def test_a_stretched_axis_is_seen_by_what_is_not_made_for_linear_maps(self):
        stretched = self.X * np.array([10, *[1] * 9])
        assert self.R.svcca(self.X, stretched, 1.0) == pytest.approx(1, abs=1e-9)
        for metric in ("cka", "procrustes"):
            assert self.R.LIKENESS[metric](self.X, stretched) < 0.9

    def test_both_forms_of_the_biased_estimate_are_one(self):
        x, y = self.X[:8], self.Y[:8]
        direct = np.linalg.norm((x - x.mean(0)).T @ (y - y.mean(0))) ** 2
        sizes = [np.linalg.norm((z - z.mean(0)).T @ (z - z.mean(0))) for z in (x, y)]
        assert self.R.cka(x, y, "biased") == pytest.approx(direct / np.prod(sizes))

    def test_classes_alone_are_the_null(self):
        generator = np.random.default_rng(3)
        labels = np.repeat(np.arange(5), 40)
        means = 5 * generator.normal(size=(2, 5, 30))
        x, y = (means[k][labels] + generator.normal(size=(200, 30)) for k in range(2))
        of_classes = self.R.likeness(x, y, labels)
        assert of_classes.value > 0.3
        assert of_classes.excess == pytest.approx(0, abs=0.05)
        noisy = x + 0.5 * generator.normal(size=x.shape)
        beyond = self.R.likeness(x, noisy, labels)
        assert beyond.excess > 0.4
        assert beyond.excess == pytest.approx((beyond.value - beyond.null) / (1 - beyond.null))
        table = self.R.between_layers({"x": x}, {"noisy": noisy}, labels, permutations=10)
        assert table.null[0, 0] == pytest.approx(beyond.null)
        assert table.excess[0, 0] == pytest.approx(beyond.excess)
        order = self.R.permuted_within(labels, generator)
        np.testing.assert_array_equal(labels[order], labels)
        assert sorted(order) == list(range(200))

    @pytest.mark.parametrize("metric", ["procrustes", "svcca", "pwcca"])
    def test_a_null_without_a_closed_form_is_the_mean_of_draws(self, metric):
        labels, generator = np.arange(60) % 3, np.random.default_rng(0)
        orders = [self.R.permuted_within(labels, generator) for _ in range(3)]
        layers = {"x": self.X[:60], "y": self.Y[:60, :4]}
        table, measure = self.R.between_layers(layers, layers, labels, metric), self.R.LIKENESS[metric]
        for row, x in enumerate(layers.values()):
            for column, y in enumerate(layers.values()):
                by_hand = measure(x, y), np.mean([measure(x, y[order]) for order in orders])
                assert (table.value[row, column], table.null[row, column]) == pytest.approx(by_hand)
        assert np.isnan(self.R.Likeness(1.0, 1.0).excess)
        # In a class of its own every sample stays, and what is like itself is no more like than the null.
        with np.errstate(all="raise"):
            alone = self.R.between_layers({"y": np.eye(12)}, {"y": np.eye(12)}, np.arange(12), "mutual_neighbours")
        assert alone.null.tolist() == [[1]]
        assert np.isnan(alone.excess).all()

    def test_equally_near_samples_are_taken_by_position(self):
        # Directions of angles 0, 0, 90, 90 and 180 degrees, and a sample at 0.
        x = np.array([[1.0, 0], [3, 0], [0, 1], [0, 2], [-1, 0], [0, 0]])
        by_hand = {
            1: [[1], [0], [3], [2], [2], [0]],
            2: [[1, 2], [0, 2], [0, 3], [0, 2], [2, 3], [0, 1]],
            4: [[1, 2, 3, 5], [0, 2, 3, 5], [0, 1, 3, 4], [0, 1, 2, 4], [0, 2, 3, 5], [0, 1, 2, 3]],
        }
        for k, rows in by_hand.items():
            assert [np.flatnonzero(row).tolist() for row in subspaces.nearest(x, k)] == rows, k

    @pytest.mark.parametrize("metric", ["cka", "rbf_cka", "mutual_neighbours", "units"])
    def test_the_null_is_the_mean_over_every_permutation_within_classes(self, metric):
        labels = np.array([0, 0, 0, 1, 1, 1, 2, 2, 3, 3, 4, 5])
        generator, parts = np.random.default_rng(5), self.R.LIKENESS[metric]
        x, y = generator.normal(size=(2, 12, 4)) + generator.normal(size=(2, 6, 4))[:, labels] + 3
        inside = [itertools.permutations(np.flatnonzero(labels == label)) for label in range(6)]
        orders = [np.concatenate(order) for order in itertools.product(*inside)]
        assert len(orders) == 144
        first, second = parts.prepare(x), parts.prepare(y)
        permuted = [parts.permute(second, order) for order in orders]
        shuffled = parts.prepare(y[orders[57]])
        np.testing.assert_allclose(parts.compare([first], [permuted[57]]), parts.compare([first], [shuffled]))
        by_hand = parts.compare([first], permuted).mean()
        assert self.R.likeness(x, y, labels, metric).null == pytest.approx(by_hand, abs=1e-7)
        # Of several layers at once, and of classes by other names.
        table = self.R.between_layers({"y": y, "x": x}, {"y": y, "same": y}, 7 - 2 * labels, metric)
        np.testing.assert_allclose(table.null[1], by_hand, atol=1e-7)

    @pytest.mark.parametrize("metric", analysis.representations.LIKENESS)
    @pytest.mark.parametrize("gap", [np.nan, np.inf])
    def test_what_is_not_finite_has_no_likeness_and_takes_none_from_other_layers(self, metric, gap):
        labels = np.arange(100) % 4
        for kind in (np.float32, np.float64):
            layers = {name: x.astype(kind) for name, x in {"x": self.X, "y": self.Y, "gap": self.Y}.items()}
            whole = self.R.between_layers(layers, layers, labels, metric)
            layers["gap"][3, 2] = gap
            table = self.R.between_layers(layers, layers, labels, metric)
            for values, expected in ((table.value, whole.value), (table.excess, whole.excess)):
                assert np.isnan(values[2]).all()
                assert np.isnan(values[:, 2]).all()
                np.testing.assert_allclose(values[:2, :2], expected[:2, :2], rtol=1e-5, atol=1e-5)
        pairs = (self.R.mutual_neighbours, self.R.procrustes, self.R.pwcca, self.R.svcca)
        gaps = [measure(layers["x"], layers["gap"]) for measure in pairs]
        gaps += [self.R.cka(layers["gap"], layers["x"], "biased"), self.R.minibatch_cka(layers["x"], layers["gap"], 50)]
        assert np.isnan(gaps).all()
        assert np.isnan(self.R.canonical_correlations(layers["x"], layers["gap"])).all()

    def test_a_layer_that_is_a_gap_keeps_a_channel(self, tmp_path):
        # Two samples; channels behind the width of a layer are NaN, and so is the second layer's first, and the third.
        features = np.array([[[1, 2, 3]] * 2, [[np.nan, 5, np.nan]] * 2, [[np.nan] * 3] * 2], np.float16)
        path = tmp_path / "features.npz"
        results.save_arrays(path, {"features": features, "axis/layers": np.array(["whole", "partly", "none"])})
        of = {"id": "layer_features", "name": "layer_features", "options": {}, "network": "a", "network_hash": "0"}
        info = results.DiagnosticInfo(
            **of, other=None, other_hash=None, condition="clean", fingerprint="0", gives={}, path=path
        )
        layers = self.R.layer_features(info)
        assert {name: x[0].tolist() for name, x in layers.items() if name == "whole"} == {"whole": [1, 2, 3]}
        np.testing.assert_array_equal(layers["partly"], [[np.nan, 5]] * 2)
        np.testing.assert_array_equal(layers["none"], [[np.nan]] * 2)

    def test_what_does_not_vary_has_no_likeness(self):
        # The mean of twenty times 0.1 is not 0.1 in float64.
        for flat in (np.ones((20, 3)), np.full((20, 3), 0.1)):
            for metric in ("cka", "rbf_cka", "procrustes", "units", "svcca", "pwcca"):
                assert np.isnan(self.R.LIKENESS[metric](self.X[:20], flat))
        # Of dead samples the distances are roundings, and so was their median.
        for dead, width in itertools.product(range(14, 20), range(2, 11)):
            alike = np.where(np.arange(20)[:, None] < dead, 0, self.X[:20, :width])
            assert np.isnan(self.R.LIKENESS["rbf_cka"](self.X[:20], alike)), (dead, width)
        # Without its diagonal the Gram matrix of what one sample alone has is 0.
        assert np.isnan(self.R.cka(self.X[:20], 3 * np.eye(20)[:, :1]))
        assert np.isfinite(self.R.cka(self.X[:4], self.Y[:4]))
        with pytest.raises(ValueError, match="same 4 samples"):
            self.R.cka(self.X[:3], self.Y[:3])
        with pytest.raises(ValueError, match="same 4 samples"):
            self.R.cka(self.X, self.Y[:5])
        with pytest.raises(ValueError, match="metric must be one of"):
            self.R.likeness(self.X, self.Y, np.zeros(100, int), "cosine")
