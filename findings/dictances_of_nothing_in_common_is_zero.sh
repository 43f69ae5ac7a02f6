#!/usr/bin/env bash
# dictances' Bhattacharyya distance of two networks that never predict the same class is 0, that of a network from itself.
#
# Versions:  Python 3.11; dictances 1.5.3, scipy 1.17.1, numpy 2.4.6.
# Behaviour: a distribution is a dict from a class to its share. `bhattacharyya` is minus the logarithm of the sum, over classes in both,
#            of the root of the product of shares; where there is no such class, whose distance is infinite, it is 0. So the distance
#            grows as two networks share less, and falls to 0 at the end. `kullback_leibler(a, b)` is infinite there, but leaves
#            classes out that only `a` has, wherever one class is in both: it is below 0 where b has one class of a's two, and the
#            divergence, which is infinite, is never below 0. `jensen_shannon`, `total_variation` and `cosine` are right.
# A guess:   a class that is not in a dict has the share 0, so that the measures are those of vectors.
# For users: predicted classes of a collapsed network against those of others: the network that predicts one class only looks nearer to
#            all, or the same as one that predicts none of its classes. Fill both dicts with all classes, and zeros. rosalind
#            compares predictions by sample.
#
# Output seen (b moves from a's two classes to two others; by hand as vectors over four classes):
#   {'cat': 0.5, 'dog': 0.5}: Bhattacharyya 0.00, by hand 0.00; Kullback-Leibler 0.00, by hand 0.00
#   {'cat': 0.25, 'dog': 0.25, 'car': 0.25, 'bus': 0.25}: Bhattacharyya 0.35, by hand 0.35; Kullback-Leibler 0.69, by hand 0.69
#   {'cat': 0.01, 'car': 0.49, 'bus': 0.5}: Bhattacharyya 2.65, by hand 2.65; Kullback-Leibler 1.96, by hand inf
#   {'cat': 1.0}: Bhattacharyya 0.35, by hand 0.35; Kullback-Leibler -0.35, by hand inf
#   {'car': 0.5, 'bus': 0.5}: Bhattacharyya 0.00, by hand inf; Kullback-Leibler inf, by hand inf
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install -q dictances==1.5.3 scipy==1.17.1 numpy==2.4.6
"$work/env/bin/python" -W ignore - <<'EOF'
import dictances
import numpy as np
from scipy.special import rel_entr

CLASSES = ("cat", "dog", "car", "bus")
a = {"cat": 0.5, "dog": 0.5}


def vector(shares):
    return np.array([shares.get(name, 0.0) for name in CLASSES])


seen = []
for b in (
    a,
    {"cat": 0.25, "dog": 0.25, "car": 0.25, "bus": 0.25},
    {"cat": 0.01, "car": 0.49, "bus": 0.5},
    {"cat": 1.0},
    {"car": 0.5, "bus": 0.5},
):
    with np.errstate(divide="ignore"):
        by_hand = (-np.log(np.sqrt(vector(a) * vector(b)).sum()), rel_entr(vector(a), vector(b)).sum())
    found = float(dictances.bhattacharyya(a, b)), float(dictances.kullback_leibler(a, b))
    seen.append((found, by_hand))
    print(
        f"{b}: Bhattacharyya {found[0] + 0:.2f}, by hand {by_hand[0] + 0:.2f}; Kullback-Leibler {found[1] + 0:.2f}, "
        f"by hand {by_hand[1] + 0:.2f}"
    )
    variation = float(dictances.total_variation(a, b))
    assert abs(variation - abs(vector(a) - vector(b)).sum()) < 1e-9, "total variation"
for found, by_hand in seen[:2]:
    assert np.allclose(found, by_hand), "classes of both"
assert seen[-1][0][0] == 0 and seen[-1][1][0] == np.inf, "nothing in common is infinite now"
assert abs(seen[3][0][1] + np.log(2) / 2) < 1e-9 and seen[3][1][1] == np.inf, "the divergence is right now"
EOF
