#!/usr/bin/env bash
# pyvips blurs less than it is told: a Gaussian of 0.5 pixels changes no pixel, one of 1 is 0.74 wide, one of 8 is 6.6.
#
# Versions:  Python 3.11; pyvips 3.2.0 with pyvips-binary 8.18.7 (libvips 8.18), scipy 1.17.1, numpy 2.4.6.
# Behaviour: `gaussblur` cuts the kernel where it falls below a share of its peak, and that share, `min_ampl`, is 0.2 by
#            default: at 1.8 deviations, where other libraries go on to 3 or 4. What is left is normed to 1, so that flat
#            images stay flat, and is narrower by a sixth to a quarter; of a deviation of 0.5 nothing but the middle is
#            left. `precision="float"` alone changes none of that; with `min_ampl=0.001` as well widths are right.
# A guess:   `sigma` is the deviation of the blur, as it is in SciPy, Pillow and scikit-image.
# For users: the mildest severity of a blur made with it is the clean images, on which robustness is perfect, and all others
#            are weaker than those of the benchmark whose constants they take. The deviation of one blurred pixel tells.
#            rosalind's Gaussian blurs go on to 4 deviations.
#
# Output seen (deviation of one blurred pixel, and the width of its line):
#   sigma 0.5: pyvips 0.000 (1), float 0.000 (1), to a thousandth 0.462 (3), SciPy 0.464 (5)
#   sigma 1: pyvips 0.739 (3), float 0.740 (3), to a thousandth 0.998 (7), SciPy 1.000 (9)
#   sigma 2: pyvips 1.615 (7), float 1.641 (7), to a thousandth 1.998 (15), SciPy 2.000 (17)
#   sigma 3: pyvips 2.519 (11), float 2.526 (11), to a thousandth 2.997 (23), SciPy 2.999 (25)
#   sigma 8: pyvips 6.640 (29), float 6.690 (29), to a thousandth 7.987 (59), SciPy 7.997 (65)
#   sigma 0.5 over noise: pixels that pyvips changed 0.00, SciPy 1.00
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install -q pyvips==3.2.0 pyvips-binary==8.18.7 scipy==1.17.1 numpy==2.4.6
"$work/env/bin/python" - <<'EOF'
import numpy as np
import pyvips
from scipy.ndimage import gaussian_filter

SIZE = 101
pixel = np.zeros((SIZE, SIZE), np.float32)
pixel[SIZE // 2, SIZE // 2] = 1e6
noise = np.random.default_rng(0).integers(0, 256, (64, 64)).astype(np.uint8)


def width(blurred):
    """The deviation of a blurred pixel along a line, and how many numbers of the line are not 0."""
    line = blurred.sum(axis=0).astype(float)
    place = np.arange(SIZE) - SIZE // 2
    return float(np.sqrt((line * place**2).sum() / line.sum())), int((line > 0).sum())


image = pyvips.Image.new_from_array(pixel)
for sigma, wanted in ((0.5, 0), (1, 0.74), (2, 1.62), (3, 2.52), (8, 6.64)):
    seen = {
        "pyvips": image.gaussblur(sigma),
        "float": image.gaussblur(sigma, precision="float"),
        "to a thousandth": image.gaussblur(sigma, precision="float", min_ampl=0.001),
    }
    seen = {name: width(blurred.numpy()) for name, blurred in seen.items()}
    seen["SciPy"] = width(gaussian_filter(pixel, sigma))
    print(f"sigma {sigma}: " + ", ".join(f"{name} {found:.3f} ({taps})" for name, (found, taps) in seen.items()))
    assert abs(seen["pyvips"][0] - wanted) < 0.01, f"{sigma}: another width"
    assert abs(seen["float"][0] - wanted) < 0.06, f"{sigma}: floats are not cut alike"
    assert abs(seen["to a thousandth"][0] - seen["SciPy"][0]) < 0.02, f"{sigma}: a thousandth"
    assert sigma < 1 or abs(seen["SciPy"][0] - sigma) < 0.02, f"{sigma}: SciPy"
mild = pyvips.Image.new_from_array(noise).gaussblur(0.5).numpy()
usual = gaussian_filter(noise.astype(float), 0.5)
print(f"sigma 0.5 over noise: pixels that pyvips changed {(mild != noise).mean():.2f}, SciPy {(usual != noise).mean():.2f}")
assert np.array_equal(mild, noise) and (usual != noise).mean() > 0.9, "a blur of 0.5 changes pixels now"
EOF
