#!/usr/bin/env bash
# Flax's average of a 64 x 64 map of ones is 0.25 in bfloat16: pooling adds up in the map's own type, and 256 + 1 is 256 there.
#
# Versions:  Python 3.11; flax 0.12.8, keras 3.15.1, equinox 0.13.8, dm-haiku 0.0.17, jax and jaxlib 0.10.2, numpy 2.4.6, CPU.
# Behaviour: `avg_pool` of Flax (Linen and NNX), Haiku, Equinox (`AvgPool2d`) and Keras (`AveragePooling2D`, on JAX) is one
#            `reduce_window`, a sum in the type that came in, and a division behind it. `jnp.mean`, which says the same, adds up
#            in float32. A sum of ones sticks at 256, or at 1,024 where XLA adds up parts of
#            the window first, as it does for Flax's. Windows of up to 16 x 16 are right. In float16 the sum sticks at 2,048,
#            or overflows: a map of 100s, which the type holds, and their mean, has the average infinity.
# A guess:   a mean over a window that is the whole map is the mean over the map.
# For users: "global average pooling" is often written as `avg_pool` over the map's size. In half precision such a network is fine
#            on images of 32 pixels and loses features, each by its own factor, on larger ones, without a word or NaN. Use the
#            mean over the axes, or cast before pooling. rosalind's own networks compute in float32 throughout.
#
# Output seen (mean of a map of the given size and number):
#   bfloat16: 16 x 16 ones:    mean 1, linen 1, nnx 1, equinox 1, haiku 1, keras 1
#   bfloat16: 64 x 64 ones:    mean 1, linen 0.25, nnx 0.25, equinox 0.25, haiku 0.0625, keras 0.0625
#   float16:  64 x 64 ones:    mean 1, linen 1, nnx 1, equinox 1, haiku 0.5, keras 0.5
#   float16:  64 x 64 hundreds: mean 100, linen inf, nnx inf, equinox inf, haiku inf, keras inf
#   float32:  64 x 64 ones:    mean 1, linen 1, nnx 1, equinox 1, haiku 1, keras 1
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install -q flax==0.12.8 keras==3.15.1 equinox==0.13.8 dm-haiku==0.0.17 jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6
KERAS_BACKEND=jax KERAS_HOME="$work" JAX_PLATFORMS=cpu "$work/env/bin/python" -W ignore - 2>"$work/log" <<'EOF' || { tail -3 "$work/log" >&2; exit 1; }
import equinox
import haiku
import jax.numpy as jnp
import keras
from flax import linen, nnx


def means(side, number, dtype):
    """The average of one map that holds one number, by every way to ask for it."""
    maps = jnp.full((1, side, side, 1), number, dtype)
    window = (1, side, side, 1)
    found = {
        "mean": maps.mean(),
        "linen": linen.avg_pool(maps, (side, side)),
        "nnx": nnx.avg_pool(maps, (side, side)),
        "equinox": equinox.nn.AvgPool2d(side)(maps[0].transpose(2, 0, 1)),
        "haiku": haiku.avg_pool(maps, window, window, "VALID"),
        "keras": keras.layers.AveragePooling2D(side, dtype=dtype)(maps),
    }
    return {name: float(value.reshape(())) for name, value in found.items()}


seen = {}
for dtype, side, number in (
    ("bfloat16", 16, 1),
    ("bfloat16", 64, 1),
    ("float16", 64, 1),
    ("float16", 64, 100),
    ("float32", 64, 1),
):
    found = seen[dtype, side, number] = means(side, number, dtype)
    what = f"{dtype + ':':9} {side} x {side} {'ones:' if number == 1 else 'hundreds:'}"
    print(f"{what:26}", ", ".join(f"{name} {value:g}" for name, value in found.items()))
    assert found.pop("mean") == number, "the mean over axes"
for exact in (("bfloat16", 16, 1), ("float32", 64, 1)):
    assert all(value == 1 for value in seen[exact].values()), exact
assert all(value < 0.5 for value in seen["bfloat16", 64, 1].values()), "bfloat16 is pooled in a wider type now"
assert all(value == float("inf") for value in seen["float16", 64, 100].values()), "float16 is pooled in a wider type now"
EOF
