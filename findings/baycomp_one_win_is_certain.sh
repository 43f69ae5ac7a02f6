#!/usr/bin/env bash
# baycomp is certain (probability 1) that a network is better which ties nine times of ten and once wins by a rounding error.
#
# Versions:  Python 3.11; baycomp 1.0.3, numpy 2.4.6, scipy 1.17.1.
# Behaviour: without a region of practical equivalence (`rope=0`, the default) each draw of the posterior gives its vote to
#            the side with more mass. `SignedRankTest` halves the mass of ties between the sides, so that a single win tips
#            every draw; `SignTest` leaves the draws that ties have won out of its ratio. Nothing but ties gives NaN there,
#            and in `SignedRankTest` draws of 0.5 to 0.5, of which equal ones go to the first: it is better than its own
#            copy. Any rope makes ties a third outcome, and all of this right.
# A guess:   one win in ten data sets is hardly any evidence, and a network is exactly as good as its copy.
# For users: networks at low sparsities, or of one seed, have equal accuracies on most conditions. Accuracies that were once
#            errors (1 - (1 - a)) or means in another order differ by 1e-16 from those that were not. Give a rope of at least
#            one image. rosalind's paired tests give p = 0.34 (t) and 1 (sign changes) for one difference of any size.
#
# Output seen (ten data sets; probabilities that the first and the second are better):
#                                    signed-rank     sign test       signed-rank with rope 0.001   Wilcoxon's p
#   a copy                           0.68  0.32      nan  nan      0.00 rope 1.00 0.00           1.0
#   a copy, in the other order       0.68  0.32      nan  nan      0.00 rope 1.00 0.00           1.0
#   0.01 better in one               0.00  1.00      0.00  1.00      0.00 rope 0.96 0.04           1.0
#   1 - (1 - a), 6e-17 less in one   1.00  0.00      1.00  0.00      0.00 rope 1.00 0.00           1.0
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install -q baycomp==1.0.3 numpy==2.4.6 scipy==1.17.1
"$work/env/bin/python" -W ignore::RuntimeWarning - <<'EOF'
import numpy as np
from baycomp import SignedRankTest, SignTest
from scipy.stats import wilcoxon

a = np.array([0.91, 0.88, 0.83, 0.79, 0.76, 0.72, 0.67, 0.61, 0.55, 0.46])
better, as_errors = a.copy(), 1 - (1 - a)
better[-1] += 0.01
assert np.count_nonzero(as_errors != a) == 1 and np.abs(as_errors - a).max() < 1e-16, "another rounding"
seen = {}
print(f"{'':32} signed-rank     sign test       signed-rank with rope 0.001   Wilcoxon's p")
for name, first, second in (
    ("a copy", a, a.copy()),
    ("a copy, in the other order", a.copy(), a),
    ("0.01 better in one", a, better),
    ("1 - (1 - a), 6e-17 less in one", a, as_errors),
):
    ranks, signs = (test.probs(first, second, random_state=0) for test in (SignedRankTest, SignTest))
    rope = SignedRankTest.probs(first, second, rope=0.001, random_state=0)
    p = wilcoxon(first, second).pvalue
    print(
        f"{name:32} {ranks[0]:.2f}  {ranks[1]:.2f}      {signs[0]:.2f}  {signs[1]:.2f}      "
        f"{rope[0]:.2f} rope {rope[1]:.2f} {rope[2]:.2f}           {p:.1f}"
    )
    seen[name] = ranks, signs, rope, p
for name in ("a copy", "a copy, in the other order"):
    ranks, signs, rope, _ = seen[name]
    assert ranks[0] > 0.6 and np.isnan(signs).all() and rope == (0, 1, 0), "nothing but ties"
for name, winner in (("0.01 better in one", 1), ("1 - (1 - a), 6e-17 less in one", 0)):
    ranks, signs, rope, p = seen[name]
    assert ranks[winner] == signs[winner] == 1 and rope[1] > 0.9 and p == 1, "one win among ties"
EOF
