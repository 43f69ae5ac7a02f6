"""Likeness of two representations of the same samples, each with a null that knows the classes.

Two networks that tell the same classes apart are alike for that alone: features of 500 digits have a CKA of 0.65 after
the samples of one are permuted within their classes, and 0.02 after all are. So every likeness is shown as its excess
over the null of permutations within classes (the argument is that of arXiv 2602.14486).
"""

from rosalind.analysis.representations.kernels import (
    cka,
    minibatch_cka,
)
from rosalind.analysis.representations.null import (
    LIKENESS,
    LayerLikeness,
    Likeness,
    Metric,
    along_layers,
    between_layers,
    layer_features,
    likeness,
    permuted_within,
)
from rosalind.analysis.representations.subspaces import (
    NEAREST,
    canonical_correlations,
    mutual_neighbours,
    procrustes,
    pwcca,
    svcca,
)

__all__ = [
    "LIKENESS",
    "NEAREST",
    "LayerLikeness",
    "Likeness",
    "Metric",
    "along_layers",
    "between_layers",
    "canonical_correlations",
    "cka",
    "layer_features",
    "likeness",
    "minibatch_cka",
    "mutual_neighbours",
    "permuted_within",
    "procrustes",
    "pwcca",
    "svcca",
]
