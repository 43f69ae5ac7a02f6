#!/usr/bin/env bash
# onnxslim takes a mask over 32 columns of a map for one over the 32 channels of the convolution before it.
#
# Versions:  Python 3.11; onnxslim 0.1.98, onnx 1.23.2, onnxruntime 1.32.0, numpy 2.4.6, CPU.
# Behaviour: a `Mul` by a constant behind a `Conv` is multiplied into its weights and bias if the constant, without its axes of length
#            one, is a vector as long as the convolution has output channels. On which axis it stood is not asked. A constant of
#            shape [32], which ONNX aligns with the last axis, or [1, 1, 32, 1], a row, scales channels afterwards. With
#            64 channels over the same 32 columns nothing is fused, and all is right. The `Add` behind a convolution, fused by
#            the same package, is checked.
# A guess:   a simplifier changes the graph and not what it computes; fusing a scale asks for [1, channels, 1, 1].
# For users: maps of 32 and 64 pixels and layers of 32 and 64 channels are the sizes of small networks. A window over positions, a mask
#            of a border, an occlusion along a stripe becomes a structured pruning. Compare outputs with those of the file before;
#            `model_check=True` does so, writes a line of warning, and the file all the same. rosalind writes no ONNX.
#
# Output seen (a convolution over 32 x 32 pixels; share of zeros in its maps, by their half):
#   32 channels, mask [32]:          left 0.00, right 1.00; slim: left 0.50, right 0.50 (Conv)
#   32 channels, mask [1, 1, 32, 1]: left 0.50, right 0.50; slim: left 0.50, right 0.50 (Conv), top 0.50 in place of 0.00
#   32 channels, mask [1, 32, 1, 1]: left 0.50, right 0.50; slim: left 0.50, right 0.50 (Conv)
#   64 channels, mask [32]:          left 0.00, right 1.00; slim: left 0.00, right 1.00 (Conv, Mul)
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
from onnx import TensorProto, helper, numpy_helper

draw = np.random.default_rng(0)
images = draw.normal(size=(1, 3, 32, 32)).astype(np.float32)


def masked(channels, shape):
    """A convolution whose maps are multiplied by a mask that is 1 in its first half."""
    weights = draw.normal(size=(channels, 3, 3, 3)).astype(np.float32)
    mask = np.repeat(np.float32([1, 0]), 16).reshape(shape)
    graph = helper.make_graph(
        [helper.make_node("Conv", ["x", "w"], ["c"], pads=[1] * 4), helper.make_node("Mul", ["c", "mask"], ["y"])],
        "masked",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, images.shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, (1, channels, 32, 32))],
        [numpy_helper.from_array(weights, "w"), numpy_helper.from_array(mask, "mask")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model, full_check=True)
    return model


def zeros(model):
    """Zeros in the left, the right and the upper half of all maps, and the maps."""
    (maps,) = onnxruntime.InferenceSession(model.SerializeToString()).run(None, {"x": images})
    halves = maps[..., :16], maps[..., 16:], maps[..., :16, :]
    return [float((half == 0).mean()) for half in halves], maps


for channels, shape, right in (
    (32, [32], False),
    (32, [1, 1, 32, 1], False),
    (32, [1, 32, 1, 1], True),
    (64, [32], True),
):
    model = masked(channels, shape)
    slim = onnxslim.slim(model)
    (before, maps), (after, slim_maps) = zeros(model), zeros(slim)
    nodes = ", ".join(node.op_type for node in slim.graph.node)
    top = "" if before[2] == after[2] else f", top {after[2]:.2f} in place of {before[2]:.2f}"
    left_right = [f"left {left:.2f}, right {right:.2f}" for left, right, _ in (before, after)]
    print(f"{channels} channels, mask {str(shape) + ':':15} {left_right[0]}; slim: {left_right[1]} ({nodes}){top}")
    assert np.allclose(maps, slim_maps, atol=1e-4) == right, f"what onnxslim makes of {shape} behind {channels} channels"
    if not right:
        assert (slim_maps[0, 16:] == 0).all() and (slim_maps[0, :16] != 0).mean() > 0.99, "channels are masked"
EOF
