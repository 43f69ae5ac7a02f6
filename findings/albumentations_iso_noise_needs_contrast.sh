#!/usr/bin/env bash
# Albumentations' ISO noise follows the contrast of the image: a flat one gets none, a foggy one little, and all only get brighter.
#
# Versions:  Python 3.11; albumentations 2.0.8, opencv-python-headless 5.0.0.93, numpy 2.4.6.
# Behaviour: `ISONoise` draws Poisson counts whose mean is the deviation of the image's lightness (0 to 0.5) times `intensity`,
#            and adds them, times intensity again, to lightness. Nothing is subtracted. Without contrast the mean is 0, and
#            the colours, which shift by hue, have none in grey images. Half of the contrast is half of the noisy
#            pixels. Most counts are 0: a few pixels jump, the others stay.
# A guess:   the noise of a sensor depends on the light of each pixel, is there in every image, and has a mean of 0; at a
#            given `intensity` two images get the same strength.
# For users: as a test of robustness it is mild on flat images (digits, sky, fog) and hard on those of high contrast, so that
#            classes get other strengths, and after `RandomFog` or a lower contrast it all but vanishes. Give `GaussNoise` a
#            deviation. rosalind has the noises of the benchmarks, whose strength depends on the pixel alone.
#
# Output seen (intensity 0.5, grey images of 256 x 256 pixels of 8 bits):
#   as it is:                   lightness deviates by 37.0 levels; pixels changed 0.069, darker 0.000, mean change 4.58
#   a quarter of the contrast:  lightness deviates by 9.3 levels; pixels changed 0.018, darker 0.000, mean change 1.18
#   flat:                       lightness deviates by 0.0 levels; pixels changed 0.000, darker 0.000, mean change 0.00
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install -q albumentations==2.0.8 opencv-python-headless==5.0.0.93 numpy==2.4.6
"$work/env/bin/python" -W ignore - <<'EOF'
import os

os.environ["NO_ALBUMENTATIONS_UPDATE"] = "1"
import albumentations as A
import numpy as np

ramp = np.tile(np.linspace(64, 192, 256).round().astype(np.uint8)[:, None, None], (1, 256, 3))
middle = ramp.astype(float).mean()
IMAGES = {
    "as it is": ramp,
    "a quarter of the contrast": (middle + (ramp - middle) / 4).round().astype(np.uint8),
    "flat": np.full_like(ramp, 128),
}
seen = {}
for name, image in IMAGES.items():
    noise = A.ISONoise(intensity=(0.5, 0.5), color_shift=(0.05, 0.05), p=1)
    noise.set_random_seed(0)
    change = noise(image=image)["image"].astype(int) - image
    changed = float((np.abs(change) > 1).any(axis=2).mean())
    lower = float((change < -1).any(axis=2).mean())
    seen[name] = changed, change.mean()
    print(
        f"{name + ':':27} lightness deviates by {image.std():.1f} levels; pixels changed {changed:.3f}, "
        f"darker {lower:.3f}, mean change {change.mean():.2f}"
    )
    assert lower == 0, f"{name}: noise darkens now"
    lightness = image[..., 0] / 255
    expected = 1 - np.exp(-0.5 * lightness.std())  # of a Poisson count, above 0
    assert abs(changed - expected) < 0.01, f"{name}: the noise follows something else"
assert seen["flat"] == (0, 0), "a flat image gets noise now"
assert seen["as it is"][0] > 3 * seen["a quarter of the contrast"][0] > 0, "the noise does not follow contrast"
EOF
