#!/usr/bin/env bash
# foolbox's repeated clipping-aware noise of strength 0 makes whole images NaN and says that they fool the network: accuracy 0 there, 1 at 0.001.
#
# Versions:  Python 3.11; foolbox 3.3.4, eagerpy 0.30.0, torch 2.13.0, numpy 2.4.6, scipy 1.17.1, CPU.
# Behaviour: the `L2ClippingAware...NoiseAttack`s scale noise so that it has the wanted norm after pixels were clipped. The square of the
#            scale comes of cumulative sums less each other, which for a small norm round to a number below 0; its root is NaN, and so
#            is the image. NaN's class is the first, so that an image of any other class counts as fooled. This is so for some draws; the
#            `Repeated` attacks draw 100 times and keep what fools. Up to a norm of 1e-5 most of their images are NaN, from 1e-3 on none.
#            There is no error and no warning. The attacks that are not clipping-aware return the images as they were.
# A guess:   strength 0 changes nothing and is a check: accuracy there is the clean accuracy.
# For users: a curve of accuracy over strength starts at 0, with `epsilons=np.linspace(0, ...)`. Its first point is then near 0 and its
#            area too small; the network that is worst at 0 is the one that seldom predicts class 0. Leave 0 out, and ask whether
#            any image is NaN. rosalind's attacks never leave the worst of the images that they saw, the clean one among them.
#
# Output seen (50 images that the network classifies right, 3 x 32 x 32; share fooled (share NaN)):
#   strength:                       0            1e-05        0.001        0.1
#   clipping-aware:                 0.08 (0.08)  0.00 (0.00)  0.00 (0.00)  0.00 (0.00)
#   clipping-aware, repeated:       1.00 (1.00)  0.58 (0.58)  0.00 (0.00)  0.06 (0.00)
#   repeated:                       0.00 (0.00)  0.00 (0.00)  0.00 (0.00)  0.06 (0.00)
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install -q foolbox==3.3.4 eagerpy==0.30.0 torch==2.13.0 numpy==2.4.6 scipy==1.17.1
"$work/env/bin/python" -W ignore - <<'EOF'
import foolbox
import torch
from torch import nn

torch.set_num_threads(1)
torch.manual_seed(0)
network = nn.Sequential(nn.Flatten(), nn.Linear(3 * 32 * 32, 10)).eval()
x = torch.rand(50, 3, 32, 32)
with torch.no_grad():
    network[1].bias[0] -= 10  # no image is of class 0
    wanted = network(x).argmax(1)
model = foolbox.PyTorchModel(network, bounds=(0, 1))
strengths = [0.0, 1e-5, 1e-3, 0.1]
print(f"{'strength:':31} {'  '.join(f'{strength:<11g}' for strength in strengths)}".rstrip())
seen = {}
for name, attack in {
    "clipping-aware": foolbox.attacks.L2ClippingAwareAdditiveGaussianNoiseAttack,
    "clipping-aware, repeated": foolbox.attacks.L2ClippingAwareRepeatedAdditiveGaussianNoiseAttack,
    "repeated": foolbox.attacks.L2RepeatedAdditiveGaussianNoiseAttack,
}.items():
    torch.manual_seed(0)
    _, moved, fooled = attack()(model, x, wanted, epsilons=strengths)
    seen[name] = [
        (hit.float().mean().item(), images.isnan().flatten(1).any(1).float().mean().item())
        for hit, images in zip(fooled, moved)
    ]
    print(f"{name + ':':31} {'  '.join(f'{hit:.2f} ({nan:.2f})' for hit, nan in seen[name])}")
for name, least in (("clipping-aware", 0.01), ("clipping-aware, repeated", 0.5)):
    assert seen[name][0][0] == seen[name][0][1] > least, f"strength 0, {name}"
    assert seen[name][2] == (0, 0) and seen[name][3][1] == 0, f"larger strengths, {name}"
assert seen["clipping-aware, repeated"][1][0] > 0.2, "1e-5"
assert all(nan == 0 for _, nan in seen["repeated"]) and seen["repeated"][0] == (0, 0), "not clipping-aware"
EOF
