#!/usr/bin/env bash
# fast-histogram leaves predictions of confidence 1 out of a histogram over 0 to 1; with float32's next lower number they are in.
#
# Versions:  Python 3.11; fast-histogram 0.14, numpy 2.4.6.
# Behaviour: `histogram1d(values, bins, (0, 1))` and `histogram2d` have bins without their upper end, the last one too: what equals the end of the
#            range is dropped without a word, as NaN and what lies outside are. `numpy.histogram`, which it replaces, and Matplotlib
#            close the last bin. Weights make no difference.
# A guess:   a faster `numpy.histogram` of the same arguments gives the same counts, and a range of 0 to 1 holds 1.
# For users: softmax in float32 gives exactly 1 from a difference of logits of about 17 on. A reliability diagram or a histogram of
#            confidences of a network that was trained long then shows the doubtful samples alone, and a network that has
#            collapsed into one certain answer an empty picture. Extend the range, or compare the sum of counts with the number
#            of samples. A test of rosalind's calibration error holds that confidences of 1 count.
#
# Output seen (10,000 samples; 7,000 of confidence 1):
#   confidence 1: numpy [0, 0, 0, 0, 0, 600, 600, 600, 600, 7600], fast-histogram [0, 0, 0, 0, 0, 600, 600, 600, 600, 600]
#   confidence 1 - 2 ** -24: numpy [0, 0, 0, 0, 0, 600, 600, 600, 600, 7600], fast-histogram [0, 0, 0, 0, 0, 600, 600, 600, 600, 7600]
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install -q fast-histogram==0.14 numpy==2.4.6
"$work/env/bin/python" -W ignore - <<'EOF'
import numpy as np
from fast_histogram import histogram1d, histogram2d

SAMPLES, CERTAIN = 10_000, 7_000
doubtful = 0.5 + 0.5 * (np.arange(SAMPLES - CERTAIN) + 0.5) / (SAMPLES - CERTAIN)
for name, top in (("1", 1.0), ("1 - 2 ** -24", np.float64(np.nextafter(np.float32(1), np.float32(0))))):
    confidence = np.concatenate([doubtful, np.full(CERTAIN, top)])
    counts = np.histogram(confidence, 10, (0, 1))[0].astype(int).tolist()
    fast = histogram1d(confidence, 10, (0, 1)).astype(int).tolist()
    weighted = histogram1d(confidence, 10, (0, 1), weights=np.ones(SAMPLES)).astype(int).tolist()
    both = histogram2d(confidence, confidence, 10, ((0, 1), (0, 1)))
    print(f"confidence {name}: numpy {counts}, fast-histogram {fast}")
    assert sum(counts) == SAMPLES
    assert sum(fast) == sum(weighted) == both.sum() == SAMPLES - CERTAIN * (top == 1), "the last bin holds its end now"
EOF
