#!/usr/bin/env bash
# Torch-Pruning leaves a layer at full width where the ratio asks for all of its channels: above a point it prunes less.
#
# Versions:  Python 3.11; torch-pruning 1.6.1, torch 2.13.0, numpy 2.4.6, CPU.
# Behaviour: a pruner never removes all channels of a layer. It does not keep the best one, but skips the layer. With
#            `pruning_ratio=0.93` 16 channels become 1; with 0.94, whose share of 16 rounds to nothing, they stay 16. At
#            0.99 the whole network of 16 and 64 channels is as it was, with no error or warning. With `global_pruning` a
#            layer whose channels are all below the common threshold, the least important one, is the one that stays whole.
#            VainF/Torch-Pruning#417 met it as a size that grows.
# A guess:   parameters fall when the ratio rises; a ratio that cannot be met is cut (to one channel) or refused.
# For users: the sparse end of a sweep is of networks denser than those before them, narrow layers first, and an accuracy
#            that recovers there looks like a finding. Plot the parameters that are left, not the ratio that was asked for.
#            In rosalind a group that loses all its channels keeps one, all of whose weights are 0.
#
# Output seen:
#   ratio 0.90: channels  1 and  6,   158 parameters
#   ratio 0.93: channels  1 and  4,   118 parameters
#   ratio 0.94: channels 16 and  3,   923 parameters
#   ratio 0.99: channels 16 and 64, 10378 parameters
#   global, ratio 0.85: channels  1 and 11,   258 parameters
#   global, ratio 0.90: channels 16 and  7,  1543 parameters
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install -q torch-pruning==1.6.1 torch==2.13.0 numpy==2.4.6
"$work/env/bin/python" -W error::UserWarning:torch_pruning - <<'EOF'
import torch
import torch_pruning
from torch import nn

images = torch.zeros(1, 3, 8, 8)


class Network(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Conv2d(3, 16, 3, padding=1), nn.Conv2d(16, 64, 3, padding=1)
        self.fc = nn.Linear(64, 10)

    def forward(self, x):
        return self.fc(self.second(self.first(x).relu()).relu().mean((2, 3)))


def pruned(ratio, together=False):
    """Channels of both layers and the number of parameters after one step."""
    torch.manual_seed(0)
    network = Network()
    torch_pruning.pruner.BasePruner(
        network,
        images,
        importance=torch_pruning.importance.MagnitudeImportance(),
        pruning_ratio=ratio,
        global_pruning=together,
        ignored_layers=[network.fc],
    ).step()
    return network.first.out_channels, network.second.out_channels, sum(p.numel() for p in network.parameters())


sizes = {}
for ratio in (0.90, 0.93, 0.94, 0.99):
    first, second, sizes[ratio] = pruned(ratio)
    print(f"ratio {ratio:.2f}: channels {first:2} and {second:2}, {sizes[ratio]:5} parameters")
whole = sum(p.numel() for p in Network().parameters())
assert sizes[0.93] < sizes[0.90] and sizes[0.93] < sizes[0.94] < sizes[0.99] == whole, "high ratios prune more now"
for ratio in (0.85, 0.90):
    first, second, sizes[ratio] = pruned(ratio, together=True)
    print(f"global, ratio {ratio:.2f}: channels {first:2} and {second:2}, {sizes[ratio]:5} parameters")
assert sizes[0.85] < sizes[0.90] < whole, "a layer below the common threshold is pruned now"
EOF
