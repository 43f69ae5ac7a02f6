#!/usr/bin/env bash
# XLA on the CPU: asking whether a ReLU's output has a negative number makes compilation take a hundred times as long.
#
# Versions:  Python 3.11; jax and jaxlib 0.10.2, numpy 2.4.6, CPU.
# Behaviour: XLA knows that max(x, 0) < 0 is False everywhere and makes it a constant array. Where the array is one of
#            [positions, channels], its `any` is not simplified to False but evaluated element by element while the function
#            is compiled: 6.5 million elements take 5 to 15 s, with a warning of "Constant folding" on stderr after the
#            first second. `min() < 0` asks the same and compiles at once; so does the `any` before the axes are joined, and
#            that of `x < 0` of the input. The time grows with the shapes, not with what the function computes.
# A guess:   a check that XLA can prove costs nothing, as it is folded away; and a comparison and a minimum are alike.
# For users: counting dead units while checking for unrectified layers in one jitted function took 76 s to compile for a
#            ResNet-18 and 100 images, 5 s with `min`. Compare minima outside of the function.
#
# Output seen:
#   any below 0: more than 10 times as long to compile as with the minimum: True
#   any below 0, axes not joined: more than 10 times as long: False
#   any of the input below 0: more than 10 times as long: False
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install -q jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6
JAX_PLATFORMS=cpu "$work/env/bin/python" - <<'EOF'
import time

import jax
import jax.numpy as jnp

shape = jax.ShapeDtypeStruct((100, 32, 32, 64), jnp.float32)


def seconds(function):
    began = time.perf_counter()
    jax.jit(function).lower(shape).compile()
    return time.perf_counter() - began


def rectified(x):
    return jax.nn.relu(x).reshape(-1, 64)


def minimum(x):
    return rectified(x).min() < 0


def any_below(x):
    return (rectified(x) < 0).any()


def any_of_four_axes(x):
    return (jax.nn.relu(x) < 0).any()


def any_of_input(x):
    return (x.reshape(-1, 64) < 0).any()


seconds(lambda x: x.sum())
base = seconds(minimum)
longer = {f.__name__: seconds(f) > 10 * base for f in (any_below, any_of_four_axes, any_of_input)}
words = "more than 10 times as long"
print(f"any below 0: {words} to compile as with the minimum: {longer['any_below']}")
print(f"any below 0, axes not joined: {words}: {longer['any_of_four_axes']}")
print(f"any of the input below 0: {words}: {longer['any_of_input']}")
assert longer == {"any_below": True, "any_of_four_axes": False, "any_of_input": False}, "it has changed"
EOF
