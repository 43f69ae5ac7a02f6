#!/usr/bin/env bash
# Behind an attack by APGD, Square, FAB or AutoAttack of torchattacks every seed of a study draws the same: orders, dropout and noise.
#
# Versions:  Python 3.11; torchattacks 3.5.1, torch 2.13.0, numpy 2.4.6, scipy 1.17.1, CPU.
# Behaviour: an attack calls `torch.manual_seed(seed)` whenever it is called, with 0 if no seed was given (AutoAttack: with the time at
#            which it was made), and does not put the generator back. So the draws after an attack are those that followed the attack
#            before, and those of a run of another seed. PGD draws from the stream as it goes on, and FGSM draws nothing.
# A guess:   the parameter is, as its description says, the "random seed for the starting point" of the attack.
# For users: in adversarial training dropout removes the same units in every step, noise is the same in every step, a loader has the
#            same order in every epoch, and the seeds of a study differ in what was drawn in front of the first attack alone: their
#            spread is too small. Corruptions drawn after the attack are the same for all batches. Save `torch.get_rng_state()` in front of the
#            attack and set it afterwards, or draw from a `Generator`. rosalind's attacks draw from a key of JAX and the image's id.
#
# Output seen (30 attacks in all: 10 steps of each of 3 seeds; dropout masks, and orders of 50,000 images, that differ):
#   PGD:        30 masks, 30 orders
#   FGSM:       30 masks, 30 orders
#   APGD:        1 mask, 1 order
#   Square:      1 mask, 1 order
#   FAB:         1 mask, 1 order
#   AutoAttack:  1 mask, 1 order
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install -q torch==2.13.0 numpy==2.4.6 scipy==1.17.1 tqdm==4.70.1
"$work/env/bin/pip" install -q --no-deps torchattacks==3.5.1
"$work/env/bin/python" -W ignore - <<'EOF'
import torch
import torchattacks
from torch import nn

torch.manual_seed(0)
x = torch.rand(20, 1, 8, 8)


def drawn(attack, settings):
    """How many dropout masks and orders of images differ among the steps of three seeds."""
    masks, orders = set(), set()
    for seed in range(3):
        torch.manual_seed(seed)
        network = nn.Sequential(nn.Flatten(), nn.Linear(64, 10)).eval()
        with torch.no_grad():  # one network, so that only the draws differ
            network[1].weight.copy_(torch.linspace(0, 600, 640).sin().reshape(10, 64) / 8)
            network[1].bias.zero_()
            wanted = network(x).argmax(1)
        attacker = attack(network, **settings)
        for _ in range(10):
            moved = attacker(x, wanted)
            assert 0.001 < (moved - x).abs().max() < 0.04, "how far images move"
            masks.add(tuple(nn.functional.dropout(torch.ones(100)).tolist()))
            orders.add(tuple(torch.randperm(50_000)[:20].tolist()))
    return len(masks), len(orders)


seen = {}
for name, settings in {
    "PGD": {},
    "FGSM": {},
    "APGD": {"steps": 5},
    "Square": {"n_queries": 20},
    "FAB": {"steps": 3, "n_classes": 10},
    "AutoAttack": {"seed": 0},
}.items():
    seen[name] = drawn(getattr(torchattacks, name), settings)
    masks, orders = seen[name]
    print(f"{name + ':':11} {masks:2} mask{'s' * (masks > 1)}, {orders} order{'s' * (orders > 1)}")
assert seen["PGD"] == seen["FGSM"] == (30, 30), "the stream goes on"
restarted = [seen[name] for name in ("APGD", "Square", "FAB", "AutoAttack")]
assert restarted == [(1, 1)] * 4, "attacks leave the generator alone now"
EOF
