#!/usr/bin/env bash
# Captum's LIME takes 0.04 off the effect of each patch: of a probability that falls from 0.9 to 0.1 over 64 patches nothing is left.
#
# Versions:  Python 3.11; captum 0.9.0, torch 2.13.0, scikit-learn 1.9.1, numpy 2.4.6, CPU.
# Behaviour: the default interpretable model is a lasso with alpha = 0.01, which is in the unit of the output. A patch is in half of the
#            samples, so that its variance is 1 / 4, and the lasso draws each effect towards 0 by alpha over that, 0.04. Effects below
#            are 0. All 64 patches of a probability share less than 1: a map of zeros, with no warning. Ten times the logits have
#            other patches left than the logits; that is another map, not ten times the map. `KernelShap` and
#            `SkLearnLinearRegression` have no such threshold.
# A guess:   an attribution in the unit of the output: ten times the output, ten times the map, and of probabilities small numbers.
# For users: maps of a pruned network, or of a corrupted image, whose outputs are smaller have fewer patches: it seems to look at less.
#            Completeness, deletion curves and a pointing game over zeros follow. Pass an `interpretable_model`, and logits. rosalind
#            has gradients, occlusion and relevance, which scale with the output.
#
# Output seen (a linear network of 64 patches, whose effect is known; mean of absolute attributions, and how many are not 0):
#   logit, LIME:                 0.0291, 39
#   logit, LIME, no lasso:       0.0625, 64
#   10 x logit, LIME:            0.5838, 62
#   probability, LIME:           0.0000, 0
#   probability, LIME, no lasso: 0.0153, 64
#   probability, KernelShap:     0.0122, 64
#   effects on the logit:        0.0625, 64
#   taken off the strong effects on the logit: 0.040
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install -q captum==0.9.0 torch==2.13.0 scikit-learn==1.9.1 numpy==2.4.6
"$work/env/bin/python" -W ignore - <<'EOF'
import torch
from captum._utils.models.linear_model import SkLearnLinearRegression
from captum.attr import KernelShap, Lime

torch.manual_seed(0)
weights = torch.rand(64)  # of the 64 patches, which are 1 in the image and 0 in its absence
weights *= 4 / weights.sum()  # logits from -2 to 2: probabilities from 0.12 to 0.88
x = torch.ones(1, 64)


def logit(inputs):
    return inputs @ weights - 2


def probability(inputs):
    return logit(inputs).sigmoid()


def mapped(method, function, **options):
    torch.manual_seed(0)
    return method(function, **options).attribute(x, n_samples=2000)[0]


plain = {"interpretable_model": SkLearnLinearRegression()}
seen = {}
for name, method, function, options in (
    ("logit, LIME", Lime, logit, {}),
    ("logit, LIME, no lasso", Lime, logit, plain),
    ("10 x logit, LIME", Lime, lambda inputs: 10 * logit(inputs), {}),
    ("probability, LIME", Lime, probability, {}),
    ("probability, LIME, no lasso", Lime, probability, plain),
    ("probability, KernelShap", KernelShap, probability, {}),
):
    found = mapped(method, function, **options)
    seen[name] = found
    print(f"{name + ':':28} {found.abs().mean():.4f}, {(found != 0).sum()}")
print(f"effects on the logit:        {weights.abs().mean():.4f}, 64")
strong = weights.abs() > 0.07
lost = (weights.abs() - seen["logit, LIME"].abs())[strong]
print(f"taken off the strong effects on the logit: {lost.mean():.3f}")
assert 0.03 < lost.mean() < 0.05, "what the lasso takes off"
assert (seen["probability, LIME"] == 0).all(), "probabilities have a map now"
assert torch.allclose(seen["logit, LIME, no lasso"], weights, atol=0.01), "a linear regression"
assert seen["10 x logit, LIME"].ne(0).sum() > 1.3 * seen["logit, LIME"].ne(0).sum(), "the scale of the output"
for name in ("probability, LIME, no lasso", "probability, KernelShap"):
    assert (seen[name] != 0).all() and seen[name].abs().mean() > 0.005, name
EOF
