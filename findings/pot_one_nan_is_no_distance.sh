#!/usr/bin/env bash
# POT's optimal transport between two layers of features is 0, as of equal ones, if one of 500 samples is NaN; in one dimension it is NaN.
#
# Versions:  Python 3.11; POT 0.9.7.post1, numpy 2.4.6, scipy 1.17.1.
# Behaviour: `ot.emd2` (and `ot.solve_sample`, `ot.emd`) hands the costs to a network simplex, which with a NaN in them ends at
#            once with a plan of zeros: no mass moves, and the cost of that is 0. The warning says "Problem infeasible. Check that a
#            and b are in the simplex", of the weights, which are. `ot.wasserstein_1d`, `ot.emd2_1d` and
#            `ot.sliced_wasserstein_distance` give NaN, and `ot.sinkhorn2` gives NaN.
# A guess:   a distance from NaN is NaN, or an error.
# For users: the shift of features between clean and corrupted images, or dense and pruned ones, is smallest, 0, where a network overflowed. Warnings
#            that are shown once per place tell of the first only. Ask `np.isfinite` of features first, or whether the plan's sum is
#            1. rosalind's shifts are of one measure at a time and leave samples out that are NaN.
#
# Output seen (500 samples of 16 features, moved by 1 in each):
#   emd2:                        16.00, with one NaN 0.00
#   solve_sample:                16.00, with one NaN 0.00
#   mass of the plan of emd:      1.00, with one NaN 0.00
#   sinkhorn2:                   16.01, with one NaN nan
#   sliced_wasserstein_distance:  1.06, with one NaN nan
#   emd2_1d of one feature:       1.00, with one NaN nan
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install -q pot==0.9.7.post1 numpy==2.4.6 scipy==1.17.1
"$work/env/bin/python" - <<'EOF'
import warnings

import numpy as np
import ot

clean = np.random.default_rng(0).normal(size=(500, 16))
moved = clean + 1
broken = moved.copy()
broken[3, 0] = np.nan
seen = {}
for name, distance in {
    "emd2": lambda x, y: ot.emd2([], [], ot.dist(x, y)),
    "solve_sample": lambda x, y: ot.solve_sample(x, y).value,
    "mass of the plan of emd": lambda x, y: ot.emd([], [], ot.dist(x, y)).sum(),
    "sinkhorn2": lambda x, y: ot.sinkhorn2([], [], ot.dist(x, y), 1.0),
    "sliced_wasserstein_distance": lambda x, y: ot.sliced_wasserstein_distance(x, y, seed=0),
    "emd2_1d of one feature": lambda x, y: ot.emd2_1d(x[:, 0], y[:, 0]),
}.items():
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        seen[name] = float(distance(clean, moved)), float(distance(clean, broken))
    print(f"{name + ':':28} {seen[name][0]:5.2f}, with one NaN {seen[name][1]:.2f}")
    if name in ("emd2", "solve_sample"):
        assert any("a and b are in the simplex" in str(warning.message) for warning in said), "what is said"
        assert not any("NaN" in str(warning.message) for warning in said), "NaN is named now"
for name in ("emd2", "solve_sample"):
    assert abs(seen[name][0] - 16) < 1e-6 and seen[name][1] == 0, f"{name} is another now"
assert abs(seen["mass of the plan of emd"][0] - 1) < 1e-6 and seen["mass of the plan of emd"][1] == 0, "the plan"
for name in ("sinkhorn2", "sliced_wasserstein_distance", "emd2_1d of one feature"):
    assert np.isfinite(seen[name][0]) and np.isnan(seen[name][1]), name
EOF
