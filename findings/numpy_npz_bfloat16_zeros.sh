#!/usr/bin/env bash
# The zeros of a pruned bfloat16 array are counted wrong once it has been through an .npz file: -0.0 counts as a weight.
#
# Versions:  Python 3.11; numpy 2.4.6, ml_dtypes 0.6.0, CPU.
# Behaviour: `np.savez` takes a bfloat16 array without a word, and `np.load` gives it back as `|V2`, two raw bytes a number.
#            Such an array still answers `np.count_nonzero`, `np.nonzero` and `astype(bool)`, by its bytes: 0.0 is zero and
#            -0.0, which has its sign bit set, is not. A weight below 0 times a mask of 0 is -0.0. float16 comes back as it
#            was. `x != 0` raises, as do `astype(np.float32)`, `jnp.asarray` and `torch.from_numpy`; `x.view(bfloat16)`
#            mends all of it.
# A guess:   a type that the file cannot hold is refused when it is written, or when its numbers are asked for; and a count
#            of what is not zero does not depend on the sign of zero.
# For users: half of the weights that a mask removed are below 0, so a network at 10 % density is reported at 55 %, and a mask
#            that is made of its nonzeros brings them back. Store float32, or view the array before anything else.
#            rosalind stores float32 and bool, and reads such a file as bfloat16.
#
# Output seen:
#   float16:  stored as float16, read as float16; density before 0.100, after 0.100
#   bfloat16: stored as bfloat16, read as |V2; density before 0.100, after 0.553; viewed as bfloat16 0.100
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install -q numpy==2.4.6 ml_dtypes==0.6.0
"$work/env/bin/python" -W error - "$work/weights.npz" <<'EOF'
import sys

import numpy as np
from ml_dtypes import bfloat16

path = sys.argv[1]
weights = np.random.default_rng(0).normal(size=10_000)
mask = np.abs(weights) >= np.quantile(np.abs(weights), 0.9)


def density(array):
    return np.count_nonzero(array) / array.size


for dtype in (np.float16, bfloat16):
    pruned = weights.astype(dtype) * mask.astype(dtype)
    np.savez(path, kernel=pruned)
    with np.load(path) as arrays:
        read = arrays["kernel"]
    before, after = density(pruned), density(read)
    line = f"{pruned.dtype.name + ':':9} stored as {pruned.dtype.name}, read as {read.dtype}; density before {before:.3f}, after {after:.3f}"
    if dtype is np.float16:
        print(line)
        assert before == after == 0.1, "float16"
    else:
        viewed = density(read.view(bfloat16))
        print(f"{line}; viewed as bfloat16 {viewed:.3f}")
        assert before == viewed == 0.1 and 0.5 < after < 0.6, "zeros are counted otherwise now"
        assert np.array_equal(read.astype(bool), read.view(np.uint16) != 0), "the cast to bool has changed"
EOF
