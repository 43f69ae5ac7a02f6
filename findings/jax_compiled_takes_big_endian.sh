#!/usr/bin/env bash
# A jitted jax function that was compiled for native floats reads the bytes of big-endian NumPy arrays in the wrong order.
#
# Versions:  Python 3.11; jax and jaxlib 0.10.2, numpy 2.4.6, on one CPU device.
# Behaviour: given a big-endian array ('>f4') first, a jitted function raises TypeError, as `jnp.asarray` does. Called once
#            with a native NumPy array of that shape and type, it takes the big-endian one without a word and computes with
#            its bytes as they lie: 1, 2, 3 become 4.6e-41, 9.0e-44, 2.3e-41. float16, complex64 and int32 too; float64
#            is right, as it is converted to float32 before (without `jax_enable_x64`).
# A guess:   The key of jit's fast path holds the kind and size of a type, not its order of bytes.
# For users: Arrays of FITS, HDF5, IDX files or `np.frombuffer(..., ">f4")` are refused in a test of one call and give other
#            numbers in a loop. Convert first: `np.asarray(x, np.float32)`, or `x.astype(x.dtype.newbyteorder("="))`.
#
# Output seen:
#   >f2: first call TypeError, after a native one wrong
#   >f4: first call TypeError, after a native one wrong
#   >c8: first call TypeError, after a native one wrong
#   >i4: first call TypeError, after a native one wrong
#   >f8: first call TypeError, after a native one right
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install -q jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6
JAX_PLATFORMS=cpu "$work/env/bin/python" - <<'EOF'
import jax
import numpy as np

for dtype, expected in {">f2": "wrong", ">f4": "wrong", ">c8": "wrong", ">i4": "wrong", ">f8": "right"}.items():
    big = np.array([1, 2, 3], dtype)
    native = big.astype(big.dtype.newbyteorder("="))
    try:
        jax.jit(lambda x: x * 2)(big)
        first = "taken"
    except TypeError as error:
        first = type(error).__name__
    double = jax.jit(lambda x: x * 2)
    assert np.array_equal(double(native), [2, 4, 6])
    try:
        result = np.asarray(double(big))
        # What the same bytes are in native order: not merely another number.
        as_they_lie = double(big.view(native.dtype))
        after = "right" if np.array_equal(result, [2, 4, 6]) else "wrong"
        assert after == "right" or np.array_equal(result, as_they_lie)
    except TypeError as error:
        after = type(error).__name__
    print(f"{dtype}: first call {first}, after a native one {after}")
    assert (first, after) == ("TypeError", expected), "big-endian arrays are treated otherwise now"
EOF
