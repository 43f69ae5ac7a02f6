#!/usr/bin/env bash
# Removing weights makes DoG's next step of the others 480 times as long, and stops MoMo for 16 steps; SGD does not notice.
#
# Versions:  Python 3.11; optax 0.2.8, jax and jaxlib 0.10.2, numpy 2.4.6, CPU.
# Behaviour: optimisers without a learning rate read one from the way of the weights. `optax.contrib.dog` takes the largest distance from the
#            weights at `init`: a weight that is set to 0 has gone all the way to 0, and the distance never shrinks again.
#            `optax.contrib.momo` bounds the loss from below by a line through past weights, which the jump puts above the present
#            loss: its step is 0 until that is forgotten, although the gradient of the kept weights is as large as before.
# A guess:   pruning on the way changes the loss, and the optimiser goes on; "no learning rate to tune" holds for pruning schedules too.
# For users: every level of gradual or iterative pruning that keeps the optimiser's state begins with a jump of what was kept, or with
#            dead steps, by the size of what was removed and not by the method. Begin a new state, which costs DoG its warm-up
#            (its steps begin near 0), or give it a start without those weights. rosalind's `training.masked` masks arrays of
#            the state, the start of DoG among them, which a test holds; MoMo's numbers it cannot know.
#
# Output seen (linear regression, 50 weights, 40 removed after 30 of 60 steps; mean step of the 10 kept weights, before and after):
#   sgd: 0.00843 before, 0.00788 after, ratio 0.9, steps of 0 after: 0
#   dog: 0.00028 before, 0.13586 after, ratio 480, steps of 0 after: 0
#   dog, new state: 0.00028 before, 0.00000 after, ratio 0.0, steps of 0 after: 0
#   momo: 0.01375 before, 0.00000 after, ratio 0.0, steps of 0 after: 16
#   momo, new state: 0.01375 before, 0.05970 after, ratio 4.3, steps of 0 after: 0
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install -q optax==0.2.8 jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6
JAX_PLATFORMS=cpu "$work/env/bin/python" -W ignore - <<'EOF'
import jax
import jax.numpy as jnp
import optax
from optax import contrib

STEPS, REMOVED_AT = 60, 30
keys = jax.random.split(jax.random.key(0), 2)
inputs, start = jax.random.normal(keys[0], (200, 50)), jax.random.normal(keys[1], (50,))
wanted, mask = inputs @ jnp.full(50, 0.1), (jnp.arange(50) % 5 == 0).astype(jnp.float32)
loss = lambda weights: jnp.mean((inputs @ weights - wanted) ** 2)
OPTIMISERS = {"sgd": optax.sgd(0.005), "dog": contrib.dog(), "momo": contrib.momo(0.1)}


def lengths(optimiser, is_new_state):
    """Mean step of the kept weights, by step."""
    optimiser = optax.with_extra_args_support(optimiser)
    weights, state, found = start, optimiser.init(start), []
    for step in range(STEPS):
        kept = mask if step >= REMOVED_AT else jnp.ones(50)
        weights = weights * kept
        if is_new_state and step == REMOVED_AT:
            state = optimiser.init(weights)
        updates, state = optimiser.update(jax.grad(loss)(weights) * kept, state, weights, value=loss(weights))
        found.append(float(jnp.abs(updates * mask).sum() / mask.sum()))
        weights = optax.apply_updates(weights, updates * kept)
    return found


ratios, still = {}, {}
for name, is_new_state in (("sgd", False), ("dog", False), ("dog", True), ("momo", False), ("momo", True)):
    found = lengths(OPTIMISERS[name], is_new_state)
    before, after = found[REMOVED_AT - 1], found[REMOVED_AT]
    text = name + ", new state" * is_new_state
    ratios[text], still[text] = after / before, sum(length == 0 for length in found[REMOVED_AT:])
    print(
        f"{text}: {before:.5f} before, {after:.5f} after, ratio {ratios[text]:{'.0f' if ratios[text] > 99 else '.1f'}}, "
        f"steps of 0 after: {still[text]}"
    )
assert 0.5 < ratios["sgd"] < 2
assert ratios["dog"] > 100 and ratios["dog, new state"] < 0.1, "the distance knows of removed weights now"
assert ratios["momo"] == 0 and still["momo"] > 5 and still["momo, new state"] == 0, "the bound knows of removed weights now"
EOF
