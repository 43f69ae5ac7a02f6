#!/usr/bin/env bash
# A perfectly calibrated network of two classes has an ECE of 0.16 in pycalib, and of 0 with a third class that never occurs.
#
# Versions:  Python 3.11; pycalib 0.1.0.dev6, scikit-learn 1.9.0, numpy 2.4.6.
# Behaviour: `ECE` of all classes, and `MCE(mce_full=True)`, make the labels binary by scikit-learn's `label_binarize`, which gives one
#            column for two classes and three for three. Zipped with the probabilities of both classes, the labels end halfway: the first
#            half of the samples is compared with everybody's labels, each probability with another sample's, and the weights add to 1/2.
#            `classwise_ECE`, `full_ECE`, `conf_ECE` and `binary_ECE` see all of them.
# A guess:   the number of classes changes no formula, and a class that is never true and never predicted changes no error.
# For users: in tasks of two classes (one class against another, right against wrong, in against out of distribution) the error is of
#            pairs that do not belong together, and depends on the order of the samples: 0.16 and 0.17 for the same perfect network.
#            Take `classwise_ECE`. rosalind's calibration errors are of one confidence per sample and know no such columns.
#
# Output seen (5,000 samples; in each fifth as many are right as the confidence says):
#   sorted by confidence: ECE 0.160, MCE 0.700, classwise 0.000, confidence 0.000
#   the same, a third class of probability 0: ECE 0.000, MCE 0.000, classwise 0.000, confidence 0.000
#   sorted by label: ECE 0.170, MCE 0.800, classwise 0.000, confidence 0.000
#   the same, a third class of probability 0: ECE 0.000, MCE 0.000, classwise 0.000, confidence 0.000
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install -q pycalib==0.1.0.dev6 scikit-learn==1.9.0 numpy==2.4.6 scipy==1.17.1
"$work/env/bin/python" -W ignore - <<'EOF'
import numpy as np
from pycalib.metrics import ECE, MCE, classwise_ECE, conf_ECE

OF_EACH = 1000
probability = np.repeat([0.1, 0.3, 0.5, 0.7, 0.9], OF_EACH)
label = np.concatenate([np.arange(OF_EACH) < round(OF_EACH * share) for share in np.unique(probability)]).astype(int)
two = np.stack([1 - probability, probability], 1)
three = np.concatenate([two, np.zeros((len(two), 1))], 1)
for order, rows in (("sorted by confidence", np.arange(len(label))), ("sorted by label", np.argsort(label, kind="stable"))):
    for name, probabilities in ((order, two[rows]), ("the same, a third class of probability 0", three[rows])):
        labels = np.eye(probabilities.shape[1])[label[rows]]
        errors = {
            "ECE": ECE(labels, probabilities),
            "MCE": MCE(labels, probabilities, mce_full=True),
            "classwise": classwise_ECE(labels, probabilities),
            "confidence": conf_ECE(labels, probabilities),
        }
        print(f"{name}: {', '.join(f'{key} {error:.3f}' for key, error in errors.items())}")
        is_wrong = probabilities.shape[1] == 2
        assert (errors["ECE"] > 0.1) == is_wrong and (errors["MCE"] > 0.5) == is_wrong, "two classes are counted whole now"
        assert max(errors["classwise"], errors["confidence"]) < 1e-9
EOF
