#!/usr/bin/env bash
# netCDF4 reads white pixels (255), and the -127 of weights in 8 bits, back as missing: means leave them out.
#
# Versions:  Python 3.11; netCDF4 1.7.5.1.post1, xarray 2026.9.0, numpy 2.4.6.
# Behaviour: NetCDF has a number for "never written" for each type: 255 for uint8, -127 for int8, -32767 for int16, and so on.
#            netCDF4 takes these for missing in every variable, also in one that was written from end to end and has no
#            attribute `_FillValue`. An array then comes back masked, and its mean is that of the others; without such a number
#            it is masked too, with no mask. xarray, of the same file, masks nothing. What is stored is right.
# A guess:   a missing value is one that was not written, or that the file declares by an attribute.
# For users: an image loses its white pixels and is darker by the mean; an overexposed one is all missing. Weights quantised
#            symmetrically to -127 ... 127 (or -32767 ... 32767) lose their most negative ones, and a count of zeros has another
#            total. Call `dataset.set_auto_mask(False)` before reading (`fill_value=False` when creating is not enough: of int16
#            it changes nothing). rosalind writes no NetCDF.
#
# Output seen (an image whose four pixels are 0, 100, 255, 255, weights of -127, 0, 1, 127):
#   uint8: netCDF4 [0 100 -- --], mean 50.0; xarray [0 100 255 255], mean 152.5; set_auto_mask(False): mean 152.5
#   int8: netCDF4 [-- 0 1 127], mean 42.7; xarray [-127 0 1 127], mean 0.2; set_auto_mask(False): mean 0.2
#   int16: netCDF4 [-- 0 1 32767], mean 10922.7; xarray [-32767 0 1 32767], mean 0.2; set_auto_mask(False): mean 0.2
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install -q netCDF4==1.7.5.1.post1 xarray==2026.9.0 numpy==2.4.6
cd "$work"
"$work/env/bin/python" -W ignore - <<'EOF'
import netCDF4
import numpy as np
import xarray

ARRAYS = {
    "uint8": np.array([0, 100, 255, 255], np.uint8),
    "int8": np.array([-127, 0, 1, 127], np.int8),
    "int16": np.array([-32767, 0, 1, 32767], np.int16),
}
with netCDF4.Dataset("arrays.nc", "w") as made:
    made.createDimension("n", 4)
    for name, array in ARRAYS.items():
        made.createVariable(name, array.dtype, ("n",))[:] = array
        made.createVariable(f"{name} unfilled", array.dtype, ("n",), fill_value=False)[:] = array


def text(array):
    return "[" + " ".join(map(str, array)) + "]"


with netCDF4.Dataset("arrays.nc") as stored, xarray.open_dataset("arrays.nc", engine="netcdf4") as by_xarray:
    for name, array in ARRAYS.items():
        variable, other = stored[name], by_xarray[name].values
        assert not hasattr(variable, "_FillValue"), "no attribute declares a missing value"
        read, unfilled = variable[:], stored[f"{name} unfilled"][:]
        stored.set_auto_mask(False)
        plain = variable[:]
        stored.set_auto_mask(True)
        print(
            f"{name}: netCDF4 {text(read)}, mean {read.mean():.1f}; xarray {text(other)}, mean {other.mean():.1f}; "
            f"set_auto_mask(False): mean {plain.mean():.1f}"
        )
        hidden = np.ma.getmaskarray(read)
        assert hidden.tolist() == (array == netCDF4.default_fillvals[array.dtype.str[1:]]).tolist(), f"{name}: mask"
        assert hidden.any() and abs(read.mean() - array.mean()) > 40, f"{name}: written numbers are all read now"
        assert np.array_equal(other, array) and np.array_equal(plain, array), f"{name}: what is stored"
        assert np.ma.is_masked(unfilled) == (name == "int16"), f"{name}: fill_value=False"
EOF
