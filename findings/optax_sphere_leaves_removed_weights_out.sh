#!/usr/bin/env bash
# Optax's projection onto the L1 sphere of radius 1 ends at a norm of 0.28 for a layer with 90 % zeros; of a dense one it reaches 1.
#
# Versions:  Python 3.11; optax 0.2.8, jaxopt 0.8.5, jax and jaxlib 0.10.2, numpy 2.4.6, scipy 1.17.1, CPU.
# Behaviour: `projections.projection_l1_sphere` projects the sizes onto the simplex and gives each its sign back. From inside of the sphere the
#            simplex raises every size by the same amount, that of a zero too, and the sign of 0 is 0: this part of the norm is lost.
#            1e-12 in place of 0 reaches the sphere. From outside, where sizes shrink, all is right. JAXopt does the same.
# A guess:   what is projected onto a sphere lies on it, whatever it was, as for the L2 sphere.
# For users: pruned layers that are to have one norm have the less the more was pruned, and a comparison at equal L1 norms is none.
#            A second projection raises it again, so that the norm also depends on the number of steps. Project the kept weights
#            alone. rosalind projects onto no sphere.
#
# Output seen (a thousand weights of deviation 0.001):
#   sparsity 0: norm 0.78 before and 1.00 after, jaxopt 1.00
#   sparsity 0.5: norm 0.62 before and 0.81 after, jaxopt 0.81
#   sparsity 0.9: norm 0.20 before and 0.28 after, jaxopt 0.28
#   1e-12 in place of 0: [0.4750000238418579, 0.17500001192092896, 0.17500001192092896, 0.17500001192092896], norm 1.000; 0: norm 0.475
#   from outside: norm 1.000
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install -q jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6 optax==0.2.8 jaxopt==0.8.5 scipy==1.17.1
JAX_PLATFORMS=cpu "$work/env/bin/python" -W ignore - <<'EOF'
import jax.numpy as jnp
import numpy as np
from jaxopt import projection
from optax import projections

weights = np.random.default_rng(0).normal(size=1000).astype(np.float32) / 1000
strengths = abs(weights)
for sparsity, norm in ((0, 1), (0.5, 0.81), (0.9, 0.28)):
    pruned = jnp.asarray(np.where(strengths >= np.quantile(strengths, sparsity), weights, 0))
    found = projections.projection_l1_sphere(pruned, 1.0)
    other = projection.projection_l1_sphere(pruned, 1.0)
    reached, kept = float(abs(found).sum()), float((found != 0).mean())
    print(f"sparsity {sparsity}: norm {float(abs(pruned).sum()):.2f} before and {reached:.2f} after, jaxopt {float(abs(other).sum()):.2f}")
    assert abs(reached - norm) < 0.01 and np.allclose(found, other), f"sparsity {sparsity} comes out otherwise"
    assert abs(kept - (1 - sparsity)) < 1e-6, "removed weights come back"
tiny = projections.projection_l1_sphere(jnp.array([0.3, 1e-12, 1e-12, 1e-12]), 1.0)
zero = projections.projection_l1_sphere(jnp.array([0.3, 0, 0, 0]), 1.0)
print(f"1e-12 in place of 0: {np.round(tiny, 3).tolist()}, norm {float(tiny.sum()):.3f}; 0: norm {float(zero.sum()):.3f}")
assert np.allclose(tiny, [0.475, 0.175, 0.175, 0.175]) and np.allclose(zero, [0.475, 0, 0, 0])
long = projections.projection_l1_sphere(jnp.array([3.0, 0, 1, 0]), 1.0)
print(f"from outside: norm {float(abs(long).sum()):.3f}")
assert abs(float(abs(long).sum()) - 1) < 1e-6
EOF
