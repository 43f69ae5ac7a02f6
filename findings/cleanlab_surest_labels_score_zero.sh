#!/usr/bin/env bash
# cleanlab's confidence-weighted entropy gives the surest right labels the worst score: a lead of 16 has 1, one of 30 5e-6.
#
# Versions:  Python 3.11; cleanlab 2.9.0, numpy 2.4.6, scikit-learn 1.9.1, pandas 3.1.1.
# Behaviour: the score is log(1 + q) / q with q = entropy / confidence, which goes to 1 as q goes to 0. The divisor is kept
#            above 1e-6 and the numerator is not: below that the score falls with q, and is 0 at 0. So the score of a right
#            label rises with the certainty until the logit leads by 16, and then drops to nothing. A wrong label at the
#            same certainty has a score of up to 1. "self_confidence" and "normalized_margin" rise all the way.
# A guess:   scores are between 0 and 1, and lower scores are more likely mislabelled, as its documentation says.
# For users: networks that were trained to the end lead by 20 and more on many training samples, in float32 with p = 1
#            exactly. A list of the worst labels is then one of the surest right ones. Where labels are reviewed by
#            embeddings and margins, take one of the other two scores. rosalind ranks by margins of logits.
#
# Output seen (the score of a label by how far its logit leads two others, or trails one of them):
#   leads by    0 0.462, 4 0.925, 8 0.997, 16 1, 20 0.0788, 30 5.28e-06, 100 0
#   trails by   0 0.462, 4 0.254, 8 0.174, 16 0.431, 20 0.963, 30 1, 100 0
#   300 samples, 50 mislabelled, 50 sure and right; of the 50 worst scores:
#   self_confidence: mislabelled 50, sure and right 0
#   normalized_margin: mislabelled 50, sure and right 0
#   confidence_weighted_entropy: mislabelled 0, sure and right 50
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install -q cleanlab==2.9.0 numpy==2.4.6 scikit-learn==1.9.1 pandas==3.1.1
"$work/env/bin/python" - <<'EOF'
import numpy as np
from cleanlab.rank import get_label_quality_scores

METHODS = ("self_confidence", "normalized_margin", "confidence_weighted_entropy")


def softmax(logits):
    shifted = np.exp(logits - logits.max(1, keepdims=True))
    return shifted / shifted.sum(1, keepdims=True)


leads = np.array([0, 4, 8, 16, 20, 30, 100])
probabilities = softmax(np.stack([leads, 0 * leads, 0 * leads], 1).astype(float))
scores = {
    (method, label): get_label_quality_scores(np.full(len(leads), label), probabilities, method=method)
    for method in METHODS
    for label in (0, 1)
}
for words, label in (("leads by ", 0), ("trails by", 1)):
    values = scores["confidence_weighted_entropy", label]
    print(f"{words}   " + ", ".join(f"{lead} {value:.3g}" for lead, value in zip(leads, values, strict=True)))
right, wrong = scores["confidence_weighted_entropy", 0], scores["confidence_weighted_entropy", 1]
assert (np.diff(right[:4]) > 0).all() and right[3] > 0.999 and right[4] < 0.1 and right[5] < 1e-5 and right[6] == 0
assert wrong[4] > 0.9, "trails by 20"
for method in METHODS[:2]:
    assert (np.diff(scores[method, 0]) >= 0).all() and (np.diff(scores[method, 1]) <= 0).all(), method

draw = np.random.default_rng(0)
true = draw.integers(0, 3, 300)
logits = draw.normal(size=(300, 3))
logits[np.arange(300), true] += 6
sure, mislabelled = np.arange(50), np.arange(250, 300)
logits[sure] *= 20
labels = true.copy()
labels[mislabelled] = (labels[mislabelled] + 1) % 3
print("300 samples, 50 mislabelled, 50 sure and right; of the 50 worst scores:")
for method in METHODS:
    worst = np.argsort(get_label_quality_scores(labels, softmax(logits), method=method), kind="stable")[:50]
    counts = [int(np.isin(worst, group).sum()) for group in (mislabelled, sure)]
    print(f"{method}: mislabelled {counts[0]}, sure and right {counts[1]}")
    assert counts == ([0, 50] if method == METHODS[2] else [50, 0]), method
EOF
