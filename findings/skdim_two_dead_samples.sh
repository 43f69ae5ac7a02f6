#!/usr/bin/env bash
# scikit-dimension's maximum likelihood estimates 0 dimensions as soon as two samples of a thousand have the same features.
#
# Versions:  Python 3.11; scikit-dimension 0.5.0, scikit-learn 1.9.1, numpy 2.4.6, scipy 1.17.1.
# Behaviour: `skdim.id.MLE` takes the logarithm of each sample's distances to its neighbours. One distance of 0 makes the
#            estimate at that sample 0, and the default `comb="mle"` is a harmonic mean: one 0 makes all 0. `MiND_ML` falls
#            to 1 for the same reason. All that is said is NumPy's "divide by zero". `comb="mean"`, `CorrInt` and `TwoNN`, which
#            drops such samples and says so, stay near 3. Whether a distance is exactly 0 hangs on rounding, so that a
#            pair of equal rows spoils one data set and not the next; rows of zeros always do.
# A guess:   998 samples of 1,000 are enough for an estimate, and one that cannot be made is NaN.
# For users: two images whose features are dead, or that are in the data set twice, turn the intrinsic dimension of a
#            layer to 0, which reads as the collapse that one looks for in a pruned network. Drop equal rows first.
#            rosalind estimates no intrinsic dimension.
#
# Output seen (1,000 samples of 3 dimensions in 20):
#   dead samples 0: MLE 3.04, MLE by the mean 3.20, MiND_ML 2.98, CorrInt 2.90, TwoNN 2.95
#   dead samples 2: MLE 0.00, MLE by the mean 3.20, MiND_ML 1.00, CorrInt 2.91, TwoNN 2.94
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install -q scikit-dimension==0.5.0 scikit-learn==1.9.1 numpy==2.4.6 scipy==1.17.1
"$work/env/bin/python" -W ignore - <<'EOF'
import numpy as np
from skdim import id as dimension

draw = np.random.default_rng(0)
features = draw.normal(size=(1000, 3)) @ draw.normal(size=(3, 20))
estimates = {}
for dead in (0, 2):
    features[:dead] = 0
    likelihood = dimension.MLE().fit(features).dimension_, dimension.MiND_ML().fit(features).dimension_
    others = {
        "CorrInt": dimension.CorrInt().fit(features).dimension_,
        "TwoNN": dimension.TwoNN().fit(features).dimension_,
    }
    mean = dimension.MLE().fit(features, comb="mean").dimension_
    estimates[dead] = [float(x) for x in (*likelihood, mean, *others.values())]
    print(
        f"dead samples {dead}: MLE {likelihood[0]:.2f}, MLE by the mean {mean:.2f}, MiND_ML {likelihood[1]:.2f}, "
        + ", ".join(f"{name} {value:.2f}" for name, value in others.items())
    )
assert all(2.5 < x < 3.5 for x in estimates[0]), "without dead samples"
assert estimates[2][:2] == [0, 1], "maximum likelihood with two dead samples has changed"
assert all(2.5 < x < 3.5 for x in estimates[2][2:]), "the others with two dead samples"
EOF
