#!/usr/bin/env bash
# XTrace in traceax is NaN for a Hessian with 90 % zero rows as soon as it takes products enough to be exact; Hutch++ is exact then.
#
# Versions:  Python 3.11; traceax 1.0.2, lineax 0.1.1, equinox 0.13.8, jax and jaxlib 0.10.2, numpy 2.4.6, CPU.
# Behaviour: XTrace and XNysTrace build a basis of all products and correct for each direction left out. Where the rank is below the number of
#            directions, some of the basis is nothing, and 0 / 0 comes of it; a matrix of zeros is NaN from the fewest products on. The rank alone
#            does no harm to XTrace where rounding fills the zeros up: the same matrix in a turned basis is right. Hutchinson's estimate and
#            Hutch++ are numbers throughout, and Hutch++ exact from three times the rank on.
# A guess:   the better estimator with more products is the surer one, and low rank its best case, in which it should be exact.
# For users: a Hessian, Fisher or Gram matrix in which pruned weights or dead units have rows of zeros has no trace as soon as more is spent than
#            its rank, so that only sparse networks fall out of a comparison, or of a mean. Take Hutch++, or the
#            kept weights alone. rosalind needs no traces.
#
# Output seen (100 weights, of which 10 are kept, with curvatures from 1 to 1.9; NaN of 10 seeds, and the mean of the others):
#   pruned, trace 14.5: Hutchinson: 6 products 0 NaN, 14.5; 30 products 0 NaN, 14.5; 90 products 0 NaN, 14.5
#   pruned, trace 14.5: Hutch++: 6 products 0 NaN, 14.6; 30 products 0 NaN, 14.5; 90 products 0 NaN, 14.5
#   pruned, trace 14.5: XTrace: 6 products 0 NaN, 15.4; 30 products 10 NaN; 90 products 10 NaN
#   pruned, trace 14.5: XNysTrace: 6 products 0 NaN, 15.4; 30 products 9 NaN, 14.5; 90 products 10 NaN
#   turned, trace 14.5: Hutchinson: 6 products 0 NaN, 14.6; 30 products 0 NaN, 14.5; 90 products 0 NaN, 14.6
#   turned, trace 14.5: Hutch++: 6 products 0 NaN, 14.0; 30 products 0 NaN, 14.5; 90 products 0 NaN, 14.5
#   turned, trace 14.5: XTrace: 6 products 0 NaN, 14.5; 30 products 0 NaN, 14.5; 90 products 0 NaN, 14.5
#   turned, trace 14.5: XNysTrace: 6 products 0 NaN, 15.0; 30 products 0 NaN, 14.5; 90 products 10 NaN
#   dense, trace 14.5: Hutchinson: 6 products 0 NaN, 14.5; 30 products 0 NaN, 14.5; 90 products 0 NaN, 14.5
#   dense, trace 14.5: Hutch++: 6 products 0 NaN, 14.5; 30 products 0 NaN, 14.5; 90 products 0 NaN, 14.4
#   dense, trace 14.5: XTrace: 6 products 0 NaN, 14.5; 30 products 0 NaN, 14.5; 90 products 0 NaN, 14.5
#   dense, trace 14.5: XNysTrace: 6 products 0 NaN, 14.4; 30 products 0 NaN, 14.5; 90 products 0 NaN, 14.5
#   zeros, trace 0.0: Hutchinson: 6 products 0 NaN, 0.0; 30 products 0 NaN, 0.0; 90 products 0 NaN, 0.0
#   zeros, trace 0.0: Hutch++: 6 products 0 NaN, 0.0; 30 products 0 NaN, 0.0; 90 products 0 NaN, 0.0
#   zeros, trace 0.0: XTrace: 6 products 10 NaN; 30 products 10 NaN; 90 products 10 NaN
#   zeros, trace 0.0: XNysTrace: 6 products 10 NaN; 30 products 10 NaN; 90 products 10 NaN
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install -q traceax==1.0.2 lineax==0.1.1 equinox==0.13.8 jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6
JAX_PLATFORMS=cpu "$work/env/bin/python" -W ignore - <<'EOF'
import jax
import jax.numpy as jnp
import lineax
import numpy as np
import traceax

WEIGHTS, KEPT, SEEDS = 100, 10, 10
curvature = np.where(np.arange(WEIGHTS) < KEPT, 1 + np.arange(WEIGHTS) / 10, 0)
turn = np.linalg.qr(np.random.default_rng(0).normal(size=(WEIGHTS, WEIGHTS)))[0]
MATRICES = {
    "pruned": np.diag(curvature),
    "turned": (turn * curvature) @ turn.T,
    "dense": np.diag(np.linspace(0.05, 0.24, WEIGHTS)),
    "zeros": np.zeros((WEIGHTS, WEIGHTS)),
}
ESTIMATORS = {
    "Hutchinson": traceax.HutchinsonEstimator(),
    "Hutch++": traceax.HutchPlusPlusEstimator(),
    "XTrace": traceax.XTraceEstimator(),
    "XNysTrace": traceax.XNysTraceEstimator(),
}
gaps, errors = {}, {}
for matrix, array in MATRICES.items():
    trace = np.trace(array)
    operator = lineax.MatrixLinearOperator(jnp.asarray(array, jnp.float32), lineax.positive_semidefinite_tag)
    for name, estimator in ESTIMATORS.items():
        said = []
        for products in (6, 30, 90):
            found = np.array([float(estimator.estimate(jax.random.key(seed), operator, k=products)[0]) for seed in range(SEEDS)])
            is_number = np.isfinite(found)
            gaps[matrix, name, products] = int((~is_number).sum())
            errors[matrix, name, products] = abs(found[is_number] - trace).max(initial=0)
            mean = f", {found[is_number].mean():.1f}" if is_number.any() else ""
            said.append(f"{products} products {gaps[matrix, name, products]} NaN{mean}")
        print(f"{matrix}, trace {trace:.1f}: {name}: {'; '.join(said)}")
for products in (6, 30, 90):
    for matrix in MATRICES:
        assert gaps[matrix, "Hutchinson", products] == gaps[matrix, "Hutch++", products] == 0
    assert gaps["turned", "XTrace", products] == gaps["dense", "XTrace", products] == gaps["dense", "XNysTrace", products] == 0
    assert gaps["zeros", "XTrace", products] == gaps["zeros", "XNysTrace", products] == SEEDS, "a matrix of zeros has a trace"
assert gaps["pruned", "XTrace", 6] == 0 and gaps["pruned", "XTrace", 30] == gaps["pruned", "XTrace", 90] == SEEDS, "XTrace is a number"
assert gaps["pruned", "XNysTrace", 6] == 0 and gaps["pruned", "XNysTrace", 90] == SEEDS, "XNysTrace is a number"
assert max(errors["pruned", "Hutch++", 30], errors["pruned", "Hutch++", 90]) < 1e-3, "Hutch++ is not exact"
EOF
