#!/usr/bin/env bash
# In Awkward Array NaN is skipped by the maximum of each list, is the maximum of the whole, and is the argmax only where it comes first.
#
# Versions:  Python 3.11; awkward 2.14.0, numpy 2.4.6, CPU.
# Behaviour: `ak.max` and `ak.min` along an axis begin with minus and plus infinity and keep what compares as larger or smaller: NaN
#            never does, and a list of nothing but NaN has -inf and inf. `ak.argmax` and `ak.argmin` along an axis begin with
#            the first entry, and nothing is larger than NaN: where that comes first they say 0, elsewhere they skip it.
#            Without an axis the maximum is NaN, as NumPy's, and the argmax is by place as before. `ak.sort` puts NaN
#            first, where NumPy has it last. Regular arrays made by `ak.from_numpy` are treated like lists.
# A guess:   as in NumPy NaN is the maximum and its place the argmax, or both leave it out; and the place is that of the value.
# For users: lists are for runs of unequal length. The best epoch of a run whose first evaluation was NaN is epoch 0, and the value
#            beside it, 0.95, is of another one. A diverged run has a best accuracy of -inf and a least loss of inf, which
#            no test for NaN finds. `ak.nanmax` and `ak.nanargmax` are right, and None for such a run. rosalind's tables are
#            NumPy's, and a gap there is NaN.
#
# Output seen:
#   [nan, 0.90, 0.95]: max 0.95, argmax 0; without an axis nan, 0; numpy nan, 0; ak.nanargmax 2
#   [0.90, nan, 0.95]: max 0.95, argmax 2; without an axis nan, 2; numpy nan, 1; ak.nanargmax 2
#   [0.95, 0.90, nan]: max 0.95, argmax 0; without an axis nan, 0; numpy nan, 2; ak.nanargmax 0
#   [nan, nan]: max -inf, argmax 0; without an axis nan, 0; numpy nan, 0; ak.nanargmax None
#   sorted: [nan, 0.9, 0.95], numpy [0.9, 0.95, nan]
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install -q awkward==2.14.0 numpy==2.4.6
"$work/env/bin/python" -W ignore - <<'EOF'
import math

import awkward as ak
import numpy as np

NAN = math.nan
for run, place in (((NAN, 0.90, 0.95), 0), ((0.90, NAN, 0.95), 2), ((0.95, 0.90, NAN), 0), ((NAN, NAN), 0)):
    runs = ak.Array([list(run), [0.5]])
    largest, at = float(ak.max(runs, axis=1)[0]), int(ak.argmax(runs, axis=1)[0])
    alone = ak.Array(list(run))
    whole = float(ak.max(alone)), int(ak.argmax(alone))
    known = ak.nanargmax(runs, axis=1)[0]
    name = ", ".join("nan" if math.isnan(value) else f"{value:.2f}" for value in run)
    print(f"[{name}]: max {largest}, argmax {at}; without an axis {whole[0]}, {whole[1]}; ", end="")
    print(f"numpy {np.max(run)}, {np.argmax(run)}; ak.nanargmax {known}")
    finite = [value for value in run if not math.isnan(value)]
    assert largest == max(finite, default=-math.inf), f"{name}: the maximum of a list"
    assert at == place, f"{name}: the argmax of a list"
    assert math.isnan(whole[0]) and whole[1] == place, f"{name}: without an axis"
    assert math.isnan(np.max(run)) and math.isnan(run[np.argmax(run)]), "numpy"
    assert known == (run.index(max(finite)) if finite else None), "nanargmax"
    regular = ak.from_numpy(np.array([run]))
    assert float(ak.max(regular, axis=1)[0]) == largest and int(ak.argmax(regular, axis=1)[0]) == place, "regular"
assert float(ak.min(ak.Array([[NAN, NAN]]), axis=1)[0]) == math.inf, "the minimum of NaN"
losses = ak.Array([[NAN, 0.5, 0.25]])
assert float(ak.min(losses, axis=1)[0]) == 0.25 and int(ak.argmin(losses, axis=1)[0]) == 0, "argmin"
ordered, by_numpy = ak.sort(ak.Array([[0.95, NAN, 0.9]]), axis=1)[0].to_list(), np.sort([0.95, NAN, 0.9]).tolist()
print(f"sorted: {ordered}, numpy {by_numpy}")
assert math.isnan(ordered[0]) and math.isnan(by_numpy[-1]), "the order of NaN"
EOF
