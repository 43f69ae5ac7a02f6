#!/usr/bin/env bash
# torch-simplify removes every filter whose weights add up to 0, a Sobel filter too: of ternary 3 x 3 filters that are not zero 19 % go.
#
# Versions:  Python 3.11; torch-simplify 1.1.4, torch 2.13.0, torchvision 0.28.0, numpy 2.4.6, CPU.
# Behaviour: it takes for pruned, and cuts out, the channels whose sum of weights is 0, not those whose weights are. What is cut out counts as the
#            constant that it gives for an image of zeros. In float32 a trained filter hardly ever adds up to exactly 0; a filter of few bits,
#            of signs or by hand often does. Nothing is said, and the network has the shapes that it should have had.
# A guess:   only channels of zeros are removed, and what comes out computes the same, as its notes promise for pruned networks.
# For users: a network that is pruned, quantised to few bits and then simplified loses edge detectors of all its first layers. Simplify before
#            rounding, and compare outputs. rosalind removes channels by its masks.
#
# Output seen (filters of 3 x 3 on one channel, of 256 a quarter pruned):
#   Sobel, its transpose, a mean and zeros: 1 of 4 filters left, 2 that are not zero removed
#   float32: 192 of 256 filters left, 0 that are not zero removed, a logit changes by up to 0.00 deviations
#   4 bits: 181 of 256 filters left, 11 that are not zero removed, a logit changes by up to 6.52 deviations
#   3 bits: 159 of 256 filters left, 33 that are not zero removed, a logit changes by up to 13.52 deviations
#   ternary: 156 of 256 filters left, 36 that are not zero removed, a logit changes by up to 21.01 deviations
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install -q torch-simplify==1.1.4 torch==2.13.0 torchvision==0.28.0 numpy==2.4.6
"$work/env/bin/python" -W ignore - <<'EOF'
import re
from pathlib import Path

import torch

# Where torchvision's wheel is of another build than torch's, its operators are missing; nothing here calls them.
registered = Path(torch.__file__).parents[1] / "torchvision" / "_meta_registrations.py"
library = torch.library.Library("torchvision", "FRAGMENT")
for operator in set(re.findall(r'register_fake\("torchvision::(\w+)"', registered.read_text())):
    if not hasattr(torch.ops.torchvision, operator):
        library.define(f"{operator}(Tensor x) -> Tensor")
from simplify import simplify
from torch import nn

torch.manual_seed(0)
images = torch.rand(64, 1, 16, 16)


def removed(filters):
    """Filters left, how many of those removed are not zero, and the largest change of a logit, in its deviations over images."""
    network = nn.Sequential(nn.Conv2d(1, len(filters), 3, bias=False), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(len(filters), 10))
    with torch.no_grad():
        network[0].weight.copy_(filters[:, None])
        before = network(images)
        simple = simplify(network, images[:1], fuse_bn=False)
        change = (abs(simple(images) - before) / before.std(0)).max()
    left = simple[0].weight.shape[0]
    return left, int((filters.flatten(1) != 0).any(1).sum()) - left, float(change)


sobel = torch.tensor([[-1.0, 0, 1], [-2, 0, 2], [-1, 0, 1]])
left, lost, _ = removed(torch.stack([sobel, sobel.T, torch.full((3, 3), 1 / 9), torch.zeros(3, 3)]))
print(f"Sobel, its transpose, a mean and zeros: {left} of 4 filters left, {lost} that are not zero removed")
assert (left, lost) == (1, 2), "a Sobel filter is kept"
filters = torch.randn(256, 3, 3)
filters[::4] = 0
kinds = {"float32": filters}
for bits in (4, 3):
    kinds[f"{bits} bits"] = torch.round(filters / filters.abs().max() * (2 ** (bits - 1) - 1))
kinds["ternary"] = filters.sign() * (filters.abs() > 0.7 * filters.abs().mean())
lost = {}
for name, few in kinds.items():
    left, lost[name], change = removed(few)
    print(f"{name}: {left} of 256 filters left, {lost[name]} that are not zero removed, a logit changes by up to {change:.2f} deviations")
    assert (change > 0.1) == (name != "float32"), "the network computes something else"
assert lost["float32"] == 0 and 0 < lost["4 bits"] < lost["3 bits"] < lost["ternary"], "other filters are removed"
EOF
