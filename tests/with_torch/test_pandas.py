"""Tables in pandas and DuckDB, on which rosalind does not depend."""

import shutil

import duckdb
import generated
import numpy as np
import pandas
import pytest

from rosalind import exports, results
from rosalind.analysis import robustness


def test_results_as_a_table(small_folder):
    frame = results.load(small_folder).frame()
    summary = robustness.read_summary(small_folder / "summary.csv")
    assert list(zip(frame["network"], frame["condition"], strict=True)) == list(summary)
    np.testing.assert_array_equal(frame["accuracy"], [row["accuracy"] for row in summary.values()])


def test_the_table_lacks_a_network_that_was_removed(small_folder, tmp_path):
    folder = shutil.copytree(small_folder, tmp_path / "study")
    removed = list(results.load(folder).networks)[1]
    results.remove_network(folder, removed)
    frame = results.load(folder).frame()
    assert set(frame["network"]) == set(results.load(small_folder).networks) - {removed}


def test_the_samples_open_in_pandas_and_duckdb(small_folder, tmp_path):
    study_results, path = results.load(small_folder), tmp_path / "samples.parquet"
    count = exports.write_samples(study_results, path)
    rows = robustness.table(study_results)
    clean = {name: value for row in rows for name, value in zip(row.group.networks, row.clean, strict=True)}
    frame = pandas.read_parquet(path)
    assert len(frame) == count
    of_pandas = frame[frame["condition"] == "clean"].groupby("network")["correct"].mean()
    asked = f"select network, avg(correct::int) from '{path}' where condition = 'clean' group by network"
    for accuracy in (dict(of_pandas), dict(duckdb.sql(asked).fetchall())):
        assert accuracy == pytest.approx(clean)
    # Gaps are nulls for both: dense networks and tickets have no parent.
    orphans = {name for name, info in study_results.networks.items() if info.parent is None}
    gaps = duckdb.sql(f"select count(*) from '{path}' where parent is null").fetchall()[0][0]
    assert gaps == frame["parent"].isna().sum() == frame["network"].isin(orphans).sum() > 0
    assert not frame["angle"].isna().any()


def test_columns_of_numbers_stay_so_where_they_begin_with_whole_ones(tmp_path):
    # DuckDB looks at 20,480 rows: a dense network's, of sparsity 0, before those of pruned ones.
    generated.make(tmp_path / "study", networks=3, seeds=1, samples=9_000, image_size=8, thumbnails=0)
    study_results, path = results.load(tmp_path / "study"), tmp_path / "samples.csv"
    exports.write_samples(study_results, path)
    expected = {name: info.sparsity for name, info in study_results.networks.items()}
    assert len(set(expected.values())) > 1
    asked = f"select network, any_value(sparsity) from '{path}' group by network"
    assert dict(duckdb.sql(asked).fetchall()) == pytest.approx(expected, abs=1e-6)
    frame = pandas.read_csv(path, low_memory=False)
    assert dict(frame.groupby("network")["sparsity"].first()) == pytest.approx(expected, abs=1e-6)
    kinds = dict(duckdb.sql(f"select column_name, column_type from (describe select * from '{path}')").fetchall())
    assert {kinds[name] for name in ("sparsity", "severity", "loss", "angle", "norm", "margin")} == {"DOUBLE"}
