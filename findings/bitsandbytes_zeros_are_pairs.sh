#!/usr/bin/env bash
# Zeros of a pruned layer in bitsandbytes' 4 bits: counted in its weight they are none, or too few, and in truth there are more.
#
# Versions:  Python 3.11; bitsandbytes 0.50.2, torch 2.13.0, numpy 2.4.6, CPU.
# Behaviour: `LinearNF4` and `LinearFP4` are `nn.Linear`, and their `weight` is a parameter of bytes, each with the codes of two
#            weights. `weight == 0` compares pairs. NF4 writes 0.0 as code 7 and its most negative number as 0, so that of
#            a layer without four fifths of its weights nearly no byte is 0; in FP4, whose 0.0 is code 0, those are whose two
#            weights are both 0: the square of the share. `weight.numel()` is half of the number of weights. What the layer
#            computes with has all removed weights at 0 in both, and some of the others: those near 0.
# A guess:   a linear layer's `weight` says how many of its weights are zero, or its type forbids the question; and
#            quantising a dense layer leaves it dense.
# For users: any count over the linear layers of a model (sparsity, parameters, overlap of masks) is silently wrong, by another
#            amount for each format, and a dense network stores zeros that no one pruned. Count in
#            `functional.dequantize_4bit`. rosalind's `from_torch` refuses to count in quantised weights.
#
# Output seen (1024 x 1024, standard normal):
#   NF4, removed 0.80: zeros counted in `weight` 0.000, in what the layer uses 0.813; numbers in `weight` 0.50
#   FP4, removed 0.80: zeros counted in `weight` 0.642, in what the layer uses 0.801; numbers in `weight` 0.50
#   NF4, removed 0.00: zeros counted in `weight` 0.000, in what the layer uses 0.088; numbers in `weight` 0.50
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install -q bitsandbytes==0.50.2 torch==2.13.0 numpy==2.4.6
cat >"$work/run.py" <<'EOF'
import torch
from bitsandbytes import functional, nn

torch.manual_seed(0)
seen = {}
for layer, kind, share in ((nn.LinearNF4, "NF4", 0.8), (nn.LinearFP4, "FP4", 0.8), (nn.LinearNF4, "NF4", 0)):
    dense = torch.nn.Linear(1024, 1024)
    dense.weight.data.normal_()
    dense.weight.data[torch.rand(1024, 1024) < share] = 0
    packed = layer(1024, 1024)
    packed.load_state_dict(dense.state_dict())
    packed = packed.to("cpu")
    assert isinstance(packed, torch.nn.Linear) and isinstance(packed.weight, torch.nn.Parameter)
    used = functional.dequantize_4bit(packed.weight, packed.weight.quant_state)
    assert (used[dense.weight == 0] == 0).all(), "removed weights come back"
    with torch.no_grad():
        columns = packed(torch.eye(1024)[:50]) - packed.bias
    assert torch.equal(columns == 0, used.T[:50] == 0), "the layer uses others"
    counted, real = [(x == 0).float().mean().item() for x in (packed.weight, used)]
    length = packed.weight.numel() / dense.weight.numel()
    print(
        f"{kind}, removed {share:.2f}: zeros counted in `weight` {counted:.3f}, in what the layer uses {real:.3f}; "
        f"numbers in `weight` {length:.2f}"
    )
    seen[kind, share] = counted, real
    assert length == 0.5, "not two in a byte"
assert seen["NF4", 0.8][0] < 0.01 and abs(seen["FP4", 0.8][0] - 0.64) < 0.01, "what is counted"
assert 0.81 < seen["NF4", 0.8][1] < 0.83 and 0.06 < seen["NF4", 0][1] < 0.09, "zeros of NF4"
EOF
"$work/env/bin/python" "$work/run.py" 2>"$work/errors" || { cat "$work/errors" >&2; exit 1; }
