#!/usr/bin/env bash
# deepsig's correction for several comparisons is the weaker the more there are: of a hundred it is none.
#
# Versions:  Python 3.11; deepsig 1.2.8, numpy 2.4.6, scipy 1.17.1, pandas 3.1.1.
# Behaviour: `aso(..., num_comparisons=k)` and `multi_aso` (with its default `use_bonferroni=True`) say that they correct the
#            level of confidence as Bonferroni does, which is 1 - 0.05 / k. They add 0.05 / k to 0.95 instead: 0.975 of two
#            comparisons, which is right, 0.955 of ten in place of 0.995, and 0.9505 of a hundred in place of 0.9995. So the
#            bound `eps_min` jumps up at two comparisons and falls back from there to that of a single one.
# A guess:   a bound that is corrected for more comparisons is never below one that is corrected for fewer.
# For users: adding networks to a table makes its rows more significant: ten networks are 45 or 90 pairs, and uncorrected. Give
#            `confidence_level=1 - 0.05 / k` and leave `num_comparisons` at 1. rosalind corrects p values by Holm's method.
#
# Output seen (scores of ten seeds each; A is called better below 0.5, or below 0.2 to be strict):
#   comparisons   1: eps_min 0.403, with the level 1 - 0.05 / k 0.403
#   comparisons   2: eps_min 0.472, with the level 1 - 0.05 / k 0.472
#   comparisons   3: eps_min 0.444, with the level 1 - 0.05 / k 0.509
#   comparisons  10: eps_min 0.414, with the level 1 - 0.05 / k 0.606
#   comparisons 100: eps_min 0.404, with the level 1 - 0.05 / k 0.762
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install -q deepsig==1.2.8 numpy==2.4.6 scipy==1.17.1 pandas==3.1.1
"$work/env/bin/python" - <<'EOF'
import numpy as np
from deepsig import aso

draw = np.random.default_rng(13)
a, b = draw.normal(0.5, 1, 10), draw.normal(0, 1, 10)
seen, right = {}, {}
for count in (1, 2, 3, 10, 100):
    seen[count] = aso(a, b, num_comparisons=count, dt=0.02, seed=0, show_progress=False)
    right[count] = aso(a, b, confidence_level=1 - 0.05 / count, dt=0.02, seed=0, show_progress=False)
    print(
        f"comparisons {count:3}: eps_min {seen[count]:.3f}, with the level 1 - 0.05 / k {right[count]:.3f}"
    )
assert seen[1] < seen[100] < seen[10] < seen[3] < seen[2], "falling from two on"
assert right[1] < right[2] < right[3] < right[10] < right[100], "rising"
assert abs(seen[2] - right[2]) < 1e-9 and seen[100] - seen[1] < 0.01, "right of two, none of a hundred"
assert seen[10] < 0.5 < right[10], "called better after ten comparisons"
EOF
