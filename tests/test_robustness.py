import csv
from pathlib import Path

import numpy as np
import pytest

from rosalind import results
from rosalind.analysis import robustness


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
    found = results.load(small_folder)
    table = robustness.accuracy(found)
    cell = found.geometry("mlp-magnitude-0.9-seed1", "contrast-1")
    row, column = (
        list(found.networks).index("mlp-magnitude-0.9-seed1"),
        list(found.conditions).index("contrast-1"),
    )
    assert table[row, column] == (cell["prediction"] == found.labels).mean()
    assert np.isfinite(table).all()


def test_a_missing_cell_is_a_gap_and_not_a_zero(small_folder, tmp_path):
    import shutil

    folder = tmp_path / "copy"
    shutil.copytree(small_folder, folder)
    results.geometry_file(folder, "mlp-dense-seed0", "contrast-5").unlink()
    found = results.load(folder)
    dense = robustness.table(found)[0]
    assert np.isnan(dense.corrupted[0])
    assert np.isfinite(dense.corrupted[1])
    assert robustness.mean_and_deviation(dense.corrupted) == "-"
    assert "-" in robustness.text_table(found)


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
        found = self.names_of(infos)
        assert len(found["mean-common15"].conditions) == 15
        assert len(found["mean-common19"].conditions) == 19
        assert not found["mean-common15"].missing
        assert set(found["mean-common15"].conditions) == {f"{name}-1" for name in corruptions.NAMES}
        del infos["spatter-1"]
        assert "mean-common19" not in self.names_of(infos)
        del infos["snow-1"]
        assert self.names_of(infos)["mean-common15"].missing == 1

    def test_batch_norm_modes_are_never_mixed(self):
        infos = {"fog-1": condition_info(), "fog-1-adapted": condition_info(bn="adapted")}
        found = self.names_of(infos)
        assert found["mean-common15"].conditions == ("fog-1",)
        assert found["mean-common15-adapted"].conditions == ("fog-1-adapted",)

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

    def test_groups_and_severities(self):
        infos = {f"fog-{s}": condition_info(severity=s) for s in (1, 5)}
        infos["blur-1"] = condition_info("defocus_blur", group="blur")
        found = self.names_of(infos)
        assert found["mean-weather"].conditions == ("fog-1", "fog-5")
        assert found["mean-severity1"].conditions == ("fog-1", "blur-1")


def test_a_study_of_the_first_schema_still_has_its_mean():
    info = condition_info()
    del info["sets"]
    found = robustness.means(fake_results({"fog-1": {**info, "benchmark": True}}, {("net", "fog-1"): [0]}))
    assert found[0].name == "mean-common15"


