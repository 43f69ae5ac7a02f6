#!/usr/bin/env bash
# OpenBLAS's AVX2 kernel rounds an entry of a matrix product by its row: equal rows have unequal products.
#
# Versions:  Python 3.11; numpy 2.4.6 with its OpenBLAS 0.3.31, one thread, x86-64 with AVX2. The kernel of Haswell is
#            asked for by OPENBLAS_CORETYPE; OpenBLAS took it by itself on an AMD EPYC, which has AVX-512 too.
# Behaviour: 16 copies of one row times 16 copies of one column have two or more values; of 8 rows all are the same.
#            The kernel of Sandy Bridge gives one value everywhere.
# A guess:   within one product every entry is rounded alike, so that equal samples have equal scores, and a distance
#            does not change when other networks come into the table.
# For users: the first of several equal samples is not the nearest one, ties are broken by place, and distances that are
#            made of a part of the rows differ from those of all in their last bits. rosalind multiplies 8 rows at a time
#            where a distance is stored.
#
# Output seen:
#   Haswell: 46 of 50 products of 16 equal rows have unequal entries, 0 of 50 of 8 rows
#   Haswell: of 20 equal samples the largest product is the first one's in 24 of 50 searches
#   Sandybridge: 0 of 50 products of 16 equal rows have unequal entries, 0 of 50 of 8 rows
#   Sandybridge: of 20 equal samples the largest product is the first one's in 50 of 50 searches
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install -q numpy==2.4.6
cat > "$work/products.py" <<'PYTHON'
import os

import numpy as np

kernel, draw = os.environ["OPENBLAS_CORETYPE"], np.random.default_rng(0)


def is_unequal(rows):
    row, column = draw.normal(size=(2, 600)).astype(np.float32)
    product = np.tile(row, (rows, 1)) @ np.tile(column, (16, 1)).T.copy()
    return len(np.unique(product)) > 1


def is_first():
    """Whether of 20 equal samples, among 40 of unit length, the first has the largest product with the last."""
    features = draw.normal(size=(40, 600)).astype(np.float32)
    features /= np.linalg.norm(features, axis=1, keepdims=True)
    equal = np.sort(draw.choice(40, 20, replace=False))
    features[equal] = features[equal[0]]
    return (features @ features.T.copy())[:, equal[-1]].argmax() == equal[0]


many, few = (sum(is_unequal(rows) for _ in range(50)) for rows in (16, 8))
first = sum(is_first() for _ in range(50))
print(f"{kernel}: {many} of 50 products of 16 equal rows have unequal entries, {few} of 50 of 8 rows")
print(f"{kernel}: of 20 equal samples the largest product is the first one's in {first} of 50 searches")
assert few == 0 and ((many > 25 and first < 50) if kernel == "Haswell" else (many == 0 and first == 50))
PYTHON
export OPENBLAS_NUM_THREADS=1
OPENBLAS_CORETYPE=Haswell "$work/env/bin/python" "$work/products.py"
OPENBLAS_CORETYPE=Sandybridge "$work/env/bin/python" "$work/products.py"
