#!/usr/bin/env bash
# 8 in 4 bits is -8 by `jnp.asarray(x, dtype=jnp.int4)` and 7 by `jnp.asarray(x).astype(jnp.int4)`: weights change sign.
#
# Versions:  Python 3.11; jax and jaxlib 0.10.2, ml_dtypes 0.6.0, numpy 2.4.6, CPU.
# Behaviour: XLA's conversion of floats to integers clips to the range of the type, jitted or not. NumPy's conversion to
#            int4, a type of ml_dtypes, keeps the lowest four bits of the whole number: 8 is -8, 9 is -7, 16 is 0.
#            `jnp.asarray` and `jnp.array` hand an array of NumPy to NumPy for the cast, so that the two spellings differ
#            within JAX, and the same line differs for an array of NumPy and of JAX. Whole numbers wrap in both, floats only
#            in NumPy. Neither warns.
# A guess:   `asarray(x, dtype=t)` is `asarray(x).astype(t)`; and a cast that does not fit clips, or raises as it does for a
#            list.
# For users: weights divided by (largest / 8), or by (largest / 7.5), round to 8 in one place or a few: the largest positive
#            weights, which magnitude pruning keeps for certain, become the most negative, while a test of the quantiser
#            inside jit is right. Clip to [-8, 7] before the cast. rosalind counts bits of codes and casts nothing to 4 bits.
#
# Output seen:
#                                 [7, 8, 9, 16, -8, -9] of NumPy   of JAX
#   x.astype(int4)                [7, -8, -7, 0, -8, 7]   [7, 7, 7, 7, -8, -8]
#   jnp.asarray(x, dtype=int4)    [7, -8, -7, 0, -8, 7]   [7, 7, 7, 7, -8, -8]
#   jnp.array(x, dtype=int4)      [7, -8, -7, 0, -8, 7]   [7, 7, 7, 7, -8, -8]
#   jnp.asarray(x).astype(int4)   [7, 7, 7, 7, -8, -8]   [7, 7, 7, 7, -8, -8]
#   the same, jitted              [7, 7, 7, 7, -8, -8]   [7, 7, 7, 7, -8, -8]
#   jnp.asarray(x, dtype=int4)    largest weight 3.90, read back -3.90
#   jnp.asarray(x).astype(int4)   largest weight 3.90, read back 3.41
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install -q jax==0.10.2 jaxlib==0.10.2 ml_dtypes==0.6.0 numpy==2.4.6
JAX_PLATFORMS=cpu "$work/env/bin/python" - <<'EOF'
import jax
import jax.numpy as jnp
import numpy as np

VALUES = np.array([7, 8, 9, 16, -8, -9], np.float32)
CASTS = {
    "x.astype(int4)": lambda x: x.astype(jnp.int4),
    "jnp.asarray(x, dtype=int4)": lambda x: jnp.asarray(x, dtype=jnp.int4),
    "jnp.array(x, dtype=int4)": lambda x: jnp.array(x, dtype=jnp.int4),
    "jnp.asarray(x).astype(int4)": lambda x: jnp.asarray(x).astype(jnp.int4),
    "the same, jitted": jax.jit(lambda x: jnp.asarray(x).astype(jnp.int4)),
}
WRAPPED, CLIPPED = [7, -8, -7, 0, -8, 7], [7, 7, 7, 7, -8, -8]


def read(x):
    return np.asarray(x).astype(np.int32).tolist()


print(f"{'':29} {VALUES.astype(int).tolist()} of NumPy   of JAX")
for name, cast in CASTS.items():
    of_numpy, of_jax = read(cast(VALUES)), read(cast(jnp.asarray(VALUES)))
    print(f"{name:29} {of_numpy}   {of_jax}")
    by_numpy = name in ("x.astype(int4)", "jnp.asarray(x, dtype=int4)", "jnp.array(x, dtype=int4)")
    assert of_numpy == (WRAPPED if by_numpy else CLIPPED), name
    assert of_jax == CLIPPED, name

weights = np.random.default_rng(0).normal(size=4096).astype(np.float32)
step = np.abs(weights).max() / 8
codes = np.round(weights / step)
largest = np.abs(weights).argmax()
for name in ("jnp.asarray(x, dtype=int4)", "jnp.asarray(x).astype(int4)"):
    back = step * np.asarray(read(CASTS[name](codes * np.sign(codes[largest]))))
    print(f"{name:29} largest weight {abs(weights[largest]):.2f}, read back {back[largest]:.2f}")
    assert (back[largest] < 0) == name.startswith("jnp.asarray(x, "), name
EOF
