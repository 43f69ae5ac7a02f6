#!/usr/bin/env bash
# In pytorch-grad-cam a constant of 1e-6 makes Grad-CAM++ weigh channels by the cube of small gradients, and those are usual.
#
# Versions:  Python 3.11; grad-cam 1.5.7, torch 2.13.0, torchvision 0.28.0, numpy 2.4.6, CPU.
# Behaviour: Grad-CAM++ weighs each place of a channel by g^2 / (2 g^2 + S g^3), where g is its gradient and S the sum of the
#            channel's map. Against division by zero `GradCAMPlusPlus` adds 1e-6 below, whatever the size of g. After a mean
#            over h x w places g is the head's weight over h w: about 1e-3 for a map of 7 x 7, 5e-5 for 32 x 32, so that g^2 is
#            1e-6 or 2e-9. Then the share is g^2 times a million rather than near a half, and the sum of share times g has
#            g^3: the largest few channels make the map. Its Grad-CAM does not change with the scale of the logits.
# A guess:   what guards a division acts where there is nothing to divide, and the map of a channel hangs on the size of the
#            picture only through what is in it.
# For users: maps at two sizes of picture, before and after temperature scaling, or of a network whose head was pruned
#            or decayed to small weights are by different formulas, and look sharper the smaller the gradient. Multiply the
#            logits by some thousand and compare. rosalind has Grad-CAM, whose weights are means of gradients.
#
# Output seen (64 channels under a mean over places and a linear head; by 64-bit numbers without the constant beside):
#    7 x  7, logits times    1: correlation with the published map 0.96; weight of four channels 0.45, published 0.32
#    7 x  7, logits times 1000: correlation with the published map 1.00; weight of four channels 0.34, published 0.34
#   32 x 32, logits times    1: correlation with the published map 0.77; weight of four channels 0.73, published 0.32
#   32 x 32, logits times 1000: correlation with the published map 1.00; weight of four channels 0.30, published 0.30
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install -q grad-cam==1.5.7 torch==2.13.0 torchvision==0.28.0 numpy==2.4.6
cat >"$work/run.py" <<'EOF'
import re
from pathlib import Path

import numpy as np
import torch
from torch import nn

# Where torchvision's wheel is of another build than torch's, its operators are missing; nothing here calls them.
registered = Path(torch.__file__).parents[1] / "torchvision" / "_meta_registrations.py"
library = torch.library.Library("torchvision", "FRAGMENT")
for operator in set(re.findall(r'register_fake\("torchvision::(\w+)"', registered.read_text())):
    if not hasattr(torch.ops.torchvision, operator):
        library.define(f"{operator}(Tensor x) -> Tensor")
from pytorch_grad_cam import GradCAM, GradCAMPlusPlus
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

torch.manual_seed(0)
convolution = nn.Sequential(nn.Conv2d(3, 64, 3, padding=1), nn.ReLU())
head = nn.Linear(64, 10)
nn.init.normal_(head.weight, std=0.05)


class Scaled(nn.Module):
    """A classifier whose logits are multiplied."""

    def __init__(self, factor):
        super().__init__()
        self.maps, self.factor = convolution, factor

    def forward(self, images):
        return self.factor * head(self.maps(images).mean((2, 3)))


def likeness(a, b):
    return np.corrcoef(a.ravel(), b.ravel())[0, 1]


seen = {}
for size in (7, 32):
    images = torch.rand(1, 3, size, size)
    with torch.no_grad():
        activations = convolution(images)[0].double().numpy()
    gradient = head.weight[0].detach().double().numpy() / size**2
    for factor in (1, 1000):
        network = Scaled(factor).eval()
        made = {}
        for kind in (GradCAM, GradCAMPlusPlus):
            with kind(model=network, target_layers=[network.maps]) as cam:
                made[kind] = cam(input_tensor=images, targets=[ClassifierOutputTarget(0)])[0]
        g = gradient * factor
        share = {
            added: g**2 / (2 * g**2 + activations.sum((1, 2)) * g**3 + added) * np.maximum(g, 0) for added in (0, 1e-6)
        }
        published, built = (np.maximum(np.tensordot(share[added], activations, 1), 0) for added in (0, 1e-6))
        most = {added: np.sort(w)[::-1][:4].sum() / w.sum() for added, w in share.items()}
        assert likeness(made[GradCAMPlusPlus], built) > 0.9999, "not by this formula"
        plus = likeness(made[GradCAMPlusPlus], published)
        print(
            f"{size:2} x {size:2}, logits times {factor:4}: correlation with the published map {plus:.2f}; weight of four "
            f"channels {most[1e-6]:.2f}, published {most[0]:.2f}"
        )
        seen[size, factor] = plus, made[GradCAM], most
for size, most_like, least in ((7, 0.98, 0.4), (32, 0.9, 0.6)):
    assert seen[size, 1][0] < most_like and seen[size, 1][2][1e-6] > least, "the constant does nothing"
    assert seen[size, 1][2][0] < 0.35, "published"
    assert seen[size, 1000][0] > 0.99, "large gradients"
    assert np.abs(seen[size, 1][1] - seen[size, 1000][1]).max() < 0.001, "Grad-CAM depends on the scale"
EOF
"$work/env/bin/python" "$work/run.py" 2>"$work/errors" || { cat "$work/errors" >&2; exit 1; }
