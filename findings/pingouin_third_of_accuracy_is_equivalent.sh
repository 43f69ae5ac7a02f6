#!/usr/bin/env bash
# pingouin's test of equivalence finds accuracies of 0.91 and 0.61 equivalent (p = 6e-19): by default 1 is no difference.
#
# Versions:  Python 3.11; pingouin 0.7.0, numpy 2.4.6, scipy 1.17.1, pandas 3.1.1, scikit-learn 1.9.1, statsmodels 0.15.0.
# Behaviour: `tost(x, y)` asks whether the means differ by less than `bound`, in the numbers' own unit, and `bound` is 1 unless it is
#            given. Accuracies, confidences, CKA and calibration errors all lie between 0 and 1, so that any two sets of
#            them are equivalent, with p near 0; in per cent the same accuracies are not. `compute_bootci` rounds its interval to two
#            decimals by default: an interval of 0.9120 to 0.9150 comes out as 0.91 to 0.92, three times as wide, and another as
#            a single point.
# A guess:   a test of equivalence asks for its bound, or takes one in standard deviations; accuracies as shares and in per cent have
#            one p, as they have in `ttest`.
# For users: "pruning by 90 % does not change accuracy (TOST, p < .001)" follows for every network. Pass `bound`, and `decimals` to
#            intervals. rosalind has no test of equivalence.
#
# Output seen:
#   accuracies 0.91 and 0.61: equivalent with p 6e-19
#   the same in per cent: p 1.00; with a bound of 0.01: p 1.00
#   that they differ (ttest): p 1e-15, in per cent 1e-15
#   bootstrap interval of 0.9138: 0.91 to 0.92; with six decimals 0.9120 to 0.9150
#   of 0.9114: 0.91 to 0.91; with six decimals 0.9112 to 0.9115
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install -q pingouin==0.7.0 numpy==2.4.6 scipy==1.17.1 pandas==3.1.1 scikit-learn==1.9.1 statsmodels==0.15.0
"$work/env/bin/python" -W ignore - <<'EOF'
import numpy as np
import pingouin

dense = np.array([0.913, 0.915, 0.911, 0.914, 0.916])
pruned = dense - np.array([0.301, 0.299, 0.302, 0.298, 0.300])


def equivalence(x, y, **options):
    return float(pingouin.tost(x, y, **options)["pval"].iloc[0])


shares, percent = equivalence(dense, pruned), equivalence(100 * dense, 100 * pruned)
asked = equivalence(dense, pruned, bound=0.01)
differ = [float(pingouin.ttest(unit * dense, unit * pruned)["p_val"].iloc[0]) for unit in (1, 100)]
print(f"accuracies {dense.mean():.2f} and {pruned.mean():.2f}: equivalent with p {shares:.0e}")
print(f"the same in per cent: p {percent:.2f}; with a bound of 0.01: p {asked:.2f}")
print(f"that they differ (ttest): p {differ[0]:.0e}, in per cent {differ[1]:.0e}")
assert shares < 1e-9 and percent > 0.99 and asked > 0.99, "the bound is asked for now"
assert np.isclose(*differ) and differ[0] < 1e-9, "the test of a difference"

exact, rounded = (
    np.asarray(pingouin.compute_bootci(dense, func="mean", seed=0, **options), float) for options in ({"decimals": 6}, {})
)
print(f"bootstrap interval of {dense.mean():.4f}: {rounded[0]} to {rounded[1]}; with six decimals {exact[0]:.4f} to {exact[1]:.4f}")
narrow = dense / 10 + 0.82
exact_narrow, point = (
    np.asarray(pingouin.compute_bootci(narrow, func="mean", seed=0, **options), float) for options in ({"decimals": 6}, {})
)
print(f"of {narrow.mean():.4f}: {point[0]} to {point[1]}; with six decimals {exact_narrow[0]:.4f} to {exact_narrow[1]:.4f}")
assert rounded.tolist() == [0.91, 0.92] and np.ptp(exact) < 0.004, "the interval is not rounded now"
assert np.ptp(point) == 0 and np.ptp(exact_narrow) > 0, "a point"
EOF
