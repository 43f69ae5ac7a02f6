"""rosalind shows what pruning does to a classifier's feature space.

The eight words: a *dataset* is split into train, validation and test; a *network* is a nested dict
of arrays with its masks; a *method* turns a dense network into pruned ones; a *condition* is what is
done to images or network before measuring; *geometry* is where every sample then lies; a *diagnostic*
is what happens inside a network; a *study* is networks x conditions in a folder; a *view* draws it.

Submodules load on first use, so that a laptop without jax can open a finished study:

>>> import rosalind
>>> rosalind.config.Study().seeds
(0, 1, 2)
"""

import importlib
from importlib.metadata import PackageNotFoundError, version
from types import ModuleType

try:
    __version__ = version("rosalind")
except PackageNotFoundError:  # a checkout on the path that was never installed
    __version__ = "0+uninstalled"

__all__ = [
    "analysis",
    "conditions",
    "config",
    "cores",
    "corruptions",
    "data",
    "demo",
    "diagnostics",
    "draws",
    "exports",
    "fields",
    "figures",
    "geometry",
    "imported",
    "measures",
    "measuring",
    "memory",
    "models",
    "pruning",
    "results",
    "storage",
    "study",
    "training",
    "viewer",
]


def __getattr__(name: str) -> ModuleType:
    if name in __all__:
        return importlib.import_module(f"rosalind.{name}")
    raise AttributeError(f"module 'rosalind' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
