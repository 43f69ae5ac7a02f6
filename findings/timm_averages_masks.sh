#!/usr/bin/env bash
# timm's moving average of a network that is pruned averages the masks too: its removed weights live for thousands of steps.
#
# Versions:  Python 3.11; timm 1.0.31, torch 2.13.0, torchvision 0.28.0, numpy 2.4.6, CPU.
# Behaviour: `torch.nn.utils.prune` keeps a mask of 0 and 1 as a float buffer. `timm.utils.ModelEmaV3` (and V2) moves every
#            float of the state_dict by the same small step, so that a mask entry that fell to 0 is decay^steps: 0.37 after
#            1,000 steps of 0.999, 0.00005 after 10,000, never 0 in a training's length. The hooks multiply the average's
#            weights by it. `torch.optim.swa_utils.AveragedModel` does the same with `use_buffers=True`, the setting for
#            BatchNorm; its default copies buffers, and the average is as sparse as the network.
# A guess:   a mask is a decision, not a number: the average of a pruned network is pruned, as it is of its weights.
# For users: one prunes while training and evaluates the average. It has no zero, and the removed weights fade behind the
#            network's back: accuracy after pruning is that of a denser network. Copy the masks over before evaluating, and
#            count zeros there. rosalind's `from_torch` refuses masks other than 0 and 1.
#
# Output seen (half of the weights removed, decay 0.999):
#   timm, after 1000 steps: zeros in the network 0.50, in the average 0.00; its mask has 0.37, 1
#   timm, after 10000 steps: zeros in the network 0.50, in the average 0.00; its mask has 4.5e-05, 1
#   torch, buffers averaged, after 1000 steps: zeros in the network 0.50, in the average 0.00; its mask has 0.37, 1
#   torch, buffers averaged, after 10000 steps: zeros in the network 0.50, in the average 0.00; its mask has 4.5e-05, 1
#   torch, after 1000 steps: zeros in the network 0.50, in the average 0.50; its mask has 0, 1
#   torch, after 10000 steps: zeros in the network 0.50, in the average 0.50; its mask has 0, 1
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install -q timm==1.0.31 torch==2.13.0 torchvision==0.28.0 numpy==2.4.6
"$work/env/bin/python" - <<'EOF'
import re
from pathlib import Path

import torch
from torch import nn
from torch.nn.utils import prune
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

# Where torchvision's wheel is of another build than torch's, its operators are missing; nothing here calls them.
registered = Path(torch.__file__).parents[1] / "torchvision" / "_meta_registrations.py"
library = torch.library.Library("torchvision", "FRAGMENT")
for operator in set(re.findall(r'register_fake\("torchvision::(\w+)"', registered.read_text())):
    if not hasattr(torch.ops.torchvision, operator):
        library.define(f"{operator}(Tensor x) -> Tensor")
from timm.utils import ModelEmaV3

DECAY = 0.999
average = get_ema_multi_avg_fn(DECAY)
AVERAGES = {
    "timm": lambda network: ModelEmaV3(network, decay=DECAY),
    "torch, buffers averaged": lambda network: AveragedModel(network, multi_avg_fn=average, use_buffers=True),
    "torch": lambda network: AveragedModel(network, multi_avg_fn=average),
}


def zeros(layer):
    layer(torch.ones(1, 64))  # the hook makes `weight` of its parts
    return (layer.weight == 0).float().mean().item()


for name, start in AVERAGES.items():
    torch.manual_seed(0)
    network = nn.Linear(64, 64)
    with torch.no_grad():  # else it could not be copied
        prune.identity(network, "weight")
    mean = start(network)
    update = mean.update if name == "timm" else mean.update_parameters
    update(network)  # torch's first update copies
    prune.l1_unstructured(network, "weight", 0.5)
    steps = 0
    for until in (1000, 10000):
        while steps < until:
            update(network)
            steps += 1
        mask = mean.module.weight_mask.unique().tolist()
        print(
            f"{name}, after {steps} steps: zeros in the network {zeros(network):.2f}, in the average "
            f"{zeros(mean.module):.2f}; its mask has {', '.join(f'{x:.2g}' for x in mask)}"
        )
        assert zeros(network) == 0.5 and len(mask) == 2 and mask[1] == 1
        if name == "torch":
            assert zeros(mean.module) == 0.5 and mask[0] == 0, "copied buffers"
        else:
            assert zeros(mean.module) == 0 and abs(mask[0] / DECAY**steps - 1) < 0.01, f"{name}: the mask is kept now"
EOF
