#!/usr/bin/env bash
# torch-cka over a shuffled loader finds no likeness between a network and its own copy: CKA -0.01 in place of 1.
#
# Versions:  Python 3.11; torch-cka 0.21, torch 2.13.0, numpy 2.4.6, matplotlib 3.11.2, tqdm 4.70.1, CPU.
# Behaviour: `CKA.compare(loader)` says "Using the same dataloader for both models" and iterates over `zip(loader,
#            loader)`. That starts two iterators of one loader, and each draws an order of its own: the two networks are
#            compared over different samples. Also with a seeded generator, as the second iterator takes its next draws. A
#            network against itself is 1 all the same: both sides' hooks sit on the one network, and its second pass
#            replaces the first.
# A guess:   one loader, one batch for both networks; and CKA does not depend on the order of samples.
# For users: training loaders shuffle. Every map of layers is then dark, pruned against dense, seed against seed, and the
#            control that one would make, the network against itself, is perfect. Do not shuffle, or give two loaders with
#            generators of one seed. rosalind compares samples by their id.
#
# Output seen:
#   a copy, in order: layer 0 1.00, layer 2 1.00
#   a copy, shuffled: layer 0 -0.01, layer 2 -0.01
#   itself, shuffled: layer 0 1.00, layer 2 1.00
#   a copy, two loaders of one seed: layer 0 1.00, layer 2 1.00
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install -q torch-cka==0.21 torch==2.13.0 numpy==2.4.6 matplotlib==3.11.2 tqdm==4.70.1
"$work/env/bin/python" - <<'EOF'
import copy
import warnings
from contextlib import redirect_stderr
from io import StringIO

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
from torch_cka import CKA

warnings.simplefilter("ignore")
torch.manual_seed(0)
network = nn.Sequential(nn.Linear(16, 32), nn.ReLU(), nn.Linear(32, 8)).requires_grad_(False)
samples = TensorDataset(torch.randn(512, 16), torch.zeros(512))
names = ["0", "2"]


def compared(other, *loaders):
    """CKA of two layers of the network with those of another, [2, 2]."""
    cka = CKA(network, other, model1_layers=names, model2_layers=names, device="cpu")
    with redirect_stderr(StringIO()):  # a progress bar
        cka.compare(*loaders)
    return cka.export()["CKA"]


def shuffled():
    return DataLoader(samples, batch_size=64, shuffle=True, generator=torch.Generator().manual_seed(0))


seen = {
    "a copy, in order": compared(copy.deepcopy(network), DataLoader(samples, batch_size=64)),
    "a copy, shuffled": compared(copy.deepcopy(network), shuffled()),
    "itself, shuffled": compared(network, shuffled()),
    "a copy, two loaders of one seed": compared(copy.deepcopy(network), shuffled(), shuffled()),
}
for name, cka in seen.items():
    print(f"{name}: " + ", ".join(f"layer {n} {x:.2f}" for n, x in zip(names, cka.diag(), strict=True)))
    right = torch.allclose(cka.diag(), torch.ones(2), atol=1e-4)
    assert right == (name != "a copy, shuffled"), name
assert seen["a copy, shuffled"].abs().max() < 0.1, "shuffled samples match"
EOF
