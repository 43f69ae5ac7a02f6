#!/usr/bin/env bash
# torch.nn.utils.prune puts a layer's weight behind its bias, for good: flat vectors of parameters no longer match.
#
# Versions:  Python 3.11; torch 2.13.0, numpy 2.4.6, CPU.
# Behaviour: pruning removes the parameter `weight` and appends `weight_orig`; `prune.remove` removes that and appends `weight`.
#            A module keeps its parameters in the order in which they came, so the bias is first from then on, in
#            `parameters()`, `state_dict()` and what is saved. `parameters_to_vector` has the same length and other places.
#            `vector_to_parameters` of the dense network's vector fills a pruned copy without an error, with biases in
#            weights. An optimizer's stored state is by place too: loaded after `remove`, a weight has the bias's momentum, and
#            that is noticed only where the two shapes cannot be broadcast. By name all is right.
# A guess:   a mask of ones changes nothing, and removing the pruning restores what was before it.
# For users: distances, cosines, lines and Fisher or Hessian products between a pruned network and its dense one, which papers
#            take of flat vectors, are of unrelated numbers: a copy with nothing removed is as far as another network.
#            Make the vector by sorted names. rosalind reads PyTorch's weights by name.
#
# Output seen (a network, its copy with masks of ones, which are then removed):
#   order:     0.weight 0.bias 2.weight 2.bias -> 0.bias 0.weight 2.bias 2.weight
#   distance:  0.00 by name, 7.17 of the vectors, 7.12 to another network; cosine of the vectors 0.04
#   filled by the dense network's vector: outputs differ by 0.29, of a standard deviation of 0.29
#   momentum of BatchNorm's scale, 1.0, is in its offset after loading: True
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install -q torch==2.13.0 numpy==2.4.6
"$work/env/bin/python" - <<'EOF'
import copy

import torch
from torch import nn
from torch.nn.utils import parameters_to_vector, prune, vector_to_parameters


def network():
    return nn.Sequential(nn.Linear(16, 64), nn.ReLU(), nn.Linear(64, 10))


def masked_once(model):
    """A copy that went through pruning of nothing."""
    model = copy.deepcopy(model)
    for layer in model:
        if hasattr(layer, "weight"):
            prune.identity(layer, "weight")
            prune.remove(layer, "weight")
    return model


def vector(model):
    return parameters_to_vector(model.parameters()).detach()


torch.manual_seed(0)
dense, other = network(), network()
pruned = masked_once(dense)
before, after = (" ".join(name for name, _ in model.named_parameters()) for model in (dense, pruned))
print(f"order:     {before} -> {after}")
weights = pruned.state_dict()
by_name = sum((value - weights[name]).norm() for name, value in dense.state_dict().items()).item()
apart, unrelated = ((vector(dense) - vector(model)).norm().item() for model in (pruned, other))
cosine = torch.cosine_similarity(vector(dense), vector(pruned), dim=0).item()
print(
    f"distance:  {by_name:.2f} by name, {apart:.2f} of the vectors, {unrelated:.2f} to another network; "
    f"cosine of the vectors {cosine:.2f}"
)
images = torch.randn(100, 16)
outputs = dense(images).detach()
filled = copy.deepcopy(pruned)
vector_to_parameters(vector(dense), filled.parameters())
error = (filled(images) - outputs).pow(2).mean().sqrt().item()
print(
    "filled by the dense network's vector: outputs differ by "
    f"{error:.2f}, of a standard deviation of {outputs.std().item():.2f}"
)

norm = nn.Sequential(nn.BatchNorm1d(4))
optimizer = torch.optim.SGD(norm.parameters(), lr=0.1, momentum=0.9)
norm[0].weight.grad, norm[0].bias.grad = torch.ones(4), torch.zeros(4)
optimizer.step()
norm = masked_once(norm)
again = torch.optim.SGD(norm.parameters(), lr=0.1, momentum=0.9)
again.load_state_dict(optimizer.state_dict())
exchanged = again.state[norm[0].bias]["momentum_buffer"].tolist() == [1.0] * 4
print(f"momentum of BatchNorm's scale, 1.0, is in its offset after loading: {exchanged}")

assert torch.equal(pruned(images), dense(images)), "the copy is no copy"
assert before == "0.weight 0.bias 2.weight 2.bias" and after == "0.bias 0.weight 2.bias 2.weight", "order"
assert by_name == 0 and apart > 0.8 * unrelated and abs(cosine) < 0.2, "distances"
assert error > 0.8 * outputs.std() and exchanged, "filled and loaded"
EOF
