"""Networks as nested dicts of arrays; the only package that imports flax.

To add a network, write a backbone (see `convolutional.py`) and add its name to `MODELS`, or name your own module as
`package.module:NAME`; normalising, the head, everything that measures and the groups of coupled channels come with it.
In a module of your own give Flax's norms `use_fast_variance=False` where the mean of what they see can be far larger
than its deviation: the default loses a fifth of the output at a ratio of 1,000 (`findings/flax_norms_lose_offset.sh`).
Where maps become smaller than the kernels that read them, give its convolutions `conv_general_dilated=models.convolve`:
XLA on a CPU takes up to 100 times as long (`findings/xla_cpu_swaps_small_convolutions.sh`).
"""

from rosalind.models.activations import HEAD, activations, layer_names
from rosalind.models.channels import Convolution, convolutions, groups, positions, producers, traceable
from rosalind.models.class_maps import (
    attention_map,
    class_activation_map,
    grad_cam,
    map_gradients,
    map_shape,
    with_maps,
)
from rosalind.models.consistency import map_change
from rosalind.models.convolutional import convolve
from rosalind.models.cost import devices_for, is_small, multiply_adds
from rosalind.models.example_gradients import example_gradients, gradient_products, summed_gradients
from rosalind.models.folding import Norm, folded, norms
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
    without_gradient,
)
from rosalind.models.layer_kinds import layer_kinds
from rosalind.models.layers import Maps, Sum
from rosalind.models.losses import cross_entropy, distilled, flow, inputs, model_functions
from rosalind.models.moments import batch_statistics, moments
from rosalind.models.paths import log_path_sum, log_paths
from rosalind.models.preserving import map_distance, preserved, without_channels
from rosalind.models.pretrained import digest
from rosalind.models.relevance import check_relevance, relevance, relevance_sum

__all__ = [
    "HEAD",
    "MODELS",
    "Convolution",
    "Maps",
    "Norm",
    "Sum",
    "Variables",
    "activations",
    "apply",
    "attention_map",
    "backbone",
    "batch_statistics",
    "blank",
    "check_relevance",
    "class_activation_map",
    "convolutions",
    "convolve",
    "cross_entropy",
    "default_width",
    "devices_for",
    "digest",
    "distilled",
    "example_gradients",
    "flatten",
    "flow",
    "folded",
    "grad_cam",
    "gradient_products",
    "groups",
    "head",
    "init",
    "inputs",
    "is_small",
    "layer_kinds",
    "layer_names",
    "log_path_sum",
    "log_paths",
    "map_change",
    "map_distance",
    "map_gradients",
    "map_shape",
    "model_functions",
    "moments",
    "multiply_adds",
    "norms",
    "parameter_dtypes",
    "positions",
    "preserved",
    "producers",
    "relevance",
    "relevance_sum",
    "summed_gradients",
    "traceable",
    "unflatten",
    "with_maps",
    "without_channels",
    "without_gradient",
]
