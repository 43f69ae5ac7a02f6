#!/usr/bin/env bash
# The standard deviation of 300 equal grey levels is 1519 with flox' engine numbagg, and 0 with its other engines.
#
# Versions:  Python 3.11; flox 0.11.2, numbagg 0.9.6, numba 0.68.1, numpy 2.4.6, CPU.
# Behaviour: flox takes counts, sums and sums of squares of a group from numbagg, whose grouped functions add in the dtype of the values:
#            `numbagg.group_nansum` of 300 bytes of 100 is 48, where `numbagg.nansum` of the same is 30000. From 256 images on
#            the count of a byte's group wraps too (`var`, `std`), and `nanvar` and `nanstd` wrap from 3 on. Means, and float32,
#            are right, as are the engines "flox" and "numpy" and the one chosen without a name.
# A guess:   an engine is a choice of speed; and what has a right mean of bytes has a right deviation, which is at most 127.5.
# For users: deviations per class of a test set in bytes, or of counts of int8 predictions, come out large or small by the number of images in the
#            class, in no order that shows it. Convert to float32 first. rosalind sums per class in floating point.
#
# Output seen (bytes of 100 in one group):
#   2: std 0.0 numbagg, 0.0 flox; nanstd 0.0 numbagg, 0.0 flox; mean 100.0; group_nansum 200, nansum 200
#   100: std 0.0 numbagg, 0.0 flox; nanstd 99.8 numbagg, 0.0 flox; mean 100.0; group_nansum 16, nansum 10000
#   300: std 1519.2 numbagg, 0.0 flox; nanstd 258.3 numbagg, 0.0 flox; mean 100.0; group_nansum 48, nansum 30000
#   1000: std 687.3 numbagg, 0.0 flox; nanstd 206.2 numbagg, 0.0 flox; mean 100.0; group_nansum 160, nansum 100000
#   1000 float32: std 0.0 numbagg, 0.0 flox; nanstd 0.0 numbagg, 0.0 flox; mean 100.0; group_nansum 100000, nansum 100000
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install -q flox==0.11.2 numbagg==0.9.6 numba==0.68.1 numpy==2.4.6
"$work/env/bin/python" -W ignore - <<'EOF'
import numbagg
import numpy as np
from flox import groupby_reduce

for count, dtype in ((2, np.uint8), (100, np.uint8), (300, np.uint8), (1000, np.uint8), (1000, np.float32)):
    values, group = np.full(count, 100, dtype), np.zeros(count, np.int64)
    reduced = lambda by, engine: float(groupby_reduce(values, group, func=by, engine=engine)[0][0])
    spread = {(by, engine): reduced(by, engine) for by in ("std", "nanstd") for engine in ("numbagg", "flox", "numpy", None)}
    sums = int(numbagg.group_nansum(values, group)[0]), int(numbagg.nansum(values))
    text = "; ".join(f"{by} {spread[by, 'numbagg']:.1f} numbagg, {spread[by, 'flox']:.1f} flox" for by in ("std", "nanstd"))
    name = f"{count}{' float32' * (dtype == np.float32)}"
    print(f"{name}: {text}; mean {reduced('mean', 'numbagg'):.1f}; group_nansum {sums[0]}, nansum {sums[1]}")
    assert reduced("mean", "numbagg") == 100 and sums[1] == 100 * count
    assert all(value == 0 for (_, engine), value in spread.items() if engine != "numbagg"), "another engine"
    is_byte = dtype == np.uint8
    assert sums[0] == (100 * count % 256 if is_byte else 100 * count), "grouped sums are of another dtype now"
    assert (spread["std", "numbagg"] > 127.5) == (is_byte and count >= 256), "counts of bytes hold more than 255 now"
    assert (spread["nanstd", "numbagg"] > 0) == (is_byte and count > 2), "squares of bytes are right now"
EOF
