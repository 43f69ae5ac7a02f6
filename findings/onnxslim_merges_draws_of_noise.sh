#!/usr/bin/env bash
# onnxslim leaves one draw of noise of many: eight noisy copies of an image, exported in one graph, become eight times the same.
#
# Versions:  Python 3.11; onnxslim 0.1.98, onnx 1.23.2, onnxruntime 1.32.0, numpy 2.4.6, CPU.
# Behaviour: nodes with the same operator, attributes and inputs are taken for the same value, and all but one are removed. That is
#            done to `RandomNormalLike` too, whose every node draws anew: without a seed their attributes are equal. Different
#            seeds keep them apart. `RandomNormal`, which has no input, is computed on the spot and stored as a constant: its
#            noise is then the same in every run. ONNX Runtime draws in each node and each run.
# A guess:   two draws are no equal expressions, one draw is no constant, and a simplifier leaves what is random alone.
# For users: the votes of randomised smoothing are those of copies with different noise. One draw makes them unanimous, and the
#            certified radius the largest there is. Skip "subexpression_elimination" and "constant_folding", or give each node a
#            seed. rosalind writes no ONNX, and draws its noise when it makes a condition.
#
# Output seen (noise of deviation 1 on a black image, eight times in one graph; deviation between copies, and between two runs):
#   RandomNormalLike without seeds: 0.97 and 0.80 in 8 nodes; after onnxslim 0.00 and 0.80 in 1
#   RandomNormalLike with seeds:    0.97 and 0.80 in 8 nodes; after onnxslim 0.97 and 0.80 in 8
#   RandomNormal without seeds:     0.97 and 0.80 in 8 nodes; after onnxslim 0.97 and 0.00 in 0
#   neither step:                   0.97 and 0.80 in 8 nodes; after onnxslim 0.97 and 0.80 in 8
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install -q onnxslim==0.1.98 onnx==1.23.2 onnxruntime==1.32.0 numpy==2.4.6
"$work/env/bin/python" -W ignore - <<'EOF'
import numpy as np
import onnx
import onnxruntime
import onnxslim
from onnx import TensorProto, helper

SHAPE, COPIES = (1, 64, 64), 8
black = np.zeros(SHAPE, np.float32)


def noisy(operator, seeded):
    """Copies of an image, each with noise of its own."""
    inputs, attributes = (["x"], {}) if operator.endswith("Like") else ([], {"shape": SHAPE})
    nodes = []
    for copy in range(COPIES):
        seed = {"seed": float(copy + 1)} if seeded else {}
        nodes.append(helper.make_node(operator, inputs, [f"noise{copy}"], **attributes, **seed))
        nodes.append(helper.make_node("Add", ["x", f"noise{copy}"], [f"copy{copy}"]))
    nodes.append(helper.make_node("Concat", [f"copy{copy}" for copy in range(COPIES)], ["y"], axis=0))
    graph = helper.make_graph(
        nodes,
        "noisy",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, SHAPE)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, (COPIES, *SHAPE[1:]))],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model, full_check=True)
    return model


def spread(model):
    """Deviation of a pixel between copies and between runs, and the number of nodes that draw."""
    session = onnxruntime.InferenceSession(model.SerializeToString())
    runs = np.stack([session.run(None, {"x": black})[0] for _ in range(2)])
    assert abs(runs.std() - 1) < 0.1, "noise is there"
    draws = sum(node.op_type.startswith("Random") for node in model.graph.node)
    return runs.std(1, ddof=1).mean(), runs.std(0, ddof=1).mean(), draws


def said(copies, runs, draws):
    return f"{copies:.2f} and {runs:.2f} in {draws}"


for name, operator, seeded, skipped, kept in (
    ("RandomNormalLike without seeds", "RandomNormalLike", False, None, (False, True, 1)),
    ("RandomNormalLike with seeds", "RandomNormalLike", True, None, (True, True, COPIES)),
    ("RandomNormal without seeds", "RandomNormal", False, None, (True, False, 0)),
    ("neither step", "RandomNormalLike", False, ["subexpression_elimination", "constant_folding"], (True, True, COPIES)),
):
    model = noisy(operator, seeded)
    before, after = spread(model), spread(onnxslim.slim(model, skip_optimizations=skipped))
    print(f"{name + ':':31} {said(*before)} nodes; after onnxslim {said(*after)}")
    assert min(before[:2]) > 0.5 and before[2] == COPIES, "eight draws in each run"
    assert (after[0] > 0.5, after[1] > 0.5, after[2]) == kept, name
    assert all(spread > 0.5 or spread < 1e-6 for spread in after[:2]), "spread or none"
EOF
