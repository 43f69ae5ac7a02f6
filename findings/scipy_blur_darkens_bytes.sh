#!/usr/bin/env bash
# SciPy's Gaussian blur of uint8 images darkens each by one grey level, however small the blur, and 61 of 256 flat images too.
#
# Versions:  Python 3.11; scipy 1.17.1, numpy 2.4.6; opencv-python-headless 4.13.0.92.
# Behaviour: `scipy.ndimage.gaussian_filter` filters one axis after the other, and what it writes has the type of the
#            input: after each axis fractions are cut off, half a level on average. Weights that add up to a bit less than
#            1 make 100 of 100 a 99: at sigma 0.5 a flat image loses a level for 61 of 256 greys, at sigma 1 for none. A
#            sigma of 0.2, which moves less than a thousandth of a level, costs as much as one of 3. `uniform_filter` and
#            `convolve` cut as well; `rotate`, `zoom` and `shift` of the same module round to the nearest, as OpenCV's blur
#            does.
# A guess:   a blur keeps the mean, and a filter for images rounds: the error is half a level at most, to either side.
# For users: blurred test images are darker and blurred, so that a network's loss from "blur of strength 0" is that of the
#            darkening, which corruptions of digits and of dark images show first. Blur floats and round. rosalind blurs
#            floats; where a benchmark cuts fractions off at its end, it does so once.
#
# Output seen (mean of uint8 against float, in grey levels; flat images that change):
#   gaussian_filter, sigma 0.2: -1.00, 0 of 256
#   gaussian_filter, sigma 0.5: -1.00, 61 of 256
#   gaussian_filter, sigma 3: -1.00, 7 of 256
#   uniform_filter, 3 x 3: -0.67, 0 of 256
#   rotate by 30 degrees: +0.00, 0 of 256
#   OpenCV's GaussianBlur, sigma 0.5: -0.00, 0 of 256
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install -q scipy==1.17.1 numpy==2.4.6 opencv-python-headless==4.13.0.92
"$work/env/bin/python" - <<'EOF'
import cv2
import numpy as np
from scipy import ndimage

images = np.random.default_rng(0).integers(0, 256, size=(32, 64, 64), dtype=np.uint8)
flat = np.repeat(np.arange(256, dtype=np.uint8), 16 * 16).reshape(256, 16, 16)


def gaussian(sigma):
    return lambda x: ndimage.gaussian_filter(x, (0, sigma, sigma))


FILTERS = {
    "gaussian_filter, sigma 0.2": gaussian(0.2),
    "gaussian_filter, sigma 0.5": gaussian(0.5),
    "gaussian_filter, sigma 3": gaussian(3),
    "uniform_filter, 3 x 3": lambda x: ndimage.uniform_filter(x, (1, 3, 3)),
    "rotate by 30 degrees": lambda x: ndimage.rotate(x, 30, (1, 2), reshape=False, order=1, mode="nearest"),
    "OpenCV's GaussianBlur, sigma 0.5": lambda x: np.stack([cv2.GaussianBlur(image, (5, 5), 0.5) for image in x]),
}
for name, blurred in FILTERS.items():
    moved = float((blurred(images) - blurred(images.astype(float))).mean())
    changed = int((blurred(flat) != flat).any((1, 2)).sum())
    print(f"{name}: {moved:+.2f}, {changed} of 256")
    if name.startswith("gaussian"):
        assert abs(moved + 1) < 0.03, f"{name} rounds now"
    elif name.startswith("uniform"):
        assert abs(moved + 2 / 3) < 0.03, name
    else:
        assert abs(moved) < 0.02 and not changed, name
changed = {int(x[0, 0]) for x in flat if (gaussian(0.5)(x[None]) != x).any()}
assert len(changed) > 30, "flat images"
assert np.abs(gaussian(0.2)(images.astype(float)) - images).max() < 1e-2, "a blur of 0.2 does nothing"
EOF
