#!/usr/bin/env bash
# safetensors' NumPy writer stores a transposed array in the wrong order, without a word.
#
# Versions:  Python 3.11; safetensors 0.8.0 and 0.5.3, numpy 2.4.6.
# Behaviour: `safetensors.numpy.save_file({"w": a.T}, path)` with 0.8.0 writes the shape of `a.T` and the bytes of
#            `a`, in the order in which they lie in memory. Reading gives an array of the right shape and type whose
#            values stand in other places. No error, no warning; the sum of all entries is right. 0.5.3 stored it as it is.
# A guess:   NumPy's own writers keep what an array says whatever its memory order, and the older release was right.
# For users: the kernel of a linear layer is transposed on its way between PyTorch ([out, in]) and JAX ([in, out]),
#            and `.T` is a view. A file made from it loads everywhere and gives a network that guesses. Square kernels
#            and shape checks do not notice. Write `np.ascontiguousarray(a.T)`, and read the file back once.
#
# Output seen:
#   safetensors 0.5.3: given [[0, 3], [1, 4], [2, 5]], read [[0, 3], [1, 4], [2, 5]]; copied first [[0, 3], [1, 4], [2, 5]]
#   safetensors 0.8.0: given [[0, 3], [1, 4], [2, 5]], read [[0, 1], [2, 3], [4, 5]]; copied first [[0, 3], [1, 4], [2, 5]]
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
for version in 0.5.3 0.8.0; do
  "$work/env/bin/pip" install -q "safetensors==$version" numpy==2.4.6
  "$work/env/bin/python" -W error - "$work/file.safetensors" <<'EOF'
import sys
from importlib.metadata import version

import numpy as np
from safetensors.numpy import load_file, save_file

path, release = sys.argv[1], version("safetensors")
kernel = np.arange(6, dtype=np.float32).reshape(2, 3).T


def through_file(array):
    save_file({"w": array}, path)
    return load_file(path)["w"]


view, copied = through_file(kernel), through_file(np.ascontiguousarray(kernel))
given, read, again = (array.astype(int).tolist() for array in (kernel, view, copied))
print(f"safetensors {release}: given {given}, read {read}; copied first {again}")
assert view.shape == kernel.shape and view.dtype == kernel.dtype and view.sum() == kernel.sum()
assert np.array_equal(copied, kernel)
assert np.array_equal(view, kernel) == (release == "0.5.3"), "the transposed array is stored otherwise now"
EOF
done
