#!/usr/bin/env bash
# calzone's Cox slope and intercept are those of class 1's probabilities, whichever class is asked for: class 3 of 10 has a slope near 0.
#
# Versions:  Python 3.11; calzone-tool 0.1.0, statsmodels 0.15.0, scipy 1.17.1, numpy 2.4.6, pandas 3.1.1, matplotlib 3.11.2.
# Behaviour: `cox_regression_analysis(..., class_to_calculate=k)` takes samples of class k for events and the second column for their
#            probability. A calibrated network has a slope near 0 for class 3 of ten, in place of 1.
#            `CalibrationMetrics(class_to_calculate=k)` does not hand k on: its slope and intercept are class 1's for
#            every k. Two columns made of one class against the rest are right.
# A guess:   `class_to_calculate` is the class of all that is calculated, and what is right for class 1 is for the others.
# For users: a slope below 1 is read as too sure, so that every class but one of a calibrated network looks far too sure; and a table by
#            class has the same good row ten times, also for the class that pruning spoiled. Make two columns, [1 - p, p], for each
#            class. rosalind has no Cox regression.
#
# Output seen (5,000 samples of 10 classes from a network that is calibrated; another gives class 3 three times the odds):
#   calibrated, function:  class 1 slope 1.03, intercept 0.04; class 3 slope -0.06, intercept -2.46
#   calibrated, two columns:  class 3 slope 1.05, intercept 0.08
#   odds times 3, CalibrationMetrics:  class 1 slope 1.02, intercept 0.19; class 3 slope 1.02, intercept 0.19
#   odds times 3, two columns:  class 3 slope 1.05, intercept -1.08
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install -q calzone-tool==0.1.0 statsmodels==0.15.0 scipy==1.17.1 numpy==2.4.6 pandas==3.1.1 matplotlib==3.11.2
"$work/env/bin/python" -W ignore - <<'EOF'
import numpy as np
from calzone.metrics import CalibrationMetrics, cox_regression_analysis

draw = np.random.default_rng(0)
powers = np.exp(1.5 * draw.normal(size=(5000, 10)))
calibrated = powers / powers.sum(1, keepdims=True)
labels = np.array([draw.choice(10, p=row) for row in calibrated])
odds = calibrated[:, 3] / (1 - calibrated[:, 3])
spoiled = calibrated.copy()
spoiled[:, 3] = 3 * odds / (1 + 3 * odds)
others = np.arange(10) != 3
spoiled[:, others] *= ((1 - spoiled[:, 3]) / (1 - calibrated[:, 3]))[:, None]


def function(given, chosen):
    return cox_regression_analysis(labels.copy(), given, class_to_calculate=chosen)[:2]


def metrics(given, chosen):
    found = CalibrationMetrics(class_to_calculate=chosen).calculate_metrics(labels.copy(), given, metrics=["COX"])
    return found["COX coef"], found["COX intercept"]


def two_columns(given, chosen):
    against = np.stack([1 - given[:, chosen], given[:, chosen]], 1)
    return cox_regression_analysis((labels == chosen).astype(int), against)[:2]


def said(slope, intercept):
    return f"slope {slope:.2f}, intercept {intercept:.2f}"


first, third, right = function(calibrated, 1), function(calibrated, 3), two_columns(calibrated, 3)
print(f"calibrated, function:  class 1 {said(*first)}; class 3 {said(*third)}")
print(f"calibrated, two columns:  class 3 {said(*right)}")
assert np.allclose(first, [1, 0], atol=0.25) and np.allclose(right, [1, 0], atol=0.25), "a calibrated network"
assert abs(third[0]) < 0.3 and third[1] < -2, "the function takes the column of its class now"
first, third, right = metrics(spoiled, 1), metrics(spoiled, 3), two_columns(spoiled, 3)
print(f"odds times 3, CalibrationMetrics:  class 1 {said(*first)}; class 3 {said(*third)}")
print(f"odds times 3, two columns:  class 3 {said(*right)}")
assert first == third and third[1] > -0.3, "the class is handed on now"
assert abs(right[1] + np.log(3)) < 0.25, "class 3 is spoiled"
EOF
