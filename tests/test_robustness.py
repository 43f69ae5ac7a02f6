import csv

import numpy as np
import pytest

from rosalind import figures, results, robustness


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
    found = results.open(small_folder)
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
    found = results.open(folder)
    dense = robustness.table(found)[0]
    assert np.isnan(dense.corrupted[0])
    assert np.isfinite(dense.corrupted[1])
    assert robustness.mean_and_deviation(dense.corrupted) == "-"
    assert "-" in robustness.text_table(found)


def test_groups_hold_their_seeds(small_folder):
    groups = robustness.groups(results.open(small_folder))
    assert [group.name for group in groups] == [
        "dense",
        "biprop 0.5",
        "lth 0.5",
        "lth 0.9",
        "magnitude 0.5",
        "magnitude 0.9",
    ]
    assert all(len(group.networks) == 2 for group in groups)


def test_held_out_corruptions_and_other_modes_are_not_in_the_mean(small_folder):
    found = results.open(small_folder)
    infos = {
        **found.conditions,
        "gaussian_blur-1": {**found.conditions["contrast-1"], "name": "gaussian_blur", "benchmark": False},
        "contrast-1-adapted": {**found.conditions["contrast-1"], "bn": "adapted"},
    }
    changed = results.Results(found.folder, found.study, found.networks, infos)
    clean, rest = robustness.corruption_columns(changed)
    assert clean == 0
    assert [list(infos)[k] for k in rest] == [
        "gaussian_noise-1",
        "gaussian_noise-5",
        "contrast-1",
        "contrast-5",
    ]
    clean, rest = robustness.corruption_columns(changed, "adapted")
    assert clean is None
    assert [list(infos)[k] for k in rest] == ["contrast-1-adapted"]


def test_summary_has_its_columns(small_folder):
    with (small_folder / "summary.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert tuple(rows[0]) == robustness.COLUMNS
    assert len(rows) == len(results.open(small_folder).cells())
    assert all(0 <= float(row["accuracy"]) <= 1 for row in rows)


def test_histograms_count_every_sample(small_folder):
    arrays = results.load_arrays(small_folder / "comparison" / "histograms.npz")
    assert (arrays["counts"].sum(-1) == 597).all()


def test_the_report_writes_every_figure(small_folder, tmp_path):
    written = figures.report(small_folder, tmp_path / "report")
    assert {p.suffix for p in written} == {".png", ".pdf", ".md"}
    assert len(written) == 2 * 5 + 1
    assert all(path.stat().st_size > 500 for path in written)
    text = (tmp_path / "report" / "report.md").read_text()
    rows = robustness.table(results.open(small_folder))
    dense = rows[0]
    assert f"| dense | 2 | {robustness.mean_and_deviation(dense.clean)} |" in text
    assert text.count("\n| ") == len(rows) + 1


def test_nothing_to_report(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no study\.json"):
        figures.report(tmp_path)
