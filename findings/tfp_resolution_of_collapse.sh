#!/usr/bin/env bash
# In TensorFlow Probability a network that always says the same class has a resolution of 0.64 as a part of its Brier score; it has none.
#
# Versions:  Python 3.11; tensorflow-probability 0.25.0 with its NumPy backend, numpy 2.4.6, scipy 1.17.1.
# Behaviour: `stats.brier_decomposition` subtracts the frequency of the predicted class where that of the label belongs: its vector of
#            frequencies is laid along the wrong axis. Where all classes are equally frequent the two are the same number, and all is right.
#            Uncertainty and reliability are right, so that uncertainty - resolution + reliability is not the score.
# A guess:   the three parts add up to the Brier score of the same library, and what tells no samples apart has a resolution of 0.
# For users: on imbalanced classes a network that pruning has collapsed is said to tell samples apart nearly as well as the dense one. Take the
#            resolution as uncertainty + reliability - `brier_score`, which is right for one network. rosalind's Brier score has no parts.
#
# Output seen (1,000 labels):
#   90 % of class 0, says class 0: resolution 0.6400, by hand 0.0000; parts add up to -1.4600, score -0.8200
#   90 % of class 0, 19 of 20 right: resolution 0.7490, by hand 0.1090; parts add up to -1.5690, score -0.9290
#   50 % of class 0, says class 0: resolution 0.0000, by hand 0.0000; parts add up to -0.5000, score -0.5000
#   50 % of class 0, 19 of 20 right: resolution 0.4050, by hand 0.4050; parts add up to -0.9050, score -0.9050
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install -q tensorflow-probability==0.25.0 numpy==2.4.6 scipy==1.17.1
"$work/env/bin/python" -W ignore - <<'EOF'
import numpy as np
from tensorflow_probability.substrates.numpy import stats

SAMPLES = 1000
collapsed_on = {}
for share in (0.9, 0.5):
    labels = (np.arange(SAMPLES) >= share * SAMPLES).astype(np.int32)
    right = np.arange(SAMPLES) % 20 > 0
    for name, said in (("says class 0", np.zeros_like(labels)), ("19 of 20 right", np.where(right, labels, 1 - labels))):
        # Calibrated: each gives the frequencies of the labels among the samples for which it says the same.
        given = np.stack([np.bincount(labels[said == k], minlength=2) / max((said == k).sum(), 1) for k in (0, 1)])
        logits = np.log(np.maximum(given[said], 1e-9))
        uncertainty, resolution, reliability = (float(part) for part in stats.brier_decomposition(labels, logits))
        score = float(stats.brier_score(labels, logits).mean())
        by_hand = float(((given[said] - np.bincount(labels) / SAMPLES) ** 2).sum(1).mean())
        parts = uncertainty - resolution + reliability
        print(f"{share:.0%} of class 0, {name}: resolution {resolution:.4f}, by hand {by_hand:.4f}; ".replace("%", " %"), end="")
        print(f"parts add up to {parts:.4f}, score {score:.4f}")
        assert abs(uncertainty - by_hand + reliability - score) < 1e-5, "the parts by hand do not add up"
        assert (abs(resolution - by_hand) < 1e-5) == (share == 0.5), "resolution is another"
        if said.max() == 0:
            collapsed_on[share] = resolution
assert abs(collapsed_on[0.9] - 0.64) < 1e-4 and abs(collapsed_on[0.5]) < 1e-4
EOF
