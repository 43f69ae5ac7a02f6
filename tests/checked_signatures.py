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
    """True where an annotation is an array with a shape, or is made of some, or is a string, which may name some."""
    parts = typing.get_args(annotation)
    shaped = isinstance(annotation, type) and issubclass(annotation, jaxtyping.AbstractArray)
    return shaped or isinstance(annotation, str) or any(map(has_shapes, parts))


def annotations(decorated) -> list:
    """Those of a function, or of the fields of a dataclass."""
    if inspect.isclass(decorated):
        return [field.type for field in getattr(decorated, "__dataclass_fields__", {}).values()]
    return [*decorated.__annotations__.values()]


def checked(*, typechecker):
    """The decorator that the hook sets: it leaves alone what has no arrays of a shape, or is made anew at every call.

    Most functions have none, and binding their arguments at every call was six tenths of the lines of Python that the
    tests of claims ran. A function within another would be compiled twice at every call (0.5 ms).
    """
    with_shapes = jaxtyped(typechecker=typechecker)

    def decorate(decorated):
        inner = "<locals>" in decorated.__qualname__
        return decorated if inner or not any(map(has_shapes, annotations(decorated))) else with_shapes(decorated)

    return decorate


jaxtyped, jaxtyping.jaxtyped = jaxtyping.jaxtyped, checked
jaxtyping.install_import_hook(MODULES, "checked_signatures.with_types")
