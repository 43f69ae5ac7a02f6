#!/usr/bin/env bash
# NumPy overlooks NaN in bfloat16: `nanmean` is NaN, `nan_to_num` changes nothing, and `sort` leaves the numbers unsorted.
#
# Versions:  Python 3.11; numpy 2.4.6, ml_dtypes 0.6.0, jax 0.10.2, CPU.
# Behaviour: NumPy asks whether a type is a kind of `np.inexact` before it looks for NaN. bfloat16, a type of ml_dtypes, is
#            not, although `np.isnan` finds its NaN. So `nanmean` and `nansum` leave nothing out and `nan_to_num` gives NaN
#            back, while `nanmax` is right by another way. `sort` compares by `<` alone, which NaN never answers: ten NaN
#            among 1,000 numbers leave the others in rising pieces, `unique` gives some of them more than once, and the
#            300 largest by `argsort` are not the 300 largest. No error, no warning. float16 is right, and so is `jnp`.
#            `nan_to_num` is jax-ml/ml_dtypes#346.
# A guess:   functions named after NaN know NaN where `isnan` does, and what `sort` returns is sorted.
# For users: a threshold or a ranking of scores in bfloat16 with a few gaps keeps other weights or layers, which
#            look like noise of the method. Convert to float32 first. rosalind ranks in float32 and refuses NaN there.
#
# Output seen:
#   1, NaN, 3: nanmean float16 2, bfloat16 nan, jnp 2; nan_to_num float16 [1 0 3], bfloat16 [1 nan 3]; nanmax bfloat16 3
#   10 NaN among 1,000: falls in the sorted numbers float16 0, bfloat16 5; repeats in unique 0, 6
#   the 300 largest: float16 misses 0, bfloat16 misses 4
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install -q numpy==2.4.6 ml_dtypes==0.6.0 jax==0.10.2 jaxlib==0.10.2
JAX_PLATFORMS=cpu "$work/env/bin/python" - <<'EOF'
import jax.numpy as jnp
import numpy as np
from ml_dtypes import bfloat16

half, brain = (np.array([1, np.nan, 3], dtype) for dtype in (np.float16, bfloat16))
shown = [np.array2string(np.nan_to_num(array).astype(float), formatter={"float": "{:g}".format}) for array in (half, brain)]
means = [float(mean) for mean in (np.nanmean(half), np.nanmean(brain), jnp.nanmean(jnp.asarray(brain)))]
print(
    f"1, NaN, 3: nanmean float16 {means[0]:g}, bfloat16 {means[1]:g}, jnp {means[2]:g}; "
    f"nan_to_num float16 {shown[0]}, bfloat16 {shown[1]}; nanmax bfloat16 {float(np.nanmax(brain)):g}"
)
assert means[0] == means[2] == 2 and np.isnan(means[1]), "nanmean"
assert np.isnan(np.nan_to_num(brain)).sum() == 1 and np.isnan(brain).sum() == 1, "nan_to_num"
assert np.nanmax(brain) == 3, "nanmax"

draw = np.random.default_rng(0)
scores = draw.normal(size=1000).astype(bfloat16).astype(np.float32)
scores[draw.choice(1000, 10, replace=False)] = np.nan
falls, repeats, missed = [], [], []
for dtype in (np.float16, bfloat16):
    array = scores.astype(dtype)
    ordered = np.sort(array).astype(np.float32)
    falls.append(int((np.diff(ordered[~np.isnan(ordered)]) < 0).sum()))
    single = np.unique(array).astype(np.float32)
    single = single[~np.isnan(single)]
    repeats.append(len(single) - len(set(single.tolist())))
    exact = array.astype(np.float32)
    largest = np.sort(exact[~np.isnan(exact)])[-300:]
    chosen = np.argsort(-array)[:300]
    missed.append(int((~(exact[chosen] >= largest[0])).sum()))
print(
    f"10 NaN among 1,000: falls in the sorted numbers float16 {falls[0]}, bfloat16 {falls[1]}; "
    f"repeats in unique {repeats[0]}, {repeats[1]}"
)
print(f"the 300 largest: float16 misses {missed[0]}, bfloat16 misses {missed[1]}")
assert falls[0] == repeats[0] == missed[0] == 0, "float16"
assert falls[1] > 0 and repeats[1] > 0 and missed[1] > 0, "bfloat16 is sorted now"
EOF
