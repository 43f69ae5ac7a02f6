"""Networks as nested dicts of arrays; the only package that imports flax.

To add a network, write a backbone (see `convolutional.py`) and add its name to `MODELS`, or name your own module as
`package.module:NAME`; normalising, the head, everything that measures and the groups of coupled channels come with it.
In a module of your own give Flax's norms `use_fast_variance=False` where the mean of what they see can be far larger
than its deviation: the default loses a fifth of the output at a ratio of 1,000 (`findings/flax_norms_lose_offset.sh`).
"""

from rosalind.models.activations import HEAD, activations, layer_names
from rosalind.models.channels import groups, positions, producers, traceable
from rosalind.models.forward import (
    MODELS,
    Variables,
    apply,
    backbone,
    blank,
    default_width,
    flatten,
    head,
    init,
    parameter_dtypes,
    unflatten,
)
from rosalind.models.losses import cross_entropy, distilled, flow, inputs, model_functions
from rosalind.models.moments import batch_statistics, moments
from rosalind.models.pretrained import digest

__all__ = [
    "HEAD",
    "MODELS",
    "Variables",
    "activations",
    "apply",
    "backbone",
    "batch_statistics",
    "blank",
    "cross_entropy",
    "default_width",
    "digest",
    "distilled",
    "flatten",
    "flow",
    "groups",
    "head",
    "init",
    "inputs",
    "layer_names",
    "model_functions",
    "moments",
    "parameter_dtypes",
    "positions",
    "producers",
    "traceable",
    "unflatten",
]
