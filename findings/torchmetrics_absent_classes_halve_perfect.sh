#!/usr/bin/env bash
# torchmetrics' AUROC of perfect predictions is 0.5 where half of the classes are absent; average precision 1, or 0.5 in bins.
#
# Versions:  Python 3.11; torchmetrics 1.9.0, torch 2.13.0, numpy 2.4.6, CPU.
# Behaviour: the default `average="macro"` is the mean over classes. A class without a sample has no curve. In
#            `multiclass_auroc` its area is 0 and enters the mean. In `multiclass_average_precision` it is NaN, and left out of
#            the mean, unless `thresholds` is given, the variant that takes less memory: there it is 0 and enters. Without
#            `thresholds` both warn, of absent positives and of NaN left out; with it neither does. `average="weighted"` is
#            right in all, and `multiclass_accuracy`, "macro" by default as well, leaves absent classes out.
# A guess:   one library's macro averages treat an absent class alike, and the number of thresholds is a matter of precision.
# For users: slices, few-shot sets and corrupted subsets lack classes. The AUROC of the same network falls with the share that
#            is there, below chance for a good one, and no change of the network mends it. Take `average="none"` and the
#            mean of those that occur, or "weighted". rosalind's numbers per class are gaps where a class has no sample.
#
# Output seen (ten classes of which five occur; every sample is right):
#   AUROC, thresholds None, macro: 0.50, warnings: 5
#   AUROC, thresholds None, weighted: 1.00, warnings: 5
#   AUROC, thresholds 100, macro: 0.50, warnings: 0
#   AUROC, thresholds 100, weighted: 1.00, warnings: 0
#   average precision, thresholds None, macro: 1.00, warnings: 1
#   average precision, thresholds None, weighted: 1.00, warnings: 1
#   average precision, thresholds 100, macro: 0.50, warnings: 0
#   average precision, thresholds 100, weighted: 1.00, warnings: 0
#   accuracy, macro: 1.00
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install -q torchmetrics==1.9.0 torch==2.13.0 numpy==2.4.6
"$work/env/bin/python" - <<'EOF'
import warnings

import torch
from torchmetrics.functional.classification import (
    multiclass_accuracy,
    multiclass_auroc,
    multiclass_average_precision,
)

target = torch.arange(5).repeat(20)
probabilities = torch.eye(10)[target]
seen = {}
for name, score in (("AUROC", multiclass_auroc), ("average precision", multiclass_average_precision)):
    for thresholds in (None, 100):
        for average in ("macro", "weighted"):
            with warnings.catch_warnings(record=True) as said:
                warnings.simplefilter("always")
                value = score(probabilities, target, 10, average=average, thresholds=thresholds).item()
            seen[name, thresholds, average] = value
            print(f"{name}, thresholds {thresholds}, {average}: {value:.2f}, warnings: {len(said)}")
            assert bool(said) == (thresholds is None), "warnings"
accuracy = multiclass_accuracy(probabilities, target, 10).item()
print(f"accuracy, macro: {accuracy:.2f}")
halves = {("AUROC", None, "macro"), ("AUROC", 100, "macro"), ("average precision", 100, "macro")}
assert {key for key, value in seen.items() if abs(value - 0.5) < 1e-6} == halves, seen
assert all(value == 1 for key, value in seen.items() if key not in halves) and accuracy == 1, seen
EOF
