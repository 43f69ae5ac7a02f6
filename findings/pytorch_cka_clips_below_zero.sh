#!/usr/bin/env bash
# pytorch-cka reports CKA of an unbiased estimator, clipped at 0, so that unlike layers are alike on average.
#
# Versions:  Python 3.11; pytorch-cka 1.1.3, torch 2.13.0, numpy 2.4.6, CPU.
# Behaviour: its estimator of the Hilbert-Schmidt independence criterion is the unbiased one, whose mean is 0 for
#            features that have nothing in common: half of the estimates are below 0. `cka_from_features` clips the
#            ratio to [0, 1], so half of them are exactly 0, and their mean is above 0, the more so the fewer samples.
#            The same features by the formula (arXiv 2010.15327) have a mean that cannot be told from 0.
# A guess:   an unbiased estimator is used so that means over batches, seeds or layers can be compared with 0.
# For users: CKA from there is not the null's 0 on average; averages over seeds or small batches are too large. A null
#            by permutation has to be clipped alike. rosalind's `representations.cka` does not clip.
#
# Output seen:
#   16 samples: 0.51 of the estimates are exactly 0, their mean is 0.038; by the formula -0.002 +- 0.010
#   64 samples: 0.47 of the estimates are exactly 0, their mean is 0.009; by the formula 0.001 +- 0.002
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install -q pytorch-cka==1.1.3 torch==2.13.0 numpy==2.4.6
"$work/env/bin/python" - <<'EOF'
import numpy as np
import torch
from cka import cka_from_features


def by_formula(x, y):
    n = len(x)
    k, m = (features @ features.T for features in (x, y))
    for gram in (k, m):
        np.fill_diagonal(gram, 0)

    def hsic(a, b):
        sums = a.sum() * b.sum() / ((n - 1) * (n - 2)) - 2 * (a.sum(0) @ b.sum(0)) / (n - 2)
        return (a * b).sum() + sums

    return hsic(k, m) / np.sqrt(hsic(k, k) * hsic(m, m))


generator = np.random.default_rng(0)
for samples in (16, 64):
    drawn = generator.normal(size=(400, 2, samples, 32))
    theirs = np.array([float(cka_from_features(torch.tensor(x), torch.tensor(y))) for x, y in drawn])
    own = np.array([by_formula(x, y) for x, y in drawn])
    np.testing.assert_allclose(theirs, np.clip(own, 0, 1), atol=1e-9)
    error = 2 * own.std() / np.sqrt(len(own))
    zero = float((theirs == 0).mean())
    print(
        f"{samples} samples: {zero:.2f} of the estimates are exactly 0, their mean is {theirs.mean():.3f}; "
        f"by the formula {own.mean():.3f} +- {error:.3f}"
    )
    assert (own < 0).mean() > 0.3, "the estimator is not the unbiased one any more"
    assert zero == (own <= 0).mean(), "what is below 0 is not clipped any more"
    assert abs(own.mean()) < 1.5 * error < theirs.mean(), "the clipped mean is not above 0 any more"
EOF
