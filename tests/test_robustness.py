import csv
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from rosalind import results
from rosalind.analysis import robustness
from rosalind.analysis.robustness import potential


def test_calibration_error_in_closed_form():
    confidence = np.array([0.95, 0.95, 0.95, 0.95, 0.55, 0.55])
    right = np.array([True, True, True, False, True, False])
    exact = (4 * abs(0.75 - 0.95) + 2 * abs(0.5 - 0.55)) / 6
    assert robustness.calibration_error(confidence, right) == pytest.approx(exact)
    assert robustness.calibration_error(np.ones(3), np.ones(3, bool)) == 0
    assert np.isnan(robustness.calibration_error(np.empty(0), np.empty(0, bool)))


def test_bins_are_open_below_and_closed_above():
    # 1/3 is the upper end of the fifth bin of fifteen, together with 0.3.
    one_bin = robustness.calibration_error(np.array([1 / 3, 0.3]), np.array([True, False]))
    assert one_bin == pytest.approx(abs(1 - 1 / 3 - 0.3) / 2)


def test_accuracies_are_counted(small_folder):
    study_results = results.load(small_folder)
    table = robustness.accuracy(study_results)
    cell = study_results.geometry("mlp-magnitude-0.9-seed1", "contrast-1")
    row, column = (
        list(study_results.networks).index("mlp-magnitude-0.9-seed1"),
        list(study_results.conditions).index("contrast-1"),
    )
    assert table[row, column] == (cell["prediction"] == study_results.labels).mean()
    assert np.isfinite(table).all()


def test_a_missing_cell_is_a_gap_and_not_a_zero(small_folder, tmp_path):
    import shutil

    folder = tmp_path / "copy"
    shutil.copytree(small_folder, folder)
    results.geometry_file(folder, "mlp-dense-seed0", "contrast-5").unlink()
    study_results = results.load(folder)
    dense = robustness.table(study_results)[0]
    assert np.isnan(dense.corrupted[0])
    assert np.isfinite(dense.corrupted[1])
    assert robustness.mean_and_deviation(dense.corrupted) == "-"
    assert "-" in robustness.text_table(study_results)


def test_groups_hold_their_seeds(small_folder):
    groups = robustness.groups(results.load(small_folder))
    assert [group.name for group in groups] == [
        "dense",
        "biprop 0.5",
        "lth 0.5",
        "lth 0.9",
        "magnitude 0.5",
        "magnitude 0.9",
    ]
    assert all(len(group.networks) == 2 for group in groups)


def fake_results(conditions, predictions, networks=None, classes=2, table="cifar"):
    """Results whose cells are given predictions, without a folder."""
    labels = np.zeros(len(next(iter(predictions.values()))), np.int16)
    infos = networks or {"net": {}}
    infos = {
        name: results.NetworkInfo.from_json(
            Path(name),
            {
                "model": "m",
                "method": "dense",
                "options": {},
                "label": name,
                "family": "dense",
                "seed": 0,
                "sparsity": 0.0,
                "sparsity_requested": 0.0,
                "parent": None,
                "parameters": None,
                "nonzero": None,
                "unit": 1.0,
                "hash": "",
                "fingerprint": "",
                **info,
            },
        )
        for name, info in infos.items()
    }
    conditions = {name: results.ConditionInfo.from_json(Path(name), info) for name, info in conditions.items()}

    class Fake(results.Results):
        def cells(self, **_):
            return list(predictions)

        @property
        def labels(self):
            return labels

        def labels_of(self, condition):
            return labels

        def geometry(self, network, condition, keys=None):
            predicted = np.asarray(predictions[network, condition], np.int16)
            count = len(predicted)
            zeros = np.zeros(count, np.float32)
            logits = np.zeros((count, 2), np.float32)
            logits[np.arange(count), predicted] = 1
            cell = dict.fromkeys(("norm", "angle", "angle_centred", "angle_class_mean"), zeros)
            cell |= {"logits": logits, "prediction": predicted, "rival": predicted, "margin": zeros}
            return cell | {
                "margin_predicted": zeros,
                "angle_agreement": np.ones(()),
                "bias_share": np.zeros(()),
            }

    study = {"class_names": [str(k) for k in range(classes)], "table": table}
    return Fake(Path("nowhere"), study, infos, conditions)


