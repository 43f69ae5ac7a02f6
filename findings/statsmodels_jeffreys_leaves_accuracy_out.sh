#!/usr/bin/env bash
# statsmodels' Jeffreys interval of an accuracy of 1 does not hold 1, and that of 0 not 0; its others hold what was observed.
#
# Versions:  Python 3.11; statsmodels 0.15.0, scipy 1.17.1, pandas 2.3.3, numpy 2.4.6.
# Behaviour: `proportion_confint(right, of, method="jeffreys")` gives both quantiles of the posterior as they are, also at 0 and n, where those who
#            recommend the interval (Brown, Cai and DasGupta, 2001) set the outer end to 0 or 1. Of 9 in 10 it holds 0.9.
# A guess:   a confidence interval holds the estimate that it belongs to, as for Wilson's, the exact one and the others of this function.
# For users: networks that are perfect on an easy class, or always wrong under an attack, get error bars of negative length, which plotting
#            libraries refuse; the hypothesis "never wrong" is rejected by a network that was never wrong. Set the outer end.
#            rosalind's interval of an accuracy is Wilson's, which holds it.
#
# Output seen (95 %):
#   10 of 10, jeffreys: 0.782804 to 0.999952, without 1
#   10 of 10, wilson: 0.722467 to 1.000000
#   10 of 10, agresti_coull: 0.679113 to 1.000000
#   10 of 10, beta: 0.691503 to 1.000000
#   10 of 10, binom_test: 0.709135 to 1.000000
#   1000 of 1000, jeffreys: 0.997492 to 1.000000, without 1
#   1000 of 1000, wilson: 0.996173 to 1.000000
#   1000 of 1000, agresti_coull: 0.995383 to 1.000000
#   1000 of 1000, beta: 0.996318 to 1.000000
#   1000 of 1000, binom_test: 0.996118 to 1.000000
#   0 of 10, jeffreys: 0.000048 to 0.217196, without 0
#   0 of 10, wilson: 0.000000 to 0.277533
#   0 of 10, agresti_coull: 0.000000 to 0.320887
#   0 of 10, beta: 0.000000 to 0.308497
#   0 of 10, binom_test: 0.000000 to 0.290865
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install -q statsmodels==0.15.0 scipy==1.17.1 pandas==2.3.3 numpy==2.4.6
"$work/env/bin/python" -W ignore - <<'EOF'
from statsmodels.stats.proportion import proportion_confint

METHODS = "jeffreys", "wilson", "agresti_coull", "beta", "binom_test"
for right, of in ((10, 10), (1000, 1000), (0, 10)):
    for method in METHODS:
        low, high = proportion_confint(right, of, method=method)
        holds = bool(low <= right / of <= high)
        print(f"{right} of {of}, {method}: {low:.6f} to {high:.6f}{'' if holds else ', without ' + format(right / of, '.0f')}")
        assert holds == (method != "jeffreys"), f"{method} holds other accuracies now"
low, high = proportion_confint(9, 10, method="jeffreys")
assert low < 0.9 < high
EOF
