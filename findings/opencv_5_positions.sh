#!/usr/bin/env bash
# OpenCV 5 warps images to other pixels than OpenCV 4, because OpenCV 4 rounds positions to 1/32 of a pixel.
#
# Versions:  Python 3.11; opencv-python-headless 4.13.0.92 and 5.0.0.93, numpy 2.4.6.
# Behaviour: `warpAffine` and `remap` with bilinear interpolation. 4.13 rounds every source position to 1/32 of a pixel:
#            `remap` equals bilinear interpolation at the rounded positions to 1e-6 and differs from the exact one by up to
#            2 % of the range on noise. 5.0 interpolates at the exact positions. Of a uint8 image of noise under a small
#            rotation 63 % of the pixels differ between the two, by up to 5 levels. Shifts by 1/4 or 1/2 agree in both.
# A guess:   bilinear interpolation is a formula, float32 images and maps are given and float32 comes back, so both should
#            agree with it, and with each other, to float32's rounding.
# For users: benchmarks of corrupted images (elastic transforms, rotations, shears) that are made with one version are not
#            the images of the other: no checksum holds, and a comparison of pixels needs the generator's version.
#
# Output seen (largest differences):
#   4.13.0: float32 from exact 1.7e-02, from positions at 1/32 9.1e-08; quarter shift 6.0e-08; uint8 from exact 63.1 % of pixels, 5 levels
#   5.0.0: float32 from exact 1.3e-06, from positions at 1/32 1.7e-02; quarter shift 3.7e-08; uint8 from exact 0.2 % of pixels, 1 level
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
for version in 4.13.0.92 5.0.0.93; do
  "$work/env/bin/pip" install -q "opencv-python-headless==$version" numpy==2.4.6
  "$work/env/bin/python" - <<'EOF'
import cv2
import numpy as np

SIDE = 32
MATRIX = np.array([[1.03, 0.05, -0.7], [-0.04, 0.98, 0.6]])
y, x = np.mgrid[:SIDE, :SIDE].astype(np.float64)
map_x = MATRIX[0, 0] * x + MATRIX[0, 1] * y + MATRIX[0, 2]
map_y = MATRIX[1, 0] * x + MATRIX[1, 1] * y + MATRIX[1, 2]


def bilinear(image, map_x, map_y):
    """The formula in float64, edges mirrored without repeating the last pixel."""
    left, top = np.floor(map_x).astype(int), np.floor(map_y).astype(int)
    across, down = map_x - left, map_y - top
    mirrored = lambda i: np.where(np.abs(i) > SIDE - 1, 2 * (SIDE - 1) - np.abs(i), np.abs(i))
    at = lambda row, column: image.astype(np.float64)[mirrored(row), mirrored(column)]
    upper = at(top, left) * (1 - across) + at(top, left + 1) * across
    lower = at(top + 1, left) * (1 - across) + at(top + 1, left + 1) * across
    return upper * (1 - down) + lower * down


def warp(image, matrix):
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(image, matrix, (SIDE, SIDE), flags=flags, borderMode=cv2.BORDER_REFLECT_101)


noise = np.random.default_rng(0).random((SIDE, SIDE)).astype(np.float32)
levels = np.rint(noise * 255).astype(np.uint8)
remapped = cv2.remap(
    noise, map_x.astype(np.float32), map_y.astype(np.float32), cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101
)
grid = lambda positions: np.rint(positions * 32) / 32
exact = np.abs(remapped - bilinear(noise, map_x, map_y)).max()
rounded = np.abs(remapped - bilinear(noise, grid(map_x), grid(map_y))).max()
quarter = np.array([[1, 0, 0.25], [0, 1, 0]])
shifted = np.abs(warp(noise, quarter) - bilinear(noise, x + 0.25, y)).max()
apart = np.abs(warp(levels, MATRIX) - np.rint(bilinear(levels, map_x, map_y)))
share, most = (apart > 0).mean(), int(apart.max())
print(
    f"{cv2.__version__}: float32 from exact {exact:.1e}, from positions at 1/32 {rounded:.1e}; quarter shift "
    f"{shifted:.1e}; uint8 from exact {share:.1%} of pixels, {most} level{'s' * (most > 1)}"
)
assert shifted < 1e-5
if cv2.__version__.startswith("4."):
    assert exact > 5e-3 and rounded < 1e-5 and share > 0.4 and most >= 3, "OpenCV 4 no longer rounds positions"
else:
    assert exact < 1e-4 and rounded > 5e-3 and share < 0.02 and most <= 1, "OpenCV 5 no longer uses exact positions"
EOF
done
