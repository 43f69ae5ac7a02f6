#!/usr/bin/env bash
# On CPU, XLA merges what stands before and after an optimization barrier into one loop.
#
# Versions:  Python 3.11; jax and jaxlib 0.10.2, numpy 2.4.6, CPU.
# Behaviour: a sum of nine neighbours of a sum of nine neighbours, with `jax.lax.optimization_barrier` between them.
#            The barrier is in the program that JAX hands over. The compiled program is the same as without it: one
#            fused loop holds the additions of both sums, and the intermediate array is never stored (0 bytes of
#            temporary memory). Both sums in a jitted function of their own are two programs.
# A guess:   the barrier is documented as what keeps the compiler from moving operations across, so the first sum
#            should be in memory before the second one starts.
# For users: a barrier does not make a value be computed once for many readers, nor bound what is merged, on this
#            backend; a speed-up that is seen with one may be gone in the next release. A matrix product, a loop or a
#            jitted function of its own do separate. Filters with many taps are best written as banded matrices.
#
# Output seen:
#   without: barriers handed over 0, compiled 0; fused loops 1, additions 16 in one of them; temporary bytes 0
#   with:    barriers handed over 1, compiled 0; fused loops 1, additions 16 in one of them; temporary bytes 0
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install -q jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6
JAX_PLATFORMS=cpu XLA_FLAGS= "$work/env/bin/python" - <<'EOF'
import re

import jax
import jax.numpy as jnp


def neighbours(x):
    return sum(x[shift : x.shape[0] - 8 + shift] for shift in range(9))


def without(x):
    return neighbours(neighbours(x))


def with_barrier(x):
    return neighbours(jax.lax.optimization_barrier(neighbours(x)))


def report(name, function):
    lowered = jax.jit(function).lower(jnp.ones(4096, jnp.float32))
    compiled = lowered.compile()
    text = compiled.as_text()
    bodies = re.findall(r"^%?fused_computation.*?^}", text, re.S | re.M)
    seen = (
        lowered.as_text().count("optimization_barrier"),
        text.count("opt-barrier"),
        len(re.findall(r" fusion\(", text)),
        max(body.count(" add(") for body in bodies),
        compiled.memory_analysis().temp_size_in_bytes,
    )
    print(
        f"{name + ':':8} barriers handed over {seen[0]}, compiled {seen[1]}; fused loops {seen[2]}, "
        f"additions {seen[3]} in one of them; temporary bytes {seen[4]}"
    )
    return seen


assert report("without", without) == (0, 0, 1, 16, 0)
assert report("with", with_barrier) == (1, 0, 1, 16, 0), "the barrier separates now"
EOF
