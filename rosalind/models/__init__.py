"""Networks as nested dicts of arrays; the only package that imports flax.

To add a network, write a backbone (see `convolutional.py`) and add its name to `MODELS`; normalising, the
head, everything that measures and the groups of coupled channels come with it.
"""

from rosalind.models.channels import groups, positions, traceable
from rosalind.models.forward import MODELS, Variables, apply, backbone, blank, flatten, head, init, unflatten
from rosalind.models.losses import cross_entropy, distilled, flow, inputs, model_functions

__all__ = [
    "MODELS",
    "Variables",
    "apply",
    "backbone",
    "blank",
    "cross_entropy",
    "distilled",
    "flatten",
    "flow",
    "groups",
    "head",
    "init",
    "inputs",
    "model_functions",
    "positions",
    "traceable",
    "unflatten",
]
