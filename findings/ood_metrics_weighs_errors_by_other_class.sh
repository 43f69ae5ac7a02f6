#!/usr/bin/env bash
# ood-metrics' misclassification probability is 0.45 where 8 of 100 samples are misclassified: each class's error has the other's share.
#
# Versions:  Python 3.11; ood-metrics 1.1.2, scikit-learn 1.7.2, numpy 1.26.4, scipy 1.17.1, matplotlib 3.10.7.
# Behaviour: `detection_error` returns the share of negatives times the misses among positives, plus the share
#            of positives times the false alarms among negatives. The probability of a misclassification has the shares the other way
#            round. Of as many positives as negatives it is right. It is the least over all thresholds that find 95 % or more, not that
#            of 95 %, and for a test set of 100 to 1 a detector that never rejects is nearly at the largest error there is, 0.99,
#            though it misclassifies one sample of a hundred.
# A guess:   "the misclassification probability", as its documentation says, is the share of samples that are misclassified.
# For users: test sets are rarely as large as each other: 10,000 images and 1,000 corrupted ones, 8,000 of SVHN. Two networks can change
#            places: the one that errs on the rarer class has most of its error counted tenfold. `auroc` and `fpr_at_95_tpr` do not
#            depend on shares. Balance the sets before. rosalind has no such measure.
#
# Output seen (scores of 10,000 or 1,000 samples inside and 1,000 outside, overlapping; and a detector that never rejects):
#   10,000 and 1,000: 0.45 said; 0.08 of the samples misclassified at the best such threshold
#   1,000 and 1,000:  0.29 said; 0.29 of the samples misclassified at the best such threshold
#   never rejects, 10,000 and 100: 0.99 said; 0.01 of the samples misclassified at the best such threshold
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install -q ood-metrics==1.1.2 scikit-learn==1.7.2 numpy==1.26.4 scipy==1.17.1 matplotlib==3.10.7
"$work/env/bin/python" -W ignore - <<'EOF'
import numpy as np
from ood_metrics import detection_error

draw = np.random.default_rng(0)


def misclassified(scores, inside):
    """Least share of misclassified samples over the thresholds that keep at least 95 % of those inside."""
    shares = [
        (np.where(inside, scores < threshold, scores >= threshold)).mean()
        for threshold in np.unique(scores)
        if (scores[inside] >= threshold).mean() >= 0.95
    ]
    return min(shares)


def overlapping(count_inside, count_outside):
    scores = np.concatenate([draw.normal(1.6, 1, count_inside), draw.normal(0, 1, count_outside)]).round(2)
    return scores, np.arange(len(scores)) < count_inside


seen = {}
for name, (scores, inside) in {
    "10,000 and 1,000": overlapping(10_000, 1_000),
    "1,000 and 1,000": overlapping(1_000, 1_000),
    "never rejects, 10,000 and 100": (np.ones(10_100), np.arange(10_100) < 10_000),
}.items():
    seen[name] = detection_error(scores, inside.astype(int)), misclassified(scores, inside)
    said, right = seen[name]
    print(f"{name + ':':17} {said:.2f} said; {right:.2f} of the samples misclassified at the best such threshold")
said, right = seen["10,000 and 1,000"]
assert said > 4 * right and right < 0.1, "the shares are those of the classes now"
said, right = seen["1,000 and 1,000"]
assert np.isclose(said, right), "balanced sets"
said, right = seen["never rejects, 10,000 and 100"]
assert said > 0.98 and right < 0.011, "a detector that never rejects"
EOF
