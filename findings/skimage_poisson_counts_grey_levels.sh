#!/usr/bin/env bash
# scikit-image's Poisson noise is the weaker the more different values an image has: one odd pixel changes it everywhere.
#
# Versions:  Python 3.11; scikit-image 0.26.0, numpy 2.4.6, scipy 1.17.1.
# Behaviour: `random_noise(image, mode="poisson")` takes for the photons of full white the number of distinct values in the
#            whole array, rounded up to a power of two, and says only that the noise is generated from the data. An image of
#            2 values gets the noise of 2 photons, one of 256 values that of 256: a deviation 11 times smaller, in the same
#            pixels. A batch that is given as one array has another strength than each of its images alone.
# A guess:   shot noise has a strength of its own, or follows from the type (8 bits: 255 photons), and depends on a pixel's
#            brightness only, not on what else is in the image.
# For users: digits, masks and drawings are all but destroyed and photographs hardly touched; images that were resized or
#            smoothed, in float32, have thousands of values and next to no noise. As a corruption it cannot be compared
#            between data sets, nor between images. Draw `poisson(image * c) / c` with a c of your own, as ImageNet-C does,
#            and rosalind's `shot_noise`.
#
# Output seen (deviation of the noise on the same pixels of 0.5):
#      2 values in the image: 0.4880, of 2 photons 0.5000
#     16 values in the image: 0.1762, of 16 photons 0.1768
#    256 values in the image: 0.0441, of 256 photons 0.0442
#   4096 values in the image: 0.0110, of 4096 photons 0.0110
#   an image of two values: alone 0.492, in a batch with a smooth one 0.008
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install -q scikit-image==0.26.0 numpy==2.4.6 scipy==1.17.1
"$work/env/bin/python" - <<'EOF'
import numpy as np
from skimage.util import random_noise

seen = {}
for values in (2, 16, 256, 4096):
    image = np.full((128, 128), 0.5)
    image[:64] = np.resize((np.arange(values - 1) + 0.25) / values, (64, 128))
    assert len(np.unique(image)) == values
    seen[values] = random_noise(image, mode="poisson", clip=False, rng=0)[64:].std()
    expected = (0.5 / values) ** 0.5
    print(f"{values:4} values in the image: {seen[values]:.4f}, of {values} photons {expected:.4f}")
    assert abs(seen[values] / expected - 1) < 0.03, "the strength is not that of so many photons"

few = np.where(np.random.default_rng(0).random((2, 64, 64)) < 0.5, 0.25, 0.75)
batch = few.copy()
batch[1] = np.linspace(0, 1, 64 * 64).reshape(64, 64)
alone = random_noise(batch[0], mode="poisson", clip=False, rng=0) - batch[0]
together = random_noise(batch, mode="poisson", clip=False, rng=0)[0] - batch[0]
print(f"an image of two values: alone {alone.std():.3f}, in a batch with a smooth one {together.std():.3f}")
assert alone.std() > 20 * together.std(), "images of a batch"
EOF
