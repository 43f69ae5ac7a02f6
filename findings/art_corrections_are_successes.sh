#!/usr/bin/env bash
# To ART an attack that turns errors right is a success: restarts of PGD raise the accuracy of a network that is always wrong from 0 to 0.73.
#
# Versions:  Python 3.11; adversarial-robustness-toolbox 1.20.1, torch 2.13.0, scipy 1.17.1, numpy 2.4.6, CPU.
# Behaviour: `art.utils.compute_success` takes the correct labels and, of an attack without targets, does not look at them: a sample counts whose
#            prediction changed, wrong to right too. PGD keeps by it what a random restart found, so that of a sample that was wrong
#            the restart is kept that made it right. Steps that lead back from anywhere in the ball hide this; one step, as
#            in fast training, does not.
# A guess:   success is a wrong prediction at last, so that it is 1 - accuracy, errors of the clean image stay errors, and more restarts only lower
#            the accuracy.
# For users: the weaker a pruned network, or the more corrupted its images, the more its adversarial accuracy is overstated, so that networks draw
#            level under attack. A network that collapsed has a rate near 0. Attack only samples that are right and count the
#            others as wrong. rosalind's attacks keep the restart in which the true class leads least, so that no restart mends an error.
#
# Output seen (two classes by a chequered rule; a share of the labels is the other class; one step of 0.02 in a ball of 0.3):
#   accuracy 1.0, 0 restarts: attacked 0.92, errors made 0.08, mended 0.00, success 0.08, with the other labels 0.08
#   accuracy 1.0, 1 restarts: attacked 0.71, errors made 0.29, mended 0.00, success 0.29, with the other labels 0.29
#   accuracy 1.0, 5 restarts: attacked 0.32, errors made 0.68, mended 0.00, success 0.68, with the other labels 0.68
#   accuracy 1.0, 20 restarts: attacked 0.20, errors made 0.80, mended 0.00, success 0.80, with the other labels 0.80
#   accuracy 0.5, 0 restarts: attacked 0.47, errors made 0.03, mended 0.00, success 0.03, with the other labels 0.03
#   accuracy 0.5, 1 restarts: attacked 0.46, errors made 0.15, mended 0.11, success 0.26, with the other labels 0.26
#   accuracy 0.5, 5 restarts: attacked 0.48, errors made 0.33, mended 0.31, success 0.64, with the other labels 0.64
#   accuracy 0.5, 20 restarts: attacked 0.48, errors made 0.40, mended 0.37, success 0.77, with the other labels 0.77
#   accuracy 0.0, 0 restarts: attacked 0.00, errors made 0.00, mended 0.00, success 0.00, with the other labels 0.00
#   accuracy 0.0, 1 restarts: attacked 0.21, errors made 0.00, mended 0.21, success 0.21, with the other labels 0.21
#   accuracy 0.0, 5 restarts: attacked 0.56, errors made 0.00, mended 0.56, success 0.56, with the other labels 0.56
#   accuracy 0.0, 20 restarts: attacked 0.73, errors made 0.00, mended 0.73, success 0.73, with the other labels 0.73
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install -q adversarial-robustness-toolbox==1.20.1 torch==2.13.0 numpy==2.4.6 scipy==1.17.1 packaging==26.4
"$work/env/bin/python" -W ignore - <<'EOF'
import numpy as np
import torch
from art.attacks.evasion import ProjectedGradientDescent
from art.estimators.classification import PyTorchClassifier
from art.utils import compute_success
from torch import nn

SAMPLES = 500


class Chequered(nn.Module):
    """Two classes in squares of side 1."""

    def __init__(self):
        super().__init__()
        self.sharpness = nn.Parameter(torch.tensor(3.0))

    def forward(self, places):
        score = self.sharpness * torch.sin(np.pi * places).prod(1)
        return torch.stack([score, -score], 1)


places = np.random.default_rng(0).uniform(0, 4, (SAMPLES, 2)).astype(np.float32)
classifier = PyTorchClassifier(Chequered(), nn.CrossEntropyLoss(), (2,), 2)
predict = lambda inputs: classifier.predict(inputs).argmax(1)
accuracies = {}
for clean in (1.0, 0.5, 0.0):
    labels = np.where(np.arange(SAMPLES) < clean * SAMPLES, predict(places), 1 - predict(places))
    was_right = labels == predict(places)
    assert was_right.mean() == clean
    for restarts in (0, 1, 5, 20):
        np.random.seed(0)
        attack = ProjectedGradientDescent(
            classifier, eps=0.3, eps_step=0.02, max_iter=1, num_random_init=restarts, batch_size=SAMPLES, verbose=False
        )
        attacked = attack.generate(places, np.eye(2)[labels])
        is_right = predict(attacked) == labels
        accuracies[clean, restarts] = is_right.mean()
        success = compute_success(classifier, places, np.eye(2)[labels], attacked)
        of_others = compute_success(classifier, places, np.eye(2)[1 - labels], attacked)
        print(
            f"accuracy {clean:.1f}, {restarts} restarts: attacked {is_right.mean():.2f}, errors made {(was_right & ~is_right).mean():.2f}, "
            f"mended {(~was_right & is_right).mean():.2f}, success {success:.2f}, with the other labels {of_others:.2f}"
        )
        assert success == of_others == (was_right != is_right).mean(), "success depends on the labels"
assert accuracies[0.0, 0] == 0 and accuracies[0.0, 20] > accuracies[0.0, 5] > accuracies[0.0, 1] > 0.1, "restarts leave errors as they were"
assert accuracies[1.0, 20] < accuracies[1.0, 5] < accuracies[1.0, 1] < 0.9
EOF
