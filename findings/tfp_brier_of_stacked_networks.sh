#!/usr/bin/env bash
# TensorFlow Probability's Brier score of two networks at once is near 0 for both, of a perfect one too: it normalises over the samples.
#
# Versions:  Python 3.11; tensorflow-probability 0.25.0 with its NumPy backend, numpy 2.4.6, scipy 1.17.1.
# Behaviour: `stats.brier_score` takes logits of shape (N1, ..., Nk, classes), as its notes say, and takes the softmax over axis 1. With samples x
#            classes this is the axis of the classes; with networks x samples x classes it is that of the samples. The shape of what
#            comes out is right, and the more samples there are the nearer to 0 are the scores.
# A guess:   with leading axes for networks or seeds each has the score that it has alone.
# For users: a perfect network scores -1 alone and -0.02 beside another one, one that guesses scores -0.10 and -0.002, and both score ten times as much
#            on a tenth of the samples. Score one network at a time. rosalind's Brier score is of one network.
#
# Output seen (ten classes):
#   perfect: alone -1.000, beside the other -0.020
#   guesses: alone -0.099, beside the other -0.002
#   both, 100 samples of 1,000: -0.190 and -0.019
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install -q tensorflow-probability==0.25.0 numpy==2.4.6 scipy==1.17.1
"$work/env/bin/python" -W ignore - <<'EOF'
import numpy as np
from tensorflow_probability.substrates.numpy import stats

rng = np.random.default_rng(0)
labels = np.arange(1000, dtype=np.int32) % 10
logits = np.stack([20.0 * (labels[:, None] == np.arange(10)), 0.1 * rng.normal(size=(1000, 10))])


def scores(samples):
    """Mean score of each network of the two, over the first samples."""
    return stats.brier_score(np.stack([labels[:samples]] * 2), logits[:, :samples]).mean(-1)


together = scores(1000)
for name, ours, beside in zip(("perfect", "guesses"), logits, together):
    alone = stats.brier_score(labels, ours).mean()
    print(f"{name}: alone {alone:.3f}, beside the other {beside:.3f}")
    assert abs(alone - {"perfect": -1, "guesses": -0.1}[name]) < 0.01
    assert abs(beside - {"perfect": -0.02, "guesses": -0.002}[name]) < 1e-3, "networks beside each other are scored otherwise"
few = scores(100)
print(f"both, 100 samples of 1,000: {few[0]:.3f} and {few[1]:.3f}")
assert np.allclose(few, [-0.19, -0.02], atol=1e-3), "the score depends otherwise on the number of samples"
EOF
