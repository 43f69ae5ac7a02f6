#!/usr/bin/env bash
# In Quantus's pointing game a map of zeros hits every object, and any map hits an object that is not there.
#
# Versions:  Python 3.11; quantus 0.6.0, torch 2.13.0, numpy 2.4.6.
# Behaviour: `PointingGame` asks whether any pixel that has the map's largest value lies in the mask. In a map of zeros that is
#            every pixel, and in one that was clipped every saturated one. An image whose mask is empty should give NaN, says
#            the code; but hits are kept as truth values, and NaN is true. Quantus refuses zeros only where all maps of a call
#            are zeros. Of its other measures of place, the AUC of such a map is chance, and the share of its mass that lies
#            inside is NaN with a warning.
# A guess:   a map that points nowhere misses, or is a gap; and what cannot be hit is not hit.
# For users: class activation maps are rectified, and are zeros wherever the gradient or the features are: the share of such
#            maps grows with sparsity and corruption. A network most of whose maps are dead scores nearly 1.
#            Images without an object, such as negatives or masks that were lost in resizing, are all hits. Leave both out
#            before. `weighted=True` raises. rosalind's `analysis.map_measures.pointing` has NaN for maps of zeros.
#
# Output seen (1,000 random maps of 16 x 16 pixels; the object is 4 of 256 pixels):
#   maps as they are: 0.011
#   half of them zeros: 1.000 of these, 0.016 of the others
#   clipped at half of the largest: 0.937
#   half of the masks empty: 1.000 of these, 0.016 of the others
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install -q quantus==0.6.0 torch==2.13.0 numpy==2.4.6
"$work/env/bin/python" -W ignore - <<'EOF'
import numpy as np
import quantus

IMAGES = 1000
maps = np.random.default_rng(0).random((IMAGES, 1, 16, 16), dtype=np.float32)
masks = np.zeros(maps.shape)
masks[..., 6:8, 6:8] = 1
first = np.arange(IMAGES) < IMAGES // 2


def score(measure, maps, masks):
    data = {"x_batch": maps, "y_batch": np.zeros(IMAGES, int), "a_batch": maps, "s_batch": masks}
    return np.array(measure(disable_warnings=True)(model=None, device="cpu", **data), float)


def without(array):
    array = array.copy()
    array[first] = 0
    return array


usual = score(quantus.PointingGame, maps, masks)
dead = score(quantus.PointingGame, without(maps), masks)
clipped = score(quantus.PointingGame, np.minimum(maps, 0.5), masks)
empty = score(quantus.PointingGame, maps, without(masks))
print(f"maps as they are: {usual.mean():.3f}")
print(f"half of them zeros: {dead[first].mean():.3f} of these, {dead[~first].mean():.3f} of the others")
print(f"clipped at half of the largest: {clipped.mean():.3f}")
print(f"half of the masks empty: {empty[first].mean():.3f} of these, {empty[~first].mean():.3f} of the others")
assert usual.mean() < 0.05, "maps as they are"
assert (dead[first] == 1).all() and (dead[~first] == usual[~first]).all(), "maps of zeros"
assert clipped.mean() > 0.8, "maps that were clipped"
assert (empty[first] == 1).all() and (empty[~first] == usual[~first]).all(), "empty masks"
auc = score(quantus.AUC, without(maps), masks)
mass = score(quantus.RelevanceMassAccuracy, without(maps), masks)
assert (auc[first] == 0.5).all() and np.isnan(mass[first]).all(), "the other measures"
EOF
