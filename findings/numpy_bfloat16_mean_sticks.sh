#!/usr/bin/env bash
# NumPy's mean and sum over bfloat16 stop growing at 256 ones; of float16, and in JAX, they are right.
#
# Versions:  Python 3.11; numpy 2.4.6, ml_dtypes 0.6.0, jax 0.10.2, CPU.
# Behaviour: NumPy sums float16 in pairs and takes float32 for its mean. bfloat16 is a type of ml_dtypes, for which
#            NumPy knows neither: it adds one number after the other in bfloat16, whose 8 bits cannot tell 257 from
#            256. Without a word 10,000 ones sum to 256 and have a mean of .026, and the mean of each of 64 features
#            over 4,000 samples comes out at a third of its value. `np.linalg.norm` and `@` are right, and so are
#            `jnp.mean` and `jnp.sum`.
# A guess:   a mean of bfloat16 is good to bfloat16's three digits, as that of float16 is to its own.
# For users: `np.asarray` of what a network in bfloat16 returns is such an array; class means and accuracies over it
#            are wrong by any factor. Convert to float32 first. rosalind does so before it measures.
#
# Output seen:
#   10,000 ones: float16 sum 10000, mean 1; bfloat16 sum 256, mean 0.0256; jnp sum 9984, mean 1
#   means of 64 features over 4,000 samples, over those in float32: bfloat16 0.31 to 0.33, float16 1.00 to 1.00
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install -q numpy==2.4.6 ml_dtypes==0.6.0 jax==0.10.2
JAX_PLATFORMS=cpu "$work/env/bin/python" - <<'EOF'
import jax.numpy as jnp
import ml_dtypes
import numpy as np

ones = np.ones(10_000)
half, brain = ones.astype(np.float16), ones.astype(ml_dtypes.bfloat16)
in_jax = jnp.asarray(brain)
print(
    f"10,000 ones: float16 sum {float(half.sum()):.0f}, mean {float(half.mean()):.3g}; "
    f"bfloat16 sum {float(brain.sum()):.0f}, mean {float(brain.mean()):.3g}; "
    f"jnp sum {float(in_jax.sum()):.0f}, mean {float(in_jax.mean()):.3g}"
)
assert float(brain.sum()) == 256, "NumPy adds bfloat16 in another way now"
assert float(half.mean()) == float(in_jax.mean()) == 1

features = np.abs(np.random.default_rng(0).normal(size=(4000, 64))).astype(ml_dtypes.bfloat16)
right = features.astype(np.float32).mean(0)
shares = features.mean(0).astype(np.float32) / right
of_half = features.astype(np.float16).mean(0).astype(np.float32) / right
print(
    f"means of 64 features over 4,000 samples, over those in float32: bfloat16 {shares.min():.2f} to {shares.max():.2f}, "
    f"float16 {of_half.min():.2f} to {of_half.max():.2f}"
)
assert shares.max() < 0.5, "means of bfloat16 are right now"
assert abs(of_half - 1).max() < 0.01
assert abs(np.linalg.norm(features) / np.linalg.norm(features.astype(np.float32)) - 1) < 1e-3
assert abs((features.T @ features).astype(np.float32) / (features.astype(np.float32).T @ features) - 1).max() < 0.01
EOF
