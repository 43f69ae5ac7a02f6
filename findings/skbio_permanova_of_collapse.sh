#!/usr/bin/env bash
# scikit-bio's PERMANOVA finds groups whose samples are all alike significantly different: F is NaN, and p the smallest there is.
#
# Versions:  Python 3.11; scikit-bio 0.7.4, numpy 2.3.5, scipy 1.17.1.
# Behaviour: p is (1 + permutations whose statistic is at least the observed one) / (1 + permutations). Where all distances are 0
#            the statistic is 0 / 0, NaN, for the labels as they are and for all permutations; no NaN is at least NaN, so p is
#            1 / (1 + permutations). `permdisp`, the test of equal spread, does the same. `anosim` gives 0 and p = 1. More
#            permutations make p smaller. There is no warning but NumPy's.
# A guess:   samples that cannot be told apart do not differ by group: p = 1, or NaN like the statistic.
# For users: of layers and networks the test asks whether classes, or clean and corrupted images, lie apart; those that have
#            collapsed to one point come out as apart with the most certainty, and pass every correction. Tables of p alone do not
#            show it. Look for NaN in the statistic. rosalind tests no distances by group.
#
# Output seen (12 samples in two groups, 999 permutations; statistic and p):
#   one cloud:  permanova 0.55 0.682, permdisp 0.02 0.881, anosim -0.10 0.863
#   two clouds: permanova 113.72 0.002, permdisp 0.02 0.615, anosim 1.00 0.002
#   one point:  permanova nan 0.001, permdisp nan 0.001, anosim 0.00 1.000
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install -q scikit-bio==0.7.4 numpy==2.3.5 scipy==1.17.1
"$work/env/bin/python" -W ignore - <<'EOF'
import numpy as np
from scipy.spatial.distance import pdist, squareform
from skbio.stats.distance import DistanceMatrix, anosim, permanova, permdisp

features = np.random.default_rng(0).normal(size=(12, 4))
GROUPS = ["clean"] * 6 + ["fog"] * 6
CASES = {
    "one cloud": features,
    "two clouds": features + 5 * np.repeat([0, 1], 6)[:, None],
    "one point": np.ones((12, 4)),
}
TESTS = {"permanova": permanova, "permdisp": permdisp, "anosim": anosim}
seen = {}
for case, samples in CASES.items():
    distances = DistanceMatrix(squareform(pdist(samples)))
    for name, test in TESTS.items():
        found = test(distances, GROUPS, permutations=999, seed=0)
        seen[case, name] = float(found["test statistic"]), float(found["p-value"])
    print(f"{case + ':':11} " + ", ".join(f"{name} {seen[case, name][0]:.2f} {seen[case, name][1]:.3f}" for name in TESTS))
for name in ("permanova", "permdisp"):
    statistic, p = seen["one point", name]
    assert np.isnan(statistic) and p == 0.001, f"{name}: p of samples that are alike"
assert seen["one point", "anosim"] == (0, 1), "ANOSIM"
assert seen["one cloud", "permanova"][1] > 0.05 and seen["two clouds", "permanova"][1] < 0.02, "usual samples"
distances = DistanceMatrix(np.zeros((12, 12)))
p = float(permanova(distances, GROUPS, permutations=99, seed=0)["p-value"])
assert p == 0.01, "p hangs on the permutations asked for"
EOF
