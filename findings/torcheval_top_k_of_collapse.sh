#!/usr/bin/env bash
# TorchEval's top-2 accuracy of a network whose logits are all equal, or all NaN, is 1; its top-1 accuracy is chance.
#
# Versions:  Python 3.11; torcheval 0.0.7, torch 2.13.0, numpy 2.4.6, CPU.
# Behaviour: `multiclass_accuracy` with k = 1 takes the argmax. With k > 1 it counts the classes whose score is above that of
#            the label, and a sample is right if they are fewer than k. Ties count for the label, and so does NaN, as nothing
#            is above it. `MulticlassAccuracy`, `hit_rate` and `reciprocal_rank` count in the same way. With one NaN among
#            finite logits the label is right if it is the NaN's. The docstring says "top probabilities".
#            `torch.topk` of the same logits names k classes, among them as many labels as chance has it.
# A guess:   k of 10 classes are named, so that without any information a share of k / 10 is right; NaN is wrong.
# For users: sweeps of sparsity end in networks that answer with their biases or with NaN: dead features give the logits of
#            the bias, equal ones where the head has none, or was pruned as well. Top-5 accuracy, the usual one of ImageNet,
#            falls along the sweep and is 1 at its end. Logits of few values, as of quantised networks, tie long before that,
#            always in the network's favour. Look at top-1 beside it. rosalind has top-1 alone.
#
# Output seen (1,000 samples, 10 classes):
#   random logits:       top-1 0.091, top-2 0.203, top-5 0.508; by topk 0.091, 0.203, 0.508; reciprocal rank 0.292
#   all 0:               top-1 0.100, top-2 1.000, top-5 1.000; by topk 0.100, 0.200, 0.500; reciprocal rank 1.000
#   all NaN:             top-1 0.100, top-2 1.000, top-5 1.000; by topk 0.100, 0.200, 0.500; reciprocal rank 1.000
#   random, of 4 values: top-1 0.088, top-2 0.366, top-5 0.702; by topk 0.095, 0.186, 0.518; reciprocal rank 0.419
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install -q torcheval==0.0.7 torch==2.13.0 numpy==2.4.6
"$work/env/bin/python" - <<'EOF'
import torch
from torcheval.metrics import MulticlassAccuracy
from torcheval.metrics.functional import hit_rate, multiclass_accuracy, reciprocal_rank

torch.manual_seed(0)
labels = torch.arange(1000) % 10
draw = torch.randn(1000, 10)
seen = {}
for name, logits in (
    ("random logits", draw),
    ("all 0", torch.zeros(1000, 10)),
    ("all NaN", torch.full((1000, 10), torch.nan)),
    ("random, of 4 values", draw.round().clamp(-1, 2)),
):
    theirs = [multiclass_accuracy(logits, labels, k=k).item() for k in (1, 2, 5)]
    named = [(logits.topk(k).indices == labels[:, None]).any(1).float().mean().item() for k in (1, 2, 5)]
    rank = reciprocal_rank(logits, labels).mean().item()
    print(
        f"{name + ':':20} " + ", ".join(f"top-{k} {value:.3f}" for k, value in zip((1, 2, 5), theirs))
        + "; by topk " + ", ".join(f"{value:.3f}" for value in named) + f"; reciprocal rank {rank:.3f}"
    )
    seen[name] = theirs, named, rank
    metric = MulticlassAccuracy(k=2).update(logits, labels).compute().item()
    assert abs(metric - theirs[1]) < 1e-6 and abs(hit_rate(logits, labels, k=2).mean().item() - theirs[1]) < 1e-6

for value in (theirs[:2] for theirs in (seen["all 0"][0], seen["all NaN"][0])):
    assert value[0] < 0.11 and value[1] == 1, "collapse"
assert seen["all 0"][2] == seen["all NaN"][2] == 1, "reciprocal rank of collapse"
theirs, named, _ = seen["random logits"]
assert all(abs(a - b) < 1e-6 for a, b in zip(theirs, named)), "without ties"
assert seen["random, of 4 values"][0][1] > 1.5 * seen["random, of 4 values"][1][1], "ties"
of_one = torch.arange(10.0).tile(10, 1)
of_one.fill_diagonal_(torch.nan)
assert multiclass_accuracy(of_one, torch.arange(10), k=2).item() == 1, "NaN at the label alone"
EOF
