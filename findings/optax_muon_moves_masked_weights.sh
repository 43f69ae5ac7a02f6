#!/usr/bin/env bash
# Muon moves weights whose gradient is always 0: with masked gradients a pruned network is dense after one step.
#
# Versions:  Python 3.11; optax 0.2.8, jax and jaxlib 0.10.2, numpy 2.4.6, CPU.
# Behaviour: `optax.contrib.muon` replaces the momentum of a matrix by the nearest matrix with orthogonal rows. That mixes
#            rows and columns, so entries of 0 become numbers of the same size as the others, unless a whole row or column is
#            0. Every other optimiser of optax that was tried works number by number, or scales whole arrays: what starts at
#            0 and has no gradient stays at 0, weight decay or not. All but Yogi: its momentum begins at 1e-6, as its mean
#            square does, and moves all of them a little. Vectors are left to Adam, also inside of Muon, so that masked biases
#            and scales stay there. Multiplying the update by the mask keeps the zeros.
# A guess:   no gradient, no weight decay and no momentum left: the weight does not move. Masking gradients has been enough
#            for pruned networks with SGD and Adam for a decade.
# For users: sparsity is gone after the first step of fine-tuning, and the accuracy is a dense network's. Mask the updates or
#            the weights, after the optimiser, not the gradients before it; the orthogonal update is then no longer quite
#            Muon's. Whitening methods (Shampoo, SOAP, K-FAC) mix in the same way. rosalind's `training.masked` around Muon
#            keeps the zeros.
#
# Output seen (gradients masked, 20 steps):
#   before: zeros in weights 0.797
#   sgd:           zeros in weights 0.797, in biases 0.50, largest pruned weight 0e+00, loss 0.93
#   sgd, momentum: zeros in weights 0.797, in biases 0.50, largest pruned weight 0e+00, loss 0.74
#   adamw:         zeros in weights 0.797, in biases 0.50, largest pruned weight 0e+00, loss 0.80
#   lion:          zeros in weights 0.797, in biases 0.50, largest pruned weight 0e+00, loss 0.80
#   lamb:          zeros in weights 0.797, in biases 0.50, largest pruned weight 0e+00, loss 0.98
#   adafactor:     zeros in weights 0.797, in biases 0.50, largest pruned weight 0e+00, loss 0.98
#   yogi:          zeros in weights 0.000, in biases 0.00, largest pruned weight 1e-05, loss 0.81
#   muon:          zeros in weights 0.000, in biases 0.50, largest pruned weight 7e-02, loss 0.91
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install -q optax==0.2.8 jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6
JAX_PLATFORMS=cpu "$work/env/bin/python" - <<'EOF'
import jax
import jax.numpy as jnp
import optax
from optax import contrib

keys = jax.random.split(jax.random.key(0), 4)
x = jax.random.normal(keys[0], (256, 32))
wanted = jnp.tanh(x @ jax.random.normal(keys[1], (32, 16)))
masks = {"w": (jax.random.uniform(keys[2], (32, 16)) < 0.2).astype(jnp.float32), "b": jnp.arange(16) % 2.0}
start = {"w": 0.2 * jax.random.normal(keys[3], (32, 16)) * masks["w"], "b": jnp.zeros(16)}
pruned = 1 - float(masks["w"].mean())
assert (masks["w"].any(0)).all() and (masks["w"].any(1)).all(), "whole rows or columns are pruned"


def loss(weights):
    return jnp.mean((x @ weights["w"] + weights["b"] - wanted) ** 2)


def masked(tree):
    return jax.tree.map(jnp.multiply, tree, masks)


def train(optimiser, steps, mask_updates=False):
    weights, state = start, optimiser.init(start)
    for _ in range(steps):
        updates, state = optimiser.update(masked(jax.grad(loss)(weights)), state, weights)
        weights = optax.apply_updates(weights, masked(updates) if mask_updates else updates)
    return weights


def zeros(weights):
    return float((weights["w"] == 0).mean()), float((weights["b"] == 0).mean())


print(f"before: zeros in weights {pruned:.3f}")
OPTIMISERS = {
    "sgd": optax.sgd(0.1),
    "sgd, momentum": optax.sgd(0.1, momentum=0.9),
    "adamw": optax.adamw(0.01, weight_decay=0.1),
    "lion": optax.lion(0.01, weight_decay=0.1),
    "lamb": optax.lamb(0.01),
    "adafactor": optax.adafactor(0.01, min_dim_size_to_factor=8),
    "yogi": optax.yogi(0.01),
    "muon": contrib.muon(0.01),
}
for name, optimiser in OPTIMISERS.items():
    weights = train(optimiser, 20)
    of_weights, of_biases = zeros(weights)
    revived = jnp.abs(jnp.where(masks["w"] == 0, weights["w"], 0)).max()
    print(
        f"{name + ':':14} zeros in weights {of_weights:.3f}, in biases {of_biases:.2f}, "
        f"largest pruned weight {revived:.0e}, loss {loss(weights):.2f}"
    )
    assert of_biases == (0 if name == "yogi" else 0.5), f"{name}: masked biases"
    assert of_weights == (0 if name in ("muon", "yogi") else pruned), f"{name}: masked weights"
assert zeros(train(contrib.muon(0.01), 1))[0] == 0, "one step of Muon"
assert zeros(train(contrib.muon(0.01), 20, mask_updates=True))[0] == pruned, "masked updates"
EOF
