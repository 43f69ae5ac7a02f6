"""Importing this module before rosalind checks the shapes and dtypes of these modules' signatures at every call."""

from jaxtyping import install_import_hook

ANALYSIS = (
    *("accuracy_table", "agreement", "class_matrices", "class_order", "collapse", "contact_sheet", "deletion_curves"),
    *("distributions", "downsampling", "fragility", "heat_map", "lineage", "occlusion_maps", "polygon", "rasters"),
    *("redundancy", "sample_columns", "sample_margins", "sample_presets", "selection", "severity_curves"),
    *("similarity", "store"),
)
MODULES = (
    *("rosalind.geometry", "rosalind.measures", "rosalind.measuring", "rosalind.corruptions"),
    *("rosalind.pruning.masks", "rosalind.pruning.ranking", "rosalind.results.logits"),
    *(f"rosalind.analysis.{name}" for name in ANALYSIS),
)

# An int is a float, as it is for pyright.
install_import_hook(MODULES, "beartype.beartype(conf=beartype.BeartypeConf(is_pep484_tower=True))")
