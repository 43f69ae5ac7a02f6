#!/usr/bin/env bash
# statsmodels' McNemar test finds a network significantly different from itself: p = 0.
#
# Versions:  Python 3.11; statsmodels 0.15.0, numpy 2.4.6, scipy 1.17.1.
# Behaviour: `mcnemar(table, exact=False)` takes 1 from the difference of the two discordant counts before it squares it
#            (the continuity correction, on by default), also where the difference is 0. With equal counts the statistic
#            is above 0; with no discordant sample at all it is 1 / 0: infinite, so that p is 0. NumPy warns of a division,
#            the result holds no NaN. `correction=False` gives NaN there and 1 for equal counts, the exact test 1 for both.
#            `pingouin.chi2_mcnemar` refuses a table without discordant samples.
# A guess:   two classifiers that agree on every sample are as little different as can be, so p is 1, or NaN.
# For users: networks at a tiny sparsity, or a corruption of severity 0, change no prediction, and come out as the most
#            significant rows of a table; Holm's or Benjamini and Hochberg's corrections keep them. Take the exact test,
#            the default. rosalind's is exact, 1 without flips.
#
# Output seen:
#   right only in one / other   corrected p   uncorrected p   exact p
#                 0 / 0              0.0000             nan    1.0000
#                 1 / 1              0.4795          1.0000    1.0000
#                 5 / 5              0.7518          1.0000    1.0000
#                10 / 4              0.1814          0.1088    0.1796
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install -q statsmodels==0.15.0 numpy==2.4.6 scipy==1.17.1
"$work/env/bin/python" -W ignore::RuntimeWarning - <<'EOF'
import math

from statsmodels.stats.contingency_tables import mcnemar

print("right only in one / other   corrected p   uncorrected p   exact p")
rows = {}
for one, other in ((0, 0), (1, 1), (5, 5), (10, 4)):
    table = [[900, one], [other, 100]]
    corrected = mcnemar(table, exact=False).pvalue
    uncorrected = mcnemar(table, exact=False, correction=False).pvalue
    rows[one, other] = corrected, uncorrected, mcnemar(table).pvalue
    print(f"{one:15} / {other} {corrected:19.4f} {uncorrected:15.4f} {rows[one, other][2]:9.4f}")
assert rows[0, 0][0] == 0 and math.isnan(rows[0, 0][1]) and rows[0, 0][2] == 1, "no discordant samples: mended"
assert all(rows[k, k][0] < 0.8 and rows[k, k][2] == 1 for k in (1, 5)), "equal counts: mended"
assert 0.15 < rows[10, 4][0] < 0.2 and 0.15 < rows[10, 4][2] < 0.2, "an ordinary table"
EOF
