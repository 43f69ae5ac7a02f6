#!/usr/bin/env bash
# Removed weights that zarr-python stored are NaN when xarray reads them, and zeros when zarr-python does.
#
# Versions:  Python 3.11; xarray 2026.9.0, zarr 3.1.6, numpy 2.4.6, pandas 3.1.1.
# Behaviour: a Zarr array names the value of chunks that were never written, 0 unless one asks for another. In format 2 xarray
#            takes it for netCDF's mark of missing values: every 0 becomes NaN, whether its chunk was written or not. An
#            array of uint8 becomes float32, and False of a bool mask NaN among objects. `use_zarr_fill_value_as_mask=False`
#            does not turn that off for format 2; `mask_and_scale=False` does. In format 3 nothing is masked. What xarray
#            writes itself comes back right from both formats, as it asks for another fill value. There is no warning.
# A guess:   an array has the same values whichever library opens it, and a default for chunks that are not there says
#            nothing about those that are.
# For users: of a pruned network every removed weight, of ReLU features every silent one is NaN; xarray's means leave them
#            out, so sparsity is 0 and the mean of the features is that of the active ones. In NumPy `nan != 0`: a mask
#            that is made of them keeps every weight. Create arrays with `fill_value=None`, or store format 3.
#            rosalind refuses masks with NaN.
#
# Output seen:
#   zarr 2 by zarr:    kernel [0.0, 1.5, 0.0, -2.0] float32, mask [False, True, False, True] bool, bytes [0, 3, 0, 4] uint8
#   zarr 2 by xarray:  kernel [nan, 1.5, nan, -2.0] float32, mask [nan, True, nan, True] object, bytes [nan, 3.0, nan, 4.0] float32
#   zarr 3 by xarray:  kernel [0.0, 1.5, 0.0, -2.0] float32, mask [False, True, False, True] bool, bytes [0, 3, 0, 4] uint8
#   zarr 2, no fill:   kernel [0.0, 1.5, 0.0, -2.0] float32, mask [False, True, False, True] bool, bytes [0, 3, 0, 4] uint8
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install -q xarray==2026.9.0 zarr==3.1.6 numpy==2.4.6 pandas==3.1.1
"$work/env/bin/python" - "$work" <<'EOF'
import sys
import warnings

import numpy as np
import xarray
import zarr

kernel = np.array([0, 1.5, 0, -2], np.float32)
arrays = {"kernel": kernel, "mask": kernel != 0, "bytes": np.array([0, 3, 0, 4], np.uint8)}


def stored(name, zarr_format, **options):
    """A Zarr group of the arrays, each with one named axis."""
    path = f"{sys.argv[1]}/{name}.zarr"
    group = zarr.open_group(path, mode="w", zarr_format=zarr_format)
    for key, array in arrays.items():
        if zarr_format == 3:
            group.create_array(key, data=array, dimension_names=("weight",), **options)
        else:
            group.create_array(key, data=array, **options).attrs["_ARRAY_DIMENSIONS"] = ["weight"]
    return path


def read(path, **options):
    data = xarray.open_zarr(path, consolidated=False, **options)
    return {key: data[key].values for key in arrays}


two, three, none = stored("two", 2), stored("three", 3), stored("none", 2, fill_value=None)
with warnings.catch_warnings():
    warnings.simplefilter("error")
    masked = read(two)
group = zarr.open_group(two)
seen = {
    "zarr 2 by zarr": {key: group[key][:] for key in arrays},
    "zarr 2 by xarray": masked,
    "zarr 3 by xarray": read(three),
    "zarr 2, no fill": read(none),
}
for name, values in seen.items():
    print(f"{name + ':':18} " + ", ".join(f"{key} {x.tolist()} {x.dtype}" for key, x in values.items()))


def right(values):
    return all(np.array_equal(values[key], array) and values[key].dtype == array.dtype for key, array in arrays.items())


def gaps(values):
    wanted = {key: np.where(array == 0, np.nan, array) for key, array in arrays.items()}
    return all(np.array_equal(values[key].astype(float), x, equal_nan=True) for key, x in wanted.items())


assert gaps(masked), "xarray reads zeros as zeros now"
assert gaps(read(two, use_zarr_fill_value_as_mask=False)), "the option works in format 2 now"
assert all(right(values) for values in (seen["zarr 2 by zarr"], seen["zarr 3 by xarray"], seen["zarr 2, no fill"]))
assert right(read(two, mask_and_scale=False)), "mask_and_scale"
xarray.Dataset({key: ("weight", array) for key, array in arrays.items()}).to_zarr(f"{sys.argv[1]}/own.zarr", zarr_format=2)
assert (masked["kernel"] != 0).all(), "NaN is 0"
own = read(f"{sys.argv[1]}/own.zarr")
assert np.array_equal(own["kernel"], kernel) and np.array_equal(own["mask"], arrays["mask"]), "what xarray writes"
EOF
