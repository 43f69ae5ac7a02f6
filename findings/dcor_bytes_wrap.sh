#!/usr/bin/env bash
# dcor computes distances in the type it is given: images in bytes against the same halved correlate 0.73, as floats 1.00.
#
# Versions:  Python 3.11; dcor 0.7, numpy 2.4.6, scipy 1.17.1, array-api-compat 1.16.0.
# Behaviour: dcor subtracts and squares in the type that came in. Its documentation says that SciPy computes distances
#            where float64 holds the numbers; of NumPy's arrays none takes that way. Bytes wrap at 256, so that distances
#            are near random: 0.73 for what is a line. int16 and float16 overflow: NaN, with NumPy's warning of a root, or
#            infinity. 32 bits hold the squares of bytes, and all is right.
# A guess:   a statistic of numbers is the same for every type that holds them; SciPy's distances take bytes as numbers.
# For users: images are uint8 and stored features float16. The dependence of features on pixels comes out lower than it is,
#            or as a gap, and 0.73 looks like a finding. Convert first. rosalind computes distances in float32 or wider.
#
# Output seen (distance correlation of 200 images of 16 pixels with the same at half the brightness, rounded down):
#   uint8 0.7336, largest distance 54.3
#   int16 nan, largest distance nan
#   float16 nan, largest distance inf
#   int32 1.0000, largest distance 709.7
#   float32 1.0000, largest distance 709.7
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install -q dcor==0.7 numpy==2.4.6 scipy==1.17.1 array-api-compat==1.16.0
"$work/env/bin/python" -W ignore - <<'EOF'
import dcor
import numpy as np

images = np.random.default_rng(0).integers(0, 256, size=(200, 16))
seen = {}
for dtype in ("uint8", "int16", "float16", "int32", "float32"):
    bright, dark = images.astype(dtype), (images // 2).astype(dtype)
    assert np.array_equal(bright, images) and np.array_equal(dark, images // 2), "the type holds the numbers"
    correlation = float(dcor.distance_correlation(bright, dark))
    largest = float(np.max(dcor.distances.pairwise_distances(bright)))
    seen[dtype] = correlation, largest
    print(f"{dtype} {correlation:.4f}, largest distance {largest:.1f}")
assert 0.6 < seen["uint8"][0] < 0.85 and seen["uint8"][1] < 64, "bytes are widened now"
assert np.isnan(seen["int16"]).all() and np.isnan(seen["float16"][0]) and seen["float16"][1] == np.inf, "16 bits"
for dtype in ("int32", "float32"):
    assert seen[dtype][0] > 0.9999 and abs(seen[dtype][1] - 709.66) < 0.01, dtype
EOF
