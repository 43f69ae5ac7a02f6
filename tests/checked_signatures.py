"""Import hook, before rosalind: shapes and dtypes in the signatures of these modules are checked at every call."""

import inspect
import typing

import jaxtyping
from beartype import BeartypeConf, beartype

ANALYSIS = (
    *("accuracy_table", "agreement", "claims", "class_directions", "class_matrices"),
    *("class_order", "clean_numbers", "collapse"),
    *("concordance", "contact_sheet", "deletion_curves", "distributions", "downsampling"),
    *("exemplars", "explanation", "forgetting"),
    *("fragility", "head_coherence", "heat_map", "inside", "label_places", "layer_likeness", "lineage"),
    *("map_agreement", "map_measures", "map_samples", "map_tables", "moved", "occlusion_maps"),
    *("pareto", "paths", "polygon", "predictors"),
    *("ordered", "rasters", "redundancy", "representations"),
    *("robustness.cells", "robustness.intervals", "robustness.power"),
    *("sample_columns", "sample_margins", "sample_presets", "scope", "selection", "selection_steps"),
    *("severity_curves", "shift", "similarity", "slice_accuracy", "subset_fits"),
    *("store", "stored_margins", "zoo"),
)
MODULES = (
    *("rosalind.geometry", "rosalind.measures", "rosalind.measuring", "rosalind.corruptions"),
    *("rosalind.pruning.masks", "rosalind.pruning.ranking", "rosalind.pruning.compression", "rosalind.storage"),
    *("rosalind.results.logits", "rosalind.study.ensembles", "rosalind.diagnostics.shapley"),
    *(f"rosalind.figures.{name}" for name in ("accuracy", "geometry", "names", "sides", "spread")),
    *(f"rosalind.analysis.{name}" for name in ANALYSIS),
)

# An int is a float, as it is for pyright.
with_types = beartype(conf=BeartypeConf(is_pep484_tower=True))


def has_shapes(annotation) -> bool:
    """True where an annotation is an array with a shape, or is made of some."""
    parts = typing.get_args(annotation)
    shaped = isinstance(annotation, type) and issubclass(annotation, jaxtyping.AbstractArray)
    return shaped or any(map(has_shapes, parts))


def checked(function):
    """A function whose arguments are checked, if it has arrays of a shape; one made at every call (0.5 ms) as it is."""
    signature = inspect.signature(function)
    annotations = [*(p.annotation for p in signature.parameters.values()), signature.return_annotation]
    inner = "<locals>" in function.__qualname__
    return function if inner or not any(map(has_shapes, annotations)) else with_types(function)


jaxtyping.install_import_hook(MODULES, "checked_signatures.checked")
