#!/usr/bin/env bash
# A pruned attention layer that was loaded from its state_dict computes with the weights it had before loading.
#
# Versions:  Python 3.11; torch 2.13.0, numpy 2.4.6, CPU.
# Behaviour: `torch.nn.utils.prune` stores `weight_orig` and `weight_mask`, and a hook makes `weight` of them whenever the
#            layer is called. `nn.MultiheadAttention` never calls its `out_proj`: it takes `out_proj.weight` as it lies there.
#            `load_state_dict` replaces the two stored parts, reports that all keys matched, and leaves `weight` at the
#            fresh initialisation, unpruned, however often the model is called, with gradients or without.
#            A linear layer comes back right. `prune.remove` after loading makes attention right too.
#            That training such a layer raises at its second step is pytorch/pytorch#69353; loading is silent.
# A guess:   a checkpoint whose keys all match gives the network that was stored; the masks in it are zeros in the weights.
# For users: a pruned transformer is evaluated with random projections in every block, and its sparsity, counted from the
#            masks, is right. Rewinding by `load_state_dict` to early weights changes nothing there. Call `prune.remove` on
#            `out_proj`, or set `weight = weight_orig * weight_mask`, after loading. rosalind's `from_torch` does the latter.
#
# Output seen:
#   Linear: keys matched True, zeros in weight_mask 0.50, in weight 0.50; the stored layer's output: True
#   out_proj of MultiheadAttention: keys matched True, zeros in weight_mask 0.50, in weight 0.00; the stored layer's output: False
#   after prune.remove: zeros in weight 0.50; the stored layer's output: True
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install -q torch==2.13.0 numpy==2.4.6
"$work/env/bin/python" - <<'EOF'
import torch
from torch import nn
from torch.nn.utils import prune

torch.manual_seed(0)
x = torch.randn(2, 5, 8)


def stored_and_loaded(make, pruned):
    """A layer, pruned, and a fresh one that loads its state_dict."""
    stored, loaded = make().eval(), make().eval()
    prune.l1_unstructured(pruned(stored), "weight", 0.5)
    prune.identity(pruned(loaded), "weight")
    keys = loaded.load_state_dict(stored.state_dict())
    return stored, loaded, not keys.missing_keys and not keys.unexpected_keys


def zeros(tensor):
    return (tensor == 0).float().mean().item()


def same(call, one, other):
    with torch.no_grad():
        call(other)
        without = torch.allclose(call(one), call(other), atol=1e-6)
    assert torch.allclose(call(one), call(other), atol=1e-6) == without, "gradients make a difference"
    return without


stored, loaded, matched = stored_and_loaded(lambda: nn.Linear(8, 8), lambda layer: layer)
linear = same(lambda layer: layer(x), stored, loaded)
print(
    f"Linear: keys matched {matched}, zeros in weight_mask {zeros(loaded.weight_mask):.2f}, "
    f"in weight {zeros(loaded.weight):.2f}; the stored layer's output: {linear}"
)
assert matched and linear, "a linear layer"


def attend(layer):
    return layer(x, x, x)[0]


stored, loaded, matched = stored_and_loaded(
    lambda: nn.MultiheadAttention(8, 2, batch_first=True), lambda layer: layer.out_proj
)
right, projection = same(attend, stored, loaded), loaded.out_proj
print(
    f"out_proj of MultiheadAttention: keys matched {matched}, zeros in weight_mask {zeros(projection.weight_mask):.2f}, "
    f"in weight {zeros(projection.weight):.2f}; the stored layer's output: {right}"
)
assert matched and not right and zeros(projection.weight) == 0, "attention loads what was stored: mended"
prune.remove(projection, "weight")
right = same(attend, stored, loaded)
print(f"after prune.remove: zeros in weight {zeros(projection.weight):.2f}; the stored layer's output: {right}")
assert right and zeros(projection.weight) == 0.5, "prune.remove"
EOF
