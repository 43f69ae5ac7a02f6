"""The summary as a table of pandas, which rosalind does not depend on."""

import numpy as np

from rosalind import results
from rosalind.analysis import robustness


def test_results_as_a_table(small_folder):
    frame = results.load(small_folder).frame()
    summary = robustness.read_summary(small_folder / "summary.csv")
    assert list(zip(frame["network"], frame["condition"], strict=True)) == list(summary)
    np.testing.assert_array_equal(frame["accuracy"], [row["accuracy"] for row in summary.values()])
