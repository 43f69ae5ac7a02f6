#!/usr/bin/env bash
# scikit-learn's scores of separation turn round at collapse: the best features get the worst score and the worst the best.
#
# Versions:  Python 3.11; scikit-learn 1.9.1, numpy 2.4.6, scipy 1.17.1.
# Behaviour: `calinski_harabasz_score` (higher is better) grows without bound as classes shrink to their means, and is 1.0,
#            what features without any classes score, once they are points. `davies_bouldin_score` (0 is best) grows
#            without bound as the means of the classes meet, and is 0.0 once they have met. "Met" is an absolute distance,
#            1e-8, so that the same features times 1e-9 have a Davies-Bouldin score of 0, although the index is a ratio of
#            distances. No warning.
# A guess:   a score at a limit is what it tends to, or NaN; and a ratio of distances has no unit.
# For users: neural collapse of a trained network reads as no structure at all, and the dead features of one that was
#            pruned too far (all samples at one point) as perfect. Look at the distances first. rosalind's measures of
#            collapse take their limits, and are NaN where features have no direction.
#
# Output seen (3 classes in a plane):
#   classes of size     1: Calinski-Harabasz         29.4
#   classes of size  0.01: Calinski-Harabasz     293752.1
#   classes of size     0: Calinski-Harabasz          1.0
#   means at a distance of     2: Davies-Bouldin     1.13
#   means at a distance of 0.002: Davies-Bouldin  1133.54
#   means at a distance of     0: Davies-Bouldin     0.00
#   all features 0: Davies-Bouldin 0.00
#   times 1e-09: Davies-Bouldin 1.13 -> 0.00
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install -q scikit-learn==1.9.1 numpy==2.4.6 scipy==1.17.1
"$work/env/bin/python" -W error - <<'EOF'
import numpy as np
from sklearn.metrics import calinski_harabasz_score, davies_bouldin_score

means = np.array([[0.0, 0.0], [2.0, 0.0], [0.0, 2.0]])
labels = np.repeat(np.arange(3), 20)
around = np.random.default_rng(0).normal(size=(3, 20, 2))
around -= around.mean(1, keepdims=True)


def features(size, distance=2.0):
    """float64[60, 2]: three classes of this size around their means."""
    return (means[:, None] * distance / 2 + size * around).reshape(-1, 2)


ratios, indices = {}, {}
for size in (1, 0.01, 0):
    ratios[size] = calinski_harabasz_score(features(size), labels)
    print(f"classes of size {size:5}: Calinski-Harabasz {ratios[size]:12.1f}")
assert ratios[0.01] > 1000 * ratios[1] and ratios[0] == 1, "Calinski-Harabasz of collapse has changed"
for distance in (2, 0.002, 0):
    indices[distance] = davies_bouldin_score(features(1, distance), labels)
    print(f"means at a distance of {distance:5}: Davies-Bouldin {indices[distance]:8.2f}")
assert indices[0.002] > 100 * indices[2] and indices[0] == 0, "Davies-Bouldin of classes that met has changed"
dead = davies_bouldin_score(features(0, 0), labels)
print(f"all features 0: Davies-Bouldin {dead:.2f}")
assert dead == 0, "Davies-Bouldin of dead features has changed"
tiny = davies_bouldin_score(1e-9 * features(1), labels)
print(f"times 1e-09: Davies-Bouldin {indices[2]:.2f} -> {tiny:.2f}")
assert indices[2] > 1 and tiny == 0, "Davies-Bouldin of small features has changed"
EOF
