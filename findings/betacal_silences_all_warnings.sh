#!/usr/bin/env bash
# One fit of betacal switches off every warning of the process, for good: a mean over nothing is NaN without a word, and `-W error` is over.
#
# Versions:  Python 3.11; betacal 1.1.0, scikit-learn 1.9.1, scipy 1.17.1, numpy 2.4.6, pandas 3.1.1.
# Behaviour: `BetaCalibration().fit` calls `warnings.filterwarnings("ignore")` without a context around it, whatever its parameters.
#            The filter stands in front of all others: those of `python -W error` and of the caller.
#            NumPy's RuntimeWarning of a division or an empty mean, and scikit-learn's of a fit that has not converged, no longer
#            appear, in any module. The calibration itself is as published.
# A guess:   a library that wants to be quiet is quiet within its own call.
# For users: what comes after a calibration, as the measures of a damaged network do, has its NaN and its failed fits in silence, and the
#            run before, without that column of the table, warned. Fit inside of `warnings.catch_warnings()`, which puts the
#            filters back. rosalind does not use it; its own tests make warnings errors.
#
# Output seen (warnings of a mean over no samples and of a fit cut off after one step):
#   before: 2 RuntimeWarning, 1 ConvergenceWarning
#   after fit, parameters abm: none
#   after fit, parameters am:  none
#   after fit, parameters ab:  none
#   after fit in catch_warnings: 2 RuntimeWarning, 1 ConvergenceWarning
#   python -W error: the mean raises before, gives nan after
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install -q betacal==1.1.0 scikit-learn==1.9.1 scipy==1.17.1 numpy==2.4.6 pandas==3.1.1
cat >"$work/silence.py" <<'EOF'
import collections
import warnings

import numpy as np
from betacal import BetaCalibration
from sklearn.linear_model import LogisticRegression

draw = np.random.default_rng(0)
scores = draw.uniform(0.01, 0.99, 500)
labels = (draw.random(500) < scores).astype(int)
inputs = draw.normal(size=(500, 20)) * 10.0 ** np.arange(-10, 10)


def shown():
    """What is warned of, by its category."""
    seen = collections.Counter()
    show = warnings.showwarning
    warnings.showwarning = lambda message, category, *rest: seen.update([category.__name__])
    try:
        np.mean([])
        LogisticRegression(max_iter=1).fit(inputs, labels)
    finally:
        warnings.showwarning = show
    return seen


def said(seen):
    return ", ".join(f"{count} {name}" for name, count in seen.items()) or "none"


warnings.simplefilter("always")
before = shown()
print(f"before: {said(before)}")
assert before["RuntimeWarning"] and before["ConvergenceWarning"], "both warn"
for parameters in ("abm", "am", "ab"):
    warnings.resetwarnings()
    warnings.simplefilter("always")
    BetaCalibration(parameters).fit(scores, labels)
    after = shown()
    print(f"after fit, parameters {parameters + ':':4} {said(after)}")
    assert not after, "a fit leaves the filters alone now"
warnings.resetwarnings()
warnings.simplefilter("always")
with warnings.catch_warnings():
    BetaCalibration().fit(scores, labels)
kept = shown()
print(f"after fit in catch_warnings: {said(kept)}")
assert kept == before, "the filters are put back"
EOF
"$work/env/bin/python" "$work/silence.py"
cat >"$work/error.py" <<'EOF'
import numpy as np
from betacal import BetaCalibration

try:
    np.mean([])
    raise SystemExit("no error before")
except RuntimeWarning:
    pass
BetaCalibration().fit(np.linspace(0.1, 0.9, 50), np.arange(50) % 3 == 0)
after = np.mean([])
print(f"python -W error: the mean raises before, gives {after} after")
EOF
"$work/env/bin/python" -W error::RuntimeWarning "$work/error.py"
