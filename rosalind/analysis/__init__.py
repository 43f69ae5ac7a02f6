"""Every number that a picture shows, from a study on disk: NumPy and SciPy, no jax, no Bokeh, no matplotlib.

>>> from rosalind import analysis
>>> analysis.selection.OPERATIONS
('replace', 'add', 'subtract', 'intersect')
"""

import importlib

MODULES = (
    "accuracy_table",
    "agreement",
    "class_matrices",
    "class_order",
    "collapse",
    "contact_sheet",
    "deletion_curves",
    "distributions",
    "downsampling",
    "fragility",
    "heat_map",
    "lineage",
    "occlusion_maps",
    "palette",
    "polygon",
    "rasters",
    "redundancy",
    "robustness",
    "sample_columns",
    "sample_margins",
    "sample_presets",
    "selection",
    "severity_curves",
    "sides",
    "similarity",
    "store",
)
"""Submodules, loaded on first use."""


def __getattr__(name: str):
    if name in MODULES:
        return importlib.import_module(f"rosalind.analysis.{name}")
    raise AttributeError(f"module 'rosalind.analysis' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *MODULES])
