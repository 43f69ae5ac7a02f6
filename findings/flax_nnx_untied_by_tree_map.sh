#!/usr/bin/env bash
# One step of `optax.apply_updates`, one `jax.tree.map` or one `jax.jit` unties the tied weights of a Flax nnx network; `jax.grad` gives half of each.
#
# Versions:  Python 3.11; flax 0.12.8, optax 0.2.8, jax and jaxlib 0.10.2, numpy 2.4.6, CPU.
# Behaviour: an nnx module is a pytree, so that JAX's own functions take it. As such a layer that stands at two places is two layers:
#            both are leaves, and what comes out has two arrays with lives of their own. `nnx.split`, `nnx.jit` and `nnx.grad` know of
#            one, as do `nnx.clone`, `copy.deepcopy` and pickle. A network without tied weights shows no difference.
# A guess:   what JAX's functions accept they keep as it was, and the gradient of a shared weight is the sum over its uses, in JAX as in nnx.
# For users: a mask or step that is mapped over the network makes two networks of a tied one: it grows (32 weights for 16), its halves drift apart
#            as here, and sparsity is counted over both. Map over `nnx.state` or `nnx.split`. rosalind splits networks of nnx once,
#            and works on the Linen parameters, in which a tied array occurs once.
#
# Output seen (two layers of 4 x 4 that are one):
#   tied: True; weights in nnx.state 16, in the network as a tree 32
#   after nnx.merge of nnx.split: tied True
#   after nnx.jit: tied True
#   after nnx.clone: tied True
#   after copy.deepcopy: tied True
#   after pickle: tied True
#   after jax.tree.map: tied False
#   after jax.jit: tied False
#   after optax.apply_updates: tied False
#   largest entry of the gradient: nnx 0.424, jax 0.261 and 0.216, whose sum is nnx's
#   after 20 steps of SGD: tied False, the two are up to 0.73 apart
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install -q flax==0.12.8 optax==0.2.8 jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6
JAX_PLATFORMS=cpu "$work/env/bin/python" -W ignore - <<'EOF'
import copy
import pickle

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx


class Twice(nnx.Module):
    """One layer that is used twice."""

    def __init__(self, rngs):
        self.first = nnx.Linear(4, 4, use_bias=False, rngs=rngs)
        self.second = self.first

    def __call__(self, inputs):
        return self.second(jnp.tanh(self.first(inputs)))


def is_tied(network):
    return network.first.kernel is network.second.kernel


def numbers(tree):
    return sum(array.size for array in jax.tree.leaves(tree))


def loss(network):
    return jnp.mean((network(inputs) - 1) ** 2)


def stepped(network, gradient):
    return optax.apply_updates(network, jax.tree.map(lambda array: -0.5 * array, gradient))


inputs = jax.random.normal(jax.random.key(1), (8, 4))
network = Twice(nnx.Rngs(0))
print(f"tied: {is_tied(network)}; weights in nnx.state {numbers(nnx.state(network))}, in the network as a tree {numbers(network)}")
assert is_tied(network) and numbers(nnx.state(network)) == 16 and numbers(network) == 32, "both count alike"
WAYS = {
    "nnx.merge of nnx.split": lambda network: nnx.merge(*nnx.split(network)),
    "nnx.jit": nnx.jit(lambda network: network),
    "nnx.clone": nnx.clone,
    "copy.deepcopy": copy.deepcopy,
    "pickle": lambda network: pickle.loads(pickle.dumps(network)),
    "jax.tree.map": lambda network: jax.tree.map(lambda array: array, network),
    "jax.jit": jax.jit(lambda network: network),
    "optax.apply_updates": lambda network: optax.apply_updates(network, jax.tree.map(jnp.zeros_like, network)),
}
for name, way in WAYS.items():
    tied = is_tied(way(network))
    print(f"after {name}: tied {tied}")
    assert tied == (not name.startswith(("jax", "optax"))), f"{name} ties otherwise"
of_jax, of_nnx = jax.grad(loss)(network), nnx.grad(loss)(network)
first, second, whole = (np.asarray(array[...]) for array in (of_jax.first.kernel, of_jax.second.kernel, of_nnx["first"]["kernel"]))
print(f"largest entry of the gradient: nnx {abs(whole).max():.3f}, jax {abs(first).max():.3f} and {abs(second).max():.3f}, whose sum is nnx's")
assert np.allclose(first + second, whole, atol=1e-6) and min(abs(first).max(), abs(second).max()) > 0.05
for _ in range(20):
    network = stepped(network, jax.grad(loss)(network))
apart = float(abs(network.first.kernel[...] - network.second.kernel[...]).max())
print(f"after 20 steps of SGD: tied {is_tied(network)}, the two are up to {apart:.2f} apart")
assert apart > 0.1, "tied weights stay equal"
EOF
