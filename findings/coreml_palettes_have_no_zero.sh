#!/usr/bin/env bash
# Core ML's palettes hold no 0: of a pruned layer with 90 % zeros none is left, after k-means because of rounding, at 3e-9.
#
# Versions:  Python 3.11; coremltools 9.0, torch 2.13.0, numpy 2.4.6, Linux on x86-64 (models are made and read there, not run).
# Behaviour: `palettize_weights` replaces weights by the nearest of 2^nbits numbers. "uniform" takes equal steps from the smallest to
#            the largest weight, and 0 is one of them by chance only. "kmeans" gives the zeros a number of their own from 2 bits
#            on, but the mean of nothing but zeros comes out as 3e-9. Weights are so in the program and by `decompress_weights`.
#            `linear_quantize_weights`, with and without a zero point, and `prune_weights` keep 0.
# A guess:   nine of ten weights are 0: the one number that a codebook must have is 0.
# For users: pruning and then palettising is a recipe for small models. Counted afterwards the sparsity is 0, and nothing is left that
#            could be stored as sparse. With k-means outputs change by rounding only; with "uniform" all removed weights are one
#            number, which adds up. rosalind's codebooks keep a zero apart where a mask removes weights.
#
# Output seen (weights of deviation 0.05, the 90 % smallest removed; error as a share of the deviation of what is left):
#   kmeans, 2 bits: zeros 0.90 before, 0.00 after; removed weights are 3.3e-09, error 0.1407
#   kmeans, 4 bits: zeros 0.90 before, 0.00 after; removed weights are 3.3e-09, error 0.0274
#   kmeans, 8 bits: zeros 0.90 before, 0.00 after; removed weights are 3.3e-09, error 0.0003
#   uniform, 4 bits: zeros 0.90 before, 0.00 after; removed weights are -0.0053, error 0.0851
#   uniform, 8 bits: zeros 0.90 before, 0.00 after; removed weights are 0.00031, error 0.0047
#   linear: zeros 0.90 before, 0.90 after; removed weights are 0, error 0.0025
#   linear_symmetric: zeros 0.90 before, 0.90 after; removed weights are 0, error 0.0026
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install -q coremltools==9.0 torch==2.13.0 numpy==2.4.6 scikit-learn==1.9.1
"$work/env/bin/python" -W ignore - 2>"$work/log" <<'EOF' || { tail -3 "$work/log" >&2; exit 1; }
import coremltools
import numpy as np
import torch
from coremltools.optimize import coreml

torch.manual_seed(0)
layer = torch.nn.Linear(64, 64, bias=False).eval().requires_grad_(False)
layer.weight.copy_(0.05 * torch.randn(64, 64))
layer.weight[layer.weight.abs() < layer.weight.abs().quantile(0.9)] = 0
weights = layer.weight.numpy()
model = coremltools.convert(
    torch.jit.trace(layer, torch.ones(1, 64)),
    inputs=[coremltools.TensorType(shape=(1, 64))],
    convert_to="mlprogram",
    compute_precision=coremltools.precision.FLOAT32,
    skip_model_load=True,
)


def after(compress, setting):
    """The layer's weights as the compressed model holds them."""
    compressed = compress(model, coreml.OptimizationConfig(global_config=setting))
    program = coreml.decompress_weights(compressed)._mil_program
    values = [op.outputs[0].val for op in program.functions["main"].operations if op.op_type == "const"]
    (found,) = (value for value in values if np.shape(value) == weights.shape)
    return found


palette, small = coreml.OpPalettizerConfig, {"weight_threshold": 0}
ROWS = [
    (f"{mode}, {bits} bits", coreml.palettize_weights, palette(mode=mode, nbits=bits, **small))
    for mode, bits in (("kmeans", 2), ("kmeans", 4), ("kmeans", 8), ("uniform", 4), ("uniform", 8))
]
for mode in ("linear", "linear_symmetric"):
    ROWS.append((mode, coreml.linear_quantize_weights, coreml.OpLinearQuantizerConfig(mode=mode, **small)))
for name, compress, setting in ROWS:
    found = after(compress, setting)
    zeros, (removed,) = (found == 0).mean(), np.unique(found[weights == 0])
    print(
        f"{name}: zeros {(weights == 0).mean():.2f} before, {zeros:.2f} after; removed weights are {removed:.2g}, "
        f"error {(found - weights).std() / weights.std():.4f}"
    )
    if "linear" in name:
        assert zeros == (weights == 0).mean(), name
    else:
        assert zeros == 0 and 0 < abs(removed) < (1e-6 if "kmeans" in name else 0.01), f"{name}: zeros are kept now"
EOF
