#!/usr/bin/env bash
# MAPIE's calibration error in bins of equal counts depends on the order of the images: 0.003 shuffled, and 0.375, the right value, sorted.
#
# Versions:  Python 3.11; mapie 1.6.0, scikit-learn 1.9.1, numpy 2.4.6, scipy 1.17.1.
# Behaviour: with `split_strategy="array split"` the edges of the bins are the largest confidences of consecutive runs of images, as
#            they come. In a data set in any order but that of confidence each run has a very large one: nearly all images
#            share the first bin, where too high and too low confidences cancel. What is left is the difference of accuracy and
#            mean confidence. The default, "uniform", takes `num_bins` edges from 0 to 1, and so one bin less than asked: with two
#            it is that same difference, 0.00, and with one NaN. "quantile" has one bin less too, and one for the least number.
# A guess:   bins of equal counts are cut from the sorted confidences, and a score of a set does not depend on its order.
# For users: the better a test set is shuffled, the better calibrated its network looks, up to perfect, and another order of the set
#            has another value. `top_label_ece` bins in the same way. Sort by confidence before the call, or ask for quantiles, of one more
#            than the bins that are wanted. rosalind sorts before it cuts, and has as many bins as asked for.
#
# Output seen (confidences even in 0.5 to 1; of the lower half all are right, of the upper half every other one; ten bins):
#   by hand, ten bins of equal counts: 0.375; accuracy 0.750, mean confidence 0.750
#   by confidence: array split 0.375, quantile 0.346, uniform 0.346
#   shuffled: array split 0.003, quantile 0.346, uniform 0.346
#   uniform, confidences 0.25 and 0.75 with accuracies 1 and 0: two bins 0.00, one bin nan
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install -q mapie==1.6.0 scikit-learn==1.9.1 numpy==2.4.6 scipy==1.17.1
"$work/env/bin/python" -W ignore - <<'EOF'
import numpy as np
from mapie.metrics.calibration import expected_calibration_error

IMAGES = 10_000
confidence = np.linspace(0.5, 1, IMAGES, endpoint=False)
upper = confidence >= 0.75
right = np.where(upper, np.arange(IMAGES) % 2, 1)
by_hand = np.mean([abs(right[part].mean() - confidence[part].mean()) for part in np.array_split(np.arange(IMAGES), 10)])
shuffled = np.random.default_rng(0).permutation(IMAGES)
orders = {"by confidence": np.arange(IMAGES), "shuffled": shuffled}


def error(order, strategy, bins=10):
    value = expected_calibration_error(right[order], confidence[order], num_bins=bins, split_strategy=strategy)
    return float(value)


print(f"by hand, ten bins of equal counts: {by_hand:.3f}; accuracy {right.mean():.3f}, mean confidence {confidence.mean():.3f}")
seen = {}
for name, order in orders.items():
    seen[name] = values = [error(order, strategy) for strategy in ("array split", "quantile", "uniform")]
    print(f"{name}: array split {values[0]:.3f}, quantile {values[1]:.3f}, uniform {values[2]:.3f}")
    assert abs(values[1] - by_hand) < 0.05 and abs(values[2] - by_hand) < 0.05, "the other strategies"
assert abs(seen["by confidence"][0] - by_hand) < 0.01, "sorted"
assert seen["shuffled"][0] < 0.02, "the order does not matter any more"
# Two groups whose errors cancel, each in a half of its own.
halves = np.repeat([0.25, 0.75], 50), np.repeat([1, 0], 50)
two, one = (float(expected_calibration_error(halves[1], halves[0], num_bins=bins)) for bins in (2, 1))
print(f"uniform, confidences 0.25 and 0.75 with accuracies 1 and 0: two bins {two:.2f}, one bin {one:.2f}")
assert two == 0 and np.isnan(one), "two bins are two now"
EOF
