#!/usr/bin/env bash
# Brevitas's half-quadratic zero points leave no zero of a pruned layer, in 8 bits too; and two of its quantisers make dead channels NaN.
#
# Versions:  Python 3.11; brevitas 0.13.4, torch 2.13.0, numpy 2.4.6, CPU.
# Behaviour: the "ShiftedUint8Weight..." quantisers have a zero point. From minimum and maximum, or by the least squared error, it is
#            a whole number, and 0 stays 0. Those whose name ends in "HQO" look for the zero point by half-quadratic optimisation,
#            and leave it a fraction: 0 is between two levels and becomes one small number for each channel. The errors of the
#            layer's outputs are the same as without. Of an output channel of zeros `...PerChannelFloatDecoupled` and
#            `...WeightNormL2PerChannelFixedPoint` divide by its norm, 0, and the channel is NaN for every image.
# A guess:   quantisers of one library, alike but in how they choose a scale, agree on what becomes of 0.
# For users: a pruned layer quantised so has the sparsity 0, and a mask taken from it keeps all; what removes whole channels
#            makes a network of NaN with the decoupled ones. Count zeros and NaN of `quant_weight()`. rosalind's
#            own quantisation is symmetric, so that 0 stays 0.
#
# Output seen (90 % zeros, and one of 16 channels all zeros):
#   ShiftedUint8WeightPerChannelFloat, 8 bits: zeros 0.90, NaN 0 of 16 channels, revived up to 0, outputs off by 0.003
#   ShiftedUint8WeightPerChannelFloatMSE, 8 bits: zeros 0.90, NaN 0 of 16 channels, revived up to 0, outputs off by 0.003
#   ShiftedUint8WeightPerChannelFloatHQO, 8 bits: zeros 0.06, NaN 0 of 16 channels, revived up to 3e-05, outputs off by 0.003
#   ShiftedUint8WeightPerTensorFloatHQO, 8 bits: zeros 0.00, NaN 0 of 16 channels, revived up to 5e-06, outputs off by 0.004
#   ShiftedUint8WeightPerChannelFloatHQO, 4 bits: zeros 0.06, NaN 0 of 16 channels, revived up to 0.0004, outputs off by 0.045
#   ShiftedUint8WeightPerTensorFloatHQO, 4 bits: zeros 0.00, NaN 0 of 16 channels, revived up to 9e-05, outputs off by 0.069
#   Int8WeightPerChannelFloat, 8 bits: zeros 0.90, NaN 0 of 16 channels, revived up to 0, outputs off by 0.003
#   Int8WeightPerChannelFloatDecoupled, 8 bits: zeros 0.84, NaN 1 of 16 channels, revived up to 0, outputs off by 0.003
#   Int8WeightNormL2PerChannelFixedPoint, 8 bits: zeros 0.84, NaN 1 of 16 channels, revived up to 0, outputs off by 0.255
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install -q brevitas==0.13.4 torch==2.13.0 numpy==2.4.6
"$work/env/bin/python" -W ignore - 2>"$work/log" <<'EOF' || { tail -3 "$work/log" >&2; exit 1; }
import brevitas.nn
import brevitas.quant
import torch

torch.manual_seed(0)
weights = 0.05 * torch.randn(16, 64)
weights[weights.abs() < weights.abs().quantile(0.9)] = 0
weights[3] = 0
images = torch.randn(1000, 64)
wanted = images @ weights.T


def quantised(quantiser, bits):
    """The layer's weights as it computes with them, and its outputs."""
    chosen = getattr(brevitas.quant, quantiser)
    layer = brevitas.nn.QuantLinear(64, 16, bias=False, weight_quant=chosen, weight_bit_width=bits).eval()
    layer.weight.data.copy_(weights)
    return layer.quant_weight().value.detach(), layer(images).detach()


SHIFTED = "ShiftedUint8WeightPer"
for quantiser, bits, kept in (
    (f"{SHIFTED}ChannelFloat", 8, "zeros"),
    (f"{SHIFTED}ChannelFloatMSE", 8, "zeros"),
    (f"{SHIFTED}ChannelFloatHQO", 8, "none"),
    (f"{SHIFTED}TensorFloatHQO", 8, "none"),
    (f"{SHIFTED}ChannelFloatHQO", 4, "none"),
    (f"{SHIFTED}TensorFloatHQO", 4, "none"),
    ("Int8WeightPerChannelFloat", 8, "zeros"),
    ("Int8WeightPerChannelFloatDecoupled", 8, "NaN"),
    ("Int8WeightNormL2PerChannelFixedPoint", 8, "NaN"),
):
    found, outputs = quantised(quantiser, bits)
    alive = wanted.std(0) > 0
    dead = outputs.isnan().all(0)
    error = ((outputs - wanted)[:, alive].std() / wanted[:, alive].std()).item()
    revived = found[(weights == 0) & ~dead[:, None]].abs().max().item()
    zeros = (found == 0).float().mean().item()
    print(
        f"{quantiser}, {bits} bits: zeros {zeros:.2f}, NaN {dead.sum()} of 16 channels, revived up to {revived:.1g}, "
        f"outputs off by {error:.3f}"
    )
    assert kept == "NaN" or error < (0.01 if bits == 8 else 0.1), quantiser
    if kept == "zeros":
        assert revived == 0 and not dead.any(), quantiser
    elif kept == "none":
        assert zeros < 0.07 and 0 < revived < 0.001 and not dead.any(), f"{quantiser} keeps zeros now"
    else:
        assert dead.tolist() == [channel == 3 for channel in range(16)], f"{quantiser} keeps a dead channel now"
EOF
