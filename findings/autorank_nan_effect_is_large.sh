#!/usr/bin/env bash
# autorank calls the difference of methods whose median is the same "large", where most of their accuracies are equal.
#
# Versions:  Python 3.11; autorank 1.3.0, numpy 2.4.6, pandas 3.1.1, scipy 1.17.1.
# Behaviour: for what is not normal autorank divides the difference of medians by the pooled median absolute deviation, which
#            is 0 where more than half of every column is one number. The effect of equal medians is then 0 / 0, NaN. Its
#            magnitude is found by asking whether it is below 0.2, 0.5 and 0.8; NaN is below none, so it is "large", even for
#            a method against itself and where Friedman's p is 1. With 5 equal values of 10 it is 0 and "negligible".
# A guess:   an effect that cannot be computed has no magnitude, and one of equal medians is negligible.
# For users: accuracies saturate at 1 on easy data, and at chance after collapse, so that most of a column is one number;
#            then the table says "large" in every row, beside equal ranks. Read `effect_size` itself, or ask for
#            `effect_size="cliff_delta"`, which is of ranks. rosalind gives no words for sizes; a quotient 0 / 0 is a gap.
#
# Output seen (accuracies of three methods on ten data sets, effect of each against the first in the list):
#   5 of 10 are 1.0: friedman p 0.82; second 0.0 negligible, first 0.0 negligible, third 0.0 negligible; Cliff's delta: {'negligible'}
#   6 of 10 are 1.0: friedman p 1.00; first nan large, second nan large, third nan large; Cliff's delta: {'negligible'}
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install -q autorank==1.3.0 numpy==2.4.6 pandas==3.1.1 scipy==1.17.1
"$work/env/bin/python" -W ignore - <<'EOF'
from contextlib import redirect_stdout
from io import StringIO

import numpy as np
import pandas as pd
from autorank import autorank

rest = {
    "first": [0.98, 0.85, 0.99, 0.97, 0.92],
    "second": [0.97, 0.99, 0.80, 0.98, 0.90],
    "third": [0.99, 0.96, 0.97, 0.78, 0.95],
}
seen = {}
for ones in (5, 6):
    table = pd.DataFrame({name: np.r_[np.ones(ones), values[: 10 - ones]] for name, values in rest.items()})
    with redirect_stdout(StringIO()):  # autorank prints what it returns
        result = autorank(table)
        other = autorank(table, effect_size="cliff_delta").rankdf
    assert result.effect_size == "akinshin_gamma" and np.ptp(table.median()) == 0
    ranks = result.rankdf
    seen[ones] = ranks
    rows = ", ".join(f"{name} {row.effect_size:.1f} {row.magnitude}" for name, row in ranks.iterrows())
    print(f"{ones} of 10 are 1.0: {result.omnibus} p {result.pvalue:.2f}; {rows}; Cliff's delta: {set(other.magnitude)}")
    assert result.pvalue > 0.5 and set(other.magnitude) == {"negligible"}
assert set(seen[5].magnitude) == {"negligible"} and (seen[5].effect_size == 0).all(), "half of a column is equal"
assert set(seen[6].magnitude) == {"large"} and seen[6].effect_size.isna().all(), "more than half is equal"
EOF