def condition_info(name="fog", severity=1, sets=("common15", "common19"), **changes):
    kind = "clean" if name == "clean" else "corruption"
    info = {"name": name, "kind": kind, "severity": severity, "sets": list(sets), "bn": "train"}
    info |= {
        "group": "weather",
        "order": 0,
        "draw": 0,
        "table": "cifar",
        "options": {},
        "source": "generated",
    }
    return {**info, **changes}


class TestMeans:
    def names_of(self, infos):
        return {mean.name: mean for mean in robustness.means(fake_results(infos, {("net", "clean"): [0]}))}

    def test_fifteen_and_nineteen_are_two_means(self):
        from rosalind import corruptions

        infos = {
            f"{name}-1": condition_info(name, sets=corruptions.sets_of(name, 1, "cifar"))
            for name in (*corruptions.NAMES, *corruptions.EXTRA)
        }
        names = self.names_of(infos)
        assert len(names["mean-common15"].conditions) == 15
        assert len(names["mean-common19"].conditions) == 19
        assert not names["mean-common15"].missing
        assert set(names["mean-common15"].conditions) == {f"{name}-1" for name in corruptions.NAMES}
        del infos["spatter-1"]
        assert "mean-common19" not in self.names_of(infos)
        del infos["snow-1"]
        assert self.names_of(infos)["mean-common15"].missing == 1

    def test_batch_norm_modes_are_never_mixed(self):
        infos = {"fog-1": condition_info(), "fog-1-adapted": condition_info(bn="adapted")}
        names = self.names_of(infos)
        assert names["mean-common15"].conditions == ("fog-1",)
        assert names["mean-common15-adapted"].conditions == ("fog-1-adapted",)

    def test_synthetic_frost_and_official_files_are_said(self):
        infos = {
            "frost_synthetic-1": condition_info("frost_synthetic"),
            "fog-1": condition_info(source="files"),
        }
        mean = self.names_of(infos)["mean-common15"]
        assert mean.source == "mixed, frost synthetic"
        words = robustness.described(mean, fake_results(infos, {("net", "clean"): [0]}))
        assert words.startswith("2 of the 15 common corruptions at severity 1 (table cifar, mixed, frost")

    def test_mnist_c_is_all_or_nothing(self):
        from rosalind import corruptions

        infos = {
            f"{name}-{s}": condition_info(name, s, corruptions.sets_of(name, s, "mnist"))
            for name, s in corruptions.MNIST_C.items()
        }
        assert len(self.names_of(infos)["mean-mnist-c"].conditions) == 15
        infos.pop("zigzag-1")
        assert "mean-mnist-c" not in self.names_of(infos)

    def test_a_corruption_of_ones_own_is_in_the_mean_of_all(self):
        infos = {
            "fog-1": condition_info(),
            "mine-1": condition_info("mine", sets=()),
            "clean": condition_info("clean", 0, ()),
        }
        names = self.names_of(infos)
        assert names["mean-common15"].conditions == ("fog-1",)
        assert names["mean-all"].conditions == ("fog-1", "mine-1")
        results_of = lambda names: fake_results({n: infos[n] for n in names}, {("net", "clean"): [0]})
        assert robustness.main_mean(results_of(infos)).group == "common15"
        assert robustness.main_mean(results_of(["clean", "mine-1"])).conditions == ("mine-1",)
        # A held-out corruption alone is kept out of means.
        assert "mean-all" not in self.names_of({"spatter-1": condition_info("spatter", sets=("common19",))})

    def test_groups_and_severities(self):
        infos = {f"fog-{s}": condition_info(severity=s) for s in (1, 5)}
        infos["blur-1"] = condition_info("defocus_blur", group="blur")
        names = self.names_of(infos)
        assert names["mean-weather"].conditions == ("fog-1", "fog-5")
        assert names["mean-severity1"].conditions == ("fog-1", "blur-1")

    def test_means_that_a_study_names(self):
        infos = {f"fog-{s}": condition_info(severity=s) for s in (1, 5)} | {"snow-1": condition_info("snow")}
        infos["fog-1-adapted"] = condition_info(bn="adapted")
        study_results = fake_results(infos, {("net", name): [0] for name in infos})
        study_results.study["data"] = {"folder": None}
        study_results.study["dataset"] = "digits"
        study_results.study["config"] = {"means": {"foggy": ["fog"], "mild": ["fog-1", "snow-1"]}}
        names = {mean.name: mean.conditions for mean in robustness.means(study_results)}
        assert names["mean-foggy"] == ("fog-1", "fog-5")
        assert names["mean-mild"] == ("fog-1", "snow-1")
        assert names["mean-foggy-adapted"] == ("fog-1-adapted",)
        assert "mean-mild-adapted" not in names
        header = robustness.text_table(study_results).splitlines()[0].split()
        assert header == ["network", "seeds", "clean", "corrupted", "foggy", "mild", "retained"]


