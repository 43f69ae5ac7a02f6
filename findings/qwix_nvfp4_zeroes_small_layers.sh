#!/usr/bin/env bash
# Qwix's nvfp4 makes a layer whose weights are all below 0.005 entirely zero; mxfp4 and int4 keep it.
#
# Versions:  Python 3.11; qwix 0.1.8, jax and jaxlib 0.10.2, flax 0.12.8, ml_dtypes 0.6.0, numpy 2.4.6, CPU.
# Behaviour: `qwix.quantize(w, "nvfp4", tiled_axes={0: 16})` stores for each 16 weights their largest over 6, rounded to
#            float8_e4m3fn. The smallest number of that type is 0.00195, and half of it is rounded to 0: blocks whose weights stay
#            below 0.0059 have the scale 0 and come back as zeros, without a word. NVIDIA's format has a second scale, per
#            tensor, for that; it is left out here. mxfp4 has exponents down to 2^-127, int4 a scale in float32.
# A guess:   a format with scales follows the weights, whatever their size; a smaller layer has the same relative error.
# For users: the size of a layer in front of BatchNorm means nothing and falls with weight decay, and wide layers start small. Such a
#            layer is gone, or partly: by blocks, like a structured pruning that nobody asked for. Count zeros against the dense
#            layer, and multiply small layers up first, dividing after. rosalind's weights of few bits have a scale in floats per
#            output channel.
#
# Output seen (256 x 256 normal weights, half of them removed; shares of zeros and relative error after quantising):
#   standard deviation 0.01: nvfp4 0.56 (0.12), mxfp4 0.58 (0.13), int4 0.59 (0.14)
#   standard deviation 0.003: nvfp4 0.56 (0.12), mxfp4 0.58 (0.14), int4 0.59 (0.14)
#   standard deviation 0.0015: nvfp4 0.93 (0.91), mxfp4 0.58 (0.14), int4 0.59 (0.14)
#   standard deviation 0.001: nvfp4 1.00 (1.00), mxfp4 0.59 (0.15), int4 0.59 (0.14)
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install -q qwix==0.1.8 jax==0.10.2 jaxlib==0.10.2 flax==0.12.8 ml_dtypes==0.6.0 numpy==2.4.6
JAX_PLATFORMS=cpu "$work/env/bin/python" -W ignore - <<'EOF'
import jax.numpy as jnp
import numpy as np
import qwix

draw = np.random.default_rng(0)
weights = (draw.normal(size=(256, 256)) * (draw.random((256, 256)) < 0.5)).astype(np.float32)
FORMATS = {"nvfp4": ("nvfp4", 16), "mxfp4": ("mxfp4", 32), "int4": (jnp.int4, 16)}
zeros, errors = {}, {}
for size in (0.01, 0.003, 0.0015, 0.001):
    dense, words = size * weights, []
    for name, (kind, tile) in FORMATS.items():
        back = np.asarray(qwix.dequantize(qwix.quantize(jnp.asarray(dense), kind, tiled_axes={0: tile})))
        zeros[name, size] = (back == 0).mean()
        errors[name, size] = np.linalg.norm(back - dense) / np.linalg.norm(dense)
        words.append(f"{name} {zeros[name, size]:.2f} ({errors[name, size]:.2f})")
    print(f"standard deviation {size}: {', '.join(words)}")
assert zeros["nvfp4", 0.01] < 0.6 and errors["nvfp4", 0.01] < 0.15, "a layer of usual size"
assert 0.62 < zeros["nvfp4", 0.0015] < 0.99, "in between"
assert zeros["nvfp4", 0.001] == 1, "small layers are kept now"
assert max(value for (name, _), value in zeros.items() if name != "nvfp4") < 0.65, "the other formats"
assert max(value for (name, _), value in errors.items() if name != "nvfp4") < 0.2, "their errors"
EOF
