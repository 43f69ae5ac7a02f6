#!/usr/bin/env bash
# Counting with thop or torchinfo sets frozen BatchNorm layers training again, and thop leaves arrays in the state_dict.
#
# Versions:  Python 3.11; thop 0.1.1.post2209072238, torchinfo 1.8.0, torch 2.13.0, numpy 2.4.6, CPU.
# Behaviour: both set the model to evaluation, run it, and set it back by `model.train(mode)`, with the mode of the outermost
#            module, which reaches all below. A BatchNorm in evaluation inside a model in training, as for fine-tuning at
#            fixed statistics, is in training afterwards. torchinfo does so only where it is given an input. thop counts in
#            buffers of every layer, and those of layers that it has no rule for (Flatten) stay: the state_dict has
#            `3.total_ops` and `3.total_params`, which a strict load into the same architecture refuses.
# A guess:   counting parameters and operations leaves the network as it was.
# For users: one line that prints the size of a pruned network changes how it is fine-tuned: the statistics that were to be
#            kept follow the fine-tuning data. Freeze after counting, or count a copy. rosalind's `from_torch` gives every module
#            its own mode back.
#
# Output seen (modules in training; shift of the frozen layer's running mean by one batch):
#   as made:               0 2 3 4, shift 0.00
#   torchinfo, no input:   0 2 3 4, shift 0.00
#   torchinfo, with input: 0 1 2 3 4, shift 0.48
#   thop:                  0 1 2 3 4, shift 0.48; arrays added: 3.total_ops 3.total_params
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install -q thop==0.1.1.post2209072238 torchinfo==1.8.0 torch==2.13.0 numpy==2.4.6
"$work/env/bin/python" - <<'EOF'
import thop
import torch
import torchinfo
from torch import nn


def fine_tuned():
    """A network in training whose BatchNorm is to keep its statistics."""
    torch.manual_seed(0)
    layers = nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Flatten(), nn.Linear(8 * 36, 10)
    model = nn.Sequential(*layers).train()
    model[1].eval()
    return model


images = torch.ones(4, 3, 8, 8)
counts = {
    "as made": lambda model: None,
    "torchinfo, no input": lambda model: torchinfo.summary(model, verbose=0),
    "torchinfo, with input": lambda model: torchinfo.summary(model, input_data=images, verbose=0),
    "thop": lambda model: thop.profile(model, inputs=(images,), verbose=False),
}
seen = {}
for name, count in counts.items():
    model = fine_tuned()
    before = set(model.state_dict())
    count(model)
    added = " ".join(sorted(set(model.state_dict()) - before))
    modes = " ".join(str(index) for index, layer in enumerate(model) if layer.training)
    mean = model[1].running_mean.clone()
    model(10 * images)
    shift = (model[1].running_mean - mean).abs().max().item()
    seen[name] = modes, shift > 0.1, added
    print(f"{name + ':':22} {modes}, shift {shift:.2f}" + (f"; arrays added: {added}" if added else ""))
kept, changed = ("0 2 3 4", False, ""), ("0 1 2 3 4", True, "")
assert seen["as made"] == seen["torchinfo, no input"] == kept, "without a run"
assert seen["torchinfo, with input"] == changed, "torchinfo"
assert seen["thop"] == ("0 1 2 3 4", True, "3.total_ops 3.total_params"), "thop"
EOF
