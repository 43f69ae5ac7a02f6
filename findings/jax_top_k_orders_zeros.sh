#!/usr/bin/env bash
# jax.lax.top_k holds 0.0 for larger than -0.0, argsort for equal: the two keep other weights where scores tie at zero.
#
# Versions:  Python 3.11; jax 0.10.2, numpy 2.4.6, CPU.
# Behaviour: `jnp.argsort` and `jnp.sort` are stable and treat both zeros as equal, as NumPy does and as `==` says.
#            `jax.lax.top_k` gives the first of equal scores too, but takes all 0.0 before the first -0.0.
# A guess:   the k largest of `top_k` are the first k of a stable descending argsort.
# For users: a signed score that is a product with the weight, as GraSP's (arXiv 2002.07376), is 0.0 or -0.0 for a
#            weight that is pruned, by the sign of its gradient. Which of the pruned come back then hangs on that sign
#            and on the function. rosalind's `ranking.top` and `top_traced` hold both zeros for equal.
#
# Output seen:
#   the first 3 of 0.0, -0.0, 0.0, -0.0, -1.0: top_k [0 2 1], argsort [0 1 2], NumPy [0 1 2]
#   weight x gradient, half of 1,000 weights pruned: of the 600 largest the two disagree on 70
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install -q jax==0.10.2 numpy==2.4.6
JAX_PLATFORMS=cpu "$work/env/bin/python" - <<'EOF'
import jax
import jax.numpy as jnp
import numpy as np


def largest(scores, k):
    by_top_k = np.asarray(jax.lax.top_k(jnp.asarray(scores), k)[1])
    by_argsort = np.asarray(jnp.argsort(-jnp.asarray(scores))[:k])
    return by_top_k, by_argsort, np.argsort(-scores, kind="stable")[:k]


few = np.array([0.0, -0.0, 0.0, -0.0, -1.0], np.float32)
by_top_k, by_argsort, by_numpy = largest(few, 3)
print(f"the first 3 of 0.0, -0.0, 0.0, -0.0, -1.0: top_k {by_top_k}, argsort {by_argsort}, NumPy {by_numpy}")
assert by_top_k.tolist() == [0, 2, 1] and by_argsort.tolist() == by_numpy.tolist() == [0, 1, 2]

generator = np.random.default_rng(0)
weights = np.where(generator.permutation(1000) < 500, 0, generator.normal(size=1000)).astype(np.float32)
scores = weights * generator.normal(size=1000).astype(np.float32)
by_top_k, by_argsort, _ = largest(scores, 600)
apart = len(set(by_top_k) - set(by_argsort))
print(f"weight x gradient, half of 1,000 weights pruned: of the 600 largest the two disagree on {apart}")
assert apart > 0
EOF
