#!/usr/bin/env bash
# onnx2torch takes a network's global maximum over width and channels where ONNX says axes -2 and -1, height and width.
#
# Versions:  Python 3.11; onnx2torch 1.5.15, onnx 1.23.2, onnxruntime 1.32.0, torch 2.13.0, numpy 2.4.6, CPU.
# Behaviour: `ReduceMax`, `ReduceMin` and `ReduceProd` are computed one axis after the other. Without `keepdims` each axis that is gone
#            moves the others by one, and onnx2torch subtracts that from every axis that follows, also from those that are counted
#            from the end and have not moved. -2 and -1 become height, as -2, and then channels, as -2 of what is left. The
#            result has the shape [samples, width]. Where width is the number of channels, nothing is raised. Sums, means and norms,
#            `keepdims=1` and axes counted from the front are right. PyTorch's older exporter (`dynamo=False`) writes
#            the axes as the code has them.
# A guess:   an axis counted from the end names the same axis as one counted from the front, as it does for the mean.
# For users: features pooled by their maximum come from other places than they did, the layer behind them takes them all the same if sizes
#            happen to agree, and the network is at chance. Compare outputs with ONNX Runtime's after reading a file. rosalind writes
#            no ONNX.
#
# Output seen (maxima of 4 channels over maps of 4 x 4, of 2 images; largest error):
#   ReduceMax,  axes (2, 3),   keepdims 0: 0.00
#   ReduceMax,  axes (-2, -1), keepdims 0: 0.83, maxima over axes (1, 2)
#   amax,       axes (-2, -1), exported:   0.83, maxima over axes (1, 2)
#   ReduceMax,  axes (-2, -1), keepdims 1: 0.00
#   ReduceMin,  axes (-2, -1), keepdims 0: 0.93, minima over axes (1, 2)
#   ReduceMean, axes (-2, -1), keepdims 0: 0.00
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
from onnx import TensorProto, helper
from onnx2torch import convert

features = np.random.default_rng(0).normal(size=(2, 4, 4, 4)).astype(np.float32)


def pooled(operator, axes, keepdims):
    """Features pooled by ONNX Runtime and by onnx2torch."""
    shape = (2, 4, 1, 1) if keepdims else (2, 4)
    graph = helper.make_graph(
        [helper.make_node(operator, ["x"], ["y"], axes=axes, keepdims=keepdims)],
        "pool",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, features.shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, shape)],
    )
    return read(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8))


class Maximum(torch.nn.Module):
    def forward(self, x):
        return x.amax((-2, -1))


def exported():
    file = io.BytesIO()
    torch.onnx.export(Maximum(), (torch.from_numpy(features),), file, opset_version=13, dynamo=False)
    return read(onnx.load_from_string(file.getvalue()))


def read(model):
    """What ONNX Runtime and onnx2torch compute of a file."""
    onnx.checker.check_model(model, full_check=True)
    (right,) = onnxruntime.InferenceSession(model.SerializeToString()).run(None, {model.graph.input[0].name: features})
    with torch.no_grad():
        return right, convert(model)(torch.from_numpy(features)).numpy()


for operator, axes, keepdims, other in (
    ("ReduceMax", (2, 3), 0, None),
    ("ReduceMax", (-2, -1), 0, np.max),
    ("amax", (-2, -1), None, np.max),
    ("ReduceMax", (-2, -1), 1, None),
    ("ReduceMin", (-2, -1), 0, np.min),
    ("ReduceMean", (-2, -1), 0, None),
):
    right, found = exported() if keepdims is None else pooled(operator, axes, keepdims)
    error = np.abs(right - found).max()
    how = "exported:  " if keepdims is None else f"keepdims {keepdims}:"
    wrong = "" if other is None else f", {'maxima' if other is np.max else 'minima'} over axes (1, 2)"
    print(f"{operator + ',':11} axes {str(axes) + ',':9} {how} {error:.2f}{wrong}")
    if other is None:
        assert np.allclose(right, found, atol=1e-6), "these are right"
    else:
        assert found.shape == right.shape and error > 0.1, "axes from the end are right now"
        assert np.array_equal(found, other(features, (1, 2))), "other axes than these"
EOF
