#!/usr/bin/env bash
# A collapsed network's adaptive calibration error is 0.010 or 0.165 by the order of the test images, in torch-uncertainty.
#
# Versions:  Python 3.11; torch-uncertainty 0.13.0, pytorch-ood 0.4.0, torch 2.13.0, torchmetrics 1.9.0, numpy 2.4.6, CPU.
# Behaviour: `AdaptiveCalibrationError`, and `calibration_error` of pytorch-ood, sort samples by confidence and cut the row into
#            bins of equal numbers, also between samples of one confidence. Which of these share a bin is the order in which
#            they came: of a test set sorted by class each bin has its own accuracy. The error is right if they were
#            shuffled, up to noise, and too large if not. `AURC` of torch-uncertainty and pytorch-ood's `aurra` rank equal
#            confidences by that order as well; of the latter alone the documentation says so. The usual calibration error,
#            whose bins are ranges of confidence, and all of them where no two confidences are equal, know no order.
# A guess:   a mean over a test set does not depend on its order; and samples of one confidence are in one bin.
# For users: folders of images are sorted by class, and shuffled loaders are not: the same network has two calibration errors.
#            Pruned or corrupted into one answer for all, or sure to exactly 1.0, most samples tie, and the network that has
#            collapsed is called the worst calibrated where it is nearly right about itself. Shuffle, by a fixed seed.
#            In rosalind's `adaptive_calibration_error` equal confidences share a bin.
#
# Output seen (10,000 samples; collapsed: one class with confidence 0.109 for all, right for 1 in 10):
#   collapsed, by class: calibration error 0.009, adaptive 0.165, AURC 0.962, pytorch-ood 0.284, AURRA 0.038
#   collapsed, shuffled: calibration error 0.009, adaptive 0.010, AURC 0.899, pytorch-ood 0.035, AURRA 0.101
#   usual, by class: calibration error 0.209, adaptive 0.208, AURC 0.065, pytorch-ood 0.239, AURRA 0.935
#   usual, shuffled: calibration error 0.209, adaptive 0.208, AURC 0.065, pytorch-ood 0.239, AURRA 0.935
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install -q torch==2.13.0 torchmetrics==1.9.0 numpy==2.4.6 scipy==1.17.1 matplotlib==3.11.2 \
    seaborn==0.13.2 einops==0.8.2
"$work/env/bin/pip" install -q --no-deps torch-uncertainty==0.13.0 pytorch-ood==0.4.0
"$work/env/bin/python" -W ignore - <<'EOF'
import sys
import types
from pathlib import Path

import torch

# The packages themselves import Lightning and torchvision, which these measures do not need.
for name in ("torch_uncertainty", "torch_uncertainty.metrics", "torch_uncertainty.metrics.classification", "pytorch_ood"):
    package = types.ModuleType(name)
    package.__path__ = [str(Path(torch.__file__).parents[1] / name.replace(".", "/"))]
    sys.modules[name] = package
from pytorch_ood.metrics.functional import aurra, calibration_error
from torch_uncertainty.metrics.classification.calibration import AdaptiveCalibrationError, CalibrationError
from torch_uncertainty.metrics.classification.risk_coverage import AURC

SAMPLES, CLASSES = 10_000, 10
labels = torch.arange(SAMPLES) * CLASSES // SAMPLES
torch.manual_seed(0)
collapsed = torch.full((SAMPLES, CLASSES), 0.1)
collapsed[:, 0] += 0.01
collapsed /= collapsed.sum(1, keepdim=True)
logits = torch.randn(SAMPLES, CLASSES, dtype=torch.float64)
logits[torch.arange(SAMPLES), labels] += 3 * (torch.rand(SAMPLES) < 0.8)
NETWORKS = {"collapsed": collapsed, "usual": torch.softmax(logits, 1)}
ORDERS = {"by class": torch.arange(SAMPLES), "shuffled": torch.randperm(SAMPLES)}


def measures(probabilities, labels):
    found = {}
    for name, measure in (
        ("calibration error", CalibrationError(task="multiclass", num_classes=CLASSES)),
        ("adaptive", AdaptiveCalibrationError(task="multiclass", num_classes=CLASSES)),
        ("AURC", AURC()),
    ):
        measure.update(probabilities, labels)
        found[name] = float(measure.compute())
    confidence, right = probabilities.max(1).values, probabilities.argmax(1) == labels
    return found | {"pytorch-ood": calibration_error(confidence, right), "AURRA": aurra(confidence, right)}


seen = {}
for network, probabilities in NETWORKS.items():
    for order, place in ORDERS.items():
        seen[network, order] = measures(probabilities[place], labels[place])
        text = ", ".join(f"{name} {value:.3f}" for name, value in seen[network, order].items())
        print(f"{network}, {order}: {text}")
sorted_, shuffled = seen["collapsed", "by class"], seen["collapsed", "shuffled"]
gap = abs(float(collapsed[0, 0]) - 0.1)
for found in (sorted_, shuffled):
    assert abs(found["calibration error"] - gap) < 1e-4, "bins of confidence"
assert shuffled["adaptive"] < 2 * gap and sorted_["adaptive"] > 10 * gap, "ties are in one bin now"
assert sorted_["pytorch-ood"] > 5 * shuffled["pytorch-ood"], "ties are in one bin of pytorch-ood now"
assert abs(sorted_["AURC"] - shuffled["AURC"]) > 0.02 and abs(sorted_["AURRA"] - shuffled["AURRA"]) > 0.02, "ranks of ties"
for name, value in seen["usual", "by class"].items():
    assert abs(value - seen["usual", "shuffled"][name]) < 1e-5, f"{name} without ties"
EOF
