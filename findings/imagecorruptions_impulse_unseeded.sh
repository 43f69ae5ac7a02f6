#!/usr/bin/env bash
# imagecorruptions' impulse noise is another one each time, whatever NumPy's seed; the others that run obey the seed.
#
# Versions:  Python 3.11; imagecorruptions 1.1.2, scikit-image 0.26.0, opencv-python 4.13.0.92, numpy 2.4.6, scipy 1.17.1.
# Behaviour: `corrupt` has no argument for a seed. Its noises draw from NumPy's global state, so that `np.random.seed` before
#            each image makes them again; bethgelab/imagecorruptions#11 was closed with that, for all corruptions. Impulse
#            noise is scikit-image's `random_noise`, which has changed since: without `rng` it makes a new generator from the
#            system's entropy and leaves the global state alone. `corrupt` hands none through.
#            (`glass_blur` and `gaussian_blur` raise with this scikit-image, `fog` with NumPy 2.)
# A guess:   a seed that makes gaussian, shot and speckle noise again makes impulse noise again.
# For users: the mean over corruptions moves from run to run though everything is seeded; a network and its pruned copy,
#            measured one after the other, see other pixels, and paired differences of samples hold that noise. Make the
#            images once and store them. rosalind draws each image by its id.
#
# Output seen (share of values that differ between two images of one seed):
#   gaussian_noise:    0.00
#   shot_noise:        0.00
#   speckle_noise:     0.00
#   motion_blur:       0.00
#   snow:              0.00
#   frost:             0.00
#   spatter:           0.00
#   elastic_transform: 0.00
#   impulse_noise:     0.17
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install -q imagecorruptions==1.1.2 scikit-image==0.26.0 opencv-python==4.13.0.92 numpy==2.4.6 \
    scipy==1.17.1 setuptools==65.5.0
"$work/env/bin/python" -W ignore - <<'EOF'
import numpy as np
from imagecorruptions import corrupt
from skimage.util import random_noise

image = np.random.default_rng(0).integers(0, 256, (64, 64, 3)).astype(np.uint8)


def noisy(name, seed):
    np.random.seed(seed)
    return corrupt(image, corruption_name=name, severity=3)


NOISES = "gaussian_noise", "shot_noise", "speckle_noise"
for name in (*NOISES, "motion_blur", "snow", "frost", "spatter", "elastic_transform"):
    assert (noisy(name, 0) == noisy(name, 0)).all() and (noisy(name, 0) != noisy(name, 1)).any(), name
    print(f"{name + ':':18} {(noisy(name, 0) != noisy(name, 0)).mean():.2f}")
differ = (noisy("impulse_noise", 0) != noisy("impulse_noise", 0)).mean()
print(f"{'impulse_noise:':18} {differ:.2f}")
assert differ > 0.1, "impulse noise obeys NumPy's seed now"
seeded = [random_noise(image, "s&p", rng=0) for _ in range(2)]
assert (seeded[0] == seeded[1]).all(), "scikit-image with a seed of its own"
EOF
