#!/usr/bin/env bash
# jax.lax.top_k takes NaN for the largest number or for the smallest, by where the NaN came from.
#
# Versions:  Python 3.11; jax and jaxlib 0.10.2, numpy 2.4.6, CPU (x86).
# Behaviour: `top_k` orders numbers by their bits, so that the sign bit of a NaN counts: `jnp.nan` and `np.nan`, whose sign bit
#            is clear, come before infinity, and a NaN with the sign set after minus infinity. On x86 what 0/0, inf - inf,
#            and logarithms and roots of negative numbers give has it set; on other devices it need not. `jnp.argsort`,
#            `jnp.sort` and `jnp.max` make no difference. `lax.approx_max_k` puts both last.
# A guess:   NaN are alike, above all two that print and compare the same; a test with `jnp.nan` tells what happens.
# For users: a ranking of channels by a ratio (variance over mean, a cosine) puts dead ones, 0/0, last on this machine, and
#            first where a gap was filled with `jnp.nan`, or on another device: the same code prunes them or keeps them
#            before all others. Replace NaN before ranking. rosalind refuses scores that are NaN.
#
# Output seen:
#   of 1, NaN, 3 by top_k: [1 2 0] with jnp.nan, [2 0 1] with 0/0
#   by descending argsort: [1 2 0] with jnp.nan, [1 2 0] with 0/0
#   sign bit set: jnp.nan False; 0/0 True, inf - inf True, log(-1) True, sqrt(-1) True
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install -q jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6
JAX_PLATFORMS=cpu "$work/env/bin/python" - <<'EOF'
import jax
import jax.numpy as jnp

filled = jnp.array([1, jnp.nan, 3])
divided = jnp.array([1.0, 0, 3]) / jnp.array([1.0, 0, 1])
assert jnp.isnan(filled).tolist() == jnp.isnan(divided).tolist() == [False, True, False]
top = [jax.lax.top_k(scores, 3)[1].tolist() for scores in (filled, divided)]
ordered = [jnp.argsort(scores, descending=True).tolist() for scores in (filled, divided)]
made = {
    "0/0": divided[1],
    "inf - inf": jax.jit(lambda x: x - x)(jnp.inf),
    "log(-1)": jnp.log(-1.0),
    "sqrt(-1)": jnp.sqrt(-1.0),
}


def shown(order):
    return str(order).replace(",", "")


print(f"of 1, NaN, 3 by top_k: {shown(top[0])} with jnp.nan, {shown(top[1])} with 0/0")
print(f"by descending argsort: {shown(ordered[0])} with jnp.nan, {shown(ordered[1])} with 0/0")
signs = ", ".join(f"{name} {bool(jnp.signbit(x))}" for name, x in made.items())
print(f"sign bit set: jnp.nan {bool(jnp.signbit(filled[1]))}; {signs}")
assert top == [[1, 2, 0], [2, 0, 1]], "top_k takes both alike now"
assert ordered[0] == ordered[1], "argsort makes a difference"
assert not jnp.signbit(filled[1]) and jnp.signbit(divided[1]), "the signs of NaN have changed"
EOF
