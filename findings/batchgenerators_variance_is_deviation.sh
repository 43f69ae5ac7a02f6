#!/usr/bin/env bash
# batchgenerators' `noise_variance` is a standard deviation: noise of variance 0.01 has 0.0001, and 4 has 16. It stays in the input.
#
# Versions:  Python 3.11; batchgenerators 0.25.5, numpy 2.4.6, scipy 1.17.1, scikit-image 0.26.0.
# Behaviour: `augment_gaussian_noise` passes `noise_variance` to `numpy.random.normal` as its scale, the deviation; the default
#            range of (0, 0.1) reaches a variance of 0.01. `augment_rician_noise` does the same. The Gaussian one writes into
#            the array that it was given and returns that: the clean images are gone, and a second call adds to the first.
#            The Rician one leaves them. `random_noise(var=...)` of scikit-image takes a variance, and gives a new array.
# A guess:   a variance is a variance: the square of a deviation; and what returns images leaves its argument alone.
# For users: with a variance of 0.01 from a benchmark the noise has a tenth of the deviation asked for. Severities made
#            one after the other from one array add up, and the accuracy called clean, measured after them, is of noisy
#            images. Pass a copy and the deviation. rosalind's noises take deviations and leave images as they are.
#
# Output seen (a batch of zeros, 100,000 pixels):
#   variance 0.01: batchgenerators 0.00010, scikit-image 0.01000
#   variance 0.25: batchgenerators 0.06226, scikit-image 0.25006
#   variance 1: batchgenerators 0.99610, scikit-image 1.00026
#   variance 4: batchgenerators 15.93759, scikit-image 4.00103
#   variance 4, Rician: 15.91
#   variance 1 of one array: once 1.00, again 1.99, of what was clean 1.99
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install -q batchgenerators==0.25.5 numpy==2.4.6 scipy==1.17.1 scikit-image==0.26.0
"$work/env/bin/python" -W ignore - <<'EOF'
import numpy as np
from batchgenerators.augmentations.noise_augmentations import augment_gaussian_noise, augment_rician_noise
from skimage.util import random_noise

SHAPE = 1, 250, 400


def noisy(variance, clean):
    np.random.seed(0)
    return augment_gaussian_noise(clean, noise_variance=(variance, variance))


for variance in (0.01, 0.25, 1, 4):
    found = float(noisy(variance, np.zeros(SHAPE)).var())
    other = float(random_noise(np.zeros(SHAPE), var=variance, clip=False, rng=0).var())
    print(f"variance {variance}: batchgenerators {found:.5f}, scikit-image {other:.5f}")
    assert abs(other / variance - 1) < 0.02, "scikit-image"
    assert abs(found / variance**2 - 1) < 0.02, f"{variance}: it is a variance now"
np.random.seed(0)
high = np.full(SHAPE, 1e3)  # far from 0 Rician noise is Gaussian
rician = augment_rician_noise(high, noise_variance=(4, 4))
print(f"variance 4, Rician: {rician.var():.2f}")
assert abs(rician.var() / 16 - 1) < 0.02 and (high == 1e3).all(), "Rician"
clean = np.zeros(SHAPE)
first = noisy(1, clean)
once = float(first.var())
second = augment_gaussian_noise(clean, noise_variance=(1, 1))
print(f"variance 1 of one array: once {once:.2f}, again {second.var():.2f}, of what was clean {clean.var():.2f}")
assert first is clean and second is clean, "a new array is returned now"
assert abs(once - 1) < 0.02 and abs(second.var() - 2) < 0.05, "noise adds up"
EOF
