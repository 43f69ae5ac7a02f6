#!/usr/bin/env bash
# On CPU, a convolution whose kernel is larger than its map takes a hundred times as long as its products do.
#
# Versions:  Python 3.11; jax and jaxlib 0.10.2, numpy 2.4.6, CPU.
# Behaviour: a 3x3 convolution of 256 to 256 channels over maps of 2 x 2, batch 32 (the last stage of VGG on images of
#            32 pixels). XLA exchanges its operands: the program that it compiles convolves the weights with the images,
#            with the batch as output channels, and that one has no fast path. The four outputs as four matrix products
#            give the same numbers. Over maps of 4 x 4 nothing is exchanged. The gradient by the input of a convolution
#            of stride 2 from 4 x 4 to 2 x 2 is exchanged too, although its forward pass is not.
# A guess:   fewer positions are less work: 2 x 2 should take a quarter of the time of 4 x 4, not many times as much.
# For users: networks for small images (VGG, narrow last stages) train at the speed of their smallest maps on a CPU.
#            rosalind's own convolutions are products there (`models.convolve`).
#
# Output seen (times vary, the ratios less):
#   4 x 4 maps, stride 1: operands exchanged: False; 7 times the time of products at 2 x 2
#   2 x 2 maps, stride 1: operands exchanged: True; 68 times the time of products at 2 x 2
#   gradient from 2 x 2 to 4 x 4, stride 2: operands exchanged: True
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install -q jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6
JAX_PLATFORMS=cpu XLA_FLAGS= "$work/env/bin/python" - <<'EOF'
import re
import time

import jax
import jax.numpy as jnp
import numpy as np

BATCH, CHANNELS = 32, 256
generator = np.random.default_rng(0)
kernel = jnp.asarray(generator.normal(size=(3, 3, CHANNELS, CHANNELS)), jnp.float32)


def maps(side):
    return jnp.asarray(generator.normal(size=(BATCH, side, side, CHANNELS)), jnp.float32)


def convolution(x, kernel, stride=1):
    pads = [(1, 1), (1, 1)]
    return jax.lax.conv_general_dilated(x, kernel, (stride, stride), pads, dimension_numbers=("NHWC", "HWIO", "NHWC"))


def products(x, kernel):
    flat = x.reshape(BATCH, -1)
    seen = [kernel[1 - i : 3 - i, 1 - j : 3 - j].reshape(-1, CHANNELS) for i in (0, 1) for j in (0, 1)]
    return jnp.stack([flat @ part for part in seen], 1).reshape(BATCH, 2, 2, CHANNELS)


def exchanged(function, *arguments):
    """True where the first operand of the compiled convolution has the shape of the kernel."""
    text = jax.jit(function).lower(*arguments).compile().as_text()
    window = re.search(r"convolution\(.*window={size=(\d)x(\d)", text)
    return window.groups() != ("3", "3")


def milliseconds(function, *arguments):
    compiled = jax.jit(function)
    jax.block_until_ready(compiled(*arguments))
    times = []
    for _ in range(7):
        began = time.perf_counter()
        jax.block_until_ready(compiled(*arguments))
        times.append(time.perf_counter() - began)
    return 1e3 * min(times)


small = maps(2)
np.testing.assert_allclose(convolution(small, kernel), products(small, kernel), atol=2e-3)
base = milliseconds(products, small, kernel)
found = {}
for side in (4, 2):
    x = maps(side)
    found[side] = exchanged(convolution, x, kernel), milliseconds(convolution, x, kernel) / base
    print(
        f"{side} x {side} maps, stride 1: operands exchanged: {found[side][0]}; "
        f"{found[side][1]:.0f} times the time of products at 2 x 2"
    )
by_input = lambda x, kernel: jax.grad(lambda x: convolution(x, kernel, 2).sum())(x)
backward = exchanged(by_input, maps(4), kernel)
print(f"gradient from 2 x 2 to 4 x 4, stride 2: operands exchanged: {backward}")
assert not found[4][0], "a map that is larger than the kernel is exchanged too"
assert found[2][0], "the operands are not exchanged any more"
assert backward, "the gradient's operands are not exchanged any more"
assert found[2][1] > 10, f"small maps take only {found[2][1]:.1f} times the time of products"
EOF
