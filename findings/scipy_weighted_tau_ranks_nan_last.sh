#!/usr/bin/env bash
# SciPy's weighted tau ranks a network without accuracy last, its Somers' D ranks it first, and its other correlations of ranks are NaN.
#
# Versions:  Python 3.11; scipy 1.17.1, numpy 2.4.6.
# Behaviour: `weightedtau` takes NaN for the lowest score, as its notes say; `somersd`, whose notes do not, for the highest, as NumPy sorts it.
#            Neither has an argument for it, where `kendalltau` and `spearmanr` have `nan_policy` and by default return NaN. So if
#            five networks keep their order, and one of them was not measured, both fall from 1 to a number that depends on which.
# A guess:   correlations of ranks in one library treat a gap alike: as NaN, or by leaving the pair out.
# For users: the network that failed to train has NaN: it counts as the worst for one statistic and as the best for the other, and the agreement
#            of two rankings changes by 0.9 without a word. Leave such pairs out first.
#
# Output seen (five networks whose accuracies pruning leaves as they are, one of them missing):
#   NaN where dense has 0.9: weighted tau 0.11, Somers' D 1.00, Kendall's tau nan
#   NaN where dense has 0.8: weighted tau 0.57, Somers' D 0.80, Kendall's tau nan
#   NaN where dense has 0.7: weighted tau 0.77, Somers' D 0.60, Kendall's tau nan
#   NaN where dense has 0.6: weighted tau 0.90, Somers' D 0.40, Kendall's tau nan
#   NaN where dense has 0.5: weighted tau 1.00, Somers' D 0.20, Kendall's tau nan
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install -q scipy==1.17.1 numpy==2.4.6
"$work/env/bin/python" -W ignore - <<'EOF'
import numpy as np
from scipy import stats

dense = np.array([0.9, 0.8, 0.7, 0.6, 0.5])
seen = []
for place in range(5):
    pruned = dense.copy()
    pruned[place] = np.nan
    kept = np.arange(5) != place
    tau, somers, kendall = (test(dense, pruned).statistic for test in (stats.weightedtau, stats.somersd, stats.kendalltau))
    print(f"NaN where dense has {dense[place]}: weighted tau {tau:.2f}, Somers' D {somers:.2f}, Kendall's tau {kendall:.2f}")
    assert np.isnan(kendall), "Kendall's tau of NaN is a number now"
    assert np.isclose(tau, stats.weightedtau(dense, np.where(kept, pruned, -1)).statistic), "NaN is not the lowest"
    assert np.isclose(somers, stats.somersd(dense, np.where(kept, pruned, 2)).statistic), "NaN is not the highest"
    assert np.isclose(stats.weightedtau(dense[kept], pruned[kept]).statistic, 1)
    seen.append((tau, somers))
assert np.allclose([tau for tau, _ in seen], [0.106, 0.566, 0.770, 0.901, 1], atol=0.001), "weighted tau is another"
assert np.allclose([somers for _, somers in seen], [1, 0.8, 0.6, 0.4, 0.2]), "Somers' D is another"
EOF
