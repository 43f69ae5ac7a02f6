#!/usr/bin/env bash
# One NaN in a map makes all of it NaN when JAX resizes it, to a larger or smaller size; in scikit-image and SciPy its neighbours only.
#
# Versions:  Python 3.11; scipy 1.17.1, scikit-image 0.26.0, jax and jaxlib 0.10.2, numpy 2.4.6, CPU.
# Behaviour: `jax.image.resize` with any method but "nearest" multiplies the map by a matrix of weights along each axis. Most of these are 0,
#            and 0 times NaN is NaN: the first product spoils a row or column, the second all the rest. With infinity in place of NaN nearly
#            all is NaN as well, and what was at its place is infinite.
# A guess:   an interpolated value depends on its two, four or six nearest ones along an axis; what is far away is as it would be without NaN.
# For users: a map of saliency or accuracy with one gap is blank once it is as large as its image, and a mean that leaves NaN out has nothing left.
#            Fill the gaps, resize, and resize their mask by "nearest". rosalind's resizing corruptions take images without gaps.
#
# Output seen (16 x 16, NaN in one place: share of NaN after):
#   jax linear, 32 x 32: NaN 1.0000
#   jax linear, 8 x 8: NaN 1.0000
#   jax cubic, 32 x 32: NaN 1.0000
#   jax cubic, 8 x 8: NaN 1.0000
#   jax lanczos3, 32 x 32: NaN 1.0000
#   jax lanczos3, 8 x 8: NaN 1.0000
#   jax nearest, 32 x 32: NaN 0.0039
#   jax nearest, 8 x 8: NaN 0.0156
#   scikit-image, linear, 32 x 32: NaN 0.0156; SciPy 0.0156
#   jax linear, infinity in place of NaN: 0.9844 NaN, 0.0156 infinite
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install -q jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6 scipy==1.17.1 scikit-image==0.26.0
JAX_PLATFORMS=cpu "$work/env/bin/python" -W ignore - <<'EOF'
import jax
import jax.numpy as jnp
import numpy as np
from scipy import ndimage
from skimage import transform

image = np.random.default_rng(0).random((16, 16)).astype(np.float32)
image[5, 5] = np.nan
for method in ("linear", "cubic", "lanczos3", "nearest"):
    for size in (32, 8):
        found = np.asarray(jax.image.resize(jnp.asarray(image), (size, size), method))
        share = np.isnan(found).mean()
        print(f"jax {method}, {size} x {size}: NaN {share:.4f}")
        assert share == 1 if method != "nearest" else share < 0.02, f"{method} spreads NaN otherwise"
local = np.isnan(transform.resize(image, (32, 32), order=1)).mean()
zoomed = np.isnan(ndimage.zoom(image, 2, order=1)).mean()
print(f"scikit-image, linear, 32 x 32: NaN {local:.4f}; SciPy {zoomed:.4f}")
assert 0 < local < 0.03 and 0 < zoomed < 0.03
image[5, 5] = np.inf
found = np.asarray(jax.image.resize(jnp.asarray(image), (32, 32), "linear"))
print(f"jax linear, infinity in place of NaN: {np.isnan(found).mean():.4f} NaN, {np.isinf(found).mean():.4f} infinite")
EOF
