#!/usr/bin/env bash
# In hls4ml a white pixel of 255 is -1, and a logit of 33 is -31: numbers wrap at 32 by default, from the image to the logits.
#
# Versions:  Python 3.11; hls4ml 1.3.0, torch 2.13.0, numpy 2.4.6; its emulation is compiled by g++.
# Behaviour: without other wishes `config_from_pytorch_model` gives all numbers 16 bits, 6 of them before the point:
#            -32 to 31.999 in steps of 1 / 1024. What is beyond wraps, as C++'s integers do, rather than stop at the
#            end, and what lies between two steps goes to the lower one, so that a weight of -1e-6 is -0.00098. The emulation
#            that `compile` and `predict` give on the host does just that, and says nothing; nor does the conversion of
#            a network whose logits are in the hundreds. With "ap_fixed<16,6,AP_RND,AP_SAT>" numbers stop at 32 and are rounded.
# A guess:   too few bits cost accuracy gradually: what is too large is cut, as in int8 of other tools.
# For users: a network that takes pixels of 0 to 255 sees white as nearly black. Where logits reach 32 the surest
#            images are the wrong ones, and a corruption that lowers logits mends them. Ask for saturation, or compare with the
#            network in floats. rosalind's quantisation has no largest number but the layer's own.
#
# Output seen (a layer that passes three numbers on; a row's class is the largest number, the first):
#   [31. 30.  0.] comes out as [31. 30.  0.], class 0; with saturation [31. 30.  0.]
#   [33. 30.  0.] comes out as [-31.  30.   0.], class 1; with saturation [31.99902 30.       0.     ]
#   [255.  30.   0.] comes out as [-1. 30.  0.], class 1; with saturation [31.99902 30.       0.     ]
#   [1. 0. 0.] comes out as [ 1.0e+00  0.0e+00 -9.8e-04], class 0; with saturation [1. 0. 0.]
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install -q hls4ml==1.3.0 torch==2.13.0 numpy==2.4.6
cd "$work"
"$work/env/bin/python" -W ignore - >"$work/out" 2>"$work/log" <<'EOF' || { tail -3 "$work/log" >&2; exit 1; }
import hls4ml
import numpy as np
import torch

network = torch.nn.Sequential(torch.nn.Linear(4, 3, bias=False)).eval().requires_grad_(False)
network[0].weight.copy_(torch.eye(3, 4))
network[0].weight[2, 3] = -1e-6
ROWS = np.array([[31, 30, 0, 0], [33, 30, 0, 0], [255, 30, 0, 0], [1, 0, 0, 1]], np.float32)


def passed(precision, folder):
    """The layer's outputs in the emulation of its circuit."""
    config = hls4ml.utils.config_from_pytorch_model(network, (4,), granularity="name")
    if precision:
        config["Model"]["Precision"]["default"] = precision
    circuit = hls4ml.converters.convert_from_pytorch_model(network, hls_config=config, output_dir=folder, backend="Vivado")
    circuit.compile()
    return circuit.predict(ROWS)


wrapped, cut = passed(None, "wrapped"), passed("ap_fixed<16,6,AP_RND,AP_SAT>", "cut")
for row, one, other in zip(ROWS, wrapped, cut):
    print(f"seen: {row[:3]} comes out as {np.round(one, 5)}, class {one.argmax()}; with saturation {np.round(other, 5)}")
assert wrapped[:3, 0].tolist() == [31, -31, -1], "numbers do not wrap now"
assert wrapped[:3].argmax(1).tolist() == [0, 1, 1], "classes"
assert wrapped[3].tolist() == [1, 0, -1 / 1024], "small weights are rounded now"
assert cut[:3].argmax(1).tolist() == [0, 0, 0] and abs(cut[1:3, 0] - 32).max() < 0.01 and cut[3, 2] == 0, "saturation"
EOF
sed -n 's/^seen: //p' "$work/out"
