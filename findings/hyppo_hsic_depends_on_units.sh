#!/usr/bin/env bash
# hyppo's HSIC takes the kernel's width for both arguments from the first: it is 0 if the second is in a unit 100 times as fine.
#
# Versions:  Python 3.11; hyppo 0.5.2, scikit-learn 1.9.1, scipy 1.17.1, numba 0.68.1, pandas 3.1.1, numpy 2.4.6.
# Behaviour: by default `Hsic` uses a Gaussian kernel whose width is the median distance, of the samples of `x`, and takes it
#            for `y` as well. Where `y` is much wider no two of its samples are alike, where it is much narrower all are. So the
#            statistic and p depend on the unit of `y` and on which comes first: p is 0.32, the value of nothing found, or 0.
#            Distance correlation (`Dcorr`) is the same in all.
# A guess:   each argument has the width of its own median, as the text's "Gaussian median kernel" says; a measure of dependence is
#            symmetric and knows no units.
# For users: features of two layers, or of a dense and a pruned network, differ in norm by factors: HSIC finds them independent, or
#            finds less the wider the second. Divide each by its own median distance, or pass kernel matrices. rosalind's CKA
#            with Gaussian kernels takes a width per argument.
#
# Output seen (100 samples of 5 features, and the same with noise as large):
#   y in units of 1: HSIC(x, y) 0.462, p 0.0000; HSIC(y, x) 0.504, p 0.0000; Dcorr 0.507
#   y in units of 10: HSIC(x, y) 0.011, p 0.1476; HSIC(y, x) 0.495, p 0.0000; Dcorr 0.507
#   y in units of 100: HSIC(x, y) 0.000, p 0.3173; HSIC(y, x) 0.495, p 0.0000; Dcorr 0.507
#   y in units of 0.01: HSIC(x, y) 0.498, p 0.0000; HSIC(y, x) 0.000, p 0.3173; Dcorr 0.507
#   each divided by its own median distance, y in units of 100: HSIC(x, y) 0.496, p 0.0000
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install -q hyppo==0.5.2 scikit-learn==1.9.1 scipy==1.17.1 numba==0.68.1 pandas==3.1.1 numpy==2.4.6
NUMBA_DISABLE_JIT=1 "$work/env/bin/python" -W ignore - <<'EOF'
import numpy as np
from hyppo.independence import Dcorr, Hsic
from scipy.spatial.distance import pdist

draw = np.random.default_rng(0)
x = draw.normal(size=(100, 5))
y = x + draw.normal(size=(100, 5))


def said(pair):
    return f"{abs(pair[0]):.3f}, p {pair[1]:.4f}"


seen = {}
for unit in (1, 10, 100, 0.01):
    forth, back = ((float(a), float(b)) for a, b in (Hsic().test(x, unit * y), Hsic().test(unit * y, x)))
    distance = float(Dcorr().test(x, unit * y)[0])
    print(f"y in units of {unit:g}: HSIC(x, y) {said(forth)}; HSIC(y, x) {said(back)}; Dcorr {distance:.3f}")
    seen[unit] = forth, back
    assert abs(distance - 0.507) < 1e-3, "distance correlation"
assert seen[1][0][0] > 0.4 and seen[1][0][1] < 1e-6, "one unit"
for none in (seen[100][0], seen[0.01][1]):
    assert abs(none[0]) < 1e-3 and abs(none[1] - 0.3173) < 1e-3, "each argument has its own width now"
assert seen[100][1][0] > 0.4 and seen[0.01][0][0] > 0.4 and 0.05 < seen[10][0][1] < 0.3, "the others"
own = Hsic().test(*(array / np.median(pdist(array)) for array in (x, 100 * y)))
print(f"each divided by its own median distance, y in units of 100: HSIC(x, y) {said(own)}")
assert own[0] > 0.4 and own[1] < 1e-6, "scaled"
EOF
