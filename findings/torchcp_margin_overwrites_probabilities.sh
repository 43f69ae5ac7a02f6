#!/usr/bin/env bash
# Calibrating TorchCP's margin score writes -1 over the probability of each true class: a second calibration returns all classes.
#
# Versions:  Python 3.11; torchcp 1.2.1, torch 2.13.0, scikit-learn 1.9.1, tqdm 4.70.1, numpy 2.4.6, CPU.
# Behaviour: `Margin` finds the largest probability of another class by writing -1 over that of the true class, in the array that it was
#            given. Where TorchCP applies the softmax itself, that is a copy; with `score_type="identity"`, for probabilities, it is the
#            caller's own. The threshold of the first calibration is right. Afterwards the network has an accuracy of 0 on these
#            samples, and the next calibration on them, with another alpha or another score, sees true classes at -1. `LAC` leaves
#            the array alone. Nothing is said.
# A guess:   what computes a score reads its argument.
# For users: several scores or several alphas on one calibration set are the usual table; whatever comes after `Margin` is wrong, and its
#            coverage of 100 % passes every check that asks for 90 %. Hand over a copy. rosalind has no prediction sets.
#
# Output seen (10 classes, 1,000 samples to calibrate, 1,000 others; alpha 0.1):
#   Margin, softmax:       accuracy 0.67, then 0.67; coverage 0.90 with 2.8 classes, again 0.90 with 2.8
#   Margin, probabilities: accuracy 0.67, then 0.00; coverage 0.90 with 2.8 classes, again 1.00 with 10.0
#   LAC, probabilities:    accuracy 0.67, then 0.67; coverage 0.89 with 2.3 classes, again 0.89 with 2.3
#   LAC after Margin:      accuracy 0.00, then 0.00; coverage 1.00 with 10.0 classes, again 1.00 with 10.0
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install -q torch==2.13.0 scikit-learn==1.9.1 tqdm==4.70.1 numpy==2.4.6
"$work/env/bin/pip" install -q --no-deps torchcp==1.2.1
"$work/env/bin/python" -W ignore - <<'EOF'
import site
import sys
import types
from pathlib import Path

import torch

# Imported as a whole, TorchCP asks for graph and language packages; nothing here calls them.
for name in ("torchcp", "torchcp.classification"):
    sys.modules[name] = types.ModuleType(name)
    sys.modules[name].__path__ = [str(Path(site.getsitepackages()[0]).joinpath(*name.split(".")))]
from torchcp.classification.predictor import SplitPredictor
from torchcp.classification.score import LAC, Margin

torch.manual_seed(0)


def sample():
    """Logits of a network and the classes of the images."""
    labels = torch.randint(0, 10, (1000,))
    return torch.randn(1000, 10) + 2 * torch.nn.functional.one_hot(labels, 10), labels


(calibration, labels), (test, wanted) = sample(), sample()


def calibrated(score, given, asked):
    """Coverage and mean size of the sets."""
    predictor = SplitPredictor(score_function=score)
    predictor.calculate_threshold(given, labels, 0.1)
    sets = predictor.predict_with_logits(asked).bool()
    return sets[range(1000), wanted].float().mean().item(), sets.sum(1).float().mean().item()


def accuracy(given):
    return (given.argmax(1) == labels).float().mean().item()


spoiled = calibration.softmax(1)
for name, score, given, asked, right in (
    ("Margin, softmax", Margin("softmax"), calibration.clone(), test, True),
    ("Margin, probabilities", Margin("identity"), spoiled, test.softmax(1), False),
    ("LAC, probabilities", LAC("identity"), calibration.softmax(1), test.softmax(1), True),
    ("LAC after Margin", LAC("identity"), spoiled, test.softmax(1), None),
):
    before = accuracy(given)
    (coverage, size), after = calibrated(score, given, asked), accuracy(given)
    again, more = calibrated(score, given, asked)
    said = f"coverage {coverage:.2f} with {size:.1f} classes, again {again:.2f} with {more:.1f}"
    print(f"{name + ':':22} accuracy {before:.2f}, then {after:.2f}; {said}")
    if right is not None:
        assert before > 0.6 and abs(coverage - 0.9) < 0.03 and size < 4, "a first calibration"
    if right:
        assert (after, again, more) == (before, coverage, size), "a second calibration is the first"
    else:
        assert after == 0 and again == 1 and more == 10, "the caller's array is left alone now"
EOF
