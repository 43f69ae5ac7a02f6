#!/usr/bin/env bash
# In tinygrad NaN is 0 behind a ReLU, sorting replaces it by a copy of another number, and its argmax is a class that there is not.
#
# Versions:  Python 3.11; tinygrad 0.14.0, numpy 2.4.6, on tinygrad's device PYTHON, which needs no compiler.
# Behaviour: `relu` takes x where x > 0 and 0 elsewhere, and NaN is not above 0; so do `relu6` and `elu`. `tanh` keeps it. `sort` compares
#            and swaps by minimum and maximum, which lose NaN, and puts a second copy of another number at its place. `argmax` asks which
#            entry equals the maximum; if none does, as in a row of nothing but NaN, it is the length of the row, C for C classes; taken as
#            an index that gives 0. `sign` of NaN is 1.
# A guess:   NaN goes through, as in PyTorch and JAX, where a ReLU keeps it and argmax names its place.
# For users: a network that has overflowed, in half precision say, answers with finite logits after its next ReLU, and its accuracy, loss and
#            features look like those of a weak network and not of a broken one. Ask `isnan` in front of each ReLU. rosalind measures in
#            JAX, where NaN goes through.
#
# Output seen:
#   1, NaN, 3, -2:  relu 1 0 3 0; relu6 1 0 3 0; elu 1 0 3 -0.86; tanh 0.76 nan 1 -0.96; sign 1 1 1 -1; sort -2 1 1 3
#   NaN, NaN, NaN:  argmax 3, of three classes; its entry 0
#   two layers, a NaN weight in the first: logits finite 8 of 8; without the ReLU 0 of 8
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install -q tinygrad==0.14.0 numpy==2.4.6
DEV=PYTHON HOME="$work" "$work/env/bin/python" - <<'EOF'
import numpy as np
from tinygrad import Device, Tensor

assert Device.DEFAULT == "PYTHON", Device.DEFAULT
nan = float("nan")
row = Tensor([1.0, nan, 3.0, -2.0])
seen = {name: getattr(row, name)().tolist() for name in ("relu", "relu6", "elu", "tanh", "sign")}
seen["sort"] = row.sort()[0].tolist()
texts = [f"{name} {' '.join(f'{value:.2g}' for value in values)}" for name, values in seen.items()]
print(f"1, NaN, 3, -2:  {'; '.join(texts)}")
none = Tensor([nan, nan, nan])
place = none.argmax().item()
entry = Tensor([5.0, 6.0, 7.0])[Tensor([place])].item()
print(f"NaN, NaN, NaN:  argmax {place}, of three classes; its entry {entry:g}")

draw = np.random.default_rng(0)
first, second = draw.normal(size=(6, 5)).astype(np.float32), draw.normal(size=(5, 3)).astype(np.float32)
first[0, 0] = nan
hidden = Tensor(draw.normal(size=(8, 6)).astype(np.float32)) @ Tensor(first)
finite = [
    sum(all(np.isfinite(values)) for values in (inner @ Tensor(second)).tolist()) for inner in (hidden.relu(), hidden)
]
print(f"two layers, a NaN weight in the first: logits finite {finite[0]} of 8; without the ReLU {finite[1]} of 8")
assert seen["relu"] == seen["relu6"] == [1, 0, 3, 0] and seen["elu"][1] == 0, "a ReLU keeps NaN now"
assert np.isnan(seen["tanh"][1]) and seen["sign"][1] == 1, "other functions"
assert not np.isnan(seen["sort"]).any() and len(set(seen["sort"])) == 3, "sorting keeps NaN now"
assert place == 3 and entry == 0, "argmax"
assert finite == [8, 0], "a network"
EOF
