#!/usr/bin/env bash
# netcal's maximum mean calibration error of a perfectly calibrated binary network is 0.21 if it is given one column, and 0.01 of two.
#
# Versions:  Python 3.11; netcal 1.4.0, torch 2.13.0, scipy 1.17.1, scikit-learn 1.9.1, numpy 2.4.6.
# Behaviour: `MMCE.measure` takes one column for the probability of class 1, as its page says. It predicts class 0 below a half, which is
#            right, and leaves p, not 1 - p, as the confidence of that. A sample of class 0 at p = 0.01 is then a right answer at a
#            confidence of 0.01. If the column is taken for confidences of many classes, with right and wrong for labels,
#            those below a half have right and wrong exchanged. `ECE` takes either, and is right. Given as
#            [samples, classes], `MMCE` is right too.
# A guess:   the measures of one package take the same arrays for the same, and a calibrated network has an error near 0.
# For users: the surer a binary network is of class 0, the larger its error: of one that is always right, p = 0 or 1, it is one
#            half. Of many classes, those images count the wrong way round of which a network is least sure, and
#            these are the corrupted ones. Give all columns. rosalind has no MMCE.
#
# Output seen (2,000 samples drawn with the probabilities that are measured):
#   two classes, one column:           ECE 0.030, MMCE 0.214
#   two classes, two columns:          ECE 0.030, MMCE 0.007
#   always right, one column:          ECE 0.000, MMCE 0.496
#   always right, two columns:         ECE 0.000, MMCE 0.000
#   ten classes, confidence and right: ECE 0.020, MMCE 0.194
#   ten classes, ten columns:          ECE 0.020, MMCE 0.005
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install -q netcal==1.4.0 torch==2.13.0 pyro-ppl==1.9.2 gpytorch==1.15.2 scipy==1.17.1 scikit-learn==1.9.1 \
  numpy==2.4.6 matplotlib==3.11.2 tensorboard==2.21.0 tqdm==4.70.1
"$work/env/bin/python" -W ignore - <<'EOF'
import numpy as np
from netcal.metrics import ECE, MMCE

draw = np.random.default_rng(0)
one = draw.uniform(size=2000)
labels = (draw.random(2000) < one).astype(int)
surely = labels.astype(float)
powers = np.exp(1.5 * draw.normal(size=(2000, 10)))
ten = powers / powers.sum(1, keepdims=True)
classes = np.array([draw.choice(10, p=row) for row in ten])
right = (ten.argmax(1) == classes).astype(int)

for name, given, truth, wrong in (
    ("two classes, one column", one, labels, True),
    ("two classes, two columns", np.stack([1 - one, one], 1), labels, False),
    ("always right, one column", surely, labels, True),
    ("always right, two columns", np.stack([1 - surely, surely], 1), labels, False),
    ("ten classes, confidence and right", ten.max(1), right, True),
    ("ten classes, ten columns", ten, classes, False),
):
    ece, mmce = ECE(10).measure(given, truth), MMCE().measure(given, truth)
    print(f"{name + ':':34} ECE {ece:.3f}, MMCE {mmce:.3f}")
    assert ece < 0.05, "calibrated"
    assert mmce > 0.15 if wrong else mmce < 0.02, f"MMCE of {name}"
EOF
