#!/usr/bin/env bash
# torchmetrics' Matthews correlation of a network that always says yes is 0.985 where 99 of 100 are yes; scikit-learn's is 0.
#
# Versions:  Python 3.11; torchmetrics 1.9.0, torch 2.13.0, scikit-learn 1.9.1, numpy 2.4.6, CPU.
# Behaviour: the coefficient of a constant prediction is 0 / 0. For two classes, and for no other number, torchmetrics puts
#            something small for the zeros above and below, whose ratio is not small: (right - wrong) / sqrt(n right wrong).
#            It is 0 for equal classes, near 1 where the class that is always predicted is nearly all there is, and near -1
#            for the other class. With three classes, of which the third does not occur, the same predictions have 0.
# A guess:   a constant prediction has no correlation with anything: 0, as in scikit-learn, or NaN. This is what the coefficient
#            is preferred to accuracy for.
# For users: a network that collapsed to the larger class has nearly the best score of a table, and the rarer the other class,
#            the better; on slices or batches of a few samples the number is 0.5 to 0.9 by itself. Look at how many classes are
#            predicted, or take `sklearn.metrics.matthews_corrcoef`. rosalind has no such coefficient.
#
# Output seen (100 samples):
#   50 are yes, the answer is always yes: 0.000 and 0.000 of two classes, 0.000 of three, scikit-learn 0.000
#   90 are yes, the answer is always yes: 0.267 and 0.267 of two classes, 0.000 of three, scikit-learn 0.000
#   99 are yes, the answer is always yes: 0.985 and 0.985 of two classes, 0.000 of three, scikit-learn 0.000
#   99 are yes, the answer is always no: -0.985 and -0.985 of two classes, 0.000 of three, scikit-learn 0.000
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install -q torchmetrics==1.9.0 torch==2.13.0 scikit-learn==1.9.1 numpy==2.4.6
"$work/env/bin/python" -W ignore - <<'EOF'
import torch
from sklearn.metrics import matthews_corrcoef
from torchmetrics.functional.classification import binary_matthews_corrcoef, multiclass_matthews_corrcoef

seen = {}
for yes, answer in ((50, 1), (90, 1), (99, 1), (99, 0)):
    target = (torch.arange(100) < yes).int()
    predicted = torch.full_like(target, answer)
    two = binary_matthews_corrcoef(predicted, target).item()
    same = multiclass_matthews_corrcoef(predicted, target, 2).item()
    three = multiclass_matthews_corrcoef(predicted, target, 3).item()
    other = matthews_corrcoef(target.numpy(), predicted.numpy())
    print(
        f"{yes} are yes, the answer is always {'yes' if answer else 'no'}: {two:.3f} and {same:.3f} of two classes, "
        f"{three:.3f} of three, scikit-learn {other:.3f}"
    )
    seen[yes, answer] = two
    assert abs(two - same) < 1e-6 and three == other == 0, "three classes, and scikit-learn"
expected = {(50, 1): 0, (90, 1): 0.267, (99, 1): 0.985, (99, 0): -0.985}
assert all(abs(seen[key] - value) < 0.001 for key, value in expected.items()), seen
EOF
