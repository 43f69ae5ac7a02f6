#!/usr/bin/env bash
# Making the pruning of a copy permanent takes the weights from the network that it was copied from: both have one class.
#
# Versions:  Python 3.11; torch 2.13.0, numpy 2.4.6, CPU.
# Behaviour: `register_parametrization` gives a layer a class of its own, `ParametrizedLinear`, with `weight` as a property. `copy.deepcopy`
#            copies the tensors and gives the copy that same class. `remove_parametrizations` deletes the property from the class, before it
#            gives the one layer its old class back. The copy is right and plain; the other has its parametrisation still, in
#            `is_parametrized`, its parameters and its state_dict, but no `weight`: its next forward raises AttributeError, which names
#            nothing of this. It does not matter which of the two was the copy: `squash_mask` of PyTorch's sparsifiers, which removes
#            parametrisations, breaks a copy made before it. `torch.nn.utils.prune` gives a layer no class, and `remove` breaks nothing.
# A guess:   a deep copy is independent: removing masks from a copy, as for an export, leaves the network that goes on training.
# For users: a best network is kept by deepcopy while training goes on, or a moving average of it: the first that is made permanent breaks
#            the other. Keep the `state_dict`, or copy after the removal. rosalind's `from_torch` removes
#            nothing from the network that it is given.
#
# Output seen:
#   parametrised, copied:   outputs equal True, one class True
#   copy made permanent:    copy as before True; first: AttributeError, is_parametrized True
#   squash_mask:            copy as before True; first: AttributeError, is_parametrized True
#   torch.nn.utils.prune:   copy as before True; first: as before
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install -q torch==2.13.0 numpy==2.4.6
"$work/env/bin/python" -W ignore - <<'EOF'
import copy

import torch
from torch import nn
from torch.ao.pruning import WeightNormSparsifier
from torch.nn.utils import parametrize, prune


class Masked(nn.Module):
    def __init__(self, mask):
        super().__init__()
        self.register_buffer("mask", mask)

    def forward(self, weight):
        return self.mask * weight


torch.manual_seed(0)
x = torch.randn(4, 16)
mask = (torch.rand(8, 16) > 0.5).float()


def made():
    torch.manual_seed(1)
    return nn.Sequential(nn.Linear(16, 8), nn.ReLU(), nn.Linear(8, 3))


def after(first, second, before):
    """What the copy that was made permanent computes, and what the first does."""
    alike = torch.equal(second(x), before)
    try:
        text = "as before" if torch.equal(first(x), before) else "other outputs"
    except AttributeError as error:
        assert "has no attribute 'weight'" in str(error), error
        text = f"AttributeError, is_parametrized {parametrize.is_parametrized(first[0])}"
    return alike, text


first = made()
parametrize.register_parametrization(first[0], "weight", Masked(mask))
second = copy.deepcopy(first)
before = first(x)
print(f"parametrised, copied:   outputs equal {torch.equal(second(x), before)}, one class {type(first[0]) is type(second[0])}")
assert type(first[0]) is type(second[0]) is not nn.Linear, "a class for each"
seen = {}
parametrize.remove_parametrizations(second[0], "weight")
assert type(second[0]) is nn.Linear, "the copy is plain"
seen["copy made permanent"] = after(first, second, before)

first = made()
sparsifier = WeightNormSparsifier(sparsity_level=0.5)
sparsifier.prepare(first, [{"tensor_fqn": "0.weight"}])
sparsifier.step()
before = first(x)
kept = copy.deepcopy(first)
sparsifier.squash_mask()
seen["squash_mask"] = after(kept, first, before)

first = made()
prune.custom_from_mask(first[0], "weight", mask)
second = made()
prune.custom_from_mask(second[0], "weight", mask)
second.load_state_dict(first.state_dict())
before = first(x)
prune.remove(second[0], "weight")
seen["torch.nn.utils.prune"] = after(first, second, before)
for name, (alike, text) in seen.items():
    print(f"{name + ':':23} copy as before {alike}; first: {text}")
broken = True, "AttributeError, is_parametrized True"
assert seen["copy made permanent"] == seen["squash_mask"] == broken, "a copy is independent now"
assert seen["torch.nn.utils.prune"] == (True, "as before"), "torch.nn.utils.prune"
EOF
