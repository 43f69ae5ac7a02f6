#!/usr/bin/env bash
# ONNX's version converter shifts what an older network resizes by a quarter of a pixel, and makes another function of `Hardmax`.
#
# Versions:  Python 3.11; onnx 1.23.2, onnxruntime 1.32.0, numpy 2.4.6, CPU.
# Behaviour: up to version 10 of the operators `Resize`, and `Upsample` before it, put output pixel i at i / scale. Version 11 names that
#            "asymmetric", and has centres of pixels ("half_pixel") for its default. `onnx.version_converter.convert_version` moves the
#            scales from attribute to input and writes no mode, so that linear interpolation takes other positions. `Hardmax` over
#            axis 1 had one 1 for each sample, over all axes from there on, until version 12, and one for each position from
#            13 on. `Softmax` and `LogSoftmax`, which changed likewise, are rewritten so that they stay; `Hardmax` is not. The
#            checker accepts the file, and nothing is said. Nearest pixels stay what they were.
# A guess:   what the converter cannot keep it refuses, as it does for operators that it has no rule for.
# For users: the networks of older collections are in version 7 to 10; converted for a tool that asks for 13, they see shifted images and
#            features, the more the more often they resize, and lose a little accuracy that looks like the tool's. Compare outputs before
#            and after. rosalind reads and writes no ONNX.
#
# Output seen (pixels 0, 1, 2, 3, twice as many; and scores of 2 channels at 3 positions):
#   Upsample 9 linear:  0 0.5 1 1.5 2 2.5 3 3; converted to 13: 0 0.25 0.75 1.25 1.75 2.25 2.75 3
#   Resize 10 linear:   0 0.5 1 1.5 2 2.5 3 3; converted to 13: 0 0.25 0.75 1.25 1.75 2.25 2.75 3
#   Resize 10 nearest:  0 0 1 1 2 2 3 3; converted to 13: 0 0 1 1 2 2 3 3
#   Hardmax 11:         0 0 1 0 0 0; converted to 13: 0 1 1 1 0 0
#   Softmax 11, rounded: 0 0 1 0 0 0; converted to 13: 0 0 1 0 0 0
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install -q onnx==1.23.2 onnxruntime==1.32.0 numpy==2.4.6
"$work/env/bin/python" -W ignore - <<'EOF'
import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper, version_converter

pixels = np.arange(4, dtype=np.float32).reshape(1, 1, 1, 4)
scores = np.float32([[[1, 20, 60], [30, 10, 2]]])
scales = numpy_helper.from_array(np.float32([1, 1, 1, 2]), "scales")


def values(model, given):
    onnx.checker.check_model(model, full_check=True)
    session = onnxruntime.InferenceSession(model.SerializeToString())
    return session.run(None, {"x": given})[0].ravel()


def before_and_after(operator, version, given, **attributes):
    """Values of one operator as it is and converted to version 13."""
    constants = [scales] if given is pixels else []
    shape = (1, 1, 1, 8) if given is pixels else given.shape
    graph = helper.make_graph(
        [helper.make_node(operator, ["x", *(constant.name for constant in constants)], ["y"], **attributes)],
        "one",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, given.shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, shape)],
        constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", version)], ir_version=8)
    return values(model, given), values(version_converter.convert_version(model, 13), given)


def said(found):
    return " ".join(f"{value:g}" for value in found)


for name, operator, version, given, attributes, same in (
    ("Upsample 9 linear", "Upsample", 9, pixels, {"mode": "linear"}, False),
    ("Resize 10 linear", "Resize", 10, pixels, {"mode": "linear"}, False),
    ("Resize 10 nearest", "Resize", 10, pixels, {"mode": "nearest"}, True),
    ("Hardmax 11", "Hardmax", 11, scores, {"axis": 1}, False),
    ("Softmax 11, rounded", "Softmax", 11, scores, {"axis": 1}, True),
):
    before, after = (found.round(5) for found in before_and_after(operator, version, given, **attributes))
    print(f"{name + ':':20} {said(before)}; converted to 13: {said(after)}")
    assert np.array_equal(before, after) == same, name
    if given is pixels and not same:
        assert np.allclose(before, np.minimum(np.arange(8) / 2, 3)), "older positions"
        assert np.allclose(after, np.clip(np.arange(8) / 2 - 0.25, 0, 3)), "positions of pixel centres"
EOF
