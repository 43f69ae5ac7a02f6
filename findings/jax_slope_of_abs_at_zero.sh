#!/usr/bin/env bash
# In JAX the slope of |w| at 0 is 1, not 0: an L1 penalty moves removed weights in its first step, all of them down.
#
# Versions:  Python 3.11; jax and jaxlib 0.10.2, torch 2.13.0, numpy 2.4.6, CPU.
# Behaviour: `jax.grad` of `jnp.abs`, and of `jnp.linalg.norm(w, 1)`, is 1 at 0 and at -0.0: the derivative selects by w >=
#            0, where `jnp.sign` has 0. PyTorch has 0 for both. `jax.nn.leaky_relu` takes the slope of the living side at
#            0, PyTorch's that of the dead one; `maximum(x, 0)` has a half and `relu` 0 in both. Any number from -1 to 1 is
#            a subgradient of |w|; only 0 leaves zeros where they are.
# A guess:   automatic differentiation takes sign(w), as everybody writes it by hand, for L1 as for the lasso.
# For users: weights are exactly 0 after pruning and only then: of a dense network the slope at 0 is never asked. With an
#            L1 penalty in the loss all removed weights become -rate x strength unless updates are masked, and saliencies
#            of the penalised loss see slopes where there are none. A dead unit learns through leaky ReLU at full slope.
#            rosalind's penalty on scales is masked with the weights.
#
# Output seen (slopes at 0):
#   |w|: jax 1, torch 0; sum of |w| as a norm: jax 1, torch 0; sign(w): jax 0, torch 0
#   relu: jax 0, torch 0; leaky relu: jax 1, torch 0.01; maximum(x, 0): jax 0.5, torch 0.5
#   zeros of 1,000 weights after a step with an L1 penalty: jax 0, torch 900; the removed ones in jax: [-0.001]
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install -q jax==0.10.2 jaxlib==0.10.2 torch==2.13.0 numpy==2.4.6
JAX_PLATFORMS=cpu "$work/env/bin/python" - <<'EOF'
import jax
import jax.numpy as jnp
import numpy as np
import torch
from torch.nn import functional


def torch_slope(function, value=0.0):
    x = torch.tensor([value], requires_grad=True)
    function(x).sum().backward()
    return x.grad.item()


def jax_slope(function, value=0.0):
    return jax.grad(lambda x: function(x).sum())(jnp.array([value])).item()


PAIRS = {
    "|w|": (jnp.abs, torch.abs, 1, 0),
    "sum of |w| as a norm": (lambda w: jnp.linalg.norm(w, 1), lambda w: torch.linalg.vector_norm(w, 1), 1, 0),
    "relu": (jax.nn.relu, functional.relu, 0, 0),
    "leaky relu": (jax.nn.leaky_relu, functional.leaky_relu, 1, 0.01),
    "maximum(x, 0)": (lambda x: jnp.maximum(x, 0), lambda x: torch.maximum(x, torch.zeros(1)), 0.5, 0.5),
}
said = []
for name, (in_jax, in_torch, wanted, other) in PAIRS.items():
    slopes = jax_slope(in_jax), torch_slope(in_torch)
    said.append(f"{name}: jax {slopes[0]:g}, torch {slopes[1]:.2g}")
    assert np.allclose(slopes, (wanted, other)), name
signs = float(jnp.sign(0.0)), torch.sign(torch.zeros(1)).item()
print("; ".join(said[:2]) + f"; sign(w): jax {signs[0]:g}, torch {signs[1]:g}")
print("; ".join(said[2:]))
assert signs == (0, 0) and jax_slope(jnp.abs, -0.0) == 1 and jax_slope(jnp.abs, -1e-30) == -1

draw = np.random.default_rng(0)
mask = np.arange(1000) < 100
weights, target = (mask * draw.normal(size=1000)).astype(np.float32), draw.normal(size=1000).astype(np.float32)


def loss(w, kept, wanted):
    return ((kept * w - wanted) ** 2).sum() + 0.01 * abs(w).sum()


stepped = np.asarray(weights - 0.1 * jax.grad(loss)(jnp.asarray(weights), mask, target))
trained = torch.tensor(weights, requires_grad=True)
loss(trained, torch.tensor(mask), torch.tensor(target)).backward()
by_torch = (trained - 0.1 * trained.grad).detach().numpy()
print(
    f"zeros of 1,000 weights after a step with an L1 penalty: jax {(stepped == 0).sum()}, torch {(by_torch == 0).sum()}; "
    f"the removed ones in jax: {np.unique(stepped[~mask].astype(float).round(6)).tolist()}"
)
assert np.allclose(stepped[mask], by_torch[mask], atol=1e-5) and (by_torch[~mask] == 0).all(), "PyTorch"
assert np.allclose(stepped[~mask], -0.001), "removed weights stay now"
EOF
