#!/usr/bin/env bash
# Flax's normalisation layers are not invariant to an offset: float32 features around 1000 come out 20 % wrong.
#
# Versions:  Python 3.11; flax 0.12.8, jax and jaxlib 0.10.2, numpy 2.4.6, CPU.
# Behaviour: LayerNorm (Linen and NNX), GroupNorm and BatchNorm in training take the variance as the mean of squares
#            minus the square of the mean, in float32, unless `use_fast_variance=False` is given. For entries of
#            deviation 1 around 1000 the largest error of the output, whose values are of size 1, is a fifth; around 4096
#            the variance of some rows is cut at 0 and the output is in the thousands. Nothing warns.
# A guess:   normalising subtracts the mean first, so a common offset should cost what rounding of the input costs:
#            with `use_fast_variance=False`, and with `jnp.var`, it costs less than 0.001 at all offsets.
# For users: a residual stream with a large common part, raw pixel values or physical units before the first norm, and
#            weights that come from a library with the other formula give other numbers here, and an offset that a
#            corruption adds (brightness, fog) looks like damage of the network. Give `use_fast_variance=False` where
#            the mean can be far larger than the deviation.
#
# Output seen (largest error against float64; what an output is worth is about 1):
#   offset    layer        default    use_fast_variance=False
#        0    LayerNorm    3.0e-07    4.1e-07
#     1000    LayerNorm    2.1e-01    5.8e-05
#     4096    LayerNorm    3.6e+03    3.9e-04
# and in kind for nnx.LayerNorm, GroupNorm and BatchNorm.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install -q flax==0.12.8 jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6
JAX_PLATFORMS=cpu "$work/env/bin/python" - <<'EOF'
import jax
import numpy as np
from flax import linen, nnx


def outputs(x, fast):
    """By layer: the output and the axis over which it normalises."""
    key = jax.random.key(0)
    layer = linen.LayerNorm(epsilon=1e-6, use_fast_variance=fast)
    group = linen.GroupNorm(num_groups=1, epsilon=1e-6, use_fast_variance=fast)
    batch = linen.BatchNorm(use_running_average=False, epsilon=1e-6, use_fast_variance=fast)
    other = nnx.LayerNorm(x.shape[1], epsilon=1e-6, use_fast_variance=fast, rngs=nnx.Rngs(0))
    return {
        "LayerNorm": (layer.apply(layer.init(key, x), x), 1),
        "nnx.LayerNorm": (other(x), 1),
        "GroupNorm": (group.apply(group.init(key, x), x), 1),
        "BatchNorm": (batch.apply(batch.init(key, x), x, mutable=["batch_stats"])[0], 0),
    }


def error(output, x, axis):
    exact = x.astype(np.float64)
    exact = (exact - exact.mean(axis, keepdims=True)) / np.sqrt(exact.var(axis, keepdims=True) + 1e-6)
    return float(np.abs(np.asarray(output, np.float64) - exact).max())


values = np.random.default_rng(0).normal(size=(64, 64)).astype(np.float32)
print("offset    layer            default    use_fast_variance=False")
for offset, low, high in ((0, 0.0, 1e-5), (1000, 0.05, 1.0), (4096, 100.0, np.inf)):
    x = values + np.float32(offset)
    slow = outputs(x, False)
    for name, (output, axis) in outputs(x, True).items():
        default, centred = error(output, x, axis), error(slow[name][0], x, axis)
        print(f"{offset:6}    {name:13} {default:10.1e} {centred:10.1e}")
        assert low <= default <= high, f"{name} at {offset}: the default's error was {low} to {high}"
        assert centred < 0.002, f"{name} at {offset}: the centred form is no longer exact"
EOF
