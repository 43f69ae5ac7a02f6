#!/usr/bin/env bash
# In JAX a draw of four axes takes three times as long to compile as the same numbers drawn in one axis and reshaped.
#
# Versions:  Python 3.11; jax and jaxlib 0.10.2, numpy 2.4.6, CPU.
# Behaviour: since `jax_threefry_partitionable` is the default, each number is a hash of its position, and the position is
#            counted axis by axis, in two words of 32 bits. XLA spends on that counting two thirds of the compilation of
#            `uniform`, `normal` or `bits` of the shape of a convolution's kernel; two axes take 1.2 times as long as one. A
#            number depends on the key and its position in memory alone, so that `draw(key, (size,)).reshape(shape)` gives
#            the same bits. With the flag off, as it was before, the number of axes does not matter.
# A guess:   the shape of what is drawn is bookkeeping; if anything the values differ, and the time does not.
# For users: networks are initialised by one draw per layer, and every shape is a program of its own, or a part of one: the
#            first weights of a ResNet-20 take 10 s to compile and 3 with flat draws, random scores of masks 0.9 s a layer for
#            0.2. rosalind draws in one axis.
#
# Output seen (median of five compilations, seconds of the processor; shaped, flat):
#   uniform, 3 x 3 x 64 x 128:               0.51 s, 0.17 s, 3.0 times
#   uniform, 576 x 128:                      0.20 s, 0.16 s, 1.2 times
#   uniform, 73,728:                         0.17 s, 0.17 s, 1.0 times
#   normal, 3 x 3 x 64 x 128:                0.53 s, 0.19 s, 2.8 times
#   bits, 3 x 3 x 64 x 128:                  0.51 s, 0.17 s, 3.0 times
#   truncated normal, 3 x 3 x 64 x 128:      0.53 s, 0.19 s, 2.7 times
#   uniform, threefry not partitionable:     0.17 s, 0.17 s, 1.0 times
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install -q jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6
env -u JAX_COMPILATION_CACHE_DIR JAX_PLATFORMS=cpu XLA_FLAGS= "$work/env/bin/python" - <<'EOF'
import statistics
import time
from math import prod

import jax
import numpy as np

key, shape = jax.random.key(0), (3, 3, 64, 128)


def seconds_to_compile(draw):
    """Processor time; a new function each time, so that nothing is kept."""
    lowered = jax.jit(lambda key: draw(key)).lower(key)
    start = time.process_time()
    compiled = lowered.compile()
    return time.process_time() - start, np.asarray(compiled(key))


def compared(name, as_shaped, as_flat):
    times, flat_times = [], []
    for _ in range(5):
        taken, shaped = seconds_to_compile(as_shaped)
        times.append(taken)
        taken, flat = seconds_to_compile(as_flat)
        flat_times.append(taken)
    assert np.array_equal(shaped, flat), name
    shaped, flat = statistics.median(times), statistics.median(flat_times)
    print(f"{name + ':':40} {shaped:.2f} s, {flat:.2f} s, {shaped / flat:.1f} times")
    return shaped / flat


seconds_to_compile(jax.random.bits)
ratios = {}
for name, sizes in (("3 x 3 x 64 x 128", shape), ("576 x 128", (576, 128)), ("73,728", (73728,))):
    ratios[name] = compared(
        "uniform, " + name,
        lambda key, sizes=sizes: jax.random.uniform(key, sizes),
        lambda key, sizes=sizes: jax.random.uniform(key, (prod(sizes),)).reshape(sizes),
    )
truncated = lambda key, shape: jax.random.truncated_normal(key, -2, 2, shape)
for name, draw in (("normal", jax.random.normal), ("bits", jax.random.bits), ("truncated normal", truncated)):
    ratios[name] = compared(
        f"{name}, 3 x 3 x 64 x 128",
        lambda key, draw=draw: draw(key, shape),
        lambda key, draw=draw: draw(key, (prod(shape),)).reshape(shape),
    )
with jax.threefry_partitionable(False):
    ratios["before"] = compared(
        "uniform, threefry not partitionable",
        lambda key: jax.random.uniform(key, shape),
        lambda key: jax.random.uniform(key, (prod(shape),)).reshape(shape),
    )
assert min(ratios[name] for name in ("3 x 3 x 64 x 128", "normal", "bits", "truncated normal")) > 1.7
assert max(ratios["73,728"], ratios["before"]) < 1.4
EOF
