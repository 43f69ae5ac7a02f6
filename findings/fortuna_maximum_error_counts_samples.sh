#!/usr/bin/env bash
# Fortuna's maximum calibration error of a network that is at most 0.6 off is 6 on 100 samples and 600 on 10,000.
#
# Versions:  Python 3.11; aws-fortuna 0.2.0, jax and jaxlib 0.4.38, flax 0.8.5, optax 0.1.9, numpy 1.26.4, scipy 1.14.1, matplotlib 3.10.8, tqdm 4.70.1, CPU.
# Behaviour: `maximum_calibration_error` multiplies the gap between confidence and accuracy of each bin by its number of samples and takes the largest
#            product. This is the largest share of the expected error, times the samples. The expected error of the same module is right.
# A guess:   the largest gap of all bins, between 0 and 1, as in the paper that its notes cite, and the same on more samples of one kind.
# For users: the worst bin is found where most samples are: a network that is never right where it is surest comes before one that is 0.1 too sure
#            throughout, and a network on a subset before itself on the test set. Take the gaps from `compute_counts_confs_accs`.
#            rosalind reports the expected error, in two binnings.
#
# Output seen (of ten samples nine are 0.9 sure, eight of them right, and one is 0.6 sure and wrong):
#   100 samples: expected 0.07, maximum 6.0, largest gap 0.60
#   1000 samples: expected 0.07, maximum 60.0, largest gap 0.60
#   10000 samples: expected 0.07, maximum 600.0, largest gap 0.60
#   0.95 sure and wrong on one sample of 100: maximum 9.5, gap 0.95; 0.1 too sure on all: 100.0, gap 0.10
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install -q --no-deps aws-fortuna==0.2.0 # it asks for TensorFlow, of which its metrics need nothing
"$work/env/bin/pip" install -q jax==0.4.38 jaxlib==0.4.38 flax==0.8.5 optax==0.1.9 numpy==1.26.4 scipy==1.14.1 matplotlib==3.10.8 \
    tqdm==4.70.1
JAX_PLATFORMS=cpu "$work/env/bin/python" -W ignore - <<'EOF'
import numpy as np
from fortuna.metric.classification import compute_counts_confs_accs, expected_calibration_error, maximum_calibration_error


def errors(confidence, right):
    """Expected, maximum as reported, and the largest gap of a bin, of a network that says class 0 of two."""
    probabilities, predicted = np.stack([confidence, 1 - confidence], 1), np.zeros(len(confidence), int)
    labels = np.where(right, 0, 1)
    counts, confidences, accuracies = compute_counts_confs_accs(predicted, probabilities, labels)
    largest = abs(confidences - accuracies)[counts > 0].max()
    arrays = predicted, probabilities, labels
    return float(expected_calibration_error(*arrays)), float(maximum_calibration_error(*arrays)), float(largest)


for samples in (100, 1000, 10_000):
    place = np.arange(samples) % 10
    expected, found, largest = errors(np.where(place == 0, 0.6, 0.9), place > 1)
    print(f"{samples} samples: expected {expected:.2f}, maximum {found:.1f}, largest gap {largest:.2f}")
    assert abs(largest - 0.6) < 1e-4 and abs(expected - 0.07) < 1e-4
    assert abs(found / (0.06 * samples) - 1) < 1e-3, "the maximum is another"
place = np.arange(1000)
_, rare, gap = errors(np.where(place % 100 == 0, 0.95, 0.6), (place % 5 > 1) & (place % 100 > 0))
_, common, other_gap = errors(np.full(1000, 0.7), place % 5 > 1)
print(f"0.95 sure and wrong on one sample of 100: maximum {rare:.1f}, gap {gap:.2f}; 0.1 too sure on all: {common:.1f}, gap {other_gap:.2f}")
assert gap > 0.9 > 0.2 > other_gap and common > 5 * rare, "the networks are in the order of their gaps"
EOF
