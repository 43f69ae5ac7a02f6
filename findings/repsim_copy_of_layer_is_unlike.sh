#!/usr/bin/env bash
# In repsim the unbiased CKA of a layer with its own copy is 0.29 at 500 features of 200 samples: above the line only is it unbiased.
#
# Versions:  Python 3.11; repsim 0.1.5, numpy 2.4.6, CPU.
# Behaviour: `cka(..., estimator="song")` and "lange" divide an unbiased HSIC of two layers by the root of the biased HSIC of each with
#            itself, which is larger, the more so the more features there are for each sample. A copy is less than 1 away
#            from the diagonal, which is set to 1 and not computed. The default, "gretton", is biased throughout, and a copy is 1. `hsic`
#            itself is right in all three. `svcca` says that it centres, and does so after its singular vectors are chosen:
#            features with an offset, such as those behind a ReLU, lose a direction to their mean, and are 0.9 like themselves.
# A guess:   likeness divided by the root of both likenesses to oneself is 1 for a copy, whichever estimator it is made of.
# For users: an unbiased estimator is chosen where features are many and samples few, and there it makes every pair of layers unlike
#            and wider ones more so: a pruned copy that is the same to the last digit looks changed next to the diagonal of 1. Divide `hsic`
#            by its own diagonal. rosalind's CKA of a layer with its copy is 1.
#
# Output seen (normal features; likeness of a layer and its copy, and on the diagonal):
#   CKA, 200 samples, 10 features:  gretton 1.00, song 0.95, lange 0.95; diagonal 1.00
#   CKA, 200 samples, 100 features: gretton 1.00, song 0.66, lange 0.66; diagonal 1.00
#   CKA, 200 samples, 500 features: gretton 1.00, song 0.29, lange 0.29; diagonal 1.00
#   by hsic's own diagonal:         gretton 1.00, song 1.00, lange 1.00
#   SVCCA, 10 features, mean 0: 1.00; mean 5: 0.90; diagonal 0.90
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install -q repsim==0.1.5 numpy==2.4.6
"$work/env/bin/python" -W ignore - <<'EOF'
import numpy as np
import repsim

ESTIMATORS = "gretton", "song", "lange"
draw = np.random.default_rng(0)


def said(values):
    return ", ".join(f"{name} {value:.2f}" for name, value in zip(ESTIMATORS, values))


for count in (10, 100, 500):
    features = draw.normal(size=(200, count))
    pairs = [repsim.cka([features, features.copy()], "linear", estimator) for estimator in ESTIMATORS]
    copies, diagonals = [pair[0, 1] for pair in pairs], [pair[0, 0] for pair in pairs]
    print(f"CKA, 200 samples, {f'{count} features:':13} {said(copies)}; diagonal {min(diagonals):.2f}")
    assert np.allclose(diagonals, 1) and np.isclose(copies[0], 1), "biased throughout"
    each = {estimator: repsim.hsic([features, features], "linear", estimator) for estimator in ESTIMATORS}
    biased = each["gretton"][0, 0]
    expected = [each[estimator][0, 1] / biased for estimator in ESTIMATORS]
    assert np.allclose(copies, expected), "unbiased over biased"
    assert max(copies[1:]) < 0.96, "a copy is like the layer now"
divided = [each[estimator][0, 1] / np.sqrt(each[estimator][0, 0] * each[estimator][1, 1]) for estimator in ESTIMATORS]
print(f"by hsic's own diagonal:         {said(divided)}")
assert np.allclose(divided, 1), "likeness from hsic"

features = draw.normal(size=(200, 10))
centred, shifted = (repsim.svcca([features + mean, features + mean]) for mean in (0, 5))
print(f"SVCCA, 10 features, mean 0: {centred[0, 1]:.2f}; mean 5: {shifted[0, 1]:.2f}; diagonal {shifted[0, 0]:.2f}")
assert np.allclose(centred, 1) and np.allclose(shifted, 0.9, atol=0.01), "SVCCA centres first now"
EOF
