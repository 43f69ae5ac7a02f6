#!/usr/bin/env bash
# Flax's table of FLOPs counts one block of a scanned network: 1 block or 48, a sequence of 1 or 1,000, it is the same.
#
# Versions:  Python 3.11; flax 0.12.8, jax and jaxlib 0.10.2, numpy 2.4.6, CPU.
# Behaviour: `linen.tabulate(compute_flops=True)` asks XLA's cost analysis, before compiling; that counts the body of a
#            loop once. `linen.scan` over blocks and `linen.RNN` over time are loops, though their lengths are fixed and
#            stand in the shapes of the arrays. The table beside it counts all parameters.
#            `jax.jit(f).lower(x).compile().cost_analysis()` has the same number. The same blocks in a Python loop are
#            counted right.
# A guess:   a loop whose length is known to the compiler counts as often as it runs; `compute_flops` has no word on loops.
# For users: scanning over blocks is the usual way to compile deep networks in less time. Per cent of FLOPs left by pruning
#            are right for what lies within the blocks and wrong for all that lies outside (stem and head count 48 times
#            too much), and removing whole blocks saves nothing. Multiply by the length. rosalind counts weights, not
#            FLOPs.
#
# Output seen (8 rows of 64 features; a recurrent layer of 64 over 8 sequences):
#   1 blocks: 4160 parameters, FLOPs in a Python loop 67072, by linen.scan 67074, compiled 67072
#   12 blocks: 49920 parameters, FLOPs in a Python loop 804864, by linen.scan 67074, compiled 67074
#   48 blocks: 199680 parameters, FLOPs in a Python loop 3219456, by linen.scan 67074, compiled 67074
#   linen.RNN over 1, 100 and 1,000 steps: [132098, 132098, 132098]
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install -q flax==0.12.8 jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6
JAX_PLATFORMS=cpu "$work/env/bin/python" - <<'EOF'
import re

import jax
import jax.numpy as jnp
from flax import linen


class Block(linen.Module):
    @linen.compact
    def __call__(self, x, _):
        return x + linen.Dense(64)(linen.relu(x)), None


class Network(linen.Module):
    blocks: int
    scanned: bool

    @linen.compact
    def __call__(self, x):
        if self.scanned:
            scan = linen.scan(Block, variable_axes={"params": 0}, split_rngs={"params": True}, length=self.blocks)
            return scan()(x, None)[0]
        for _ in range(self.blocks):
            x, _ = Block()(x, None)
        return x


class Recurrent(linen.Module):
    @linen.compact
    def __call__(self, x):
        return linen.RNN(linen.SimpleCell(64))(x)


def tabulated(network, x):
    """FLOPs of the whole network in Flax's table."""
    table = network.tabulate(
        jax.random.key(0), x, compute_flops=True, console_kwargs={"width": 300, "force_terminal": False}
    )
    row = next(line for line in table.splitlines() if re.search(rf"│\s+│ {type(network).__name__}\s+│", line))
    return int(row.split("│")[5])


def compiled(network, x):
    variables = network.init(jax.random.key(0), x)
    return int(jax.jit(network.apply).lower(variables, x).compile().cost_analysis()["flops"])


def parameters(network, x):
    return sum(leaf.size for leaf in jax.tree.leaves(network.init(jax.random.key(0), x)))


x = jnp.ones((8, 64))
for blocks in (1, 12, 48):
    plain, scanned = (Network(blocks, scanned) for scanned in (False, True))
    counts = tabulated(plain, x), tabulated(scanned, x), compiled(scanned, x)
    count = parameters(scanned, x)
    said = f"FLOPs in a Python loop {counts[0]}, by linen.scan {counts[1]}, compiled {counts[2]}"
    print(f"{blocks} blocks: {count} parameters, {said}")
    assert count == parameters(plain, x) == blocks * 64 * 65, "parameters"
    one = 2 * 8 * 64 * 64 + 3 * 8 * 64
    assert counts[0] == blocks * one and all(abs(n - one) < 10 for n in counts[1:]), f"{blocks} blocks are counted now"
steps = [tabulated(Recurrent(), jnp.ones((8, length, 64))) for length in (1, 100, 1000)]
print(f"linen.RNN over 1, 100 and 1,000 steps: {steps}")
assert max(steps) - min(steps) < 10 and min(steps) > 2 * 8 * 64 * 128, "steps are counted now"
EOF
