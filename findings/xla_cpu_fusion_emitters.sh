#!/usr/bin/env bash
# XLA for CPUs, told not to optimise, spends more than half of its compiling on the emitters of fusions.
#
# Versions:  Python 3.11; jax and jaxlib 0.10.2, numpy 2.4.6, CPU (x86).
# Behaviour: with `--xla_backend_optimization_level=0` forty small functions compile in 5.9 s of processor time. With
#            `--xla_cpu_use_fusion_emitters=false`, which no documentation names, in 2.4 s, and give the same numbers but
#            for rounding: fusions are then written as LLVM instructions at once, not through MLIR.
# A guess:   level 0 turns the optimiser off, so what is left is what compiling costs, and only a cache helps.
# For users: a test suite that compiles a thousand functions once each takes a third less processor time with both.
#            What runs for long is another matter: measure it with the emitters.
#
# Output seen:
#   with emitters     5.97 5.89 5.95
#   without           2.40 2.45 2.44
#   ratio 0.41, largest difference of a result 3.8e-06
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6
cat > "$folder/compile.py" <<'PYTHON'
import sys
import time

import jax
import jax.numpy as jnp
import numpy as np

results, seconds = [], 0.0
for k in range(40):
    def function(x):
        y = jnp.tanh(x) * (k + 1) - jnp.exp(-x * x)
        y = (y - y.mean(0)) / jnp.sqrt(jnp.var(y, axis=0) + 1e-3)
        return jnp.where(y > 0, jnp.log1p(y), y).sum(1) + jnp.sort(x[:, 0])

    x = np.linspace(-1, 1, (8 + k) * 16, dtype=np.float32).reshape(8 + k, 16)
    lowered = jax.jit(function).lower(x)
    began = time.process_time()
    compiled = lowered.compile()
    seconds += time.process_time() - began
    results.append(np.asarray(compiled(x)))
np.save(sys.argv[1], np.concatenate(results))
print(f"{seconds:.2f}")
PYTHON
export JAX_PLATFORMS=cpu
unoptimised="--xla_backend_optimization_level=0"
for _ in 1 2 3; do
  XLA_FLAGS="$unoptimised" "$folder/venv/bin/python" "$folder/compile.py" "$folder/with.npy" >> "$folder/with"
  XLA_FLAGS="$unoptimised --xla_cpu_use_fusion_emitters=false" \
    "$folder/venv/bin/python" "$folder/compile.py" "$folder/without.npy" >> "$folder/without"
done
echo "with emitters     $(tr '\n' ' ' < "$folder/with")"
echo "without           $(tr '\n' ' ' < "$folder/without")"
"$folder/venv/bin/python" - "$folder" <<'PYTHON'
import sys

import numpy as np

one, other = (np.loadtxt(f"{sys.argv[1]}/{name}").min() for name in ("with", "without"))
apart = np.abs(np.load(f"{sys.argv[1]}/with.npy") - np.load(f"{sys.argv[1]}/without.npy")).max()
print(f"ratio {other / one:.2f}, largest difference of a result {apart:.2g}")
assert other < 0.8 * one and apart < 1e-4, "the behaviour has changed"
PYTHON
