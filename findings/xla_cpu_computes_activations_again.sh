#!/usr/bin/env bash
# On CPU, XLA stores the activations of a residual network and computes them again all the same, from the first block on.
#
# Versions:  Python 3.11; jax and jaxlib 0.10.2, numpy 2.4.6, CPU.
# Behaviour: blocks x = relu(x + conv(x)). Each block's output is an argument of a convolution, so it is in memory. The
#            gradient of a kernel needs it transposed, and there XLA does not read what is stored: the loop that transposes
#            holds the sums and ReLUs of all blocks before it, of what their convolutions gave. So ReLUs in the compiled step
#            grow with the square of the number of blocks. An optimization barrier behind each block changes nothing, nor
#            does `jax.checkpoint` with a policy that saves everything. Behind a condition of which XLA cannot know that it
#            never holds each is computed twice: forward, and for its slope. The gradients are the same.
# A guess:   outside of `jax.checkpoint` the backward pass reads what the forward pass has stored; least of all would a step
#            do more per block the deeper the network is.
# For users: a step on a CPU takes longer than its convolutions, a fourth of a ResNet-20's with batches of 128, and a profile
#            shows it as transposes. The condition costs a copy. rosalind's residual networks have it in training.
#
# Output seen (ReLUs in the compiled step):
#   plain:     10 for 3 blocks, 46 for 6 blocks, 199 for 12 blocks
#   barrier:   10 for 3 blocks, 46 for 6 blocks, 199 for 12 blocks
#   all saved: 10 for 3 blocks, 46 for 6 blocks, 199 for 12 blocks
#   condition: 6 for 3 blocks, 12 for 6 blocks, 24 for 12 blocks
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install -q jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6
JAX_PLATFORMS=cpu XLA_FLAGS= "$work/env/bin/python" - <<'EOF'
from functools import partial

import jax
import jax.numpy as jnp


def convolved(x, kernel):
    numbers = ("NHWC", "HWIO", "NHWC")
    return jax.lax.conv_general_dilated(x, kernel, (1, 1), "SAME", dimension_numbers=numbers)


def as_it_is(x):
    return x


def behind_condition(x):
    return jax.lax.cond(x.ravel()[0] < 0, jnp.negative, as_it_is, x)


def relus_of_step(kept, blocks, saved=False):
    def block(x, kernel):
        return kept(jax.nn.relu(x + convolved(x, kernel)))

    if saved:
        block = jax.checkpoint(block, policy=jax.checkpoint_policies.everything_saveable)

    def loss(kernels, x):
        for kernel in kernels:
            x = block(x, kernel)
        return (x**2).sum()

    kernels = list(0.1 * jax.random.normal(jax.random.key(0), (blocks, 3, 3, 8, 8)))
    images = jax.random.normal(jax.random.key(1), (4, 16, 16, 8))
    compiled = jax.jit(jax.grad(loss)).lower(kernels, images).compile()
    slopes = compiled(kernels, images)
    return compiled.as_text().count(" maximum("), float(jnp.abs(jnp.stack(slopes)).sum())


ways = {
    "plain": partial(relus_of_step, as_it_is),
    "barrier": partial(relus_of_step, jax.lax.optimization_barrier),
    "all saved": partial(relus_of_step, as_it_is, saved=True),
    "condition": partial(relus_of_step, behind_condition),
}
seen = {}
for name, way in ways.items():
    found = {blocks: way(blocks) for blocks in (3, 6, 12)}
    seen[name] = {blocks: count for blocks, (count, _) in found.items()}
    print(f"{name + ':':10} " + ", ".join(f"{count} for {blocks} blocks" for blocks, count in seen[name].items()))
    slopes = found[6][1]
    assert abs(slopes / ways["plain"](6)[1] - 1) < 1e-4
for name in ("plain", "barrier", "all saved"):
    assert seen[name][12] > 3 * seen[name][6] > 9 * seen[name][3], name
assert all(count <= 2 * blocks for blocks, count in seen["condition"].items())
EOF
