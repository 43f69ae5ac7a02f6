#!/usr/bin/env bash
# A layer of which a mask keeps 10 % has a density of 0.55 in pydata's sparse: -0.0, which a mask makes of negative weights, counts.
#
# Versions:  Python 3.11; sparse 0.19.3, scipy 1.17.1, numpy 2.4.6.
# Behaviour: `weights * mask` is -0.0 where a negative weight is removed, half of the removed ones. `sparse.COO.from_numpy` and
#            `GCXS.from_numpy` leave out what has the bits of the fill value, 0.0, and store -0.0 as an element; so does a COO
#            times a mask. `nnz`, `density`, `nbytes` and `sparse.nonzero` count it, and `unique_values` gives two zeros.
#            `(s != 0).nnz` is right. SciPy leaves -0.0 out. `weights * mask + 0.0` and `numpy.where(mask, weights, 0)` have
#            no -0.0.
# A guess:   -0.0 == 0.0, and a sparse array stores what is not 0, as SciPy's does.
# For users: sparsity is 0.45 where it is 0.9, in more bytes than the dense array has, and a mask made of `sparse.nonzero`
#            lets half of the removed weights train again. Sums and products are right, so that accuracies say nothing.
#            rosalind stores removed weights as 0.0.
#
# Output seen (100,000 float32 weights, 10,000 kept):
#   product, COO:   not zero 10000, minus zero 45140; nnz 55140, nonzero 55140, != 0 10000, 1102800 bytes (dense 400000)
#   product, GCXS:  not zero 10000, minus zero 45140; nnz 55140
#   COO times mask: not zero 10000, minus zero 45140; nnz 55140
#   product, SciPy: not zero 10000, minus zero 45140; nnz 10000
#   plus 0.0, COO:  not zero 10000, minus zero 0; nnz 10000
#   where, COO:     not zero 10000, minus zero 0; nnz 10000
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install -q sparse==0.19.3 scipy==1.17.1 numpy==2.4.6
"$work/env/bin/python" - <<'EOF'
import numpy as np
import scipy.sparse
import sparse

draw = np.random.default_rng(0)
weights = draw.normal(size=(200, 500)).astype(np.float32)
mask = np.zeros(weights.shape, bool)
mask.flat[draw.choice(weights.size, weights.size // 10, replace=False)] = True
product = weights * mask
KEPT = int(mask.sum())


def counts(array):
    """How many are not 0, and how many are -0.0."""
    return int((array != 0).sum()), int(((array == 0) & np.signbit(array)).sum())


seen = {}
for name, dense, stored in (
    ("product, COO", product, sparse.COO.from_numpy(product)),
    ("product, GCXS", product, sparse.GCXS.from_numpy(product)),
    ("COO times mask", product, sparse.COO.from_numpy(weights) * mask),
    ("product, SciPy", product, scipy.sparse.coo_array(product)),
    ("plus 0.0, COO", product + 0.0, sparse.COO.from_numpy(product + 0.0)),
    ("where, COO", np.where(mask, weights, 0), sparse.COO.from_numpy(np.where(mask, weights, 0))),
):
    kept, minus = counts(dense)
    seen[name] = stored.nnz, minus
    text = ""
    if name == "product, COO":
        nonzero, unlike = len(sparse.nonzero(stored)[0]), (stored != 0).nnz
        text = f", nonzero {nonzero}, != 0 {unlike}, {stored.nbytes} bytes (dense {dense.nbytes})"
        assert nonzero == stored.nnz and unlike == KEPT and stored.nbytes > dense.nbytes, "the counts"
        values = sparse.unique_values(stored)
        assert int((values == 0).sum()) == 2, "unique_values has one zero"
        assert np.allclose(stored.sum(axis=0).todense(), dense.sum(axis=0), atol=1e-5), "sums"
    print(f"{name + ':':15} not zero {kept}, minus zero {minus}; nnz {stored.nnz}{text}")
    assert kept == KEPT, name
minus = seen["product, COO"][1]
assert minus > 4 * KEPT, "a product has no -0.0 now"
for name in ("product, COO", "product, GCXS", "COO times mask"):
    assert seen[name] == (KEPT + minus, minus), f"{name}: -0.0 is left out now"
assert seen["product, SciPy"] == (KEPT, minus), "SciPy"
for name in ("plus 0.0, COO", "where, COO"):
    assert seen[name] == (KEPT, 0), name
EOF