class TestRanking:
    def test_methods_are_ranked_and_paired_by_seed(self):
        # Images right of 1,000 per seed, in networks that are not in the order of their seeds.
        right = {"good": (910, 930, 920), "even": (912, 931, 921), "bad": (700, 722, 711)}
        order = (2, 0, 1)
        networks = {f"{m}-{s}": {"label": m, "seed": s} for m in right for s in (order if m == "bad" else range(3))}
        predictions = {
            (f"{m}-{s}", "fog-1"): [0] * n + [1] * (1000 - n)
            for m, counts in right.items()
            for s, n in enumerate(counts)
        }
        ranking = robustness.rank(fake_results({"fog-1": condition_info()}, predictions, networks))
        assert ranking.names == ("even", "good", "bad")
        np.testing.assert_allclose(ranking.mean, [2764 / 3000, 0.92, 2133 / 3000])
        assert ranking.seeds.tolist() == [3, 3, 3]
        # Differences of even and good are .002, .001 and .001: t = 4.
        raw = [robustness.paired_test(np.array(d)) for d in ([2, 1, 1], [212, 209, 210], [210, 208, 209])]
        np.testing.assert_allclose(ranking.p[[0, 0, 1], [1, 2, 2]], robustness.holm(raw), rtol=1e-9)
        assert ranking.letters == ("a", "a", "b")
        assert np.isnan(np.diag(ranking.p)).all()

    @given(st.integers(0, 9).flatmap(lambda n: arrays(bool, (n, n))))
    def test_letters_are_shared_by_those_alone_that_cannot_be_told_apart(self, drawn):
        different = np.triu(drawn, 1) | np.triu(drawn, 1).T
        letters = robustness.letter_display(different)
        assert len(letters) == len(different)
        for i, j in np.argwhere(np.triu(np.ones_like(different), 1)):
            assert bool(set(letters[i]) & set(letters[j])) != different[i, j]


class TestPotential:
    @given(st.lists(st.floats(-0.1, 0.3), min_size=1, max_size=6), st.floats(0.005, 0.1), st.floats(0, 0.1), st.data())
    def test_it_is_the_last_crossing_of_the_line_through_the_losses(self, lost, delta, more, data):
        sparsities = [(k + 1) / (len(lost) + 1) for k in range(len(lost))]
        order = data.draw(st.permutations(range(len(lost))))
        value, beyond = potential.largest_sparsity([sparsities[k] for k in order], [lost[k] for k in order], delta)
        assert 0 < value <= sparsities[-1]
        assert beyond == (lost[-1] <= delta)
        xs, ys = [0.0, *sparsities], [0.0, *lost]
        assert np.interp(value, xs, ys) <= delta + 1e-9
        after = np.linspace(value, 1, 50)[1:]
        assert beyond or (np.interp(after[after <= sparsities[-1]], xs, ys) > delta - 1e-9).all()
        assert potential.largest_sparsity(sparsities, lost, delta + more)[0] >= value - 1e-12

    def test_of_methods_over_seeds_against_their_own_parents(self):
        right = {
            "dense": {0: (90, 80), 1: (92, 70)},
            "x 0.5": {0: (90, 79), 1: (92, 70)},
            "x 0.9": {0: (86, 59), 1: (92, 70)},
        }
        networks, predictions = {}, {}
        for name, seeds in right.items():
            label, _, sparsity = name.partition(" ")
            for seed, counts in seeds.items():
                pruned = {"family": "one-shot", "parent": f"dense-{seed}", "sparsity": float(sparsity or 0)}
                networks[f"{name}-{seed}"] = {
                    "label": label,
                    "seed": seed,
                    "method": label,
                    **(pruned if sparsity else {}),
                }
                for condition, count in zip(("clean", "fog-1"), counts, strict=True):
                    predictions[f"{name}-{seed}", condition] = [0] * count + [1] * (100 - count)
        infos = {"clean": condition_info("clean", 0, ()), "fog-1": condition_info()}
        study_results = fake_results(infos, predictions, networks)
        of = {p.condition: p for p in potential.potentials(study_results, 0.02) if p.method == "x"}
        np.testing.assert_allclose(of["clean"].values, [0.7, 0.9])
        # .01 and .21 lost: .5 + .01 / .2 * .4.
        np.testing.assert_allclose(of["mean-common15"].values, [0.52, 0.9])
        assert (of["clean"].mean, of["clean"].beyond) == (pytest.approx(0.8), 1)
        header, lines, _ = potential.table(study_results, 0.02)
        assert header == ["method", "seeds", "clean", "corrupted"]
        assert lines[0][:2] == ["x", "2"]
        assert lines[0][2] == ">= 80.0"
        assert np.isnan([of["clean"].half, of["mean-common15"].half]).all()
        # Without the seed that is beyond: .7 and .6.
        within = {name: counts for name, counts in predictions.items() if name[0] != "x 0.9-1"}
        within["x 0.9-1", "clean"] = [0] * 84 + [1] * 16
        within["x 0.9-1", "fog-1"] = [0] * 70 + [1] * 30
        infos_of = {p.condition: p for p in potential.potentials(fake_results(infos, within, networks), 0.02)}
        np.testing.assert_allclose(infos_of["clean"].values, [0.7, 0.6])
        assert infos_of["clean"].half == pytest.approx(12.706 * 0.05, rel=1e-3)
        for delta in (0, 1, 1.5):
            with pytest.raises(ValueError, match=r"delta must be in \(0, 1\)"):
                potential.potentials(study_results, delta)


