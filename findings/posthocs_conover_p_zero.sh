#!/usr/bin/env bash
# scikit-posthocs' Conover test gives p = 0 for every pair as soon as two data sets rank the methods alike.
#
# Versions:  Python 3.11; scikit-posthocs 0.17.1, numpy 2.4.6, scipy 1.17.1.
# Behaviour: `posthoc_conover_friedman` and `posthoc_durbin` divide differences of rank sums by what the data sets disagree
#            about. Where all rank the methods in one order nothing is left: differences become infinite, p exactly 0,
#            adjusted or not, be it of two data sets; NumPy warns of a division. Two methods that are equal on all of them
#            have p = NaN against each other. One data set in another order brings p back to ordinary sizes. Friedman's own
#            test of the same table, before it, and Nemenyi's after it stay sane (0.14; 0.58 and 0.11 for two data sets).
# A guess:   p cannot fall below what the number of data sets allows: two rankings of three methods agree by chance one time
#            in six.
# For users: accuracy falls with sparsity on every data set, so a study along sparsity is just this case, the more so the
#            fewer data sets and seeds. Take p as 0 for a sign that the test does not apply, and Nemenyi's or Holm's
#            corrected Wilcoxon test instead. rosalind compares seeds by paired t-tests with a step for what one image adds.
#
# Output seen (three methods, accuracies 0.1 and 0.2 apart on every data set; p of first and second, first and third):
#   two data sets:                 Friedman 0.135  Conover 0.000 0.000  Conover, Holm 0.000 0.000  Durbin 0.000 0.000  Nemenyi 0.577 0.112
#   six data sets:                 Friedman 0.002  Conover 0.000 0.000  Conover, Holm 0.000 0.000  Durbin 0.000 0.000  Nemenyi 0.193 0.002
#   one of six in another order:   Friedman 0.006  Conover 0.018 0.000  Conover, Holm 0.018 0.000  Durbin 0.018 0.000  Nemenyi 0.480 0.004
#   first and second equal:        Friedman 0.002  Conover nan 0.000  Conover, Holm nan 0.000  Durbin nan 0.000  Nemenyi 1.000 0.025
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install -q scikit-posthocs==0.17.1 numpy==2.4.6 scipy==1.17.1
"$work/env/bin/python" -W ignore::RuntimeWarning - <<'EOF'
import numpy as np
import scikit_posthocs as posthocs
from scipy.stats import friedmanchisquare

TESTS = {
    "Conover": posthocs.posthoc_conover_friedman,
    "Conover, Holm": lambda table: posthocs.posthoc_conover_friedman(table, p_adjust="holm"),
    "Durbin": posthocs.posthoc_durbin,
    "Nemenyi": posthocs.posthoc_nemenyi_friedman,
}


def shown(title, table):
    p = {name: np.asarray(test(table))[0, 1:] for name, test in TESTS.items()}
    friedman = friedmanchisquare(*table.T).pvalue
    print(f"{title + ':':30} Friedman {friedman:.3f}  " + "  ".join(f"{k} {v[0]:.3f} {v[1]:.3f}" for k, v in p.items()))
    return p | {"Friedman": friedman}


column = np.array([[0.9], [0.8], [0.7], [0.6], [0.5], [0.4]])
ordered = np.hstack([column, column - 0.1, column - 0.2])
two, six = shown("two data sets", ordered[:2]), shown("six data sets", ordered)
other = ordered.copy()
other[0, :2] = other[0, 1::-1]
one_other = shown("one of six in another order", other)
equal = shown("first and second equal", np.hstack([column, column, column - 0.2]))
for name in ("Conover", "Conover, Holm", "Durbin"):
    assert (two[name] == 0).all() and (six[name] == 0).all(), f"{name}: one order"
    assert (one_other[name] > 1e-6).all(), f"{name}: another order"
for name in ("Conover", "Durbin"):
    assert np.isnan(equal[name][0]) and equal[name][1] == 0, f"{name}: equals"
assert two["Friedman"] > 0.1 and (two["Nemenyi"] > 0.1).all() and equal["Nemenyi"][0] == 1, "the sane ones"
EOF
