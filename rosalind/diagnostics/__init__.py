"""Diagnostics of what happens inside a network, beyond the geometry of its last features: one table of them.

A diagnostic is computed of one network, or along the way between two, from weights, activations or gradients. It is a
record, `Diagnostic`, whose `compute` knows no folder; `study.diagnose` runs and stores it, `results.diagnostics` reads
it. One of your own is named as `package.module:NAME`.
"""

from collections.abc import Mapping, Sequence

from rosalind.config import Diagnosis, resolve, unknown
from rosalind.diagnostics.activations import (
    ACTIVATION_PROFILE,
    DEAD_UNITS,
    LAYER_FEATURES,
    PARENT_PROFILE,
    pooled,
    turning_layer,
)
from rosalind.diagnostics.attribution_methods import explains_log_probability, integrated_gradients
from rosalind.diagnostics.attributions import EWA, GRADCAM, GRADXINPUT, INTEGRATED_GRADIENTS, LRP, OCCLUSION, SHAPLEY
from rosalind.diagnostics.coherence import COHERENCE, coherence
from rosalind.diagnostics.connectivity import LINEAR_PATH, barriers, between, mean_along
from rosalind.diagnostics.curves import BEZIER, on_curve
from rosalind.diagnostics.generalisation import GENERALISATION, margins
from rosalind.diagnostics.norms import convolution_norm, matrix_of, spectral_norm
from rosalind.diagnostics.perturbation import KL_MASS, SHARPNESS, log_mass, noise_level
from rosalind.diagnostics.types import AXIS, Diagnostic, Given, Subject, check_given, check_model
from rosalind.diagnostics.weights import (
    COMPRESSIBILITY,
    EFFECTIVE_SPARSITY,
    STORAGE,
    entropy,
    error_curve,
    pq_index,
    soft_sparsity,
    tail_index,
)

DIAGNOSTICS: dict[str, Diagnostic] = {
    "compressibility": COMPRESSIBILITY,
    "effective_sparsity": EFFECTIVE_SPARSITY,
    "storage": STORAGE,
    "dead_units": DEAD_UNITS,
    "activation_profile": ACTIVATION_PROFILE,
    "parent_profile": PARENT_PROFILE,
    "layer_features": LAYER_FEATURES,
    "coherence": COHERENCE,
    "generalisation": GENERALISATION,
    "sharpness": SHARPNESS,
    "kl_mass": KL_MASS,
    "linear_path": LINEAR_PATH,
    "bezier": BEZIER,
    "gradcam": GRADCAM,
    "ewa": EWA,
    "gradxinput": GRADXINPUT,
    "integrated_gradients": INTEGRATED_GRADIENTS,
    "lrp": LRP,
    "occlusion": OCCLUSION,
    "shapley": SHAPLEY,
}
"""Diagnostics by name."""


def plan(diagnosis: Diagnosis, image_shape: Sequence[int] | None = None) -> tuple[Diagnostic, Mapping[str, float]]:
    """The diagnostic that a config names, and all its options, defaults included.

    Args:
        image_shape: (h, w, c) of the images that it is to see, which options must have room in; None where not known.

    Raises:
        ValueError: an unknown name or option, or a value that the diagnostic refuses.

    >>> plan(Diagnosis("linear_path", {"points": 5}))[1]
    {'points': 5}
    """
    diagnostic = resolve("diagnostic", diagnosis.name, DIAGNOSTICS, Diagnostic)
    for option in diagnosis.options:
        if option not in diagnostic.options:
            if not diagnostic.options:
                raise ValueError(f"{diagnosis.name} has no options, got {option!r}.")
            raise ValueError(f"{diagnosis.name}: {unknown('option', option, diagnostic.options)}")
    options = {**diagnostic.options, **diagnosis.options}
    try:
        if diagnostic.check is not None:
            diagnostic.check(options)
        if diagnostic.check_image is not None and image_shape is not None:
            diagnostic.check_image(options, image_shape)
    except ValueError as error:
        raise ValueError(f"{diagnosis.name}: {error}") from error
    return diagnostic, options


__all__ = [
    "AXIS",
    "DIAGNOSTICS",
    "Diagnostic",
    "Given",
    "Subject",
    "barriers",
    "between",
    "check_given",
    "check_model",
    "coherence",
    "convolution_norm",
    "entropy",
    "error_curve",
    "explains_log_probability",
    "integrated_gradients",
    "log_mass",
    "margins",
    "matrix_of",
    "mean_along",
    "noise_level",
    "on_curve",
    "plan",
    "pooled",
    "pq_index",
    "soft_sparsity",
    "spectral_norm",
    "tail_index",
    "turning_layer",
]
