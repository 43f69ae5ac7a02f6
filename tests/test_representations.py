"""Likeness of representations: golden values, invariances, and the null of permutations within classes."""

import numpy as np
import pytest

from rosalind import analysis


class TestRepresentations:
    X, Y = (lambda r: (lambda x: (x, r.randn(100, 10) + x))(r.randn(100, 10)))(np.random.RandomState(1337))
    R = analysis.representations

    def test_golden_values(self):
        x, y, r = self.X, self.Y, self.R
        assert r.cka(x, y, "biased") == pytest.approx(0.55761, abs=1e-5)
        assert r.cka(x, y) == pytest.approx(0.51346, abs=1e-5)
        assert r.minibatch_cka(x, y, 20) == pytest.approx(0.533718, abs=1e-6)
        assert r.svcca(x, y) == pytest.approx(0.731014, abs=1e-6)
        assert r.svcca(x, y, 0.9) == pytest.approx(0.705765, abs=1e-6)
        assert (r.pwcca(x, y), r.pwcca(y, x)) == pytest.approx((0.734668, 0.736841), abs=1e-6)
        assert r.procrustes(x, y) == pytest.approx(0.527489, abs=1e-6)

    @pytest.mark.parametrize("metric", list(analysis.representations.LIKENESS))
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

    def test_independent_features_are_alike_by_their_width_in_the_biased_estimate_alone(self):
        generator = np.random.default_rng(2)
        x, y = generator.normal(size=(2, 400, 200))
        assert self.R.cka(x, y, "biased") == pytest.approx(200 / 600, abs=0.02)
        assert self.R.cka(x, y) == pytest.approx(0, abs=0.02)
        assert self.R.mutual_neighbours(x, y) == pytest.approx(10 / 399, abs=0.01)

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
        assert self.R.likeness(x, noisy, labels).excess > 0.4
        order = self.R.permuted_within(labels, generator)
        np.testing.assert_array_equal(labels[order], labels)
        assert sorted(order) == list(range(200))

    def test_what_does_not_vary_has_no_likeness(self):
        flat = np.ones((20, 3))
        for metric in ("cka", "procrustes", "svcca", "pwcca"):
            assert np.isnan(self.R.LIKENESS[metric](self.X[:20], flat))
        with pytest.raises(ValueError, match="same 4 samples"):
            self.R.cka(self.X, self.Y[:5])
        with pytest.raises(ValueError, match="metric must be one of"):
            self.R.likeness(self.X, self.Y, np.zeros(100, int), "cosine")
