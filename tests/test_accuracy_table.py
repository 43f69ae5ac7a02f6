"""The table of cells: gaps, differences to the dense network of a seed, ranks."""

import numpy as np

from rosalind.analysis import accuracy_table
from rosalind.analysis.robustness import SeedGroup

GROUPS = (
    SeedGroup("dense", "dense", 0.0, ("d0", "d1")),
    SeedGroup("cut", "one-shot", 0.5, ("c0", "c1", "c2")),
)


def test_differences_are_paired_by_seed_and_gaps_stay_gaps():
    values = np.array([[[1, 3, np.nan]], [[0.5, 2, 9]]], np.float32)
    differences = accuracy_table.over_dense(values, GROUPS, {"d0": "d0", "d1": "d1", "c0": "d0", "c1": "d1"})
    np.testing.assert_array_equal(differences, [[[0, 0, np.nan]], [[-0.5, -1, np.nan]]])
    reach = accuracy_table.dense_spread(values, GROUPS, {"c0": "d0", "c1": "d1"})
    assert reach.tolist() == [2]
    assert np.isnan(accuracy_table.dense_spread(values, GROUPS, {"c0": "d0"})).all()


def test_a_table_has_what_the_summary_has():
    summary = {
        ("c2", "y"): {"accuracy": 0.25},
        ("d0", "x"): {"accuracy": 1.0},
        ("?", "x"): {"accuracy": 2},
    }
    collected = accuracy_table.collect(summary, GROUPS, ["x", "y"], "accuracy")
    assert collected.shape == (2, 2, 3)
    assert collected[1, 1, 2] == 0.25
    assert collected[0, 0, 0] == 1
    assert np.isfinite(collected).sum() == 2


def test_the_dense_network_of_a_seed(store):
    dense = accuracy_table.dense_of(store.results, store.groups)
    assert set(dense) == set(store.results.networks)
    for name, other in dense.items():
        assert other == f"mlp-dense-seed{store.results.networks[name].seed}"


def test_difference_and_rank_agree_with_the_summary(store):
    row = [group.name for group in store.groups].index("lth 0.9")
    column = store.columns.index("contrast-5")
    right = lambda name: store.summary[name, "contrast-5"]["accuracy"]
    own = store.groups[row].networks
    exact = [100 * (right(n) - right(f"mlp-dense-seed{k}")) for k, n in enumerate(own)]
    np.testing.assert_allclose(accuracy_table.values(store, "difference")[row, column], exact, rtol=1e-5, atol=1e-4)
    means = [np.mean([right(n) for n in group.networks]) for group in store.groups]
    better = sum(mean > means[row] for mean in means)
    assert accuracy_table.values(store, "rank")[row, column, 0] == 1 + better
