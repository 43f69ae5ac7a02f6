"""The rows of summary.csv: what is compared with a parent, with dense networks and with published errors."""

import csv

import numpy as np
import pytest
from given_predictions import condition_info, fake_results

from rosalind import results
from rosalind.analysis import robustness


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

    def test_a_corruption_of_ones_own_counts_in_the_mean_of_all_and_in_named_ones_alone(self):
        study = self.study()
        mine = condition_info("mine.py:posterize", sets=(), group="mine")
        study["conditions"]["posterize-1"] = mine
        wrong = lambda count: [1] * count + [0] * (20 - count)
        study["predictions"] |= {("dense", "posterize-1"): wrong(10), ("pruned", "posterize-1"): wrong(13)}
        made = fake_results(**study)
        made.study["config"] = {"means": {"ours": ["posterize", "snow"]}}
        rows = {(row["network"], row["condition"]): row for row in robustness.rows(made)}
        # Of 20 samples wrong under fog, snow and one's own: 4, 8, 10 and 8, 8, 13.
        for network, fog, snow, own in (("dense", 4, 8, 10), ("pruned", 8, 8, 13)):
            accuracy = {name: rows[network, f"mean-{name}"]["accuracy"] for name in ("common15", "all", "ours")}
            expected = {
                "common15": 1 - (fog + snow) / 40,
                "all": 1 - (fog + snow + own) / 60,
                "ours": 1 - (snow + own) / 40,
            }
            assert accuracy == pytest.approx(expected)
            assert rows[network, "mean-all"]["conditions"] == 3

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
