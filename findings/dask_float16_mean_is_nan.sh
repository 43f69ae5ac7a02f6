#!/usr/bin/env bash
# Dask's and Blosc2's mean of a million float16 features is NaN, and of a thousand it is off by 0.01; NumPy's are right.
#
# Versions:  Python 3.11; dask 2026.8.0, blosc2 4.14.1, numpy 2.4.6.
# Behaviour: NumPy adds up float16 in float32 for a mean and rounds once, at the end. `dask.array.mean` takes the type of NumPy's
#            result, float16, for the sums of its chunks and for their total, whatever the chunks are. Above 65,504 a sum is
#            infinite, and infinity over infinity NaN; below, sums have steps of up to 32, and the mean over an axis of 1,000
#            is off by up to 0.014, thirty times what float16 has to be. `mean` of a Blosc2 array does the same. With
#            `dtype="float32"` all are right.
# A guess:   `dask.array` gives NumPy's numbers, chunk by chunk; a mean near 0.8 is in reach of every float type.
# For users: features are often stored in float16, and a NaN is taken for the collapse of a network. Means that are 2 % off are
#            taken for means. Give `dtype="float32"` to every mean and standard deviation. rosalind computes both in float32
#            or wider.
#
# Output seen (mean of 1,000 samples of 1,000 features; the largest error of a feature's mean over the samples):
#   numpy: mean 0.7983, error of a feature's mean 0.0002
#   dask, chunks of 100: mean nan, error of a feature's mean 0.0017; with dtype float32 0.7984, 0.0000
#   dask, chunks of 1000: mean nan, error of a feature's mean 0.0143; with dtype float32 0.7984, 0.0000
#   blosc2: mean nan, error of a feature's mean 0.0143; with dtype float32 0.7984, 0.0000
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install -q dask==2026.8.0 blosc2==4.14.1 numpy==2.4.6
"$work/env/bin/python" -W ignore - <<'EOF'
import blosc2
import dask.array as da
import numpy as np

features = np.abs(np.random.default_rng(0).normal(size=(1000, 1000))).astype(np.float16)
right = features.astype(float).mean(), features.astype(float).mean(axis=0)


def of_dask(chunk):
    array = da.from_array(features, chunks=(chunk, chunk))
    return lambda **options: array.mean(**options).compute()


MEANS = {
    "numpy": features.mean,
    "dask, chunks of 100": of_dask(100),
    "dask, chunks of 1000": of_dask(1000),
    "blosc2": blosc2.asarray(features).mean,
}
for name, mean in MEANS.items():
    whole, each = float(mean()), np.asarray(mean(axis=0), float)
    wide = float(mean(dtype=np.float32)), np.asarray(mean(axis=0, dtype=np.float32), float)
    error, wide_error = np.abs(each - right[1]).max(), np.abs(wide[1] - right[1]).max()
    text = "" if name == "numpy" else f"; with dtype float32 {wide[0]:.4f}, {wide_error:.4f}"
    print(f"{name}: mean {whole:.4f}, error of a feature's mean {error:.4f}{text}")
    assert abs(wide[0] - right[0]) < 1e-4 and wide_error < 1e-5, f"{name}: float32"
    if name == "numpy":
        assert abs(whole - right[0]) < 1e-3 and error < 5e-4, "NumPy"
    else:
        assert np.isnan(whole) and error > 1e-3, f"{name}: sums are wider now"
EOF
