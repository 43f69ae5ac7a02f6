#!/usr/bin/env bash
# Zarr's Delta filter brings nearly all removed weights of a float32 layer back, at 1e-7, and stores them in more bytes.
#
# Versions:  Python 3.11; zarr 3.1.6, numcodecs 0.16.6, numpy 2.4.6.
# Behaviour: the filter stores what to add to each number to have the next, and adds them up again when reading. In float32
#            both steps round, and the error walks on from number to number: of 90 % zeros 3 % are left. Each weight is
#            right to 3e-7, and no option says that the filter is lossy for floats. Of float64 that were float32 before,
#            and of integers, all comes back.
# A guess:   a difference and a sum undo each other; filters that lose something (Quantize, BitRound, FixedScaleOffset) say
#            so by their arguments.
# For users: a pruned layer that was stored so has no zeros; its mask, counted as `weight != 0`, keeps almost all, and
#            fine-tuning trains them. Accuracies are the same, so that nobody looks. And the file is the larger for it.
#            Leave floats without Delta. rosalind stores masks as bits of their own.
#
# Output seen (zeros before and after):
#   float32: zeros 0.900, after Delta 0.033, largest error 2.5e-07, 145602 bytes without, 227100 with
#   float64: zeros 0.900, after Delta 0.900, largest error 0.0e+00, 163371 bytes without, 256955 with
#   int32: zeros 0.900, after Delta 0.900, largest error 0.0e+00, 121337 bytes without, 187193 with
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install -q zarr==3.1.6 numcodecs==0.16.6 numpy==2.4.6
"$work/env/bin/python" -W ignore - <<'EOF'
import numpy as np
import zarr
from numcodecs import Delta, Zstd

weights = np.random.default_rng(0).normal(scale=0.05, size=(512, 512)).astype(np.float32)
weights[np.abs(weights) < np.quantile(np.abs(weights), 0.9)] = 0


def stored(array, filters):
    """The array as Zarr reads it back, and the bytes that it takes."""
    made = zarr.create_array(
        store=zarr.storage.MemoryStore(), data=array, chunks=array.shape, filters=filters, compressors=Zstd(), zarr_format=2
    )
    return made[:], made.nbytes_stored()


def zeros(array):
    return float((array == 0).mean())


ARRAYS = {"float32": weights, "float64": weights.astype(float), "int32": (weights * 1e6).astype(np.int32)}
for name, array in ARRAYS.items():
    plain, plain_bytes = stored(array, None)
    back, size = stored(array, [Delta(dtype=array.dtype)])
    error = np.abs(back.astype(float) - array).max()
    print(
        f"{name}: zeros {zeros(array):.3f}, after Delta {zeros(back):.3f}, largest error {error:.1e}, "
        f"{plain_bytes} bytes without, {size} with"
    )
    assert np.array_equal(plain, array), "without a filter"
    if name == "float32":
        assert zeros(back) < 0.2 and 0 < error < 1e-5 and size > plain_bytes, "Delta of float32 gives back what it got"
    else:
        assert np.array_equal(back, array), name
EOF
