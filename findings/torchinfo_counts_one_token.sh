#!/usr/bin/env bash
# torchinfo counts a linear layer over 197 tokens as over one: of a transformer's products 1 in 1,000 is in its mult-adds.
#
# Versions:  Python 3.11; torchinfo 1.8.0, torch 2.13.0, numpy 2.4.6, CPU.
# Behaviour: `summary(...).total_mult_adds` is, but for layers with "Conv" in their class's name, parameters times the first axis of
#            the output. Tokens, and the places of a map whose channels are last, do not count: a 1 x 1 convolution and the linear
#            layer that is the same function differ by the number of places. An attention layer has none at all, and a parameter
#            that the network multiplies by itself neither. A transposed convolution is counted at its output's size, a
#            factor of its stride squared. Convolutions, linear layers on vectors and recurrent layers are right.
# A guess:   mult-adds are what the network multiplies at that input size, which `summary` is given and runs.
# For users: beside a table of pruned networks a transformer or mixer looks a hundred times as cheap as a convolutional network, and
#            pruning its head looks like pruning most of it. torch.utils.flop_counter is right in training. rosalind counts a
#            kernel at all of its positions.
#
# Output seen (mult-adds by torchinfo and by hand):
#   linear on a vector:      1024 of 1024
#   linear on 197 tokens:    1024 of 201728
#   linear on 14 x 14 maps:  1024 of 200704
#   1 x 1 convolution:       200704 of 200704
#   transposed, stride 2:    204800 of 51200
#   matrix of its own:       0 of 201728
#   transformer's layer:     4320 of 4097600
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install -q torchinfo==1.8.0 torch==2.13.0 numpy==2.4.6
"$work/env/bin/python" -W ignore - <<'EOF'
import torch
import torchinfo
from torch import nn


class Product(nn.Module):
    """The same function as a linear layer without bias."""

    def __init__(self):
        super().__init__()
        self.matrix = nn.Parameter(torch.randn(32, 32))

    def forward(self, x):
        return x @ self.matrix


TOKENS, WIDTH, HIDDEN, PLACES = 197, 32, 64, 14 * 14
LAYER = TOKENS * (4 * WIDTH**2 + 2 * WIDTH * HIDDEN) + 2 * TOKENS**2 * WIDTH
ROWS = (
    ("linear on a vector", nn.Linear(32, 32, bias=False), (1, 32), WIDTH**2, 1),
    ("linear on 197 tokens", nn.Linear(32, 32, bias=False), (1, TOKENS, 32), TOKENS * WIDTH**2, 1 / TOKENS),
    ("linear on 14 x 14 maps", nn.Linear(32, 32, bias=False), (1, 14, 14, 32), PLACES * WIDTH**2, 1 / PLACES),
    ("1 x 1 convolution", nn.Conv2d(32, 32, 1, bias=False), (1, 32, 14, 14), PLACES * WIDTH**2, 1),
    ("transposed, stride 2", nn.ConvTranspose2d(8, 16, 2, 2, bias=False), (1, 8, 10, 10), 100 * 8 * 16 * 4, 4),
    ("matrix of its own", Product(), (1, TOKENS, 32), TOKENS * WIDTH**2, 0),
    ("transformer's layer", nn.TransformerEncoderLayer(WIDTH, 4, HIDDEN, batch_first=True), (1, TOKENS, 32), LAYER, None),
)
for name, network, size, by_hand, ratio in ROWS:
    counted = torchinfo.summary(network.train(), input_size=size, verbose=0, device="cpu").total_mult_adds
    print(f"{name + ':':24} {counted} of {by_hand}")
    if ratio is None:
        assert counted < 0.002 * by_hand, "tokens count now"
    else:
        assert counted == round(ratio * by_hand), name
EOF
