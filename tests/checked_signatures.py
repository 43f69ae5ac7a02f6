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
    *("network_numbers", "pareto", "paths", "polygon", "predictors"),
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
    *(f"rosalind.figures.{name}" for name in ("accuracy", "geometry", "inside", "names", "sides", "spread")),
    *(f"rosalind.analysis.{name}" for name in ANALYSIS),
)

# An int is a float, as it is for pyright.
with_types = beartype(conf=BeartypeConf(is_pep484_tower=True))


def has_shapes(annotation) -> bool:
    """True where an annotation is an array with a shape, or is made of some, or is a string, which may name some."""
    parts = typing.get_args(annotation)
    shaped = isinstance(annotation, type) and issubclass(annotation, jaxtyping.AbstractArray)
    return shaped or isinstance(annotation, str) or any(map(has_shapes, parts))


def is_shaped(decorated) -> bool:
    """True of a function, or a dataclass, of which some annotation has shapes."""
    fields = getattr(decorated, "__dataclass_fields__", {}).values()
    annotations = [field.type for field in fields] if inspect.isclass(decorated) else decorated.__annotations__.values()
    return any(map(has_shapes, annotations))


def checked(function):
    """A function whose arguments are checked, if some have shapes: others it may refuse in words of its own."""
    return with_types(function) if is_shaped(function) else function


def jaxtyped_if_shaped(*, typechecker):
    """The decorator that the hook sets: it leaves alone what has no arrays of a shape, or is made anew at every call.

    Most functions have none, and binding their arguments at every call was six tenths of the lines of Python that the
    tests of claims ran. A function within another would be compiled twice at every call (0.5 ms).
    """
    with_shapes = jaxtyped(typechecker=typechecker)
    is_inner = lambda decorated: "<locals>" in decorated.__qualname__
    return lambda decorated: decorated if is_inner(decorated) or not is_shaped(decorated) else with_shapes(decorated)


jaxtyped, jaxtyping.jaxtyped = jaxtyping.jaxtyped, jaxtyped_if_shaped
jaxtyping.install_import_hook(MODULES, "checked_signatures.checked")