def test_a_study_of_the_first_schema_still_has_its_mean():
    info = condition_info()
    del info["sets"]
    means = robustness.means(fake_results({"fog-1": {**info, "benchmark": True}}, {("net", "fog-1"): [0]}))
    assert means[0].name == "mean-common15"


class TestFigures:
    """Every figure against its formula on arrays that can be worked out by hand."""

    def test_corruption_errors(self):
        errors, reference = np.array([[0.2, 0.4], [0.5, 0.7]]), np.array([[0.4, 0.8], [0.0, 0.0]])
        np.testing.assert_allclose(robustness.corruption_errors(errors, reference), [0.5, np.nan])
        np.testing.assert_allclose(robustness.corruption_errors(errors, np.array([0.6, 0.3])), [0.5, 2])

    def test_relative_corruption_errors(self):
        errors, reference = np.array([[0.3, 0.5], [0.2, 0.2]]), np.array([[0.3, 0.5], [0.1, 0.1]])
        relative = robustness.relative_corruption_errors(errors, 0.1, reference, 0.2)
        # (0.4 - 0.1) / (0.4 - 0.2); the second corruption makes the reference better: no ratio.
        np.testing.assert_allclose(relative, [1.5, np.nan])

    def test_alexnet_has_an_mce_of_one(self):
        from rosalind.analysis.robustness import metrics

        errors = {name: np.full(5, error) for name, error in metrics.ALEXNET.items()}
        mce, relative = robustness.imagenet_errors(errors, metrics.ALEXNET_CLEAN)
        assert mce == pytest.approx(1)
        assert relative == pytest.approx(1)
        # ResNet-50's published mCE is of the same scale: errors three quarters of AlexNet's give 0.75.
        assert robustness.imagenet_errors({n: 0.75 * e for n, e in errors.items()}, 0.2)[0] == pytest.approx(0.75)
        del errors["fog"]
        assert np.isnan(robustness.imagenet_errors(errors, 0.4)).all()

    def test_the_published_row_is_in_the_papers_order(self):
        from rosalind import corruptions
        from rosalind.analysis.robustness import metrics

        assert tuple(metrics.ALEXNET) == corruptions.NAMES
        assert np.mean(list(metrics.ALEXNET.values())) == pytest.approx(0.787, abs=0.002)

    def test_retention(self):
        np.testing.assert_allclose(robustness.retention([0.4, 0.1], [0.8, 0.0]), [0.5, np.nan])

    def test_effective_robustness_of_a_line_is_zero(self):
        clean = np.array([0.5, 0.6, 0.7, 0.8, 0.9])
        logit = robustness.logit(clean, 10_000)
        shifted = 1 / (1 + np.exp(-(0.8 * logit - 0.5)))
        fit = robustness.effective_fit(clean, shifted, 10_000)
        assert fit.slope == pytest.approx(0.8)
        assert fit.intercept == pytest.approx(-0.5)
        assert fit.r2 == pytest.approx(1)
        np.testing.assert_allclose(fit.robustness(clean, shifted + 0.05, 10_000), 0.05, atol=1e-9)
        few = robustness.effective_fit(clean[:4], shifted[:4], 10_000)
        assert np.isnan(few.slope)
        assert np.isnan(few.robustness(0.5, 0.5, 100))
        assert few.gap(0.7) == "few"
        alike = robustness.effective_fit(np.full(6, 0.5), np.arange(6) / 10, 100)
        assert np.isnan(alike.slope)
        assert alike.gap(0.5) == "alike"

    def test_effective_robustness_is_given_where_its_line_says_something(self):
        clean = np.array([0.5, 0.6, 0.7, 0.8, 0.9])
        rising, falling = (robustness.effective_fit(clean, shifted, 1000) for shifted in (clean - 0.3, 1 - clean))
        np.testing.assert_array_equal(
            np.isnan(rising.robustness(np.array([0.49, 0.5, 0.9, 0.91]), 0.5, 1000)), [1, 0, 0, 1]
        )
        assert (rising.gap(0.49), rising.gap(0.6), falling.gap(0.6)) == ("outside", "", "falling")
        assert np.isnan(falling.robustness(0.6, 0.5, 1000))
        # Six dense networks of 98.7 to 99.5 % of 597 images differ by chance: nothing is expected at 61.6 %.
        dense = np.array([589, 591, 592, 592, 593, 594]) / 597
        assert robustness.effective_fit(dense, dense - 0.2, 597).gap(0.99) == "alike"
        # Of 100 times as many images the same accuracies differ by more.
        assert robustness.effective_fit(dense, dense - 0.2, 59_700).gap(0.99) == ""
        # Binomial noise of variance 1 / (n a (1 - a)) in logits, of which the deviation is the only one.
        wide = robustness.effective_fit(clean, clean - 0.3, 1000)
        logits = robustness.logit(clean, 1000)
        error = np.mean(1 / (1000 * clean * (1 - clean)))
        assert wide.reliability == pytest.approx(1 - error / logits.var(ddof=1))
        assert (wide.low, wide.high) == (0.5, 0.9)

    def test_the_ends_of_the_logit_are_half_a_sample_away(self):
        assert robustness.logit(1.0, 100) == pytest.approx(np.log(0.995 / 0.005))
        assert robustness.logit(0.0, 100) == pytest.approx(-robustness.logit(1.0, 100))

    def test_adaptive_calibration_has_bins_of_equal_mass(self):
        confidence = np.array([0.6, 0.61, 0.9, 0.91])
        right = np.array([True, True, True, False])
        exact = np.sqrt((2 * (1 - 0.605) ** 2 + 2 * (0.5 - 0.905) ** 2) / 4)
        assert robustness.adaptive_calibration_error(confidence, right, bins=2) == pytest.approx(exact)
        assert np.isnan(robustness.adaptive_calibration_error(np.empty(0), np.empty(0, bool)))

    def test_equal_confidences_share_a_bin_in_any_order(self):
        right, generator = np.arange(597) < 590, np.random.default_rng(0)
        tied = np.repeat([0.2, 0.6, 1.0], [99, 199, 299])
        parts = zip((0.2, 0.6, 1), np.split(right, [99, 298]), strict=True)
        exact = np.sqrt(sum(len(part) * (part.mean() - level) ** 2 for level, part in parts) / 597)
        for _ in range(3):
            order = generator.permutation(597)
            assert robustness.adaptive_calibration_error(np.ones(597), right[order]) == pytest.approx(7 / 597)
            assert robustness.adaptive_calibration_error(tied[order], right[order]) == pytest.approx(exact)
        assert robustness.adaptive_calibration_error(np.full(100, 0.5), np.arange(100) % 2 == 0) == 0

    def test_mcnemar_is_the_exact_binomial(self):
        from scipy.stats import binomtest

        parent, network = np.repeat([True, False], 50), np.repeat([False, True, False], [9, 53, 38])
        flips = robustness.flips(parent, network)
        lost, won = 9, 12
        assert flips.negative == pytest.approx(lost / 100)
        assert flips.positive == pytest.approx(won / 100)
        assert flips.p == pytest.approx(binomtest(lost, lost + won).pvalue)
        assert robustness.flips(parent, parent) == (0, 0, 1)
        assert np.isnan(robustness.flips(np.empty(0, bool), np.empty(0, bool))).all()

    def test_paired_tests_are_scipys(self):
        from scipy.stats import permutation_test, ttest_1samp

        for values in ([0.01, 0.03, 0.02], [-0.2, 0.1, 0.4, 0.3, 0.2], [0.5, -0.5]):
            differences = np.array(values)
            assert robustness.paired_test(differences) == pytest.approx(ttest_1samp(differences, 0).pvalue)
            sample = permutation_test((differences,), np.mean, permutation_type="samples", n_resamples=np.inf)
            assert robustness.sign_flip_test(differences) == pytest.approx(sample.pvalue)
        assert robustness.sign_flip_test(np.array([1.0, 2.0, 3.0])) == 0.25
        assert robustness.sign_flip_test(np.arange(1.0, 21)) == 2**-16
        assert (robustness.paired_test(np.zeros(3)), robustness.paired_test(np.ones(3))) == (1, 0)
        assert np.isnan([robustness.paired_test(np.ones(1)), robustness.sign_flip_test(np.empty(0))]).all()

    def test_holm_corrects_for_all_that_are_there(self):
        np.testing.assert_allclose(robustness.holm([0.01, 0.04, np.nan, 0.03, 0.5]), [0.04, 0.09, np.nan, 0.09, 0.5])
        assert robustness.holm([0.6, 0.7]).tolist() == [1, 1]
        assert robustness.holm([]).size == 0


