#!/usr/bin/env bash
# In AQT's one bit a removed channel is the loudest: its zeros become 0.5 each, where the weights of others are 0.05.
#
# Versions:  Python 3.11; aqtp 0.9.0, flax 0.12.8, jax and jaxlib 0.10.2, numpy 2.4.6, CPU.
# Behaviour: weights are divided by a scale for each output channel, its largest weight. Of a channel of zeros that would be 0, and AQT
#            takes 1. In 2, 4 and 8 bits zeros stay zeros. With one bit there is no zero: every weight becomes plus or minus
#            half of its channel's scale, removed ones among them, and those of a removed channel are +0.5 each.
# A guess:   what has no scale is multiplied by nothing: a channel that was removed stays silent in all widths alike.
# For users: binary weights after structured pruning: dead channels sum up their inputs, fifty times as loud as any trained one. Nothing
#            is NaN, and a BatchNorm behind them hides the size. Apply the mask behind the quantisation too. rosalind quantises
#            symmetrically, from 2 bits on, and to 0 what is 0.
#
# Output seen (64 inputs from 0 to 1, 16 channels with weights of deviation 0.05, one of them removed; mean size of outputs):
#   8 bits: weights of the removed channel up to 0.00, of others up to 0.19; its outputs 0.00, those of others 0.21
#   4 bits: weights of the removed channel up to 0.00, of others up to 0.18; its outputs 0.00, those of others 0.20
#   2 bits: weights of the removed channel up to 0.00, of others up to 0.13; its outputs 0.00, those of others 0.21
#   1 bits: weights of the removed channel up to 0.50, of others up to 0.10; its outputs 16.00, those of others 0.31
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install -q aqtp==0.9.0 flax==0.12.8 jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6
JAX_PLATFORMS=cpu "$work/env/bin/python" -W ignore - <<'EOF'
import aqt.jax.v2.config as config
import jax.numpy as jnp
import numpy as np

rng = np.random.default_rng(0)
weights = rng.normal(scale=0.05, size=(64, 16)).astype(np.float32)
weights[:, 3] = 0
images = rng.uniform(size=(1000, 64)).astype(np.float32)
alive = np.arange(16) != 3


def outputs(inputs, bits):
    """The layer's outputs with weights of a few bits and inputs in floats."""
    product = config.dot_general_make(lhs_bits=None, rhs_bits=bits)
    return np.asarray(product(jnp.asarray(inputs), jnp.asarray(weights), (((1,), (0,)), ((), ()))))


for bits in (8, 4, 2, 1):
    found, sums = outputs(np.eye(64, dtype=np.float32), bits), outputs(images, bits)
    print(
        f"{bits} bits: weights of the removed channel up to {abs(found[:, 3]).max():.2f}, of others up to "
        f"{abs(found[:, alive]).max():.2f}; its outputs {abs(sums[:, 3]).mean():.2f}, those of others {abs(sums[:, alive]).mean():.2f}"
    )
    if bits > 1:
        assert not found[:, 3].any() and not sums[:, 3].any(), f"{bits} bits: a dead channel"
    else:
        assert (found[:, 3] == 0.5).all() and abs(found[:, alive]).max() < 0.1, "a dead channel is silent now"
EOF
