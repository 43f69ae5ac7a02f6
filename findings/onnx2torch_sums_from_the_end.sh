#!/usr/bin/env bash
# onnx2torch adds up from the other end: a cumulative sum exported to ONNX without attributes comes back reversed.
#
# Versions:  Python 3.11; onnx2torch 1.5.15, onnx 1.23.2, onnxruntime 1.32.0, torch 2.13.0, numpy 2.4.6, CPU.
# Behaviour: ONNX's `CumSum` has two attributes, `exclusive` and `reverse`, both 0 unless they are given. onnx2torch takes 1 for a
#            `reverse` that is not there: each entry holds the sum of itself and of all behind it. Types and shapes are right, the
#            total stands at the first place in place of the last, and nothing is said. With `reverse=0` written out it is right.
#            PyTorch's older exporter (`dynamo=False`) writes neither attribute.
# A guess:   what an ONNX file leaves out has the value that the operator's page names, in every reader.
# For users: cumulative sums are in prediction sets (classes until their probabilities reach 90 %), in top-p sampling and in
#            ordinal heads. A set of such a network then has other classes, and a comparison of coverage before and after the
#            trip through ONNX finds a difference that no pruning made. Compare outputs with ONNX Runtime's after reading a
#            file. rosalind writes no ONNX.
#
# Output seen (probabilities of four classes, sorted, added up; classes until 0.9 is reached):
#   torch.cumsum:  ONNX Runtime 0.50 0.80 0.95 1.00, 3 classes; onnx2torch 1.00 0.50 0.20 0.05, 1 class
#   no attributes: ONNX Runtime 0.50 0.80 0.95 1.00, 3 classes; onnx2torch 1.00 0.50 0.20 0.05, 1 class
#   exclusive=0:   ONNX Runtime 0.50 0.80 0.95 1.00, 3 classes; onnx2torch 1.00 0.50 0.20 0.05, 1 class
#   reverse=0:     ONNX Runtime 0.50 0.80 0.95 1.00, 3 classes; onnx2torch 0.50 0.80 0.95 1.00, 3 classes
#   reverse=1:     ONNX Runtime 1.00 0.50 0.20 0.05, 1 class; onnx2torch 1.00 0.50 0.20 0.05, 1 class
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install -q onnx==1.23.2 onnxruntime==1.32.0 torch==2.13.0 numpy==2.4.6
"$work/env/bin/pip" install -q --no-deps onnx2torch==1.5.15
# onnx2torch imports two names of torchvision, whose wheel has to be of the same build as torch's, and uses neither here.
mkdir -p "$work/torchvision"
touch "$work/torchvision/__init__.py"
echo 'def roi_align(): pass' >"$work/torchvision/ops.py"
PYTHONPATH="$work" "$work/env/bin/python" -W ignore - <<'EOF'
import io

import numpy as np
import onnx
import onnxruntime
import torch
from onnx import TensorProto, helper, numpy_helper
from onnx2torch import convert

probabilities = np.array([[0.5, 0.3, 0.15, 0.05]], np.float32)


def sums(**attributes):
    """Cumulative sums of one file by ONNX Runtime and by onnx2torch."""
    graph = helper.make_graph(
        [helper.make_node("CumSum", ["x", "axis"], ["y"], **attributes)],
        "sums",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, (1, 4))],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, (1, 4))],
        [numpy_helper.from_array(np.array(1, np.int64), "axis")],
    )
    return read(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 14)], ir_version=8))


class CumulativeSum(torch.nn.Module):
    def forward(self, x):
        return torch.cumsum(x, 1)


def exported():
    file = io.BytesIO()
    torch.onnx.export(CumulativeSum(), (torch.from_numpy(probabilities),), file, opset_version=14, dynamo=False)
    return read(onnx.load_from_string(file.getvalue()))


def read(model):
    """What ONNX Runtime and onnx2torch compute of a file."""
    onnx.checker.check_model(model, full_check=True)
    (right,) = onnxruntime.InferenceSession(model.SerializeToString()).run(None, {model.graph.input[0].name: probabilities})
    with torch.no_grad():
        return right[0], convert(model)(torch.from_numpy(probabilities))[0].numpy()


def said(values):
    count = int((values < 0.9).argmin()) + 1
    return " ".join(f"{value:.2f}" for value in values) + f", {count} {'class' if count == 1 else 'classes'}"


expected = np.cumsum(probabilities[0])
for name, attributes, same in (
    ("torch.cumsum", None, False),
    ("no attributes", {}, False),
    ("exclusive=0", {"exclusive": 0}, False),
    ("reverse=0", {"reverse": 0}, True),
    ("reverse=1", {"reverse": 1}, True),
):
    right, found = exported() if attributes is None else sums(**attributes)
    print(f"{name + ':':14} ONNX Runtime {said(right)}; onnx2torch {said(found)}")
    assert np.allclose(right, np.cumsum(probabilities[0][::-1])[::-1] if name == "reverse=1" else expected), "ONNX Runtime"
    if same:
        assert np.allclose(right, found), "what is written out is obeyed"
    else:
        assert np.allclose(found, np.cumsum(probabilities[0][::-1])[::-1]), "the default is ONNX's now"
EOF
