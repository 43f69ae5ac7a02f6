"""Every number that a picture shows, from a study on disk: NumPy and SciPy, no jax, no Bokeh, no matplotlib.

>>> from rosalind import analysis
>>> analysis.selection.OPERATIONS
('replace', 'add', 'subtract', 'intersect')
"""

import importlib
import pkgutil
from types import ModuleType

MODULES = tuple(module.name for module in pkgutil.iter_modules(__path__))
"""Submodules, loaded on first use."""


def __getattr__(name: str) -> ModuleType:
    if name in MODULES:
        return importlib.import_module(f"rosalind.analysis.{name}")
    raise AttributeError(f"module 'rosalind.analysis' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *MODULES])
