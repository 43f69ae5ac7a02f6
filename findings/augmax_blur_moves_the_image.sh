#!/usr/bin/env bash
# augmax's Gaussian blur moves the image by half a pixel at every whole `sigma`, and is 0.5 pixels wide at 1 and 1.5 at 3.
#
# Versions:  Python 3.11; augmax 0.4.1, jax and jaxlib 0.10.2, einops 0.8.2, numpy 2.4.6, CPU.
# Behaviour: `GaussianBlur(sigma)` has a kernel of 2 sigma pixels, whose ends are at -2 and 2 whatever that number is, and takes
#            `sigma` for the variance in that unit. An even number of pixels has no middle, so that what is blurred lies half a
#            pixel down and to the right. Widths grow with neither sigma nor its root; up to 0.5 the kernel is one pixel.
#            `Blur(size)` moves the image too where its size is even. Sums are kept, and flat images stay flat.
# A guess:   `sigma` is the deviation in pixels, and a blur leaves the image where it is.
# For users: as a corruption, severities by sigma are others than published ones, and each adds a shift, of which a network that
#            is robust to blur may know nothing. Measure a blur by what it makes of one point. rosalind's Gaussian blur moves
#            no image.
#
# Output seen (one white pixel in the middle of 41 x 41, blurred: place of its mean, and deviation, in pixels):
#   GaussianBlur(0.5): moved by (+0.00, +0.00), deviation 0.00
#   GaussianBlur(1): moved by (+0.50, +0.50), deviation 0.50
#   GaussianBlur(1.5): moved by (+0.00, +0.00), deviation 0.59
#   GaussianBlur(2): moved by (+0.50, +0.50), deviation 0.91
#   GaussianBlur(3): moved by (+0.50, +0.50), deviation 1.52
#   GaussianBlur(5): moved by (+0.50, +0.50), deviation 2.69
#   Blur(3): moved by (+0.00, +0.00), deviation 0.82
#   Blur(4): moved by (+0.50, +0.50), deviation 1.12
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install -q augmax==0.4.1 jax==0.10.2 jaxlib==0.10.2 einops==0.8.2 numpy==2.4.6
JAX_PLATFORMS=cpu "$work/env/bin/python" -W ignore - <<'EOF'
import augmax
import jax
import jax.numpy as jnp
import numpy as np

places = np.arange(41) - 20
point = jnp.zeros((41, 41, 1)).at[20, 20].set(1)


def measured(blur):
    """Place of the mean of a blurred point (rows, columns), deviation along columns, and its sum."""
    found = np.asarray(augmax.Chain(blur)(jax.random.key(0), point), float)[..., 0]
    rows, columns = found.sum(1), found.sum(0)
    mean = columns @ places
    return rows @ places, mean, (columns @ (places - mean) ** 2) ** 0.5, found.sum()


for name, blur, moves in (
    ("GaussianBlur(0.5)", augmax.GaussianBlur(0.5, p=1.0), False),
    ("GaussianBlur(1)", augmax.GaussianBlur(1, p=1.0), True),
    ("GaussianBlur(1.5)", augmax.GaussianBlur(1.5, p=1.0), False),
    ("GaussianBlur(2)", augmax.GaussianBlur(2, p=1.0), True),
    ("GaussianBlur(3)", augmax.GaussianBlur(3, p=1.0), True),
    ("GaussianBlur(5)", augmax.GaussianBlur(5, p=1.0), True),
    ("Blur(3)", augmax.Blur(3, p=1.0), False),
    ("Blur(4)", augmax.Blur(4, p=1.0), True),
):
    down, right, deviation, total = measured(blur)
    print(f"{name}: moved by ({down:+.2f}, {right:+.2f}), deviation {deviation:.2f}")
    assert abs(total - 1) < 1e-5, "the sum"
    assert np.allclose((down, right), 0.5 if moves else 0, atol=1e-4), f"{name}: another place"
    if name.startswith("Gaussian"):
        assert deviation < 0.75 * float(name[13:-1]), f"{name} is as wide as it says now"
EOF
