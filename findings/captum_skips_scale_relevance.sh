#!/usr/bin/env bash
# Captum's LRP multiplies what passes a skip connection by the activation once more: relevance depends on the input's scale.
#
# Versions:  Python 3.11; captum 0.9.0, torch 2.13.0, numpy 2.4.6, CPU.
# Behaviour: layer-wise relevance propagation shares the output out among the inputs: their relevance sums to the output, and
#            twice the input of a network without biases has twice the relevance. `captum.attr.LRP` propagates relevance
#            inside of modules as a gradient, and turns it back into relevance, times the activation, where it enters one. What
#            comes over the identity of `x + f(x)` was relevance already, and is multiplied with it. Where f gives x, a
#            block turns relevance R of its sum into (1 + x) R. So the sum is the output without blocks only. A module that
#            has no rule is refused with TypeError; an addition passes without a word. `return_convergence_delta=True` shows
#            the difference to those who ask. That sums are not conserved was known (meta-pytorch/captum#546); the
#            documentation of the class says nothing of either.
# A guess:   what the method cannot treat is refused, as it is for modules, or handed on in full at worst: a factor of two.
# For users: relevance of a ResNet is ruled by its largest activations, changes with the scale of the pixels, and differs by
#            orders of magnitude between networks of other depth or after other pruning. Make the sum a module with a
#            rule of its own. rosalind's networks mark theirs by `models.Sum`, which shares relevance out.
#
# Output seen (weights of the identity; summed relevance over output, for inputs of 0.01, 0.5, 1, 10):
#   residual blocks 0:      1.00      1.00      1.00      1.00
#   residual blocks 1:      1.01      1.50      2.00     11.00
#   residual blocks 2:      1.03      3.00      6.00    231.00
#   residual blocks 4:      1.16     45.00    270.00 767151.00
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install -q captum==0.9.0 torch==2.13.0 numpy==2.4.6
"$work/env/bin/python" -W ignore - <<'EOF'
import math

import torch
from captum.attr import LRP
from torch import nn


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear, self.relu = nn.Linear(4, 4, bias=False), nn.ReLU()

    def forward(self, x):
        return x + self.relu(self.linear(x))


def ratio(blocks, value):
    """Summed relevance over output, of inputs that all have this value."""
    model = nn.Sequential(
        nn.Linear(4, 4, bias=False), nn.ReLU(), *(Block() for _ in range(blocks)), nn.Linear(4, 3, bias=False)
    )
    for module in model.modules():
        if isinstance(module, nn.Linear):
            nn.init.eye_(module.weight)
    inputs = torch.full((1, 4), value)
    return (LRP(model).attribute(inputs, target=0).sum() / model(inputs)[0, 0]).item()


values = (0.01, 0.5, 1.0, 10.0)
for blocks in (0, 1, 2, 4):
    ratios = [ratio(blocks, value) for value in values]
    print(f"residual blocks {blocks}: " + " ".join(f"{x:9.2f}" for x in ratios))
    # The activation doubles with every block.
    expected = [math.prod(1 + value * 2**block for block in range(blocks)) for value in values]
    same = torch.allclose(torch.tensor(ratios), torch.tensor(expected, dtype=torch.float32), rtol=1e-3)
    assert same, "sums are treated otherwise now"
EOF
