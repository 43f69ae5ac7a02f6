#!/usr/bin/env bash
# USearch in 8 bits makes every vector as long as the others: x and 100 x have Euclidean distance 0.
#
# Versions:  Python 3.11; usearch 2.26.6, numpy 2.4.6, CPU.
# Behaviour: with `dtype="i8"` USearch divides each float vector by its own length and stores 127 times the result. For
#            `metric="l2sq"` and "ip" that takes the length away, which these are about: the nearest of features is another,
#            and distances are in units of no meaning. float16 and bfloat16 keep lengths, and so does i8 for int8 arrays,
#            which are taken as they are.
# A guess:   fewer bits are a coarser grid of the same numbers, as in float16; the type is advertised as a setting of memory.
# For users: features of a pruned network that shrank by a corruption without turning are the same vector in the index: what
#            was lost is found as unchanged. 8 bits are for the cosine; else scale by one number for all and pass int8.
#
# Output seen (squared distance from x to x, to 100 x, and to another vector y; the nearest other one):
#   float64: 0, 34004.3, 2.5, nearest y
#   f32: 0, 34004.3, 2.5, nearest y
#   f16: 0, 33995.9, 2.5, nearest y
#   i8: 0, 0.0, 11246.0, nearest 100 x
#   i8 of int8 arrays: 0, 9801.0, 1.0, nearest y
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install -q usearch==2.26.6 numpy==2.4.6
"$work/env/bin/python" -W ignore - <<'EOF'
import numpy as np
from usearch.index import Index

x = np.abs(np.random.default_rng(0).normal(size=8)).astype(np.float32)
y = np.roll(x, 1)
NAMES = "x", "100 x", "y"
floats = np.stack([x, 100 * x, y])
ones = np.zeros((3, 8), np.int8)
ones[:, 0] = 1, 100, 1
ones[2, 1] = 1


def distances(vectors, dtype):
    """Squared Euclidean distance from the first vector to each, as the index has it."""
    index = Index(ndim=8, metric="l2sq", dtype=dtype)
    index.add(np.arange(3), vectors)
    found = index.search(vectors[0], 3, exact=True)
    return np.asarray(found.distances, float)[np.argsort(found.keys)]


seen = {"float64": ((floats.astype(float) - floats[0]) ** 2).sum(1)}
for dtype in ("f32", "f16", "i8"):
    seen[dtype] = distances(floats, dtype)
seen["i8 of int8 arrays"] = distances(ones, "i8")
for name, found in seen.items():
    nearest = NAMES[1 + int(np.argmin(found[1:]))]
    print(f"{name}: {found[0]:.0f}, {found[1]:.1f}, {found[2]:.1f}, nearest {nearest}")
for name in ("f32", "f16"):
    assert np.allclose(seen[name], seen["float64"], rtol=0.01, atol=0.05), name
assert seen["i8"][1] < 100 < 1000 < seen["i8"][2], "lengths are kept in 8 bits now"
assert np.allclose(seen["i8 of int8 arrays"], [0, 99**2, 1]), "int8 arrays are taken as they are"
EOF
