#!/usr/bin/env bash
# A network that is certain and always wrong has a calibration error of 1, of 0 or of 2, by the number of bins, in pycalib.
#
# Versions:  Python 3.11; pycalib 0.1.0.dev6, scikit-learn 1.9.0, numpy 2.4.6.
# Behaviour: `conf_ECE`, `conf_MCE` and `ECE` take the upper ends of bins from `numpy.arange(1 / bins, 1 + 1 / bins, 1 / bins)`, whose last
#            number is by rounding 1, just below 1, or one step past 1. Below 1 (6, 14, 24, 28, 29, 38 and 54 bins, of 2 to 60) a
#            confidence of exactly 1 is in no bin and counts nothing; with one bin more (49) such a confidence is in two. The default
#            of 15, 10 and 20 are right, and so is `binary_ECE` with every number.
# A guess:   bins over the unit interval hold each confidence once, whatever their number; an error of at most 1 stays below 1.
# For users: softmax in float32 gives exactly 1 from a difference of logits of about 17 on, as networks give it that were pruned and
#            retrained to no loss. Their surest errors vanish, so that the most overconfident network is the best calibrated one
#            in a plot of the error over the number of bins. Take ends from `numpy.linspace`. A test of rosalind's holds 1 for this.
#
# Output seen (1,000 samples, all of confidence 1 and all wrong):
#   6 bins: ECE 0, MCE 0
#   10 bins: ECE 1, MCE 1
#   14 bins: ECE 0, MCE 0
#   15 bins: ECE 1, MCE 1
#   20 bins: ECE 1, MCE 1
#   49 bins: ECE 2, MCE 1
#   of 2 to 60 bins: 0 with 6, 14, 24, 28, 29, 38, 54; 2 with 49
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install -q pycalib==0.1.0.dev6 scikit-learn==1.9.0 numpy==2.4.6 scipy==1.17.1
"$work/env/bin/python" -W ignore - <<'EOF'
import numpy as np
from pycalib.metrics import conf_ECE, conf_MCE

certain, label = np.tile([0.0, 1.0], (1000, 1)), np.zeros(1000, int)
errors = {bins: round(float(conf_ECE(label, certain, bins=bins)), 9) for bins in range(2, 61)}
for bins in (6, 10, 14, 15, 20, 49):
    print(f"{bins} bins: ECE {errors[bins]:g}, MCE {conf_MCE(label, certain, bins=bins):g}")
none, twice = ([bins for bins, error in errors.items() if error == value] for value in (0, 2))
print(f"of 2 to 60 bins: 0 with {', '.join(map(str, none))}; 2 with {', '.join(map(str, twice))}")
assert (none, twice) == ([6, 14, 24, 28, 29, 38, 54], [49]), "other numbers of bins lose the surest errors"
assert all(error == 1 for bins, error in errors.items() if bins not in none + twice)
EOF
