#!/usr/bin/env bash
# zfp gives a missing accuracy back as 2.0, a row of missing ones as 0, and removed weights as small numbers, within any tolerance.
#
# Versions:  Python 3.11; zfpy 1.0.1, numpy 2.4.6, x86-64.
# Behaviour: `zfpy.compress_numpy(array, tolerance=t)` (or `precision`, `rate`) codes blocks of 4 x 4 numbers as whole numbers times the
#            power of two of their largest. NaN has no such number: it comes back as up to four times the block's largest power
#            of two, of either sign, and a block of nothing but NaN as 0. Its neighbours are within the tolerance. Removed
#            weights, exact zeros, come back as small numbers where their block has kept ones. Nothing is raised. Without any of
#            the three arguments nothing is lost.
# A guess:   an error bound holds for each number; what cannot be coded is refused or kept.
# For users: arrays with gaps (networks that were not measured) come back full, with values that enter every mean, and
#            masks counted as `weight != 0` keep what was removed. Store NaN and zeros as masks beside it. rosalind stores arrays
#            without loss.
#
# Output seen (accuracies of 0.9 of 8 x 8 networks, one row missing; features of deviation 1; weights with 90 % zeros):
#   accuracies: missing ones come back as 2.000, mean 0.900 before and 1.038 after
#   all missing: 0 to 0
#   features, {'tolerance': 0.001}: NaN comes back as +4.000, the others off by up to 0.0004
#   features, {'precision': 16}: NaN comes back as -4.000, the others off by up to 0.0012
#   features, {'rate': 16}: NaN comes back as +4.000, the others off by up to 0.0003
#   weights: zeros 0.90 before, 0.21 after, off by up to 0.0005
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install -q zfpy==1.0.1.post0 numpy==2.4.6
"$work/env/bin/python" - <<'EOF'
import numpy as np
import zfpy


def through(array, **setting):
    return zfpy.decompress_numpy(zfpy.compress_numpy(array, **setting))


TOLERANCE = 0.001
accuracies = np.full((8, 8), 0.9, np.float32)
accuracies[0] = np.nan
back = through(accuracies, tolerance=TOLERANCE)
print(
    f"accuracies: missing ones come back as {back[0].mean():.3f}, mean {np.nanmean(accuracies):.3f} before and "
    f"{back.mean():.3f} after"
)
assert abs(back[0] - 2).max() < TOLERANCE and abs(back[1:] - 0.9).max() < TOLERANCE, "NaN comes back otherwise"
missing = through(np.full((8, 8), np.nan, np.float32), tolerance=TOLERANCE)
print(f"all missing: {missing.min():g} to {missing.max():g}")
assert not missing.any(), "blocks of NaN come back otherwise"

features = np.random.default_rng(0).normal(size=(64, 64)).astype(np.float32)
spoiled = features.copy()
spoiled[5, 5] = np.nan
kept = ~np.isnan(spoiled)
for setting in ({"tolerance": TOLERANCE}, {"precision": 16}, {"rate": 16}):
    back = through(spoiled, **setting)
    error = abs(back - features)[kept].max()
    print(f"features, {setting}: NaN comes back as {back[5, 5]:+.3f}, the others off by up to {error:.4f}")
    assert 3.99 < abs(back[5, 5]) < 4 and error < 0.002, "NaN comes back otherwise"
assert np.array_equal(through(spoiled), spoiled, equal_nan=True), "without loss"

weights = np.where(abs(features) > np.quantile(abs(features), 0.9), features, 0)
back = through(weights, tolerance=TOLERANCE)
print(f"weights: zeros {(weights == 0).mean():.2f} before, {(back == 0).mean():.2f} after, off by up to {abs(back - weights).max():.4f}")
assert (back == 0).mean() < 0.3 and abs(back - weights).max() < TOLERANCE, "zeros are kept now"
EOF
