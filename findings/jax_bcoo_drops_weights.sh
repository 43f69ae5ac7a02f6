#!/usr/bin/env bash
# JAX's sparse arrays drop the last weights of a matrix without a word if `nse` is too small, and count padding as elements.
#
# Versions:  Python 3.11; jax and jaxlib 0.10.2, numpy 2.4.6, CPU.
# Behaviour: `BCOO.fromdense(w, nse=n)` and `BCSR.fromdense` take the first n entries that are not 0, row after row, and
#            leave out the others, also outside of jit where both numbers are at hand: the places are found by a search whose
#            result has a fixed size. With n too large the array is padded, and `nse` says n. jit asks for `nse`, since it
#            cannot count. NaN counts as an entry, -0.0 does not. Without `nse`, outside of jit, all are kept.
# A guess:   too small is an error, at least where it can be seen; `nse` is the number of weights, as nnz is in SciPy.
# For users: `int((1 - 0.8) * w.size)` is one less than the weights that are there; a share of one layer is not that of
#            another when pruning is global, and regrowth needs more. What is lost is always the end of the array: the last
#            inputs of a layer, or the last classes if it is stored the other way round. Compare `todense()` once, and count
#            `data`, not `nse`. rosalind keeps dense arrays and masks, and counts those.
#
# Output seen (784 x 300 weights):
#   nse None:                   47040 of 47040, 47040 not 0, lost 0 in no row
#   nse int((1 - 0.8) * size):  47039 of 47040, 47039 not 0, lost 1 in rows 784 to 784
#   nse 300 less:               46740 of 47040, 46740 not 0, lost 300 in rows 780 to 784
#   nse 300 more:               47340 of 47040, 47040 not 0, lost 0 in no row
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install -q jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6
JAX_PLATFORMS=cpu "$work/env/bin/python" -W error - <<'EOF'
import jax
import jax.numpy as jnp
import numpy as np
from jax.experimental.sparse import BCOO, BCSR

dense = np.random.default_rng(0).normal(size=(784, 300)).astype(np.float32)
kept = round(0.2 * dense.size)
threshold = np.sort(np.abs(dense).ravel())[-kept]
weights = jnp.asarray(np.where(np.abs(dense) >= threshold, dense, 0))
assert int((weights != 0).sum()) == kept

seen = {}
for name, nse in (
    ("None", None),
    ("int((1 - 0.8) * size)", int((1 - 0.8) * dense.size)),
    ("300 less", kept - 300),
    ("300 more", kept + 300),
):
    sparse = BCOO.fromdense(weights, nse=nse)
    lost = np.argwhere(np.asarray(sparse.todense() != weights))
    rows = f"rows {lost[:, 0].min() + 1} to {lost[:, 0].max() + 1}" if len(lost) else "no row"
    entries = int((sparse.data != 0).sum())
    print(f"nse {name + ':':23} {sparse.nse} of {kept}, {entries} not 0, lost {len(lost)} in {rows}")
    seen[name] = sparse.nse, entries, len(lost)
    assert not len(lost) or lost[:, 0].min() > 770, "what is lost is not the end"
    if nse is not None:
        jitted = jax.jit(lambda w, nse=nse: BCOO.fromdense(w, nse=nse).todense())(weights)
        rows = BCSR.fromdense(weights, nse=nse).todense()
        assert (jitted == sparse.todense()).all() and (rows == jitted).all(), "jit or BCSR does something else"
assert seen["None"] == (kept, kept, 0)
assert seen["int((1 - 0.8) * size)"] == (kept - 1, kept - 1, 1)
assert seen["300 less"] == (kept - 300, kept - 300, 300)
assert seen["300 more"] == (kept + 300, kept, 0)
EOF
