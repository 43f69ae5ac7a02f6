#!/usr/bin/env bash
# torchmetrics' calibration error takes small logits for probabilities, and a batch with one sum of 1.0000001 for logits.
#
# Versions:  Python 3.11; torchmetrics 1.9.0, torch 2.13.0, numpy 2.4.6, CPU.
# Behaviour: `multiclass_calibration_error` applies softmax if any number of the batch is outside of [0, 1], and else not.
#            Logits that all happen to lie in [0, 1] are read as confidences: a network whose logits are all 0 (a dead last
#            layer, weights just initialised to 0) is sure to 0 % instead of 10 %. Probabilities of which one is a rounding
#            error above 1 get a second softmax, all of the batch, and none of ten classes gets more than 23 %. Each `update`
#            of the class decides for its own batch. Its page names the range, and softmax "per sample".
# A guess:   logits are recognised as such, or an argument says what is meant.
# For users: networks collapse at high sparsity, and their logits shrink into [0, 1] then; an average of ten networks with
#            weights of 0.1 sums to 1.0000001 where all are certain. Hand over softmaxed, clipped float numbers. rosalind's
#            calibration errors are of confidences, and 1.0000001 is one of 1.
#
# Output seen:
#   logits, all 0: error 0.1; of their softmax 0.0
#   logits, in [0, 1]: error 0.795; of their softmax 0.029
#   logits, one of them -1e-6: error 0.029; of their softmax 0.029
#   mean of ten networks, at most 1 + 1e-07: error 0.383; clipped 0.04; without that image 0.04
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install -q torchmetrics==1.9.0 torch==2.13.0 numpy==2.4.6
"$work/env/bin/python" - <<'EOF'
import torch
from torchmetrics.functional.classification import multiclass_calibration_error

torch.manual_seed(0)


def error(predictions, labels):
    return round(multiclass_calibration_error(predictions, labels, num_classes=10).item(), 3)


labels = torch.arange(1000) % 10
positive = torch.rand(1000, 10)
once_negative = positive.clone()
once_negative[0, 0] = -1e-6
seen = {}
for name, logits in (
    ("all 0", torch.zeros(1000, 10)),
    ("in [0, 1]", positive),
    ("one of them -1e-6", once_negative),
):
    seen[name] = error(logits, labels), error(logits.softmax(-1), labels)
    print(f"logits, {name}: error {seen[name][0]}; of their softmax {seen[name][1]}")

# Ten networks that differ a little; all are certain of the first image.
logits = 2 * torch.randn(1000, 10) + 0.3 * torch.randn(10, 1000, 10)
logits[:, 0] = 60 * torch.eye(10)[0]
mean = sum(0.1 * network.softmax(-1) for network in logits)
labels = torch.multinomial(mean, 1)[:, 0]
parts = mean, mean.clamp(max=1), mean[1:]
whole, clipped, others = (error(part, labels[-len(part) :]) for part in parts)
print(
    f"mean of ten networks, at most 1 + {mean.max().item() - 1:.0e}: error {whole}; clipped {clipped}; "
    f"without that image {others}"
)
assert seen["all 0"][0] == 0.1 and seen["all 0"][1] < 0.01, "logits of 0"
assert seen["in [0, 1]"][0] > 0.7 and seen["in [0, 1]"][1] < 0.1, "logits in [0, 1]"
assert seen["one of them -1e-6"][0] == seen["one of them -1e-6"][1], "logits outside of [0, 1]"
assert mean.max() > 1 and whole > 5 * clipped and abs(clipped - others) < 0.005, "a probability of 1.0000001"
EOF
