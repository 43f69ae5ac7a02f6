#!/usr/bin/env bash
# Adafactor moves the kept weights of a layer at 99 % sparsity nearly ten times as far as those of a dense one; Adam does not.
#
# Versions:  Python 3.11; optax 0.2.8, jax and jaxlib 0.10.2, numpy 2.4.6, CPU.
# Behaviour: `optax.adafactor` keeps mean squares of gradients by row and by column of a matrix of 128 x 128 or more, removed weights with
#            their zeros among them. Their product is the density times the square of a kept weight's gradient, so that a step of the
#            kept ones is 1 / sqrt(density) times the learning rate: 3.2 times at 90 % sparsity, 9.5 at 99 %, single ones 36. The
#            limit of a step's size is a mean over all weights too, and never reached. With the default
#            `multiply_by_parameter_scale=True` the root mean square of the weights has the same zeros, and the mean step stays;
#            NovoGrad, which divides by the norm of a layer, grows alike.
# A guess:   like Adam, Adafactor gives each weight a step of the size of the learning rate, and weights that are masked and have no
#            gradient matter to nobody.
# For users: a learning rate that was found for the dense network is ten times too large for the ticket, and the loss that follows is
#            put down to pruning; methods are compared at unequal rates, by their sparsity in each layer. rosalind trains by SGD
#            or AdamW.
#
# Output seen (gradients of 1 or -1 of a 512 x 512 matrix, three steps, learning rate 0.01; mean step of a kept weight / learning rate):
#   sparsity 0: adam 1.00, adafactor by parameter scale 0.0501, adafactor 1.00 (at most 1.00), novograd 0.0053
#   sparsity 0.5: adam 1.00, adafactor by parameter scale 0.0500, adafactor 1.42 (at most 1.61), novograd 0.0075
#   sparsity 0.9: adam 1.00, adafactor by parameter scale 0.0498, adafactor 3.16 (at most 4.74), novograd 0.0168
#   sparsity 0.99: adam 1.00, adafactor by parameter scale 0.0467, adafactor 9.55 (at most 35.60), novograd 0.0538
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install -q optax==0.2.8 jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6
JAX_PLATFORMS=cpu "$work/env/bin/python" -W ignore - <<'EOF'
import jax
import jax.numpy as jnp
import optax

SIZE, RATE = 512, 0.01
keys = jax.random.split(jax.random.key(0), 3)
dense, sign = 0.05 * jax.random.normal(keys[0], (SIZE, SIZE)), jnp.sign(jax.random.normal(keys[1], (SIZE, SIZE)))
OPTIMISERS = {
    "adam": optax.adam(RATE),
    "adafactor by parameter scale": optax.adafactor(RATE),
    "adafactor": optax.adafactor(RATE, multiply_by_parameter_scale=False),
    "novograd": optax.novograd(RATE),
}
steps = {}
for sparsity in (0, 0.5, 0.9, 0.99):
    mask = jax.random.uniform(keys[2], (SIZE, SIZE)) >= sparsity
    for name, optimiser in OPTIMISERS.items():
        weights = dense * mask
        state = optimiser.init(weights)
        for _ in range(3):
            update, state = optimiser.update(sign * mask, state, weights)
        steps[name, sparsity] = jnp.abs(update[mask]) / RATE
    means = {name: float(steps[name, sparsity].mean()) for name in OPTIMISERS}
    print(
        f"sparsity {sparsity}: adam {means['adam']:.2f}, adafactor by parameter scale "
        f"{means['adafactor by parameter scale']:.4f}, adafactor {means['adafactor']:.2f} "
        f"(at most {steps['adafactor', sparsity].max():.2f}), novograd {means['novograd']:.4f}"
    )
    root = (1 - sparsity) ** -0.5
    assert abs(means["adam"] - 1) < 1e-3
    assert abs(means["adafactor"] / root - 1) < 0.1, "zeros of removed weights are left out of the mean squares now"
    assert abs(means["novograd"] / (float(steps["novograd", 0].mean()) * root) - 1) < 0.1
    assert abs(means["adafactor by parameter scale"] / float(steps["adafactor by parameter scale", 0].mean()) - 1) < 0.1
EOF
