#!/usr/bin/env bash
# loss-landscapes leaves the network at the far end of the line that it measured, and neither end's loss is on the line.
#
# Versions:  Python 3.11; loss-landscapes 3.0.6, torch 2.13.0, numpy 2.4.6, CPU.
# Behaviour: `linear_interpolation(start, end, ...)` moves the parameters of `start` itself, as do `random_line` and
#            `random_plane` (`deepcopy_model=False` is the default): afterwards `start` has the weights of `end`, and
#            `requires_grad` is off in both. It moves before it measures, so the first value is one step away from `start`.
#            It moves parameters only: with batch normalisation the last value is of the weights of `end` with the running
#            statistics of `start`, which are of variance 0 where a whole neuron is pruned. Random directions are drawn for
#            removed weights too, but for those of whole neurons, so that a pruned network is nearly dense along the line and
#            after it.
# A guess:   a function that returns losses changes no network; its first and last values are the losses of the two.
# For users: what is measured after the plot is of another network, and the barrier between a pruned and a dense network that
#            one sees is that of the statistics. Give `deepcopy_model=True`, add both ends by hand, and estimate the
#            statistics anew at every point. rosalind's connectivity diagnostic does that, and copies.
#
# Output seen (start pruned to 80 %, 5 steps):
#   start: loss 0.058, zeros 0.8; end: loss 0.008, zeros 0.0
#   to end:         [70.22, 70.302, 52.476, 62.381, 107.131]; start afterwards: loss 107.131, zeros 0.0, requires_grad False
#   to end, copied: [70.22, 70.302, 52.476, 62.381, 107.131]; start afterwards: loss 0.058, zeros 0.8, requires_grad True
#   random:         [1.702, 15.872, 52.529, 127.518, 254.255]; start afterwards: loss 254.255, zeros 0.16, requires_grad False
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install -q loss-landscapes==3.0.6 torch==2.13.0 numpy==2.4.6
"$work/env/bin/python" - <<'EOF'
import copy

import loss_landscapes
import torch
from loss_landscapes.metrics import Loss
from torch import nn

torch.manual_seed(0)
x = 3 * torch.randn(512, 8) + 1
y = x[:, :3].argmax(1)
metric = Loss(nn.CrossEntropyLoss(), x, y)


def train(seed, pruned):
    torch.manual_seed(seed)
    network = nn.Sequential(nn.Linear(8, 32), nn.BatchNorm1d(32), nn.ReLU(), nn.Linear(32, 3))
    mask = torch.rand(32, 8) >= pruned
    optimiser = torch.optim.Adam(network.parameters(), 0.01)
    for _ in range(200):
        with torch.no_grad():
            network[0].weight *= mask
        optimiser.zero_grad()
        nn.functional.cross_entropy(network(x), y).backward()
        optimiser.step()
    with torch.no_grad():
        network[0].weight *= mask
    return network.eval()


def loss(network):
    return round(nn.functional.cross_entropy(network(x), y).item(), 3)


def zeros(network):
    return round((network[0].weight == 0).float().mean().item(), 2)


def alike(one, other):
    return all(torch.allclose(a, b, atol=1e-5) for a, b in zip(one.parameters(), other.parameters()))


kept, end = train(1, 0.8), train(2, 0.0)
print(f"start: loss {loss(kept)}, zeros {zeros(kept)}; end: loss {loss(end)}, zeros {zeros(end)}")
lines = {
    "to end": lambda start: loss_landscapes.linear_interpolation(start, end, metric, steps=5),
    "to end, copied": lambda start: loss_landscapes.linear_interpolation(start, end, metric, steps=5, deepcopy_model=True),
    "random": lambda start: loss_landscapes.random_line(start, metric, distance=0.5, steps=5),
}
after = {}
for name, line in lines.items():
    start = copy.deepcopy(kept)
    values = [round(float(value), 3) for value in line(start)]
    on = next(start.parameters()).requires_grad
    print(f"{name + ':':15} {values}; start afterwards: loss {loss(start)}, zeros {zeros(start)}, requires_grad {on}")
    after[name] = start, values, on
start, values, on = after["to end"]
assert alike(start, end) and not on, "start is left alone"
assert not next(end.parameters()).requires_grad, "end is left alone"
assert values[-1] == loss(start) > 2 * loss(end), "the last value is the loss of end"
assert min(abs(value - loss(kept)) for value in values) > 0.001, "the loss of start is on the line"
start, copied, on = after["to end, copied"]
assert alike(start, kept) and on and copied == values, "a copy"
assert zeros(kept) > 0.7 and zeros(after["random"][0]) < 0.2, "removed weights on a random line"
EOF
