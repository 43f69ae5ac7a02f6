#!/usr/bin/env bash
# In oodeel a detector that gives every sample the same score has a false positive rate of 0 at 95 % true positives, the best there is.
#
# Versions:  Python 3.11; oodeel 0.4.0, scikit-learn 1.9.1, scipy 1.17.1, pandas 2.3.3, numpy 1.26.4.
# Behaviour: `bench_metrics` reads "fpr95tpr" off the first point of its curve that has fewer than 95 % true positives, where the rate is asked for
#            95 % or more. Samples of equal score fall out of the curve at once: the next point can be far below, and the last one has neither
#            true nor false positives. The area under the same curve is right, 0.5 of equal scores.
# A guess:   at least 95 % of the outliers are found at the threshold whose false positives are counted, as in scikit-learn's `roc_curve`.
# For users: the confidence of a sure network is 1 in float32, of outliers too. Where 30 % of them are that sure, 95 % can be found only by taking
#            every sample for an outlier, a rate of 1; reported is 0.10, at which 70 % are found. The surer the network, the better the rate.
#            Read it off `roc_curve`. rosalind detects no outliers.
#
# Output seen (1,000 samples within and 1,000 without):
#   all scores equal: oodeel 0.000, scikit-learn 1.000; area 0.500 and 0.500
#   flags 97 % of outliers and half of the others: oodeel 0.000, scikit-learn 0.500; area 0.735 and 0.735
#   confidences, 30 % of outliers at 1: oodeel 0.099, scikit-learn 1.000; area 0.830 and 0.830
#   no score twice: oodeel 0.646, scikit-learn 0.647; area 0.828 and 0.828
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install -q --no-deps oodeel==0.4.0 # it asks for data sets and plots, of which its metrics need nothing
"$work/env/bin/pip" install -q scikit-learn==1.9.1 scipy==1.17.1 pandas==2.3.3 numpy==1.26.4
"$work/env/bin/python" -W ignore - <<'EOF'
import numpy as np
from oodeel.eval.metrics import bench_metrics
from sklearn.metrics import roc_auc_score, roc_curve

SAMPLES = 1000
rank = np.arange(SAMPLES) / SAMPLES
rng = np.random.default_rng(0)
cases = {
    "all scores equal": (np.zeros(SAMPLES), np.zeros(SAMPLES), 0, 1),
    "flags 97 % of outliers and half of the others": (1.0 * (rank < 0.5), 1.0 * (rank < 0.97), 0, 0.5),
    "confidences, 30 % of outliers at 1": (-np.minimum(0.9 + rank, 1), -np.minimum(0.3 + rank, 1), 0.1, 1),
    "no score twice": (rng.normal(size=SAMPLES), rng.normal(size=SAMPLES) + 1.3, None, None),
}
for name, (within, without, reported, true) in cases.items():
    found = bench_metrics((within, without))
    labels, scores = np.repeat([0, 1], SAMPLES), np.concatenate([within, without])
    false, right, _ = roc_curve(labels, scores)
    rate, area = false[right >= 0.95].min(), roc_auc_score(labels, scores)
    print(f"{name}: oodeel {found['fpr95tpr']:.3f}, scikit-learn {rate:.3f}; area {found['auroc']:.3f} and {area:.3f}")
    assert reported is None or abs(found["fpr95tpr"] - reported) < 0.005, "equal scores have another rate"
    assert true is None or abs(rate - true) < 1e-9
    assert abs(found["auroc"] - area) < 0.005
EOF
