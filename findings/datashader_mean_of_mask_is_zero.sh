#!/usr/bin/env bash
# Datashader's picture of a mask that keeps 90 % is all 0 if the mask is of bytes, all 1 if it is of bools, and 0.9 only if of floats.
#
# Versions:  Python 3.11; datashader 0.19.1, xarray 2026.9.0, pandas 2.3.3, numpy 2.4.6, CPU.
# Behaviour: `Canvas.raster(array, agg="mean")` keeps the type of the array. The mean of each window is computed as a float and written into
#            that type: integers lose what is behind the point, downwards, and of bools whatever is not 0 is True. The deviation
#            (`agg="std"`) is of floats in any case. Nothing is said.
# A guess:   a mean is a float, as in NumPy, pandas and Datashader's own mean over points; or it is rounded.
# For users: a map of where a layer was pruned shows nothing or everything, by how its mask was stored; images in bytes get darker by half a
#            grey level on average. Convert to float32 first. rosalind draws means that it has computed as floats.
#
# Output seen (512 x 512 entries drawn with 64 x 64 pixels):
#   mask of float32: mean 0.901, of its picture 0.901, values 0.73 to 1.00
#   mask of uint8: mean 0.901, of its picture 0.001, values 0.00 to 1.00
#   mask of int32: mean 0.901, of its picture 0.001, values 0.00 to 1.00
#   mask of bool: mean 0.901, of its picture 1.000, values 1.00 to 1.00
#   image of float32: mean 200.5, of its picture 200.5
#   image of uint8: mean 200.5, of its picture 200.0
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install -q datashader==0.19.1 xarray==2026.9.0 pandas==2.3.3 numpy==2.4.6 scipy==1.17.1
"$work/env/bin/python" -W ignore - <<'EOF'
import datashader
import numpy as np
import xarray

mask = np.random.default_rng(0).random((512, 512)) < 0.9
image = np.full((512, 512), 200)
image[::2] += 1


def drawn(array):
    """Mean over each of 64 x 64 windows of 8 x 8 entries."""
    places = {"y": np.arange(512.0), "x": np.arange(512.0)}
    return datashader.Canvas(64, 64).raster(xarray.DataArray(array, places, ("y", "x")), agg="mean").values


for dtype, density in (("float32", 0.9), ("uint8", 0), ("int32", 0), ("bool", 1)):
    found = drawn(mask.astype(dtype))
    print(f"mask of {dtype}: mean {mask.mean():.3f}, of its picture {found.mean():.3f}, values {float(found.min()):.2f} to {float(found.max()):.2f}")
    assert found.dtype == dtype and abs(found.mean() - density) < 0.01, f"{dtype} is drawn otherwise"
for dtype, level in (("float32", 200.5), ("uint8", 200)):
    found = drawn(image.astype(dtype))
    print(f"image of {dtype}: mean {image.mean():.1f}, of its picture {found.mean():.1f}")
    assert abs(found.mean() - level) < 1e-3, f"{dtype} is drawn otherwise"
EOF
