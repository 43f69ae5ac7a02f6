#!/usr/bin/env bash
# torch.func.functional_call ignores a `weight` that is given to a pruned layer: the loss along any line of weights is flat.
#
# Versions:  Python 3.11; torch 2.13.0, numpy 2.4.6, CPU.
# Behaviour: a layer under torch.nn.utils.prune makes its attribute `weight` anew before each call, of `weight_orig` and the mask.
#            `functional_call` accepts `weight`, sets it, and the layer overwrites it at once. What the layer wrote is then
#            put into the dict that was given, in place of the tensor there. A name that no layer has is accepted as well.
#            Given `weight_orig`, it computes what was asked for, restores `weight_orig`, and leaves `weight` as it was for
#            that call until the next one.
# A guess:   what is accepted is used, and a functional call leaves the module as it was.
# For users: weights by the names of the dense network, of an ensemble, a line between two networks or a perturbation, give the
#            pruned network's own loss: it sits in a perfectly flat valley. Gradients by the dict's values after the call are
#            the pruned network's, whatever one gave. And the weights that are read (norms, histograms, exports) after
#            a call with others are those others. rosalind's `from_torch` makes weights of originals and masks, and calls
#            the model as it is.
#
# Output seen (loss of a half pruned network on the way to 0 weights, by the name that is given):
#   weight:      1.175 1.175 1.175 1.175 1.175
#   weight_orig: 1.175 1.124 1.104 1.1 1.101
#   removed:     1.175 1.124 1.104 1.1 1.101
#   sizes in `weight` after a call with 0 in `weight_orig`: 0.0; after the next call of the model: 48.1
#   zeros given as `weight`: sizes in the dict after the call 48.1, gradient by its values not 0: True, by the zeros: None
#   a name that no layer has: accepted
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install -q torch==2.13.0 numpy==2.4.6
"$work/env/bin/python" - <<'EOF'
import copy

import torch
from torch import nn
from torch.func import functional_call
from torch.nn.utils import prune

torch.manual_seed(0)
images, labels = 3 * torch.randn(200, 16), torch.arange(200) % 3
model = nn.Sequential(nn.Linear(16, 32), nn.ReLU(), nn.Linear(32, 3))
for layer in (model[0], model[2]):
    prune.l1_unstructured(layer, "weight", 0.5)
model(images)
weights = {f"{index}.weight": model[index].weight.detach().clone() for index in (0, 2)}


def loss(model, given):
    return nn.functional.cross_entropy(functional_call(model, given, (images,)), labels)


def line(model, suffix):
    """Losses on the way from the pruned network to one of zero weights."""
    steps = (0, 0.25, 0.5, 0.75, 1)
    return [
        round(loss(model, {name + suffix: (1 - step) * weight for name, weight in weights.items()}).item(), 3)
        for step in steps
    ]


model.requires_grad_(False)
model(images)
removed = copy.deepcopy(model)
for layer in (removed[0], removed[2]):
    prune.remove(layer, "weight")
lines = {"weight": line(model, ""), "weight_orig": line(model, "_orig"), "removed": line(removed, "")}
for name, losses in lines.items():
    print(f"{name + ':':12}", " ".join(map(str, losses)))

sizes = []
functional_call(model, {name + "_orig": torch.zeros_like(weight) for name, weight in weights.items()}, (images,))
sizes.append(model[0].weight.abs().sum().item())
model(images)
sizes.append(model[0].weight.abs().sum().item())
print(
    f"sizes in `weight` after a call with 0 in `weight_orig`: {sizes[0]:.1f}; "
    f"after the next call of the model: {sizes[1]:.1f}"
)
zeros = torch.zeros_like(weights["0.weight"], requires_grad=True)
given = {"0.weight": zeros}
value = loss(model.requires_grad_(), given)
(slope,) = torch.autograd.grad(value, [given["0.weight"]], retain_graph=True)
(of_zeros,) = torch.autograd.grad(value, [zeros], allow_unused=True)
replaced = given["0.weight"].abs().sum().item()
print(
    f"zeros given as `weight`: sizes in the dict after the call {replaced:.1f}, "
    f"gradient by its values not 0: {slope.any().item()}, by the zeros: {of_zeros}"
)
loss(model, {"0.kernel": torch.zeros(1)})
print("a name that no layer has: accepted")
assert len(set(lines["weight"])) == 1, "weights that are given are used"
assert lines["weight_orig"] == lines["removed"] and lines["removed"][0] != lines["removed"][-1], "weight_orig"
assert sizes[0] == 0 < sizes[1], "what stays"
assert replaced > 0 and slope.any() and of_zeros is None, "what is in the dict"
EOF
