#!/usr/bin/env bash
# A photograph lies 89 degrees from itself for image-similarity-measures, and 0 from any other that has one black pixel.
#
# Versions:  Python 3.11; image-similarity-measures 0.3.6, numpy 1.26.4, scikit-image 0.20.0, scikit-learn 1.7.2, CPU.
# Behaviour: `sam`, the angle between the colours of two images, multiplies them in the dtype they came in: products of bytes are kept modulo
#            256 before they are summed, and divided by norms that are not. A black pixel has no angle; its NaN makes the mean NaN,
#            which is given as 0, the angle of equal images. The other measures of the package convert to float32 before.
# A guess:   an image has no angle to itself in any dtype, and what cannot be said of one pixel does not make two images equal.
# For users: severities of corruptions that are compared by this angle come out upside down: the clean copy is at 89 degrees, noise
#            that blackens some pixel is perfect. Convert to float and look at the pixels that are not black. rosalind measures
#            angles of features, in float32.
#
# Output seen (128 x 128 pixels of flower.jpg and china.jpg of scikit-learn):
#   bytes: to itself 89.4 degrees, to itself with noise 89.3, to another photograph 89.1
#   float64: to itself 0.0 degrees, to itself with noise 8.7, to another photograph 23.0
#   float64, one pixel of 16,384 black: to itself with noise 0.0 degrees, to another photograph 0.0
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install -q image-similarity-measures==0.3.6 numpy==1.26.4 scikit-image==0.20.0 scikit-learn==1.7.2 \
    opencv-python==4.11.0.86 phasepack==1.5
"$work/env/bin/python" -W ignore - <<'EOF'
import numpy as np
from image_similarity_measures.quality_metrics import sam
from sklearn.datasets import load_sample_image

flower, other = (load_sample_image(name)[100:228, 200:328] for name in ("flower.jpg", "china.jpg"))
flower, other = np.maximum(flower, 1), np.maximum(other, 1)
noisy = np.clip(flower + np.random.RandomState(0).normal(0, 30, flower.shape), 1, 255).astype(np.uint8)
pictures = {"itself": flower, "itself with noise": noisy, "another photograph": other}


def angles(convert, names):
    return {name: float(sam(convert(flower), convert(pictures[name]))) for name in names}


def black(image):
    changed = image.astype(float)
    changed[0, 0] = 0
    return changed


shown = lambda found: ", to ".join(f"{name} {angle:.1f}{' degrees' * (not k)}" for k, (name, angle) in enumerate(found.items()))
in_bytes, exact = angles(np.asarray, pictures), angles(lambda image: image.astype(float), pictures)
holed = angles(black, list(pictures)[1:])
print(f"bytes: to {shown(in_bytes)}")
print(f"float64: to {shown(exact)}")
print(f"float64, one pixel of 16,384 black: to {shown(holed)}")
assert in_bytes["itself"] > 80, "bytes are multiplied exactly now"
assert exact["itself"] < 0.01 and exact["another photograph"] > 10
assert set(holed.values()) == {0.0}, "a black pixel is left out now"
EOF
