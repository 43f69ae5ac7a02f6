#!/usr/bin/env bash
# In HoloViews the mean of accuracies with one NaN is a number from a DataFrame and NaN from arrays: `np.mean` is another function there.
#
# Versions:  Python 3.11; holoviews 1.23.2, bokeh 3.9.2, pandas 3.1.1, xarray 2026.9.0, numpy 2.4.6.
# Behaviour: `Dataset.aggregate` and `reduce` hand the function to whatever holds the data. pandas gets the function in its groups, and has
#            its own way with it: NaN is left out, of means and of deviations. A
#            dictionary of arrays, an array, a grid and xarray have NumPy's answer, NaN. What holds the data is chosen by what it
#            came in: a tuple of columns becomes a DataFrame. `np.nanmean` says the same everywhere.
# A guess:   the function that is given is what is computed, and elements drawn from the same numbers are the same figure.
# For users: a run that diverged, NaN in one seed of three, is missing from the curve of means if the table was a DataFrame, with a spread
#            of the other two; read from a Zarr store by xarray the same code leaves a gap. Name what is meant, `np.nanmean`, and count the
#            runs. In rosalind's figures NaN is a gap.
#
# Output seen (accuracies 0.9, NaN, 0.8 at one density and 0.7, 0.6, 0.5 at another; mean and spread):
#   DataFrame:        0.85 +- 0.05 and 0.60 +- 0.08; of all 0.70
#   tuple of columns: 0.85 +- 0.05 and 0.60 +- 0.08; of all 0.70
#   dictionary:       nan +- nan and 0.60 +- 0.08; of all nan
#   array:            nan +- nan and 0.60 +- 0.08; of all nan
#   grid:             nan +- nan and 0.60 +- 0.08; of all nan
#   xarray:           nan +- nan and 0.60 +- 0.08; of all nan
#   np.nanmean: 0.85 and 0.60 in all of them
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install -q holoviews==1.23.2 bokeh==3.9.2 pandas==3.1.1 xarray==2026.9.0 numpy==2.4.6
"$work/env/bin/python" -W ignore - <<'EOF'
import holoviews as hv
import numpy as np
import pandas as pd
import xarray as xr

density = np.repeat([0.1, 0.5], 3)
seed = np.tile([0, 1, 2], 2)
accuracy = np.array([0.9, np.nan, 0.8, 0.7, 0.6, 0.5])
table = accuracy.reshape(2, 3)
cube = xr.DataArray(table, coords={"density": [0.1, 0.5], "seed": [0, 1, 2]}, dims=("density", "seed"), name="accuracy")
keys = ["seed", "density"]

held = {
    "DataFrame": (pd.DataFrame({"seed": seed, "density": density, "accuracy": accuracy}), {}),
    "tuple of columns": ((seed, density, accuracy), {}),
    "dictionary": ({"seed": seed, "density": density, "accuracy": accuracy}, {"datatype": ["dictionary"]}),
    "array": (np.stack([seed, density, accuracy], 1), {"datatype": ["array"]}),
    "grid": (([0, 1, 2], [0.1, 0.5], table), {"datatype": ["grid"]}),
    "xarray": (cube, {}),
}
same = []
for name, (data, options) in held.items():
    dataset = hv.Dataset(data, keys, "accuracy", **options)
    means = dataset.aggregate("density", np.mean, spreadfn=np.std)
    (first, second), (spread, other) = (means.dimension_values(column) for column in ("accuracy", "accuracy_std"))
    every = dataset.reduce(function=np.mean)
    print(f"{name + ':':17} {first:.2f} +- {spread:.2f} and {second:.2f} +- {other:.2f}; of all {every:.2f}")
    assert np.allclose([second, other], [0.6, np.std([0.7, 0.6, 0.5])]), "without NaN all agree"
    if name in ("DataFrame", "tuple of columns"):
        assert np.allclose([first, spread, every], [0.85, 0.05, 0.7]), "pandas says NaN now"
    else:
        assert np.isnan([first, spread, every]).all(), f"{name} leaves NaN out now"
    same.append(dataset.aggregate("density", np.nanmean).dimension_values("accuracy"))
print(f"np.nanmean: {same[0][0]:.2f} and {same[0][1]:.2f} in all of them")
assert np.allclose(same, [0.85, 0.6]), "np.nanmean"
EOF
