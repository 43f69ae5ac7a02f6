#!/usr/bin/env bash
# dm-pix blurs the edge of an image with black: a white image of 32 pixels keeps 36 % of its light in the corners.
#
# Versions:  Python 3.11; dm-pix 0.4.5, jax and jaxlib 0.10.2, scipy 1.17.1, numpy 2.4.6, CPU.
# Behaviour: `dm_pix.gaussian_blur` has `padding="SAME"` or "VALID", passed to a convolution, where "SAME" means zeros outside of
#            the image. Each border pixel is mixed with them and not weighed anew. The wider the blur, the wider the frame: of
#            32 x 32 pixels with a deviation of 4 and a kernel of 17 three quarters are darkened, and 17 % of the light is gone.
#            `dm_pix.rotate`, of the same module, repeats the nearest pixel, as does SciPy's mirror for its blur.
# A guess:   a blur leaves a flat image flat, as those of SciPy, OpenCV, torchvision and scikit-image do.
# For users: as a corruption it is a blur and a vignette in one, which grow together: what a small image loses by the severity
#            is for a good part the frame. Pad by `jnp.pad(..., mode="reflect")` and blur with "VALID". rosalind's blurs repeat
#            or mirror what is at the edge.
#
# Output seen (white images of 32 x 32 pixels):
#   dm-pix, deviation 2: corner 0.363, middle 1.000, mean 0.910, darker than 0.99 0.44 of the pixels
#   dm-pix, deviation 4: corner 0.304, middle 1.000, mean 0.825, darker than 0.99 0.75 of the pixels
#   dm-pix, deviation 4, padded and VALID: corner 1.000, middle 1.000, mean 1.000, darker than 0.99 0.00 of the pixels
#   scipy, deviation 4: corner 1.000, middle 1.000, mean 1.000, darker than 0.99 0.00 of the pixels
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install -q dm-pix==0.4.5 jax==0.10.2 jaxlib==0.10.2 scipy==1.17.1 numpy==2.4.6
JAX_PLATFORMS=cpu "$work/env/bin/python" - <<'EOF'
import dm_pix
import jax.numpy as jnp
import numpy as np
from scipy.ndimage import gaussian_filter

white = jnp.ones((32, 32, 3))


def padded(deviation, width):
    wide = jnp.pad(white, ((width // 2, width // 2), (width // 2, width // 2), (0, 0)), mode="reflect")
    return dm_pix.gaussian_blur(wide, deviation, width, padding="VALID")


BLURS = {
    "dm-pix, deviation 2": dm_pix.gaussian_blur(white, 2.0, 9),
    "dm-pix, deviation 4": dm_pix.gaussian_blur(white, 4.0, 17),
    "dm-pix, deviation 4, padded and VALID": padded(4.0, 17),
    "scipy, deviation 4": gaussian_filter(np.asarray(white), (4, 4, 0)),
}
for name, blurred in BLURS.items():
    blurred = np.asarray(blurred, float)
    corner, middle, mean = blurred[0, 0, 0], blurred[16, 16, 0], blurred.mean()
    dark = (blurred[..., 0] < 0.99).mean()
    print(f"{name}: corner {corner:.3f}, middle {middle:.3f}, mean {mean:.3f}, darker than 0.99 {dark:.2f} of the pixels")
    assert blurred.shape == (32, 32, 3) and abs(middle - 1) < 1e-3, name
    if name.startswith("dm-pix, deviation") and "VALID" not in name:
        assert corner < 0.4 and mean < 0.92, f"{name}: edges are as bright as the middle now"
    else:
        assert abs(corner - 1) < 1e-5 and abs(mean - 1) < 1e-5, name
turned = np.asarray(dm_pix.rotate(white, 0.3))
assert np.abs(turned - 1).max() < 1e-5, "rotate repeats the nearest pixel"
EOF