class TestRows:
    def rows(self, **kwargs):
        return {(r["network"], r["condition"]): r for r in robustness.rows(fake_results(**kwargs))}

    def study(self):
        wrong = lambda count: [1] * count + [0] * (20 - count)
        conditions = {
            "clean": condition_info("clean", 0, ()),
            "fog-1": condition_info(),
            "snow-1": condition_info("snow"),
        }
        networks = {
            "dense": {},
            "pruned": {"family": "one-shot", "parent": "dense", "label": "magnitude", "sparsity": 0.5},
        }
        predictions = {
            ("dense", "clean"): wrong(2),
            ("dense", "fog-1"): wrong(4),
            ("dense", "snow-1"): wrong(8),
            ("pruned", "clean"): wrong(4),
            ("pruned", "fog-1"): wrong(8),
            ("pruned", "snow-1"): [0] * 12 + [1] * 8,
        }
        return {"conditions": conditions, "predictions": predictions, "networks": networks}

    def test_relative_to_dense_is_a_mean_of_ratios_and_never_called_mce(self):
        row = self.rows(**self.study())["pruned", "mean-common15"]
        assert row["accuracy"] == pytest.approx(1 - 16 / 40)
        # Fog doubles the error, snow leaves it: (2 + 1) / 2, not 16 / 12.
        assert row["relative_to_dense"] == pytest.approx(1.5)
        # (0.4 - 0.2) / (0.2 - 0.1) and (0.4 - 0.2) / (0.4 - 0.1).
        assert row["relative_increase_to_dense"] == pytest.approx((2 + 2 / 3) / 2)
        assert np.isnan(row["mce"])
        assert np.isnan(row["relative_mce"])
        assert row["change_to_parent"] == row["relative_robustness"] == pytest.approx(-0.1)
        assert row["retention"] == pytest.approx(0.6 / 0.8)

    def test_flips_are_counted_per_cell_and_averaged(self):
        rows = self.rows(**self.study())
        snow = rows["pruned", "snow-1"]
        # Dense has the first eight wrong, pruned the last eight.
        assert snow["negative_flips"] == snow["positive_flips"] == pytest.approx(8 / 20)
        assert snow["mcnemar_p"] == 1
        # Of three cells with a p the smallest counts three times.
        ps = [rows["pruned", name] for name in ("clean", "fog-1", "snow-1")]
        smallest = min(ps, key=lambda row: row["mcnemar_p"])
        assert smallest["mcnemar_holm"] == pytest.approx(3 * smallest["mcnemar_p"])
        mean = rows["pruned", "mean-common15"]
        assert mean["negative_flips"] == pytest.approx((4 / 20 + 8 / 20) / 2)
        assert np.isnan(mean["mcnemar_p"])

    def test_dense_networks_have_no_parent_to_compare_with(self):
        row = self.rows(**self.study())["dense", "mean-common15"]
        assert np.isnan(row["change_to_parent"])
        assert np.isnan(row["relative_to_dense"])
        assert row["accuracy_low"] < row["accuracy"] < row["accuracy_high"]

    def test_mce_is_for_imagenet_with_all_its_cells(self):
        from rosalind import corruptions

        conditions = {"clean": condition_info("clean", 0, ())}
        conditions |= {
            f"{name}-{s}": condition_info(name, s, table="imagenet") for name in corruptions.NAMES for s in range(1, 6)
        }
        half = [0, 1] * 10
        predictions = {("net", name): half for name in conditions}
        rows = self.rows(conditions=conditions, predictions=predictions, classes=1000, table="imagenet")
        from rosalind.analysis.robustness import metrics

        exact = np.mean([0.5 / error for error in metrics.ALEXNET.values()])
        assert rows["net", "mean-common15"]["mce"] == pytest.approx(exact)
        assert np.isnan(rows["net", "mean-weather"]["mce"])
        cifar = self.rows(conditions=conditions, predictions=predictions, classes=10)
        assert np.isnan(cifar["net", "mean-common15"]["mce"])

    def test_effective_robustness_needs_five_dense_networks_that_differ(self):
        study = self.study()
        row = self.rows(**study)["pruned", "fog-1"]
        assert np.isnan(row["effective_robustness"])
        assert row["effective_baselines"] == 1
        # Ten times the images, so that accuracies from 70 to 94 % differ by more than chance.
        study["predictions"] = {cell: list(np.repeat(values, 10)) for cell, values in study["predictions"].items()}
        for k in range(5):
            study["networks"][f"wide{k}"] = {}
            study["predictions"][f"wide{k}", "clean"] = [1] * (12 * k + 12) + [0] * (188 - 12 * k)
            study["predictions"][f"wide{k}", "fog-1"] = [1] * (12 * k + 40) + [0] * (160 - 12 * k)
            study["predictions"][f"wide{k}", "snow-1"] = [1] * (88 - 12 * k) + [0] * (112 + 12 * k)
        study_results = fake_results(**study)
        found = {(r["network"], r["condition"]): r for r in robustness.rows(study_results)}
        row = found["pruned", "fog-1"]
        assert np.isfinite(row["effective_robustness"])
        assert 0.8 < row["effective_r2"] <= 1
        assert row["effective_slope"] > 0
        assert row["effective_baselines"] == 6
        assert (row["effective_low"], row["effective_high"]) == (0.7, 0.94)
        # The more these baselines get right of clean images, the less of snow.
        snow = found["pruned", "snow-1"]
        assert np.isnan(snow["effective_robustness"])
        assert snow["effective_slope"] < 0
        cells = [("pruned", "fog-1"), ("pruned", "snow-1"), ("pruned", "clean")]
        (gap,) = robustness.effective_gaps(study_results, found, cells)
        assert gap.startswith("1 as")
        found["pruned", "clean"]["accuracy"] = 0.6
        gaps = robustness.effective_gaps(study_results, found, cells)
        assert len(gaps) == 2
        assert any("70.0 to 94.0 %" in gap for gap in gaps)

    def test_a_mean_lacks_no_cell(self):
        study = self.study()
        del study["predictions"]["pruned", "snow-1"]
        rows = self.rows(**study)
        assert ("pruned", "mean-common15") not in rows
        assert ("dense", "mean-common15") in rows


def test_summary_has_its_columns(small_folder):
    with (small_folder / "summary.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert tuple(rows[0]) == robustness.COLUMNS
    study_results = results.load(small_folder)
    cells = [row for row in rows if not row["condition"].startswith("mean-")]
    assert len(cells) == len(study_results.cells())
    assert len(rows) - len(cells) == len(study_results.networks) * len(robustness.means(study_results))
    assert all(
        0 <= float(row["accuracy_low"]) <= float(row["accuracy"]) <= float(row["accuracy_high"]) <= 1 for row in rows
    )


def test_histograms_count_every_sample(small_folder):
    arrays = results.load_arrays(small_folder / "comparison" / "histograms.npz")
    assert (arrays["counts"].sum(-1) == 597).all()
