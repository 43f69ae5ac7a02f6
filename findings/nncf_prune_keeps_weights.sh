#!/usr/bin/env bash
# A network pruned by NNCF has no zero in its weights, also once it is stripped, and a part of it called alone is dense.
#
# Versions:  Python 3.11; nncf 3.4.0, torch 2.13.0, torchao 0.18.0 (which strip imports), numpy 2.4.6, CPU.
# Behaviour: `nncf.prune` leaves every weight as it was. Its masks are buffers of a module `__nncf_hooks`, and are applied only
#            while the whole model is called. So counting zeros gives 0, a forward through `model.body` gives what the dense
#            network gives, and its state_dict loads into the plain class as the dense network; the only sign is the keys
#            of masks, which `strict=False` lets pass. `nncf.strip` says that it removes auxiliary operations, and keeps
#            all of this by default. `strip_format=nncf.StripFormat.IN_PLACE` multiplies the masks into the weights.
# A guess:   as in `torch.nn.utils.prune` and its `remove`: a layer is pruned whoever calls it, and a stripped network is plain.
# For users: sparsity 0 in a table; features taken by `forward_features` or from an inner part, and their geometry, are
#            of the dense network, while the accuracy is the pruned one's. Strip in place before anything else.
#            rosalind's `from_torch` refuses a network that still has these masks.
#
# Output seen (70 % asked for):
#   pruned:            zeros in body 0.00, in head 0.00; whole model as dense False, body alone as dense True
#   strip:             zeros in body 0.00, in head 0.00; whole model as dense False, body alone as dense True
#   strip in place:    zeros in body 0.70, in head 0.70; whole model as dense False, body alone as dense False
#   loaded, not strict: zeros in body 0.00, in head 0.00; whole model as dense True, body alone as dense True
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install -q nncf==3.4.0 torch==2.13.0 torchao==0.18.0 numpy==2.4.6
cat >"$work/run.py" <<'EOF'
import copy

import nncf
import torch
from torch import nn


class Classifier(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(1, 16, 3, 2, 1), nn.ReLU(), nn.Flatten())
        self.head = nn.Linear(1024, 10)

    def forward(self, x):
        return self.head(self.body(x))


torch.manual_seed(0)
x = torch.randn(8, 1, 16, 16)
dense = Classifier().eval()
pruned = nncf.prune(
    copy.deepcopy(dense), nncf.PruneMode.UNSTRUCTURED_MAGNITUDE_LOCAL, ratio=0.7, examples_inputs=x
)
loaded = Classifier().eval()
assert not loaded.load_state_dict(pruned.state_dict(), strict=False).missing_keys
seen = {}
for name, model in {
    "pruned": pruned,
    "strip": nncf.strip(pruned, example_input=x),
    "strip in place": nncf.strip(pruned, example_input=x, strip_format=nncf.StripFormat.IN_PLACE),
    "loaded, not strict": loaded,
}.items():
    zeros = [round((layer.weight == 0).float().mean().item(), 2) for layer in (model.body[0], model.head)]
    with torch.no_grad():
        alike = torch.equal(model(x), dense(x)), torch.equal(model.body(x), dense.body(x))
    print(
        f"{name + ':':18} zeros in body {zeros[0]:.2f}, in head {zeros[1]:.2f}; "
        f"whole model as dense {alike[0]}, body alone as dense {alike[1]}"
    )
    seen[name] = zeros, alike
assert seen["pruned"] == seen["strip"] == ([0, 0], (False, True)), "the weights are masked now"
assert seen["strip in place"] == ([0.7, 0.7], (False, False)), "stripping in place"
assert seen["loaded, not strict"] == ([0, 0], (True, True)), "loading"
EOF
"$work/env/bin/python" "$work/run.py" 2>"$work/errors" || { cat "$work/errors" >&2; exit 1; }
