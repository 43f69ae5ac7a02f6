#!/usr/bin/env bash
# ART's empirical robustness of a network that no attack fools is 0, the value of one that any change fools.
#
# Versions:  Python 3.11; adversarial-robustness-toolbox 1.20.1, torch 2.13.0, numpy 2.4.6, scipy 1.17.1, CPU.
# Behaviour: `art.metrics.empirical_robustness` is the mean, over the samples whose prediction an attack of growing strength
#            changed, of the norm of that change over the norm of the sample. Where it changed none, there is nothing to
#            average, and 0.0 is returned. Samples that withstood are left out as well, not counted at the largest strength,
#            and how few were fooled does not enter. Nothing is logged.
# A guess:   more robust is higher, so that an unbroken network has the highest value, infinity or NaN.
# For users: the values rise with robustness up to the strength that was allowed and then drop to 0: the best row of a table
#            is the last one when it is sorted. A network that has collapsed to one class scores 0 too. Give the share of
#            samples that were fooled beside it. rosalind gives accuracies at given strengths, of all samples.
#
# Output seen (one linear boundary, samples at least so far from it; strengths up to 0.2):
#   0.00                 mean distance 0.172, fooled 0.59, empirical robustness 0.183
#   0.10                 mean distance 0.240, fooled 0.36, empirical robustness 0.256
#   0.18                 mean distance 0.289, fooled 0.05, empirical robustness 0.292
#   0.21                 mean distance 0.307, fooled 0.00, empirical robustness 0.000
#   0.00, one class only mean distance 0.172, fooled 0.00, empirical robustness 0.000
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install -q adversarial-robustness-toolbox==1.20.1 torch==2.13.0 numpy==2.4.6 scipy==1.17.1 \
    packaging==26.4
"$work/env/bin/python" - <<'EOF'
import numpy as np
import torch
from art.estimators.classification import PyTorchClassifier
from art.metrics import adversarial_accuracy, empirical_robustness
from torch import nn

ATTACK = {"eps_step": 0.01, "eps": 0.2}


def classifier(slope):
    """Which of two numbers is larger; with slope 0 always the first."""
    layer = nn.Linear(2, 2)
    with torch.no_grad():
        layer.weight[:] = slope * torch.tensor([[1.0, -1.0], [-1.0, 1.0]])
        layer.bias[:] = torch.tensor([0.01, 0.0])
    return PyTorchClassifier(layer, nn.CrossEntropyLoss(), (2,), 2, clip_values=(0, 1))


samples = np.random.default_rng(0).random((2000, 2), dtype=np.float32)
distance = np.abs(samples[:, 0] - samples[:, 1]) / 2  # the change of both numbers that reaches the boundary
seen = {}
for name, slope, least in (
    ("0.00", 1, 0.0),
    ("0.10", 1, 0.1),
    ("0.18", 1, 0.18),
    ("0.21", 1, 0.21),
    ("0.00, one class only", 0, 0.0),
):
    x = samples[distance > least]
    network = classifier(slope)
    value = empirical_robustness(network, x, "fgsm", ATTACK)
    fooled = 1 - adversarial_accuracy(network, x, attack_name="fgsm", attack_params=ATTACK)
    mean = distance[distance > least].mean()
    print(f"{name:20} mean distance {mean:.3f}, fooled {fooled:.2f}, empirical robustness {value:.3f}")
    seen[name] = fooled, value
assert 0.1 < seen["0.00"][1] < seen["0.10"][1] < seen["0.18"][1], "rising up to the strength"
for name in ("0.21", "0.00, one class only"):
    assert seen[name] == (0, 0), "nothing was fooled"
EOF
