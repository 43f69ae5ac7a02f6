#!/usr/bin/env bash
# Zennit's rules leave the weights of a layer that PyTorch pruned as they are: z+, gamma and alpha-beta give other relevance.
#
# Versions:  Python 3.11; zennit 0.5.1, torch 2.13.0, numpy 2.4.6, CPU.
# Behaviour: a rule changes a layer's own parameters (keeps the positive ones, say), calls its `forward`, and puts them back.
#            Under `torch.nn.utils.prune` these are `bias` and `weight_orig`; `weight`, from which `forward` computes, is made
#            of the latter by a hook that `forward` does not call. Under a parametrisation only `bias` is left. So biases are
#            changed and weights are not. Epsilon, which changes neither, is right. There is no error, and after
#            `prune.remove`, which leaves the network's outputs as they were, all rules are right.
# A guess:   relevance depends on the function that the network computes, or the rule refuses what it does not know.
# For users: maps of a pruned network are made by other rules than those of its dense parent, so that pruning seems to change
#            what the network looks at; Zennit's own composites have z+, gamma or alpha-beta in all convolutions. z+ has
#            relevance of both signs then, where it cannot have any below 0. Call `prune.remove` on a copy first.
#            rosalind's own rules take the kernels that the network computes with.
#
# Output seen (relevance of the inputs of one image; inputs are above 0):
#   epsilon,    pruned:    0.65  -0.43  -0.03   0.46  -0.20   0.22  sum 0.68
#   epsilon,    removed:   0.65  -0.43  -0.03   0.46  -0.20   0.22  sum 0.68
#   z+,         pruned:    0.62  -0.34  -0.09   0.27  -0.01   0.14  sum 0.59
#   z+,         removed:   0.00   0.25   0.42   0.07   0.13   0.00  sum 0.88
#   gamma,      pruned:    0.61  -0.35  -0.06   0.46  -0.20   0.22  sum 0.68
#   gamma,      removed:   0.30  -0.15   0.18   0.28   0.02   0.09  sum 0.72
#   alpha-beta, pruned:    1.07  -1.06  -0.39   0.06   0.19   0.07  sum -0.07
#   alpha-beta, removed:  -0.89   0.80   0.94  -0.01   0.26  -0.25  sum 0.84
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install -q torch==2.13.0 numpy==2.4.6 pillow==13.0.0
"$work/env/bin/pip" install -q --no-deps zennit==0.5.1
# Zennit imports four names of torchvision, whose wheel has to be of the same build as torch's, and uses none of them here.
mkdir -p "$work/torchvision/models"
touch "$work/torchvision/__init__.py" "$work/torchvision/models/__init__.py"
echo 'class Bottleneck: pass
class BasicBlock: pass' >"$work/torchvision/models/resnet.py"
echo 'class VGG: pass' >"$work/torchvision/models/vgg.py"
PYTHONPATH="$work" "$work/env/bin/python" - <<'EOF'
import copy

import torch
from torch import nn
from torch.nn.utils import parametrize, prune
from zennit import rules

torch.manual_seed(0)
dense = nn.Sequential(nn.Linear(6, 32), nn.ReLU(), nn.Linear(32, 3))
pruned = copy.deepcopy(dense)
layers = 0, 2
for layer in layers:
    prune.l1_unstructured(pruned[layer], "weight", 0.5)
removed = copy.deepcopy(dense)
for layer in layers:
    prune.custom_from_mask(removed[layer], "weight", pruned[layer].weight_mask)
    prune.remove(removed[layer], "weight")
x = torch.rand(4, 6)
assert torch.equal(pruned(x), removed(x)), "two networks"


def relevance(network, rule):
    """Relevance of the inputs for the first class, whose own is 1."""
    inputs = x.clone().requires_grad_()
    handles = [rule.copy().register(network[layer]) for layer in layers]
    output = network(inputs)
    (found,) = torch.autograd.grad(output, inputs, torch.eye(3)[[0] * len(x)])
    for handle in handles:
        handle.remove()
    return found


seen = {}
for name, rule in (
    ("epsilon", rules.Epsilon()),
    ("z+", rules.ZPlus()),
    ("gamma", rules.Gamma()),
    ("alpha-beta", rules.AlphaBeta(2, 1)),
):
    seen[name] = relevance(pruned, rule), relevance(removed, rule)
    for network, found in zip(("pruned", "removed"), seen[name]):
        values = " ".join(f"{value:6.2f}" for value in found[0])
        print(f"{name + ',':11} {network + ':':8} {values}  sum {found[0].sum():.2f}")


def close(name):
    return torch.allclose(*seen[name], atol=1e-5)


assert close("epsilon"), "epsilon"
assert not any(map(close, ("z+", "gamma", "alpha-beta"))), "rules reach the weights of a pruned layer now"
assert (seen["z+"][1] >= 0).all() and (seen["z+"][0] < -0.1).any(), "the sign of z+"


class Masked(nn.Module):
    def __init__(self, mask):
        super().__init__()
        self.register_buffer("mask", mask)

    def forward(self, weight):
        return self.mask * weight


parametrised = copy.deepcopy(dense)
for layer in layers:
    parametrize.register_parametrization(parametrised[layer], "weight", Masked(pruned[layer].weight_mask))
assert torch.equal(pruned(x), parametrised(x)), "two networks"
found = relevance(parametrised, rules.ZPlus())
assert torch.allclose(found, seen["z+"][0], atol=1e-5), "parametrised weights"
EOF
