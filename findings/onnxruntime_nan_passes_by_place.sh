#!/usr/bin/env bash
# In ONNX Runtime NaN passes a max pooling or a maximum from some places only; from others it vanishes, and numbers with it.
#
# Versions:  Python 3.11; onnxruntime 1.32.0, onnx 1.23.2, torch 2.13.0, numpy 2.4.6, CPU (x86).
# Behaviour: ONNX says nothing of NaN in a maximum. NumPy, PyTorch and ONNX's own reference evaluator give NaN if there is
#            one. ONNX Runtime keeps one of two numbers by a comparison, and with NaN which one is a matter of their order:
#            `MaxPool` and `GlobalMaxPool` forget a NaN at the next number, so that only one in the last place comes through;
#            `ReduceMax` works on several numbers at once, keeps a NaN in the first place, and from another may lose a larger
#            number with it (the maximum of 1, NaN, 3, 4 is 3). Relu, TopK, Softmax and mean pooling pass every NaN on. That
#            `ReduceMax` depends on the place is microsoft/onnxruntime#10514, open since 2022.
# A guess:   NaN goes through a network to its logits wherever it came from, so that one look at the logits finds it.
# For users: an image with a gap, or an overflow in one place, is NaN in PyTorch and an ordinary, confident prediction once
#            the network is exported; accuracies differ between runtimes with no numerical reason. Look for NaN in the
#            images, not only in the logits. rosalind's images are bytes, and NaN in features is an error.
#
# Output seen (maximum of 1, 2, 3, 4 with NaN in one place):
#   NaN is                      first  second   third    last
#   MaxPool                      4.00    4.00    4.00     nan
#   MaxPool, PyTorch              nan     nan     nan     nan
#   GlobalMaxPool                4.00    4.00    4.00     nan
#   ReduceMax                     nan    3.00    4.00    3.00
#   ReduceMax, reference          nan     nan     nan     nan
#   TopK                          nan     nan     nan     nan
#   GlobalAveragePool             nan     nan     nan     nan
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install -q onnxruntime==1.32.0 onnx==1.23.2 torch==2.13.0 numpy==2.4.6
"$work/env/bin/python" - <<'EOF'
import numpy as np
import onnxruntime
import torch
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

PLACES = ("first", "second", "third", "last")
OPERATORS = {
    "MaxPool": {"kernel_shape": [1, 4]},
    "GlobalMaxPool": {},
    "ReduceMax": {"keepdims": 0},
    "TopK": {},
    "GlobalAveragePool": {},
}


def model(name):
    more = {"ReduceMax": ("axes", np.array([3])), "TopK": ("k", np.array([1]))}.get(name)
    given = [numpy_helper.from_array(more[1], more[0])] if more else []
    outputs = ["y", "index"] if name == "TopK" else ["y"]
    node = helper.make_node(name, ["x", *(one.name for one in given)], outputs, **OPERATORS[name])
    graph = helper.make_graph(
        [node],
        "one",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 1, 1, 4])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        given,
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)


seen = {}
print(f"{'NaN is':26} " + "  ".join(f"{place:>6}" for place in PLACES))
for name in OPERATORS:
    made = model(name)
    session = onnxruntime.InferenceSession(made.SerializeToString(), providers=["CPUExecutionProvider"])
    runs = {"": lambda x: session.run(["y"], {"x": x})[0]}
    if name == "ReduceMax":
        runs[", reference"] = lambda x: ReferenceEvaluator(made).run(["y"], {"x": x})[0]
    if name == "MaxPool":
        runs[", PyTorch"] = lambda x: torch.max_pool2d(torch.tensor(x), (1, 4)).numpy()
    for runner, run in runs.items():
        values = []
        for place in range(4):
            x = np.arange(1, 5, dtype=np.float32).reshape(1, 1, 1, 4)
            x[..., place] = np.nan
            values.append(float(run(x).ravel()[0]))
        print(f"{name + runner:26} " + "  ".join(f"{value:6.2f}" for value in values))
        seen[name + runner] = np.array(values)
for name in ("MaxPool", "GlobalMaxPool", "ReduceMax"):
    assert np.isfinite(seen[name]).any(), f"{name} passes every NaN on"
assert np.isnan(seen["MaxPool"][3]) and np.isnan(seen["ReduceMax"][0]), "NaN is dropped from every place"
for name in ("ReduceMax, reference", "MaxPool, PyTorch", "TopK", "GlobalAveragePool"):
    assert np.isnan(seen[name]).all(), name
EOF
