#!/usr/bin/env bash
# SHAP with an inpainting masker never shows the network a float image: from 0 to 1 it is black wherever a pixel is hidden.
#
# Versions:  Python 3.11; shap 0.51.0, opencv-python-headless 4.13.0.92, numpy 2.4.6.
# Behaviour: `shap.maskers.Image("inpaint_telea", shape)` (and "inpaint_ns") casts the image to bytes for OpenCV's inpainting and back,
#            kept pixels too. Of numbers in [0, 1) nothing but 0 is left; centred ones wrap at 256, so that -1 is white.
#            So does an image of which all is kept. Only one of which nothing is kept is computed in floats: its mean colour.
#            Values add up to the difference of black and mean, whatever is in the image. Blur and a
#            colour keep floats, and inpainting is right for images of 0 to 255 but for their fractions.
# A guess:   a masker changes what is hidden and leaves the rest alone, in the image's own unit, as its others do.
# For users: the values have signs, sizes and the outline of superpixels, and sum up as they should: only what they explain is not
#            the network at that image. Compare the masker's output with everything kept to the image. rosalind's occlusion
#            works in the image's unit and leaves what it keeps as it is.
#
# Output seen (an image that is 0.9 in its bright corner and 0.2 elsewhere; the network's output is the mean of the corner, so that
# the values add up to 0.9 less the mean of the image, 0.375):
#   inpaint_telea, 0 to 1: kept pixels off by up to 0.90 with all kept, 0.20 beside a hidden corner; values sum to -0.375
#   inpaint_telea, 0 to 255: kept pixels off by up to 0.00 with all kept, 0.00 beside a hidden corner; values sum to +0.526
#   the mean colour, 0 to 1: kept pixels off by up to 0.00 with all kept, 0.00 beside a hidden corner; values sum to +0.525
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install -q shap==0.51.0 opencv-python-headless==4.13.0.92 numpy==2.4.6
"$work/env/bin/python" -W ignore - 2>"$work/log" <<'EOF' || { tail -3 "$work/log" >&2; exit 1; }
import numpy as np
import shap

SHAPE = (16, 16, 3)
CORNER = np.zeros(SHAPE, bool)
CORNER[:8, :8] = True
image = np.full(SHAPE, 0.2, np.float32)
image[CORNER] = 0.9


def output(images, unit):
    """Linear: the mean of the corner, of images of 0 to `unit`, in 0 to 1."""
    return images[:, :8, :8].mean((1, 2, 3))[:, None] / unit


for method, unit in (("inpaint_telea", 1), ("inpaint_telea", 255), ("the mean colour", 1)):
    given = image if unit == 1 else np.round(image * 255)
    masker = shap.maskers.Image(given.mean((0, 1)) * np.ones(SHAPE) if "mean" in method else method, SHAPE)
    whole = np.abs(masker(np.ones(given.size, bool), given)[0][0] - given).max() / unit
    beside = np.abs(masker(~CORNER.ravel(), given)[0][0] - given)[~CORNER].max() / unit
    explainer = shap.Explainer(lambda images: output(images, unit), masker)
    total = explainer(given[None], max_evals=500, batch_size=100).values.sum()
    print(
        f"{method}, 0 to {unit}: kept pixels off by up to {whole:.2f} with all kept, {beside:.2f} beside a hidden corner; "
        f"values sum to {total:+.3f}"
    )
    if method == "inpaint_telea" and unit == 1:
        assert whole > 0.8 and abs(total + 0.375) < 0.001, "inpainting leaves floats alone now"
    else:
        assert whole == beside == 0 and abs(total - 0.525) < 0.002, method
EOF
