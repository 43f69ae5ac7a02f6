#!/usr/bin/env bash
# MLstatkit's DeLong test finds a classifier significantly different from its own copy: z = 0 and p = 0.
#
# Versions:  Python 3.11; mlstatkit 0.1.91, numpy 2.3.5, scipy 1.17.1, scikit-learn 1.9.1.
# Behaviour: where the variance of the difference of two areas under the curve is not above 0, `Delong_test` draws bootstrap
#            samples instead, and its p is twice the smaller of two shares: of differences at or below 0, and of those above.
#            Equal scores have differences of 0 alone; none is above, and p is 0. So it is for scores that rank alike, such as
#            logits and probabilities, for two that are perfect, and for two constants. Nothing is printed unless asked for.
# A guess:   no difference is no evidence of one: p = 1, or NaN, as 0 / 0 in the formula gives.
# For users: compared with a network of the same ranking (another temperature, a mask that removes dead weights only) the most
#            certain equality is the smallest p of the table, and correction for many tests keeps it. Networks that
#            differ in one score have 0.37. Look at z, or at the areas. rosalind's `sign_flip_test` and McNemar's give 1.
#
# Output seen (500 samples; areas, z, p):
#   its copy:          0.7273 0.7273, z 0.00, p 0
#   its probabilities: 0.7273 0.7273, z 0.00, p 0
#   one score changed: 0.7273 0.7272, z -0.90, p 0.37
#   another network:   0.7273 0.5769, z -4.30, p 1.7e-05
#   both perfect:      1.0000 1.0000, z 0.00, p 0
#   both constant:     0.5000 0.5000, z 0.00, p 0
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install -q mlstatkit==0.1.91 numpy==2.3.5 scipy==1.17.1 scikit-learn==1.9.1
"$work/env/bin/python" -W ignore - <<'EOF'
import contextlib
import io

import numpy as np
from MLstatkit import Delong_test

draw = np.random.default_rng(0)
label = draw.integers(0, 2, 500)
logit = draw.normal(size=500) + label
other = logit.copy()
place = np.argsort(logit)[250]
other[place] += 0.05  # one score that passes a few others
PAIRS = {
    "its copy": (logit, logit),
    "its probabilities": (logit, 1 / (1 + np.exp(-logit))),
    "one score changed": (logit, other),
    "another network": (logit, draw.normal(size=500) + label / 4),
    "both perfect": (label, 2 * label),
    "both constant": (np.zeros(500), np.ones(500)),
}
seen = {}
for name, (first, second) in PAIRS.items():
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        z, p, _, _, area, other_area, _ = Delong_test(label, first, second, random_state=0, n_boot=300)
    assert not said.getvalue(), "it says something"
    print(f"{name + ':':18} {area:.4f} {other_area:.4f}, z {z:.2f}, p {p:.2g}")
    seen[name] = z, p
for name in ("its copy", "its probabilities", "both perfect", "both constant"):
    assert seen[name] == (0, 0), f"{name}: p is not 0 now"
assert seen["one score changed"][1] > 0.1 and 0 < seen["another network"][1] < 0.001, "networks that differ"
EOF
