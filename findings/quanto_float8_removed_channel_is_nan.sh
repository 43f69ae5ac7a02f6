#!/usr/bin/env bash
# In quanto's float8 a removed channel becomes NaN, and with it every output of the network; in int8, int4 and int2 it stays zero.
#
# Versions:  Python 3.11; optimum-quanto 0.2.7, torch 2.13.0, numpy 2.4.6, ninja 1.13.2, huggingface_hub 2.4.0, safetensors 0.8.0, CPU.
# Behaviour: weights are divided by a scale for each output channel, their largest size over the largest number of the type. For a
#            channel of zeros that is 0 / 0. Converted to int8, NaN is 0, so that integers come out right; float8 has a NaN and
#            keeps it. NaN times the scale of 0 is NaN, and the next layer sums it into all it computes. Removed single weights,
#            also all but one of a channel, are right. Nothing is said by `quantize`, `freeze` or the network.
# A guess:   zero is in every type, a scale of 0 is met by whoever divides, and what int8 does, float8 does.
# For users: networks whose channels are removed in place, by a mask, have such channels, and so have layers that lose nearly all single
#            weights. The class of NaN logits is 0: accuracy is the share of class 0, not an error. Give removed channels a tiny
#            weight, or take them out. rosalind's weights of few bits keep such a channel at zero.
#
# Output seen (a layer of 64 channels of which one is removed, and a layer of 10 behind it; NaN in logits, largest error without):
#   qint8:          0.00, 0.01
#   qint4:          0.00, 0.08
#   qint2:          0.00, 0.41
#   qfloat8_e4m3fn: 1.00
#   qfloat8_e5m2:   1.00
#   qfloat8_e4m3fn, one weight of the channel left: 0.00, 0.03
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install -q optimum-quanto==0.2.7 torch==2.13.0 numpy==2.4.6 ninja==1.13.2 huggingface_hub==2.4.0 safetensors==0.8.0
"$work/env/bin/python" -W ignore - <<'EOF'
import copy

import torch
from optimum.quanto import freeze, qfloat8_e4m3fn, qfloat8_e5m2, qint2, qint4, qint8, quantize
from torch import nn

torch.manual_seed(0)
network = nn.Sequential(nn.Linear(32, 64), nn.ReLU(), nn.Linear(64, 10))
with torch.no_grad():
    network[0].weight[3] = 0
    network[0].bias[3] = 0
inputs = torch.randn(100, 32)


def logits(dense, kind):
    """Share of NaN among the logits after quantising, and the largest error."""
    with torch.no_grad():
        quantised = copy.deepcopy(dense)
        quantize(quantised, weights=kind)
        freeze(quantised)
        found = quantised(inputs)
        return found.isnan().float().mean().item(), (found - dense(inputs)).abs().max().item()


def said(share, error):
    return f"{share:.2f}" + ("" if share else f", {error:.2f}")


for kind in (qint8, qint4, qint2, qfloat8_e4m3fn, qfloat8_e5m2):
    share, error = logits(network, kind)
    print(f"{kind.name + ':':15} {said(share, error)}")
    assert share == 1 if kind.is_floating_point else share == 0 and error < 0.5, kind.name
with torch.no_grad():
    network[0].weight[3, 0] = 1e-3
share, error = logits(network, qfloat8_e4m3fn)
print(f"qfloat8_e4m3fn, one weight of the channel left: {said(share, error)}")
assert share == 0 and error < 0.1, "a channel of one weight"
EOF
