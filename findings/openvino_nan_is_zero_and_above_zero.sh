#!/usr/bin/env bash
# In OpenVINO NaN is 0 behind a ReLU, although `NaN > 0` is true there, its exponential is infinity, and in a softmax the others have 0.
#
# Versions:  Python 3.11; openvino 2026.4.1, numpy 2.4.6, INFERENCE_PRECISION_HINT f32; x86-64 with AVX-512.
# Behaviour: the CPU plugin's own kernels compare as their instructions do. `relu`, `clamp` and the maximum with 0 on the right give 0 for NaN; the
#            maximum with 0 on the left gives NaN. A max pooling leaves NaN out. `greater` of NaN and a number is true, `less` is
#            false. `exp` gives infinity, and `softmax` of a row with one NaN has NaN at its place and 0 at all others. `tanh` and a
#            product, also with 0, keep NaN.
# A guess:   NaN goes through, as in PyTorch and JAX, from which the network was exported, and no comparison with it is true.
# For users: a network that is NaN in JAX has finite logits in OpenVINO as soon as a ReLU follows: it is compared and ranked, and a weak
#            network is what it looks like. A NaN logit gives the other classes probability 0, not NaN: the loss of the true one is
#            infinite, or clipped. Ask whether weights are finite before export. rosalind measures in JAX, where NaN goes through.
#
# Output seen:
#   x:              1  nan  3  -2
#   relu:           1  0  3  0
#   clamp to 2:     1  0  2  0
#   maximum(x, 0):  1  0  3  0
#   maximum(0, x):  1  nan  3  0
#   greater than 0: 1  1  1  0
#   less than 0:    0  0  0  1
#   exp:            2.72  inf  20.1  0.135
#   softmax:        0  nan  0  0
#   tanh:           0.762  nan  0.995  -0.964
#   times 0:        0  nan  0  -0
#   max pooling, NaN at three places: [3.0, 3.0, 3.0]
#   two layers, a NaN weight in the first: logits finite 8 of 8; in NumPy 0
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install -q openvino==2026.4.1 numpy==2.4.6
"$work/env/bin/python" - <<'EOF'
import numpy as np
import openvino as ov
from openvino import opset13 as ops

core = ov.Core()
nan = np.nan
row = np.array([[1, nan, 3, -2]], np.float32)
zeros = np.zeros((1, 4), np.float32)


def run(function, values):
    inputs = ops.parameter(list(values.shape), np.float32)
    model = ov.Model([function(inputs)], [inputs])
    return core.compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})(values)[0]


def pooled(values):
    function = lambda x: ops.max_pool(x, [2, 2], [1, 1], [0, 0], [0, 0], [2, 2]).output(0)
    return float(run(function, np.array(values, np.float32).reshape(1, 1, 2, 2)).item())


seen = {
    name: run(function, row)[0].tolist()
    for name, function in {
        "relu": ops.relu,
        "clamp to 2": lambda x: ops.clamp(x, 0.0, 2.0),
        "maximum(x, 0)": lambda x: ops.maximum(x, zeros),
        "maximum(0, x)": lambda x: ops.maximum(zeros, x),
        "greater than 0": lambda x: ops.greater(x, zeros),
        "less than 0": lambda x: ops.less(x, zeros),
        "exp": ops.exp,
        "softmax": lambda x: ops.softmax(x, 1),
        "tanh": ops.tanh,
        "times 0": lambda x: ops.multiply(x, zeros),
    }.items()
}
print(f"{'x:':15} {'  '.join(f'{value:g}' for value in row[0])}")
for name, values in seen.items():
    print(f"{name + ':':15} {'  '.join(f'{value:.3g}' for value in values)}")
pools = [pooled(values) for values in ([1, nan, 3, 2], [nan, 1, 3, 2], [1, 3, 2, nan])]
print(f"max pooling, NaN at three places: {pools}")

draw = np.random.default_rng(0)
first, second = draw.normal(size=(6, 5)).astype(np.float32), draw.normal(size=(5, 3)).astype(np.float32)
first[0, 0] = nan
images = draw.normal(size=(8, 6)).astype(np.float32)


def network(x):
    return ops.matmul(ops.relu(ops.matmul(x, first, False, False)), second, False, False)


finite = int(np.isfinite(run(network, images)).all(1).sum())
broken = int(np.isfinite(np.maximum(images @ first, 0) @ second).all(1).sum())
print(f"two layers, a NaN weight in the first: logits finite {finite} of 8; in NumPy {broken}")
for name in ("relu", "clamp to 2", "maximum(x, 0)"):
    assert seen[name][1] == 0, f"{name} keeps NaN now"
assert np.isnan(seen["maximum(0, x)"][1]), "the other side"
assert seen["greater than 0"] == [True, True, True, False] and not any(seen["less than 0"][:3]), "comparisons"
assert seen["exp"][1] == np.inf and np.isnan(seen["softmax"][1]), "exp"
assert seen["softmax"][0] == seen["softmax"][2] == seen["softmax"][3] == 0, "softmax"
assert np.isnan(seen["tanh"][1]) and np.isnan(seen["times 0"][1]), "what keeps NaN"
assert pools == [3, 3, 3] and (finite, broken) == (8, 0), "pools and a network"
EOF
