#!/usr/bin/env bash
# Flax stores big-endian arrays as they lie and reads them as little-endian: 1.0 comes back as 4.6e-41.
#
# Versions:  Python 3.11; flax 0.12.8, jax and jaxlib 0.10.2, msgpack 1.2.4, safetensors 0.8.0, numpy 2.4.6, x86.
# Behaviour: `flax.serialization.to_bytes` (and `msgpack_serialize`) stores the name of an array's type, which has no byte
#            order, and the bytes of its memory. A NumPy array of `>f4` is restored with each number's bytes turned round;
#            shape and type are right, there is no error. NumPy's npz keeps the order, safetensors turns the bytes,
#            `jnp.asarray` refuses such an array.
# A guess:   what NumPy computes with as with any other array is stored by value, as the other formats do, or refused.
# For users: weights and features that came from IDX, FITS, netCDF or Java are big-endian; in a checkpoint of Flax they become
#            numbers near zero and a few huge ones, and a network that guesses. Convert before: `a.astype(np.float32)`.
#            rosalind stores npz, which keeps the order.
#
# Output seen (of 1, 2, 3 as >f4):
#   npz         [1.0, 2.0, 3.0]
#   safetensors [1.0, 2.0, 3.0]
#   flax        [4.600602988224807e-41, 8.96831017167883e-44, 2.304855714121459e-41]
#   flax, converted to float32 before [1.0, 2.0, 3.0]
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install -q flax==0.12.8 jax==0.10.2 jaxlib==0.10.2 msgpack==1.2.4 safetensors==0.8.0 numpy==2.4.6
JAX_PLATFORMS=cpu "$work/env/bin/python" - "$work/file.npz" <<'EOF'
import sys

import jax.numpy as jnp
import numpy as np
from flax import serialization
from safetensors.numpy import load, save

given = np.array([1, 2, 3], ">f4")
np.savez(sys.argv[1], w=given)
with np.load(sys.argv[1]) as arrays:
    npz = arrays["w"]


def through_flax(array):
    return serialization.from_bytes({"w": np.zeros(3, np.float32)}, serialization.to_bytes({"w": array}))["w"]


read = {
    "npz": npz,
    "safetensors": load(save({"w": given}))["w"],
    "flax": through_flax(given),
    "flax, converted to float32 before": through_flax(given.astype(np.float32)),
}
for name, array in read.items():
    print(f"{name:11} {array.tolist()}")
turned = read.pop("flax")
assert all(np.array_equal(array, given) for array in read.values()), "the others"
assert turned.dtype == np.float32 and turned.shape == given.shape
assert np.array_equal(turned, given.view("<f4")), "byte order is kept now"
try:
    jnp.asarray(given)
except TypeError:
    pass
else:
    raise AssertionError("jnp.asarray takes big-endian arrays now")
EOF
