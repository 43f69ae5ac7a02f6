#!/usr/bin/env bash
# jnp.histogram of bfloat16 weights counts to 256 and no further: a pruned layer's is flat, and 94 % near 0 look like 18 %.
#
# Versions:  Python 3.11; jax and jaxlib 0.10.2, numpy 2.4.6, CPU.
# Behaviour: `jnp.histogram` scatters a one per value onto zeros, in the type of the values. 256 + 1 is 256 in bfloat16, 2048 + 1 is
#            2048 in float16, and 2 ** 24 + 1 is 2 ** 24 in float32: there a bin stays, whatever is still to come. The counts come
#            back as floats, nothing is said. `density=True` divides by the sum of these. `jax.ops.segment_sum`, `jnp.bincount`
#            with weights and `x.at[index].add` add up in the same way, so that a mean over the samples of a class is too small.
#            `jnp.sum` of the same numbers, and NumPy's histogram, are right.
# A guess:   counts are whole numbers, as in NumPy, and a sum by groups is as good as the sum of each group.
# For users: the largest bin of a pruned network is that of its zeros, and it is the one that is cut: 94 % of a layer look like
#            18 %, in float32 from 16.8 million zeros on. Features kept in bfloat16 have class means that shrink with the size
#            of the class. Cast to float32 before counting, and count more than 2 ** 24 in NumPy. rosalind counts zeros by
#            `weight != 0`, and grey levels as whole numbers.
#
# Output seen (100,000 weights of which 90,000 are removed; seven bins from -3.5 to 3.5):
#   numpy      [     59     605    2418   93811    2463     584      60], the bin of 0: 0.94
#   float32    [     59     605    2418   93811    2463     584      60], the bin of 0: 0.94
#   float16    [     59     603    2048    2048    2048     587      60], the bin of 0: 0.27
#   bfloat16   [     59     256     256     256     256     256      60], the bin of 0: 0.18
#   20,000,000 zeros in float32: 16,777,216
#   1,000 ones in bfloat16: by class 256, by weight 256, by index 256, sum 1000
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install -q jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6
JAX_PLATFORMS=cpu "$work/env/bin/python" - <<'EOF'
import jax
import jax.numpy as jnp
import numpy as np

BINS, RANGE = 7, (-3.5, 3.5)
weights = np.random.default_rng(0).normal(size=100_000).astype(np.float32)
weights[:90_000] = 0
weights = np.clip(weights, -3.4, 3.4)
true = np.histogram(weights, BINS, RANGE)[0]


def show(name, counts):
    print(f"{name:10} [{' '.join(f'{count:7.0f}' for count in counts)}], the bin of 0: {counts[3] / counts.sum():.2f}")


show("numpy", true)
LARGEST = {"float32": 2**24, "float16": 2**11, "bfloat16": 2**8}
for name, largest in LARGEST.items():
    counts, _ = jnp.histogram(jnp.asarray(weights, name), BINS, RANGE)
    counts = np.asarray(counts, np.float64)
    show(name, counts)
    expected = np.minimum(true, largest)
    # Rounding to 16 bits moves a few weights across an edge; what is at its end is exact.
    assert (counts[expected == largest] == largest).all(), f"{name}: bins count further now"
    assert np.allclose(counts, expected, atol=40), f"{name}: other counts"
assert float(counts[3]) == 256, "bfloat16"

zeros = 20_000_000
count = float(jnp.histogram(jnp.zeros(zeros, jnp.float32), 3, (-1, 1))[0][1])
print(f"{zeros:,} zeros in float32: {count:,.0f}")
assert count == 2**24, "float32 counts further now"

features, labels = jnp.ones((1000, 1), jnp.bfloat16), jnp.zeros(1000, int)
by_class = float(jax.ops.segment_sum(features, labels, 1)[0, 0])
by_weight = float(jnp.bincount(labels, weights=features[:, 0], length=1)[0])
by_index = float(jnp.zeros(1, jnp.bfloat16).at[labels].add(features[:, 0])[0])
at_once = float(features.sum())
print(f"1,000 ones in bfloat16: by class {by_class:.0f}, by weight {by_weight:.0f}, by index {by_index:.0f}, sum {at_once:.0f}")
assert by_class == by_weight == by_index == 256 and at_once == 1000, "sums by groups"
EOF
