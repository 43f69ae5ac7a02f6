#!/usr/bin/env bash
# venn-abers returns 9 columns for 10 if one class has no calibration sample: all later classes are one off, and accuracy halves.
#
# Versions:  Python 3.11; venn-abers 1.5.4, scikit-learn 1.9.1, scipy 1.17.1, pandas 3.1.1, numpy 2.4.6.
# Behaviour: `VennAbersCalibrator().predict_proba(p_cal=..., y_cal=..., p_test=...)` has a column for each class among `y_cal`, in their
#            order, whatever the number of columns in `p_cal` and `p_test`. Column 3 is class 4 if class 3 is absent. Rows sum to 1,
#            and the probabilities are those of the right classes, found again by `np.unique(y_cal)`. Nothing is said.
# A guess:   a calibrator changes probabilities and not their columns: what had ten of them before has ten after.
# For users: with 100 classes and 300 samples to calibrate five classes are absent. `argmax` then gives another class for all that follow, and
#            calibration seems to have cost the accuracy, of the network whose sample it was and not of the next. Put the columns back
#            at `np.unique(y_cal)`. rosalind calibrates no probabilities.
#
# Output seen (10 classes, 1,000 samples to calibrate, 1,000 others):
#   all classes:     10 columns, accuracy 0.42; of the network 0.43
#   without class 3: 9 columns, accuracy 0.19; with columns put back 0.40
#   without class 9: 9 columns, accuracy 0.42; with columns put back 0.42
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install -q venn-abers==1.5.4 scikit-learn==1.9.1 scipy==1.17.1 pandas==3.1.1 numpy==2.4.6
"$work/env/bin/python" -W ignore - <<'EOF'
import numpy as np
from venn_abers import VennAbersCalibrator

draw = np.random.default_rng(0)


def sample():
    """Probabilities of a network that is too sure, and the classes of the images."""
    logits = 1.5 * draw.normal(size=(1000, 10))
    softmax = lambda values: np.exp(values) / np.exp(values).sum(1, keepdims=True)
    return softmax(3 * logits), np.array([draw.choice(10, p=row) for row in softmax(logits)])


(calibration, labels), (test, wanted) = sample(), sample()


def accuracy(probabilities):
    return (probabilities.argmax(1) == wanted).mean()


def calibrated(kept):
    """As returned, and with each column at the place of its class."""
    found = VennAbersCalibrator().predict_proba(p_cal=calibration[kept], y_cal=labels[kept], p_test=test)
    found = np.asarray(found)
    back = np.zeros(test.shape)
    back[:, np.unique(labels[kept])] = found
    return found, back


found, _ = calibrated(np.ones(1000, bool))
whole = accuracy(found)
print(f"all classes:     {found.shape[1]} columns, accuracy {whole:.2f}; of the network {accuracy(test):.2f}")
assert found.shape[1] == 10 and abs(whole - accuracy(test)) < 0.05, "all classes"
for absent in (3, 9):
    found, back = calibrated(labels != absent)
    as_is, put_back = accuracy(found), accuracy(back)
    print(f"without class {absent}: {found.shape[1]} columns, accuracy {as_is:.2f}; with columns put back {put_back:.2f}")
    assert found.shape[1] == 9 and np.allclose(found.sum(1), 1), "columns are kept now"
    assert put_back > 0.33, "the probabilities of the right classes"
    assert as_is < 0.25 if absent == 3 else as_is == put_back, f"what is off without class {absent}"
EOF
