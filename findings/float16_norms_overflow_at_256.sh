#!/usr/bin/env bash
# Norms of float16 features are infinite from a length of 256 on in JAX and NumPy, and 0 for small ones; PyTorch's are right.
#
# Versions:  Python 3.11; jax and jaxlib 0.10.2, torch 2.13.0, numpy 2.4.6, CPU.
# Behaviour: float16 reaches to 65,504, and so does a length. `jnp.linalg.norm`, compiled or not, and `np.linalg.norm` square
#            in float16 and round the sum to it, so that a length above 256 is infinity, though no number is above 100, and
#            numbers below 0.0002 have squares of 0. `np.linalg.norm(x)` of a single vector adds in float32 and rounds the sum:
#            small vectors keep a length that the same vector loses by `axis=1`. NumPy warns of an overflow, of no underflow;
#            JAX of neither. `torch.linalg.vector_norm` adds and takes the root in float32. JAX's and NumPy's means of float16
#            are taken in float32, too.
# A guess:   a function that would overflow only on its way is computed in a wider type, as their means and as in PyTorch.
# For users: features are stored in float16 to save half of the space. Of 512 features around 12 the norm is infinity, every
#            cosine 0 and every angle 90 degrees; small ones over their norm are infinite. Take `x.astype(np.float32)` first.
#            rosalind stores features in float16 and measures before; its analysis converts what it reads.
#
# Output seen (512 equal numbers):
#   10: length 226; PyTorch 226, NumPy by axis=1 226, NumPy of one vector 226, JAX 226, compiled JAX 226
#   12: length 272; PyTorch 272, NumPy by axis=1 inf, NumPy of one vector inf, JAX inf, compiled JAX inf
#   0.0001: length 0.00226; PyTorch 0.00226, NumPy by axis=1 0, NumPy of one vector 0.00226, JAX 0, compiled JAX 0
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install -q torch==2.13.0 jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6
JAX_PLATFORMS=cpu "$work/env/bin/python" -W ignore::RuntimeWarning - <<'EOF'
import jax
import jax.numpy as jnp
import numpy as np
import torch

ways = {
    "PyTorch": lambda x: torch.linalg.vector_norm(torch.from_numpy(x), dim=1),
    "NumPy by axis=1": lambda x: np.linalg.norm(x, axis=1),
    "NumPy of one vector": lambda x: [np.linalg.norm(x[0])],
    "JAX": lambda x: jnp.linalg.norm(jnp.asarray(x), axis=1),
    "compiled JAX": jax.jit(lambda x: jnp.linalg.norm(x, axis=1)),
}
seen = {}
for value in (10, 12, 1e-4):
    x = np.full((1, 512), value, np.float16)
    wide = x[0].astype(np.float64)
    right = np.sqrt(wide @ wide)
    lengths = {name: float(way(x)[0]) for name, way in ways.items()}
    texts = (f"{name} {length:.3g}" for name, length in lengths.items())
    print(f"{value}: length {right:.3g}; {', '.join(texts)}")
    seen[value] = lengths
    assert abs(lengths["PyTorch"] / right - 1) < 0.001, "PyTorch"
    assert np.mean(x) == jnp.mean(x) == x[0, 0], "means"
for name in ways:
    assert abs(seen[10][name] / 226.27 - 1) < 0.001, "below 256"
    assert name == "PyTorch" or seen[12][name] == np.inf, "above 256"
assert seen[1e-4]["JAX"] == seen[1e-4]["compiled JAX"] == seen[1e-4]["NumPy by axis=1"] == 0, "small"
assert seen[1e-4]["NumPy of one vector"] > 0.002, "a single vector"
EOF
