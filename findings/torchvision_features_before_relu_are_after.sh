#!/usr/bin/env bash
# Features that torchvision extracts in front of a ReLU are those behind it: BatchNorm's output of a ResNet has no negative number.
#
# Versions:  Python 3.11; torchvision 0.28.0, torch 2.13.0, numpy 2.4.6, CPU.
# Behaviour: `create_feature_extractor(network, ["bn1"])` gives what `bn1` returned, and the ReLU that follows in torchvision's
#            networks works in place: it has overwritten this array before the caller sees it. So the features of `bn1` and of `relu`
#            are one and the same array. A forward hook that keeps its output, detached or not, has the same, and more: the
#            block's `out += identity` is in place too, so that what it keeps of a block's last BatchNorm holds the skip connection
#            and the ReLU behind it. The extractor traces this sum as one that is not in place, and keeps that layer. A layer whose
#            ReLU is not in place is right.
# A guess:   a node's features are the node's output, as its name says; only the network's own arithmetic is in place.
# For users: shares of dead or saturated units, margins to 0, and CKA between layers are of another layer than they say; whether
#            they are depends on `inplace` in the network's source. Clone in the hook, or set `inplace = False` in all ReLUs,
#            before extracting. rosalind's networks have no arrays that are changed in place.
#
# Output seen (ResNet-18 with random weights, 8 images; shares of negative numbers):
#   bn1: the extractor 0.00, a hook 0.00, a hook that clones 0.50, the extractor, not in place 0.50
#   relu: the extractor 0.00, a hook 0.00, a hook that clones 0.00, the extractor, not in place 0.00
#   layer1.0.bn2: the extractor 0.40, a hook 0.00, a hook that clones 0.40, the extractor, not in place 0.40
#   layer2.0.downsample.1: the extractor 0.57, a hook 0.57, a hook that clones 0.57, the extractor, not in place 0.57
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install -q torchvision==0.28.0 torch==2.13.0 numpy==2.4.6
"$work/env/bin/python" -W ignore - <<'EOF'
import re
from pathlib import Path

import torch
from torch import nn

# Where torchvision's wheel is of another build than torch's, its operators are missing; nothing here calls them.
registered = Path(torch.__file__).parents[1] / "torchvision" / "_meta_registrations.py"
library = torch.library.Library("torchvision", "FRAGMENT")
for operator in set(re.findall(r'register_fake\("torchvision::(\w+)"', registered.read_text())):
    if not hasattr(torch.ops.torchvision, operator):
        library.define(f"{operator}(Tensor x) -> Tensor")
from torchvision.models import resnet18
from torchvision.models.feature_extraction import create_feature_extractor

LAYERS = "bn1", "relu", "layer1.0.bn2", "layer2.0.downsample.1"
torch.manual_seed(0)
network, images = resnet18(num_classes=10).eval(), torch.randn(8, 3, 32, 32)


def hooked(keep):
    """What hooks on the layers keep of their outputs."""
    kept = {}
    handles = [
        network.get_submodule(name).register_forward_hook(
            lambda module, inputs, output, name=name: kept.update({name: keep(output)})
        )
        for name in LAYERS
    ]
    network(images)
    for handle in handles:
        handle.remove()
    return kept


with torch.no_grad():
    extracted = create_feature_extractor(network, list(LAYERS))(images)
    kept, cloned = hooked(torch.Tensor.detach), hooked(lambda output: output.clone())
    for module in network.modules():
        if isinstance(module, nn.ReLU):
            module.inplace = False
    apart = create_feature_extractor(network, list(LAYERS))(images)
    block = create_feature_extractor(network, ["layer1.0.relu_1"])(images)["layer1.0.relu_1"]


def negative(features):
    return (features < 0).float().mean().item()


for name in LAYERS:
    columns = {"the extractor": extracted, "a hook": kept, "a hook that clones": cloned, "the extractor, not in place": apart}
    print(f"{name}: " + ", ".join(f"{column} {negative(found[name]):.2f}" for column, found in columns.items()))
assert extracted["bn1"] is extracted["relu"] or torch.equal(extracted["bn1"], extracted["relu"]), "bn1 and relu"
assert negative(extracted["bn1"]) == negative(kept["bn1"]) == 0, "the layer's own output is kept now"
assert 0.3 < negative(cloned["bn1"]) < 0.7 and torch.equal(cloned["bn1"], apart["bn1"]), "the layer's own output"
assert torch.equal(kept["layer1.0.bn2"], block) and not torch.equal(cloned["layer1.0.bn2"], block), "the skip connection"
assert torch.equal(extracted["layer1.0.bn2"], cloned["layer1.0.bn2"]), "the traced sum"
EOF
