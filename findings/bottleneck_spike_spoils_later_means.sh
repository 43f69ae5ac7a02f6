#!/usr/bin/env bash
# After one infinite loss bottleneck's moving mean is NaN to the end, and after a large one its moving deviation is 0.
#
# Versions:  Python 3.11; bottleneck 1.6.0, pandas 3.1.1, polars 2.1.0, numpy 2.4.6.
# Behaviour: `move_mean`, `move_sum`, `move_std` and `move_var` add what enters the window and subtract what leaves it. Infinity
#            minus infinity is NaN, and stays: no later window gets rid of it. A loss of 1e9 rounds away what is small for good:
#            the deviation is 0 in all windows after it. NaN itself is counted, and leaves as it came. pandas and Polars are
#            right again once the spike has left the window.
# A guess:   a window of two numbers depends on two numbers; a library for NaN-aware statistics copes with infinity.
# For users: a training at high sparsity has a spike and recovers; the smoothed curve has nothing after it, or says that the
#            loss no longer varies. Replace what is not finite by NaN first, and smooth the logarithm of losses.
#
# Output seen (windows of 2 over 1.1 2.1 S 1.1 2.1 1.1 2.1; the windows that no longer have S):
#   S infinite, mean: bottleneck nan nan nan; pandas 1.60 1.60 1.60; polars 1.60 1.60 1.60
#   S 1e9, mean: bottleneck 1.60 1.60 1.60; pandas 1.60 1.60 1.60; polars 1.60 1.60 1.60
#   S 1e9, deviation: bottleneck 0.00 0.00 0.00; pandas 0.71 0.71 0.71; polars 0.71 0.71 0.71
#   S NaN, mean: bottleneck 1.60 1.60 1.60; pandas 1.60 1.60 1.60; polars 1.60 1.60 1.60
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install -q bottleneck==1.6.0 pandas==3.1.1 polars==2.1.0 numpy==2.4.6
"$work/env/bin/python" -W ignore - <<'EOF'
import bottleneck
import numpy as np
import pandas as pd
import polars as pl

MEANS = {
    "bottleneck": lambda x: bottleneck.move_mean(x, 2),
    "pandas": lambda x: pd.Series(x).rolling(2).mean().to_numpy(),
    "polars": lambda x: pl.Series(x).rolling_mean(2).to_numpy(),
}
DEVIATIONS = {
    "bottleneck": lambda x: bottleneck.move_std(x, 2, ddof=1),
    "pandas": lambda x: pd.Series(x).rolling(2).std().to_numpy(),
    "polars": lambda x: pl.Series(x).rolling_std(2).to_numpy(),
}
CASES = [
    ("S infinite, mean", MEANS, np.inf, 1.6, np.nan),
    ("S 1e9, mean", MEANS, 1e9, 1.6, 1.6),
    ("S 1e9, deviation", DEVIATIONS, 1e9, 0.5**0.5, 0.0),
    ("S NaN, mean", MEANS, np.nan, 1.6, 1.6),
]
for name, functions, spike, right, of_bottleneck in CASES:
    losses = np.array([1.1, 2.1, spike, 1.1, 2.1, 1.1, 2.1])
    after = {library: function(losses)[4:] for library, function in functions.items()}
    print(f"{name}: " + "; ".join(f"{library} " + " ".join(f"{x:.2f}" for x in after[library]) for library in after))
    for library, numbers in after.items():
        expected = of_bottleneck if library == "bottleneck" else right
        assert np.allclose(numbers, expected, atol=1e-6, equal_nan=True), f"{name}, {library}"
EOF
