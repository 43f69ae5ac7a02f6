#!/usr/bin/env bash
# mlxtend's test of two accuracies says p = 0.99999 where the first is clearly better, and 0.5 where both are equal.
#
# Versions:  Python 3.11; mlxtend 0.25.0, numpy 2.4.6, scipy 1.17.1, statsmodels 0.15.0.
# Behaviour: `proportion_difference(first, second, n)` returns "the z-score and the p-value". The p value is the normal
#            distribution below z: that of the one question whether the second is better. Its name, its arguments and its
#            docstring name no side. The other order of the same two numbers gives 1 - p.
# A guess:   the p value of a test of difference is two-sided, as that of `mcnemar` in the same module is: 1 for equals, and the
#            same in either order.
# For users: pruned against dense, both on 1,000 corrupted images: a network that is 5 points better is "not significantly
#            different" at 0.99999, and one 2.5 points worse significant at 0.024 where two sides have 0.048. Only the order of
#            the arguments decides. Take 2 * min(p, 1 - p). And the same images need a paired test: `mcnemar`. rosalind
#            compares on the same images.
#
# Output seen (accuracies on 1,000 images each; z and p; two-sided p of statsmodels):
#   0.900 against 0.900: z 0.00, p 0.50000; statsmodels 1.00000
#   0.950 against 0.900: z 4.26, p 0.99999; statsmodels 0.00002
#   0.900 against 0.950: z -4.26, p 0.00001; statsmodels 0.00002
#   0.900 against 0.925: z -1.98, p 0.02384; statsmodels 0.04767
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install -q mlxtend==0.25.0 numpy==2.4.6 scipy==1.17.1 statsmodels==0.15.0
"$work/env/bin/python" -W ignore - <<'EOF'
from mlxtend.evaluate import proportion_difference
from statsmodels.stats.proportion import test_proportions_2indep

IMAGES = 1000
PAIRS = [(0.9, 0.9), (0.95, 0.9), (0.9, 0.95), (0.9, 0.925)]
seen = {}
for first, second in PAIRS:
    z, p = proportion_difference(first, second, IMAGES)
    two_sided = test_proportions_2indep(
        first * IMAGES, IMAGES, second * IMAGES, IMAGES, method="wald", compare="diff", correction=False
    ).pvalue
    print(f"{first:.3f} against {second:.3f}: z {z:.2f}, p {p:.5f}; statsmodels {two_sided:.5f}")
    assert abs(2 * min(p, 1 - p) - two_sided) < 1e-6, "twice the smaller side is the two-sided p value"
    seen[first, second] = float(p)
assert seen[0.9, 0.9] == 0.5, "equals have another p value now"
assert seen[0.95, 0.9] > 0.9999 and seen[0.9, 0.95] < 0.0001, "the p value is two-sided now"
EOF
