#!/usr/bin/env bash
# One NaN among p values: statsmodels' step-up corrections make every p NaN but still reject, and Hommel's rejects none.
#
# Versions:  Python 3.11; statsmodels 0.15.0, numpy 2.4.6, scipy 1.17.1.
# Behaviour: `multipletests` sorts NaN to the end, as the largest. Step-up methods (`fdr_bh`, `fdr_by`, `simes-hochberg`)
#            then take running minima from that end, which are NaN from the start, while `reject` comes from comparisons of
#            the p given, in which NaN is merely not small: rows are rejected whose corrected p is NaN. `hommel` and
#            `fdr_gbs` decide by what has become NaN and reject nothing. Bonferroni's and Holm's keep the others right, but
#            NaN counts as a test. Nothing warns. All NaN is statsmodels/statsmodels#2899, open since 2016.
# A guess:   NaN stays where it was, and `reject` says whether the corrected p is below alpha.
# For users: tests of a network against its equal are 0 / 0, those of a missing seed have no p: one such row, and a table of
#            corrected p is empty, its stars are not, and by another method all differences are gone. Correct the finite p,
#            and put them back. rosalind's `holm` leaves NaN out of the count and in its place.
#
# Output seen (p 0.001, 0.2, NaN, 0.03, 0.9):
#   fdr_bh:         rejected [1 0 0 0 0], corrected [nan nan nan nan nan]; without NaN [1 0 0 0] [0.004 0.267 0.06  0.9  ]
#   fdr_by:         rejected [1 0 0 0 0], corrected [nan nan nan nan nan]; without NaN [1 0 0 0] [0.008 0.556 0.125 1.   ]
#   simes-hochberg: rejected [1 0 0 0 0], corrected [nan nan nan nan nan]; without NaN [1 0 0 0] [0.004 0.4   0.09  0.9  ]
#   hommel:         rejected [0 0 0 0 0], corrected [nan nan nan nan nan]; without NaN [1 0 0 0] [0.004 0.4   0.09  0.9  ]
#   fdr_gbs:        rejected [0 0 0 0 0], corrected [nan nan nan nan nan]; without NaN [1 0 1 0] [0.004 0.167 0.046 1.   ]
#   holm:           rejected [1 0 0 0 0], corrected [0.005 0.6     nan 0.12  1.   ]; without NaN [1 0 0 0] [0.004 0.4   0.09  0.9  ]
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install -q statsmodels==0.15.0 numpy==2.4.6 scipy==1.17.1
"$work/env/bin/python" -W error - <<'EOF'
import numpy as np
from statsmodels.stats.multitest import multipletests

p = np.array([0.001, 0.2, np.nan, 0.03, 0.9])
seen = {}
for method in ("fdr_bh", "fdr_by", "simes-hochberg", "hommel", "fdr_gbs", "holm"):
    reject, corrected = multipletests(p, method=method)[:2]
    without = multipletests(p[np.isfinite(p)], method=method)[:2]
    print(
        f"{method + ':':15} rejected {reject.astype(int)}, corrected {corrected.round(3)}; "
        f"without NaN {without[0].astype(int)} {without[1].round(3)}"
    )
    seen[method] = reject, corrected
    assert without[0][0] and without[1][0] < 0.05, f"{method} without NaN"
for method in ("fdr_bh", "fdr_by", "simes-hochberg"):
    reject, corrected = seen[method]
    assert reject.tolist() == [True] + [False] * 4 and np.isnan(corrected).all(), method
for method in ("hommel", "fdr_gbs"):
    reject, corrected = seen[method]
    assert not reject.any() and np.isnan(corrected).all(), method
reject, corrected = seen["holm"]
assert reject[0] and np.isfinite(corrected).tolist() == np.isfinite(p).tolist() and corrected[0] == 5 * p[0], "holm"
EOF
