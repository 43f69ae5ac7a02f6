#!/usr/bin/env bash
# In arch's test for superior predictive ability a copy of the benchmark is better than it, p = 0; among 20 worse networks it makes p 0 too.
#
# Versions:  Python 3.11; arch 8.0.0, numpy 2.4.6, scipy 1.17.1, pandas 3.0.6, statsmodels 0.15.0.
# Behaviour: `SPA(benchmark, models)` gives the share of bootstrap samples whose largest mean gain, less its own mean, is larger than the one
#            observed, not at least as large. A copy gains exactly 0, in the data and in each sample, and 0 is not larger than 0: beside
#            models that are clearly worse the lower and the consistent p are 0, and for a copy alone the upper p, too.
#            `StepM`, which names the models that are better, names none. A copy of which one answer in 1,000 differs is as it should be.
# A guess:   what cannot be better than the benchmark has p = 1, or NaN with a warning, as no difference varies.
# For users: "is any of these pruned networks better than the dense one?" gets a certain yes from the network at sparsity 0, or from one
#            whose pruning changed no answer; the worse the others are, the surer. Leave out models whose losses are the
#            benchmark's. rosalind compares two networks at a time, with McNemar's exact test, in which equals have p = 1.
#
# Output seen (0-1 losses of 1,000 images; lower, consistent and upper p; models that StepM names):
#   copy:                        0.00 0.00 0.00; none
#   20 worse:                    0.63 0.63 1.00; none
#   20 worse and a copy:         0.00 0.00 1.00; none
#   20 worse, copy but for one:  0.36 0.36 1.00; none
#   20 worse and a better one:   0.00 0.00 0.00; 1
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install -q arch==8.0.0 numpy==2.4.6 scipy==1.17.1 pandas==3.0.6 statsmodels==0.15.0
"$work/env/bin/python" -W ignore - <<'EOF'
import numpy as np
from arch.bootstrap import SPA, StepM

draw = np.random.default_rng(0)
benchmark = (draw.random(1000) < 0.2).astype(float)


def changed(more, less):
    """The benchmark's losses but for `more` images that are wrong now and `less` that are right."""
    losses = benchmark.copy()
    losses[draw.permutation(np.flatnonzero(benchmark == 0))[:more]] = 1
    losses[draw.permutation(np.flatnonzero(benchmark == 1))[:less]] = 0
    return losses


worse = [changed(200 + 10 * number, 20) for number in range(20)]
seen = {}
for name, models in {
    "copy": [benchmark],
    "20 worse": worse,
    "20 worse and a copy": [*worse, benchmark],
    "20 worse, copy but for one": [*worse, changed(1, 1)],
    "20 worse and a better one": [*worse, changed(10, 60)],
}.items():
    losses = np.stack(models, 1)
    spa = SPA(benchmark, losses, reps=1000, seed=0)
    spa.compute()
    step = StepM(benchmark, losses, reps=1000, seed=0)
    step.compute()
    seen[name] = spa.pvalues.to_list(), len(step.superior_models)
    values = " ".join(f"{p:.2f}" for p in seen[name][0])
    print(f"{name + ':':28} {values}; {seen[name][1] or 'none'}")
(lower, consistent, upper), named = seen["copy"]
assert lower == consistent == upper == named == 0, "a copy has another p now"
assert seen["20 worse"][0][1] > 0.3 and seen["20 worse"][1] == 0, "worse ones"
assert seen["20 worse and a copy"][0][:2] == [0, 0] and seen["20 worse and a copy"][1] == 0, "a copy among worse ones"
assert seen["20 worse, copy but for one"][0][1] > 0.1, "one answer"
assert seen["20 worse and a better one"][0][1] < 0.05 and seen["20 worse and a better one"][1] == 1, "a better one"
EOF
