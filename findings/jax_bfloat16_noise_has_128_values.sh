#!/usr/bin/env bash
# Noise drawn in bfloat16 by JAX has 128 values, none above 2.52, and `bernoulli` of a bfloat16 0.001 is True 8 times too often.
#
# Versions:  Python 3.11; jax and jaxlib 0.10.2, ml_dtypes 0.6.0, numpy 2.4.6, CPU.
# Behaviour: `jax.random.uniform` fills the bits of the type's fraction and no more: 7 in bfloat16, 10 in float16. Its numbers
#            are multiples of 1/128 (1/1024), 0 among them. `normal` makes its numbers of one such draw: in bfloat16 no noise
#            is above 2.52 or below -2.89, the mean is -0.011. `bernoulli(key, p)` compares one such draw with p, in the type
#            of p, so that its true rate is p rounded up to 1/128. A Python number for p draws in float32.
# A guess:   a draw in bfloat16 is a float32 draw, rounded: 2 in a million are beyond 4.75, and small ones have full precision.
# For users: noise for networks that compute in bfloat16 has no tails: images are corrupted less where it hurts most. Rare
#            events (0.1 % of salt and pepper, of removed weights, of bits flipped) happen in 0.8 %, 0.1 % and 0.3 % alike. Draw in
#            float32 and round. rosalind draws all noise in float32.
#
# Output seen (four million draws):
#   float32: values above 1000000, from -4.85 to 5.22, mean 0.0001; True of 0.001 0.0010, of 0.003 0.0030, of 0.1 0.100
#   float16: values 1024, from -3.49 to 3.18, mean -0.0018; True of 0.001 0.0019, of 0.003 0.0039, of 0.1 0.101
#   bfloat16: values 128, from -2.89 to 2.52, mean -0.0111; True of 0.001 0.0078, of 0.003 0.0078, of 0.1 0.102
#   float32 rounded to bfloat16: from -4.84 to 5.22, mean 0.0001; True of Python's 0.001 0.0010
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install -q jax==0.10.2 jaxlib==0.10.2 ml_dtypes==0.6.0 numpy==2.4.6
JAX_PLATFORMS=cpu "$work/env/bin/python" - <<'EOF'
import jax
import jax.numpy as jnp
import numpy as np

DRAWS = (4_000_000,)
key = jax.random.key(0)


def rate(p):
    return float(jax.random.bernoulli(key, p, DRAWS).mean(dtype=jnp.float32))


seen = {}
for dtype in (jnp.float32, jnp.float16, jnp.bfloat16):
    noise = np.asarray(jax.random.normal(key, DRAWS, dtype).astype(jnp.float32))
    values = len(np.unique(noise))
    rates = [rate(jnp.asarray(p, dtype)) for p in (0.001, 0.003, 0.1)]
    print(
        f"{dtype.__name__}: values {values if values < 1e6 else 'above 1000000'}, from {noise.min():.2f} to {noise.max():.2f}, "
        f"mean {noise.mean():.4f}; True of 0.001 {rates[0]:.4f}, of 0.003 {rates[1]:.4f}, of 0.1 {rates[2]:.3f}"
    )
    seen[dtype.__name__] = values, noise.max(), rates
rounded = np.asarray(jax.random.normal(key, DRAWS).astype(jnp.bfloat16).astype(jnp.float32))
print(
    f"float32 rounded to bfloat16: from {rounded.min():.2f} to {rounded.max():.2f}, mean {rounded.mean():.4f}; "
    f"True of Python's 0.001 {rate(0.001):.4f}"
)
assert seen["float32"][0] > 1e6 and seen["float32"][1] > 4.5 and abs(seen["float32"][2][0] - 0.001) < 1e-4, "float32"
assert seen["bfloat16"][0] == 128 and seen["bfloat16"][1] < 2.6, "more bits are drawn for bfloat16 now"
assert abs(seen["bfloat16"][2][0] - 1 / 128) < 3e-4 and seen["bfloat16"][2][0] == seen["bfloat16"][2][1], "bernoulli"
assert seen["float16"][0] == 1024 and seen["float16"][1] < 3.3 and abs(seen["float16"][2][0] - 2 / 1024) < 1e-4, "float16"
assert rounded.max() > 4.5 and abs(rate(0.001) - 0.001) < 1e-4, "rounded afterwards"
EOF
