#!/usr/bin/env bash
# TileDB's count of a dense array's cells under a condition counts those that fail it: 5 where 2 hold. The mean beside it is of the 2.
#
# Versions:  Python 3.11; tiledb 0.36.1, numpy 2.4.6, CPU.
# Behaviour: a condition on a dense array replaces what fails by fill values, and drops no cell. Sum, mean, minimum and maximum leave these out, the
#            count of one and the same query does not, whichever attribute it is of. Read as an array, fill values are NaN of floats
#            and -2147483648 of int32, 255 of a byte, and any function of NumPy takes them for data. A sparse array
#            drops the cells, and all agree.
# A guess:   all aggregates of one query are of the same cells: count x mean = sum.
# For users: the share of networks or samples above a threshold is 1, whatever the threshold, and rates that divide by the count are too small; of
#            an array in bytes a white pixel and a failed one are alike. Divide the sum by the mean, or store sparsely.
#            rosalind stores no TileDB.
#
# Output seen (five networks, right on 95, 50, 10, 92 and 30 of 100 samples):
#   dense, right > 0: count 5, sum 277, mean 55.4, min 10, max 95; mean of what is read 55.4
#   dense, right > 60: count 5, sum 187, mean 93.5, min 92, max 95; mean of what is read -1.28849e+09
#   dense, accuracy > 0.93: count 5, sum 95, mean 95, min 95, max 95; mean of what is read -1.71799e+09
#   sparse, right > 0: count 5, sum 277, mean 55.4, min 10, max 95; mean of what is read 55.4
#   sparse, right > 60: count 2, sum 187, mean 93.5, min 92, max 95; mean of what is read 93.5
#   sparse, accuracy > 0.93: count 1, sum 95, mean 95, min 95, max 95; mean of what is read 95
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install -q tiledb==0.36.1 numpy==2.4.6
"$work/env/bin/python" -W ignore - "$work" <<'EOF'
import sys

import numpy as np
import tiledb

right = np.array([95, 50, 10, 92, 30], np.int32)
WORDS = ("count", "sum", "mean", "min", "max")
domain = tiledb.Domain(tiledb.Dim("network", domain=(0, 4), tile=5, dtype=np.int32))
means = {}
for kind in ("dense", "sparse"):
    path, is_sparse = f"{sys.argv[1]}/{kind}", kind == "sparse"
    attributes = [tiledb.Attr("right", dtype=np.int32), tiledb.Attr("accuracy", dtype=np.float32)]
    tiledb.Array.create(path, tiledb.ArraySchema(domain=domain, sparse=is_sparse, attrs=attributes))
    with tiledb.open(path, "w") as array:
        array[np.arange(5) if is_sparse else slice(None)] = {"right": right, "accuracy": (right / 100).astype(np.float32)}
    with tiledb.open(path) as array:
        for condition, holds in (("right > 0", right > 0), ("right > 60", right > 60), ("accuracy > 0.93", right > 93)):
            found = array.query(cond=condition).agg({"right": list(WORDS)})[:]
            found = found.get("right", found)
            read = array.query(cond=condition)[:]["right"]
            print(f"{kind}, {condition}: " + ", ".join(f"{word} {found[word]:g}" for word in WORDS) + f"; mean of what is read {read.mean():g}")
            kept = right[holds]
            assert (found["sum"], found["mean"], found["min"], found["max"]) == (kept.sum(), kept.mean(), kept.min(), kept.max())
            assert found["count"] == (holds.sum() if is_sparse else 5), f"{kind}: other cells are counted"
            assert (read.mean() == kept.mean()) == (is_sparse or holds.all()), f"{kind}: what fails is not read as a number"
EOF
