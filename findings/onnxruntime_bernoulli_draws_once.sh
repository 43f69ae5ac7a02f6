#!/usr/bin/env bash
# In ONNX Runtime all `Bernoulli` nodes over the same probabilities draw the same mask, and those with seeds 1 and 3 nearly so.
#
# Versions:  Python 3.11; onnxruntime 1.32.0, onnx 1.23.2, numpy 2.4.6, CPU.
# Behaviour: by default ONNX Runtime merges nodes with the same operator, attributes and inputs, but for a list of random ones.
#            `Bernoulli` is not on the list: eight nodes become one, whose draw all share. `RandomUniformLike` and `Dropout`
#            draw for themselves, and so does `Bernoulli` once optimisation is off. Seeds start a generator that multiplies: each
#            number of seed 3 is three times that of seed 1, without its whole part, so that two masks of three agree where one
#            half is kept. Without seeds a node starts from a seed of the process and its own number, so that in a second session
#            of a file the first run draws what it drew in the first session.
# A guess:   without a seed each draw is another one, in each node and each session; different seeds are independent.
# For users: random masks over one array, as in stochastic depth, dropout by hand or an ensemble of random subnetworks, are one mask, and
#            the ensemble has no spread. Noise of two sessions cannot be averaged. Give each node a large seed of its own.
#            rosalind writes no ONNX.
#
# Output seen (masks that keep one half of 10,000 places; share of places where nodes agree):
#   Bernoulli:                    1.00
#   Bernoulli, not optimised:     0.50
#   Bernoulli, seeds 1 and 3:     0.67
#   Bernoulli, large seeds:       0.50
#   RandomUniformLike over 0.5:   0.50
#   Dropout:                      0.50
#   two sessions of RandomUniformLike: first runs equal True, second run equal to first False
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install -q onnxruntime==1.32.0 onnx==1.23.2 numpy==2.4.6
"$work/env/bin/python" -W ignore - <<'EOF'
import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

COUNT = 10_000
half = np.full((1, COUNT), 0.5, np.float32)


def session(operator, seeds=(None,) * 8, optimised=True):
    """A graph of nodes that draw from the same array."""
    inputs = ["x", "ratio", "training"] if operator == "Dropout" else ["x"]
    names = [f"draw{node}" for node in range(len(seeds))]
    # A seed of None is left out.
    nodes = [helper.make_node(operator, inputs, [name], seed=seed) for name, seed in zip(names, seeds)]
    nodes.append(helper.make_node("Concat", names, ["y"], axis=0))
    graph = helper.make_graph(
        nodes,
        "draws",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, half.shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, (len(seeds), COUNT))],
        [numpy_helper.from_array(np.float32(0.5), "ratio"), numpy_helper.from_array(np.array(True), "training")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model, full_check=True)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    if not optimised:
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    return onnxruntime.InferenceSession(model.SerializeToString(), options)


for name, options, expected in (
    ("Bernoulli", {"operator": "Bernoulli"}, 1),
    ("Bernoulli, not optimised", {"operator": "Bernoulli", "optimised": False}, 1 / 2),
    ("Bernoulli, seeds 1 and 3", {"operator": "Bernoulli", "seeds": (1.0, 3.0)}, 2 / 3),
    ("Bernoulli, large seeds", {"operator": "Bernoulli", "seeds": (4271623.0, 9850417.0)}, 1 / 2),
    ("RandomUniformLike over 0.5", {"operator": "RandomUniformLike"}, 1 / 2),
    ("Dropout", {"operator": "Dropout"}, 1 / 2),
):
    (draws,) = session(**options).run(None, {"x": half})
    masks = draws > 0.5
    assert 0.4 < masks.mean() < 0.6, "each mask keeps one half"
    agree = (masks[1:] == masks[0]).mean()
    print(f"{name + ':':29} {agree:.2f}")
    assert agree == 1 if expected == 1 else abs(agree - expected) < 0.02, name
first, second = session("RandomUniformLike"), session("RandomUniformLike")
(one,), (again,), (other,) = (some.run(None, {"x": half}) for some in (first, first, second))
equal, same = np.array_equal(one, other), np.array_equal(one, again)
print(f"two sessions of RandomUniformLike: first runs equal {equal}, second run equal to first {same}")
assert equal and not same, "sessions"
EOF
