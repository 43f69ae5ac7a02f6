#!/usr/bin/env bash
# In Treescope's picture of a layer with 98 % zeros all weights that are left have one of two colours, whatever their size.
#
# Versions:  Python 3.11; treescope 0.1.10, numpy 2.4.6.
# Behaviour: `render_array`, and with it the pictures that it puts into notebooks of JAX by itself, cuts the colours at 3
#            times the root of the mean square ("outliers"). Zeros count in that mean. Of dense weights 0.2 % are beyond; of
#            weights pruned by size to 90 % zeros 46 % of those that are left, and to 98 % all: each is drawn as the largest
#            positive or negative one, until the pointer rests on a cell. Nothing says how much of the array is beyond the end.
# A guess:   outliers are few; a picture of some hundred numbers shows which of them are large.
# For users: the picture of a pruned layer says that its weights are ternary, and so do gradients, sparse features and
#            attributions, of which most are 0. Give `vmax=abs(array).max()` or `trim_outliers=False`.
#
# Output seen (normal weights, the smallest removed):
#   zeros 0.00: colours end at 2.99, largest weight 3.90, beyond the end 0.002 of the weights left
#   zeros 0.90: colours end at 1.97, largest weight 3.90, beyond the end 0.463 of the weights left
#   zeros 0.98: colours end at 1.12, largest weight 3.90, beyond the end 1.000 of the weights left
#   zeros 0.98, trim_outliers=False: colours end at 3.90
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install -q treescope==0.1.10 numpy==2.4.6
"$work/env/bin/python" - <<'EOF'
import base64
import re
import zlib

import numpy as np
import treescope

normal = np.random.default_rng(0).normal(size=(64, 64)).astype(np.float32)
sizes = np.abs(normal)


def end_of_colours(array, **options):
    """The number from which on all have the last colour, as the page of the picture says it."""
    page = treescope.render_array(array, **options)._repr_html_()
    packed = re.search(r"[A-Za-z0-9+/=]{2000,}", page).group()
    text = zlib.decompress(base64.b64decode(packed)).decode()
    return float(re.search(r'"colormapConfig": {"type": "continuous", "min": [-0-9.]+, "max": ([0-9.]+)', text).group(1))


beyond = {}
for zeros in (0.0, 0.9, 0.98):
    weights = np.where(sizes < np.quantile(sizes, zeros), 0, normal).astype(np.float32)
    end = end_of_colours(weights)
    beyond[zeros] = (np.abs(weights) > end).sum() / (weights != 0).sum()
    print(
        f"zeros {zeros:.2f}: colours end at {end:.2f}, largest weight {sizes.max():.2f}, "
        f"beyond the end {beyond[zeros]:.3f} of the weights left"
    )
    assert abs(end - 3 * np.sqrt((weights.astype(float) ** 2).mean())) < 1e-4, "three roots of the mean square"
whole = end_of_colours(weights, trim_outliers=False)
print(f"zeros {zeros:.2f}, trim_outliers=False: colours end at {whole:.2f}")
assert beyond[0.0] < 0.01 and 0.3 < beyond[0.9] < 0.6, "fewer zeros"
assert beyond[0.98] == 1, "the weights that are left have colours of their own now"
assert abs(whole - sizes.max()) < 1e-4, "trim_outliers=False"
EOF
