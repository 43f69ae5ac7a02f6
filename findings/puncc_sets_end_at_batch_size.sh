#!/usr/bin/env bash
# puncc's APS sets hold no more classes than their batch has images: of a coverage of 90 %, batches of 2 keep 71 %.
#
# Versions:  Python 3.11; puncc 0.9.3, numpy 1.26.4, scikit-learn 1.7.2, scipy 1.17.1, pandas 2.3.3, matplotlib 3.10.7.
# Behaviour: `APS` and `RAPS` bound the size of a set from above, by what was to be the number of classes; it is the number of images
#            that are predicted together. Batches of at least as many images as the largest set has classes are right, smaller
#            ones have sets cut off at their size, without a word. `LAC` has no such bound. A batch of a single image raises, in
#            all three.
# A guess:   the set of an image depends on this image and the calibration, and conformal coverage is what holds in any case.
# For users: with 100 or 1,000 classes usual batches are too small, and the worse a network is, the larger its sets: coverage falls
#            for the pruned network under noise and not for the dense one, which looks like the finding one was after. Predict all
#            images in one call. rosalind has no prediction sets.
#
# Output seen (1,000 images to calibrate, 960 to predict, for 90 % coverage):
#   10 classes, APS: coverage (mean size) in batches of 960 0.90 (4.1), of 10 0.90 (4.1), of 5 0.89 (4.0), of 2 0.71 (2.0)
#   10 classes, RAPS: coverage (mean size) in batches of 960 0.90 (4.1), of 10 0.90 (4.1), of 5 0.89 (4.0), of 2 0.71 (2.0)
#   10 classes, LAC: coverage (mean size) in batches of 960 0.90 (4.0), of 10 0.90 (4.0), of 5 0.90 (4.0), of 2 0.90 (4.0)
#   100 classes, APS: coverage (mean size) in batches of 960 0.91 (63.6), of 96 0.91 (63.6), of 32 0.71 (32.0)
#   100 classes, RAPS: coverage (mean size) in batches of 960 0.91 (63.6), of 96 0.91 (63.6), of 32 0.71 (32.0)
#   100 classes, LAC: coverage (mean size) in batches of 960 0.91 (62.9), of 96 0.91 (62.9), of 32 0.91 (62.9)
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install -q puncc==0.9.3 numpy==1.26.4 scikit-learn==1.7.2 scipy==1.17.1 pandas==2.3.3 matplotlib==3.10.7
"$work/env/bin/python" -W ignore - <<'EOF'
import numpy as np
from deel.puncc.api.prediction import BasePredictor
from deel.puncc.classification import APS, LAC, RAPS
from deel.puncc.metrics import classification_mean_coverage, classification_mean_size


class Network:
    """Predicts what it is given: probabilities."""

    def predict(self, probabilities):
        return probabilities


def sample(draw, count, classes, signal):
    """Probabilities of a network and the classes of the images."""
    labels = draw.integers(0, classes, count)
    logits = draw.normal(size=(count, classes))
    logits[np.arange(count), labels] += signal
    probabilities = np.exp(logits)
    return probabilities / probabilities.sum(1, keepdims=True), labels


seen = {}
for classes, signal, batches in ((10, 1.5, (960, 10, 5, 2)), (100, 1.0, (960, 96, 32))):
    draw = np.random.default_rng(0)
    calibration, labels = sample(draw, 1000, classes, signal)
    probabilities, wanted = sample(draw, 960, classes, signal)
    for method in (APS, RAPS, LAC):
        conformal = method(BasePredictor(Network(), is_trained=True), train=False)
        np.random.seed(0)
        conformal.fit(X_calib=calibration, y_calib=labels)
        words = []
        for batch in batches:
            np.random.seed(0)
            sets = []
            for start in range(0, 960, batch):
                sets += conformal.predict(probabilities[start : start + batch], alpha=0.1)[1]
            coverage, size = classification_mean_coverage(wanted, sets), classification_mean_size(sets)
            seen[classes, method.__name__, batch] = coverage, max(map(len, sets))
            words.append(f"of {batch} {coverage:.2f} ({size:.1f})")
        print(f"{classes} classes, {method.__name__}: coverage (mean size) in batches {', '.join(words)}")
for (classes, method, batch), (coverage, largest) in seen.items():
    if method == "LAC" or batch in (960, 10):
        assert abs(coverage - 0.9) < 0.04, f"{method} in batches of {batch}"
    else:
        assert largest <= batch, "sets are larger than batches now"
assert all(seen[10, method, 2][0] < 0.75 and seen[100, method, 32][0] < 0.75 for method in ("APS", "RAPS")), "coverage"
EOF
