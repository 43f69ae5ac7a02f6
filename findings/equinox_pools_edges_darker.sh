#!/usr/bin/env bash
# With `use_ceil=True` Equinox's average pooling halves the last row and column of a white image, and quarters its corner; PyTorch does neither.
#
# Versions:  Python 3.11; equinox 0.13.8, jax and jaxlib 0.10.2, torch 2.13.0, numpy 2.4.6, CPU.
# Behaviour: from 7 pixels windows of 2 are 3 with one pixel left; `use_ceil=True`, PyTorch's `ceil_mode=True`, makes a fourth of it.
#            Equinox fills that window up with zeros and divides by its whole size, 2 x 2. PyTorch divides by the pixels that
#            are there, and so the average of ones is one. Padding that one asks for counts in both alike, and maxima agree.
#            Where windows divide the image all agree.
# A guess:   an option of the same meaning and arguments of the same order are the same function.
# For users: a network that was moved from PyTorch with its weights (GoogLeNet, SqueezeNet and DenseNet's kin pool so) has darker edges
#            in its maps, at every such layer anew: accuracy falls by a little, and features of border pixels look as if they
#            mattered less. Compare features, not accuracies. rosalind takes a network's own forward pass.
#
# Output seen (the last row of the pooled map of a white image of 7 x 7):
#   window 2, stride 2, padding 0: equinox 0.50 0.50 0.50 0.25, torch 1.00 1.00 1.00 1.00
#   window 3, stride 3, padding 0: equinox 0.33 0.33 0.11, torch 1.00 1.00 1.00
#   window 3, stride 2, padding 0: equinox 1.00 1.00 1.00, torch 1.00 1.00 1.00
#   window 3, stride 2, padding 1: equinox 0.44 0.67 0.67 0.44, torch 0.44 0.67 0.67 0.44
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install -q equinox==0.13.8 jax==0.10.2 jaxlib==0.10.2 torch==2.13.0 numpy==2.4.6
JAX_PLATFORMS=cpu "$work/env/bin/python" -W ignore - <<'EOF'
import equinox
import numpy as np
import torch

white = np.ones((1, 7, 7), np.float32)
ramp = np.arange(49, dtype=np.float32).reshape(1, 7, 7)
for window, stride, padding, agree in ((2, 2, 0, False), (3, 3, 0, False), (3, 2, 0, True), (3, 2, 1, True)):
    sizes = (window, stride, padding)
    one = np.asarray(equinox.nn.AvgPool2d(*sizes, use_ceil=True)(white))
    other = torch.nn.AvgPool2d(*sizes, ceil_mode=True)(torch.from_numpy(white)).numpy()
    said = [" ".join(f"{number:.2f}" for number in found[0, -1]) for found in (one, other)]
    print(f"window {window}, stride {stride}, padding {padding}: equinox {said[0]}, torch {said[1]}")
    assert one.shape == other.shape and np.allclose(one[:, :-1, :-1], other[:, :-1, :-1]), "inside"
    assert np.allclose(one, other) == agree, f"{sizes}: the edges"
    if not agree:
        left = 7 % stride / window
        assert np.allclose(other, 1) and np.allclose(one[0, -1, 0], left) and np.allclose(one[0, -1, -1], left**2), "edges"
    maxima = equinox.nn.MaxPool2d(*sizes, use_ceil=True)(ramp)
    assert np.array_equal(maxima, torch.nn.MaxPool2d(*sizes, ceil_mode=True)(torch.from_numpy(ramp))), "maxima"
EOF
