#!/usr/bin/env bash
# Kornia's autocontrast makes black of a channel that is the same everywhere: white turns black, and grey and pink too.
#
# Versions:  Python 3.11; kornia 0.9.0, kornia-rs 0.2.0, torch 2.13.0, Pillow 13.0.0, numpy 2.4.6, CPU.
# Behaviour: `RandomAutoContrast` takes from each channel its smallest value and divides by its range plus 1e-6. Of a channel with one
#            value 0 / 1e-6 is left, 0, whatever the value was. Pillow's `autocontrast` leaves such a channel as it is. A channel with two
#            neighbouring levels, 254 and 255, becomes 0 and 1 in both. `kornia.augmentation.auto`'s RandAugment draws
#            this operation among others.
# A guess:   what has no contrast stays as it is, as in Pillow.
# For users: an image that has lost its content, to an overexposed corruption, fog, an occlusion or a blank patch, becomes the opposite,
#            and a picture with one flat channel changes colour: white with a red square becomes cyan with a black one. Training on such
#            augmentations teaches that white and black are one. Write the operation as Pillow does. rosalind's AugMix leaves a flat channel as it is.
#
# Output seen (level of a flat channel, of 255; image 16 x 16):
#   level:                 0   64  128  200  255
#   Kornia:                0    0    0    0    0
#   Pillow:                0   64  128  200  255
#   red square on magenta, corner (red, green, blue): Kornia 0 0 255, Pillow 255 0 255
#   white pictures that RandAugment of one operation made black: 18 of 60
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install -q kornia==0.9.0 kornia-rs==0.2.0 torch==2.13.0 pillow==13.0.0 numpy==2.4.6
"$work/env/bin/python" -W ignore - <<'EOF'
import numpy as np
import torch
from kornia.augmentation import RandomAutoContrast
from kornia.augmentation.auto import RandAugment
from PIL import Image, ImageOps

operation = RandomAutoContrast(p=1.0)


def kornia(pixels):
    inputs = torch.from_numpy(pixels).permute(2, 0, 1)[None].float() / 255
    return (operation(inputs)[0].permute(1, 2, 0) * 255).round().byte().numpy()


def pillow(pixels):
    return np.asarray(ImageOps.autocontrast(Image.fromarray(pixels)))


levels = 0, 64, 128, 200, 255
print(f"{'level:':19}{''.join(f'{level:5}' for level in levels)}")
seen = {}
for name, function in (("Kornia", kornia), ("Pillow", pillow)):
    found = [np.unique(function(np.full((16, 16, 3), level, np.uint8))) for level in levels]
    assert all(len(values) == 1 for values in found), "flat"
    seen[name] = [int(values[0]) for values in found]
    print(f"{name + ':':19}{''.join(f'{level:5}' for level in seen[name])}")
draw = np.random.default_rng(0)
picture = np.zeros((16, 16, 3), np.uint8)
picture[:] = 255, 0, 255
picture[4:12, 4:12, 2] = 0
picture[:, :, 0] = 255
corners = [function(picture)[0, 0].tolist() for function in (kornia, pillow)]
texts = [" ".join(map(str, corner)) for corner in corners]
print(f"red square on magenta, corner (red, green, blue): Kornia {texts[0]}, Pillow {texts[1]}")
assert seen["Kornia"] == [0] * 5, "a flat channel stays in Kornia now"
assert seen["Pillow"] == list(levels), "Pillow"
assert corners == [[0, 0, 255], [255, 0, 255]], "a coloured picture"
two = np.full((16, 16, 3), 254, np.uint8)
two[0] = 255
assert np.array_equal(kornia(two), pillow(two)) and set(np.unique(two := kornia(two))) == {0, 255}, "two levels"
torch.manual_seed(0)
drawn = [RandAugment(n=1, m=10)(torch.ones(1, 3, 16, 16)).max().item() for _ in range(60)]
print(f"white pictures that RandAugment of one operation made black: {sum(top == 0 for top in drawn)} of 60")
assert any(top == 0 for top in drawn), "RandAugment"
EOF
