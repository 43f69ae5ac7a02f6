#!/usr/bin/env bash
# cka-pytorch's CKA of a layer with itself is 0.04 if its features are small: it adds 1e-4 to their fourth power.
#
# Versions:  Python 3.11; cka-pytorch 1.1.3, torch 2.13.0, lightning 2.6.6, seaborn 0.13.2, numpy 2.4.6, CPU.
# Behaviour: CKA divides by the root of HSIC(X, X) HSIC(Y, Y), and cka-pytorch adds `epsilon` (1e-4) under this root against division
#            by zero. HSIC(X, X) grows with the fourth power of the features, so that 1e-4 is nothing for large ones and everything
#            for those below about 0.5. Sums over batches and epochs are divided by no count: each further epoch over the
#            same data (10 by default) raises the value. pytorch-cka, another package, has no such constant.
# A guess:   CKA does not depend on the scale of features, a layer is like itself, and a constant against zero does not show.
# For users: logits and late layers are small, weight decay and pruning make them smaller: a heat map shows them fade, and a pruned
#            network "loses" the layers whose features it only scaled. Pass `epsilon=0`. rosalind's CKA has no constant.
#
# Output seen (CKA of a network's last layer with itself, 256 samples in two batches, against the scale of its weights):
#   features of size 0.23: one epoch 0.976, ten epochs 1.000
#   features of size 0.07: one epoch 0.037, ten epochs 0.344
#   features of size 0.023: one epoch 0.000, ten epochs 0.005
#   features of size 0.023, epsilon 0: one epoch 1.000, ten epochs 1.000
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install -q torch==2.13.0 lightning==2.6.6 torchmetrics==1.9.0 matplotlib==3.11.2 seaborn==0.13.2 tqdm==4.70.1 \
    numpy==2.4.6
"$work/env/bin/pip" install -q --no-deps cka-pytorch==1.1.3 # it asks for torchvision and imports nothing of it
"$work/env/bin/python" -W ignore - <<'EOF'
import torch
from cka_pytorch.cka import CKACalculator
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
x = torch.randn(256, 20)
loader = DataLoader(TensorDataset(x, torch.zeros(256)), batch_size=128)


def network(scale):
    torch.manual_seed(0)
    layers = nn.Sequential(nn.Linear(20, 32), nn.ReLU(), nn.Linear(32, 10))
    with torch.no_grad():
        for array in layers[2].parameters():
            array *= scale
    return layers


def likeness(layers, epochs, **options):
    """CKA of the last layer with itself."""
    calculator = CKACalculator(layers, layers, model1_layers=["2"], verbose=False)
    return calculator.calculate_cka_matrix(loader, num_epochs=epochs, **options).item()


seen = {}
for scale, options in ((1, {}), (0.3, {}), (0.1, {}), (0.1, {"epsilon": 0})):
    layers = network(scale)
    with torch.no_grad():
        size = layers(x).square().mean().sqrt().item()
    found = seen[scale, *options] = [likeness(layers, epochs, **options) for epochs in (1, 10)]
    words = ", epsilon 0" if options else ""
    print(f"features of size {size:.2g}{words}: one epoch {found[0]:.3f}, ten epochs {found[1]:.3f}")
assert 0.9 < seen[1,][0] < 0.99 and seen[1,][1] > 0.99, "large features"
assert 0.02 < seen[0.3,][0] < 0.06 and 0.3 < seen[0.3,][1] < 0.45, "a third"
assert max(seen[0.1,]) < 0.02, "the constant does not show now"
assert min(seen[0.1, "epsilon"]) > 0.9999, "without it"
EOF
