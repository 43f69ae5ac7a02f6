#!/usr/bin/env bash
# In dabest a network's accuracies against their own copy have p = 0, and so have three seeds that all beat three others.
#
# Versions:  Python 3.11; dabest 2025.10.20, numpy 2.1.3, scipy 1.15.3, pandas 2.2.3, Numba 0.61.2.
# Behaviour: the p value of `mean_diff` and of Cliff's delta is the share of 5,000 drawn permutations whose difference is
#            larger than the one observed, not at least as large, and the observed one is not counted. What cannot be
#            exceeded has p = 0: no difference at all between pairs, and samples that are wholly apart, however few. Where
#            permutations repeat the observed difference, rounding decides whether it exceeds itself: where one pair of five
#            differs, p is 1 if it is better by 0.01, and 0 if it is worse. This p is in the first lines that are printed.
# A guess:   equal columns have p = 1, and three against three can never go below 0.1, nor five pairs below 0.0625.
# For users: three or five seeds are what pruning is studied with. Networks at sparsities that change nothing are the most
#            significant of the table, and three seeds prove everything. Take `scipy.stats.permutation_test`, which counts
#            what is as large within rounding. rosalind's `sign_flip_test` gives 1, and 0.25 for three pairs.
#
# Output seen (p of dabest's permutations, and of all permutations by SciPy):
#   a copy, pairs              dabest 0.0000, SciPy 1.0000
#   three apart from three     dabest 0.0000, SciPy 0.1000
#   three pairs, all better    dabest 0.0000, SciPy 0.2500
#   one pair of five better    dabest 1.0000, SciPy 1.0000
#   one pair of five worse     dabest 0.0000, SciPy 1.0000
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install -q dabest==2025.10.20 numpy==2.1.3 scipy==1.15.3 pandas==2.2.3 numba==0.61.2
cat >"$work/run.py" <<'EOF'
import numpy as np
import pandas as pd
from dabest import load
from scipy.stats import permutation_test


def difference(first, second, axis):
    return np.mean(second, axis) - np.mean(first, axis)


three, five = np.array([0.91, 0.92, 0.90]), np.array([0.91, 0.92, 0.90, 0.93, 0.89])
one = np.array([1.0, 0, 0, 0, 0])
cases = {
    "a copy, pairs": (five, five, "baseline"),
    "three apart from three": (three, three + 0.05, None),
    "three pairs, all better": (three, three + [0.04, 0.05, 0.06], "baseline"),
    "one pair of five better": (five, five + 0.01 * one, "baseline"),
    "one pair of five worse": (five, five - 0.01 * one, "baseline"),
}
seen = {}
for name, (first, second, paired) in cases.items():
    table = pd.DataFrame({"dense": first, "pruned": second, "seed": np.arange(len(first))})
    of_pairs = {"paired": paired, "id_col": "seed"} if paired else {}
    p = load(table, idx=("dense", "pruned"), **of_pairs).mean_diff.results["pvalue_permutation"][0]
    kind = "samples" if paired else "independent"
    exact = permutation_test((first, second), difference, permutation_type=kind, n_resamples=np.inf).pvalue
    print(f"{name:26} dabest {p:.4f}, SciPy {exact:.4f}")
    seen[name] = p, exact
for name, least in (("a copy, pairs", 1), ("three apart from three", 0.1), ("three pairs, all better", 0.25)):
    assert seen[name][0] == 0 and seen[name][1] >= least - 1e-9, name
better, worse = seen["one pair of five better"], seen["one pair of five worse"]
assert better[1] == worse[1] == 1 and abs(better[0] - worse[0]) > 0.3, "rounding decides"
EOF
# Numba is compiled on the first import, and writes its progress beside errors.
"$work/env/bin/python" -W ignore "$work/run.py" 2>"$work/errors" | grep -v -i compil || { cat "$work/errors" >&2; exit 1; }
