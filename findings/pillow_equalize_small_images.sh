#!/usr/bin/env bash
# Pillow's ImageOps.equalize gives small images back as they are.
#
# Versions:  Python 3.11; Pillow 13.0.0, numpy 2.4.6.
# Behaviour: `ImageOps.equalize` divides the number of pixels, less those of the last grey level that occurs, by 255 in whole
#            numbers. Below 256 pixels the step is 0 and the image comes back unchanged; a little above, a step of 1 spreads
#            the histogram by rounding alone. A 16 x 16 image of grey noise between 60 and 140 stays between 60 and 140, the
#            same noise at 64 x 64 is spread from 0 to 255. No error, no warning.
# A guess:   Equalising spreads a histogram whatever the size of the image.
# For users: AugMix and AutoAugment list `equalize` among their operations. On digits of 8 or 16 pixels it is the identity, so
#            that a share of their chains does nothing. rosalind's `augmix` equalises by ranks in floating point.
#
# Output seen:
#   16 x 16: 60..140 -> 60..140, unchanged True
#   64 x 64: 60..140 -> 0..255, unchanged False
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install -q pillow==13.0.0 numpy==2.4.6
"$work/env/bin/python" -W error - <<'EOF'
import numpy as np
from PIL import Image, ImageOps

for side, expected in ((16, True), (64, False)):
    grey = np.random.default_rng(0).integers(60, 141, (side, side)).astype(np.uint8)
    spread = np.asarray(ImageOps.equalize(Image.fromarray(grey)))
    same = bool((spread == grey).all())
    print(f"{side} x {side}: {grey.min()}..{grey.max()} -> {spread.min()}..{spread.max()}, unchanged {same}")
    assert same == expected, "small images are equalised otherwise now"
EOF