class TestFigures:
    """Every figure against its formula on arrays that can be worked out by hand."""

    def test_corruption_errors(self):
        errors, reference = np.array([[0.2, 0.4], [0.5, 0.7]]), np.array([[0.4, 0.8], [0.0, 0.0]])
        np.testing.assert_allclose(robustness.corruption_errors(errors, reference), [0.5, np.nan])
        np.testing.assert_allclose(robustness.corruption_errors(errors, np.array([0.6, 0.3])), [0.5, 2])

    def test_relative_corruption_errors(self):
        errors, reference = np.array([[0.3, 0.5], [0.2, 0.2]]), np.array([[0.3, 0.5], [0.1, 0.1]])
        found = robustness.relative_corruption_errors(errors, 0.1, reference, 0.2)
        # (0.4 - 0.1) / (0.4 - 0.2); the second corruption makes the reference better: no ratio.
        np.testing.assert_allclose(found, [1.5, np.nan])

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
        assert np.isnan(robustness.effective_fit(np.full(6, 0.5), np.arange(6) / 10, 100).slope)

    def test_the_ends_of_the_logit_are_half_a_sample_away(self):
        assert robustness.logit(1.0, 100) == pytest.approx(np.log(0.995 / 0.005))
        assert robustness.logit(0.0, 100) == pytest.approx(-robustness.logit(1.0, 100))

    def test_adaptive_calibration_has_bins_of_equal_mass(self):
        confidence = np.array([0.6, 0.61, 0.9, 0.91])
        right = np.array([True, True, True, False])
        exact = np.sqrt((2 * (1 - 0.605) ** 2 + 2 * (0.5 - 0.905) ** 2) / 4)
        assert robustness.adaptive_calibration_error(confidence, right, bins=2) == pytest.approx(exact)
        assert np.isnan(robustness.adaptive_calibration_error(np.empty(0), np.empty(0, bool)))

    def test_mcnemar_is_the_exact_binomial(self):
        from scipy.stats import binomtest

        parent, network = np.repeat([True, False], 50), np.repeat([False, True, False], [9, 53, 38])
        found = robustness.flips(parent, network)
        lost, won = 9, 12
        assert found.negative == pytest.approx(lost / 100)
        assert found.positive == pytest.approx(won / 100)
        assert found.p == pytest.approx(binomtest(lost, lost + won).pvalue)
        assert robustness.flips(parent, parent) == (0, 0, 1)
        assert np.isnan(robustness.flips(np.empty(0, bool), np.empty(0, bool))).all()

    def test_the_bootstrap_is_the_binomial_for_one_share(self):
        values = (np.arange(2000) < 600).astype(float)[:, None]
        low, high = robustness.bootstrap(values, robustness.resampled(2000))
        error = np.sqrt(0.3 * 0.7 / 2000)
        assert low[0] == pytest.approx(0.3 - 1.96 * error, abs=0.25 * error)
        assert high[0] == pytest.approx(0.3 + 1.96 * error, abs=0.25 * error)

    def test_differences_are_paired_by_sample(self):
        generator = np.random.default_rng(0)
        parent = generator.random(1000) < 0.7
        network = parent.copy()
        network[:10] = ~network[:10]
        draws = robustness.resampled(1000)
        change = (network.astype(float) - parent)[:, None]
        low, high = robustness.bootstrap(change, draws)
        # Only ten samples differ, so the difference is known far better than either accuracy.
        assert high[0] - low[0] < 0.02
        alone = robustness.bootstrap(network.astype(float)[:, None], draws)
        assert alone[1][0] - alone[0][0] > 0.04

    def test_every_replicate_draws_as_many_as_there_are(self):
        assert (robustness.resampled(300).sum(1) == 300).all()
        np.testing.assert_array_equal(robustness.resampled(30), robustness.resampled(30))


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
        found = self.rows(**self.study())
        snow = found["pruned", "snow-1"]
        # Dense has the first eight wrong, pruned the last eight.
        assert snow["negative_flips"] == snow["positive_flips"] == pytest.approx(8 / 20)
        assert snow["mcnemar_p"] == 1
        mean = found["pruned", "mean-common15"]
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
        found = self.rows(conditions=conditions, predictions=predictions, classes=1000, table="imagenet")
        from rosalind.analysis.robustness import metrics

        exact = np.mean([0.5 / error for error in metrics.ALEXNET.values()])
        assert found["net", "mean-common15"]["mce"] == pytest.approx(exact)
        assert np.isnan(found["net", "mean-weather"]["mce"])
        cifar = self.rows(conditions=conditions, predictions=predictions, classes=10)
        assert np.isnan(cifar["net", "mean-common15"]["mce"])

    def test_effective_robustness_needs_five_dense_networks(self):
        study = self.study()
        assert np.isnan(self.rows(**study)["pruned", "fog-1"]["effective_robustness"])
        for k in range(5):
            study["networks"][f"wide{k}"] = {}
            study["predictions"][f"wide{k}", "clean"] = [1] * (k + 1) + [0] * (19 - k)
            study["predictions"][f"wide{k}", "fog-1"] = [1] * (k + 3) + [0] * (17 - k)
        row = self.rows(**study)["pruned", "fog-1"]
        assert np.isfinite(row["effective_robustness"])
        assert 0.8 < row["effective_r2"] <= 1

    def test_a_mean_lacks_no_cell(self):
        study = self.study()
        del study["predictions"]["pruned", "snow-1"]
        found = self.rows(**study)
        assert ("pruned", "mean-common15") not in found
        assert ("dense", "mean-common15") in found


def test_summary_has_its_columns(small_folder):
    with (small_folder / "summary.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert tuple(rows[0]) == robustness.COLUMNS
    found = results.load(small_folder)
    cells = [row for row in rows if not row["condition"].startswith("mean-")]
    assert len(cells) == len(found.cells())
    assert len(rows) - len(cells) == len(found.networks) * len(robustness.means(found))
    assert all(
        0 <= float(row["accuracy_low"]) <= float(row["accuracy"]) <= float(row["accuracy_high"]) <= 1 for row in rows
    )


def test_histograms_count_every_sample(small_folder):
    arrays = results.load_arrays(small_folder / "comparison" / "histograms.npz")
    assert (arrays["counts"].sum(-1) == 597).all()
