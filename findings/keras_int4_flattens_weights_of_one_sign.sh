#!/usr/bin/env bash
# In 4 bits Keras makes all weights between 1 and 2 the same, 0.98: groups of one sign keep one of their 16 levels; in 8 bits all is well.
#
# Versions:  Python 3.11; keras 3.15.1 with its JAX backend, jax and jaxlib 0.10.2, numpy 2.4.6, CPU.
# Behaviour: `abs_max_quantize_grouped_with_zero_point`, and `quantize("int4")`, spread the 16 levels from the smallest to the largest weight, and
#            then hold the level of 0 inside of the 16. Where 0 is not between the two it is moved by up to all of them, the weights with it,
#            and those beyond the last level are cut to it: what is left is the range itself, at either sign.
# A guess:   a group of weights of one sign loses half a step in 15, as others do, or half the levels if 0 must be one of them.
# For users: a layer whose weights are constrained to be positive, or a short group of them, only adds up its inputs, and the accuracy says no more
#            than that 4 bits are too few. A single removed weight in the group brings the levels back. Count the levels in use.
#            rosalind's few bits are symmetric around 0.
#
# Output seen (groups of 128 weights: levels in use, largest error):
#   -1 to 1: 16 of 16 levels, error 0.066
#   0 to 1: 16 of 16 levels, error 0.033
#   0.5 to 1: 1 of 16 levels, error 0.502
#   1 to 2: 1 of 16 levels, error 1.009
#   -2 to -1: 1 of 16 levels, error 1.005
#   1 to 2 and one zero: 9 of 16 levels, error 0.066
#   a layer of weights from 1 to 2: mean output 96.1, in int8 96.1, in int4 62.4, that of equal weights
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install -q keras==3.15.1 jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6
KERAS_BACKEND=jax JAX_PLATFORMS=cpu HOME="$work" "$work/env/bin/python" -W ignore - <<'EOF'
import keras
import numpy as np

rng = np.random.default_rng(0)


def spread(weights):
    """Levels in use in the first column, and the largest error, the same on the host and on the device."""
    found = []
    for on_host in (True, False):
        levels, step, zero = keras.quantizers.abs_max_quantize_grouped_with_zero_point(weights, 128, to_numpy=on_host)
        levels = np.asarray(levels, float)
        restored = (levels - np.asarray(zero, float)) * np.asarray(step)
        found.append((len(np.unique(levels[:, 0])), float(abs(restored - weights).max())))
    assert found[0][0] == found[1][0] and abs(found[0][1] - found[1][1]) < 1e-3, "host and device differ"
    return found[0]


for low, high in ((-1, 1), (0, 1), (0.5, 1), (1, 2), (-2, -1)):
    levels, error = spread(rng.uniform(low, high, (128, 4)).astype(np.float32))
    print(f"{low:g} to {high:g}: {levels} of 16 levels, error {error:.3f}")
    assert levels == (16 if low <= 0 <= high else 1), "other levels are in use"
weights = rng.uniform(1, 2, (128, 4)).astype(np.float32)
with_zero = weights.copy()
with_zero[0] = 0
levels, error = spread(with_zero)
print(f"1 to 2 and one zero: {levels} of 16 levels, error {error:.3f}")
assert levels > 8 and error < 0.1
images = rng.random((64, 128)).astype(np.float32)
means = {}
for bits in ("float32", "int8", "int4"):
    network = keras.Sequential([keras.layers.Input((128,)), keras.layers.Dense(4, use_bias=False)])
    network.layers[0].set_weights([weights])
    if bits != "float32":
        network.quantize(bits)
    means[bits] = np.asarray(network(images))
# The outputs of equal weights are those of the sum of the image.
same = np.ptp(means["int4"] / images.sum(1, keepdims=True), axis=0).max() < 1e-4
print(f"a layer of weights from 1 to 2: mean output {means['float32'].mean():.1f}, in int8 {means['int8'].mean():.1f}, ", end="")
print(f"in int4 {means['int4'].mean():.1f}{', that of equal weights' if same else ''}")
assert same and abs(means["int8"] / means["float32"] - 1).max() < 0.01
EOF
