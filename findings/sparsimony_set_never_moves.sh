#!/usr/bin/env bash
# sparsimony's SET never changes its mask if the interval between changes is even: it counts each step twice.
#
# Versions:  Python 3.11; sparsimony 0.1.0, torch 2.13.0, numpy 1.26.4, CPU.
# Behaviour: `SET.step` raises its count before it asks the scheduler and once more after, so that the scheduler sees 1, 3, 5 and so
#            on. A change is due where the count is a multiple of `delta_t`; of an even number no odd one is. The mask stays what
#            it was at the start, without a word, and its sparsity is right. With an odd `delta_t` changes come at their interval,
#            but a schedule that ends ends in half the time; at sparsities other than 0.5 they raise, as the check counts
#            survivors against the sparsity. RigL, of the same package, counts once.
# A guess:   dynamic sparse training changes the mask every `delta_t` steps; 100, the usual interval, is as good as 101.
# For users: a comparison of SET with static masks compares static masks twice and finds that growing does not help; against RigL
#            it finds that gradients do. Compare the masks of the first and the last step. rosalind's SET counts steps once.
#
# Output seen (sparsity 0.5, 100 steps):
#   SET, every 10 steps: 0 changes, 0.00 of the mask in the end; sparsity 0.50
#   SET, every 5 steps: 20 changes, 0.34 of the mask in the end; sparsity 0.50
#   RigL, every 10 steps: 10 changes, 0.34 of the mask in the end; sparsity 0.50
#   RigL, every 5 steps: 20 changes, 0.32 of the mask in the end; sparsity 0.50
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install -q sparsimony==0.1.0 torch==2.13.0 numpy==1.26.4
"$work/env/bin/python" -W ignore - 2>"$work/log" <<'EOF' || { tail -3 "$work/log" >&2; exit 1; }
import torch
from sparsimony.distributions.base import UniformDistribution
from sparsimony.dst.rigl import RigL
from sparsimony.dst.set import SET
from sparsimony.schedulers.base import ConstantScheduler
from torch import nn

STEPS = 100


def changes(method, interval):
    """Steps in which the mask changed, share of it that did in the end, and its sparsity."""
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(20, 40), nn.ReLU(), nn.Linear(40, 5))
    optimiser = torch.optim.SGD(network.parameters(), 0.1, momentum=0.9)
    scheduler = ConstantScheduler(pruning_ratio=0.3, t_end=10**6, delta_t=interval)
    sparsifier = method(scheduler, UniformDistribution(), optimiser, sparsity=0.5)
    sparsifier.prepare(network, [{"tensor_fqn": "0.weight"}, {"tensor_fqn": "2.weight"}])
    x, y = torch.randn(64, 20), torch.randint(0, 5, (64,))
    masks = []
    for _ in range(STEPS + 1):
        masks.append(network[0].parametrizations.weight[0].mask.clone())
        optimiser.zero_grad()
        nn.functional.cross_entropy(network(x), y).backward()
        optimiser.step()
        sparsifier.step()
    moved = sum(not torch.equal(one, next_) for one, next_ in zip(masks, masks[1:]))
    return moved, (masks[0] != masks[-1]).float().mean().item(), 1 - masks[-1].mean().item()


seen = {}
for method in (SET, RigL):
    for interval in (10, 5):
        moved, share, sparsity = seen[method, interval] = changes(method, interval)
        print(
            f"{method.__name__}, every {interval} steps: {moved} changes, {share:.2f} of the mask in the end; "
            f"sparsity {sparsity:.2f}"
        )
        assert abs(sparsity - 0.5) < 0.01, "sparsity"
assert seen[SET, 10][:2] == (0, 0), "even intervals change the mask now"
assert seen[SET, 5][0] == 20 and seen[RigL, 10][0] == 10 and seen[RigL, 5][0] == 20, "the others"
EOF
